"""Under which versions a run was computed: recorded for each of its parts, compared when it goes on."""

import json
import platform

import pytest
from typer.testing import CliRunner

from cells import SMALL
from latticecell import ConfigError, config_from_table
from latticecell.cli import app
from latticecell.numerics import RESULTS_VERSION
from latticecell.output import info
from latticecell.output.rundir import RunDirectory
from latticecell.report.html import provenance_table
from latticecell.run import Simulation

STEPS = 2


@pytest.fixture
def begun(tmp_path):
    """A run that was stopped after a few steps."""
    steps = [{"kind": "charge", "c_rate": 2.0, "duration_s": 30.0}]
    protocol = {"current_1c_nA": 0.0427, "steps": steps}
    config = config_from_table(SMALL | {"protocol": protocol, "solver": {"dt_initial_s": 5.0}})
    advanced = Simulation.start(config, tmp_path / "r", command="first").advance()
    for _ in range(STEPS):
        next(advanced)
    advanced.close()
    return tmp_path / "r"


@pytest.fixture
def now_with(monkeypatch):
    """Pretend that other versions are installed: ``now_with(numpy="3.1.4", results=5)``."""
    installed = info.version

    def pretend(results=RESULTS_VERSION, **versions):
        monkeypatch.setattr(info, "RESULTS_VERSION", results)
        monkeypatch.setattr(info, "version", lambda name: versions.get(name) or installed(name))

    return pretend


def contents(path):
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def sessions(path):
    return RunDirectory.open(path).info()["sessions"]


def go_on(path, *options):
    return CliRunner().invoke(app, ["resume", str(path), *options])


OTHERS = [
    ({"latticecell": "7.0.1"}, "latticecell 7.0.1"),
    ({"numpy": "3.1.4", "pyamg": "6.0"}, "numpy 3.1.4, pyamg 6.0"),
    ({"results": RESULTS_VERSION + 1}, f"numerics of version {RESULTS_VERSION + 1}"),
    (
        {"scipy": "2.9", "results": RESULTS_VERSION + 2},
        f"scipy 2.9, numerics of version {RESULTS_VERSION + 2}",
    ),
]


@pytest.mark.parametrize(("others", "told"), OTHERS)
def test_another_version_is_said_and_recorded_and_refused_on_request(begun, now_with, others, told):
    (first,) = sessions(begun)
    names = [name for name in ("latticecell", "numpy", "scipy", "pyamg") if name in others]
    before = [f"{name} {first['versions'][name]}" for name in names]
    before += [f"numerics of version {RESULTS_VERSION}"] * ("results" in others)
    sentence = f"{begun}: was computed with {', '.join(before)} so far, and now with {told}"
    now_with(**others)

    kept = contents(begun)
    refused = go_on(begun, "--same-version")
    assert refused.exit_code == 2
    assert refused.stderr == f"{sentence}; not gone on with, as --same-version asks\n"
    assert contents(begun) == kept

    done = go_on(begun)
    assert done.exit_code == 0
    assert f"warning: {sentence}\n" in done.stderr
    one, two = sessions(begun)
    assert one == first and (one["step"], two["step"]) == (0, STEPS)
    assert one["command"] == "first" and two["threads"] == 1
    assert two["results"] == others.get("results", RESULTS_VERSION)
    assert {name: two["versions"][name] for name in names} == {name: others[name] for name in names}
    page = provenance_table(RunDirectory.open(begun).info())
    assert f"from step {STEPS} on" in page and f"numerics {two['results']}" in page


def test_under_the_same_versions_nothing_is_said(begun):
    done = go_on(begun, "--same-version")
    assert done.exit_code == 0 and "was computed with" not in done.stderr
    one, two = sessions(begun)
    assert one["versions"] == two["versions"] and one["results"] == two["results"] == RESULTS_VERSION
    assert one["versions"]["python"] == platform.python_version()


def test_what_cannot_change_a_number_is_recorded_only(begun, now_with):
    now_with(h5py="9.9")
    assert "was computed with" not in go_on(begun, "--same-version").stderr
    assert [part["versions"]["h5py"] == "9.9" for part in sessions(begun)] == [False, True]


def test_versions_are_compared_with_those_of_the_last_part(begun, now_with):
    """Who has accepted a version is not asked again, and is when the first one returns."""
    now_with(numpy="3.1.4")
    with Simulation.resume(begun) as simulation:
        assert len(simulation.notes) == 1
    with Simulation.resume(begun, same_version=True) as simulation:
        assert not simulation.notes
    now_with()
    with pytest.raises(ConfigError, match=r"numpy 3\.1\.4 so far, and now with numpy"):
        Simulation.resume(begun, same_version=True)
    assert [part["step"] for part in sessions(begun)] == [0, STEPS, STEPS]


def test_newer_numerics_are_not_gone_on_with(begun, now_with):
    now_with(results=RESULTS_VERSION - 1)
    kept = contents(begun)
    refused = go_on(begun)
    assert refused.exit_code == 2 and contents(begun) == kept
    assert refused.stderr == (
        f"{begun}: was computed with numerics of version {RESULTS_VERSION}, newer than this one's "
        f"{RESULTS_VERSION - 1}; update latticecell\n"
    )


def test_a_finished_run_is_complete_under_any_version(begun, now_with):
    assert go_on(begun).exit_code == 0
    parts = sessions(begun)
    kept = json.loads((begun / "run.json").read_text())
    now_with(latticecell="7.0.1")
    done = go_on(begun)
    assert done.exit_code == 0 and done.output == f"{begun}: is complete\n"
    assert json.loads((begun / "run.json").read_text()) == kept and sessions(begun) == parts
