"""Equilibrium of the lattice and its breakable bonds.

Newton's method on the node displacements, and on the mean lateral strain where the cell may contract. Tied
grain boundaries share their unknowns. The damage history is frozen inside a step: `Mechanics.solve` proposes,
the caller commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import networkx
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from latticecell.config import Config
from latticecell.errors import SolveError
from latticecell.network import Network
from latticecell.physics.bonds import BondForces, Bonds
from latticecell.physics.lattice import Lattice, elastic_constants
from latticecell.physics.tangent import Tangent, gather_matrix, number_unknowns, positive_part
from latticecell.solvers.krylov import LinearResult, conjugate_gradients
from latticecell.solvers.multigrid import MergedMultigrid
from latticecell.state import State

Floats = NDArray[np.float64]

REBUILD_ABOVE = 25
"""Iterations above which the preconditioner is made anew."""
MOST_LINEAR_ITERATIONS = 200
SEARCH_FROM = 8
"""Newton iteration from which every step is searched; earlier, a search blocks changes of contact."""
GROWTH = 1.5
"""Growth of the imbalance in one full step above which that step is searched at any iteration."""


@dataclass(frozen=True, slots=True)
class MechanicsSolution:
    """A proposed equilibrium.

    Attributes
    ----------
    u_nc : (n_nodes, 3) float64
        Periodic part of the displacement [m].
    strain_c : (2,) float64
        Mean lateral strain [1].
    gap_b : (n_bonds,) float64
        Normal openings [m]; 0 on tied bonds.
    stretch_b, damage_b : (n_bonds,) float64
        Proposed history [m] and damage [1].
    newton_iterations, linear_iterations : int
        Work spent.
    residual : float
        Out-of-balance force over the strength of all bonds, root of sums of squares [1].
    """

    u_nc: Floats
    strain_c: Floats
    gap_b: Floats
    stretch_b: Floats
    damage_b: Floats
    newton_iterations: int
    linear_iterations: int
    residual: float


class Energies(NamedTuple):
    """Energies of lattice and bonds [J]."""

    elastic: float
    bonds: float
    interface_dissipated: float
    gb_dissipated: float


class Work(NamedTuple):
    """Work over a step [J]: done by swelling, done by the loaded wall, lost to viscous tractions."""

    swelling: float
    wall: float
    viscous: float


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
    config : Config
    network : Network
    n_threads : int
        Threads of the kernels; results do not depend on it.
    """

    def __init__(self, config: Config, network: Network, n_threads: int = 1):
        self.network = network
        self.bonds = Bonds(config, network)
        self.lattice = Lattice(network, *elastic_constants(config, network), n_threads)
        self.options = config.solver
        self._free_strain = config.mechanics.lateral_strain == "free"
        tied = config.grain_boundary.mode == "tied"
        fixed, loaded, area, inwards = network.collector_n, network.lithium_n, network.lithium_area_n, -1.0
        if config.mechanics.wall == "lithium_fixed":
            fixed, loaded, area, inwards = (
                network.lithium_n,
                network.collector_n,
                network.collector_area_n,
                1.0,
            )
        self._load_nc = np.zeros((network.n_nodes, 3))
        self._load_nc[loaded, 2] = inwards * config.mechanics.pressure * area
        self._unknown_n, self._node_i = number_unknowns(network, tied, fixed)
        self._gather = gather_matrix(self._unknown_n, len(self._node_i))
        self._tangent = Tangent(self.lattice.stiffness_matrix(), self._unknown_n, self.bonds.node_bn)
        strength = self.bonds.law.strength_b * self.bonds.area_b
        self.force_scale = float(np.linalg.norm(strength)) if len(strength) else 1e-6
        self._multigrid: MergedMultigrid | None = None
        self._lateral_ic = self._lateral_force() if self._free_strain else None

    def forget(self) -> None:
        """Drop the preconditioner, the only thing that remembers earlier solves."""
        self._multigrid = None

    def solve(self, eigen_n: Floats, state: State, dt: float, guess_nc: Floats | None = None,
              guess_strain_c: Floats | None = None) -> MechanicsSolution:  # fmt: skip
        """Find the equilibrium at the end of a step.

        Parameters
        ----------
        eigen_n : (n_nodes,) float64
            Linear expansion beta(x) - beta(x0) at the end of the step [1].
        state : State
            State at the start of the step: history, and openings for the viscous traction.
        dt : float
            Length of the step [s].
        guess_nc, guess_strain_c : float64, optional
            Where to start; default: the state's displacement and lateral strain.

        Raises
        ------
        SolveError
            If Newton's method does not converge.
        """
        u = np.array(state.u_nc if guess_nc is None else guess_nc)
        strain = np.array(state.strain_c if guess_strain_c is None else guess_strain_c)
        before = self.bonds.opening(state.u_nc)
        stretch = state.stretch_b[self.bonds.active_b]
        swelling = self._net_force(self.lattice.force(np.zeros_like(u), np.zeros(2), eigen_n))
        scale = max(self.force_scale, 1e-3 * float(np.linalg.norm(swelling)))
        linear = 0
        bonds, force = self._at(u, strain, eigen_n, before, stretch, dt)
        size = start = self._norm(*force) / scale
        for newton in range(self.options.mechanics_iterations + 1):
            if size <= self.options.mechanics_tolerance:
                active = self.bonds
                gap = np.einsum("bc,bc->b", active.opening(u), active.normal_bc)
                return MechanicsSolution(
                    u, strain, active.everywhere(gap), active.everywhere(bonds.stretch_b),
                    active.everywhere(bonds.damage_b), newton, linear, size,
                )  # fmt: skip
            if newton == self.options.mechanics_iterations or not size < 1e6 * max(start, 1.0):
                break
            rtol = float(np.clip(0.3 * self.options.mechanics_tolerance / size, 1e-3, 0.05))
            du, de, spent = self._direction(*force, bonds, rtol)
            linear += spent
            if du is None:
                bonds = self.bonds.respond(self.bonds.opening(u), before, stretch, dt, "clipped")
                du, de, spent = self._direction(*force, bonds, rtol)
                linear += spent
                if du is None:
                    break
            trial = self._at(u + du, strain + de, eigen_n, before, stretch, dt)
            if newton >= SEARCH_FROM or not self._norm(*trial.force) / scale < GROWTH * size:
                length = self._search(trial, u, strain, du, de, eigen_n, before, stretch, dt, force)
                du, de = length * du, length * de
                trial = self._at(u + du, strain + de, eigen_n, before, stretch, dt)
            u, strain = u + du, strain + de
            bonds, force = trial
            size = self._norm(*force) / scale
        raise SolveError(
            f"no equilibrium after {newton} Newton iterations", field="mechanics", residual=size,
            time=float(state.time[0]) + (dt if np.isfinite(dt) else 0.0),
        )  # fmt: skip

    def stress(self, state: State, eigen_n: Floats) -> Floats:
        """Stress of every tet, (n_tets, 6) Voigt [Pa]."""
        return self.lattice.stress(state.u_nc, state.strain_c, eigen_n)

    def energies(self, state: State, eigen_n: Floats) -> Energies:
        """Energies stored and lost so far [J]."""
        stretch = state.stretch_b[self.bonds.active_b]
        interface, grain_boundary = self.bonds.dissipated(stretch)
        return Energies(
            self.lattice.energy(state.u_nc, state.strain_c, eigen_n),
            self.bonds.stored(self.bonds.opening(state.u_nc), stretch),
            interface,
            grain_boundary,
        )

    def work(self, old: State, new: State, eigen_old_n: Floats, eigen_new_n: Floats, dt: float) -> Work:
        """Work done on the cell over a step, by the trapezoidal rule [J].

        Exact for the elastic lattice. What the energy balance leaves over is thus the error of the rule on
        the softening of bonds within the step.
        """
        lattice, volume_t = self.lattice, self.network.volume_t
        stress = 0.5 * (self.stress(old, eigen_old_n) + self.stress(new, eigen_new_n))
        growth = lattice.tet_mean(eigen_new_n - eigen_old_n)
        swelling = -float((volume_t * growth) @ np.einsum("tv,tv->t", stress, lattice.swelling_tv))
        wall = float(np.sum(self._load_nc * (new.u_nc - old.u_nc)))
        before, after = self.bonds.opening(old.u_nc), self.bonds.opening(new.u_nc)
        return Work(swelling, wall, self.bonds.viscous_work(after, before, dt))

    def viscous_share(self, old: State, new: State, dt: float) -> float:
        """Largest viscous traction relative to the strength of its bond over a step [1]."""
        return self.bonds.traction_share(self.bonds.opening(new.u_nc), self.bonds.opening(old.u_nc), dt)

    def damage(self, state: State) -> Floats:
        """Damage of every bond, 0 on tied ones, (n_bonds,) [1]."""
        bonds = self.bonds
        return bonds.everywhere(bonds.law.damage(state.stretch_b[bonds.active_b]))

    def broken(self, state: State) -> NDArray[np.bool_]:
        """Whether each bond has been opened to its final opening, (n_bonds,)."""
        bonds = self.bonds
        broken = state.stretch_b[bonds.active_b] >= bonds.law.final_b
        return bonds.everywhere(broken.astype(float)) > 0

    def bond_summary(self, state: State) -> BondSummary:
        """Damage by class of bond, as fractions of area, and what has come loose."""
        network, bonds = self.network, self.bonds
        stretch = state.stretch_b[bonds.active_b]
        damaged, broken = stretch > bonds.law.onset_b, stretch >= bonds.law.final_b
        values: list[float] = []
        for own in (bonds.is_interface_b, ~bonds.is_interface_b):
            area = bonds.area_b[own]
            total = max(float(area.sum()), 1e-300)
            values += [float(area @ damaged[own]) / total, float(area @ broken[own]) / total]
            values.append(float(np.count_nonzero(broken[own])))
        gb_gap = state.gap_b[network.gb_b]
        graph = networkx.Graph()
        graph.add_nodes_from(range(network.n_grains + 1))
        holding = np.ones(network.n_bonds, bool)
        holding[bonds.active_b] = ~broken
        pairs = network.domain_n[network.bond_bn[holding]]
        graph.add_edges_from(np.unique(pairs, axis=0).tolist())
        fragments = networkx.number_connected_components(graph) - 1
        return BondSummary(
            values[0], values[1], int(values[2]), values[3], values[4], int(values[5]),
            float(gb_gap.max(initial=0.0)), fragments,
        )  # fmt: skip

    def _at(
        self, u: Floats, strain: Floats, eigen_n: Floats, before: Floats, stretch: Floats, dt: float
    ) -> _Point:
        """Bond forces and imbalance at a displacement."""
        bonds = self.bonds.respond(self.bonds.opening(u), before, stretch, dt, "consistent")
        return _Point(bonds, self._imbalance(u, strain, eigen_n, bonds))

    def _net_force(self, force_nc: Floats) -> Floats:
        return (self._gather @ force_nc).ravel()

    def _imbalance(
        self, u: Floats, strain: Floats, eigen_n: Floats, bonds: BondForces
    ) -> tuple[Floats, Floats]:
        """Force on every unknown (3 n,) [N] and its lateral counterpart (2,) [J]."""
        network = self.network
        tension_s = self.lattice.tension(u, strain, eigen_n)
        total = self.lattice.gather(tension_s) + self._load_nc
        for end, sign in ((0, 1.0), (1, -1.0)):
            node = self.bonds.node_bn[:, end]
            for c in range(3):
                total[:, c] += np.bincount(node, sign * bonds.force_bc[:, c], network.n_nodes)
        lateral = np.zeros(2)
        if self._free_strain:
            lateral = -((tension_s * network.length_s) @ network.direction_sc[:, :2] ** 2)
        return self._net_force(total), lateral

    def _norm(self, force: Floats, lateral: Floats) -> float:
        return float(np.hypot(np.linalg.norm(force), np.linalg.norm(lateral / self.network.box_c[:2])))

    def _lateral_force(self) -> Floats:
        """Force on the unknowns per unit of mean lateral strain, (3 n, 2) [N]."""
        network = self.network
        nothing, still = np.zeros(network.n_nodes), np.zeros((network.n_nodes, 3))
        columns = [self._net_force(self.lattice.force(still, e, nothing)) for e in np.eye(2)]
        return np.stack(columns, axis=1)

    def _lateral_stiffness(self) -> Floats:
        """Second derivative of the energy by the mean lateral strain at fixed nodes, (2, 2) [J]."""
        network = self.network
        nothing, still = np.zeros(network.n_nodes), np.zeros((network.n_nodes, 3))
        rows = [
            (self.lattice.tension(still, e, nothing) * network.length_s) @ network.direction_sc[:, :2] ** 2
            for e in np.eye(2)
        ]
        return np.array(rows)

    def _direction(
        self, force: Floats, lateral: Floats, bonds: BondForces, rtol: float
    ) -> tuple[Floats | None, Floats, int]:
        """Newton step of all nodes and of the lateral strain; None where the tangent is indefinite."""
        matrix = self._tangent.matrix(bonds.tangent_bcc)
        found = self._linear_solve(matrix, force, bonds, rtol)
        spent = found.iterations
        if found.indefinite:
            return None, np.zeros(2), spent
        x = found.x
        de: Floats = np.zeros(2)
        if self._lateral_ic is not None:
            response = []
            for column in self._lateral_ic.T:
                extra = self._linear_solve(matrix, column, bonds, min(rtol, 1e-4))
                spent += extra.iterations
                if extra.indefinite:
                    return None, np.zeros(2), spent
                response.append(extra.x)
            y = np.stack(response, axis=1)
            schur = self._lateral_stiffness() - self._lateral_ic.T @ y
            de = np.linalg.solve(schur, lateral + self._lateral_ic.T @ x).astype(float)
            x = x + np.asarray(y @ de, dtype=np.float64)
        du = np.zeros((self.network.n_nodes, 3))
        free = self._unknown_n >= 0
        du[free] = x.reshape(-1, 3)[self._unknown_n[free]]
        return du, de, spent

    def _linear_solve(self, matrix: sp.bsr_matrix, b: Floats, bonds: BondForces, rtol: float) -> LinearResult:
        if self._multigrid is None:
            self._precondition(bonds)
        assert self._multigrid is not None
        found = conjugate_gradients(matrix, b, self._multigrid, rtol, 2 * REBUILD_ABOVE)
        if found.indefinite or found.residual <= rtol:
            if found.iterations > REBUILD_ABOVE:
                self._multigrid = None
            return found
        self._precondition(bonds)
        again = conjugate_gradients(matrix, b, self._multigrid, rtol, MOST_LINEAR_ITERATIONS)
        if not again.indefinite and again.residual > rtol:
            raise SolveError("the linear solver stalls", field="mechanics", residual=again.residual)
        return again._replace(iterations=found.iterations + again.iterations)

    def _precondition(self, bonds: BondForces) -> None:
        """Build the preconditioner for the present tangent, made positive definite."""
        positive = positive_part(bonds.tangent_bcc)
        matrix = self._tangent.matrix(positive)
        group = self._tangent.stiff_groups(positive)
        self._multigrid = MergedMultigrid(matrix, self.network.x_nc[self._node_i], group)

    def _search(
        self, full: _Point, u: Floats, strain: Floats, du: Floats, de: Floats, eigen_n: Floats,
        before: Floats, stretch: Floats, dt: float, force: tuple[Floats, Floats],
    ) -> float:  # fmt: skip
        """Length at which the imbalance has no part along the step (regula falsi, kept inside [0, 1])."""
        step = du[self._node_i].ravel()

        def along(point: _Point) -> float:
            return float(point.force[0] @ step + point.force[1] @ de)

        low, high, length = 0.0, 1.0, 1.0
        at_low = reference = float(force[0] @ step + force[1] @ de)
        at_high = along(full)
        if at_high > 0.0 or abs(at_high) <= 0.7 * at_low:
            return 1.0
        for trial in range(20):
            secant = low + (high - low) * float(np.clip(at_low / (at_low - at_high), 0.05, 0.95))
            length = 0.5 * (low + high) if trial % 3 == 2 else secant
            value = along(self._at(u + length * du, strain + length * de, eigen_n, before, stretch, dt))
            if abs(value) < 0.3 * reference:
                break
            if value > 0:
                low, at_low = length, value
            else:
                high, at_high = length, value
        return length


class _Point(NamedTuple):
    """Forces at one displacement."""

    bonds: BondForces
    force: tuple[Floats, Floats]
