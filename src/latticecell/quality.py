"""How good a generated network is: its tets, and its areas and volumes against the exact geometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from latticecell.arrays import Floats, Ints
from latticecell.grains.tessellation import cells_in_ball
from latticecell.microstructure import Microstructure
from latticecell.network import Network, face_pairs

Row = tuple[str, float, float | None, float | None]


@dataclass(frozen=True, slots=True)
class Quality:
    """Counts and errors of a network; areas in m2, volumes in m3.

    Attributes
    ----------
    sites, nodes, tets, springs, gb_bonds, interface_bonds, grains : int
        Counts; ``grains`` is how many the microstructure has.
    tet_quality_min, tet_quality_1pc : float
        Worst and 1st-percentile ``3 r_in / R_circ`` of the tets (1 regular, 0 flat, negative inverted).
    gb_area, gb_area_exact : float
        Area of the GB bonds, and of the faces of the cells inside the spheres.
    particle_area, particle_area_exact : float
        Area of the interface bonds, and of the spheres.
    particle_volume, particle_volume_exact : float
        Volume of the grains' tets, and of the spheres without cavities.
    deepest_site, highest_site : float
        Least and largest distance of an interface site from the centre of its particle over the radius of the
        sphere. Exact volume puts all of them slightly above 1.
    off_sphere : float
        Fraction of the interface area that belongs to sites more than 1 % of the radius off the mean distance
        of the sites of their particle.
    smallest_grain : float
        Volume of the smallest grain over the mean volume of a grain of the whole cell.
    lost_grains, split_grains : int
        Grains without a tet, and grains whose tets are not connected through faces.
    """

    sites: int
    nodes: int
    tets: int
    springs: int
    gb_bonds: int
    interface_bonds: int
    grains: int
    tet_quality_min: float
    tet_quality_1pc: float
    gb_area: float
    gb_area_exact: float
    particle_area: float
    particle_area_exact: float
    particle_volume: float
    particle_volume_exact: float
    deepest_site: float
    highest_site: float
    off_sphere: float
    smallest_grain: float
    lost_grains: int
    split_grains: int

    def rows(self) -> list[Row]:
        """Name, value, exact value and relative error (None where there is no exact value) for a table."""
        um2, um3 = 1e12, 1e18
        return [
            ("sites", self.sites, None, None),
            ("nodes", self.nodes, None, None),
            ("tets", self.tets, None, None),
            ("springs", self.springs, None, None),
            ("grain-boundary bonds", self.gb_bonds, None, None),
            ("interface bonds", self.interface_bonds, None, None),
            (
                "grains",
                self.grains - self.lost_grains,
                *_against(self.grains - self.lost_grains, self.grains),
            ),
            ("grains in pieces", self.split_grains, None, None),
            ("smallest grain / mean grain", self.smallest_grain, None, None),
            ("worst tet quality", self.tet_quality_min, None, None),
            ("1st percentile of tet quality", self.tet_quality_1pc, None, None),
            _row("grain-boundary area [um2]", self.gb_area * um2, self.gb_area_exact * um2),
            _row("particle surface [um2]", self.particle_area * um2, self.particle_area_exact * um2),
            _row("particle volume [um3]", self.particle_volume * um3, self.particle_volume_exact * um3),
            ("deepest interface site / radius", self.deepest_site, None, None),
            ("highest interface site / radius", self.highest_site, None, None),
            ("interface area off its sphere by over 1 %", self.off_sphere, None, None),
        ]


def network_quality(network: Network, microstructure: Microstructure) -> Quality:
    """Measure a network against the microstructure that it was generated from."""
    n_grains = len(microstructure.seed_gc)
    q_t = tet_quality(network.unwrapped_tac())
    volume_g = np.bincount(network.domain_t, network.volume_t, n_grains + 2)[:n_grains]
    pieces_g = grain_pieces(network.site_n[network.tet_tn], network.domain_t, n_grains)
    radius_p = microstructure.radius_p
    solid = 4 / 3 * np.pi * float((radius_p**3).sum() - len(radius_p) * microstructure.cavity**3)
    solid -= 4 / 3 * np.pi * float((microstructure.void_radius_v**3).sum())
    height_b, mean_b = surface_height(network)
    area_b = network.area_b[network.interface_b]
    return Quality(
        sites=network.n_sites,
        nodes=network.n_nodes,
        tets=network.n_tets,
        springs=network.n_springs,
        gb_bonds=len(network.gb_b),
        interface_bonds=len(network.interface_b),
        grains=n_grains,
        tet_quality_min=float(q_t.min()),
        tet_quality_1pc=float(np.quantile(q_t, 0.01)),
        gb_area=float(network.area_b[network.gb_b].sum()),
        gb_area_exact=grain_boundary_area(microstructure),
        particle_area=float(network.area_b[network.interface_b].sum()),
        particle_area_exact=4 * np.pi * float((radius_p**2).sum()),
        particle_volume=float(volume_g.sum()),
        particle_volume_exact=solid,
        deepest_site=float(height_b.min()),
        highest_site=float(height_b.max()),
        off_sphere=float(area_b[np.abs(height_b - mean_b) > 0.01].sum() / area_b.sum()),
        smallest_grain=float(volume_g.min()) * n_grains / solid,
        lost_grains=int((pieces_g == 0).sum()),
        split_grains=int((pieces_g > 1).sum()),
    )


def surface_height(network: Network) -> tuple[Floats, Floats]:
    """Distances of the sites of interface bonds from the centre of their particle over its radius.

    Returns
    -------
    height_b, mean_b : (n_interface_bonds,) float64
        Of each bond, and the mean over all bonds of its particle.
    """
    node_b = network.bond_bn[network.interface_b, 0]
    particle_b = network.particle_g[network.domain_n[node_b]]
    apart_bc = network.x_kc[network.site_n[node_b]] - network.particle_center_pc[particle_b]
    apart_bc[:, :2] -= network.box_c[:2] * np.round(apart_bc[:, :2] / network.box_c[:2])
    height_b = np.linalg.norm(apart_bc, axis=1) / network.particle_radius_p[particle_b]
    mean_p = np.bincount(particle_b, height_b) / np.maximum(np.bincount(particle_b), 1)
    return height_b, mean_p[particle_b]


def tet_quality(x_tac: Floats) -> Floats:
    """Signed ``3 r_in / R_circ`` of tets, (n_tets,): 1 for a regular tet, 0 for a flat one.

    With volume V, surface A and the products a, b, c of opposite edges: ``r_in = 3 V / A`` and ``R_circ =
    sqrt((a + b + c) (a + b - c) (a - b + c) (b + c - a)) / (24 V)`` (Crelle).

    Parameters
    ----------
    x_tac : (n_tets, 4, 3) float64
        Corners, in any unit.
    """
    x = x_tac / np.maximum(np.ptp(x_tac, axis=1).max(axis=1), 1e-300)[:, None, None]
    e = x[:, [1, 2, 3, 2, 3, 3]] - x[:, [0, 0, 0, 1, 1, 2]]
    length = np.linalg.norm(e, axis=2)
    volume = np.einsum("tc,tc->t", e[:, 0], np.cross(e[:, 1], e[:, 2])) / 6
    area = np.zeros(len(x))
    for i, j in ((0, 1), (0, 2), (1, 2), (3, 4)):
        area += 0.5 * np.linalg.norm(np.cross(e[:, i], e[:, j]), axis=1)
    a, b, c = length[:, 0] * length[:, 5], length[:, 1] * length[:, 4], length[:, 2] * length[:, 3]
    product = (a + b + c) * (a + b - c) * (a - b + c) * (b + c - a)
    good = (product > 0) & (area > 0)
    q = np.zeros(len(x))
    q[good] = 216 * (volume * np.abs(volume))[good] / (area[good] * np.sqrt(product[good]))
    return q


def grain_pieces(tet_tk: Ints, domain_t: Ints, n_grains: int) -> NDArray[np.intp]:
    """Number of face-connected pieces of each grain, (n_grains,); 0 for a lost grain."""
    left, right, _ = face_pairs(tet_tk)
    same = domain_t[left] == domain_t[right]
    n = len(domain_t)
    graph = sp.coo_matrix((np.ones(same.sum(), bool), (left[same], right[same])), shape=(n, n))
    parts, part_t = connected_components(graph, directed=False)
    domain = np.empty(parts, np.int64)
    domain[part_t] = domain_t
    return np.bincount(domain, minlength=n_grains + 2)[:n_grains]


def grain_boundary_area(microstructure: Microstructure) -> float:
    """Exact area of the faces of cells inside the spheres, without what is empty [m2], round-off aside."""
    total = 0.0
    for p, radius in enumerate(microstructure.radius_p):
        own = microstructure.particle_g == p
        seed, weight = microstructure.seed_gc[own] / radius, microstructure.weight_g[own] / radius**2
        cells = cells_in_ball(seed, 1.0, weight, microstructure.cavity / radius)
        total += float(radius) ** 2 * float(cells.area.sum())
        for v in np.flatnonzero(microstructure.void_particle_v == p):
            size = float(microstructure.void_radius_v[v] / radius)
            apart = seed - microstructure.void_center_vc[v] / radius
            total -= float(radius) ** 2 * float(cells_in_ball(apart, size, weight).area.sum())
    return total


def _against(value: float, exact: float) -> tuple[float, float]:
    return exact, value / exact - 1 if exact else float(value != exact)


def _row(name: str, value: float, exact: float) -> Row:
    return (name, value, *_against(value, exact))
