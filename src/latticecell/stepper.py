"""The coupled implicit step and its control: the only module that knows all the physics.

One step: predict gap, stress, displacement and potentials; solve the electrochemistry with gap, stress and
salt lagged; then the salt of a binary electrolyte; solve the equilibrium with the new stoichiometry; repeat
until what the lag leaves is small; accept if Li, energy and salt are balanced and the estimated error is
small, and only then commit the damage. A step that fails leaves no trace and is tried again with a shorter
one. The scheme is in `marching`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from latticecell.acceleration import Anderson
from latticecell.arrays import Floats
from latticecell.audit import Audit, Balances
from latticecell.config import Config
from latticecell.controls import Control, Current, Power, Voltage
from latticecell.crossing import Crossing
from latticecell.drive import Drive
from latticecell.effort import Effort
from latticecell.electrochemistry import Electrochemistry, Guess, Solution
from latticecell.errors import SolveError
from latticecell.laws.kinetics import limit_step
from latticecell.marching import Formula, Sight, formula, look_ahead, predict, remember
from latticecell.materials import electro_laws, mechanical_laws
from latticecell.network import Network
from latticecell.physics.eigenstrain import EigenstrainSource, Fields, LithiumExpansion
from latticecell.physics.mechanics import Mechanics, MechanicsSolution
from latticecell.preload import load
from latticecell.protocol import Cursor, Stage, due, slack, stages, step_to
from latticecell.state import CHARGE, ELECTRIC, WALL, State
from latticecell.threads import kernel_threads, one_blas_thread

SHRINK_FAILED, FRESH_AFTER = 0.4, 2
"""Factor for a step after a failure, and failures after which it starts without those before."""
SAFETY, CAREFUL = 0.6, 1.5
"""Share taken of the step that the error would allow; largest growth while nothing is known of the error."""
HOPELESS = 2.0
"""Error above which a step that can be shortened is not computed to its end."""
JUMP = 0.8
"""Share of its error, in proportion to its length, that a shorter step keeps where something jumps."""
LOOKED_FOR = ("gap_b", "psi_n", "u_nc", "stoich_n", "phi_s_n", "phi_l_n", "voltage")
"""Fields with which a step begins."""
LEAST, AGEING, SAFE = 0.1, 1.3, 1.5
"""Least response of the results that is counted on; growth of the one last seen in each step of a single
repeat, which shows nothing new; factor for what is not seen."""
ROOT_TRIALS = 25
JUMPING = ("gap_b", "psi_n", "u_nc")  # where bonds are let go


class Trial(NamedTuple):
    """A coupled step that is not yet accepted; converged, unless its error is hopeless."""

    formula: Formula
    electro: Solution
    mechanics: MechanicsSolution
    salt_n: Floats
    eigen_tv: Floats
    psi_n: Floats
    response: float
    error: float
    repeats: int
    newton: int
    linear: int

    @property
    def dt(self) -> float:
        """Length of the step [s]."""
        return self.formula.dt

    @property
    def sight(self) -> Sight:
        """What a step of another length from the same state may start from."""
        found, electro = self.mechanics, self.electro
        fields = {"gap_b": found.gap_b, "u_nc": found.u_nc, "psi_n": self.psi_n}
        fields |= {name: getattr(electro, name) for name in ("stoich_n", "phi_s_n", "phi_l_n")}
        return Sight(self.dt, {**fields, "voltage": np.array([electro.voltage])})


class _Step(NamedTuple):
    """A trial that keeps the balances, the state after it, and whether it ends the stage."""

    trial: Trial
    state: State
    balances: Balances
    rejected: int
    failures: int
    over: bool


@dataclass(frozen=True, slots=True)
class StepReport:
    """An accepted step (none at the start of a run). ``state`` is live: copy what should be kept."""

    state: State
    cursor: Cursor
    stage: Stage
    trial: Trial | None
    balances: Balances
    rejected: int
    stage_finished: bool
    viscous_share: float
    error: float = 0.0


class Stepper:
    """Advances a cell through its protocol.

    Parameters
    ----------
    config : Config
    network : Network
    sources : sequence of EigenstrainSource
        Causes of strain besides Li.
    effort : Effort, optional
        Account of the run to which seconds and iterations go.
    """

    def __init__(
        self, config: Config, network: Network, sources: Sequence[EigenstrainSource] = (),
        effort: Effort | None = None,
    ):  # fmt: skip
        self.effort = effort or Effort()
        threads = kernel_threads(config.solver.threads, network.n_nodes)
        self.config = config
        self.network = network
        self.electro = Electrochemistry(electro_laws(config), network, config.solver, threads)
        laws = mechanical_laws(config)
        self.mechanics = Mechanics(laws, network, config.solver, threads, self.effort)
        self.audit = Audit(self.electro, self.mechanics)
        self.expansion = LithiumExpansion(laws, network)
        self._stress_free = laws.stress_free_stoichiometry
        self._sources: tuple[EigenstrainSource, ...] = (self.expansion, *sources)
        self.stages = list(stages(config))
        self._times = sorted(config.output.times)
        self.options = config.solver
        self._active_n = np.where(network.is_active_n, network.volume_n, 0.0)

    def eigen(self, fields: Fields) -> Floats:
        """Eigenstrain of every tet, the sum of all sources, (n_tets, 6) Voigt [1]."""
        parts = (source.eigenstrain(fields) for source in self._sources)
        return sum(parts, start=np.zeros((self.network.n_tets, 6)))

    @one_blas_thread()
    def start(self) -> tuple[State, Cursor]:
        """Return the cell at rest, in equilibrium with its walls, and where the protocol begins.

        Grains that start at another stoichiometry than that without strain are brought there, see `preload`.

        Raises `SolveError` if there is no such equilibrium.
        """
        state, bonds = State.zeros(self.network, self.mechanics.bonds.n_columns), self.mechanics.bonds
        state.history_bh[...] = bonds.everywhere(bonds.virgin_bh)
        self.electro.initial(state)
        x0, free = self.electro.laws.initial_stoichiometry, self._stress_free
        state.stoich_n[self.network.is_active_n] = free
        eigen = self.eigen(state)
        found = self.mechanics.solve(eigen, state, np.inf)
        before = state.copy()
        self._put_mechanics(state, found, self.stress_potential(found, eigen))
        work = self.mechanics.work(before, state, eigen, eigen, np.inf)
        state.passed[WALL] = 0.5 * work.wall  # the walls are loaded gradually
        if x0 != free:
            load(state, x0, self.mechanics, self.eigen)
            state.psi_n[...] = self.stress_potential(state, eigen := self.eigen(state))
            self.electro.initial(state)
            self.audit.balances(state, eigen).check(0.0)
        return state, Cursor(dt=self.options.dt_initial, hold=float(state.voltage[0]))

    def take_over(self, before: State) -> tuple[State, Cursor]:
        """Return the state of another run of this cell as a start, and where the protocol begins."""
        state = before.copy()
        state.lengths[...] = 0.0  # what comes next is no continuation
        hold, charge = float(state.voltage[0]), float(state.passed[CHARGE])
        return state, Cursor(dt=self.options.dt_initial, hold=hold, charge=charge)

    def steps(self, state: State, cursor: Cursor) -> Iterator[StepReport]:
        """Advance ``state`` in place, one report per accepted step, to the end of the protocol.

        The future depends on ``state`` and ``cursor`` only, so a run may be resumed after any report.

        Raises
        ------
        SolveError
            If a step fails, or would lose a balance, at the shortest allowed length; ``state`` is then the
            last accepted one.
        """
        while not cursor.finished:
            stage = self.stages[cursor.stage]
            step = self._advance(state, stage, cursor)
            step.balances.bound_viscosity(self.options.viscous_share_max, float(step.state.time[0]))
            self.effort.count(steps=1, rejected=step.rejected)
            share = self.mechanics.viscous_share(state, step.state, step.trial.dt)
            state.assign(step.state)
            if step.over or self._turns(stage, cursor.elapsed + step.trial.dt):
                state.lengths[...] = 0.0  # what comes next is no continuation
            cursor = self._move(cursor, step, state)
            counts = (step.rejected, step.over, share, step.trial.error)
            yield StepReport(state, cursor, stage, step.trial, step.balances, *counts)

    def _control(self, stage: Stage, cursor: Cursor, state: State, dt: float) -> Control:
        """Return what a step of length ``dt`` from ``state`` is given.

        Of a profile it is what makes the formula pass its integral exactly, since pieces are straight: the
        mean for the first step of a piece, the value at the end for all others.
        """
        level = stage.level
        if isinstance(level, Drive):
            read = level.after if state.lengths[0] > 0.0 else level.mean
            level = read(cursor.elapsed, dt, slack(self.options.dt_min, cursor.elapsed))
        if stage.controlled == "voltage":
            return Voltage(cursor.hold if level is None else level)
        assert level is not None
        return Power(level) if stage.controlled == "power" else Current(level)

    def _turns(self, stage: Stage, elapsed: float) -> bool:
        """Whether a profile has a step or a kink at a time since its beginning."""
        level = stage.level
        return isinstance(level, Drive) and level.turns(elapsed, slack(self.options.dt_min, elapsed))

    @one_blas_thread()
    def _advance(self, state: State, stage: Stage, cursor: Cursor) -> _Step:
        """Find the next step, shorter until it converges, keeps the balances and is accurate enough."""
        options = self.options
        limit, left = self._length(float(state.time[0]), stage, cursor)
        tolerance = stage.tolerance
        rejected, failures, trials, last = 0, 0, 0, np.inf
        start, seen, way = state, None, self._way(state, stage, cursor, limit)
        dt = way.aim() or limit
        while True:
            shortens = last == np.inf and dt > options.dt_initial
            try:
                control = self._control(stage, cursor, start, dt)
                trial = self._couple(start, dt, control, seen, HOPELESS if shortens else np.inf)
                seen, error = trial.sight, trial.error
                passed = self._charge(start, trial) - cursor.charge
                over = stage.overshoot(trial.electro.voltage, trial.electro.current, passed)
                way.tell(dt, over)
                there = abs(over) <= tolerance or way.width <= 1e-3 * options.dt_min
                aim = None if there else way.aim()
                reach = error * min(1.0, (aim or dt) / dt) ** 3  # error of a step to the cut-off
                shorter = max(dt * self._factor(error), min(dt, options.dt_initial))
                if reach > 1.0 and shorter < dt and error <= JUMP * last:
                    rejected, last, limit = rejected + 1, error * shorter / dt, shorter
                    way.keep_below(limit)
                    dt = way.aim() or limit
                elif aim is not None:
                    if trials == ROOT_TRIALS:
                        raise _missed(state, way)
                    trials, dt = trials + 1, aim
                else:
                    with self.effort.phase("stress and bonds"):
                        after = self._after(start, trial)
                        balances = self.audit.balances(after, trial.eigen_tv)
                    balances.check(float(after.time[0]))
                    finished = over >= -tolerance or dt >= left
                    return _Step(trial, after, balances, rejected, failures, finished)
            except SolveError as problem:
                rejected, failures = rejected + 1, failures + 1
                if limit <= options.dt_min:
                    raise _gave_up(problem, state, limit) from problem
                limit, last = max(SHRINK_FAILED * limit, min(limit, options.dt_min)), np.inf
                way.keep_below(limit)
                dt = limit
                if failures == FRESH_AFTER:
                    start = state.copy()
                    start.lengths[...] = 0.0

    def _error(self, state: State, form: Formula, electro: Solution, found: MechanicsSolution) -> float:
        """Estimated error of a step over its tolerance; 0 where nothing is known of it."""
        if form.share == 0.0 or state.lengths[2] == 0.0:  # the voltage jumps where a stage begins
            return 0.0
        gap = np.maximum(found.gap_b, 0.0) - np.maximum(predict(state, "gap_b", form.dt), 0.0)
        stoich = electro.stoich_n - predict(state, "stoich_n", form.dt)
        off = [0.0 if found.releases else 1e7 * _root_mean_square(gap, self.network.area_b)]  # it jumped
        off.append(_root_mean_square(stoich, self._active_n))
        off.append(abs(electro.voltage - float(predict(state, "voltage", form.dt)[0])))
        return form.share * max(off) / self.options.time_tolerance

    def _factor(self, error: float) -> float:
        """By how much the next step may be longer than one with this error."""
        growth = self.options.dt_growth
        if error == 0.0:
            return min(growth, CAREFUL)
        return min(max(SAFETY * error ** (-1 / 3), 0.3), growth)

    def _length(self, time: float, stage: Stage, cursor: Cursor) -> tuple[float, float]:
        """Return the length of the next step, and that of a step to the end of the stage [s].

        A step ends at the next time of the output, and with a piece of a profile; what would be left of stage
        or way is taken along where it is rounding, or too short for a step of its own.
        """
        dt, left, smallest = cursor.dt, np.inf, self.options.dt_min
        for t in due(self._times, time, np.inf, smallest)[:1]:
            dt = step_to(dt, t - time, slack(smallest, t))
        if stage.duration is not None:
            left = stage.duration - cursor.elapsed
            nearest = left
            if isinstance(stage.level, Drive):
                nearest = min(left, stage.level.left(cursor.elapsed, slack(smallest, cursor.elapsed)))
            dt = step_to(dt, nearest, slack(smallest, stage.duration))
        return dt, left

    def _way(self, state: State, stage: Stage, cursor: Cursor, longest: float) -> Crossing:
        """Return the search for the cut-off of a stage, with what is known of it before a step."""
        way, (h1, h2, h3) = Crossing(longest), state.lengths.tolist()
        volts, rate = float(state.voltage[0]), float(state.voltage_rate[0])
        if stage.by_voltage and h2 > 0.0:  # where a stage begins, the voltage jumps
            way.tell(-h1, stage.overshoot(volts - h1 * rate, 0.0, 0.0))
        if stage.by_voltage and h3 > 0.0:
            earlier = rate - (h1 + h2) * float(state.voltage_bend[0])
            way.tell(-h1 - h2, stage.overshoot(volts - h1 * rate - h2 * earlier, 0.0, 0.0))
        if h1 > 0.0:
            amperes = float(state.current_b @ self.network.area_b)
            passed = float(state.passed[CHARGE]) - cursor.charge
            way.tell(0.0, min(stage.overshoot(volts, amperes, passed), -1e-12))
        return way

    def _couple(
        self, state: State, dt: float, control: Control, seen: Sight | None = None,
        hopeless: float = np.inf,
    ) -> Trial:  # fmt: skip
        """Solve one coupled step; raises `SolveError` if it does not converge.

        ``seen`` is a step of another length from the same state. A step whose error is above ``hopeless`` is
        left unfinished.
        """
        options, balance = self.options, self.electro.salt
        # At rest nothing is predicted: what that changes within the tolerances would keep Li moving.
        form = formula(dt, state.lengths)
        ahead = 0.0 if control == Current(0.0) else dt
        sight = look_ahead(state, LOOKED_FOR, ahead, seen).fields
        gap, psi, u = (sight[name] for name in ("gap_b", "psi_n", "u_nc"))
        origin, origin_salt = form.origin(state, "stoich_n"), form.origin(state, "salt_n")
        strain, salt = state.strain_c, state.salt_n
        balanced = salt
        mixing, salt_mixing = Anderson(3), Anderson(3)
        stoich = np.where(self.network.is_active_n, limit_step(state.stoich_n, sight["stoich_n"]), 0.0)
        volts = float(sight["voltage"][0])
        guess: Guess | Solution = Guess(stoich, sight["phi_s_n"], sight["phi_l_n"], volts)
        newton = hardest = linear = 0
        found: MechanicsSolution | None = None
        changes: list[float] = []
        response = float(state.response[0]) if state.lengths[0] > 0.0 else 1.0
        for repeat in range(options.coupling_iterations):
            last = guess
            given = {"gap_b": gap, "psi_n": psi, "salt_n": salt, "origin_n": origin}
            before, changes = changes, []
            with self.effort.phase("electrochemistry"):
                electro = self.electro.solve(state, form.length, control, guess=guess, **given)
                if balance is not None:
                    balanced = balance.solve(origin_salt, salt, form.length, electro.entering_n)
                    changes.append(balance.change(balanced, salt) / options.coupling_tolerance_salt)
            with self.effort.phase("stress and bonds"):
                eigen = self.eigen(electro)
                found = self.mechanics.solve(eigen, state, dt, u, strain, found)
                image = self.stress_potential(found, eigen)
            self._count(electro, found)
            newton, linear = newton + found.newton_iterations, linear + found.linear_iterations
            hardest = max(hardest, found.newton_iterations)
            gap_change = float(np.abs(np.maximum(found.gap_b, 0) - np.maximum(gap, 0)).max(initial=0.0))
            changes.append(gap_change / options.coupling_tolerance_gap)
            changes.append(float(np.abs(image - psi).max()) / options.coupling_tolerance_stoich)
            drop = self.electro.contact_drop(electro.current_b, found.gap_b)
            drop -= self.electro.contact_drop(electro.current_b, gap)
            changes.append(float(np.abs(drop).max(initial=0.0)) / options.coupling_tolerance_voltage)
            if before:  # what has this repeat changed in the results?
                stoich_change = float(np.abs(electro.stoich_n - last.stoich_n).max())
                moved = [*changes[:-2], stoich_change / options.coupling_tolerance_stoich]
                moved.append(abs(electro.voltage - last.voltage) / options.coupling_tolerance_voltage)
                response = max(moved) / max(before)
            else:
                response *= AGEING
            left = max(changes) * min(max(SAFE * response, LEAST), 1.0)
            error = self._error(state, form, electro, found)
            if left <= 1.0 or error > hopeless:
                counts = (repeat + 1, hardest, linear)
                return Trial(form, electro, found, balanced, eigen, image, response, error, *counts)
            guess, psi = electro, mixing.next(psi, image)
            if balance is not None:
                salt = balance.positive(salt_mixing.next(salt, balanced), balanced)
            gap, u, strain = found.gap_b, found.u_nc, found.strain_c
        salty = "" if balance is None else f", salt down to {balance.extremes(balanced)[0]:.3g} mol/m3"
        raise SolveError(
            f"fields still change after {options.coupling_iterations} repeats{salty}", field="coupling",
            residual=max(changes), time=float(state.time[0]) + dt,
        )  # fmt: skip

    def _count(self, electro: Solution, found: MechanicsSolution) -> None:
        self.effort.count(
            repeats=1,
            mechanics_newton=found.newton_iterations,
            mechanics_linear=found.linear_iterations,
            electrochemistry_newton=electro.newton_iterations,
            electrochemistry_linear=electro.linear_iterations,
        )

    def stress_potential(self, found: MechanicsSolution | State, eigen_tv: Floats) -> Floats:
        """Stress potential Omega sigma_h / (R T) of every grain node, (n_nodes,) [1]."""
        mean = self.mechanics.lattice.hydrostatic(found.u_nc, found.strain_c, eigen_tv)
        return np.where(self.network.is_active_n, self.electro.laws.psi_per_pascal * mean, 0.0)

    def _put_mechanics(self, state: State, found: MechanicsSolution, psi_n: Floats) -> None:
        found.put(state)
        state.psi_n[...] = psi_n

    def _after(self, old: State, trial: Trial) -> State:
        """Return the state after a trial."""
        electro, dt, state = trial.electro, trial.dt, old.copy()
        state.time[0] = old.time[0] + dt
        state.voltage[0] = electro.voltage
        state.stoich_n[...] = electro.stoich_n
        state.salt_n[...] = trial.salt_n
        state.phi_s_n[...] = electro.phi_s_n
        state.phi_l_n[...] = electro.phi_l_n
        state.current_b[...] = electro.current_b
        self._put_mechanics(state, trial.mechanics, trial.psi_n)
        self.mechanics.note_breaking(old, state)
        jumped = trial.mechanics.releases > 0
        work = self.mechanics.work(old, state, self.eigen(old), trial.eigen_tv, dt, jumped)
        state.passed[...] = old.passed + np.array([0.0, *work, 0.0])
        state.passed[CHARGE] = self._charge(old, trial)
        origin, watts = trial.formula.origin(old, "passed")[ELECTRIC], electro.voltage * electro.current
        state.passed[ELECTRIC] = origin + trial.formula.length * watts
        state.response[0] = min(trial.response, 1.0)
        remember(old, state, dt, JUMPING if jumped else ())
        return state

    def _charge(self, old: State, trial: Trial) -> float:
        """Return the charge passed after a trial [C], by the formula of the stoichiometry: Li is balanced."""
        form = trial.formula
        return float(form.origin(old, "passed")[CHARGE] + form.length * trial.electro.current)

    def _move(self, cursor: Cursor, step: _Step, state: State) -> Cursor:
        """Return the cursor after an accepted step, with the length of the next one."""
        options, steps, dt = self.options, cursor.steps + 1, step.trial.dt
        if step.over:
            following = cursor.stage + 1
            there = float(state.voltage[0]), following >= len(self.stages), float(state.passed[CHARGE])
            return Cursor(following, 0.0, options.dt_initial, steps, *there)
        factor = self._factor(step.trial.error) if step.failures == 0 else 1.0
        dt = min(max(factor * dt, min(dt, options.dt_initial)), options.dt_max)
        dt = dt if state.lengths[0] > 0.0 else options.dt_initial
        return replace(cursor, elapsed=cursor.elapsed + step.trial.dt, dt=dt, steps=steps)


def _root_mean_square(values: Floats, weights: Floats) -> float:
    return float(np.sqrt(values**2 @ weights / weights.sum()))


def _missed(state: State, way: Crossing) -> SolveError:
    return SolveError(
        f"the cut-off is not met in {ROOT_TRIALS} trials", field="coupling", residual=way.width,
        time=float(state.time[0]) + way.high,
    )  # fmt: skip


def _gave_up(error: SolveError, state: State, dt: float) -> SolveError:
    return SolveError(
        f"gave up at dt = {dt:.3g} s: {error.reason}", field=error.field, residual=error.residual,
        time=float(state.time[0]) + dt,
    )  # fmt: skip
