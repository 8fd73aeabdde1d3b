"""Chemical expansion: linear strain of the crystal against its stoichiometry (PHYSICS Eq 16)."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from latticecell.arrays import Floats
from latticecell.laws.curve import MonotoneCurve


class Expansion(Protocol):
    """Chemical expansion law; ``x`` may have any shape."""

    def strain(self, x: ArrayLike) -> Floats:
        """Return beta(x), a third of the volume change [1]."""

    def slope(self, x: ArrayLike) -> Floats:
        """Return d beta / dx [1]."""


class TabulatedExpansion:
    """Isotropic linear strain beta(x) = (dV/V)(x) / 3 through knots.

    Parameters
    ----------
    stoichiometry : (n,) array_like
        Knots, ascending [1].
    volume_change : (n,) array_like
        dV/V at the knots [1].
    slope_below, slope_above : float, optional
        d(dV/V)/dx below the first knot and above the last [1]; 0 freezes the strain there, by default it goes
        on as at the end.
    """

    def __init__(
        self,
        stoichiometry: ArrayLike,
        volume_change: ArrayLike,
        slope_below: float | None = None,
        slope_above: float | None = None,
    ):
        slopes = (None if slope is None else slope / 3 for slope in (slope_below, slope_above))
        self._curve = MonotoneCurve(stoichiometry, np.asarray(volume_change) / 3, *slopes)

    @property
    def covers(self) -> tuple[float, float]:
        """First and last knot [1]."""
        return self._curve.covers

    def strain(self, x: ArrayLike) -> Floats:
        """Return beta(x) [1]."""
        return self._curve.value(x)

    def slope(self, x: ArrayLike) -> Floats:
        """Return d beta / dx [1]."""
        return self._curve.slope(x)


class LatticeParameter:
    """Linear strain of a crystal axis, (a(x) - a(x0)) / a(x0), of a lattice parameter through knots.

    Parameters
    ----------
    stoichiometry : (n,) array_like
        Knots, ascending [1].
    length : (n,) array_like
        Lattice parameter at the knots [m].
    reference : float
        Stoichiometry x0 of no strain [1].
    slope : float, optional
        Relative slope beyond the knots [1]; by default it goes on as at the ends.
    """

    def __init__(
        self, stoichiometry: ArrayLike, length: ArrayLike, reference: float, slope: float | None = None
    ):
        curve = MonotoneCurve(stoichiometry, length, slope, slope)
        self._curve, self._unit = curve, float(curve.value(reference))

    @property
    def covers(self) -> tuple[float, float]:
        """First and last knot [1]."""
        return self._curve.covers

    def strain(self, x: ArrayLike) -> Floats:
        """Return the strain since x0 [1]."""
        return self._curve.value(x) / self._unit - 1

    def slope(self, x: ArrayLike) -> Floats:
        """Return its derivative by x [1]."""
        return self._curve.slope(x) / self._unit


def nmc111_koerver2018(extrapolation: str) -> TabulatedExpansion:
    """NMC111, Koerver et al., Energy Environ. Sci. 11, 2142 (2018), doi 10.1039/c8ee00907d.

    Smoothed refit on knots of our own: 0.004 % of volume rms from the published points joined by straight
    lines, 0.02 % at most. The data end at x = 0.2427; below, the curve is continued with its last slope,
    11.2 % per unit of x ("linear"), or kept ("constant").
    """
    knots = np.array(
        [
            (0.2427, -2.0205), (0.262, -1.8107), (0.285, -1.5844), (0.31, -1.3778), (0.335, -1.2108),
            (0.36, -1.0748), (0.385, -0.959), (0.41, -0.8611), (0.435, -0.787), (0.46, -0.7411),
            (0.5, -0.7053), (0.55, -0.6694), (0.6, -0.6184), (0.65, -0.5601), (0.69, -0.5027),
            (0.72, -0.447), (0.75, -0.3859), (0.79, -0.3123), (0.83, -0.2499), (0.855, -0.2105),
            (0.875, -0.1694), (0.895, -0.1076), (0.912, -0.0524), (0.925, -0.0231), (0.94, -0.0091),
            (0.96, -0.0036), (1.0, 0.0),
        ]
    )  # fmt: skip
    slope = {"linear": 0.1121, "constant": 0.0}[extrapolation]
    return TabulatedExpansion(knots[:, 0], knots[:, 1] / 100, slope)
