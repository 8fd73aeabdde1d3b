"""Relaxation of sites within their features, and smoothing of the worst tets."""

from __future__ import annotations

import numpy as np

from latticecell._kernels import smoothing as kernel
from latticecell.arrays import Floats, Ints
from latticecell.meshing.geometry import ALONG_LINE, Constraints
from latticecell.meshing.placement import Sites
from latticecell.network import incidence, signed_volume, unwrap_corners

SPOILT = 0.2
"""Quality of a tet below which no site is moved to make it worse."""
SETTLINGS = 10
"""Times that sites of spoilt tets are put back; each may spoil others."""


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
    y = geometry.wrap(geometry.settle(sites, y))
    stay = geometry.strayed(sites, y, limits.kind_k)
    free = np.flatnonzero(sites.dim == 3)
    distance = geometry.feature_distance(y[free])
    crowded = distance < 0.55 * geometry.spacing_at(y[free])
    crowded &= distance < geometry.feature_distance(sites.x[free])
    stay[free] = crowded
    y[stay] = sites.x[stay]
    sites.x = y
    sites.h = geometry.spacing_at(y)


def smooth(
    sites: Sites, tet: Ints, limits: Constraints, *, target: float, sweeps: int, seed: int,
    release: float = 0.0, step: float = 0.12,
) -> None:  # fmt: skip
    """Raise the worst tet qualities at fixed topology.

    Where features are curved, sites are brought back on them every few sweeps.
    """
    geometry = sites.geometry
    lists = incidence(tet.ravel(), len(sites))
    star = np.empty((int(np.diff(lists.start).max()), 12))
    some = geometry.sweeps or sweeps
    for done in range(0, sweeps, some):
        if done:
            limits = geometry.constraints(sites)
        kernel.improve_stars(
            sites.x, sites.h, tet, lists.start, lists.index, limits.kind_k, limits.axis_kc, limits.center_kc,
            limits.radius_k, geometry.box, star, target=target, release=release, step=step,
            sweeps=min(some, sweeps - done), seed=seed ^ (done << 8) or 1,
        )  # fmt: skip
        if geometry.sweeps:
            undo_spoilt(sites, tet, geometry.settle(sites, sites.x))


def qualities(sites: Sites, tet: Ints, x: Floats | None = None) -> Floats:
    """Quality ``3 r_in / R_circ`` of each tet, with the sites at ``x`` if given."""
    out = np.empty(len(tet))
    x = sites.x if x is None else np.ascontiguousarray(x)
    kernel.tet_qualities(x, tet, sites.geometry.box, out=out)
    return out


def undo_spoilt(sites: Sites, tet: Ints, new: Floats) -> None:
    """Move sites to new places, but for those around tets that this would spoil."""
    old = sites.x
    new, before = np.array(new), qualities(sites, tet)
    for _ in range(SETTLINGS):
        after = qualities(sites, tet, new)
        spoilt = np.unique(tet[(after < SPOILT) & (after < before)])
        if not len(spoilt):
            break
        new[spoilt] = old[spoilt]
    else:
        new = old
    sites.x = new
