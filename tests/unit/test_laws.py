"""Contracts of the material laws: slopes against finite differences, energies, irreversibility."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.spatial.transform import Rotation

from latticecell.laws import EXPANSION_LAWS, OCV_LAWS
from latticecell.laws.bond import BilinearLaw, weibull_strength
from latticecell.laws.elastic import (
    VOIGT,
    isotropic_stiffness,
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


LAW = BilinearLaw(np.array([137e6]), np.array([17e-9]), 1e19, 1e13)
NORMAL = np.array([[0.6, 0.0, 0.8]])
SLIDE = np.array([[0.8, 0.0, -0.6]])


@pytest.mark.parametrize("mode", [(1.0, 0.0), (0.0, 1.0), (0.7, 0.5)])
def test_breaking_a_bond_costs_its_toughness(mode):
    direction = (mode[0] * NORMAL + mode[1] * SLIDE) / np.hypot(*mode)

    def pull(opening):
        traction = LAW.respond(opening * direction, NORMAL, np.array([opening])).traction_bc
        return float(traction[0] @ direction[0])

    onset = float(LAW.onset_b[0])
    work = quad(pull, 0, onset)[0] + quad(pull, onset, 17e-9, points=[1e-10, 1e-9], limit=200)[0]
    residual = 0.5 * 1e13 * 17e-9**2  # elastic, stored in the residual stiffness
    assert work - residual == pytest.approx(float(LAW.dissipated(np.array([17e-9]))[0]), rel=1e-6, abs=0)
    assert work == pytest.approx(0.5 * 137e6 * 17e-9, rel=2e-3, abs=0)
    assert pull(onset) == pytest.approx(137e6, rel=1e-9, abs=0)


def test_stored_plus_dissipated_is_the_work_done():
    opening = np.array([0.0, 1e-11, 3e-11, 4e-10, 6e-9, 16e-9])
    for end in opening[1:]:
        pull = lambda d: float(  # noqa: E731
            LAW.respond(d * NORMAL, NORMAL, np.array([d])).traction_bc[0] @ NORMAL[0]
        )
        onset = float(LAW.onset_b[0])
        work = quad(pull, 0, min(end, onset))[0] + quad(pull, onset, max(end, onset), limit=200)[0]
        history = np.array([end])
        stored = LAW.stored(end * NORMAL, NORMAL, history) + LAW.dissipated(history)
        assert work == pytest.approx(float(stored[0]), rel=1e-6, abs=0)


def test_unloading_returns_to_the_origin_and_never_heals():
    history = np.array([6e-9])
    back = LAW.respond(2e-9 * NORMAL, NORMAL, history)
    full = LAW.respond(6e-9 * NORMAL, NORMAL, history)
    np.testing.assert_allclose(back.traction_bc * 3, full.traction_bc, rtol=1e-12)
    assert back.stretch_b[0] == 6e-9


def test_compression_is_stiff_and_does_no_damage():
    answer = LAW.respond(-3e-9 * NORMAL, NORMAL, np.array([0.0]))
    assert answer.damage_b[0] == 0
    assert answer.stretch_b[0] < 1e-24
    np.testing.assert_allclose(answer.traction_bc, -3e-9 * 1e19 * NORMAL, rtol=1e-12)
    broken = LAW.respond(-3e-9 * NORMAL, NORMAL, np.array([1.0]))
    np.testing.assert_allclose(broken.traction_bc, answer.traction_bc, rtol=1e-12)


@given(
    st.lists(st.floats(-20e-9, 20e-9), min_size=3, max_size=3),
    st.floats(0, 20e-9),
)
def test_consistent_tangent_is_the_derivative(components, history):
    opening = np.array([components])
    history_b = np.array([history])
    effective = LAW.respond(opening, NORMAL, np.zeros(1)).stretch_b[0]
    for corner in (history, float(LAW.onset_b[0]), 17e-9):
        if abs(effective - corner) < 1e-12:
            return  # a kink of the law
    if abs(opening[0] @ NORMAL[0]) < 1e-12:
        return
    step = 1e-15
    tangent = LAW.respond(opening, NORMAL, history_b).tangent_bcc[0]
    for c in range(3):
        shift = step * np.eye(3)[c]
        high = LAW.respond(opening + shift, NORMAL, history_b).traction_bc[0]
        low = LAW.respond(opening - shift, NORMAL, history_b).traction_bc[0]
        np.testing.assert_allclose((high - low) / (2 * step), tangent[:, c], rtol=1e-4, atol=1e-4 * 1e16)


@given(st.lists(st.floats(-20e-9, 20e-9), min_size=3, max_size=3), st.floats(0, 20e-9))
def test_clipped_and_secant_tangents_are_positive(components, history):
    for kind in ("clipped", "secant"):
        tangent = LAW.respond(np.array([components]), NORMAL, np.array([history]), kind).tangent_bcc[0]
        np.testing.assert_allclose(tangent, tangent.T, rtol=1e-9, atol=1e3)
        assert np.linalg.eigvalsh(tangent).min() > -1e-6 * 1e19


def test_weibull_strength_keeps_its_mean():
    strength = weibull_strength(100e6, 5.0, 200_000, np.random.default_rng(9))
    assert strength.mean() == pytest.approx(100e6, rel=3e-3, abs=0)
    # coefficient of variation of a Weibull law with modulus 5
    assert strength.std() / strength.mean() == pytest.approx(0.229, rel=1e-2, abs=0)
    assert (weibull_strength(100e6, None, 3, np.random.default_rng(9)) == 100e6).all()
