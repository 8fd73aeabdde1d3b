"""Cycle jumping: alike cycles are passed at once by extrapolating what changes slowly from one to the next.

The end of a cycle is a state; damage, residual Li and the integrals of work change by a little from end to
end. Three ends in a row give the change by cycle and its own change, hence a parabola by the number of the
cycle, on which the end n cycles later lies (Newton's backward formula)

    x(n) = x2 + n (x2 - x1) + n (n + 1) / 2 (x2 - 2 x1 + x0).

How far one may go is told by a control function: the quadratic part, which a straight line would miss, over
the whole change may be at most the tolerance (D. Cojocaru and A. M. Karlsson, Int. J. Fatigue 28 (2006) 1677,
bound the change of the rate likewise). Computed cycles follow; the first of them is compared with what the
parabola says, and the longest jump is halved where it is off, doubled where it is not.

Bonds that break are events: a jump may break no more than the tolerance of the area that was broken before,
else it is halved. No history runs backwards or beyond a damage of 1. Li is exact: the charge of a jump is
that of the Li that it has moved. Energy is not made to fit: works are extrapolated like all else, so that its
balance tells the error of the jumps; one that would lose it is halved, or left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Floats
from latticecell.config import CycleJump
from latticecell.errors import SolveError
from latticecell.protocol import Cursor, Stage, is_kept, keeps_few
from latticecell.state import CHARGE, State
from latticecell.stepper import Stepper, StepReport
from latticecell.threads import one_blas_thread
from latticecell.units import FARADAY

FIELDS: Final = ("history_bh", "stoich_n", "passed", "time")
"""Fields of the state that are extrapolated; displacements follow from equilibrium."""
ENDS: Final = 3
SHORTEST: Final = 2
"""Cycles below which a jump is not worth its trouble."""
STILL: Final = 1e-6
"""Mean change of damage or stoichiometry over a jump below which nothing counts as changing [1]."""
STEEPEST: Final = 2.0
"""Most of a change over that along a straight line: what has just broken is no slow growth."""
HALVINGS: Final = 40


class Jump(NamedTuple):
    """A jump that may be made: the state after it, where to go on, and what is reported of it."""

    state: State
    cursor: Cursor
    report: StepReport


def parabola(ends: tuple[Floats, Floats, Floats], n: int) -> Floats:
    """Return a field ``n`` cycles after the last of three ends, oldest first.

    Where the change of the last cycle would be turned back it stops, and it grows to `STEEPEST` times the
    straight line at most.
    """
    first, second = ends[2] - ends[1], ends[2] - 2 * ends[1] + ends[0]
    change = n * first + 0.5 * n * (n + 1) * second
    most = STEEPEST * n * first
    bounded: Floats = ends[2] + np.clip(change, np.minimum(0.0, most), np.maximum(0.0, most))
    return bounded


def longest(rate: float, bend: float, tolerance: float, most: int) -> int:
    """Return the most cycles n whose quadratic part, n (n + 1) / 2 bend, is within the tolerance.

    It is relative to the change n rate, or to `STILL`.
    """
    n = np.arange(1, most + 1)
    good = 0.5 * n * (n + 1) * bend <= tolerance * np.maximum(n * rate, STILL)
    return int(n[good].max(initial=0))


@dataclass(frozen=True, slots=True)
class _Means:
    """Mean magnitudes of what is controlled: damage of the bonds by area, stoichiometry by volume."""

    weights: tuple[Floats, Floats]

    def of(self, fields: tuple[Floats, Floats]) -> tuple[float, float]:
        one, other = (
            float(w @ np.abs(f) / max(w.sum(), 1e-300)) for w, f in zip(self.weights, fields, strict=True)
        )
        return one, other


class Jumper:
    """Watches the ends of cycles and proposes jumps.

    Parameters
    ----------
    stepper : Stepper
    options : CycleJump
    kept : mapping of str to array, optional
        What `arrays` gave, to go on.
    """

    def __init__(self, stepper: Stepper, options: CycleJump, kept: Mapping[str, NDArray] | None = None):
        self._stepper, self._options = stepper, options
        network, bonds = stepper.network, stepper.mechanics.bonds
        volume = np.where(network.is_active_n, network.volume_n, 0.0)
        self._means, self._volume_n = _Means((bonds.area_b, volume)), volume
        self._first, self._alike = _cycles(stepper.stages)
        self._ends: list[dict[str, Floats]] = []
        self._since, self._limit = 0, float(options.longest)
        self._expected: Floats | None = None
        for name, values in (kept or {}).items():
            self._take(name, values)

    def arrays(self) -> dict[str, NDArray]:
        """Return all that the next jump depends on, by names for a checkpoint."""
        found: dict[str, NDArray] = {"jump_counts": np.array([self._since, self._limit, len(self._ends)])}
        for i, end in enumerate(self._ends):
            found |= {f"jump_{i}_{name}": values for name, values in end.items()}
        if self._expected is not None:
            found["jump_expected"] = self._expected
        return found

    def _take(self, name: str, values: NDArray) -> None:
        """Take over one of `arrays`; those of the ends come in any order."""
        if name == "jump_counts":
            self._since, self._limit = int(values[0]), float(values[1])
            self._ends += [{} for _ in range(int(values[2]) - len(self._ends))]
        elif name == "jump_expected":
            self._expected = values
        elif name.startswith("jump_"):
            number, _, field = name.removeprefix("jump_").partition("_")
            self._ends += [{} for _ in range(int(number) + 1 - len(self._ends))]
            self._ends[int(number)][field] = values

    @one_blas_thread()
    def look(self, state: State, cursor: Cursor, stage: Stage) -> Jump | None:
        """Note the end of a cycle, where this is one, and return the jump that may follow, if any.

        Parameters
        ----------
        state : State
            After the last step of ``stage``; left as it is.
        cursor : Cursor
            Where the run goes on.
        stage : Stage
            That of the last step.
        """
        stages = self._stepper.stages
        if cursor.finished or stages[cursor.stage].cycle == stage.cycle:
            return None
        end = {name: getattr(state, name).copy() for name in FIELDS}
        self._ends = [*self._ends, end][-ENDS:]
        self._since += 1
        self._judge()
        n = self._allowed(stage.cycle)
        while n >= SHORTEST:
            jump: Jump | None
            try:
                jump = self._to(state, cursor, stage.cycle, n)
            except SolveError:
                jump = None
            if jump is None or self._breaks(state, jump.state):
                n //= 2
                continue
            self._expected = self._damage(parabola(self._last("history_bh"), n + 1)) - self._damage(
                jump.state.history_bh
            )
            self._ends, self._since = [{name: getattr(jump.state, name).copy() for name in FIELDS}], 0
            return jump
        return None

    def _judge(self) -> None:
        """Compare the first cycle after a jump with what was expected of it, and set the longest jump."""
        if self._expected is None or self._since != 1:
            return
        after, before = (self._damage(self._ends[i]["history_bh"]) for i in (-1, -2))
        weight = self._means.weights[0]
        off = float(weight @ np.abs(after - before - self._expected))
        size = max(float(weight @ np.abs(self._expected)), STILL * float(weight.sum()))
        fits = off <= 2 * self._options.tolerance * size
        self._limit = min(max(self._limit * (2.0 if fits else 0.5), SHORTEST), self._options.longest)
        self._expected = None

    def _allowed(self, cycle: int) -> int:
        """Return how many cycles after this one may be jumped."""
        options = self._options
        if self._since < options.cycles_between or len(self._ends) < ENDS:
            return 0
        most = min(int(self._limit), self._room(cycle))
        fields = [(self._damage(end["history_bh"]), end["stoich_n"]) for end in self._ends]
        (d0, y0), (d1, y1), (d2, y2) = fields
        rates = self._means.of((d2 - d1, y2 - y1))
        bends = self._means.of((d2 - 2 * d1 + d0, y2 - 2 * y1 + y0))
        return min(longest(r, b, options.tolerance, most) for r, b in zip(rates, bends, strict=True))

    def _room(self, cycle: int) -> int:
        """Return after how many cycles one must be computed: the last, one unlike, or one to be kept."""
        output, alike = self._stepper.config.output, self._alike
        if len(set(alike[cycle - ENDS + 2 : cycle + 1])) != 1:
            return 0
        room = 0
        for following in range(cycle + 1, len(alike) - 1):
            if alike[following] != alike[cycle] or alike[following + 1] != alike[cycle]:
                break
            if keeps_few(output) and is_kept(output, following + 1):
                break
            room += 1
        return room

    def _to(self, state: State, cursor: Cursor, cycle: int, n: int) -> Jump:
        """Return the jump over ``n`` cycles; raises `SolveError` without equilibrium or balance."""
        stepper, new = self._stepper, state.copy()
        for name in FIELDS:
            getattr(new, name)[...] = parabola(self._last(name), n)
        new.stoich_n[...] = np.clip(new.stoich_n, 0.0, 1.0)
        new.history_bh[...] = self._within(state.history_bh, new.history_bh)
        lithium = stepper.electro.laws.c_max * float(self._volume_n @ (new.stoich_n - state.stoich_n))
        new.passed[CHARGE] = state.passed[CHARGE] - FARADAY * lithium
        new.lengths[...] = 0.0  # what comes next is no continuation
        eigen = stepper.eigen(new)
        found = stepper.mechanics.solve(eigen, new, np.inf)
        found.put(new)
        new.psi_n[...] = stepper.stress_potential(new, eigen)
        stepper.mechanics.note_breaking(state, new)
        balances = stepper.audit.balances(new, eigen)
        balances.check(float(new.time[0]))
        at = self._first[cycle + n + 1]
        after = replace(
            cursor, stage=at, hold=float(new.voltage[0]), charge=float(new.passed[CHARGE]),
            dt=stepper.options.dt_initial,
        )  # fmt: skip
        stage = Stage(cycle + n, 0, "jump", "current", 0.0, (), None)
        return Jump(new, after, StepReport(new, after, stage, None, balances, 0, True, 0.0))

    def _breaks(self, old: State, new: State) -> bool:
        """Whether a jump breaks more than the tolerance of what was broken: such events are computed."""
        bonds = self._stepper.mechanics.bonds
        before, after = (bonds.is_broken(one.history_bh[bonds.active_b]) for one in (old, new))
        area = bonds.area_b
        return bool(area @ (after & ~before) > self._options.tolerance * float(area @ before))

    def _within(self, old_bh: Floats, new_bh: Floats) -> Floats:
        """Return histories whose damage neither falls nor exceeds 1; changes that do are halved."""
        before, share = self._damage(old_bh), np.ones(len(old_bh))
        bonds = self._stepper.mechanics.bonds
        active, old = bonds.active_b, old_bh[bonds.active_b]
        for _ in range(HALVINGS):
            trial = old_bh + share[:, None] * (new_bh - old_bh)
            damage, own = self._damage(trial), trial[active]
            full = (bonds.is_share_bh & (own >= 1.0) & (own > old)).any(axis=1)
            bad = active[full | ~((damage >= before - 1e-12) & (damage <= 1.0))]
            if not len(bad):
                return np.asarray(trial)
            share[bad] *= 0.5
        share[bad] = 0.0
        return np.asarray(old_bh + share[:, None] * (new_bh - old_bh))

    def _damage(self, history_bh: Floats) -> Floats:
        """Damage of the active bonds."""
        bonds = self._stepper.mechanics.bonds
        return bonds.damage(history_bh[bonds.active_b])

    def _last(self, name: str) -> tuple[Floats, Floats, Floats]:
        one, two, three = (end[name] for end in self._ends)
        return one, two, three


def _cycles(stages: list[Stage]) -> tuple[list[int], list[int]]:
    """Return of each cycle its first stage, and a number that equal cycles share."""
    first: list[int] = []
    kinds: dict[tuple[Stage, ...], int] = {}
    own: list[tuple[Stage, ...]] = []
    for i, stage in enumerate(stages):
        if not i or stage.cycle != stages[i - 1].cycle:
            first.append(i)
            own.append(())
        own[-1] = (*own[-1], replace(stage, cycle=0))
    return first, [kinds.setdefault(one, len(kinds)) for one in own]
