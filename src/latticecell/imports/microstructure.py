"""The microstructure that labelled voxels describe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from latticecell.arrays import Floats, Ints
from latticecell.imports.cleaning import Grains, voted_labels
from latticecell.meshing.cell_fit import fit_cells
from latticecell.meshing.fields import Fields, VoteFields
from latticecell.meshing.geometry import UM, CellGeometry, Grading
from latticecell.meshing.laguerre import LaguerreCells, LaguerreFields
from latticecell.meshing.voxels import VoxelGeometry, repeated

PLANAR: Final = 0.98
"""Share of the voxels of a particle that Laguerre cells must get right to stand for its grains."""
PLANAR_SMOOTHED: Final = 0.96
"""The same of smoothed labels, whose corners are round; curved grains reach 0.92."""


@dataclass(frozen=True, slots=True)
class LabelledMicrostructure:
    """Particles and grains of any shape, from labelled voxels.

    Attributes
    ----------
    box_c : (3,) float64
        Edge lengths of the cell [m].
    interface_z : float
        Height of the plane between the cathode block and the separator [m].
    center_pc, radius_p : (n_particles, 3), (n_particles,) float64
        Centroids, and radii of spheres of the same volume [m].
    seed_gc : (n_grains, 3) float64
        Centroid of each grain relative to that of its particle [m].
    particle_g : (n_grains,) int32
        Particle of each grain; the grains of a particle are contiguous.
    rotation_gcc : (n_grains, 3, 3) float64
        Rotations from crystal to cell axes.
    seed : int
        Seed that the sites of the network are drawn from.
    label_xyz : (nx, ny, nz) int32
        Grains, and ``n_grains`` for the ECBD; the cathode block, periodic in x and y.
    voxel_c : (3,) float64
        Size of a voxel [m].
    sigma : float
        Smoothing of the votes, in voxels.
    fit_p : (n_particles,) float64
        Share of each particle's voxels that lie in the Laguerre cell of their grain; NaN if not tried.
    cell_gc, weight_g : (n_grains, 3), (n_grains,) float64
        Seeds and weights of the Laguerre cells, relative to the centroids [m, m2]; empty for votes.
    source_g : (n_grains,) int64
        Label of each grain in the file.
    raw_xyz : integer array
        The labels of the file.
    offset_c : (3,) int
        Where the file's voxels begin in ``label_xyz``.
    notes : tuple of str
        What was changed.
    """

    box_c: Floats
    interface_z: float
    center_pc: Floats
    radius_p: Floats
    seed_gc: Floats
    particle_g: Ints
    rotation_gcc: Floats
    seed: int
    label_xyz: Ints
    voxel_c: Floats
    sigma: float
    fit_p: Floats
    cell_gc: Floats
    weight_g: Floats
    source_g: NDArray[np.int64]
    raw_xyz: NDArray
    offset_c: NDArray[np.int64]
    notes: tuple[str, ...]

    @property
    def volume_p(self) -> Floats:
        """Volumes of the particles' voxels [m3]."""
        return 4 / 3 * np.pi * self.radius_p**3

    def geometry(self, grading: Grading) -> CellGeometry:
        """Return the geometry that a network is generated from."""
        voxel, n_grains = self.voxel_c / UM, len(self.particle_g)
        fields: Fields = VoteFields(self.label_xyz, voxel, n_grains, self.sigma)
        if len(self.cell_gc):
            outside = self.label_xyz == n_grains
            outline = VoteFields(outside.astype(np.int32), voxel, 1, self.sigma)
            fields = LaguerreFields(
                outline, self._nearest_particle(), self.particle_g, self.cell_gc / UM, self.weight_g / UM**2,
                self.center_pc / UM, self.box_c / UM,
            )  # fmt: skip
        return VoxelGeometry(
            fields, self.label_xyz, voxel, (self.box_c[2] - self.interface_z) / UM, particle=self.particle_g,
            volume_p=self.volume_p / UM**3, grading=grading,
        )  # fmt: skip

    def _nearest_particle(self) -> Ints:
        """Particle nearest to each voxel."""
        label, own = repeated(self.label_xyz)
        which = np.append(self.particle_g, -1)[label]
        near = distance_transform_edt(which < 0, self.voxel_c, return_distances=False, return_indices=True)
        return np.ascontiguousarray(which[tuple(axis[own] for axis in near)], np.int32)


def from_grains(
    grains: Grains, raw: NDArray, voxel_c: Floats, rotation_gcc: Floats, *, separator: float, sigma: float,
    planar: bool, seed: int,
) -> LabelledMicrostructure:  # fmt: skip
    """Measure the particles and grains of voxels, and fit Laguerre cells to them if ``planar``."""
    label, n = grains.label, len(grains.source_g)
    extent = np.array(label.shape) * voxel_c
    solid = np.argwhere(label < n)
    own = label[tuple(solid.T)]
    particle = grains.particle_g[own]
    x = (solid + 0.5) * voxel_c
    count = np.bincount(particle)
    center, wraps = np.zeros((len(count), 3)), np.zeros(len(count), bool)
    for p in range(len(count)):
        for axis in range(3):
            low = 0.0
            if axis < 2:  # cut where the particle has a gap, so that it is in one piece
                free = np.setdiff1d(np.arange(label.shape[axis]), solid[particle == p, axis])
                wraps[p] |= not len(free)
                low = float(free[0]) * voxel_c[axis] if len(free) else 0.0
            moved = x[particle == p, axis]
            moved = np.where(moved < low, moved + extent[axis], moved)
            x[particle == p, axis] = moved
            center[p, axis] = moved.mean()
    relative = x - center[particle]
    total = np.stack([np.bincount(own, relative[:, c], n) for c in range(3)], axis=1).astype(float)
    middle: Floats = total / np.bincount(own, minlength=n)[:, None]
    voted = own  # noise counts as right where the votes agree with the planes
    if planar:
        voted = voted_labels(np.where(label == n, -1, label), voxel_c, n, sigma)[tuple(solid.T)]
    cell, weight, fit = _fitted(label, grains.particle_g, own, voted, particle, relative, wraps, planar)
    center[:, :2] %= extent[:2]
    notes = list(grains.notes)
    if planar and not len(cell):
        notes.append(
            f"planes fit {np.nanmin(fit):.1%} of the voxels: grain boundaries are curved, from the votes"
            if np.isfinite(fit).any()
            else "a particle spans the width of the cell: its boundaries come from the votes"
        )
    return LabelledMicrostructure(
        box_c=np.array([*extent[:2], extent[2] + separator]),
        interface_z=float(extent[2]),
        center_pc=center,
        radius_p=np.cbrt(count * np.prod(voxel_c) * 3 / (4 * np.pi)),
        seed_gc=middle,
        particle_g=grains.particle_g,
        rotation_gcc=rotation_gcc,
        seed=seed,
        label_xyz=label,
        voxel_c=voxel_c,
        sigma=sigma,
        fit_p=fit,
        cell_gc=cell,
        weight_g=weight,
        source_g=grains.source_g,
        raw_xyz=raw,
        offset_c=np.array(grains.offset),
        notes=tuple(notes),
    )


def _fitted(
    label: Ints,
    particle_g: Ints,
    own: Ints,
    voted: Ints,
    particle: Ints,
    relative: Floats,
    wraps: NDArray,
    planar: bool,
) -> tuple[Floats, Floats, Floats]:
    """Laguerre cells of all grains, none if one particle's do not fit; and how well they do."""
    n_particles = particle_g.max() + 1
    fit = np.full(n_particles, np.nan)
    none = np.zeros((0, 3)), np.zeros(0), fit
    if not planar or wraps.any():
        return none
    edge = np.zeros(label.shape, bool)
    n = len(particle_g)
    for axis in range(3):
        for step in (1, -1):
            other = np.roll(label, step, axis)
            edge |= (other != label) & (other < n)
    at_edge = edge[label < n]
    cells, weights = [], []
    for p in range(n_particles):
        some = particle == p
        first = int(np.searchsorted(particle_g, p))
        n_own = int((particle_g == p).sum())
        labels, seen, rng = own[some] - first, voted[some] - first, np.random.default_rng(p)
        known = (seen >= 0) & (seen < n_own)  # else the smoothing gives it to the ECBD
        seen = np.where(known, seen, labels)
        cell, weight = fit_cells(relative[some], labels, at_edge[some], n_own, rng, seen)
        inside = LaguerreCells(cell, weight).nearest(relative[some], 1)[1][:, 0]
        fit[p], least = (inside == labels).mean(), PLANAR
        if fit[p] < PLANAR:  # noise counts against planes; smoothed labels have none, but round corners
            fit[p], least = (inside == seen).mean(), PLANAR_SMOOTHED
        cells.append(cell)
        weights.append(weight)
        if fit[p] < least:
            return none
    return np.concatenate(cells), np.concatenate(weights), fit
