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
    geometry = sites.geometry
    n = len(sites)
    kind, axis = np.zeros(n, np.int32), np.zeros((n, 3))
    center, radius = np.zeros((n, 3)), np.zeros(n)
    kind[sites.dim == 3] = FREE
    for k in np.flatnonzero(sites.dim == 0):
        radius[k] = 1.0 if geometry.ecbd in sites.feature[k] else 0.0
    for k in np.flatnonzero((sites.dim == 1) | (sites.dim == 2)):
        grains = sorted(g for g in sites.feature[k] if g < geometry.n_grains)
        if not grains or geometry.separator in sites.feature[k]:
            kind[k], axis[k] = IN_PLANE, (0, 0, 1)
            continue
        p = geometry.particle[grains[0]]
        origin = sites.x[k] - geometry.shortest(sites.x[k] - geometry.center[p])
        seed = geometry.seed[grains]
        surface = geometry.ecbd in sites.feature[k]
        if surface and len(grains) == 1:
            kind[k], center[k], radius[k] = ON_SPHERE, origin, geometry.radius[p]
            continue
        normal = (seed[1] - seed[0]) / np.linalg.norm(seed[1] - seed[0])
        if surface:
            height = 0.5 * (seed[0] + seed[1]) @ normal
            kind[k], axis[k], center[k] = ON_CIRCLE, normal, origin + height * normal
            radius[k] = np.sqrt(max(geometry.radius[p] ** 2 - height**2, 0))
        elif len(grains) == 2:
            kind[k], axis[k] = IN_PLANE, normal
        else:
            line = np.cross(seed[1] - seed[0], seed[2] - seed[0])
            kind[k], axis[k] = ALONG_LINE, line / np.linalg.norm(line)
    return Constraints(kind, axis, center, radius)


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
    distance = geometry.feature_distance(y)
    crowded = (distance < 0.55 * geometry.spacing_at(y)) & (distance < geometry.feature_distance(sites.x))
    stay = (sites.dim == 3) & crowded
    stay |= _left_polygon(sites, y, limits.kind_k)
    y[stay] = sites.x[stay]
    sites.x = y
    sites.h = geometry.spacing_at(y)


def _left_polygon(sites: Sites, y: Floats, kind: Ints) -> Bools:
    """Surface sites that would leave, or crowd the rim of, their grain boundary or patch of the sphere."""
    geometry = sites.geometry
    grain = [sorted(g for g in f if g < geometry.n_grains) for f in sites.feature]
    surface = np.array(
        [k for k in np.flatnonzero(sites.dim == 2) if grain[k] and kind[k] in (IN_PLANE, ON_SPHERE)], np.intp
    )
    left = np.zeros(len(sites), bool)
    if not len(surface):
        return left
    depth, which, relative = geometry.locate(y[surface])
    distance, near = geometry.nearest_grains(which, relative, 3)
    h, sphere = sites.h[surface], kind[surface] == ON_SPHERE
    own = np.array([[grain[k][0], grain[k][-1]] for k in surface])
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
        limits.radius_k, sites.geometry.box,
        target=target, release=release, step=step, sweeps=sweeps, seed=seed,
    )  # fmt: skip
