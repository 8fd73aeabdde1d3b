"""Error bars: exact for sequences with an order, honest for those without, intervals over seeds."""

import math

import numpy as np
import pytest

from latticecell.errors import ConfigError
from latticecell.study.estimates import Levels, estimate, extrapolate, observed_order, shown, step_error
from latticecell.study.resolutions import levels_of
from latticecell.study.spec import Convergence, study_from_table

SPACING = (0.85, 0.68, 0.52)


def approaching(order, limit=3.0, slope=0.7):
    return [limit + slope * h**order for h in SPACING]


@pytest.mark.parametrize("order", [0.5, 0.8, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("slope", [-0.4, 2.0])
def test_a_sequence_with_an_order_gives_its_limit(order, slope):
    values = approaching(order, slope=slope)
    value, error, found = extrapolate(SPACING, values)
    assert found == pytest.approx(order, rel=1e-8)
    assert value == pytest.approx(3.0, rel=1e-10)
    assert error == pytest.approx(1.25 * abs(values[-1] - 3.0), rel=1e-8)


def test_an_order_above_two_is_not_believed():
    value, error, order = extrapolate(SPACING, approaching(4.0))
    q2, q3 = approaching(4.0)[1:]
    assert order == pytest.approx(4.0)
    assert value == pytest.approx(q3 + (q3 - q2) / ((0.68 / 0.52) ** 2 - 1))
    assert error == pytest.approx(1.25 * abs(q3 - q2) / (0.68 / 0.52 - 1))
    assert abs(value - 3.0) < error


def test_a_trapezoid_over_a_kink_and_over_a_smooth_curve():
    """The integral of x^(1/2) converges with order 1.5, that of exp with order 2."""
    cells = (40, 80, 160)
    for function, exact, order in ((np.sqrt, 2 / 3, 1.5), (np.exp, math.e - 1, 2.0)):
        values = [np.trapezoid(function(np.linspace(0, 1, n + 1)), dx=1 / n) for n in cells]
        value, error, found = extrapolate([1 / n for n in cells], values)
        assert found == pytest.approx(order, abs=0.02)
        assert abs(value - exact) < 0.03 * abs(values[-1] - exact)
        assert abs(values[-1] - exact) < error < 1.4 * abs(values[-1] - exact)


@pytest.mark.parametrize(
    "values",
    [(1.0, 1.2, 1.1), (1.0, 1.1, 1.25), (1.0, 1.0, 1.1)],
    ids=["swings", "diverges", "begins_to_move"],
)
def test_what_follows_no_order_is_not_extrapolated(values):
    value, error, _ = extrapolate(SPACING, values)
    assert value == values[-1]
    first = abs(values[2] - values[1]) / (0.68 / 0.52 - 1)
    assert error == pytest.approx(max(3.0 * np.ptp(values) / 2, 1.25 * first))


def test_orders_of_sequences_that_have_none():
    assert observed_order(SPACING, (1.0, 1.2, 1.1)) is None
    assert observed_order(SPACING, (1.0, 1.01, 1.5)) is None


def test_two_networks_are_not_extrapolated_but_bounded():
    assert extrapolate(SPACING[1:], (2.0, 2.3)) == (2.3, pytest.approx(1.25 * 0.3 / (0.68 / 0.52 - 1)), None)
    for order in (1.0, 1.5, 2.0):  # the bound holds from first order on
        coarse, fine = approaching(order)[1:]
        _, error, _ = extrapolate(SPACING[1:], (coarse, fine))
        assert abs(fine - 3.0) < error


def test_equal_values_have_no_error_and_one_has_an_unknown_one():
    assert extrapolate(SPACING, (2.0, 2.0, 2.0)) == (2.0, 0.0, None)
    assert extrapolate((1.0,), (2.0,)) == (2.0, None, None)


def test_the_error_of_the_longer_step_is_bounded_from_first_order_on():
    for order in (1, 2):
        values = [3.0 + 0.4 * (1 / n) ** order for n in (60, 120)]
        assert abs(values[0] - 3.0) < step_error((60, 120), values)
    assert step_error((60, 120), (2.0, 2.1)) == pytest.approx(1.25 * 0.1 / (1 - 0.5))
    assert step_error((60, 60), (2.0, 2.1)) is None
    assert step_error((), ()) is None


def test_seeds_give_the_interval_of_student():
    found = estimate([Levels((1.0,), (value,)) for value in (9.0, 10.0, 11.0, 14.0)])
    assert (found.value, found.n_seeds) == (11.0, 4)
    assert found.seed_interval == pytest.approx(3.18245 * np.std([9, 10, 11, 14], ddof=1) / 2, rel=1e-5)
    assert found.error == found.seed_interval and found.discretisation_error is None
    assert estimate([Levels((1.0,), (9.0,))]).error is None


def test_the_interval_holds_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(2000):
        found = estimate([Levels((1.0,), (value,)) for value in rng.normal(5.0, 2.0, 5)])
        inside += abs(found.value - 5.0) < found.seed_interval
    assert 0.935 < inside / 2000 < 0.965  # 0.95 with a standard error of 0.005


def test_errors_of_space_and_time_do_not_shrink_with_seeds():
    one = Levels(SPACING, approaching(1.0), (60, 120), (4.0, 4.1))
    other = Levels(SPACING, approaching(1.0, limit=3.4), (60, 120), (4.4, 4.5))
    for seeds in ([one], [one, other], [one, other] * 8):
        found = estimate(seeds)
        assert found.network_error == pytest.approx(1.25 * 0.7 * 0.52)
        assert found.step_error == pytest.approx(0.25)
        assert found.order == pytest.approx(1.0)
        assert found.error == pytest.approx(
            math.hypot(found.discretisation_error, found.seed_interval or 0.0)
        )
    assert estimate([one, other]).value == pytest.approx(3.2)


@pytest.mark.parametrize("main", [1, 2])
def test_seeds_on_the_main_network_only_move_with_the_others(main):
    whole = Levels(SPACING, approaching(1.0, limit=3.0), (60, 120), (4.0, 4.1), main)
    correction = 3.0 - whole.on_networks[main]
    alone = [Levels(SPACING[main:][:1], (value,)) for value in (2.0, 7.0)]
    found = estimate([whole, *alone])
    assert found.value == pytest.approx((whole.on_networks[main] + 9.0) / 3 + correction)
    one = estimate([whole])
    assert (found.network_error, found.step_error, found.order) == (
        one.network_error, one.step_error, one.order
    )  # fmt: skip
    assert found.n_seeds == 3
    values = (whole.on_networks[main], 2.0, 7.0)
    assert found.seed_interval == pytest.approx(4.30265 * np.std(values, ddof=1) / math.sqrt(3), rel=1e-5)


def test_levels_of_a_seed():
    wanted = Convergence(networks=("coarse", "fine"), steps=("long", "short"))
    assert wanted.levels == {
        "coarse": ("coarse", "long"), "fine": ("fine", "long"), "coarse short": ("coarse", "short")
    }  # fmt: skip
    values = {"coarse": 1.0, "fine": 2.0, "coarse short": 1.5}
    sites, steps = {"coarse": 1000, "fine": 8000}, {"coarse": 60, "coarse short": 120}
    found = levels_of(values, sites, steps, wanted, 1)
    assert found == Levels([pytest.approx(0.1), pytest.approx(0.05)], [1.0, 2.0], [60, 120], [1.0, 1.5], 1)
    assert levels_of({"coarse": 1.0, "fine": 2.0}, sites, steps, wanted, 1) is None
    assert levels_of({"": 1.0}, {}, {}, wanted, 1) == Levels((1.0,), (1.0,))
    assert levels_of({}, {}, {}, None, 1) is None
    some = wanted.model_copy(update={"seeds": (1,)})
    assert levels_of({"coarse": 1.0, "fine": 2.0}, sites, steps, some, 1) is None
    assert levels_of({"coarse": 1.0, "fine": 2.0}, sites, steps, some, 2) == Levels(
        (pytest.approx(0.05),), (2.0,)
    )
    assert levels_of({"coarse": 1.0}, sites, steps, some, 2) is None
    main = some.model_copy(update={"main": "coarse"})
    assert levels_of({"coarse": 1.0}, sites, steps, main, 2) == Levels((pytest.approx(0.1),), (1.0,))
    assert levels_of(values, sites, steps, main, 1).main == 0


@pytest.mark.parametrize(
    ("convergence", "message"),
    [
        ({"networks": ["coarse"]}, "convergence: needs two or three networks, two steps, or both"),
        ({"networks": ["coarse", "fine"], "steps": ["long"]}, "needs two or three networks, two steps"),
        ({"networks": ["coarse", "coarse"]}, "convergence: 'coarse' occurs twice"),
        ({"networks": ["coarse", "fien"]}, "convergence = 'fien': is not in variants; did you mean fine?"),
        ({"networks": []}, "convergence.networks"),
        (
            {"networks": ["coarse", "fine"], "main": "fien"},
            "convergence.main = 'fien': must be one of networks; did",
        ),
        ({"networks": ["coarse", "fine", "long", "short"]}, "convergence.networks"),
    ],
)
def test_levels_that_cannot_be_are_told(convergence, message):
    names = ("coarse", "fine", "long", "short")
    table = {"base": "a.toml", "variants": {name: {} for name in names}, "convergence": convergence}
    with pytest.raises(ConfigError) as caught:
        study_from_table(table)
    assert any(message in problem for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("value", "spread", "text"),
    [
        (3042.3, 18.4, "3042 ± 18"),
        (0.66912, 0.0493, "0.669 ± 0.049"),
        (-0.0253, 0.0012, "-0.0253 ± 0.0012"),
        (31042.3, 1840.0, "31000 ± 1800"),
        (14.26345, None, "14.26"),
        (14.26345, 0.0, "14.26"),
        (None, None, "–"),
    ],
)
def test_values_show_the_digits_of_their_spread(value, spread, text):
    assert shown(value, spread).replace("\u00a0", " ") == text
