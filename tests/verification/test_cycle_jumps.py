"""Cycle jumping: against all cycles of a particle whose grain boundaries tire, and its algebra."""

import re

import numpy as np
import pytest

from cells import SMALL
from latticecell import ConfigError, build_network, config_from_table, open_run, run
from latticecell.checks import check_cell1d
from latticecell.config import CycleJump
from latticecell.jumping import STEEPEST, Jumper, longest, parabola
from latticecell.laws import BOND_LAWS
from latticecell.laws.bond import BondResponse, Opening, contact_energy, contact_tangent, contact_traction
from latticecell.microstructure import build_microstructure
from latticecell.run import Simulation
from latticecell.stepper import Stepper

TIRES = "tires"
RATE = 2e7
"""Damage by length of opening [1/m]."""
MOST = 0.98


class Tiring:
    """A linear bond that loses stiffness by every opening, (1 - D) K, dD = `RATE` d(opening).

    Work is that of its tractions along a straight way: energy K/2 d^2 dD is lost.
    """

    columns = ("damage", "lost_J_per_m2", "opening_m")
    shares = ("damage",)

    def __init__(self, parameters):
        self._stiffness = 3e16
        self._contact = parameters.stiffness

    def respond(self, opening_bc, normal_bc, opening_old_bc, history_bh, dt, tangent="consistent"):
        opening = Opening.of(opening_bc, normal_bc)
        now, before = opening.effective_b, history_bh[:, 2]
        grown, old = np.maximum(now - before, 0.0), history_bh[:, 0]
        damage = np.minimum(old + RATE * grown, MOST)
        last = before + (damage - old) / RATE  # where it comes to its end
        lost = history_bh[:, 1] + 0.5 * self._stiffness * (damage - old) * (
            (last**2 + last * before + before**2) / 3
        )
        secant = (1 - damage) * self._stiffness
        fall = np.where((grown > 0) & (damage < MOST), self._stiffness * RATE, 0.0)
        fall /= np.maximum(now, 1e-30)
        return BondResponse(
            contact_traction(opening, normal_bc, secant, self._contact),
            contact_tangent(opening, normal_bc, secant, self._contact, fall, tangent),
            np.stack([damage, lost, now], axis=1),
        )

    def damage(self, history_bh):
        return history_bh[:, 0]

    def is_damaged(self, history_bh):
        return history_bh[:, 0] > 0.1

    def is_broken(self, history_bh):
        return history_bh[:, 0] >= MOST

    def stored(self, opening_bc, normal_bc, history_bh):
        opening = Opening.of(opening_bc, normal_bc)
        return contact_energy(opening, (1 - history_bh[:, 0]) * self._stiffness, self._contact)

    def dissipated(self, history_bh):
        return history_bh[:, 1]


@pytest.fixture(scope="module", autouse=True)
def law():
    BOND_LAWS.register(TIRES, Tiring)
    yield
    BOND_LAWS.remove(TIRES)


def tiring(cycles, jump=None, **output):
    table = SMALL | {
        "name": "tiring",
        "grain_boundary": {"mode": "breakable", "law": TIRES},
        "interface": {"strength_MPa": 5000.0, "fracture_energy_J_per_m2": 100.0},
        "solver": {
            "dt_initial_s": 100.0,
            "dt_max_s": 400.0,
            "time_tolerance": 0.1,
            "threads": 1,
            "mechanics_tolerance": 1e-6,
        },
        "output": SMALL["output"] | {"checkpoint_every": 3} | output,
        "protocol": {
            "cycles": cycles,
            "steps": ["Charge at 1C for 800 s", "Discharge at 1C for 800 s"],
            **({} if jump is None else {"jump": jump}),
        },
    }
    return config_from_table(table)


@pytest.fixture(scope="module")
def network():
    config = tiring(1)
    return build_network(config, build_microstructure(config))


CYCLES = 40


@pytest.fixture(scope="module")
def every(network, tmp_path_factory):
    return run(tiring(CYCLES), tmp_path_factory.mktemp("every") / "r", network)


@pytest.fixture(scope="module")
def jumped(network, tmp_path_factory):
    """Runs by tolerance."""
    made = {}
    for tolerance in (0.2, 0.05):
        path = tmp_path_factory.mktemp("jumped") / "r"
        made[tolerance] = run(tiring(CYCLES, {"tolerance": tolerance, "longest": 10}), path, network)
    return made


def test_the_particle_tires(every):
    """Else there is nothing to jump over."""
    lost = every.cycles["dissipated_J"]
    change = np.diff(lost)
    assert (change > 0).all() and change.max() > 1.4 * change[0]
    assert 0.2 < every.cycles["charge_end_gb_broken"][-1] < 1.0
    assert np.abs(every.history["energy_balance"]).max() < 1e-4


@pytest.mark.parametrize("tolerance", [0.2, 0.05])
def test_jumps_agree_with_all_cycles_within_the_tolerance(every, jumped, tolerance):
    table = jumped[tolerance].cycles
    real = table["jumped"] == 0
    number = table["cycle"].astype(int)
    assert table["jumped"].sum() + real.sum() == CYCLES and number[-1] == CYCLES and real[-1]
    assert table["jumped"].sum() >= 6
    for name in ("dissipated_J", "charge_end_gb_opening_max_nm", "middle_resistance_ohm_cm2"):
        exact = every.cycles[name]
        change = np.abs(exact[-1] - exact[2])
        off = np.abs(table[name][real] - exact[number[real] - 1]).max()
        assert off <= tolerance * change + 1e-6 * np.abs(exact).max(), name
    assert np.isnan(table["charge_capacity_nAh"][~real]).all()
    np.testing.assert_allclose(table["charge_capacity_nAh"][real], every.cycles["charge_capacity_nAh"][0])


def test_a_smaller_tolerance_jumps_less_and_is_closer(every, jumped):
    def error(table):
        real = table["jumped"] == 0
        exact = every.cycles["dissipated_J"][table["cycle"][real].astype(int) - 1]
        return np.abs(table["dissipated_J"][real] - exact).max()

    loose, tight = jumped[0.2].cycles, jumped[0.05].cycles
    assert tight["jumped"].sum() <= loose["jumped"].sum()
    assert error(tight) < error(loose)


def test_balances_hold_over_jumps(jumped):
    for made in jumped.values():
        history = made.history
        assert "jump" in set(history["kind"])
        assert np.abs(history["lithium_balance"]).max() < 1e-12
        assert np.abs(history["charge_balance"]).max() < 1e-6
        assert np.abs(history["energy_balance"]).max() < 1e-2
        assert (np.diff(history["dissipated_J"]) >= 0).all() and (np.diff(history["time_s"]) >= 0).all()
        assert not [check.name for check in made.balances if check.passed is False]
        rows = np.flatnonzero(history["kind"] == "jump")
        cycles = np.diff(history["cycle"], prepend=1)[rows]
        np.testing.assert_allclose(np.diff(history["time_s"])[rows - 1], 1600.0 * cycles, rtol=1e-9)


def test_what_breaks_is_computed(jumped):
    """A jump breaks at most the tolerance of what was broken before it."""
    for tolerance, made in jumped.items():
        broken = made.history["gb_broken"]
        rows = np.flatnonzero(made.history["kind"] == "jump")
        assert (broken[rows] - broken[rows - 1] <= tolerance * broken[rows - 1] + 1e-12).all()
        assert broken[-1] > 0.2


def test_a_resumed_run_has_the_same_bits(jumped, network, tmp_path):
    config = tiring(CYCLES, {"tolerance": 0.2, "longest": 10})
    whole = (jumped[0.2].path / "history.csv").read_bytes()
    simulation = Simulation.start(config, tmp_path / "r", network)
    for stop in (17, 29, 31):
        steps = simulation.advance()
        for progress in steps:
            if progress.cursor.steps >= stop:
                break
        steps.close()
        simulation = Simulation.resume(tmp_path / "r")
    for _ in simulation.advance():
        pass
    assert (tmp_path / "r" / "history.csv").read_bytes() == whole


def test_cycles_to_be_kept_are_computed(network, tmp_path):
    config = tiring(16, {"tolerance": 1.0, "longest": 9}, kept_cycles=[7, 12], stage_ends=True)
    table = run(config, tmp_path / "r", network).cycles
    real = set(table["cycle"][table["jumped"] == 0].astype(int))
    assert {1, 7, 12, 16} <= real and len(real) < 16
    assert {shot.cycle for shot in open_run(tmp_path / "r").snapshots} == {1, 7, 12}


def test_what_jumps_cannot_do_is_told():
    jump = {"tolerance": 0.2}
    for table, told in (
        ({"output": {"times_s": [100.0]}}, "output.times_s: has no meaning beside protocol.jump"),
        (
            {"protocol": {"cycles": 4, "jump": jump | {"cycles_between": 2}}},
            "protocol.jump.cycles_between = 2",
        ),
        ({"protocol": {"cycles": 4, "jump": jump | {"tolerance": 0}}}, "protocol.jump.tolerance = 0"),
    ):
        with pytest.raises(ConfigError, match=re.escape(told)):
            config_from_table({"protocol": {"cycles": 4, "jump": jump}} | table)
    (told,) = check_cell1d(tiring(4, jump))
    assert told.startswith("protocol.jump: has no meaning in a 1-D cell")


# --- algebra ----------------------------------------------------------------------------------------


def test_a_parabola_is_exact_for_parabolas():
    a, b, c = np.random.default_rng(7).uniform(0.1, 1.0, (3, 9))
    ends = tuple(a + b * k + 0.02 * c * k**2 for k in (4, 5, 6))
    np.testing.assert_allclose(parabola(ends, 5), a + b * 11 + 0.02 * c * 121)


def test_the_error_of_a_jump_is_of_third_order():
    def error(h):
        ends = tuple(np.array([1 - np.exp(-k * h)]) for k in (3, 4, 5))
        return abs(float(parabola(ends, 4)[0]) - (1 - np.exp(-9 * h)))

    ratios = [error(h) / error(h / 2) for h in (0.02, 0.01)]
    assert ratios[1] == pytest.approx(8.0, rel=0.05) and abs(ratios[1] - 8) < abs(ratios[0] - 8)


def test_nothing_runs_backwards_or_away():
    dying, breaking, still = (0.0, 1.0, 1.3), (0.0, 0.1, 5.0), (2.0, 2.0, 2.0)
    ends = tuple(np.array(v) for v in zip(dying, breaking, still, strict=True))
    for n in (2, 7, 40):
        found = parabola(ends, n)
        assert found[0] >= 1.3 and found[2] == 2.0
        assert found[1] <= 5.0 + STEEPEST * n * 4.9 + 1e-12


def test_how_far_is_told_by_the_quadratic_part():
    assert longest(1.0, 0.1, 0.2, 50) == 3  # (n + 1) / 2 * 0.1 <= 0.2
    assert longest(1.0, 0.0, 0.2, 50) == 50
    assert longest(1e-9, 1e-9, 0.2, 50) == 19  # n (n + 1) / 2 * 1e-9 <= 0.2e-6
    assert longest(1.0, 1.0, 0.2, 50) == 0


def test_damage_stays_between_that_of_now_and_one(network):
    stepper = Stepper(tiring(9), network)
    jumper = Jumper(stepper, CycleJump())
    state, _ = stepper.start()
    bonds = stepper.mechanics.bonds
    old, new = state.history_bh.copy(), state.history_bh.copy()
    tired = bonds.active_b[~bonds.is_interface_b]
    old[tired, 0], new[tired, 0] = 0.5, np.linspace(0.3, 1.7, len(tired))
    found = jumper._within(old, new)[tired, 0]
    assert bonds.is_share_bh.sum() == len(tired)  # a share stays below 1
    assert (found >= 0.5 - 1e-9).all() and (found < 1.0).all()
    fine = (new[tired, 0] >= 0.5) & (new[tired, 0] < 1.0)
    np.testing.assert_array_equal(found[fine], new[tired, 0][fine])
    assert (found[new[tired, 0] > 1.0] > 0.5).all()
