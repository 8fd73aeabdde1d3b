"""Open-circuit voltage of the active material against its stoichiometry."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from latticecell.arrays import Floats
from latticecell.laws.curve import MonotoneCurve


class OpenCircuit(Protocol):
    """Open-circuit voltage law; ``x`` may have any shape."""

    def voltage(self, x: ArrayLike) -> Floats:
        """Return U(x) [V vs Li/Li+]."""

    def slope(self, x: ArrayLike) -> Floats:
        """Return dU/dx [V]."""


class TabulatedOCV:
    """Open-circuit voltage U(x) through knots.

    Parameters
    ----------
    stoichiometry : (n,) array_like
        Knots x = c / c_max, ascending [1].
    voltage : (n,) array_like
        U at the knots, descending [V vs Li/Li+].
    """

    def __init__(self, stoichiometry: ArrayLike, voltage: ArrayLike):
        self._curve = MonotoneCurve(stoichiometry, voltage)

    @property
    def covers(self) -> tuple[float, float]:
        """First and last knot [1]; the curve goes on straight beyond them."""
        return self._curve.covers

    def voltage(self, x: ArrayLike) -> Floats:
        """Return U(x) [V]."""
        return self._curve.value(x)

    def slope(self, x: ArrayLike) -> Floats:
        """Return dU/dx [V]."""
        return self._curve.slope(x)

    def stoichiometry(self, voltage: float) -> float:
        """Return the x at which U(x) equals ``voltage`` [V]."""
        return float(brentq(lambda x: float(self.voltage(x)) - voltage, -1.0, 2.0, xtol=1e-15))


def nmc111_zheng2013() -> TabulatedOCV:
    """NMC111, slow charge of Zheng et al., Bull. Mater. Sci. 36, 495 (2013).

    Smoothed refit on knots of our own, whose slope rises to one maximum and falls again: 1.4 mV rms from the
    published points joined by straight lines, 10 mV at most, in the bend at x = 0.966; U(0.0575) = 4.3 V and
    U(0.9703) = 3.0 V are kept.
    x is a pseudo state of lithiation (0 to 0.975 spans 4.44 to 2.69 V), not crystallographic Li content.
    """
    knots = np.array(
        [
            (0.0, 4.44393), (0.02, 4.37586), (0.04, 4.32957), (0.0575, 4.3), (0.08, 4.26480),
            (0.11, 4.22188), (0.15, 4.17251), (0.2, 4.11720), (0.26, 4.05452), (0.33, 3.98821),
            (0.4, 3.93206), (0.48, 3.87680), (0.56, 3.82650), (0.64, 3.78231), (0.71, 3.74588),
            (0.77, 3.70996), (0.82, 3.67051), (0.86, 3.62940), (0.89, 3.58450), (0.912, 3.53821),
            (0.929, 3.48942), (0.942, 3.42247), (0.951, 3.35345), (0.9575, 3.28865), (0.9625, 3.22031),
            (0.966, 3.15571), (0.9685, 3.07929), (0.9703, 3.0), (0.972, 2.89883), (0.9735, 2.79545),
            (0.975, 2.68598),
        ]
    )  # fmt: skip
    return TabulatedOCV(knots[:, 0], knots[:, 1])
