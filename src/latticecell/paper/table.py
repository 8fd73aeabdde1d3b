"""The table: every number and trend of the paper beside ours, with a verdict."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

import numpy as np
import tomli

from latticecell.output.fields import replacing
from latticecell.paper.measures import number
from latticecell.paper.results import Study
from latticecell.paper.targets import Target
from latticecell.paper.trends import NO_DATA, RULES

Verdict = Literal["within", "outside", "holds", "fails", "not run", "no verdict"]

TIME_TOLERANCE: Final = 0.015
LITHIUM_TOLERANCE: Final = 0.07
ONSET_TOLERANCE: Final = 0.05
CALIBRATED_TOLERANCE: Final = 0.25
DECADE_SHARE: Final = 0.5
"""A right order of magnitude: within half a decade, a factor of 3.2 either way."""
AT_LEAST: Final = frozenset({"D_G_max_lower_bound", "sigma_Mises_max_lower_bound"})
AT_MOST: Final = frozenset({"interface_voltage_drop_ave_max"})


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    target : Target
    ours : float or None
        Mean over the seeds, in the unit of the target; None for trends and where nothing was run.
    spread : float or None
        Standard deviation over the seeds; None for a single one.
    n_seeds : int
        Number of seeds.
    text : str
        The numbers that decided a trend.
    difference : float or None
        ours / paper - 1.
    verdict : str
        "within" or "outside" the tolerance of the target's class; a trend "holds" or "fails".
    allowed : str
        The tolerance, in words.
    reason : str
        Why a target is missed.
    """

    target: Target
    ours: float | None
    spread: float | None
    n_seeds: int
    text: str
    difference: float | None
    verdict: Verdict
    allowed: str = ""
    reason: str = ""

    @property
    def missed(self) -> bool:
        """Whether it counts as a miss."""
        return self.verdict in ("outside", "fails")


def table(targets: Sequence[Target], study: Study) -> list[Row]:
    """Return a row for every target that a simulation can answer, in the order of ``targets``."""
    reasons = read_reasons()
    rows = []
    for target in targets:
        if target.is_result:
            why = reasons.get(target.id, "")
            rows.append(
                _number(target, study, why) if target.kind == "number" else _trend(target, study, why)
            )
    return rows


def read_reasons() -> dict[str, str]:
    """Return why targets are missed, by id, from ``reasons.toml``."""
    table = tomli.loads(files(__package__).joinpath("reasons.toml").read_text(encoding="utf-8"))
    return {name: why for group in table.values() for name in group["targets"] for why in [group["why"]]}


def tolerance(target: Target) -> float | None:
    """Return the allowed relative difference; None where only the order of magnitude counts."""
    if target.repro == "direct":
        if target.quantity == "t_gap_onset":
            return ONSET_TOLERANCE
        return LITHIUM_TOLERANCE if target.quantity == "M_Li" else TIME_TOLERANCE
    return CALIBRATED_TOLERANCE if target.repro == "calibrated" else None


def _number(target: Target, study: Study, why: str) -> Row:
    values = number(target, study)
    if not values:
        return Row(target, None, None, 0, "", None, "not run")
    ours = float(np.mean(values))
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    paper = float(target.value)
    difference = ours / paper - 1
    allowed = tolerance(target)
    if target.quantity in AT_LEAST or target.quantity in AT_MOST:
        sign, word = (1, "at least") if target.quantity in AT_LEAST else (-1, "at most")
        slack = CALIBRATED_TOLERANCE if target.repro == "calibrated" and sign > 0 else 0.0
        good = sign * difference >= -slack
        told = f"{word} {paper:g}" + (f" less {100 * slack:.0f} %" if slack else "")
    elif allowed is None:
        good = ours * paper > 0 and abs(np.log10(ours / paper)) <= DECADE_SHARE
        told = "order of magnitude"
    else:
        good = abs(difference) <= allowed
        told = f"{100 * allowed:g} %"
    verdict: Verdict = "within" if good else "outside"
    return Row(target, ours, spread, len(values), "", difference, verdict, told, "" if good else why)


def _trend(target: Target, study: Study, why: str) -> Row:
    if target.id in NO_DATA:
        return Row(target, None, None, 0, "", None, "no verdict", "", NO_DATA[target.id])
    found = RULES[target.id](study)
    if found is None:
        return Row(target, None, None, 0, "", None, "not run")
    seeds = len(study.seeds)
    verdict: Verdict = "holds" if found.holds else "fails"
    return Row(target, None, None, seeds, found.said, None, verdict, "", "" if found.holds else why)


def figure_of(target: Target) -> str:
    """Return the figure without its panel: "Fig 2A" is of "Fig 2", "Fig S3A" of "Fig S3"."""
    name = target.figure
    if not name.startswith("Fig "):
        return "Text"
    number = name[4:].split("-")[0].split(",")[0].rstrip("ABCDEFGH")
    return f"Fig {number}"


def worst(rows: Sequence[Row], count: int = 5) -> list[Row]:
    """Return the numbers that are furthest from the paper's, by the logarithm of the ratio."""

    def distance(row: Row) -> float:
        assert row.ours is not None
        ratio = row.ours / float(row.target.value)
        return abs(float(np.log(ratio))) if ratio > 0 else np.inf

    graded = [
        row
        for row in rows
        if row.ours is not None and row.target.repro != "unlikely"
        and row.target.quantity not in AT_LEAST | AT_MOST
    ]  # fmt: skip
    return sorted(graded, key=distance, reverse=True)[:count]


def counts(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Count the verdicts by figure."""
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        of_figure = found.setdefault(figure_of(row.target), {})
        of_figure[row.verdict] = of_figure.get(row.verdict, 0) + 1
    return dict(sorted(found.items(), key=lambda item: _figure_order(item[0])))


def _figure_order(name: str) -> tuple[int, int]:
    label = name.removeprefix("Fig ")
    if label.startswith("S"):
        return (1, int(label[1:]))
    return (0, int(label)) if label.isdigit() else (-1, 0)


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write the table as CSV, numbers in the unit of the paper."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ("id", "figure", "case", "quantity", "event", "class", "paper", "unit", "ours", "sd", "seeds",
         "difference_percent", "allowed", "verdict", "found", "reason")
    )  # fmt: skip
    for row in rows:
        t = row.target
        writer.writerow(
            (t.id, t.figure, t.case, t.quantity, t.event, t.repro, t.value, t.unit, _digits(row.ours),
             _digits(row.spread), row.n_seeds, _digits(row.difference and 100 * row.difference), row.allowed,
             row.verdict, row.text, row.reason)
        )  # fmt: skip
    with replacing(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def summary_lines(rows: Sequence[Row]) -> list[str]:
    """Return one line for each figure, for the terminal."""
    lines = []
    for figure, verdicts in counts(rows).items():
        told: Mapping[str, int] = {k: v for k, v in verdicts.items() if v}
        lines.append(f"{figure:8s} " + ", ".join(f"{count} {verdict}" for verdict, count in told.items()))
    return lines
