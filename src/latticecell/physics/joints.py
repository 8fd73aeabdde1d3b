"""All bonds of a network as they stand in an equilibrium, tied grain boundaries among them.

A tied boundary has no bonds of its own: its copies share their unknowns. What holds them together is what the
lattice leaves unbalanced at each copy. Here springs take their place that are much stiffer than the lattice,
so that a boundary that never opens can be asked what it would release if it did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from numpy.typing import NDArray

from latticecell.arrays import Bools, Floats, Ints
from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.physics.mechanics import Mechanics
from latticecell.state import State

STIFF = 1e4
"""Stiffness of the springs that stand for ties, relative to that of the lattice at their nodes."""
LEFT = 1e-9
"""Share of its stiffness that a bond keeps which lets go: what hangs on nothing else stays where it is."""
TRIALS = 12
"""Most trials of which bonds touch."""
SLACK = 1e-6
"""Share of the largest change of an opening that tells nothing."""

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Joints:
    """Forces and stiffnesses of all bonds of a network in an equilibrium.

    Attributes
    ----------
    node_bn : (n_bonds, 2) int32
    normal_bc : (n_bonds, 3) float64
    area_b : (n_bonds,) float64
        [m2]
    is_interface_b, intact_b : (n_bonds,) bool
        Whether a bond is one of the particle surface, and whether it could let go.
    opening_bc, force_bc : (n_bonds, 3) float64
        Opening [m], and force on the first node [N].
    tangent_bcc : (n_bonds, 3, 3) float64
        Stiffness at the damage there is [N/m].
    """

    node_bn: Ints
    normal_bc: Floats
    area_b: Floats
    is_interface_b: Bools
    intact_b: Bools
    opening_bc: Floats
    force_bc: Floats
    tangent_bcc: Floats

    @classmethod
    def of(cls, mechanics: Mechanics, state: State, eigen_tv: Floats) -> Joints:
        """Take the bonds of an equilibrium.

        Parameters
        ----------
        mechanics : Mechanics
        state : State
            An equilibrium.
        eigen_tv : (n_tets, 6) float64
            Its eigenstrain, Voigt [1].
        """
        network, bonds = mechanics.network, mechanics.bonds
        n, active = network.n_bonds, bonds.active_b
        opening_bc, history_bh = bonds.opening(state.u_nc), state.history_bh[active]
        forces = bonds.respond(opening_bc, opening_bc, history_bh, np.inf, "secant")
        intact, force_bc, tangent_bcc = np.ones(n, bool), np.zeros((n, 3)), np.zeros((n, 3, 3))
        intact[active] = ~bonds.is_broken(history_bh)
        force_bc[active] = forces.force_bc
        tangent_bcc[active] = 0.5 * (forces.tangent_bcc + forces.tangent_bcc.transpose(0, 2, 1))
        tied = np.ones(n, bool)
        tied[active] = False
        own = np.flatnonzero(tied & (network.kind_b == GB_BOND))
        if len(own):
            pulled_nc = mechanics.lattice.force(state.u_nc, state.strain_c, eigen_tv)
            np.add.at(pulled_nc, bonds.node_bn[:, 0], forces.force_bc)
            np.subtract.at(pulled_nc, bonds.node_bn[:, 1], forces.force_bc)
            stiffness = _stiffness(mechanics, own)
            force_bc[own] = _ties(network.bond_bn[own], stiffness, pulled_nc)
            tangent_bcc[own] = stiffness[:, None, None] * np.eye(3)
        return cls(
            network.bond_bn, network.normal_bc, network.area_b, network.kind_b == INTERFACE_BOND, intact,
            bonds.everywhere(opening_bc), force_bc, tangent_bcc,
        )  # fmt: skip

    def release(self, own: Indices, answer: Callable[[Floats, Floats], Floats]) -> tuple[Floats, Floats]:
        """Let some bonds go, and return what each releases in opening and in sliding, (n,) each [J].

        They slide without friction. Those that are pressed together afterwards have kept their normal
        springs, found by trial: bonds begin and cease to touch as others let go.

        Parameters
        ----------
        own : (n,) intp
        answer : callable
            Changes of their openings, (n, 3) [m], from the forces that they give up, (n, 3) [N], and the
            stiffness that they keep, (n, 3, 3) [N/m].
        """
        normal_bc, force_bc, before_bc = self.normal_bc[own], self.force_bc[own], self.opening_bc[own]
        tangent_bcc = self.tangent_bcc[own]
        across_bcc = np.einsum("bc,bd->bcd", normal_bc, normal_bc)
        spring_b = np.einsum("bcd,bcd->b", across_bcc, tangent_bcc)
        pull_b, gap_b = (np.einsum("bc,bc->b", part, normal_bc) for part in (force_bc, before_bc))
        pressed_b = pull_b < 0
        for _ in range(TRIALS):
            given_bc = force_bc - np.where(pressed_b, pull_b, 0.0)[:, None] * normal_bc
            kept_bcc = np.where(pressed_b, spring_b, 0.0)[:, None, None] * across_bcc
            jump_bc = answer(given_bc, kept_bcc + LEFT * (tangent_bcc - kept_bcc))
            jump_b = np.einsum("bc,bc->b", jump_bc, normal_bc)
            slack = SLACK * float(np.abs(jump_bc).max(initial=0.0))
            still = pull_b + spring_b * jump_b < spring_b * slack
            again = np.where(pressed_b, still, gap_b + jump_b < -slack)
            if (again == pressed_b).all():
                break
            pressed_b = again
        after_bc = before_bc + jump_bc
        opening_b = 0.5 * np.where(pressed_b, 0.0, pull_b) * (gap_b + jump_b)
        return opening_b, 0.5 * np.einsum("bc,bc->b", given_bc, after_bc) - opening_b


def _stiffness(mechanics: Mechanics, own: Indices) -> Floats:
    """Stiffness of the springs for some ties, in proportion to their areas [N/m]."""
    network = mechanics.network
    no_bonds = np.zeros((len(mechanics.bonds.active_b), 3, 3))
    unknown = mechanics.unknown_n[network.bond_bn[own, 0]]
    diagonal = mechanics.tangent.matrix(no_bonds).diagonal()[3 * unknown[unknown >= 0]]
    area = network.area_b[own]
    return STIFF * float(np.median(diagonal)) * area / float(np.median(area))


def _ties(node_bn: Ints, stiffness_b: Floats, pulled_nc: Floats) -> Floats:
    """Forces of springs that balance what pulls on the copies that they tie, (n, 3) [N].

    Three grains that meet at a line are tied by three: of all forces that balance, those of least energy.
    """
    node, end = np.unique(node_bn, return_inverse=True)
    bond, end = np.arange(len(node_bn)), end.reshape(node_bn.shape)
    sign = sp.csr_matrix(
        (np.repeat([1.0, -1.0], len(bond)), (end.T.ravel(), np.tile(bond, 2))), (len(node), len(bond))
    )
    balance = sign @ sp.diags(stiffness_b) @ sign.T
    lift = 1e-12 * float(balance.diagonal().mean())  # each cluster may move as a whole
    factors = sla.splu((balance + lift * sp.identity(len(node))).tocsc())
    move_nc = np.stack([factors.solve(column) for column in -pulled_nc[node].T], axis=1)
    return stiffness_b[:, None] * (sign.T @ move_nc)
