"""Clusters: copies of a site that stiff bonds join.

A bond of stiffness K A between two copies is one to two orders stiffer than the lattice around it, along its
normal only where it slides in contact. Coarse spaces must not stretch it, and the smoother must solve it.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from latticecell.arrays import Bools, Floats

STIFF = 0.3
"""Stiffness of a bond, relative to that of the lattice at its ends, above which it joins them."""


Inverses = tuple[NDArray[np.integer], NDArray[np.floating]]
"""Members of groups of one size, (g, m), and their inverses, (g, 3 m, 3 m)."""


class Clusters:
    """Clusters of unknowns under the bonds of one tangent.

    Parameters
    ----------
    tangent_bcc : (n_active, 3, 3) float64
        Tangents of the bonds, positive semi-definite [N/m].
    stiffest_b : (n_active,) float64
        Their largest eigenvalues [N/m].
    end_bi : (n_active, 2) intp
        Unknowns at their ends.
    lattice_i : (n,) float64
        Stiffness of the lattice at each unknown [N/m].

    Attributes
    ----------
    members : list of (n_clusters, m) intp
        Unknowns of the clusters of m unknowns, m > 1.
    alone_i : (n,) bool
        Unknowns that belong to none.
    """

    def __init__(self, tangent_bcc: Floats, stiffest_b: Floats, end_bi: NDArray[np.intp], lattice_i: Floats):
        n = len(lattice_i)
        self._tangent_bcc, self._end_bi, self._lattice_i = tangent_bcc, end_bi, lattice_i
        stiff = stiffest_b > STIFF * lattice_i[end_bi].min(axis=1)
        a, b = end_bi[stiff].T
        graph = sp.coo_matrix((np.ones(len(a), bool), (a, b)), shape=(n, n))
        label_i = connected_components(graph, directed=False)[1]
        size = np.bincount(label_i)
        order = np.argsort(label_i, kind="stable")
        first = np.concatenate(([0], np.cumsum(size)))
        self._label_i = label_i
        self._place_i = np.empty(n, np.intp)  # within the cluster
        self._place_i[order] = np.arange(n) - first[label_i[order]]
        self.alone_i: Bools = size[label_i] == 1
        self.members = [
            order[first[np.flatnonzero(size == m)][:, None] + np.arange(m)] for m in np.unique(size[size > 1])
        ]
        self._joints = [self._joint(member) for member in self.members]

    def inverses(self, own_icc: Floats) -> list[Inverses]:
        """Members and inverses (g, 3 m, 3 m) of the diagonal blocks of the clusters.

        ``own_icc`` (n, 3, 3) are the diagonal blocks of the whole matrix.
        """
        parts: list[Inverses] = []
        for member, joint in zip(self.members, self._joints, strict=True):
            block, place = joint.copy(), np.arange(member.shape[1])
            block[:, place, :, place, :] = own_icc[member].transpose(1, 0, 2, 3)
            width = 3 * member.shape[1]
            parts.append((member, np.linalg.inv(block.reshape(len(member), width, width))))
        return parts

    def correction(self) -> sp.bsr_matrix:
        """Return Pi - 1, where Pi takes away what strains the bonds of a cluster stiffly, (3 n, 3 n)."""
        n = len(self._lattice_i)
        rows, cols, blocks = [np.zeros(0, np.intp)], [np.zeros(0, np.intp)], [np.zeros((0, 3, 3))]
        for member, joint in zip(self.members, self._joints, strict=True):
            g, m = member.shape
            value, vector = np.linalg.eigh(joint.reshape(g, 3 * m, 3 * m))
            stiff = value > STIFF * self._lattice_i[member].min(axis=1)[:, None]
            stretch = vector * stiff[:, None, :]
            taken = -np.matmul(stretch, stretch.transpose(0, 2, 1)).reshape(g, m, 3, m, 3)
            rows.append(np.repeat(member, m, axis=1).ravel())
            cols.append(np.tile(member, (1, m)).ravel())
            blocks.append(taken.transpose(0, 1, 3, 2, 4).reshape(-1, 3, 3))
        row, col, block = np.concatenate(rows), np.concatenate(cols), np.concatenate(blocks)
        order = np.lexsort((col, row))
        start = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=n))))
        return sp.bsr_matrix(
            (block[order], col[order].astype(np.int32), start.astype(np.int32)), shape=(3 * n, 3 * n)
        )

    def _joint(self, member: NDArray[np.intp]) -> Floats:
        """Stiffness of the bonds inside clusters of the same size, (g, m, 3, m, 3)."""
        g, m = member.shape
        slot = np.full(len(self._label_i), -1)  # of the label
        slot[self._label_i[member[:, 0]]] = np.arange(g)
        a, b = self._end_bi.T
        inside = np.flatnonzero((self._label_i[a] == self._label_i[b]) & (slot[self._label_i[a]] >= 0))
        which, k = slot[self._label_i[a[inside]]], self._tangent_bcc[inside]
        a, b = self._place_i[a[inside]], self._place_i[b[inside]]
        joint = np.zeros((g, m, m, 3, 3))
        for i, j, sign in ((a, a, 1.0), (b, b, 1.0), (a, b, -1.0), (b, a, -1.0)):
            np.add.at(joint, (which, i, j), sign * k)
        return np.ascontiguousarray(joint.transpose(0, 1, 3, 2, 4))
