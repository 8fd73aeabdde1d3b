"""Where the domains of labelled voxels meet: points on surfaces, lines and corners. Lengths in um."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from latticecell.arrays import Floats, Ints
from latticecell.meshing.newton import approach

if TYPE_CHECKING:
    from latticecell.meshing.voxels import VoxelGeometry

PER_SPACING: Final = 16
"""Points on surfaces per squared spacing, from which sites are chosen."""
MOST_PER_FACE: Final = 12
PITCH: Final = 0.85
"""Distance between sites along a line, in spacings."""
LINK: Final = 1.6
"""Distance, in voxels, up to which points of a line follow on each other."""
SPREAD: Final = 0.6
"""Largest offset of a first guess within a face or edge of a voxel, in voxels."""


@dataclass(frozen=True)
class Cloud:
    """Points where the domains of their rows of ``labels`` meet, (n, k), each row ascending."""

    x: Floats
    labels: Ints

    def where(self, choice: NDArray) -> Cloud:
        """Choose by a mask or indices."""
        return Cloud(self.x[choice], self.labels[choice])

    def sets(self) -> list[frozenset[int]]:
        """Labels of each point as sets; equal ones are one object."""
        rows = [tuple(row) for row in self.labels.tolist()]
        known = {row: frozenset(row) for row in set(rows)}
        return [known[row] for row in rows]

    def groups(self) -> Iterator[tuple[tuple[int, ...], Floats]]:
        """Yield the points of each set of labels."""
        rows, which = np.unique(self.labels, axis=0, return_inverse=True)
        order = np.argsort(which.ravel(), kind="stable")
        cuts = np.searchsorted(which.ravel()[order], np.arange(1, len(rows)))
        for row, own in zip(rows.tolist(), np.split(order, cuts), strict=False):
            yield tuple(row), self.x[own]


@dataclass(frozen=True)
class Features:
    """Clouds by the number of domains that meet: surfaces (2), lines (3) and corners (4)."""

    clouds: dict[int, Cloud]
    period: Floats

    def of(self, k: int) -> Cloud:
        """Points where ``k`` domains meet."""
        return self.clouds[k]

    def meeting(self, label: Sequence[int]) -> Floats | None:
        """Known points where exactly these domains meet, None if there are none."""
        return self._by_label.get(tuple(label))

    def tree(self, kinds: Sequence[int]) -> cKDTree | None:
        """Search tree of some clouds, None if they are empty."""
        x = np.concatenate([self.clouds[k].x for k in kinds])
        return periodic_tree(x, self.period) if len(x) else None

    def boundaries(self, n_grains: int) -> cKDTree | None:
        """Search tree of the points where two grains or more meet, None if there are none."""
        clouds = (self.clouds[k].where(self.clouds[k].labels[:, 1] < n_grains) for k in (2, 3, 4))
        x = np.concatenate([cloud.x for cloud in clouds])
        return periodic_tree(x, self.period) if len(x) else None

    @cached_property
    def _by_label(self) -> dict[tuple[int, ...], Floats]:
        return {label: x for cloud in self.clouds.values() for label, x in cloud.groups()}


def periodic_tree(x: Floats, period: Floats) -> cKDTree:
    """Search tree of points within the box, periodic in x and y."""
    return cKDTree(x, boxsize=[period[0], period[1], 1e6], balanced_tree=False)


def find_features(geometry: VoxelGeometry, shape: Sequence[int], rng: np.random.Generator) -> Features:
    """Find points on surfaces, lines and corners from the faces, edges and corners of voxels.

    First guesses around them are moved to where the domains meet and kept if these are the domains nearest to
    the point there.
    """
    clean = _domains_of_voxels(geometry, shape)
    cube = _cubes(clean)
    clouds = {2: _surfaces(geometry, cube, rng)}
    for k, faces in ((3, _EDGES), (4, _CORNERS)):
        guesses = []
        for axis, members in faces:
            own = np.sort(cube[..., members], axis=-1)
            at = np.argwhere((np.diff(own, axis=-1) != 0).sum(axis=-1) >= k - 1) + 1.0
            if axis is not None:
                at[:, axis] -= 0.5
            guesses += [at + rng.uniform(-SPREAD, SPREAD, at.shape) for _ in range(4)]
        x = np.concatenate(guesses) * geometry.voxel
        clouds[k] = _kept(geometry, x, geometry.fields.leading(geometry.wrap(x), k), k - 0.5)
    return Features(clouds, geometry.box[:2])


_EDGES: Final = ((0, (0, 1, 2, 3)), (1, (0, 1, 4, 5)), (2, (0, 2, 4, 6)))
"""Axis of the edges of voxels, and the voxels of a cube of eight around them."""
_CORNERS: Final = ((None, tuple(range(8))),)


def _domains_of_voxels(geometry: VoxelGeometry, shape: Sequence[int]) -> Ints:
    axes = [(np.arange(n) + 0.5) * v for n, v in zip(shape, geometry.voxel, strict=True)]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return geometry.domain(x).reshape(shape).astype(np.int32)


def _cubes(label: Ints) -> Ints:
    """The eight voxels around the upper corner of each, (nx, ny, nz - 1, 8); x and y repeat."""
    wide = np.pad(label, ((0, 1), (0, 1), (0, 0)), mode="wrap")
    ends = (slice(None, -1), slice(1, None))
    return np.stack(
        [wide[ends[i], ends[j], ends[k]] for i in (0, 1) for j in (0, 1) for k in (0, 1)], axis=-1
    )


def _surfaces(geometry: VoxelGeometry, cube: Ints, rng: np.random.Generator) -> Cloud:
    """Points on the surfaces between two domains, from the faces between their voxels."""
    h = geometry.finest / float(np.cbrt(geometry.voxel.prod()))
    repeats = int(np.clip(np.ceil(PER_SPACING / (1.5 * h * h)), 1, MOST_PER_FACE))
    guesses, labels = [], []
    for axis, other in ((0, 4), (1, 2), (2, 1)):
        a, b = cube[..., 0], cube[..., other]
        at = np.argwhere(a != b) + 0.5
        at[:, axis] += 0.5
        pair = np.stack([a[a != b], b[a != b]], axis=1)
        for _ in range(repeats):
            offset = rng.uniform(-SPREAD, SPREAD, at.shape)
            offset[:, axis] = 0
            guesses.append(at + offset)
            labels.append(pair)
    return _kept(geometry, np.concatenate(guesses) * geometry.voxel, np.concatenate(labels), 1.6)


def _kept(geometry: VoxelGeometry, x: Floats, labels: Ints, reach: float) -> Cloud:
    """Move points to where domains meet; keep those that moved by less than ``reach`` voxels and fit."""
    inside = (labels >= 0).all(axis=1) & (x[:, 2] > 0) & (x[:, 2] < geometry.interface_z)
    x, labels = x[inside], np.sort(labels[inside], axis=1).astype(np.int32)
    y, rest = approach(geometry, x, labels)
    good = rest < 0.02 * geometry.voxel.min()
    good &= np.linalg.norm((y - x) / geometry.voxel, axis=1) < reach
    good &= (y[:, 2] > 0) & (y[:, 2] < geometry.interface_z)
    y, labels = geometry.wrap(y[good]), labels[good]
    there = np.sort(geometry.fields.leading(y, labels.shape[1]), axis=1)
    return Cloud(y, labels).where((there == labels).all(axis=1))


def spread_along_lines(geometry: VoxelGeometry, lines: Cloud, corners: Cloud) -> Cloud:
    """Points evenly along each line between the corners at its ends; greedily where it ends in none.

    The length of a line is that of the shortest path through its points.
    """
    tree = periodic_tree(corners.x, geometry.box) if len(corners.x) else None
    chosen = [np.zeros(0, np.intp)]
    chosen += [_evenly(geometry, lines.x, own, arc, tree) for own, arc in _paths(geometry, lines)]
    return lines.where(np.concatenate(chosen))


def _paths(geometry: VoxelGeometry, lines: Cloud) -> Iterator[tuple[NDArray[np.intp], Floats]]:
    """Yield the connected parts of lines: their points by the distance from one end, and that distance."""
    x, n = lines.x, len(lines.x)
    if not n:
        return
    which = np.unique(lines.labels, axis=0, return_inverse=True)[1].ravel()
    period = geometry.box[:2] / geometry.voxel[:2] * (1 + 1e-12)
    place = np.column_stack([geometry.wrap(x) / geometry.voxel, which * (10 * LINK)])  # lines lie apart
    tree = cKDTree(place, boxsize=[*period, 1e6, 1e9], balanced_tree=False)
    pairs = tree.query_pairs(LINK, output_type="ndarray")
    length = np.linalg.norm(geometry.shortest(x[pairs[:, 0]] - x[pairs[:, 1]]), axis=1) + 1e-9
    graph = sp.csr_matrix((length, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    part = connected_components(graph, directed=False)[1]

    def along(start: NDArray) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp]]:
        arc = dijkstra(graph, directed=False, indices=start, min_only=True)
        order = np.lexsort((arc, part))
        return order, arc, np.flatnonzero(np.diff(part[order])) + 1

    order, _, cuts = along(np.unique(part, return_index=True)[1])
    order, arc, cuts = along(order[np.append(cuts, n) - 1])  # from the far end of each
    for own in np.split(order, cuts):
        yield own, arc[own]


def _evenly(
    geometry: VoxelGeometry, x: Floats, own: NDArray[np.intp], arc: Floats, corners: cKDTree | None
) -> NDArray[np.intp]:
    """Choose points of a line; all in order where one of its ends is no corner, for a greedy choice."""
    h = float(geometry.spacing_at(x[own[:1]])[0])
    near = 1.5 * float(geometry.voxel.max()) + 0.3 * h
    if corners is None or corners.query(x[own[[0, -1]]])[0].max() > near:
        return own
    pieces = int(np.ceil(arc[-1] / (PITCH * h)))
    wanted = arc[-1] * np.arange(1, pieces) / max(pieces, 1)
    return own[np.abs(arc[None] - wanted[:, None]).argmin(axis=1)] if pieces > 1 else own[:0]
