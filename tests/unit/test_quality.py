"""Quality measures against geometry whose areas and qualities are known in closed form."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from latticecell.grains.tessellation import polygon_disc_area
from latticecell.meshing.generate import build_network
from latticecell.microstructure import Microstructure, build_microstructure
from latticecell.network import Network
from latticecell.quality import (
    grain_boundary_area,
    grain_pieces,
    network_quality,
    tet_quality,
)
from latticecell.reader import config_from_table
from networks import box_network


def microstructure(seeds, radius=4.3e-6):
    """One particle in the middle of a box, with given Voronoi seeds relative to its centre."""
    seeds = np.asarray(seeds, float)
    n = len(seeds)
    return Microstructure(
        np.array([13e-6, 13e-6, 24e-6]), 13e-6, np.array([[6.5e-6, 6.5e-6, 6.5e-6]]), np.array([radius]),
        seeds, np.zeros(n, np.int32), np.tile(np.eye(3), (n, 1, 1)), 11, np.zeros(n), 0.0,
    )  # fmt: skip


def test_tet_quality_of_known_tets():
    regular = np.array([[1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1.0]])
    flat = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    # corner tet: r_in = 1 / (3 + sqrt 3), R_circ = sqrt 3 / 2
    known = 3 / (3 + np.sqrt(3)) / (np.sqrt(3) / 2)
    q = tet_quality(np.stack([regular, regular[[0, 2, 1, 3]], flat, 3e-7 * corner]))
    np.testing.assert_allclose(q, [1, -1, 0, known], atol=1e-12)


def test_tet_quality_agrees_with_radii_from_linear_systems():
    x = np.random.default_rng(5).normal(size=(40, 4, 3))
    edge = x[:, 1:] - x[:, :1]
    center = np.linalg.solve(2 * edge, (edge**2).sum(axis=2)[:, :, None])[:, :, 0]
    circumradius = np.linalg.norm(center, axis=1)
    volume = np.linalg.det(edge) / 6
    area = sum(
        np.linalg.norm(np.cross(x[:, b] - x[:, a], x[:, c] - x[:, a]), axis=1) / 2
        for a, b, c in ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3))
    )
    np.testing.assert_allclose(tet_quality(x), 3 * (3 * volume / area) / circumradius, rtol=1e-9)


SEGMENT = 1.7**2 * np.arccos(0.8 / 1.7) - 0.8 * np.sqrt(1.7**2 - 0.8**2)
"""Part of a disc of radius 1.7 beyond a chord at distance 0.8."""


@pytest.mark.parametrize(
    ("corners", "exact"),
    [
        ([(-9, -9), (9, -9), (9, 9), (-9, 9)], np.pi * 1.7**2),  # disc inside
        ([(-0.5, -0.4), (0.6, -0.4), (0.6, 0.7), (-0.5, 0.7)], 1.1 * 1.1),  # polygon inside
        ([(0, 0), (9, 0), (9, 9), (0, 9)], np.pi * 1.7**2 / 4),  # quadrant
        ([(2, 2), (3, 2), (3, 3)], 0.0),  # apart
        ([(0.8, -9), (9, -9), (9, 9), (0.8, 9)], SEGMENT),
    ],
)  # fmt: skip
def test_polygon_in_disc(corners, exact):
    corners = np.array(corners, float)
    assert polygon_disc_area(corners, 1.7) == pytest.approx(exact, abs=1e-12)
    assert polygon_disc_area(corners[::-1], 1.7) == pytest.approx(exact, abs=1e-12)


def test_area_of_one_grain_boundary_is_that_of_a_disc():
    radius, height = 4.3e-6, 1.1e-6
    normal = np.array([2, -3, 6.0]) / 7
    seeds = height * normal + np.array([[0.9e-6], [-0.9e-6]]) * normal
    exact = np.pi * (radius**2 - height**2)
    assert grain_boundary_area(microstructure(seeds, radius)) == pytest.approx(exact, rel=1e-12)
    assert grain_boundary_area(microstructure(seeds[:1], radius)) == 0


def test_area_of_three_grain_boundaries_that_meet_on_a_diameter():
    angle = 0.3 + 2 * np.pi / 3 * np.arange(3)
    seeds = 2.1e-6 * np.stack([np.cos(angle), np.sin(angle), np.full(3, 0.2)], axis=1)
    assert grain_boundary_area(microstructure(seeds)) == pytest.approx(1.5 * np.pi * 4.3e-6**2, rel=1e-12)


def test_area_of_53_grains_agrees_with_sampling():
    config = config_from_table({"microstructure": {"seed": 17}})
    micro = build_microstructure(config)
    radius, width = 5e-6, 2.5e-8
    rng = np.random.default_rng(23)
    x = rng.uniform(-radius, radius, (2_000_000, 3))
    x = x[(x**2).sum(axis=1) < radius**2]
    distance, grain = cKDTree(micro.seed_gc).query(x, k=2)
    apart = np.linalg.norm(micro.seed_gc[grain[:, 1]] - micro.seed_gc[grain[:, 0]], axis=1)
    near = (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2 * apart) < width
    sampled = near.mean() * 4 / 3 * np.pi * radius**3 / (2 * width)
    # the two nearest seeds miss the overlap of layers at triple lines, about 1 % at this width
    assert grain_boundary_area(micro) == pytest.approx(sampled, rel=0.02)


def test_pieces_of_grains_are_counted():
    # grain 0 in two slabs, grain 1 in one, grain 2 nowhere
    slab = lambda x: np.select([x[:, 2] < 0.6e-6, x[:, 2] < 1.2e-6, x[:, 2] < 1.8e-6], [0, 1, 0], 3)  # noqa: E731
    network = box_network(shape=(3, 3, 7), domain=slab, rotations=np.tile(np.eye(3), (3, 1, 1)), jitter=0)
    pieces = grain_pieces(network.site_n[network.tet_tn], network.domain_t, 3)
    np.testing.assert_array_equal(pieces, [2, 1, 0])


def test_errors_of_a_two_grain_network():
    seeds = np.array([[0.2e-6, 0.3e-6, 1.6e-6], [0.2e-6, 0.3e-6, -1.6e-6]])
    micro = microstructure(seeds)
    config = config_from_table(
        {
            "geometry": {
                "width_um": 13.0, "cathode_um": 13.0, "separator_um": 11.0,
                "particles": [{"center_um": [6.5, 6.5, 6.5], "radius_um": 4.3}],
            },
            "microstructure": {"grains": 2, "seed": 11},
            "network": {"spacing_um": 0.9, "spacing_max_um": 3.0, "growth": 0.4},
        }
    )  # fmt: skip
    network = build_network(config, micro)
    quality = network_quality(network, micro)
    assert quality.gb_area_exact == pytest.approx(np.pi * 4.3e-6**2, rel=1e-12)
    assert quality.gb_area == pytest.approx(quality.gb_area_exact, rel=0.02)
    assert quality.particle_area == pytest.approx(4 * np.pi * 4.3e-6**2, rel=0.01)
    assert quality.particle_volume == pytest.approx(4 / 3 * np.pi * 4.3e-6**3, rel=1e-7)
    assert quality.smallest_grain == pytest.approx(1, rel=0.02)
    assert (quality.grains, quality.lost_grains, quality.split_grains) == (2, 0, 0)
    assert quality.nodes == network.n_nodes
    assert quality.gb_bonds + quality.interface_bonds == network.n_bonds
    for name, value, exact, error in quality.rows():
        assert name
        assert (exact is None) == (error is None)
        if exact is not None:
            assert error == pytest.approx(value / exact - 1)


def test_a_pit_in_the_sphere_is_measured():
    config = config_from_table(tiny_cell())
    micro = build_microstructure(config)
    network = build_network(config, micro)
    whole = network_quality(network, micro)
    assert 1 < whole.deepest_site <= whole.highest_site < 1.02
    assert whole.off_sphere == 0
    bond = network.interface_b[17]
    site = network.site_n[network.bond_bn[bond, 0]]
    arrays = network.arrays()
    x_kc = arrays["x_kc"].copy()
    x_kc[site] = micro.center_pc[0] + 0.93 * (x_kc[site] - micro.center_pc[0])
    pitted = network_quality(Network.from_arrays({**arrays, "x_kc": x_kc}), micro)
    assert pitted.deepest_site == pytest.approx(0.93 * whole.deepest_site, rel=0.02)
    assert pitted.highest_site == whole.highest_site
    at_site = network.interface_b[network.site_n[network.bond_bn[network.interface_b, 0]] == site]
    share = network.area_b[at_site].sum() / network.area_b[network.interface_b].sum()
    assert pitted.off_sphere == pytest.approx(share, rel=1e-12)


def tiny_cell():
    return {
        "microstructure": {"grains": 3, "seed": 7},
        "network": {"spacing_um": 1.4, "spacing_max_um": 4.0, "growth": 0.6},
    }
