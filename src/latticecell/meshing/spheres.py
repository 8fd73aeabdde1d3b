"""Spheres with Voronoi or Laguerre grains: domains, and features that sites are placed on. Lengths in um.

Each cavity or void counts as one more grain of its particle while a network is made; they are its last ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from latticecell.arrays import Bools, Floats, Ints
from latticecell.grains.tessellation import plane_heights, polygons
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
    Grading,
    Indices,
    Label,
)
from latticecell.microstructure import Microstructure

if TYPE_CHECKING:
    from latticecell.meshing.placement import Sites

NEIGHBOURS = 12  # seeds that are looked at for the nearest grain boundary


class SphereGeometry(CellGeometry):
    """Spherical particles cut into grains by the Laguerre tessellation of their seeds, around cavities."""

    def __init__(self, micro: Microstructure, grading: Grading):
        count = np.bincount(micro.particle_g, minlength=len(micro.radius_p))
        owner, void_center, void_radius = micro.empty
        ends = np.cumsum(count)[owner]
        particle = np.insert(micro.particle_g, ends, owner)
        super().__init__(micro.box_c / UM, micro.interface_z / UM, particle, grading)
        self.center = micro.center_pc / UM
        self.radius = micro.radius_p / UM
        self.voids = ends + np.arange(len(ends))
        self.hollow[self.voids] = True
        self.void_center, self.void_radius = np.zeros((self.n_grains, 3)), np.zeros(self.n_grains)
        self.void_center[self.voids], self.void_radius[self.voids] = void_center / UM, void_radius / UM
        self.seed, self.weight = np.zeros((self.n_grains, 3)), np.zeros(self.n_grains)
        self.seed[~self.hollow], self.weight[~self.hollow] = micro.seed_gc / UM, micro.weight_g / UM**2
        self.first = np.searchsorted(self.particle, np.arange(len(self.radius)))
        self.count = count
        # With weights, seeds stand off in one more dimension, see `LaguerreCells`.
        turn = np.arange(float(NEIGHBOURS))
        far = 1e6 * np.stack([np.cos(turn), np.sin(turn), turn - 5.5], axis=1)
        self.trees = []
        for p in range(len(self.radius)):
            own = slice(self.first[p], self.first[p] + count[p])
            weight = self.weight[own]
            offset = np.sqrt(np.append(weight.max() - weight, np.zeros(NEIGHBOURS)))[:, None]
            every = np.concatenate([self.seed[own], far])
            self.trees.append(cKDTree(np.concatenate([every, offset[:, : self._extra]], axis=1)))

    @property
    def _extra(self) -> int:
        """How many coordinates more than three the seeds have in the trees."""
        return int(self.weight.any())

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

    @property
    def volume_h(self) -> Floats:
        """Volumes of cavities and voids."""
        return 4 / 3 * np.pi * self.void_radius[self.voids] ** 3

    def depth(self, x: Floats) -> Floats:
        """Signed distance to the nearest sphere, negative inside."""
        return self.locate(x)[0]

    def least_spacing(self, z: float) -> float:
        """Least wanted distance between sites on a z-plane: below or above the centres."""
        below = np.concatenate([self.center[:, :2], np.full((len(self.center), 1), z)], axis=1)
        return min(self.spacing_max, self.finest + self.growth * max(float(self.depth(below).min()), 0.0))

    def nearest_grains(self, which: Indices, relative: Floats, k: int) -> tuple[Floats, Indices]:
        """Distances to the nearest ``k`` seeds of the particle, and their grains (-1: no such grain).

        With weights, the squares of the distances are powers and a constant.
        """
        distance = np.empty((len(which), k))
        grain = np.empty((len(which), k), np.intp)
        for p, tree in enumerate(self.trees):
            own = np.flatnonzero(which == p)
            flat = np.zeros((len(own), self._extra))
            d, i = tree.query(np.concatenate([relative[own], flat], axis=1), k=range(1, k + 1))
            distance[own] = d
            grain[own] = np.where(i < self.count[p], i + self.first[p], -1)
        return distance, grain

    def domain(self, x: Floats) -> Indices:
        """Domain that contains each point."""
        depth, which, relative = self.locate(x)
        domain = np.where(x[:, 2] < self.interface_z, self.ecbd, self.separator)
        inside = depth < 0
        domain[inside] = self.nearest_grains(which[inside], relative[inside], 1)[1][:, 0]
        for void in self.voids:
            domain[self._above(void, which, relative) < 0] = void
        return domain

    def _above(self, void: int, which: Indices, relative: Floats) -> Floats:
        """Signed distance from a void, negative inside; inf in other particles."""
        above = np.linalg.norm(relative - self.void_center[void], axis=1) - self.void_radius[void]
        return np.where(which == self.particle[void], above, np.inf)

    def feature_distance(self, x: Floats) -> Floats:
        """Distance to the nearest sphere, grain boundary or z-plane; in voids to their surface."""
        depth, which, relative = self.locate(x)
        planes = np.array([0.0, self.interface_z, self.box[2]])
        distance = np.minimum(np.abs(depth), np.abs(x[:, 2:] - planes).min(axis=1))
        inside = np.flatnonzero(depth < 0)
        if len(inside):
            gap = self._nearest_boundary(which[inside], relative[inside])
            distance[inside] = np.minimum(distance[inside], gap)
        for void in self.voids:
            above = self._above(void, which, relative)
            distance = np.where(above < 0, -above, np.minimum(distance, above))
        return distance

    def boundary_distance(self, x: Floats) -> Floats:
        """Distance to the nearest grain boundary; outside of a particle to where that meets its surface."""
        depth, which, relative = self.locate(x)
        outside = np.maximum(depth, 0)
        radius = self.radius[which]
        return np.hypot(
            outside, self._nearest_boundary(which, relative * (radius / (radius + outside))[:, None])
        )

    def _nearest_boundary(self, which: Indices, relative: Floats) -> Floats:
        """Distance of points from the planes of the cell of their particle that they lie in."""
        d, g = self.nearest_grains(which, relative, NEIGHBOURS)
        apart = np.linalg.norm(self.seed[g[:, 1:]] - self.seed[g[:, :1]], axis=2)
        there = g[:, 1:] >= 0
        gap = np.full(there.shape, np.inf)
        np.divide(d[:, 1:] ** 2 - d[:, :1] ** 2, 2 * apart, out=gap, where=there)
        return gap.min(axis=1)

    def project(self, x: Floats, labels: Sequence[Label]) -> Floats:
        """Closest points where the closures of all the domains of each label meet (Gauss-Newton)."""
        return np.array([self._project(*one) for one in zip(x, labels, strict=True)]).reshape(-1, 3)

    def _project(self, x: Floats, labels: Label, iterations: int = 6) -> Floats:
        within = sorted(g for g in labels if g < self.n_grains)
        grains = [g for g in within if not self.hollow[g]]
        x = np.array(x, float)
        p = self.particle[within[0]] if within else 0
        spheres = [(np.zeros(3), self.radius[p])] * (len(within) > 0 and self.ecbd in labels)
        spheres += [(self.void_center[g], self.void_radius[g]) for g in within if self.hollow[g]]
        for _ in range(iterations):
            residual, rows = [], []
            r = self.shortest(x - self.center[p])
            for g in grains[1:]:
                n = self.seed[g] - self.seed[grains[0]]
                apart = np.linalg.norm(n)
                n = n / apart
                shift = (self.weight[grains[0]] - self.weight[g]) / (2 * apart)
                residual.append(n @ (0.5 * (self.seed[g] + self.seed[grains[0]]) - r) + shift)
                rows.append(n)
            for middle, radius in spheres:
                size = np.linalg.norm(r - middle)
                residual.append(radius - size)
                rows.append((r - middle) / size)
            if self.ecbd in labels and self.separator in labels:
                residual.append(self.interface_z - x[2])
                rows.append(np.array([0.0, 0.0, 1.0]))
            if not rows:
                break
            x += np.linalg.lstsq(np.array(rows), np.array(residual), rcond=1e-3)[0]
        return x

    def candidates(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Candidates on corners, lines and surfaces, in the order of their precedence.

        The sphere comes first: what lies too close below it is collapsed onto it, never the reverse. Without
        a site in its middle, all those of a small cavity would lie on a sphere and form flat tets.
        """
        middle = self.center[self.particle[self.voids]] + self.void_center[self.voids]
        yield Batch(middle, 3, [{int(v)} for v in self.voids], CORNER)
        corners, lines, surfaces = _Candidates(), _Candidates(), _Candidates()
        for p in range(len(self.radius)):
            _particle_features(self, p, rng, corners, lines, surfaces)
        for rank in (0, 1, 2):
            for some, dim, reach in ((corners, 0, CORNER), (lines, 1, LINE)):
                own = [i for i, label in enumerate(some.labels) if self._rank(label) == rank]
                yield Batch(some.array()[own], dim, [some.labels[i] for i in own], reach, inherit=True)
        order = rng.permutation(len(surfaces.labels))
        yield Batch(surfaces.array()[order], 2, [surfaces.labels[i] for i in order], SURFACE)

    def _rank(self, label: Label) -> int:
        """Return 0 on the sphere, 1 on a void, 2 on grain boundaries."""
        return 0 if self.ecbd in label else 1 if self.hollow[max(label)] else 2

    def constraints(self, sites: Sites) -> Constraints:
        """How each site may move along its feature."""
        n = len(sites)
        kind, axis = np.zeros(n, np.int32), np.zeros((n, 3))
        center, radius = np.zeros((n, 3)), np.zeros(n)
        grain, count = sites.grain, (sites.grain >= 0).sum(axis=1)
        void = np.where(self.hollow[grain] & (grain >= 0), grain, -1).max(axis=1)
        inner: Bools = void >= 0
        surface = inner | np.array([self.ecbd in f for f in sites.feature])
        first = np.maximum(grain[:, 0], 0)
        in_particle = (sites.dim < 3) & (count > 0)
        origin = sites.x - self.shortest(sites.x - self.center[self.particle[first]])
        seed = self.seed[np.maximum(grain, 0)]
        normal = _unit(seed[:, 1] - seed[:, 0])
        height = 0.5 * np.einsum("kc,kc->k", seed[:, 0] + seed[:, 1], normal)
        if self.weight.any():
            height = plane_heights(self.seed, self.weight, *np.maximum(grain[:, :2], 0).T)

        kind[sites.dim == 3] = FREE
        plane = (sites.dim == 2) & (count == 0)
        kind[plane], axis[plane] = IN_PLANE, (0, 0, 1)
        sphere = in_particle & surface
        outer = self.radius[self.particle[first]]
        middle = np.where(inner[:, None], self.void_center[void], 0.0)
        center[sphere] = (origin + middle)[sphere]
        radius[sphere] = np.where(inner, self.void_radius[void], outer)[sphere]
        kind[sphere & (sites.dim == 2)] = ON_SPHERE
        circle = sphere & (sites.dim == 1)
        kind[circle], axis[circle] = ON_CIRCLE, normal[circle]
        height = height - np.einsum("kc,kc->k", middle, normal)
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
        for void in self.voids:
            on_plane &= self._above(void, which, relative) > 0.45 * h
        left[surface] = ~np.where(sphere, on_sphere, on_plane & (-depth > 0.45 * h))
        return left

    def swelling(
        self, x: Floats, particle: int, wanted: float, volume: float, slope: Floats, void: int | None = None
    ) -> Floats:
        """Radial displacement by one factor."""
        ratio, center = wanted / volume, self.center[particle]
        center = center if void is None else center + self.void_center[void]
        return (ratio ** (1 / 3) - 1) * self.shortest(x - center)


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
    """Vertices of the cells, edges clipped by the spheres, arcs, boundary polygons and the spheres."""
    center, radius, h = geometry.center[p], geometry.radius[p], geometry.finest
    first, n = int(geometry.first[p]), int(geometry.count[p])
    own = slice(first, first + n)
    ridges, vertex_vc = polygons(geometry.seed[own], radius, geometry.weight[own])
    voids = [int(v) for v in geometry.voids if geometry.particle[v] == p]
    spheres = [(np.zeros(3), radius, geometry.ecbd)]
    spheres += [(geometry.void_center[v], geometry.void_radius[v], v) for v in voids]
    edges: dict[tuple[int, int], set[int]] = {}
    vertices: dict[int, set[int]] = {}
    for a, b, polygon in ridges:
        for i, j in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            edges.setdefault((min(i, j), max(i, j)), set()).update((first + a, first + b))
    for edge, label in edges.items():
        for i in edge:
            vertices.setdefault(i, set()).update(label)
    for i, label in vertices.items():
        distance = [np.linalg.norm(vertex_vc[i] - middle) - size for middle, size, _ in spheres]
        if distance[0] < 0 <= min(distance[1:], default=0.0):
            corners.extend(center + vertex_vc[i : i + 1], label)
    for (i, j), label in edges.items():
        start, d = vertex_vc[i], vertex_vc[j] - vertex_vc[i]
        cuts = [_cut(start - middle, d, size) for middle, size, _ in spheres]
        if cuts[0] is None or cuts[0][0] >= 1 or cuts[0][1] <= 0:
            continue
        for (*_, domain), cut in zip(spheres, cuts, strict=True):
            for t in cut[(cut > 0) & (cut < 1)] if cut is not None else ():
                corners.extend((center + start + t * d)[None], label | {domain})
        pieces = [(max(cuts[0][0], 0), min(cuts[0][1], 1))]
        for cut in cuts[1:]:
            if cut is not None:
                pieces = [
                    piece for lo, hi in pieces for piece in ((lo, min(hi, cut[0])), (max(lo, cut[1]), hi))
                ]
        for lo, hi in pieces:
            if hi < lo:
                continue
            m = int(np.ceil((hi - lo) * np.sqrt(d @ d) / h / 0.85))
            t = lo + (hi - lo) * np.arange(1, m) / max(m, 1)
            lines.extend(center + start + t[:, None] * d, label)
    for a_, b_, polygon in ridges:
        _boundary(geometry, p, (a_, b_), vertex_vc[polygon], rng, lines, surfaces)
    for middle, size, domain in spheres:
        y = rng.normal(size=(int(40 * 4 * np.pi * size**2 / h**2), 3))
        y *= size / np.linalg.norm(y, axis=1)[:, None]
        y += middle
        grain = geometry.nearest_grains(np.full(len(y), p), y, 1)[1][:, 0]
        surfaces.x.append(center + y)
        label_of = [{g, domain} for g in range(first + n)]
        surfaces.labels += [label_of[g] for g in grain.tolist()]


def _cut(start: Floats, d: Floats, radius: float) -> Floats | None:
    """Where the line ``start + t d`` enters and leaves a sphere around the origin, None if it does not."""
    a, b, c = d @ d, start @ d, start @ start - radius**2
    root = b * b - a * c
    if a == 0 or root <= 0:
        return None
    cut: Floats = (-b + np.array([-1, 1]) * np.sqrt(root)) / a
    return cut


def _boundary(
    geometry: SphereGeometry,
    p: int,
    pair: tuple[int, int],
    polygon: Floats,
    rng: np.random.Generator,
    lines: _Candidates,
    surfaces: _Candidates,
) -> None:
    """Arcs where a grain boundary meets the spheres, and points on the boundary itself."""
    center, radius, h = geometry.center[p], geometry.radius[p], geometry.finest
    first = int(geometry.first[p])
    a, b = first + pair[0], first + pair[1]
    sa, sb = geometry.seed[a], geometry.seed[b]
    apart = np.linalg.norm(sb - sa)
    normal = (sb - sa) / apart
    height = 0.5 * (sa + sb) @ normal + (geometry.weight[a] - geometry.weight[b]) / (2 * apart)
    if abs(height) >= radius:
        return
    disc = float(np.sqrt(radius**2 - height**2))
    e = np.cross(normal, [1.0, 0, 0] if abs(normal[0]) < 0.8 else [0, 1.0, 0])
    e /= np.linalg.norm(e)
    axes = np.stack([e, np.cross(normal, e)])
    label = {a, b}
    flat = polygon @ axes.T
    side = np.roll(flat, -1, axis=0) - flat
    outward = np.stack([side[:, 1], -side[:, 0]], axis=1)
    size = np.linalg.norm(outward, axis=1)
    outward = outward[size > 0] / size[size > 0, None]
    reach = np.einsum("ij,ij->i", outward, flat[size > 0])
    if (outward @ flat.mean(axis=0)).sum() > reach.sum():
        outward, reach = -outward, -reach

    def there(y: Floats) -> Floats:
        return center + height * normal + y @ axes

    circles = [(np.zeros(2), disc, geometry.ecbd)]
    for v in geometry.voids[geometry.particle[geometry.voids] == p]:
        off = height - float(geometry.void_center[v] @ normal)
        size_ = float(np.sqrt(max(geometry.void_radius[v] ** 2 - off**2, 0)))
        circles.append((axes @ geometry.void_center[v], size_, int(v)))
    for middle, size_, domain in circles:
        if size_ == 0:
            continue
        from_there = reach - outward @ middle

        def inside(y: Floats, bound: Floats = from_there) -> Bools:
            return (y @ outward.T < bound).all(axis=1)

        for start, end in _arcs(outward, from_there, size_, inside):
            whole = end - start == 2 * np.pi
            q = (
                max(3, round((end - start) * size_ / h))
                if whole
                else int(np.ceil((end - start) * size_ / h / 0.85))
            )
            t = start + (end - start) * (
                np.arange(1.0, q) / q if not whole else (np.arange(float(q)) + rng.random()) / q
            )
            lines.extend(there(middle + _circle(size_, t)), label | {domain})
    lo, hi = np.maximum(flat.min(axis=0), -disc), np.minimum(flat.max(axis=0), disc)
    if (hi > lo).all():
        y = lo + (hi - lo) * rng.random((int(40 * np.prod(hi - lo) / h**2) + 20, 2))
        solid = (y**2).sum(axis=1) < disc**2
        for middle, size_, _ in circles[1:]:
            solid &= ((y - middle) ** 2).sum(axis=1) >= size_**2
        y = y[solid]
        surfaces.extend(there(y[(y @ outward.T < reach).all(axis=1)]), label)


def _circle(radius: float, t: Floats) -> Floats:
    """Points of a circle around the origin at some angles."""
    return radius * np.stack([np.cos(t), np.sin(t)], axis=1)


def _arcs(
    outward: Floats, reach: Floats, disc: float, inside: Callable[[Floats], Bools]
) -> list[tuple[float, float]]:
    """Angles between which a circle around the origin runs inside a convex polygon."""
    cut = np.abs(reach) < disc
    middle, half = np.arctan2(outward[cut, 1], outward[cut, 0]), np.arccos(reach[cut] / disc)
    angle = np.unique(np.concatenate([middle - half, middle + half]) % (2 * np.pi))
    if not len(angle):
        return [(0.0, 2 * np.pi)] if inside(_circle(disc, np.zeros(1)))[0] else []
    end = np.append(angle[1:], angle[0] + 2 * np.pi)
    within = inside(_circle(disc, 0.5 * (angle + end)))
    origin = int(np.argmin(within))
    angle = np.where(np.arange(len(angle)) < origin, angle + 2 * np.pi, angle)
    angle, within = np.roll(angle, -origin), np.roll(within, -origin)
    change = np.diff(np.concatenate([[0], within.astype(int), [0]]))
    angle = np.append(angle, angle[0] + 2 * np.pi)
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    return [(float(angle[u]), float(angle[w])) for u, w in zip(starts, ends, strict=True)]
