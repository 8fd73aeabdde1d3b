"""Snapshots of a particle: cross-sections of Li, strain and stress, and of the cracks, at a few moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from latticecell.observables import weighted_quantile
from latticecell.output.fields import FieldReader
from latticecell.output.plots import FONT, WIDTH_INCH
from latticecell.report.digest import Moment
from latticecell.report.figures import OPEN_NM
from latticecell.report.section import Cut, periodic_cut, polygon_area

Floats = NDArray[np.float64]

MARGIN: Final = 1.12
"""Half width of a panel over the radius of the particle."""
TOP_SHARE: Final = 0.995
"""Share of the cut area (or length) that colours tell apart at each moment."""


@dataclass(frozen=True, slots=True)
class Section:
    """The cut of a run by the plane x = const through the centre of a particle; lengths in um.

    Attributes
    ----------
    center : (3,) float64
        Centre of the particle.
    radius : float
        Its radius.
    tets, facets : Cut
        Polygons and lines with positions (y, z).
    grain : (n_polygons,) bool
        Whether a polygon belongs to a grain.
    """

    center: Floats
    radius: float
    tets: Cut
    facets: Cut
    grain: NDArray[np.bool_]

    @classmethod
    def of(cls, reader: FieldReader, center: Floats, radius: float) -> Section:
        """Cut the mesh of a run."""
        at = float(center[0])
        tets = periodic_cut(reader.points[reader.tets], 0, at, reader.box, center)
        facets = periodic_cut(reader.facet_points, 0, at, reader.box, center)
        return cls(center, radius, tets, facets, reader.domain[tets.index] < reader.n_grains)


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
    rows = ("stoichiometry", "volumetric strain", "von Mises", "cracks")
    for row, name in enumerate(rows):
        for column in range(columns):
            axes = panels[row, column]
            axes.set_label(f"{name}/{column}")
            _frame(axes, section)
    for axes, moment, voltage in zip(panels[0], shown, voltages, strict=True):
        axes.set_title(f"{moment.label}\n{moment.time:.0f} s, {voltage:.2f} V", fontsize=FONT)
    _scale_bar(panels[0, 0], section)

    weight = polygon_area(section.tets.position)[section.grain]
    stoich = [
        section.tets.interpolate(reader.point("stoichiometry", m.snapshot)[reader.tets]).mean(axis=1)
        for m in shown
    ]
    strain = [100.0 * reader.tet("volumetric_strain", m.snapshot)[section.tets.index] for m in shown]
    mises = [reader.tet("von_mises_GPa", m.snapshot)[section.tets.index] for m in shown]
    for row, values, cmap, label in (
        (0, stoich, "viridis", "Li stoichiometry (1)"),
        (1, strain, "RdBu_r", "Volumetric strain (%)"),
        (2, mises, "cividis", "von Mises stress (GPa)"),
    ):
        inside = [np.asarray(value, float)[section.grain] for value in values]
        norm, extend = _norm(inside, [weight] * columns, symmetric=row == 1, from_zero=row == 2)
        for axes, value in zip(panels[row], inside, strict=True):
            polygons = PolyCollection(
                list(section.tets.position[section.grain]),
                array=value,
                cmap=cmap,
                norm=norm,
                edgecolors="face",
                lw=0.2,
            )
            axes.add_collection(polygons)
        _color_bar(figure, panels[row], norm, cmap, label, extend)
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
        norm, extend = _norm([opening for opening, _ in seen], [share for _, share in seen], from_zero=True)
    colors = _opening_colors()
    for axes, (opening, broken), mask in zip(panels, values, is_open, strict=True):
        axes.add_collection(LineCollection(list(cut.position), colors="#C8C8C8", linewidths=0.5))
        order = np.flatnonzero(mask)[np.argsort(opening[mask], kind="stable")]  # the widest on top
        lines = LineCollection(
            list(cut.position[order]), array=opening[order], cmap=colors, norm=norm,
            linewidths=np.where(broken[order], 2.0, 0.9), capstyle="round",
        )  # fmt: skip
        axes.add_collection(lines)
    _color_bar(figure, panels, norm, colors, "Normal opening (nm)", extend)


def _opening_colors() -> Colormap:
    """Magma from pale to dark, without the end that does not show on paper."""
    from matplotlib import colormaps

    return LinearSegmentedColormap.from_list("openings", colormaps["magma_r"](np.linspace(0.2, 1.0, 128)))


def _norm(
    values: Sequence[Floats], weights: Sequence[Floats], *, symmetric: bool = False, from_zero: bool = False
) -> tuple[Normalize, str]:
    """Limits of a row of panels, and where the colour bar needs an arrow.

    The upper limit is the largest of the moments' weighted `TOP_SHARE` quantiles.
    """
    top = max(
        float(weighted_quantile(np.abs(v) if symmetric else v, w, (TOP_SHARE,))[0])
        for v, w in zip(values, weights, strict=True)
    )
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    bottom = -top if symmetric else 0.0 if from_zero else low
    if not top - bottom > 1e-12:  # one value everywhere, as at rest
        bottom, top = (-1.0, 1.0) if symmetric else (bottom, bottom + 1.0)
    extend = {(True, True): "both", (False, True): "max", (True, False): "min"}
    return Normalize(bottom, top), extend.get((low < bottom, high > top), "neither")


def _frame(axes: Axes, section: Section) -> None:
    reach = MARGIN * section.radius
    axes.set_xlim(section.center[1] - reach, section.center[1] + reach)
    axes.set_ylim(section.center[2] - reach, section.center[2] + reach)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _scale_bar(axes: Axes, section: Section) -> None:
    """Say which way y and z point and how long a round length is, in the corners that the sphere leaves."""
    y, z = section.center[1], section.center[2]
    reach = MARGIN * section.radius
    length = next(n for n in (50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.0) if n <= 0.5 * section.radius)
    right, low = y + 0.99 * reach, z - 0.97 * reach
    axes.plot([right - length, right], [low, low], color="black", lw=1.5, solid_capstyle="butt")
    axes.text(right, low + 0.05 * reach, f"{length:g} µm", fontsize=FONT - 1, ha="right", va="bottom")
    corner = (y - 0.97 * reach, low)
    for text, step in (("y", (0.3 * reach, 0.0)), ("z", (0.0, 0.3 * reach))):
        tip = (corner[0] + step[0], corner[1] + step[1])
        axes.annotate("", tip, corner, arrowprops={"arrowstyle": "->", "lw": 0.8, "shrinkA": 0, "shrinkB": 0})
        axes.annotate(text, tip, fontsize=FONT - 1, style="italic", ha="left" if text == "y" else "center",
                      va="center" if text == "y" else "bottom")  # fmt: skip


def _color_bar(
    figure: Figure, panels: Sequence[Axes], norm: Normalize, cmap: str | Colormap, label: str, extend: str
) -> None:
    bar = figure.colorbar(
        ScalarMappable(norm, cmap), ax=list(panels), extend=extend, fraction=0.03, aspect=14, pad=0.01
    )
    bar.ax.set_label(f"bar of {label}")
    bar.set_label(label.replace(" (", "\n("), fontsize=FONT)
    bar.ax.tick_params(labelsize=FONT)
