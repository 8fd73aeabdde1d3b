"""Smooth monotone curves through knots, continued by straight lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import PchipInterpolator

from latticecell.arrays import Floats


class MonotoneCurve:
    """Shape-preserving piecewise cubic (Fritsch and Butland 1984), linear beyond its ends.

    Parameters
    ----------
    x : (n,) array_like
        Knots, ascending.
    y : (n,) array_like
        Values.
    slope_below, slope_above : float, optional
        Slopes of the continuation; by default those of the curve at its ends.
    """

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        slope_below: float | None = None,
        slope_above: float | None = None,
    ):
        self._curve = PchipInterpolator(np.asarray(x, float), np.asarray(y, float))
        self._slope = self._curve.derivative()
        self.low, self.high = float(np.asarray(x)[0]), float(np.asarray(x)[-1])
        self._below = float(self._slope(self.low)) if slope_below is None else slope_below
        self._above = float(self._slope(self.high)) if slope_above is None else slope_above

    def value(self, x: ArrayLike) -> Floats:
        """Return the curve at ``x``, any shape."""
        x = np.asarray(x, float)
        inside = np.clip(x, self.low, self.high)
        return (
            self._curve(inside)
            + self._below * np.minimum(x - self.low, 0.0)
            + self._above * np.maximum(x - self.high, 0.0)
        )

    def slope(self, x: ArrayLike) -> Floats:
        """Return the derivative at ``x``, any shape."""
        x = np.asarray(x, float)
        inside = self._slope(np.clip(x, self.low, self.high))
        return np.where(x < self.low, self._below, np.where(x > self.high, self._above, inside))
