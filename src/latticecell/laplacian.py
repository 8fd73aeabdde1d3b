"""The operator -div(k grad) of a scalar k that differs from tet to tet and changes in time.

The flux along a spring is w_ij times the difference of the field, w_ij = -sum_T k V grad_i . grad_j: linear
finite elements read as finite volumes. The sparsity is built once; a new k costs one pass over the springs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from latticecell._kernels import relaxation
from latticecell._kernels import transport as kernels
from latticecell.arrays import Bools, Floats, Ints
from latticecell.network import TET_EDGES, Network, incidence


def spring_weights(network: Network, tensor_tcc: Floats, n_threads: int = 1) -> Floats:
    """Return w_ij = -sum_T V grad_i . D grad_j of every spring, (n_springs,), in units of D times m.

    Parameters
    ----------
    network : Network
    tensor_tcc : (n_tets, 3, 3) float64
        Symmetric tensor D of every tet: a diffusivity or a conductivity.
    n_threads : int
        Threads of the kernel; results do not depend on it.
    """
    weight_s = np.empty(network.n_springs)
    kernels.edge_weight(
        network.gradient_tac,
        network.volume_t,
        tensor_tcc,
        TET_EDGES,
        network.spring_tets.start,
        network.spring_tets.index,
        out=weight_s,
        n_threads=n_threads,
    )
    return weight_s


@dataclass(frozen=True, slots=True)
class LinkPattern:
    """CSR pattern of a matrix between unknowns that links join, rows sorted, and where its entries stand.

    Attributes
    ----------
    link_li : (n_links, 2) int32
        Unknowns i, j at the ends of each link.
    index, start : (n_entries,), (n + 1,) int32
    slot_l2 : (n_links, 2) int32
        Where the entries (i, j) and (j, i) of each link stand.
    diagonal : (n,) int32
        Where the diagonal stands.
    """

    link_li: Ints
    index: Ints
    start: Ints
    slot_l2: Ints
    diagonal: Ints

    @classmethod
    def of(cls, link_li: Ints, n: int) -> LinkPattern:
        """Sort the entries of links between ``n`` unknowns."""
        i, j = link_li.T
        row, column = np.concatenate([i, j, np.arange(n)]), np.concatenate([j, i, np.arange(n)])
        order = np.lexsort((column, row))
        slot = np.empty(len(order), np.int32)
        slot[order] = np.arange(len(order))
        start = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=n))))
        m = len(link_li)
        slot_l2 = np.ascontiguousarray(slot[: 2 * m].reshape(2, m).T)
        return cls(link_li, column[order].astype(np.int32), start.astype(np.int32), slot_l2, slot[2 * m :])

    def fill(self, slope_first_l: Floats, slope_second_l: Floats, data: Floats) -> None:
        """Write into ``data`` the derivative of the net outflow of every unknown by all.

        Parameters
        ----------
        slope_first_l, slope_second_l : (n_links,) float64
            Derivatives of the flux from i to j by the unknowns i and j.
        data : (n_entries,) float64
        """
        relaxation.fill_links(
            self.link_li, slope_first_l, slope_second_l, self.slot_l2, self.diagonal, data=data
        )

    def matrix(self, slope_first_l: Floats, slope_second_l: Floats) -> sp.csr_matrix:
        """Return what `fill` writes as a new matrix, (n, n)."""
        data, n = np.empty(len(self.index)), len(self.diagonal)
        self.fill(slope_first_l, slope_second_l, data)
        return sp.csr_matrix((data, self.index, self.start), shape=(n, n))


class EdgeLaplacian:
    """Laplacian on some nodes of a network, numbered in their order there.

    Parameters
    ----------
    network : Network
    on_n : (n_nodes,) bool
        Nodes that carry the field; springs to other nodes are left out.
    n_threads : int
        Threads of the kernels; results do not depend on it.

    Attributes
    ----------
    node_i : (n,) intp
        Node of each unknown.
    """

    def __init__(self, network: Network, on_n: Bools, n_threads: int = 1):
        self._network, self._n_threads = network, n_threads
        self.node_i = np.flatnonzero(on_n)
        self._inside_s = on_n[network.spring_sn].all(axis=1)
        number = np.full(network.n_nodes, -1, np.int32)
        number[self.node_i] = np.arange(len(self.node_i))
        self._link_li = np.ascontiguousarray(number[network.spring_sn[self._inside_s]])
        self._links = incidence(self._link_li.ravel(), len(self.node_i))
        self._pattern = LinkPattern.of(self._link_li, len(self.node_i))

    def weight(self, value_t: Floats) -> Floats:
        """Return the weights of the links, (n_links,), in units of k times m.

        Parameters
        ----------
        value_t : (n_tets,) float64
            k of every tet.
        """
        tensor_tcc = value_t[:, None, None] * np.eye(3)
        return spring_weights(self._network, tensor_tcc, self._n_threads)[self._inside_s]

    def matrix(self, weight_l: Floats) -> sp.csr_matrix:
        """Return the matrix of `outflow`, (n, n), symmetric; its rows sum to zero but for round-off."""
        return self._pattern.matrix(weight_l, -weight_l)

    def outflow(self, weight_l: Floats, field_i: Floats) -> Floats:
        """Return the net outflow of every unknown, (n,); it sums to zero, what leaves one enters another.

        Parameters
        ----------
        weight_l : (n_links,) float64
            From `weight`.
        field_i : (n,) float64
        """
        i, j = self._link_li.T
        out = np.empty(len(self.node_i))
        flux = weight_l * (field_i[i] - field_i[j])
        kernels.gather_outflow(flux, self._links.start, self._links.index, out=out, n_threads=self._n_threads)
        return out
