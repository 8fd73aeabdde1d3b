"""The tangent stiffness of lattice and bonds, and the numbering of its unknowns."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from latticecell.arrays import Floats, Ints


class Tangent:
    """The tangent stiffness: a fixed sparsity in which only the blocks of bonds change.

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
    """

    def __init__(self, lattice: sp.bsr_matrix, unknown_n: NDArray[np.intp], bond_bn: Ints):
        n = int(unknown_n.max()) + 1
        a, b = unknown_n[bond_bn].T
        member = gather_matrix(unknown_n, n)
        spread = sp.kron(member, sp.identity(3), format="csr")
        links = len(a)
        self.n = n
        self._ends = np.stack([a, b], axis=1)
        rows, cols = np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a])
        # Zero blocks of the bonds enter the pattern of the lattice through explicit zeros.
        elastic = (spread @ lattice.tocsr() @ spread.T).tobsr((3, 3))
        elastic.sort_indices()
        block_row = np.repeat(np.arange(n), np.diff(elastic.indptr))
        key = np.concatenate(
            [block_row.astype(np.int64) * n + elastic.indices, rows.astype(np.int64) * n + cols]
        )
        unique = np.unique(key)
        data = np.zeros((len(unique), 3, 3))
        data[np.searchsorted(unique, key[: len(block_row)])] = elastic.data
        start = np.concatenate(([0], np.cumsum(np.bincount(unique // n, minlength=n))))
        self._base = sp.bsr_matrix((data, unique % n, start), shape=(3 * n, 3 * n))
        slot = np.searchsorted(unique, key[len(block_row) :])
        self._touched, where = np.unique(slot, return_inverse=True)
        sign = np.repeat([1.0, 1.0, -1.0, -1.0], links)
        column = np.tile(np.arange(links), 4)
        self._sum = sp.csr_matrix((sign, (where, column)), shape=(len(self._touched), links))
        diagonal = data[np.searchsorted(unique, np.arange(n, dtype=np.int64) * (n + 1))]
        self._lattice_i = np.trace(diagonal, axis1=1, axis2=2) / 3

    def matrix(self, tangent_bcc: Floats) -> sp.bsr_matrix:
        """Tangent of the lattice and of bonds with the given tangents [N/m]."""
        data = self._base.data.copy()
        if len(tangent_bcc):
            data[self._touched] += (self._sum @ tangent_bcc.reshape(-1, 9)).reshape(-1, 3, 3)
        return sp.bsr_matrix((data, self._base.indices, self._base.indptr), shape=self._base.shape)

    def stiff_groups(self, tangent_bcc: Floats) -> NDArray[np.integer]:
        """Unknowns joined by bonds that are stiffer than the lattice at either end, numbered."""
        n = len(self._lattice_i)
        mean = np.trace(tangent_bcc, axis1=1, axis2=2) / 3
        stiff = mean > 0.3 * self._lattice_i[self._ends].min(axis=1)
        a, b = self._ends[stiff].T
        graph = sp.coo_matrix((np.ones(len(a), bool), (a, b)), shape=(n, n))
        return connected_components(graph, directed=False)[1]


def positive_part(tangent_bcc: Floats) -> Floats:
    """Tangents with negative eigenvalues lifted to a small positive one."""
    if not len(tangent_bcc):
        return tangent_bcc
    value, vector = np.linalg.eigh(tangent_bcc)
    floor = 1e-9 * np.abs(value).max()
    value = np.maximum(value, floor)
    return np.einsum("bij,bj,bkj->bik", vector, value, vector)


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
