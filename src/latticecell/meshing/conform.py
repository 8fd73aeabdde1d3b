"""Periodic Delaunay tets, and making them conform to the domains."""

from __future__ import annotations

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from latticecell._kernels.placement import common_labels
from latticecell.arrays import Bools, Floats, Ints
from latticecell.errors import NetworkError
from latticecell.meshing.geometry import CellGeometry
from latticecell.meshing.placement import Sites
from latticecell.network import signed_volume, unwrap_corners

INSERTED = 0.38
"""Least distance of inserted sites from those on features, in spacings."""
FLAT = 1e-13
"""Volume of a tet, over that of a cube of the spacing, below which round-off makes its sign."""
OFF = 1e-6
"""How far sites are taken from their places where tets are flat, in spacings."""
ACROSS = 0.15
"""Least distance of inserted sites from those on another particle, in spacings."""
SKIN = 0.4
"""Depth below a surface, in spacings, down to which sites inserted on grain boundaries are moved onto it."""


def triangulate(sites: Sites) -> Ints:
    """Delaunay tets of the sites: sites of each tet, positively oriented.

    Images of sites near the sides are added; a tet is kept if its lowest-numbered site is a real one, so
    that each appears once. Flat tets on the walls are dropped, no others. The orientation of others is told
    by round-off, as where lines that meet in one point carry sites at equal distances: then sites are taken
    for a little off their places.
    """
    geometry = sites.geometry
    sites.x = geometry.wrap(sites.x)
    sites.h = geometry.spacing_at(sites.x)
    z = sites.x[:, 2]
    wall_k = (z == 0) | (z == geometry.box[2])
    tet, volume = _filling(sites, sites.x)
    wall = (z[tet] == 0).all(axis=1) | (z[tet] == geometry.box[2]).all(axis=1)
    if (np.abs(volume[~wall]) < FLAT * geometry.finest**3).any():
        off = np.random.default_rng(len(sites)).uniform(-OFF, OFF, sites.x.shape) * sites.h[:, None]
        tet, volume = _filling(sites, geometry.wrap(sites.x + np.where(wall_k[:, None], 0.0, off)))
        wall = wall_k[tet].all(axis=1) & (np.ptp(z[tet], axis=1) == 0)
    tet[volume < 0] = tet[volume < 0][:, [0, 2, 1, 3]]
    return tet[~wall]


def _filling(sites: Sites, x: Floats) -> tuple[Ints, Floats]:
    """Delaunay tets of points that fill the box, and their signed volumes."""
    geometry = sites.geometry
    while sites.margin < 20:
        tet = _periodic_delaunay(geometry, x, sites.h, sites.margin)
        volume = signed_volume(unwrap_corners(x, tet, geometry.box))
        if abs(np.abs(volume).sum() / np.prod(geometry.box) - 1) < 1e-9:
            return tet, volume
        sites.margin *= 1.5
    raise NetworkError("the periodic Delaunay tets do not fill the box")


def _periodic_delaunay(geometry: CellGeometry, x: Floats, h: Floats, factor: float) -> Ints:
    margin = np.minimum(factor * h, geometry.box[0])[:, None]
    points, site = [x], [np.arange(len(x))]
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            if i == j == 0:
                continue
            y = x + np.array([i, j, 0]) * geometry.box
            near = ((y[:, :2] > -margin) & (y[:, :2] < geometry.box[:2] + margin)).all(axis=1)
            points.append(y[near])
            site.append(np.flatnonzero(near))
    owner = np.concatenate(site)
    tet = Delaunay(np.concatenate(points)).simplices
    lowest = tet[np.arange(len(tet)), owner[tet].argmin(axis=1)]
    return owner[tet[lowest < len(x)]].astype(np.int32)


def shared_labels(sites: Sites, tet: Ints) -> tuple[Ints, Ints]:
    """Number of domains that all corners of each tet touch, and those domains (padded with -1)."""
    width = max(map(len, sites.labels))
    label = np.full((len(sites), width), -1, np.int32)
    for k, labels in enumerate(sites.labels):
        label[k, : len(labels)] = sorted(labels)
    out = np.empty((len(tet), width), np.int32)
    count = np.empty(len(tet), np.int32)
    common_labels(tet, label, out=out, count=count)
    return count, out


def bodies(sites: Sites) -> tuple[Ints, Bools]:
    """Particle that each site lies in or on (-1: none), and whether it lies strictly inside."""
    particle = np.append(sites.geometry.particle, [-1, -1])
    body = particle[[min(labels) for labels in sites.labels]]
    return body, np.array([max(labels) < sites.geometry.n_grains for labels in sites.labels])


def straddling(sites: Sites, tet: Ints) -> Bools:
    """Tets that reach from strictly inside a particle beyond its surface: any label makes a pit or a peak."""
    body, inside = bodies(sites)
    within = np.where(inside[tet], body[tet], -1).max(axis=1)
    return (within >= 0) & (body[tet] != within[:, None]).any(axis=1)


def conform(sites: Sites, tet: Ints, bad: Bools, rng: np.random.Generator) -> None:
    """Insert a feature site where a tet straddles a feature, or remove the site in the way.

    A site inside a particle that is in the way of one on its surface is moved onto that, or deleted.
    """
    tet = tet[bad]
    x = unwrap_corners(sites.x, tet, sites.geometry.box)
    points, labels, owners = _crossings(sites, tet, x)
    inner_points, inner_labels, inner_owners = _centres(sites, tet, x, rng)
    points, labels, owners = points + inner_points, labels + inner_labels, owners + inner_owners
    if not points:
        return
    geometry = sites.geometry
    y = geometry.wrap(np.array(points))
    h = geometry.spacing_at(y)
    blocker = _blockers(sites, y, h, labels)
    n = len(sites)
    kill = np.zeros(n, bool)
    for i in np.flatnonzero(blocker >= 0):
        k = blocker[i]
        if k < n and geometry.on_surface(labels[i]) and max(sites.labels[k]) < geometry.ecbd:
            kill[k] |= not _raise(sites, k) and sites.dim[k] == 2
        own = [k for k in owners[i] if sites.dim[k] == 3]
        if own:
            distance = np.linalg.norm(geometry.shortest(sites.x[own] - y[i]), axis=1)
            j = int(distance.argmin())
            kill[own[j]] |= bool(distance[j] < 0.9 * h[i])
    new = np.flatnonzero(blocker < 0)
    if len(new):
        period = np.array([geometry.box[0] * (1 + 1e-12), geometry.box[1] * (1 + 1e-12), 1e6])
        tree = cKDTree(sites.x, boxsize=period)
        for close in tree.query_ball_point(y[new], 0.55 * h[new]):
            kill[[k for k in close if sites.dim[k] == 3]] = True
        for size in (2, 3, 4):
            some = [i for i in new if len(labels[i]) == size]
            if some:
                sites.append(y[some], 4 - size, [labels[i] for i in some])
    sites.keep(np.concatenate([~kill, np.ones(len(sites) - n, bool)]))


def _blockers(sites: Sites, y: Floats, h: Floats, labels: list[set[int]]) -> Ints:
    """Site on a feature that is too close to each point, ``len(sites)`` for another point, -1 for none.

    Across the gap between two particles sites may come close, or each would leave a hole in the other.
    """
    body = bodies(sites)[0]
    particle = np.append(sites.geometry.particle, [-1, -1])
    own = particle[[min(label) for label in labels]]
    out = np.full(len(y), -1, np.int32)
    for p in np.unique(own):
        some, other = own == p, body == p
        feature = np.append(np.flatnonzero((sites.dim < 3) & other), len(sites)).astype(np.int32)
        found = sites.blocked(y[some], h[some], INSERTED, feature[:-1])
        out[some] = np.where(found >= 0, feature[np.minimum(found, len(feature) - 1)], -1)
    free = np.flatnonzero(out < 0)
    found = sites.blocked(y[free], h[free], ACROSS, np.flatnonzero(sites.dim < 3))
    out[free] = np.where(found >= 0, len(sites), -1)
    return out


def _raise(sites: Sites, k: int) -> bool:
    """Move a site of a grain boundary onto the surface of the particle, if that is near."""
    geometry = sites.geometry
    feature = sites.feature[k] | {geometry.ecbd}
    y = geometry.project(sites.x[k : k + 1], [feature])
    y = geometry.project(y, [{min(feature), geometry.ecbd}])[0]
    near = bool(np.linalg.norm(y - sites.x[k]) < sites.h[k])
    if near and geometry.apart:
        distance = np.linalg.norm(geometry.shortest(sites.x - y), axis=1)
        distance[k] = np.inf
        near = bool(distance[sites.dim < 3].min() > geometry.apart * sites.h[k])
    if near:
        sites.x[k], sites.feature[k] = geometry.wrap(y), feature
        sites.dim[k] = max(0, sites.dim[k] - 1)
        sites.labels[k] |= feature
    return near


def _features_between(
    geometry: CellGeometry, x: Floats, domains: list[set[int]]
) -> tuple[Floats, list[set[int]]]:
    """Points near ``x`` where domains meet, and their labels.

    Grains of another particle count as the ECBD between the two, and a point of a grain boundary that is
    close below the surface of its particle is moved onto it: there it would only be in the way.
    """
    labels = [_meeting(geometry, one) for one in domains]
    y = geometry.project(x, labels)
    inside = [i for i, label in enumerate(labels) if max(label) < geometry.n_grains]
    shallow = geometry.depth(y[inside]) > -SKIN * geometry.finest
    raised = [i for i, near in zip(inside, shallow, strict=True) if near]
    for i in raised:
        labels[i] = labels[i] | {geometry.ecbd}
    y[raised] = geometry.project(y[raised], [labels[i] for i in raised])
    return y, labels


def _meeting(geometry: CellGeometry, domains: set[int]) -> set[int]:
    """Return the domains that can meet in one point, among some that were found near each other."""
    grains = [g for g in sorted(domains) if g < geometry.n_grains]
    label = {g for g in grains if geometry.particle[g] == geometry.particle[grains[0]]} or domains
    return label | {geometry.ecbd} if grains and len(label) < len(domains) else label


Found = tuple[list[Floats], list[set[int]], list[list[int]]]


def _crossings(sites: Sites, tet: Ints, x: Floats) -> Found:
    """Points where edges between sites without a common domain cross a boundary."""
    geometry = sites.geometry
    seen: dict[tuple[int, int], tuple[Floats, Floats]] = {}
    for t in range(len(tet)):
        for a in range(4):
            for b in range(a + 1, 4):
                i, j = int(tet[t, a]), int(tet[t, b])
                if not sites.labels[i] & sites.labels[j]:
                    seen.setdefault((min(i, j), max(i, j)), (x[t, a], x[t, b]))
    if not seen:
        return [], [], []
    ends = np.array(list(seen.values()))
    s = np.linspace(0.02, 0.98, 49)[None, :, None]
    line = ends[:, :1] + s * (ends[:, 1:] - ends[:, :1])
    domain = geometry.domain(geometry.wrap(line.reshape(-1, 3))).reshape(len(ends), -1)
    middles: list[Floats] = []
    domains: list[set[int]] = []
    owners: list[list[int]] = []
    for e, pair in enumerate(seen):
        for q in np.flatnonzero(domain[e, 1:] != domain[e, :-1])[:2]:
            middles.append(0.5 * (line[e, q] + line[e, q + 1]))
            domains.append({int(domain[e, q]), int(domain[e, q + 1])})
            owners.append(list(pair))
    points, labels = _features_between(geometry, np.array(middles).reshape(-1, 3), domains)
    return list(points), labels, owners


def _centres(sites: Sites, tet: Ints, x: Floats, rng: np.random.Generator) -> Found:
    """Points near the centres of bad tets whose edges are all good."""
    geometry = sites.geometry
    weight = rng.dirichlet(np.ones(4), 24)
    middles: list[Floats] = []
    domains: list[set[int]] = []
    some: list[int] = []
    for t in range(len(tet)):
        own = [sites.labels[k] for k in tet[t]]
        if any(not own[a] & own[b] for a in range(4) for b in range(a)):
            continue
        domain, count = np.unique(geometry.domain(geometry.wrap(weight @ x[t])), return_counts=True)
        middles.append(x[t].mean(axis=0))
        domains.append({int(d) for d in domain[np.argsort(-count, kind="stable")[:3]]})
        some.append(t)
    middle = np.array(middles).reshape(-1, 3)
    y, labels = _features_between(geometry, middle, domains)
    near = np.flatnonzero(np.linalg.norm(y - middle, axis=1) < sites.h[tet[some, 0]])
    return list(y[near]), [labels[i] for i in near], [[int(k) for k in tet[some[i]]] for i in near]
