"""Where the particles and grains are, and how the grains are oriented: everything that the seed decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import Voronoi
from scipy.spatial.transform import Rotation

from latticecell.arrays import Floats, Ints
from latticecell.config import Config
from latticecell.errors import ConfigError
from latticecell.particles import grain_counts, misplaced

if TYPE_CHECKING:
    from latticecell.imports.microstructure import LabelledMicrostructure

PARTICLES = 4
"""Mark of the random streams of all particles but the first, which has that of the seed alone."""


@dataclass(frozen=True, slots=True)
class Microstructure:
    """Spherical particles cut into grains by the Voronoi tessellation of random seeds.

    Attributes
    ----------
    box_c : (3,) float64
        Edge lengths of the cell [m].
    interface_z : float
        Height of the plane between the cathode block and the separator [m].
    center_pc, radius_p : (n_particles, 3), (n_particles,) float64
        Particles [m].
    seed_gc : (n_grains, 3) float64
        Voronoi seed of each grain relative to the centre of its particle [m].
    particle_g : (n_grains,) int32
        Particle of each grain; the grains of a particle are contiguous.
    rotation_gcc : (n_grains, 3, 3) float64
        Uniformly random rotations from crystal to cell axes.
    seed : int
        Seed that everything, also the network, is drawn from.
    """

    box_c: Floats
    interface_z: float
    center_pc: Floats
    radius_p: Floats
    seed_gc: Floats
    particle_g: Ints
    rotation_gcc: Floats
    seed: int


def build_microstructure(config: Config) -> Microstructure | LabelledMicrostructure:
    """Draw grains and orientations, or take them from labelled voxels.

    Grains of a particle depend on the seed and its place in the list, not on how many follow. With
    ``same_grains`` every particle gets those of the first.

    Raises
    ------
    ConfigError
        If a particle leaves the cathode block, particles (or periodic images) overlap, or voxels are unfit.
    """
    if config.microstructure.labels is not None:
        from latticecell.imports.load import labelled

        return labelled(config)
    geometry = config.geometry
    if problems := misplaced(geometry):
        raise ConfigError(problems)
    box = np.array([geometry.width, geometry.width, geometry.cathode + geometry.separator])
    center = np.array([particle.center for particle in geometry.particles], float)
    radius = np.array([particle.radius for particle in geometry.particles], float)
    seed, n_grains = config.microstructure.seed, grain_counts(config)
    if config.microstructure.same_grains:
        unit, turned = _drawn_grains(seed, 0, n_grains[0], 1.0)
        drawn = [(r * unit, turned) for r in radius]
    else:
        drawn = [_drawn_grains(seed, p, n_grains[p], r) for p, r in enumerate(radius)]
    seeds, rotation = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    particle = np.repeat(np.arange(len(radius), dtype=np.int32), n_grains)
    for array in (box, center, radius, seeds, particle, rotation):
        array.setflags(write=False)
    return Microstructure(box, float(geometry.cathode), center, radius, seeds, particle, rotation, seed)


def voronoi_polygons(seed: Floats, radius: float) -> tuple[list[tuple[int, int, list[int]]], Floats]:
    """Faces of the Voronoi cells of seeds in a ball around the origin: two seeds and a polygon each.

    Parameters
    ----------
    seed : (n_seeds, 3) float64
    radius : float
        Radius of the ball.

    Returns
    -------
    faces : list of (int, int, list of int)
        Lower seed, higher seed, and the vertices around their common polygon.
    vertices : (n_vertices, 3) float64
        Distant seeds around the ball close the outer cells, so that every vertex is finite.
    """
    turn = np.arange(60) + 0.5
    theta, phi = np.arccos(1 - turn / 30), np.pi * (1 + 5**0.5) * turn
    far = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
    voronoi = Voronoi(np.concatenate([seed, 40 * radius * far]))
    faces = [
        (int(min(pair)), int(max(pair)), [int(v) for v in polygon])
        for pair, polygon in zip(voronoi.ridge_points, voronoi.ridge_vertices, strict=True)
        if max(pair) < len(seed) and -1 not in polygon
    ]
    return faces, voronoi.vertices


def _drawn_grains(seed: int, particle: int, n: int, radius: float) -> tuple[Floats, Floats]:
    """Draw the Voronoi seeds and rotations of a particle: (n, 3) and (n, 3, 3)."""
    rng = np.random.default_rng([seed, PARTICLES, particle] if particle else seed)
    seeds = _points_in_ball(rng, n, radius)
    return seeds, Rotation.random(n, rng=rng).as_matrix()


def _points_in_ball(rng: np.random.Generator, n: int, radius: float) -> Floats:
    points = np.empty((0, 3))
    while len(points) < n:
        trial = rng.uniform(-radius, radius, (2 * n, 3))
        points = np.concatenate([points, trial[(trial**2).sum(axis=1) < radius**2]])
    return points[:n]
