"""Surfaces of tets and their cuts by planes, as fixed weights on the points of the mesh.

A cut is made once, in the undeformed cell; afterwards each of its vertices is a weighted mean of the four
points of its tet (or of the three corners of its facet). Any displacement, magnification, field or time then
costs one weighted sum, and the same material is cut at all times.

Axes of names, beside those of `latticecell.network`: ``p`` point, ``v`` vertex of a triangle (3), ``e`` end
of a line (2), ``k`` corner of a tet (4) or of a facet (3), ``m`` triangle or line of the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latticecell.network import TET_FACES

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

INSET: Final = 1e-6
"""How far inside the box its sides are cut, relative: sites may lie on the sides themselves."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Triangles inside tets.

    Attributes
    ----------
    tet_m : (n,) int64
        Tet of each triangle.
    weight_mvk : (n, 3, 4) float64
        Barycentric coordinates of each vertex in its tet.
    shift_mc : (n, 3) float64
        Periodic shift of each triangle, in the unit of the points.
    """

    tet_m: Integers
    weight_mvk: Floats
    shift_mc: Floats

    @classmethod
    def empty(cls) -> Patch:
        """Return a patch without triangles."""
        return cls(np.zeros(0, np.int64), np.zeros((0, 3, 4)), np.zeros((0, 3)))

    @classmethod
    def joined(cls, *patches: Patch) -> Patch:
        """Return all triangles of several patches."""
        names = ("tet_m", "weight_mvk", "shift_mc")
        return cls(*(np.concatenate([getattr(patch, name) for patch in patches]) for name in names))

    def of(self, tet_tp: Integers, value_p: NDArray) -> NDArray:
        """Interpolate a point field to the vertices, (n, 3) or (n, 3, components)."""
        value = value_p[tet_tp[self.tet_m]]
        flat = value[..., None] if value.ndim == 2 else value
        result = np.matmul(self.weight_mvk, flat)
        return result[..., 0] if value.ndim == 2 else result

    def positions(self, tet_tp: Integers, x_pc: Floats) -> Floats:
        """Positions of the vertices, (n, 3, 3), in the unit of ``x_pc``."""
        return self.of(tet_tp, x_pc) + self.shift_mc[:, None]

    def clipped(self, tet_tp: Integers, x_pc: Floats, axis: int, sign: int, at: float) -> Patch:
        """Return what lies where ``sign * (x[axis] - at) < 0``."""
        distance = sign * (self.positions(tet_tp, x_pc)[..., axis] - at)
        parent, corner_mvj = _clip_triangles(distance)
        weight = np.matmul(corner_mvj, self.weight_mvk[parent])
        return Patch(self.tet_m[parent], weight, self.shift_mc[parent])


@dataclass(frozen=True, slots=True)
class Trace:
    """Lines where facets cross a plane: ``facet_m`` (n,) int64, ``weight_mek`` (n, 2, 3) float64."""

    facet_m: Integers
    weight_mek: Floats

    def of(self, value_fk: NDArray) -> NDArray:
        """Interpolate values at the corners of the facets to the ends, (n, 2) or (n, 2, components)."""
        value = value_fk[self.facet_m]
        flat = value[..., None] if value.ndim == 2 else value
        result = np.matmul(self.weight_mek, flat)
        return result[..., 0] if value.ndim == 2 else result


def boundary_faces(tet_tn: Integers, chosen: Integers, shift_tc: Floats) -> Patch:
    """Return the faces that belong to exactly one of the ``chosen`` tets, with the shifts of the tets.

    ``tet_tn`` are nodes, so that the periodic sides are no boundary. Grains do not share nodes, so both sides
    of every grain boundary are included.
    """
    face = np.sort(tet_tn[chosen][:, TET_FACES], axis=2).reshape(-1, 3).astype(np.int64)
    n = int(tet_tn.max()) + 1
    _, first, count = np.unique(
        (face[:, 0] * n + face[:, 1]) * n + face[:, 2], return_index=True, return_counts=True
    )
    tet, opposite = np.divmod(np.sort(first[count == 1]), 4)
    return Patch(chosen[tet], np.eye(4)[TET_FACES[opposite]], shift_tc[tet])


def nearest_image(x_xac: Floats, center_c: Floats, box_c: Floats) -> Floats:
    """Return the shifts, (n, 3), that bring simplexes (n, corners, 3) to the image next to a point."""
    shift = np.zeros((len(x_xac), 3))
    shift[:, :2] = -box_c[:2] * np.round((x_xac.mean(axis=1) - center_c)[:, :2] / box_c[:2])
    return shift


def slice_tets(
    tet_tp: Integers, x_pc: Floats, chosen: Integers, shift_tc: Floats, axis: int, sign: int, at: float
) -> Patch:
    """Cut tets by the plane ``x[axis] = at``: a triangle or two for each tet that crosses it.

    The cut belongs to the side where ``sign * (x[axis] - at) < 0``: a face that lies in the plane is taken
    from the tet on that side only.

    Parameters
    ----------
    chosen : (n,) int64
        Tets to cut.
    shift_tc : (n, 3) float64
        Periodic shift of each.
    """
    distance = sign * (x_pc[tet_tp[chosen], axis] + shift_tc[:, None, axis] - at)
    inside = distance < 0
    count = inside.sum(axis=1)
    parents, weights = [], []
    for lone in (1, 3):  # one corner on one side: a triangle
        rows = np.flatnonzero(count == lone)
        apex = np.argmax(inside[rows] if lone == 1 else ~inside[rows], axis=1)
        edges = [_crossing(distance[rows], apex, (apex + k) % 4) for k in (1, 2, 3)]
        parents.append(rows)
        weights.append(np.stack(edges, axis=1))
    rows = np.flatnonzero(count == 2)  # two and two: a quadrangle
    order = np.argsort(~inside[rows], axis=1, kind="stable")
    a, b, c, d = order.T
    quad = [_crossing(distance[rows], i, j) for i, j in ((a, c), (a, d), (b, d), (b, c))]
    for triangle in ((0, 1, 2), (0, 2, 3)):
        parents.append(rows)
        weights.append(np.stack([quad[i] for i in triangle], axis=1))
    parent = np.concatenate(parents)
    return Patch(chosen[parent], np.concatenate(weights), shift_tc[parent])


def trace_facets(x_fkc: Floats, axis: int, at: float) -> Trace:
    """Return the lines where facets cross the plane ``x[axis] = at``."""
    distance = x_fkc[..., axis] - at
    inside = distance < 0
    count = inside.sum(axis=1)
    facets, weights = [], []
    for lone in (1, 2):
        rows = np.flatnonzero(count == lone)
        apex = np.argmax(inside[rows] if lone == 1 else ~inside[rows], axis=1)
        ends = [_crossing(distance[rows], apex, (apex + k) % 3) for k in (1, 2)]
        facets.append(rows)
        weights.append(np.stack(ends, axis=1))
    return Trace(np.concatenate(facets), np.concatenate(weights))


def periodic_copies(
    tet_tp: Integers, x_pc: Floats, chosen: Integers, box_c: Floats
) -> tuple[Integers, Floats]:
    """Return ``chosen`` and the shifted copies that reach back into the box, with their shifts (n, 3)."""
    tets, shifts = [chosen], [np.zeros((len(chosen), 3))]
    for axis in (0, 1):
        for tet, shift in list(zip(tets, shifts, strict=True)):
            x = x_pc[tet_tp[tet], axis] + shift[:, None, axis]
            for step, rows in (
                (box_c[axis], np.flatnonzero(x.min(axis=1) < 0)),
                (-box_c[axis], np.flatnonzero(x.max(axis=1) > box_c[axis])),
            ):
                tets.append(tet[rows])
                moved = shift[rows].copy()
                moved[:, axis] += step
                shifts.append(moved)
    return np.concatenate(tets), np.concatenate(shifts)


def box_slice(
    tet_tp: Integers,
    x_pc: Floats,
    copies: tuple[Integers, Floats],
    box_c: Floats,
    axis: int,
    sign: int,
    at: float,
) -> Patch:
    """Cut a periodic cell by a plane, within its box; ``copies`` come from `periodic_copies`."""
    patch = slice_tets(tet_tp, x_pc, *copies, axis, sign, at)
    for side in {0, 1} - {axis}:
        patch = patch.clipped(tet_tp, x_pc, side, -1, 0.0)
        patch = patch.clipped(tet_tp, x_pc, side, 1, float(box_c[side]))
    return patch


def box_surface(tet_tp: Integers, x_pc: Floats, copies: tuple[Integers, Floats], box_c: Floats) -> Patch:
    """Return the six sides of a periodic cell, flat and within its box."""
    sides = []
    for axis in range(3):
        inset = INSET * float(box_c[axis])
        sides.append(box_slice(tet_tp, x_pc, copies, box_c, axis, -1, inset))
        sides.append(box_slice(tet_tp, x_pc, copies, box_c, axis, 1, float(box_c[axis]) - inset))
    return Patch.joined(*sides)


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
