"""What a protocol does to a cell that loses nothing: where each step leads along the open-circuit voltage.

Overpotentials end a charge or discharge earlier, never later, so that the stoichiometry is known to lie
between that of the loss-free cell and the one before. What contradicts that can be said before a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from latticecell.config import Config, Step
from latticecell.laws.ocv import OpenCircuit
from latticecell.protocol import full_charge, one_c
from latticecell.units import FARADAY

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
    """Follow the protocol of a configuration; a second cycle is looked at for contradictions only."""
    found, walk = Course(), _Walk(config, ocv)
    active = config.materials.active
    if walk.low == walk.high:
        found.problems.append(
            f"materials.active.ocv = {active.ocv!r}: must fall with x, at initial_stoichiometry = {walk.x:g} "
            "to begin with"
        )
        return found
    for cycle in range(min(config.protocol.cycles, 2)):
        for i, step in enumerate(config.protocol.steps):
            where = f"protocol.steps[{i}] ({step.kind})"
            previous = config.protocol.steps[i - 1] if i or cycle else None
            problems, remarks = list(walk.ends_at_once(step, previous)), list(walk.strays(step))
            before = walk.x
            seconds = walk.go(step)
            if not cycle:
                found.legs.append(Leg(step, before, walk.x, seconds))
            found.problems += [f"{where}: {text}" for text in problems]
            found.remarks += [f"{where}: {text}" for text in remarks]
    for end, inside in ((walk.low, walk.least <= walk.low > 0.0), (walk.high, walk.most >= walk.high < 1.0)):
        if inside:
            found.problems.append(
                f"materials.active.ocv = {active.ocv!r}: must fall with x all over the range that the "
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
        self._rate = one_c(config) / full_charge(config)  # of x at 1C [1/s]
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
            return None if step.until_c_rate is not None else step.duration
        assert step.c_rate is not None
        up = step.kind == "discharge"
        rate = step.c_rate * self._rate * (1 if up else -1)
        farthest = self._at(step.until) if step.until is not None else self.high if up else self.low
        longest = np.inf if step.duration is None else step.duration

        def gone(x: float) -> float:
            return (
                max(x, min(farthest, x + rate * longest)) if up else min(x, max(farthest, x + rate * longest))
            )

        before, self.x = self.x, gone(self.x)
        if up:
            self.most = gone(self.most)
            self.least = self.least if step.until is not None else gone(self.least)
        else:
            self.least = gone(self.least)
            self.most = self.most if step.until is not None else gone(self.most)
        return (self.x - before) / rate

    def ends_at_once(self, step: Step, previous: Step | None) -> Iterator[str]:
        """Yield why a step is over before it begins, whatever the losses were."""
        lowest, highest = self.rests_at(self.most), self.rests_at(self.least)
        if step.until is not None:
            slack = self._slack if previous is None else self._slack - self._doubt  # free of stress at first
            if step.kind == "charge" and lowest >= step.until - slack:
                yield f"until_V = {step.until:g}: ends at once, the cell rests at {lowest:.4f} V or above"
            if step.kind == "discharge" and highest <= step.until + slack:
                yield f"until_V = {step.until:g}: ends at once, the cell rests at {highest:.4f} V or below"
        if step.kind == "hold" and step.until_c_rate is not None:
            kept = f"until_c_rate = {step.until_c_rate:g}: ends at once, "
            if previous is None:
                if step.voltage is None or abs(step.voltage - lowest) <= self._slack:
                    yield kept + f"the cell rests at {lowest:.4f} V"
            elif previous.c_rate is not None and step.until_c_rate >= previous.c_rate:
                same = previous.duration is None and step.voltage == previous.until
                if step.voltage is None or same:
                    yield kept + f"the step before it ends at c_rate = {previous.c_rate:g}"

    def strays(self, step: Step) -> Iterator[str]:
        """Yield what leads beyond the data of the open-circuit voltage, or empties or overfills."""
        low, high = self._range
        for key, volts in (("until_V", step.until), ("voltage_V", step.voltage)):
            if volts is not None and not low <= volts <= high:
                yield (
                    f"{key} = {volts:g}: is beyond the data of the open-circuit voltage, {low:.4f} to "
                    f"{high:.4f} V; only losses, or a surface that is empty or full, lead there"
                )
        if step.c_rate is not None and step.until is None and step.duration is not None:
            moved = step.c_rate * self._rate * step.duration
            left, verb = (self.x, "hold") if step.kind == "charge" else (1 - self.x, "have room for")
            if moved > left:
                yield (
                    f"duration_s = {step.duration:g}: moves {moved:.3g} of x, more than the {left:.3g} that "
                    f"the particles {verb}"
                )
