"""Particles and grains of any shape, from labelled voxels. Lengths in um."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial import cKDTree

from latticecell.arrays import Bools, Floats, Ints
from latticecell.meshing.features import Cloud, find_features, spread_along_lines
from latticecell.meshing.fields import Fields
from latticecell.meshing.geometry import (
    ALONG_LINE,
    CORNER,
    FREE,
    IN_PLANE,
    LINE,
    SURFACE,
    Batch,
    CellGeometry,
    Constraints,
    Grading,
    Indices,
    Label,
)
from latticecell.meshing.newton import FAINT, approach

if TYPE_CHECKING:
    from latticecell.meshing.placement import Sites

FAR: Final = 4.0
"""Distance from features, in spacings, beyond which it is not told."""
EDGE_ZONE: Final = 0.3
"""Distance from lines, in spacings, that sites of surfaces keep."""


class VoxelGeometry(CellGeometry):
    """Domains given by smooth fields of labelled voxels.

    Parameters
    ----------
    fields : Fields
        Where the domains are.
    label : (nx, ny, nz) int32
        Grains, and ``n_grains`` for the ECBD; x and y repeat.
    voxel : (3,) float64
        Size of a voxel.
    separator : float
        Thickness of the separator.
    volume_p : (n_particles,) float64
        Volume that each particle gets.
    particle, grading
        As for `CellGeometry`.
    """

    sweeps = 2
    apart = 0.3

    def __init__(
        self, fields: Fields, label: Ints, voxel: Floats, separator: float, *, particle: Ints,
        volume_p: Floats, grading: Grading,
    ):  # fmt: skip
        extent = np.array(label.shape) * voxel
        box = np.array([*extent[:2], extent[2] + separator])
        super().__init__(box, float(extent[2]), particle, grading)
        self.fields, self.voxel, self.volume = fields, np.asarray(voxel, float), volume_p
        self._sharper = fields.sharper()
        self._depth = _signed_distance(label < self.n_grains, self.voxel)
        self.features = find_features(self, label.shape, np.random.default_rng(len(particle)))
        self._tree = self.features.tree((2, 3, 4))
        self._line_tree = self.features.tree((3, 4))
        self._boundary_tree = self.features.boundaries(self.n_grains)

    @property
    def volume_p(self) -> Floats:
        """Volumes of the particles' voxels."""
        return self.volume

    def depth(self, x: Floats) -> Floats:
        """Signed distance to the nearest surface of a particle, interpolated between voxels."""
        x = np.asarray(x, float).reshape(-1, 3)
        at = self.wrap(x) / self.voxel - 0.5
        at[:, :2] += 1  # the first layer is the image of the last
        return map_coordinates(self._depth, at.T, order=1, mode="nearest")

    def boundary_distance(self, x: Floats) -> Floats:
        """Distance to the nearest grain boundary."""
        return _distance(self._boundary_tree, self.wrap(x), np.inf)

    def least_spacing(self, z: float) -> float:
        """Least wanted distance between sites on a z-plane."""
        axes = [
            (np.arange(n) + 0.5) * v
            for n, v in zip(np.array(self._depth.shape[:2]) - 2, self.voxel[:2], strict=True)
        ]
        x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        return float(self.spacing_at(np.column_stack([x, np.full(len(x), z)])).min())

    def domain(self, x: Floats) -> Indices:
        """Domain that contains each point."""
        x = np.asarray(x, float)
        domain = self.fields.leading(x, 1)[:, 0].astype(np.intp)
        domain[x[:, 2] >= self.interface_z] = self.separator
        return domain

    def feature_distance(self, x: Floats) -> Floats:
        """Distance to the nearest surface of a particle, grain boundary or z-plane."""
        planes = np.array([0.0, self.interface_z, self.box[2]])
        far = FAR * self.spacing_max
        return np.minimum(_distance(self._tree, self.wrap(x), far), np.abs(x[:, 2:] - planes).min(axis=1))

    def same_body(self, x: Floats, labels: Label, y: Floats, others: Label) -> bool:
        """Whether points of two sets of domains belong to the same particle."""
        one, other = min(labels), min(others)
        return max(one, other) < self.n_grains and bool(self.particle[one] == self.particle[other])

    def candidates(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Corners, points evenly along lines, what these leave, and points of surfaces."""
        corners, lines, surfaces = (self.features.of(k) for k in (4, 3, 2))
        spread = spread_along_lines(self, lines, corners)
        for outer in (True, False):
            for some, dim, reach in ((_shuffled(corners, rng), 0, CORNER), (spread, 1, LINE)):
                own = some.where((some.labels == self.ecbd).any(axis=1) == outer)
                yield Batch(own.x, dim, own.sets(), reach, inherit=True)
        yield self._batch(_shuffled(lines, rng), 1, LINE + 0.1)
        yield self._batch(_shuffled(surfaces, rng), 2, SURFACE)

    @staticmethod
    def _batch(cloud: Cloud, dim: int, reach: float) -> Batch:
        return Batch(cloud.x, dim, cloud.sets(), reach)

    def project(self, x: Floats, labels: Sequence[Label]) -> Floats:
        """Nearby points where domains meet: by Newton, else the nearest that is known, else as they are."""
        y = np.array(x, float).reshape(-1, 3)
        wanted = [tuple(sorted(label)) for label in labels]
        for i, label in enumerate(wanted):
            if self.separator in label:
                y[i, 2] = self.interface_z
        for label in sorted({label for label in wanted if len(label) > 1 and self.separator not in label}):
            own = np.array([i for i, other in enumerate(wanted) if other == label])
            z, rest = approach(self, y[own], np.tile(np.array(label, np.int32), (len(own), 1)))
            moved = np.linalg.norm(z - y[own], axis=1)
            good = (rest < 0.05 * self.voxel.min()) & (moved < 3 * self.spacing)
            known = self.features.meeting(label)
            for k in np.flatnonzero(~good):
                if known is None:
                    z[k] = y[own[k]]
                else:
                    d = self.shortest(known - y[own[k]])
                    z[k] = y[own[k]] + d[np.linalg.norm(d, axis=1).argmin()]
            y[own] = z
        return y

    def constraints(self, sites: Sites) -> Constraints:
        """Sites of surfaces and lines move along their tangents."""
        n = len(sites)
        kind, axis, radius = np.zeros(n, np.int32), np.zeros((n, 3)), np.zeros(n)
        kind[sites.dim == 3] = FREE
        for k, move in ((2, IN_PLANE), (3, ALONG_LINE)):
            own, labels = self._on_features(sites, k)
            slope = self.fields.rows(self.wrap(sites.x[own]), labels)[1]
            a = slope[:, 0] if k == 2 else np.cross(slope[:, 0], slope[:, 1])
            size = np.linalg.norm(a, axis=1)
            kind[own] = np.where(size > 0, move, 0)
            axis[own] = a / np.maximum(size, 1e-300)[:, None]
        flat = np.array([self.separator in f or len(f) == 1 for f in sites.feature]) & (sites.dim == 2)
        kind[flat], axis[flat] = IN_PLANE, (0, 0, 1)
        radius[[self.on_surface(f) for f in sites.feature]] = 1.0  # must not leave the surface
        return Constraints(kind, axis, np.zeros((n, 3)), radius)

    def _on_features(self, sites: Sites, k: int) -> tuple[Indices, Ints]:
        """Sites on surfaces (k = 2) or lines (3), and the domains that meet there in ascending order."""
        own = [
            i for i in np.flatnonzero(sites.dim < 3)
            if len(sites.feature[i]) == k and self.separator not in sites.feature[i]
        ]  # fmt: skip
        labels = np.array([sorted(sites.feature[i]) for i in own], np.int32).reshape(-1, k)
        return np.array(own, np.intp), labels

    def strayed(self, sites: Sites, y: Floats, kind: Ints) -> Bools:
        """Sites of surfaces that would leave their part of it, or crowd its rim; see `CellGeometry`."""
        own, labels = self._on_features(sites, 2)
        strayed = np.zeros(len(sites), bool)
        if not len(own):
            return strayed
        there = np.sort(self.fields.leading(self.wrap(y[own]), 2), axis=1)
        far = FAR * self.spacing_max
        now = _distance(self._line_tree, self.wrap(y[own]), far)
        before = _distance(self._line_tree, self.wrap(sites.x[own]), far)
        crowded = (now < EDGE_ZONE * sites.h[own]) & (now < before)
        strayed[own] = (there != labels).any(axis=1) | crowded
        return strayed

    def settle(self, sites: Sites, y: Floats) -> Floats:
        """Bring sites that slid along tangents back on their surfaces and lines, where that is near."""
        y = np.array(y)
        for k in (2, 3):
            own, labels = self._on_features(sites, k)
            z, rest = approach(self, y[own], labels, steps=4)
            near = np.linalg.norm(z - y[own], axis=1) < 0.3 * sites.h[own]
            good = near & (rest < 0.1 * self.voxel.min())
            y[own[good]] = z[good]
        return y

    def to_boundary(self, x: Floats, pair: Ints) -> Floats:
        """Displacement along the slope of the sharper fields; none where they say nothing."""
        value, slope = self._sharper.rows(self.wrap(x), pair)
        square = (slope[:, 0] ** 2).sum(axis=1)
        steep = square > (FAINT / self.voxel.min()) ** 2
        return np.where(steep, -value[:, 0] / np.maximum(square, 1e-300), 0.0)[:, None] * slope[:, 0]

    def swelling(
        self, x: Floats, particle: int, wanted: float, volume: float, slope: Floats, void: int | None = None
    ) -> Floats:
        """Displacement along the normals by one distance."""
        size = np.linalg.norm(slope, axis=1)
        distance = (wanted - volume) / size.sum()
        return distance * slope / np.maximum(size, 1e-300)[:, None]


def _shuffled(cloud: Cloud, rng: np.random.Generator) -> Cloud:
    return cloud.where(rng.permutation(len(cloud.x)))


def _distance(tree: cKDTree | None, x: Floats, far: float) -> Floats:
    """Distance to the nearest point of a tree, ``far`` at most."""
    if tree is None:
        return np.full(len(x), far)
    return np.minimum(tree.query(x, distance_upper_bound=far)[0], far)


def _signed_distance(solid: Bools, voxel: Floats) -> Floats:
    """Distance of voxel centres from the surface of the solid, negative inside, with a periodic layer around.

    It is half a voxel less than to the nearest centre on the other side.
    """
    tiled, own = repeated(solid)
    half = 0.5 * float(np.mean(voxel))
    out = distance_transform_edt(~tiled, voxel) if solid.any() else np.full(tiled.shape, np.inf)
    signed = np.where(tiled, 0.0, out - half) - np.where(
        tiled, distance_transform_edt(tiled, voxel) - half, 0.0
    )
    return signed[tuple(slice(cut.start - 1, cut.stop + 1) for cut in own)]


def repeated(value: NDArray) -> tuple[NDArray, tuple[slice, slice]]:
    """Surround a map that repeats along x and y by more than half of its images; and where itself is then."""
    wide = [n // 2 + 1 for n in value.shape[:2]]
    own = slice(wide[0], wide[0] + value.shape[0]), slice(wide[1], wide[1] + value.shape[1])
    return np.pad(value, [(wide[0],) * 2, (wide[1],) * 2, (0, 0)], mode="wrap"), own
