"""The features that sites are placed on, and the domain and spacing at a point. Lengths in um."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from latticecell.arrays import Floats
from latticecell.microstructure import Microstructure

Indices = NDArray[np.intp]
UM = 1e-6
NEIGHBOURS = 12  # seeds that are looked at for the nearest grain boundary


class CellGeometry:
    """Particles with Voronoi grains in a box that is periodic in x and y.

    Domains: grains ``0 .. n_grains - 1``, then ECBD, then ED.
    """

    def __init__(self, micro: Microstructure, spacing: float, spacing_max: float, growth: float):
        self.box = micro.box_c / UM
        self.interface_z = micro.interface_z / UM
        self.center = micro.center_pc / UM
        self.radius = micro.radius_p / UM
        self.seed = micro.seed_gc / UM
        self.particle = micro.particle_g
        self.spacing, self.growth = spacing / UM, growth
        # Edges reach 1.7 spacings; above half of the width their periodic image would be ambiguous.
        self.spacing_max = max(self.spacing, min(spacing_max / UM, float(self.box[:2].min()) / 4))
        self.n_grains = len(self.seed)
        self.ecbd, self.separator = self.n_grains, self.n_grains + 1
        turn = np.arange(float(NEIGHBOURS))
        far = 1e6 * np.stack([np.cos(turn), np.sin(turn), turn - 5.5], axis=1)
        self.first = np.searchsorted(self.particle, np.arange(len(self.radius)))
        self.trees = []
        for p in range(len(self.radius)):
            self.trees.append(cKDTree(np.concatenate([self.seed[self.particle == p], far])))

    def wrap(self, x: Floats) -> Floats:
        """Bring x and y into the box."""
        x = np.array(x, float)
        x[..., :2] -= self.box[:2] * np.floor(x[..., :2] / self.box[:2])
        return x

    def shortest(self, d: Floats) -> Floats:
        """Minimum image of a difference vector."""
        d = np.array(d, float)
        d[..., :2] -= self.box[:2] * np.round(d[..., :2] / self.box[:2])
        return d

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

    def same_body(self, x: Floats, labels: AbstractSet[int], y: Floats, others: AbstractSet[int]) -> bool:
        """Whether points of two sets of domains belong to the same image of the same particle."""
        one, other = min(labels), min(others)
        if max(one, other) >= self.n_grains or self.particle[one] != self.particle[other]:
            return False
        center = self.center[self.particle[one]]
        apart = self.shortest(x - center) - self.shortest(y - center)
        return bool((np.abs(apart[:2]) < self.box[:2] / 2).all())

    def spacing_at(self, x: Floats) -> Floats:
        """Wanted distance between sites."""
        outside = np.maximum(self.locate(x)[0], 0)
        return np.minimum(self.spacing_max, self.spacing + self.growth * outside)

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

    def project(self, x: Floats, labels: AbstractSet[int], iterations: int = 6) -> Floats:
        """Closest point where the closures of all these domains meet (Gauss-Newton)."""
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
