"""Spheres with Voronoi grains: domains, and the features that sites are placed on. Lengths in um."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from latticecell.arrays import Bools, Floats, Ints
from latticecell.meshing.geometry import (
    ALONG_LINE,
    CORNER,
    FREE,
    IN_PLANE,
    LINE,
    ON_CIRCLE,
    ON_SPHERE,
    SURFACE,
    UM,
    Batch,
    CellGeometry,
    Constraints,
    Indices,
    Label,
)
from latticecell.microstructure import Microstructure, voronoi_polygons

if TYPE_CHECKING:
    from latticecell.meshing.placement import Sites

NEIGHBOURS = 12  # seeds that are looked at for the nearest grain boundary


class SphereGeometry(CellGeometry):
    """Spherical particles cut into grains by the Voronoi tessellation of their seeds."""

    def __init__(self, micro: Microstructure, spacing: float, spacing_max: float, growth: float):
        super().__init__(
            micro.box_c / UM, micro.interface_z / UM, micro.particle_g, spacing / UM, spacing_max / UM, growth
        )
        self.center = micro.center_pc / UM
        self.radius = micro.radius_p / UM
        self.seed = micro.seed_gc / UM
        turn = np.arange(float(NEIGHBOURS))
        far = 1e6 * np.stack([np.cos(turn), np.sin(turn), turn - 5.5], axis=1)
        self.first = np.searchsorted(self.particle, np.arange(len(self.radius)))
        self.trees = []
        for p in range(len(self.radius)):
            self.trees.append(cKDTree(np.concatenate([self.seed[self.particle == p], far])))

    def locate(self, x: Floats) -> tuple[Floats, Indices, Floats]:
        """Signed distance to the nearest particle (negative inside), that particle, and x relative to it."""
        depth = np.full(len(x), np.inf)
        which = np.zeros(len(x), np.intp)
        relative = np.zeros((len(x), 3))
        for p, (center, radius) in enumerate(zip(self.center, self.radius, strict=True)):
            r = self.shortest(x - center)
            d = np.linalg.norm(r, axis=1) - radius
            closer = d < depth
            depth[closer], which[closer], relative[closer] = d[closer], p, r[closer]
        return depth, which, relative

    def same_body(self, x: Floats, labels: Label, y: Floats, others: Label) -> bool:
        """Whether points of two sets of domains belong to the same image of the same particle."""
        one, other = min(labels), min(others)
        if max(one, other) >= self.n_grains or self.particle[one] != self.particle[other]:
            return False
        center = self.center[self.particle[one]]
        apart = self.shortest(x - center) - self.shortest(y - center)
        return bool((np.abs(apart[:2]) < self.box[:2] / 2).all())

    @property
    def volume_p(self) -> Floats:
        """Volumes of the spheres."""
        return np.array([4 / 3 * np.pi * radius**3 for radius in self.radius])

    def depth(self, x: Floats) -> Floats:
        """Signed distance to the nearest sphere, negative inside."""
        return self.locate(x)[0]

    def least_spacing(self, z: float) -> float:
        """Least wanted distance between sites on a z-plane: below or above the centres."""
        below = np.concatenate([self.center[:, :2], np.full((len(self.center), 1), z)], axis=1)
        return float(self.spacing_at(below).min())

    def nearest_grains(self, which: Indices, relative: Floats, k: int) -> tuple[Floats, Indices]:
        """Distances to the nearest ``k`` seeds of the particle, and their grains (-1: no such grain)."""
        distance = np.empty((len(which), k))
        grain = np.empty((len(which), k), np.intp)
        for p, tree in enumerate(self.trees):
            own = np.flatnonzero(which == p)
            d, i = tree.query(relative[own], k=range(1, k + 1))
            distance[own] = d
            grain[own] = np.where(i < np.count_nonzero(self.particle == p), i + self.first[p], -1)
        return distance, grain

    def domain(self, x: Floats) -> Indices:
        """Domain that contains each point."""
        depth, which, relative = self.locate(x)
        domain = np.where(x[:, 2] < self.interface_z, self.ecbd, self.separator)
        inside = depth < 0
        domain[inside] = self.nearest_grains(which[inside], relative[inside], 1)[1][:, 0]
        return domain

    def feature_distance(self, x: Floats) -> Floats:
        """Distance to the nearest sphere, grain boundary or z-plane."""
        depth, which, relative = self.locate(x)
        planes = np.array([0.0, self.interface_z, self.box[2]])
        distance = np.minimum(np.abs(depth), np.abs(x[:, 2:] - planes).min(axis=1))
        inside = np.flatnonzero(depth < 0)
        if len(inside):
            d, g = self.nearest_grains(which[inside], relative[inside], NEIGHBOURS)
            apart = np.linalg.norm(self.seed[g[:, 1:]] - self.seed[g[:, :1]], axis=2)
            there = g[:, 1:] >= 0
            gap = np.full(there.shape, np.inf)
            np.divide(d[:, 1:] ** 2 - d[:, :1] ** 2, 2 * apart, out=gap, where=there)
            distance[inside] = np.minimum(distance[inside], gap.min(axis=1))
        return distance

    def project(self, x: Floats, labels: Sequence[Label]) -> Floats:
        """Closest points where the closures of all the domains of each label meet (Gauss-Newton)."""
        return np.array([self._project(*one) for one in zip(x, labels, strict=True)]).reshape(-1, 3)

    def _project(self, x: Floats, labels: Label, iterations: int = 6) -> Floats:
        grains = sorted(g for g in labels if g < self.n_grains)
        x = np.array(x, float)
        p = self.particle[grains[0]] if grains else 0
        for _ in range(iterations):
            residual, rows = [], []
            r = self.shortest(x - self.center[p])
            for g in grains[1:]:
                n = self.seed[g] - self.seed[grains[0]]
                n = n / np.linalg.norm(n)
                residual.append(n @ (0.5 * (self.seed[g] + self.seed[grains[0]]) - r))
                rows.append(n)
            if grains and self.ecbd in labels:
                size = np.linalg.norm(r)
                residual.append(self.radius[p] - size)
                rows.append(r / size)
            if self.ecbd in labels and self.separator in labels:
                residual.append(self.interface_z - x[2])
                rows.append(np.array([0.0, 0.0, 1.0]))
            if not rows:
                break
            x += np.linalg.lstsq(np.array(rows), np.array(residual), rcond=1e-3)[0]
        return x

    def candidates(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Candidates on corners, lines and surfaces, in the order of their precedence.

        The sphere comes first: what lies too close below it is collapsed onto it, never the reverse.
        """
        corners, lines, surfaces = _Candidates(), _Candidates(), _Candidates()
        for p in range(len(self.radius)):
            _particle_features(self, p, rng, corners, lines, surfaces)
        for on_sphere in (True, False):
            for some, dim, reach in ((corners, 0, CORNER), (lines, 1, LINE)):
                own = [i for i, label in enumerate(some.labels) if (self.ecbd in label) == on_sphere]
                yield Batch(some.array()[own], dim, [some.labels[i] for i in own], reach, inherit=True)
        order = rng.permutation(len(surfaces.labels))
        yield Batch(surfaces.array()[order], 2, [surfaces.labels[i] for i in order], SURFACE)

    def constraints(self, sites: Sites) -> Constraints:
        """How each site may move along its feature."""
        n = len(sites)
        kind, axis = np.zeros(n, np.int32), np.zeros((n, 3))
        center, radius = np.zeros((n, 3)), np.zeros(n)
        grain, count = sites.grain, (sites.grain >= 0).sum(axis=1)
        surface = np.array([self.ecbd in f for f in sites.feature])
        first = np.maximum(grain[:, 0], 0)
        in_particle = (sites.dim < 3) & (count > 0)
        origin = sites.x - self.shortest(sites.x - self.center[self.particle[first]])
        seed = self.seed[np.maximum(grain, 0)]
        normal = _unit(seed[:, 1] - seed[:, 0])
        height = 0.5 * np.einsum("kc,kc->k", seed[:, 0] + seed[:, 1], normal)

        kind[sites.dim == 3] = FREE
        plane = (sites.dim == 2) & (count == 0)
        kind[plane], axis[plane] = IN_PLANE, (0, 0, 1)
        sphere = in_particle & surface
        center[sphere], radius[sphere] = origin[sphere], self.radius[self.particle[first[sphere]]]
        kind[sphere & (sites.dim == 2)] = ON_SPHERE
        circle = sphere & (sites.dim == 1)
        kind[circle], axis[circle] = ON_CIRCLE, normal[circle]
        center[circle] += height[circle, None] * normal[circle]
        radius[circle] = np.sqrt(np.maximum(radius[circle] ** 2 - height[circle] ** 2, 0))
        boundary = in_particle & ~surface & (sites.dim == 2)
        kind[boundary], axis[boundary] = IN_PLANE, normal[boundary]
        line = in_particle & ~surface & (sites.dim == 1)
        kind[line] = ALONG_LINE
        axis[line] = _unit(np.cross(seed[line, 1] - seed[line, 0], seed[line, 2] - seed[line, 0]))
        return Constraints(kind, axis, center, radius)

    def strayed(self, sites: Sites, y: Floats, kind: Ints) -> Bools:
        """Surface sites that that would leave, or crowd the rim of, their grain boundary or patch."""
        grain = sites.grain
        surface = np.flatnonzero(
            (sites.dim == 2) & (grain[:, 0] >= 0) & ((kind == IN_PLANE) | (kind == ON_SPHERE))
        )
        left = np.zeros(len(sites), bool)
        if not len(surface):
            return left
        depth, which, relative = self.locate(y[surface])
        distance, near = self.nearest_grains(which, relative, 3)
        h, sphere = sites.h[surface], kind[surface] == ON_SPHERE
        own = grain[surface, :2]
        on_sphere = (near[:, 0] == own[:, 0]) & (distance[:, 1] - distance[:, 0] > 0.45 * h)
        on_plane = (np.sort(near[:, :2], axis=1) == own).all(axis=1) & (
            distance[:, 2] - distance[:, 1] > 0.3 * h
        )
        left[surface] = ~np.where(sphere, on_sphere, on_plane & (-depth > 0.45 * h))
        return left

    def swelling(self, x: Floats, particle: int, volume: float, slope: Floats) -> Floats:
        """Radial displacement by one factor."""
        ratio = self.volume_p[particle] / volume
        return (ratio ** (1 / 3) - 1) * self.shortest(x - self.center[particle])


def _unit(vector: Floats) -> Floats:
    return vector / np.maximum(np.linalg.norm(vector, axis=1), 1e-300)[:, None]


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


def _particle_features(
    geometry: SphereGeometry,
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
    geometry: SphereGeometry,
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
