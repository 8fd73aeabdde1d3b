"""Time integration of the 1-D cell through its protocol.

The algebraic unknowns are solved for at every evaluation, which leaves an ordinary differential equation of
index 0 for a variable-order backward differentiation formula with error control (Shampine and Reichelt, SIAM
J. Sci. Comput. 18, 1 (1997), in SciPy). The amount of Li and the charge passed add up to a linear invariant,
which such a formula keeps to round-off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.integrate import BDF
from scipy.optimize import brentq

from latticecell.arrays import Floats
from latticecell.cell1d.model import Cell, Control
from latticecell.config import Config
from latticecell.errors import SolveError
from latticecell.laws.kinetics import exhaustion
from latticecell.protocol import Stage, stages

MOST_FAILURES = 40
"""Failed evaluations in one step, each of which halves it, before the run gives up."""
SHORTEST_STEP = 1e-9
"""Length of a step that no cell needs unless a surface fills or empties [s]."""
TIME_TOLERANCE = 1e-9
"""How closely the time of a cut-off is found [s]."""


@dataclass(frozen=True, slots=True)
class Step:
    """An accepted step.

    Attributes
    ----------
    stage : Stage
    time, dt : float
        End and length of the step [s].
    u, z : (n_u,), (n_z,) float64
        Differential and algebraic unknowns at its end, see `latticecell.cell1d.model`.
    evaluations : int
        How often the rates were evaluated.
    stage_finished : bool
    """

    stage: Stage
    time: float
    dt: float
    u: Floats
    z: Floats
    evaluations: int
    stage_finished: bool


class _Rates:
    """Right-hand side for the integrator: tells it by NaN that a state is out of reach."""

    def __init__(self, cell: Cell, control: Control, guess: Floats):
        self.cell, self.control, self.guess = cell, control, guess
        self.failures = 0
        self.error: SolveError | None = None
        self._jacobian: sp.csc_array | None = None

    def __call__(self, t: float, u: Floats) -> Floats:
        try:
            self.guess = self.cell.solve(u, self.control, self.guess)
        except SolveError as error:
            self.failures += 1
            self.error = error
            if self.failures > MOST_FAILURES:
                raise
            return np.full_like(u, np.nan)
        return self.cell.rates(u, self.guess)

    def jacobian(self, t: float, u: Floats) -> sp.csc_array:
        try:
            z = self.cell.solve(u, self.control, self.guess)
        except SolveError:
            if self._jacobian is None:
                raise
            return self._jacobian
        self._jacobian = self.cell.jacobian(u, z, self.control)
        return self._jacobian


def steps(config: Config, cell: Cell) -> Iterator[Step]:
    """Take the cell through its protocol, one `Step` at a time; the first is the cell at rest.

    A stage ends where its cut-off is met on the continuous solution of the integrator. A stage that begins
    beyond its cut-off ends at once.

    Raises
    ------
    SolveError
        If a step fails however short it is.
    """
    u, z = cell.rest()
    time = 0.0
    yield Step(next(stages(config)), time, 0.0, u, z, 0, False)
    for stage in stages(config):
        for step in _stage_steps(config, cell, stage, time, u, z):
            time, u, z = step.time, step.u, step.z
            yield step


def _stage_steps(
    config: Config, cell: Cell, stage: Stage, start: float, u: Floats, z: Floats
) -> Iterator[Step]:
    options = config.solver
    try:
        if stage.amperes is not None:
            control = Control("current", stage.amperes / cell.area)
        else:
            control = Control("voltage", cell.fields(z).voltage if stage.volts is None else stage.volts)
        z = cell.solve(u, control, z)
        if _overshoot(cell, stage, z) >= 0:
            yield Step(stage, start, 0.0, u, z, 1, True)
            return
        rates = _Rates(cell, control, z)
        length = np.inf if stage.duration is None else stage.duration
        integrator = BDF(
            rates, 0.0, u, length, max_step=options.dt_max, first_step=min(options.dt_initial, length),
            rtol=cell.tolerance, atol=cell.tolerance, jac=rates.jacobian,
        )  # fmt: skip
        integrator.D[2:] = 0.0  # not yet used, but what memory held there may be no number
    except SolveError as error:
        raise _located(error, start) from error
    finished = False
    while not finished:
        before, evaluations = integrator.t, integrator.nfev
        rates.failures = 0
        try:
            message = integrator.step()
            if integrator.status == "failed":
                reason = f"the step fails: {message}"
                raise rates.error or SolveError(reason, field="electrochemistry", residual=np.inf)
            t, u = float(integrator.t), integrator.y.copy()
            z = cell.solve(u, control, rates.guess)
            finished = integrator.status == "finished"
            if t - before < SHORTEST_STEP and not finished:
                raise _crept(cell, u, z)
            if _overshoot(cell, stage, z) >= 0:
                t, u, z = _cut(cell, stage, control, integrator.dense_output(), before, t, z)
                finished = True
        except SolveError as error:
            raise _located(error, start + before) from error
        yield Step(stage, start + t, t - before, u, z, integrator.nfev - evaluations, finished)


def _overshoot(cell: Cell, stage: Stage, z: Floats) -> float:
    fields = cell.fields(z)
    return stage.overshoot(fields.voltage, fields.density * cell.area)


def _cut(
    cell: Cell,
    stage: Stage,
    control: Control,
    solution: Callable[[float], Floats],
    before: float,
    after: float,
    guess: Floats,
) -> tuple[float, Floats, Floats]:
    """Find where the cut-off is met within a step; return time, ``u`` and ``z`` there."""

    def missing(t: float) -> float:
        return _overshoot(cell, stage, cell.solve(solution(t), control, guess))

    t = after
    if missing(before) < 0 < missing(after):
        t = float(brentq(missing, before, after, xtol=TIME_TOLERANCE))
    u = np.asarray(solution(t), float)
    return t, u, cell.solve(u, control, guess)


def _crept(cell: Cell, u: Floats, z: Floats) -> SolveError:
    y_k = cell.surface_stoich(u, z)
    reason = exhaustion(y_k, np.ones_like(y_k)) or f"steps have shrunk below {SHORTEST_STEP:g} s"
    return SolveError(reason, field="electrochemistry", residual=float(np.maximum(-y_k, y_k - 1).max()))


def _located(error: SolveError, time: float) -> SolveError:
    return SolveError(error.reason, field=error.field, residual=error.residual, time=time)
