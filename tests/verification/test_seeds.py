"""Any seed and any arrangement of particles gives a valid network, close to the exact geometry."""

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.network import GB_BOND
from latticecell.quality import network_quality
from latticecell.reader import config_from_table

COARSE = {"spacing_um": 0.85, "spacing_max_um": 3.0, "growth": 0.4}
COARSER = {"spacing_um": 1.1, "spacing_max_um": 3.0, "growth": 0.4}
MEDIUM = {"spacing_um": 0.68, "spacing_max_um": 2.5, "growth": 0.35}
FINE = {"spacing_um": 0.36, "spacing_max_um": 1.5, "growth": 0.25}


def particles(*centers):
    return [{"center_um": list(center), "radius_um": 5.0} for center in centers]


def build(seed, grains=53, network=None, **geometry):
    table = {"microstructure": {"seed": seed, "grains": grains}, "geometry": geometry}
    if network:
        table["network"] = network
    config = config_from_table(table)
    micro = build_microstructure(config)
    network = build_network(config, micro)
    return network, network_quality(network, micro)


def check(network, quality, gb_error, area_error, highest=1.015):
    """Everything that holds for any network, and bounds on the areas of grain boundaries and particles.

    A sphere of chords has the exact volume if its sites lie slightly outside: no pits, no peaks.
    """
    assert quality.tet_quality_min >= 0.1
    assert quality.tet_quality_1pc >= 0.2
    assert (quality.lost_grains, quality.split_grains) == (0, 0)
    assert network.volume_t.min() > 0
    assert network.volume_t.sum() == pytest.approx(np.prod(network.box_c), rel=1e-9)
    assert quality.particle_volume == pytest.approx(quality.particle_volume_exact, rel=2e-3)
    assert 0.985 < quality.deepest_site <= quality.highest_site < highest
    assert quality.particle_area == pytest.approx(quality.particle_area_exact, rel=area_error)
    if quality.gb_area_exact:
        assert quality.gb_area == pytest.approx(quality.gb_area_exact, rel=gb_error)
    # ECBD and separator are one medium, and particles touch neither each other nor the walls
    medium = network.domain_n[network.spring_sn[:, 0]] == network.ecbd
    link = network.spring_sn[medium]
    n = network.n_nodes
    part = connected_components(coo_matrix((np.ones(len(link)), link.T), shape=(n, n)), directed=False)[1]
    assert len(np.unique(part[network.domain_n == network.ecbd])) == 1
    grains = network.domain_n[network.bond_bn[network.kind_b == GB_BOND]]
    assert (network.particle_g[grains[:, 0]] == network.particle_g[grains[:, 1]]).all()
    assert (network.domain_n[network.collector_n] == network.ecbd).all()
    assert (network.domain_n[network.lithium_n] == network.ecbd).all()


@pytest.mark.parametrize("seed", [13, 31])
def test_coarse_networks_of_53_grains(seed):
    network, quality = build(seed, network=COARSE)
    check(network, quality, gb_error=0.03, area_error=0.02)


@pytest.mark.parametrize("grains", [1, 2, 3])
def test_particles_of_few_grains(grains):
    network, quality = build(7, grains=grains, network=COARSER)
    assert len(network.rotation_gcc) == grains
    assert (quality.gb_bonds == 0) == (grains == 1)
    check(network, quality, gb_error=0.015, area_error=0.01)


def test_two_particles():
    centers = particles((7.5, 7.5, 7.5), (7.5, 7.5, 19.5))
    network, quality = build(7, network=COARSE, cathode_um=27.0, particles=centers)
    assert network.n_grains == 106
    check(network, quality, gb_error=0.03, area_error=0.03)


@pytest.mark.parametrize(
    "geometry",
    [
        {"particles": particles((7.5, 7.5, 5.3))},
        {"cathode_um": 27.0, "particles": particles((7.5, 7.5, 7.5), (7.5, 7.5, 17.7))},
        {"width_um": 10.5, "particles": particles((2.0, 9.0, 7.5))},
    ],
    ids=["above_collector", "next_to_another", "next_to_its_image"],
)
def test_gaps_narrower_than_the_spacing_stay_open(geometry):
    network, quality = build(8, grains=20, network=COARSER, **geometry)
    check(network, quality, gb_error=0.04, area_error=0.04)


@pytest.mark.parametrize("seed", [2, 3, 5, 8, 11])
def test_packed_particles(seed):
    """Of different sizes, with numbers of grains in proportion to their volumes, close to each other."""
    packing = {"volume_fraction": 0.33, "radius_mean_um": 2.3, "radius_std_um": 0.5, "gap_um": 0.175}
    network, quality = build(
        seed, grains=5, network={"spacing_um": 0.7, "spacing_max_um": 2.2, "growth": 0.4},
        width_um=9.5, cathode_um=9.0, separator_um=2.5, packing=packing,
    )  # fmt: skip
    assert network.n_particles >= 3
    check(network, quality, gb_error=0.05, area_error=0.02, highest=1.04)
    assert quality.off_sphere == 0


def test_a_spacing_above_a_quarter_of_the_width_is_capped():
    network, quality = build(5, grains=1, network={"spacing_um": 2.5, "spacing_max_um": 8.0, "growth": 1.0})
    assert network.length_s.max() < 7.5e-6
    check(network, quality, gb_error=0.0, area_error=0.03, highest=1.04)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 201))
def test_two_hundred_seeds_at_2k_sites(seed):
    network, quality = build(seed, network=COARSE)
    assert 2150 < quality.sites < 2350
    check(network, quality, gb_error=0.03, area_error=0.004)
    assert quality.off_sphere == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_twenty_seeds_at_4k_sites(seed):
    network, quality = build(seed, network=MEDIUM)
    check(network, quality, gb_error=0.015, area_error=0.002)
    assert quality.off_sphere == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_twenty_seeds_at_8k_sites(seed):
    network, quality = build(seed)
    assert 7500 < quality.sites < 8500
    check(network, quality, gb_error=0.01, area_error=0.01)
    assert quality.off_sphere == 0
    assert quality.tet_quality_1pc >= 0.35


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 4])
def test_21k_sites(seed):
    network, quality = build(seed, network=FINE)
    assert 20000 < quality.sites < 22500
    check(network, quality, gb_error=0.006, area_error=0.004)
