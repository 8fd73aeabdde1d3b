"""From a microstructure to the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Bools, Floats, Ints
from latticecell.config import Config
from latticecell.errors import NetworkError
from latticecell.imports.microstructure import LabelledMicrostructure
from latticecell.meshing.conform import conform, shared_labels, straddling, triangulate
from latticecell.meshing.fitting import fit_boundaries
from latticecell.meshing.geometry import UM, CellGeometry, Grading
from latticecell.meshing.labels import label_tets
from latticecell.meshing.mending import mend, merge_with_surface
from latticecell.meshing.placement import Sites, place_sites
from latticecell.meshing.smoothing import relax, smooth
from latticecell.meshing.spheres import SphereGeometry
from latticecell.microstructure import Microstructure
from latticecell.network import TET_FACES, Network, assemble_network, signed_volume, unwrap_corners
from latticecell.quality import grain_pieces, tet_quality
from latticecell.threads import one_blas_thread

SCHEDULE = "TCTRTRTCTRTRTCT"
"""T triangulate, C conform, R relax; smoothing and labelling follow."""
REPAIRS = 4
"""Times that sites are inserted where tets still reach through the surface of a particle."""
ATTEMPTS = 5
GOOD_QUALITY = 0.1
"""Worst quality 3 r_in / R_circ at which a network is taken at once; else further ones are drawn."""
WORST_QUALITY = 0.05
"""Worst quality that is accepted if no draw is good; flatter tets spoil the equilibrium solver."""

Drawn = TypeVar("Drawn")
AnyMicrostructure = Microstructure | LabelledMicrostructure


@one_blas_thread()
def build_network(config: Config, microstructure: AnyMicrostructure) -> Network:
    """Generate the network; the same input gives the same network.

    A network with a poor tet or a lost grain is discarded and sites are drawn anew, a few times; the best
    valid one is taken.

    Raises
    ------
    NetworkError
        If no draw gives a valid network.
    """
    options = config.network
    grading = Grading(options.spacing / UM, options.spacing_max / UM, options.growth, options.finest / UM)
    geometry: CellGeometry
    if isinstance(microstructure, Microstructure):
        geometry = SphereGeometry(microstructure, grading)
    else:
        geometry = microstructure.geometry(grading)

    def draw(attempt: int) -> tuple[Sites, Ints, Ints]:
        drawn = _generate(geometry, [microstructure.seed, 1, attempt])
        _match_volumes(*drawn)
        return drawn

    def judge(drawn: tuple[Sites, Ints, Ints]) -> float:
        sites, tet, domain = drawn
        check_grains(tet, domain, geometry.n_grains)
        quality = float(tet_quality(unwrap_corners(sites.x, tet, geometry.box)).min())
        return min(quality, WORST_QUALITY) if straddling(sites, tet).any() else quality

    sites, tet, domain = best_draw(draw, judge)
    solid = ~np.append(geometry.hollow, [False, False])
    void = float(_signed_volumes(sites, tet[~solid[domain]]).sum())
    tet, domain = tet[solid[domain]], (np.cumsum(solid) - 1)[domain[solid[domain]]].astype(np.int32)
    used, tet, domain = _ordered(sites, tet, domain)
    return assemble_network(
        box_c=microstructure.box_c,
        x_kc=geometry.wrap(sites.x[used]) * UM,
        tet_tk=tet,
        domain_t=domain,
        rotation_gcc=microstructure.rotation_gcc,
        particle_g=microstructure.particle_g,
        particle_center_pc=microstructure.center_pc,
        particle_radius_p=microstructure.radius_p,
        seed_gc=microstructure.seed_gc,
        void_volume=void * UM**3,
    )


def best_draw(draw: Callable[[int], Drawn], judge: Callable[[Drawn], float]) -> Drawn:
    """Return the first good draw, or else the best of a few that are valid.

    Parameters
    ----------
    draw : callable
        Makes a draw, given the number of the attempt from 0; raises `NetworkError` if it fails.
    judge : callable
        Worst tet quality of a draw; raises `NetworkError` if it is not valid.

    Raises
    ------
    NetworkError
        If none is valid, with what was wrong.
    """
    best, best_quality, flaws = None, WORST_QUALITY, []
    for attempt in range(ATTEMPTS):
        try:
            drawn = draw(attempt)
            quality = judge(drawn)
        except NetworkError as error:
            flaws.append(str(error))
            continue
        if quality >= GOOD_QUALITY:
            return drawn
        if quality >= best_quality:
            best, best_quality = drawn, quality
        flaws.append(f"the worst tet has quality {quality:.3f}")
    if best is None:
        raise NetworkError(
            f"no valid network in {ATTEMPTS} attempts ({'; '.join(dict.fromkeys(flaws))}): choose a smaller "
            "network.spacing_um or another microstructure.seed"
        )
    return best


def check_grains(tet_tk: Ints, domain_t: Ints, n_grains: int) -> None:
    """Raise `NetworkError` unless every grain is there, in one piece."""
    pieces = grain_pieces(tet_tk, domain_t, n_grains)
    for flaw, found in (("lost", pieces == 0), ("in pieces", pieces > 1)):
        if found.any():
            raise NetworkError(f"grains {flaw}: {np.flatnonzero(found).tolist()}")


def _ordered(sites: Sites, tet: Ints, domain: Ints) -> tuple[NDArray[np.intp], Ints, Ints]:
    """Used sites along a Morton curve, and tets by domain and lowest site: neighbours close in memory."""
    used = np.unique(tet).astype(np.intp)
    cell = (sites.x[used] / sites.geometry.box * 1023).astype(np.int64)
    code = np.zeros(len(used), np.int64)
    for bit in range(10):
        for c in range(3):
            code |= ((cell[:, c] >> bit) & 1) << (3 * bit + c)
    used = used[np.argsort(code, kind="stable")]
    rank = np.empty(len(sites), np.int32)
    rank[used] = np.arange(len(used), dtype=np.int32)
    tet = rank[tet]
    order = np.lexsort((tet.max(axis=1), tet.min(axis=1), domain))
    return used, tet[order], domain[order]


def _generate(geometry: CellGeometry, seed: list[int]) -> tuple[Sites, Ints, Ints]:
    rng = np.random.default_rng(seed)  # independent of the draws of the microstructure
    sites = place_sites(geometry, rng)
    for step in SCHEDULE:
        if step == "T":
            tet = triangulate(sites)
        elif step == "C":
            conform(sites, tet, shared_labels(sites, tet)[0] == 0, rng)
        elif step == "R":
            relax(sites, tet, geometry.constraints(sites))
    for _ in range(REPAIRS):
        bad = straddling(sites, tet)
        if not bad.any():
            break
        conform(sites, tet, bad, rng)
        tet = triangulate(sites)
    if geometry.sweeps and (bad := straddling(sites, tet)).any():
        merge_with_surface(sites, tet, bad)
        tet = triangulate(sites)
        conform(sites, tet, shared_labels(sites, tet)[0] == 0, rng)
        tet = triangulate(sites)
    limits = geometry.constraints(sites)
    draw = int(rng.integers(1, 2**63))
    smooth(sites, tet, limits, target=0.35, sweeps=3, seed=draw)
    smooth(sites, tet, limits, target=0.5, sweeps=6, seed=draw ^ 1 or 1)
    smooth(sites, tet, limits, target=0.25, sweeps=6, seed=draw ^ 2 or 2, release=0.12, step=0.1)
    domain = label_tets(sites, tet)
    if geometry.sweeps:
        tet, domain = mend(sites, tet, domain, draw ^ 3)
        fit_boundaries(sites, tet, domain)
    return sites, tet, domain


def _signed_volumes(sites: Sites, tet: Ints) -> Floats:
    x = unwrap_corners(sites.x, tet, sites.geometry.box)
    return signed_volume(x)


def _volume_slope(sites: Sites, tet: Ints) -> Floats:
    """Derivative of the volume of tets by the sites, (n_sites, 3); zero but on their common surface."""
    x = unwrap_corners(sites.x, tet, sites.geometry.box)
    slope = np.zeros((len(sites), 3))
    for corner, face in enumerate(TET_FACES):
        a = x[:, face]
        inwards = -np.cross(a[:, 1] - a[:, 0], a[:, 2] - a[:, 0]) / 6
        for c in range(3):
            slope[:, c] += np.bincount(tet[:, corner], inwards[:, c], len(sites))
    return slope


def _match_volume(
    sites: Sites, tet: Ints, own_t: Bools, particle: int, target: float, void: int | None = None
) -> None:
    """Move the surface sites of some tets of a particle to give them a volume."""
    geometry, own = sites.geometry, tet[own_t]
    surface = np.intersect1d(np.unique(own), np.unique(tet[~own_t]))
    for _ in range(6):
        volume = _signed_volumes(sites, own).sum()
        if abs(target / volume - 1) < 1e-8:
            break
        slope = _volume_slope(sites, own)[surface]
        sites.x[surface] += geometry.swelling(sites.x[surface], particle, target, volume, slope, void)


def _match_volumes(sites: Sites, tet: Ints, domain: Ints) -> None:
    """Move the surface sites of each particle to give it the exact volume.

    A sphere meshed through sites on its surface is too small, by 0.5 to 1.5 %. So is a void in it.
    """
    geometry = sites.geometry
    particle_t = np.append(geometry.particle, [-1, -1])[domain]
    for p, target in enumerate(geometry.volume_p):
        _match_volume(sites, tet, particle_t == p, p, float(target))
    for void, target in zip(np.flatnonzero(geometry.hollow), geometry.volume_h, strict=True):
        particle = int(geometry.particle[void])
        _match_volume(sites, tet, domain == void, particle, float(target), int(void))
    volume = _signed_volumes(sites, tet)
    if volume.min() <= 0:
        raise NetworkError("a tet is inverted")
    if abs(volume.sum() / np.prod(geometry.box) - 1) > 1e-9:
        raise NetworkError("tets overlap")
