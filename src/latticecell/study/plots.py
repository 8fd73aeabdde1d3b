"""Figures of a study: quantities against axes, sampled keys, and cases."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter

from latticecell.errors import printable
from latticecell.output.look import BLACK, BLUE, FONT, GREEN, PURPLE, VERMILLION, WIDTH_INCH, plain
from latticecell.study.estimates import Estimate
from latticecell.units import SI_PER_UNIT

ROW_INCH: Final = 2.0
PANELS: Final = 6
ROUND_OFF: Final = 1e-6
"""Relative difference that is none."""
LOG_RATIO: Final = 20.0
"""Values that span more than this factor are drawn on a log scale."""

QUANTITIES: Final = (
    "discharge_capacity_nAh", "efficiency", "capacity_retention", "charge_end_gap_mean_nm", "peak_gap_max_nm",
    "charge_end_von_mises_p99_GPa", "discharge_end_interface_broken", "discharge_end_gb_broken",
    "discharge_end_gap_mean_nm", "charge_time_s", "discharge_time_s", "discharge_end_lithium_mol",
    "charge_end_interface_broken", "charge_end_gb_broken", "charge_end_interface_open",
)  # fmt: skip
"""Main quantities, the most telling first."""
LOOKS: Final = (
    (BLUE, "o", "-"),
    (VERMILLION, "s", "--"),
    (GREEN, "^", "-."),
    (PURPLE, "D", ":"),
    (BLACK, "v", "-"),
)

UNITS: Final = (("_per_", "/"), ("m2", "m²"), ("m3", "m³"), ("um", "µm"), ("ohm", "Ω"), ("percent", "%"))

Estimates = Mapping[str, Mapping[str, Estimate]]
"""Estimates by case and quantity."""
Groups = Mapping[str, Mapping[Any, Sequence[int]]]
"""Rows of the table by line and by place on the axis."""
LONGEST_LABEL, LONGEST_TICK = 60, 30


def main_quantities(columns: Mapping[str, Sequence[Any]], rows: Sequence[int]) -> list[str]:
    """Return the first main quantities that differ among the rows."""
    found = []
    for name in QUANTITIES:
        values = {columns[name][row] for row in rows} - {None} if name in columns else set()
        if values and max(values) - min(values) > ROUND_OFF * max(map(abs, values)):
            found.append(name)
    return found[:PANELS]


def lines_figure(
    columns: Mapping[str, Sequence[Any]],
    names: Sequence[str],
    groups: Groups,
    label: str,
    heading: str = "",
    *,
    estimates: Estimates = MappingProxyType({}),
    scatter: bool = False,
) -> Figure:
    """Draw quantities against an axis: a line of means, a band from lowest to highest, the values as dots.

    Places on the axis are numbers, or texts at even distances. ``label`` is that of the axis, ``heading``
    stands above the legend of the lines; a ``scatter`` has only dots. Where all rows of a place are of one
    case, the line goes through its estimate, with a bar for the error.
    """
    figure, panels = _grid(names)
    places = list(dict.fromkeys(place for group in groups.values() for place in group))
    numeric = all(isinstance(place, int | float) and not isinstance(place, bool) for place in places)
    where = {place: place if numeric else i for i, place in enumerate(places)}
    for axes, name in zip(panels, names, strict=False):
        for i, (line, group) in enumerate(groups.items()):
            color, marker, dash = _look(i, len(groups))
            x: list[float] = []
            low, mean, high, error = [], [], [], []
            for place, rows in group.items():
                values = [columns[name][row] for row in rows if columns[name][row] is not None]
                if values:
                    x.append(where[place])
                    low.append(min(values))
                    high.append(max(values))
                    middle, bar = _middle(columns, name, rows, estimates)
                    mean.append(middle)
                    error.append(bar)
                    axes.plot(
                        [where[place]] * len(values),
                        values,
                        ".",
                        color=color,
                        ms=6 if scatter else 3,
                        alpha=0.6,
                    )
            if scatter:
                continue
            order = np.argsort(x, kind="stable")
            x_o, low_o, mean_o, high_o, error_o = (
                np.array(values)[order] for values in (x, low, mean, high, error)
            )
            axes.fill_between(x_o, low_o, high_o, color=color, alpha=0.15, lw=0)
            axes.errorbar(
                x_o, mean_o, error_o, color=color, marker=marker, ls=dash, ms=4, lw=1.2, capsize=2,
                elinewidth=0.8, label=_short(line),
            )  # fmt: skip
        if numeric:
            _scale(axes, [float(place) for place in places], ticks=not scatter)
        else:
            axes.set_xticks(
                range(len(places)),
                [_short(str(place), LONGEST_TICK) for place in places],
                rotation=20,
                ha="right",
            )
        axes.set_xlabel(_short(label), fontsize=FONT)
    if len(groups) > 1:
        panels[0].legend(title=_short(heading), fontsize=FONT - 1, title_fontsize=FONT - 1, frameon=False)
    return figure


def cases_figure(
    columns: Mapping[str, Sequence[Any]],
    names: Sequence[str],
    cases: Mapping[str, Sequence[int]],
    estimates: Estimates = MappingProxyType({}),
) -> Figure:
    """Draw quantities of explicit cases: pale lines from lowest to highest, estimates with error bars."""
    figure, panels = _grid(names, max(ROW_INCH, 0.8 + 0.16 * len(cases)))
    for column, (axes, name) in enumerate(zip(panels, names, strict=False)):
        for place, rows in enumerate(cases.values()):
            values = [columns[name][row] for row in rows if columns[name][row] is not None]
            if values:
                axes.plot([min(values), max(values)], [place, place], color=BLUE, lw=3, alpha=0.3)
                middle, error = _middle(columns, name, rows, estimates)
                axes.errorbar(middle, place, xerr=error, fmt="o", color=BLUE, ms=4, capsize=2, elinewidth=0.8)
        axes.set_yticks(
            range(len(cases)),
            [_short(case, LONGEST_TICK) for case in cases] if column % 2 == 0 else [""] * len(cases),
        )
        axes.set_ylim(len(cases) - 0.5, -0.5)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", color="#ddd", lw=0.5)
    return figure


def pretty(name: str) -> str:
    """Return a heading of a column: "charge_end_gap_mean_nm" becomes "gap mean at charge end (nm)"."""
    text, unit = _split(name)
    for prefix, after in (("charge_end_", " at charge end"), ("discharge_end_", " at discharge end")):
        if text.startswith(prefix):
            text = text.removeprefix(prefix) + after
    text = re.sub(r"\bgb ", "grain-boundary ", text.replace("_", " ")).replace("von mises", "von Mises")
    return f"{text} ({unit})" if unit else text


def key_label(key: str) -> str:
    """Return a heading of a key: "interface.strength_MPa" becomes "interface.strength (MPa)"."""
    text, unit = _split(key)
    return f"{text} ({unit})" if unit else text


def _middle(
    columns: Mapping[str, Sequence[Any]], name: str, rows: Sequence[int], estimates: Estimates
) -> tuple[float, float]:
    """Return the estimate of a quantity and its error (0 if unknown) where all rows are of one case.

    Otherwise the mean of the rows.
    """
    cases = {columns["case"][row] for row in rows} if estimates else set()
    one = estimates.get(cases.pop(), {}).get(name) if len(cases) == 1 else None
    if one is not None:
        return one.value, one.error or 0.0
    return float(np.mean([columns[name][row] for row in rows if columns[name][row] is not None])), 0.0


def _short(text: str, longest: int = LONGEST_LABEL) -> str:
    """Return a text from outside for a label; a long one would leave no room for the panels."""
    shown = printable(text)
    return plain(shown if len(shown) <= longest else f"{shown[: longest - 1]}…")


def _split(name: str) -> tuple[str, str]:
    """Return a name without its unit, and the unit as it is printed."""
    for unit in sorted((*SI_PER_UNIT, "nAh", "mol", "J"), key=len, reverse=True):
        if unit and name.endswith(f"_{unit}"):
            printed = unit
            for old, new in UNITS:
                printed = printed.replace(old, new)
            return name.removesuffix(f"_{unit}"), printed
    return name, ""


def _grid(names: Sequence[str], row: float = ROW_INCH) -> tuple[Figure, list[Axes]]:
    rows = -(-len(names) // 2)
    figure = Figure(figsize=(WIDTH_INCH, row * rows), layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(figure.subplots(rows, 2, squeeze=False).ravel())
    for axes, name in zip(panels, names, strict=False):
        axes.set_label(name)
        axes.set_title(_short(pretty(name)), fontsize=FONT, loc="left")
        axes.tick_params(labelsize=FONT)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in panels[len(names) :]:
        axes.remove()
    return figure, panels


def _look(i: int, count: int) -> tuple[Any, str, str]:
    if count <= len(LOOKS):
        return LOOKS[i]
    return colormaps["viridis"](i / (count - 1) * 0.9), LOOKS[i % len(LOOKS)][1], "-"


def _scale(axes: Axes, values: list[float], ticks: bool) -> None:
    if min(values) > 0 and max(values) / min(values) > LOG_RATIO:
        axes.set_xscale("log")
    if ticks and len(values) <= 6:
        axes.set_xticks(values)
        axes.xaxis.set_major_formatter(ScalarFormatter(useOffset=False))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
