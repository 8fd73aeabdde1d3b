"""The search for the length of a step that ends at a cut-off."""

import math

import pytest

from latticecell.crossing import Crossing


def search(value, way, tolerance=1e-9, most=60):
    """Lengths that are tried until the value is met, or known not to be."""
    tried = []
    while (length := way.aim()) is not None and len(tried) < most:
        tried.append(length)
        way.tell(length, value(length))
        if abs(value(length)) <= tolerance:
            break
    return tried


def with_past(value, longest, past=(-5.0, -2.0, 0.0)):
    way = Crossing(longest)
    for time in past:
        way.tell(time, value(time))
    return way


@pytest.mark.parametrize("value", [lambda t: 0.3 * t - 1.0, lambda t: 0.02 * t * t + 0.1 * t - 1.0,
                                   lambda t: -0.01 * t * t + 0.3 * t - 1.0])  # fmt: skip
def test_the_end_of_a_parabola_is_foreseen(value):
    way = with_past(value, 20.0)
    assert way.aim() == pytest.approx(search(value, way)[-1], rel=1e-9)
    assert value(way.aim()) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("value", "longest"),
    [
        (lambda t: 0.3 * t - 1.0, 3.0),  # beyond the longest
        (lambda t: -0.3 * t - 1.0, 100.0),  # away from zero
        (lambda t: -0.01 * t * t + 0.1 * t - 1.0, 100.0),  # turns before zero
        (lambda t: -1e300, 100.0),  # no cut-off at all
    ],
)
def test_nothing_is_sought_where_zero_is_not_ahead(value, longest):
    assert with_past(value, longest).aim() is None


def test_with_two_values_of_the_past_nothing_is_foreseen():
    assert with_past(lambda t: t - 1.0, 10.0, past=(-1.0, 0.0)).aim() is None


@pytest.mark.parametrize("steep", [0.5, 5.0, 50.0])
def test_what_has_been_passed_is_found(steep):
    def value(t):
        return math.expm1(steep * (t - 0.7))

    way = with_past(value, 1.0, past=(0.0,))
    way.tell(1.0, value(1.0))
    tried = search(value, way)
    assert tried[-1] == pytest.approx(0.7, abs=1e-7) and len(tried) < 25
    assert way.low <= 0.7 + 1e-7 and way.high >= 0.7 - 1e-7


def test_a_jump_closes_the_bracket():
    way = Crossing(8.0)
    way.tell(8.0, 1.0)
    search(lambda t: 1.0 if t > 3.0 else -1.0, way)
    assert way.width < 1e-4 and way.low <= 3.0 <= way.high


def test_without_a_value_before_the_step_halves_are_tried():
    way = Crossing(8.0)
    way.tell(8.0, 2.0)
    assert way.aim() == 4.0


def test_a_shorter_limit_forgets_what_is_beyond():
    way = with_past(lambda t: t - 3.0, 10.0)
    assert way.aim() == pytest.approx(3.0)
    way.tell(2.5, -0.5)
    way.tell(4.0, 1.0)
    way.keep_below(2.0)
    assert (way.low, way.high, way.aim()) == (0.0, 2.0, None)
    way.tell(2.0, -1.0)
    assert way.width == 0.0
