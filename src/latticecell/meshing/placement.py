"""Placement of sites: corners, lines, surfaces, then the interior, each rejecting what is too close."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from latticecell._kernels import placement as kernel
from latticecell.arrays import Bools, Floats, Ints
from latticecell.meshing.geometry import CellGeometry
from latticecell.microstructure import voronoi_polygons

Label = AbstractSet[int]

CORNER, LINE, SURFACE, PLANE, INTERIOR = 0.4, 0.5, 0.68, 0.7, 0.8
CLEARANCE = 0.6
"""Least distances, in units of the spacing, between sites, and of interior sites from features."""


class Sites:
    """A growing set of sites: position, spacing, dimension of the feature, and domains.

    ``feature`` holds the domains that define the feature a site lies on; ``labels`` may hold more, taken
    over from sites that were rejected because this one was too close. ``grain`` holds the lowest three grains
    of the feature, -1 where there are fewer. ``margin`` is the width of the strip
    of periodic images, in units of the spacing, that was last found to suffice.
    """

    def __init__(self, geometry: CellGeometry):
        self.geometry = geometry
        self.x = np.zeros((0, 3))
        self.h = np.zeros(0)
        self.dim = np.zeros(0, np.int32)
        self.labels: list[set[int]] = []
        self.feature: list[frozenset[int]] = []
        self.grain = np.zeros((0, 3), np.int32)
        self.margin = 2.5

    def __len__(self) -> int:
        return len(self.x)

    def blocked(self, x: Floats, h: Floats, alpha: float, among: NDArray[np.integer] | None = None) -> Ints:
        """Greedy insertion of ``x`` after the sites ``among``; -1 where accepted, else the blocker."""
        old, old_h = (self.x, self.h) if among is None else (self.x[among], self.h[among])
        box = self.geometry.box
        every = np.ascontiguousarray(np.concatenate([old, x]))
        reach = alpha * np.concatenate([old_h, h])
        cells = np.maximum(1, (box / self.geometry.spacing).astype(np.int32)).astype(np.int32)
        blocker = np.empty(len(every), np.int32)
        kernel.insert_greedily(
            every, reach, box, cells, len(old), np.full(int(np.prod(cells)), -1, np.int32),
            np.empty(len(every), np.int32), out=np.empty(len(every), np.uint8), blocker=blocker,
        )  # fmt: skip
        return blocker[len(old) :]

    def append(self, x: Floats, dim: int, labels: Sequence[Label]) -> None:
        """Add sites without any check."""
        self.x = np.concatenate([self.x, x])
        self.h = np.concatenate([self.h, self.geometry.spacing_at(x)])
        self.dim = np.concatenate([self.dim, np.full(len(x), dim, np.int32)])
        self.labels += [set(label) for label in labels]
        self.feature += [frozenset(label) for label in labels]
        own = [sorted(g for g in label if g < self.geometry.n_grains)[:3] for label in labels]
        grain = np.array([g + [-1] * (3 - len(g)) for g in own], np.int32).reshape(-1, 3)
        self.grain = np.concatenate([self.grain, grain])

    def add(self, x: Floats, dim: int, labels: Sequence[Label], alpha: float, inherit: bool = False) -> None:
        """Add candidates that keep their distance; ``inherit`` hands labels of the others to the blocker."""
        if not len(x):
            return
        x = self.geometry.wrap(x)
        n = len(self)
        blocker = self.blocked(x, self.geometry.spacing_at(x), alpha)
        accepted = np.flatnonzero(blocker < 0)
        self.append(x[accepted], dim, [labels[int(i)] for i in accepted])
        if inherit:
            index = np.concatenate([np.arange(n), np.full(len(x), -1)])
            index[n + accepted] = n + np.arange(len(accepted))
            for i in np.flatnonzero(blocker >= 0):
                k = index[blocker[i]]
                if self.geometry.same_body(self.x[k], self.feature[k], x[i], labels[int(i)]):
                    self.labels[k] |= labels[int(i)]

    def keep(self, mask: Bools) -> None:
        """Delete the sites outside ``mask``."""
        self.x, self.h, self.dim, self.grain = self.x[mask], self.h[mask], self.dim[mask], self.grain[mask]
        index = np.flatnonzero(mask)
        self.labels = [self.labels[i] for i in index]
        self.feature = [self.feature[i] for i in index]


class _Candidates:
    """Points with labels, collected before insertion."""

    def __init__(self) -> None:
        self.x: list[Floats] = []
        self.labels: list[Label] = []

    def extend(self, x: Floats, label: Label) -> None:
        self.x.append(x)
        self.labels += [label] * len(x)

    def array(self) -> Floats:
        return np.concatenate([np.zeros((0, 3)), *self.x])


def place_sites(geometry: CellGeometry, rng: np.random.Generator) -> Sites:
    """Place all sites."""
    sites = Sites(geometry)
    corners, lines, surfaces = _Candidates(), _Candidates(), _Candidates()
    for p in range(len(geometry.radius)):
        _particle_features(geometry, p, rng, corners, lines, surfaces)
    # The sphere comes first: what lies too close below it is collapsed onto it, never the reverse.
    for on_sphere in (True, False):
        for some, dim, alpha in ((corners, 0, CORNER), (lines, 1, LINE)):
            own = [i for i, label in enumerate(some.labels) if (geometry.ecbd in label) == on_sphere]
            sites.add(some.array()[own], dim, [some.labels[i] for i in own], alpha, inherit=True)
    order = rng.permutation(len(surfaces.labels))
    sites.add(surfaces.array()[order], 2, [surfaces.labels[i] for i in order], SURFACE)
    ecbd, separator = geometry.ecbd, geometry.separator
    planes: tuple[tuple[float, Label], ...] = (
        (0.0, {ecbd}), (geometry.interface_z, {ecbd, separator}), (float(geometry.box[2]), {separator}),
    )  # fmt: skip
    for z, label in planes:
        below = np.concatenate([geometry.center[:, :2], np.full((len(geometry.center), 1), z)], axis=1)
        n = int(40 * geometry.box[0] * geometry.box[1] / geometry.spacing_at(below).min() ** 2)
        x = np.column_stack([rng.random((n, 2)) * geometry.box[:2], np.full(n, z)])
        sites.add(x, 2, [label] * n, PLANE)
    _fill(sites, rng)
    return sites


def _fill(sites: Sites, rng: np.random.Generator) -> None:
    """Fill the volume: 15 candidates per cube of the local spacing, drawn cell by cell of a coarse grid."""
    geometry = sites.geometry
    n_c = np.maximum(1, np.ceil(geometry.box / (2 * geometry.spacing)).astype(int))
    size = geometry.box / n_c
    corner = np.stack(np.meshgrid(*map(np.arange, n_c), indexing="ij"), axis=-1).reshape(-1, 3) * size
    reach = geometry.growth * 0.5 * float(np.linalg.norm(size))  # the spacing varies by no more within a cell
    least = np.maximum(geometry.spacing, geometry.spacing_at(corner + 0.5 * size) - reach)
    cell = np.repeat(np.arange(len(corner)), rng.poisson(15 * np.prod(size) / least**3))
    x = corner[cell] + rng.random((len(cell), 3)) * size
    x = x[rng.random(len(x)) < (least[cell] / geometry.spacing_at(x)) ** 3]
    x = rng.permutation(x[geometry.feature_distance(x) > CLEARANCE * geometry.spacing_at(x)])
    sites.add(x, 3, [{int(d)} for d in geometry.domain(x)], INTERIOR)


def _particle_features(
    geometry: CellGeometry,
    p: int,
    rng: np.random.Generator,
    corners: _Candidates,
    lines: _Candidates,
    surfaces: _Candidates,
) -> None:
    """Voronoi vertices, edges clipped by the sphere, arcs, boundary polygons and the sphere."""
    center, radius, h = geometry.center[p], geometry.radius[p], geometry.spacing
    first = int(geometry.first[p])
    seed = geometry.seed[geometry.particle == p]
    ridges, vertex_vc = voronoi_polygons(seed, radius)
    edges: dict[tuple[int, int], set[int]] = {}
    vertices: dict[int, set[int]] = {}
    for a, b, polygon in ridges:
        for i, j in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            edges.setdefault((min(i, j), max(i, j)), set()).update((first + a, first + b))
    for edge, label in edges.items():
        for i in edge:
            vertices.setdefault(i, set()).update(label)
    for i, label in vertices.items():
        if np.linalg.norm(vertex_vc[i]) < radius:
            corners.extend(center + vertex_vc[i : i + 1], label)
    for (i, j), label in edges.items():
        start, d = vertex_vc[i], vertex_vc[j] - vertex_vc[i]
        a, b, c = d @ d, start @ d, start @ start - radius**2
        root = b * b - a * c
        if a == 0 or root <= 0:
            continue
        cut = (-b + np.array([-1, 1]) * np.sqrt(root)) / a
        if cut[0] >= 1 or cut[1] <= 0:
            continue
        for t in cut[(cut > 0) & (cut < 1)]:
            corners.extend((center + start + t * d)[None], label | {geometry.ecbd})
        lo, hi = max(cut[0], 0), min(cut[1], 1)
        m = int(np.ceil((hi - lo) * np.sqrt(a) / h / 0.85))
        t = lo + (hi - lo) * np.arange(1, m) / max(m, 1)
        lines.extend(center + start + t[:, None] * d, label)
    for a_, b_, polygon in ridges:
        _boundary(geometry, p, (a_, b_), vertex_vc[polygon], rng, lines, surfaces)
    y = rng.normal(size=(int(40 * 4 * np.pi * radius**2 / h**2), 3))
    y *= radius / np.linalg.norm(y, axis=1)[:, None]
    grain = first + geometry.trees[p].query(y)[1]
    surfaces.x.append(center + y)
    label_of = [{g, geometry.ecbd} for g in range(first + len(seed))]
    surfaces.labels += [label_of[g] for g in grain.tolist()]


def _boundary(
    geometry: CellGeometry,
    p: int,
    pair: tuple[int, int],
    polygon: Floats,
    rng: np.random.Generator,
    lines: _Candidates,
    surfaces: _Candidates,
) -> None:
    """Arcs where a grain boundary meets the sphere, and points on the boundary itself."""
    center, radius, h = geometry.center[p], geometry.radius[p], geometry.spacing
    tree, first = geometry.trees[p], int(geometry.first[p])
    sa, sb = tree.data[pair[0]], tree.data[pair[1]]
    normal = (sb - sa) / np.linalg.norm(sb - sa)
    height = 0.5 * (sa + sb) @ normal
    if abs(height) >= radius:
        return
    disc = float(np.sqrt(radius**2 - height**2))
    e = np.cross(normal, [1.0, 0, 0] if abs(normal[0]) < 0.8 else [0, 1.0, 0])
    e /= np.linalg.norm(e)
    axes = np.stack([e, np.cross(normal, e)])
    label = {first + pair[0], first + pair[1]}
    flat = polygon @ axes.T
    side = np.roll(flat, -1, axis=0) - flat
    outward = np.stack([side[:, 1], -side[:, 0]], axis=1)
    size = np.linalg.norm(outward, axis=1)
    outward = outward[size > 0] / size[size > 0, None]
    reach = np.einsum("ij,ij->i", outward, flat[size > 0])
    if (outward @ flat.mean(axis=0)).sum() > reach.sum():
        outward, reach = -outward, -reach

    def inside(y: Floats) -> Bools:
        return (y @ outward.T < reach).all(axis=1)

    def circle(t: Floats) -> Floats:
        return disc * np.stack([np.cos(t), np.sin(t)], axis=1)

    def there(y: Floats) -> Floats:
        return center + height * normal + y @ axes

    for start, end in _arcs(outward, reach, disc, inside, circle):
        whole = end - start == 2 * np.pi
        q = (
            max(3, round((end - start) * disc / h))
            if whole
            else int(np.ceil((end - start) * disc / h / 0.85))
        )
        t = start + (end - start) * (
            np.arange(1.0, q) / q if not whole else (np.arange(float(q)) + rng.random()) / q
        )
        lines.extend(there(circle(t)), label | {geometry.ecbd})
    lo, hi = np.maximum(flat.min(axis=0), -disc), np.minimum(flat.max(axis=0), disc)
    if (hi > lo).all():
        y = lo + (hi - lo) * rng.random((int(40 * np.prod(hi - lo) / h**2) + 20, 2))
        y = y[(y**2).sum(axis=1) < disc**2]
        surfaces.extend(there(y[inside(y)]), label)


def _arcs(
    outward: Floats, reach: Floats, disc: float, inside: Callable[[Floats], Bools],
    circle: Callable[[Floats], Floats],
) -> list[tuple[float, float]]:  # fmt: skip
    """Angles between which a circle around the origin runs inside a convex polygon."""
    cut = np.abs(reach) < disc
    middle, half = np.arctan2(outward[cut, 1], outward[cut, 0]), np.arccos(reach[cut] / disc)
    angle = np.unique(np.concatenate([middle - half, middle + half]) % (2 * np.pi))
    if not len(angle):
        return [(0.0, 2 * np.pi)] if inside(circle(np.zeros(1)))[0] else []
    end = np.append(angle[1:], angle[0] + 2 * np.pi)
    within = inside(circle(0.5 * (angle + end)))
    origin = int(np.argmin(within))
    angle = np.where(np.arange(len(angle)) < origin, angle + 2 * np.pi, angle)
    angle, within = np.roll(angle, -origin), np.roll(within, -origin)
    change = np.diff(np.concatenate([[0], within.astype(int), [0]]))
    angle = np.append(angle, angle[0] + 2 * np.pi)
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    return [(float(angle[u]), float(angle[w])) for u, w in zip(starts, ends, strict=True)]
