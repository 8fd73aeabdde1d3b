"""Trends along the cases of a study: rules that take `CaseRuns` and give a `Finding`, or None if runs lack.

Rising, falling and alike are declared in a targets file; the rest is registered in Python by the id of its
target, and may be put together from the functions here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from latticecell.registry import Registry
from latticecell.schema import Section
from latticecell.study.caseruns import CaseRun, CaseRuns
from latticecell.study.measures import Measure, Number, Text, Value

NEAR: Final = 0.15
"""Largest relative spread of what is called nearly equal, similar or weak."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a trend holds, and the numbers that decided it."""

    holds: bool
    said: str


Rule = Callable[[CaseRuns], Finding | None]

TRENDS: Registry[Rule] = Registry("study.trends", "trend", {})
"""Rules of the user's own by the id of their target."""


class Trend(Section):
    """Measures that rise, fall or stay alike along cases, on their means over the seeds.

    All declared trends of one target have to hold. ``within`` is the allowed spread over the mean of what is
    alike.
    """

    target: Text
    rising: tuple[Text, ...] = ()
    falling: tuple[Text, ...] = ()
    alike: tuple[Text, ...] = ()
    of: tuple[Measure, ...]
    within: Number = NEAR

    def rule(self, known: Mapping[str, Measure]) -> Rule:
        """Return the rule; ``known`` are the declared measures that it may name."""
        values = [(one.title, _value(one, known)) for one in self.of]
        if self.alike:
            return alike(self.alike, *values, within=self.within)
        return falling(self.falling, *values) if self.falling else rising(self.rising, *values)


def _value(measure: Measure, known: Mapping[str, Measure]) -> Value:
    return lambda run: measure.evaluate(run, "", "", known)


def seed_means(runs: CaseRuns, cases: Sequence[str], value: Value) -> list[float] | None:
    """Seed mean of a value for each case, over the seeds that all of them have."""
    rows = [[value(run) for run in some] for some in runs.together(*cases)]
    return [float(mean) for mean in np.mean(rows, axis=0)] if rows else None


def show(values: Sequence[float], names: Sequence[str] = ()) -> str:
    """Write numbers, with names if there are any."""
    text = [f"{value:.4g}" for value in values]
    return ", ".join(f"{name} {v}" for name, v in zip(names, text, strict=True)) if names else ", ".join(text)


def rising(cases: Sequence[str], *values: tuple[str, Value]) -> Rule:
    """All values rise along the cases."""
    return compare(cases, values, lambda means: (all(a < b for a, b in itertools.pairwise(means)), ""))


def falling(cases: Sequence[str], *values: tuple[str, Value]) -> Rule:
    """All values fall along the cases."""
    return compare(cases, values, lambda means: (all(a > b for a, b in itertools.pairwise(means)), ""))


def alike(cases: Sequence[str], *values: tuple[str, Value], within: float = NEAR) -> Rule:
    """The values of the cases spread by less than a share of their mean."""

    def is_near(means: Sequence[float]) -> tuple[bool, str]:
        spread = float(np.ptp(means) / abs(np.mean(means)))
        return spread <= within, f" (spread {100 * spread:.1f} %, allowed {100 * within:.0f} %)"

    return compare(cases, values, is_near)


def compare(
    cases: Sequence[str],
    values: Sequence[tuple[str, Value]],
    decide: Callable[[Sequence[float]], tuple[bool, str]],
) -> Rule:
    """A decision on the seed means of every value, case by case, with a remark."""

    def rule(runs: CaseRuns) -> Finding | None:
        holds, said = True, []
        for label, value in values:
            means = seed_means(runs, cases, value)
            if means is None:
                return None
            good, remark = decide(means)
            holds &= good
            said.append(f"{label}: {show(means, [short(case) for case in cases])}{remark}")
        return Finding(holds, "; ".join(said))

    return rule


def every(*rules: Rule) -> Rule:
    """All of several rules."""

    def rule(runs: CaseRuns) -> Finding | None:
        found = [one(runs) for one in rules]
        there = [one for one in found if one is not None]
        if len(there) < len(found):
            return None
        return Finding(all(f.holds for f in there), "; ".join(f.said for f in there))

    return rule


def of_each_seed(case: str, decide: Callable[[CaseRun], tuple[bool, str]]) -> Rule:
    """A statement about one run, which has to hold for every seed."""

    def rule(runs: CaseRuns) -> Finding | None:
        found = [decide(run) for run in runs.runs.get(case, ())]
        if not found:
            return None
        kept = sum(holds for holds, _ in found)
        odd = next((said for holds, said in found if not holds), found[0][1])
        return Finding(kept == len(found), f"{odd} ({kept} of {len(found)} seeds)")

    return rule


def short(case: str) -> str:
    """Name of a case without its family."""
    return case.split("_")[-1]
