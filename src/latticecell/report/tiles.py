"""Painted cross-sections: the cut through a particle, panels without axes, shared colours and their bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import FigureBase

from latticecell.arrays import Bools, Floats
from latticecell.fields import Field
from latticecell.observables import weighted_quantile
from latticecell.output.look import FONT, plain
from latticecell.output.mesh import Mesh
from latticecell.results import Snapshot
from latticecell.slicing import Cut, nearest_image, slice_facets, slice_simplices, triangle_area

MARGIN: Final = 1.12
"""Half width of a panel over the radius of the particle."""
TOP_SHARE: Final = 0.995
"""Share of the cut area (or length) that colours tell apart at each moment."""
ROUND_UM: Final = (50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.0)


def on_cut(cut: Cut, shot: Snapshot, field: Field) -> Floats:
    """Return a scalar for each triangle, in the unit of ``field``: that of its tet, or its corners' mean."""
    factor = field.factor / shot.fields[field.key].factor
    if field.location == "node":
        return factor * np.asarray(cut.of(shot.at_points(field.key)).mean(axis=1), float)
    return factor * np.asarray(shot[field.key][cut.index], float)


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
    triangles : (n_triangles, 3, 2) float64
        Pieces of tets, (y, z) of their corners.
    lines : (n_lines, 2, 2) float64
        Traces of facets, (y, z) of their ends.
    grain : (n_triangles,) bool
        Whether a triangle belongs to a grain.
    """

    center: Floats
    radius: float
    tets: Cut
    facets: Cut
    triangles: Floats
    lines: Floats
    grain: Bools

    @classmethod
    def of(cls, mesh: Mesh, center: Floats, radius: float) -> Section:
        """Cut the mesh of a run; the surroundings of ``center`` come out whole."""
        at, corner = float(center[0]), mesh.facet_points
        near_t, near_f = (nearest_image(x, center, mesh.box) for x in (mesh.points[mesh.tets], corner))
        tets = slice_simplices(mesh.tets, mesh.points, 0, at, shift_sc=near_t)
        facets = slice_facets(corner, 0, at, near_f)
        triangles = tets.positions(mesh.points)[:, :, 1:]
        lines = facets.positions(corner.reshape(-1, 3))[:, :, 1:]
        return cls(center, radius, tets, facets, triangles, lines, mesh.is_grain_tet[tets.index])

    @property
    def weight(self) -> Floats:
        """Areas of the triangles in grains [um2]."""
        return triangle_area(self.triangles)[self.grain]


@dataclass(frozen=True, slots=True)
class Window:
    """What a panel shows.

    Attributes
    ----------
    center : (float, float)
        Its centre, horizontal and vertical [um].
    reach : float
        Half its width [um].
    names : (str, str)
        Names of the horizontal and the vertical axis.
    """

    center: tuple[float, float]
    reach: float
    names: tuple[str, str] = ("y", "z")


def frame(axes: Axes, window: Window) -> None:
    """Show the window, at equal scales and without axes."""
    across, up = window.center
    axes.set_xlim(across - window.reach, across + window.reach)
    axes.set_ylim(up - window.reach, up + window.reach)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def scale_bar(axes: Axes, window: Window) -> None:
    """Say which way the axes point and how long a round length is, in the corners that a sphere leaves."""
    (across, up), reach = window.center, window.reach
    length = next(n for n in ROUND_UM if n <= 0.5 * reach / MARGIN)
    right, low = across + 0.99 * reach, up - 0.97 * reach
    axes.plot([right - length, right], [low, low], color="black", lw=1.5, solid_capstyle="butt")
    axes.text(right, low + 0.05 * reach, f"{length:g} µm", fontsize=FONT - 1, ha="right", va="bottom")
    corner = (across - 0.97 * reach, low)
    steps = ((0.3 * reach, 0.0), (0.0, 0.3 * reach))
    for text, step, ha, va in zip(window.names, steps, ("left", "center"), ("center", "bottom"), strict=True):
        tip = (corner[0] + step[0], corner[1] + step[1])
        axes.annotate("", tip, corner, arrowprops={"arrowstyle": "->", "lw": 0.8, "shrinkA": 0, "shrinkB": 0})
        axes.annotate(text, tip, fontsize=FONT - 1, style="italic", ha=ha, va=va)


def color_limits(
    values: Sequence[Floats], weights: Sequence[Floats], *, symmetric: bool = False, from_zero: bool = False
) -> tuple[Normalize, str]:
    """Limits of a row of panels, and where the colour bar needs an arrow.

    The upper limit is the largest of the panels' weighted `TOP_SHARE` quantiles.
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


def paint(
    figure: FigureBase,
    panels: Sequence[Axes],
    polygons: Sequence[Floats],
    values: Sequence[Floats],
    weights: Sequence[Floats],
    field: Field,
) -> None:
    """Fill polygons of one row of panels with the colours of a field, and add their bar.

    Parameters
    ----------
    polygons : sequence of (n, corners, 2) float64
        For each panel.
    values, weights : sequence of (n,) float64
        What is painted, and what a polygon counts in the limits of the colours.
    """
    norm, extend = color_limits(values, weights, symmetric=field.diverging, from_zero=field.from_zero)
    for axes, position, value in zip(panels, polygons, values, strict=True):
        axes.add_collection(
            PolyCollection(
                list(position), array=value, cmap=field.colours, norm=norm, edgecolors="face", lw=0.4
            )
        )
    color_bar(figure, panels, norm, field.colours, field.label, extend)


def color_bar(
    figure: FigureBase, panels: Sequence[Axes], norm: Normalize, cmap: str | Colormap, label: str, extend: str
) -> None:
    """Add the bar of a row of panels; it is an axes labelled "bar of ..."."""
    bar = figure.colorbar(
        ScalarMappable(norm, cmap), ax=list(panels), extend=extend, fraction=0.03, aspect=14, pad=0.01
    )
    bar.ax.set_label(f"bar of {label}")
    bar.set_label(plain(label).replace(" (", "\n("), fontsize=FONT)
    bar.ax.tick_params(labelsize=FONT)
