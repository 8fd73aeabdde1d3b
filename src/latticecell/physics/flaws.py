"""Bonds of grain boundaries that are broken before a run begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latticecell.arrays import Bools, Floats
from latticecell.config import PreCrack
from latticecell.errors import ConfigError
from latticecell.network import GB_BOND, Network

KEY = "grain_boundary.pre_cracks"


def cracked_bonds(network: Network, pre_cracks: Sequence[PreCrack]) -> Bools:
    """Return which bonds some pre-cracks break, (n_bonds,).

    A disc breaks bonds between grains whose centroids lie on its two sides, as far as their sites project
    onto it. So it breaks a connected surface, flat or not.

    Raises
    ------
    ConfigError
        If there is no such particle, grain or boundary, or nothing along a disc.
    """
    broken = np.zeros(network.n_bonds, bool)
    problems = []
    for i, crack in enumerate(pre_cracks):
        where = f"{KEY}[{i}]"
        if crack.grains is not None:
            told, problem = f"{where}.grains = {list(crack.grains)}", _unknown(network, crack.grains)
            own = _boundary(network, crack.grains) if not problem else broken
        else:
            told, problem = f"{where}.particle = {crack.particle}", ""
            if crack.particle >= network.n_particles:
                problem = f"must be below {network.n_particles}, the number of particles"
            own = _disc(network, crack) if not problem else broken
        if not problem and not own.any():
            told, problem = (told if crack.grains else where), "lies along no grain boundary"
        if problem:
            problems.append(f"{told}: {problem}")
        broken |= own
    if problems:
        raise ConfigError(problems)
    return broken


def _unknown(network: Network, grains: tuple[int, ...]) -> str:
    return "" if max(grains) < network.n_grains else f"must be below {network.n_grains}, the number of grains"


def _boundary(network: Network, grains: tuple[int, ...]) -> Bools:
    """Bonds of grain boundaries of one grain, or between two."""
    among = np.isin(network.domain_n[network.bond_bn], grains)
    return (network.kind_b == GB_BOND) & (among.any(axis=1) if len(set(grains)) == 1 else among.all(axis=1))


def _disc(network: Network, crack: PreCrack) -> Bools:
    normal, center = np.array(crack.normal, float), np.array(crack.center, float)
    normal /= np.linalg.norm(normal)
    grain_bn = network.domain_n[network.bond_bn]
    own = network.gb_b[network.particle_g[grain_bn[network.gb_b, 0]] == crack.particle]
    side = (_centroids(network) - center) @ normal > 0
    away = _relative(network, network.x_nc[network.bond_bn[own, 0]], crack.particle) - center
    across = np.linalg.norm(away - (away @ normal)[:, None] * normal, axis=1)
    broken = np.zeros(network.n_bonds, bool)
    broken[own] = (side[grain_bn[own, 0]] != side[grain_bn[own, 1]]) & (across <= crack.radius)
    return broken


def _centroids(network: Network) -> Floats:
    """Centroid of each grain relative to the centre of its particle, (n_grains, 3) [m]."""
    own = np.flatnonzero(network.is_active_n)
    grain, volume = network.domain_n[own], network.volume_n[own]
    x = _relative(network, network.x_nc[own], network.particle_g[grain])
    total = np.bincount(grain, volume, network.n_grains)
    return np.stack([np.bincount(grain, volume * a, network.n_grains) / total for a in x.T], axis=1)


def _relative(network: Network, x: Floats, particle: int | np.ndarray) -> Floats:
    """Positions relative to the centres of particles, by the nearest image."""
    d = x - network.particle_center_pc[particle]
    d[:, :2] -= network.box_c[:2] * np.round(d[:, :2] / network.box_c[:2])
    return d
