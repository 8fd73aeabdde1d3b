"""The command line as a user meets it."""

import importlib

import pytest
from typer.testing import CliRunner

import latticecell as lc
from latticecell.cli import app
from latticecell.config import Config
from latticecell.output.rundir import RunDirectory
from latticecell.reader import read_config

RUNNER = CliRunner()


def test_check_accepts_a_good_file(tmp_path):
    path = tmp_path / "good.toml"
    path.write_text('name = "trial"\n[interface]\nstrength_MPa = 173.3\n')
    result = RUNNER.invoke(app, ["check", str(path)])
    assert result.exit_code == 0
    assert "fine (trial)" in result.output


def test_check_lists_every_problem_and_exits_with_2(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("[interface]\nstrenght_MPa = 3\nfracture_energy_J_per_m2 = -1\n")
    result = RUNNER.invoke(app, ["check", str(path)])
    assert result.exit_code == 2
    assert "did you mean strength_MPa?" in result.output
    assert "fracture_energy_J_per_m2 = -1: must be a number in [1e-06, 10000] J/m2" in result.output
    assert "2 problems found" in result.output
    assert "Traceback" not in result.output


def test_check_show_prints_a_file_that_reads_back(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("")
    result = RUNNER.invoke(app, ["check", str(path), "--show", "--set", "interface.strength_MPa=200"])
    copy = tmp_path / "b.toml"
    copy.write_text(result.output)
    assert read_config(copy) == read_config(path, ["interface.strength_MPa=200"])


def test_version_is_told():
    result = RUNNER.invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"latticecell {lc.__version__}\n")


def test_run_without_a_file_says_which_there_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine.toml", "pyproject.toml"):
        (tmp_path / name).write_text("")
    result = RUNNER.invoke(app, ["run"])
    assert result.exit_code == 2
    assert result.stderr.startswith("run: needs a TOML file; here are mine.toml; 'latticecell new")


def test_a_finished_run_is_not_overwritten_and_no_network_is_built_first(tmp_path, monkeypatch):
    (tmp_path / "a.toml").write_text('name = "a"\n')
    out = tmp_path / "out"
    RunDirectory.create(out, Config(), None, threads=1).finish("done", "")
    monkeypatch.setattr(
        importlib.import_module("latticecell.run"), "network_of", lambda *_: pytest.fail("a network is built")
    )
    result = RUNNER.invoke(app, ["run", str(tmp_path / "a.toml"), "-o", str(out)])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "holds a run already; choose another directory, or overwrite with --force" in result.stderr
