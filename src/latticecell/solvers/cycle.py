"""The multigrid cycle on matrices of 3x3 blocks, in single precision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyamg.relaxation.chebyshev import chebyshev_polynomial_coefficients

from latticecell.arrays import Floats
from latticecell.solvers.blocks import BlockMatrix, Singles

DEGREE = 2
"""Degree of the smoothing polynomial."""
SMOOTHED_SHARE = 0.1
"""Begin of the interval that is smoothed, a share of the bound of the spectrum."""
POWER_STEPS = 10
POWER_MARGIN = 1.15
"""By how much the bound of a spectrum exceeds what `POWER_STEPS` steps of the power method find."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the hierarchy.

    Parameters
    ----------
    matrix, prolong, restrict : BlockMatrix
        Of this level, from the next coarser one, and to it.
    inverse : BlockMatrix
        Inverse of the part D of the matrix that the smoother solves.
    polynomial : tuple of float32
        Coefficients of the smoother, of the highest power first; see `smoothing_polynomial`.
    """

    matrix: BlockMatrix
    prolong: BlockMatrix
    restrict: BlockMatrix
    inverse: BlockMatrix
    polynomial: tuple[np.float32, ...]

    def smooth(self, r: Singles) -> Singles:
        """Chebyshev polynomial of D^-1 A times D^-1 r; it damps the upper part of the spectrum."""
        first, *others = self.polynomial
        q = self.inverse @ r
        x: Singles = first * q
        for coefficient in others:
            x = self.inverse @ (self.matrix @ x)
            x += coefficient * q
        return x


class Cycle:
    """A V-cycle: symmetric, and positive where the bounds of the levels are true.

    Parameters
    ----------
    levels : list of Level
        From fine to coarse, without the coarsest.
    coarsest : (n, n) float64
        Inverse of the matrix of the coarsest level.
    """

    def __init__(self, levels: list[Level], coarsest: Floats):
        self._levels, self._coarsest = levels, coarsest.astype(np.float32)

    def __call__(self, r: Singles) -> Singles:
        """Apply the approximate inverse."""
        return self._descend(0, r)

    def _descend(self, depth: int, r: Singles) -> Singles:
        if depth == len(self._levels):
            return self._coarsest @ r
        level = self._levels[depth]
        x = level.smooth(r)
        left = level.matrix.add(x, r.copy(), -1.0)
        level.prolong.add(self._descend(depth + 1, level.restrict @ left), x, 1.0)
        x += level.smooth(level.matrix.add(x, r.copy(), -1.0))
        return x


def smoothing_polynomial(bound: float) -> tuple[np.float32, ...]:
    """Chebyshev polynomial for a spectrum of D^-1 A that ends below a bound, as an approximate inverse."""
    found = chebyshev_polynomial_coefficients(SMOOTHED_SHARE * bound, bound, DEGREE)
    return tuple(-found[:-1].astype(np.float32))


def spectral_bound(
    matrix: BlockMatrix, inverse: BlockMatrix, steps: int = POWER_STEPS, margin: float = POWER_MARGIN
) -> float:
    """Bound of the largest eigenvalue of D^-1 A, by the power method with a margin, from a fixed start."""
    v: NDArray = (np.cos(1.7 * np.arange(3 * (len(matrix.start) - 1))) + 0.3).astype(np.float32)
    size = np.float32(1.0)
    for _ in range(steps):
        v = inverse @ (matrix @ (v / size))
        size = np.sqrt(np.einsum("i,i", v, v))
    return margin * float(size)
