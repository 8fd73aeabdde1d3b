"""Where the particles and grains are, and how the grains are oriented: everything that the seed decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from latticecell.arrays import Floats, Ints
from latticecell.config import Config, SeedPoints
from latticecell.config import Microstructure as Options
from latticecell.errors import ConfigError
from latticecell.grains.seeding import drawn_seeds, rows_of
from latticecell.grains.tessellation import Indices, cells_in_ball
from latticecell.grains.textures import oriented
from latticecell.orientations import to_matrices
from latticecell.particles import grain_counts, misplaced

if TYPE_CHECKING:
    from latticecell.imports.microstructure import LabelledMicrostructure

PARTICLES: Final = 4
"""Mark of the random streams of all particles but the first, which has that of the seed alone."""
LEAST: Final = 1e-6
"""Volume of a grain, over that of its particle, below which its seed has none."""


@dataclass(frozen=True, slots=True)
class Microstructure:
    """Spherical particles cut into grains by the Voronoi or Laguerre tessellation of seeds.

    Attributes
    ----------
    box_c : (3,) float64
        Edge lengths of the cell [m].
    interface_z : float
        Height of the plane between the cathode block and the separator [m].
    center_pc, radius_p : (n_particles, 3), (n_particles,) float64
        Particles [m].
    seed_gc : (n_grains, 3) float64
        Seed of each grain relative to the centre of its particle [m].
    particle_g : (n_grains,) int32
        Particle of each grain; the grains of a particle are contiguous.
    rotation_gcc : (n_grains, 3, 3) float64
        Rotations from crystal to cell axes.
    seed : int
        Seed that everything, also the network, is drawn from.
    weight_g : (n_grains,) float64
        Laguerre weight of each grain [m2]; all zero: Voronoi cells.
    cavity : float
        Radius of the empty cavity around the centre of each particle [m].
    void_particle_v, void_center_vc, void_radius_v : (n_voids,) int, (n_voids, 3), (n_voids,) float64
        Further empty spheres: their particles, centres relative to those, and radii [m].
    """

    box_c: Floats
    interface_z: float
    center_pc: Floats
    radius_p: Floats
    seed_gc: Floats
    particle_g: Ints
    rotation_gcc: Floats
    seed: int
    weight_g: Floats
    cavity: float
    void_particle_v: Ints = field(default_factory=lambda: np.zeros(0, np.int32))
    void_center_vc: Floats = field(default_factory=lambda: np.zeros((0, 3)))
    void_radius_v: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def empty(self) -> tuple[Ints, Floats, Floats]:
        """Particles, centres relative to these, and radii of cavities and voids, by particle [m]."""
        whole = len(self.radius_p) if self.cavity > 0 else 0
        particle = np.concatenate([np.arange(whole, dtype=np.int32), self.void_particle_v])
        center = np.concatenate([np.zeros((whole, 3)), self.void_center_vc])
        radius = np.concatenate([np.full(whole, self.cavity), self.void_radius_v])
        order = np.argsort(particle, kind="stable")
        return particle[order], center[order], radius[order]


def build_microstructure(config: Config) -> Microstructure | LabelledMicrostructure:
    """Draw grains and orientations, or take them from seeds or labelled voxels.

    Grains of a particle depend on the seed and its place in the list, not on how many follow. With
    ``same_grains`` every particle gets those of the first.

    Raises
    ------
    ConfigError
        If a particle leaves the cathode block, particles (or periodic images) overlap, a given seed has no
        grain, or voxels are unfit.
    NetworkError
        If grains cannot have their sizes.
    """
    if config.microstructure.labels is not None:
        from latticecell.imports.load import labelled

        return labelled(config)
    geometry, options = config.geometry, config.microstructure
    if problems := misplaced(geometry):
        raise ConfigError(problems)
    box = np.array([geometry.width, geometry.width, geometry.cathode + geometry.separator])
    center = np.array([particle.center for particle in geometry.particles], float)
    radius = np.array([particle.radius for particle in geometry.particles], float)
    count, cavity = grain_counts(config), options.cavity_radius
    if options.same_grains:
        one = _grains(options, 0, count[0], 1.0, unit=float(radius[0]))
        own = [(r * one[0], r**2 * one[1], one[2]) for r in radius]
    else:
        own = [_grains(options, p, count[p], float(r)) for p, r in enumerate(radius)]
    if options.seeds is not None:
        _check_cells(own, radius, cavity)
    seeds, weights, rotation = (np.concatenate(parts) for parts in zip(*own, strict=True))
    particle = np.repeat(np.arange(len(radius), dtype=np.int32), [len(some[1]) for some in own])
    for array in (box, center, radius, seeds, weights, particle, rotation):
        array.setflags(write=False)
    voids = options.voids
    return Microstructure(
        box, float(geometry.cathode), center, radius, seeds, particle, rotation, options.seed, weights,
        cavity,
        np.array([void.particle for void in voids], np.int32),
        np.array([void.center for void in voids], float).reshape(-1, 3),
        np.array([void.radius for void in voids], float),
    )  # fmt: skip


def _grains(
    options: Options, particle: int, n: int, radius: float, unit: float = 1.0
) -> tuple[Floats, Floats, Floats]:
    """Seeds (n, 3), weights (n,) and rotations (n, 3, 3) of the grains of a particle; 1 is ``unit`` in m."""
    rng = np.random.default_rng([options.seed, PARTICLES, particle] if particle else options.seed)
    given = options.seeds
    if given is None:
        seeds, weight = drawn_seeds(options, rng, n, radius, unit)
        return seeds, weight, _textured(options, rng, seeds)
    own = rows_of(given, particle)
    seeds = np.array(given.positions)[own] / unit
    weight = np.array(given.weights)[own] / unit**2 if given.weights else np.zeros(len(own))
    return seeds, weight, _given(given, own) if given.orientations else _textured(options, rng, seeds)


def _given(given: SeedPoints, own: Indices) -> Floats:
    """Orientations of seeds."""
    assert given.convention is not None and given.sense is not None
    return to_matrices(np.array(given.orientations)[own], given.convention, given.sense)


def _textured(options: Options, rng: np.random.Generator, seeds: Floats) -> Floats:
    """Orientations drawn from the texture."""
    texture = options.texture
    if texture.orientation is None:
        return oriented(texture, rng, seeds)
    assert texture.convention is not None and texture.sense is not None
    single = to_matrices(np.array(texture.orientation), texture.convention, texture.sense)
    return np.repeat(single, len(seeds), axis=0)


def _check_cells(own: list[tuple[Floats, Floats, Floats]], radius: Floats, cavity: float) -> None:
    """Raise `ConfigError` if a seed has no grain: others, or their weights, take all of it."""
    for p, ((seed, weight, _), r) in enumerate(zip(own, radius, strict=True)):
        volume = cells_in_ball(seed / r, 1.0, weight / r**2, cavity / r).volume
        lost = np.flatnonzero(volume < LEAST * volume.sum())
        if len(lost):
            told = ", ".join(map(str, lost[:10] + 1)) + (", ..." if len(lost) > 10 else "")
            raise ConfigError(
                f"microstructure.seeds: of particle {p}, seeds in rows {told} have no grain inside it; move "
                "them into the particle, or change their weights"
            )
