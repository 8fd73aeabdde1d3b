"""The table of the paper's numbers and trends as HTML: summary, furthest numbers, and a table per figure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from latticecell.paper.table import Row, counts, figure_of, worst
from latticecell.report import html
from latticecell.report.html import NOTHING, Cell

QUANTITIES: Final[dict[str, str]] = {
    "D_G_ave": "mean gap",
    "D_G_max": "largest gap",
    "D_G_ave,D_G_max": "mean and largest gap",
    "D_G_max_lower_bound": "largest gap, at least",
    "D_G": "gap",
    "eps_V_max": "strongest contraction, tr ε",
    "abs(eps_V_max)": "strongest contraction, |tr ε|",
    "abs(eps_V_max) P1 minus P2": "strongest contraction, P1 less P2",
    "sigma_Mises_max": "largest von Mises stress",
    "sigma_Mises_max_upto": "largest von Mises stress, up to",
    "sigma_Mises_max_lower_bound": "largest von Mises stress, at least",
    "residual_stress_order": "residual stress, order of magnitude",
    "M_Li": "Li in the particle",
    "delta_M_Li": "Li not recovered",
    "t_charge": "charge time",
    "t_discharge": "discharge time",
    "t_gap_onset": "start of the rapid opening",
    "coulombic_efficiency_time": "discharge over charge time",
    "plateau_start": "start of the plateau of the gap",
    "plateau_end": "end of the plateau of the gap",
    "interface_voltage_drop_ave_max": "mean interface drop, at most",
    "R_int(gap)": "contact resistance against gap",
    "c field": "Li field",
    "c mean": "mean Li",
    "c nonuniformity": "non-uniformity of Li",
    "V_vs_specific_capacity": "voltage against capacity",
}
"""Quantities as the table names them; the others only lose their underscores."""
WORDS: Final[dict[str, str]] = {
    "sigma_Mises_max": "largest von Mises stress",
    "sigma_Mises": "von Mises stress",
    "eps_V_max": "strongest contraction",
    "D_G_ave": "mean gap",
    "D_G_max": "largest gap",
    "D_G": "gap",
    "M_Li": "Li",
    "t_charge": "charge time",
    "t_discharge": "discharge time",
}
"""Symbols inside longer names, longest first where one holds another."""
EVENTS: Final[dict[str, str]] = {
    "-": "",
    "charge_end": "end of charge",
    "discharge_end": "end of discharge",
    "charge_peak": "peak while charging",
    "charge_early": "early in charge",
    "charge_end,discharge_end": "ends of charge and discharge",
    "discharge_duration": "discharge",
    "cycle": "whole cycle",
}
TONES: Final[dict[str, str]] = {
    "within": "good",
    "holds": "good",
    "outside": "bad",
    "fails": "bad",
    "not run": "dim",
    "no verdict": "dim",
}
"""Classes of `latticecell.report.html.STYLE` for verdicts."""


def figure_order(rows: Sequence[Row]) -> list[str]:
    """Return the figures that occur, "Text" first, then Fig 2, ..., Fig S1, ..."""
    return list(counts(rows))


def summary_table(rows: Sequence[Row]) -> str:
    """Counts of the verdicts by figure, with a total."""
    columns = (
        ("number", "within"),
        ("number", "outside"),
        ("number", "not run"),
        ("trend", "holds"),
        ("trend", "fails"),
        ("trend", "not run"),
        ("trend", "no verdict"),
    )

    def line(name: str, mine: Sequence[Row]) -> list[Cell]:
        found: list[Cell] = [name]
        for kind, verdict in columns:
            count = sum(row.target.kind == kind and row.verdict == verdict for row in mine)
            found.append((str(count), TONES[verdict]) if count else ("0", "dim"))
        return found

    lines = [
        line(name, [row for row in rows if figure_of(row.target) == name]) for name in figure_order(rows)
    ]
    heads = ("", *(f"{kind}s {verdict.replace('holds', 'hold').replace('fails', 'fail')}"
                   for kind, verdict in columns))  # fmt: skip
    return html.table(heads, [*lines, line("all", rows)])


def score(rows: Sequence[Row]) -> str:
    """One sentence on how many numbers and trends are met."""
    told = []
    for kind, good, words in (("number", "within", "within tolerance"), ("trend", "holds", "hold")):
        judged = [r for r in rows if r.target.kind == kind and r.verdict not in ("not run", "no verdict")]
        met = sum(row.verdict == good for row in judged)
        told.append(f"{met} of {len(judged)} {kind}s {words}" if judged else f"no {kind} was run")
    waiting = sum(row.verdict == "not run" for row in rows)
    return "; ".join(told) + (f"; {waiting} entries are not run." if waiting else ".")


def worst_table(rows: Sequence[Row], count: int = 5) -> str:
    """The numbers that are furthest from the paper's, with the reasons."""
    found = worst(rows, count)
    if not found:
        return "<p>No number was run.</p>"
    return _numbers(found, entire=True)


def full_table(rows: Sequence[Row], figures: Sequence[str]) -> str:
    """All rows: for each figure its numbers, then its trends; ``figures`` are those the page draws."""
    text = ""
    for name in figure_order(rows):
        mine = [row for row in rows if figure_of(row.target) == name]
        drawn = f" <small>{html.link(html.anchor(name), 'see the figure')}</small>" if name in figures else ""
        text += f'<h3 id="table-{html.anchor(name)}">{escape(name)}{drawn}</h3>\n'
        if numbers := [row for row in mine if row.target.kind == "number"]:
            text += _numbers(numbers)
        if trends := [row for row in mine if row.target.kind == "trend"]:
            text += _trends(trends)
    return text


def _numbers(rows: Sequence[Row], *, entire: bool = False) -> str:
    """Table of numbers; ``entire`` adds the figure in full, for tables that mix figures."""
    heads = ("panel", "quantity", "case", "when", "paper", "ours", "unit", "difference", "class", "allowed",
             "verdict", "note")  # fmt: skip
    lines: list[Sequence[Cell]] = [
        (
            *_what(row, entire),
            f"{float(row.target.value):g}",
            measured(row.ours, row.spread),
            row.target.unit.replace("1e-12 mol", "pmol"),
            percent(row.difference),
            row.target.repro,
            row.allowed,
            (row.verdict, f"verdict {TONES[row.verdict]}"),
            (_note(row), "note"),
        )
        for row in rows
    ]
    return html.table(heads, lines, text=(0, 1, 2, 3, 6, 8, 9, 10, 11))


def _trends(rows: Sequence[Row]) -> str:
    heads = ("panel", "quantity", "case", "when", "the paper says", "we find", "class", "verdict", "note")
    lines: list[Sequence[Cell]] = [
        (
            *_what(row, entire=False),
            (str(row.target.value), "note"),
            (row.text or NOTHING, "note"),
            row.target.repro,
            (row.verdict, f"verdict {TONES[row.verdict]}"),
            (_note(row), "note"),
        )
        for row in rows
    ]
    return html.table(heads, lines, text=range(9))


def _what(row: Row, entire: bool) -> tuple[str, str, str, str]:
    """Panel, quantity, case and event in words."""
    target = row.target
    panel = target.figure if entire else target.figure.removeprefix("Fig ").removeprefix("text/")
    event = EVENTS.get(target.event, target.event.removeprefix("t="))
    return panel, quantity_name(target.quantity), target.case.replace("_", " "), event


def quantity_name(quantity: str) -> str:
    """Return a quantity of the targets in words."""
    if quantity in QUANTITIES:
        return QUANTITIES[quantity]
    for symbol, words in WORDS.items():
        quantity = quantity.replace(symbol, words)
    return quantity.replace("_", " ").replace(",", ", ").replace(",  ", ", ")


def measured(value: float | None, spread: float | None) -> str:
    """Return a value with the digits that its standard deviation leaves, or four: "14.3 ± 1.2"."""
    if value is None or not np.isfinite(value):
        return NOTHING
    if spread is None or not np.isfinite(spread) or spread <= 0:
        return f"{value:.4g}"
    digits = 1 - int(np.floor(np.log10(spread)))
    scale = int(np.floor(np.log10(abs(value)))) if value else 0
    if not (-4 <= scale < 6 and digits <= 8):
        return f"{value:.3g}\u00a0±\u00a0{spread:.2g}"
    shown = max(digits, 0)
    return f"{round(value, digits):.{shown}f}\u00a0±\u00a0{round(spread, digits):.{shown}f}"


def percent(difference: float | None) -> str:
    """Return a relative difference; beyond a factor of ten as a factor."""
    if difference is None or not np.isfinite(difference):
        return NOTHING
    if difference >= 9:
        return f"×\u00a0{1 + difference:.0f}"
    return f"{100 * difference:+.1f}\u00a0%".replace("-", "−")


def _note(row: Row) -> str:
    parts = [text.strip().rstrip(".") for text in (row.reason, row.target.note) if text.strip()]
    return ". ".join(part[0].upper() + part[1:] for part in parts) + ("." if parts else "")
