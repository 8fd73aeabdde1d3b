"""The linear system of a store and a circuit that bonds join: one Newton step of the electrochemistry."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pyamg
import scipy.sparse as sp
from numpy.typing import NDArray
from pyamg.relaxation.relaxation import gauss_seidel

from latticecell.arrays import Floats

_SWEEPS = 3


class Circuit(Protocol):
    """Which potentials the bonds join, and which of them feel the Li metal."""

    lithium_p: NDArray[np.integer]

    def jump(self, p: Floats) -> Floats:
        """Return the difference of potential across each bond [V]."""

    def sources(self, bond_current_b: Floats) -> Floats:
        """Return what bond currents take from each potential [A]; the transpose of `jump`."""


class LinkedSystem:
    """Linearised equations of the potentials, of the cell voltage, and of a store that feeds the bonds.

    Unknowns (y, p, v): the store, the potentials, the voltage. The current of bond b, d I_b = slope y +
    conductance (jump p + v), drains the store and loads the potentials:

        block y + share sum_b conductance (jump p + v) = r_y,    block = held + share sum_b slope,
        matrix p +- d I + plating p = r_p,
        sum_b d I = r_v   or, at fixed voltage,   v = r_v.

    The preconditioner rests on two facts. Seen from a bond, the potentials conduct far better than the store
    can follow, so that (y, v) hardly feel p. And the reaction is so stiff against the store that d I is a
    small difference of large numbers; so it is taken from the balance of the store, r_y - held y, instead.

    Parameters
    ----------
    potentials : Circuit
    matrix : (size, size) csr_matrix
        Conduction [S].
    hierarchy : pyamg hierarchy
        Of ``matrix`` with the Li metal attached.
    held : (n, n) csr_matrix
        Store without the reaction [m3/s]; its columns sum to ``mass``.
    diagonal : (n,) intp
        Where the data of ``held`` has its diagonal.
    mass : (n,) float64
        Storage of each node, volume / dt [m3/s].
    node_b : (n_interface,) int
        Node of the store behind each bond.
    merge : (n, n_groups) csr_matrix
        Ones where a node belongs to a group that conducts far better within than around it, such as the
        copies of a site; the preconditioner also relaxes the sums over groups.
    share : float
        What a unit of charge takes out of the store [m3/C].
    slope_b, conductance_b : (n_interface,) float64
        Derivatives of the bond currents by y [A] and by the jump [S].
    plating : (n_lithium,) float64
        Conductance into the Li metal [S].
    scale : float
        Current that the rows of p and v are measured against [A]; rows of y are measured against ``mass``.
    fixed_voltage : bool
    """

    def __init__(
        self,
        potentials: Circuit,
        matrix: sp.csr_matrix,
        hierarchy: pyamg.multilevel.MultilevelSolver,
        *,
        held: sp.csr_matrix,
        diagonal: NDArray[np.intp],
        mass: Floats,
        node_b: NDArray[np.integer],
        merge: sp.csr_matrix,
        share: float,
        slope_b: Floats,
        conductance_b: Floats,
        plating: Floats,
        scale: float,
        fixed_voltage: bool,
    ):
        self._potentials, self._matrix, self._hierarchy = potentials, matrix, hierarchy
        self._held, self._block, self._mass = held, held.copy(), mass
        self._block.data[diagonal] += share * np.bincount(node_b, slope_b, len(mass))
        self._n, self._node_b, self._share = len(mass), node_b, share
        self._merge, self._gather = merge, merge.T.tocsr()
        self._merged = (self._gather @ self._block @ merge).tocsr()
        self._slope_b, self._conductance_b, self._plating = slope_b, conductance_b, plating
        self._scale, self._fixed = scale, fixed_voltage
        total = np.bincount(node_b, conductance_b, self._n).astype(float)
        self._part_b = conductance_b / total[node_b]  # of the current of its node
        self._column = self._relax(share * total)
        # conductance of a bond once the store has followed, estimated node by node
        follow = conductance_b * (1 - share * slope_b / self._block.data[diagonal][node_b])
        self._slow_b = np.maximum(follow, 1e-6 * conductance_b)

    def scaled(self, y: Floats, p: Floats, v: float) -> Floats:
        """Return rows in the norm of the Krylov solver, (n + size + 1,) [1]."""
        return np.concatenate([y / self._mass, p / self._scale, [v / self._scale]])

    def apply(self, x: Floats) -> Floats:
        """Return the scaled rows of (y, p, v)."""
        y, p, v = x[: self._n], x[self._n : -1], x[-1]
        potentials = self._potentials
        pull_b = self._conductance_b * (potentials.jump(p) + v)
        current_b = self._slope_b * y[self._node_b] + pull_b
        row_y = self._block @ y + self._share * np.bincount(self._node_b, pull_b, self._n)
        row_p = self._matrix @ p + potentials.sources(current_b)
        row_p[potentials.lithium_p] += self._plating * p[potentials.lithium_p]
        return self.scaled(row_y, row_p, v * self._scale if self._fixed else float(current_b.sum()))

    def precondition(self, rows: Floats) -> Floats:
        """Return approximate (y, p, v) of scaled rows; a fixed linear operator."""
        row_y, row_p = rows[: self._n] * self._mass, rows[self._n : -1] * self._scale
        y, v = self._relax(row_y), float(rows[-1])
        if not self._fixed:  # balance of the store: sum mass y = sum of its rows - share r_v
            wanted = row_y.sum() - self._share * v * self._scale
            v = ((self._mass * y).sum() - wanted) / (self._mass * self._column).sum()
        y -= v * self._column
        current_b = ((row_y - self._held @ y) / self._share)[self._node_b] * self._part_b
        p = self._hierarchy.solve(row_p - self._potentials.sources(current_b), maxiter=1, tol=1e-12)
        if not self._fixed:
            v -= (self._slow_b * self._potentials.jump(p)).sum() / self._slow_b.sum()
        return np.concatenate([y, p, [v]])

    def _relax(self, rhs: Floats) -> Floats:
        """Two-level Gauss-Seidel: nodes, sums over groups, nodes."""
        x, sums = np.zeros(self._n), np.zeros(self._merged.shape[0])
        gauss_seidel(self._block, x, rhs, iterations=1, sweep="symmetric")
        gauss_seidel(
            self._merged, sums, self._gather @ (rhs - self._block @ x), iterations=_SWEEPS, sweep="symmetric"
        )
        x += self._merge @ sums
        gauss_seidel(self._block, x, rhs, iterations=1, sweep="symmetric")
        return x
