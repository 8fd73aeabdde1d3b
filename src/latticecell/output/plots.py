"""One page that shows a run: voltage, gaps, stress, Li content and damage against time."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from latticecell.arrays import Floats
from latticecell.errors import ConfigError
from latticecell.output.cycleplots import FEW_CYCLES, overlaid_figure, rows_of_cycles
from latticecell.output.files import write_file
from latticecell.output.look import (
    BLACK,
    BLUE,
    DPI,
    FONT,
    GREEN,
    LONG_RUN_S,
    PURPLE,
    ROW_INCH,
    VERMILLION,
    WIDTH_INCH,
    plain,
)

SHADES: Final = {
    "charge": "#E3EFF8", "discharge": "#FBEBDC", "hold": "#EAEAEA", "rest": "#F7F7F7", "profile": "#EFE7F4",
}  # fmt: skip

History = Mapping[str, NDArray]
Line = tuple[str, str, str, str]
"""Column of the history, label, colour and line style of a curve."""

GAP: Final[tuple[Line, ...]] = (
    ("gap_max_nm", "maximum", VERMILLION, "--"),
    ("gap_mean_nm", "mean", BLUE, "-"),
)
STRESS: Final[tuple[Line, ...]] = (
    ("von_mises_max_GPa", "maximum", VERMILLION, "--"),
    ("von_mises_p999_GPa", "99.9 %", GREEN, "-."),
    ("von_mises_p99_GPa", "99 %", BLUE, "-"),
)
STOICHIOMETRY: Final[tuple[Line, ...]] = (
    ("stoich_max", "maximum", VERMILLION, "--"),
    ("stoich_mean", "mean", BLUE, "-"),
    ("stoich_min", "minimum", GREEN, "-."),
)
DAMAGE: Final[tuple[Line, ...]] = (
    ("interface_damaged", "interface, damaged", BLUE, "--"),
    ("interface_broken", "interface, broken", BLUE, "-"),
    ("gb_damaged", "grain boundaries, damaged", VERMILLION, "--"),
    ("gb_broken", "grain boundaries, broken", VERMILLION, "-"),
    ("gb_open_2nm", "grain boundaries, open", VERMILLION, ":"),
)


def summary(history: History, path: str | Path, title: str) -> None:
    """Write the summary of a run as PNG, 7.1 inches wide at 200 dots an inch.

    More than `FEW_CYCLES` cycles are laid over each other, see `overlaid_figure`.

    Parameters
    ----------
    history : mapping of str to (n_rows,) array
        Columns of ``history.csv``. Only ``time_s`` is required; a missing column leaves out its curve.
    path : path
        The PNG file.
    title : str
        Title of the page.

    Raises
    ------
    ConfigError
        If there is no row.
    """
    many = "cycle" in history and len(rows_of_cycles(history)) > FEW_CYCLES
    write_png(Path(path), (overlaid_figure if many else summary_figure)(history, title))


def write_png(path: Path, figure: Figure) -> None:
    """Write a figure; raises `OutputError`."""
    buffer = io.BytesIO()
    figure.set_dpi(DPI)
    FigureCanvasAgg(figure).print_png(buffer)  # draws once, `savefig` twice
    write_file(path, buffer.getvalue())


def summary_figure(history: History, title: str) -> Figure:
    """Return the figure that `summary` writes; its panels are axes labelled "voltage", "gap", "stress", ...

    The panel "damage" is there only if anything is damaged; "lithium" and "opening" are right-hand axes.
    """
    if len(history.get("time_s", ())) == 0:
        raise ConfigError("the history has no rows to plot")
    damaged = [line for line in DAMAGE if np.nanmax(_column(history, line[0]), initial=0.0) > 0]
    n_rows = 3 if damaged else 2
    figure = Figure(figsize=(WIDTH_INCH, ROW_INCH * n_rows + 0.55), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(n_rows, 2)
    scale, unit = (3600.0, "h") if np.ptp(history["time_s"]) > LONG_RUN_S else (1.0, "s")
    time = np.asarray(history["time_s"], float) / scale

    voltage = figure.add_subplot(grid[0, 0], label="voltage")
    gap = figure.add_subplot(grid[0, 1], label="gap", sharex=voltage)
    stress = figure.add_subplot(grid[1, 0], label="stress", sharex=voltage)
    stoich = figure.add_subplot(grid[1, 1], label="stoichiometry", sharex=voltage)
    panels = [voltage, gap, stress, stoich]

    _draw(voltage, history, time, (("voltage_V", "cell voltage", BLACK, "-"),))
    voltage.set_ylabel("Cell voltage (V)")
    _draw(gap, history, time, GAP)
    _legend(gap)
    gap.set_ylabel("Interface gap (nm)")
    _draw(stress, history, time, STRESS)
    _legend(stress)
    stress.set_ylabel("von Mises stress (GPa)")

    if {"stoich_min", "stoich_max"} <= history.keys():
        stoich.fill_between(time, history["stoich_min"], history["stoich_max"], color=BLUE, alpha=0.12, lw=0)
    _draw(stoich, history, time, STOICHIOMETRY)
    stoich.set_ylabel("Stoichiometry (1)")
    if "lithium_mol" in history:
        lithium = _right(stoich, "lithium", "Li content (pmol)")
        amount = _column(history, "lithium_mol") * 1e12
        lithium.plot(time, amount, color=PURPLE, ls=":", lw=1.8, label="Li content (right)")
        lithium.margins(y=0.12)
    _legend(stoich)

    if damaged:
        panel = figure.add_subplot(grid[2, :], label="damage", sharex=voltage)
        panels.append(panel)
        _draw(panel, history, time, tuple(damaged))
        panel.set_ylabel("Area fraction (1)")
        panel.set_ylim(-0.03, 1.03)
        if np.nanmax(_column(history, "gb_opening_max_nm"), initial=0.0) > 0:
            opening = _right(panel, "opening", "Largest grain-boundary\nopening (nm)")
            values = _column(history, "gb_opening_max_nm")
            opening.plot(time, values, color=PURPLE, ls=":", lw=1.8, label="largest opening (right)")
            opening.set_ylim(bottom=0.0)
        _legend(panel, above=True)

    kinds = _shade(panels, history, time)
    for letter, panel in zip("abcde", panels, strict=False):
        panel.set_xlabel(f"Time ({unit})", fontsize=FONT)
        panel.yaxis.label.set_fontsize(FONT)
        panel.tick_params(labelsize=FONT, direction="in", top=True)
        panel.xaxis.set_major_locator(MaxNLocator(6))
        panel.set_title(f"({letter})", loc="left", fontsize=FONT, fontweight="bold")
    if time[-1] > time[0]:
        voltage.set_xlim(time[0], time[-1])
    figure.suptitle(plain(title), fontsize=FONT + 2, wrap=True)
    if kinds:
        patches = [Patch(facecolor=SHADES[kind], edgecolor="#999999", lw=0.5, label=kind) for kind in kinds]
        figure.legend(handles=patches, loc="outside lower center", ncols=len(kinds), fontsize=FONT)
    return figure


def _column(history: History, name: str) -> Floats:
    """Return a column as floats, empty if it is missing or holds no number."""
    values = np.asarray(history.get(name, ()), float)
    return values if np.isfinite(values).any() else np.empty(0)


def _draw(axes: Axes, history: History, time: Floats, lines: tuple[Line, ...]) -> None:
    """Plot the columns that the history holds."""
    for name, label, color, style in lines:
        values = _column(history, name)
        if len(values):
            axes.plot(time, values, color=color, ls=style, lw=1.3, label=label)


def _right(axes: Axes, label: str, text: str) -> Axes:
    """Return a second y axis on the right."""
    twin = axes.twinx()
    twin.set_label(label)
    twin.set_ylabel(text, fontsize=FONT)
    twin.tick_params(labelsize=FONT, direction="in")
    return twin


def _legend(axes: Axes, *, above: bool = False) -> None:
    """Put the curves of ``axes`` and of its right-hand twin in one legend."""
    figure = axes.get_figure()
    assert figure is not None
    # the twin is drawn last, so its legend lies above the curves of both
    shared = [a for a in figure.axes if a.bbox.bounds == axes.bbox.bounds]
    handles = [handle for a in shared for handle in a.get_legend_handles_labels()[0]]
    if len(handles) > 1:
        place: dict[str, Any] = {"loc": "best", "framealpha": 0.85}
        if above:
            place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "ncols": 3, "frameon": False}
        shared[-1].legend(handles=handles, fontsize=FONT - 1, handlelength=2.4, **place)


def _shade(panels: list[Axes], history: History, time: Floats) -> list[str]:
    """Shade each protocol step by its kind; return the kinds that occur, in order of first use."""
    if "kind" not in history:
        return []
    kind = np.asarray(history["kind"]).astype(str)
    change = np.flatnonzero(kind[1:] != kind[:-1]) + 1
    start = np.concatenate(([0], change))
    stop = np.concatenate((change, [len(kind)]))
    found: list[str] = []
    for first, last in zip(start, stop, strict=True):
        name = kind[first]
        if name not in SHADES:
            continue
        if name not in found:
            found.append(name)
        # a row holds the end of its time step, so a step begins at the row before
        for axes in panels:
            axes.axvspan(time[max(first - 1, 0)], time[last - 1], color=SHADES[name], lw=0, zorder=0)
    return found
