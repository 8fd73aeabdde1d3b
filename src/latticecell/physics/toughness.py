"""Toughness of every bond at a mix of modes, tied or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from latticecell.arrays import Floats
from latticecell.laws.bond import MIXING
from latticecell.materials import MechanicalLaws
from latticecell.network import GB_BOND, INTERFACE_BOND, Network
from latticecell.physics.bonds import Bonds


class Toughness:
    """Toughness of every bond, drawn as `Bonds` draws it, that of tied boundaries as if they could open.

    Parameters
    ----------
    laws : MechanicalLaws
    network : Network
    """

    def __init__(self, laws: MechanicalLaws, network: Network):
        bonds = Bonds(replace(laws, tied=False), network)
        self._opening_b = bonds.everywhere(bonds.toughness_b)
        self._ratio_b, self._exponent_b = np.ones(network.n_bonds), np.full(network.n_bonds, MIXING)
        for kind, own in ((GB_BOND, laws.grain_boundary), (INTERFACE_BOND, laws.interface)):
            mine = network.kind_b == kind
            if own.shear_fracture_energy is not None:
                self._ratio_b[mine] = own.shear_fracture_energy / own.fracture_energy
            if own.mixing_exponent is not None:
                self._exponent_b[mine] = own.mixing_exponent

    def at(self, share_b: Floats) -> Floats:
        """Return G_c at shares of sliding (Benzeggagh and Kenane), (n_bonds,) [J/m2]."""
        share = np.clip(np.nan_to_num(share_b), 0.0, 1.0) ** self._exponent_b
        return self._opening_b * (1 + (self._ratio_b - 1) * share)
