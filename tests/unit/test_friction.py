"""Coulomb friction of closed cracks: limit, loops, tangent, energy; one bond, a block, a cell."""

from itertools import pairwise

import numpy as np
import pytest

from cells import SMALL, mechanics_of, tiny
from latticecell.config import Config
from latticecell.laws import BOND_LAWS, bond_law
from latticecell.laws.bilinear import BilinearLaw
from latticecell.laws.bond import BondParameters
from latticecell.laws.friction import RUBBED
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.reader import config_from_table
from latticecell.results import open_run
from latticecell.run import Simulation
from strips import SHEAR, UNIAXIAL, Strip, strip_network

STRENGTH, TOUGHNESS, STIFFNESS, RESIDUAL, MU = 137e6, 1.1645, 1e18, 1e9, 0.37
FINAL = 2 * TOUGHNESS / STRENGTH
NORMAL = np.array([[0.6, 0.0, 0.8]])
SLIDE = np.array([[0.8, 0.0, -0.6]])
ASIDE = np.array([[0.0, 1.0, 0.0]])
PRESSURE = 211e6
PRESSED = -PRESSURE / STIFFNESS * NORMAL

laws = pytest.mark.parametrize("name", BOND_LAWS.names)


def law(name="bilinear", friction=MU, n=1):
    given = np.full(n, STRENGTH), np.full(n, TOUGHNESS), STIFFNESS, RESIDUAL
    return bond_law("interface", name, BondParameters(*given, friction=friction))


def step(own, before, after, history, tangent="consistent"):
    return own.respond(after, NORMAL, before, history, 60.0, tangent)


def path(own, corners, history=None):
    """History at the end of straight steps through ``corners``, from the closed virgin bond."""
    history = np.zeros((1, len(own.columns))) if history is None else history
    for before, after in pairwise([0 * NORMAL, *corners] if not np.any(history) else corners):
        history = step(own, before, after, history).history_bh
    return history


def work_of(name, before, after, history):
    """Work of a straight step [J/m2] from tractions alone, on panels that narrow to its beginning."""
    points, weights = np.polynomial.legendre.leggauss(4)
    ends = np.concatenate([[0.0], 2.0 ** np.arange(-30, -9), np.linspace(2**-9, 1, 400)])
    width = np.diff(ends)
    share = (ends[:-1, None] + 0.5 * width[:, None] * (1 + points)).ravel()
    own, n = law(name, n=len(share)), len(share)
    here = before + share[:, None] * (after - before)
    rows = (np.repeat(row, n, axis=0) for row in (NORMAL, before, history))
    normal, old, past = rows
    traction = own.respond(here, normal, old, past, 60.0).traction_bc
    return float((0.5 * width[:, None] * weights).ravel() @ (traction @ (after - before)[0]))


@pytest.fixture
def broken():
    return path(law(), [2 * FINAL * NORMAL, PRESSED])


def test_without_friction_the_law_is_the_cohesive_one():
    assert type(law(friction=0.0)) is BilinearLaw


def test_a_broken_bond_sticks_and_then_slides_at_the_friction_of_its_pressure(broken):
    own, slip = law(), MU * PRESSURE / STIFFNESS
    for way in (0.3, 0.99, 1.01, 5.0, 4000.0):
        answer = step(own, PRESSED, PRESSED + way * slip * ASIDE, broken)
        pull = MU * PRESSURE * min(way, 1.0) * ASIDE + RESIDUAL * way * slip * ASIDE
        np.testing.assert_allclose(answer.traction_bc, -PRESSURE * NORMAL + pull, rtol=1e-6, atol=10.0)
        lost = answer.history_bh[0, -1]
        assert lost == pytest.approx(MU * PRESSURE * slip * max(way - 1.0, 0.0), rel=1e-9, abs=1e-12)
        assert own.dissipated(answer.history_bh)[0] == pytest.approx(TOUGHNESS * (1 - 1e-9) + lost, rel=1e-9)


def test_a_loop_of_slip_costs_its_area(broken):
    """Four times the limit times the amplitude, less the elastic slip; by the tractions, too."""
    own, history, here = law(), broken, PRESSED
    amplitude, limit = 3e-9, MU * PRESSURE
    for turn in (1, -1, 1):
        there, work = PRESSED + turn * amplitude * SLIDE, 0.0
        history, here = step(own, here, there, history).history_bh, there
    begin, work = history[0, -1], 0.0
    for turn in (-1, 1):
        there = PRESSED + turn * amplitude * SLIDE
        work += work_of("bilinear", here, there, history)
        history, here = step(own, here, there, history).history_bh, there
    area = 4 * limit * (amplitude - limit / STIFFNESS)
    assert history[0, -1] - begin == pytest.approx(area, rel=1e-9, abs=0)
    assert work == pytest.approx(area, rel=1e-4, abs=0)


def test_half_a_bond_bears_half_the_friction():
    """The damaged share rubs, the rest holds by the cohesive law as without friction."""
    own, plain = law(), law(friction=0.0)
    opened = 0.05 * FINAL * NORMAL
    history = path(own, [opened, PRESSED])
    damage = own.damage(history)[0]
    assert 0.2 < damage < 0.95
    slid = PRESSED + 0.02 * FINAL * SLIDE
    alone = step(plain, PRESSED, slid, history[:, :1]).traction_bc
    added = step(own, PRESSED, slid, history).traction_bc - alone
    np.testing.assert_allclose(added, damage * MU * PRESSURE * SLIDE, rtol=1e-9, atol=1.0)
    whole = step(own, PRESSED, slid, path(own, [PRESSED])).traction_bc
    np.testing.assert_allclose(whole, step(plain, PRESSED, slid, np.zeros((1, 1))).traction_bc, rtol=1e-12)


def test_an_open_bond_lets_go_at_once(broken):
    own = law()
    slid = PRESSED + 1e-9 * SLIDE
    history = step(own, PRESSED, slid, broken).history_bh
    opened = 1e-9 * (NORMAL + SLIDE)
    history = step(own, slid, opened, history).history_bh
    further = step(own, opened, 1.1 * opened, history)
    np.testing.assert_allclose(further.traction_bc, RESIDUAL * 1.1 * opened, rtol=1e-9)
    assert own.stored(1.1 * opened, NORMAL, further.history_bh)[0] == pytest.approx(
        0.5 * RESIDUAL * 1.21 * 2e-18, rel=1e-6
    )


@laws
def test_energy_closes_in_every_step(name):
    """Cracked, closed, slid to and fro, turned, pressed more and less, opened, closed and damaged further."""
    own = law(name)
    points = [
        (3e-9, 1e-9, 0),
        (-4e-10, 1e-9, 0),
        (-4e-10, 2e-9, 0),
        (-4e-10, 2e-9, 3e-9),
        (-1e-10, 2.4e-9, 3e-9),
    ]
    points += [(-1e-10, 2.4e-9, 3e-9), (-5e-10, 1e-9, 2e-9), (-3e-10, 9e-9, 2e-9), (1e-9, 9e-9, 2e-9)]
    points += [(-2e-10, 4e-9, 0), (-2e-10, 4e-9, 2e-12), (-2e-10, 4.001e-9, 2e-12), (-3e-10, 30e-9, 9e-9)]
    corners = [n * NORMAL + s * SLIDE + a * ASIDE for n, s, a in [(0, 0, 0), *points]]
    history, rubbed = np.zeros((1, len(own.columns))), [0.0]
    for before, after in pairwise(corners):
        new = step(own, before, after, history).history_bh
        kept = [
            own.stored(at, NORMAL, h)[0] + own.dissipated(h)[0] for at, h in ((before, history), (after, new))
        ]
        work = work_of(name, before, after, history)
        assert work == pytest.approx(kept[1] - kept[0], rel=2e-4, abs=2e-5 * TOUGHNESS)
        history = new
        rubbed.append(new[0, -1])
    assert np.all(np.diff(rubbed) >= 0)
    assert sum(np.diff(rubbed) > 0.005 * TOUGHNESS) >= 4


@laws
def test_a_bond_that_stays_keeps_its_traction(name):
    own = law(name)
    slid = -1e-10 * NORMAL + 3e-9 * SLIDE  # under less pressure than the step began with
    history = path(own, [2 * FINAL * NORMAL, PRESSED, slid])
    before = step(own, PRESSED, slid, path(own, [2 * FINAL * NORMAL, PRESSED]))
    again = step(own, slid, slid, history)
    np.testing.assert_array_equal(again.history_bh, history)
    np.testing.assert_array_equal(again.traction_bc, before.traction_bc)


@pytest.mark.parametrize("way", [0.4, 1.7, 300.0])
def test_the_tangent_is_the_symmetric_derivative(broken, way):
    own = law()
    history = step(own, PRESSED, PRESSED + 0.5e-10 * ASIDE, broken).history_bh
    before = PRESSED + 0.5e-10 * ASIDE
    here = before + way * MU * PRESSURE / STIFFNESS * (0.6 * SLIDE + 0.8 * ASIDE)
    tangent = step(own, before, here, history).tangent_bcc[0]
    np.testing.assert_allclose(tangent, tangent.T, atol=1e-9 * STIFFNESS)
    assert np.linalg.eigvalsh(tangent).min() > -1e-9 * STIFFNESS
    for c in range(3):
        shift = 1e-15 * np.eye(3)[c]
        high, low = (step(own, before, here + sign * shift, history).traction_bc[0] for sign in (1, -1))
        np.testing.assert_allclose((high - low) / 2e-15, tangent[:, c], rtol=1e-4, atol=1e-5 * STIFFNESS)


def test_pressure_that_changes_is_followed_to_first_order(broken):
    """Slid while pressed ever more, p rising linearly: the loss of the exact law is mu times its mean."""
    own, found, end = law(), [], 2 * PRESSED + 20e-9 * SLIDE
    exact = MU * 1.5 * PRESSURE * 20e-9
    for steps in (8, 16, 32, 4000):
        history, here = broken, PRESSED
        for k in range(1, steps + 1):
            there = PRESSED + k / steps * (end - PRESSED)
            history, here = step(own, here, there, history).history_bh, there
        found.append(history[0, -1] / exact)
    assert found[-1] == pytest.approx(1.0, abs=0.02)  # less the elastic slip
    errors = np.array(found[:-1]) - found[-1]
    np.testing.assert_allclose(errors, -1 / 3 / np.array([8, 16, 32]), rtol=0.1)  # half an increment of p


# a block under a wall: the strip of the crack tests, parted all along


@pytest.fixture(scope="module")
def block():
    return Strip(
        strip_network(3e-6, 2e-6, 1.6e-6, 0.4e-6), STRENGTH, TOUGHNESS, friction=MU, viscosity_s=0.0,
        stiffness_Pa_per_m=STIFFNESS,
    )  # fmt: skip


def pressed(strip, pressure=PRESSURE):
    """State of a parted strip under a pressure, and how far the wall is down for it."""
    state, _ = strip.cracked(1.0, (2 * FINAL,))
    down = pressure * (strip.network.box_c[2] / UNIAXIAL + 1 / STIFFNESS)
    strip.move(state, np.array([0.0, 0.0, -down]), np.inf, strip.uniform(np.array([0.0, 0.0, -down])))
    return state, down


def compliance(strip):
    """Displacement of the wall per shear traction while the block sticks [m/Pa]."""
    return strip.network.box_c[2] / SHEAR + 1 / STIFFNESS


def tractions(strip, state):
    bonds = strip.mechanics.bonds
    return strip.mechanics.traction(state)[bonds.active_b] @ np.array([1.0, 0.0, 0.0])


@pytest.mark.parametrize("slope", [0.5, 0.95, 1.05, 3.0])
def test_a_block_slides_where_the_slope_is_steeper_than_its_friction(block, slope):
    """Shear of ``slope`` mu p asked for: held up to mu p, and mu p beyond, in every bond."""
    state, down = pressed(block)
    wall = slope * MU * PRESSURE * compliance(block)
    block.move(state, np.array([wall, 0.0, -down]), np.inf, state.u_nc.copy())
    np.testing.assert_allclose(tractions(block, state), min(slope, 1.0) * MU * PRESSURE, rtol=2e-4)
    rubbed = block.mechanics.bonds.total(RUBBED, state.history_bh[block.mechanics.bonds.active_b])
    area = np.prod(block.network.box_c[:2])
    exact = area * MU * PRESSURE * max(wall - MU * PRESSURE * compliance(block), 0.0)
    assert rubbed == pytest.approx(exact, rel=1e-3, abs=1e-4 * area * MU * PRESSURE * wall)


def test_a_wall_that_goes_to_and_fro_loses_the_area_of_its_loop(block):
    """Work of the wall over a cycle, energy of friction, and 4 mu p (X - X_stick) A: all the same."""
    state, down = pressed(block)
    bonds, limit = block.mechanics.bonds, MU * PRESSURE
    amplitude = 2.5 * limit * compliance(block)
    area, losses, works = np.prod(block.network.box_c[:2]), [], []
    before = 0.0
    for end in (amplitude, -amplitude, amplitude):
        start = bonds.total(RUBBED, state.history_bh[bonds.active_b])
        force, work = area * tractions(block, state).mean(), 0.0
        for wall in np.linspace(before, end, 21)[1:]:
            last = wall - (end - before) / 20
            old, old_force = state.copy(), force
            block.move(state, np.array([wall, 0.0, -down]), np.inf, state.u_nc.copy())
            force = area * tractions(block, state).mean()
            work += 0.5 * (force + old_force) * (wall - last)
            done = bonds.work(
                bonds.opening(old.u_nc), bonds.opening(state.u_nc), old.history_bh[bonds.active_b]
            )
            kept = [
                bonds.stored(bonds.opening(s.u_nc), s.history_bh[bonds.active_b])
                + sum(bonds.dissipated(s.history_bh[bonds.active_b]))
                for s in (old, state)
            ]
            assert done == pytest.approx(kept[1] - kept[0], abs=1e-3 * area * limit * amplitude)
        losses.append(bonds.total(RUBBED, state.history_bh[bonds.active_b]) - start)
        works.append(work)
        before = end
    half = 2 * area * limit * (amplitude - limit * compliance(block))
    np.testing.assert_allclose(losses[1:], half, rtol=1e-3)
    np.testing.assert_allclose(works[1:], half, rtol=0.02)  # the trapezoidal rule misses the kinks


def rubbing(**keys):
    """Small cracking cell whose broken boundaries rub."""
    table = {**SMALL, "name": "rubbing", "grain_boundary": {**SMALL["grain_boundary"], **keys}}
    steps = [
        {"kind": "charge", "c_rate": 1.0, "duration_s": 2400.0},
        {"kind": "discharge", "c_rate": 1.0, "duration_s": 1200.0},
    ]
    return config_from_table({**table, "protocol": {"steps": steps}})


def test_a_cracking_cell_with_friction_keeps_its_balances_and_resumes(tmp_path):
    config: Config = rubbing(friction=0.6)
    whole = Simulation.start(config, tmp_path / "whole")
    for _ in whole.advance():
        pass
    history = open_run(tmp_path / "whole").history
    rubbed = np.asarray(history["friction_J"])
    assert np.all(np.diff(rubbed) >= 0) and 0 < rubbed[-1] < history["dissipated_J"][-1]
    assert np.abs(history["energy_balance"]).max() < 0.01
    part = Simulation.start(config, tmp_path / "part")
    steps = part.advance()
    for _ in range(12):
        next(steps)
    steps.close()
    for _ in Simulation.resume(tmp_path / "part").advance():
        pass
    assert (tmp_path / "part" / "history.csv").read_bytes() == (
        tmp_path / "whole" / "history.csv"
    ).read_bytes()


def test_a_cell_without_friction_has_no_column_of_it():
    config = tiny(grain_boundary={"mode": "breakable"})
    bonds = mechanics_of(config, build_network(config, build_microstructure(config))).bonds
    assert bonds.total(RUBBED, np.zeros((len(bonds.active_b), bonds.n_columns))) is None
