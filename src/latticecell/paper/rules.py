"""Building blocks of trends: rules that take a `Study` and give a `Finding`, or None if runs are missing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from latticecell.paper.measures import MEASURES
from latticecell.paper.results import CaseRun, Study

Value = Callable[[CaseRun], float]

NEAR: Final = 0.15
"""Largest relative spread of what the paper calls nearly equal, similar or weak."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a trend holds, and the numbers that decided it."""

    holds: bool
    said: str


Rule = Callable[[Study], Finding | None]


def value_of(quantity: str, event: str, suffix: str = "") -> Value:
    """Return how a quantity of the table is measured."""
    measure = MEASURES[quantity, event]
    return lambda run: measure(run, suffix)


def value_at(name: str, row: Callable[[CaseRun], int]) -> Value:
    """Return a column of the history at a row that the run knows."""
    return lambda run: run.at(name, row(run))


def charge_end(run: CaseRun) -> int:
    """Row at which charging ends."""
    return run.charge_end


def discharge_end(run: CaseRun) -> int:
    """Row at which the first discharge ends."""
    return run.discharge_end


def seed_means(study: Study, cases: Sequence[str], value: Value) -> list[float] | None:
    """Seed mean of a value for each case, over the seeds that all of them have."""
    rows = [[value(run) for run in runs] for runs in study.together(*cases)]
    return [float(mean) for mean in np.mean(rows, axis=0)] if rows else None


def show(values: Sequence[float], names: Sequence[str] = ()) -> str:
    """Write numbers, with names if there are any."""
    text = [f"{value:.4g}" for value in values]
    return ", ".join(f"{name} {v}" for name, v in zip(names, text, strict=True)) if names else ", ".join(text)


def rising(cases: Sequence[str], *values: tuple[str, Value]) -> Rule:
    """All values rise along the cases."""

    def rises(means: Sequence[float]) -> tuple[bool, str]:
        return all(a < b for a, b in itertools.pairwise(means)), ""

    return _compare(cases, values, rises)


def alike(cases: Sequence[str], *values: tuple[str, Value], within: float = NEAR) -> Rule:
    """The values of the cases spread by less than a share of their mean."""

    def is_near(means: Sequence[float]) -> tuple[bool, str]:
        spread = float(np.ptp(means) / abs(np.mean(means)))
        return spread <= within, f" (spread {100 * spread:.1f} %, allowed {100 * within:.0f} %)"

    return _compare(cases, values, is_near)


def _compare(
    cases: Sequence[str],
    values: Sequence[tuple[str, Value]],
    decide: Callable[[Sequence[float]], tuple[bool, str]],
) -> Rule:
    """A decision on the seed means of every value, case by case."""

    def rule(study: Study) -> Finding | None:
        holds, said = True, []
        for label, value in values:
            means = seed_means(study, cases, value)
            if means is None:
                return None
            good, remark = decide(means)
            holds &= good
            said.append(f"{label}: {show(means, [short(case) for case in cases])}{remark}")
        return Finding(holds, "; ".join(said))

    return rule


def every(*rules: Rule) -> Rule:
    """All of several rules."""

    def rule(study: Study) -> Finding | None:
        found = [one(study) for one in rules]
        there = [one for one in found if one is not None]
        if len(there) < len(found):
            return None
        return Finding(all(f.holds for f in there), "; ".join(f.said for f in there))

    return rule


def of_each_seed(case: str, decide: Callable[[CaseRun], tuple[bool, str]]) -> Rule:
    """A statement about one run, which has to hold for every seed."""

    def rule(study: Study) -> Finding | None:
        found = [decide(run) for run in study.runs.get(case, ())]
        if not found:
            return None
        kept = sum(holds for holds, _ in found)
        odd = next((said for holds, said in found if not holds), found[0][1])
        return Finding(kept == len(found), f"{odd} ({kept} of {len(found)} seeds)")

    return rule


def short(case: str) -> str:
    """Name of a case without its family."""
    return case.split("_")[-1]
