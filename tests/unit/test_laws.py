"""Contracts of the material laws: slopes against finite differences, inverses, rotations."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from latticecell.laws import EXPANSION_LAWS, OCV_LAWS
from latticecell.laws.elastic import (
    VOIGT,
    isotropic_stiffness,
    mean_poisson_ratio,
    rotate_stiffness,
    transversely_isotropic_stiffness,
    voigt_strain,
)
from latticecell.laws.resistance import ExponentialContact


@pytest.mark.parametrize("name", OCV_LAWS.names)
def test_ocv_slope_and_inverse(name):
    law = OCV_LAWS[name]()
    x = np.linspace(-0.02, 0.99, 173)
    step = 1e-7
    finite = (law.voltage(x + step) - law.voltage(x - step)) / (2 * step)
    np.testing.assert_allclose(law.slope(x), finite, rtol=2e-4, atol=1e-5)
    assert (law.slope(x) < 0).all()
    assert law.voltage(law.stoichiometry(3.77)) == pytest.approx(3.77, abs=1e-12)


def test_zheng_window_of_the_cell():
    law = OCV_LAWS["nmc111_zheng2013"]()
    assert law.stoichiometry(4.3) == pytest.approx(0.0575, abs=1e-6)
    assert law.stoichiometry(3.0) == pytest.approx(0.9703, abs=1e-6)
    assert float(law.slope(0.0575)) == pytest.approx(-1.57, rel=0.05, abs=0)


@pytest.mark.parametrize("name", EXPANSION_LAWS.names)
@pytest.mark.parametrize("extrapolation", ["linear", "constant"])
def test_expansion_slope(name, extrapolation):
    law = EXPANSION_LAWS[name](extrapolation)
    x = np.linspace(0.031, 0.999, 157)
    step = 1e-7
    finite = (law.strain(x + step) - law.strain(x - step)) / (2 * step)
    np.testing.assert_allclose(law.slope(x), finite, rtol=2e-4, atol=1e-7)
    assert (np.diff(law.strain(x)) >= 0).all()


def test_koerver_extrapolation_values():
    # PHYSICS 3: the last slope carries dV/V to -3.33 % at x = 0.126 and -4.10 % at x = 0.0575
    linear = EXPANSION_LAWS["nmc111_koerver2018"]("linear")
    assert 3 * float(linear.strain(0.126)) == pytest.approx(-0.0333, abs=1e-4)
    assert 3 * float(linear.strain(0.0575)) == pytest.approx(-0.0410, abs=1e-4)
    constant = EXPANSION_LAWS["nmc111_koerver2018"]("constant")
    assert 3 * float(constant.strain(0.0575)) == pytest.approx(-0.020205, abs=1e-9)


def test_contact_resistance_grows_exponentially_up_to_its_ceiling():
    law = ExponentialContact(closed=7e-4, gap_scale=9e-9, ceiling=3.0)
    gap = np.array([-5e-9, 0.0, 9e-9, 18e-9, 1e-6, 1.0])
    expected = [7e-4, 7e-4, 7e-4 * np.e, 7e-4 * np.e**2, 3.0, 3.0]
    np.testing.assert_allclose(law.resistance(gap), expected, rtol=1e-12)


@pytest.mark.parametrize("nu", [0.0, 0.25, 0.45])
def test_isotropic_stiffness_is_rotation_invariant(nu):
    stiffness = isotropic_stiffness(78e9, nu)
    rotations = Rotation.random(5, rng=np.random.default_rng(4)).as_matrix()
    rotated = rotate_stiffness(stiffness, rotations)
    np.testing.assert_allclose(rotated, np.broadcast_to(stiffness, rotated.shape), atol=1e-3)
    assert 1 / np.linalg.inv(stiffness)[0, 0] == pytest.approx(78e9)


def test_isotropic_stiffness_has_the_moduli_that_were_asked_for():
    """Tension along x: 1 / E and -nu / E; shear: 2 (1 + nu) / E."""
    compliance = np.linalg.inv(isotropic_stiffness(81e9, 0.23))
    np.testing.assert_allclose(compliance[0], np.array([1, -0.23, -0.23, 0, 0, 0]) / 81e9, atol=1e-24)
    np.testing.assert_allclose(np.diag(compliance)[3:], 2.46 / 81e9, rtol=1e-12)


def test_transversely_isotropic_stiffness_has_the_moduli_that_were_asked_for():
    compliance = np.linalg.inv(transversely_isotropic_stiffness(81e9, 0.23, 57e9, 0.19, 33e9))
    np.testing.assert_allclose(
        compliance[0, :3], np.array([1 / 81, -0.23 / 81, -0.19 / 81]) / 1e9, rtol=1e-12
    )
    assert compliance[2, 2] == pytest.approx(1 / 57e9, rel=1e-12)
    np.testing.assert_allclose(np.diag(compliance)[3:], [1 / 33e9, 1 / 33e9, 2 * 1.23 / 81e9], rtol=1e-12)


def test_the_mean_poisson_ratio_is_that_of_the_average_over_directions():
    assert mean_poisson_ratio(isotropic_stiffness(81e9, 0.43)) == pytest.approx(0.43, rel=1e-12)
    stiffness = transversely_isotropic_stiffness(81e9, 0.23, 57e9, 0.45, 33e9)
    rotations = Rotation.random(20000, rng=np.random.default_rng(6)).as_matrix()
    mean = rotate_stiffness(stiffness, rotations).mean(axis=0)
    lame, shear = mean[0, 1], mean[3, 3]
    assert mean_poisson_ratio(stiffness) == pytest.approx(lame / (2 * (lame + shear)), rel=5e-3)


def test_rotated_stiffness_agrees_with_the_rotated_tensors():
    stiffness = transversely_isotropic_stiffness(199e9, 0.31, 88e9, 0.17, 41e9)
    np.testing.assert_allclose(stiffness, stiffness.T, rtol=1e-12)
    rotation = Rotation.random(rng=np.random.default_rng(8)).as_matrix()
    strain = np.array([[1.3, 0.4, -0.2], [0.4, -0.7, 0.9], [-0.2, 0.9, 0.5]])
    stress = stiffness @ voigt_strain(strain)
    tensor = np.zeros((3, 3))
    tensor[VOIGT[:, 0], VOIGT[:, 1]] = tensor[VOIGT[:, 1], VOIGT[:, 0]] = stress
    turned = rotation @ tensor @ rotation.T
    answer = rotate_stiffness(stiffness, rotation[None])[0] @ voigt_strain(rotation @ strain @ rotation.T)
    np.testing.assert_allclose(answer, turned[VOIGT[:, 0], VOIGT[:, 1]], rtol=1e-10)
