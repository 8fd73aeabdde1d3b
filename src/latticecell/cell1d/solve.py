"""Time integration of the 1-D cell through its protocol.

The algebraic unknowns are solved for at every evaluation, which leaves an ordinary differential equation of
index 0 for a variable-order backward differentiation formula with error control (Shampine and Reichelt, SIAM
J. Sci. Comput. 18, 1 (1997), in SciPy). The amount of Li and the charge passed add up to a linear invariant,
which such a formula keeps to round-off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.integrate import BDF
from scipy.optimize import brentq

from latticecell.arrays import Floats
from latticecell.cell1d.model import Cell
from latticecell.cell1d.unknowns import Control
from latticecell.config import Config
from latticecell.drive import Drive
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

    def __init__(self, cell: Cell, control: Callable[[float], Control], guess: Floats):
        self.cell, self.control, self.guess = cell, control, guess
        self.failures = 0
        self.error: SolveError | None = None
        self._jacobian: sp.csc_array | None = None

    def __call__(self, t: float, u: Floats) -> Floats:
        try:
            self.guess = self.cell.solve(u, self.control(t), self.guess)
        except SolveError as error:
            self.failures += 1
            self.error = error
            if self.failures > MOST_FAILURES:
                raise
            return np.full_like(u, np.nan)
        return self.cell.rates(u, self.guess)

    def jacobian(self, t: float, u: Floats) -> sp.csc_array:
        try:
            z = self.cell.solve(u, self.control(t), self.guess)
        except SolveError:
            if self._jacobian is None:
                raise
            return self._jacobian
        self._jacobian = self.cell.jacobian(u, z, self.control(t))
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
    gone = _Gone(cell, stage, u)
    for piece in _pieces(cell, stage, z):
        for step in _piece_steps(config, gone, piece, start, u, z):
            u, z = step.u, step.z
            yield step
        if step.stage_finished:
            return


class _Piece(NamedTuple):
    """A part of a stage in which its control is smooth; all of it, unless it is a profile.

    ``length`` and the times that ``control`` takes are since its beginning, ``begin`` after that of the stage
    [s].
    """

    begin: float
    length: float
    control: Callable[[float], Control]
    last: bool


def _pieces(cell: Cell, stage: Stage, z: Floats) -> Iterator[_Piece]:
    level, end = stage.level, np.inf if stage.duration is None else stage.duration
    if not isinstance(level, Drive):
        if level is None:
            control = Control("voltage", cell.fields(z).voltage)
        else:
            control = Control(stage.controlled, level if stage.controlled == "voltage" else level / cell.area)
        yield _Piece(0.0, end, lambda _: control, True)
        return
    for i, (begin, after) in enumerate(pairwise(level.times)):
        yield _Piece(begin, min(after, end) - begin, partial(_driven, cell, stage, level, i), after >= end)
        if after >= end:
            return


def _driven(cell: Cell, stage: Stage, drive: Drive, piece: int, t: float) -> Control:
    return Control(stage.controlled, drive.value(piece, drive.times[piece] + t) / cell.area)


def _piece_steps(
    config: Config, gone: _Gone, piece: _Piece, start: float, u: Floats, z: Floats
) -> Iterator[Step]:
    options, cell, stage, length = config.solver, gone.cell, gone.stage, piece.length
    start += piece.begin
    try:
        z = cell.solve(u, piece.control(0.0), z)
        if gone.overshoot(u, z) >= 0:
            yield Step(stage, start, 0.0, u, z, 1, True)
            return
        rates = _Rates(cell, piece.control, z)
        integrator = BDF(
            rates, 0.0, u, length, max_step=options.dt_max, first_step=min(options.dt_initial, length),
            rtol=cell.tolerance, atol=cell.tolerance, jac=rates.jacobian,
        )  # fmt: skip
        integrator.D[2:] = 0.0  # not yet used, but what memory held there may be no number
    except SolveError as error:
        raise _located(error, start) from error
    finished = over = False
    while not finished:
        before, evaluations = integrator.t, integrator.nfev
        rates.failures = 0
        try:
            message = integrator.step()
            if integrator.status == "failed":
                reason = f"the step fails: {message}"
                raise rates.error or SolveError(reason, field="electrochemistry", residual=np.inf)
            t, u = float(integrator.t), integrator.y.copy()
            z = cell.solve(u, piece.control(t), rates.guess)
            finished = integrator.status == "finished"
            if t - before < SHORTEST_STEP and not finished:
                raise _crept(cell, u, z)
            if gone.overshoot(u, z) >= 0:
                t, u, z = _cut(gone, piece.control, integrator.dense_output(), before, t, z)
                finished = over = True
        except SolveError as error:
            raise _located(error, start + before) from error
        over |= finished and piece.last
        yield Step(stage, start + t, t - before, u, z, integrator.nfev - evaluations, over)


@dataclass(frozen=True, slots=True)
class _Gone:
    """How far a stage that began at the differential unknowns ``start`` has gone beyond its end."""

    cell: Cell
    stage: Stage
    start: Floats

    def overshoot(self, u: Floats, z: Floats) -> float:
        fields, passed = self.cell.fields(z), float(u[-1] - self.start[-1]) * self.cell.capacity
        return self.stage.overshoot(fields.voltage, fields.density * self.cell.area, passed)


def _cut(
    gone: _Gone,
    control: Callable[[float], Control],
    solution: Callable[[float], Floats],
    before: float,
    after: float,
    guess: Floats,
) -> tuple[float, Floats, Floats]:
    """Find where the cut-off is met within a step; return time, ``u`` and ``z`` there."""
    cell = gone.cell

    def missing(t: float) -> float:
        u = solution(t)
        return gone.overshoot(u, cell.solve(u, control(t), guess))

    t = after
    if missing(before) < 0 < missing(after):
        t = float(brentq(missing, before, after, xtol=TIME_TOLERANCE))
    u = np.asarray(solution(t), float)
    return t, u, cell.solve(u, control(t), guess)


def _crept(cell: Cell, u: Floats, z: Floats) -> SolveError:
    y_k = cell.surface_stoich(u, z)
    reason = exhaustion(y_k, np.ones_like(y_k)) or f"steps have shrunk below {SHORTEST_STEP:g} s"
    return SolveError(reason, field="electrochemistry", residual=float(np.maximum(-y_k, y_k - 1).max()))


def _located(error: SolveError, time: float) -> SolveError:
    return SolveError(error.reason, field=error.field, residual=error.residual, time=time)
