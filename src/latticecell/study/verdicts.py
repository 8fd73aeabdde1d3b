"""The verdict table: every number and trend of a source beside ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from latticecell.errors import ConfigError
from latticecell.output.files import write_file
from latticecell.study.caseruns import CaseRuns
from latticecell.study.estimates import Estimate
from latticecell.study.resolutions import Resolutions
from latticecell.study.targets import Target, Targets, figure_of, figure_order

Verdict = Literal["within", "uncertain", "outside", "holds", "fails", "not run", "not measured", "no verdict"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    target : Target
    estimate : Estimate or None
        Ours with its errors, in the unit of the target; None for trends and where nothing was run.
    text : str
        The numbers that decided a trend.
    difference : float or None
        ours / theirs - 1.
    verdict : str
        "within" or "outside" the tolerance of the target's class, "uncertain" where it would be within but
        the error is wider than the tolerance; a trend "holds" or "fails".
    allowed : str
        The tolerance, in words.
    reason : str
        Why a target is missed, or not measured.
    ranked : bool
        Whether it may be told among the numbers that are furthest off.
    second : Row or None
        The same by another definition, if the target has one.
    """

    target: Target
    estimate: Estimate | None
    text: str
    difference: float | None
    verdict: Verdict
    allowed: str = ""
    reason: str = ""
    ranked: bool = True
    second: Row | None = None

    @property
    def ours(self) -> float | None:
        """The value of the estimate."""
        return self.estimate.value if self.estimate else None

    @property
    def error(self) -> float | None:
        """The error of the estimate."""
        return self.estimate.error if self.estimate else None

    @property
    def missed(self) -> bool:
        """Whether it counts as a miss."""
        return self.verdict in ("outside", "fails")


def table(
    targets: Targets,
    runs: CaseRuns,
    reasons: Mapping[str, str],
    code: str = "",
    levels: Resolutions | None = None,
) -> list[Row]:
    """Return a row for every target that a simulation can answer, in the order of the file.

    Parameters
    ----------
    targets : Targets
    runs : CaseRuns
    reasons : mapping of str to str
        Why targets are missed, by id.
    code : str
        The file that registers what is not declared, for the sentence on what cannot be measured.
    levels : Resolutions, optional
        The runs of all resolutions; without, errors are those of the seeds.
    """

    def judged(target: Target, why: str) -> Row:
        try:
            if target.kind == "number":
                return _number(targets, target, targets.estimate(target, runs, levels), why)
            return _trend(targets, target, runs, why)
        except ConfigError as error:
            hint = (
                f"; its code is in {code}, give --laws {code}" if code and "registered" in str(error) else ""
            )
            return Row(target, None, "", None, "not measured", "", f"{error}{hint}")

    rows = []
    for target in targets.results:
        row = judged(target, reasons.get(target.id, ""))
        rows.append(replace(row, second=judged(target.other, "")) if target.second else row)
    return rows


def by_second(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with the second definition where there is one."""
    return [row.second or row for row in rows]


def _number(targets: Targets, target: Target, found: Estimate | None, why: str) -> Row:
    if found is None:
        return Row(target, None, "", None, "not run")
    ours, certain = found.value, True
    theirs = float(target.value)
    difference = ours / theirs - 1
    judged, allowed = targets.judge(target), targets.classes[target.tolerance]
    if judged.bound:
        sign = 1 if judged.bound == "at least" else -1
        good = sign * difference >= -judged.slack
        told = f"{judged.bound} {theirs:g}" + (f" less {100 * judged.slack:.0f} %" if judged.slack else "")
    elif allowed.decades is not None:
        good = ours * theirs > 0 and abs(np.log10(ours / theirs)) <= allowed.decades
        told = allowed.words or f"a factor of {10**allowed.decades:.2g}"
    elif judged.absolute is not None:
        good = abs(ours - theirs) <= judged.absolute
        certain = found.error is None or found.error <= judged.absolute
        told = f"{judged.absolute:g} {target.unit}"
    else:
        assert allowed.relative is not None
        share = judged.relative.get(target.tolerance, allowed.relative)
        good = abs(difference) <= share
        certain = found.error is None or found.error <= share * abs(theirs)
        told = f"{100 * share:g} %"
    ranked = allowed.ranked and not judged.bound
    verdict: Verdict = ("within" if certain else "uncertain") if good else "outside"
    return Row(target, found, "", difference, verdict, told, "" if good else why, ranked)


def _trend(targets: Targets, target: Target, runs: CaseRuns, why: str) -> Row:
    if target.id in targets.undecided:
        return Row(target, None, "", None, "no verdict", "", targets.undecided[target.id])
    found = targets.rule(target)(runs)
    if found is None:
        return Row(target, None, "", None, "not run")
    verdict: Verdict = "holds" if found.holds else "fails"
    return Row(target, None, found.said, None, verdict, "", "" if found.holds else why)


def worst(rows: Sequence[Row], count: int = 5) -> list[Row]:
    """Return the numbers that are furthest from the source's, by the logarithm of the ratio."""

    def distance(row: Row) -> float:
        assert row.ours is not None
        ratio = row.ours / float(row.target.value)
        return abs(float(np.log(ratio))) if ratio > 0 else np.inf

    graded = [row for row in rows if row.ours is not None and row.ranked]
    return sorted(graded, key=distance, reverse=True)[:count]


def counts(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Count the verdicts by figure."""
    found: dict[str, dict[str, int]] = {
        name: {} for name in figure_order([figure_of(r.target) for r in rows])
    }
    for row in rows:
        of_figure = found[figure_of(row.target)]
        of_figure[row.verdict] = of_figure.get(row.verdict, 0) + 1
    return found


def summary_lines(rows: Sequence[Row]) -> list[str]:
    """Return one line for each figure, and one for each number that is furthest off, for the terminal."""
    lines = [
        f"{figure:8s} " + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
        for figure, verdicts in counts(rows).items()
    ]
    for row in worst(rows):
        t = row.target
        lines.append(f"far off: {t.id}: {row.ours:.4g} {t.unit}, reported {t.value:g}")
    return lines


def write_verdicts(path: Path, rows: Sequence[Row]) -> None:
    """Write the table as CSV, numbers in the unit of the source."""
    heads = ("id", "figure", "case", "quantity", "event", "class", "reported", "unit", "ours", "error",
             "network_error", "step_error", "seed_interval", "seeds", "difference_percent", "allowed",
             "verdict", "found", "reason", "second_definition", "second_found", "second_verdict")  # fmt: skip
    lines = []
    for row in rows:
        t, one = row.target, row.estimate
        errors = (one.error, one.network_error, one.step_error, one.seed_interval) if one else (None,) * 4
        lines.append(
            (t.id, t.figure, t.case, t.quantity, t.event, t.tolerance, t.value, t.unit, _digits(row.ours),
             *map(_digits, errors), one.n_seeds if one else "",
             _digits(row.difference and 100 * row.difference), row.allowed, row.verdict, row.text, row.reason,
             t.second, *((_found(row.second), row.second.verdict) if row.second else ("", "")))
        )  # fmt: skip
    write_lines(path, heads, lines)


def _found(row: Row) -> str:
    return row.text or _digits(row.ours)


def write_lines(path: Path, heads: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    """Write a CSV file, in place of one that is there."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(lines)
    write_file(path, text.getvalue())


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
