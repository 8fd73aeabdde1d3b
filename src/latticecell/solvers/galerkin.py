"""Coarse matrices P^T A P in fixed patterns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from latticecell.solvers.blocks import BlockMatrix, Product
from latticecell.solvers.clusters import Clusters, Fit
from latticecell.solvers.cycle import Level, smoothing_polynomial, spectral_bound


class Stretches(NamedTuple):
    """What bonds make of the strains of their clusters, on the members of these.

    Attributes
    ----------
    stiff : BlockMatrix
        Projection on what strains bonds stiffly, S [1].
    soft : BlockMatrix
        Stiffness against all other strains, B [N/m].
    """

    stiff: BlockMatrix
    soft: BlockMatrix

    @classmethod
    def of(cls, clusters: Clusters, n_threads: int, dtype: type = np.float64) -> Stretches:
        """Matrices without values."""
        return cls(clusters.matrix(n_threads, dtype), clusters.matrix(n_threads, dtype))

    def take(self, found: Fit, scale: float = 1.0) -> None:
        """Take the values of a fit, stiffness relative to a scale [N/m]."""
        self.stiff.block[:] = found.stiff
        np.multiply(found.soft, 1.0 / scale, out=self.soft.block, casting="same_kind")


class Galerkin:
    """The coarse matrix Q^T A Q of a lattice with bonds, where Q keeps from P what stiff bonds leave free.

    With S, the projection on stiff stretches of the clusters, and B, the stiffness of all others,
    A = L + B on Q = P - S P. The lattice L alone gives P^T L P, once. What bonds add to that is

        H + H^T,    H = P^T G,    G = B Q / 2 - S E,    E = L P - L S P / 2 + B Q / 2,

    of which only the rows of unknowns in clusters are needed.

    Parameters
    ----------
    member_q : (n_members,) intp
        Unknowns of the clusters.
    stretches : Stretches
        S and B; their values are looked up.
    lattice : (3 n, 3 n) BSR
        Stiffness without bonds and without blocks of zeros [N/m].
    prolong : (3 n, 3 n_coarse) BSR
        P, with sorted rows.

    Attributes
    ----------
    coarse : BlockMatrix
        Q^T A Q.
    prolong, restrict : BlockMatrix
        Q and its transpose.
    """

    def __init__(
        self, member_q: NDArray[np.integer], stretches: Stretches, lattice: sp.bsr_matrix,
        prolong: sp.bsr_matrix,
    ):  # fmt: skip
        n, n_coarse, n_threads = prolong.shape[0] // 3, prolong.shape[1] // 3, stretches.stiff.n_threads
        dtype = stretches.stiff.block.dtype.type
        forces = (lattice @ prolong).tobsr((3, 3))
        whole = BlockMatrix.of(prolong, n_threads, dtype)
        self._part = rows_of(whole, member_q)  # of P
        self._held = Product(stretches.stiff, self._part)  # S P
        held = self._held.out
        self._free = held.blank()  # Q
        self._eased = Product(stretches.soft, self._free, held.blank())  # B Q
        pull = columns_of(rows_of(BlockMatrix.of(lattice, n_threads, dtype), member_q), member_q, n)
        own, reached = rows_of(BlockMatrix.of(forces, n_threads, dtype), member_q), Product(pull, held).out
        self._bent = BlockMatrix.of_places(
            np.concatenate([own.rows, reached.rows]), np.concatenate([own.column, reached.column]),
            len(member_q), n_threads, dtype,
        )  # fmt: skip
        self._pulled = Product(pull, held, self._bent)  # to E
        self._forces = self._bent.blank()
        self._forces.place(own.block, self._bent.find(own.rows, own.column))
        self._turned = Product(stretches.stiff, self._bent)  # to G
        self._all = held.blank()  # P
        self._all.place(self._part.block, held.find(self._part.rows, self._part.column))
        self._in_bent = self._bent.find(held.rows, held.column)
        self._in_turned = self._turned.out.find(held.rows, held.column)
        back = self._part.mirror(n_coarse).take()
        bare = BlockMatrix.of((prolong.transpose() @ forces).tobsr((3, 3)), n_threads, dtype)
        added = Product(back, self._turned.out).out
        self.coarse = BlockMatrix.of_places(
            np.concatenate([bare.rows, added.rows, added.column]),
            np.concatenate([bare.column, added.column, added.rows]), n_coarse, n_threads, dtype,
        )  # fmt: skip
        self._bare = self.coarse.blank()
        self._bare.place(bare.block, self.coarse.find(bare.rows, bare.column))
        self._half = Product(back, self._turned.out, self.coarse.blank())  # H
        self._mirrored = self._half.out.mirror(n_coarse)
        self.prolong = BlockMatrix.of_places(
            np.concatenate([whole.rows, member_q[held.rows]]), np.concatenate([whole.column, held.column]),
            n, n_threads, dtype,
        )  # fmt: skip
        self.prolong.place(whole.block, self.prolong.find(whole.rows, whole.column))
        self._in_prolong = self.prolong.find(member_q[held.rows], held.column)
        self._restricted = self.prolong.mirror(n_coarse)
        self.restrict = self._restricted.take()

    def fit(self) -> None:
        """Find all anew."""
        np.subtract(self._all.block, self._held.take().block, out=self._free.block)
        eased = self._eased.take().block
        self._bent.block[:] = self._forces.block
        self._bent.place(eased, self._in_bent, 0.5, fresh=False)
        self._pulled.add(-0.5)
        turned = self._turned.out
        turned.block[:] = 0.0
        turned.place(eased, self._in_turned, 0.5)
        self._turned.add(-1.0)
        half = self._half.take()
        np.add(self._bare.block, half.block, out=self.coarse.block)
        self._mirrored.add_to(self.coarse)
        self.prolong.place(self._free.block, self._in_prolong)
        self._restricted.take()


class Coarsening:
    """The coarse matrix P^T A P of a matrix whose values change.

    Parameters
    ----------
    matrix : BlockMatrix
        A, with sorted rows and a symmetric pattern; its values are looked up.
    prolong : BSR
        P, with sorted rows.

    Attributes
    ----------
    coarse : BlockMatrix
    """

    def __init__(self, matrix: BlockMatrix, prolong: sp.bsr_matrix):
        n_threads, dtype = matrix.n_threads, matrix.block.dtype.type
        self._down = BlockMatrix.of(prolong, n_threads, dtype)
        self._up = self._down.mirror(prolong.shape[1] // 3).take()
        self._matrix, self._forces = matrix, Product(matrix, self._down)
        self._product = Product(self._up, self._forces.out)
        self.coarse = self._product.out
        every = np.arange(matrix.n_rows)
        self._diagonal = matrix.find(every, every)
        self._inverse = BlockMatrix.of_places(every, every, len(every), n_threads, dtype)

    def level(self) -> Level:
        """Return the level of the matrix."""
        self._inverse.block[:] = np.linalg.inv(self._matrix.block[self._diagonal].astype(np.float64))
        polynomial = smoothing_polynomial(spectral_bound(self._matrix, self._inverse))
        return Level(self._matrix, self._down, self._up, self._inverse, polynomial)

    def take(self) -> BlockMatrix:
        """Find the coarse matrix, and return it."""
        self._forces.take()
        return self._product.take()


def rows_of(matrix: BlockMatrix, wanted: NDArray[np.integer]) -> BlockMatrix:
    """Return some rows of a matrix, in the wanted order."""
    count = np.diff(matrix.start)[wanted]
    start = np.concatenate(([0], np.cumsum(count)))
    kept = np.arange(start[-1]) + np.repeat(matrix.start[wanted] - start[:-1], count)
    return BlockMatrix(start.astype(np.int32), matrix.column[kept], matrix.block[kept], matrix.n_threads)


def columns_of(matrix: BlockMatrix, wanted: NDArray[np.integer], n_columns: int) -> BlockMatrix:
    """Return some of the columns of a matrix, numbered in the wanted order; rows are not sorted then."""
    number = np.full(n_columns, -1, np.int32)
    number[wanted] = np.arange(len(wanted))
    column = number[matrix.column]
    kept = column >= 0
    start = np.concatenate(([0], np.cumsum(kept)))[matrix.start]
    return BlockMatrix(start.astype(np.int32), column[kept], matrix.block[kept], matrix.n_threads)
