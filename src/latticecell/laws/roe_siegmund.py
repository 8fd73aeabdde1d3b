"""Fatigue by cyclic damage of the area of a bond."""

from __future__ import annotations

from typing import Final

import numpy as np

from latticecell.arrays import Bools, Floats
from latticecell.laws.bond import BondParameters
from latticecell.laws.fatigue import Loading, Worn

LENGTH: Final = 4.0
"""Usual accumulated length over the cohesive length [1]."""
THRESHOLD: Final = 1.0
"""Usual way before fatigue begins over the cohesive length [1]."""


class RoeSiegmund:
    """Cyclic damage dD = |dd| / d_S <T / sigma - C> once the bond has moved by more than d_0 in all.

    Roe and Siegmund, Eng. Fract. Mech. 70, 209 (2003): d the effective opening, T / sigma the traction over
    the strength of the share 1 - D of the area that is whole, C the endurance, d_0 = G_c / (e sigma) the
    cohesive length (the opening at the peak of the exponential law), d_S a multiple of it. Strength and
    toughness fall by 1 - D. As there, the larger of cyclic and monotone damage counts: a step in which the
    cohesive law itself does damage adds none, and a monotone separation costs G_c.

    T is taken as a straight line over a step. Openings of stiff bonds before damage are tiny (strength /
    stiffness): it is the exponential law, or a bilinear one with a stiffness of its size, that this suits.

    Parameters
    ----------
    parameters : BondParameters
        ``fatigue_threshold`` and ``fatigue_length`` are multiples of d_0, ``fatigue_endurance`` is C.
    """

    columns = ("cyclic_damage", "way_m")

    def __init__(self, parameters: BondParameters):
        cohesive = parameters.fracture_energy_b / (np.e * parameters.strength_b)
        threshold, length = parameters.fatigue_threshold, parameters.fatigue_length
        self._threshold_b = (THRESHOLD if threshold is None else threshold) * cohesive
        self._length_b = (LENGTH if length is None else length) * cohesive
        self._endurance = parameters.fatigue_endurance

    def worn(self, grown_bh: Floats) -> Worn:
        """Return what is left of bonds; see `FatigueModel`."""
        return Worn(1 - grown_bh[:, 0], np.ones(len(grown_bh)))

    def grow(self, grown_bh: Floats, before: Loading, after: Loading, breaking_b: Bools) -> Floats:
        """Return what is accumulated after a step; see `FatigueModel`."""
        way = np.abs(after.effective_b - before.effective_b)
        low, high = (at.traction_b - self._endurance for at in (before, after))
        same = np.abs(high - low) < 1e-12
        # mean of <x> between both ends of a straight line
        rise = 0.5 * (np.maximum(high, 0.0) ** 2 - np.maximum(low, 0.0) ** 2)
        above = np.where(same, np.maximum(high, 0.0), rise / np.where(same, 1.0, high - low))
        active = (grown_bh[:, 1] >= self._threshold_b) & ~breaking_b
        damage = grown_bh[:, 0] + np.where(active, above * way / self._length_b, 0.0)
        return np.column_stack((np.minimum(damage, 1.0), grown_bh[:, 1] + way))
