"""Gauss-Seidel in fixed patterns: between two levels for a store, and in a multigrid cycle."""

from __future__ import annotations

import numpy as np
import pyamg
import scipy.sparse as sp
from numpy.typing import NDArray

from latticecell._kernels import relaxation as kernels
from latticecell.arrays import Floats, Ints


class Sweeps:
    """A matrix made ready for sweeps. Its values may change in place, its pattern not.

    Parameters
    ----------
    matrix : (n, n) csr_matrix
        Rows sorted, with every diagonal entry in its pattern.
    """

    def __init__(self, matrix: sp.csr_matrix):
        self.matrix = matrix
        n = matrix.shape[0]
        row = np.repeat(np.arange(n, dtype=np.int32), np.diff(matrix.indptr))
        self.middle: Ints = np.flatnonzero(row == matrix.indices).astype(np.int32)
        self._rest = np.empty(n)

    def sweep(self, rhs: Floats, x: Floats, *, fresh: bool = False, residual: bool = False) -> Floats:
        """Sweep forward and backward over ``x``, in place.

        Parameters
        ----------
        rhs, x : (n,) float64
        fresh : bool
            Whether ``x`` counts as zero.
        residual : bool
            Whether the residual is wanted.

        Returns
        -------
        (n,) float64
            The residual, if wanted; overwritten by the next call.
        """
        matrix, rest = self.matrix, self._rest
        kernels.symmetric_sweep(
            matrix.indptr, matrix.indices, self.middle, matrix.data, rhs,
            x=x, rest=rest, fresh=fresh, residual=residual,
        )  # fmt: skip
        return rest


class TwoLevel:
    """Two-level Gauss-Seidel of matrices of one pattern: sums over groups, then nodes.

    Parameters
    ----------
    index, start : (n_entries,) and (n + 1,) int32
        Pattern of the matrices, CSR with sorted rows.
    group_n : (n,) int
        Group of each node, numbered without holes: nodes that conduct far better within than around it, such
        as the copies of a site.

    Attributes
    ----------
    fine : Sweeps
        Of the matrix; write its values there, then call `update`.
    """

    def __init__(self, index: Ints, start: Ints, group_n: NDArray[np.integer]):
        n, n_groups = len(group_n), int(group_n.max()) + 1
        self.fine = Sweeps(sp.csr_matrix((np.empty(len(index)), index, start), shape=(n, n)))
        row = np.repeat(group_n, np.diff(start)).astype(np.int64)
        entry, slot = np.unique(row * n_groups + group_n[index], return_inverse=True)
        first = np.searchsorted(entry, np.arange(n_groups + 1) * n_groups).astype(np.int32)
        pattern = (np.empty(len(entry)), (entry % n_groups).astype(np.int32), first)
        self._coarse = Sweeps(sp.csr_matrix(pattern, shape=(n_groups, n_groups)))
        self._slot = slot.astype(np.int32)
        self._group_n = group_n

    def update(self) -> None:
        """Take over new values of the matrix."""
        kernels.sum_entries(self.fine.matrix.data, self._slot, out=self._coarse.matrix.data)

    def solve(self, rhs: Floats) -> tuple[Floats, Floats]:
        """Return the approximate solution and the residual it leaves, both (n,).

        A fixed linear operator between updates.
        """
        sums = np.empty(self._coarse.matrix.shape[0])
        self._coarse.sweep(np.bincount(self._group_n, rhs, len(sums)).astype(float), sums, fresh=True)
        x = sums[self._group_n]
        return x, self.fine.sweep(rhs, x, residual=True).copy()


class ScalarCycle:
    """V-cycle on the matrices of a hierarchy of PyAMG, with symmetric Gauss-Seidel: symmetric and definite.

    Parameters
    ----------
    hierarchy : pyamg hierarchy
        Of a symmetric positive definite matrix.
    """

    def __init__(self, hierarchy: pyamg.multilevel.MultilevelSolver):
        *fine, last = hierarchy.levels
        self._levels = [(Sweeps(_sorted(each.A)), _sorted(each.R), _sorted(each.P)) for each in fine]
        self._last = np.linalg.pinv(last.A.toarray())

    def __call__(self, rhs: Floats) -> Floats:
        """Return the approximate solution, (n,)."""
        return self._cycle(0, rhs)

    def _cycle(self, k: int, rhs: Floats) -> Floats:
        if k == len(self._levels):
            return np.asarray(self._last @ rhs)
        sweeps, restrict, prolong = self._levels[k]
        x = np.empty(len(rhs))
        residual = sweeps.sweep(rhs, x, fresh=True, residual=True)
        x += prolong @ self._cycle(k + 1, restrict @ residual)
        sweeps.sweep(rhs, x)
        return x


def _sorted(matrix: sp.spmatrix) -> sp.csr_matrix:
    result = matrix.tocsr()
    result.sort_indices()
    return result
