"""Seeds of the grains of a particle: where they are, how large and how long their grains become."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from latticecell.arrays import Floats, Ints
from latticecell.config import GrainSizes, Microstructure, SeedPoints
from latticecell.grains.tessellation import Indices, fitted_weights, in_cells, in_shell

SAMPLES: Final = 300
"""Points per grain, or direction, from which the middles of cells are taken."""
TURNS: Final = 6
"""Times that the directions of columns move to the middles of their cells on the sphere."""
UNEVEN: Final = 0.05
"""How far seeds of columns are off the middle of their shells, in widths, at most."""
LEAST_SHARE: Final = 1e-3
"""Share of a distribution that its bounds must leave."""
ROUGH: Final = 0.05
"""Relative error of volumes while seeds still move."""


def drawn_seeds(
    options: Microstructure, rng: np.random.Generator, n: int, radius: float, unit: float = 1.0
) -> tuple[Floats, Floats]:
    """Draw the seeds of a particle relative to its centre, and their weights; lengths in ``unit``, in m.

    Returns
    -------
    seed, weight : (n_grains, 3), (n_grains,) float64
        ``n`` of them, or as many as have room if sizes are given.
    """
    volume, cavity = None, options.cavity_radius / unit
    if options.sizes is not None:
        volume = drawn_volumes(options.sizes, rng, shell_volume(radius, cavity) * unit**3) / unit**3
        n = len(volume)
    if options.aspect_ratio > 1:
        seed, weight = columns(rng, n, radius, cavity, options.aspect_ratio)
    else:
        seed, weight = scattered(rng, n, radius, cavity), np.zeros(n)
    if options.relaxations:
        seed = relaxed(rng, seed, volume, radius, cavity, options.relaxations)
    if volume is not None:
        # numbers around one suit the fit
        weight = fitted_weights(seed / radius, 1.0, volume / radius**3, cavity / radius) * radius**2
    return seed, weight


def rows_of(given: SeedPoints, particle: int) -> Indices:
    """Rows of given seeds that belong to a particle, counted from 0."""
    if not given.particles:
        return np.arange(len(given.positions) if particle == 0 else 0)
    return np.flatnonzero(np.array(given.particles) == particle)


def shell_volume(radius: float, cavity: float) -> float:
    """Volume of a ball without its cavity."""
    return 4 / 3 * math.pi * (radius**3 - cavity**3)


def scattered(rng: np.random.Generator, n: int, radius: float, cavity: float) -> Floats:
    """Points that are uniform in a ball without its cavity, (n, 3)."""
    points = np.empty((0, 3))
    while len(points) < n:
        trial = rng.uniform(-radius, radius, (2 * n, 3))
        points = np.concatenate([points, trial[in_shell(trial, radius, cavity)]])
    return points[:n]


def drawn_volumes(sizes: GrainSizes, rng: np.random.Generator, total: float) -> Floats:
    """Volumes of grains that fill a particle, whose equivalent diameters are log-normal [m3].

    As many are drawn as come closest to the volume of the particle; one factor then makes them fill it.
    """
    middle, width = _logarithm(sizes)
    low, high = _bounds(sizes)
    volume = np.zeros(0)
    while volume.sum() < total or not len(volume):
        d = rng.lognormal(middle, width, 1000)
        volume = np.concatenate([volume, math.pi / 6 * d[(d >= low) & (d <= high)] ** 3])
    n = int(np.abs(np.cumsum(volume) - total).argmin()) + 1
    return volume[:n] * (total / volume[:n].sum())


def expected_grains(sizes: GrainSizes, radius: float, cavity: float) -> float:
    """Return how many grains of a distribution fill a particle on average."""
    middle, width = _logarithm(sizes)
    cube = math.exp(3 * middle + 4.5 * width**2) * _share(sizes, math.inf, 3) / _share(sizes, math.inf, 0)
    return shell_volume(radius, cavity) / (math.pi / 6 * cube)


def share_below(sizes: GrainSizes, diameter: float) -> float:
    """Return the share of the grains of a distribution that are smaller; 0 if its bounds leave none."""
    whole = _share(sizes, math.inf, 0)
    return _share(sizes, diameter, 0) / whole if whole > LEAST_SHARE else 0.0


def _share(sizes: GrainSizes, diameter: float, moment: int) -> float:
    """Part of a moment of the log-normal distribution that is between the bounds and below a diameter."""
    middle, width = _logarithm(sizes)
    low, high = _bounds(sizes)

    def below(d: float) -> float:
        z = (math.log(d) - middle) / width - moment * width if d > 0 else -math.inf
        return 0.5 * (1 + math.erf(z / math.sqrt(2)))

    return max(0.0, below(min(diameter, high)) - below(low))


def _logarithm(sizes: GrainSizes) -> tuple[float, float]:
    """Mean and standard deviation of the logarithm of the diameters, without bounds."""
    square = math.log1p((sizes.deviation / sizes.mean) ** 2)
    return math.log(sizes.mean) - square / 2, math.sqrt(square)


def _bounds(sizes: GrainSizes) -> tuple[float, float]:
    """Least and largest diameter [m]."""
    return sizes.smallest or 0.0, sizes.largest or math.inf


def relaxed(
    rng: np.random.Generator, seed: Floats, volume: Floats | None, radius: float, cavity: float, times: int
) -> Floats:
    """Move seeds to the centroids of their cells a few times, which makes grains rounder (Lloyd).

    Given volumes are kept up by weights.
    """
    x = scattered(rng, SAMPLES * len(seed), radius, cavity) / radius
    y = seed / radius
    for _ in range(times):
        weight = np.zeros(len(y))
        if volume is not None:
            weight = fitted_weights(y, 1.0, volume / radius**3, cavity / radius, ROUGH)
        cell = in_cells(x, y, weight)
        count = np.bincount(cell, minlength=len(y))
        total = np.stack([np.bincount(cell, x[:, c], len(y)) for c in range(3)], axis=1)
        y = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], y)
    return y * radius


def columns(
    rng: np.random.Generator, n: int, radius: float, cavity: float, aspect_ratio: float
) -> tuple[Floats, Floats]:
    """Seeds in shells, whose grains are columns along the radius, and weights.

    Shells are as thick as the columns are long, so that these are ``aspect_ratio`` times as long as wide, as
    nearly as whole shells allow; directions are even on each sphere. Around the centre, where columns would
    end in tips, is one grain of average size unless there is a cavity.

    Returns
    -------
    seed, weight : (n, 3), (n,) float64
    """
    inner, rest = column_zone(n, radius, cavity)
    shells = shells_of(n, radius, cavity, aspect_ratio)
    edge = inner + (radius - inner) / shells * np.arange(shells + 1)
    middle = (edge[:-1] + edge[1:]) / 2
    count = _shared(rest, np.diff(edge**3))
    seed = [r * directions(rng, int(k)) for r, k in zip(middle, count, strict=True)]
    # else all boundaries would meet in the centre
    uneven = UNEVEN * math.sqrt(shell_volume(radius, inner) / (rest * (radius - inner) / shells)) / radius
    seed = [own * (1 + uneven * rng.uniform(-1, 1, (len(own), 1))) for own in seed]
    weight = np.zeros(n)
    if rest < n:  # its boundary is at the inner end of the columns
        seed = [np.zeros((1, 3)), *seed]
        weight[0] = middle[0] * (2 * inner - middle[0])
    return np.concatenate(seed), weight


def column_zone(n: int, radius: float, cavity: float) -> tuple[float, int]:
    """Radius at which columns begin, and how many of ``n`` grains are columns."""
    return (cavity, n) if cavity > 0 else (radius / n ** (1 / 3), n - 1)


def shells_of(n: int, radius: float, cavity: float, aspect_ratio: float) -> int:
    """Number of shells of columns: as many as bring them closest to their aspect ratio, by its logarithm."""
    inner, rest = column_zone(n, radius, cavity)
    most = max(1, int((radius - inner) / (shell_volume(radius, inner) / max(rest, 1)) ** (1 / 3)) + 1)
    ratio = [abs(math.log(ratio_of(n, radius, cavity, k) / aspect_ratio)) for k in range(1, most + 1)]
    return int(np.argmin(ratio)) + 1


def ratio_of(n: int, radius: float, cavity: float, shells: int) -> float:
    """Return length over width of columns of equal volume in so many shells."""
    inner, rest = column_zone(n, radius, cavity)
    length = (radius - inner) / shells
    return float(np.sqrt(max(rest, 1) * length**3 / shell_volume(radius, inner)))


def _shared(n: int, share: Floats) -> Ints:
    """Divide ``n`` into whole parts in given proportions, each at least one."""
    wanted = n * share / share.sum()
    count = np.maximum(wanted.astype(int), 1)
    while count.sum() != n:
        step = 1 if count.sum() < n else -1
        gain = step * (wanted - count) - np.where(count + step < 1, np.inf, 0.0)
        count[gain.argmax()] += step
    return count.astype(np.int32)


def directions(rng: np.random.Generator, n: int) -> Floats:
    """Unit vectors that are random, but evenly apart, (n, 3)."""
    u, x = _unit(rng.normal(size=(n, 3))), _unit(rng.normal(size=(SAMPLES * n, 3)))
    for _ in range(TURNS):
        cell = in_cells(x, u, np.zeros(n))
        u = _unit(np.stack([np.bincount(cell, x[:, c], n) for c in range(3)], axis=1) + 1e-9 * u)
    return u


def _unit(x: Floats) -> Floats:
    return x / np.linalg.norm(x, axis=1)[:, None]
