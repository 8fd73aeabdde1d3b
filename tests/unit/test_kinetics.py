"""Charge transfer: the scalar solve, its derivatives, the ends of the stoichiometry, the sign of stress."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import brentq

from latticecell.errors import SolveError
from latticecell.laws import OCV_LAWS
from latticecell.laws.kinetics import (
    EXCHANGE_EDGE,
    STOICH_EDGE,
    STOICH_FLOOR,
    VACANCY_FLOOR,
    LithiumKinetics,
    ParticleKinetics,
    limit_step,
    overpotential,
)
from latticecell.units import FARADAY, GAS_CONSTANT

TEMPERATURE = 311.0
UNIT = GAS_CONSTANT * TEMPERATURE / FARADAY


def kinetics(alpha_a=0.37, alpha_c=0.58, ocv=None, **options):
    return ParticleKinetics(
        ocv or OCV_LAWS["nmc111_zheng2013"](), 43.0, alpha_a, alpha_c, TEMPERATURE, **options
    )


class LatticeGas:
    """Ideal lattice gas, U = 3.7 V - (RT / F) ln[y / (1 - y)]."""

    def voltage(self, x):
        return 3.7 - UNIT * np.log(x / (1 - x))

    def slope(self, x):
        return -UNIT / (x * (1 - x))


@given(
    drive=st.floats(-6.0, 6.0).map(lambda volts: volts / UNIT),
    resistance=st.one_of(st.just(0.0), st.floats(-8, 2).map(lambda e: 10.0**e)),
    exchange=st.floats(-4, 4).map(lambda e: 10.0**e),
    alpha_a=st.floats(0.1, 0.9),
    alpha_c=st.floats(0.1, 0.9),
)
@example(drive=1.83e-322, resistance=1.0, exchange=1.0, alpha_a=0.5, alpha_c=0.5)  # subnormal
def test_overpotential_is_the_root_that_brentq_finds(drive, resistance, exchange, alpha_a, alpha_c):
    load = resistance * exchange / UNIT

    def miss(x):
        return x + load * (np.expm1(alpha_a * x) - np.expm1(-alpha_c * x)) - drive

    found = overpotential(np.array([drive]), np.array([load]), alpha_a, alpha_c)[0]
    low, high = min(drive, 0.0), max(drive, 0.0)
    expected = brentq(miss, low, high, xtol=1e-300, rtol=1e-15, maxiter=2000) if low < high else 0.0
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-280)


def test_overpotential_is_vectorised_over_extremes():
    drive = np.array([0.0, 1e-12, -1e-12, 200.0, -200.0, 200.0, -200.0])
    load = np.array([3.0, 2e5, 2e5, 0.0, 0.0, 2e5, 1e-9])
    x = overpotential(drive, load, 0.3, 0.8)
    total = x + load * (np.expm1(0.3 * x) - np.expm1(-0.8 * x))
    np.testing.assert_allclose(total, drive, rtol=1e-11, atol=1e-20)


def test_overpotential_refuses_what_is_not_a_number():
    with pytest.raises(SolveError, match="overpotential"):
        overpotential(np.array([np.nan]), np.array([0.1]), 0.5, 0.5)


@pytest.mark.parametrize("resistance", [0.0, 7e-4, 0.3, 100.0])
def test_reaction_satisfies_butler_volmer_and_its_derivatives(resistance):
    law = kinetics()
    rng = np.random.default_rng(5)
    y, jump = rng.uniform(0.02, 0.96, 300), rng.uniform(3.4, 4.4, 300)
    psi, r = rng.normal(size=300), np.full(300, resistance)

    def current(y, jump):
        return law.react(law.surface(y, psi), jump, r).current_b

    got = law.react(law.surface(y, psi), jump, r)
    eta = jump - law.ocv.voltage(y) - got.current_b * resistance
    i0 = 43.0 * 2 * np.sqrt(y * (1 - y))
    expected = i0 * (np.exp(0.37 * eta / UNIT) - np.exp(-0.58 * eta / UNIT))
    if resistance <= 7e-4:  # beyond, eta is a difference that loses digits
        np.testing.assert_allclose(got.current_b, expected, rtol=1e-9)
    h = 1e-6
    slope = (current(y, jump + h) - current(y, jump - h)) / (2 * h)
    np.testing.assert_allclose(got.conductance_b, slope, rtol=1e-6)
    h = 1e-6 * np.minimum(y, 1 - y)
    slope = (current(y + h, jump) - current(y - h, jump)) / (2 * h)
    # the table is only once differentiable at its knots, and slopes may pass through zero
    np.testing.assert_allclose(got.slope_b, slope, rtol=1e-4, atol=1e-5 * np.abs(got.slope_b).max())


def test_small_signal_resistance():
    law = kinetics(alpha_a=0.5, alpha_c=0.5)
    y, r = np.array([0.5]), np.array([6e-4])
    surface = law.surface(y, np.zeros(1))
    tiny = law.react(surface, surface.open_circuit_b + 1e-9, r)
    assert 1e-9 / tiny.current_b[0] == pytest.approx(UNIT / 43.0 + 6e-4, rel=1e-6, abs=0)


@pytest.mark.parametrize("center", [EXCHANGE_EDGE, STOICH_EDGE, 3e-6, STOICH_FLOOR])
@pytest.mark.parametrize("top", [False, True])
def test_laws_are_smooth_at_the_ends(center, top):
    law = kinetics()
    center = VACANCY_FLOOR if top and center == STOICH_FLOOR else center
    y = center * np.array([0.2, 0.999, 1.001, 3.0])
    h = 1e-4 * center
    place = (lambda y: 1 - y) if top else (lambda y: y)
    at = law.surface(place(y), np.zeros(4))
    up, down = law.surface(place(y) + h, np.zeros(4)), law.surface(place(y) - h, np.zeros(4))
    slope = (up.open_circuit_b - down.open_circuit_b) / (2 * h)
    np.testing.assert_allclose(at.open_circuit_slope_b, slope, rtol=2e-3)
    slope = (up.exchange_b - down.exchange_b) / (2 * h)
    np.testing.assert_allclose(at.exchange_slope_b, slope, rtol=2e-3, atol=1e-2)
    assert (at.open_circuit_slope_b < 0).all()
    assert (at.exchange_b > 0).all()


def test_laws_are_untouched_away_from_the_ends_and_diverge_at_them():
    law = kinetics()
    y = np.linspace(STOICH_EDGE, 1 - STOICH_EDGE, 57)
    surface = law.surface(y, np.zeros(57))
    assert (surface.open_circuit_b == law.ocv.voltage(y)).all()
    np.testing.assert_allclose(surface.exchange_b, 43.0 * 2 * np.sqrt(y * (1 - y)), rtol=1e-15)
    ends = law.surface(np.array([-2e-9, 1 + 1e-6]), np.zeros(2)).open_circuit_b
    assert ends[0] > law.ocv.voltage(0.0) + 0.6
    assert ends[1] < law.ocv.voltage(1.0) - 0.4


def test_steps_stop_short_of_the_walls():
    old = np.array([0.5, 0.5, 0.5, 1e-11, 1 - 1e-9])
    new = np.array([-3.0, 4.0, 0.6, -0.1, 1.2])
    np.testing.assert_allclose(limit_step(old, new), [0.1, 0.9, 0.6, -0.1, 1.2], rtol=1e-15)


def test_tension_lowers_the_chemical_potential_as_in_the_flux_law():
    """Where the lattice gas rests, y / (1 - y) = exp(psi + const), the reaction rests at one potential."""
    psi = np.random.default_rng(2).normal(size=40)
    y = 1 / (1 + np.exp(-(psi - 0.6)))
    law = kinetics(ocv=LatticeGas(), mechanical_ocv=True)
    surface = law.surface(y, psi)
    np.testing.assert_allclose(surface.open_circuit_b, 3.7 + 0.6 * UNIT, rtol=1e-14)
    current = law.react(surface, np.full(40, 3.7 + 0.6 * UNIT), np.full(40, 1e-3)).current_b
    assert np.abs(current).max() < 1e-10
    assert np.ptp(kinetics(ocv=LatticeGas()).surface(y, psi).open_circuit_b) > UNIT


@pytest.mark.parametrize("start", [2.0, 3.9, 9.0])
def test_carry_finds_the_voltage(start):
    law = kinetics()
    rng = np.random.default_rng(8)
    y, area, r = rng.uniform(0.1, 0.9, 50), rng.uniform(1e-14, 3e-14, 50), np.zeros(50)
    surface = law.surface(y, np.zeros(50))
    voltage, reaction = law.carry(3e-9, surface, np.zeros(50), r, area, start)
    assert area @ reaction.current_b == pytest.approx(3e-9, rel=1e-12, abs=0)
    assert (law.react(surface, np.full(50, voltage), r).current_b == reaction.current_b).all()


def test_carry_gives_up_on_the_impossible():
    law = kinetics()
    surface = law.surface(np.array([0.5]), np.zeros(1))
    with pytest.raises(SolveError, match="cannot carry"):
        law.carry(5.0, surface, np.zeros(1), np.array([1e3]), np.array([1e-12]), 3.8)


def test_lithium_metal():
    metal = LithiumKinetics(77.0, TEMPERATURE)
    phi = np.array([-0.2, -1e-4, 0.0, 3e-3, 0.4])
    current, slope = metal.plate(phi)
    expected = 77.0 * (np.exp(phi / (2 * UNIT)) - np.exp(-phi / (2 * UNIT)))
    np.testing.assert_allclose(current, expected, rtol=1e-10)
    fd = (metal.plate(phi + 1e-7)[0] - metal.plate(phi - 1e-7)[0]) / 2e-7
    np.testing.assert_allclose(slope, fd, rtol=1e-6)
