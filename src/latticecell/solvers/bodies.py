"""Loose bodies: parts of the lattice that only bonds hold, whose rigid motion costs next to nothing.

Conjugate gradients find each such motion late. So it is solved exactly beside the cycle, as a balancing
deflation: Mandel, Commun. Numer. Methods Eng. 9, 233 (1993).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from latticecell.arrays import Bools, Floats
from latticecell.solvers.blocks import BlockMatrix, Product
from latticecell.solvers.clusters import STIFF
from latticecell.solvers.galerkin import Stretches, columns_of, rows_of
from latticecell.solvers.krylov import Operator
from latticecell.solvers.tangent import Tangent

LOOSE = 1e-8
"""Force of a translation, relative to the stiffness of the lattice, below which a body counts as loose."""
HOLDING = 0.5
"""Share of stuck bonds between two bodies from which they move as one."""
SOFTEST = 1e-12
"""What is added to the stiffness of a rigid motion, relative to it: nothing may hold a body."""


class Bodies:
    """Connected parts of the lattice without bonds.

    Their motions Z are rigid but where stiff bonds hold them: W = Z - S Z, with the projection S on what
    strains these. Forces are A W = - L S Z + B W: those of the lattice L, for which rigid motions are free,
    and of all that is soft in bonds, B.

    Parameters
    ----------
    tangent : Tangent
    stretches : Stretches
        S and B; their values are looked up.
    lattice : (3 n, 3 n) BSR
        Stiffness without bonds and without blocks of zeros [N/m].
    lattice_i : (n,) float64
        Its mean diagonal at each unknown [N/m].
    x_ic : (n, 3) float64
        Positions [m].
    """

    def __init__(
        self, tangent: Tangent, stretches: Stretches, lattice: sp.bsr_matrix, lattice_i: Floats, x_ic: Floats
    ):
        n, end_bi, n_threads = len(x_ic), tangent.end_bi, stretches.stiff.n_threads
        pattern = sp.csr_matrix(
            (np.ones(len(lattice.indices), bool), lattice.indices, lattice.indptr), (n, n)
        )
        n_bodies, body_i = connected_components(pattern, directed=False)
        moved = (lattice @ np.tile(np.eye(3), (n, 1))).reshape(n, 9)
        held_i = np.abs(moved).max(axis=1) > LOOSE * lattice_i
        self._held_o = np.bincount(body_i[held_i], minlength=n_bodies) > 0
        self._least_b = lattice_i[end_bi].min(axis=1)
        pair = np.sort(body_i[end_bi], axis=1)
        self._pair_po, self._pair_b = np.unique(pair, axis=0, return_inverse=True)
        self._pair_b = self._pair_b.reshape(-1)
        self._count_p = np.bincount(self._pair_b, minlength=len(self._pair_po))
        self._size_o, self._centre_oc, self._radius_o = measures(x_ic, body_i)

        column_i = np.where(self._held_o, -1, 2 * np.cumsum(~self._held_o) - 2)[body_i]
        own = np.flatnonzero(column_i >= 0)
        rigid = rigid_modes(x_ic, body_i)[own].reshape(-1, 3, 2, 3).transpose(0, 2, 1, 3).reshape(-1, 3, 3)
        row, column = np.repeat(own, 2), (column_i[own, None] + np.arange(2)).ravel()
        whole = BlockMatrix.of_places(row, column, n, n_threads)
        whole.place(rigid, whole.find(row, column))
        member = tangent.clusters.member_q
        part = rows_of(whole, member)
        self._held = Product(stretches.stiff, part)  # S Z
        self._free, self._all = self._held.out.blank(), self._held.out.blank()  # W and Z
        self._all.place(part.block, self._all.find(part.rows, part.column))
        self._eased = Product(stretches.soft, self._free, self._free.blank())  # B W
        pull = columns_of(BlockMatrix.of(lattice, n_threads), member, n)
        self._pulled = Product(pull, self._held.out)
        row, column = member[self._held.out.rows], self._held.out.column
        self._in_forces = self._pulled.out.find(row, column)
        self._motions = BlockMatrix.of_places(
            np.concatenate([whole.rows, row]), np.concatenate([whole.column, column]), n, n_threads
        )
        self._motions.place(whole.block, self._motions.find(whole.rows, whole.column))
        self._in_motions = self._motions.find(row, column)
        n_columns = 2 * int(np.count_nonzero(~self._held_o))
        self._mirrors = [self._motions.mirror(n_columns), self._pulled.out.mirror(n_columns)]
        self._energy = Product(self._mirrors[0].take(), self._pulled.out)
        self._last: tuple[bytes | None, sp.csr_matrix | None] = (None, None)

    def deflate(self, softest_b: Floats, approximate: Operator) -> Operator:
        """Return an approximate inverse that is exact for rigid motions of what is loose.

        Bodies move as one where at least half of the bonds between them are stiff in all directions;
        ``softest_b`` are the least eigenvalues of their tangents [N/m].
        """
        stuck_b = softest_b > STIFF * self._least_b
        share = np.bincount(self._pair_b, stuck_b, len(self._count_p)) / self._count_p
        one_p = share >= HOLDING
        if one_p.tobytes() != self._last[0]:  # which is seldom
            self._last = one_p.tobytes(), self._merged(one_p)
        merged = self._last[1]
        if merged is None:
            return approximate
        np.subtract(self._all.block, self._held.take().block, out=self._free.block)
        forces = self._pulled.out
        forces.block[:] = 0.0
        forces.place(self._eased.take().block, self._in_forces)
        self._pulled.add(-1.0)
        self._motions.place(self._free.block, self._in_motions)
        motions_t, forces_t = (mirror.take() for mirror in self._mirrors)
        energy = self._energy.take()
        size = 3 * energy.n_rows
        part = sp.bsr_matrix((energy.block, energy.column, energy.start), shape=(size, size))
        energy = merged.T @ part @ merged
        return Deflation(self._motions, motions_t, forces, forces_t, merged, energy, approximate)

    def _merged(self, one_p: Bools) -> sp.csr_matrix | None:
        """Rigid motions of what moves as one in those of its bodies, (6 n_loose bodies, 6 n_loose parts).

        Pairs of bodies that move as one are told. None if nothing is loose.
        """
        n_bodies = len(self._held_o)
        a, b = self._pair_po[one_p].T
        graph = sp.coo_matrix((np.ones(len(a), bool), (a, b)), shape=(n_bodies, n_bodies))
        n_parts, part_o = connected_components(graph, directed=False)
        held = np.bincount(part_o[self._held_o], minlength=n_parts) > 0
        n_loose = int(np.count_nonzero(~held))
        if n_loose == 0:
            return None
        size = np.bincount(part_o, self._size_o)
        centre = np.stack([np.bincount(part_o, self._size_o * x) for x in self._centre_oc.T]) / size
        way_oc = self._centre_oc - centre.T[part_o]
        spread = self._size_o * (self._radius_o**2 + (way_oc**2).sum(axis=1))
        radius_o = np.sqrt(np.bincount(part_o, spread) / size)[part_o]
        share_o = np.sqrt(self._size_o / size[part_o])
        motions = np.zeros((n_bodies, 6, 6))
        c = np.arange(3)
        motions[:, c, c] = share_o[:, None]
        motions[:, 3 + c, 3 + c] = (share_o * self._radius_o / radius_o)[:, None]
        turned = np.cross(np.eye(3), way_oc[:, None, :]).transpose(0, 2, 1)
        motions[:, :3, 3:] = turned * (share_o / radius_o)[:, None, None]
        loose = ~self._held_o
        number, parts = np.cumsum(~held) - 1, part_o[loose]
        own = ~held[parts]
        start = np.concatenate(([0], np.cumsum(own)))
        return sp.bsr_matrix(
            (motions[loose][own], number[parts[own]], start), shape=(6 * len(parts), 6 * n_loose)
        ).tocsr()


class Deflation:
    """Exact solve in the span of some motions W beside an approximate inverse M.

    z = W c + (1 - W E^-1 (A W)^T) M (1 - A W E^-1 W^T) r with E = W^T A W and E c = W^T r.

    Parameters
    ----------
    motions, motions_t, forces, forces_t : BlockMatrix
        Motions and their forces, and the transposes.
    merged : (n_motions, n_columns) sparse
        The combinations of them that make W.
    energy : (n_columns, n_columns) sparse
        E.
    approximate : callable
        M.
    """

    def __init__(
        self, motions: BlockMatrix, motions_t: BlockMatrix, forces: BlockMatrix, forces_t: BlockMatrix,
        merged: sp.csr_matrix, energy: sp.csr_matrix, approximate: Operator,
    ):  # fmt: skip
        self._motions, self._motions_t, self._forces, self._forces_t = motions, motions_t, forces, forces_t
        self._merged, self._merged_t, self._approximate = merged, merged.T.tocsr(), approximate
        energy = 0.5 * (energy + energy.T) + SOFTEST * sp.diags_array(energy.diagonal())
        self._solve = sla.splu(
            energy.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        ).solve

    def __call__(self, r: Floats) -> Floats:
        """Apply it."""
        c = self._amount(self._motions_t @ r)
        z = self._approximate(self._forces.add(c, r.copy(), -1.0))
        c -= self._amount(self._forces_t @ z)
        return self._motions.add(c, z, 1.0)

    def _amount(self, work: Floats) -> Floats:
        """Motions, each for itself, that do a given work on them."""
        return self._merged @ self._solve(self._merged_t @ work)


def measures(x_ic: Floats, body_i: NDArray[np.integer]) -> tuple[Floats, Floats, Floats]:
    """Count the points of each body; its centre and root mean square radius (n_bodies, 3), (n_bodies,)."""
    size = np.bincount(body_i).astype(float)
    centre = np.stack([np.bincount(body_i, x) / np.maximum(size, 1) for x in x_ic.T], axis=1)
    square = ((x_ic - centre[body_i]) ** 2).sum(axis=1)
    return size, centre, np.sqrt(np.bincount(body_i, square) / np.maximum(size, 1) + 1e-300)


def rigid_modes(x_ic: Floats, body_i: NDArray[np.integer]) -> Floats:
    """Three translations and three rotations of each body's points, (n, 3, 6), columns of similar size."""
    size, centre, radius = measures(x_ic, body_i)
    y = (x_ic - centre[body_i]) / radius[body_i, None]
    modes = np.zeros((len(y), 3, 6))
    for c in range(3):
        i, j = (c + 1) % 3, (c + 2) % 3
        modes[:, c, c] = 1.0
        modes[:, j, 3 + c], modes[:, i, 3 + c] = y[:, i], -y[:, j]
    modes /= np.sqrt(size)[body_i, None, None]
    return modes
