"""The protocol of a run: which step comes when, what is controlled, and what ends it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

from latticecell.config import Config, Output, Profile, Protocol, Step
from latticecell.drive import Drive
from latticecell.units import FARADAY

CURRENT_TOLERANCE = 0.01
"""How closely a hold stops at its cut-off current, relative."""
CAPACITY_TOLERANCE = 1e-6
"""How closely a step stops at its capacity, relative; a controlled current stops there exactly."""

ROUNDING = 1e-9
"""What is left of a stage counts as rounding below this share of its length."""
SHORTEST = 0.1
"""No step is shortened to less than this share of the shortest one that is chosen freely."""

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
"""[s] in the units of time of a profile."""
PREFIXES = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}

Controlled = Literal["current", "power", "voltage"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a run stands: all that is needed, besides the state, to go on.

    Attributes
    ----------
    stage : int
        Position in the sequence of all stages of all cycles.
    elapsed : float
        Time since the start of the stage [s].
    dt : float
        Length of the next step [s].
    steps : int
        Accepted steps so far.
    hold : float
        Voltage held in a hold without a voltage of its own [V].
    finished : bool
        Whether the protocol is over.
    charge : float
        Charge that had passed when the stage began [C].
    """

    stage: int = 0
    elapsed: float = 0.0
    dt: float = 0.0
    steps: int = 0
    hold: float = 0.0
    finished: bool = False
    charge: float = 0.0

    def table(self) -> dict[str, Any]:
        """Return the cursor as plain values, for a checkpoint."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class End:
    """What ends a stage, besides time.

    Attributes
    ----------
    quantity : {"voltage", "current", "capacity"}
        A voltage is passed, the current falls to a magnitude, or so much charge has passed in the stage.
    target : float
        [V], [A] or [C].
    tolerance : float
        How far from it the stage may end: volts, or a fraction of the current or capacity.
    falling : bool
        Whether the voltage is passed on its way down.
    """

    quantity: Literal["voltage", "current", "capacity"]
    target: float
    tolerance: float
    falling: bool = False

    def overshoot(self, voltage: float, current: float, passed: float) -> float:
        """How far it has been passed, in the unit of the tolerance; negative before."""
        if self.quantity == "voltage":
            return (voltage - self.target) * (-1.0 if self.falling else 1.0)
        if self.quantity == "current":
            return 1.0 - abs(current) / self.target
        return abs(passed) / self.target - 1.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the protocol in one cycle.

    Attributes
    ----------
    cycle, index : int
        Cycle and position in it, from 0.
    kind : str
        "charge", "discharge", "hold", "rest" or "profile".
    controlled : {"current", "power", "voltage"}
    level : float, Drive or None
        Cell current [A] or power [W], positive while charging, or voltage [V]; None: the voltage at which the
        stage starts.
    ends : tuple of End
        The first that is met ends the stage.
    duration : float or None
        Longest time [s].
    """

    cycle: int
    index: int
    kind: str
    controlled: Controlled
    level: float | Drive | None
    ends: tuple[End, ...]
    duration: float | None

    @property
    def tolerance(self) -> float:
        """How far from zero the overshoot may be where the stage ends."""
        return self.ends[0].tolerance if len(self.ends) == 1 else 1.0

    def overshoot(self, voltage: float, current: float, passed: float) -> float:
        """How far the stage has gone beyond its end; of several ends, each over its tolerance, the farthest.

        Takes the cell voltage [V], the current [A], and the charge passed in this stage [C].
        """
        if len(self.ends) == 1:
            return self.ends[0].overshoot(voltage, current, passed)
        over = (end.overshoot(voltage, current, passed) / end.tolerance for end in self.ends)
        return max(over, default=-1e300)

    @property
    def by_voltage(self) -> bool:
        """Whether a voltage alone ends the stage, besides time."""
        return len(self.ends) == 1 and self.ends[0].quantity == "voltage"


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


def keeps_few(output: Output) -> bool:
    """Whether only snapshots of certain cycles are kept."""
    return output.kept_cycles is not None or output.kept_cycles_every is not None


def is_kept(output: Output, cycle: int) -> bool:
    """Whether the snapshots of a cycle, from 1, are kept: as PyBaMM does, always those of the first."""
    every = output.kept_cycles_every
    chosen = cycle in (output.kept_cycles or ()) or (every is not None and cycle % every == 0)
    return cycle == 1 or chosen or not keeps_few(output)


def full_charge(config: Config) -> float:
    """Return the charge that would empty the full particles, F c_max times their volume [C]."""
    return FARADAY * config.materials.active.c_max * particle_volume(config)


def particle_volume(config: Config) -> float:
    """Return the volume of all particles [m3]; that of labelled voxels is read unless noted."""
    labels = config.microstructure.labels
    if labels is None:
        cavity = config.microstructure.cavity_radius
        volume = sum(4 / 3 * math.pi * (p.radius**3 - cavity**3) for p in config.geometry.particles)
        return volume - sum(4 / 3 * math.pi * void.radius**3 for void in config.microstructure.voids)
    if labels.particle_volume is not None:
        return labels.particle_volume
    from latticecell.imports.load import labelled

    return float(labelled(config).volume_p.sum())


def window(config: Config) -> tuple[float, float]:
    """Return the stoichiometries between which an hour at 1C leads.

    By default from empty to the start, or to the state that is free of strain if that holds more Li.
    """
    active = config.materials.active
    return config.protocol.window or (0.0, max(active.initial_stoichiometry, active.strain_reference))


def one_c(config: Config) -> float:
    """Return the cell current of 1C: the given one, or that which passes the window in an hour [A]."""
    return nominal_current(config) if config.protocol.current_1c is None else config.protocol.current_1c


def nominal_current(config: Config) -> float:
    """Return the cell current that leads through the window in an hour [A]."""
    low, high = window(config)
    return full_charge(config) * (high - low) / 3600.0


class Turn(NamedTuple):
    """A step of the protocol when its turn comes.

    Attributes
    ----------
    where : str
        Its key, such as "protocol.steps[1].steps[0]".
    step : Step
        No repeat, whose steps take their turns instead.
    cycle, place : int
        Cycle, and place in it, from 0.
    again : bool
        Whether it, or the steps before it, had their turn in an earlier pass of a repeat.
    """

    where: str
    step: Step
    cycle: int
    place: int
    again: bool


def turns(protocol: Protocol, cycles: int | None = None) -> Iterator[Turn]:
    """Yield the steps of all cycles, or of some, one by one.

    A new cycle begins with the list of steps, and with each pass of a repeat that counts as a cycle, unless
    nothing has been done in the cycle before it. What follows a repeat belongs to its last cycle.
    """
    count = _Count()
    for _ in range(protocol.cycles if cycles is None else cycles):
        count.new_cycle()
        yield from _turns(protocol.steps, "protocol.steps", count, again=False)


class _Count:
    """Numbers cycles, and steps within them."""

    def __init__(self) -> None:
        self.cycle, self.index = -1, -1

    def new_cycle(self) -> None:
        if self.index != 0:
            self.cycle, self.index = self.cycle + 1, 0

    def next(self) -> tuple[int, int]:
        self.index += 1
        return self.cycle, self.index - 1


def _turns(steps: Sequence[Step], where: str, count: _Count, *, again: bool) -> Iterator[Turn]:
    for i, step in enumerate(steps):
        here = f"{where}[{i}]"
        if step.kind != "repeat":
            yield Turn(here, step, *count.next(), again)
            continue
        for number in range(step.count or 0):
            if counts_as_cycles(step):
                count.new_cycle()
            yield from _turns(step.steps, f"{here}.steps", count, again=again or number > 0)


def counts_as_cycles(step: Step) -> bool:
    """Whether each pass of a repeat is a cycle: as it says, or if it holds both a charge and a discharge."""
    if step.new_cycle is not None:
        return step.new_cycle
    todo, kinds = list(step.steps), set[str]()
    for one in todo:
        kinds.add(one.kind)
        todo += one.steps
    return {"charge", "discharge"} <= kinds


def number_of_stages(protocol: Protocol) -> int:
    """Return how many steps there are in all cycles, repeats counted out."""

    def total(steps: Sequence[Step]) -> int:
        return sum((step.count or 0) * total(step.steps) if step.kind == "repeat" else 1 for step in steps)

    return protocol.cycles * total(protocol.steps)


def stages(config: Config) -> Iterator[Stage]:
    """Yield the stages of all cycles in order."""
    known: dict[int, Stage] = {}
    for turn in turns(config.protocol):
        stage = known.get(id(turn.step))
        if stage is None:
            stage = known[id(turn.step)] = stage_of(config, turn.step)
        yield replace(stage, cycle=turn.cycle, index=turn.place)


def stage_of(config: Config, step: Step) -> Stage:
    """Return the stage of a step that is no repeat, in SI, as the first one of the first cycle."""
    controlled, level = _control(config, step)
    ends, duration = list(_ends(config, step)), step.duration
    if controlled == "current" and level and isinstance(level, float):  # so much charge takes so much time
        times = [end.target / abs(level) for end in ends if end.quantity == "capacity"]
        ends = [end for end in ends if end.quantity != "capacity"]
        duration = min([*times, *([] if duration is None else [duration])], default=None)
    if isinstance(level, Drive):
        duration = level.end if duration is None else min(duration, level.end)
    return Stage(0, 0, step.kind, controlled, level, tuple(ends), duration)


def drive_of(config: Config, profile: Profile) -> tuple[Controlled, Drive]:
    """Return what a profile controls, and the course of it in SI, positive while charging."""
    controlled, factor = _unit(config, profile.unit)
    factor *= profile.scale * (1 if profile.positive == "charge" else -1)
    times, values = profile.times or (), profile.values or ()
    seconds = SECONDS[profile.time_unit]
    return controlled, Drive(
        tuple(seconds * (time - times[0]) for time in times),
        tuple(factor * value for value in values),
        profile.interpolation == "linear",
    )


def _unit(config: Config, unit: str) -> tuple[Controlled, float]:
    """Return what a unit of a profile measures, and its size for the whole cell [A] or [W]."""
    if unit == "C":
        return "current", one_c(config)
    whole, _, area = unit.partition("_per_")
    size = PREFIXES[whole[:-1]] * {"": 1.0, "cm2": 1e4, "m2": 1.0}[area]
    return "power" if whole[-1] == "W" else "current", size * (config.geometry.width**2 if area else 1.0)


def amperes_of(config: Config, step: Step) -> float | None:
    """Return the magnitude of the current that a step gives in any of its units [A], None if it does not."""
    return _first(config, c_rate=step.c_rate, whole=step.current, areal=step.current_density)


def watts_of(config: Config, step: Step) -> float | None:
    """Return the magnitude of the power that a step gives in any of its units [W], None if it does not."""
    return _first(config, whole=step.power, areal=step.power_density)


def amperes_at_end(config: Config, step: Step) -> float | None:
    """Return the magnitude of the current at which a step ends [A], None if it does not matter."""
    return _first(
        config, c_rate=step.until_c_rate, whole=step.until_current, areal=step.until_current_density
    )


def coulombs_of(config: Config, step: Step) -> float | None:
    """Return the charge after which a step ends [C], None if it does not matter."""
    return _first(config, whole=step.until_capacity, areal=step.until_areal_capacity)


def _first(
    config: Config, *, c_rate: float | None = None, whole: float | None, areal: float | None
) -> float | None:
    """Return the value that is given: in multiples of 1C, as it is, or per area of the separator."""
    if c_rate is not None:
        return c_rate * one_c(config)
    return whole if areal is None else areal * config.geometry.width**2


def _control(config: Config, step: Step) -> tuple[Controlled, float | Drive | None]:
    if step.profile is not None:
        return drive_of(config, step.profile)
    if step.kind == "hold":
        return "voltage", step.voltage
    if step.kind == "rest":
        return "current", 0.0
    sign = 1 if step.kind == "charge" else -1
    watts, amperes = watts_of(config, step), amperes_of(config, step)
    if watts is not None:
        return "power", watts * sign
    assert amperes is not None
    return "current", amperes * sign


def _ends(config: Config, step: Step) -> Iterator[End]:
    volts, falls = config.solver.cutoff_tolerance, step.kind == "discharge"
    for target, falling in ((step.until, falls), (step.until_above, False), (step.until_below, True)):
        if target is not None:
            yield End("voltage", target, volts, falling)
    amperes = amperes_at_end(config, step)
    if amperes is not None:
        yield End("current", amperes, CURRENT_TOLERANCE)
    coulombs = coulombs_of(config, step)
    if coulombs is not None:
        yield End("capacity", coulombs, CAPACITY_TOLERANCE)
