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
        """Return its strain since the state without stress, (n_tets, 6) Voigt, engineering shears [1]."""


class LithiumExpansion:
    """Chemical expansion Q theta Q^T (beta(x) - beta(x0)), beta averaged over the nodes of a tet.

    PHYSICS Eq 16, with x0 where grains are free of strain; the sum over the strains of the material, such as
    those along a and c.

    Parameters
    ----------
    laws : MechanicalLaws
    network : Network
    """

    def __init__(self, laws: MechanicalLaws, network: Network):
        self._network, self._strains = network, laws.strains
        self._frozen_below = laws.strain_frozen_below
        self._starts = [float(law.strain(laws.stress_free_stoichiometry)) for law, _ in laws.strains]
        q = network.rotation_gcc
        self._swellings_tv = []
        for _, ratio in laws.strains:
            swelling_dcc = np.zeros((len(q) + 2, 3, 3))  # grains, ECBD, ED
            swelling_dcc[: len(q)] = np.einsum("gik,k,gjk->gij", q, ratio, q)
            self._swellings_tv.append(voigt_strain(swelling_dcc)[network.domain_t])

    def linear(self, stoich_n: Floats) -> Floats:
        """Return beta(x) - beta(x0) of every node, 0 outside the grains, (n_nodes,) [1].

        Of a material with several strains, a third of the change of volume.
        """
        parts = self._parts(stoich_n)
        if len(parts) == 1:
            return parts[0]
        shares = (beta * (ratio.sum() / 3) for beta, (_, ratio) in zip(parts, self._strains, strict=True))
        return sum(shares, start=np.zeros(len(stoich_n)))

    def _parts(self, stoich_n: Floats) -> list[Floats]:
        active, parts = self._network.is_active_n, []
        x = np.maximum(stoich_n[active], self._frozen_below)
        for (law, _), start in zip(self._strains, self._starts, strict=True):
            beta = np.zeros(len(stoich_n))
            beta[active] = law.strain(x) - start
            parts.append(beta)
        return parts

    def of_linear(self, *linear_n: Floats) -> Floats:
        """Return the eigenstrain of linear strains given at the nodes, one each, (n_tets, 6) [1]."""
        found = np.zeros((self._network.n_tets, 6))
        for each, swelling_tv in zip(linear_n, self._swellings_tv, strict=True):
            found += each[self._network.tet_tn].mean(axis=1)[:, None] * swelling_tv
        return found

    def eigenstrain(self, fields: Fields) -> Floats:
        """Return the eigenstrain of a distribution of Li, (n_tets, 6) [1]."""
        return self.of_linear(*self._parts(fields.stoich_n))
