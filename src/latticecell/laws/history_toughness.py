"""Fatigue by a toughness that falls with what a bond has been loaded."""

from __future__ import annotations

import numpy as np

from latticecell.arrays import Bools, Floats
from latticecell.errors import ConfigError
from latticecell.laws.bond import BondParameters
from latticecell.laws.fatigue import Loading, Worn


class HistoryToughness:
    """Toughness f G_c with f = (2 a_T / (a + a_T))^2 beyond a_T, a accumulated while the load grows.

    The model of Carrara, Ambati, Alessi and De Lorenzis, Comput. Methods Appl. Mech. Eng. 361, 112731 (2020),
    with their asymptotic degradation, on a bond. Their history variable is the elastic energy; over that of
    a new bond at its strength it is x^2, x the traction over the strength, so that a counts cycles at full
    strength and does not depend on the stiffness of bonds. Of it, what is below the endurance c counts
    nothing: a grows by the rises of <x^2 - c^2>. With the toughness f G_c the strength is sqrt(f) times that
    of the new bond, as in their phase field.

    A first loading adds no more than 1 up to the strength: from a_T = 1 on, G_c of a monotone separation is
    unchanged. An undamaged bond under cycles from 0 to x breaks after a_T (2 / x - 1) / (x^2 - c^2) of them.

    Parameters
    ----------
    parameters : BondParameters
        ``fatigue_threshold`` is a_T, ``fatigue_endurance`` is c.

    Raises
    ------
    ConfigError
        If there is no threshold, or a length.
    """

    columns = ("fatigue",)

    def __init__(self, parameters: BondParameters):
        problems = []
        if parameters.fatigue_threshold is None:
            problems.append('fatigue_threshold: is required with fatigue = "history"')
        if parameters.fatigue_length is not None:
            problems.append('fatigue_length: is used only with fatigue = "roe_siegmund"')
        if problems:
            raise ConfigError(problems)
        self._threshold = float(parameters.fatigue_threshold or 0.0)
        self._endurance = parameters.fatigue_endurance

    def worn(self, grown_bh: Floats) -> Worn:
        """Return what is left of bonds; see `FatigueModel`."""
        strong = 2 * self._threshold / (grown_bh[:, 0] + self._threshold)
        return Worn(np.ones_like(strong), np.minimum(strong, 1.0))

    def grow(self, grown_bh: Floats, before: Loading, after: Loading, breaking_b: Bools) -> Floats:
        """Return what is accumulated after a step; see `FatigueModel`."""
        low, high = (np.maximum(at.traction_b**2 - self._endurance**2, 0.0) for at in (before, after))
        return grown_bh + np.maximum(high - low, 0.0)[:, None]
