"""What is drawn: the triangles and lines of a look at a run, as plain arrays.

Nothing here knows a graphics library: the same arrays go to the window, to pictures and to HTML pages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latticecell import slicing
from latticecell.arrays import Flags, Floats
from latticecell.fields import Field
from latticecell.network import TET_EDGES
from latticecell.slicing import Cut
from latticecell.view.colours import (
    BLANK,
    CRACK_MAP,
    CRACK_SPAN,
    coloured,
    grain_colours,
    orientation_colours,
    table,
)
from latticecell.view.model import GRAIN, ORIENTATION, RunModel

CUTS: Final = {"zy": (0, -1), "zx": (1, 1), "xy": (2, 1)}
"""Normal axis of each cut plane, and the side of it that is taken away: where the camera is."""
LEAST: Final = 0.01
"""Share of the colour scale below which a value at bonds is not drawn."""


@dataclass(frozen=True, slots=True)
class Look:
    """What to show.

    Attributes
    ----------
    field : Field
    step : int
        Snapshot.
    cut : {"xy", "zy", "zx", "none"}
    at : float or None
        Where the plane cuts its normal axis [um]; None: through the centre of the largest particle.
    magnify : float
        Factor of the displacement.
    cracks, springs, whole : bool
        Whether to draw the open cracks, the springs, and the ECBD and separator too.
    explode : float
        Distance by which the grains are drawn apart, relative to their distance from the centre.
    """

    field: Field
    step: int = 0
    cut: str = "zy"
    at: float | None = None
    magnify: float = 1.0
    cracks: bool = True
    springs: bool = False
    whole: bool = False
    explode: float = 0.0

    @property
    def on_bonds(self) -> bool:
        """Whether the field lives on bonds and colours the boundaries rather than the inside."""
        return self.field.location == "bond"

    @property
    def ghost(self) -> bool:
        """Whether surfaces are drawn transparent, to see what is inside."""
        inner = self.cracks or self.on_bonds
        return self.cut == "none" and inner and self.explode == 0.0 and not self.whole

    @property
    def shape(self) -> tuple[object, ...]:
        """Everything that the cut depends on."""
        return (self.cut, self.at, self.whole)


@dataclass(frozen=True, slots=True)
class Drawn:
    """Coloured triangles (n, 3, 3) or lines (n, 2, 3) [um], and a colour for each vertex, (n, 3 or 2, 3)."""

    x_mvc: Floats
    colour_mvc: Flags


@dataclass(frozen=True, slots=True)
class Layers:
    """The parts of a picture.

    Attributes
    ----------
    surface, cap : Drawn
        Outside of what is shown, and the face of the cut.
    cracks : Drawn
        Triangles of open cracks (or of damaged bonds).
    rim : Drawn
        Triangles of the open interface: to be drawn where their back shows.
    borders, traces, springs : Drawn
        Lines on the cut: grain boundaries, open cracks; and springs.
    """

    surface: Drawn
    cap: Drawn
    cracks: Drawn
    rim: Drawn
    borders: Drawn
    traces: Drawn
    springs: Drawn


class Geometry:
    """Makes the `Layers` of a run; keeps the last cut, so that time, field and magnification are cheap."""

    def __init__(self, model: RunModel):
        self.model, self.mesh = model, model.mesh
        mesh = model.mesh
        self._grain_tets = np.flatnonzero(mesh.is_grain_tet)
        particle_d = np.append(mesh.network.particle_g, 0)  # of each grain; user networks may have none
        near_t = particle_d[mesh.domain[self._grain_tets]]
        self._near_tc = self._to_particles(mesh.points[mesh.tets[self._grain_tets]], near_t)
        self._tet_tn = mesh.network.tet_tn
        first_f = mesh.node_domain[mesh.bond_nodes[mesh.facets[:, 0], 0]]
        near_f = particle_d[np.minimum(first_f, mesh.n_grains)]
        self._facet_shift_fc = self._to_particles(mesh.facet_points, near_f)
        self._outward = self._order_facets()
        self._shape: tuple[object, ...] | None = None
        self._surface = self._cap = Cut.empty()
        self._trace: Cut | None = None
        self._springs: tuple[NDArray, Floats] | None = None
        self._grain_table = {
            GRAIN.key: grain_colours(mesh.n_grains),
            ORIENTATION.key: orientation_colours(model.run.grains.rotation_gcc),
        }

    def _to_particles(self, x_skc: Floats, particle_s: NDArray) -> Floats:
        """Return the shifts that put simplexes next to the centre of the shown image of their particle."""
        shift = np.zeros((len(x_skc), 3))
        for p, home in enumerate(self.model.home_pc):
            own = particle_s == p
            shift[own] = slicing.nearest_image(x_skc[own], home, self.mesh.box)
        return shift

    def plane(self, look: Look) -> tuple[int, int, float]:
        """Return axis, removed side and position [um] of the cut."""
        axis, sign = CUTS[look.cut]
        return axis, sign, float(self.model.largest_c[axis]) if look.at is None else look.at

    def layers(self, look: Look) -> Layers:
        """Return everything that ``look`` shows."""
        if look.shape != self._shape:
            self._make_cut(look)
            self._shape = look.shape
        displacement = self.model.displacement(look.step)
        strain = self.model.strain(look.step)
        faces = self._facets(look)
        return Layers(
            self._shell(look) if look.ghost else self._patch(look, self._surface, displacement, strain),
            self._patch(look, self._cap, displacement, strain),
            *faces,
            self._spring_lines(look, displacement, strain) if look.springs else _nothing(2),
        )

    def _make_cut(self, look: Look) -> None:
        mesh = self.mesh
        tets, x = mesh.tets, mesh.points
        self._springs = None
        near = np.zeros_like(self._near_tc) if look.whole else self._near_tc
        surface = slicing.boundary_faces(tets, self._tet_tn, self._grain_tets, near)
        cap, trace = Cut.empty(), None
        copies: tuple[NDArray, Floats] = (self._grain_tets, self._near_tc)
        if look.whole:
            matrix = np.flatnonzero(~mesh.is_grain_tet)
            hole = slicing.boundary_faces(tets, self._tet_tn, matrix, np.zeros((len(matrix), 3)))
            height = hole.positions(x)[..., 2]
            flat = (height < 1e-6 * mesh.box[2]).all(1) | (height > (1 - 1e-6) * mesh.box[2]).all(1)
            hole = hole.taken(np.flatnonzero(~flat))  # the sides are cut anew below, straight
            copies = slicing.periodic_copies(tets, x, np.arange(len(tets)), mesh.box)
            surface = slicing.within_box(Cut.joined(surface, hole), x, mesh.box)
            surface = Cut.joined(surface, slicing.box_surface(tets, x, copies, mesh.box))
        if look.cut != "none":
            axis, sign, at = self.plane(look)
            surface = surface.clipped(x, axis, sign, at)
            if look.whole:
                cap = slicing.slice_box(tets, x, copies, mesh.box, axis, at, sign)
            else:
                cap = slicing.slice_simplices(tets, x, axis, at, sign, *copies)
            trace = slicing.slice_facets(mesh.facet_points, axis, at, self._facet_shift(look))
        self._surface, self._cap, self._trace = surface, cap, trace

    def _facet_shift(self, look: Look) -> Floats:
        """Shifts of the facets: to their particles, or into the cell."""
        return np.zeros_like(self._facet_shift_fc) if look.whole else self._facet_shift_fc

    def _patch(self, look: Look, patch: Cut, displacement: Floats, strain: Floats) -> Drawn:
        mesh = self.mesh
        x = patch.of(mesh.points + look.magnify * displacement) + patch.shift_mc[:, None]
        x[..., :2] += look.magnify * strain * patch.shift_mc[:, None, :2]
        domain = mesh.domain[patch.index]
        if look.explode:
            x += look.explode * self._outwards(domain)[:, None]
        return Drawn(x, self._colours(look, patch, domain))

    def _shell(self, look: Look) -> Drawn:
        """Outside of the particles without their inner boundaries."""
        model, outer = self.model, np.flatnonzero(~self.mesh.is_gb_facet)
        x = (self.mesh.facet_points + self._facet_shift_fc[:, None])[outer]
        x[..., :2] += look.magnify * model.strain(look.step) * self._facet_shift_fc[outer, None, :2]
        x += look.magnify * model.facet_displacement(look.step)[0][outer]
        return Drawn(x, np.broadcast_to(np.array(BLANK, np.uint8), x.shape))

    def _colours(self, look: Look, patch: Cut, domain: NDArray) -> Flags:
        model, shown = self.model, look.field
        shape = (len(patch.index), 3, 3)
        if look.on_bonds:
            return np.broadcast_to(np.array(BLANK, np.uint8), shape)
        if not shown.colours:
            colours = np.concatenate([self._grain_table[shown.key], [BLANK] * 2]).astype(np.uint8)
            return np.broadcast_to(colours[domain][:, None], shape)
        value, nodal = model.values(shown, look.step), shown.location == "node"
        at_vertex = patch.of(value) if nodal else value[patch.index]
        colour = coloured(at_vertex, model.limits(shown), table(shown.colours))
        return colour if nodal else np.broadcast_to(colour[:, None], shape)

    def _outwards(self, domain: NDArray) -> Floats:
        """Vector from the particle's centre to the centre of a grain; none for the ECBD."""
        return np.concatenate([self.model.outward_gc, np.zeros((2, 3))])[domain]

    def _facets(self, look: Look) -> tuple[Drawn, Drawn, Drawn, Drawn]:
        """Cracks, rim, borders and traces."""
        model, mesh = self.model, self.mesh
        cracks, rim, borders, traces = (_nothing(3), _nothing(3), _nothing(2), _nothing(2))
        one, other = model.facet_displacement(look.step)
        shift = self._facet_shift(look)
        strained = mesh.facet_points + shift[:, None]
        strained[..., :2] += look.magnify * model.strain(look.step) * shift[:, None, :2]
        middle = strained + look.magnify * (one + other) / 2

        if look.on_bonds:
            limits = model.limits(look.field)
            value = model.values(look.field, look.step)[mesh.facets]
            size = np.abs(value) if look.field.diverging else value
            value = np.where((size.max(axis=1) > LEAST * max(np.abs(limits)))[:, None], value, np.nan)
            colour = coloured(value, limits, table(look.field.colours))
        else:
            value = model.opening(look.step) if look.cracks else np.full(mesh.facets.shape, np.nan)
            colour = coloured(value, (0.0, model.opening_limit()), table(CRACK_MAP, CRACK_SPAN))
        open_f = ~np.isnan(value[:, 0])

        if self._trace is not None:
            trace = self._trace
            kept = open_f[trace.index]
            lines = trace.of(middle.reshape(-1, 3))
            if look.explode == 0:
                borders = Drawn(lines, np.zeros(lines.shape, np.uint8) + np.uint8(60))
                tone = np.round(trace.of(colour.reshape(-1, 3).astype(float))).astype(np.uint8)
                traces = Drawn(lines[kept], tone[kept])
        elif look.explode:
            shown = np.flatnonzero(open_f & mesh.is_gb_facet)
            sides = []
            for end, moved in ((0, one), (1, other)):
                domain = mesh.node_domain[mesh.bond_nodes[mesh.facets[shown, 0], end]]
                sides.append(
                    (strained + look.magnify * moved)[shown] + look.explode * self._outwards(domain)[:, None]
                )
            cracks = Drawn(np.concatenate(sides), np.concatenate([colour[shown]] * 2))
        elif look.ghost:
            shown = np.flatnonzero(open_f & mesh.is_gb_facet)
            cracks = Drawn(middle[shown], colour[shown])
            shown = np.flatnonzero(open_f & ~mesh.is_gb_facet)
            order = self._outward[shown]
            rim = Drawn(
                np.take_along_axis(middle[shown], order[..., None], axis=1),
                np.take_along_axis(colour[shown], order[..., None], axis=1),
            )
        return cracks, rim, borders, traces

    def _order_facets(self) -> NDArray:
        """Order of the corners that turns counter-clockwise around the bonds' normals, (n_facets, 3)."""
        mesh = self.mesh
        x = mesh.facet_points
        normal = np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0])
        back = np.einsum("fc,fc->f", normal, mesh.bond_normal[mesh.facets].sum(axis=1)) < 0
        return np.where(back[:, None], [0, 2, 1], [0, 1, 2])

    def _spring_lines(self, look: Look, displacement: Floats, strain: Floats) -> Drawn:
        """Springs of the tets at the cut; without a cut, those of the tets at the surface."""
        mesh = self.mesh
        if self._springs is None:
            patch = self._cap if look.cut != "none" else self._surface
            tet, first = np.unique(patch.index, return_index=True)
            pair = np.sort(mesh.tets[tet][:, TET_EDGES], axis=2).reshape(-1, 2)
            shift = np.repeat(patch.shift_mc[first], 6, axis=0)
            pair, once = np.unique(pair, axis=0, return_index=True)
            self._springs = pair, shift[once]
        pair, shift = self._springs
        x = (mesh.points + look.magnify * displacement)[pair] + shift[:, None]
        x[..., :2] += look.magnify * strain * shift[:, None, :2]
        if look.explode:
            node = mesh.node_of_point[pair[:, 0]]
            x += look.explode * self._outwards(mesh.node_domain[node])[:, None]
        return Drawn(x, np.zeros(x.shape, np.uint8) + np.uint8(25))


def _nothing(corners: int) -> Drawn:
    return Drawn(np.zeros((0, corners, 3)), np.zeros((0, corners, 3), np.uint8))
