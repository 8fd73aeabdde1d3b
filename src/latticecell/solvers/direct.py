"""Equilibrium by a direct factorisation, for small cells and as a check of the iterative solver."""

from __future__ import annotations

import numpy as np
import scipy.sparse.linalg as sla

from latticecell.arrays import Floats
from latticecell.solvers.krylov import LinearResult
from latticecell.solvers.tangent import Tangent


class DirectEquilibrium:
    """SuperLU on the diagonal, without pivoting: the signs of the pivots tell an indefinite tangent.

    A symmetric matrix is positive definite if and only if all its pivots are positive (Sylvester). Conjugate
    gradients notice an indefinite tangent only if they meet a direction of negative curvature, so the two
    solvers may take different steps, to the same equilibrium. Memory grows as n^(4/3).
    """

    def __init__(self, tangent: Tangent, x_ic: Floats, n_threads: int = 1):
        self._tangent = tangent
        self._factors: sla.SuperLU | None = None
        self._indefinite = False

    def update(self, tangent_bcc: Floats) -> None:
        """Factorise the tangent with new bonds."""
        self._indefinite = True
        try:
            self._factors = sla.splu(
                self._tangent.matrix(tangent_bcc).tocsc(),
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
        except RuntimeError:  # exactly singular
            return
        same = np.array_equal(self._factors.perm_r, self._factors.perm_c)
        self._indefinite = not same or bool((self._factors.U.diagonal() <= 0).any())

    def adjust(self, tangent_bcc: Floats) -> None:
        """Factorise anew."""
        self.update(tangent_bcc)

    def solve(self, b: Floats, rtol: float) -> LinearResult:
        """Solve one system, exactly but for round-off."""
        if self._factors is None or self._indefinite:
            return LinearResult(np.zeros_like(b), 1, 1.0, True)
        return LinearResult(self._factors.solve(b), 1, 0.0, False)
