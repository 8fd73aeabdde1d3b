"""Liquid binary electrolytes: conductivity, salt diffusivity and transference number.

Concentrated-solution theory of a binary salt with thermodynamic factor 1 (Newman and Thomas-Alyea,
Electrochemical Systems, 3rd ed., ch. 12):

    i_l = -kappa(c) [grad phi_l - (2RT / F) (1 - t+) grad ln c],
    fraction dc/dt = div(D_eff grad c) + (1 - t+) s / F,

with s the current that enters the electrolyte per volume [A/m3]. The thermodynamic factor is part of neither
source's data set. A single-ion conductor is the limit t+ = 1, in which c stays uniform.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from latticecell.arrays import Floats
from latticecell.units import FARADAY

MOL_PER_LITRE = 1000.0
"""[mol/m3]"""
FLOOR = 1e-3
"""Concentration below which the laws are frozen, so that a depleted electrolyte stays regular [mol/m3]."""
LITHIUM_CONCENTRATION = 76900.0
"""Li in Li metal [mol/m3]."""
LITHIUM_RATE = 3.5e-8
"""Rate constant of Li plating, c in mol/m3 [m/s]."""
PARTICLE_POWER, LITHIUM_POWER = 0.5, 0.3
"""Powers of the salt concentration in both exchange currents; above `FLOOR`, d i0 / dc = power i0 / c."""


class BinaryElectrolyte(Protocol):
    """Transport properties of a binary salt; the concentration is in mol/m3 and may have any shape."""

    @property
    def transference_number(self) -> float:
        """t+ of the cation [1]."""

    def conductivity(self, concentration: ArrayLike) -> Floats:
        """Return kappa [S/m]."""

    def diffusivity(self, concentration: ArrayLike) -> Floats:
        """Return the salt diffusivity D [m2/s]."""


@dataclass(frozen=True, slots=True)
class PolynomialElectrolyte:
    """Conductivity and diffusivity as sums of powers of the concentration in mol/L.

    Parameters
    ----------
    conductivity_terms, diffusivity_terms : tuple of (float, float)
        Pairs of coefficient [S/m or m2/s] and power [1].
    transference_number : float
        t+ of the cation [1].
    """

    conductivity_terms: tuple[tuple[float, float], ...]
    diffusivity_terms: tuple[tuple[float, float], ...]
    transference_number: float

    def conductivity(self, concentration: ArrayLike) -> Floats:
        """Return kappa [S/m] at a salt concentration [mol/m3], any shape."""
        return _powers(self.conductivity_terms, concentration)

    def diffusivity(self, concentration: ArrayLike) -> Floats:
        """Return the salt diffusivity D [m2/s] at a salt concentration [mol/m3], any shape."""
        return _powers(self.diffusivity_terms, concentration)


def _powers(terms: tuple[tuple[float, float], ...], concentration: ArrayLike) -> Floats:
    c = np.maximum(np.asarray(concentration, float), FLOOR) / MOL_PER_LITRE
    return np.asarray(sum(factor * c**power for factor, power in terms), float)


@dataclass(frozen=True, slots=True)
class Warmed:
    """A binary electrolyte at another temperature: conductivity and diffusivity are multiplied.

    Parameters
    ----------
    law : BinaryElectrolyte
    conductivity_factor, diffusivity_factor : float
        Ratios to the values of the law [1].
    """

    law: BinaryElectrolyte
    conductivity_factor: float
    diffusivity_factor: float

    @property
    def transference_number(self) -> float:
        """t+ of the cation [1]."""
        return self.law.transference_number

    def conductivity(self, concentration: ArrayLike) -> Floats:
        """Return kappa [S/m] at a salt concentration [mol/m3], any shape."""
        return self.conductivity_factor * self.law.conductivity(concentration)

    def diffusivity(self, concentration: ArrayLike) -> Floats:
        """Return the salt diffusivity D [m2/s] at a salt concentration [mol/m3], any shape."""
        return self.diffusivity_factor * self.law.diffusivity(concentration)


@dataclass(frozen=True, slots=True)
class Liquid:
    """A binary salt in the pores of the ECBD and in the separator, in this order.

    Parameters
    ----------
    law : BinaryElectrolyte
    concentration : float
        At rest, which is the mean [mol/m3].
    fraction : (float, float)
        Share of each layer that is liquid [1].
    bruggeman : float
        A layer conducts fraction ** bruggeman times as well as the liquid [1].
    lithium_factor : float
        Factor on the exchange current of the Li metal [1].
    """

    law: BinaryElectrolyte
    concentration: float
    fraction: tuple[float, float]
    bruggeman: float
    lithium_factor: float = 1.0

    def lithium_exchange(self, concentration: ArrayLike) -> Floats:
        """Return the exchange current density of Li metal [A/m2] at a salt concentration [mol/m3]."""
        return self.lithium_factor * lithium_exchange_binary(concentration)

    @property
    def share(self) -> Floats:
        """How much of the liquid's conductivity and diffusivity each layer has, (2,) [1]."""
        return np.asarray(np.array(self.fraction) ** self.bruggeman)

    @property
    def conductivity_at_rest(self) -> tuple[float, float]:
        """Effective conductivity of both layers at the mean concentration [S/m]."""
        ecbd, separator = float(self.law.conductivity(self.concentration)) * self.share
        return float(ecbd), float(separator)


def lipf6_nyman2008() -> PolynomialElectrolyte:
    """LiPF6 in EC:EMC 3:7, Nyman, Behm and Lindbergh, Electrochim. Acta 53, 6356 (2008).

    Coefficients as in the BPX standard's example cells; 0.949 S/m and 1.77e-10 m2/s at 1 mol/L.
    """
    return PolynomialElectrolyte(
        conductivity_terms=((0.1297, 3.0), (-2.51, 1.5), (3.329, 1.0)),
        diffusivity_terms=((8.794e-11, 2.0), (-3.972e-10, 1.0), (4.862e-10, 0.0)),
        transference_number=0.26,
    )


def exchange_scale(concentration: ArrayLike, reference: float) -> Floats:
    """Return what the salt multiplies the particle's exchange current by, sqrt(c / c_ref) [1].

    From i0 = F k sqrt(c_l c_s (c_max - c_s)), with the exchange current given at c_ref; Doyle, Fuller and
    Newman, J. Electrochem. Soc. 140, 1526 (1993).

    Parameters
    ----------
    concentration : array_like
        Salt concentration c at the particle surface [mol/m3], any shape.
    reference : float
        Concentration c_ref at which the exchange current was given [mol/m3].
    """
    c = np.maximum(np.asarray(concentration, float), FLOOR)
    return np.asarray((c / reference) ** PARTICLE_POWER, float)


def lithium_exchange_binary(concentration: ArrayLike) -> Floats:
    """Return the exchange current density of Li metal in a liquid, i0 = F k c_Li^0.7 c^0.3 [A/m2].

    Xu et al., J. Electrochem. Soc. 166, A3456 (2019), with the numbers of PyBaMM's set Xu2019:
    k = 3.5e-8 m/s, c_Li = 76900 mol/m3; 71 A/m2 at 1 mol/L.

    Parameters
    ----------
    concentration : array_like
        Salt concentration c at the metal [mol/m3], any shape.
    """
    c = np.maximum(np.asarray(concentration, float), FLOOR)
    metal = LITHIUM_CONCENTRATION ** (1 - LITHIUM_POWER)
    return np.asarray(FARADAY * LITHIUM_RATE * metal * c**LITHIUM_POWER, float)
