"""Many cycles in a report: every quantity against the number of the cycle, and voltage curves by cycle."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from latticecell.output.cycleplots import (
    COLOURS,
    FEW_CYCLES,
    MOST_CURVES,
    cycle_bar,
    dress,
    evenly,
    overlaid_figure,
    rows_of_cycles,
)
from latticecell.output.look import BLACK, BLUE, FONT, GREEN, PURPLE, ROW_INCH, VERMILLION, WIDTH_INCH
from latticecell.output.plots import summary_figure
from latticecell.report import html
from latticecell.results import CycleTable, Run
from latticecell.results.cycles import NAH

MOST_ROWS: Final = 20
"""Cycles that the tables of a page show: of more, evenly chosen ones."""
MARKED: Final = 40
"""Cycles up to which each has a marker."""
Line = tuple[str, str, float, str, str]
"""Column of the table of cycles, label, factor, colour and line style."""
PANELS: Final[tuple[tuple[str, str, tuple[Line, ...]], ...]] = (
    ("capacity", "Capacity (nA h)", (
        ("charge_capacity_nAh", "charge", 1.0, VERMILLION, "--"),
        ("discharge_capacity_nAh", "discharge", 1.0, BLUE, "-"),
    )),
    ("efficiency", "Efficiency, retention (%)", (
        ("coulombic_efficiency", "Coulombic efficiency", 100.0, BLUE, "-"),
        ("energy_efficiency", "energy efficiency", 100.0, VERMILLION, "--"),
        ("capacity_retention", "capacity against cycle 1", 100.0, BLACK, ":"),
    )),
    ("resistance", "Resistance (Ω cm²)", (
        ("charge_resistance_ohm_cm2", "first step of charge", 1.0, VERMILLION, "--"),
        ("discharge_resistance_ohm_cm2", "first step of discharge", 1.0, BLUE, "-"),
        ("middle_resistance_ohm_cm2", "middle of discharge", 1.0, GREEN, "-."),
    )),
    ("gap", "Interface gap (nm)", (
        ("charge_end_gap_max_nm", "charged, largest", 1.0, VERMILLION, "--"),
        ("charge_end_gap_mean_nm", "charged, mean", 1.0, VERMILLION, "-"),
        ("discharge_end_gap_max_nm", "discharged, largest", 1.0, BLUE, "--"),
        ("discharge_end_gap_mean_nm", "discharged, mean", 1.0, BLUE, "-"),
    )),
    ("cracks", "Area, charged (%)", (
        ("charge_end_gb_broken", "boundaries broken", 100.0, VERMILLION, "-"),
        ("charge_end_gb_open_2nm", "boundaries open > 2 nm", 100.0, VERMILLION, "--"),
        ("charge_end_interface_broken", "surface broken", 100.0, BLUE, "-"),
        ("charge_end_interface_open", "surface open > 1 nm", 100.0, BLUE, "--"),
    )),
    ("stress", "Residual stress, discharged (MPa)", (
        ("discharge_end_von_mises_p99_GPa", "von Mises, 99 %", 1e3, VERMILLION, "--"),
        ("discharge_end_von_mises_median_GPa", "von Mises, median", 1e3, BLUE, "-"),
    )),
    ("isolated", "Isolated Li, charged (pmol)", (
        ("charge_end_lithium_isolated_mol", "isolated Li", 1e12, PURPLE, "-"),
    )),
)  # fmt: skip
"""Name, label and lines of each panel; one without any number is left out."""


def by_number(table: CycleTable) -> Figure:
    """Draw the quantities of complete cycles against their numbers; axes are labelled as in `PANELS`."""
    complete = np.isfinite(table["coulombic_efficiency"])
    number = table["cycle"][complete]
    shown = [
        (name, label, found)
        for name, label, lines in PANELS
        if (found := [one for one in lines if np.isfinite(table.columns.get(one[0], [np.nan])).any()])
    ]
    n_rows = (len(shown) + 1) // 2
    figure = Figure(figsize=(WIDTH_INCH, ROW_INCH * n_rows), layout="constrained")
    FigureCanvasAgg(figure)
    marker = "o" if len(number) <= MARKED or np.any(table["jumped"]) else ""
    for i, (name, label, lines) in enumerate(shown):
        axes = figure.add_subplot(n_rows, 2, i + 1, label=name)
        for column, text, factor, color, style in lines:
            axes.plot(number, factor * table[column][complete], color=color, ls=style, lw=1.3, label=text,
                      marker=marker, ms=3)  # fmt: skip
        dress(axes, "Cycle", label, "abcdefgh"[i])
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.ticklabel_format(axis="y", useOffset=False)
        _widen(axes)
        if len(lines) > 1:
            axes.legend(fontsize=FONT - 1, framealpha=0.85, loc="best")
    return figure


def _widen(axes: Axes) -> None:
    """Do not show differences in the last digits as if they were large."""
    low, high = axes.get_ylim()
    least = 0.02 * max(abs(low), abs(high), 1e-12)
    if high - low < least:
        middle = 0.5 * (low + high)
        axes.set_ylim(middle - 0.5 * least, middle + 0.5 * least)


def voltages(run: Run) -> Figure:
    """Draw voltage against the charge since the cycle began, one colour for each of evenly chosen cycles."""
    history = run.history
    rows = rows_of_cycles(history)
    numbers = [list(rows)[i] for i in evenly(len(rows), MOST_CURVES)]
    figure = Figure(figsize=(WIDTH_INCH, 2.6), layout="constrained")
    FigureCanvasAgg(figure)
    norm, panels = Normalize(numbers[0], numbers[-1]), []
    for i, (kind, sign) in enumerate((("charge", 1.0), ("discharge", -1.0))):
        axes = figure.add_subplot(1, 2, i + 1, label=kind)
        panels.append(axes)
        for number in numbers:
            spans = [span for span in run.stages if span.cycle == number and span.kind == kind]
            for span in spans:
                own = slice(span.before, span.last + 1)
                passed = sign * NAH * (history["charge_C"][own] - history["charge_C"][spans[0].before])
                axes.plot(passed, history["voltage_V"][own], color=COLOURS(norm(number)), lw=1.1)
        dress(axes, f"{kind.capitalize()} (nA h)", "Cell voltage (V)", "ab"[i])
    cycle_bar(figure, panels, norm)
    return figure


def cycle_section(run: Run) -> list[tuple[str, str]]:
    """Section of figures against the number of the cycle, where there are at least two."""
    if len(run.cycles) < 2 or "charge_C" not in run.history:
        return []
    after = run.cycles["discharge_resistance_after_s"]
    when = f"{np.nanmedian(after):.3g} s" if np.isfinite(after).any() else "one step"
    found = html.picture(
        by_number(run.cycles),
        "Quantities of each cycle against its number",
        "Capacities and efficiencies; retention is the discharge capacity over that of cycle 1. Resistance "
        "of the first step: change of voltage over change of current (DC resistance of a pulse), in "
        f"discharge after {when}; in the middle of discharge: difference of the voltages of charge and "
        "discharge at the same Li, over that of the currents. Charged and discharged: at the ends of these "
        "steps. Numbers are in cycles.csv.",
    )
    if {"charge", "discharge"} <= {span.kind for span in run.stages}:
        found += html.picture(
            voltages(run), "Voltage against charge, by cycle", "Cell voltage of evenly chosen cycles."
        )
    return [("Cycle by cycle", found)]


def curves(run: Run) -> str:
    """Curves against time: of all cycles in a row, or of evenly chosen ones over each other."""
    if len(run.cycles) <= FEW_CYCLES:
        return html.picture(
            summary_figure(run.history, run.name),
            "Voltage, gap, stress, Li and damage against time",
            "Cell voltage, normal opening of the particle surface, von Mises stress, Li, and damage.",
        )
    return html.picture(
        overlaid_figure(run.history, run.name),
        "Voltage, gap, stress, Li and damage against time, by cycle",
        "Evenly chosen cycles over each other, against the time since each began.",
    )


def tables(run: Run) -> tuple[str, str]:
    """Table of the cycles, and those of the ends of their stages: of many cycles, of evenly chosen ones."""
    jumped = run.cycles.columns.get("jumped", np.zeros(len(run.cycles)))
    cycles = [cycle for cycle, n in zip(run.cycles, jumped, strict=True) if not n]
    chosen = [cycles[i] for i in evenly(len(cycles), MOST_ROWS)]
    numbers = {cycle.cycle for cycle in chosen}
    told = "" if len(chosen) == len(cycles) else f" Shown are {len(chosen)} of {len(cycles)} cycles."
    if jumped.any():
        told += f" {jumped.sum():.0f} more were not computed but jumped, in {np.count_nonzero(jumped)} jumps."
    first = html.cycle_table(chosen, run.config.geometry.width**2)
    second = html.stage_tables(run.history, [span for span in run.stages if span.cycle in numbers])
    return (
        first + f"<p>Capacities are the charge that passed, holds included.{told} All of them, with "
        "resistances, energies and the state at both ends, are in cycles.csv.</p>",
        second + "<p>Quantiles of the von Mises stress σ vM are by volume, in the particles; its maximum "
        f"does not converge with the mesh. Broken: share of the area.{told}</p>",
    )
