"""What a source reports: numbers and trends, what is allowed, and how each is measured, from a TOML file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydantic import Field

from latticecell.errors import ConfigError
from latticecell.reader import checked, read_table
from latticecell.schema import Section
from latticecell.study.caseruns import CaseRuns
from latticecell.study.estimates import Estimate, Levels, estimate
from latticecell.study.measures import Measure, Number, Text, measure_of
from latticecell.study.resolutions import Resolutions
from latticecell.study.spec import nearest
from latticecell.study.trends import TRENDS, Rule, Trend, every

COMBINE: Final[dict[str, Callable[..., float]]] = {"mean": np.mean, "max": max, "min": min}


class Target(Section):
    """One number, in ``unit``, or one trend, in words, that the source reports.

    ``figure`` is where it is shown ("Fig 2A"); ``case``, ``quantity`` and ``event`` say which case, what and
    when; ``tolerance`` names a class of the file. ``second`` is another definition, judged beside the plain
    one and never in its place: for a number the name of a measure, for a trend that of a rule. What is
    ``left_out`` is not counted, and says why: it repeats another target, or cannot fail.
    """

    id: Text
    figure: str
    case: str
    quantity: Text
    event: str
    value: float | str
    unit: str = ""
    kind: Literal["number", "trend"]
    tolerance: Text
    note: str = ""
    second: str = ""
    left_out: str = ""

    @property
    def other(self) -> Target:
        """The same target by its second definition."""
        return self.model_copy(update={"quantity" if self.kind == "number" else "id": self.second})


class Tolerance(Section):
    """A class of targets: what is allowed, and whether a simulation can answer them at all.

    A number may differ by the share ``relative``, or by a factor of 10 ^ ``decades``; ``words`` say so. Those
    of a class without ``result`` are left out of the table (trends never); those without ``ranked`` are not
    told among the furthest.
    """

    about: str = ""
    relative: Number | None = None
    decades: Number | None = None
    words: str = ""
    result: bool = True
    ranked: bool = True


class Judged(Section):
    """How a quantity is judged where it differs from its class: as a bound, or by a tolerance of its own.

    ``slack`` is the share by which a bound may be missed; ``relative`` the allowed difference by class;
    ``absolute`` that in the unit of the target. A name "quantity@event" comes before "quantity".
    """

    bound: Literal["", "at least", "at most"] = ""
    slack: Number = 0.0
    relative: dict[str, float] = Field(default_factory=dict)
    absolute: Number | None = None


class Answer(Section):
    """The run that answers a case of the targets: a case of the study, a particle in it, or several cases."""

    case: Text | None = None
    particle: int | None = None
    cases: tuple[Text, ...] = ()
    combine: Literal["mean", "max", "min"] = "mean"


class Names(Section):
    """Words for quantities, for symbols in longer names of quantities, and for events."""

    quantities: dict[str, str] = Field(default_factory=dict)
    symbols: dict[str, str] = Field(default_factory=dict)
    events: dict[str, str] = Field(default_factory=dict)


class Targets(Section):
    """The targets of a study.

    ``source`` is who reports them, ``code`` the Python file beside the study that registers the measures and
    trends which are not declared: it is told where they are missing, and runs only as ``--laws FILE.py``.
    """

    title: str = "Targets"
    source: str = "source"
    about: str = ""
    code: str = ""
    classes: dict[str, Tolerance]
    judged: dict[str, Judged] = Field(default_factory=dict)
    answers: dict[str, Answer] = Field(default_factory=dict)
    names: Names = Names()
    measures: dict[str, Measure] = Field(default_factory=dict)
    trends: tuple[Trend, ...] = ()
    undecided: dict[str, str] = Field(default_factory=dict)
    targets: tuple[Target, ...]

    @property
    def results(self) -> tuple[Target, ...]:
        """The targets that a simulation can answer and that count."""
        return tuple(
            t
            for t in self.targets
            if not t.left_out and (t.kind == "trend" or self.classes[t.tolerance].result)
        )

    @property
    def left_out(self) -> tuple[Target, ...]:
        """The targets that are not counted, with a reason."""
        return tuple(t for t in self.targets if t.left_out)

    def cases(self, target: Target) -> tuple[str, ...]:
        """Return the cases of the study that answer a target."""
        answer = self.answers.get(target.case, Answer())
        return answer.cases or (answer.case or target.case,)

    def suffix(self, target: Target) -> str:
        """Return the suffix of the columns of the particle that answers a target, such as "_p1"."""
        particle = self.answers.get(target.case, Answer()).particle
        return "" if particle is None else f"_p{particle}"

    def judge(self, target: Target) -> Judged:
        """Return how the quantity of a target is judged."""
        usual = self.judged.get(target.quantity, Judged())
        return self.judged.get(f"{target.quantity}@{target.event}", usual)

    def numbers(self, target: Target, runs: CaseRuns) -> list[float]:
        """Return the values of a number, one for each seed; none where the runs are not there.

        Raises `ConfigError` if it cannot be measured.
        """
        return list(self.by_seed(target, runs).values())

    def by_seed(self, target: Target, runs: CaseRuns) -> dict[int, float]:
        """Return the values of a number by seed; raises `ConfigError` if it cannot be measured."""
        combine = COMBINE[self.answers.get(target.case, Answer()).combine]
        measure = measure_of(target.quantity, target.event, self.suffix(target), self.measures)
        found = runs.together(*self.cases(target))
        return {some[0].seed: float(combine([measure(run) for run in some])) for some in found}

    def estimate(self, target: Target, runs: CaseRuns, levels: Resolutions | None) -> Estimate | None:
        """Return a number with its errors; None where the runs are not there.

        Seeds count whose levels are all there; without any such seed, or without levels, the errors of
        network and step stay unknown. Raises `ConfigError` if it cannot be measured.
        """
        found = [Levels((1.0,), (value,)) for value in self.numbers(target, runs)]
        if levels is not None:
            values = {name: self.by_seed(target, some) for name, some in levels.runs.items()}
            case = self.cases(target)[0]
            whole = (
                levels.of({name: mine[seed] for name, mine in values.items() if seed in mine}, case, seed)
                for seed in values[levels.wanted.main_level]
            )
            found = [one for one in whole if one is not None] or found
        return estimate(found) if found else None

    def rule(self, target: Target) -> Rule:
        """Return what decides a trend; raises `ConfigError` if nothing does."""
        declared = [trend.rule(self.measures) for trend in self.trends if trend.target == target.id]
        if declared:
            return declared[0] if len(declared) == 1 else every(*declared)
        if target.id in TRENDS:
            return TRENDS[target.id]
        raise ConfigError(f"{target.id}: is neither declared nor registered")


def read_targets(path: Path) -> Targets:
    """Read and check a targets file; raises `ConfigError` with every problem found."""
    found, problems = checked(Targets, read_table(path))
    if found is not None:
        problems += _cross_check(found)
    if problems or found is None:
        raise ConfigError([f"{problem} ({path.name})" for problem in problems])
    return found


def read_reasons(path: Path, targets: Targets) -> dict[str, str]:
    """Return why targets are missed, by id.

    The file holds tables with ``targets``, a list of ids, and ``why``. Raises `ConfigError` if it is
    malformed or names a target that does not exist.
    """
    known = {target.id for target in targets.targets}
    found: dict[str, str] = {}
    problems = []
    for name, group in read_table(path).items():
        if not (isinstance(group, dict) and set(group) == {"targets", "why"}):
            problems.append(f"{name}: must be a table of targets and why ({path.name})")
            continue
        for target in group["targets"]:
            found[target] = str(group["why"])
            if target not in known:
                problems.append(
                    f"{name}.targets: {target!r} is no target; {nearest(target, sorted(known))} ({path.name})"
                )
    if problems:
        raise ConfigError(problems)
    return found


def _cross_check(targets: Targets) -> Iterator[str]:
    ids = [target.id for target in targets.targets]
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"targets: {name!r} occurs twice"
    for target in targets.targets:
        if target.tolerance not in targets.classes:
            hint = nearest(target.tolerance, list(targets.classes))
            yield f"{target.id}.tolerance = {target.tolerance!r}: {hint}"
        if (target.kind == "number") != isinstance(target.value, float):
            wanted = "a number" if target.kind == "number" else "text"
            yield f"{target.id}.value = {target.value!r}: must be {wanted}"
    for name, one in targets.classes.items():
        if one.result and (one.relative is None) == (one.decades is None):
            yield f"classes.{name}: needs either relative or decades"
    for name, measure in targets.measures.items():
        yield from _measure_problems(f"measures.{name}", measure)
    for i, trend in enumerate(targets.trends):
        if trend.target not in ids:
            yield f"trends[{i}].target = {trend.target!r}: {nearest(trend.target, ids)}"
        if sum(map(bool, (trend.rising, trend.falling, trend.alike))) != 1:
            yield f"trends[{i}] ({trend.target}): needs one of rising, falling and alike"
        for measure in trend.of:
            yield from _measure_problems(f"trends[{i}].of", measure)


def _measure_problems(where: str, measure: Measure) -> Iterator[str]:
    if sum(map(bool, (measure.column, measure.measure, measure.ratio))) != 1:
        yield f"{where}: needs one of column, measure and ratio"


def figure_of(target: Target) -> str:
    """Return the figure without its panel: "Fig 2A" is of "Fig 2", "Fig S3A" of "Fig S3"; or "Text"."""
    name = target.figure
    if not name.startswith("Fig "):
        return "Text"
    return f"Fig {name[4:].split('-')[0].split(',')[0].rstrip('ABCDEFGHIJKLMNOPQR')}"


def figure_order(names: Sequence[str]) -> list[str]:
    """Sort figures: "Text", then Fig 1, Fig 2, ..., Fig S1, ..."""

    def key(name: str) -> tuple[int, int]:
        label = name.removeprefix("Fig ")
        if label[:1] == "S" and label[1:].isdigit():
            return (1, int(label[1:]))
        return (0, int(label)) if label.isdigit() else (-1, 0)

    return sorted(dict.fromkeys(names), key=key)
