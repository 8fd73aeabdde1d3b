"""Networks of Laguerre cells, columns and hollow particles: where their features lie, and what is free."""

import numpy as np
import pytest

from latticecell.grains.tessellation import cells_in_ball, plane_heights
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.network import TET_FACES, face_pairs
from latticecell.quality import network_quality
from latticecell.reader import config_from_table

UM = 1e-6
CELL = {
    "width_um": 9.0, "cathode_um": 9.0, "separator_um": 3.0,
    "particles": [{"center_um": [1.0, 8.0, 4.5], "radius_um": 3.4}],
}  # fmt: skip
KINDS = {
    "sizes": {"sizes": {"mean_um": 2.6, "deviation_um": 0.7}, "relaxations": 2},
    "hollow": {"grains": 14, "cavity_radius_um": 1.3},
    "columns": {"grains": 20, "cavity_radius_um": 1.2, "aspect_ratio": 1.4},
    "hollow_crystal": {"grains": 1, "cavity_radius_um": 1.4},
}


def made(**keys):
    config = config_from_table(
        {
            "geometry": CELL,
            "microstructure": {"seed": 4} | keys,
            "network": {"spacing_um": 0.75, "spacing_max_um": 2.5, "growth": 0.5},
        }
    )
    micro = build_microstructure(config)
    network = build_network(config, micro)
    return network, micro, network_quality(network, micro)


@pytest.fixture(scope="module", params=KINDS)
def built(request):
    return made(**KINDS[request.param])


def relative(network, node):
    """Places of nodes relative to the centre of the particle, over its radius."""
    d = network.x_nc[node] - network.particle_center_pc[0]
    d[:, :2] -= network.box_c[:2] * np.round(d[:, :2] / network.box_c[:2])
    return d / network.particle_radius_p[0]


def test_networks_are_as_good_as_those_of_voronoi_cells(built):
    network, _, quality = built
    assert quality.tet_quality_min >= 0.1
    assert quality.tet_quality_1pc >= 0.2
    assert (quality.lost_grains, quality.split_grains) == (0, 0)
    assert quality.particle_volume == pytest.approx(quality.particle_volume_exact, rel=1e-7)
    assert 0.985 < quality.deepest_site <= quality.highest_site < 1.02
    assert quality.gb_area == pytest.approx(quality.gb_area_exact, rel=0.05)
    assert network.volume_t.min() > 0


def test_volumes_of_grains_are_those_of_their_cells(built):
    network, micro, _ = built
    r = micro.radius_p[0]
    exact = cells_in_ball(micro.seed_gc / r, 1.0, micro.weight_g / r**2, micro.cavity / r).volume
    volume = np.bincount(network.domain_t, network.volume_t)[: network.n_grains] / r**3
    assert np.abs(volume / exact - 1).max() < 0.15
    assert np.median(np.abs(volume / exact - 1)) < 0.03


def test_boundary_sites_lie_on_the_planes_of_equal_power(built):
    """But for some that stand for two corners close to each other, or that smoothing let go of."""
    network, micro, _ = built
    node = network.bond_bn[network.gb_b]
    if not len(node):
        return
    a, b = network.domain_n[node].T
    seed, weight = micro.seed_gc / micro.radius_p[0], micro.weight_g / micro.radius_p[0] ** 2
    normal = seed[b] - seed[a]
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    off = (relative(network, node[:, 0]) * normal).sum(axis=1) - plane_heights(seed, weight, a, b)
    assert np.median(np.abs(off)) < 1e-9
    assert np.quantile(np.abs(off), 0.9) < 0.1 * 0.75 / 3.4  # the volumes of spheres are met by moving sites
    assert np.abs(off).max() < 0.8 * 0.75 / 3.4


def test_nothing_is_inside_a_cavity_and_its_surface_is_free(built):
    network, micro, _ = built
    if micro.cavity == 0:
        return
    share = micro.cavity / micro.radius_p[0]
    active = np.flatnonzero(network.is_active_n)
    height = np.linalg.norm(relative(network, active), axis=1)
    assert height.min() > 0.9 * share
    # tets fill all of the box but the cavity
    missing = np.prod(network.box_c) - network.volume_t.sum()
    assert missing == pytest.approx(4 / 3 * np.pi * micro.cavity**3, rel=1e-6)
    # faces without a neighbour: the walls of the cell, and the inner surface, whose sites lie on the sphere
    tet = network.site_n[network.tet_tn]
    pairs = face_pairs(tet)
    face = np.sort(tet[:, TET_FACES], axis=2).reshape(-1, 3)
    single, count = np.unique(face, axis=0, return_counts=True)
    single = single[count == 1]
    assert (count == 2).sum() == len(pairs.left)
    z = network.x_kc[single][:, :, 2]
    wall = (z == 0).all(axis=1) | (z > network.box_c[2] * (1 - 1e-12)).all(axis=1)
    site = np.unique(single[~wall])
    d = network.x_kc[site] - network.particle_center_pc[0]
    d[:, :2] -= network.box_c[:2] * np.round(d[:, :2] / network.box_c[:2])
    inner = np.linalg.norm(d, axis=1) / micro.radius_p[0]
    assert len(site) > 10
    assert np.quantile(np.abs(inner / np.median(inner) - 1), 0.8) < 1e-6
    assert np.abs(inner / share - 1).max() < 0.3
    assert np.median(inner / share) == pytest.approx(1, abs=0.06)
    # reaction and bonds to the ECBD are on the outside only
    bond = network.bond_bn[network.interface_b, 0]
    assert np.linalg.norm(relative(network, bond), axis=1).min() > 0.98
    assert not np.isin(network.site_n[network.domain_n == network.ecbd], site).any()


def test_sites_whose_lines_meet_in_one_point_give_no_overlapping_tets():
    """Seeds at one distance from the centre: isosceles trapezoids of sites are flat Delaunay tets."""
    turn = np.arange(12) + 0.5
    theta, phi = np.arccos(1 - turn / 6), np.pi * (1 + 5**0.5) * turn
    seeds = 2 * np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
    network, _, quality = made(seeds={"positions_um": seeds.tolist()}, cavity_radius_um=1.2)
    assert network.n_grains == 12
    assert quality.tet_quality_min >= 0.05
    assert quality.gb_area == pytest.approx(quality.gb_area_exact, rel=0.05)
