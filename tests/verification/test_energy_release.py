"""What sites ahead of a long crack would release, against the strip's exact energy release rate."""

import functools

import numpy as np
import pytest

from latticecell.physics.energy_release import release
from strips import Strip, strip_network

RATE, CRACK = 0.137, 0.6
SIZES = {1e-6: (72e-6, 6e-6, 12e-6), 2e-6: (72e-6, 12e-6, 12e-6)}


@functools.cache
def strip(spacing):
    """A strip whose bonds stay linear."""
    return Strip(strip_network(*SIZES[spacing], spacing), 1e9, 1e3)


def ahead(own, crack_b, reach):
    """Sites of the intact bonds up to a distance from the left front."""
    network = own.network
    site_b = network.site_n[network.bond_bn[:, 0]]
    near = network.x_kc[site_b, 0] < 0.5 * CRACK * network.box_c[0] + reach
    return site_b[near & ~crack_b]


@pytest.mark.parametrize("spacing", SIZES)
@pytest.mark.parametrize("sliding", [0.0, 0.37, 1.0])
def test_a_stretch_ahead_of_a_front_releases_what_the_strip_stores(spacing, sliding):
    own = strip(spacing)
    state, crack_b = own.cracked(CRACK, (1e-1,))
    wall = own.wall(RATE, sliding)
    own.move(state, wall, np.inf, own.uniform(wall))
    found = release(own.mechanics, state, ahead(own, crack_b, 2.5 * spacing))
    assert found.rate == pytest.approx(RATE, rel=0.04)
    assert found.sliding_share == pytest.approx(sliding, abs=0.005)


def test_a_crack_that_is_pressed_shut_slides():
    """Compression across it releases nothing, and there is no friction."""
    own = strip(2e-6)
    state, crack_b = own.cracked(CRACK, (1e-1,))
    wall = own.wall(RATE, 1.0) - own.wall(0.6 * RATE, 0.0)
    own.move(state, wall, np.inf, own.uniform(wall))
    found = release(own.mechanics, state, ahead(own, crack_b, 5e-6))
    assert found.rate == pytest.approx(RATE, rel=0.04)
    assert found.sliding_share == pytest.approx(1.0, abs=1e-9)


def test_what_is_broken_cannot_let_go():
    own = strip(2e-6)
    state, crack_b = own.cracked(CRACK, (1e-1,))
    broken = own.network.site_n[own.network.bond_bn[crack_b, 0]]
    with pytest.raises(ValueError, match="could let go"):
        release(own.mechanics, state, broken)
