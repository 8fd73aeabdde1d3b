"""Laws of the user's in a run: recorded, asked for to go on, and by nobody who only looks at it."""

import hashlib
import re

import pytest
from typer.testing import CliRunner

from latticecell import ConfigError, Run, config_from_table, open_run, read_config
from latticecell.cli import app
from latticecell.laws import OCV_LAWS
from latticecell.materials import named_laws
from latticecell.output.rundir import RunDirectory
from latticecell.registry import compare
from latticecell.run import Simulation

LAW = """
import numpy as np
from latticecell.laws import OCV_LAWS

class Line:
    def voltage(self, x): return 4.31 - 0.83 * np.asarray(x)
    def slope(self, x): return np.full(np.shape(x), -0.83)

OCV_LAWS.register("line", Line)
"""
INPUT = """
name = "own"
[microstructure]
grains = 5
[network]
spacing_um = 1.7
spacing_max_um = 5.0
growth = 0.8
[materials.active]
ocv = "line"
[output]
checkpoint_every = 1
[[protocol.steps]]
kind = "charge"
c_rate = 1.0
duration_s = 12.0
"""


def invoke(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def forget():
    for name in OCV_LAWS.registered():
        OCV_LAWS.remove(name)


@pytest.fixture
def place(tmp_path):
    (tmp_path / "own.py").write_text(LAW)
    (tmp_path / "own.toml").write_text(INPUT)
    yield tmp_path
    forget()


def test_check_needs_the_file_that_registers(place):
    refused = invoke("check", place / "own.toml")
    assert refused.exit_code == 2
    assert "ocv = 'line': must be one of nmc111_zheng2013" in refused.output
    accepted = invoke("check", place / "own.toml", "--laws", place / "own.py")
    assert accepted.exit_code == 0
    assert invoke("check", place / "own.toml", "--laws", place / "none.py").exit_code == 2


def test_cell1d_runs_with_a_law_of_the_users(place):
    result = invoke("cell1d", place / "own.toml", "--laws", place / "own.py", "-o", place / "r")
    assert result.exit_code == 0, result.output
    start = RunDirectory.open(place / "r").history()["voltage_V"][0]
    assert start == pytest.approx(4.31 - 0.83 * 0.9703, abs=1e-9)


def test_a_run_remembers_where_its_law_came_from(place):
    path = place / "r"
    assert invoke("check", place / "own.toml", "--laws", place / "own.py").exit_code == 0
    simulation = Simulation.start(read_config(place / "own.toml"), path)
    next(steps := simulation.advance())
    steps.close()
    digest = hashlib.sha256(LAW.encode()).hexdigest()
    entry = {"file": "own.py", "sha256": digest, "names": ["materials.active.ocv = line"]}
    assert RunDirectory.open(path).info()["laws"] == [entry]
    forget()

    # to look at it needs no law
    run = open_run(path)
    assert isinstance(run, Run)
    assert run.config.materials.active.ocv == "line"
    assert run.history["voltage_V"][0] == pytest.approx(4.31 - 0.83 * 0.9703, abs=1e-9)
    assert invoke("report", path).exit_code == 0

    # to go on needs it
    refused = invoke("resume", path)
    assert refused.exit_code == 2
    assert re.search(
        f"ocv = 'line': came from own.py .sha256 {digest}.; give that with --laws", refused.output
    )
    with pytest.raises(ConfigError, match="came from own"):
        Simulation.resume(path)

    # another file that knows the name will do, but it is said and recorded
    (place / "other.py").write_text(LAW.replace("4.31", "4.32"))
    resumed = invoke("resume", path, "--laws", place / "other.py")
    assert resumed.exit_code == 0, resumed.output
    assert "warning: materials.active.ocv = 'line': comes from other.py" in resumed.output
    assert f"the run began with own.py (sha256 {digest})" in resumed.output
    recorded = RunDirectory.open(path).info()["laws"]
    assert [source["file"] for source in recorded] == ["own.py", "other.py"]
    assert recorded[0] == entry


def test_the_same_file_goes_on_without_a_word(place):
    path = place / "r"
    assert invoke("check", place / "own.toml", "--laws", place / "own.py").exit_code == 0
    Simulation.start(read_config(place / "own.toml"), path)
    forget()
    resumed = invoke("resume", path, "--laws", place / "own.py")
    assert resumed.exit_code == 0, resumed.output
    assert "warning" not in resumed.output
    assert len(RunDirectory.open(path).info()["laws"]) == 1


def test_every_law_that_is_gone_is_named_with_its_source():
    gone = {
        "materials": {"active": {"ocv": "mine_u", "volume_change": "mine_v"}},
        "electrolyte": {"law": "mine_e"},
        "interface": {"law": "mine_b"},
        "grain_boundary": {"law": "mine_b"},
        "solver": {"equilibrium": "mine_s"},
    }
    with pytest.raises(ConfigError) as refused:
        config_from_table(gone)
    assert len(refused.value.problems) == 6
    needed = named_laws(config_from_table(gone, laws=False))
    assert [name for _, name in needed] == ["mine_u", "mine_v", "mine_e", "mine_b", "mine_b", "mine_s"]
    names = [f"{registry.key} = {name}" for registry, name in needed]
    record = [{"entry_point": "mine", "distribution": "minelib", "version": "0.3", "names": names}]
    with pytest.raises(ConfigError) as refused:
        compare(needed, record)
    assert len(refused.value.problems) == 6
    assert all("came from mine of minelib 0.3; give that with --laws" in p for p in refused.value.problems)
    with pytest.raises(ConfigError, match="'mine_u': must be one of"):
        compare(needed, [])  # a record that knows nothing
