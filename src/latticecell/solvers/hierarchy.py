"""A hierarchy of the lattice without bonds, made once, and its fit to the bonds of a tangent.

Bonds open and close, the lattice between them stays. So the smoothed aggregation of PyAMG sees the lattice
only. For each tangent, its prolongation P is projected on what the stiff bonds leave free, Q = P - S P, and
the coarse matrix Q^T A Q is that of the lattice plus what bonds change. The smoother solves clusters of
copies exactly, and rigid motions of loose bodies are deflated. All patterns are made once; they hold what
bonds could ever join.
"""

from __future__ import annotations

import numpy as np
import pyamg
import scipy.sparse as sp

from latticecell.arrays import Floats
from latticecell.solvers.blocks import BlockMatrix, diagonal_blocks
from latticecell.solvers.bodies import Bodies
from latticecell.solvers.clusters import Fit
from latticecell.solvers.cycle import Cycle, Level, smoothing_polynomial, spectral_bound
from latticecell.solvers.galerkin import Coarsening, Galerkin, Stretches
from latticecell.solvers.krylov import Operator
from latticecell.solvers.tangent import Tangent

LARGEST_COARSE = 100
"""Block unknowns of the coarsest level, which is solved directly."""
LIFT = 1e-8
"""What is added to the lattice, relative to its stiffness, while its hierarchy is made: parts are loose."""
FINE_STEPS, FINE_MARGIN = 60, 1.05
"""Of the power method on the finest level, once: few tets of a large lattice hold the largest eigenvalue."""
COARSE_LIFT = 1e-5
"""What is added to the coarsest matrix, relative to its diagonal: it was made in single precision."""


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
        lattice_i = np.trace(own_icc, axis1=1, axis2=2) / 3
        self._lattice_b = lattice_i[tangent.end_bi].min(axis=1)
        self._scale = scale = float(lattice_i.mean())
        self._single = BlockMatrix.of(matrix / scale, n_threads, np.float32)
        row_k, column_k = tangent.clusters.row_k, tangent.clusters.column_k
        # Only the blocks of clusters will change.
        every = np.arange(n)
        self._inverse = BlockMatrix.of_places(
            np.concatenate([every, row_k]), np.concatenate([every, column_k]), n, n_threads, np.float32
        )
        self._inverse.block[self._inverse.find(every, every)] = np.linalg.inv(own_icc) * scale
        # With bonds, which D holds as A does, no eigenvalue of D^-1 A is above that of the lattice or one.
        bound = max(2.0, spectral_bound(self._single, self._inverse, FINE_STEPS, FINE_MARGIN))
        self._polynomial = smoothing_polynomial(bound)
        self._inverse_k = self._inverse.find(row_k, column_k)
        lattice = without_zeros(matrix)
        prolong, *steps = _prolongations((lattice / scale).astype(np.float32))
        self._single_stretches = Stretches.of(tangent.clusters, n_threads, np.float32)
        self._galerkin = Galerkin(tangent.clusters.member_q, self._single_stretches, lattice / scale, prolong)
        self._coarser: list[Coarsening] = []
        coarse = self._galerkin.coarse
        for step in steps:
            self._coarser.append(Coarsening(coarse, step))
            coarse = self._coarser[-1].coarse
        self._stretches = Stretches.of(tangent.clusters, n_threads)
        self._bodies = Bodies(tangent, self._stretches, lattice, lattice_i, x_ic)
        self._found: Fit | None = None

    def fit(self, tangent_bcc: Floats) -> Operator:
        """Return the preconditioner for bonds with the given tangents, positive definite [N/m].

        It is made of the tangents with negative eigenvalues lifted, and holds until the next one is made.
        """
        scale = self._scale
        found = self.adjust(tangent_bcc)
        self._stretches.take(found)
        self._single_stretches.take(found, scale)
        made = self._galerkin
        made.fit()
        coarse = made.coarse
        levels = [Level(self._single, made.prolong, made.restrict, self._inverse, self._polynomial)]
        for step in self._coarser:
            levels.append(step.level())
            coarse = step.take()
        cycle = Cycle(levels, _lifted_inverse(coarse))

        def approximate(r: Floats) -> Floats:
            return cycle((r / scale).astype(np.float32)).astype(np.float64)

        return self._bodies.deflate(found.softest_b, approximate)

    def adjust(self, tangent_bcc: Floats) -> Fit:
        """Bring matrix and smoother of the finest level up to date; what is coarser stays as it was fitted.

        Enough where few bonds have changed, at a twentieth of the cost.
        """
        tangent = self._tangent
        self._found = found = tangent.clusters.fit(
            tangent_bcc, self._lattice_b, tangent.bare_kcc, self._n_threads, self._found
        )
        self._single.place(found.own, tangent.touched_k, 1.0 / self._scale)
        self._inverse.place(found.inverse, self._inverse_k, self._scale)
        return found


def _prolongations(lattice: sp.bsr_matrix) -> list[sp.bsr_matrix]:
    """Prolongations of the lattice, scaled to one, fine to coarse; nothing in them is random."""
    n = lattice.shape[0]
    hierarchy = pyamg.smoothed_aggregation_solver(
        lattice + LIFT * sp.identity(n, np.float32).tobsr((3, 3)),
        B=np.tile(np.eye(3, dtype=np.float32), (n // 3, 1)),
        strength=("symmetric", {"theta": 0.02}),
        smooth=("energy", {"maxiter": 4, "degree": 1}),
        presmoother=None,
        postsmoother=None,
        improve_candidates=None,
        max_coarse=min(LARGEST_COARSE, n // 9),
    )
    steps = [level.P.tobsr((3, 3)) for level in hierarchy.levels[:-1]]
    for step in steps:
        step.sort_indices()
    return steps


def _lifted_inverse(matrix: BlockMatrix) -> Floats:
    """Inverse of a symmetric matrix; it may be all but singular."""
    dense = matrix.dense().astype(np.float64)
    dense = 0.5 * (dense + dense.T)
    lift = COARSE_LIFT * float(dense.diagonal().mean())
    inverse = np.linalg.inv(dense + lift * np.eye(len(dense)))
    return 0.5 * (inverse + inverse.T)


def without_zeros(matrix: sp.bsr_matrix) -> sp.bsr_matrix:
    """Leave out the blocks that are zero."""
    size = np.abs(matrix.data).max(axis=(1, 2))
    kept = size > 1e-14 * size.max()
    count = np.concatenate(([0], np.cumsum(kept)))
    return sp.bsr_matrix(
        (matrix.data[kept], matrix.indices[kept], count[matrix.indptr].astype(np.int32)), shape=matrix.shape
    )
