"""Steps of every form on a tiny cell: what is controlled is met, charge and energy are counted exactly."""

import numpy as np
import pytest
from scipy.optimize import brentq

from cells import SMALL
from latticecell import config_from_table
from latticecell.cell1d.run import run_cell1d
from latticecell.controls import Current, Power
from latticecell.errors import SolveError
from latticecell.laws.kinetics import ParticleKinetics
from latticecell.laws.ocv import TabulatedOCV
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.observables import Observer
from latticecell.protocol import one_c, stages
from latticecell.results.cycles import CycleTable
from latticecell.results.history import History, stage_spans
from latticecell.run import Simulation, run
from latticecell.stepper import Stepper, StepReport

QUICK = {"dt_initial_s": 2.0, "dt_max_s": 40.0, "viscous_share_max": 1.0}


def small(*steps, cycles=1, **sections):
    protocol = {"steps": list(steps), "cycles": cycles}
    table = {**SMALL, "protocol": protocol, "solver": QUICK}
    return config_from_table({**table, **sections})


@pytest.fixture(scope="module")
def network():
    config = small("Rest for 1 s")
    return build_network(config, build_microstructure(config))


def history_of(config, network):
    """Columns of the rows that a run would write."""
    stepper = Stepper(config, network)
    observer, (state, cursor) = Observer(stepper), stepper.start()
    balances = stepper.audit.balances(state, stepper.eigen(state))
    start = StepReport(state, cursor, next(stages(config)), None, balances, 0, False, 0.0)
    rows = [observer.row(start), *map(observer.row, stepper.steps(state, cursor))]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def balanced(history):
    assert np.abs(history["lithium_balance"]).max() < 1e-12


def test_currents_in_any_unit_are_the_same(network):
    amperes = 1.3 * one_c(small("Rest for 1 s"))
    area = 36e-12  # of 6 um by 6 um
    found = []
    for i, rate in enumerate(
        ({"c_rate": 1.3}, {"current_nA": amperes * 1e9}, {"current_density_mA_per_cm2": amperes / area / 10})
    ):
        for kind in ("charge", "discharge")[: 1 + (i == 2)]:
            first = {"kind": "charge", "c_rate": 1.3, "duration_s": 60.0}
            steps = [first] * (kind == "discharge") + [{"kind": kind, **rate, "duration_s": 50.0}]
            history = history_of(small(*steps), network)
            sign = 1 if kind == "charge" else -1
            own = history["step"] == len(steps)
            np.testing.assert_allclose(history["current_A"][own][1:], sign * amperes, rtol=1e-12)
            found.append(history["charge_C"][-1] - 60.0 * amperes * (len(steps) - 1))
    np.testing.assert_allclose(np.abs(found), 50.0 * amperes, rtol=1e-11)
    assert np.sign(found).tolist() == [1, 1, 1, -1]


def test_a_power_is_met_by_voltage_times_current_and_its_energy_is_exact(network):
    watts = 3.9 * one_c(small("Rest for 1 s"))
    area = 36e-8  # cm2
    config = small(
        {"kind": "charge", "power_nW": watts * 1e9, "duration_s": 300.0},
        {"kind": "discharge", "power_density_mW_per_cm2": watts * 1e3 / area, "duration_s": 200.0},
    )
    history = history_of(config, network)
    power = history["voltage_V"] * history["current_A"]
    np.testing.assert_allclose(power[1:], np.where(history["step"] == 1, watts, -watts)[1:], rtol=1e-12)
    time = history["time_s"]
    energy = watts * (np.minimum(time, 300.0) - np.maximum(time - 300.0, 0.0))
    np.testing.assert_allclose(history["electric_J"], energy, rtol=1e-11, atol=1e-12 * watts)
    assert np.ptp(history["current_A"][history["step"] == 1][3:]) > 1e-3 * one_c(config)
    balanced(history)


def test_the_voltage_of_a_power_is_that_of_the_current_it_asks_for(network):
    """Another control of the same equations, solved apart; linear iterations hardly differ."""
    config = small("Rest for 1 s")
    electro = Stepper(config, network).electro
    state, _ = Stepper(config, network).start()
    given = {"gap_b": state.gap_b, "psi_n": state.psi_n}
    for watts in (-8.0 * one_c(config), 15.0 * one_c(config)):
        state.stoich_n[...] = np.where(network.is_active_n, 0.6, 0.0)
        one = electro.solve(state, 5.0, Power(watts), **given)
        other = electro.solve(state, 5.0, Current(one.current), **given)
        assert one.voltage * one.current == pytest.approx(watts, rel=1e-13, abs=0)
        assert one.voltage == pytest.approx(other.voltage, rel=0, abs=1e-9)
        assert np.abs(one.stoich_n - other.stoich_n).max() < 1e-8
        assert one.newton_iterations <= other.newton_iterations + 1
        assert one.linear_iterations <= 1.5 * other.linear_iterations + 3


def test_a_power_beyond_what_the_cell_gives_is_told(network):
    config = small("Rest for 1 s", interface={"resistance_ohm_m2": 0.5})
    stepper = Stepper(config, network)
    state, _ = stepper.start()
    state.stoich_n[...] = np.where(network.is_active_n, 0.6, 0.0)
    with pytest.raises(SolveError, match="cannot give the power"):
        stepper.electro.solve(state, 1.0, Power(-1e5 * one_c(config)), gap_b=state.gap_b, psi_n=state.psi_n)


@pytest.mark.parametrize("watts", [-4e-9, -1e-12, 0.0, 3e-10, 7e-8])
def test_a_power_on_one_bond_is_where_a_root_finder_finds_it(watts):
    ocv = TabulatedOCV(np.linspace(0, 1, 5), np.linspace(4.4, 3.0, 5))
    particle = ParticleKinetics(ocv, 41.0, 0.4, 0.6, 298.15, False)
    stoich, psi, area = np.array([0.43]), np.zeros(1), np.array([2.3e-11])
    surface, resistance, jump = particle.surface(stoich, psi), np.array([3e-3]), np.array([-0.02])

    def over(volts):
        current = particle.react(surface, jump + volts, resistance).current_b
        return volts * float(area @ current) - watts

    found, reaction = particle.deliver(watts, surface, jump, resistance, area, 3.9)
    assert found * float(area @ reaction.current_b) == pytest.approx(watts, rel=1e-12, abs=1e-24)
    low = found - 0.02
    assert found == pytest.approx(brentq(over, low, found + 0.03, xtol=1e-13), rel=0, abs=1e-10)


def test_a_capacity_ends_a_step_exactly(network):
    """Of a current by its time; at a given power by the search, like a voltage."""
    nah = one_c(small("Rest for 1 s")) * 1e9 * 0.05  # of an hour
    watts = 3.7 * one_c(small("Rest for 1 s"))
    config = small(
        {"kind": "charge", "c_rate": 2.0, "until_capacity_nAh": nah, "until_V": 4.3, "duration_s": 9000.0},
        {
            "kind": "discharge",
            "power_nW": watts * 1e9,
            "until_areal_capacity_mAh_per_cm2": nah * 1e-6 / 36e-8,
        },
    )
    history = history_of(config, network)
    first = history["step"] == 1
    assert history["charge_C"][first][-1] == pytest.approx(nah * 3.6e-6, rel=1e-12, abs=0)
    assert history["time_s"][first][-1] == pytest.approx(90.0, rel=1e-9)
    assert history["charge_C"][-1] == pytest.approx(0.0, abs=1.1e-6 * nah * 3.6e-6)
    balanced(history)


ENDS = {
    "voltage": ("Charge at 1C until 3.7 V or 1 nAh or for 2 h", "voltage_V", 3.7, 1.1e-4),
    "time": ("Charge at 1C until 4.3 V or 1 nAh or for 77 s", "time_s", 77.0, 1e-9),
    "capacity": ("Charge at 1 nW until 4.3 V or 1e-4 nAh or for 2 h", "charge_C", 3.6e-10, 4e-16),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_end_that_is_met_first_counts(network, name):
    text, column, value, within = ENDS[name]
    history = history_of(small(text), network)
    assert history[column][-1] == pytest.approx(value, abs=within, rel=0)
    assert (history[column][:-1] < value).all()


def test_currents_fall_to_an_end_and_voltages_relax_to_one(network):
    config = small(
        "Charge at 4C until 3.8 V",
        "Hold at 3.8 V until 1C or for 2 hours",
        "Rest for 5 hours or until below 3.795 V",
        "Charge at 4C until above 3.81 V or for 1 hour",
    )
    history = history_of(config, network)
    last = {step: np.flatnonzero(history["step"] == step)[-1] for step in (1, 2, 3, 4)}
    assert history["current_A"][last[2]] == pytest.approx(one_c(config), rel=0.0101)
    assert history["time_s"][last[2]] - history["time_s"][last[1]] < 7200.0
    assert history["voltage_V"][last[3]] == pytest.approx(3.795, abs=1.1e-4)
    assert history["voltage_V"][last[4]] == pytest.approx(3.81, abs=1.1e-4)
    balanced(history)


def wave(n, seed=11):
    return np.random.default_rng(seed).uniform(-1.5, 2.5, n).round(3).tolist()


def profiled(times, values, **keys):
    points = {"time_unit": "s", "unit": "C", "positive": "charge", "interpolation": "constant"}
    own = {key: keys.pop(key) for key in ("unit", "positive", "interpolation", "scale") if key in keys}
    return {"kind": "profile", "profile": {**points, **own, "times": times, "values": values}, **keys}


def test_steps_land_on_the_points_of_a_profile_and_carry_its_currents(network):
    times, values = np.arange(41.0).tolist(), [*wave(40), 0.0]
    history = history_of(small(profiled(times, values)), network)
    np.testing.assert_allclose(history["time_s"], times, rtol=1e-12)
    unit = one_c(small("Rest for 1 s"))
    np.testing.assert_allclose(history["current_A"][1:], unit * np.array(values[:-1]), rtol=1e-12)
    np.testing.assert_allclose(
        history["charge_C"][1:], unit * np.cumsum(values[:-1]), rtol=1e-11, atol=1e-13 * unit
    )
    assert set(history["kind"]) == {"profile"}
    balanced(history)


@pytest.mark.parametrize(("unit", "column"), [("C", "charge_C"), ("nW", "electric_J")])
def test_a_linear_profile_passes_its_integral_exactly(network, unit, column):
    """Pieces of one step and of many, kinks and straight ways; a discharge is positive here."""
    times = [0.0, 0.5, 1.0, 9.0, 60.0, 61.5, 200.0]
    values = [0.0, 0.4, 0.8, -1.2, -0.3, -0.7, 0.2]
    size = one_c(small("Rest for 1 s")) if unit == "C" else 1e-10
    scale = 1.0 if unit == "C" else 0.1
    step = profiled(times, values, unit=unit, positive="discharge", interpolation="linear", scale=scale)
    config = small(step, solver={**QUICK, "dt_max_s": 5.0})
    history = history_of(config, network)
    begin = np.diff(np.array(values)) * 0.5 + np.array(values)[:-1]
    passed = np.concatenate([[0.0], np.cumsum(begin * np.diff(times))])
    at = np.array([np.flatnonzero(np.isclose(history["time_s"], t, rtol=1e-12))[0] for t in times])
    np.testing.assert_allclose(history[column][at], -size * passed, rtol=1e-11, atol=1e-12 * size)
    balanced(history)


def test_a_profile_that_does_not_change_is_a_charge_bit_for_bit(network):
    flat = profiled([0.0, 30.0, 100.0], [0.7, 0.7, 0.7], interpolation="linear")
    one = history_of(small(flat), network)
    other = history_of(small("Charge at 0.7C for 30 s", "Charge at 0.7C for 70 s"), network)
    first = other["step"] == 1
    for name in ("time_s", "voltage_V", "charge_C", "stoich_sd", "elastic_J"):
        assert np.array_equal(one[name][: first.sum()], other[name][first]), name


def test_a_cut_off_is_met_inside_a_piece_and_where_one_jumps_beyond_it(network):
    ramp = profiled([0.0, 4000.0], [0.0, 3.0], interpolation="linear", until_above_V=3.6)
    history = history_of(small(ramp), network)
    assert history["voltage_V"][-1] == pytest.approx(3.6, abs=1.1e-4)
    assert 0 < history["time_s"][-1] < 4000.0
    jump = profiled([0.0, 20.0, 40.0, 60.0], [0.2, 5.0, 0.2, 0.0], until_above_V=3.4)
    history = history_of(small(jump, "Rest for 3 s"), network)
    end = history["time_s"][history["step"] == 1][-1]
    assert 20.0 <= end < 40.0
    balanced(history)


def test_a_profile_goes_on_without_its_file(tmp_path, network):
    """The run directory holds the points; an interrupted run comes to the same bytes."""
    file = tmp_path / "cycle.csv"
    file.write_text("t,I\n" + "".join(f"{t},{value}\n" for t, value in enumerate([*wave(15), 0.0])))
    keys = {
        "file": str(file),
        "time_unit": "s",
        "unit": "C",
        "positive": "charge",
        "interpolation": "constant",
    }
    config = small({"kind": "profile", "profile": keys}, "Rest for 5 s")
    run(config, tmp_path / "whole", network)
    simulation = Simulation.start(config, tmp_path / "parts", network)
    steps = simulation.advance()
    for _ in range(7):
        next(steps)
    steps.close()
    file.unlink()
    for _ in Simulation.resume(tmp_path / "parts").advance():
        pass
    one, other = ((tmp_path / name / "history.csv").read_bytes() for name in ("whole", "parts"))
    assert one == other


PULSES = {
    "kind": "repeat", "count": 3,
    "steps": ["Charge at C/2 for 20 s", {"kind": "repeat", "count": 2, "steps": ["Rest for 5 s"]}],
}  # fmt: skip


def test_repeats_are_counted_out(network):
    config = small(PULSES, "Discharge at 1C for 10 s", cycles=2)
    found = [(stage.cycle, stage.index, stage.kind) for stage in stages(config)]
    kinds = ["charge", "rest", "rest"] * 3 + ["discharge"]
    assert found == [(cycle, i, kind) for cycle in (0, 1) for i, kind in enumerate(kinds)]
    history = History(history_of(config, network))
    assert len(stage_spans(history)) == 20
    cycles = CycleTable.of(history, True, 2.25e-10)
    assert cycles[0].discharge_capacity == pytest.approx(10 * one_c(config), rel=1e-10)


def test_passes_of_a_charge_and_a_discharge_are_cycles():
    cycling = {"kind": "repeat", "count": 2, "steps": ["Charge at 1C for 9 s", "Discharge at 1C for 9 s"]}

    def cycles(*steps, **keys):
        return [stage.cycle for stage in stages(small(*steps, **keys))]

    assert cycles(cycling) == [0, 0, 1, 1]
    assert cycles("Rest for 1 s", cycling, "Rest for 1 s") == [0, 1, 1, 2, 2, 2]
    assert cycles(cycling, cycling, cycles=2) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]
    assert cycles({**cycling, "new_cycle": False}) == [0, 0, 0, 0]
    assert cycles({**PULSES, "new_cycle": True, "count": 2}) == [0, 0, 0, 1, 1, 1]


def test_a_repeat_may_have_nothing_left_to_do():
    """A pulse that ends at once in a later pass is no contradiction; in the first it is."""
    pulse = {
        "kind": "repeat",
        "count": 50,
        "steps": ["Charge at 1C for 10 minutes or until 4.3 V", "Rest for 60 s"],
    }
    assert len(list(stages(small(pulse)))) == 100


def test_the_1d_cell_takes_the_same_protocol(tmp_path):
    watts = 3.9 * one_c(small("Rest for 1 s")) * 1e9
    times, values = [0.0, 10.0, 20.0, 50.0], [0.0, 1.0, -0.5, 0.0]
    config = small(
        {"kind": "charge", "power_nW": watts, "duration_s": 300.0},
        profiled(times, values, interpolation="linear", positive="discharge"),
        {"kind": "repeat", "count": 2, "steps": ["Charge at 1C until 0.001 nAh or 4.3 V", "Rest for 20 s"]},
        "Charge at 1C until 3.8 V or for 2 h",
        profiled([0.0, 1000.0, 1001.0], [0.5, 9.0, 0.0], until_above_V=3.9),
        cell1d={"points_cathode": 3, "points_separator": 3, "points_radial": 6},
    )  # fmt: skip
    history = run_cell1d(config, tmp_path / "r").history()
    unit = one_c(config)
    first = history["step"] == 1
    power = (history["voltage_V"] * history["current_A"])[first][1:]
    np.testing.assert_allclose(power, watts * 1e-9, rtol=1e-8)
    ends = [np.flatnonzero(history["step"] == step)[-1] for step in range(1, 9)]
    charge, time = history["charge_C"][ends], history["time_s"][ends]
    assert charge[1] - charge[0] == pytest.approx(-unit * (5.0 + 2.5 - 7.5), abs=5e-3 * unit)
    assert charge[2] - charge[1] == pytest.approx(3.6e-9, rel=1e-5)
    assert charge[4] - charge[3] == pytest.approx(3.6e-9, rel=1e-5)
    np.testing.assert_allclose(np.diff(time)[[0, 2, 4]], [50.0, 20.0, 20.0], rtol=1e-9)
    assert history["voltage_V"][ends[6]] == pytest.approx(3.8, abs=1e-6)
    assert history["time_s"][-1] <= time[6] + 1001.0 and history["voltage_V"][-1] >= 3.9 - 1e-6
    assert np.abs(history["lithium_balance"]).max() < 1e-10
