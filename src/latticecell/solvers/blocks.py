"""Matrices of 3x3 blocks for the compiled products with vectors and with one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from latticecell._kernels import blocks
from latticecell.arrays import Floats, Ints

Singles = NDArray[np.float32]

WORTH = 20_000
"""Products of two blocks from which more than one thread pays: 50 microseconds of one."""


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

    @classmethod
    def of_places(
        cls, row: NDArray[np.integer], column: NDArray[np.integer], n_rows: int, n_threads: int,
        dtype: type = np.float64,
    ) -> BlockMatrix:  # fmt: skip
        """Zeros in given places, which may be told more than once, with sorted rows."""
        width = int(column.max(initial=0)) + 1
        key = np.sort(row.astype(np.int64) * width + column)  # np.unique hashes, ten times slower here
        row, column = np.divmod(key[np.diff(key, prepend=-1) > 0], width)
        start = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=n_rows))))
        blank: NDArray = np.zeros((len(row), 3, 3), dtype)
        return cls(start.astype(np.int32), column.astype(np.int32), blank, n_threads)

    def blank(self) -> BlockMatrix:
        """Zeros in the same pattern."""
        return BlockMatrix(self.start, self.column, np.zeros_like(self.block), self.n_threads)

    @property
    def n_rows(self) -> int:
        """Number of block rows."""
        return len(self.start) - 1

    @property
    def rows(self) -> NDArray[np.int32]:
        """Row of every block."""
        return np.repeat(np.arange(self.n_rows, dtype=np.int32), np.diff(self.start))

    def find(self, row: NDArray[np.integer], column: NDArray[np.integer]) -> Ints:
        """Return which blocks are in given places, all of which are there; rows are sorted."""
        width = int(self.column.max(initial=0)) + 1
        key = self.rows.astype(np.int64) * width + self.column
        return np.searchsorted(key, row.astype(np.int64) * width + column).astype(np.int32)

    def dense(self) -> NDArray:
        """Return a square matrix with all its zeros."""
        out = np.zeros((self.n_rows, 3, self.n_rows, 3), self.block.dtype)
        out[self.rows, :, self.column] = self.block
        return out.reshape(3 * self.n_rows, 3 * self.n_rows)

    def place(self, source: NDArray, where: Ints, scale: float = 1.0, fresh: bool = True) -> None:
        """Write scaled blocks to given places of this matrix; or add them, unless ``fresh``."""
        threads = self.n_threads if len(where) > WORTH else 1
        blocks.place_blocks(source, where, scale, fresh, out=self.block, n_threads=threads)

    def mirror(self, n_rows: int) -> Mirror:
        """Return the transpose, which has so many block rows."""
        order = np.argsort(self.column, kind="stable").astype(np.int32)
        start = np.concatenate(([0], np.cumsum(np.bincount(self.column, minlength=n_rows))))
        block = np.empty_like(self.block)
        out = BlockMatrix(start.astype(np.int32), self.rows[order], block, self.n_threads)
        return Mirror(self, out, order)

    def __matmul__(self, x: NDArray) -> NDArray:
        """Product with a vector."""
        return self.add(x, np.zeros(3 * (len(self.start) - 1), self.block.dtype), 1.0)

    def add(self, x: NDArray, out: NDArray, scale: float) -> NDArray:
        """Add ``scale`` times the product with ``x`` to ``out``, and return that."""
        threads = self.n_threads if len(self.column) > WORTH else 1
        blocks.multiply_add(self.start, self.column, self.block, x, scale, out=out, n_threads=threads)
        return out


class Mirror:
    """The transpose of a matrix whose pattern stays and whose values change; see `BlockMatrix.mirror`."""

    def __init__(self, matrix: BlockMatrix, out: BlockMatrix, order: Ints):
        self._matrix, self._out, self._order = matrix, out, order

    def take(self) -> BlockMatrix:
        """Take the values of the matrix, and return the transpose."""
        self._out.block[:] = 0.0
        self.add_to(self._out)
        return self._out

    def add_to(self, out: BlockMatrix) -> None:
        """Add the transpose to a matrix of its pattern."""
        threads = out.n_threads if len(self._order) > WORTH else 1
        blocks.add_mirrored(self._matrix.block, self._order, out=out.block, n_threads=threads)


class Product:
    """The product of two block matrices whose patterns stay and whose values change.

    Parameters
    ----------
    left, right : BlockMatrix
        Rows of ``right`` are sorted. Their values are looked up when the product is taken.
    out : BlockMatrix, optional
        Where it is added, with sorted rows that hold its pattern; default: of just that pattern.
    """

    def __init__(self, left: BlockMatrix, right: BlockMatrix, out: BlockMatrix | None = None):
        count = np.diff(right.start)[left.column]  # products of each block on the left
        ends = np.concatenate(([0], np.cumsum(count)))
        nth = np.arange(ends[-1]) - np.repeat(ends[:-1], count)
        column = right.column[np.repeat(right.start[left.column], count) + nth]
        row = np.repeat(left.rows, count)
        self._left, self._right = left, right
        own = left.block.dtype.type
        self.out = out or BlockMatrix.of_places(row, column, left.n_rows, left.n_threads, own)
        self._slot = self.out.find(row, column)
        self._first = ends[left.start].astype(np.int32)

    def add(self, scale: float = 1.0) -> None:
        """Add ``scale`` times the product to ``out``."""
        left, right, out = self._left, self._right, self.out
        threads = out.n_threads if len(self._slot) > WORTH else 1
        blocks.add_products(
            left.start, left.column, left.block, right.start, right.block, self._first, self._slot, scale,
            out=out.block, n_threads=threads,
        )  # fmt: skip

    def take(self) -> BlockMatrix:
        """Let ``out`` be the product, and return it."""
        self.out.block[:] = 0.0
        self.add()
        return self.out


def diagonal_blocks(matrix: sp.bsr_matrix) -> Floats:
    """Diagonal 3x3 blocks of a BSR matrix that stores all of them, (n, 3, 3)."""
    row = np.repeat(np.arange(len(matrix.indptr) - 1), np.diff(matrix.indptr))
    return matrix.data[row == matrix.indices]
