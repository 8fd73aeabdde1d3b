"""What a protocol does to a cell that loses nothing: where each step leads along the open-circuit voltage.

Overpotentials end a charge or discharge earlier, never later, so that the stoichiometry is known to lie
between that of the loss-free cell and the one before. What contradicts that can be said before a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, islice, pairwise

import numpy as np

from latticecell.config import Config, Step
from latticecell.curves import named
from latticecell.drive import Drive
from latticecell.laws.ocv import OpenCircuit
from latticecell.protocol import (
    amperes_at_end,
    amperes_of,
    coulombs_of,
    drive_of,
    full_charge,
    turns,
    watts_of,
)
from latticecell.stepchecks import CAPACITY_ENDS, CONTROLS, CURRENT_ENDS, VOLTAGE_ENDS
from latticecell.units import FARADAY
from latticecell.wording import spelled

MOST_FOLLOWED = 1000
"""Steps of a cycle that are followed."""
POINTS = 20001
"""At which the open-circuit voltage is looked at, from x = 0 to 1."""
EDGE = 1e-6
"""Distance that is kept from 0 and 1, where a law may be infinite."""
LARGE_STRESS = 1e9
"""Hydrostatic stress that no surface exceeds on average, by which the voltage at rest may be shifted [Pa]."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One step of the first cycle: stoichiometries [1] and time [s], None where the losses decide it."""

    step: Step
    before: float
    after: float
    seconds: float | None


@dataclass(slots=True)
class Course:
    """The protocol along the open-circuit voltage.

    Attributes
    ----------
    legs : list of Leg
    problems, remarks : list of str
        What cannot be meant, and what may not be.
    """

    legs: list[Leg] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def course(config: Config, ocv: OpenCircuit) -> Course:
    """Follow the protocol of a configuration; a second cycle is looked at for contradictions only.

    Where a run goes on from another one the start is not known, and nothing is said.
    """
    if config.continue_from is not None:
        todo = islice(turns(config.protocol, 1), MOST_FOLLOWED)
        return Course([Leg(turn.step, np.nan, np.nan, None) for turn in todo])
    found, walk = Course(), _Walk(config, ocv)
    active = config.materials.active
    if walk.low == walk.high:
        found.problems.append(
            f"materials.active.ocv = {named(active.ocv)}: must fall with x, at initial_stoichiometry = "
            f"{walk.x:g} to begin with"
        )
        return found
    previous, strayed = None, set[str]()
    for cycle in range(min(config.protocol.cycles, 2)):
        for turn in islice(turns(config.protocol, 1), MOST_FOLLOWED):
            step, where = turn.step, f"{turn.where} ({turn.step.kind})"
            # a repeat may go on where there is nothing more to do
            problems = [] if turn.again else list(walk.ends_at_once(step, previous))
            remarks = [] if turn.again and where in strayed else list(walk.strays(step))
            strayed |= {where} if remarks else set()
            before = walk.x
            seconds = walk.go(step)
            if not cycle:
                found.legs.append(Leg(step, before, walk.x, seconds))
            found.problems += [f"{where}: {text}" for text in problems]
            found.remarks += [f"{where}: {text}" for text in remarks]
            previous = step
    for end, inside in ((walk.low, walk.least <= walk.low > 0.0), (walk.high, walk.most >= walk.high < 1.0)):
        if inside:
            found.problems.append(
                f"materials.active.ocv = {named(active.ocv)}: must fall with x all over the range that the "
                f"protocol uses; it does not at x = {end:.3g}"
            )
    found.problems, found.remarks = (list(dict.fromkeys(t)) for t in (found.problems, found.remarks))
    return found


class _Walk:
    """A stoichiometry ``x`` that goes along the falling branch of U around its start, and what is sure of it.

    ``low`` and ``high`` are the ends of the branch; ``least`` and ``most`` bound what losses can make of x.
    """

    def __init__(self, config: Config, ocv: OpenCircuit):
        self.config = config
        self.x = self.least = self.most = config.materials.active.initial_stoichiometry
        grid = np.linspace(0.0, 1.0, POINTS)
        voltage = np.broadcast_to(np.asarray(ocv.voltage(np.clip(grid, EDGE, 1 - EDGE)), float), grid.shape)
        falls = np.diff(voltage) < 0
        start = min(int(self.x * (POINTS - 1)), POINTS - 2)
        below, above = np.flatnonzero(~falls[:start]), np.flatnonzero(~falls[start:])
        first = int(below[-1]) + 1 if len(below) else 0
        last = start + int(above[0]) if len(above) else POINTS - 1
        self._x, self._voltage = grid[first : last + 1], voltage[first : last + 1]
        self.low, self.high = float(grid[first]), float(grid[last])
        self._full = full_charge(config)
        self._slack = config.solver.cutoff_tolerance
        shift = config.materials.active.partial_molar_volume * LARGE_STRESS / FARADAY
        # it may have moved the end of an earlier step, and moves the voltage now
        self._doubt = 2 * abs(shift) if config.stress_shifts_ocv else 0.0
        low, high = getattr(ocv, "covers", (0.0, 1.0))
        self._range = self.rests_at(high), self.rests_at(low)

    def rests_at(self, x: float) -> float:
        """Return U(x), by its branch [V]."""
        return float(np.interp(x, self._x, self._voltage))

    def _at(self, voltage: float) -> float:
        """Return the x at which the cell rests at ``voltage`` [V], or the end of the branch before it."""
        return float(np.interp(-voltage, -self._voltage, self._x))

    def go(self, step: Step) -> float | None:
        """Do a step; return how long it takes [s]."""
        if step.kind == "rest":
            return step.duration
        if step.kind == "hold":
            if step.voltage is not None:
                self.x = self._at(step.voltage)
                self.least, self.most = min(self.least, self.x), max(self.most, self.x)
            return None if amperes_at_end(self.config, step) is not None else step.duration
        if step.profile is not None:
            return self._follow(step)
        up, until = step.kind == "discharge", _until(step)
        farthest = self._at(until) if until is not None else self.high if up else self.low

        def gone(x: float, moved: float) -> float:
            return max(x, min(farthest, x + moved)) if up else min(x, max(farthest, x - moved))

        before, rate, moved = self.x, self._rate(step), self._longest(step)
        self.x = gone(self.x, moved)
        sure = moved if watts_of(self.config, step) is None else np.inf  # losses change the current
        if up:
            self.most = gone(self.most, sure)
            self.least = self.least if until is not None else gone(self.least, moved)
        else:
            self.least = gone(self.least, sure)
            self.most = self.most if until is not None else gone(self.most, moved)
        return abs(self.x - before) / rate

    def _rate(self, step: Step) -> float:
        """Return how fast a charge or discharge moves x [1/s]; without losses, if the power is given."""
        watts, amperes = watts_of(self.config, step), amperes_of(self.config, step)
        if watts is not None:
            amperes = watts / max(self.rests_at(self.x), EDGE)
        assert amperes is not None
        return amperes / self._full

    def _longest(self, step: Step) -> float:
        """Return by how much a charge or discharge moves x at most."""
        longest = np.inf if step.duration is None else self._rate(step) * step.duration
        coulombs = coulombs_of(self.config, step)
        return longest if coulombs is None else min(longest, coulombs / self._full)

    def _follow(self, step: Step) -> float:
        """Do a profile to its end; return how long it takes [s]."""
        controlled, drive = _drive(self.config, step)
        moved = self._moved(step)
        if controlled == "power":
            self.least, self.most = self.low, self.high
        self.least = max(self.low, self.least + min(moved))
        self.most = min(self.high, self.most + max(moved))
        self.x = min(max(self.x + moved[-1], self.low), self.high)
        return drive.end if step.duration is None else step.duration

    def _moved(self, step: Step) -> list[float]:
        """Return by how much a profile moves x up to each of its points; at its voltage now, if of power."""
        controlled, drive = _drive(self.config, step)
        charge = self._full * (max(self.rests_at(self.x), EDGE) if controlled == "power" else 1.0)
        pieces = (
            -drive.mean(begin, end - begin, 0.0) * (end - begin) / charge
            for begin, end in pairwise(drive.times)
        )
        return list(accumulate(pieces, initial=0.0))

    def ends_at_once(self, step: Step, previous: Step | None) -> Iterator[str]:
        """Yield why a step is over before it begins, whatever the losses were."""
        lowest, highest = self.rests_at(self.most), self.rests_at(self.least)
        until = _until(step)
        if until is not None and step.kind in ("charge", "discharge"):
            slack = self._slack if previous is None else self._slack - self._doubt  # free of stress at first
            if step.kind == "charge" and lowest >= until - slack:
                yield f"{_told(step)}: ends at once, the cell rests at {lowest:.4f} V or above"
            if step.kind == "discharge" and highest <= until + slack:
                yield f"{_told(step)}: ends at once, the cell rests at {highest:.4f} V or below"
        falls_to = amperes_at_end(self.config, step)
        if step.kind == "hold" and falls_to is not None:
            kept = f"{spelled(step, CURRENT_ENDS)}: ends at once, "
            before = None if previous is None else amperes_of(self.config, previous)
            if previous is None:
                if step.voltage is None or abs(step.voltage - lowest) <= self._slack:
                    yield kept + f"the cell rests at {lowest:.4f} V"
            elif before is not None and falls_to >= before:
                same = previous.duration is None and step.voltage == _until(previous)
                if step.voltage is None or same:
                    yield kept + f"the step before it ends at {spelled(previous, CONTROLS)}"

    def strays(self, step: Step) -> Iterator[str]:
        """Yield what leads beyond the data of the open-circuit voltage, or empties or overfills."""
        low, high = self._range
        for name in ("until", *VOLTAGE_ENDS, "voltage"):
            volts = getattr(step, name)
            if volts is not None and not low <= volts <= high:
                yield (
                    f"{spelled(step, [name])}: is beyond the data of the open-circuit voltage, {low:.4f} to "
                    f"{high:.4f} V; only losses, or a surface that is empty or full, lead there"
                )
        if step.profile is not None:
            down, up = min(self._moved(step)), max(self._moved(step))
            for moved, left, verb in ((-down, self.x, "hold"), (up, 1 - self.x, "have room for")):
                if moved > left:
                    yield (
                        f"profile: moves {moved:.3g} of x, more than the {left:.3g} that the particles {verb}"
                    )
        steady = step.kind in ("charge", "discharge") and watts_of(self.config, step) is None
        if steady and _until(step) is None:
            moved = self._longest(step)
            left, verb = (self.x, "hold") if step.kind == "charge" else (1 - self.x, "have room for")
            if left < moved < np.inf:
                yield (
                    f"{spelled(step, ['duration', *CAPACITY_ENDS])}: moves {moved:.3g} of x, more than the "
                    f"{left:.3g} that the particles {verb}"
                )


def _drive(config: Config, step: Step) -> tuple[str, Drive]:
    assert step.profile is not None
    return drive_of(config, step.profile)


def _until(step: Step) -> float | None:
    """Return the voltage at which a charge ends on its way up, or a discharge on its way down [V]."""
    side = step.until_below if step.kind == "discharge" else step.until_above
    told = [volts for volts in (step.until, side) if volts is not None]
    return (max if step.kind == "discharge" else min)(told, default=None)


def _told(step: Step) -> str:
    """Return the key with that voltage as the file has it."""
    until = _until(step)
    return spelled(step, [name for name in ("until", *VOLTAGE_ENDS) if getattr(step, name) == until])
