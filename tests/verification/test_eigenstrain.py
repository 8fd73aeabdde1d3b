"""Sources of stress-free strain: a free body follows them without stress, and they add."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cells import tiny
from latticecell import State
from latticecell.materials import mechanical_laws
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.physics.eigenstrain import LithiumExpansion
from latticecell.physics.lattice import Lattice, domain_stiffness
from latticecell.stepper import Stepper
from networks import box_network, free_grains

SIZE = np.array([1.3e-6, 1.7e-6, 2.1e-6])
TRANSVERSE = {
    "elasticity": "transversely_isotropic",
    "youngs_modulus_c_GPa": 61.0,
    "poisson_ratio_c": 0.17,
    "shear_modulus_c_GPa": 41.0,
}


class Heat:
    """Uniform warming of everything."""

    def __init__(self, network, strain):
        self.network, self.strain = network, strain

    def eigenstrain(self, fields):
        return np.tile(self.strain * np.array([1.0, 1, 1, 0, 0, 0]), (self.network.n_tets, 1))


@pytest.fixture(scope="module")
def grain():
    """One rotated grain, a block inside the box whose nodes no spring ties to its surroundings."""
    rotation = Rotation.random(1, rng=np.random.default_rng(37)).as_matrix()
    inside = lambda x: (np.abs(x / SIZE - 0.5) < 1 / 3).all(axis=1)  # noqa: E731
    network = box_network((6, 6, 6), SIZE, lambda x: np.where(inside(x), 0, 1), rotation)
    laws = mechanical_laws(tiny(materials={"active": TRANSVERSE}))
    return network, laws, Lattice(network, domain_stiffness(laws, network))


def relaxed(network, lattice, eigen_tv):
    """Strains and stresses of the grain without surroundings."""
    u_nc, own = free_grains(lattice, eigen_tv), network.is_active_t
    return lattice.strain(u_nc, np.zeros(2))[own], lattice.stress(u_nc, np.zeros(2), eigen_tv)[own]


@pytest.mark.parametrize("warming", [0.0, 0.0043])
def test_a_free_rotated_grain_strains_along_its_axes_without_stress(grain, warming):
    """theta = (1, 1, -1) in the axes of the crystal is beta (I - 2 c c^T), c the axis [001]; heat adds."""
    network, laws, lattice = grain
    expansion = LithiumExpansion(laws, network)
    state = State.zeros(network)
    state.stoich_n[...] = np.where(network.is_active_n, 0.41, 0.0)
    law = laws.strains[0][0]
    beta = float(law.strain(0.41) - law.strain(laws.stress_free_stoichiometry))
    eigen_tv = expansion.eigenstrain(state) + Heat(network, warming).eigenstrain(state)
    strain_tv, stress_tv = relaxed(network, lattice, eigen_tv)
    x, y, z = network.rotation_gcc[0][:, 2]
    expected = beta * np.array(
        [1 - 2 * x * x, 1 - 2 * y * y, 1 - 2 * z * z, -4 * y * z, -4 * x * z, -4 * x * y]
    )
    expected[:3] += warming
    assert beta < -0.002 and min(abs(expected)) > 1e-5
    np.testing.assert_allclose(strain_tv, np.tile(expected, (len(strain_tv), 1)), atol=1e-10 * abs(beta))
    assert np.abs(stress_tv).max() < 1e-9 * 78e9 * abs(beta)


def test_a_rotated_grain_is_stiffest_along_its_own_axes(grain):
    """Under tension along [001] it lengthens by 1 / E_c and narrows by nu_c / E of it in the plane."""
    network, laws, _ = grain
    a, _, c = network.rotation_gcc[0].T
    stiffness = domain_stiffness(laws, network)[0]
    stress = np.array([c[0] ** 2, c[1] ** 2, c[2] ** 2, c[1] * c[2], c[0] * c[2], c[0] * c[1]])
    x, y, z, yz, xz, xy = np.linalg.solve(stiffness, stress)
    strain = np.array([[x, xy / 2, xz / 2], [xy / 2, y, yz / 2], [xz / 2, yz / 2, z]])
    assert c @ strain @ c == pytest.approx(1 / 61e9, rel=1e-9)
    assert a @ strain @ a == pytest.approx(-0.17 / 78e9, rel=1e-9)
    assert abs(a @ strain @ c) < 1e-9 / 61e9


def test_a_grain_keeps_its_size_below_the_stoichiometry_that_is_told():
    config = tiny(materials={"active": {"strain_frozen_below": 0.37}})
    network = build_network(config, build_microstructure(config))
    expansion = LithiumExpansion(mechanical_laws(config), network)
    beta = [
        expansion.linear(np.full(network.n_nodes, y))[network.is_active_n] for y in (0.4, 0.37, 0.3, 0.02)
    ]
    assert (beta[0] > beta[1]).all()
    np.testing.assert_array_equal(beta[2], beta[1])
    np.testing.assert_array_equal(beta[3], beta[1])
    law, start = mechanical_laws(config).strains[0][0], config.materials.active.initial_stoichiometry
    np.testing.assert_allclose(beta[1], law.strain(0.37) - law.strain(start), rtol=1e-12)


def test_a_gradient_of_lithium_stresses_the_grain(grain):
    """A quadratic profile has no compatible strain, a linear one of theta = I has."""
    network, laws, lattice = grain
    expansion = LithiumExpansion(laws, network)
    depth = network.x_nc[:, 2] / SIZE[2] * network.is_active_n
    _, stress_tv = relaxed(network, lattice, expansion.of_linear(-0.01 * depth**2))
    assert np.abs(stress_tv).max() > 1e7


def test_the_stepper_sums_its_sources():
    config = tiny()
    network = build_network(config, build_microstructure(config))
    heat = Heat(network, 0.0031)
    plain, warm = Stepper(config, network), Stepper(config, network, [heat, Heat(network, -0.0012)])
    state, _ = warm.start()
    state.stoich_n[...] *= 0.6
    difference = warm.eigen(state) - plain.eigen(state)
    np.testing.assert_allclose(difference[:, :3], 0.0019, rtol=1e-9)
    np.testing.assert_allclose(difference[:, 3:], 0.0, atol=1e-15)
    assert np.abs(plain.eigen(state)).max() > 1e-3
    # the cell stands on its collector and is held at its sides: it rises by (1 + nu) / (1 - nu) of the strain
    rise = state.u_nc[network.lithium_n, 2].mean() / (0.0019 * network.box_c[2])
    assert 1.5 < rise < 1.75
