"""Monotone curves through knots: what they reproduce, their order, their shape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latticecell.laws import EXPANSION_LAWS, OCV_LAWS
from latticecell.laws.curve import MonotoneCurve


def uneven(n, low, high, rng=5):
    """Return n ascending knots that are up to a third of a gap off an even spacing."""
    gap = (high - low) / (n - 1)
    x = np.linspace(low, high, n)
    x[1:-1] += gap * np.random.default_rng(rng).uniform(-1 / 3, 1 / 3, n - 2)
    return x


@pytest.mark.parametrize(
    "exact", [lambda x: 1.7 - 3.1 * x, lambda x: 0.4 + 1.3 * x**2, lambda x: -0.7 * x**3]
)
@pytest.mark.parametrize("n", [4, 7, 23])
def test_polynomials_that_rise_or_fall_are_reproduced(exact, n):
    x, fine = uneven(n, 0.13, 0.97), np.linspace(0.13, 0.97, 301)
    curve = MonotoneCurve(x, exact(x))
    np.testing.assert_allclose(curve.value(fine), exact(fine), rtol=0, atol=1e-13)


@pytest.mark.parametrize("n", [2, 3])
def test_few_knots_give_a_line_and_a_parabola(n):
    x = np.array([0.2, 0.5, 0.9])[:n]
    np.testing.assert_allclose(MonotoneCurve(x, x ** (n - 1)).value(0.7), 0.7 ** (n - 1), atol=1e-14)


def test_order_four_in_the_value_and_three_in_the_slope():
    fine = np.linspace(0.0, 1.0, 4001)

    def errors(n):
        x = np.linspace(0.0, 1.0, n)
        curve = MonotoneCurve(x, 4.0 - x - 0.3 * np.tanh(5 * (x - 0.4)))
        exact = 4.0 - fine - 0.3 * np.tanh(5 * (fine - 0.4))
        slope = -1 - 1.5 / np.cosh(5 * (fine - 0.4)) ** 2
        return abs(curve.value(fine) - exact).max(), abs(curve.slope(fine) - slope).max()

    (value, slope), (value_fine, slope_fine) = errors(41), errors(81)
    assert np.log2(value / value_fine) > 3.8 and value_fine < 3e-7
    assert np.log2(slope / slope_fine) > 2.8 and slope_fine < 7e-5


steps = st.lists(
    st.tuples(st.floats(1e-3, 1.0), st.one_of(st.just(0.0), st.floats(1e-6, 1e3))), min_size=1, max_size=30
)


@given(steps, st.sampled_from([1.0, -1.0]))
def test_monotone_knots_give_a_monotone_curve(increments, sign):
    gaps, rises = np.array(increments).T
    x, y = np.r_[0.0, np.cumsum(gaps)], sign * np.r_[0.0, np.cumsum(rises)]
    curve = MonotoneCurve(x, y)
    np.testing.assert_allclose(curve.value(x), y, rtol=0, atol=1e-12 * abs(y).max())
    fine = np.unique(np.r_[np.linspace(x[0], x[-1], 997), x])
    assert (sign * np.diff(curve.value(fine)) >= -1e-12 * abs(y).max()).all()
    assert (sign * curve.slope(fine) >= -1e-9 * (abs(y).max() + 1)).all()


@given(steps)
def test_the_slope_has_no_jumps_up_to_the_straight_ends(increments):
    gaps, rises = np.array(increments).T
    x, y = np.r_[0.0, np.cumsum(gaps)], np.r_[0.0, np.cumsum(rises)]
    curve = MonotoneCurve(x, y)
    near = 1e-9 * gaps.min()
    scale = (rises / gaps).max() + 1e-300
    np.testing.assert_allclose(curve.slope(x - near) / scale, curve.slope(x + near) / scale, atol=1e-5)


def test_knots_that_turn_back_are_met_without_a_monotone_curve():
    x = np.linspace(0.0, 1.0, 21)
    curve = MonotoneCurve(x, np.sin(np.pi * x))
    fine = np.linspace(0.0, 1.0, 1001)
    np.testing.assert_allclose(curve.value(fine), np.sin(np.pi * fine), atol=2e-5)


def turns(slope):
    """Return how often a sampled slope turns from rising to falling or back."""
    change = np.sign(np.diff(slope))
    change = change[change != 0]
    return np.count_nonzero(change[1:] != change[:-1])


def test_the_slope_of_the_built_in_voltage_turns_once():
    """It rises from 4.4 V to the plateau and falls from there; wiggles would turn it again."""
    law = OCV_LAWS["nmc111_zheng2013"]()
    x = np.linspace(0.0, 0.975, 3901)
    slope = law.slope(x)
    assert turns(slope) == 1
    assert 0.6 < x[slope.argmax()] < 0.75
    bend = np.diff(np.log(-slope), 2)  # of ln(-dU/dx) over 0.00025: kinks stand out
    assert abs(bend[x[1:-1] < 0.9]).max() < 1.2e-4 and abs(bend).max() < 7e-3


def test_the_slope_of_the_built_in_expansion_keeps_the_features_of_its_data():
    """Least at 0.5 and 0.83, two steps at 0.74 and 0.9, flat at the full end; nothing else."""
    law = EXPANSION_LAWS["nmc111_koerver2018"]("linear")
    assert turns(law.slope(np.linspace(0.2427, 1.0, 3001))) == 5
    assert float(law.slope(0.2427 + 1e-9)) == pytest.approx(float(law.slope(0.2427 - 1e-9)), rel=2e-3, abs=0)
