"""Boundaries whose flat faces lie where the domains meet in the mean, not with their corners only.

Faces with corners on a curved boundary cut it short: they lie on its inner side by about ``h^2 / (12 R)``,
and their area is too small. Their corners are moved to where the squared distance between faces and boundary,
integrated over the faces, is least (a projection of the boundary onto linear elements, with a lumped mass).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from latticecell.arrays import Floats, Ints
from latticecell.meshing.geometry import CellGeometry, Indices
from latticecell.meshing.placement import Sites
from latticecell.meshing.smoothing import undo_spoilt
from latticecell.network import TET_FACES, face_pairs, unwrap_corners

SWEEPS: Final = 3
FARTHEST: Final = 0.5
"""Distance from a face, in spacings, beyond which a boundary is another one."""
STEP: Final = 0.25
"""Largest displacement of a site in a sweep, in spacings."""
TANGENT: Final = 0.05
"""Share of the largest eigenvalue of a site's normals below which a direction lies within its feature."""


def fit_boundaries(sites: Sites, tet: Ints, domain: Ints) -> None:
    """Move the sites of boundaries to where the faces around them fit.

    Parameters
    ----------
    sites : Sites
    tet : (n_tets, 4) int32
        Positively oriented.
    domain : (n_tets,) int32
    """
    geometry = sites.geometry
    face, pair = boundary_faces(tet, domain, geometry.ecbd)
    nodes = _nodes(face, pair)
    for _ in range(SWEEPS):
        x = unwrap_corners(sites.x, face, geometry.box)
        cross = np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0])
        area = 0.5 * np.linalg.norm(cross, axis=1)
        normal = cross / np.maximum(2 * area, 1e-300)[:, None]
        gap = _gaps(geometry, pair, nodes, x, normal)
        gap[np.abs(gap) > FARTHEST * sites.h[face].mean(axis=1)[:, None]] = 0.0
        move = _moves(len(sites), face, area, normal, gap)
        size = np.linalg.norm(move, axis=1)
        move *= np.minimum(1, STEP * sites.h / np.maximum(size, 1e-300))[:, None]
        undo_spoilt(sites, tet, sites.x + move)


def boundary_faces(tet: Ints, domain: Ints, ecbd: int) -> tuple[Ints, Ints]:
    """Faces between two domains, grains or ECBD, (n, 3); and these in ascending order, (n, 2)."""
    left, right, corner = face_pairs(tet)
    pair = np.sort(np.stack([domain[left], domain[right]], axis=1), axis=1)
    own = (pair[:, 0] != pair[:, 1]) & (pair[:, 1] <= ecbd)
    return tet[left[own, None], TET_FACES[corner[own]]], np.ascontiguousarray(pair[own], np.int32)


def _nodes(face: Ints, pair: Ints) -> tuple[Indices, Indices]:
    """Points of faces between two domains, by the first face with each; and the number of each, (n, 6).

    Points of a face are its three corners, then the middles opposite to them; all those of all faces count
    as one list.
    """
    ends = np.concatenate([np.stack([face, face], axis=2), np.sort(face[:, _OPPOSITE], axis=2)], axis=1)
    which = np.unique(pair, axis=0, return_inverse=True)[1].reshape(-1, 1).astype(np.int64)
    n = int(face.max(initial=0)) + 1
    key = (which * n + ends[:, :, 0]) * n + ends[:, :, 1]
    _, first, index = np.unique(key.ravel(), return_index=True, return_inverse=True)
    return first, index.reshape(key.shape)


_OPPOSITE: Final = np.array([(1, 2), (2, 0), (0, 1)])


def _gaps(
    geometry: CellGeometry, pair: Ints, nodes: tuple[Indices, Indices], x: Floats, normal: Floats
) -> Floats:
    """Distances along the normal from faces to boundaries at the points of each face, (n, 6)."""
    first, index = nodes
    points = np.concatenate([x, x[:, _OPPOSITE].mean(axis=2)], axis=1)
    step = geometry.to_boundary(points.reshape(-1, 3)[first], pair[first // 6])
    return np.einsum("fpc,fc->fp", step[index], normal)


def _moves(n: int, face: Ints, area: Floats, normal: Floats, gap: Floats) -> Floats:
    """Displacements, within the span of the normals around each site, that balance the gaps around it.

    A gap is quadratic on a face; its integral with the linear function of a corner has the weights 1/30 at
    this corner, -1/60 at the others, 1/15 at the middle opposite and 2/15 at the other two, times the area.
    """
    corner, middle = gap[:, :3], gap[:, 3:]
    total, across = corner.sum(axis=1, keepdims=True), middle.sum(axis=1, keepdims=True)
    pull = (3 * corner - total) / 60 + (2 * across - middle) / 15
    mass, wanted = np.zeros((n, 3, 3)), np.zeros((n, 3))
    outer = (area[:, None, None] / 3) * normal[:, :, None] * normal[:, None, :]
    for i in range(3):
        load = (pull[:, i] * area)[:, None] * normal
        for c in range(3):
            wanted[:, c] += np.bincount(face[:, i], load[:, c], n)
            for d in range(3):
                mass[:, c, d] += np.bincount(face[:, i], outer[:, c, d], n)
    own = np.unique(face)
    move = np.zeros((n, 3))
    inverse = np.linalg.pinv(mass[own], rcond=TANGENT, hermitian=True)
    move[own] = np.einsum("ncd,nd->nc", inverse, wanted[own])
    return move
