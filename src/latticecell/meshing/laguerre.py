"""Laguerre cells, also known as power diagrams: planar grain boundaries. Lengths in um."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from latticecell.arrays import Floats, Ints
from latticecell.meshing.fields import LEADING, NONE, VoteFields, in_order


class LaguerreCells:
    """Cells of points with weights: x belongs to the one with the least ``|x - seed|^2 - weight``.

    That is the nearest of the seeds in one more dimension, in which they stand off by
    ``sqrt(max(weight) - weight)`` (Aurenhammer, SIAM J. Comput. 16 (1987) 78).
    """

    def __init__(self, seed: Floats, weight: Floats):
        self.seed, self.weight = seed, weight
        offset = np.sqrt(weight.max() - weight)
        self._tree = cKDTree(np.column_stack([seed, offset]))

    def nearest(self, x: Floats, k: int) -> tuple[Floats, NDArray[np.intp]]:
        """Distances of points from the planes to their ``k`` nearest cells, (n, k), and these; own first.

        -1 and inf where there are fewer cells.
        """
        square, cell = self._tree.query(np.column_stack([x, np.zeros(len(x))]), k=range(1, k + 1))
        square, there = square**2, cell < len(self.seed)
        cell = np.where(there, cell, -1)
        apart = np.linalg.norm(self.seed[cell] - self.seed[cell[:, :1]], axis=2)
        distance = np.full(cell.shape, np.inf)
        np.divide(square - square[:, :1], 2 * apart, out=distance, where=there & (apart > 0))
        distance[:, 0] = 0.0
        return distance, cell


class LaguerreFields:
    """Laguerre cells within the smooth outline of labelled voxels; see `Fields`.

    Parameters
    ----------
    outline : VoteFields
        Of a map with 0 in particles and 1 in the ECBD.
    particle_xyz : (nx, ny, nz) int32
        Particle that is nearest to each voxel.
    particle : (n_grains,) int32
        Particle of each grain; ascending.
    seed, weight : (n_grains, 3), (n_grains,) float64
        Of each cell, relative to the origin of its particle.
    origin : (n_particles, 3) float64
    box : (3,) float64
    """

    def __init__(
        self, outline: VoteFields, particle_xyz: Ints, particle: Ints, seed: Floats, weight: Floats,
        origin: Floats, box: Floats,
    ):  # fmt: skip
        self.outline, self.which, self.particle = outline, particle_xyz, particle
        self.seed, self.weight, self.origin, self.box = seed, weight, origin, box
        self.n_grains = len(seed)
        self.first = np.searchsorted(particle, np.arange(len(origin)))
        own = [particle == p for p in range(len(origin))]
        self.cells = [LaguerreCells(seed[some], weight[some]) for some in own]

    def leading(self, x: Floats, k: int) -> Ints:
        """Domains in ascending order of the distance to the planes and the outline between; see `Fields`."""
        x = np.asarray(x, float)
        at = np.clip((x / self.outline.voxel).astype(int), 0, np.array(self.which.shape) - 1)
        which = self.which[at[:, 0], at[:, 1], at[:, 2]]
        label, margin = np.full((len(x), LEADING), -1, np.int32), np.full((len(x), LEADING), NONE)
        for p, cells in enumerate(self.cells):
            own = np.flatnonzero(which == p)
            relative = self._relative(x[own], np.full(len(own), p))
            distance, cell = cells.nearest(relative, LEADING - 1)
            label[own, :-1] = np.where(cell >= 0, cell + self.first[p], -1)
            margin[own, :-1] = np.where(cell >= 0, distance, NONE)
        share, slope = self.outline.shares(x, np.full((len(x), 1), 1, np.int32))
        outside = (2 * share[:, 0] - 1) / np.maximum(2 * np.linalg.norm(slope[:, 0], axis=1), 1e-3)
        label[:, -1] = self.n_grains
        margin[:, :-1] += np.maximum(outside, 0)[:, None]
        margin[:, -1] = np.where(share[:, 0] > 0, np.maximum(-outside, 0), NONE)
        margin[label < 0] = np.inf
        return in_order(label, margin, k)

    def rows(self, x: Floats, labels: Ints) -> tuple[Floats, Floats]:
        """Distances to the planes between cells, and what the votes of the ECBD exceed one half by."""
        shape = (len(x), labels.shape[1] - 1)
        value, slope = np.zeros(shape), np.zeros((*shape, 3))
        outer = labels[:, -1] == self.n_grains
        a = labels[:, 0] % self.n_grains
        relative = self._relative(x, self.particle[a])
        for j in range(shape[1]):
            b = labels[:, j + 1] % self.n_grains
            apart = self.seed[b] - self.seed[a]
            size = np.maximum(np.linalg.norm(apart, axis=1), 1e-12)
            square = ((relative - self.seed[a]) ** 2).sum(axis=1) - ((relative - self.seed[b]) ** 2).sum(
                axis=1
            )
            value[:, j] = (square - self.weight[a] + self.weight[b]) / (2 * size)
            slope[:, j] = apart / size[:, None]
        if outer.any():
            share, gradient = self.outline.shares(x[outer], np.full((outer.sum(), 1), 1, np.int32))
            value[outer, -1], slope[outer, -1] = 2 * share[:, 0] - 1, 2 * gradient[:, 0]
        return value, slope

    def sharper(self) -> LaguerreFields:
        """Return the same: planes are sharp."""
        return self

    def _relative(self, x: Floats, p: NDArray) -> Floats:
        d = x - self.origin[p]
        d[:, :2] -= self.box[:2] * np.round(d[:, :2] / self.box[:2])
        return d
