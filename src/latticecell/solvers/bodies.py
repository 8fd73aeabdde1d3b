"""Loose bodies: parts of the lattice that only bonds hold, whose rigid motion costs next to nothing.

Conjugate gradients find each such motion late. So it is solved exactly beside the cycle, as a balancing
deflation: Mandel, Commun. Numer. Methods Eng. 9, 233 (1993).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from latticecell.arrays import Floats

LOOSE = 1e-8
"""Force of a translation, relative to the stiffness of the lattice, below which a body counts as loose."""
HOLDING = 0.5
"""Share of stuck bonds between two bodies from which they move as one."""
SOFTEST = 1e-12
"""What is added to the stiffness of a rigid motion, relative to it: nothing may hold a body."""


class Bodies:
    """Connected parts of the lattice without bonds.

    Parameters
    ----------
    lattice : (3 n, 3 n) BSR
        Stiffness without bonds and without blocks of zeros [N/m].
    lattice_i : (n,) float64
        Its mean diagonal at each unknown [N/m].
    end_bi : (n_active, 2) intp
        Unknowns at the ends of the bonds.
    x_ic : (n, 3) float64
        Positions [m].
    """

    def __init__(self, lattice: sp.bsr_matrix, lattice_i: Floats, end_bi: NDArray[np.intp], x_ic: Floats):
        n = len(x_ic)
        pattern = sp.csr_matrix(
            (np.ones(len(lattice.indices), bool), lattice.indices, lattice.indptr), (n, n)
        )
        n_bodies, self._body_i = connected_components(pattern, directed=False)
        moved = (lattice @ np.tile(np.eye(3), (n, 1))).reshape(n, 9)
        held_i = np.abs(moved).max(axis=1) > LOOSE * lattice_i
        self._held_o = np.bincount(self._body_i[held_i], minlength=n_bodies) > 0
        self._x_ic, self._least_b = x_ic, lattice_i[end_bi].min(axis=1)
        pair = np.sort(self._body_i[end_bi], axis=1)
        self._pair_po, self._pair_b = np.unique(pair, axis=0, return_inverse=True)
        self._pair_b = self._pair_b.reshape(-1)

    def modes(self, softest_b: Floats, stiff: float) -> sp.bsr_matrix | None:
        """Rigid motions of what is loose, six columns a body, (3 n, 6 n_loose) in blocks of (3, 6).

        Bodies move as one where at least half of the bonds between them are ``stiff``, relative to the
        lattice, in all directions; ``softest_b`` are the least eigenvalues of their tangents [N/m]. None if
        nothing is loose.
        """
        stuck_b = softest_b > stiff * self._least_b
        n_pairs, n_bodies = len(self._pair_po), len(self._held_o)
        share = np.bincount(self._pair_b, stuck_b, n_pairs) / np.bincount(self._pair_b, minlength=n_pairs)
        a, b = self._pair_po[share >= HOLDING].T
        graph = sp.coo_matrix((np.ones(len(a), bool), (a, b)), shape=(n_bodies, n_bodies))
        n_parts, part_o = connected_components(graph, directed=False)
        held = np.bincount(part_o[self._held_o], minlength=n_parts) > 0
        number = np.where(held, -1, np.cumsum(~held) - 1)
        part_i = number[part_o[self._body_i]]
        n, n_loose = len(part_i), np.count_nonzero(~held)
        if n_loose == 0:
            return None
        own = np.flatnonzero(part_i >= 0)
        blocks = rigid_modes(self._x_ic[own], part_i[own])
        start = np.concatenate(([0], np.cumsum(part_i >= 0)))
        return sp.bsr_matrix(
            (blocks, part_i[own].astype(np.int32), start.astype(np.int32)), shape=(3 * n, 6 * n_loose)
        )


class Deflation:
    """Exact solve in the span of some motions W beside an approximate inverse M.

    z = W c + (1 - W E^-1 (A W)^T) M (1 - A W E^-1 W^T) r with E = W^T A W and E c = W^T r.

    Parameters
    ----------
    motions, forces : (3 n, 6 n_bodies) BSR
        W and A W.
    approximate : callable
        M.
    """

    def __init__(
        self, motions: sp.bsr_matrix, forces: sp.bsr_matrix, approximate: Callable[[Floats], Floats]
    ):
        self._motions, self._forces, self._approximate = motions, forces, approximate
        self._motions_t, self._forces_t = motions.transpose(), forces.transpose()
        energy = (self._motions_t @ self._forces).tocsc()
        energy = 0.5 * (energy + energy.T) + SOFTEST * sp.diags_array(energy.diagonal())
        self._solve = sla.splu(
            energy.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        ).solve

    def __call__(self, r: Floats) -> Floats:
        """Apply it."""
        c = self._solve(self._motions_t @ r)
        z = self._approximate(r - self._forces @ c)
        z += self._motions @ (c - self._solve(self._forces_t @ z))
        return z


def rigid_modes(x_ic: Floats, body_i: NDArray[np.integer]) -> Floats:
    """Three translations and three rotations of each body's points, (n, 3, 6), columns of similar size."""
    size = np.bincount(body_i)
    centre = np.stack([np.bincount(body_i, x) / np.maximum(size, 1) for x in x_ic.T], axis=1)
    y = x_ic - centre[body_i]
    y /= np.sqrt(np.bincount(body_i, (y**2).sum(axis=1)) / np.maximum(size, 1) + 1e-300)[body_i, None]
    modes = np.zeros((len(y), 3, 6))
    for c in range(3):
        i, j = (c + 1) % 3, (c + 2) % 3
        modes[:, c, c] = 1.0
        modes[:, j, 3 + c], modes[:, i, 3 + c] = y[:, i], -y[:, j]
    modes /= np.sqrt(size)[body_i, None, None]
    return modes
