"""The tangent stiffness of lattice and bonds, and the numbering of its unknowns."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from latticecell.arrays import Floats, Ints
from latticecell.solvers.clusters import Clusters


class Tangent:
    """The tangent stiffness: one matrix of fixed sparsity, in which only the blocks of bonds change.

    Parameters
    ----------
    lattice : (3 n_nodes, 3 n_nodes) BSR
        Stiffness of the springs [N/m].
    unknown_n : (n_nodes,) intp
        Block unknown of every node, -1 where it is fixed.
    bond_bn : (n_active, 2) int32
        Nodes of the active bonds.

    Attributes
    ----------
    n : int
        Number of block unknowns.
    end_bi : (n_active, 2) intp
        Unknowns at both ends of the active bonds.
    clusters : Clusters
        Unknowns that bonds join.
    touched_k : (n_touched,) int32
        Blocks of the matrix between the unknowns of each cluster, cluster by cluster.
    bare_kcc : (n_touched, 3, 3) float64
        The same without bonds [N/m].
    """

    def __init__(self, lattice: sp.bsr_matrix, unknown_n: NDArray[np.intp], bond_bn: Ints):
        n = self.n = int(unknown_n.max()) + 1
        self.end_bi = unknown_n[bond_bn]
        self.clusters = clusters = Clusters(n, self.end_bi)
        row = unknown_n[np.repeat(np.arange(len(unknown_n)), np.diff(lattice.indptr))]
        col = unknown_n[lattice.indices]
        free = (row >= 0) & (col >= 0)
        # Bonds enter the pattern of the lattice through blocks of zeros.
        key = np.concatenate([row[free] * n + col[free], clusters.row_k * n + clusters.column_k])
        key, slot = np.unique(key, return_inverse=True)
        n_elastic = np.count_nonzero(free)
        # A sparse product sums duplicates in a fixed order, much faster than np.add.at.
        tied = sp.csr_matrix(
            (np.ones(n_elastic), (slot[:n_elastic], np.flatnonzero(free))), (len(key), len(row))
        )
        data = (tied @ lattice.data.reshape(-1, 9)).reshape(-1, 3, 3)
        start = np.concatenate(([0], np.cumsum(np.bincount(key // n, minlength=n))))
        self._matrix = sp.bsr_matrix(
            (data, (key % n).astype(np.int32), start.astype(np.int32)), shape=(3 * n, 3 * n)
        )
        self.touched_k = slot[n_elastic:].astype(np.int32)
        self.bare_kcc = data[self.touched_k]
        self._sum = clusters.stretching()

    def matrix(self, tangent_bcc: Floats) -> sp.bsr_matrix:
        """Tangent of the lattice and of bonds with the given tangents [N/m]; the next call changes it."""
        added = self._sum @ tangent_bcc.reshape(-1, 9)
        self._matrix.data[self.touched_k] = self.bare_kcc + added.reshape(-1, 3, 3)
        return self._matrix


def number_unknowns(
    n: int, tied_bn: NDArray[np.integer], fixed_n: NDArray[np.integer]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Block unknown of each of n nodes (-1: fixed) and a node of every unknown; tied pairs share one."""
    graph = sp.coo_matrix((np.ones(len(tied_bn), bool), (tied_bn[:, 0], tied_bn[:, 1])), shape=(n, n))
    group = connected_components(graph, directed=False)[1]
    free = np.ones(n, bool)
    free[fixed_n] = False
    _, first, number = np.unique(group[free], return_index=True, return_inverse=True)
    unknown = np.full(n, -1, np.intp)
    unknown[free] = number
    return unknown, np.flatnonzero(free)[first]


def gather_matrix(unknown_n: NDArray[np.intp], n_unknowns: int) -> sp.csr_matrix:
    """Matrix that sums a nodal field over the nodes of each unknown."""
    node = np.flatnonzero(unknown_n >= 0)
    return sp.csr_matrix((np.ones(len(node)), (unknown_n[node], node)), shape=(n_unknowns, len(unknown_n)))


def pull_matrix(unknown_n: NDArray[np.intp], n_unknowns: int, bond_bn: Ints) -> sp.csr_matrix:
    """Matrix that sums the forces of bonds over the unknowns: on their first nodes, less on their second."""
    end = unknown_n[bond_bn.T.ravel()]
    bond, sign = np.tile(np.arange(len(bond_bn)), 2), np.repeat([1.0, -1.0], len(bond_bn))
    free = end >= 0
    return sp.csr_matrix((sign[free], (end[free], bond[free])), shape=(n_unknowns, len(bond_bn)))
