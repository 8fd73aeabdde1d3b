"""Values of what is reported: quantiles by weight, and the von Mises stress."""

import numpy as np
import pytest

from cells import tiny
from latticecell import State, build_microstructure, build_network
from latticecell.laws.elastic import isotropic_stiffness
from latticecell.observables import Derivation, mean_and_deviation, von_mises, weighted_quantile
from latticecell.stepper import Stepper


def test_quantiles_are_shares_of_the_weight():
    """A value that fills half of the volume is the median, however few tets hold it."""
    values, weights = np.array([7.0, -2.0, 3.0, 11.0]), np.array([5.0, 1.5, 2.5, 1.0])
    shares = (0.0, 0.1, 0.2, 0.4, 0.5, 0.85, 0.95, 1.0)
    expected = [-2.0, -2.0, 3.0, 3.0, 7.0, 7.0, 11.0, 11.0]
    np.testing.assert_array_equal(weighted_quantile(values, weights, shares), expected)
    np.testing.assert_array_equal(weighted_quantile(values, 1e-21 * weights, shares), expected)


def test_mean_and_deviation_are_those_of_the_weights():
    mean, deviation = mean_and_deviation(np.array([2.0, 5.0]), np.array([3.0, 1.0]))
    assert mean == pytest.approx(2.75)
    assert deviation == pytest.approx(np.sqrt((3 * 0.75**2 + 2.25**2) / 4))


@pytest.mark.parametrize(
    ("stress", "expected"),
    [
        ([130.0, 0, 0, 0, 0, 0], 130.0),
        ([-130.0, -130.0, -130.0, 0, 0, 0], 0.0),
        ([0, 0, 0, 70.0, 0, 0], 70.0 * np.sqrt(3)),
        ([0, 0, 0, 0, -70.0, 0], 70.0 * np.sqrt(3)),
        ([0, 0, 0, 0, 0, 70.0], 70.0 * np.sqrt(3)),
        ([31.0, -17.0, 5.0, 11.0, -23.0, 7.0], None),
    ],
)
def test_von_mises_stress(stress, expected):
    """Of the last case by the root of 3/2 of the squared deviator."""
    x, y, z, yz, xz, xy = stress
    tensor = np.array([[x, xy, xz], [xy, y, yz], [xz, yz, z]]) - np.eye(3) * (x + y + z) / 3
    found = von_mises(np.array([stress], float))[0]
    assert found == pytest.approx(np.sqrt(1.5 * np.sum(tensor**2)), rel=1e-12, abs=1e-12)
    if expected is not None:
        assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_a_uniform_stress_is_recovered_as_it_is():
    """A homogeneous deformation of the grains, which have no eigenstrain at their first stoichiometry."""
    config = tiny()
    network = build_network(config, build_microstructure(config))
    stepper, state = Stepper(config, network), State.zeros(network)
    own = network.is_active_n
    state.stoich_n[own] = config.materials.active.initial_stoichiometry
    gradient = 1e-3 * np.array([[1.0, 0.3, -0.2], [0.1, -0.7, 0.5], [0.4, 0.2, 0.6]])
    state.u_nc[own] = network.x_nc[own] @ gradient.T
    e = gradient + gradient.T
    strain = np.array([e[0, 0] / 2, e[1, 1] / 2, e[2, 2] / 2, e[1, 2], e[0, 2], e[0, 1]])
    expected = isotropic_stiffness(78e9, 0.25) @ strain
    found = Derivation(stepper, state).recovered_nv
    np.testing.assert_allclose(found[own], np.tile(expected, (own.sum(), 1)), atol=1e-8 * expected.max())
