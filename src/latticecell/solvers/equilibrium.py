"""Linear systems of the equilibrium: what a solver of them is, and the one by multigrid."""

from __future__ import annotations

from typing import Protocol

from latticecell.arrays import Floats
from latticecell.errors import SolveError
from latticecell.solvers.blocks import BlockMatrix
from latticecell.solvers.hierarchy import Hierarchy
from latticecell.solvers.krylov import LinearResult, Operator, conjugate_gradients
from latticecell.solvers.tangent import Tangent

MOST_ITERATIONS = 300


class EquilibriumSolver(Protocol):
    """Solves systems with the tangent of lattice and bonds as Newton's method goes on.

    Registered in ``EQUILIBRIUM_SOLVERS`` is what makes it, from the `Tangent`, the positions of the unknowns,
    (n, 3) [m], and the number of threads. Answers depend on the system alone: on nothing that was solved
    before, and not on the threads, so that a resumed run equals an uninterrupted one bit for bit.
    """

    def update(self, tangent_bcc: Floats) -> None:
        """Take new tangents of the bonds, (n_active, 3, 3) [N/m]; they may be indefinite."""

    def adjust(self, tangent_bcc: Floats) -> None:
        """Take new tangents of which few differ from the last: what is made from them may be kept in part."""

    def solve(self, b: Floats, rtol: float) -> LinearResult:
        """Solve with the right-hand side ``b``, (3 n,) [N], to a residual of ``rtol`` relative to it.

        A tangent found to be indefinite is told in the result, whose ``x`` is then of no use. Raises
        `SolveError` if there is no solution.
        """


class MultigridEquilibrium:
    """Conjugate gradients with a multigrid hierarchy of the lattice that is fitted to each tangent.

    The preconditioner is made of the tangent with its negative part lifted.
    """

    def __init__(self, tangent: Tangent, x_ic: Floats, n_threads: int = 1):
        self._tangent, self._n_threads = tangent, n_threads
        self._hierarchy = Hierarchy(tangent, x_ic, n_threads)
        self._matrix: BlockMatrix
        self._precondition: Operator

    def update(self, tangent_bcc: Floats) -> None:
        """Take new tangents of the bonds."""
        self._precondition = self._hierarchy.fit(tangent_bcc)
        self._matrix = BlockMatrix.of(self._tangent.matrix(tangent_bcc), self._n_threads)

    def adjust(self, tangent_bcc: Floats) -> None:
        """Take new tangents of few bonds."""
        self._hierarchy.adjust(tangent_bcc)
        self._matrix = BlockMatrix.of(self._tangent.matrix(tangent_bcc), self._n_threads)

    def solve(self, b: Floats, rtol: float) -> LinearResult:
        """Solve one system."""
        found = conjugate_gradients(self._matrix, b, self._precondition, rtol, MOST_ITERATIONS)
        if not found.indefinite and found.residual > rtol:
            raise SolveError("the linear solver stalls", field="mechanics", residual=found.residual)
        return found
