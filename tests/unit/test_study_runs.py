"""Runs of a study: the same table from every engine, kept, shared, gone on with, and told when they fail."""

import csv
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import dask
import psutil
import pytest

import latticecell as lc
from latticecell import config_from_table, resolved_toml
from latticecell.output import RunDirectory
from latticecell.study.jobs import Job, run_case
from latticecell.study.plan import plan
from latticecell.study.spec import read_study
from latticecell.study.study import CSV, ESTIMATES, PAGE, PARQUET
from pausing import below, paused, start_pausing, wait_for
from studies import SMALL, study_table

LONG = {
    "protocol": {"current_1c_nA": 0.0427, "steps": [{"kind": "charge", "c_rate": 2.0, "duration_s": 300.0}]},
    "solver": {"dt_initial_s": 3.0, "dt_max_s": 8.0},
    "output": {"fields_every": 100, "checkpoint_every": 3},
}
ENDLESS = {"protocol": {"steps": [{"kind": "rest", "duration_s": 1e6}]}}
HOPELESS = {
    "solver": {
        "dt_initial_s": 20.0,
        "dt_min_s": 20.0,
        "electrochemistry_iterations": 1,
        "electrochemistry_tolerance": 1e-12,
    }
}


def grid(strengths=(30, 210), rates=(2.6,), seeds=(3, 5)):
    axes = [
        {"key": "interface.strength_MPa", "values": list(strengths)},
        {"keys": [f"protocol.steps[{i}].c_rate" for i in (0, 1)], "values": [[rate, rate] for rate in rates]},
    ]
    return {"axes": axes, "seeds": list(seeds)}


def study(tmp_path, out, table, **options):
    spec = lc.study_from_table(study_table(tmp_path, **table), tmp_path)
    return lc.study(spec, out=tmp_path / out, **options)


def bytes_of(result):
    return [(result.path / name).read_bytes() for name in (CSV, PARQUET)]


def disturb(out, engine):
    """Kill a worker of this process once there are some rows; submitit's is told that its time is over."""
    word, number = {"submitit-local": ("_submit", signal.SIGUSR2)}.get(engine, ("spawn_main", signal.SIGKILL))

    def wait():
        wait_for(lambda: rows_written(out) >= 4)
        for worker in below(os.getpid(), word)[-1:]:
            with suppress(psutil.NoSuchProcess):  # so fast that all is done
                worker.send_signal(number)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def rows_written(path):
    files = path.glob("runs/*/history.csv")
    return sum(len(file.read_bytes().splitlines()) for file in files)


def test_every_engine_gives_the_same_table(tmp_path):
    compare_engines(tmp_path, grid(seeds=(3,)))


@pytest.mark.slow
def test_every_engine_gives_the_same_table_of_24_cases(tmp_path):
    result = compare_engines(tmp_path, grid((30, 70, 210), (1.3, 2.6), (3, 5, 7, 8)))
    assert len(result.columns["case"]) == 24


def compare_engines(tmp_path, table):
    """Run a study on each engine, undisturbed on the pool and with a worker lost on all of them."""
    found = [study(tmp_path, "calm", table, jobs=2)]
    assert set(found[0].columns["status"]) == {"done"}
    for engine in ("local", "dask", "submitit-local"):
        thread = disturb(tmp_path / engine, engine)
        found.append(study(tmp_path, engine, table, executor=engine, jobs=2))
        thread.join()
        assert bytes_of(found[-1]) == bytes_of(found[0])
    return found[0]


def test_table_runs_and_page(tmp_path):
    table = grid((30, 210), (1.3, 2.6), (3,)) | {
        "cases": [{"name": "1d", "kind": "cell1d"}],
        "about": "Two & two.",
    }
    said = []
    result = study(tmp_path, "out", table, jobs=2, say=said.append)
    columns = result.columns
    assert columns["interface.strength_MPa"] == [
        30.0,
        30.0,
        210.0,
        210.0,
        100.0,
    ]  # of the 1-D cell: its input's
    assert columns["protocol.steps[1].c_rate"] == [1.3, 2.6, 1.3, 2.6, 2.0]
    with (result.path / CSV).open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["time_s"]) for row in rows] == pytest.approx([180.0] * 5)
    run = result.runs["strength_MPa=30 c_rate=2.6"][3]
    end = run.stages[0].last
    assert columns["charge_end_gap_mean_nm"][1] == run.history["gap_mean_nm"][end]
    assert columns["charge_capacity_nAh"][1] == pytest.approx(1e9 / 3600 * run.history["charge_C"][end])
    assert columns["discharge_time_s"][1] == pytest.approx(60.0)
    assert columns["charge_end_gap_mean_nm"][4] is None
    page = (result.path / PAGE).read_text()
    assert "Two &amp; two." in page
    assert "Against interface.strength (MPa)" in page
    assert page.count("data:image/png") == 2
    assert not list(result.path.glob("stop-*"))

    before = {path: path.stat().st_mtime_ns for path in result.path.glob("runs/*/history.csv")}
    said.clear()
    again = study(tmp_path, "out", table, say=said.append)
    assert said[0] == "5 of 5 runs are there, 0 to do"
    assert again.columns == columns
    assert before == {path: path.stat().st_mtime_ns for path in result.path.glob("runs/*/history.csv")}


RESOLUTIONS = {
    "variants": {
        "coarse": {"network.spacing_um": 0.95},
        "fine": {"network.spacing_um": 0.8},
        "long": {"solver.dt_max_s": 20.0, "solver.dt_initial_s": 10.0},
        "short": {"solver.dt_max_s": 8.0, "solver.dt_initial_s": 4.0},
    },
    "default_variant": "coarse",
    "convergence": {"networks": ["coarse", "fine"], "steps": ["long", "short"]},
}


def test_networks_and_steps_give_error_bars(tmp_path):
    table = RESOLUTIONS | {"cases": [{"name": "a"}, {"name": "own", "variant": "coarse"}], "seeds": [3, 5]}
    result = study(tmp_path, "out", table)
    columns = result.columns
    assert columns["level"] == ["coarse"] * 2 + ["fine"] * 2 + ["coarse short"] * 2 + [None] * 2
    assert set(columns["status"]) == {"done"}
    assert result.runs["a"][3].info["network"]["sites"] == columns["sites"][2] > columns["sites"][0]
    name = "charge_end_gap_mean_nm"
    of = dict(zip(zip(columns["level"], columns["seed"], strict=True), columns[name], strict=True))
    rows = list(csv.DictReader((result.path / ESTIMATES).read_text().splitlines()))
    found, own = rows[0], rows[1]
    fine = (of["fine", 3] + of["fine", 5]) / 2
    assert float(found[name]) == pytest.approx(fine, rel=1e-12)  # two networks are not extrapolated
    steps = dict(zip(zip(columns["level"], columns["seed"], strict=True), columns["steps"], strict=True))
    network, step = [], []
    for seed in (3, 5):
        sites = [columns["sites"][i] for i in (0 if seed == 3 else 1, 2 if seed == 3 else 3)]
        ratio = (sites[1] / sites[0]) ** (1 / 3)
        network.append(1.25 * abs(of["fine", seed] - of["coarse", seed]) / (ratio - 1))
        share = steps["coarse", seed] / steps["coarse short", seed]
        step.append(1.25 * abs(of["coarse", seed] - of["coarse short", seed]) / (1 - share))
    assert float(found[f"{name}_network_error"]) == pytest.approx(sum(network) / 2, rel=1e-9)
    assert float(found[f"{name}_step_error"]) == pytest.approx(sum(step) / 2, rel=1e-9)
    assert float(found[f"{name}_error"]) == result.estimates["a"][name].error > 0
    assert own["seeds"] == "2" and own[f"{name}_network_error"] == "" and own[f"{name}_seed_interval"]
    page = (result.path / PAGE).read_text(encoding="utf-8")
    assert "Estimates" in page and "level coarse short" in page and "±" in page
    one = study(tmp_path, "out", table, variant="coarse", report_only=True)  # a level alone
    assert "level" not in one.columns and one.columns["case"] == ["a", "a", "own", "own"]


def test_failures_are_told_and_in_nobodys_way(tmp_path):
    table = {"cases": [{"name": "hopeless", "set": HOPELESS}, {"name": "fine"}], "seeds": [3]}
    said = []
    result = study(tmp_path, "out", table, jobs=1, say=said.append)
    assert result.columns["status"] == ["failed", "done"]
    assert [(case, seed) for case, seed, _ in result.failed] == [("hopeless", 3)]
    assert "did not converge" in result.failed[0][2]
    assert any("hopeless, seed 3: FAILED" in line for line in said)
    assert "did not converge" in (result.path / PAGE).read_text()
    assert result.columns["time_s"][0] is None
    told = study(tmp_path, "out", table, report_only=True)
    assert told.columns == result.columns


def long_study(tmp_path, seeds, more=()):
    """File of a study whose runs take some seconds, or longer."""
    (tmp_path / "long.toml").write_text(resolved_toml(config_from_table(SMALL | LONG | dict(more))))
    (tmp_path / "study.toml").write_text(f'base = "long.toml"\nseeds = {seeds}\n')
    return tmp_path / "study.toml"


def started(file, out, rows):
    """Process of the command line in a group of its own, and its worker, paused at a row."""
    arguments = ["study", file, "-o", out, "--jobs", "1"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = start_pausing(rows, *arguments, **streams, start_new_session=True)
    (worker,) = paused(process)
    return process, worker


def run_statuses(out):
    return [RunDirectory.open(path.parent).info()["status"] for path in out.glob("runs/*/run.json")]


def test_an_interrupted_study_goes_on_where_it_stopped(tmp_path):
    file = long_study(tmp_path, [3, 5])
    process, worker = started(file, tmp_path / "cut", 5)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    wait_for(lambda: list((tmp_path / "cut").glob("stop-*")))
    worker.resume()
    out, _ = process.communicate(timeout=300)
    assert b"stopping all runs after their step" in out
    assert process.returncode == 130
    assert run_statuses(tmp_path / "cut") == ["interrupted"]
    cut = lc.study(file, jobs=1, out=tmp_path / "cut")
    whole = lc.study(file, jobs=1, out=tmp_path / "whole")
    assert bytes_of(cut) == bytes_of(whole)
    for one, other in zip(cut.planned, whole.planned, strict=True):
        assert (one.path / "history.csv").read_bytes() == (other.path / "history.csv").read_bytes()


def test_a_study_that_is_terminated_says_so(tmp_path):
    out = tmp_path / "out"
    process, worker = started(long_study(tmp_path, [3], ENDLESS), out, 3)
    process.terminate()
    wait_for(lambda: list(out.glob("stop-*")))
    worker.resume()
    process.communicate(timeout=300)
    assert process.returncode == 143
    assert run_statuses(out) == ["interrupted"]
    assert not list(out.glob("stop-*"))


def test_workers_stop_when_the_study_is_killed(tmp_path):
    out = tmp_path / "out"
    process, worker = started(long_study(tmp_path, [3], ENDLESS), out, 3)
    process.kill()
    process.wait()  # not for its output, which the paused worker holds open
    worker.resume()
    wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    process.communicate()
    assert run_statuses(out) == ["interrupted"]


def test_an_unknown_engine_is_refused(tmp_path):
    with pytest.raises(
        lc.ConfigError, match=r"--executor = 'dsak': must be one of local, dask.*did you mean dask"
    ):
        study(tmp_path, "out", grid(), executor="dsak")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(lc.ConfigError, match="no scheduler there"),
    ):
        study(tmp_path, "out", grid(), executor="dask:tcp://127.0.0.1:1")


def test_the_example_of_the_documentation(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "studies.md").read_text()
    examples = re.findall(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL)
    (tmp_path / "quickstart.toml").write_text(resolved_toml(config_from_table(SMALL)))
    for name, content in examples:
        (tmp_path / name).write_text(content)
    command = [sys.executable, "sweep.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert [name for name, _ in examples] == ["study.toml", "converged.toml", "sweep.py"]
    levels = [run.level for run in plan(read_study(tmp_path / "converged.toml"), tmp_path / "out")]
    assert levels == ["coarse", "medium", "medium", "medium", "fine", "coarse short"]
    assert len(done.stdout.splitlines()) == 3
    assert (tmp_path / "runs" / "strength_and_rate" / PAGE).exists()


@pytest.mark.parametrize(("asked", "taken"), [({}, 1), ({"threads": 2}, 2)])
def test_a_run_of_a_study_takes_one_thread_unless_told(tmp_path, monkeypatch, asked, taken):
    monkeypatch.setattr("latticecell.threads.processors", lambda: 3)
    monkeypatch.setattr("latticecell.threads.NODES_A_THREAD", 1)
    protocol = {"steps": [{"kind": "rest", "duration_s": 5.0}]}
    config = config_from_table({**SMALL, "protocol": protocol, "solver": asked})
    path = tmp_path / "r"
    assert run_case(Job("a", str(path), config, "3d", 1.0, str(tmp_path / "stop"))).status == "done"
    assert lc.open_run(path).info["threads"] == taken
    assert lc.run(config, tmp_path / "alone").info["threads"] == asked.get("threads", 3)
