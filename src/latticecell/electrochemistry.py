"""One implicit step of Li transport, reaction and both potentials, solved together.

Unknowns: stoichiometry y on grain nodes, the potentials p (see `physics.electrostatics`) and the cell voltage
V. Equations, with i_b the reaction current of an interface bond and q = 1 / (F c_max):

    volume (y - y_old) / dt + outflow(y) + q sum_b A i = 0       grain nodes,
    conduction p +- A i + plating = 0                            ECBD and ED nodes,
    sum_b A i = I,   V sum_b A i = P,   or   V = given.

Newton; V follows the other unknowns exactly (a scalar solve), so every iterate carries the total current.

In a binary electrolyte, whose salt is given (lagged), phi_l is p plus the diffusion potential
2RT/F (1 - t+) ln(c / c_mean): p then obeys the same equations, with a conductivity and exchange currents that
follow the salt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from latticecell.arrays import Bools, Floats
from latticecell.config import Solver
from latticecell.controls import Control, Current, Power, Voltage
from latticecell.errors import SolveError
from latticecell.laplacian import EdgeLaplacian
from latticecell.laws.electrolyte import exchange_scale
from latticecell.laws.kinetics import Reaction, exhaustion, limit_step
from latticecell.materials import ElectroLaws
from latticecell.network import INTERFACE_BOND, Network
from latticecell.physics.electrostatics import Potentials
from latticecell.physics.salt import Salt
from latticecell.physics.transport import LinkFlux, Transport
from latticecell.solvers.krylov import gmres
from latticecell.solvers.linked import LinkedSystem
from latticecell.solvers.relaxation import TwoLevel
from latticecell.state import State
from latticecell.threads import one_blas_thread
from latticecell.units import FARADAY

BOUND_SLACK = 1e-9
"""How far y may leave [0, 1] before the limiter acts [1]."""
LEAVING = 0.02
"""Distance from 0 and 1 at which Newton starts limited nodes; nearer, kinetics are too steep [1]."""
LIMITER_PASSES = 6
CHARGE_TOLERANCE = 1e-7
"""Largest share of the current that may be missing, whatever the tolerance of the solver [1]."""
CIRCULATING = 0.01
"""Share of the reaction currents that charge is balanced against, where they add up to less [1]."""
_FEW = 10
_PATIENCE = 6  # Newton steps before the residual must fall: at first V climbs the steep end of U


@dataclass(frozen=True, slots=True)
class Solution:
    """A converged step.

    Attributes
    ----------
    stoich_n : (n_nodes,) float64
        Stoichiometry, 0 outside the grains [1].
    phi_s_n, phi_l_n : (n_nodes,) float64
        Potentials, 0 where a node carries no such field [V].
    current_b : (n_bonds,) float64
        Reaction current density, positive for delithiation, 0 on GB bonds [A/m2].
    voltage : float
        Cell voltage [V].
    current : float
        Cell current, what the reactions carry together and Li is balanced with; positive while charging [A].
    collector_current, lithium_current : float
        The same through the collector and into the Li metal, as the potentials have it [A].
    newton_iterations, linear_iterations : int
        Summed over the passes of the limiter.
    limited_nodes : int
        Nodes whose negative weights the limiter clipped.
    residual : float
        Last scaled residual [1].
    entering_n : (n_nodes,) float64
        Current that enters the electrolyte at each node, reaction less plating [A]; sums to zero but for
        round-off.
    """

    stoich_n: Floats
    phi_s_n: Floats
    phi_l_n: Floats
    current_b: Floats
    voltage: float
    current: float
    collector_current: float
    lithium_current: float
    newton_iterations: int
    linear_iterations: int
    limited_nodes: int
    residual: float
    entering_n: Floats


class Guess(NamedTuple):
    """Where Newton starts: stoichiometry and potentials, (n_nodes,), and cell voltage."""

    stoich_n: Floats
    phi_s_n: Floats
    phi_l_n: Floats
    voltage: float


class _Ions(NamedTuple):
    """Conduction, and what the salt adds to phi_l and to the reactions."""

    matrix: sp.csr_matrix
    shift_b: float | Floats  # phi_l less its unknown at the interface bonds [V]
    shift_metal: float | Floats  # the same at the Li metal
    scale_b: float | Floats  # of the particle's exchange current [1]
    exchange: Floats | None  # exchange current of the Li metal [A/m2]


class _Problem(NamedTuple):
    """What stays fixed during the Newton iterations of one pass."""

    old_n: Floats
    mass: Floats  # (n_active,) volume / dt [m3/s]
    drift_n: Floats  # psi as transport sees it
    psi_b: Floats  # psi as the reaction sees it
    weight_l: Floats
    resistance_b: Floats
    target: Control
    ions: _Ions


class _Point(NamedTuple):
    """An iterate, what the laws say about it, and its residuals (y rows in m3/s, p rows in A)."""

    stoich_n: Floats
    p: Floats
    voltage: float
    flux: LinkFlux
    reaction: Reaction
    plating_slope: Floats
    residual_y: Floats
    residual_p: Floats
    scale: float  # current that p rows are measured against [A]
    error: float


class Electrochemistry:
    """Solver of the electrochemical fields of a cell.

    Parameters
    ----------
    laws : ElectroLaws
    network : Network
    options : Solver
        Tolerance and iterations of Newton's method.
    n_threads : int
        Threads of the kernels; results do not depend on it.

    Attributes
    ----------
    laws : ElectroLaws
    salt : Salt or None
        Balance of the salt of a binary electrolyte.
    """

    @one_blas_thread()
    def __init__(self, laws: ElectroLaws, network: Network, options: Solver, n_threads: int = 1):
        self.laws, self.network = laws, network
        self._drifts = laws.drift != "off"
        self._bounded_above = laws.drift != "dilute"  # dilute drift piles up beyond c_max
        self._transport = Transport(
            network,
            laws.diffusivity,
            laws.permeance,
            laws.blocking_gap,
            n_threads,
            "saturating" if laws.drift == "off" else laws.drift,
            laws.particle.potential,
            options.tetwise_flux,
            laws.diffusivity_factor,
        )
        self.salt = Salt(network, laws.liquid, laws.temperature, n_threads) if laws.liquid else None
        self._potentials = Potentials(
            network, laws.electronic_conductivity, *laws.ionic_conductivity, n_threads
        )
        self._li_per_charge = 1 / (FARADAY * laws.c_max)  # m3/C
        self._tolerance = options.electrochemistry_tolerance
        self._iterations = options.electrochemistry_iterations
        self._is_interface = network.kind_b == INTERFACE_BOND
        self._grain_node_b = network.bond_bn[self._is_interface, 0]
        self._area_b = network.area_b[self._is_interface]
        # nodes of a domain are contiguous and the grains come first
        self._n_active = int(np.count_nonzero(network.is_active_n))
        self._volume = network.volume_n[: self._n_active]
        site = np.unique(network.site_n[: self._n_active], return_inverse=True)[1]
        self._store = TwoLevel(self._transport.pattern.index, self._transport.pattern.start, site)
        self._floor = 1e-4 * laws.particle.exchange_current * float(self._area_b.sum())
        self._ionic = EdgeLaplacian(network, self._potentials.ionic_n, n_threads) if self.salt else None
        self._liquid_node_b = network.bond_bn[self._is_interface, 1]
        self._metal_n = self._potentials.node_p[self._potentials.lithium_p]
        exchange = self._ions(self._rest_salt()).exchange
        slope = self.laws.lithium.plate(np.zeros(len(self._metal_n)), exchange)[1]
        self._cycle = self._potentials.cycle(slope * self._potentials.lithium_area)

    def initial(self, state: State) -> None:
        """Fill the electrochemical fields of ``state`` with the cell at rest.

        Where its grains are stressed, the voltage is that at which the reactions add up to no current.
        """
        x0, psi_b = self.laws.initial_stoichiometry, state.psi_n[self._grain_node_b]
        particle = self.laws.particle
        rest = float(particle.surface(np.array([x0]), np.zeros(1)).open_circuit_b[0])
        if psi_b.any():
            surface, none = particle.surface(np.full(len(psi_b), x0), psi_b), np.zeros(len(psi_b))
            resistance = self.laws.contact.resistance(state.gap_b[self._is_interface])
            rest = particle.carry(0.0, surface, none, resistance, self._area_b, rest)[0]
        state.stoich_n[...] = np.where(self.network.is_active_n, x0, 0.0)
        state.phi_s_n[...] = np.where(self._potentials.electronic_n, rest, 0.0)
        state.phi_l_n[...] = 0.0
        state.current_b[...] = 0.0
        state.salt_n[...] = self._rest_salt()
        state.voltage[...] = rest

    def _rest_salt(self) -> Floats:
        if self.salt is None:
            return np.zeros(self.network.n_nodes)
        return np.where(self.salt.on_n, self.salt.mean, 0.0)

    def _ions(self, salt_n: Floats) -> _Ions:
        """Return the conduction of a salt field, or that of a single-ion conductor."""
        liquid = self.laws.liquid
        if self.salt is None or self._ionic is None or liquid is None:
            return _Ions(self._potentials.matrix, 0.0, 0.0, 1.0, None)
        ionic = self._ionic.matrix(self._ionic.weight(self.salt.conductivity(salt_n)))
        shift_n = self.salt.potential(salt_n)
        return _Ions(
            self._potentials.with_ionic(ionic),
            shift_n[self._liquid_node_b],
            shift_n[self._metal_n],
            exchange_scale(salt_n[self._liquid_node_b], self.salt.mean),
            liquid.lithium_exchange(salt_n[self._metal_n]),
        )

    def contact_drop(self, current_b: Floats, gap_b: Floats) -> Floats:
        """Return i_n R_int of the interface bonds, in the order of the network, (n_interface,) [V].

        Takes i_n [A/m2] and normal openings [m], both (n_bonds,).
        """
        return current_b[self._is_interface] * self.laws.contact.resistance(gap_b[self._is_interface])

    @one_blas_thread()
    def solve(
        self,
        state: State,
        dt: float,
        control: Control,
        *,
        gap_b: Floats,
        psi_n: Floats,
        salt_n: Floats | None = None,
        guess: Solution | Guess | None = None,
        origin_n: Floats | None = None,
    ) -> Solution:
        """Take one implicit Euler step from ``state``, which is left alone.

        Parameters
        ----------
        state : State
            Start of the step.
        dt : float
            [s]
        control : Current, Voltage or Power
        gap_b : (n_bonds,) float64
            Normal openings [m]: contact resistance and blocking of grain boundaries.
        psi_n : (n_nodes,) float64
            Stress potential [1].
        salt_n : (n_nodes,) float64, optional
            Salt concentration of a binary electrolyte [mol/m3]; by default that of ``state``.
        guess : Solution or Guess, optional
            Where Newton starts; by default at ``state``.
        origin_n : (n_nodes,) float64, optional
            Stoichiometry from which the implicit Euler step starts [1]; by default that of ``state``.

        Raises
        ------
        SolveError
            If Newton, GMRES or the limiter does not converge.
        """
        salt_n = state.salt_n if salt_n is None else salt_n
        problem = _Problem(
            state.stoich_n if origin_n is None else origin_n,
            self._volume / dt,
            psi_n if self._drifts else np.zeros_like(psi_n),
            psi_n[self._grain_node_b],
            self._transport.weight(gap_b),
            self.laws.contact.resistance(gap_b[self._is_interface]),
            control,
            self._ions(salt_n),
        )
        start = guess or state
        voltage = float(guess.voltage if guess else state.voltage[0])
        node, split = self._potentials.node_p, self._potentials.n_electronic
        p = np.concatenate([start.phi_s_n[node[:split]] - voltage, start.phi_l_n[node[split:]]])
        if self.salt is not None:
            p[split:] -= self.salt.potential(salt_n)[node[split:]]
        point = self._evaluate(problem, start.stoich_n, p, voltage)
        try:
            return self._limited(problem, point, salt_n)
        except SolveError as error:
            reason = exhaustion(point.stoich_n[self._grain_node_b], self._area_b)
            raise SolveError(reason or error.reason, field=error.field, residual=error.residual) from error

    def _limited(self, problem: _Problem, point: _Point, salt_n: Floats) -> Solution:
        """Solve; where nodes leave their bounds, drop the negative weights around them and solve again."""
        flagged = np.zeros(self.network.n_nodes, bool)
        newton = linear = 0
        for _ in range(LIMITER_PASSES + 1):
            trial, passes, krylov = self._newton(problem, point)
            newton, linear = newton + passes, linear + krylov
            stoich, current = self._balance(problem, trial)
            if trial.error > self._tolerance:
                outside = self._stuck(problem, trial) | self._outside(trial.stoich_n)
            else:
                outside = self._outside(stoich)
                if not outside.any():
                    limited = int(flagged.sum())
                    return self._solution(problem, trial, stoich, current, salt_n, newton, linear, limited)
                point = trial
            if not (outside & ~flagged).any():
                break
            flagged |= outside
            problem = problem._replace(weight_l=self._monotone(problem, flagged))
            start = point.stoich_n.copy()
            start[outside] = np.clip(start[outside], LEAVING, 1.0 - LEAVING)
            point = self._evaluate(problem, start, point.p, point.voltage)
        reason = "Newton" if trial.error > self._tolerance else "the limiter of the stoichiometry"
        raise SolveError(f"{reason} did not converge", field="electrochemistry", residual=trial.error)

    def _monotone(self, problem: _Problem, flagged: Bools) -> Floats:
        """Weights without those that empty the flagged nodes.

        Negative ones, and for the dilute law, whose flux takes the mean y of both ends, those towards a
        stress potential higher by more than 2: there Li flows out of an empty node in proportion to y of the
        other one.
        """
        link_ln = self._transport.link_ln
        low_ln = flagged[link_ln]
        weight = np.where(low_ln.any(axis=1), np.maximum(problem.weight_l, 0.0), problem.weight_l)
        if not self._bounded_above:
            rise = problem.drift_n[link_ln[:, 1]] - problem.drift_n[link_ln[:, 0]]
            weight[(low_ln[:, 0] & (rise > 2.0)) | (low_ln[:, 1] & (rise < -2.0))] = 0.0
        return weight

    def _outside(self, stoich_n: Floats) -> Bools:
        """Nodes out of bounds."""
        return np.maximum(-stoich_n, (stoich_n - 1) * self._bounded_above) > BOUND_SLACK

    def _stuck(self, problem: _Problem, point: _Point) -> Bools:
        """Find the few nodes that keep Newton from converging: negative weights can leave one no root."""
        stuck = np.zeros(self.network.n_nodes, bool)
        miss = np.abs(point.residual_y / problem.mass)  # the error may be that of the charge it cannot take
        stuck[: self._n_active] = miss > max(self._tolerance, 0.1 * float(miss.max()))
        return stuck & (stuck.sum() <= _FEW)

    def _newton(self, problem: _Problem, point: _Point) -> tuple[_Point, int, int]:
        krylov, last = 0, 20.0 * point.error
        for iteration in range(self._iterations):
            if point.error <= self._tolerance:
                return point, iteration, krylov
            # Eisenstat and Walker, choice 2: linear solves as accurate as the last step deserves
            enough = 0.1 * self._tolerance / point.error
            forcing = min(0.03, max(1e-5, 0.5 * (point.error / last) ** 2, enough))
            change, steps = self._linear(problem, point, forcing)
            krylov, last = krylov + steps, point.error
            point = self._search(problem, point, change, 4 if iteration >= _PATIENCE else 0)
        return point, self._iterations, krylov

    def _evaluate(self, problem: _Problem, stoich_n: Floats, p: Floats, voltage: float) -> _Point:
        n, potentials = self._n_active, self._potentials
        a = self._grain_node_b
        flux = self._transport.flux(stoich_n, problem.drift_n, problem.weight_l)
        ions = problem.ions
        surface = self.laws.particle.surface(stoich_n[a], problem.psi_b, ions.scale_b)
        jump, resistance = potentials.jump(p) - ions.shift_b, problem.resistance_b
        bonds = (surface, jump, resistance, self._area_b)
        match problem.target:
            case Voltage(voltage):
                reaction = self.laws.particle.react(surface, jump + voltage, resistance)
            case Current(amperes):
                voltage, reaction = self.laws.particle.carry(amperes, *bonds, voltage)
            case Power(watts):
                voltage, reaction = self.laws.particle.deliver(watts, *bonds, voltage)
        bond = self._area_b * reaction.current_b
        plating, slope = self.laws.lithium.plate(p[potentials.lithium_p] + ions.shift_metal, ions.exchange)
        stored = problem.mass * (stoich_n[:n] - problem.old_n[:n])
        residual_y = stored + self._transport.outflow(flux.flux_l)[:n]
        residual_y += self._li_per_charge * np.bincount(a, bond, n)
        residual_p = ions.matrix @ p + potentials.sources(bond)
        residual_p[potentials.lithium_p] += potentials.lithium_area * plating
        # what circulates at rest is no scale for what leaves
        scale = max(abs(float(bond.sum())), CIRCULATING * float(np.abs(bond).sum()), self._floor)
        leak = float(np.abs(residual_p).sum()) / scale * max(1.0, self._tolerance / CHARGE_TOLERANCE)
        error = max(float(np.abs(residual_y / problem.mass).max()), leak)
        plating_slope = potentials.lithium_area * slope
        return _Point(
            stoich_n, p, voltage, flux, reaction, plating_slope, residual_y, residual_p, scale, error
        )

    def _search(self, problem: _Problem, point: _Point, change: Floats, halvings: int) -> _Point:
        """Take the full step, or the best of some shorter ones if it does not bring the residual down."""
        best = self._advance(problem, point, change)
        for k in range(1, halvings + 1):
            if best.error < 0.9 * point.error:
                break
            shorter = self._advance(problem, point, 0.5**k * change)
            best = min(best, shorter, key=lambda trial: trial.error)
        return best

    def _advance(self, problem: _Problem, point: _Point, change: Floats) -> _Point:
        """Step to the next iterate; the step of V only says where its own solve begins."""
        n, a = self._n_active, self._grain_node_b
        stoich = point.stoich_n.copy()
        stoich[:n] += change[:n]
        stoich[a] = limit_step(point.stoich_n[a], stoich[a])
        voltage = point.voltage + max(-0.5, min(0.5, float(change[-1])))
        return self._evaluate(problem, stoich, point.p + change[n:-1], voltage)

    def _linear(self, problem: _Problem, point: _Point, tolerance: float) -> tuple[Floats, int]:
        """Solve for the Newton step (y, p, V)."""
        store, slope_b = self._store, self._area_b * point.reaction.slope_b
        n, data, middle = self._n_active, store.fine.matrix.data, store.fine.middle
        self._transport.pattern.fill(point.flux.slope_first_l, point.flux.slope_second_l, data)
        data[middle] += problem.mass + self._li_per_charge * np.bincount(self._grain_node_b, slope_b, n)
        store.update()
        system = LinkedSystem(
            self._potentials,
            problem.ions.matrix,
            self._cycle,
            store,
            mass=problem.mass,
            node_b=self._grain_node_b,
            share=self._li_per_charge,
            slope_b=slope_b,
            conductance_b=self._area_b * point.reaction.conductance_b,
            plating=point.plating_slope,
            scale=point.scale,
            fixed_voltage=isinstance(problem.target, Voltage),
            leak=problem.target.watts / point.voltage**2 if isinstance(problem.target, Power) else 0.0,
        )
        rhs = -system.scaled(point.residual_y, point.residual_p, 0.0)
        x, iterations, residual = gmres(system.advance, rhs, tolerance)
        if residual > 0.3:
            raise SolveError("GMRES stalled", field="electrochemistry", residual=residual)
        return x, iterations

    def _balance(self, problem: _Problem, point: _Point) -> tuple[Floats, Floats]:
        """Update y from the final fluxes and currents, so that Li is conserved to round-off.

        The current is first made exact by the shift of V that the last iterate still asks for.
        """
        current = point.reaction.current_b.copy()
        if not isinstance(problem.target, Voltage):
            target = problem.target
            amperes = target.amperes if isinstance(target, Current) else target.watts / point.voltage
            share = point.reaction.conductance_b
            miss = amperes - float((self._area_b * current).sum())
            current += share * (miss / float((self._area_b * share).sum()))
        n = self._n_active
        loss = self._transport.outflow(point.flux.flux_l)[:n]
        loss += self._li_per_charge * np.bincount(self._grain_node_b, self._area_b * current, n)
        stoich = problem.old_n.copy()
        stoich[:n] -= loss / problem.mass
        return stoich, current

    def _solution(
        self, problem: _Problem, point: _Point, stoich: Floats, current: Floats, salt_n: Floats,
        newton: int, linear: int, limited: int,
    ) -> Solution:  # fmt: skip
        potentials, n, ions = self._potentials, self.network.n_nodes, problem.ions
        node, split = potentials.node_p, potentials.n_electronic
        phi_s, phi_l, current_b = np.zeros(n), np.zeros(n), np.zeros(self.network.n_bonds)
        phi_s[node[:split]] = point.voltage + point.p[:split]
        phi_s[potentials.collector_n] = point.voltage
        phi_l[node[split:]] = point.p[split:]
        if self.salt is not None:
            phi_l[node[split:]] += self.salt.potential(salt_n)[node[split:]]
        current_b[self._is_interface] = current
        bond = self._area_b * current
        overpotential = point.p[potentials.lithium_p] + ions.shift_metal
        plating = potentials.lithium_area * self.laws.lithium.plate(overpotential, ions.exchange)[0]
        collector, metal = potentials.collector_current(point.p, bond), float(plating.sum())
        # the last residual of the potentials, shared among the nodes at the metal, so that salt is conserved
        plating += point.plating_slope * ((float(bond.sum()) - metal) / float(point.plating_slope.sum()))
        entering = np.bincount(self._liquid_node_b, bond, n).astype(float)
        entering[self._metal_n] -= plating
        fields = (stoich, phi_s, phi_l, current_b)
        work = (newton, linear, limited)
        currents = (float(bond.sum()), collector, metal)
        return Solution(*fields, point.voltage, *currents, *work, point.error, entering)
