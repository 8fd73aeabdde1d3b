"""Stress by region of the cell: at grain boundaries, at the surface, inside, and far away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.paper.results import CaseRun

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StressRegions:
    """Volume means of the von Mises stress at one moment [GPa].

    Attributes
    ----------
    particle, boundaries, surface, inside : float
        All grains; their tets that touch a grain boundary; those that touch the particle surface; the rest of
        them that touch neither.
    around : float
        ECBD tets that touch a particle.
    far : float
        The separator.
    small_grains, large_grains : float
        Tets at grain boundaries in the grains below and above the median volume.
    """

    particle: float
    boundaries: float
    surface: float
    inside: float
    around: float
    far: float
    small_grains: float
    large_grains: float


def stress_regions(run: CaseRun, time: float) -> StressRegions:
    """Average the von Mises stress of the snapshot nearest to ``time`` [s] over the regions of the cell."""
    reader = run.fields
    step = run.snapshot(time)
    mises = reader.tet("von_mises_GPa", step).astype(float)
    corner = reader.points[reader.tets]
    edge = corner[:, 1:] - corner[:, :1]
    volume = np.abs(np.einsum("tc,tc->t", edge[:, 0], np.cross(edge[:, 1], edge[:, 2]))) / 6
    domain, n_grains = reader.domain, reader.n_grains
    grain = domain < n_grains
    at_boundary = _touching(run, GB_BOND) & grain
    at_surface = _touching(run, INTERFACE_BOND)
    size_g = np.bincount(domain[grain], volume[grain], n_grains)
    small = np.zeros(n_grains + 2, bool)
    small[:n_grains] = size_g < np.median(size_g)

    def mean(where: NDArray[np.bool_]) -> float:
        return float(mises[where] @ volume[where] / volume[where].sum())

    return StressRegions(
        particle=mean(grain),
        boundaries=mean(at_boundary),
        surface=mean(at_surface & grain),
        inside=mean(grain & ~at_boundary & ~at_surface),
        around=mean(at_surface & ~grain),
        far=mean(domain == n_grains + 1),
        small_grains=mean(at_boundary & small[domain]),
        large_grains=mean(at_boundary & ~small[domain]),
    )


def _touching(run: CaseRun, kind: int) -> NDArray[np.bool_]:
    """Which tets have a node with a bond of a kind."""
    reader = run.fields
    touched = np.zeros(reader.n_nodes, bool)
    touched[reader.bond_nodes[reader.bond_kind == kind].ravel()] = True
    return np.asarray(touched[reader.node_of_point[reader.tets]].any(axis=1))
