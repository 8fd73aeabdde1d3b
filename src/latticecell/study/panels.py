"""What figures show beside a source's: curves, sections and tables, declared in a TOML file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from matplotlib.figure import SubFigure
from pydantic import Field

from latticecell.errors import ConfigError
from latticecell.reader import checked, read_table
from latticecell.registry import Registry
from latticecell.schema import Section
from latticecell.study.caseruns import CaseRun, CaseRuns
from latticecell.study.measures import Measure, Number, Text
from latticecell.study.spec import nearest

PANELS: Registry[Callable[[SubFigure, CaseRun], None]] = Registry("study.panels", "panel", {})
"""Blocks of figures that the user's own functions draw, ``f(part, run)``."""
SECTIONS: Registry[Callable[[CaseRuns], str]] = Registry("study.sections", "section", {})
"""Sections of the page, ``f(runs) -> HTML``, by title."""

MOMENTS: Final[dict[str, Callable[[CaseRun], float]]] = {
    "charge, middle": lambda run: 0.5 * run.at("time_s", run.charge_end),
    "charge, end": lambda run: run.at("time_s", run.charge_end),
    "discharge, middle": lambda run: (
        0.5 * (run.at("time_s", run.charge_end) + run.at("time_s", run.discharge_end))
    ),
    "discharge, end": lambda run: run.at("time_s", run.discharge_end),
}
"""Times of the snapshots that are shown [s]."""
Moment = Literal["charge, middle", "charge, end", "discharge, middle", "discharge, end"]


class Quantity(Section):
    """A column of the history as a curve, and the targets that belong on it.

    ``factor`` leads from the column to the unit of ``label``. ``target`` is the quantity of the targets that
    are marked at their events, ``target_factor`` leads from their unit to that of ``label``; ``missing`` that
    of targets which tell what is lost of the value at the start; ``durations`` those of charge and discharge
    times.
    """

    column: Text
    label: str
    factor: Number = 1.0
    target: str = ""
    target_factor: Number = 1.0
    missing: str = ""
    durations: tuple[str, str] | None = None


class Curve(Section):
    """One line of a panel.

    ``look`` is the index of its colour, dashes and marker, by default its position; ``quantity`` replaces
    that of the panel; ``points`` names a CSV file beside the panels file with digitised points of the source:
    two columns, in the units of the axes, below one line of headings.
    """

    case: Text
    label: str
    look: int | None = None
    particle: int | None = None
    quantity: Text | None = None
    points: Text | None = None

    @property
    def suffix(self) -> str:
        """Suffix of the columns of its particle."""
        return "" if self.particle is None else f"_p{self.particle}"


class Panel(Section):
    """Curves of a named set on common axes; ``label`` is the vertical axis', by default the quantity's."""

    letter: str = ""
    quantity: Text
    curves: Text
    clock: Literal["time", "normalised"] = "time"
    label: str = ""


class TileRow(Section):
    """Sections of particles that share their colours, one row for each moment and a column for each case.

    ``across = "moments"`` puts the moments of the first case side by side. ``name`` stands in place of the
    moment; ``surface`` shows the surface of the particle, seen along x, rather than the section.
    """

    letter: str
    field: Text
    curves: Text
    moments: tuple[Moment, ...]
    across: Literal["cases", "moments"] = "cases"
    name: str = ""
    surface: bool = False


class Cell(Section):
    """A section of the whole cell at one moment."""

    letter: str
    case: Text
    field: Text = "von_mises"
    moment: Moment = "charge, end"


class Block(Section):
    """One of: panels of curves with one legend; rows of tiles; a whole cell; what registered ``code`` draws.

    ``letters`` are those of the panels that code draws.
    """

    panels: tuple[Panel, ...] = ()
    columns: int = 2
    tiles: tuple[TileRow, ...] = ()
    cell: Cell | None = None
    code: Text | None = None
    case: Text | None = None
    letters: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Panel | TileRow, ...]:
        """Its panels or rows of tiles."""
        return self.panels or self.tiles


class Layout(Section):
    """One figure: its name in the source, a title, blocks from top to bottom, and what the caption adds."""

    name: Text
    title: str
    blocks: tuple[Block, ...]
    caption: str = ""


class Look(Section):
    """How a field is shown, where it differs from its declaration."""

    title: str | None = None
    unit: str | None = None
    factor: Number | None = None
    colours: str | None = None


class Heading(Measure):
    """A column of a table: its heading is ``title``, ``format`` that of Python."""

    format: Text = "{:.4g}"


class CaseTable(Section):
    """A table with a row for every run of a group of cases, also written as CSV."""

    title: Text
    group: Text
    csv: Text
    about: str = ""
    prefix: str = ""
    columns: tuple[Heading, ...]


class Panels(Section):
    """The panels file: figures, tables, and names of registered page sections, ``code``.

    ``reference`` is the case that the page shows in full, with what the others change.
    """

    reference: str = ""
    quantities: dict[str, Quantity] = Field(default_factory=dict)
    fields: dict[str, Look] = Field(default_factory=dict)
    curves: dict[str, tuple[Curve, ...]] = Field(default_factory=dict)
    figures: tuple[Layout, ...] = ()
    tables: tuple[CaseTable, ...] = ()
    code: tuple[Text, ...] = ()
    folder: Path = Path()

    def of(self, panel: Panel | TileRow) -> tuple[Curve, ...]:
        """Return the curves of a panel, or the cases of a row of tiles."""
        return self.curves[panel.curves]

    def quantity(self, panel: Panel, curve: Curve) -> Quantity:
        """Return what a curve shows."""
        return self.quantities[curve.quantity or panel.quantity]


def read_panels(path: Path) -> Panels:
    """Read and check a panels file; raises `ConfigError` with every problem found."""
    found, problems = checked(Panels, read_table(path))
    if found is not None:
        found = found.model_copy(update={"folder": path.parent})
        problems += _cross_check(found)
    if problems or found is None:
        raise ConfigError([f"{problem} ({path.name})" for problem in problems])
    return found


def _cross_check(panels: Panels) -> Iterator[str]:
    for figure in panels.figures:
        for i, block in enumerate(figure.blocks):
            where = f"{figure.name}, block {i + 1}"
            if sum(map(bool, (block.panels, block.tiles, block.cell, block.code))) != 1:
                yield f"{where}: needs one of panels, tiles, cell and code"
            if block.code and not block.case:
                yield f"{where}: code needs the case that it draws"
            for part in block.parts:
                if part.curves not in panels.curves:
                    yield f"{where}: curves = {part.curves!r}: {nearest(part.curves, list(panels.curves))}"
            named = [panel.quantity for panel in block.panels]
            named += [c.quantity for p in block.panels for c in panels.curves.get(p.curves, ()) if c.quantity]
            for name in named:
                if name not in panels.quantities:
                    yield f"{where}: quantity = {name!r}: {nearest(name, list(panels.quantities))}"


def cases_of(layout: Layout, panels: Panels) -> list[str]:
    """Return all cases that a figure needs, in the order in which it shows them."""
    found: list[str] = []
    for block in layout.blocks:
        for part in block.parts:
            found += [curve.case for curve in _shown(part, panels)]
        found += [case for case in (block.case, block.cell and block.cell.case) if case]
    return list(dict.fromkeys(found))


def _shown(part: Panel | TileRow, panels: Panels) -> tuple[Curve, ...]:
    curves = panels.of(part)
    return curves[:1] if isinstance(part, TileRow) and part.across == "moments" else curves


def available(block: Block, panels: Panels, runs: CaseRuns) -> Block | None:
    """Return what a block can show, None if that is nothing."""

    def some(part: Panel | TileRow) -> bool:
        return any(curve.case in runs for curve in _shown(part, panels))

    kept: Mapping[str, object] = {
        "panels": tuple(panel for panel in block.panels if some(panel)),
        "tiles": tuple(row for row in block.tiles if some(row)),
    }
    if block.panels or block.tiles:
        return block.model_copy(update=kept) if kept["panels"] or kept["tiles"] else None
    return block if (block.cell.case if block.cell else block.case or "") in runs else None
