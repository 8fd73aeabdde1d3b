"""One domain for every tet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from latticecell.arrays import Bools, Floats, Ints
from latticecell.meshing.conform import bodies, shared_labels
from latticecell.meshing.placement import Sites
from latticecell.network import TET_FACES, face_pairs, unwrap_corners


def _area(x: Floats, tet: NDArray[np.intp], corner: NDArray[np.intp]) -> Floats:
    p = np.take_along_axis(x[tet], TET_FACES[corner][:, :, None].astype(np.intp), axis=1)
    return 0.5 * np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1)


def label_tets(sites: Sites, tet: Ints) -> Ints:
    """Label each tet by its common domain; the few ambiguous ones by centroid, then least boundary area."""
    geometry = sites.geometry
    count, common = shared_labels(sites, tet)
    x = unwrap_corners(sites.x, tet, geometry.box)
    centroid = geometry.wrap(x.mean(axis=1))
    there = geometry.domain(centroid)
    label = common[:, 0].copy()
    left, right, corner = face_pairs(tet)
    area = _area(x, left, corner)
    apart = _across_gap(sites, tet)
    body, inside_k = bodies(sites)
    inside: Bools = inside_k[tet].max(axis=1)
    particle = geometry.particle

    def allowed(t: int, d: int) -> bool:  # else a pit in the surface of a particle, or a peak on it
        return not inside[t] if d >= geometry.n_grains else bool(np.all(body[tet[t]] == particle[d]))

    choices: dict[int, list[int]] = {}
    for t in np.flatnonzero((count != 1) | apart):
        if count[t] > 1:
            choice = [int(d) for d in common[t, : count[t]]]
        else:
            votes = Counter(d for k in tet[t] for d in sites.labels[k] if allowed(int(t), d))
            votes = votes or Counter(d for k in tet[t] for d in sites.labels[k])
            choice = sorted(d for d in votes if votes[d] == max(votes.values()))
        if apart[t]:
            choice = [geometry.ecbd]
        choices[int(t)] = choice
        label[t] = there[t] if int(there[t]) in choice else choice[0]
    neighbours: dict[int, list[tuple[int, float]]] = {t: [] for t in choices}
    for u, v, a in zip(left.tolist(), right.tolist(), area.tolist(), strict=True):
        if u in choices:
            neighbours[u].append((v, a))
        if v in choices:
            neighbours[v].append((u, a))
    for _ in range(4):
        changed = False
        for own, choice in choices.items():
            score = {d: sum(a for v, a in neighbours[own] if int(label[v]) == d) for d in choice}
            best = max(score.values())
            if score[int(label[own])] < 0.999 * best:
                label[own] = min(d for d in choice if score[d] == best)
                changed = True
        if not changed:
            break
    _join_slips(label, left, right, area, allowed)
    return label


def _across_gap(sites: Sites, tet: Ints) -> Bools:
    """Tets between two particles, or a particle and a z-plane: never a grain, or the two would touch."""
    geometry = sites.geometry
    n_particles = len(geometry.volume_p)
    body = np.full(len(sites), -1)
    for k, labels in enumerate(sites.labels):
        grain = min(labels)
        if grain < geometry.n_grains:
            body[k] = geometry.particle[grain]
        elif sites.dim[k] < 3:
            body[k] = n_particles
    corner = body[tet]
    low = np.where(corner < 0, n_particles + 1, corner).min(axis=1)
    return (low < n_particles) & (corner.max(axis=1) > low)


def _join_slips(
    label: Ints, left: NDArray[np.intp], right: NDArray[np.intp], area: Floats,
    allowed: Callable[[int, int], bool],
) -> None:  # fmt: skip
    """Give tets that are cut off from their domain to the allowed neighbour they share most area with."""
    n = len(label)
    for _ in range(5):
        same = label[left] == label[right]
        graph = sp.coo_matrix((np.ones(same.sum(), bool), (left[same], right[same])), shape=(n, n))
        parts, part = connected_components(graph, directed=False)
        size = np.bincount(part)
        domain = np.empty(parts, np.int32)
        domain[part] = label
        order = np.lexsort((-size, domain))
        main = order[np.unique(domain[order], return_index=True)[1]]
        slips = np.setdiff1d(np.arange(parts), main)
        if not len(slips):
            return
        for s in slips:
            a, b = part[left] == s, part[right] == s
            rim = a != b
            other = np.where(a, label[right], label[left])[rim]
            share = np.bincount(other, area[rim])
            own = np.flatnonzero(part == s)
            ranked = [int(d) for d in np.argsort(-share, kind="stable") if share[d] > 0]
            label[own] = next((d for d in ranked if all(allowed(int(t), d) for t in own)), ranked[0])
