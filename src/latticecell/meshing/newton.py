"""Newton steps towards the points where domains meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latticecell.arrays import Floats, Ints

if TYPE_CHECKING:
    from latticecell.meshing.voxels import VoxelGeometry

ACCURATE = 1e-6
"""Distance from where domains meet, in um over the size of a voxel, at which a point stays."""
FAINT = 1e-4
"""Slope of a field per voxel below which it says nothing about where it vanishes."""


def approach(geometry: VoxelGeometry, x: Floats, labels: Ints, steps: int = 8) -> tuple[Floats, Floats]:
    """Move points to where the domains of each row meet, by at most a voxel a step (Gauss-Newton).

    Parameters
    ----------
    geometry : VoxelGeometry
    x : (n, 3) float64
    labels : (n, k) int32
        Each row ascends.
    steps : int

    Returns
    -------
    x : (n, 3) float64
    rest : (n,) float64
        Largest of the distances from the boundaries between pairs of the domains, to first order.
    """
    x, size = np.array(x, float), float(geometry.voxel.min())
    rest = np.full(len(x), np.inf)
    todo = np.arange(len(x))
    for step in range(steps + 1):
        value, slope = geometry.fields.rows(geometry.wrap(x[todo]), labels[todo])
        length = np.linalg.norm(slope, axis=2)
        steep = (length > FAINT / size).all(axis=1)
        length = np.maximum(length, FAINT / size)
        value, slope = value / length, slope / length[..., None]
        rest[todo] = np.where(steep, np.abs(value).max(axis=1), np.inf)
        going = steep & (rest[todo] > ACCURATE * size)
        todo, value, slope = todo[going], value[going], slope[going]
        if step == steps or not len(todo):
            break
        if labels.shape[1] == 2:
            move = -value * slope[:, 0]
        else:
            move = -np.einsum("nij,nj->ni", np.linalg.pinv(slope, rcond=0.03), value)
        far = np.linalg.norm(move, axis=1)
        x[todo] += move * np.minimum(1, size / np.maximum(far, 1e-300))[:, None]
    return x, rest
