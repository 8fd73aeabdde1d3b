"""Krylov methods: conjugate gradients and GMRES."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from latticecell.arrays import Floats

Operator = Callable[[Floats], Floats]

MOST_VECTORS = 80
"""Length of the basis of GMRES."""


class LinearResult(NamedTuple):
    """Solution of a linear system and how it was reached."""

    x: Floats
    iterations: int
    residual: float
    indefinite: bool


def conjugate_gradients(
    matrix: sp.spmatrix, b: Floats, precondition: Operator, rtol: float, max_iterations: int
) -> LinearResult:
    """Solve a symmetric system; stop at negative curvature.

    Parameters
    ----------
    matrix : sparse, (n, n)
    b : (n,) float64
    precondition : callable
        Symmetric positive definite approximation of the inverse.
    rtol : float
        Wanted norm of the residual relative to that of ``b``.
    max_iterations : int

    Returns
    -------
    LinearResult
        ``residual`` is relative; ``indefinite`` tells that a direction of negative curvature was met.
    """
    x = np.zeros_like(b)
    r = b.copy()
    target = rtol * np.linalg.norm(b)
    size = float(np.linalg.norm(b))
    if size == 0.0:
        return LinearResult(x, 0, 0.0, False)
    z = precondition(r)
    p = z.copy()
    rz = float(r @ z)
    for iteration in range(1, max_iterations + 1):
        q = matrix @ p
        curvature = float(p @ q)
        if curvature <= 0.0:
            return LinearResult(x, iteration, float(np.linalg.norm(r)) / size, True)
        step = rz / curvature
        x += step * p
        r -= step * q
        if np.linalg.norm(r) <= target:
            return LinearResult(x, iteration, float(np.linalg.norm(r)) / size, False)
        z = precondition(r)
        previous, rz = rz, float(r @ z)
        p *= rz / previous
        p += z
    return LinearResult(x, max_iterations, float(np.linalg.norm(r)) / size, False)


def gmres(
    apply: Operator, precondition: Operator, rhs: Floats, tolerance: float
) -> tuple[Floats, int, float]:
    """Right-preconditioned GMRES without restart.

    Saad and Schultz, SIAM J. Sci. Stat. Comput. 7, 856 (1986).
    Long sums run in NumPy, not BLAS, whose order of summation depends on its number of threads.

    Parameters
    ----------
    apply, precondition : callable
        The operator and an approximation of its inverse, both linear.
    rhs : (n,) float64
        Not zero.
    tolerance : float
        Wanted residual relative to ``rhs``.

    Returns
    -------
    (n,) float64
        Solution.
    int
        Iterations.
    float
        Relative residual that was reached.
    """
    norm = float(np.sqrt(np.einsum("i,i", rhs, rhs)))
    basis, steps = [rhs / norm], []
    upper = np.zeros((MOST_VECTORS + 1, MOST_VECTORS))
    for k in range(MOST_VECTORS):
        steps.append(precondition(basis[k]))
        w = apply(steps[k])
        for _ in range(2):  # one pass of Gram-Schmidt loses orthogonality
            for j, v in enumerate(basis):
                h = np.einsum("i,i", v, w)
                upper[j, k] += h
                w -= h * v
        upper[k + 1, k] = np.sqrt(np.einsum("i,i", w, w))
        target = np.zeros(k + 2)
        target[0] = norm
        weight = np.linalg.lstsq(upper[: k + 2, : k + 1], target, rcond=None)[0]
        relative = float(np.linalg.norm(target - upper[: k + 2, : k + 1] @ weight)) / norm
        if relative <= tolerance or upper[k + 1, k] == 0.0:
            break
        basis.append(w / upper[k + 1, k])
    x = np.zeros_like(rhs)
    for part, step in zip(weight, steps, strict=True):
        x += part * step
    return x, len(steps), relative
