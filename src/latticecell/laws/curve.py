"""Smooth monotone curves through knots, continued by straight lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicHermiteSpline, CubicSpline

from latticecell.arrays import Floats


class MonotoneCurve:
    """Cubic spline through knots, filtered so that it rises or falls where they do, linear beyond its ends.

    The slopes at the knots are those of the cubic spline, cut down where they would let the curve turn back
    between two knots (J. M. Hyman, SIAM J. Sci. Stat. Comput. 4, 645 (1983), Eqs 2.3 and 2.6). Where nothing
    is cut, also the slope is smooth: the curve has two continuous derivatives, else one. Order 4 on smooth
    monotone data.

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
        x, y = np.asarray(x, float), np.asarray(y, float)
        self._curve = CubicHermiteSpline(x, y, _monotone(CubicSpline(x, y)(x, 1), np.diff(y) / np.diff(x)))
        self._slope, self._integral = self._curve.derivative(), self._curve.antiderivative()
        self.low, self.high = float(x[0]), float(x[-1])
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

    @property
    def covers(self) -> tuple[float, float]:
        """First and last knot."""
        return self.low, self.high

    def integral(self, x: ArrayLike) -> Floats:
        """Return the integral from the first knot to ``x``, any shape."""
        x = np.asarray(x, float)
        below, above = np.minimum(x - self.low, 0.0), np.maximum(x - self.high, 0.0)
        first, last = self._curve(self.low), self._curve(self.high)
        return (
            self._integral(np.clip(x, self.low, self.high))
            + below * (first + 0.5 * self._below * below)
            + above * (last + 0.5 * self._above * above)
        )

    def slope(self, x: ArrayLike) -> Floats:
        """Return the derivative at ``x``, any shape."""
        x = np.asarray(x, float)
        inside = self._slope(np.clip(x, self.low, self.high))
        return np.where(x < self.low, self._below, np.where(x > self.high, self._above, inside))


def end_slope(extrapolation: str) -> float | None:
    """Return the slope of the continuation of a curve that is "linear" (None: its own) or "constant"."""
    return 0.0 if extrapolation == "constant" else None


def _monotone(slope: Floats, secant: Floats) -> Floats:
    """Cut slopes at knots, (n,), to what keeps cubics with these secants, (n - 1,), monotone between them."""
    before, after = np.r_[secant[:1], secant], np.r_[secant, secant[-1:]]
    most = 3 * np.minimum(abs(before), abs(after))
    falls, rises = (before < 0) & (after < 0), (before > 0) & (after > 0)
    return np.clip(slope, np.where(rises, 0, -most), np.where(falls, 0, most))
