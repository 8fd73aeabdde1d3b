"""How rates grow with temperature."""

from __future__ import annotations

import math

from latticecell.units import GAS_CONSTANT


def arrhenius(activation_energy: float, temperature: float, reference: float) -> float:
    """Return the ratio of a rate at a temperature to that at a reference, exp[E / R (1 / T_ref - 1 / T)] [1].

    Exactly 1 at the reference, and where the energy is 0.

    Parameters
    ----------
    activation_energy : float
        E [J/mol].
    temperature, reference : float
        T and T_ref [K].
    """
    return math.exp(activation_energy / GAS_CONSTANT * (1 / reference - 1 / temperature))
