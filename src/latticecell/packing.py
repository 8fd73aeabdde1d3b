"""Spheres packed at random, without overlap, in a block that is periodic along x and y. Lengths in one unit.

Random sequential addition (Widom, J. Chem. Phys. 44, 3888 (1966)), the largest first; where that jams, near a
volume fraction of 0.3, all are placed at random and the squares of their overlaps are minimised
(O'Hern et al., Phys. Rev. E 68, 011306 (2003)), which works up to about 0.6, gaps counted in.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize
from scipy.spatial import cKDTree

from latticecell.arrays import Floats, Ints

TRIALS = 2000
"""Places that are tried for each sphere before sequential addition gives up."""
BATCH = 50
"""Places that are looked at together."""
RESTARTS = 6
"""Random placements from which overlaps are relaxed."""
MARGIN = 1e-5
"""Share of its radius that a sphere keeps clear besides the gap, so that rounding cannot matter."""
BISECTIONS = 6
"""Halvings of the interval in which the largest radii that fit are looked for, for the message."""
MOST_SCALED = 1.1
"""Largest factor, or its inverse, by which radii are changed to meet a volume fraction."""


class PackingError(Exception):
    """Spheres that do not fit.

    Parameters
    ----------
    reached : float
        Volume over that asked for, of the largest similar spheres that were packed [1].
    """

    def __init__(self, reached: float):
        self.reached = reached
        super().__init__(f"{100 * reached:.3g} % of the volume were packed")


def lognormal_radii(
    rng: np.random.Generator, mean: float, deviation: float, low: float, high: float
) -> Callable[[int], Floats]:
    """Return a source of radii from the log-normal distribution of a mean and standard deviation.

    Both are those of the whole distribution, counted by number; what lies outside ``[low, high]`` is drawn
    anew.

    Returns
    -------
    draw : callable
        Gives the next n radii, (n,) float64.
    """
    variance = np.log1p((deviation / mean) ** 2)
    middle, width = np.log(mean) - 0.5 * variance, np.sqrt(variance)

    def draw(n: int) -> Floats:
        found = np.empty(0)
        while len(found) < n:
            trial = np.exp(middle + width * rng.standard_normal(n))
            found = np.concatenate([found, trial[(low <= trial) & (trial <= high)]])
        return found[:n]

    return draw


def radii_for_volume(draw: Callable[[int], Floats], volume: float, most: int) -> tuple[Floats, float]:
    """Draw radii until they fill a volume as nearly as can be, then scale all by one factor to meet it.

    Parameters
    ----------
    draw : callable
        Gives the next n radii.
    volume : float
    most : int
        Number of spheres that are drawn at most.

    Returns
    -------
    radius : (n,) float64
    factor : float
        That of the scaling. Within `MOST_SCALED` if the volume is that of a few spheres at least.
    """
    radius = draw(1)
    total = sphere_volume(radius)
    while total.sum() < volume and len(radius) < most:
        radius = np.concatenate([radius, draw(1)])
        total = sphere_volume(radius)
    factors = np.cbrt(volume / np.cumsum(total)[-2:])
    less = len(factors) - 1 - int(np.abs(np.log(factors)).argmin())
    kept = radius[: len(radius) - less]
    factor = float(np.cbrt(volume / sphere_volume(kept).sum()))
    return kept * factor, factor


def sphere_volume(radius: Floats) -> Floats:
    """Return the volumes of spheres."""
    return 4 / 3 * np.pi * radius**3


def separations(center: Floats, radius: Floats, width: float) -> Floats:
    """Return the gap between each two spheres, or the nearest images of them, (n, n); negative: overlap.

    On the diagonal stands the gap between a sphere and its own image.
    """
    apart = np.linalg.norm(_shortest(center[:, None] - center, width), axis=2)
    np.fill_diagonal(apart, width)
    return apart - (radius[:, None] + radius)


def wall_distances(center: Floats, radius: Floats, height: float) -> Floats:
    """Return the distance of each sphere to the nearer one of the planes z = 0 and ``height``, (n,)."""
    return np.minimum(center[:, 2], height - center[:, 2]) - radius


def pack_spheres(
    rng: np.random.Generator, radius: Floats, width: float, height: float, gap: float, wall: float
) -> Floats:
    """Return the centres of spheres that keep their distance from each other and from the walls, (n, 3).

    Parameters
    ----------
    rng : Generator
        The same state gives the same centres.
    radius : (n,) float64
    width, height : float
        Of the block; x and y are periodic, z is not.
    gap, wall : float
        Least distance of two surfaces, and of one from the planes z = 0 and ``height``.

    Raises
    ------
    PackingError
        If no packing was found.
    """
    size = radius * (1 + MARGIN)
    fits = min((width - gap) / (2 * size.max()), (height - 2 * wall) / (2 * size.max()))
    if fits < 1:
        raise PackingError(max(0.0, fits) ** 3)
    order = np.argsort(-size, kind="stable")
    block = _Block(width, height, gap, wall)
    start = _added(rng, size[order], block)
    if start is None:
        start = _relaxed_often(rng, size[order], block)
    center = np.empty((len(radius), 3))
    center[order] = start
    return center


class _Block:
    def __init__(self, width: float, height: float, gap: float, wall: float):
        self.width, self.height, self.gap, self.wall = width, height, gap, wall

    def anywhere(self, rng: np.random.Generator, radius: Floats) -> Floats:
        """Draw a centre for each sphere, clear of the walls."""
        x = rng.random((len(radius), 3))
        low = radius + self.wall
        x[:, :2] *= self.width
        x[:, 2] = low + x[:, 2] * (self.height - 2 * low)
        return x

    def clear(self, x: Floats, radius: Floats) -> bool:
        apart = separations(x, radius, self.width)
        return bool(apart.min() >= self.gap)


def _shortest(d: Floats, width: float) -> Floats:
    d = np.array(d, float)
    d[..., :2] -= width * np.round(d[..., :2] / width)
    return d


def _added(rng: np.random.Generator, radius: Floats, block: _Block) -> Floats | None:
    """Place one sphere after the other where there is room, None if none is found for one."""
    x = np.empty((len(radius), 3))
    for i, r in enumerate(radius):
        reach = r + radius[:i] + block.gap
        for _ in range(TRIALS // BATCH):
            trial = block.anywhere(rng, np.full(BATCH, r))
            apart = np.linalg.norm(_shortest(trial[:, None] - x[:i], block.width), axis=2)
            free = (apart >= reach).all(axis=1)
            if free.any():
                x[i] = trial[int(free.argmax())]
                break
        else:
            return None
    return x


def _relaxed_often(rng: np.random.Generator, radius: Floats, block: _Block) -> Floats:
    start = [block.anywhere(rng, radius) for _ in range(RESTARTS)]
    for x in start:
        found = _relaxed(x, radius, block)
        if found is not None:
            return found
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        fits = any(_relaxed(x, middle * radius, block) is not None for x in start[:2])
        low, high = (middle, high) if fits else (low, middle)
    raise PackingError(low**3)


def _relaxed(x: Floats, radius: Floats, block: _Block) -> Floats | None:
    """Minimise the overlaps of spheres from a placement; None if some are left."""
    low = radius + block.wall
    bounds = [(None, None)] * (2 * len(radius)) + list(zip(low, block.height - low, strict=True))
    wanted = radius * (1 + MARGIN)  # so that the minimum, where overlaps vanish, is well within
    for _ in range(3):
        found = minimize(
            _overlap, x.T.ravel(), (wanted, block), "L-BFGS-B", jac=True, bounds=bounds,
            options={"maxiter": 3000, "maxfun": 6000, "ftol": 0.0, "gtol": 1e-12 * radius.mean()},
        )  # fmt: skip
        x = found.x.reshape(3, -1).T.copy()
        x[:, :2] %= block.width
        x[:, :2][x[:, :2] >= block.width] = 0.0
        if block.clear(x, radius):
            return x
    return None


def _overlap(flat: Floats, radius: Floats, block: _Block) -> tuple[float, Floats]:
    """Half the sum of the squares of all overlaps, gaps counted in, and its derivative by the centres."""
    x = flat.reshape(3, -1).T
    i, j = _near(x, 2 * radius.max() + block.gap, block)
    apart = _shortest(x[i] - x[j], block.width)
    distance = np.linalg.norm(apart, axis=1)
    over = np.maximum(radius[i] + radius[j] + block.gap - distance, 0.0)
    push = -(over / np.maximum(distance, 1e-300))[:, None] * apart
    slope = np.stack([
        np.bincount(i, push[:, c], len(x)) - np.bincount(j, push[:, c], len(x)) for c in range(3)
    ])  # fmt: skip
    return 0.5 * float(over @ over), slope.ravel()


def _near(x: Floats, reach: float, block: _Block) -> tuple[Ints, Ints]:
    """Return pairs of spheres whose centres are closer than ``reach``, in a fixed order."""
    if 2 * reach >= block.width:
        i, j = np.triu_indices(len(x), 1)
    else:
        y = np.array(x)
        y[:, :2] %= block.width
        y[:, :2][y[:, :2] >= block.width] = 0.0
        pairs = cKDTree(y, boxsize=[block.width, block.width, 0.0]).query_pairs(reach, output_type="ndarray")
        i, j = pairs[np.lexsort(pairs.T)].T
    return i.astype(np.int32), j.astype(np.int32)
