"""Periodic Delaunay tets, and making them conform to the domains."""

from __future__ import annotations

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from latticecell._kernels.placement import common_labels
from latticecell.arrays import Flags, Floats, Ints
from latticecell.errors import NetworkError
from latticecell.meshing.geometry import CellGeometry
from latticecell.meshing.placement import Sites
from latticecell.network import unwrap_corners

WIDTH = 12  # most labels that a site can carry


def triangulate(sites: Sites) -> tuple[Ints, Floats, Floats]:
    """Delaunay tets of the sites: sites of each tet (positively oriented), corners, volumes.

    Images of sites near the sides are added; a tet is kept if its lowest-numbered site is a real one, so
    that each appears once. Flat tets on the walls are dropped, no others.
    """
    geometry = sites.geometry
    sites.x = geometry.wrap(sites.x)
    sites.h = geometry.spacing_at(sites.x)
    while sites.margin < 20:
        tet = _periodic_delaunay(geometry, sites.x, sites.h, sites.margin)
        x = unwrap_corners(sites.x, tet, geometry.box)
        volume = np.einsum("tc,tc->t", x[:, 1] - x[:, 0], np.cross(x[:, 2] - x[:, 0], x[:, 3] - x[:, 0])) / 6
        if abs(np.abs(volume).sum() / np.prod(geometry.box) - 1) < 1e-9:
            break
        sites.margin *= 1.5
    else:
        raise NetworkError("the periodic Delaunay tets do not fill the box")
    z = x[:, :, 2]
    wall = (z == 0).all(axis=1) | (z == geometry.box[2]).all(axis=1)
    tet, x, volume = tet[~wall], x[~wall], volume[~wall]
    flip = volume < 0
    tet[flip] = tet[flip][:, [0, 2, 1, 3]]
    x[flip] = x[flip][:, [0, 2, 1, 3]]
    return tet, x, np.abs(volume)


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
    label = np.full((len(sites), WIDTH), -1, np.int32)
    for k, labels in enumerate(sites.labels):
        some = sorted(labels)[:WIDTH]
        label[k, : len(some)] = some
    out = np.empty((len(tet), WIDTH), np.int32)
    count = np.empty(len(tet), np.int32)
    common_labels(tet, label, out=out, count=count)
    return count, out


def conform(sites: Sites, tet: Ints, x: Floats, bad: Flags, rng: np.random.Generator, alpha: float) -> None:
    """Insert a feature site where a tet straddles a feature, or delete the interior site in the way."""
    points, labels, owners = _crossings(sites, tet, x, bad)
    inner_points, inner_labels, inner_owners = _centres(sites, tet, x, bad, rng)
    points, labels, owners = points + inner_points, labels + inner_labels, owners + inner_owners
    if not points:
        return
    geometry = sites.geometry
    y = geometry.wrap(np.array(points))
    h = geometry.spacing_at(y)
    on_feature = sites.dim < 3
    accepted = sites.blocked(y, h, alpha, on_feature) < 0
    n = len(sites)
    kill = np.zeros(n, bool)
    for i in np.flatnonzero(~accepted):
        own = [k for k in owners[i] if sites.dim[k] == 3]
        if own:
            distance = np.linalg.norm(geometry.shortest(sites.x[own] - y[i]), axis=1)
            j = int(distance.argmin())
            kill[own[j]] |= bool(distance[j] < 0.9 * h[i])
    new = np.flatnonzero(accepted)
    if len(new):
        period = np.array([geometry.box[0] * (1 + 1e-12), geometry.box[1] * (1 + 1e-12), 1e6])
        tree = cKDTree(sites.x, boxsize=period)
        for close in tree.query_ball_point(y[new], 0.55 * h[new]):
            kill[[k for k in close if sites.dim[k] == 3]] = True
        for size in (2, 3):
            some = [i for i in new if min(len(labels[i]), 3) == size]
            if some:
                sites.append(y[some], 4 - size, [labels[i] for i in some])
    sites.keep(np.concatenate([~kill, np.ones(len(sites) - n, bool)]))


Found = tuple[list[Floats], list[set[int]], list[list[int]]]


def _crossings(sites: Sites, tet: Ints, x: Floats, bad: Flags) -> Found:
    """Points where edges between sites without a common domain cross a boundary."""
    geometry = sites.geometry
    seen: dict[tuple[int, int], tuple[Floats, Floats]] = {}
    for t in np.flatnonzero(bad):
        for a in range(4):
            for b in range(a + 1, 4):
                i, j = int(tet[t, a]), int(tet[t, b])
                if not sites.labels[i] & sites.labels[j]:
                    seen.setdefault((min(i, j), max(i, j)), (x[t, a], x[t, b]))
    points: list[Floats] = []
    labels: list[set[int]] = []
    owners: list[list[int]] = []
    if not seen:
        return points, labels, owners
    ends = np.array(list(seen.values()))
    s = np.linspace(0.02, 0.98, 49)[None, :, None]
    line = ends[:, :1] + s * (ends[:, 1:] - ends[:, :1])
    domain = geometry.domain(geometry.wrap(line.reshape(-1, 3))).reshape(len(ends), -1)
    for e, pair in enumerate(seen):
        for q in np.flatnonzero(domain[e, 1:] != domain[e, :-1])[:2]:
            label = {int(domain[e, q]), int(domain[e, q + 1])}
            points.append(geometry.project(0.5 * (line[e, q] + line[e, q + 1]), label))
            labels.append(label)
            owners.append(list(pair))
    return points, labels, owners


def _centres(sites: Sites, tet: Ints, x: Floats, bad: Flags, rng: np.random.Generator) -> Found:
    """Points near the centres of bad tets whose edges are all good."""
    geometry = sites.geometry
    weight = rng.dirichlet(np.ones(4), 24)
    points: list[Floats] = []
    labels: list[set[int]] = []
    owners: list[list[int]] = []
    for t in np.flatnonzero(bad):
        own = [sites.labels[k] for k in tet[t]]
        if any(not own[a] & own[b] for a in range(4) for b in range(a)):
            continue
        domain, count = np.unique(geometry.domain(geometry.wrap(weight @ x[t])), return_counts=True)
        label = {int(d) for d in domain[np.argsort(-count, kind="stable")[:3]]}
        if len(label) < 2:
            continue
        middle = x[t].mean(axis=0)
        y = geometry.project(middle, label)
        if np.linalg.norm(y - middle) < sites.h[tet[t, 0]]:
            points.append(y)
            labels.append(label)
            owners.append([int(k) for k in tet[t]])
    return points, labels, owners
