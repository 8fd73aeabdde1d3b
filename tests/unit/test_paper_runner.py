"""Runs of a study: kept, continued after an interruption, and reported when they fail."""

import signal
import subprocess
import sys
import time

from cells import tiny
from latticecell.output import RunDirectory
from latticecell.paper.cases import Case, Job
from latticecell.paper.runner import run_missing
from latticecell.reader import resolved_toml

SHORT = [{"kind": "charge", "c_rate": 2.0, "duration_s": 60.0}]
LONGER = [{"kind": "charge", "c_rate": 2.0, "duration_s": 300.0}]


def job(tmp_path, name="short", steps=SHORT, **sections):
    config = tiny(protocol={"steps": steps}, **sections)
    return Job(Case(name, ""), 7, config, tmp_path / name)


def test_finished_runs_are_kept_and_failures_are_told(tmp_path):
    good = job(tmp_path)
    hopeless = job(
        tmp_path, "hopeless",
        solver={"dt_initial_s": 20.0, "dt_min_s": 20.0, "mechanics_iterations": 1,
                "mechanics_tolerance": 1e-12},
    )  # fmt: skip
    said = []
    failed = run_missing([good, hopeless], 2, said.append)
    assert said[0] == "0 of 2 runs are there, 2 to do"
    assert [(outcome.job.case.name, outcome.code) for outcome in failed] == [("hopeless", 3)]
    assert "no equilibrium" in failed[0].message
    assert (good.status, hopeless.status != "done") == ("done", True)
    assert any("hopeless, seed 7: FAILED" in line for line in said)
    before = (good.path / "history.csv").stat().st_mtime_ns
    said.clear()
    assert run_missing([good], 1, said.append) == []
    assert said == ["1 of 1 runs are there, 0 to do"]
    assert (good.path / "history.csv").stat().st_mtime_ns == before


def test_an_interrupted_study_goes_on_where_it_stopped(tmp_path):
    whole, cut = job(tmp_path, "whole", LONGER), job(tmp_path, "cut", LONGER)
    assert run_missing([whole], 1, lambda line: None) == []
    (tmp_path / "cut.toml").write_text(resolved_toml(cut.config))
    code = (
        "import sys; from pathlib import Path; from latticecell import read_config;"
        "from latticecell.paper.cases import Case, Job; from latticecell.paper.runner import run_missing;"
        f"config = read_config({str(tmp_path / 'cut.toml')!r}); path = Path({str(cut.path)!r});"
        "job = Job(Case('cut', ''), 7, config, path);"
        "run_missing([job], 1, lambda line: print(line, flush=True))"
    )
    study = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    history = cut.path / "history.csv"
    begin = time.monotonic()
    while not (history.exists() and len(history.read_text().splitlines()) > 4):
        assert time.monotonic() - begin < 100
        time.sleep(0.05)
    study.send_signal(signal.SIGINT)
    out, _ = study.communicate(timeout=100)
    assert b"run the same command again" in out
    assert study.returncode != 0
    assert cut.status == "interrupted"
    rows = len(RunDirectory.open(cut.path).history()["time_s"])
    assert rows < len(RunDirectory.open(whole.path).history()["time_s"])
    assert run_missing([cut], 1, lambda line: None) == []
    assert cut.status == "done"
    assert history.read_bytes() == (whole.path / "history.csv").read_bytes()
