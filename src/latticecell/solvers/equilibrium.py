"""Linear systems of the equilibrium: what a solver of them is, and the one by multigrid."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from latticecell.arrays import Floats
from latticecell.errors import SolveError
from latticecell.solvers.krylov import LinearResult, conjugate_gradients
from latticecell.solvers.multigrid import MergedMultigrid
from latticecell.solvers.tangent import Tangent, positive_part

REBUILD_ABOVE = 25
"""Iterations above which the preconditioner is made anew."""
MOST_ITERATIONS = 200


class EquilibriumSolver(Protocol):
    """Solves systems with the tangent of lattice and bonds as Newton's method goes on.

    Registered in ``EQUILIBRIUM_SOLVERS`` is what makes it, from the `Tangent` and the positions of the
    unknowns, (n, 3) [m]. What a solver keeps from one system to the next is its own affair, but must not
    outlive `forget`: the answers then depend on nothing that was solved before.
    """

    def update(self, tangent_bcc: Floats) -> None:
        """Take new tangents of the bonds, (n_active, 3, 3) [N/m]; they may be indefinite."""

    def solve(self, b: Floats, rtol: float) -> LinearResult:
        """Solve with the right-hand side ``b``, (3 n,) [N], to a residual of ``rtol`` relative to it.

        A tangent found to be indefinite is told in the result, whose ``x`` is then of no use. Raises
        `SolveError` if there is no solution.
        """

    def forget(self) -> None:
        """Drop what was kept from earlier systems."""


class MultigridEquilibrium:
    """Conjugate gradients with `MergedMultigrid`, rebuilt when it needs more than `REBUILD_ABOVE` iterations.

    The preconditioner is made of the tangent with its negative part lifted, at the first system after
    `forget` and whenever it has become too weak for the bonds as they are now.
    """

    def __init__(self, tangent: Tangent, x_ic: Floats):
        self._tangent, self._x_ic = tangent, x_ic
        self._bonds_bcc = np.zeros((0, 3, 3))
        self._matrix = None
        self._multigrid: MergedMultigrid | None = None

    def update(self, tangent_bcc: Floats) -> None:
        """Take new tangents of the bonds."""
        self._bonds_bcc = tangent_bcc
        self._matrix = self._tangent.matrix(tangent_bcc)

    def solve(self, b: Floats, rtol: float) -> LinearResult:
        """Solve one system."""
        multigrid = self._multigrid or self._build()
        found = conjugate_gradients(self._matrix, b, multigrid, rtol, 2 * REBUILD_ABOVE)
        if found.indefinite or found.residual <= rtol:
            if found.iterations > REBUILD_ABOVE:
                self._multigrid = None
            return found
        again = conjugate_gradients(self._matrix, b, self._build(), rtol, MOST_ITERATIONS)
        if not again.indefinite and again.residual > rtol:
            raise SolveError("the linear solver stalls", field="mechanics", residual=again.residual)
        return again._replace(iterations=found.iterations + again.iterations)

    def forget(self) -> None:
        """Drop the preconditioner."""
        self._multigrid = None

    def _build(self) -> MergedMultigrid:
        """Make the preconditioner of the present tangent."""
        positive = positive_part(self._bonds_bcc)
        groups = self._tangent.stiff_groups(positive)
        self._multigrid = MergedMultigrid(self._tangent.matrix(positive), self._x_ic, groups)
        return self._multigrid
