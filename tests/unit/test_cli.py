"""The command line as a user meets it."""

from typer.testing import CliRunner

from latticecell.cli import app
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
