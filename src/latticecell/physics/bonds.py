"""The bonds of a network that can break: which they are, their laws, tractions and energies."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np

from latticecell.arrays import Bools, Floats
from latticecell.errors import ConfigError
from latticecell.laws.bond import BondLaw, BondParameters, TangentKind
from latticecell.materials import MechanicalLaws
from latticecell.network import GB_BOND, INTERFACE_BOND, Network
from latticecell.physics.flaws import KEY, cracked_bonds
from latticecell.physics.scatter import Scatter

APART = 1e-3
"""Opening that breaks the bonds of pre-cracks [m]."""
PANELS = 2.0 ** np.array([-np.inf, *range(-12, 1)])
"""Ends of the panels of `Bonds.work`, shares of a way: fine at its begin, where an intact bond softens."""


class BondForces(NamedTuple):
    """Forces of the active bonds and their derivative.

    Attributes
    ----------
    force_bc : (n_active, 3) float64
        Force on the first node [N]; the second feels the opposite.
    tangent_bcc : (n_active, 3, 3) float64
        Derivative by the opening [N/m].
    history_bh : (n_active, n_columns) float64
        Proposed history.
    """

    force_bc: Floats
    tangent_bcc: Floats
    history_bh: Floats


class Bonds:
    """Active bonds: those of the particle surface, and grain boundaries unless they are tied.

    Strengths and toughnesses are drawn, see `Scatter`: the same file gives the same bonds. A bond may carry a
    viscous traction eta d(opening)/dt with eta = viscosity strength^2 / (2 G_c), a regularisation that is the
    same for every law.

    Attributes
    ----------
    active_b : (n_active,) intp
        Their indices in the network, grain boundaries first.
    node_bn : (n_active, 2) int32
        Their nodes.
    strength_b, toughness_b : (n_active,) float64
        Their strengths [Pa] and energies of separation [J/m2], in opening.
    separation_energy : float
        What would separate all of them [J].
    n_columns : int
        Columns of the histories: as many as the law that needs most has.
    virgin_bh : (n_active, n_columns) float64
        History at the start of a run: zero but where a pre-crack has broken bonds.
    """

    def __init__(self, laws: MechanicalLaws, network: Network):
        self._n_bonds = network.n_bonds
        scatter = Scatter(laws.seed, network)
        active, strengths, energies, viscosities = [], [], [], []
        self._laws: list[tuple[slice, BondLaw]] = []
        start = 0
        for kind, own in ((GB_BOND, laws.grain_boundary), (INTERFACE_BOND, laws.interface)):
            bonds = np.flatnonzero(network.kind_b == kind)
            strength, energy = scatter.draw(own, kind, bonds)
            if kind == GB_BOND and laws.tied:
                continue
            parameters = BondParameters.of(own, strength, energy)
            self._laws.append((slice(start, start + len(bonds)), own.law(parameters)))
            start += len(bonds)
            active.append(bonds)
            strengths.append(strength)
            energies.append(energy)
            viscosities.append(own.viscosity * strength / (2 * energy / strength))
        self.active_b = np.concatenate(active)
        self.strength_b, self._viscosity_b = np.concatenate(strengths), np.concatenate(viscosities)
        self.node_bn = network.bond_bn[self.active_b]
        self.normal_bc = network.normal_bc[self.active_b]
        self.area_b = network.area_b[self.active_b]
        self.is_interface_b = network.kind_b[self.active_b] == INTERFACE_BOND
        self.toughness_b = np.concatenate(energies)
        self.separation_energy = float(self.area_b @ self.toughness_b)
        self.n_columns = max(len(law.columns) for _, law in self._laws)
        self.virgin_bh = np.zeros((len(self.active_b), self.n_columns))
        self._spent_b: Floats | float = 0.0
        if laws.pre_cracks:
            self._crack(cracked_bonds(network, laws.pre_cracks)[self.active_b])

    def _crack(self, cracked: Bools) -> None:
        """Break bonds before the start; what that takes counts nowhere."""
        apart = np.where(cracked[:, None], APART * self.normal_bc, 0.0)
        history = self.respond(apart, np.zeros_like(apart), self.virgin_bh, np.inf, "secant").history_bh
        self.virgin_bh = np.where(cracked[:, None], history, 0.0)
        if not self.is_broken(self.virgin_bh)[cracked].all():
            raise ConfigError(f"{KEY}: the law of the grain boundaries breaks at no opening up to 1 mm")
        self._spent_b = np.concatenate([law.dissipated(h) for _, law, h in self._parts(self.virgin_bh)])

    def everywhere(self, active: Floats) -> Floats:
        """Spread a field of the active bonds over all bonds, zero on the others."""
        result = np.zeros((self._n_bonds, *active.shape[1:]))
        result[self.active_b] = active
        return result

    def opening(self, u_nc: Floats) -> Floats:
        """Opening of the active bonds, second node minus first, (n_active, 3) [m]."""
        return u_nc[self.node_bn[:, 1]] - u_nc[self.node_bn[:, 0]]

    def respond(
        self, opening_bc: Floats, before_bc: Floats, history_bh: Floats, dt: float, tangent: TangentKind
    ) -> BondForces:
        """Forces at an opening, given the opening and history at the start of the step.

        Parameters
        ----------
        opening_bc, before_bc : (n_active, 3) float64
            Openings now and at the start of the step [m].
        history_bh : (n_active, n_columns) float64
            History at the start of the step.
        dt : float
            Length of the step [s]; ``inf`` switches viscous tractions off.
        tangent : {"consistent", "clipped", "secant"}
        """
        parts = [
            law.respond(opening_bc[own], self.normal_bc[own], before_bc[own], history, dt, tangent)
            for own, law, history in self._parts(history_bh)
        ]
        new_bh = np.zeros_like(history_bh)
        for (own, law), part in zip(self._laws, parts, strict=True):
            new_bh[own, : len(law.columns)] = part.history_bh
        force = np.concatenate([part.traction_bc for part in parts])
        matrix = np.concatenate([part.tangent_bcc for part in parts])
        if np.isfinite(dt) and self._viscosity_b.any():
            drag = (self._viscosity_b / dt)[:, None]
            force += drag * (opening_bc - before_bc)
            for c in range(3):
                matrix[:, c, c] += drag[:, 0]
        force *= self.area_b[:, None]
        matrix *= self.area_b[:, None, None]
        return BondForces(force, matrix, new_bh)

    def damage(self, history_bh: Floats) -> Floats:
        """Damage of the active bonds, (n_active,) [1]."""
        return np.concatenate([law.damage(history) for _, law, history in self._parts(history_bh)])

    @cached_property
    def is_share_bh(self) -> Bools:
        """Which histories are shares that stay below 1, as a law may name them, (n_active, n_columns)."""
        found = np.zeros((len(self.active_b), self.n_columns), bool)
        for own, law in self._laws:
            shares = getattr(law, "shares", ())
            found[own, : len(law.columns)] = [name in shares for name in law.columns]
        return found

    def is_damaged(self, history_bh: Floats) -> Bools:
        """Whether the traction of each active bond has passed its peak, (n_active,)."""
        return np.concatenate([law.is_damaged(history) for _, law, history in self._parts(history_bh)])

    def is_broken(self, history_bh: Floats) -> Bools:
        """Whether each active bond counts as separated, (n_active,)."""
        return np.concatenate([law.is_broken(history) for _, law, history in self._parts(history_bh)])

    def stored(self, opening_bc: Floats, history_bh: Floats) -> float:
        """Recoverable energy of the active bonds [J]."""
        parts = self._parts(history_bh)
        energy = [law.stored(opening_bc[own], self.normal_bc[own], history) for own, law, history in parts]
        return float(self.area_b @ np.concatenate(energy))

    def dissipated(self, history_bh: Floats) -> tuple[float, float]:
        """Energy lost to damage at the interface and at grain boundaries [J]."""
        parts = [law.dissipated(history) for _, law, history in self._parts(history_bh)]
        lost = self.area_b * (np.concatenate(parts) - self._spent_b)
        return float(lost[self.is_interface_b].sum()), float(lost[~self.is_interface_b].sum())

    def total(self, column: str, history_bh: Floats) -> float | None:
        """Return a column of the histories, summed over the area [of the column, times m2].

        None if no law has such a column.
        """
        parts = [
            float(self.area_b[own] @ history[:, law.columns.index(column)])
            for own, law, history in self._parts(history_bh)
            if column in law.columns
        ]
        return sum(parts) if parts else None

    def work(self, before_bc: Floats, after_bc: Floats, history_bh: Floats) -> float:
        """Work done on the active bonds while they open along a straight line, without drag [J].

        Integrated from tractions alone (Gauss, three points a panel; panels begin anew where a bond lets go
        or touches), so that it is independent of what a law says of its energies: the balance of energy
        compares both.

        Parameters
        ----------
        before_bc, after_bc : (n_active, 3) float64
            Openings at both ends [m].
        history_bh : (n_active, n_columns) float64
            History at the start.
        """
        jump_bc = after_bc - before_bc
        first, last = (np.einsum("bc,bc->b", ends, self.normal_bc) for ends in (before_bc, after_bc))
        turns = first * last < 0
        turn_b = np.where(turns, first / np.where(turns, first - last, 1.0), 0.0)  # where the gap is zero
        points, weights = np.polynomial.legendre.leggauss(3)
        total = 0.0
        ways = [(0.0 * turn_b, turn_b)] if turns.any() else []
        for begin_b, way_b in (*ways, (turn_b, 1 - turn_b)):
            for low, high in itertools.pairwise(PANELS):
                for point, weight in zip(points, weights, strict=True):
                    share_b = begin_b + way_b * (low + 0.5 * (high - low) * (1 + point))
                    here_bc = before_bc + share_b[:, None] * jump_bc
                    force_bc = self.respond(here_bc, before_bc, history_bh, np.inf, "secant").force_bc
                    power_b = np.einsum("bc,bc->b", force_bc, jump_bc)
                    total += 0.5 * (high - low) * weight * float(way_b @ power_b)
        return total

    def drag(self, rate_bc: Floats) -> Floats:
        """Viscous forces on the first nodes at a rate of opening [m/s], (n_active, 3) [N]."""
        return (self.area_b * self._viscosity_b)[:, None] * rate_bc

    def traction_share(self, opening_bc: Floats, before_bc: Floats, dt: float) -> float:
        """Largest viscous traction over the strength of its bond [1]: the error of the regularisation."""
        if not len(self.area_b) or not self._viscosity_b.any():
            return 0.0
        speed = np.linalg.norm(opening_bc - before_bc, axis=1) / dt
        return float((self._viscosity_b * speed / self.strength_b).max())

    def _parts(self, history_bh: Floats) -> Iterator[tuple[slice, BondLaw, Floats]]:
        """Bonds of each law, the law, and the columns of the history that are its own."""
        for own, law in self._laws:
            yield own, law, history_bh[own, : len(law.columns)]
