"""Krylov methods: conjugate gradients and GMRES."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from latticecell.arrays import Floats

Operator = Callable[[Floats], Floats]
Pair = Callable[[Floats], tuple[Floats, Floats]]

MOST_VECTORS = 80
"""Length of the basis of GMRES."""


class Product(Protocol):
    """A matrix that is known by its products with vectors."""

    def __matmul__(self, x: Floats, /) -> Floats:
        """Return the product with ``x``, (n,)."""


class LinearResult(NamedTuple):
    """Solution of a linear system and how it was reached."""

    x: Floats
    iterations: int
    residual: float
    indefinite: bool


def conjugate_gradients(
    matrix: Product, b: Floats, precondition: Operator, rtol: float, max_iterations: int
) -> LinearResult:
    """Solve a symmetric system; stop at negative curvature.

    The flexible variant: new directions are made conjugate to the last one by a product with it, so that a
    preconditioner may round to single precision (Notay, SIAM J. Sci. Comput. 22, 1444 (2000)). Sums run in
    NumPy, not BLAS, whose order of summation depends on its number of threads.

    Parameters
    ----------
    matrix : (n, n), with a product
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
    size = left = _norm(b)
    if size == 0.0:
        return LinearResult(x, 0, 0.0, False)
    p = precondition(r).copy()
    for iteration in range(1, max_iterations + 1):
        q = matrix @ p
        curvature = float(np.einsum("i,i", p, q))
        if curvature <= 0.0:
            return LinearResult(x, iteration, left / size, True)
        step = float(np.einsum("i,i", r, p)) / curvature
        x += step * p
        r -= step * q
        left = _norm(r)
        if left <= rtol * size or iteration == max_iterations:
            break
        z = precondition(r)
        p *= -float(np.einsum("i,i", z, q)) / curvature
        p += z
    return LinearResult(x, iteration, left / size, False)


def _norm(x: Floats) -> float:
    return float(np.sqrt(np.einsum("i,i", x, x)))


def gmres(advance: Pair, rhs: Floats, tolerance: float) -> tuple[Floats, int, float]:
    """Right-preconditioned GMRES without restart.

    Saad and Schultz, SIAM J. Sci. Stat. Comput. 7, 856 (1986).
    BLAS must be held to one thread: the order of its sums depends on their number.

    Parameters
    ----------
    advance : callable
        Gives of a vector its approximate solution z, and the product of the operator with z; both linear.
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
    norm = float(np.linalg.norm(rhs))
    basis, steps = np.empty((2, MOST_VECTORS + 1, len(rhs)))  # memory that is not written is not taken
    basis[0] = rhs / norm
    upper = np.zeros((MOST_VECTORS + 1, MOST_VECTORS))
    for k in range(1, MOST_VECTORS + 1):
        steps[k - 1], w = advance(basis[k - 1])
        for _ in range(2):  # one pass of Gram-Schmidt loses orthogonality
            h = basis[:k] @ w
            upper[:k, k - 1] += h
            w -= h @ basis[:k]
        upper[k, k - 1] = size = float(np.linalg.norm(w))
        target = np.zeros(k + 1)
        target[0] = norm
        weight = np.linalg.lstsq(upper[: k + 1, :k], target, rcond=None)[0]
        relative = float(np.linalg.norm(target - upper[: k + 1, :k] @ weight)) / norm
        if relative <= tolerance or size == 0.0:
            break
        basis[k] = w / size
    return weight @ steps[:k], k, relative
