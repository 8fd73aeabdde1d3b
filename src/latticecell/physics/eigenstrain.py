"""What the tets of the lattice strain by without stress: the sum of any number of sources."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from latticecell.arrays import Floats
from latticecell.laws.elastic import voigt_strain
from latticecell.materials import MechanicalLaws
from latticecell.network import Network


class Fields(Protocol):
    """What a source may read: a `State`, or the proposal of a step that is not accepted yet."""

    @property
    def stoich_n(self) -> Floats:
        """Li stoichiometry, (n_nodes,) [1]."""


class EigenstrainSource(Protocol):
    """A cause of stress-free strain, free of state."""

    def eigenstrain(self, fields: Fields) -> Floats:
        """Return its strain since the start of the run, (n_tets, 6) Voigt, engineering shears [1]."""


class LithiumExpansion:
    """Chemical expansion Q theta Q^T (beta(x) - beta(x0)), beta averaged over the nodes of a tet.

    PHYSICS Eq 16.

    Parameters
    ----------
    laws : MechanicalLaws
    network : Network
    """

    def __init__(self, laws: MechanicalLaws, network: Network):
        self._network, self._law = network, laws.expansion
        self._frozen_below = laws.strain_frozen_below
        self._start = float(laws.expansion.strain(laws.initial_stoichiometry))
        q = network.rotation_gcc
        swelling_dcc = np.zeros((len(q) + 2, 3, 3))  # grains, ECBD, ED
        swelling_dcc[: len(q)] = np.einsum("gik,k,gjk->gij", q, laws.expansion_ratio, q)
        self._swelling_tv = voigt_strain(swelling_dcc)[network.domain_t]

    def linear(self, stoich_n: Floats) -> Floats:
        """Return beta(x) - beta(x0) of every node, 0 outside the grains, (n_nodes,) [1]."""
        active = self._network.is_active_n
        beta = np.zeros(len(stoich_n))
        beta[active] = self._law.strain(np.maximum(stoich_n[active], self._frozen_below)) - self._start
        return beta

    def of_linear(self, linear_n: Floats) -> Floats:
        """Return the eigenstrain of a linear expansion given at the nodes, (n_tets, 6) [1]."""
        return linear_n[self._network.tet_tn].mean(axis=1)[:, None] * self._swelling_tv

    def eigenstrain(self, fields: Fields) -> Floats:
        """Return the eigenstrain of a distribution of Li, (n_tets, 6) [1]."""
        return self.of_linear(self.linear(fields.stoich_n))
