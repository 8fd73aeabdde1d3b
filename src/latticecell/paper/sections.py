"""Cross-sections of the paper's figures: particles, particle surfaces and the whole cell, z to the right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from latticecell.fields import Field
from latticecell.network import INTERFACE_BOND
from latticecell.output.plots import FONT
from latticecell.paper.results import CaseRun, Study
from latticecell.report.tiles import MARGIN, Section, Window, frame, on_cut, paint, scale_bar
from latticecell.results import Snapshot
from latticecell.slicing import triangle_area

Floats = NDArray[np.float64]

UM: Final = 1e6
MISES: Final = Field(
    "von_mises", "tet", "GPa", 1e-9, title="von Mises stress", colours="cividis", from_zero=True
)
MAX_ASPECT: Final = 3.6
"""Width over height of a picture of the whole cell that fills the page."""
BAR_ASPECT: Final = 0.6
"""Width of its axis labels and its colour bar over its height."""

MOMENTS: Final[dict[str, Callable[[CaseRun], float]]] = {
    "charge, middle": lambda run: 0.5 * run.at("time_s", run.charge_end),
    "charge, end": lambda run: run.at("time_s", run.charge_end),
    "discharge, middle": lambda run: (
        0.5 * (run.at("time_s", run.charge_end) + run.at("time_s", run.discharge_end))
    ),
    "discharge, end": lambda run: run.at("time_s", run.discharge_end),
}
"""Times of the snapshots that are shown [s]."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One particle at one moment: a case with its name in the figure, and a key of `MOMENTS`."""

    case: str
    label: str
    moment: str


@dataclass(frozen=True, slots=True)
class TileRow:
    """Tiles that share their colours.

    Attributes
    ----------
    letter : str
    field : Field
    tiles : tuple of Tile
    moment : str
        What the tiles have in common, for the label of the row.
    surface : bool
        Show the surface of the particle, seen along x, rather than the section through its centre.
    """

    letter: str
    field: Field
    tiles: tuple[Tile, ...]
    moment: str = ""
    surface: bool = False


def _section(run: CaseRun) -> Section:
    """Cut through the first particle."""
    opened = run.opened
    return Section.of(opened.mesh, opened.particle_center[0], float(opened.particle_radius[0]))


def draw_tiles(part: SubFigure, rows: Sequence[TileRow], study: Study) -> list[str]:
    """Draw rows of particles; a column for each tile of a row that has a run.

    Axes are labelled "letter/row/column". Returns a sentence on each tile whose snapshot is not the moment's.
    """
    shown = [[tile for tile in row.tiles if tile.case in study] for row in rows]
    columns = max(len(tiles) for tiles in shown)
    grid = part.add_gridspec(len(rows), columns)
    told: list[str] = []
    sections = {case: _section(study.first(case)) for case in {t.case for tiles in shown for t in tiles}}
    for r, (row, tiles) in enumerate(zip(rows, shown, strict=True)):
        panels = [part.add_subplot(grid[r, c], label=f"{row.letter}/{r}/{c}") for c in range(len(tiles))]
        polygons, values, weights = [], [], []
        for c, (axes, tile) in enumerate(zip(panels, tiles, strict=True)):
            run, section = study.first(tile.case), sections[tile.case]
            wanted = MOMENTS[tile.moment](run)
            shot = run.opened.snapshots.nearest(wanted)
            if abs(shot.time - wanted) > 0.01 * max(wanted, 1.0):
                told.append(f"{tile.label} wanted at {wanted:.0f} s, shown at {shot.time:.0f} s")
            picture = _surface if row.surface else _slice
            position, value, weight = picture(shot, section, row.field)
            polygons.append(position)
            values.append(value)
            weights.append(weight)
            window = _window(section)
            frame(axes, window)
            if r == 0:
                same = tile.label == tile.moment
                axes.set_title(f"{tile.label}\n{shot.time:.0f} s" if same else tile.label, fontsize=FONT)
            if r == c == 0:
                scale_bar(axes, window)
            if c == 0:
                name = f"({row.letter})" + (f" {row.moment}" if row.moment else "")
                axes.set_ylabel(name, fontsize=FONT, fontweight="bold")
        paint(part, panels, polygons, values, weights, row.field)
    return list(dict.fromkeys(told))


def draw_cell(part: SubFigure, letter: str, run: CaseRun, moment: str) -> None:
    """Draw the von Mises stress of the whole cell from collector to Li metal, cut through the first particle.

    The axes are labelled with ``letter``. Lines are the particle surfaces and the border of the separator.
    """
    mesh, geometry = run.opened.mesh, run.config.geometry
    width, height = (float(mesh.box[c]) for c in (1, 2))
    # columns beside it keep the picture, which is as wide as its height asks for, in the middle
    beside = max(0.5 * (MAX_ASPECT - height / width), 0.01)
    grid = part.add_gridspec(1, 3, width_ratios=(beside, height / width + BAR_ASPECT, beside))
    axes = part.add_subplot(grid[0, 1], label=letter)
    shot = run.opened.snapshots.nearest(MOMENTS[moment](run))
    section = _section(run)
    low = float(section.center[1]) - 0.5 * width  # the cut is moved next to the particle
    position = section.triangles[:, :, ::-1] - np.array([0.0, low])
    value, area = on_cut(section.tets, shot, MISES), triangle_area(section.triangles)
    # polygons that reach over a periodic side are drawn on both sides
    shifts = [
        (position[:, :, 1].max(axis=1) > width, -width),
        (position[:, :, 1].min(axis=1) < 0.0, width),
    ]
    position = np.concatenate([position, *(position[over] + (0.0, shift) for over, shift in shifts)])
    value, area = (np.concatenate([a, *(a[over] for over, _ in shifts)]) for a in (value, area))
    paint(part, [axes], [position], [value], [area], MISES)
    rim = mesh.bond_kind[mesh.facets[section.facets.index, 0]] == INTERFACE_BOND
    outline = section.lines[rim][:, :, ::-1] - np.array([0.0, low])
    axes.add_collection(LineCollection(list(outline), colors="white", linewidths=0.8))
    if len(geometry.particles) > 1:
        for i, particle in enumerate(geometry.particles):
            z, y = UM * particle.center[2], UM * (particle.center[1] + particle.radius) - low
            axes.text(z, y, f"P{i + 1}", color="white", fontsize=FONT, ha="center", va="bottom")
    border = UM * geometry.cathode
    axes.plot([border, border], [0.0, width], color="white", ls="--", lw=0.9)
    axes.add_patch(Rectangle((0.0, 0.0), height, width, fill=False, lw=0.8, clip_on=False))
    for where, text in ((0.5 * border, "composite cathode"), (0.5 * (border + height), "separator")):
        axes.text(where, 1.02 * width, text, fontsize=FONT, ha="center", va="bottom")
    axes.set_xlim(0.0, height)
    axes.set_ylim(0.0, width)
    axes.set_aspect("equal")
    axes.set_xlabel("z, from collector to Li metal (µm)", fontsize=FONT)
    axes.set_ylabel("y (µm)", fontsize=FONT)
    axes.tick_params(labelsize=FONT)
    axes.set_title(f"({letter})", loc="left", fontsize=FONT, fontweight="bold")


def _window(section: Section) -> Window:
    center = (float(section.center[2]), float(section.center[1]))
    return Window(center, MARGIN * section.radius, ("z", "y"))


def _slice(shot: Snapshot, section: Section, field: Field) -> tuple[Floats, Floats, Floats]:
    """Polygons (z, y) of the section through the centre, their values and areas."""
    value = on_cut(section.tets, shot, field)[section.grain]
    return section.triangles[section.grain][:, :, ::-1], value, section.weight


def _surface(shot: Snapshot, section: Section, field: Field) -> tuple[Floats, Floats, Floats]:
    """Triangles (z, y) of the half of the surface that looks at -x, their values and projected areas.

    A value is the mean over the corners of the volume mean of the tets at each node.
    """
    mesh = shot.mesh
    node_f = mesh.bond_nodes[mesh.facets, 0]
    x_fac = mesh.facet_points - section.center
    x_fac[:, :, :2] -= (mesh.box[:2] * np.round(x_fac[:, :, :2].mean(axis=1) / mesh.box[:2]))[:, None]
    middle_fc = x_fac.mean(axis=1)
    mine = mesh.bond_kind[mesh.facets[:, 0]] == INTERFACE_BOND
    mine &= np.linalg.norm(middle_fc, axis=1) < MARGIN * section.radius
    mine &= middle_fc[:, 0] < 0.0
    value = _nodal(shot, field)[node_f[mine]].mean(axis=1)
    position = (x_fac[mine] + section.center)[:, :, [2, 1]]
    return position, value, triangle_area(position)


def _nodal(shot: Snapshot, field: Field) -> Floats:
    """Return a field at the nodes, (n_nodes,)."""
    values = field.factor / shot.fields[field.key].factor * np.asarray(shot[field.key], float)
    if field.location == "node":
        return values
    mesh = shot.mesh
    volume, node = np.repeat(mesh.tet_volume, 4), mesh.node_of_point[mesh.tets].ravel()
    total = np.bincount(node, volume, mesh.n_nodes)
    return np.bincount(node, volume * np.repeat(values, 4), mesh.n_nodes) / np.maximum(total, 1e-300)
