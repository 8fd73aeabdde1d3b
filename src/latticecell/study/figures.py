"""Draws the panels of a study: our curves with what the source prints, and bands over the seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from latticecell.errors import ConfigError
from latticecell.output.look import BLACK, BLUE, FONT, GREEN, LONG_RUN_S, PURPLE, VERMILLION, WIDTH_INCH
from latticecell.study.caseruns import CaseRun, CaseRuns, Floats
from latticecell.study.panels import (
    PANELS,
    Block,
    Curve,
    Layout,
    Panel,
    Panels,
    Quantity,
    available,
    cases_of,
)
from latticecell.study.sections import draw_cell, draw_tiles
from latticecell.study.targets import Targets

LOOKS: Final = (
    (BLUE, "-", "o"),
    (VERMILLION, "--", "s"),
    (GREEN, "-.", "^"),
    (PURPLE, ":", "D"),
    (BLACK, "-", "o"),
)
"""Colour, dashes and marker of the lines of a panel."""
PANEL_INCH: Final = 1.95
TILE_INCH: Final = 1.25
CELL_INCH: Final = 2.3
BAND_POINTS: Final = 600
MARK: Final[dict[str, Any]] = {
    "ls": "none",
    "mfc": "white",
    "ms": 5.0,
    "mew": 1.1,
    "zorder": 5,
    "clip_on": False,
}


@dataclass(frozen=True)
class Drawn:
    """A figure: its name in the source ("Fig 2"), its title and caption."""

    name: str
    title: str
    figure: Figure
    caption: str


def draw_figures(panels: Panels, runs: CaseRuns, targets: Targets) -> list[Drawn]:
    """Draw the figures of a panels file.

    Curves are those of the lowest seed; a band spans all seeds where there are several. What a missing case
    would show is left out, and the caption says so.
    """
    return [_draw(layout, panels, runs, targets) for layout in panels.figures]


def _draw(layout: Layout, panels: Panels, runs: CaseRuns, targets: Targets) -> Drawn:
    """Draw the blocks of a figure from top to bottom."""
    blocks = [found for block in layout.blocks if (found := available(block, panels, runs)) is not None]
    told, seen = [layout.caption], [False, False]
    if blocks:
        figure, parts = stacked([_height(block, panels) for block in blocks])
        for block, part in zip(blocks, parts, strict=True):
            if block.panels:
                drawn = _curves(part, block, panels, runs, targets)
                seen = [a or b for a, b in zip(seen, drawn, strict=True)]
            elif block.tiles:
                late = draw_tiles(part, block.tiles, panels, runs)
                told += [f"Nearest snapshots: {'; '.join(late)}."] if late else []
            elif block.cell:
                draw_cell(part, block.cell, panels, runs)
            elif block.code and block.case:
                try:
                    PANELS[block.code](part, runs.first(block.case))
                except ConfigError as error:
                    told.append(f"Not drawn: {error}.")
    else:
        figure = empty_figure()
    if seen[0]:
        told.append("Lines: first seed; bands: range over the seeds.")
    if seen[1]:
        told.append(f"Open symbols: values of the {targets.source}.")
    if missing := [case for case in cases_of(layout, panels) if case not in runs]:
        told.append(f"Not run: {', '.join(missing)}.")
    return Drawn(layout.name, layout.title, figure, " ".join(told))


def stacked(heights: Sequence[float]) -> tuple[Figure, list[SubFigure]]:
    """A page-wide figure split into blocks of the given heights [inch]."""
    figure = Figure(figsize=(WIDTH_INCH, sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(len(heights), 1, height_ratios=list(heights), squeeze=False)
    return figure, list(parts[:, 0])


def empty_figure() -> Figure:
    """A strip that says that nothing was run."""
    figure = Figure(figsize=(WIDTH_INCH, 0.6))
    FigureCanvasAgg(figure)
    figure.text(0.5, 0.5, "none of its cases has been run", fontsize=FONT, ha="center", va="center")
    return figure


def _height(block: Block, panels: Panels) -> float:
    """Height of a block [inch]."""
    if block.panels:
        columns = min(block.columns, len(block.panels))
        return PANEL_INCH * -(-len(block.panels) // columns) + 0.25
    if block.tiles:
        rows = sum(1 if row.across == "moments" else len(row.moments) for row in block.tiles)
        return TILE_INCH * rows + 0.4
    return CELL_INCH if block.cell else PANEL_INCH + 0.3


def _curves(
    part: SubFigure, block: Block, panels: Panels, runs: CaseRuns, targets: Targets
) -> tuple[bool, bool]:
    """Draw panels of curves with one legend; return whether there are bands, and values of the source."""
    columns = min(block.columns, len(block.panels))
    grid = centred_grid(part, -(-len(block.panels) // columns), columns)
    handles: dict[str, Artist] = {}
    bands = marks = False
    for i, panel in enumerate(block.panels):
        axes = part.add_subplot(grid[i // columns, i % columns + (columns == 1)], label=panel.letter)
        curves = [(k, curve) for k, curve in enumerate(panels.of(panel)) if curve.case in runs]
        unit = _time_unit([runs.first(curve.case) for _, curve in curves])
        marked: set[tuple[float, float]] = set()
        for position, curve in curves:
            quantity = panels.quantity(panel, curve)
            color, dashes, marker = LOOKS[(position if curve.look is None else curve.look) % len(LOOKS)]
            some = runs.runs[curve.case]
            lines = [(_clock(run, panel, unit), _values(run, quantity, curve)) for run in some]
            (line,) = axes.plot(*lines[0], color=color, ls=dashes, lw=1.3, label=curve.label)
            handles.setdefault(curve.label, line)
            if len(lines) > 1:
                axes.fill_between(*_band(lines), color=color, alpha=0.18, lw=0)
                bands = True
            spots = [
                (_scaled(some[0], time, panel, unit), value)
                for time, value in _printed(some[0], quantity, curve, targets)
            ]
            for spot in [*dict.fromkeys(spots), *_digitised(curve, panels)]:
                if spot not in marked:
                    axes.plot(*spot, marker=marker, color=color, **MARK)
                marked.add(spot)
        _bound(axes, panel, panels, targets)
        marks = marks or bool(marked)
        label = panel.label or panels.quantities[panel.quantity].label
        finish(axes, panel.letter, "Time / t₀" if panel.clock == "normalised" else f"Time ({unit})", label)
    if marks:
        handles[targets.source] = Line2D([], [], color=BLACK, marker="o", **MARK)
    if bands:
        handles["range over seeds"] = Patch(color="#777777", alpha=0.25, lw=0)
    if len(handles) > 1:
        part.legend(
            list(handles.values()), list(handles), loc="outside upper center", ncols=len(handles),
            fontsize=FONT, frameon=False, handlelength=2.6, columnspacing=1.4,
        )  # fmt: skip
    return bands, marks


def centred_grid(part: SubFigure, rows: int, columns: int) -> GridSpec:
    """A grid of panels; a single column, the second of three, does not stretch over the page."""
    if columns == 1:
        return part.add_gridspec(rows, 3, width_ratios=(1.0, 2.6, 1.0))
    return part.add_gridspec(rows, columns)


def finish(axes: Axes, letter: str, across: str, up: str) -> None:
    """Labels and ticks."""
    axes.set_xlabel(across, fontsize=FONT)
    axes.set_ylabel(up, fontsize=FONT)
    axes.margins(x=0.02)
    axes.tick_params(labelsize=FONT, direction="in", top=True, right=True)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    if letter:
        axes.set_title(f"({letter})", loc="left", fontsize=FONT, fontweight="bold")


def _values(run: CaseRun, quantity: Quantity, curve: Curve) -> Floats:
    return quantity.factor * run.column(quantity.column + curve.suffix)


def _time_unit(runs: Sequence[CaseRun]) -> str:
    """Return "h" if a run is long, otherwise "s"."""
    return "h" if max(run.column("time_s")[-1] for run in runs) > LONG_RUN_S else "s"


def _scaled(run: CaseRun, time: float, panel: Panel, unit: str) -> float:
    """Return a time [s] on the axis of a panel."""
    if panel.clock == "normalised":
        return time * next(step.c_rate for step in run.run.config.protocol.steps if step.c_rate) / 3600.0
    return time / (3600.0 if unit == "h" else 1.0)


def _clock(run: CaseRun, panel: Panel, unit: str) -> Floats:
    return run.column("time_s") * _scaled(run, 1.0, panel, unit)


def _band(lines: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats, Floats]:
    """Range of several curves on common abscissae; where only some of them reach, of those."""
    low, high = min(float(x[0]) for x, _ in lines), max(float(x[-1]) for x, _ in lines)
    common = np.linspace(low, high, BAND_POINTS)
    values = [np.interp(common, x, y, left=np.nan, right=np.nan) for x, y in lines]
    return common, np.fmin.reduce(values), np.fmax.reduce(values)


def _digitised(curve: Curve, panels: Panels) -> list[tuple[float, float]]:
    """Points of a curve from its file; raises `ConfigError` if it cannot be read."""
    if curve.points is None:
        return []
    path = panels.folder / curve.points
    try:
        table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2, usecols=(0, 1))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: is not a CSV file of two columns of numbers: {error}") from None
    return [(float(x), float(y)) for x, y in table]


def _printed(
    run: CaseRun, quantity: Quantity, curve: Curve, targets: Targets
) -> Iterator[tuple[float, float]]:
    """Yield time [s] and value of what the source prints about a curve, at the moments of our run."""
    time, name = run.column("time_s"), quantity.column + curve.suffix
    charged = float(time[run.charge_end])
    for target in targets.results:
        if target.kind == "trend" or targets.suffix(target) != curve.suffix:
            continue
        if curve.case not in targets.cases(target):
            continue
        value = float(target.value) * quantity.target_factor
        if quantity.durations and target.quantity == quantity.durations[0]:
            yield float(target.value), quantity.factor * run.at(name, run.charge_end)
        elif quantity.durations and target.quantity == quantity.durations[1]:
            yield charged + float(target.value), quantity.factor * run.at(name, run.discharge_end)
        elif quantity.missing and target.quantity == quantity.missing:
            yield float(time[run.discharge_end]), quantity.factor * run.at(name, 0) - value
        elif quantity.target and target.quantity == quantity.target:
            if target.event == "charge_peak":
                yield float(time[int(np.abs(run.column(name)[run.charge]).argmax())]), value
            elif target.event.startswith("t="):
                yield float(target.event.removeprefix("t=").rstrip("s")), value
            elif target.event in ("charge_end", "discharge_end"):
                yield float(time[getattr(run, target.event)]), value


def _bound(axes: Axes, panel: Panel, panels: Panels, targets: Targets) -> None:
    """Draw a bound over the whole cycle that the source prints for the cases of a panel."""
    quantity = panels.quantities[panel.quantity]
    shown = {curve.case for curve in panels.of(panel)}
    for target in targets.results:
        bound = targets.judge(target).bound
        if not bound or (target.quantity, target.event) != (quantity.target, "cycle"):
            continue
        if set(targets.cases(target)) <= shown:
            value = float(target.value) * quantity.target_factor
            axes.axhline(value, color="#777777", ls=(0, (5, 3)), lw=0.9)
            axes.text(
                0.98, value, f"{targets.source}: {bound}", fontsize=FONT - 1, color="#555555", ha="right",
                va="top", transform=axes.get_yaxis_transform(),
            )  # fmt: skip
