"""Algebraic multigrid: for scalar fields, and for blocks of which some are joined by stiff bonds.

A bond of stiffness K A between two node copies is one to two orders stiffer than the lattice around it, which
ruins plain smoothed aggregation. So copies that a stiff bond joins are merged into one unknown for the
multigrid part, and their relative motion is left to exact solves of the small blocks of copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyamg
import scipy.sparse as sp
from numpy.typing import NDArray

from latticecell.arrays import Floats

DAMPING = 0.5
"""Weight of the block solves before and after the multigrid cycle; keeps the preconditioner definite."""


def scalar_hierarchy(matrix: sp.csr_matrix) -> pyamg.multilevel.MultilevelSolver:
    """Return a smoothed-aggregation hierarchy of a symmetric conduction or diffusion matrix.

    Local weights smooth the prolongation: the usual spectral radius starts from random numbers.
    """
    return pyamg.smoothed_aggregation_solver(
        matrix,
        symmetry="symmetric",
        strength=("symmetric", {"theta": 0.0}),
        smooth=("jacobi", {"omega": 4 / 3, "weighting": "local"}),
        presmoother=("gauss_seidel", {"sweep": "symmetric"}),
        postsmoother=("gauss_seidel", {"sweep": "symmetric"}),
        improve_candidates=None,
        max_coarse=50,
    )


class MergedMultigrid:
    """Preconditioner of a block matrix some of whose unknowns are joined by stiff bonds.

    Parameters
    ----------
    matrix : (3 n, 3 n) BSR
        Symmetric positive definite, 3x3 blocks.
    x_ic : (n, 3) float64
        Positions of the block unknowns, for the rigid modes [m].
    group_i : (n,) int
        Unknowns with the same number are merged; numbers run from 0 without holes.
    """

    def __init__(self, matrix: sp.bsr_matrix, x_ic: Floats, group_i: NDArray[np.integer]):
        n = len(group_i)
        n_groups = int(group_i.max()) + 1
        ones = np.ones(n)
        member = sp.csr_matrix((ones, (np.arange(n), group_i)), shape=(n, n_groups))
        self._matrix = matrix
        self._merge = sp.kron(member, sp.identity(3), format="csr")
        self._split = self._merge.T.tocsr()
        coarse = (self._split @ matrix.tocsr() @ self._merge).tobsr((3, 3))
        centre = np.stack(
            [np.bincount(group_i, x_ic[:, c], n_groups) / np.bincount(group_i) for c in range(3)], axis=1
        )
        with repeatable():
            self._cycle = _hierarchy(coarse, centre).aspreconditioner(cycle="V")
            self._cycle @ np.ones(coarse.shape[0])  # smoothers are set up at the first use
        self._blocks = _group_inverses(matrix, group_i)

    def __call__(self, r: Floats) -> Floats:
        """Apply the approximate inverse."""
        x = DAMPING * (self._blocks @ r)
        x += self._merge @ (self._cycle @ (self._split @ (r - self._matrix @ x)))
        x += DAMPING * (self._blocks @ (r - self._matrix @ x))
        return x


@contextmanager
def repeatable() -> Iterator[None]:
    """Give PyAMG's estimates of spectral radii the same start vectors each time.

    They are drawn from NumPy's global generator, whose state is put back afterwards.
    """
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(20180403)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _hierarchy(matrix: sp.bsr_matrix, x_ic: Floats) -> pyamg.multilevel.MultilevelSolver:
    return pyamg.smoothed_aggregation_solver(
        matrix,
        B=rigid_modes(x_ic),
        strength=("symmetric", {"theta": 0.02}),
        smooth=("jacobi", {"omega": 4.0 / 3.0}),
        presmoother=("chebyshev", {"degree": 2}),
        postsmoother=("chebyshev", {"degree": 2}),
        improve_candidates=None,
        max_coarse=300,
        coarse_solver="splu",
    )


def rigid_modes(x_ic: Floats) -> Floats:
    """Three translations and three rotations of points, (3 n, 6), columns of similar size."""
    y = x_ic - x_ic.mean(axis=0)
    y = y / max(float(np.abs(y).max()), 1e-300)
    modes = np.zeros((len(y), 3, 6))
    for c in range(3):
        axis = np.eye(3)[c]
        modes[:, c, c] = 1.0
        modes[:, :, 3 + c] = np.cross(axis, y)
    return modes.reshape(-1, 6)


def _group_inverses(matrix: sp.bsr_matrix, group_i: NDArray[np.integer]) -> sp.csr_matrix:
    """Inverses of the diagonal blocks of groups with several members; zero elsewhere."""
    n = len(group_i)
    size = np.bincount(group_i)
    order = np.argsort(group_i, kind="stable")
    start = np.concatenate(([0], np.cumsum(size)))
    csr = matrix.tocsr()
    rows, cols, values = [], [], []
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n) - start[group_i[order]]
    row = np.repeat(np.arange(3 * n), np.diff(csr.indptr))
    col = csr.indices
    inside = group_i[row // 3] == group_i[col // 3]
    row, col, data = row[inside], col[inside], csr.data[inside]
    for m in np.unique(size[size > 1]):
        groups = np.flatnonzero(size == m)
        slot = np.full(len(size), -1)
        slot[groups] = np.arange(len(groups))
        own = slot[group_i[row // 3]] >= 0
        dense = np.zeros((len(groups), 3 * m, 3 * m))
        a, b = row[own], col[own]
        dense[slot[group_i[a // 3]], 3 * rank[a // 3] + a % 3, 3 * rank[b // 3] + b % 3] = data[own]
        inverse = np.linalg.inv(dense)
        member = order[start[groups][:, None] + np.arange(m)]
        dof = (3 * member[:, :, None] + np.arange(3)).reshape(len(groups), 3 * m)
        rows.append(np.repeat(dof, 3 * m, axis=1).ravel())
        cols.append(np.tile(dof, (1, 3 * m)).ravel())
        values.append(inverse.ravel())
    if not rows:
        return sp.csr_matrix((3 * n, 3 * n))
    return sp.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(cols))), shape=(3 * n, 3 * n)
    )
