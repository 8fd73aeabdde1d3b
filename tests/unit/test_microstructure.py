"""What the seed decides: grains of each particle, apart from the others."""

import numpy as np

from latticecell import build_microstructure, config_from_table

GEOMETRY = {"width_um": 9.0, "cathode_um": 11.0, "separator_um": 2.0}
PARTICLES = [
    {"center_um": [2.7, 2.6, 2.9], "radius_um": 2.2},
    {"center_um": [6.4, 6.3, 7.6], "radius_um": 2.7},
    {"center_um": [2.1, 6.6, 8.1], "radius_um": 1.4},
]


def drawn(count, **keys):
    table = {
        "geometry": GEOMETRY | {"particles": PARTICLES[:count]},
        "microstructure": {"seed": 9, "grains": 7} | keys,
        "network": {"spacing_um": 0.3},
    }
    return build_microstructure(config_from_table(table))


def test_another_particle_leaves_the_grains_of_the_others_alone():
    one, two, three = drawn(1), drawn(2), drawn(3)
    for less, more in ((one, two), (two, three)):
        n = len(less.seed_gc)
        assert np.array_equal(less.seed_gc, more.seed_gc[:n])
        assert np.array_equal(less.rotation_gcc, more.rotation_gcc[:n])
        assert np.array_equal(less.particle_g, more.particle_g[:n])
    assert not np.isin(three.rotation_gcc[:7], three.rotation_gcc[7:]).any()  # none is that of another


def test_same_grains_are_those_of_the_first_at_another_scale():
    one, three = drawn(1), drawn(3, same_grains=True)
    for p, radius in enumerate(three.radius_p):
        own = three.particle_g == p
        assert np.array_equal(three.rotation_gcc[own], one.rotation_gcc)
        np.testing.assert_allclose(three.seed_gc[own] / radius, one.seed_gc / one.radius_p[0], rtol=1e-12)
