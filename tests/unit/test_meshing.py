"""The generated network of the 53-grain particle, coarse."""

import numpy as np
import pytest

from latticecell.errors import ConfigError
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
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


def test_particle_outside_the_block_is_refused():
    with pytest.raises(ConfigError, match="inside the cathode"):
        config(3, center=(7.5, 7.5, 4.0))
