"""What a step of the protocol needs and allows, by its kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from latticecell.config import Config, Profile, Step
from latticecell.protocol import drive_of, number_of_stages
from latticecell.schema import key_of

MOST_STAGES: Final = 1_000_000
"""Steps of a protocol times cycles beyond which a run is refused."""
MOST_LEVEL: Final = 1.0
"""Current or power of a profile, at most [A] or [W]."""
CONTROLS: Final = ("c_rate", "current", "current_density", "power", "power_density")
CURRENT_ENDS: Final = ("until_c_rate", "until_current", "until_current_density")
VOLTAGE_ENDS: Final = ("until_above", "until_below")
CAPACITY_ENDS: Final = ("until_capacity", "until_areal_capacity")
ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    "charge": (*CONTROLS, "until", *VOLTAGE_ENDS, *CURRENT_ENDS, *CAPACITY_ENDS, "duration"),
    "discharge": (*CONTROLS, "until", *VOLTAGE_ENDS, *CURRENT_ENDS, *CAPACITY_ENDS, "duration"),
    "hold": ("voltage", *CURRENT_ENDS, *CAPACITY_ENDS, "duration"),
    "rest": (*VOLTAGE_ENDS, "duration"),
    "profile": ("profile", *VOLTAGE_ENDS, *CAPACITY_ENDS, "duration"),
    "repeat": ("count", "steps", "new_cycle"),
}
"""Keys that have a meaning in a step, by its kind."""


def check_protocol(config: Config) -> list[str]:
    """Return what is missing in, or odd about, each step, and whether there are too many."""
    found: list[str] = []
    for where, step in _all(config.protocol.steps, "protocol.steps"):
        found += [f"{where} ({step.kind}): {problem}" for problem in _problems(step)]
        if step.profile is not None:
            found += [f"{where}.profile: {problem}" for problem in _points(config, step, step.profile)]
    if config.protocol.jump is not None and config.output.times:
        found.append("output.times_s: has no meaning beside protocol.jump, which may pass over them")
    stages = number_of_stages(config.protocol)
    if stages > MOST_STAGES:
        found.append(
            f"protocol.cycles = {config.protocol.cycles}: makes {stages} steps, must make at most "
            f"{MOST_STAGES}"
        )
    return found


def _all(steps: Sequence[Step], where: str) -> Iterator[tuple[str, Step]]:
    """Yield all steps with their keys, those of a repeat after it."""
    for i, step in enumerate(steps):
        yield f"{where}[{i}]", step
        yield from _all(step.steps, f"{where}[{i}].steps")


def _problems(step: Step) -> list[str]:
    found: list[str] = []
    moves = step.kind in ("charge", "discharge")
    ends = (*VOLTAGE_ENDS, "until", *CURRENT_ENDS, *CAPACITY_ENDS, "duration")
    if moves and not _given(step, CONTROLS):
        found.append(f"needs c_rate, or another of {_keys(CONTROLS[1:])}")
    if moves and not _given(step, ends):
        found.append(f"needs until_V or duration_s, or another end: {_keys(ends)}")
    if step.kind == "hold" and not _given(step, ends):
        found.append(f"needs a cut-off: until_c_rate or duration_s, or {_keys(CURRENT_ENDS[1:])}")
    if step.kind == "rest" and step.duration is None:
        found.append("needs duration_s")
    if step.kind == "profile" and step.profile is None:
        found.append("needs profile, a table of points or of the file that holds them")
    if step.kind == "repeat" and step.count is None:
        found.append("needs count")
    if step.kind == "repeat" and not step.steps:
        found.append("needs steps, at least one")
    for names in (CONTROLS, CURRENT_ENDS, CAPACITY_ENDS):
        if len(both := _given(step, names)) > 1:
            found.append(f"must have one of {_keys(both)} only")
    allowed = ALLOWED[step.kind]
    found += [f"{_key(name)} has no meaning here" for name in _set(step) if name not in allowed]
    if moves and _given(step, CONTROLS[:3]):
        found += [
            f"{_key(name)} has no meaning where the current is given; it is for a hold, or a given power"
            for name in _given(step, CURRENT_ENDS)
        ]
    return found


def _points(config: Config, step: Step, profile: Profile) -> Iterator[str]:
    """Yield what is wrong with the points of a profile."""
    times, values = profile.times, profile.values
    if times is None or values is None:
        yield "needs a file, or times and values"
        return
    if len(times) != len(values):
        yield f"times and values must be equally many, not {len(times)} and {len(values)}"
        return
    if len(times) < 2:
        yield f"must hold at least two points, not {len(times)}"
        return
    drive, least = drive_of(config, profile)[1], config.solver.dt_min
    for i, (before, after) in enumerate(pairwise(drive.times)):
        if after - before < least:
            yield (
                f"times[{i + 1}] = {times[i + 1]:g}: must come at least solver.dt_min_s = {least:g} s after "
                f"the one before, {times[i]:g} {profile.time_unit}"
            )
            break
    highest = max(map(abs, drive.values))
    if not highest <= MOST_LEVEL:
        yield f"reaches {highest:.3g} A or W for this cell, must be at most {MOST_LEVEL:g}"
    if step.duration is not None and step.duration > drive.end * (1 + 1e-9):
        yield f"ends after {drive.end:g} s; duration_s = {step.duration:g} must be at most that"


def _set(step: Step) -> list[str]:
    """Return the optional fields that a step has."""
    return [name for name in Step.model_fields if name != "kind" and getattr(step, name) not in (None, ())]


def _given(step: Step, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if getattr(step, name) is not None]


def _key(name: str) -> str:
    return key_of(name, Step.model_fields[name])


def _keys(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(map(_key, names))
