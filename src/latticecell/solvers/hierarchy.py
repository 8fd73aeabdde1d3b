"""A hierarchy of the lattice without bonds, made once, and its fit to the bonds of a tangent.

Bonds open and close, the lattice between them stays. So the smoothed aggregation of PyAMG sees the lattice
only. For each tangent, its prolongation P is projected on what the stiff bonds leave free, Q = Pi P, and the
coarse matrix Q^T A Q is that of the lattice plus what bonds change. The smoother solves clusters of copies
exactly, and rigid motions of loose bodies are deflated.
"""

from __future__ import annotations

import numpy as np
import pyamg
import scipy.sparse as sp
from numpy.typing import NDArray

from latticecell.arrays import Bools, Floats
from latticecell.solvers.blocks import BlockMatrix, Groups, diagonal_blocks
from latticecell.solvers.bodies import Bodies, Deflation
from latticecell.solvers.clusters import STIFF, Clusters
from latticecell.solvers.cycle import Cycle, Level, spectral_bound
from latticecell.solvers.krylov import Operator
from latticecell.solvers.tangent import Tangent

LARGEST_COARSE = 100
"""Block unknowns of the coarsest level, which is solved directly."""
LIFT = 1e-8
"""What is added to the lattice, relative to its stiffness, while its hierarchy is made: parts are loose."""
FINE_MARGIN = 1.1
COARSE_LIFT = 1e-7
"""What is added to the coarsest matrix, relative to its diagonal: the cycle is in single precision."""


class Hierarchy:
    """Multigrid hierarchy of a lattice.

    Parameters
    ----------
    tangent : Tangent
    x_ic : (n, 3) float64
        Positions of the unknowns [m].
    n_threads : int
        Threads of the products; results do not depend on it.
    """

    def __init__(self, tangent: Tangent, x_ic: Floats, n_threads: int):
        n, self._n_threads, self._tangent = tangent.n, n_threads, tangent
        matrix = tangent.matrix(np.zeros((len(tangent.end_bi), 3, 3)))
        own_icc = diagonal_blocks(matrix)
        self._lattice_i = np.trace(own_icc, axis1=1, axis2=2) / 3
        self._scale = scale = float(self._lattice_i.mean())
        self._own_icc, self._inverse_icc = own_icc, np.linalg.inv(own_icc)
        self._single = BlockMatrix.of(matrix / scale, n_threads, np.float32)
        row_k = np.repeat(np.arange(n, dtype=np.int32), np.diff(matrix.indptr))
        touched = tangent.touched_k
        self._bond_row, self._bond_col = row_k[touched], matrix.indices[touched]
        self._bare = matrix.data[touched]
        lattice = without_zeros(matrix)
        self._bodies = Bodies(lattice, self._lattice_i, tangent.end_bi, x_ic)
        # Bonds are either solved exactly with their cluster, or at most double their own diagonal blocks.
        alone = Groups.of([(np.arange(n)[:, None], self._inverse_icc * scale)], n_threads)
        self._bound = max(2.0, spectral_bound(self._single, alone, FINE_MARGIN))
        self._prolong, *self._coarser = _prolongations(lattice, scale)
        self._restrict = self._prolong.transpose()
        forces = lattice @ self._prolong
        self._coarse = (self._restrict @ forces).tobsr((3, 3))
        is_end_i = np.zeros(n, bool)
        is_end_i[tangent.end_bi.ravel()] = True
        self._end_forces, _ = rows_of(forces.tobsr((3, 3)), is_end_i)
        self._end_rows, self._end_k = rows_of(matrix, is_end_i)

    def fit(self, tangent_bcc: Floats) -> Operator:
        """Return the preconditioner for bonds with the given tangents, positive definite [N/m]."""
        tangent, n_threads, scale = self._tangent, self._n_threads, self._scale
        matrix = tangent.matrix(tangent_bcc)
        touched = tangent.touched_k
        self._single.block[touched] = matrix.data[touched] / scale
        bonds = self._bond_matrix(matrix.data[touched] - self._bare)
        value_bv: Floats = np.linalg.eigvalsh(tangent_bcc).astype(np.float64, copy=False)
        clusters = Clusters(tangent_bcc, value_bv[:, 2], tangent.end_bi, self._lattice_i)
        correction = clusters.correction()
        change = correction @ self._prolong  # Q - P
        forces = bonds @ self._prolong
        self._end_rows.data[:] = matrix.data[self._end_k]
        half = change.transpose() @ (self._end_forces + forces + 0.5 * (self._end_rows @ change))
        coarse = (self._coarse + self._restrict @ forces + half + half.transpose()).tobsr((3, 3))
        prolong = (self._prolong + change).tobsr((3, 3))
        levels = [self._level(self._single, prolong, self._groups(matrix, clusters), self._bound)]
        for step in self._coarser:
            block = BlockMatrix.of(coarse / scale, n_threads, np.float32)
            inverse = np.linalg.inv(diagonal_blocks(coarse)) * scale
            groups = Groups.of([(np.arange(len(inverse))[:, None], inverse)], n_threads)
            levels.append(self._level(block, step, groups, spectral_bound(block, groups)))
            coarse = (step.transpose() @ (coarse @ step)).tobsr((3, 3))
        cycle = Cycle(levels, _lifted_inverse(coarse.toarray() / scale))

        def approximate(r: Floats) -> Floats:
            return cycle((r / scale).astype(np.float32)).astype(np.float64)

        modes = self._bodies.modes(value_bv[:, 0], STIFF)
        if modes is None:
            return approximate
        moved = correction @ modes
        return Deflation(modes + moved, matrix @ moved + bonds @ modes, approximate)

    def _bond_matrix(self, block_k: Floats) -> sp.bsr_matrix:
        n = self._tangent.n
        start = np.concatenate(([0], np.cumsum(np.bincount(self._bond_row, minlength=n)))).astype(np.int32)
        return sp.bsr_matrix((block_k, self._bond_col, start), shape=(3 * n, 3 * n))

    def _groups(self, matrix: sp.bsr_matrix, clusters: Clusters) -> Groups:
        """Clusters, and every other unknown for itself."""
        own_icc, inverse_icc = self._own_icc.copy(), self._inverse_icc.copy()
        on_diagonal = self._bond_row == self._bond_col
        ends = self._bond_row[on_diagonal]
        own_icc[ends] = matrix.data[self._tangent.touched_k[on_diagonal]]
        single = ends[clusters.alone_i[ends]]
        inverse_icc[single] = np.linalg.inv(own_icc[single])
        alone = np.flatnonzero(clusters.alone_i)
        parts = [(alone[:, None], inverse_icc[alone]), *clusters.inverses(own_icc)]
        return Groups.of([(member, inverse * self._scale) for member, inverse in parts], self._n_threads)

    def _level(self, matrix: BlockMatrix, prolong: sp.bsr_matrix, groups: Groups, bound: float) -> Level:
        down = BlockMatrix.of(prolong, self._n_threads, np.float32)
        up = BlockMatrix.of(prolong.transpose(), self._n_threads, np.float32)
        return Level(matrix, down, up, groups, bound)


def _prolongations(lattice: sp.bsr_matrix, scale: float) -> list[sp.bsr_matrix]:
    """Prolongations of the lattice, fine to coarse; nothing in them is random."""
    n = lattice.shape[0]
    hierarchy = pyamg.smoothed_aggregation_solver(
        (lattice / scale + LIFT * sp.identity(n)).tobsr((3, 3)),
        B=np.tile(np.eye(3), (n // 3, 1)),
        strength=("symmetric", {"theta": 0.02}),
        smooth=("energy", {"maxiter": 4, "degree": 1}),
        presmoother=None,
        postsmoother=None,
        improve_candidates=None,
        max_coarse=min(LARGEST_COARSE, n // 9),
    )
    return [level.P.tobsr((3, 3)) for level in hierarchy.levels[:-1]]


def _lifted_inverse(matrix: Floats) -> Floats:
    """Inverse of a symmetric matrix that may be all but singular."""
    lift = COARSE_LIFT * float(matrix.diagonal().mean())
    inverse = np.linalg.inv(matrix + lift * np.eye(len(matrix)))
    return 0.5 * (inverse + inverse.T)


def without_zeros(matrix: sp.bsr_matrix) -> sp.bsr_matrix:
    """Leave out the blocks that are zero."""
    size = np.abs(matrix.data).max(axis=(1, 2))
    kept = size > 1e-14 * size.max()
    count = np.concatenate(([0], np.cumsum(kept)))
    return sp.bsr_matrix(
        (matrix.data[kept], matrix.indices[kept], count[matrix.indptr].astype(np.int32)), shape=matrix.shape
    )


def rows_of(matrix: sp.bsr_matrix, wanted_i: Bools) -> tuple[sp.bsr_matrix, NDArray[np.intp]]:
    """Return a matrix without the block rows that are not wanted, and which blocks it took."""
    kept = np.flatnonzero(np.repeat(wanted_i, np.diff(matrix.indptr)))
    start = np.concatenate(([0], np.cumsum(np.diff(matrix.indptr) * wanted_i))).astype(np.int32)
    return sp.bsr_matrix((matrix.data[kept], matrix.indices[kept], start), shape=matrix.shape), kept
