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
    slope_below : float
        d(dV/V)/dx below the first knot [1]; 0 freezes the strain there.
    """

    def __init__(self, stoichiometry: ArrayLike, volume_change: ArrayLike, slope_below: float):
        self._curve = MonotoneCurve(stoichiometry, np.asarray(volume_change) / 3, slope_below / 3)

    def strain(self, x: ArrayLike) -> Floats:
        """Return beta(x) [1]."""
        return self._curve.value(x)

    def slope(self, x: ArrayLike) -> Floats:
        """Return d beta / dx [1]."""
        return self._curve.slope(x)


def nmc111_koerver2018(extrapolation: str) -> TabulatedExpansion:
    """NMC111, Koerver et al., Energy Environ. Sci. 11, 2142 (2018), doi 10.1039/c8ee00907d.

    Least-squares refit on knots of our own, within 0.015 % (percent of volume) of the published curve. The
    data end at x = 0.2427; below, the curve is continued with its last slope, 11.2 % per unit of x
    ("linear"), or kept ("constant").
    """
    knots = np.array(
        [
            (0.2427, -2.0205), (0.258, -1.8441), (0.285, -1.5815), (0.31, -1.3798), (0.345, -1.1504),
            (0.375, -1.0064), (0.4, -0.9022), (0.43, -0.797), (0.46, -0.735), (0.52, -0.6961),
            (0.58, -0.6397), (0.65, -0.5578), (0.68, -0.5231), (0.72, -0.4477), (0.76, -0.3629),
            (0.8, -0.2968), (0.83, -0.2481), (0.86, -0.2058), (0.89, -0.1255), (0.92, -0.0298),
            (0.95, -0.0044), (1.0, 0.0),
        ]
    )  # fmt: skip
    slope = {"linear": 0.1121, "constant": 0.0}[extrapolation]
    return TabulatedExpansion(knots[:, 0], knots[:, 1] / 100, slope)
