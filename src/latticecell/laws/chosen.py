"""Laws of the active material that an input file names, or gives as points."""

from __future__ import annotations

import numpy as np

from latticecell.arrays import Floats
from latticecell.config import ActiveMaterial
from latticecell.curves import Beyond, Curve
from latticecell.laws import EXPANSION_LAWS, OCV_LAWS
from latticecell.laws.curve import MonotoneCurve, end_slope
from latticecell.laws.expansion import Expansion, LatticeParameter, TabulatedExpansion
from latticecell.laws.ocv import OpenCircuit, TabulatedOCV

Strain = tuple[Expansion, Floats]
"""A linear strain against stoichiometry, and its multiples along the crystal axes, (3,) [1]."""

ALONG_A, ALONG_C = np.array([1.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])


def open_circuit(active: ActiveMaterial) -> OpenCircuit:
    """Return the open-circuit voltage; raises `ConfigError` if its name is not known."""
    if isinstance(active.ocv, str):
        return OCV_LAWS[active.ocv]()
    return TabulatedOCV(active.ocv.x, active.ocv.in_si())


def strains(active: ActiveMaterial) -> tuple[Strain, ...]:
    """Return the strains by Li, which add up: that of a volume change, or those of lattice parameters.

    Raises `ConfigError` if a name is not known.
    """
    if active.lattice_a is not None and active.lattice_c is not None:
        both = (active.lattice_a, ALONG_A), (active.lattice_c, ALONG_C)
        return tuple((_lattice(active, curve), axes) for curve, axes in both)
    assert active.volume_change is not None and active.expansion_ratio is not None
    way, change = active.strain_extrapolation, active.volume_change
    if isinstance(change, str):
        law = EXPANSION_LAWS[change]("linear" if way == "error" else way)
    else:
        slope = end_slope(beyond(active, change))
        law = TabulatedExpansion(change.x, change.in_si(), slope, slope)
    return ((law, np.array(active.expansion_ratio)),)


def diffusivity_factor(active: ActiveMaterial) -> MonotoneCurve | None:
    """Return the factor on the diffusivities against stoichiometry, None if it is 1."""
    curve = active.diffusivity_factor
    if curve is None:
        return None
    slope = end_slope(curve.extrapolation or "constant")
    return MonotoneCurve(curve.x, curve.y, slope, slope)


def beyond(active: ActiveMaterial, strain: str | Curve) -> Beyond:
    """Return how a curve of strain goes on beyond its points."""
    own = None if isinstance(strain, str) else strain.extrapolation
    return own or active.strain_extrapolation


def _lattice(active: ActiveMaterial, curve: Curve) -> LatticeParameter:
    reference = active.strain_reference
    return LatticeParameter(curve.x, curve.in_si(), reference, end_slope(beyond(active, curve)))
