"""The generated network of the 53-grain particle, coarse."""

import numpy as np
import pytest

from latticecell.errors import ConfigError, NetworkError
from latticecell.meshing.generate import best_draw, build_network, check_grains
from latticecell.microstructure import build_microstructure
from latticecell.quality import tet_quality
from latticecell.reader import config_from_table


def config(seed, center=(7.5, 7.5, 7.5), spacing=0.85):
    return config_from_table(
        {
            "geometry": {"particles": [{"center_um": list(center), "radius_um": 5.0}]},
            "microstructure": {"seed": seed},
            "network": {"spacing_um": spacing, "spacing_max_um": 3.0, "growth": 0.4},
        }
    )


@pytest.fixture(scope="module")
def network():
    return build_network(config(3), build_microstructure(config(3)))


def test_particle_volume_is_exact_and_no_grain_is_lost(network):
    volume = network.volume_t[network.is_active_t].sum()
    assert volume == pytest.approx(4 / 3 * np.pi * 5e-6**3, rel=2e-3, abs=0)
    assert len(np.unique(network.domain_t)) == 55


def test_bond_areas_close_every_grain(network):
    total = np.zeros((network.n_grains + 1, 3))
    np.add.at(total, network.domain_n[network.bond_bn[:, 0]], network.area_bc)
    np.add.at(total, network.domain_n[network.bond_bn[:, 1]], -network.area_bc)
    assert np.abs(total).max() < 1e-12 * network.area_b.sum()


def test_same_seed_gives_the_same_network(network):
    again = build_network(config(3), build_microstructure(config(3)))
    np.testing.assert_array_equal(again.x_kc, network.x_kc)
    np.testing.assert_array_equal(again.tet_tn, network.tet_tn)


def test_seeds_lie_in_their_grains(network):
    microstructure = build_microstructure(config(3))
    np.testing.assert_array_equal(network.seed_gc, microstructure.seed_gc)
    center_tc = network.unwrapped_tac().mean(axis=1) - network.particle_center_pc[0]
    nearest = np.linalg.norm(center_tc[:, None] - network.seed_gc, axis=2).argmin(axis=1)
    grains = network.is_active_t
    assert (nearest == network.domain_t)[grains].mean() > 0.97


def test_particle_outside_the_block_is_refused():
    with pytest.raises(ConfigError, match="inside the cathode"):
        config(3, center=(7.5, 7.5, 4.0))


def chosen(*values):
    """Return the draw that is taken if they have these worst qualities, or fail; and all that were made."""
    drawn = []

    def draw(attempt):
        drawn.append(attempt)
        if values[attempt] == "a tet is inverted":
            raise NetworkError(values[attempt])
        return attempt

    def judge(attempt):
        if isinstance(values[attempt], str):
            raise NetworkError(values[attempt])
        return values[attempt]

    return best_draw(draw, judge), drawn


def test_a_good_draw_is_taken_at_once():
    assert chosen(0.08, "a tet is inverted", 0.13, 0.2) == (2, [0, 1, 2])


def test_the_best_of_mediocre_draws_is_taken():
    assert chosen(0.06, 0.03, 0.09, "grains lost: [4]", 0.07) == (2, [0, 1, 2, 3, 4])


def test_hopeless_draws_are_refused_with_their_reasons():
    with pytest.raises(NetworkError, match=r"5 attempts .*grains lost: \[4\].*spacing_um or another"):
        chosen(0.01, "grains lost: [4]", "grains lost: [4]", -0.2, 0.04)


def test_lost_and_split_grains_are_named(network):
    tet = network.site_n[network.tet_tn]
    check_grains(tet, network.domain_t, 53)
    lost = np.where(network.domain_t == 8, 53, network.domain_t)
    with pytest.raises(NetworkError, match=r"grains lost: \[8\]"):
        check_grains(tet, lost, 53)
    split = network.domain_t.copy()
    split[np.flatnonzero(split == 54)[0]] = 8  # a lone tet of grain 8 in the separator
    with pytest.raises(NetworkError, match=r"grains in pieces: \[8\]"):
        check_grains(tet, split, 53)


def test_the_tets_of_a_network_are_good(network):
    assert tet_quality(network.unwrapped_tac()).min() >= 0.1
