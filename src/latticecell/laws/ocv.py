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
        return self._curve.low, self._curve.high

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

    Least-squares refit on knots of our own: 1.4 mV rms from the published points joined by straight lines,
    10 mV at most, in the bend at x = 0.966; U(0.0575) = 4.3 V and U(0.9703) = 3.0 V are kept.
    x is a pseudo state of lithiation (0 to 0.975 spans 4.44 to 2.69 V), not crystallographic Li content.
    """
    knots = np.array(
        [
            (0.0, 4.4415), (0.015, 4.3923), (0.04, 4.3257), (0.0575, 4.3), (0.085, 4.2558),
            (0.125, 4.2025), (0.16, 4.1615), (0.21, 4.1062), (0.26, 4.0547), (0.31, 4.0065),
            (0.36, 3.9621), (0.42, 3.918), (0.5, 3.8638), (0.58, 3.8145), (0.65, 3.7774),
            (0.72, 3.7399), (0.79, 3.6968), (0.83, 3.6593), (0.88, 3.6039), (0.91, 3.5412),
            (0.935, 3.4656), (0.948, 3.3772), (0.954, 3.327), (0.96, 3.2555), (0.9645, 3.1885),
            (0.968, 3.0962), (0.9703, 3.0), (0.9715, 2.9306), (0.9735, 2.7942), (0.975, 2.6875),
        ]
    )  # fmt: skip
    return TabulatedOCV(knots[:, 0], knots[:, 1])
