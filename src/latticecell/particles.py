"""The particles that a configuration lists: distances, numbers of grains, and what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from latticecell.arrays import Floats
from latticecell.config import Config, Geometry
from latticecell.packing import separations, wall_distances

UM: Final = 1e-6
LEAST_GAP, LEAST_IMAGE_GAP, LEAST_WALL_GAP = 0.15, 0.2, 0.1
"""Least distances of particles from each other, from their own images and from walls, in spacings.

Below them there is no room for sites of the ECBD, and surfaces of the network get dents (docs/particles.md).
"""


SAFE_GAP: Final = 0.25
"""Gap in spacings above which no network had dents; of many gaps of 0.2 a few have, so none is packed."""
PARTICLE_HEADINGS: Final = ("", "radius", "x", "y", "z", "grains", "gap", "to", "to wall")


class Spheres(NamedTuple):
    """Centres (n, 3), radii (n,), and gaps between each two with the own image on the diagonal (n, n) [m]."""

    center: Floats
    radius: Floats
    gap: Floats
    wall: Floats
    """Distance from the nearer one of collector and separator, (n,) [m]."""


def spheres(geometry: Geometry) -> Spheres:
    """Return the particles of a cell as arrays."""
    center = np.array([particle.center for particle in geometry.particles], float)
    radius = np.array([particle.radius for particle in geometry.particles], float)
    gap = separations(center, radius, geometry.width)
    return Spheres(center, radius, gap, wall_distances(center, radius, geometry.cathode))


def grain_counts(config: Config) -> list[int]:
    """Return the number of grains of each particle."""
    usual = config.microstructure.grains
    return [usual if particle.grains is None else particle.grains for particle in config.geometry.particles]


def volume_fraction(geometry: Geometry) -> float:
    """Return the share of the cathode block that is particles."""
    volume = sum(4 / 3 * math.pi * particle.radius**3 for particle in geometry.particles)
    return volume / (geometry.width**2 * geometry.cathode)


def particle_rows(config: Config, counts: Sequence[int]) -> list[tuple[str, ...]]:
    """Return what a table shows of each particle below `PARTICLE_HEADINGS`, with its number of grains."""
    all_ = spheres(config.geometry)
    names = [f"p{i + 1}" for i in range(len(counts))]
    rows = []
    for i, name in enumerate(names):
        nearest = int(all_.gap[i].argmin())
        lengths = [all_.radius[i], *all_.center[i], all_.gap[i, nearest], all_.wall[i]]
        told = [f"{value / UM:.2f}" for value in lengths]
        other = "its image" if nearest == i else names[nearest]
        rows.append((name, *told[:4], str(counts[i]), told[4], other, told[5]))
    return rows


def misplaced(geometry: Geometry) -> list[str]:
    """Return which particles do not lie inside the cathode block, or overlap."""
    if geometry.packing is not None:
        return ["geometry.packing: particles are packed when a file or table is read, as by read_config"]
    found, box, all_ = list[str](), geometry, spheres(geometry)
    for i, particle in enumerate(box.particles):
        where, (x, y, z) = f"geometry.particles[{i}]", particle.center
        if 2 * particle.radius >= box.width:
            found.append(
                f"{where}.radius_um = {particle.radius / UM:g}: must be below half of "
                f"geometry.width_um = {box.width / UM:g}"
            )
        if not (x <= box.width and y <= box.width):
            found.append(f"{where}.center_um: x and y must be in [0, {box.width / UM:g}] um")
        if not particle.radius < z < box.cathode - particle.radius:
            found.append(
                f"{where}.center_um: z = {z / UM:g} must be in ({particle.radius / UM:g}, "
                f"{(box.cathode - particle.radius) / UM:g}) um so that the particle lies inside the cathode"
            )
    for i in range(len(box.particles)):
        found += [
            f"geometry.particles[{i}]: overlaps geometry.particles[{j}] by {-all_.gap[i, j] / UM:.3g} um"
            for j in np.flatnonzero(all_.gap[i, :i] <= 0)
        ]
    return found


def narrow(config: Config) -> list[str]:
    """Return that some particles are so close that the network may have dents, if they are."""
    spacing, gap = config.network.spacing, spheres(config.geometry).gap
    pairs = np.tril(gap, -1) + np.triu(np.full(gap.shape, np.inf))
    i, j = np.unravel_index(int(pairs.argmin()), gap.shape)
    count = int((pairs < SAFE_GAP * spacing).sum())
    if not count:
        return []
    return [
        f"geometry.particles: {count} of the gaps between them are below {SAFE_GAP:g} spacings of the "
        f"network, the least {gap[i, j] / UM:.3g} um between [{j}] and [{i}]; surfaces may have dents there, "
        "see latticecell network"
    ]


def crowded(config: Config) -> list[str]:
    """Return which particles are too close to each other, their images or a wall for the network."""
    found, spacing, all_ = list[str](), config.network.spacing, spheres(config.geometry)
    advice = "; move them apart, or choose a smaller network.spacing_um"

    def tell(i: int, other: str, gap: float, least: float) -> None:
        if 0 < gap < least * spacing * (1 - 1e-9):
            found.append(
                f"geometry.particles[{i}]: is {gap / UM:.3g} um from {other}, must be at least {least:g} "
                f"spacings of the network, {least * spacing / UM:.3g} um{advice}"
            )

    for i, particle in enumerate(config.geometry.particles):
        tell(i, "its own image", all_.gap[i, i], LEAST_IMAGE_GAP)
        tell(i, "the current collector", particle.center[2] - particle.radius, LEAST_WALL_GAP)
        tell(
            i, "the separator", config.geometry.cathode - particle.center[2] - particle.radius, LEAST_WALL_GAP
        )
        for j in np.flatnonzero(all_.gap[i, :i] < LEAST_GAP * spacing):
            tell(i, f"geometry.particles[{j}]", all_.gap[i, j], LEAST_GAP)
    return found
