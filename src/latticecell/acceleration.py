"""Anderson acceleration of a fixed-point iteration."""

from __future__ import annotations

import numpy as np

from latticecell.arrays import Floats


class Anderson:
    """Type-II Anderson mixing (Walker and Ni, SIAM J. Numer. Anal. 49, 1715 (2011)).

    Parameters
    ----------
    depth : int
        Number of earlier iterates that are combined.
    """

    def __init__(self, depth: int):
        self._depth = depth
        self._images: list[Floats] = []
        self._residuals: list[Floats] = []

    def next(self, x: Floats, image: Floats) -> Floats:
        """Return the next iterate from ``x`` and its image G(x)."""
        self._images = [*self._images, image][-self._depth - 1 :]
        self._residuals = [*self._residuals, image - x][-self._depth - 1 :]
        if len(self._images) == 1:
            return image
        steps = np.diff(np.array(self._residuals), axis=0).T
        weights = np.linalg.lstsq(steps, self._residuals[-1], rcond=1e-10)[0]
        return np.asarray(image - np.diff(np.array(self._images), axis=0).T @ weights, float)
