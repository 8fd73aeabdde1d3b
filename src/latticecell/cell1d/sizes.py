"""Radii of the particles of the 1-D cell: those given, or those of the 3-D cell, similar ones together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from latticecell.arrays import Floats
from latticecell.config import Cell1d, Geometry

SAME = 1e-9
"""Relative difference below which radii are the same."""


class Sizes(NamedTuple):
    """Radii of the particles and the volume of all of one radius: (n_radii,) float64 each [m, m3]."""

    radius_m: Floats
    volume_m: Floats


def particle_sizes(geometry: Geometry, options: Cell1d) -> Sizes:
    """Return the radii that the particles of a 1-D cell have, the largest first, and their volumes.

    Their whole volume is that of the particles of the geometry, whose radii they are unless some are given.
    """
    radius = np.sort([particle.radius for particle in geometry.particles])[::-1]
    volume = 4 / 3 * np.pi * radius**3
    if options.radii:
        share = np.array(options.volume_shares or np.ones(len(options.radii)))
        given = np.array(options.radii)
        order = np.argsort(-given)
        return Sizes(given[order], (share * (volume.sum() / share.sum()))[order])
    groups = _groups(radius, options.most_radii)
    sizes = [_together(own) for own in groups]
    return Sizes(np.array([r for r, _ in sizes]), np.array([v for _, v in sizes]))


def _groups(radius: Floats, most: int) -> list[Floats]:
    """Split falling radii where they differ; if those are too many, at equal ratios of radii."""
    cut = np.flatnonzero(radius[:-1] - radius[1:] > SAME * radius[:-1]) + 1
    if len(cut) >= most:
        edges = np.geomspace(radius[0], radius[-1], most + 1)[1:-1]
        cut = np.unique(np.searchsorted(-radius, -edges))
    return [own for own in np.split(radius, cut) if len(own)]


def _together(radius: Floats) -> tuple[float, float]:
    """Return the radius of spheres with the volume and the surface of some, and that volume."""
    first = float(radius[0])
    if first - radius[-1] <= SAME * first:
        return first, len(radius) * 4 / 3 * np.pi * first**3
    return float((radius**3).sum() / (radius**2).sum()), float((4 / 3 * np.pi * radius**3).sum())
