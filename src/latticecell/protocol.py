"""The protocol of a run: which step comes when, what is controlled, and what ends it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from latticecell.config import Config
from latticecell.units import FARADAY

CURRENT_TOLERANCE = 0.01
"""How closely a hold stops at its cut-off current, relative."""

ROUNDING = 1e-9
"""What is left of a stage counts as rounding below this share of its length."""
SHORTEST = 0.1
"""No step is shortened to less than this share of the shortest one that is chosen freely."""

Limit = Literal["voltage", "current"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the protocol in one cycle.

    Attributes
    ----------
    cycle, index : int
        Cycle and position in the list of steps, from 0.
    kind : str
        "charge", "discharge", "hold" or "rest".
    amperes : float or None
        Controlled cell current, positive while charging [A]; None in a hold.
    volts : float or None
        Controlled voltage of a hold; None: the voltage at which it starts [V].
    limit : {"voltage", "current"} or None
        What ends the stage besides its duration.
    target : float
        Voltage [V] or magnitude of the current [A] at which it ends.
    duration : float or None
        Longest time [s].
    """

    cycle: int
    index: int
    kind: str
    amperes: float | None
    volts: float | None
    limit: Limit | None
    target: float
    duration: float | None

    def overshoot(self, voltage: float, current: float) -> float:
        """How far the cut-off has been passed: volts, or a fraction of the cut-off current."""
        if self.limit == "voltage":
            return (voltage - self.target) * (1.0 if self.kind == "charge" else -1.0)
        if self.limit == "current":
            return 1.0 - abs(current) / self.target
        return -1e300

    def tolerance(self, voltage: float) -> float:
        """How far from its cut-off the stage may end, given the tolerance for voltages [V]."""
        return voltage if self.limit == "voltage" else CURRENT_TOLERANCE


def step_to(dt: float, left: float, slack: float) -> float:
    """Return the length of a step that is to meet an end ``left`` away, all [s].

    It is stretched by ``slack`` or cut to do so, and halves a way that is shorter than two steps.
    """
    return left if left - dt <= slack else min(dt, 0.5 * left)


def slack(dt_min: float, *times: float) -> float:
    """Return the time by which a step may be stretched to end at one of ``times`` [s]."""
    return max(SHORTEST * dt_min, ROUNDING * max(times))


def due(times: Sequence[float], before: float, after: float, dt_min: float) -> list[float]:
    """Return those of ``times`` that a step from ``before`` to ``after`` has reached [s]."""
    return [t for t in times if before + slack(dt_min, t) < t <= after + slack(dt_min, t)]


def full_charge(config: Config) -> float:
    """Return the charge that would empty the full particles, F c_max times their volume [C]."""
    volume = sum(4 / 3 * math.pi * particle.radius**3 for particle in config.geometry.particles)
    return FARADAY * config.materials.active.c_max * volume


def window(config: Config) -> tuple[float, float]:
    """Return the stoichiometries between which an hour at 1C leads, from empty to the start by default."""
    return config.protocol.window or (0.0, config.materials.active.initial_stoichiometry)


def one_c(config: Config) -> float:
    """Return the cell current of 1C: the given one, or that which passes the window in an hour [A]."""
    return nominal_current(config) if config.protocol.current_1c is None else config.protocol.current_1c


def nominal_current(config: Config) -> float:
    """Return the cell current that leads through the window in an hour [A]."""
    low, high = window(config)
    return full_charge(config) * (high - low) / 3600.0


def stages(config: Config) -> Iterator[Stage]:
    """Yield the stages of all cycles in order."""
    unit = one_c(config)
    for cycle in range(config.protocol.cycles):
        for index, step in enumerate(config.protocol.steps):
            amperes: float | None = None
            limit: Limit | None = None
            target = 0.0
            if step.kind in ("charge", "discharge"):
                assert step.c_rate is not None
                amperes = step.c_rate * unit * (1 if step.kind == "charge" else -1)
                if step.until is not None:
                    limit, target = "voltage", step.until
            elif step.kind == "rest":
                amperes = 0.0
            elif step.until_c_rate is not None:
                limit, target = "current", step.until_c_rate * unit
            yield Stage(cycle, index, step.kind, amperes, step.voltage, limit, target, step.duration)
