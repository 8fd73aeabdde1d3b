"""Sections for the figures of a study: particles, particle surfaces and the whole cell, z to the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import SubFigure
from matplotlib.patches import Rectangle

from latticecell.fields import Field
from latticecell.network import INTERFACE_BOND
from latticecell.output.look import FONT
from latticecell.output.mesh import UM
from latticecell.report.tiles import MARGIN, Section, Window, frame, on_cut, paint, scale_bar
from latticecell.results import Snapshot
from latticecell.slicing import triangle_area
from latticecell.study.caseruns import CaseRun, CaseRuns, Floats
from latticecell.study.panels import MOMENTS, Cell, Panels, TileRow

MAX_ASPECT: Final = 3.6
"""Width over height of a picture of the whole cell that fills the page."""
BAR_ASPECT: Final = 0.6
"""Width of its axis labels and its colour bar over its height."""


@dataclass(frozen=True, slots=True)
class _Tile:
    run: CaseRun
    label: str
    moment: str


def _rows(rows: Sequence[TileRow], panels: Panels, runs: CaseRuns) -> list[tuple[TileRow, str, list[_Tile]]]:
    """Return the rows that are drawn, with the name and the tiles of each."""
    found = []
    for row in rows:
        curves = [curve for curve in panels.of(row) if curve.case in runs]
        if row.across == "moments":
            run = runs.first(curves[0].case)
            found.append((row, row.name, [_Tile(run, moment, moment) for moment in row.moments]))
            continue
        for moment in row.moments:
            tiles = [_Tile(runs.first(curve.case), curve.label, moment) for curve in curves]
            found.append((row, row.name or moment, tiles))
    return found


def _section(run: CaseRun) -> Section:
    """Cut through the first particle."""
    opened = run.run
    return Section.of(opened.mesh, opened.particle_center[0], float(opened.particle_reach[0]))


def _field(key: str, panels: Panels, shot: Snapshot) -> Field:
    """Return the declaration of a field, with the look that the panels file gives it."""
    declared = shot.field(key).field
    look = panels.fields[key].model_dump(exclude_none=True) if key in panels.fields else {}
    return replace(declared, **look)


def draw_tiles(part: SubFigure, rows: Sequence[TileRow], panels: Panels, runs: CaseRuns) -> list[str]:
    """Draw rows of particles; a column for each tile of a row that has a run.

    Axes are labelled "letter/row/column". Returns a sentence on each tile whose snapshot is not the moment's.
    """
    shown = _rows(rows, panels, runs)
    grid = part.add_gridspec(len(shown), max(len(tiles) for *_, tiles in shown))
    told: list[str] = []
    sections = {
        one.case: _section(one) for one in {t.run.case: t.run for *_, tiles in shown for t in tiles}.values()
    }
    for r, (row, name, tiles) in enumerate(shown):
        axes_of = [part.add_subplot(grid[r, c], label=f"{row.letter}/{r}/{c}") for c in range(len(tiles))]
        painted = []
        for c, (axes, tile) in enumerate(zip(axes_of, tiles, strict=True)):
            section, wanted = sections[tile.run.case], MOMENTS[tile.moment](tile.run)
            shot = tile.run.run.snapshots.nearest(wanted)
            if abs(shot.time - wanted) > 0.01 * max(wanted, 1.0):
                told.append(f"{tile.label} wanted at {wanted:.0f} s, shown at {shot.time:.0f} s")
            field = _field(row.field, panels, shot)
            painted.append((_surface if row.surface else _slice)(shot, section, field))
            window = _window(section)
            frame(axes, window)
            if r == 0:
                same = tile.label == tile.moment
                axes.set_title(f"{tile.label}\n{shot.time:.0f} s" if same else tile.label, fontsize=FONT)
            if r == c == 0:
                scale_bar(axes, window)
            if c == 0:
                label = f"({row.letter})" + (f" {name}" if name else "")
                axes.set_ylabel(label, fontsize=FONT, fontweight="bold")
        polygons, values, weights = zip(*painted, strict=True)
        paint(part, axes_of, polygons, values, weights, field)
    return list(dict.fromkeys(told))


def draw_cell(part: SubFigure, cell: Cell, panels: Panels, runs: CaseRuns) -> None:
    """Draw a field of the whole cell from collector to Li metal, cut through the first particle.

    The axes are labelled with the letter. Lines are the particle surfaces and the border of the separator.
    """
    run = runs.first(cell.case)
    mesh, geometry = run.run.mesh, run.run.config.geometry
    width, height = (float(mesh.box[c]) for c in (1, 2))
    # columns beside it keep the picture, which is as wide as its height asks for, in the middle
    beside = max(0.5 * (MAX_ASPECT - height / width), 0.01)
    grid = part.add_gridspec(1, 3, width_ratios=(beside, height / width + BAR_ASPECT, beside))
    axes = part.add_subplot(grid[0, 1], label=cell.letter)
    shot = run.run.snapshots.nearest(MOMENTS[cell.moment](run))
    field, section = _field(cell.field, panels, shot), _section(run)
    low = float(section.center[1]) - 0.5 * width  # the cut is moved next to the particle
    position = section.triangles[:, :, ::-1] - np.array([0.0, low])
    value, area = on_cut(section.tets, shot, field), triangle_area(section.triangles)
    # polygons that reach over a periodic side are drawn on both sides
    shifts = [
        (position[:, :, 1].max(axis=1) > width, -width),
        (position[:, :, 1].min(axis=1) < 0.0, width),
    ]
    position = np.concatenate([position, *(position[over] + (0.0, shift) for over, shift in shifts)])
    value, area = (np.concatenate([a, *(a[over] for over, _ in shifts)]) for a in (value, area))
    paint(part, [axes], [position], [value], [area], field)
    rim = mesh.bond_kind[mesh.facets[section.facets.index, 0]] == INTERFACE_BOND
    outline = section.lines[rim][:, :, ::-1] - np.array([0.0, low])
    axes.add_collection(LineCollection(list(outline), colors="white", linewidths=0.8))
    if len(run.run.particle_center) > 1:
        for i, (center, radius) in enumerate(
            zip(run.run.particle_center, run.run.particle_radius, strict=True)
        ):
            axes.text(
                center[2], center[1] + radius - low, f"P{i + 1}", color="white", fontsize=FONT, ha="center",
                va="bottom",
            )  # fmt: skip
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
    axes.set_title(f"({cell.letter})", loc="left", fontsize=FONT, fontweight="bold")


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
