"""How the crystals of grains are oriented: at random, or with a preferred direction of their [001] axis.

Li moves in the planes across [001], a and b. They lead to the surface where [001] is tangential.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.special import ndtr, ndtri

from latticecell.arrays import Floats
from latticecell.config import Texture

AT_CENTER: Final = 1e-6
"""Distance of a seed from the centre, over the largest, below which no direction leads to its grain."""


def oriented(texture: Texture, rng: np.random.Generator, seed_gc: Floats) -> Floats:
    """Draw the rotations from crystal to cell axes of the grains of a particle.

    Parameters
    ----------
    texture : Texture
    rng : Generator
    seed_gc : (n_grains, 3) float64
        Seeds relative to the centre of the particle, which tell where the grains are.

    Returns
    -------
    (n_grains, 3, 3) float64
        Columns are the crystal's [100], [010] and [001] in cell axes. What a texture leaves free is uniform.
    """
    n = len(seed_gc)
    if texture.kind == "random":
        return Rotation.random(n, rng=rng).as_matrix()
    if texture.kind == "single":
        return np.repeat(Rotation.random(1, rng=rng).as_matrix(), n, axis=0)
    if texture.kind == "fibre":
        assert texture.axis is not None
        axis = np.tile(np.array(texture.axis, float), (n, 1))
    else:
        axis = seed_gc.copy()
    size = np.linalg.norm(axis, axis=1)
    nowhere = size <= AT_CENTER * size.max()
    axis[nowhere] = rng.normal(size=(int(nowhere.sum()), 3))
    height = _HEIGHTS[texture.kind](rng.random(n), texture.spread)
    return _about(_around(axis, height, rng), rng)


def _close(u: Floats, spread: float) -> Floats:
    """Cosines between an axis and directions near it: von Mises and Fisher's distribution.

    Its concentration is ``spread ** -2``; each component across the axis has that standard deviation if it is
    small.
    """
    if spread == 0:
        return np.ones(len(u))
    return np.clip(1 + spread**2 * np.log(u + (1 - u) * np.exp(-2 / spread**2)), -1, 1)


def _across(u: Floats, spread: float) -> Floats:
    """Cosines between an axis and directions near the plane across it: Dimroth and Watson's girdle.

    The cosine is normal with the standard deviation ``spread``, cut off at -1 and 1.
    """
    if spread == 0:
        return np.zeros(len(u))
    low = ndtr(-1 / spread)
    return np.clip(spread * ndtri(low + u * (1 - 2 * low)), -1, 1)


_HEIGHTS: Final[dict[str, Callable[[Floats, float], Floats]]] = {
    "radial": _across,
    "tangential": _close,
    "fibre": _close,
}
"""Draws the cosine between [001] and the direction of a texture from uniform numbers, by its name."""


def _around(axis: Floats, height: Floats, rng: np.random.Generator) -> Floats:
    """Unit vectors with given cosines to axes, at random angles around them, (n, 3)."""
    matrix = _about(axis / np.linalg.norm(axis, axis=1)[:, None], rng)
    return np.sqrt(1 - height**2)[:, None] * matrix[:, :, 0] + height[:, None] * matrix[:, :, 2]


def _about(z: Floats, rng: np.random.Generator) -> Floats:
    """Rotations whose third columns are given unit vectors, at random angles around them, (n, 3, 3)."""
    x = np.cross(z, np.eye(3)[np.abs(z).argmin(axis=1)])
    x /= np.linalg.norm(x, axis=1)[:, None]
    y = np.cross(z, x)
    turn = rng.uniform(0, 2 * np.pi, (len(z), 1))
    x, y = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    return np.stack([x, y, z], axis=2)
