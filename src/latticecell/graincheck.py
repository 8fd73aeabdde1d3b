"""Contradictions between the keys that say what grains a particle has, and what is odd about them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from latticecell.config import Config, SeedPoints
from latticecell.grains.seeding import expected_grains, ratio_of, rows_of, share_below, shells_of
from latticecell.orientations import COLUMNS, Convention, Sense
from latticecell.particles import UM, grain_counts

HERE: Final = "microstructure"
MOST_GRAINS: Final = 5000
"""Grains of a particle, at most."""
LEAST_CAVITY: Final = 1.5
"""Least radius of a cavity, in spacings."""
LEAST_WALL: Final = 2.0
"""Least thickness of what is around a cavity, in spacings."""
OFF: Final = 1.25
"""Factor between wanted and nearest aspect ratio above which it is refused, or told."""
SMALL: Final = 0.02
"""Share of grains narrower than two spacings above which it is told."""


def check_grains(config: Config) -> list[str]:
    """Return what contradicts in the grains of spheres."""
    found = _texture(config) + _cavity(config) + _voids(config)
    return found + _sizes(config) + _columns(config) + _seeds(config)


def check_voxels_alone(config: Config) -> list[str]:
    """Return the keys of grains that have no meaning with labelled voxels."""
    options, given = config.microstructure, []
    for key, value, without in (
        ("aspect_ratio", options.aspect_ratio, 1.0), ("cavity_radius_um", options.cavity_radius / UM, 0.0),
        ("relaxations", options.relaxations, 0), ("texture.kind", options.texture.kind, "random"),
    ):  # fmt: skip
        if value != without:
            given.append(f"{HERE}.{key} = {value!r}")
    given += [f"{HERE}.{key}" for key in ("sizes", "seeds") if getattr(options, key) is not None]
    given += [f"{HERE}.voids"] * bool(options.voids)
    return [f"{key}: has no meaning with labelled voxels, which have grains of their own" for key in given]


def smallest_grain(config: Config) -> tuple[float, int]:
    """Return the least average diameter of the grains of a particle [m], and how many it has."""
    options, found = config.microstructure, []
    for p, (particle, n) in enumerate(zip(config.geometry.particles, grain_counts(config), strict=True)):
        volume = max(particle.radius**3 - options.cavity_radius**3, 0.0)
        if options.sizes is not None:
            found.append((options.sizes.mean, 1))
            continue
        if options.seeds is not None:
            n = len(rows_of(options.seeds, 0 if options.same_grains else p)) or 1
        found.append(((2 * np.cbrt(volume) / n ** (1 / 3)), n))
    return min(found)


def remarks_on_grains(config: Config) -> list[str]:
    """Return what is odd about the grains of spheres, though it may be meant."""
    options, spacing = config.microstructure, config.network.finest
    found = []
    if options.sizes is not None:
        share = share_below(options.sizes, 2 * spacing)
        if share > SMALL:
            found.append(
                f"{config.network.finest_key} = {spacing / UM:g}: {share:.0%} of the grains are narrower "
                "than two spacings and may be lost"
            )
    if options.aspect_ratio > 1 and options.seeds is None:
        n, radius = _columns_of(config)[0]
        ratio = ratio_of(n, radius, options.cavity_radius, _shells(config, n, radius))
        if abs(math.log(ratio / options.aspect_ratio)) > math.log(OFF):
            found.append(
                f"{HERE}.aspect_ratio = {options.aspect_ratio:g}: whole shells of {n} grains make it "
                f"{ratio:.2g}"
            )
    return found


def _texture(config: Config) -> list[str]:
    texture, where, found = config.microstructure.texture, f"{HERE}.texture", []
    kind = f'kind = "{texture.kind}"'
    if texture.spread and texture.kind in ("random", "single"):
        found.append(f"{where}.spread_deg = {math.degrees(texture.spread):g}: has no meaning with {kind}")
    if texture.kind != "fibre" and texture.axis is not None:
        found.append(f"{where}.axis: has no meaning with {kind}")
    if texture.kind == "fibre" and texture.axis is None:
        found.append(f"{where}.axis: is required with {kind}")
    if texture.axis is not None and not math.hypot(*texture.axis) > 1e-9:
        found.append(f"{where}.axis = {list(texture.axis)}: must have a length")
    if texture.orientation is not None and texture.kind != "single":
        found.append(f"{where}.orientation: has no meaning with {kind}")
    numbers = () if texture.orientation is None else (texture.orientation,)
    return found + _numbers(where, "an orientation", numbers, texture.convention, texture.sense)


def _numbers(
    where: str,
    what: str,
    numbers: Sequence[Sequence[float]],
    convention: Convention | None,
    sense: Sense | None,
) -> list[str]:
    """Return what is wrong with orientations and what says how they are meant."""
    found = []
    for key, value in (("convention", convention), ("sense", sense)):
        if numbers and value is None:
            found.append(f"{where}.{key}: is required with {what}")
        if not numbers and value is not None:
            found.append(f"{where}.{key}: has no meaning without {what}")
    wanted = len(COLUMNS[convention]) if convention else 0
    for i, one in enumerate(numbers if convention else ()):
        told = f"{where}.{'orientation' if len(numbers) == 1 else f'orientations[{i}]'} = {list(one)}"
        if len(one) != wanted:
            return [*found, f"{told}: must be {wanted} numbers of a {convention}"]
        if convention == "quaternion" and not math.hypot(*one) > 1e-6:
            return [*found, f"{told}: must not be zero"]
    return found


def _cavity(config: Config) -> list[str]:
    cavity, spacing = config.microstructure.cavity_radius, config.network.spacing
    if cavity == 0:
        return []
    smallest = min(particle.radius for particle in config.geometry.particles)
    least, most = LEAST_CAVITY * spacing, smallest - LEAST_WALL * spacing
    if not least * (1 - 1e-9) <= cavity <= most * (1 + 1e-9):
        return [
            f"{HERE}.cavity_radius_um = {cavity / UM:g}: must be 0, or between {least / UM:.3g} um "
            f"({LEAST_CAVITY:g} spacings of the network) and {most / UM:.3g} um ({LEAST_WALL:g} spacings "
            "below the surface)"
        ]
    radii = {particle.radius for particle in config.geometry.particles}
    if config.microstructure.same_grains and len(radii) > 1:
        return [f"{HERE}.cavity_radius_um: is not scaled; same_grains = true needs particles of one radius"]
    return []


def _voids(config: Config) -> list[str]:
    """Return which voids are too small for the network, or too close to a surface or another."""
    spacing, particles, found = config.network.spacing, config.geometry.particles, list[str]()
    least, wall = LEAST_CAVITY * spacing * (1 - 1e-9), LEAST_WALL * spacing * (1 - 1e-9)
    before: list[tuple[int, np.ndarray, float, str]] = [
        (p, np.zeros(3), config.microstructure.cavity_radius, "the cavity")
        for p in range(len(particles) if config.microstructure.cavity_radius > 0 else 0)
    ]
    for i, void in enumerate(config.microstructure.voids):
        where, center = f"{HERE}.voids[{i}]", np.array(void.center)
        if void.particle >= len(particles):
            found.append(
                f"{where}.particle = {void.particle}: must be below {len(particles)}, the number of particles"
            )
            continue
        if void.radius < least:
            found.append(
                f"{where}.radius_um = {void.radius / UM:g}: must be at least {least / UM:.3g} um, "
                f"{LEAST_CAVITY:g} spacings of the network"
            )
        walls = [
            (particles[void.particle].radius - float(np.linalg.norm(center)), "the surface of the particle")
        ]
        walls += [
            (float(np.linalg.norm(center - middle)) - radius, name)
            for p, middle, radius, name in before
            if p == void.particle
        ]
        for distance, name in walls:
            if distance - void.radius < wall:
                found.append(
                    f"{where}: is {max(distance - void.radius, 0.0) / UM:.3g} um from {name}, must be at "
                    f"least {wall / UM:.3g} um, {LEAST_WALL:g} spacings of the network"
                )
        before.append((void.particle, center, void.radius, f"{HERE}.voids[{i}]"))
    return found


def _sizes(config: Config) -> list[str]:
    options, sizes = config.microstructure, config.microstructure.sizes
    if sizes is None:
        return []
    where, found = f"{HERE}.sizes", []
    low, high = sizes.smallest or 0.0, sizes.largest or math.inf
    if options.seeds is not None:
        found.append(f"{where}: has no meaning beside {HERE}.seeds; give one of them")
    if not low < sizes.mean < high:
        bounds = f"smallest_um = {low / UM:g} and largest_um = {high / UM:g}"
        return [*found, f"{where}.mean_um = {sizes.mean / UM:g}: must be between {bounds}"]
    if not share_below(sizes, math.inf) > 0:
        told = f"{where}.deviation_um = {sizes.deviation / UM:g}"
        return [*found, f"{told}: must leave grains between smallest_um and largest_um"]
    for i, particle in enumerate(config.geometry.particles):
        n = expected_grains(sizes, particle.radius, options.cavity_radius)
        if n > MOST_GRAINS:
            found.append(
                f"{where}.mean_um = {sizes.mean / UM:g}: makes about {n:.0f} grains of "
                f"geometry.particles[{i}], must make at most {MOST_GRAINS}"
            )
        if n < 1:
            found.append(
                f"{where}.mean_um = {sizes.mean / UM:g}: must be below the size of geometry.particles[{i}]"
            )
    return found


def _columns_of(config: Config) -> list[tuple[int, float]]:
    """Number of grains and radius of each particle."""
    options, found = config.microstructure, []
    for particle, n in zip(config.geometry.particles, grain_counts(config), strict=True):
        if options.sizes is not None:
            n = max(1, round(expected_grains(options.sizes, particle.radius, options.cavity_radius)))
        found.append((n, particle.radius))
    return found


def _shells(config: Config, n: int, radius: float) -> int:
    return shells_of(n, radius, config.microstructure.cavity_radius, config.microstructure.aspect_ratio)


def _columns(config: Config) -> list[str]:
    options = config.microstructure
    where = f"{HERE}.aspect_ratio = {options.aspect_ratio:g}"
    if options.aspect_ratio == 1:
        return []
    if options.seeds is not None:
        return [f"{where}: has no meaning beside {HERE}.seeds; give one of them"]
    if options.relaxations:
        return [f"{where}: has no meaning with relaxations = {options.relaxations}, which make grains round"]
    if _cavity(config) or _sizes(config):
        return []
    for i, (n, radius) in enumerate(_columns_of(config)):
        if n < 2:
            return [f"{where}: needs more than one grain in geometry.particles[{i}]"]
        most = ratio_of(n, radius, options.cavity_radius, 1)
        if options.aspect_ratio > OFF * most:
            return [
                f"{where}: must be at most {OFF * most:.2g} in geometry.particles[{i}]: a single shell "
                f"of {n} columns reaches no further; choose more grains"
            ]
    return []


def _seeds(config: Config) -> list[str]:
    options, seeds = config.microstructure, config.microstructure.seeds
    if seeds is None:
        return []
    where, found, n = f"{HERE}.seeds", [], len(seeds.positions)
    if not n:
        return [f"{where}.file: is required, or positions_um"]
    for key, values in (
        ("weights_um2", seeds.weights), ("particles", seeds.particles), ("orientations", seeds.orientations)
    ):  # fmt: skip
        if values and len(values) != n:
            found.append(f"{where}.{key}: has {len(values)} rows, must have {n} as positions_um")
    found += _numbers(where, "orientations", seeds.orientations, seeds.convention, seeds.sense)
    if options.relaxations:
        found.append(f"{HERE}.relaxations = {options.relaxations}: has no meaning beside {where}, which stay")
    kind = options.texture.kind
    if seeds.orientations and kind != "random":
        found.append(f'{HERE}.texture.kind = "{kind}": has no meaning beside orientations of {where}')
    if twice := _twice(seeds):
        found.append(f"{where}: rows {twice[0] + 1} and {twice[1] + 1} are the same point")
    return found or _particles_of(config, seeds)


def _particles_of(config: Config, seeds: SeedPoints) -> list[str]:
    """Return which particles have no seeds or too many, and which do not exist."""
    where, count = f"{HERE}.seeds", len(config.geometry.particles)
    strange = [p for p in seeds.particles if p >= count]
    if strange:
        return [f"{where}.particles: has {strange[0]}, must be below {count}, the number of particles"]
    if config.microstructure.same_grains:
        if any(seeds.particles):
            return [f"{where}.particles: has no meaning with same_grains = true"]
        count = 1
    for p in range(count):
        n = len(rows_of(seeds, p))
        if not n:
            more = "" if seeds.particles else "; a column particle says whose they are, or same_grains = true"
            return [f"{where}: must have seeds in geometry.particles[{p}]{more}"]
        if n > MOST_GRAINS:
            return [f"{where}: has {n} seeds in geometry.particles[{p}], must have at most {MOST_GRAINS}"]
    return []


def _twice(seeds: SeedPoints) -> tuple[int, int] | None:
    """Return the first two rows with the same point of a particle."""
    seen: dict[tuple[float, ...], int] = {}
    particles = seeds.particles or (0,) * len(seeds.positions)
    for i, (p, x) in enumerate(zip(particles, seeds.positions, strict=False)):
        if (p, *x) in seen:
            return seen[(p, *x)], i
        seen[(p, *x)] = i
    return None
