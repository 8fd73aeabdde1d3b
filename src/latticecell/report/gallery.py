"""Snapshots of a particle: cross-sections of Li, strain and stress, and of the cracks, at a few moments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from latticecell.output.fields import FieldReader
from latticecell.output.plots import FONT, WIDTH_INCH
from latticecell.report.digest import Moment
from latticecell.report.figures import OPEN_NM
from latticecell.report.tiles import (
    LITHIUM,
    MARGIN,
    MISES,
    STRAIN,
    Section,
    Window,
    color_bar,
    color_limits,
    frame,
    paint,
    scale_bar,
)

__all__ = ["Section", "gallery"]


def gallery(
    reader: FieldReader, section: Section, shown: Sequence[Moment], voltages: Sequence[float]
) -> Figure:
    """Draw a column for each moment; rows are Li, volumetric strain, von Mises stress, and openings.

    Axes are labelled "row/column", for example "cracks/2". Limits of colours are shared by a row. Polygons
    carry the mean of their corners (nodal fields) or the value of their tet.

    Parameters
    ----------
    reader : FieldReader
    section : Section
    shown : sequence of Moment
    voltages : sequence of float
        Cell voltage at each moment [V], for the titles.
    """
    columns = len(shown)
    tile = (WIDTH_INCH - 1.2) / 5
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.03, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=(WIDTH_INCH - (5 - columns) * tile, 4 * tile + 1.0), layout=layout)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(4, columns)
    panels = np.array([[figure.add_subplot(grid[r, c]) for c in range(columns)] for r in range(4)])
    fields = (LITHIUM, STRAIN, MISES)
    window = Window((section.center[1], section.center[2]), MARGIN * section.radius)
    for row, name in enumerate([*(field.title for field in fields), "cracks"]):
        for column in range(columns):
            axes = panels[row, column]
            axes.set_label(f"{name}/{column}")
            frame(axes, window)
    for axes, moment, voltage in zip(panels[0], shown, voltages, strict=True):
        axes.set_title(f"{moment.label}\n{moment.time:.0f} s, {voltage:.2f} V", fontsize=FONT)
    scale_bar(panels[0, 0], window)

    polygons = [section.tets.position[section.grain]] * columns
    for row, field in enumerate(fields):
        values = [field.on(section.tets, reader, m.snapshot)[section.grain] for m in shown]
        paint(figure, panels[row], polygons, values, [section.weight] * columns, field)
    _cracks(figure, panels[3], reader, section, shown)
    return figure


def _cracks(
    figure: Figure, panels: Sequence[Axes], reader: FieldReader, section: Section, shown: Sequence[Moment]
) -> None:
    """Draw the traces of grain boundaries and surface; what is open is coloured, what is broken is thick."""
    cut = section.facets
    values = []
    for moment in shown:
        opening = cut.interpolate(reader.bond("gap_nm", moment.snapshot)[reader.facets]).mean(axis=1)
        share = cut.interpolate(reader.bond("broken", moment.snapshot)[reader.facets]).mean(axis=1)
        values.append((opening, share >= 0.5))
    length = np.linalg.norm(cut.position[:, 1] - cut.position[:, 0], axis=1)
    is_open = [opening > OPEN_NM for opening, _ in values]
    seen = [
        (opening[mask], length[mask])
        for (opening, _), mask in zip(values, is_open, strict=True)
        if mask.any()
    ]
    norm, extend = Normalize(0.0, 10 * OPEN_NM), "neither"
    if seen:
        norm, extend = color_limits(
            [opening for opening, _ in seen], [share for _, share in seen], from_zero=True
        )
    colors = _opening_colors()
    for axes, (opening, broken), mask in zip(panels, values, is_open, strict=True):
        axes.add_collection(LineCollection(list(cut.position), colors="#C8C8C8", linewidths=0.5))
        order = np.flatnonzero(mask)[np.argsort(opening[mask], kind="stable")]  # the widest on top
        lines = LineCollection(
            list(cut.position[order]), array=opening[order], cmap=colors, norm=norm,
            linewidths=np.where(broken[order], 2.0, 0.9), capstyle="round",
        )  # fmt: skip
        axes.add_collection(lines)
    color_bar(figure, panels, norm, colors, "Normal opening (nm)", extend)


def _opening_colors() -> Colormap:
    """Magma from pale to dark, without the end that does not show on paper."""
    from matplotlib import colormaps

    return LinearSegmentedColormap.from_list("openings", colormaps["magma_r"](np.linspace(0.2, 1.0, 128)))
