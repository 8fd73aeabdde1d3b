"""Matrices of 3x3 blocks for the compiled products, and the diagonal blocks of groups of unknowns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from latticecell._kernels import blocks
from latticecell.arrays import Floats, Ints

Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class BlockMatrix:
    """A matrix of 3x3 blocks whose products run on several threads; they do not depend on how many.

    Parameters
    ----------
    start, column : int32
        Row pointers and block columns.
    block : (n_blocks, 3, 3) float32 or float64
    n_threads : int
    """

    start: Ints
    column: Ints
    block: NDArray
    n_threads: int = 1

    @classmethod
    def of(cls, matrix: sp.bsr_matrix, n_threads: int, dtype: type = np.float64) -> BlockMatrix:
        """Take a BSR matrix; its values are shared unless they are of another type."""
        return cls(
            matrix.indptr.astype(np.int32, copy=False),
            matrix.indices.astype(np.int32, copy=False),
            np.ascontiguousarray(matrix.data, dtype=dtype),
            n_threads,
        )

    def __matmul__(self, x: NDArray) -> NDArray:
        """Product with a vector."""
        return self.add(x, np.zeros(3 * (len(self.start) - 1), self.block.dtype), 1.0)

    def add(self, x: NDArray, out: NDArray, scale: float) -> NDArray:
        """Add ``scale`` times the product with ``x`` to ``out``, and return that."""
        blocks.multiply_add(self.start, self.column, self.block, x, scale, out=out, n_threads=self.n_threads)
        return out


@dataclass(frozen=True, slots=True)
class Groups:
    """Inverses of the diagonal blocks of groups of unknowns; every unknown belongs to one.

    Parameters
    ----------
    start_g, member : int32
        Block unknowns of each group.
    offset_g : (n_groups,) int32
        Where the inverse of each begins.
    inverse : float32
        Inverses, (3 m, 3 m) of a group of m, one after the other.
    n_threads : int
    """

    start_g: Ints
    member: Ints
    offset_g: Ints
    inverse: Singles
    n_threads: int = 1

    @classmethod
    def of(cls, parts: Sequence[tuple[NDArray[np.integer], NDArray[np.floating]]], n_threads: int) -> Groups:
        """Take (g, m) unknowns and (g, 3 m, 3 m) inverses of groups of the same size m, for several m."""
        size = np.concatenate([np.full(len(member), member.shape[1]) for member, _ in parts])
        return cls(
            np.concatenate(([0], np.cumsum(size))).astype(np.int32),
            np.concatenate([member.ravel() for member, _ in parts]).astype(np.int32),
            np.concatenate(([0], np.cumsum(9 * size**2)[:-1])).astype(np.int32),
            np.concatenate([inverse.ravel() for _, inverse in parts]).astype(np.float32),
            n_threads,
        )

    def solve(self, b: Singles) -> Singles:
        """Solve all of them."""
        out = np.empty_like(b)
        blocks.solve_groups(
            self.start_g, self.member, self.offset_g, self.inverse, b, out=out, n_threads=self.n_threads
        )
        return out


def diagonal_blocks(matrix: sp.bsr_matrix) -> Floats:
    """Diagonal 3x3 blocks of a BSR matrix that stores all of them, (n, 3, 3)."""
    row = np.repeat(np.arange(len(matrix.indptr) - 1), np.diff(matrix.indptr))
    return matrix.data[row == matrix.indices]
