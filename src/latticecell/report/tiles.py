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
from numpy.typing import NDArray

from latticecell.observables import weighted_quantile
from latticecell.output.fields import FieldReader
from latticecell.output.plots import FONT
from latticecell.report.section import Cut, periodic_cut, polygon_area

Floats = NDArray[np.float64]

MARGIN: Final = 1.12
"""Half width of a panel over the radius of the particle."""
TOP_SHARE: Final = 0.995
"""Share of the cut area (or length) that colours tell apart at each moment."""
ROUND_UM: Final = (50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.0)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a snapshot and how it is painted.

    Attributes
    ----------
    name : str
        Name in ``fields.h5``.
    title : str
        Short name.
    label : str
        Label of the colour bar, with unit.
    cmap : str
    factor : float
        From the stored value to that of the label.
    nodal : bool
        Whether it lives on nodes rather than on tets.
    symmetric, from_zero : bool
        See `color_limits`.
    """

    name: str
    title: str
    label: str
    cmap: str
    factor: float = 1.0
    nodal: bool = False
    symmetric: bool = False
    from_zero: bool = False

    def on(self, cut: Cut, reader: FieldReader, snapshot: int) -> Floats:
        """Return a value for each polygon: that of its tet, or the mean over its corners."""
        if self.nodal:
            corners = cut.interpolate(reader.point(self.name, snapshot)[reader.tets])
            return self.factor * np.asarray(corners.mean(axis=1), float)
        return self.factor * np.asarray(reader.tet(self.name, snapshot)[cut.index], float)


LITHIUM: Final = Field("stoichiometry", "stoichiometry", "Li stoichiometry (1)", "viridis", nodal=True)
STRAIN: Final = Field(
    "volumetric_strain", "volumetric strain", "Volumetric strain (%)", "RdBu_r", 100.0, symmetric=True
)
MISES: Final = Field("von_mises_GPa", "von Mises", "von Mises stress (GPa)", "cividis", from_zero=True)


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

    @property
    def weight(self) -> Floats:
        """Areas of the polygons in grains [um2]."""
        return polygon_area(self.tets.position)[self.grain]


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
    norm, extend = color_limits(values, weights, symmetric=field.symmetric, from_zero=field.from_zero)
    for axes, position, value in zip(panels, polygons, values, strict=True):
        axes.add_collection(
            PolyCollection(list(position), array=value, cmap=field.cmap, norm=norm, edgecolors="face", lw=0.4)
        )
    color_bar(figure, panels, norm, field.cmap, field.label, extend)


def color_bar(
    figure: FigureBase, panels: Sequence[Axes], norm: Normalize, cmap: str | Colormap, label: str, extend: str
) -> None:
    """Add the bar of a row of panels; it is an axes labelled "bar of ..."."""
    bar = figure.colorbar(
        ScalarMappable(norm, cmap), ax=list(panels), extend=extend, fraction=0.03, aspect=14, pad=0.01
    )
    bar.ax.set_label(f"bar of {label}")
    bar.set_label(label.replace(" (", "\n("), fontsize=FONT)
    bar.ax.tick_params(labelsize=FONT)
