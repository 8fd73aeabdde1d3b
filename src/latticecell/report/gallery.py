"""Snapshots of a particle: cross-sections of Li, strain and stress, and of the cracks, at a few moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from latticecell.output.look import FONT, WIDTH_INCH
from latticecell.report.figures import OPEN_NM
from latticecell.report.tiles import (
    MARGIN,
    Section,
    Window,
    color_bar,
    color_limits,
    frame,
    on_cut,
    paint,
    scale_bar,
)
from latticecell.results import Moment, Snapshot

Shown = tuple[Moment, Snapshot]
"""A moment and the snapshot that stands for it."""
FIELDS: Final = ("stoichiometry", "volumetric_strain", "von_mises")


def gallery(section: Section, shown: Sequence[Shown]) -> Figure:
    """Draw a column for each moment; a row for each of `FIELDS` that the run holds, and one for openings.

    Axes are labelled "row/column", for example "cracks/2". Limits of colours are shared by a row. Triangles
    carry the mean of their corners (nodal fields) or the value of their tet.
    """
    declared = shown[0][1].fields
    fields = [declared[key].shown for key in FIELDS if key in declared]
    names = [*(field.key for field in fields), "cracks"]
    columns = len(shown)
    tile = (WIDTH_INCH - 1.2) / 5
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.03, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=(WIDTH_INCH - (5 - columns) * tile, len(names) * tile + 1.0), layout=layout)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(names), columns)
    panels = np.array([[figure.add_subplot(grid[r, c]) for c in range(columns)] for r in range(len(names))])
    window = Window((section.center[1], section.center[2]), MARGIN * section.radius)
    for row, name in enumerate(names):
        for column in range(columns):
            axes = panels[row, column]
            axes.set_label(f"{name}/{column}")
            frame(axes, window)
    for axes, (moment, shot) in zip(panels[0], shown, strict=True):
        axes.set_title(f"{moment.label}\n{shot.time:.0f} s, {shot.voltage:.2f} V", fontsize=FONT)
    scale_bar(panels[0, 0], window)

    polygons = [section.triangles[section.grain]] * columns
    for row, field in enumerate(fields):
        values = [on_cut(section.tets, shot, field)[section.grain] for _, shot in shown]
        paint(figure, panels[row], polygons, values, [section.weight] * columns, field)
    _cracks(figure, panels[-1], section, [shot for _, shot in shown])
    return figure


def _cracks(figure: Figure, panels: Sequence[Axes], section: Section, shots: Sequence[Snapshot]) -> None:
    """Draw the traces of grain boundaries and surface; what is open is coloured, what is broken is thick."""
    facets, lines = shots[0].mesh.facets, section.lines
    values = []
    for shot in shots:
        opening, share = (
            section.facets.of(shot[key][facets].ravel()).mean(axis=1) for key in ("gap", "broken")
        )
        values.append((opening, share >= 0.5))
    length = np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1)
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
    gap = shots[0].fields["gap"]
    visible = colormaps[gap.colours](
        np.linspace(0.35, 1.0, 128)
    )  # without the end that does not show on paper
    colors = LinearSegmentedColormap.from_list("openings", visible)
    for axes, (opening, broken), mask in zip(panels, values, is_open, strict=True):
        axes.add_collection(LineCollection(list(lines), colors="#C8C8C8", linewidths=0.5))
        order = np.flatnonzero(mask)[np.argsort(opening[mask], kind="stable")]  # the widest on top
        opened = LineCollection(
            list(lines[order]), array=opening[order], cmap=colors, norm=norm,
            linewidths=np.where(broken[order], 2.0, 0.9), capstyle="round",
        )  # fmt: skip
        axes.add_collection(opened)
    color_bar(figure, panels, norm, colors, gap.label, extend)
