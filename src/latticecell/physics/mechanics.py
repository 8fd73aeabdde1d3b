"""Equilibrium of the lattice and its breakable bonds.

Newton's method on the node displacements, and on the mean lateral strain where the cell may contract. Tied
grain boundaries share their unknowns. The damage history is frozen inside a step: `Mechanics.solve` proposes,
the caller commits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from latticecell.arrays import Bools, Floats
from latticecell.config import Solver
from latticecell.effort import Effort
from latticecell.errors import SolveError
from latticecell.materials import MechanicalLaws
from latticecell.network import GB_BOND, Network
from latticecell.physics.bonds import BondForces, Bonds
from latticecell.physics.equilibrium import Imbalance, MechanicsSolution, Pull, Step
from latticecell.physics.lattice import Lattice, domain_stiffness
from latticecell.physics.releasing import let_go
from latticecell.solvers import EQUILIBRIUM_SOLVERS
from latticecell.solvers.tangent import Tangent, gather_matrix, number_unknowns, pull_matrix
from latticecell.state import State
from latticecell.threads import one_blas_thread

SEARCH_FROM = 8
"""Newton iteration from which every step is searched; earlier, a search blocks changes of contact."""
STRIDE_FROM = 16
"""Newton iteration from which steps may be lengthened where the tangent is indefinite: an interface that lets
go all at once otherwise creeps along its softening branches, each step as long as the little that softens."""
STEADY = 16
"""Newton iterations after which an equilibrium counts as unstable where bonds are let go event by event."""
PATIENCE = 10
"""Times the Newton iterations allowed at the shortest step: what lets go all at once does so bond after bond,
however short the step."""
LONGEST_STRIDE = 2.0**12
"""Times a step that it is lengthened at most."""
GROWTH = 1.5
"""Growth of the imbalance in one full step above which that step is searched at any iteration."""


class Energies(NamedTuple):
    """Energies of lattice and bonds [J]."""

    elastic: float
    bonds: float
    interface_dissipated: float
    gb_dissipated: float


class Work(NamedTuple):
    """Work over a step [J].

    Attributes
    ----------
    swelling, wall : float
        Done by eigenstrains, by the trapezoidal rule, and by the loaded wall.
    viscous : float
        Lost to the viscous tractions.
    bending : float
        What the trapezoidal rule misses because tractions of bonds are no straight lines in between.
    """

    swelling: float
    wall: float
    viscous: float
    bending: float


class BondSummary(NamedTuple):
    """Area fractions damaged and broken, numbers broken, largest GB opening [m], loose groups of grains."""

    interface_damaged: float
    interface_broken: float
    interface_broken_count: int
    gb_damaged: float
    gb_broken: float
    gb_broken_count: int
    gb_opening_max: float
    fragments: int


class Mechanics:
    """Equilibrium solver of a cell.

    Parameters
    ----------
    laws : MechanicalLaws
    network : Network
    options : Solver
        Tolerance and iterations of Newton's method, and the solver of its linear systems.
    n_threads : int
        Threads of the kernels; results do not depend on it.
    effort : Effort, optional
        Account to which the seconds of the linear systems go.

    Attributes
    ----------
    lattice, bonds : Lattice, Bonds
    tangent : Tangent
        Stiffness of both on the unknowns.
    unknown_n, node_i : intp
        Unknown of every node (-1 where it is fixed) and a node of every unknown.
    """

    @one_blas_thread()
    def __init__(self, laws: MechanicalLaws, network: Network, options: Solver, n_threads: int = 1,
                 effort: Effort | None = None):  # fmt: skip
        self.network = network
        self._effort = effort or Effort()
        self.options = options
        self.bonds = Bonds(laws, network)
        self.lattice = Lattice(network, domain_stiffness(laws, network), n_threads)
        fixed, loaded, area, inwards = network.collector_n, network.lithium_n, network.lithium_area_n, -1.0
        if laws.wall == "lithium_fixed":
            fixed, loaded, area = network.lithium_n, network.collector_n, network.collector_area_n
            inwards = 1.0
        self._load_nc = np.zeros((network.n_nodes, 3))
        self._load_nc[loaded, 2] = inwards * laws.pressure * area
        tied_bn = network.bond_bn[network.kind_b == GB_BOND] if laws.tied else np.zeros((0, 2), np.int32)
        self.unknown_n, self.node_i = number_unknowns(network.n_nodes, tied_bn, fixed)
        self._gather = gather_matrix(self.unknown_n, len(self.node_i))
        self._pull = pull_matrix(self.unknown_n, len(self.node_i), self.bonds.node_bn)
        self.tangent = Tangent(self.lattice.stiffness_matrix(), self.unknown_n, self.bonds.node_bn)
        self._solver = EQUILIBRIUM_SOLVERS[options.equilibrium](
            self.tangent, network.x_nc[self.node_i], n_threads
        )
        strength = self.bonds.strength_b * self.bonds.area_b
        self.force_scale = float(np.linalg.norm(strength)) if len(strength) else 1e-6
        self.by_events = laws.by_events
        self._free_strain = laws.free_lateral
        if self._free_strain:
            self._lateral_ic, self._lateral_cc = self._lateral_stiffness()

    @one_blas_thread()
    def solve(self, eigen_tv: Floats, state: State, dt: float, guess_nc: Floats | None = None,
              guess_strain_c: Floats | None = None,
              last: MechanicsSolution | None = None) -> MechanicsSolution:  # fmt: skip
        """Find the equilibrium at the end of a step.

        Parameters
        ----------
        eigen_tv : (n_tets, 6) float64
            Eigenstrain at the end of the step, Voigt [1].
        state : State
            State at the start of the step: history, and openings for the viscous traction.
        dt : float
            Length of the step [s].
        guess_nc, guess_strain_c : float64, optional
            Where to start; default: the state's displacement and lateral strain.
        last : MechanicsSolution, optional
            An earlier solution of the same step. What was let go in it stays so.

        Raises
        ------
        SolveError
            If Newton's method does not converge within ``solver.mechanics_iterations``; at the shortest step
            `PATIENCE` times as many.
        """
        u = np.array(state.u_nc if guess_nc is None else guess_nc)
        strain = np.array(state.strain_c if guess_strain_c is None else guess_strain_c)
        step = self._step(eigen_tv, state, dt)
        free = self._net_force(self.lattice.force(np.zeros_like(u), np.zeros(2), eigen_tv))
        scale = max(self.force_scale, 1e-3 * float(np.linalg.norm(free)))
        try:
            if not self.by_events:
                patient = PATIENCE if dt <= self.options.dt_min else 1
                return self._newton(u, strain, step, scale, patient * self.options.mechanics_iterations)
            fixed = (self.unknown_n < 0)[:, None]
            start, released = (np.where(fixed, u, state.u_nc), state.strain_c), 0
            if last is not None and last.releases:
                start, released = (last.u_nc, last.strain_c), last.releases
                history = last.history_bh[self.bonds.active_b]
                step = step._replace(before_bc=self.bonds.opening(last.u_nc), history_bh=history)
            found = self.steady(u, strain, step, scale)
            found = found or let_go(self, *start, step, scale, self.options.mechanics_tolerance)
            return found.after(released)
        except SolveError as problem:
            raise SolveError(
                problem.reason, field=problem.field, residual=problem.residual,
                time=float(state.time[0]) + (dt if np.isfinite(dt) else 0.0),
            ) from problem  # fmt: skip

    def steady(self, u: Floats, strain: Floats, step: Step, scale: float) -> MechanicsSolution | None:
        """Return the equilibrium near a displacement, to which nothing unstable leads; None if there is none.

        Parameters as of `let_go`.
        """
        try:
            return self._newton(u, strain, step, scale, STEADY)
        except SolveError:
            return None

    def _newton(self, u: Floats, strain: Floats, step: Step, scale: float, most: int) -> MechanicsSolution:
        """Newton's method; where bonds are let go event by event, only as far as everything is stable."""
        linear = 0
        point = self._at(u, strain, step)
        size = start = self.norm(point) / scale
        for newton in range(most + 1):
            if size <= self.options.mechanics_tolerance:
                return self.solution(u, strain, point.bonds.history_bh, newton, linear, size)
            if newton == most or not size < 1e6 * max(start, 1.0):
                break
            rtol = float(np.clip(0.3 * self.options.mechanics_tolerance / size, 1e-3, 0.05))
            du, de, spent = self.direction(point, rtol)
            linear += spent
            longest = 1.0
            if du is None:
                if self.by_events:
                    break
                longest = LONGEST_STRIDE if newton >= STRIDE_FROM else 1.0
                clipped = self.bonds.respond(self.bonds.opening(u), *step[1:], "clipped")
                du, de, spent = self.direction(point._replace(bonds=clipped), rtol)
                linear += spent
                if du is None:
                    break
            trial = self._at(u + du, strain + de, step)
            if newton >= SEARCH_FROM or not self.norm(trial) / scale < GROWTH * size:
                length = self._search(point, trial, u, strain, du, de, step, longest)
                du, de = length * du, length * de
                trial = self._at(u + du, strain + de, step)
            u, strain, point = u + du, strain + de, trial
            size = self.norm(point) / scale
        raise SolveError(f"no equilibrium after {newton} Newton iterations", field="mechanics", residual=size)

    def solution(
        self, u: Floats, strain: Floats, history_bh: Floats, iterations: int, linear: int, residual: float
    ) -> MechanicsSolution:
        """Return a displacement and the history of the active bonds as a solution."""
        active = self.bonds
        gap = active.everywhere(np.einsum("bc,bc->b", active.opening(u), active.normal_bc))
        history = active.everywhere(history_bh)
        return MechanicsSolution(u, strain, gap, history, iterations, linear, residual)

    def imbalance(
        self, u_nc: Floats, strain_c: Floats, eigen_tv: Floats, state: State, dt: float
    ) -> Imbalance:
        """Bonds and forces out of balance at a displacement, after a step from ``state``; see `solve`."""
        return self._at(u_nc, strain_c, self._step(eigen_tv, state, dt))

    @one_blas_thread()
    def answer(self, force_bc: Floats, tangent_bcc: Floats, rtol: float) -> Floats:
        """Displacement that forces on the active bonds cause, linearly, (n_nodes, 3) [m].

        Parameters
        ----------
        force_bc : (n_active, 3) float64
            Forces on their first nodes, and the opposite on their second [N].
        tangent_bcc : (n_active, 3, 3) float64
            Tangents of all active bonds [N/m].
        rtol : float
            Tolerance of the linear system.

        Raises
        ------
        SolveError
            If lattice and bonds are not stable.
        """
        force = (self._pull @ force_bc).ravel()
        bonds = BondForces(force_bc, tangent_bcc, np.zeros((len(force_bc), self.bonds.n_columns)))
        du, _, _ = self.direction(Imbalance(bonds, force, np.zeros(2)), rtol)
        if du is None:
            raise SolveError("lattice and bonds are not stable", field="mechanics", residual=1.0)
        return du

    def stress(self, state: State, eigen_tv: Floats) -> Floats:
        """Stress of every tet, (n_tets, 6) Voigt [Pa]."""
        return self.lattice.stress(state.u_nc, state.strain_c, eigen_tv)

    def energies(self, state: State, eigen_tv: Floats) -> Energies:
        """Energies stored and lost so far [J]."""
        history = state.history_bh[self.bonds.active_b]
        interface, grain_boundary = self.bonds.dissipated(history)
        return Energies(
            self.lattice.energy(state.u_nc, state.strain_c, eigen_tv),
            self.bonds.stored(self.bonds.opening(state.u_nc), history),
            interface,
            grain_boundary,
        )

    def work(
        self, old: State, new: State, eigen_old_tv: Floats, eigen_new_tv: Floats, dt: float,
        released: bool = False,
    ) -> Work:  # fmt: skip
        """Work done on the cell over a step [J].

        The trapezoidal rule is exact for the elastic lattice, and for a bond that answers in a straight
        line. One that touches, lets go or softens within the step does not. Bending is the work of its
        tractions along the way, and of the drag of the step, less half the sum of the forces of both ends
        times the change of the opening. The trapezoidal rule on the lattice lacks just as much, since forces
        are balanced at both ends. Where bonds were let go in the step, their way was no straight line: their
        work is then what they store and have lost.
        """
        stress = 0.5 * (self.stress(old, eigen_old_tv) + self.stress(new, eigen_new_tv))
        growth = eigen_new_tv - eigen_old_tv
        swelling = -float(self.network.volume_t @ np.einsum("tv,tv->t", stress, growth))
        wall = float(np.sum(self._load_nc * (new.u_nc - old.u_nc)))
        bonds = self.bonds
        active, before, after = bonds.active_b, bonds.opening(old.u_nc), bonds.opening(new.u_nc)
        jump, history = after - before, old.history_bh[active]
        drag = bonds.drag(jump / dt)
        force = bonds.respond(before, before, history, np.inf, "secant").force_bc
        force = force + bonds.drag(bonds.opening(old.u_rate_nc))
        viscous = float(np.sum(drag * jump))
        if released:
            now = new.history_bh[active]
            force = force + bonds.respond(after, after, now, np.inf, "secant").force_bc
            done = bonds.stored(after, now) - bonds.stored(before, history)
            done += sum(bonds.dissipated(now)) - sum(bonds.dissipated(history))
        else:
            force = force + bonds.respond(after, before, history, dt, "secant").force_bc
            done = bonds.work(before, after, history) + viscous
        return Work(swelling, wall, viscous, done - 0.5 * float(np.sum(force * jump)))

    def viscous_share(self, old: State, new: State, dt: float) -> float:
        """Largest viscous traction relative to the strength of its bond over a step [1]."""
        return self.bonds.traction_share(self.bonds.opening(new.u_nc), self.bonds.opening(old.u_nc), dt)

    def traction(self, state: State) -> Floats:
        """Traction of the second side of every bond on the first, 0 on tied ones, (n_bonds, 3) [Pa]."""
        bonds, opening = self.bonds, self.bonds.opening(state.u_nc)
        forces = bonds.respond(opening, opening, state.history_bh[bonds.active_b], np.inf, "secant")
        return bonds.everywhere(forces.force_bc / bonds.area_b[:, None])

    def damage(self, state: State) -> Floats:
        """Damage of every bond, 0 on tied ones, (n_bonds,) [1]."""
        bonds = self.bonds
        return bonds.everywhere(bonds.damage(state.history_bh[bonds.active_b]))

    def broken(self, state: State) -> Bools:
        """Whether each bond counts as separated, (n_bonds,)."""
        bonds = self.bonds
        return bonds.everywhere(bonds.is_broken(state.history_bh[bonds.active_b]).astype(float)) > 0

    def note_breaking(self, old: State, new: State) -> None:
        """Note the time of a new state for the bonds that were whole in an old one and have separated."""
        new.broke_b[self.broken(new) & ~self.broken(old)] += new.time[0]  # 0 before, nan stays

    def bond_summary(self, state: State) -> BondSummary:
        """Damage by class of bond, as fractions of area, and what has come loose."""
        network, bonds = self.network, self.bonds
        history = state.history_bh[bonds.active_b]
        damaged, broken = bonds.is_damaged(history), bonds.is_broken(history)
        values: list[float] = []
        for own in (bonds.is_interface_b, ~bonds.is_interface_b):
            area = bonds.area_b[own]
            total = max(float(area.sum()), 1e-300)
            values += [float(area @ damaged[own]) / total, float(area @ broken[own]) / total]
            values.append(float(np.count_nonzero(broken[own])))
        gb_gap = state.gap_b[network.gb_b]
        fragments = self._fragments(broken) if broken.any() else 0
        return BondSummary(
            values[0], values[1], int(values[2]), values[3], values[4], int(values[5]),
            float(gb_gap.max(initial=0.0)), fragments,
        )  # fmt: skip

    def _fragments(self, broken: Bools) -> int:
        """Return how many groups of grains no bond holds to the rest any more."""
        import networkx  # most runs, and all that only read, do without

        network = self.network
        holding = np.ones(network.n_bonds, bool)
        holding[self.bonds.active_b] = ~broken
        graph = networkx.Graph()
        graph.add_nodes_from(range(network.n_grains + 1))
        graph.add_edges_from(np.unique(network.domain_n[network.bond_bn[holding]], axis=0).tolist())
        return int(networkx.number_connected_components(graph)) - 1

    def _step(self, eigen_tv: Floats, state: State, dt: float) -> Step:
        history = state.history_bh[self.bonds.active_b]
        return Step(eigen_tv, self.bonds.opening(state.u_nc), history, dt)

    def _at(self, u: Floats, strain: Floats, step: Step) -> Imbalance:
        """Bonds and imbalance at a displacement."""
        bonds = self.bonds.respond(self.bonds.opening(u), *step[1:], "consistent")
        return self.with_bonds(self.elastic(u, strain, step.eigen_tv), bonds)

    def elastic(self, u: Floats, strain: Floats, eigen_tv: Floats) -> Pull:
        """Forces of lattice and walls at a displacement."""
        tension_s = self.lattice.tension(u, strain, eigen_tv)
        force = self._net_force(self.lattice.gather(tension_s) + self._load_nc)
        return Pull(force, -self._stretching(tension_s) if self._free_strain else np.zeros(2))

    def with_bonds(self, pull: Pull, bonds: BondForces) -> Imbalance:
        """Return the imbalance of lattice and walls with that of bonds."""
        return Imbalance(bonds, pull.force + (self._pull @ bonds.force_bc).ravel(), pull.lateral)

    def _net_force(self, force_nc: Floats) -> Floats:
        return (self._gather @ force_nc).ravel()

    def norm(self, point: Imbalance) -> float:
        """Root of the sum of squares of what is not balanced [N]."""
        lateral = point.lateral / self.network.box_c[:2]
        return float(np.hypot(np.linalg.norm(point.force), np.linalg.norm(lateral)))

    def _stretching(self, tension_s: Floats) -> Floats:
        """Derivative of the energy by the mean lateral strain at fixed nodes, (2,) [J]."""
        return (tension_s * self.network.length_s) @ self.network.direction_sc[:, :2] ** 2

    def _lateral_stiffness(self) -> tuple[Floats, Floats]:
        """Force on the unknowns (3 n, 2) [N] and lateral stretching (2, 2) [J] per mean lateral strain."""
        network = self.network
        nothing, still = np.zeros((network.n_tets, 6)), np.zeros((network.n_nodes, 3))
        tensions = [self.lattice.tension(still, e, nothing) for e in np.eye(2)]
        columns = [self._net_force(self.lattice.gather(tension)) for tension in tensions]
        return np.stack(columns, axis=1), np.array([self._stretching(tension) for tension in tensions])

    def direction(
        self, point: Imbalance, rtol: float, lightly: bool = False
    ) -> tuple[Floats | None, Floats, int]:
        """Newton step of all nodes and of the lateral strain; None where the tangent is indefinite.

        ``lightly`` where few bonds have changed since the last step, whose preconditioner then does.
        """
        with self._effort.phase("equilibrium setup"):
            (self._solver.adjust if lightly else self._solver.update)(point.bonds.tangent_bcc)
        systems = [(point.force, rtol)]
        if self._free_strain:
            systems += [(column, min(rtol, 1e-4)) for column in self._lateral_ic.T]
        answers, spent = [], 0
        for b, tolerance in systems:
            with self._effort.phase("equilibrium solve"):
                found = self._solver.solve(b, tolerance)
            spent += found.iterations
            if found.indefinite:
                return None, np.zeros(2), spent
            answers.append(found.x)
        x, de = answers[0], np.zeros(2)
        if self._free_strain:
            y = np.stack(answers[1:], axis=1)
            schur = self._lateral_cc - self._lateral_ic.T @ y
            de = np.linalg.solve(schur, point.lateral + self._lateral_ic.T @ x).astype(float)
            x = x + np.asarray(y @ de, dtype=np.float64)
        du = np.zeros((self.network.n_nodes, 3))
        free = self.unknown_n >= 0
        du[free] = x.reshape(-1, 3)[self.unknown_n[free]]
        return du, de, spent

    def _search(
        self,
        start: Imbalance,
        full: Imbalance,
        u: Floats,
        strain: Floats,
        du: Floats,
        de: Floats,
        step: Step,
        longest: float = 1.0,
    ) -> float:
        """Length at which the imbalance has no part along the step (regula falsi, kept inside [0, 1]).

        Up to ``longest`` the step is doubled for as long as the imbalance still pulls along it.
        """
        way = du[self.node_i].ravel()
        low, high, length = 0.0, 1.0, 1.0
        at_low = reference = start.along(way, de)
        at_high = full.along(way, de)
        while at_high > 0.0 and 2 * high <= longest:
            low, at_low, high = high, at_high, 2 * high
            at_high = self._at(u + high * du, strain + high * de, step).along(way, de)
        if at_high > 0.0 or abs(at_high) <= 0.7 * at_low:
            return high
        for trial in range(20):
            secant = low + (high - low) * float(np.clip(at_low / (at_low - at_high), 0.05, 0.95))
            length = 0.5 * (low + high) if trial % 3 == 2 else secant
            value = self._at(u + length * du, strain + length * de, step).along(way, de)
            if abs(value) < 0.3 * reference:
                break
            if value > 0:
                low, at_low = length, value
            else:
                high, at_high = length, value
        return length
