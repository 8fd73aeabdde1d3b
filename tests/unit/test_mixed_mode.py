"""The law that tells sliding from opening: toughness and strength of every mode, and paths that change it."""

from itertools import pairwise

import numpy as np
import pytest

from latticecell.errors import ConfigError
from latticecell.laws import bond_law
from latticecell.laws.bond import BondParameters
from latticecell.reader import config_from_table

STRENGTH, ENERGY, STIFFNESS, RESIDUAL = 137e6, 1.1645, 1e19, 1e13
SHEAR, SHEAR_ENERGY, EXPONENT = 191e6, 4.337, 1.7
NORMAL = np.array([[0.6, 0.0, 0.8]])
SLIDE = np.array([[0.8, 0.0, -0.6]])
ASIDE = np.array([[0.0, 1.0, 0.0]])
LENGTH = 2 * SHEAR_ENERGY / STRENGTH


def law(n=1, name="mixed_mode", shear=SHEAR / STRENGTH, energy=SHEAR_ENERGY / ENERGY, exponent=EXPONENT):
    parameters = BondParameters(
        np.full(n, STRENGTH), np.full(n, ENERGY), STIFFNESS, RESIDUAL, shear, energy, exponent
    )
    return bond_law("interface", name, parameters)


def along(own, path_bc):
    """Work [J/m2], tractions and histories along a path from the virgin bond, in steps."""
    history, here, pull = np.zeros((1, 2)), np.zeros((1, 3)), np.zeros(3)
    work, tractions, histories = 0.0, [], []
    for point in path_bc:
        answer = own.respond(point[None], NORMAL, here, history, 60.0)
        work += 0.5 * (pull + answer.traction_bc[0]) @ (point - here[0])
        history, here, pull = answer.history_bh, point[None], answer.traction_bc[0]
        tractions.append(pull)
        histories.append(history[0])
    return work, np.array(tractions), np.array(histories)


def rays(share, sizes):
    """Openings of a share of sliding in the square of their size, along two tangents."""
    sliding = np.sqrt(share) * (0.28 * SLIDE + 0.96 * ASIDE)
    return sizes[:, None] * (np.sqrt(1 - share) * NORMAL + sliding)


SIZES = np.concatenate([np.linspace(0, 1e-10, 4001)[1:], np.linspace(1e-10, LENGTH, 8001)[1:]])


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_every_mode_costs_what_benzeggagh_and_kenane_say(share):
    wanted = ENERGY + (SHEAR_ENERGY - ENERGY) * share**EXPONENT
    work, tractions, histories = along(law(), rays(share, SIZES))
    # the residual stiffness stores and loses nothing of the toughness
    assert histories[-1, 1] == pytest.approx(wanted * (1 - RESIDUAL / STIFFNESS), rel=1e-9)
    assert work - 0.5 * RESIDUAL * LENGTH**2 == pytest.approx(wanted, rel=1e-4)
    peak = np.sqrt(STRENGTH**2 + (SHEAR**2 - STRENGTH**2) * share**EXPONENT)
    assert np.linalg.norm(tractions, axis=1).max() == pytest.approx(peak, rel=1e-3)
    assert histories[-1, 0] == 1.0
    # one step or many, whatever the size
    one = law().respond(rays(share, np.array([LENGTH])), NORMAL, np.zeros((1, 3)), np.zeros((1, 2)), 60.0)
    np.testing.assert_allclose(one.history_bh[0], histories[-1], rtol=1e-9)


def test_equal_modes_are_the_bilinear_law():
    rng = np.random.default_rng(3)
    path = np.cumsum(rng.normal(0.1, 1.0, (200, 3)), axis=0) * 1e-9
    mixed, plain = law(shear=1.0, energy=1.0), law(name="bilinear", shear=1.0, energy=1.0)
    history, other, here = np.zeros((1, 2)), np.zeros((1, 1)), np.zeros((1, 3))
    for point in path:
        one = mixed.respond(point[None], NORMAL, here, history, 60.0)
        two = plain.respond(point[None], NORMAL, here, other, 60.0)
        np.testing.assert_allclose(one.traction_bc, two.traction_bc, rtol=1e-9, atol=1e-3)
        np.testing.assert_allclose(one.tangent_bcc, two.tangent_bcc, rtol=1e-8, atol=1e5)
        history, other, here = one.history_bh, two.history_bh, point[None]
        assert mixed.dissipated(history) == pytest.approx(plain.dissipated(other), rel=1e-9, abs=1e-12)
        assert mixed.is_broken(history) == plain.is_broken(other)
    assert plain.damage(other)[0] > 0


def work_of(own, before, after, history):
    """Work of a straight step [J/m2] from its tractions alone: Gauss, panels narrowing to the ends."""
    points, weights = np.polynomial.legendre.leggauss(6)
    inward = 2.0 ** np.arange(-30, 0)
    ends = np.concatenate([[0.0], inward, 1 - inward[-2::-1], [1.0]])
    work = 0.0
    for low, high in pairwise(ends):
        for point, weight in zip(points, weights, strict=True):
            here = before + (low + 0.5 * (high - low) * (1 + point)) * (after - before)
            traction = own.respond(here, NORMAL, before, history, 60.0).traction_bc
            work += 0.5 * (high - low) * weight * float(np.sum(traction * (after - before)))
    return work


def test_energy_closes_in_every_step_that_changes_the_mode():
    """Opened, slid, drawn back, both, slid again, pressed: work is what is stored and lost, step by step."""
    own, history = law(), np.zeros((1, 2))
    corners = [0, 1e-11, 1e-9, 1e-9, 3e-9, 3e-9, 2e-9, 7e-9, 7e-9, -1e-10, -1e-10]
    slides = [0, 0, 0, 2e-9, 2e-9, 9e-9, 1e-9, 3e-9, 12e-9, 12e-9, 15e-9]
    path = [n * NORMAL + 0.6 * s * SLIDE + 0.8 * s * ASIDE for n, s in zip(corners, slides, strict=True)]
    lost = [0.0]
    for before, after in pairwise(path):
        new = own.respond(after, NORMAL, before, history, 60.0).history_bh
        stored = own.stored(after, NORMAL, new)[0] - own.stored(before, NORMAL, history)[0]
        work = work_of(own, before, after, history)
        assert work == pytest.approx(stored + new[0, 1] - history[0, 1], rel=2e-4, abs=2e-5 * ENERGY)
        history = new
        lost.append(new[0, 1])
    assert np.all(np.diff(lost) >= 0)
    assert sum(np.diff(lost) > 0.01 * ENERGY) >= 4  # the damage grows along several legs


def test_a_share_of_sliding_that_changes_is_followed_to_first_order():
    """The share is that of the start of a step: the error of damage and loss falls with the step."""
    own, found = law(), []
    start, end = 1e-11 * NORMAL, 2.5e-9 * SLIDE + 1.5e-9 * NORMAL
    first = own.respond(start, NORMAL, 0 * NORMAL, np.zeros((1, 2)), 60.0).history_bh
    for steps in (20, 40, 80, 4000):
        history, here = first, start
        for k in range(1, steps + 1):
            there = start + (k / steps) ** 2 * (end - start)
            history, here = own.respond(there, NORMAL, here, history, 60.0).history_bh, there
        found.append(history[0])
    errors = np.abs(np.array(found[:3]) - found[3])
    assert 0.5 < found[3][0] < 0.999
    assert np.all(errors[2] < 0.6 * errors[1])
    assert np.all(errors[1] < 0.6 * errors[0])
    assert errors[2][1] < 0.02 * found[3][1]


def test_a_bond_that_stays_keeps_its_traction_though_its_mode_has_changed():
    """Slid within the tougher mode, then opened a little: at the start of the next step nothing jumps."""
    own = law()
    slid = own.respond(3e-11 * SLIDE, NORMAL, 0 * NORMAL, np.zeros((1, 2)), 60.0).history_bh
    here = 3e-11 * SLIDE + 2e-11 * NORMAL
    left = own.respond(here, NORMAL, 3e-11 * SLIDE, slid, 60.0)
    again = own.respond(here, NORMAL, here, left.history_bh, 60.0)
    np.testing.assert_array_equal(again.history_bh, left.history_bh)
    np.testing.assert_allclose(again.traction_bc, left.traction_bc, rtol=1e-13)
    moved = own.respond(here * (1 + 1e-12), NORMAL, here, left.history_bh, 60.0)
    lost = moved.history_bh[0, 1] - left.history_bh[0, 1]
    fell = own.stored(here, NORMAL, left.history_bh)[0] - own.stored(here, NORMAL, moved.history_bh)[0]
    assert lost > 0  # the opened bond is less tough: what it lost at once was stored in it
    assert lost == pytest.approx(fell, rel=1e-6)


def test_damage_never_heals_when_the_mode_changes():
    own = law()
    opened = own.respond(4e-9 * NORMAL, NORMAL, 0 * NORMAL, np.zeros((1, 2)), 60.0).history_bh
    slid = own.respond(4e-9 * SLIDE, NORMAL, 4e-9 * NORMAL, opened, 60.0)
    assert own.damage(opened)[0] > 0.9
    np.testing.assert_array_equal(slid.history_bh, opened)  # sliding is tougher: nothing is added
    fresh = own.respond(4e-9 * SLIDE, NORMAL, 0 * NORMAL, np.zeros((1, 2)), 60.0)
    assert np.linalg.norm(slid.traction_bc) < np.linalg.norm(fresh.traction_bc)


def test_pressed_together_a_bond_slides_in_pure_shear():
    own = law()
    path = [np.array([-1e-10 * NORMAL[0] + size * SLIDE[0]]) for size in (3e-9, LENGTH)]
    history, here = np.zeros((1, 2)), np.zeros((1, 3))
    for point in path:
        history, here = own.respond(point, NORMAL, here, history, 60.0).history_bh, point
    assert history[0, 1] == pytest.approx(SHEAR_ENERGY * (1 - RESIDUAL / STIFFNESS), rel=1e-9)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"shear_strength_MPa": 50.0}, "interface.shear_strength_MPa: is used only with law = "),
        (
            {"law": "exponential", "shear_fracture_energy_J_per_m2": 2.0},
            "interface.shear_fracture_energy_J_per_m2: is used only with law = ",
        ),
        (
            {"law": "mixed_mode", "shear_strength_MPa": 1e4, "stiffness_Pa_per_m": 1e15,
             "residual_stiffness_Pa_per_m": 1e9},
            "shear_strength^2 / (2 shear_fracture_energy)",
        ),
    ],
)  # fmt: skip
def test_parameters_that_do_not_go_together_are_told(section, message):
    with pytest.raises(ConfigError) as caught:
        config_from_table({"interface": section})
    assert any(message in problem for problem in caught.value.problems)


def test_the_file_says_what_is_left_out_as_opening():
    config = config_from_table(
        {"interface": {"law": "mixed_mode", "strength_MPa": 80.0, "shear_fracture_energy_J_per_m2": 3.0}}
    )
    found = BondParameters.of(config.interface, np.array([80e6, 40e6]), np.array([1.0, 1.0]))
    np.testing.assert_allclose(found.shear_strength_b, [80e6, 40e6])
    np.testing.assert_allclose(found.shear_fracture_energy_b, 3.0)
    assert found.mixing_exponent == 2.0
