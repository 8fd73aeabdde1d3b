"""Steps of second order: exact for parabolas, order and error on an equation with a known solution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latticecell.marching import BENDS, RATES, Sight, formula, look_ahead, predict, remember
from latticecell.state import State
from networks import box_network

LENGTHS = st.floats(1e-3, 50.0)


SIZE = np.array([1.3, 1.3, 1.3]) * 1e-6
CUBE = box_network((3, 3, 3), SIZE, lambda x: np.zeros(len(x), int), np.eye(3)[None])


def empty():
    return State.zeros(CUBE)


def marched(values, clock):
    """State whose voltage has taken the given values; the stage began with the first."""
    state = empty()
    state.voltage[...] = values[0]
    for value, dt in zip(values[1:], np.diff(clock), strict=True):
        old = state.copy()
        state.voltage[...] = value
        remember(old, state, dt)
    return state


@given(LENGTHS, LENGTHS, LENGTHS, st.floats(-2.0, 2.0))
def test_parabolas_are_predicted_and_differentiated_exactly(h2, h1, h, bend):
    clock = np.cumsum([0.0, h2, h1, h])
    curve = lambda t: 3.7 - 0.3 * t + bend * t**2  # noqa: E731
    state = marched(curve(clock[:3]), clock[:3])
    scale = 1e-9 * (1 + clock[-1] ** 2)
    assert predict(state, "voltage", h)[0] == pytest.approx(curve(clock[3]), abs=scale)
    step = formula(h, state.lengths)
    reached = step.origin(state, "voltage")[0] + step.length * (-0.3 + 2 * bend * clock[3])
    assert reached == pytest.approx(curve(clock[3]), abs=scale)


def test_a_stage_begins_with_implicit_euler_and_without_prediction():
    state = marched([3.1], [0.0])
    assert formula(7.0, state.lengths) == (7.0, 7.0, 0.0, 0.0)
    assert predict(state, "voltage", 7.0)[0] == 3.1
    later = marched([3.1, 3.3], [0.0, 4.0])
    assert predict(later, "voltage", 2.0)[0] == pytest.approx(3.4)
    assert formula(7.0, later.lengths).share == 0.0
    assert formula(4.0, np.array([4.0, 4.0, 4.0])).share == pytest.approx(2 / 11)


def test_every_difference_has_the_shape_of_its_field():
    state = empty()
    for names in (RATES, BENDS):
        for name, difference in names.items():
            assert getattr(state, difference).shape == getattr(state, name).shape
    assert set(BENDS) < set(RATES)


DECAY, FORCE = 0.013, 0.4  # y' = -DECAY (y - cos) - FORCE sin


def solution(t):
    return np.cos(FORCE * t) + 0.7 * np.exp(-DECAY * t)


def integrate(clock):
    """Values on a clock, and (estimate, true error) of the last step from exact values."""
    state = marched([solution(0.0)], [0.0])
    for dt, t in zip(np.diff(clock), clock[1:], strict=True):
        old, step = state.copy(), formula(dt, state.lengths)
        rate = DECAY * np.cos(FORCE * t) - FORCE * np.sin(FORCE * t)
        state.voltage[...] = (step.origin(old, "voltage") + step.length * rate) / (1 + step.length * DECAY)
        remember(old, state, dt)
    exact = marched(solution(clock[-5:-1]), clock[-5:-1])
    last = formula(clock[-1] - clock[-2], exact.lengths)
    rate = DECAY * np.cos(FORCE * clock[-1]) - FORCE * np.sin(FORCE * clock[-1])
    found = (last.origin(exact, "voltage")[0] + last.length * rate) / (1 + last.length * DECAY)
    estimate = last.share * (found - predict(exact, "voltage", last.dt)[0])
    return state.voltage[0], estimate, found - solution(clock[-1])


def uneven(n, end=40.0):
    """A clock of n steps whose lengths alternate and grow."""
    lengths = np.tile([1.0, 1.8, 0.6, 1.3], n // 4) * np.linspace(1.0, 2.0, n)
    return np.concatenate([[0.0], end * np.cumsum(lengths) / lengths.sum()])


def test_order_two_and_an_estimate_of_the_right_size_with_steps_of_any_length():
    errors = []
    for n in (160, 320, 640):
        found, estimate, true = integrate(uneven(n))
        errors.append(abs(found - solution(40.0)))
        assert 0.5 < estimate / true < 1.5
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert orders.min() > 1.9
    assert errors[-1] < 4e-4
    assert estimate / true == pytest.approx(1.0, abs=0.1)


def test_a_step_of_another_length_corrects_the_prediction():
    """With it four values are known: exact for a cubic, and for a parabola where no bend is kept."""
    clock = np.array([0.0, 3.0, 5.0])
    cubic = lambda t: 3.7 - 0.3 * t + 0.02 * t**2 + 5e-4 * t**3  # noqa: E731
    state = marched(cubic(clock), clock)
    state.u_nc[...], state.u_rate_nc[...] = 25.0, 8.0  # of t^2, at 5 and over the two seconds before
    seen = Sight(4.0, {"voltage": np.array([cubic(9.0)]), "u_nc": np.full_like(state.u_nc, 81.0)})
    for dt in (1.5, 4.0, 6.0):
        found = look_ahead(state, ("voltage", "u_nc"), dt, seen)
        assert found.dt == dt
        assert found.fields["voltage"][0] == pytest.approx(cubic(5.0 + dt))
        assert found.fields["u_nc"] == pytest.approx((5.0 + dt) ** 2)
    begun = look_ahead(marched([3.0], [0.0]), ("voltage",), 2.0, Sight(4.0, {"voltage": np.array([3.4])}))
    assert begun.fields["voltage"][0] == pytest.approx(3.2)
    assert look_ahead(state, ("voltage",), 2.0).fields["voltage"] == predict(state, "voltage", 2.0)
