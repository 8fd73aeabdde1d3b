"""Electrons and ions outside the grains (PHYSICS 2.1): div(-sigma grad phi) = 0 on the same edge weights.

phi_s lives on the nodes of the ECBD, phi_l on those of the ECBD and the ED. The collector is an
equipotential at the cell voltage V; phi_s is stored relative to it, s = phi_s - V, so that the rows of the
stiff electronic network carry millivolts and lose nothing to round-off.

Unknowns of one vector ``p``: s on the free ECBD nodes, then phi_l, then one slot that stays zero and stands
for every node at the collector. In a binary electrolyte phi_l less its diffusion potential stands for phi_l:
it obeys the same equation, with a conductivity that follows the salt (`Potentials.with_ionic`).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from latticecell.arrays import Bools, Floats
from latticecell.laplacian import spring_weights
from latticecell.network import INTERFACE_BOND, Network
from latticecell.solvers.multigrid import scalar_hierarchy
from latticecell.solvers.relaxation import ScalarCycle


class Potentials:
    """Conduction operator of both potentials.

    Parameters
    ----------
    network : Network
    electronic : float
        Electronic conductivity of the ECBD [S/m].
    ionic, ionic_separator : float
        Ionic conductivity of the ECBD and of the ED [S/m].
    n_threads : int
        Threads of the kernels; results do not depend on it.

    Attributes
    ----------
    size : int
        Number of unknowns, without the zero slot.
    node_p : (size,) intp
        Node of each unknown.
    n_electronic : int
        How many of them are electronic; they come first.
    matrix : (size, size) csr_matrix
        Conduction, symmetric [S].
    slot_s_b, slot_l_b : (n_interface,) intp
        Unknowns of both potentials at the interface bonds; ``size`` is the zero slot.
    ionic_n, electronic_n : (n_nodes,) bool
        Nodes that carry phi_l and phi_s.
    lithium_p : (n,) intp
        Unknowns at the Li metal.
    lithium_area : (n,) float64
        Their areas [m2].
    """

    def __init__(
        self,
        network: Network,
        electronic: float,
        ionic: float,
        ionic_separator: float,
        n_threads: int = 1,
    ):
        n = network.n_nodes
        bond_n = network.bond_bn[network.kind_b == INTERFACE_BOND, 1]
        zero, sigma = 0.0, [0.0] * network.n_grains
        electron, on_s = _laplacian(network, [*sigma, electronic, zero], n_threads)
        ion, on_l = _laplacian(network, [*sigma, ionic, ionic_separator], n_threads)
        self.collector_n = network.collector_n[on_s[network.collector_n]]
        on_s = _supported(electron, on_s, np.concatenate([self.collector_n, bond_n]))
        lithium = on_l[network.lithium_n]
        on_l = _supported(ion, on_l, np.concatenate([network.lithium_n[lithium], bond_n]))
        self.electronic_n, self.ionic_n = on_s.copy(), on_l
        on_s[self.collector_n] = False
        nodes_s, nodes_l = np.flatnonzero(on_s), np.flatnonzero(on_l)
        self.node_p = np.concatenate([nodes_s, nodes_l])
        self.n_electronic, self.size = len(nodes_s), len(self.node_p)
        slot_s, slot_l = np.full(n, self.size), np.full(n, self.size)
        slot_s[nodes_s] = np.arange(self.n_electronic)
        slot_l[nodes_l] = np.arange(self.n_electronic, self.size)
        self.slot_s_b, self.slot_l_b = slot_s[bond_n], slot_l[bond_n]
        self.lithium_p = slot_l[network.lithium_n[lithium]]
        self.lithium_area = network.lithium_area_n[lithium]
        self.matrix = sp.block_diag(
            [electron[nodes_s][:, nodes_s], ion[nodes_l][:, nodes_l]], format="csr"
        ).tocsr()
        self._electronic = self.matrix[: self.n_electronic, : self.n_electronic].tocsr()
        self._collector_rows = electron[self.collector_n][:, nodes_s].tocsr()
        self._collector_b = np.isin(bond_n, self.collector_n)

    def collector_current(self, p: Floats, bond_current_b: Floats) -> float:
        """Return the current that enters through the collector [A].

        Parameters
        ----------
        p : (size,) float64
            Potentials [V].
        bond_current_b : (n_interface,) float64
            Current of each interface bond [A]; bonds on the collector draw from it directly.
        """
        inner = self._collector_rows @ p[: self.n_electronic]
        return float(inner.sum() + bond_current_b[self._collector_b].sum())

    def sources(self, bond_current_b: Floats) -> Floats:
        """Return what bond currents take from each unknown, (size,) [A]: electrons in, ions out."""
        taken = np.bincount(self.slot_s_b, bond_current_b, self.size + 1)
        given = np.bincount(self.slot_l_b, bond_current_b, self.size + 1)
        return (taken - given)[: self.size].astype(float)

    def jump(self, p: Floats) -> Floats:
        """Return s - phi_l at the interface bonds, (n_interface,) [V]."""
        padded = np.append(p, 0.0)
        return padded[self.slot_s_b] - padded[self.slot_l_b]

    def with_ionic(self, ionic: sp.csr_matrix) -> sp.csr_matrix:
        """Return the conduction matrix with another ionic part, (size, size) [S].

        Parameters
        ----------
        ionic : csr_matrix
            Ionic conduction on the nodes of ``ionic_n`` in their order [S].
        """
        first, second, split = self._electronic, ionic, self.n_electronic
        data = np.concatenate([first.data, second.data])
        index = np.concatenate([first.indices, second.indices + split])
        start = np.concatenate([first.indptr, second.indptr[1:] + first.indptr[-1]])
        return sp.csr_matrix((data, index, start), shape=(self.size, self.size))

    def cycle(self, plating: Floats) -> ScalarCycle:
        """Return a multigrid cycle on the conduction matrix with the Li metal attached.

        Parameters
        ----------
        plating : (n_lithium,) float64
            Conductance from each of ``lithium_p`` into the metal [S].
        """
        slot = self.lithium_p
        metal = sp.csr_matrix((plating, (slot, slot)), shape=self.matrix.shape)
        return ScalarCycle(scalar_hierarchy((self.matrix + metal).tocsr()))


def _laplacian(network: Network, conductivity_d: list[float], n_threads: int) -> tuple[sp.csr_matrix, Bools]:
    """Conduction matrix over all nodes [S], and which nodes a conducting tet touches."""
    sigma_t = np.array(conductivity_d)[network.domain_t]
    weight_s = spring_weights(network, sigma_t[:, None, None] * np.eye(3), n_threads)
    n = network.n_nodes
    touched = np.zeros(n, bool)
    touched[network.tet_tn[sigma_t > 0]] = True
    i, j = network.spring_sn.T
    edge = sp.csr_matrix((weight_s, (i, j)), shape=(n, n))
    edge = (edge + edge.T).tocsr()
    return (sp.diags(np.asarray(edge.sum(axis=1)).ravel()) - edge).tocsr(), touched


def _supported(matrix: sp.csr_matrix, on_n: Bools, anchor_n: NDArray) -> Bools:
    """Drop connected pockets that no anchor ties to anything: their potential is arbitrary."""
    _, part = connected_components(abs(matrix) > 0, directed=False)
    anchored = np.zeros(part.max() + 1, bool)
    anchored[part[anchor_n]] = True
    return on_n & anchored[part]
