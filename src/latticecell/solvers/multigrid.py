"""Algebraic multigrid of scalar fields."""

from __future__ import annotations

import pyamg
import scipy.sparse as sp


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
