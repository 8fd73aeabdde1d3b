"""Clusters: copies of a site that bonds join.

A bond of stiffness K A between two copies is one to two orders stiffer than the lattice around it, along its
normal only where it slides in contact, and next to nothing where it is open. Coarse spaces must not stretch
what is stiff, and the smoother must solve it. Which copies bonds join never changes, so that the lists here
are made once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from latticecell._kernels import clusters as kernels
from latticecell.arrays import Floats
from latticecell.solvers.blocks import BlockMatrix

STIFF = 0.3
"""Stiffness of a bond, relative to that of the lattice at its ends, above which it counts as stiff."""
LEAST = 1e-9
"""Least stiffness of a bond, relative to the same, that the preconditioner sees: it must be positive."""


class Fit(NamedTuple):
    """Clusters under the bonds of one tangent, in blocks (n_blocks, 3, 3), cluster by cluster.

    The next fit that is given this one changes it.

    Attributes
    ----------
    stiff : float64
        Projection on what strains bonds stiffly [1].
    soft : float64
        Stiffness against all other strains of the bonds [N/m].
    own, inverse : float64
        Diagonal blocks of the matrix with bonds [N/m], and their inverses.
    tangent_bcc : (n_active, 3, 3) float64
        Tangents of the bonds [N/m].
    value_bk, axis_bkc : float64
        Their eigenvalues (n_active, 3) [N/m], and eigenvectors in rows.
    scratch : float64
        Room.
    """

    stiff: Floats
    soft: Floats
    own: Floats
    inverse: Floats
    tangent_bcc: Floats
    value_bk: Floats
    axis_bkc: Floats
    scratch: Floats

    @classmethod
    def blank(cls, n_blocks: int, n_active: int) -> Fit:
        """Return room for a fit."""
        stiff, soft, own, inverse, scratch = np.zeros((5, n_blocks, 3, 3))
        tangent_bcc, axis_bkc = np.zeros((2, n_active, 3, 3))
        return cls(stiff, soft, own, inverse, tangent_bcc, np.zeros((n_active, 3)), axis_bkc, scratch)

    @property
    def softest_b(self) -> Floats:
        """Least eigenvalues of the tangents of the bonds, (n_active,) [N/m]."""
        return self.value_bk.min(axis=1)


class Clusters:
    """Clusters of unknowns that bonds join.

    Parameters
    ----------
    n : int
        Number of unknowns.
    end_bi : (n_active, 2) intp
        Those at the ends of the bonds.

    Attributes
    ----------
    member_q : (n_members,) intp
        Unknowns, cluster by cluster.
    row_k, column_k : (n_blocks,) intp
        Unknowns of the blocks between the members of each cluster.
    """

    def __init__(self, n: int, end_bi: NDArray[np.intp]):
        a, b = end_bi.T
        graph = sp.coo_matrix((np.ones(len(a), bool), (a, b)), shape=(n, n))
        label_i = connected_components(graph, directed=False)[1]
        size = np.bincount(label_i)
        order = np.argsort(label_i, kind="stable")
        self.member_q = order[size[label_i[order]] > 1]
        size_g = size[size > 1]
        self._start_g = _starts(size_g)
        self._offset_g = _starts(size_g**2)
        place_i = np.zeros(n, np.intp)
        place_i[self.member_q] = np.arange(len(self.member_q)) - np.repeat(self._start_g[:-1], size_g)
        size_q = np.repeat(size_g, size_g)
        nth = np.arange(self._offset_g[-1]) - np.repeat(_starts(size_q)[:-1], size_q)
        self.row_k = np.repeat(self.member_q, size_q)
        place_k = np.repeat(np.repeat(self._start_g[:-1], size_g), size_q) + nth
        self.column_k, self._place_k = self.member_q[place_k], place_k.astype(np.int32)
        number = np.cumsum(size > 1) - 1  # of the cluster of a label
        self._cluster_b = number[label_i[a]]
        self._bond = np.argsort(self._cluster_b, kind="stable").astype(np.int32)
        self._bonds_g = _starts(np.bincount(self._cluster_b, minlength=len(size_g)))
        self._place_be = place_i[end_bi]
        self._places = self._place_be[self._bond].astype(np.int32)
        self._size_g = size_g
        self._start_q = _starts(size_q)

    def stretching(self) -> sp.csr_matrix:
        """Matrix that sums what bonds add to the blocks of the clusters, (n_blocks, n_active)."""
        m, o = self._size_g[self._cluster_b], self._offset_g[self._cluster_b]
        a, b = self._place_be.T
        where = np.concatenate([o + m * a + a, o + m * b + b, o + m * a + b, o + m * b + a])
        sign, bond = np.repeat([1.0, 1.0, -1.0, -1.0], len(a)), np.tile(np.arange(len(a)), 4)
        return sp.csr_matrix((sign, (where, bond)), shape=(len(self.row_k), len(a)))

    def matrix(self, n_threads: int, dtype: type) -> BlockMatrix:
        """Return a matrix of zeros between the members of each cluster, (n_members, n_members)."""
        blank: NDArray = np.zeros((len(self.row_k), 3, 3), dtype)
        return BlockMatrix(self._start_q, self._place_k, blank, n_threads)

    def fit(
        self, tangent_bcc: Floats, lattice_b: Floats, lattice_kcc: Floats, n_threads: int,
        last: Fit | None = None,
    ) -> Fit:  # fmt: skip
        """Fit them to the tangents of the bonds, (n_active, 3, 3) [N/m], which may be indefinite.

        Parameters
        ----------
        lattice_b : (n_active,) float64
            Stiffness of the lattice at the bonds [N/m].
        lattice_kcc : (n_blocks, 3, 3) float64
            Blocks of the clusters without bonds [N/m].
        n_threads : int
        last : Fit, optional
            A fit in the same lattice, which is brought up to date where tangents differ, and returned.
        """
        n_active, n_clusters = len(tangent_bcc), len(self._size_g)
        if last is None:
            last = Fit.blank(len(lattice_kcc), n_active)
            changed, chosen = np.arange(n_active), np.arange(n_clusters)
        else:
            changed = np.flatnonzero((tangent_bcc != last.tangent_bcc).any(axis=(1, 2)))
            chosen = np.flatnonzero(np.bincount(self._cluster_b[changed], minlength=n_clusters))
        last.tangent_bcc[...] = tangent_bcc
        kernels.find_axes(
            last.tangent_bcc, changed.astype(np.int32),
            value_bk=last.value_bk, axis_bkc=last.axis_bkc, n_threads=n_threads,
        )  # fmt: skip
        kernels.fit_clusters(
            self._start_g, self._offset_g, self._bonds_g, self._bond, self._places, last.value_bk,
            last.axis_bkc, STIFF * lattice_b, LEAST * lattice_b, lattice_kcc, chosen.astype(np.int32),
            stiff=last.stiff, soft=last.soft, own=last.own, inverse=last.inverse, scratch=last.scratch,
            n_threads=n_threads,
        )  # fmt: skip
        return last


def _starts(count: NDArray[np.integer]) -> NDArray[np.int32]:
    return np.concatenate(([0], np.cumsum(count))).astype(np.int32)
