"""From a microstructure to the network."""

from __future__ import annotations

import numpy as np

from latticecell.config import Config
from latticecell.errors import NetworkError
from latticecell.meshing.conform import Ints, conform, shared_labels, triangulate
from latticecell.meshing.geometry import UM, Floats, Geometry
from latticecell.meshing.labels import label_tets
from latticecell.meshing.placement import Sites, place_sites
from latticecell.meshing.smoothing import constraints, relax, smooth
from latticecell.microstructure import Microstructure
from latticecell.network import Network, assemble_network, unwrap_corners

SCHEDULE = "CRRCRRCSS"  # C conform, R relax, S smooth


def build_network(config: Config, microstructure: Microstructure) -> Network:
    """Generate the network; the same input gives the same network.

    Raises
    ------
    NetworkError
        If the tets do not fill the box or a tet is inverted.
    """
    options = config.network
    geometry = Geometry(microstructure, options.spacing, options.spacing_max, options.growth)
    sites, tet, domain = _generate(geometry, microstructure.seed)
    _match_volumes(sites, tet, domain)
    used, index = np.unique(tet, return_inverse=True)
    return assemble_network(
        box_c=microstructure.box_c,
        x_kc=geometry.wrap(sites.x[used]) * UM,
        tet_tk=index.reshape(-1, 4).astype(np.int32),
        domain_t=domain,
        rotation_gcc=microstructure.rotation_gcc,
        particle_g=microstructure.particle_g,
        particle_center_pc=microstructure.center_pc,
        particle_radius_p=microstructure.radius_p,
    )


def _generate(geometry: Geometry, seed: int) -> tuple[Sites, Ints, Ints]:
    rng = np.random.default_rng([seed, 1])  # independent of the draws of the microstructure
    sites = place_sites(geometry, rng)
    left = SCHEDULE.count("S")
    for step in SCHEDULE:
        tet, x, volume = triangulate(sites)
        if step == "C":
            conform(sites, tet, x, shared_labels(sites, tet)[0] == 0, rng, 0.38)
            continue
        limits = constraints(sites)
        if step == "R":
            relax(sites, tet, x, volume, limits)
            continue
        left -= 1
        draw = int(rng.integers(1, 2**63))
        smooth(sites, tet, limits, target=0.35 if left else 0.5, sweeps=3 if left else 6, seed=draw)
        if not left:
            smooth(sites, tet, limits, target=0.25, sweeps=6, seed=draw ^ 1 or 1, release=0.12, step=0.1)
    return sites, tet, label_tets(sites, tet)


def _signed_volumes(sites: Sites, tet: Ints) -> Floats:
    x = unwrap_corners(sites.x, tet, sites.geometry.box)
    return np.linalg.det(x[:, 1:] - x[:, :1]) / 6


def _match_volumes(sites: Sites, tet: Ints, domain: Ints) -> None:
    """Move the surface sites of each particle radially, by one factor, to give it the exact volume.

    A sphere meshed through sites on its surface is too small, by 0.5 to 1.5 %.
    """
    geometry = sites.geometry
    outside = np.unique(tet[domain >= geometry.ecbd])
    particle_t = np.append(geometry.particle, [-1, -1])[domain]
    for p, radius in enumerate(geometry.radius):
        own = particle_t == p
        surface = np.intersect1d(np.unique(tet[own]), outside)
        for _ in range(6):
            volume = _signed_volumes(sites, tet[own]).sum()
            ratio = 4 / 3 * np.pi * radius**3 / volume
            if abs(ratio - 1) < 1e-8:
                break
            r = geometry.shortest(sites.x[surface] - geometry.center[p])
            sites.x[surface] += (ratio ** (1 / 3) - 1) * r
    if _signed_volumes(sites, tet).min() <= 0:
        raise NetworkError("a tet is inverted")
