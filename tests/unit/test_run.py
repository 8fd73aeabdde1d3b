"""Runs of a tiny cell: balances, bit-for-bit resume, threads, failure, interruption."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import latticecell as lc
from cells import SMALL, TINY, tiny
from latticecell import ConfigError, SolveError, config_from_table, resolved_toml
from latticecell.cli import app
from latticecell.errors import InUseError
from latticecell.output.rundir import RunDirectory
from latticecell.run import Simulation, run, with_threads


def assert_same_files(one, other):
    """History, snapshots and network are the same bytes."""
    names = sorted(str(path.relative_to(other)) for path in other.glob("fields/*"))
    assert len(names) > 3
    assert sorted(str(path.relative_to(one)) for path in one.glob("fields/*")) == names
    for name in ("history.csv", "network.h5", *names):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tiny(), tmp_path_factory.mktemp("run") / "r")


def test_balances_hold_in_every_row(finished):
    history = finished.history
    assert finished.info["status"] == "done"
    assert np.abs(history["lithium_balance"]).max() < 1e-14
    assert np.abs(history["charge_balance"]).max() < 1e-8
    assert np.abs(history["energy_balance"]).max() < 1e-3
    assert np.abs(history["energy_balance"][10:]).max() < 5e-5
    assert history["equilibrium_residual"].max() <= 1e-4
    assert history["stoich_min"].min() >= 0 and history["stoich_max"].max() <= 1
    assert (np.diff(history["dissipated_J"]) >= 0).all()
    assert (np.diff(history["time_s"]) > 0).all()
    np.testing.assert_allclose(history["time_s"][-1], 460.0, rtol=1e-12)


def test_charge_passed_is_what_the_protocol_asks(finished):
    charge = finished.history["charge_C"][-1]
    assert charge == pytest.approx(2 * 0.6672e-9 * (300 - 120), rel=1e-9, abs=0)


def test_stages_follow_the_protocol(finished):
    history = finished.history
    kinds = history["kind"]
    assert list(dict.fromkeys(kinds)) == ["charge", "rest", "discharge"]
    assert (np.sign(history["current_A"][kinds == "discharge"]) == -1).all()
    assert np.abs(history["current_A"][kinds == "rest"]).max() < 1e-10 * 0.6672e-9
    assert history["stoich_mean"][kinds == "charge"][-1] < history["stoich_mean"][0] - 0.1


@pytest.mark.parametrize("stop_after", [1, 14])
def test_resume_equals_uninterrupted_bit_for_bit(finished, tmp_path, stop_after):
    simulation = Simulation.start(tiny(), tmp_path / "r")
    steps = simulation.advance()
    for _ in range(stop_after):
        next(steps)
    steps.close()
    assert RunDirectory.open(tmp_path / "r").info()["status"] == "interrupted"
    for _ in Simulation.resume(tmp_path / "r").advance():
        pass
    assert (tmp_path / "r/history.csv").read_bytes() == (finished.path / "history.csv").read_bytes()
    assert_same_files(tmp_path / "r", finished.path)


def test_one_thread_equals_two_bit_for_bit(finished, tmp_path):
    assert finished.info["threads"] == 1  # small as it is
    other = run(tiny(solver={"threads": 2}), tmp_path / "r")
    assert other.info["threads"] == 2
    assert_same_files(other.path, finished.path)


def test_one_thread_equals_three_bit_for_bit_while_grains_part(tmp_path):
    steps = [{"kind": "charge", "c_rate": 4.0, "duration_s": 200.0}]
    config = config_from_table({**SMALL, "protocol": {"steps": steps}, "output": {"fields_every": 3}})
    one = run(with_threads(config, 1), tmp_path / "one")
    three = run(with_threads(config, 3), tmp_path / "three")
    assert one.history["gb_damaged"][-1] > 0
    assert_same_files(three.path, one.path)


def kill_after_rows(command, out, rows):
    """Start a run and kill it when its history has more than so many lines."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        limit = time.monotonic() + 120
        while time.monotonic() < limit and process.poll() is None:
            if (out / "history.csv").exists() and (out / "history.csv").read_text().count("\n") > rows:
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.002)
        process.wait()
    assert process.returncode == -signal.SIGKILL


def test_killed_run_resumes_to_the_same_end(finished, tmp_path):
    file = tmp_path / "tiny.toml"
    file.write_text(resolved_toml(tiny()))
    out = tmp_path / "r"
    code = "import sys; from latticecell.cli import main; sys.argv = sys.argv[1:]; main()"
    command = [sys.executable, "-c", code, "latticecell"]
    kill_after_rows([*command, "run", str(file), "-o", str(out)], out, 5)
    subprocess.run([*command, "resume", str(out)], check=True, stdout=subprocess.DEVNULL)
    assert_same_files(out, finished.path)


def test_written_tractions_hold_every_grain_and_turn_with_the_normal(tmp_path):
    steps = [{"kind": "charge", "c_rate": 2.0, "duration_s": 60.0}]
    bonds = {"grain_boundary": {"mode": "breakable"}, "interface": {"strength_MPa": 8.0}}
    config = tiny(**bonds, protocol={"steps": steps})
    result = lc.run(config, tmp_path / "r")
    bonds = result.snapshot().bonds
    force = bonds.area_b[:, None] * bonds.traction_bc
    on_grain = np.zeros((result.network.n_grains + 1, 3))
    for side, sign in ((0, 1.0), (1, -1.0)):
        np.add.at(on_grain, bonds.grains_be[:, side], sign * force)
    size = np.zeros(result.network.n_grains + 1)
    np.add.at(size, bonds.grains_be.ravel(), np.repeat(np.linalg.norm(force, axis=1), 2))
    # nothing but bonds holds a grain; the equilibrium is solved to 1e-4 of the strengths
    assert (np.linalg.norm(on_grain[:-1], axis=1) < 1e-3 * size[:-1]).all()
    normal = np.einsum("bc,bc->b", bonds.traction_bc, bonds.normal_bc)
    gap, elastic = bonds.gap_b, (bonds.gap_b < 0) | (bonds.damage_b == 0)
    assert (gap < -1e-13).any() and (gap[elastic] > 1e-13).any() and (gap[~elastic] > 1e-11).any()
    for kind, options in ((0, config.grain_boundary), (1, config.interface)):
        own = elastic & (bonds.kind_b == kind)
        np.testing.assert_allclose(normal[own], options.stiffness * gap[own], rtol=1e-4, atol=1e3)
    softened = ~elastic & ~bonds.broken_b
    assert (normal[softened] > 0).all()
    assert (normal[softened] < config.interface.stiffness * gap[softened]).all()


def test_written_stress_is_one_tensor(finished):
    shot = finished.snapshot("charge_end")
    tensor = shot.tensor("stress")
    trace = np.trace(tensor, axis1=1, axis2=2)
    np.testing.assert_allclose(trace / 3, shot["hydrostatic"], atol=1e-6)
    deviator = tensor - (trace / 3)[:, None, None] * np.eye(3)
    np.testing.assert_allclose(np.sqrt(1.5 * (deviator**2).sum(axis=(1, 2))), shot["von_mises"], rtol=1e-4)
    strain = np.trace(shot.strain_tensor(), axis1=1, axis2=2)
    np.testing.assert_allclose(strain, shot["volumetric_strain"], atol=2e-6)
    assert "salt" not in finished.fields


C_AXIS = np.array([-0.82, 0.55, 0.17]) / np.linalg.norm([-0.82, 0.55, 0.17])
OWN = """
import sys
from dataclasses import replace
import numpy as np
sys.path.insert(0, sys.argv[2])
import latticecell as lc
import latticecell as lc
from cells import tiny
config = tiny()
micro = lc.build_microstructure(config)
rotation, c = micro.rotation_gcc.copy(), np.array([-0.82, 0.55, 0.17])
rotation[2] = np.linalg.qr(np.column_stack([c, [1.0, 0, 0], [0, 1.0, 0]]))[0][:, [1, 2, 0]]
rotation[2] *= np.sign(rotation[2][:, 2] @ c) * np.array([np.sign(np.linalg.det(rotation[2])), 1, 1])
network = lc.build_network(config, replace(micro, seed_gc=0.93 * micro.seed_gc, rotation_gcc=rotation))
lc.run(config, sys.argv[1], network)
"""


def test_a_network_built_in_python_is_run_killed_and_resumed_bit_for_bit(tmp_path):
    command = [sys.executable, "-c", OWN]
    tests = str(Path(__file__).parents[1])
    subprocess.run([*command, str(tmp_path / "whole"), tests], check=True)
    out = tmp_path / "killed"
    kill_after_rows([*command, str(out), tests], out, 7)
    for _ in Simulation.resume(out).advance():
        pass
    assert_same_files(out, tmp_path / "whole")
    run = lc.open_run(out)
    assert run.finished
    np.testing.assert_allclose(run.grains.c_axis_gc[2], C_AXIS, rtol=1e-12)
    drawn = lc.build_microstructure(tiny())
    assert np.abs(drawn.rotation_gcc[2] - run.network.rotation_gcc[2]).max() > 0.1
    np.testing.assert_array_equal(run.network.seed_gc, 0.93 * drawn.seed_gc)


def test_a_simulation_goes_on_after_it_was_stopped_unless_another_one_did(finished, tmp_path):
    simulation = Simulation.start(tiny(), tmp_path / "r")
    for _ in range(2):
        steps = simulation.advance()
        next(steps)
        assert simulation.directory.info()["status"] == "running"
        steps.close()
        assert simulation.directory.info()["status"] == "interrupted"
    other = Simulation.resume(tmp_path / "r").advance()
    next(other)
    with pytest.raises(InUseError, match="another run of this process"):
        next(simulation.advance())
    for _ in other:
        pass
    with pytest.raises(ConfigError, match="another process has gone on with it"):
        next(simulation.advance())
    assert simulation.directory.info()["status"] == "done"
    for name in ("history.csv", "fields.vtkhdf"):
        assert (tmp_path / "r" / name).read_bytes() == (finished.path / name).read_bytes()


def test_resume_builds_no_network(finished, tmp_path, monkeypatch):
    steps = (simulation := Simulation.start(tiny(), tmp_path / "r")).advance()
    next(steps)
    steps.close()
    monkeypatch.setattr(sys.modules["latticecell.run"], "network_of", None)
    again = Simulation.resume(tmp_path / "r")
    assert again.cursor == simulation.cursor
    network = again.stepper.network
    for name, array in simulation.stepper.network.arrays().items():
        np.testing.assert_array_equal(getattr(network, name), array)


def test_resume_refuses_strengths_that_are_drawn_differently(tmp_path, monkeypatch):
    config = tiny(interface={"weibull_modulus": 7.0})
    Simulation.start(config, tmp_path / "r")
    Simulation.resume(tmp_path / "r")
    draw = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda seed: draw([*np.atleast_1d(seed), 1]))
    with pytest.raises(ConfigError, match=f"come out differently.*resume with NumPy {np.__version__}"):
        Simulation.resume(tmp_path / "r")


def test_a_run_that_cannot_converge_says_where_and_leaves_results(tmp_path):
    config = tiny(solver={"coupling_iterations": 2, "coupling_tolerance_stoich": 1e-12, "dt_min_s": 1.0})
    with pytest.raises(SolveError, match=r"coupling at t = \d.*gave up at dt = 1 s.*residual") as caught:
        run(config, tmp_path / "r")
    assert caught.value.time is not None and caught.value.field == "coupling"
    directory = RunDirectory.open(tmp_path / "r")
    assert directory.info()["status"] == "failed"
    assert len(directory.history()["time_s"]) >= 1
    file = tmp_path / "f.toml"
    file.write_text(resolved_toml(config))
    result = CliRunner().invoke(app, ["run", str(file), "-o", str(tmp_path / "c")])
    assert result.exit_code == 3
    assert "gave up" in result.output and "Traceback" not in result.output


def test_new_file_is_the_default_and_runs_are_not_overwritten(tmp_path, finished):
    runner = CliRunner()
    file = tmp_path / "new.toml"
    assert runner.invoke(app, ["new", str(file)]).exit_code == 0
    assert runner.invoke(app, ["check", str(file)]).exit_code == 0
    again = runner.invoke(app, ["new", str(file)])
    assert again.exit_code == 2 and "exists already" in again.output
    with pytest.raises(ConfigError, match="holds a run already"):
        Simulation.start(tiny(), finished.path)
    complete = runner.invoke(app, ["resume", str(finished.path)])
    assert complete.exit_code == 0 and "is complete" in complete.output
    nothing = runner.invoke(app, ["resume", str(tmp_path)])
    assert nothing.exit_code == 2


def test_network_command_prints_a_table(tmp_path):
    file = tmp_path / "tiny.toml"
    file.write_text(resolved_toml(tiny()))
    result = CliRunner().invoke(app, ["network", str(file)])
    assert result.exit_code == 0
    for text in ("worst tet quality", "grain-boundary area [um2]", "particle volume [um3]", "time [s]"):
        assert text in result.output


def test_hold_keeps_the_voltage_until_the_current_has_fallen(tmp_path):
    steps = [
        {"kind": "charge", "c_rate": 2.0, "until_V": 3.7},
        {"kind": "hold", "until_c_rate": 0.5},
        {"kind": "discharge", "c_rate": 1.0, "until_V": 3.6},
    ]
    history = run(tiny(protocol={"steps": steps}), tmp_path / "r").history
    hold = history["kind"] == "hold"
    top = history["voltage_V"][history["kind"] == "charge"][-1]
    assert top == pytest.approx(3.7, abs=1e-4)
    np.testing.assert_allclose(history["voltage_V"][hold], top, atol=1e-12)
    assert (np.diff(history["current_A"][hold]) < 0).all()
    assert history["current_A"][hold][-1] == pytest.approx(0.5 * 0.6672e-9, rel=0.011, abs=0)
    assert history["voltage_V"][-1] == pytest.approx(3.6, abs=1e-4)


def test_info_is_json_with_provenance(finished):
    info = json.loads((finished.path / "run.json").read_text())
    assert info["seed"] == TINY["microstructure"]["seed"]
    assert info["versions"]["latticecell"] and info["wall_time_s"] > 0
    assert (finished.path / "summary.png").stat().st_size > 10_000


def test_info_tells_what_the_run_has_cost(finished, tmp_path):
    info, history = finished.info, finished.history
    assert {"network", "setup", "equilibrium setup", "equilibrium solve", "stress and bonds",
            "electrochemistry", "output"} == set(info["timings_s"])  # fmt: skip
    counted = sum(phase["wall"] for phase in info["timings_s"].values())
    assert 0.8 * info["wall_time_s"] < counted <= info["wall_time_s"]
    counts = info["counts"]
    assert counts["steps"] == len(history["time_s"]) - 1
    assert counts["rejected"] == history["rejected"].sum()
    assert counts["repeats"] >= history["repeats"].sum()
    for name in ("mechanics_linear", "electrochemistry_newton"):
        assert counts[name] >= history[name].sum() > 0
    parts = tiny(protocol={"steps": [{"kind": "rest", "duration_s": 10.0}]})
    once = run(parts, tmp_path / "once").info["counts"]
    steps = (started := Simulation.start(parts, tmp_path / "twice")).advance()
    next(steps)
    steps.close()
    assert sum(started.directory.info()["counts"].values()) < sum(once.values())
    for _ in Simulation.resume(tmp_path / "twice").advance():
        pass
    assert lc.open_run(tmp_path / "twice").info["counts"] == once


def test_a_stage_that_begins_beyond_its_cutoff_ends_at_once(tmp_path):
    rest = {"kind": "rest", "duration_s": 10.0}  # after which stress may have shifted the voltage
    steps = [rest, {"kind": "charge", "c_rate": 1.0, "until_V": 2.98}, rest]
    history = run(tiny(protocol={"steps": steps}), tmp_path / "r").history
    assert 0 < history["time_s"][history["kind"] == "charge"][-1] - 10.0 < 1e-4
    assert history["kind"][-1] == "rest"


def test_a_cutoff_that_is_missed_is_looked_for_with_shorter_steps_and_then_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("latticecell.stepper.ROOT_TRIALS", 0)
    steps = [{"kind": "charge", "c_rate": 1.0, "until_V": 3.27}]  # at 10 mV/s, too early to be foreseen
    solver = {"cutoff_tolerance_mV": 0.5, "dt_initial_s": 5.0}
    history = run(tiny(protocol={"steps": steps}, solver=solver), tmp_path / "free").history
    assert abs(history["voltage_V"][-1] - 3.27) <= 5e-4
    assert history["rejected"].max() >= 1
    stiff = tiny(protocol={"steps": steps}, solver=solver | {"dt_min_s": 5.0})
    with pytest.raises(SolveError, match="gave up at dt = 5 s: the cut-off is not met"):
        run(stiff, tmp_path / "stiff")


def test_resume_leaves_a_finished_run_and_ends_one_that_was_killed_at_its_end(tmp_path):
    steps = [{"kind": "rest", "duration_s": 10.0}]
    path = run(tiny(protocol={"steps": steps}), tmp_path / "r").path
    before = {
        file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.rglob("*") if file.is_file()
    }
    assert Simulation.resume(path).cursor.finished
    after = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.rglob("*") if file.is_file()}
    assert {f: v for f, v in after.items() if f.name != "history.csv"} == {
        f: v for f, v in before.items() if f.name != "history.csv"
    }
    assert after[path / "history.csv"][0] == before[path / "history.csv"][0]
    info = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**info, "status": "running"}))
    assert Simulation.resume(path).cursor.finished
    assert lc.open_run(path).status == "done"


def test_a_crystal_filled_beyond_its_sites_is_told_once(tmp_path):
    """Dilute drift piles Li up where there is least pressure."""
    file = tmp_path / "f.toml"
    table = {
        "materials": {"active": {"stress_diffusion": "dilute", "partial_molar_volume_m3_per_mol": 1e-5}},
        "kinetics": {"mechanical_ocv": False},
        "mechanics": {"pressure_MPa": 900.0},
        "grain_boundary": {"mode": "tied"},
        "interface": {"strength_MPa": 1e4, "fracture_energy_J_per_m2": 1e3},
        "protocol": {"current_1c_nA": 0.0427, "steps": [{"kind": "rest", "duration_s": 60.0}]},
        "solver": {"dt_max_s": 20.0},
    }
    file.write_text(resolved_toml(config_from_table(SMALL | table)))
    result = CliRunner().invoke(app, ["run", str(file), "-o", str(tmp_path / "r")])
    assert result.exit_code == 0, result.output
    highest = RunDirectory.open(tmp_path / "r").history()["stoich_max"]
    assert np.sum(highest > 1.0 + 1e-9) > 1, highest
    assert result.output.count("dilute drift knows no full crystal") == 1
