"""The linear system of a store and a circuit that bonds join: one Newton step of the electrochemistry."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from latticecell.arrays import Floats
from latticecell.solvers.krylov import Operator
from latticecell.solvers.relaxation import TwoLevel


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
        sum_b d I + leak v = r_v   or, at fixed voltage,   v = r_v.

    The preconditioner rests on two facts. Seen from a bond, the potentials conduct far better than the store
    can follow, so that (y, v) hardly feel p. And the reaction is so stiff against the store that d I is a
    small difference of large numbers; so it is taken from the balance of the store, r_y - held y, instead.

    Parameters
    ----------
    potentials : Circuit
    matrix : (size, size) csr_matrix
        Conduction [S].
    cycle : callable
        Approximate inverse of ``matrix`` with the Li metal attached.
    store : TwoLevel
        Holds ``block`` [m3/s], up to date; the columns of ``held`` sum to ``mass``.
    mass : (n,) float64
        Storage of each node, volume / dt [m3/s].
    node_b : (n_interface,) int
        Node of the store behind each bond.
    share : float
        What a unit of charge takes out of the store [m3/C].
    slope_b, conductance_b : (n_interface,) float64
        Derivatives of the bond currents by y [A] and by the jump [S].
    plating : (n_lithium,) float64
        Conductance into the Li metal [S].
    scale : float
        Current that the rows of p and v are measured against [A]; rows of y are measured against ``mass``.
    fixed_voltage : bool
    leak : float
        Derivative by v, with the other sign, of the current that the bonds are to carry [S]; 0 where that is
        given, P / V^2 at a given power P.
    """

    def __init__(
        self,
        potentials: Circuit,
        matrix: sp.csr_matrix,
        cycle: Operator,
        store: TwoLevel,
        *,
        mass: Floats,
        node_b: NDArray[np.integer],
        share: float,
        slope_b: Floats,
        conductance_b: Floats,
        plating: Floats,
        scale: float,
        fixed_voltage: bool,
        leak: float = 0.0,
    ):
        self._potentials, self._matrix, self._cycle = potentials, matrix, cycle
        self._store, self._mass, self._n = store, mass, len(mass)
        self._node_b, self._share = node_b, share
        self._slope_b, self._conductance_b, self._plating = slope_b, conductance_b, plating
        self._scale, self._fixed, self._leak = scale, fixed_voltage, leak
        total = np.bincount(node_b, conductance_b, self._n).astype(float)
        self._part_b = conductance_b / total[node_b]  # of the current of its node
        self._column, left = store.solve(share * total)
        self._block_column = share * total - left
        self._capacity = float((mass * self._column).sum()) + share * leak
        self._slope = np.bincount(node_b, slope_b, self._n).astype(float)
        # conductance of a bond once the store has followed, estimated node by node
        diagonal = store.fine.matrix.data[store.fine.middle]
        self._slow_b = np.maximum(
            conductance_b * (1 - share * slope_b / diagonal[node_b]), 1e-6 * conductance_b
        )

    def scaled(self, y: Floats, p: Floats, v: float) -> Floats:
        """Return rows in the norm of the Krylov solver, (n + size + 1,) [1]."""
        return np.concatenate([y / self._mass, p / self._scale, [v / self._scale]])

    def advance(self, rows: Floats) -> tuple[Floats, Floats]:
        """Return approximate (y, p, v) of scaled rows, and the scaled rows that these have.

        Both are fixed linear operators. What the relaxation leaves undone tells ``block y``.
        """
        potentials, share, n = self._potentials, self._share, self._n
        row_y, row_p, v = rows[:n] * self._mass, rows[n:-1] * self._scale, float(rows[-1])
        y, left = self._store.solve(row_y)
        if not self._fixed:  # balance of the store: sum mass y = sum of its rows - share r_v
            wanted = row_y.sum() - share * v * self._scale
            v = float((self._mass * y).sum() - wanted) / self._capacity
        y -= v * self._column
        block_y = row_y - left - v * self._block_column
        held_y = block_y - share * self._slope * y
        part_b = ((row_y - held_y) / share)[self._node_b] * self._part_b
        p = self._cycle(row_p - potentials.sources(part_b))
        jump_b = potentials.jump(p)
        if not self._fixed:
            v -= float((self._slow_b * jump_b).sum() / self._slow_b.sum())
        pull_b = self._conductance_b * (jump_b + v)
        current_b = self._slope_b * y[self._node_b] + pull_b
        image_y = block_y + share * np.bincount(self._node_b, pull_b, n)
        image_p = self._matrix @ p + potentials.sources(current_b)
        image_p[potentials.lithium_p] += self._plating * p[potentials.lithium_p]
        image_v = v * self._scale if self._fixed else float(current_b.sum()) + self._leak * v
        return np.concatenate([y, p, [v]]), self.scaled(image_y, image_p, image_v)
