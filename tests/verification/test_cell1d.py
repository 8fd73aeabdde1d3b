"""The 1-D cell: published charge times, conservation, orders, limits, and PyBaMM's half cell."""

import itertools

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

from halfcell import half_cell
from latticecell import config_from_table
from latticecell.cell1d import run_cell1d
from latticecell.cell1d.run import cell_of
from latticecell.cell1d.solve import SHORTEST_STEP, steps
from latticecell.cell1d.unknowns import Control
from latticecell.cli import app
from latticecell.errors import SolveError
from latticecell.laws import ELECTROLYTE_LAWS
from latticecell.laws.electrolyte import PolynomialElectrolyte, exchange_scale, lithium_exchange_binary
from latticecell.output.rundir import RunDirectory
from latticecell.protocol import one_c

CHARGE = {"kind": "charge", "c_rate": 1.0, "until_V": 4.3}
DISCHARGE = {"kind": "discharge", "c_rate": 1.0, "until_V": 3.0}
RUNNER = CliRunner()


def ideal(**cell1d):
    """A cell without resistances: only diffusion in the particles is left."""
    return {
        "kinetics": {"exchange_current_A_per_m2": 1e5, "lithium_exchange_current_A_per_m2": 1e6},
        "interface": {"resistance_ohm_m2": 0.0},
        "materials": {
            "ecbd": {"ionic_conductivity_S_per_m": 1e6, "electronic_conductivity_S_per_m": 1e6},
            "separator": {"ionic_conductivity_S_per_m": 1e6},
        },
        "cell1d": cell1d,
    }


def thick(step, start=0.95, **cell1d):
    """Six particles in a column, a liquid with little of it: the salt matters."""
    return {
        "electrolyte": {"kind": "binary", "fraction_ecbd": 0.3, "fraction_separator": 0.5},
        "geometry": {
            "cathode_um": 90.0,
            "separator_um": 25.0,
            "particles": [{"center_um": [7.5, 7.5, 7.5 + 15.0 * i]} for i in range(6)],
        },
        "materials": {"active": {"initial_stoichiometry": start}},
        "interface": {"resistance_ohm_m2": 0.0},
        "kinetics": {"exchange_current_A_per_m2": 5.0},
        "protocol": {"current_1c_nA": 4.0, "steps": [step]},
        "cell1d": cell1d,
    }


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def curve(table):
    """Time and voltage of all steps but the one at rest."""
    config = config_from_table(table)
    cell = cell_of(config)
    found = [(step.time, cell.fields(step.z).voltage) for step in steps(config, cell)]
    return np.array(found[1:]).T


def voltage(table, time):
    return CubicSpline(*curve(table))(time)


@pytest.mark.parametrize(("diffusivity", "seconds"), [(0.667e-14, 3105.0), (1e-14, 3188.0)])
def test_charge_time_of_a_diffusing_sphere(diffusivity, seconds):
    """An independent solution of 80 shells and 1500 steps, with the published times 3103 and 3185 s."""
    published = {"current_1c_nA": 0.6672, "steps": [CHARGE]}
    table = ideal(diffusivity_m2_per_s=diffusivity) | {"protocol": published}
    time, volts = curve(table)
    assert time[-1] == pytest.approx(seconds, rel=1e-3)
    assert volts[-1] == pytest.approx(4.3, abs=1e-9)


def test_steady_lag_of_the_surface_and_start_of_a_sphere():
    """At constant flux the surface leads the mean by j R / 5 D; before, by 2 j sqrt(t / pi D)."""
    config = config_from_table(ideal(diffusivity_m2_per_s=1e-13, tolerance=1e-8))
    cell = cell_of(config)
    lag = {}
    for step in steps(config, cell):
        y_kr = cell.unpack(step.u)[0]
        lag[step.time] = float((y_kr @ cell.share_r).mean() - cell.surface_stoich(step.u, step.z).mean())
        if step.time > 1000.0:
            break
    flux = cell.one_c / cell.capacity * 5e-6 / 3  # j, of y [m/s]
    assert lag[step.time] == pytest.approx(flux * 5e-6 / (5 * 1e-13), rel=1e-3)


@pytest.mark.parametrize("kind", ["single_ion", "binary"])
def test_lithium_salt_and_charge_are_conserved(tmp_path, kind):
    hold = {"kind": "hold", "until_c_rate": 0.2}
    rest = {"kind": "rest", "duration_s": 300.0}
    config = config_from_table(
        {"electrolyte": {"kind": kind}, "protocol": {"steps": [CHARGE, hold, rest, DISCHARGE]}}
    )
    directory = run_cell1d(config, tmp_path / "run")
    history = RunDirectory.open(tmp_path / "run").history()
    assert directory.info()["status"] == "done"
    assert np.abs(history["lithium_balance"]).max() < 1e-12
    assert np.abs(history["charge_balance"]).max() < 1e-8
    if kind == "binary":
        assert np.abs(history["salt_balance"]).max() < 1e-12
    charged = np.cumsum(history["current_A"] * history["dt_s"])[history["kind"] == "charge"][-1]
    assert history["charge_C"][history["kind"] == "charge"][-1] == pytest.approx(charged, rel=1e-12)
    assert history["time_s"][-1] == pytest.approx(history["dt_s"].sum(), rel=1e-12)


def test_stages_end_where_they_should(tmp_path):
    steps_ = [
        CHARGE,
        {"kind": "hold", "until_c_rate": 0.2},
        {"kind": "rest", "duration_s": 300.0},
        {"kind": "charge", "c_rate": 1.0, "until_V": 4.0},  # begins beyond its cut-off
        DISCHARGE | {"duration_s": 100.0},
    ]
    config = config_from_table({"protocol": {"steps": steps_, "cycles": 2}})
    history = run_cell1d(config, tmp_path / "run").history()
    for cycle in (1, 2):
        rows = [np.flatnonzero((history["cycle"] == cycle) & (history["step"] == k + 1)) for k in range(5)]
        end = [row[-1] for row in rows]
        assert history["voltage_V"][end[0]] == pytest.approx(4.3, abs=1e-9)
        assert history["voltage_V"][rows[1]] == pytest.approx(4.3, abs=1e-9)
        assert history["current_A"][end[1]] == pytest.approx(0.2 * one_c(config), rel=1e-6)
        assert history["dt_s"][rows[2]].sum() == pytest.approx(300.0)
        assert history["current_A"][rows[2]] == pytest.approx(0.0, abs=1e-20)
        assert len(rows[3]) == 1 and history["dt_s"][end[3]] == 0.0
        assert history["dt_s"][rows[4]].sum() == pytest.approx(100.0)


def test_second_order_in_space():
    time = np.linspace(200.0, 1400.0, 7)
    step = CHARGE | {"duration_s": 1500.0}
    volts = []
    for n in (1, 2, 4):
        points = {"points_cathode": 8 * n, "points_separator": 4 * n, "points_radial": 12 * n}
        volts.append(voltage(thick(step, **points, tolerance=1e-7), time))
    change = [np.abs(a - b).max() for a, b in itertools.pairwise(volts)]
    assert 1.8 < np.log2(change[0] / change[1]) < 2.6
    exact = volts[2] + (volts[2] - volts[1]) / 3
    assert np.abs(volts[2] - exact).max() < 5e-5
    assert np.abs(voltage(thick(step), time) - exact).max() < 2e-4  # the default grid


def test_error_in_time_follows_the_tolerance():
    time = np.linspace(200.0, 1400.0, 7)
    step = CHARGE | {"duration_s": 1500.0}
    coarse = {"points_cathode": 6, "points_separator": 3, "points_radial": 10}
    exact = voltage(thick(step, **coarse, tolerance=1e-9), time)
    error = [
        np.abs(voltage(thick(step, **coarse, tolerance=tolerance), time) - exact).max()
        for tolerance in (1e-4, 1e-6)
    ]
    assert error[0] < 1e-3 and error[1] < 2e-5
    assert error[1] < 0.1 * error[0]


@pytest.mark.parametrize("kind", ["current", "voltage"])
def test_jacobian_is_the_derivative_of_the_rates(kind):
    coarse = {"points_cathode": 4, "points_separator": 3, "points_radial": 5}
    config = config_from_table(thick(CHARGE | {"duration_s": 100.0}, **coarse))
    cell = cell_of(config)
    *_, last = steps(config, cell)
    u, z = last.u, last.z
    control = Control(kind, z[-1] if kind == "current" else z[-2])

    def rates(v):
        return cell.rates(v, cell.solve(v, control, z))

    numeric = np.stack([(rates(u + e) - rates(u - e)) / 2e-6 for e in 1e-6 * np.eye(len(u))], axis=1)
    exact = cell.jacobian(u, z, control).toarray()
    assert exact == pytest.approx(numeric, rel=1e-4, abs=1e-5 * np.abs(numeric).max())


def test_binary_with_unit_transference_is_a_single_ion_conductor(named_law):
    law = PolynomialElectrolyte(((0.1, 0.0),), ((1e-10, 0.0),), 1.0)
    named_law(ELECTROLYTE_LAWS, "constant", lambda: law)
    metal = float(lithium_exchange_binary(1000.0))
    table = {
        "materials": {
            "ecbd": {"ionic_conductivity_S_per_m": 0.1 * 0.75**1.5},
            "separator": {"ionic_conductivity_S_per_m": 0.1},
        },
        "kinetics": {"lithium_exchange_current_A_per_m2": metal},
        "protocol": {"steps": [CHARGE]},
    }
    time, volts = curve(table)
    again, same = curve(table | {"electrolyte": {"kind": "binary", "law": "constant"}})
    assert again[-1] == pytest.approx(time[-1], rel=1e-9)
    assert CubicSpline(again, same)(time[5:-5]) == pytest.approx(volts[5:-5], abs=1e-7)


def test_exchange_currents_follow_the_salt():
    assert exchange_scale([1000.0, 250.0], 1000.0) == pytest.approx([1.0, 0.5])
    assert lithium_exchange_binary(1000.0) == pytest.approx(70.6, rel=1e-3)
    assert lithium_exchange_binary(500.0) == pytest.approx(70.58 * 0.5**0.3, rel=1e-3)
    assert np.isfinite(exchange_scale(-1.0, 1000.0)) and exchange_scale(-1.0, 1000.0) > 0


def test_an_exhausted_particle_ends_the_run_and_keeps_what_was_computed(tmp_path):
    table = {"protocol": {"steps": [{"kind": "charge", "c_rate": 20.0, "duration_s": 3000.0}]}}
    with pytest.raises(SolveError, match="the surface of the particle is empty"):
        run_cell1d(config_from_table(table), tmp_path / "run")
    directory = RunDirectory.open(tmp_path / "run")
    history = directory.history()
    assert directory.info()["status"] == "failed"
    assert history["time_s"][-1] > 20.0 and history["stoich_min"].min() > -2e-4
    assert (tmp_path / "run" / "summary.png").exists()


def test_a_filled_surface_ends_the_run_instead_of_creeping(tmp_path):
    table = {
        "geometry": {"particles": [{"radius_um": 2.0}]},
        "protocol": {
            "current_1c_nA": 0.0427, "steps": [{"kind": "discharge", "c_rate": 1.0, "duration_s": 3600.0}]
        },
    }  # fmt: skip
    with pytest.raises(SolveError, match="the surface of the particle is full"):
        run_cell1d(config_from_table(table), tmp_path / "run")
    history = RunDirectory.open(tmp_path / "run").history()
    assert len(history["time_s"]) < 400
    assert history["dt_s"][1:].min() >= SHORTEST_STEP


def test_without_stress_it_does_not_matter_that_stress_shifts_the_voltage():
    shifted = config_from_table({"kinetics": {"mechanical_ocv": True}})
    one, other = cell_of(shifted), cell_of(config_from_table({}))
    assert one.particle.mechanical_ocv
    u, z = one.rest()
    np.testing.assert_array_equal(z, other.rest()[1])
    current = Control("current", 3.0)
    np.testing.assert_array_equal(one.solve(u, current, z), other.solve(u, current, z))


def test_command_runs_and_explains(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('[[protocol.steps]]\nkind = "charge"\nc_rate = 1.0\nduration_s = 60.0\n')
    out = tmp_path / "run"
    result = RUNNER.invoke(app, ["cell1d", str(file), "-o", str(out)])
    assert result.exit_code == 0, result.output
    assert "charge 1 ends at 60.0 s" in result.output
    assert {"config.toml", "run.json", "history.csv", "history.sum", "cycles.csv", "summary.png"} == {
        p.name for p in out.iterdir()
    }
    assert RUNNER.invoke(app, ["cell1d", str(file), "-o", str(out)]).exit_code == 2
    again = RUNNER.invoke(app, ["cell1d", str(file), "-o", str(out), "--force"])
    assert again.exit_code == 0
    bad = RUNNER.invoke(app, ["cell1d", str(file), "-o", str(out), "--set", "cell1d.points_radial=1"])
    assert bad.exit_code == 2 and "cell1d.points_radial = 1: must be" in bad.output
    failing = ["--set", 'protocol.steps=[{kind = "charge", c_rate = 50.0, duration_s = 600.0}]']
    failed = RUNNER.invoke(app, ["cell1d", str(file), "-o", str(out), "--force", *failing])
    assert failed.exit_code == 3 and "results up to there" in failed.output


@pytest.mark.parametrize(
    ("step", "start"),
    [(CHARGE, 0.95), (DISCHARGE, 0.2), (DISCHARGE | {"c_rate": 0.5}, 0.2)],
    ids=["charge", "discharge", "discharge C/2"],
)
def test_voltage_of_pybamm(step, start, monkeypatch):
    """A Doyle-Fuller-Newman half cell with the same laws and numbers, solved by PyBaMM."""
    monkeypatch.setenv("PYBAMM_DISABLE_TELEMETRY", "true")
    time, volts = curve(thick(step, start))
    their_time, their_volts = half_cell(config_from_table(thick(step, start)), 0.97 * time[-1])
    rows = their_time > 0.03 * time[-1]  # away from the ends
    miss = CubicSpline(time, volts)(their_time[rows]) - their_volts[rows]
    assert np.sqrt(np.mean(miss**2)) < 5e-4


@pytest.mark.parametrize(
    ("step", "rms"),
    [
        (CHARGE, 3e-4),
        (CHARGE | {"c_rate": 0.1}, 5e-5),
        (DISCHARGE | {"until_V": 3.5}, 3e-4),
        (DISCHARGE | {"c_rate": 0.1, "until_V": 3.5}, 5e-5),
    ],
    ids=["charge", "charge C/10", "discharge", "discharge C/10"],
)
def test_voltage_of_pybamm_with_nmc811(step, rms, monkeypatch):
    """The same with NMC811 of the library, from the first step to the cut-off.

    That of the discharge, 3.5 V, lies below the points of the OCV, at 3.552 V; what follows is how each
    program fills the surface up, which is the next test.
    """
    monkeypatch.setenv("PYBAMM_DISABLE_TELEMETRY", "true")
    table = nmc811(step)
    time, volts = curve(table)
    assert volts[-1] == pytest.approx(step["until_V"], abs=1e-6)
    their_time, their_volts = half_cell(config_from_table(table), time[-1])
    even = np.linspace(time[0], time[-1], 2000)
    miss = CubicSpline(time, volts)(even) - np.interp(even, their_time, their_volts)
    assert np.sqrt(np.mean(miss**2)) < rms


def test_capacity_of_pybamm_with_nmc811(monkeypatch):
    """A discharge ends at 3.0 V, where surfaces are full, after the same time."""
    monkeypatch.setenv("PYBAMM_DISABLE_TELEMETRY", "true")
    table = nmc811(DISCHARGE)
    time, volts = curve(table)
    their_time, their_volts = half_cell(config_from_table(table), time[-1])
    assert volts[-1] == pytest.approx(3.0, abs=1e-6)
    assert np.interp(-3.0, -their_volts, their_time) == pytest.approx(time[-1], rel=5e-4)


def nmc811(step):
    table = thick(step)
    start = {"charge": 0.9084, "discharge": 0.27}[step["kind"]]
    table["materials"] = {"active": {"material": "nmc811", "initial_stoichiometry": start}}
    table["protocol"] = {"window": [0.27, 0.9084], "steps": [step]}
    return table | {"solver": {"dt_initial_s": 1.0}}
