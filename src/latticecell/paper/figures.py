"""Draws the figures of the paper from what was run; see `latticecell.paper.layout` for what they show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
from numpy.typing import NDArray

from latticecell.laws.resistance import ExponentialContact
from latticecell.output.plots import BLACK, BLUE, FONT, GREEN, LONG_RUN_S, PURPLE, VERMILLION, WIDTH_INCH
from latticecell.paper import layout
from latticecell.paper.convergence import HEADLINES, refinements
from latticecell.paper.layout import FIGURES, Block, Clock, Curve, Curves, Layout, Panel, Quantity
from latticecell.paper.measures import contact_points, source
from latticecell.paper.results import CaseRun, Study
from latticecell.paper.sections import draw_cell, draw_tiles
from latticecell.paper.targets import Target

Floats = NDArray[np.float64]

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
BAND_POINTS: Final = 600
CELL_INCH: Final = 2.3
MARK: Final[dict[str, Any]] = {
    "ls": "none",
    "mfc": "white",
    "ms": 5.0,
    "mew": 1.1,
    "zorder": 5,
    "clip_on": False,
}
NM: Final = 1e9


@dataclass(frozen=True)
class PaperFigure:
    """One figure.

    Attributes
    ----------
    name : str
        "Fig 2", or "Convergence".
    title : str
    figure : Figure
    caption : str
    """

    name: str
    title: str
    figure: Figure
    caption: str


def paper_figures(study: Study, targets: Sequence[Target] = ()) -> list[PaperFigure]:
    """Draw Figs 2 to 6, S1 to S9 and the convergence study.

    Curves are those of the lowest seed; a band spans all seeds where there are several. What a missing case
    would show is left out, and the caption says so.

    Parameters
    ----------
    study : Study
    targets : sequence of Target
        Numbers of the paper's text, marked as open symbols.
    """
    printed = [t for t in targets if t.kind == "number" and t.is_result]
    return [*(_draw(one, study, printed) for one in FIGURES), _convergence(study)]


def _draw(what: Layout, study: Study, printed: Sequence[Target]) -> PaperFigure:
    """Draw the blocks of a figure from top to bottom."""
    blocks = [found for block in what.blocks if (found := _available(block, study)) is not None]
    told, bands, marks = [what.caption], False, False
    if blocks:
        heights = [_height(block) for block in blocks]
        figure, parts = _figure(heights)
        for block, part in zip(blocks, parts, strict=True):
            if isinstance(block, Curves):
                drawn = _curves(part, block, study, printed)
                bands, marks = bands or drawn.bands, marks or drawn.marks
            elif isinstance(block, layout.Cell):
                draw_cell(part, block.letter, study.first(block.case), block.moment)
            elif isinstance(block, layout.Tiles):
                late = draw_tiles(part, block.rows, study)
                told += [f"Nearest snapshots: {'; '.join(late)}."] if late else []
            else:
                SPECIALS[block.kind](part, study.first(block.case))
    else:
        figure = _empty()
    if bands:
        told.append("Lines: first seed; bands: range over the seeds.")
    if marks:
        told.append("Open symbols: values that the text of the paper prints.")
    if missing := [case for case in _cases(what) if case not in study]:
        told.append(f"Not run: {', '.join(missing)}.")
    return PaperFigure(what.name, what.title, figure, " ".join(told))


def _figure(heights: Sequence[float]) -> tuple[Figure, list[SubFigure]]:
    """A page-wide figure split into blocks of the given heights [inch]."""
    figure = Figure(figsize=(WIDTH_INCH, sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(len(heights), 1, height_ratios=list(heights), squeeze=False)
    return figure, list(parts[:, 0])


def _empty() -> Figure:
    figure = Figure(figsize=(WIDTH_INCH, 0.6))
    FigureCanvasAgg(figure)
    figure.text(0.5, 0.5, "none of its cases has been run", fontsize=FONT, ha="center", va="center")
    return figure


def _cases(what: Layout) -> list[str]:
    """All cases that a figure needs, in the order in which it shows them."""
    found: list[str] = []
    for block in what.blocks:
        if isinstance(block, Curves):
            found += [curve.case for panel in block.panels for curve in panel.curves]
        elif isinstance(block, layout.Tiles):
            found += [tile.case for row in block.rows for tile in row.tiles]
        else:
            found.append(block.case)
    return list(dict.fromkeys(found))


def _available(block: Block, study: Study) -> Block | None:
    """Return what a block can show, None if that is nothing."""
    if isinstance(block, Curves):
        panels = tuple(p for p in block.panels if any(curve.case in study for curve in p.curves))
        return replace(block, panels=panels) if panels else None
    if isinstance(block, layout.Tiles):
        rows = tuple(row for row in block.rows if any(tile.case in study for tile in row.tiles))
        return replace(block, rows=rows) if rows else None
    return block if block.case in study else None


def _height(block: Block) -> float:
    """Height of a block [inch]."""
    if isinstance(block, Curves):
        columns = min(block.columns, len(block.panels))
        return PANEL_INCH * -(-len(block.panels) // columns) + 0.25
    if isinstance(block, layout.Tiles):
        return TILE_INCH * len(block.rows) + 0.4
    return CELL_INCH if isinstance(block, layout.Cell) else PANEL_INCH + 0.3


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Whether curves have bands of several seeds, and values of the paper."""

    bands: bool
    marks: bool


def _curves(part: SubFigure, block: Curves, study: Study, printed: Sequence[Target]) -> _Drawn:
    """Draw panels of curves with one legend above them."""
    columns = min(block.columns, len(block.panels))
    grid = _grid(part, -(-len(block.panels) // columns), columns)
    handles: dict[str, Line2D] = {}
    bands = marks = False
    for i, panel in enumerate(block.panels):
        axes = part.add_subplot(grid[i // columns, i % columns + (columns == 1)], label=panel.letter)
        unit = _time_unit(panel, study)
        marked: set[tuple[float, float]] = set()
        for curve in panel.curves:
            if curve.case not in study:
                continue
            quantity = curve.quantity or panel.quantity
            color, dashes, marker = LOOKS[curve.look]
            runs = study.runs[curve.case]
            lines = [(_clock(run, panel.clock, unit), _values(run, quantity, curve)) for run in runs]
            (line,) = axes.plot(*lines[0], color=color, ls=dashes, lw=1.3, label=curve.label)
            handles.setdefault(curve.label, line)
            if len(lines) > 1:
                axes.fill_between(*_band(lines), color=color, alpha=0.18, lw=0)
                bands = True
            for time, value in _printed(study.first(curve.case), quantity, curve, printed):
                spot = (_scaled(runs[0], time, panel.clock, unit), value)
                if spot not in marked:
                    axes.plot(*spot, marker=marker, color=color, **MARK)
                marked.add(spot)
        bound = _bound(panel, printed)
        if bound is not None:
            axes.axhline(bound, color="#777777", ls=(0, (5, 3)), lw=0.9)
            axes.text(
                0.98, bound, "paper: at most", fontsize=FONT - 1, color="#555555", ha="right", va="top",
                transform=axes.get_yaxis_transform(),
            )  # fmt: skip
        marks = marks or bool(marked)
        _finish(axes, panel, unit)
    named: dict[str, Artist] = dict(handles)
    if marks:
        named["paper"] = Line2D([], [], color=BLACK, marker="o", **MARK)
    if bands:
        named["range over seeds"] = Patch(color="#777777", alpha=0.25, lw=0)
    if len(named) > 1:
        part.legend(
            list(named.values()), list(named), loc="outside upper center", ncols=len(named), fontsize=FONT,
            frameon=False, handlelength=2.6, columnspacing=1.4,
        )  # fmt: skip
    return _Drawn(bands, marks)


def _grid(part: SubFigure, rows: int, columns: int) -> GridSpec:
    """A grid of panels; a single column, the second of three, does not stretch over the page."""
    if columns == 1:
        return part.add_gridspec(rows, 3, width_ratios=(1.0, 2.6, 1.0))
    return part.add_gridspec(rows, columns)


def _finish(axes: Axes, panel: Panel, unit: str) -> None:
    """Labels and ticks."""
    axes.set_xlabel("Time / t₀" if panel.clock == "normalised" else f"Time ({unit})", fontsize=FONT)
    axes.set_ylabel(panel.label or panel.quantity.label, fontsize=FONT)
    axes.margins(x=0.02)
    _ticks(axes)
    if panel.letter:
        axes.set_title(f"({panel.letter})", loc="left", fontsize=FONT, fontweight="bold")


def _ticks(axes: Axes) -> None:
    axes.tick_params(labelsize=FONT, direction="in", top=True, right=True)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))


def _values(run: CaseRun, quantity: Quantity, curve: Curve) -> Floats:
    return quantity.factor * run.column(quantity.column + curve.suffix)


def _time_unit(panel: Panel, study: Study) -> str:
    """Return "h" if a run of the panel is long, otherwise "s"."""
    ends = [study.first(c.case).column("time_s")[-1] for c in panel.curves if c.case in study]
    return "h" if max(ends) > LONG_RUN_S else "s"


def _scaled(run: CaseRun, time: float, clock: Clock, unit: str) -> float:
    """Return a time [s] on the axis of a panel."""
    if clock == "normalised":
        return time * next(step.c_rate for step in run.config.protocol.steps if step.c_rate) / 3600.0
    return time / (3600.0 if unit == "h" else 1.0)


def _clock(run: CaseRun, clock: Clock, unit: str) -> Floats:
    return run.column("time_s") * _scaled(run, 1.0, clock, unit)


def _band(lines: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats, Floats]:
    """Range of several curves on common abscissae; where only some of them reach, of those."""
    low, high = min(float(x[0]) for x, _ in lines), max(float(x[-1]) for x, _ in lines)
    common = np.linspace(low, high, BAND_POINTS)
    values = [np.interp(common, x, y, left=np.nan, right=np.nan) for x, y in lines]
    return common, np.fmin.reduce(values), np.fmax.reduce(values)


def _printed(
    run: CaseRun, quantity: Quantity, curve: Curve, printed: Sequence[Target]
) -> Iterator[tuple[float, float]]:
    """Yield time [s] and value of what the paper prints about a curve, at the moments of our run."""
    time = run.column("time_s")
    charged, discharged = float(time[run.charge_end]), float(time[run.discharge_end])
    for target in printed:
        if source(target.case) != (curve.case, curve.suffix):
            continue
        value = float(target.value) * quantity.paper_factor
        if quantity is layout.VOLTAGE:
            if target.quantity == "t_charge":
                yield float(target.value), run.at("voltage_V", run.charge_end)
            elif target.quantity == "t_discharge":
                yield charged + float(target.value), run.at("voltage_V", run.discharge_end)
        elif quantity.paper and target.quantity == f"delta_{quantity.paper}":
            yield discharged, quantity.factor * run.at(quantity.column + curve.suffix, 0) - value
        elif quantity.paper and target.quantity == quantity.paper:
            if target.event == "charge_peak":
                size = np.abs(run.column(quantity.column + curve.suffix)[run.charge])
                yield float(time[int(size.argmax())]), value
            elif target.event.startswith("t="):
                yield float(target.event.removeprefix("t=").rstrip("s")), value
            elif target.event in ("charge_end", "discharge_end"):
                yield charged if target.event == "charge_end" else discharged, value


def _bound(panel: Panel, printed: Sequence[Target]) -> float | None:
    """Return an upper bound over the whole cycle that the paper prints for a panel."""
    found = [t for t in printed if t.quantity == panel.quantity.paper and t.event == "cycle"]
    wanted = found and any(curve.case.startswith(found[0].case.split("_")[0]) for curve in panel.curves)
    return float(found[0].value) * panel.quantity.paper_factor if wanted else None


def _capacity(part: SubFigure, run: CaseRun) -> None:
    """Voltage against the capacity of each half cycle, from its start."""
    axes = part.add_subplot(_grid(part, 1, 1)[0, 1], label="capacity")
    kind, capacity = run.history["kind"].astype(str), run.column("capacity_mAh_per_g")
    for name, (color, dashes, _) in zip(("charge", "discharge"), LOOKS, strict=False):
        rows = np.flatnonzero(kind == name)
        if len(rows):
            rows = np.arange(max(rows[0] - 1, 0), rows[-1] + 1)
            passed = np.abs(capacity[rows] - capacity[rows[0]])
            axes.plot(passed, run.column("voltage_V")[rows], color=color, ls=dashes, lw=1.3, label=name)
    axes.set_xlabel("Specific capacity (mAh/g)", fontsize=FONT)
    axes.set_ylabel("Cell voltage (V)", fontsize=FONT)
    _ticks(axes)
    axes.legend(fontsize=FONT, frameon=False)


def _resistance(part: SubFigure, run: CaseRun) -> None:
    """Particle volume against time, and contact resistance against gap: the law, and points of a snapshot."""
    left, axes = part.subplots(1, 2)
    left.set_label("A")
    panel = Panel("A", layout.VOLUME, (layout.BASELINE,))
    left.plot(run.column("time_s"), _values(run, layout.VOLUME, layout.BASELINE), color=BLACK, lw=1.3)
    _finish(left, panel, "s")
    axes.set_label("B")
    gap, resistance = contact_points(run)
    axes.plot(gap, resistance, "o", ms=3, mfc="none", color=BLUE, label="points of the surface")
    law = run.config.interface
    contact = ExponentialContact(law.resistance, law.resistance_gap, law.resistance_max)
    x = np.linspace(0.0, max(float(gap.max(initial=0.0)), NM * law.resistance_gap), 200)
    axes.semilogy(x, contact.resistance(x / NM), color=VERMILLION, ls="--", lw=1.3, label="law")
    axes.set_xlabel("Gap (nm)", fontsize=FONT)
    axes.set_ylabel("Contact resistance (Ω m²)", fontsize=FONT)
    axes.tick_params(labelsize=FONT, direction="in", which="both", top=True, right=True)
    axes.legend(fontsize=FONT, frameon=False)
    axes.set_title("(B)", loc="left", fontsize=FONT, fontweight="bold")


SPECIALS: Final = {"capacity": _capacity, "resistance": _resistance}


def _convergence(study: Study) -> PaperFigure:
    """Headline quantities against the spacing of the network and against the time step."""
    title = "Convergence with the network and the time step"
    found = [way for way in refinements(study) if way.levels]
    if not found:
        return PaperFigure("Convergence", title, _empty(), "No level of the convergence study has been run.")
    figure, parts = _figure([PANEL_INCH * 2] * len(found))
    for way, part in zip(found, parts, strict=True):
        panels = np.ravel(part.subplots(2, 3))
        for axes, headline in zip(panels, HEADLINES, strict=True):
            axes.set_label(f"{way.title}: {headline.name}")
            values = [headline.of(level.run) for level in way.levels]
            axes.plot([level.size for level in way.levels], values, "o-", color=BLUE, lw=1.3, ms=4)
            axes.set_ylabel(headline.label, fontsize=FONT)
            axes.set_xlabel(way.label, fontsize=FONT)
            axes.set_xlim(left=0.0)
            low, high = min(values), max(values)
            room = max(0.25 * (high - low), 0.02 * abs(high))
            axes.set_ylim(low - room, high + room)
            _ticks(axes)
    caption = (
        "The baseline at the end of charge, first seed, against the spacing of the sites and against the "
        "largest time step (coarse network). Refinement goes to the left."
    )
    return PaperFigure("Convergence", title, figure, caption)
