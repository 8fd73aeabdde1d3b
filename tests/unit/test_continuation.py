"""Runs that go on from the state of another one, and with more cycles than they had."""

import csv
import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

import latticecell as lc
from cells import SMALL
from latticecell import ConfigError, config_from_table, resolved_toml
from latticecell.cell1d.run import cell_of
from latticecell.checks import outlook, remarks
from latticecell.cli import app
from latticecell.output.plots import summary
from latticecell.protocol import one_c
from latticecell.run import Simulation, run
from latticecell.units import FARADAY

QUICK = {"dt_initial_s": 5.0, "dt_max_s": 40.0, "viscous_share_max": 1.0}
WHOLE = {"fields_every": 0, "stage_ends": True, "full_states": True}
FIRST, SECOND = "Charge at 3C for 60 s", "Discharge at 2C for 40 s"


def small(*steps, cycles=1, **keys):
    table = {**SMALL, "solver": QUICK, "protocol": {"steps": list(steps), "cycles": cycles}}
    return config_from_table({**table, **keys})


@pytest.fixture(autouse=True)
def unseen(monkeypatch):
    """No plots: they take longer than the runs."""
    monkeypatch.setattr("latticecell.output.plots.summary", lambda *_: None)
    assert summary is not None


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "old"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("latticecell.output.plots.summary", lambda *_: None)
        run(small(FIRST, SECOND, output=WHOLE), path)
    return path


def rows(path):
    with (path / "history.csv").open() as file:
        return list(csv.DictReader(file))


def without(row, *names):
    return {key: value for key, value in row.items() if key not in names}


WORK = ("cycle", "step", "repeats", "mechanics_newton", "mechanics_linear")


def test_going_on_is_as_if_there_had_been_no_end(old, tmp_path):
    """Bit for bit the rows of a run that had all steps from the start, but for their numbers."""
    run(small(FIRST, SECOND, "Rest for 20 s", "Charge at 1C for 30 s"), tmp_path / "whole")
    run(small("Rest for 20 s", "Charge at 1C for 30 s", continue_from=str(old)), tmp_path / "more")
    before, whole, more = (rows(path) for path in (old, tmp_path / "whole", tmp_path / "more"))
    assert whole[: len(before)] == before
    assert len(more) == len(whole) - len(before) + 1
    for one, other in zip(more[1:], whole[len(before) :], strict=True):
        assert without(one, "step") == without(other, "step")
    assert more[0]["time_s"] == before[-1]["time_s"] and more[0]["charge_C"] == before[-1]["charge_C"]
    assert [row["step"] for row in more[1:]] == ["1"] * more_steps(more, "rest") + ["2"] * more_steps(
        more, "charge"
    )


def more_steps(found, kind):
    return sum(row["kind"] == kind for row in found[1:])


def test_what_was_gone_on_from_is_recorded(old, tmp_path):
    run(small("Rest for 5 s", continue_from=str(old)), tmp_path / "one")
    run(small("Rest for 6 s", continue_from=str(tmp_path / "one")), tmp_path / "two")
    info = json.loads((tmp_path / "two" / "run.json").read_text())["continued_from"]
    assert info["path"] == str(tmp_path / "one") and info["at"] == "end" and info["snapshot"] is None
    assert info["time_s"] == pytest.approx(105.0, rel=1e-9) and len(info["sha256"]) == 64
    assert info["before"]["path"] == str(old) and info["before"]["before"] is None
    assert info["before"]["step"] == len(rows(old)) - 1


def test_charge_and_lithium_add_up_over_a_run_continued_twice(old, tmp_path):
    """Other protocols, solver and output; against the Li of the network itself."""
    one, two = tmp_path / "one", tmp_path / "two"
    power = {"kind": "charge", "power_nW": 0.3, "duration_s": 30.0}
    run(small(power, "Rest for 5 s", continue_from=str(old), output={"fields_every": 3}), one)
    steps = {"dt_initial_s": 3.0, "dt_max_s": 9.0}
    run(small("Hold for 20 s", SECOND, continue_from=str(one), solver=steps), two)
    start = rows(old)[0]
    last = rows(two)[-1]
    lithium, charge = float(last["lithium_mol"]), float(last["charge_C"])
    gained = lithium - float(start["lithium_mol"])
    assert abs(gained + charge / FARADAY) < 1e-10 * float(start["lithium_mol"])
    for path in (old, one, two):
        assert max(abs(float(row["lithium_balance"])) for row in rows(path)) < 1e-12
    unit = one_c(small(FIRST))
    assert float(rows(old)[-1]["charge_C"]) == pytest.approx(unit * (3 * 60 - 2 * 40), rel=1e-10)
    gained = float(rows(one)[-1]["electric_J"]) - float(rows(one)[0]["electric_J"])
    assert gained == pytest.approx(0.3e-9 * 30.0, rel=1e-10)
    held = [float(row["charge_C"]) for row in rows(two) if row["kind"] == "hold"][-1]
    assert charge - held == pytest.approx(-unit * 2 * 40, rel=1e-10)
    passed, time = 0.0, 0.0
    for path in (old, one, two):
        table = rows(path)
        assert float(table[0]["charge_C"]) == passed and float(table[0]["time_s"]) == time
        passed, time = float(table[-1]["charge_C"]), float(table[-1]["time_s"])


@pytest.mark.parametrize("at", ["snapshot 0", "charge_end", "charge_end of cycle 1", "60 s", "60"])
def test_any_whole_state_will_do(old, tmp_path, at):
    run(small("Rest for 3 s", continue_from=str(old), continue_at=at), tmp_path / "r")
    found = rows(tmp_path / "r")[0]
    assert float(found["time_s"]) == pytest.approx(60.0, rel=1e-9)
    (same,) = [row for row in rows(old) if row["time_s"] == found["time_s"]]
    for name in ("voltage_V", "charge_C", "lithium_mol", "elastic_J", "stoich_sd", "gap_max_nm"):
        assert same[name] == found[name]


def test_full_states_change_no_field_that_is_read(old, tmp_path):
    plain = run(small(FIRST, SECOND, output={**WHOLE, "full_states": False}), tmp_path / "plain")
    whole = lc.open_run(old)
    assert list(whole.fields) == list(plain.fields)
    assert np.array_equal(whole.snapshot("charge_end")["stress"], plain.snapshot("charge_end")["stress"])
    with pytest.raises(ConfigError, match="single precision") as error:
        small_from(tmp_path / "plain", "charge_end", tmp_path / "r")
    assert "output.full_states = true" in str(error.value) and "none is kept there" in str(error.value)


def small_from(path, at, out, **keys):
    return Simulation.start(small("Rest for 3 s", continue_from=str(path), continue_at=at, **keys), out)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("snapshot 7", "has 2 snapshots, the first is 0"),
        ("61 s", "holds no snapshot of that time; the nearest is at 60 s"),
        ("charge_end of cycle 3", "the run has no charge step in cycle 3 so far"),
        ("tomorrow", "must be last, charge_begin"),
    ],
)
def test_a_state_that_is_not_there_is_told(old, tmp_path, at, said):
    with pytest.raises(ConfigError, match=f"continue_at = '{at}': .*{said}"):
        small_from(old, at, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_another_cell_is_refused_with_all_that_differs(old, tmp_path):
    keys = {
        "network": {**SMALL["network"], "spacing_um": 1.2},
        "interface": {"viscosity_s": 5.0, "strength_MPa": 90.0},
        "kinetics": {"alpha_a": 0.4},
    }
    with pytest.raises(ConfigError) as error:
        small_from(old, "end", tmp_path / "r", **keys)
    (problem,) = error.value.problems
    for said in (
        "only protocol, solver, output, cell1d may differ",
        "network.spacing_um = 1.2 (1.3 there)", "interface.strength_MPa = 90.0 (100.0 there)",
        "kinetics.alpha_a = 0.4 (0.5 there)",
    ):  # fmt: skip
        assert said in problem
    particle = {"center_um": [3.0, 3.0, 3.0], "radius_um": 2.1}
    with pytest.raises(ConfigError, match=r"geometry.particles\[0\].radius_um = 2.1 \(2.0 there\)"):
        small_from(old, "end", tmp_path / "r", geometry={**SMALL["geometry"], "particles": [particle]})


def test_a_first_step_may_begin_anywhere():
    """The state is not known when the file is read, so that no voltage is on the wrong side of it."""
    step = "Discharge at 1C until 3.5 V"
    with pytest.raises(ConfigError, match="ends at once"):
        small(step)
    config = small(step, continue_from="runs/any")
    assert remarks(config) == [] and dict(outlook(config))["step 1"] == step


def test_what_is_no_run_to_go_on_from_is_told(old, tmp_path):
    with pytest.raises(ConfigError, match="is not the directory of a run"):
        small_from(tmp_path / "none", "end", tmp_path / "r")
    with pytest.raises(ConfigError, match="must be in another directory"):
        Simulation.start(small("Rest for 1 s", continue_from=str(old)), old, force=True)
    with pytest.raises(ConfigError, match="has no meaning in a 1-D cell"):
        cell_of(small("Rest for 1 s", continue_from=str(old)))
    with pytest.raises(ConfigError, match="give none"):
        network = lc.open_run(old).network
        Simulation.start(small("Rest for 1 s", continue_from=str(old)), tmp_path / "r", network)


def test_the_command_goes_on_and_resumes_without_the_run_before(old, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(old, "runs/old")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.toml").write_text(resolved_toml(small("Rest for 3 s", "Rest for 4 s")))
    (tmp_path / "in" / "b.toml").write_text('continue_from = "../runs/old"\nextends = "a.toml"\n')
    told = CliRunner().invoke(
        app, ["run", "in/a.toml", "--from", "runs/old", "--at", "charge_end", "-o", "one"]
    )
    assert told.exit_code == 0 and "going on from runs/old" in told.output, told.output
    assert float(rows(tmp_path / "one")[-1]["time_s"]) == pytest.approx(67.0, rel=1e-9)
    assert CliRunner().invoke(app, ["check", "in/b.toml"]).exit_code == 0
    simulation = Simulation.start(lc.read_config("in/b.toml"), "two")
    steps = simulation.advance()
    next(steps)
    steps.close()
    shutil.rmtree("runs/old")
    assert CliRunner().invoke(app, ["resume", "two"]).exit_code == 0
    assert float(rows(tmp_path / "two")[-1]["time_s"]) == pytest.approx(107.0, rel=1e-9)
    told = CliRunner().invoke(app, ["check", "in/b.toml"])
    assert told.exit_code == 2 and "is not the directory of a run" in told.output


@pytest.mark.parametrize("stop", [None, 4])
def test_more_cycles_are_as_if_they_had_been_there_from_the_start(tmp_path, stop):
    output = {"fields_every": 0, "stage_ends": True}
    steps = "Charge at 3C for 20 s", "Discharge at 3C for 10 s"
    run(small(*steps, cycles=2, output=output), tmp_path / "whole")
    simulation = Simulation.start(small(*steps, output=output), tmp_path / "r")
    advance = simulation.advance()
    for i, _ in enumerate(advance):
        if i == stop:
            break
    advance.close()
    simulation = Simulation.resume(tmp_path / "r", cycles=2)
    next(simulation.advance())  # closed, as if killed
    simulation.close()
    for _ in Simulation.resume(tmp_path / "r").advance():
        pass
    assert (tmp_path / "r/history.csv").read_bytes() == (tmp_path / "whole/history.csv").read_bytes()
    found = lc.open_run(tmp_path / "r")
    assert found.finished and found.config.protocol.cycles == 2 and len(found.snapshots) == 4
    with pytest.raises(ConfigError, match=r"cycles = 2: .* has 2; must be more"):
        Simulation.resume(tmp_path / "r", cycles=2)
    assert CliRunner().invoke(app, ["check", str(tmp_path / "r")]).exit_code == 0
