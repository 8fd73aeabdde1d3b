"""Relaxation of sites within their features, and smoothing of the worst tets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latticecell._kernels import smoothing as kernel
from latticecell.arrays import Bools, Floats, Ints
from latticecell.meshing.placement import Sites
from latticecell.network import incidence, signed_volume, unwrap_corners

FIXED, ALONG_LINE, IN_PLANE, ON_SPHERE, ON_CIRCLE, FREE = range(6)


@dataclass(frozen=True)
class Constraints:
    """How each site may move; axis: direction of the line, or normal of the plane or circle."""

    kind_k: Ints
    axis_kc: Floats
    center_kc: Floats
    radius_k: Floats


def constraints(sites: Sites) -> Constraints:
    """Read the feature of each site."""
    geometry, n = sites.geometry, len(sites)
    kind, axis = np.zeros(n, np.int32), np.zeros((n, 3))
    center, radius = np.zeros((n, 3)), np.zeros(n)
    grain, count = sites.grain, (sites.grain >= 0).sum(axis=1)
    surface = np.array([geometry.ecbd in f for f in sites.feature])
    first = np.maximum(grain[:, 0], 0)
    in_particle = (sites.dim < 3) & (count > 0)
    origin = sites.x - geometry.shortest(sites.x - geometry.center[geometry.particle[first]])
    seed = geometry.seed[np.maximum(grain, 0)]
    normal = _unit(seed[:, 1] - seed[:, 0])
    height = 0.5 * np.einsum("kc,kc->k", seed[:, 0] + seed[:, 1], normal)

    kind[sites.dim == 3] = FREE
    plane = (sites.dim == 2) & (count == 0)
    kind[plane], axis[plane] = IN_PLANE, (0, 0, 1)
    sphere = in_particle & surface
    center[sphere], radius[sphere] = origin[sphere], geometry.radius[geometry.particle[first[sphere]]]
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


def _unit(vector: Floats) -> Floats:
    return vector / np.maximum(np.linalg.norm(vector, axis=1), 1e-300)[:, None]


def relax(sites: Sites, tet: Ints, limits: Constraints) -> None:
    """Move sites towards the volume-weighted centroids of their tets; corners and lines stay."""
    geometry, n = sites.geometry, len(sites)
    x = unwrap_corners(sites.x, tet, geometry.box)
    volume = np.abs(signed_volume(x))
    weight = volume / sites.h[tet].mean(axis=1) ** 3
    pull = weight[:, None, None] * (x.mean(axis=1)[:, None] - x)
    total = np.bincount(tet.ravel(), np.repeat(weight, 4), n).astype(float)
    move = np.stack([np.bincount(tet.ravel(), pull[:, :, c].ravel(), n) for c in range(3)], axis=1).astype(
        float
    )
    move *= 1.17 / np.maximum(total, 1e-300)[:, None]
    size = np.linalg.norm(move, axis=1)
    move *= np.minimum(1, 0.25 * sites.h / np.maximum(size, 1e-300))[:, None]
    move[limits.kind_k <= ALONG_LINE] = 0
    y = np.empty_like(move)
    kernel.slide_sites(sites.x, move, limits.kind_k, limits.axis_kc, limits.center_kc, limits.radius_k, out=y)
    y = geometry.wrap(y)
    stay = _left_polygon(sites, y, limits.kind_k)
    free = np.flatnonzero(sites.dim == 3)
    distance = geometry.feature_distance(y[free])
    crowded = distance < 0.55 * geometry.spacing_at(y[free])
    crowded &= distance < geometry.feature_distance(sites.x[free])
    stay[free] = crowded
    y[stay] = sites.x[stay]
    sites.x = y
    sites.h = geometry.spacing_at(y)


def _left_polygon(sites: Sites, y: Floats, kind: Ints) -> Bools:
    """Surface sites that would leave, or crowd the rim of, their grain boundary or patch of the sphere."""
    geometry = sites.geometry
    grain = sites.grain
    surface = np.flatnonzero(
        (sites.dim == 2) & (grain[:, 0] >= 0) & ((kind == IN_PLANE) | (kind == ON_SPHERE))
    )
    left = np.zeros(len(sites), bool)
    if not len(surface):
        return left
    depth, which, relative = geometry.locate(y[surface])
    distance, near = geometry.nearest_grains(which, relative, 3)
    h, sphere = sites.h[surface], kind[surface] == ON_SPHERE
    own = grain[surface, :2]
    on_sphere = (near[:, 0] == own[:, 0]) & (distance[:, 1] - distance[:, 0] > 0.45 * h)
    on_plane = (np.sort(near[:, :2], axis=1) == own).all(axis=1) & (distance[:, 2] - distance[:, 1] > 0.3 * h)
    left[surface] = ~np.where(sphere, on_sphere, on_plane & (-depth > 0.45 * h))
    return left


def smooth(
    sites: Sites, tet: Ints, limits: Constraints, *, target: float, sweeps: int, seed: int,
    release: float = 0.0, step: float = 0.12,
) -> None:  # fmt: skip
    """Raise the worst tet qualities at fixed topology."""
    lists = incidence(tet.ravel(), len(sites))
    kernel.improve_stars(
        sites.x, sites.h, tet, lists.start, lists.index, limits.kind_k, limits.axis_kc, limits.center_kc,
        limits.radius_k, sites.geometry.box, np.empty((int(np.diff(lists.start).max()), 12)),
        target=target, release=release, step=step, sweeps=sweeps, seed=seed,
    )  # fmt: skip
