"""Contracts of cohesive laws, run over all that are registered: energy, irreversibility, contact, tangent."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latticecell.errors import ConfigError
from latticecell.laws import BOND_LAWS, bond_law
from latticecell.laws.bond import BondParameters, weibull

STRENGTH, TOUGHNESS, STIFFNESS, RESIDUAL = 137e6, 1.1645, 1e19, 1e13
LENGTH = TOUGHNESS / STRENGTH
"""Over which a bond separates: 8.5 nm."""
FAR = 200 * LENGTH
NORMAL = np.array([[0.6, 0.0, 0.8]])
SLIDE = np.array([[0.8, 0.0, -0.6]])

laws = pytest.mark.parametrize("name", BOND_LAWS.names)
openings = st.lists(st.floats(-3 * LENGTH, 3 * LENGTH), min_size=3, max_size=3).map(lambda v: np.array([v]))


def law(name, n=1, strength=STRENGTH, stiffness=STIFFNESS):
    parameters = BondParameters(np.full(n, strength), np.full(n, TOUGHNESS), stiffness, RESIDUAL)
    return bond_law("interface", name, parameters)


def respond(own, opening_bc, history_bh, tangent="consistent"):
    n = len(opening_bc)
    closed = np.zeros_like(opening_bc)
    return own.respond(opening_bc, np.tile(NORMAL, (n, 1)), closed, history_bh, 60.0, tangent)


def virgin(own, n=1):
    return np.zeros((n, len(own.columns)))


def after(own, opening_bc):
    """History of bonds opened as far as this."""
    return respond(own, opening_bc, virgin(own, len(opening_bc))).history_bh


def walk(own, corners):
    """Work done on a path of straight pieces through ``corners``, and the history at its end."""
    history, work, last = virgin(own), 0.0, np.zeros((1, 3))
    traction = np.zeros(3)
    for corner in corners:
        for share in np.linspace(0, 1, 401)[1:]:
            here = last + share * (corner - last)
            answer = respond(own, here, history)
            history = answer.history_bh
            step = (corner - last)[0] / 400
            work += 0.5 * (traction + answer.traction_bc[0]) @ step
            traction = answer.traction_bc[0]
        last = corner
    return work, history


@laws
@pytest.mark.parametrize("mode", [(1.0, 0.0), (0.0, 1.0), (0.7, 0.5)])
def test_breaking_a_bond_costs_its_toughness(name, mode):
    """Work below the curve of a monotone separation, less what the residual stiffness stores."""
    direction = (mode[0] * NORMAL + mode[1] * SLIDE) / np.hypot(*mode)
    size = np.concatenate([np.linspace(0, LENGTH / 300, 20001), np.geomspace(LENGTH / 300, FAR, 20001)[1:]])
    own = law(name, len(size))
    answer = respond(own, size[:, None] * direction, virgin(own, len(size)))
    pull = answer.traction_bc @ direction[0]
    work = np.sum(0.5 * (pull[1:] + pull[:-1]) * np.diff(size))
    assert pull.max() == pytest.approx(STRENGTH, rel=5e-4, abs=0)
    lost = own.dissipated(answer.history_bh)
    assert lost[-1] == pytest.approx(work - 0.5 * RESIDUAL * FAR**2, rel=1e-5, abs=0)
    assert lost[-1] == pytest.approx(TOUGHNESS, rel=1e-3, abs=0)
    damage, broken = own.damage(answer.history_bh), own.is_broken(answer.history_bh)
    assert damage[0] == 0 and damage[-1] == pytest.approx(1.0, abs=1e-9)
    assert (np.diff(damage) >= 0).all() and (np.diff(lost) >= -1e-15).all()
    assert not broken[0] and broken[-1]
    assert lost[broken][0] > 0.98 * TOUGHNESS
    peak = np.argmax(pull)
    assert np.argmax(own.is_damaged(answer.history_bh)) == pytest.approx(peak, abs=1)


@laws
@settings(max_examples=15, deadline=None)
@given(st.lists(openings, min_size=1, max_size=3))
def test_stored_plus_dissipated_is_the_work_of_any_path(name, corners):
    own = law(name, stiffness=1e17)
    work, history = walk(own, corners)
    kept = own.stored(corners[-1], NORMAL, history) + own.dissipated(history)
    assert own.dissipated(history)[0] >= 0
    assert work == pytest.approx(float(kept[0]), rel=1e-3, abs=1e-3 * TOUGHNESS)


@laws
def test_unloading_returns_to_the_origin_and_never_heals(name):
    own = law(name)
    history = after(own, 0.7 * LENGTH * NORMAL)
    back = respond(own, 0.2 * LENGTH * NORMAL, history)
    full = respond(own, 0.7 * LENGTH * NORMAL, history)
    np.testing.assert_allclose(back.traction_bc * 3.5, full.traction_bc, rtol=1e-12)
    assert back.history_bh.tobytes() == history.tobytes()
    assert own.damage(back.history_bh) == own.damage(history) > 0


@laws
def test_compression_is_stiff_and_does_no_damage(name):
    own = law(name)
    pressed = -3e-9 * NORMAL
    answer = respond(own, pressed, virgin(own))
    assert own.damage(answer.history_bh)[0] < 1e-12
    assert own.dissipated(answer.history_bh)[0] < 1e-12 * TOUGHNESS
    np.testing.assert_allclose(answer.traction_bc, STIFFNESS * pressed, rtol=1e-12)
    np.testing.assert_allclose(answer.tangent_bcc[0] @ NORMAL[0], STIFFNESS * NORMAL[0], rtol=1e-9)
    broken = respond(own, pressed, after(own, FAR * NORMAL))
    np.testing.assert_allclose(broken.traction_bc, answer.traction_bc, rtol=1e-12)


@laws
@given(openings, openings)
def test_consistent_tangent_is_the_derivative(name, opening, past):
    own = law(name)
    history = after(own, past)
    step = 1e-15
    tangent = respond(own, opening, history).tangent_bcc[0]
    here = respond(own, opening, history).traction_bc[0]
    for c in range(3):
        shift = step * np.eye(3)[c]
        high = respond(own, opening + shift, history).traction_bc[0] - here
        low = here - respond(own, opening - shift, history).traction_bc[0]
        if not np.allclose(high, low, rtol=1e-3, atol=1e-4 * 1e16 * step):
            return  # a kink of the law
        np.testing.assert_allclose((high + low) / (2 * step), tangent[:, c], rtol=1e-3, atol=1e-4 * 1e16)


@laws
@given(openings, openings)
def test_clipped_and_secant_tangents_are_positive(name, opening, past):
    own = law(name)
    for kind in ("clipped", "secant"):
        tangent = respond(own, opening, after(own, past), kind).tangent_bcc[0]
        np.testing.assert_allclose(tangent, tangent.T, rtol=1e-9, atol=1e3)
        assert np.linalg.eigvalsh(tangent).min() > -1e-6 * STIFFNESS


@laws
def test_bonds_do_not_see_each_other(name):
    """Vectorised over bonds of different strength and history: each as if it were alone."""
    rng = np.random.default_rng(23)
    strength = rng.uniform(0.5, 2, 7) * STRENGTH
    together = bond_law(
        "interface", name, BondParameters(strength, np.full(7, TOUGHNESS), STIFFNESS, RESIDUAL)
    )
    opening = rng.normal(size=(7, 3)) * LENGTH
    history = after(together, rng.normal(size=(7, 3)) * LENGTH)
    answer = respond(together, opening, history)
    for b in range(7):
        alone = respond(law(name, 1, strength[b]), opening[b : b + 1], history[b : b + 1])
        for all_b, own in zip(answer, alone, strict=True):
            np.testing.assert_allclose(all_b[b], own[0], rtol=1e-12)


def test_the_bilinear_law_is_bilinear():
    own = law("bilinear")
    onset, final = STRENGTH / STIFFNESS, 2 * TOUGHNESS / STRENGTH
    for size in (0.5 * onset, 3 * onset, 0.4 * final, 0.999 * final):
        expected = STIFFNESS * size if size < onset else STRENGTH * (final - size) / (final - onset)
        pull = respond(own, size * NORMAL, virgin(own)).traction_bc[0] @ NORMAL[0]
        assert pull == pytest.approx(expected, rel=1e-2, abs=RESIDUAL * size * 2)


def test_the_exponential_law_is_the_universal_binding_curve():
    own = law("exponential")
    length = TOUGHNESS / (np.e * STRENGTH)
    for x in (0.3, 1.0, 2.7):
        pull = respond(own, x * length * SLIDE, virgin(own)).traction_bc[0] @ SLIDE[0]
        residual = RESIDUAL * (1 - np.exp(-x)) * x * length
        assert pull == pytest.approx(STRENGTH * x * np.exp(1 - x) + residual, rel=1e-9, abs=0)
    # 99 % of the energy is lost where (x^2 + 2 x + 2) exp(-x) = 0.02
    assert not own.is_broken(after(own, 8.40 * length * NORMAL))[0]
    assert own.is_broken(after(own, 8.41 * length * NORMAL))[0]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("bilinera", {}, r"interface.law = 'bilinera': must be one of bilinear.*did you mean bilinear"),
        ("bilinear", {"stiffness": 1e15}, r"interface.stiffness_Pa_per_m = 1e\+15: must exceed 8.06e\+15"),
        (
            "bilinear",
            {"residual_stiffness": 1e20},
            r"interface.residual_stiffness_Pa_per_m = 1e\+20",
        ),
        (
            "exponential",
            {"residual_stiffness": 2e17},
            r"interface.residual_stiffness_Pa_per_m = 2e\+17",
        ),
    ],
)
def test_contradictions_are_told_with_their_key(name, change, message):
    values = {"stiffness": STIFFNESS, "residual_stiffness": RESIDUAL} | change
    with pytest.raises(ConfigError, match=message):
        bond_law("interface", name, BondParameters(np.array([STRENGTH]), np.array([TOUGHNESS]), **values))


def test_weibull_keeps_its_mean():
    strength = weibull(100e6, 5.0, 200_000, np.random.default_rng(9))
    assert strength.mean() == pytest.approx(100e6, rel=3e-3, abs=0)
    # coefficient of variation of a Weibull law with modulus 5
    assert strength.std() / strength.mean() == pytest.approx(0.229, rel=1e-2, abs=0)
    assert (weibull(100e6, None, 3, np.random.default_rng(9)) == 100e6).all()
