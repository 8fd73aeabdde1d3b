"""Cuts of tets and facets by planes, and surfaces of tets, as fixed weights on the points of the mesh.

A cut is made once, in the undeformed cell; afterwards each of its vertices is a weighted mean of the corners
of its tet or facet. Any displacement, magnification, field or time then costs one weighted sum, and the same
material is cut at all times.

Axes of names, beside those of `latticecell.network`: ``p`` point, ``s`` simplex (tet or triangle), ``k`` its
corners, ``m`` piece of a cut (a triangle of a tet, a line of a triangle), ``v`` vertex of a piece (3 or 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Floats
from latticecell.network import TET_FACES

Integers = NDArray[np.integer]

INSET: Final = 1e-6
"""How far inside the box its sides are cut, relative: sites may lie on the sides themselves."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Triangles inside tets, or lines inside triangles.

    Attributes
    ----------
    index : (n,) int64
        Simplex of each piece.
    corner_mk : (n, 4 or 3) int
        Points of that simplex.
    weight_mvk : (n, 3, 4) or (n, 2, 3) float64
        Barycentric coordinates of each vertex in its simplex.
    shift_mc : (n, 3) float64
        Periodic shift of each piece, in the unit of the points.
    """

    index: Integers
    corner_mk: Integers
    weight_mvk: Floats
    shift_mc: Floats

    @classmethod
    def empty(cls) -> Cut:
        """Return no triangles in no tets."""
        return cls(np.zeros(0, np.int64), np.zeros((0, 4), np.int64), np.zeros((0, 3, 4)), np.zeros((0, 3)))

    @classmethod
    def joined(cls, *cuts: Cut) -> Cut:
        """Return all pieces of several cuts."""
        return cls(*(np.concatenate([getattr(cut, name) for cut in cuts]) for name in cls.__slots__))

    def taken(self, rows: Integers) -> Cut:
        """Return some of the pieces."""
        return Cut(self.index[rows], self.corner_mk[rows], self.weight_mvk[rows], self.shift_mc[rows])

    def of(self, value_p: NDArray) -> NDArray:
        """Interpolate a point field to the vertices, (n, 3 or 2) or (n, 3 or 2, components)."""
        value = value_p[self.corner_mk]
        result = np.matmul(self.weight_mvk, value[..., None] if value.ndim == 2 else value)
        return result[..., 0] if value.ndim == 2 else result

    def positions(self, x_pc: Floats) -> Floats:
        """Positions of the vertices, (n, 3 or 2, 3), in the unit of ``x_pc``."""
        return self.of(x_pc) + self.shift_mc[:, None]

    def clipped(self, x_pc: Floats, axis: int, sign: int, at: float) -> Cut:
        """Return the parts of triangles where ``sign * (x[axis] - at) < 0``."""
        parent, corner_mvj = _clip_triangles(sign * (self.positions(x_pc)[..., axis] - at))
        clipped = self.taken(parent)
        weight = np.matmul(corner_mvj, clipped.weight_mvk)
        return Cut(clipped.index, clipped.corner_mk, weight, clipped.shift_mc)


def boundary_faces(tet_tp: Integers, tet_tn: Integers, chosen: Integers, shift_tc: Floats) -> Cut:
    """Return the faces that belong to exactly one of the ``chosen`` tets, with the shifts of these tets.

    ``tet_tn`` are the nodes of the tets, so that the periodic sides are no boundary. Grains do not share
    nodes, so both sides of every grain boundary are included.
    """
    face = np.sort(tet_tn[chosen][:, TET_FACES], axis=2).reshape(-1, 3).astype(np.int64)
    n = int(tet_tn.max()) + 1
    _, first, count = np.unique(
        (face[:, 0] * n + face[:, 1]) * n + face[:, 2], return_index=True, return_counts=True
    )
    tet, opposite = np.divmod(np.sort(first[count == 1]), 4)
    return Cut(chosen[tet], tet_tp[chosen[tet]], np.eye(4)[TET_FACES[opposite]], shift_tc[tet])


def nearest_image(x_skc: Floats, center_c: Floats, box_c: Floats) -> Floats:
    """Return the shifts, (n, 3), that bring simplexes (n, corners, 3) to the image next to a point."""
    shift = np.zeros((len(x_skc), 3))
    shift[:, :2] = -box_c[:2] * np.round((x_skc.mean(axis=1) - center_c)[:, :2] / box_c[:2])
    return shift


def slice_simplices(
    corner_sp: Integers,
    x_pc: Floats,
    axis: int,
    at: float,
    sign: int = -1,
    chosen: Integers | None = None,
    shift_sc: Floats | None = None,
) -> Cut:
    """Cut by the plane ``x[axis] = at``: one or two triangles in a tet that crosses it, a line in a triangle.

    The cut belongs to the side where ``sign * (x[axis] - at) < 0``: cuts of a conforming mesh cover the plane
    once even where faces lie in it, as they are taken from the simplex on that side only.

    Parameters
    ----------
    corner_sp : (n_simplices, 4 or 3) int
        Points of tets or of triangles.
    x_pc : (n_points, 3) float64
        Positions of the points.
    chosen : (n,) int64
        Simplices to cut, in any number of copies; all by default.
    shift_sc : (n, 3) float64
        Periodic shift of each of these; none by default.
    """
    chosen = np.arange(len(corner_sp)) if chosen is None else chosen
    shift = np.zeros((len(chosen), 3)) if shift_sc is None else shift_sc
    n_corners = corner_sp.shape[1]
    distance = sign * (x_pc[corner_sp[chosen], axis] + shift[:, None, axis] - at)
    inside = distance < 0
    count = inside.sum(axis=1)
    parents, weights = [], []
    for lone in (1, n_corners - 1):  # one corner on one side
        rows = np.flatnonzero(count == lone)
        apex = np.argmax(inside[rows] if lone == 1 else ~inside[rows], axis=1)
        parents.append(rows)
        edges = [_crossing(distance[rows], apex, (apex + k) % n_corners) for k in range(1, n_corners)]
        weights.append(np.stack(edges, axis=1))
    if n_corners == 4:
        rows = np.flatnonzero(count == 2)  # two and two: a quadrangle
        a, b, c, d = np.argsort(~inside[rows], axis=1, kind="stable").T
        quad = [_crossing(distance[rows], i, j) for i, j in ((a, c), (a, d), (b, d), (b, c))]
        for triangle in ((0, 1, 2), (0, 2, 3)):
            parents.append(rows)
            weights.append(np.stack([quad[i] for i in triangle], axis=1))
    parent = np.concatenate(parents)
    index = chosen[parent]
    return Cut(index, corner_sp[index], np.concatenate(weights), shift[parent])


def slice_facets(x_fkc: Floats, axis: int, at: float, shift_fc: Floats | None = None) -> Cut:
    """Return the lines where triangles cross a plane; a cut of the points ``x_fkc.reshape(-1, 3)``.

    ``cut.of(value_fk.reshape(-1))`` interpolates values at the corners of the facets.
    """
    corner = np.arange(3 * len(x_fkc)).reshape(-1, 3)
    return slice_simplices(corner, x_fkc.reshape(-1, 3), axis, at, shift_sc=shift_fc)


def triangle_area(x_mvc: Floats) -> Floats:
    """Areas of triangles in a plane, (n,), in the squared unit of ``x_mvc`` (n, 3, 2)."""
    (ax, ay), (bx, by) = ((x_mvc[:, k] - x_mvc[:, 0]).T for k in (1, 2))
    return 0.5 * np.abs(ax * by - ay * bx)


def periodic_copies(
    corner_sp: Integers, x_pc: Floats, chosen: Integers, box_c: Floats
) -> tuple[Integers, Floats]:
    """Return ``chosen`` and the shifted copies that reach back into the box, with their shifts (n, 3)."""
    tets, shifts = [chosen], [np.zeros((len(chosen), 3))]
    for axis in (0, 1):
        for tet, shift in list(zip(tets, shifts, strict=True)):
            x = x_pc[corner_sp[tet], axis] + shift[:, None, axis]
            for step, rows in (
                (box_c[axis], np.flatnonzero(x.min(axis=1) < 0)),
                (-box_c[axis], np.flatnonzero(x.max(axis=1) > box_c[axis])),
            ):
                tets.append(tet[rows])
                moved = shift[rows].copy()
                moved[:, axis] += step
                shifts.append(moved)
    return np.concatenate(tets), np.concatenate(shifts)


def slice_box(
    corner_sp: Integers,
    x_pc: Floats,
    copies: tuple[Integers, Floats],
    box_c: Floats,
    axis: int,
    at: float,
    sign: int,
) -> Cut:
    """Cut a periodic cell by a plane, within its box; ``copies`` come from `periodic_copies`."""
    cut = slice_simplices(corner_sp, x_pc, axis, at, sign, *copies)
    for side in {0, 1} - {axis}:
        cut = cut.clipped(x_pc, side, -1, 0.0).clipped(x_pc, side, 1, float(box_c[side]))
    return cut


def within_box(cut: Cut, x_pc: Floats, box_c: Floats) -> Cut:
    """Return the parts of triangles of a periodic cell within its box, with those that reach into it."""
    for axis in (0, 1):
        x = cut.positions(x_pc)[..., axis]
        low, high = x.min(axis=1), x.max(axis=1)
        parts = [cut]
        for step, rows in ((box_c[axis], low < 0), (-box_c[axis], high > box_c[axis])):
            part = cut.taken(np.flatnonzero(rows))
            parts.append(
                Cut(part.index, part.corner_mk, part.weight_mvk, part.shift_mc + step * np.eye(3)[axis])
            )
        if any(len(part.index) for part in parts[1:]):
            whole = Cut.joined(*parts)
            cut = whole.clipped(x_pc, axis, -1, 0.0).clipped(x_pc, axis, 1, float(box_c[axis]))
    return cut


def box_surface(corner_sp: Integers, x_pc: Floats, copies: tuple[Integers, Floats], box_c: Floats) -> Cut:
    """Return the six sides of a periodic cell, flat and within its box."""
    sides = []
    for axis in range(3):
        inset = INSET * float(box_c[axis])
        for at, sign in ((inset, -1), (float(box_c[axis]) - inset, 1)):
            sides.append(slice_box(corner_sp, x_pc, copies, box_c, axis, at, sign))
    return Cut.joined(*sides)


def _crossing(distance_mk: Floats, i: Integers, j: Integers) -> Floats:
    """Barycentric coordinates of the point between corners ``i`` and ``j`` where the distance vanishes."""
    row = np.arange(len(distance_mk))
    a, b = distance_mk[row, i], distance_mk[row, j]
    weight = np.zeros_like(distance_mk)
    weight[row, i] = b / (b - a)
    weight[row, j] = -a / (b - a)
    return weight


def _clip_triangles(distance_mv: Floats) -> tuple[Integers, Floats]:
    """Keep the negative side: parents of the new triangles, and their vertices in the old, (n, 3, 3)."""
    inside = distance_mv < 0
    count = inside.sum(axis=1)
    whole = np.flatnonzero(count == 3)
    parents: list[Integers] = [whole]
    weights: list[Floats] = [np.broadcast_to(np.eye(3), (len(whole), 3, 3))]
    unit = np.eye(3)
    for kept in (1, 2):
        rows = np.flatnonzero(count == kept)
        apex = np.argmax(inside[rows] if kept == 1 else ~inside[rows], axis=1)
        left, right = (apex + 1) % 3, (apex + 2) % 3
        cut_left = _crossing(distance_mv[rows], apex, left)
        cut_right = _crossing(distance_mv[rows], apex, right)
        if kept == 1:
            parents.append(rows)
            weights.append(np.stack([unit[apex], cut_left, cut_right], axis=1))
        else:
            parents += [rows, rows]
            weights.append(np.stack([cut_left, unit[left], unit[right]], axis=1))
            weights.append(np.stack([cut_left, unit[right], cut_right], axis=1))
    return np.concatenate(parents), np.concatenate(weights)
