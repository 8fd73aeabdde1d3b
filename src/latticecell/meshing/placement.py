"""Placement of sites: corners, lines, surfaces, then the interior, each rejecting what is too close."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from latticecell._kernels import placement as kernel
from latticecell.arrays import Bools, Floats, Ints
from latticecell.meshing.geometry import CellGeometry, Label

PLANE, INTERIOR = 0.7, 0.8
CLEARANCE = 0.6
"""Least distances, in units of the spacing, between sites, and of interior sites from features."""


class Sites:
    """A growing set of sites: position, spacing, dimension of the feature, and domains.

    ``feature`` holds the domains that define the feature a site lies on; ``labels`` may hold more, taken
    over from sites that were rejected because this one was too close. ``grain`` holds the lowest three grains
    of the feature, -1 where there are fewer. ``margin`` is the width of the strip
    of periodic images, in units of the spacing, that was last found to suffice.
    """

    def __init__(self, geometry: CellGeometry):
        self.geometry = geometry
        self.x = np.zeros((0, 3))
        self.h = np.zeros(0)
        self.dim = np.zeros(0, np.int32)
        self.labels: list[set[int]] = []
        self.feature: list[frozenset[int]] = []
        self.grain = np.zeros((0, 3), np.int32)
        self.margin = 2.5

    def __len__(self) -> int:
        return len(self.x)

    def blocked(self, x: Floats, h: Floats, alpha: float, among: NDArray[np.integer] | None = None) -> Ints:
        """Greedy insertion of ``x`` after the sites ``among``; -1 where accepted, else the blocker."""
        old, old_h = (self.x, self.h) if among is None else (self.x[among], self.h[among])
        box = self.geometry.box
        every = np.ascontiguousarray(np.concatenate([old, x]))
        reach = alpha * np.concatenate([old_h, h])
        cells = np.maximum(1, (box / self.geometry.finest).astype(np.int32)).astype(np.int32)
        blocker = np.empty(len(every), np.int32)
        kernel.insert_greedily(
            every, reach, box, cells, len(old), np.full(int(np.prod(cells)), -1, np.int32),
            np.empty(len(every), np.int32), out=np.empty(len(every), np.uint8), blocker=blocker,
        )  # fmt: skip
        return blocker[len(old) :]

    def append(self, x: Floats, dim: int, labels: Sequence[Label]) -> None:
        """Add sites without any check."""
        self.x = np.concatenate([self.x, x])
        self.h = np.concatenate([self.h, self.geometry.spacing_at(x)])
        self.dim = np.concatenate([self.dim, np.full(len(x), dim, np.int32)])
        self.labels += [set(label) for label in labels]
        self.feature += [frozenset(label) for label in labels]
        own = [sorted(g for g in label if g < self.geometry.n_grains)[:3] for label in labels]
        grain = np.array([g + [-1] * (3 - len(g)) for g in own], np.int32).reshape(-1, 3)
        self.grain = np.concatenate([self.grain, grain])

    def add(self, x: Floats, dim: int, labels: Sequence[Label], alpha: float, inherit: bool = False) -> None:
        """Add candidates that keep their distance; ``inherit`` hands labels of the others to the blocker."""
        if not len(x):
            return
        x = self.geometry.wrap(x)
        n = len(self)
        blocker = self.blocked(x, self.geometry.spacing_at(x), alpha)
        accepted = np.flatnonzero(blocker < 0)
        self.append(x[accepted], dim, [labels[int(i)] for i in accepted])
        if inherit:
            index = np.concatenate([np.arange(n), np.full(len(x), -1)])
            index[n + accepted] = n + np.arange(len(accepted))
            for i in np.flatnonzero(blocker >= 0):
                k = index[blocker[i]]
                if self.geometry.same_body(self.x[k], self.feature[k], x[i], labels[int(i)]):
                    self.labels[k] |= labels[int(i)]

    def keep(self, mask: Bools) -> None:
        """Delete the sites outside ``mask``."""
        self.x, self.h, self.dim, self.grain = self.x[mask], self.h[mask], self.dim[mask], self.grain[mask]
        index = np.flatnonzero(mask)
        self.labels = [self.labels[i] for i in index]
        self.feature = [self.feature[i] for i in index]


def place_sites(geometry: CellGeometry, rng: np.random.Generator) -> Sites:
    """Place all sites."""
    sites = Sites(geometry)
    for batch in geometry.candidates(rng):
        sites.add(batch.x, batch.dim, batch.labels, batch.reach, inherit=batch.inherit)
    ecbd, separator = geometry.ecbd, geometry.separator
    planes: tuple[tuple[float, Label], ...] = (
        (0.0, {ecbd}), (geometry.interface_z, {ecbd, separator}), (float(geometry.box[2]), {separator}),
    )  # fmt: skip
    for z, label in planes:
        n = int(40 * geometry.box[0] * geometry.box[1] / geometry.least_spacing(z) ** 2)
        x = np.column_stack([rng.random((n, 2)) * geometry.box[:2], np.full(n, z)])
        sites.add(x, 2, [label] * n, PLANE)
    _fill(sites, rng)
    return sites


def _fill(sites: Sites, rng: np.random.Generator) -> None:
    """Fill the volume: 15 candidates per cube of the local spacing, drawn cell by cell of a coarse grid."""
    geometry = sites.geometry
    n_c = np.maximum(1, np.ceil(geometry.box / (2 * geometry.finest)).astype(int))
    size = geometry.box / n_c
    corner = np.stack(np.meshgrid(*map(np.arange, n_c), indexing="ij"), axis=-1).reshape(-1, 3) * size
    reach = geometry.growth * 0.5 * float(np.linalg.norm(size))  # the spacing varies by no more within a cell
    least = np.maximum(geometry.finest, geometry.spacing_at(corner + 0.5 * size) - reach)
    cell = np.repeat(np.arange(len(corner)), rng.poisson(15 * np.prod(size) / least**3))
    x = corner[cell] + rng.random((len(cell), 3)) * size
    x = x[rng.random(len(x)) < (least[cell] / geometry.spacing_at(x)) ** 3]
    x = rng.permutation(x[geometry.feature_distance(x) > CLEARANCE * geometry.spacing_at(x)])
    sites.add(x, 3, [{int(d)} for d in geometry.domain(x)], INTERIOR)
