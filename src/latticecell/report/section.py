"""Exact cuts of simplices by an axis-aligned plane: polygons through tets, lines through facets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Edges that the plane crosses, in order around the cut, for corners sorted "above first". The key is the
# number of corners of the simplex and how many of them lie above; three-sided cuts repeat a corner.
_CROSSED: Final = {
    (4, 1): ((0, 1), (0, 2), (0, 3), (0, 3)),
    (4, 2): ((0, 2), (0, 3), (1, 3), (1, 2)),
    (4, 3): ((0, 3), (1, 3), (2, 3), (2, 3)),
    (3, 1): ((0, 1), (0, 2)),
    (3, 2): ((0, 2), (1, 2)),
}


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a plane meets simplices: a polygon of four corners per tet, a line of two per triangle.

    Attributes
    ----------
    index : (n_cuts,) intp
        Simplex of each cut.
    ends : (n_cuts, n_corners, 2) intp
        Corners (0 to 3, or 0 to 2) of the simplex between which each corner of the cut lies.
    weight : (n_cuts, n_corners) float64
        Where between them: 0 at the first, 1 at the second.
    position : (n_cuts, n_corners, 2) float64
        In-plane coordinates of the corners, axes in ascending order.
    """

    index: NDArray[np.intp]
    ends: NDArray[np.intp]
    weight: Floats
    position: Floats

    def interpolate(self, value_sa: NDArray) -> Floats:
        """Return a field that is linear in each simplex, given at its corners, at the corners of the cuts.

        Parameters
        ----------
        value_sa : (n_simplices, 3 or 4) array

        Returns
        -------
        (n_cuts, n_corners) float64
        """
        first, second = (value_sa[self.index[:, None], self.ends[:, :, i]] for i in (0, 1))
        return first + self.weight * (second - first)


def cut(x_sac: Floats, axis: int, at: float) -> Cut:
    """Cut simplices by the plane where the coordinate ``axis`` equals ``at``.

    A corner on the plane counts as below it, so that cuts of a conforming mesh cover the plane once even
    where faces lie in it.

    Parameters
    ----------
    x_sac : (n_simplices, 3 or 4, 3) float64
        Corners of triangles or tets.
    axis : int
        0, 1 or 2.
    at : float
        Position of the plane in the unit of ``x_sac``.
    """
    n_corners = x_sac.shape[1]
    above = x_sac[:, :, axis] > at
    count = above.sum(axis=1)
    plane = [c for c in range(3) if c != axis]
    index, ends = [], []
    for k in range(1, n_corners):
        hit = np.flatnonzero(count == k)
        order = np.argsort(~above[hit], axis=1, kind="stable")
        index.append(hit)
        ends.append(order[:, np.array(_CROSSED[n_corners, k])])
    found = np.concatenate(index)
    sorting = np.argsort(found, kind="stable")
    found, corner = found[sorting], np.concatenate(ends)[sorting]
    first, second = (x_sac[found[:, None], corner[:, :, i]] for i in (0, 1))
    weight = (at - first[:, :, axis]) / (second[:, :, axis] - first[:, :, axis])
    position = (first + weight[:, :, None] * (second - first))[:, :, plane]
    return Cut(found, corner, weight, position)


def periodic_cut(x_sac: Floats, axis: int, at: float, box_c: Floats, center_c: Floats) -> Cut:
    """Cut a cell that is periodic in x and y so that the surroundings of ``center_c`` come out whole.

    Parameters
    ----------
    x_sac : (n_simplices, 3 or 4, 3) float64
        Corners; each simplex has its centroid inside the box and may reach beyond a periodic side.
    axis, at
        The plane, see `cut`.
    box_c : (3,) float64
        Edge lengths of the box.
    center_c : (3,) float64
        Cuts are moved by whole periods next to this point.
    """
    shifts = (0.0,) if axis == 2 else (0.0, -box_c[axis], box_c[axis])
    parts = [cut(x_sac, axis, at + shift) for shift in shifts]
    position = np.concatenate([part.position for part in parts])
    for slot, c in enumerate(c for c in range(3) if c != axis):
        if c == 2:
            continue
        offset = position[:, :, slot].mean(axis=1) - center_c[c]
        position[:, :, slot] -= (box_c[c] * np.round(offset / box_c[c]))[:, None]
    return Cut(
        np.concatenate([part.index for part in parts]),
        np.concatenate([part.ends for part in parts]),
        np.concatenate([part.weight for part in parts]),
        position,
    )


def polygon_area(position: Floats) -> Floats:
    """Areas of polygons, (n,), in the squared unit of ``position`` (n, corners, 2)."""
    x, y = position[:, :, 0], position[:, :, 1]
    return 0.5 * np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1))
