"""The commented examples of ``latticecell new --template``: valid as they are, and run on a tiny network."""

from pathlib import Path

import numpy as np
import pytest
import tomli
from typer.testing import CliRunner

from cells import SMALL
from latticecell.cli import app
from latticecell.config import Config
from latticecell.protocol import number_of_stages, stages
from latticecell.reader import read_config
from latticecell.run import run
from latticecell.template import template_files, template_names
from latticecell.units import FARADAY

TINY = {
    "geometry": SMALL["geometry"], "microstructure.grains": 3, "network": SMALL["network"],
}  # fmt: skip
"""What makes an example with one particle tiny."""
FEW = {"network.spacing_um": 1.2, "network.spacing_max_um": 3.0}
"""What makes one with particles from voxels tiny."""
SHORT = {
    "labels": {"protocol.steps": ["Charge at 1C for 60 s", "Discharge at 1C for 40 s"]},
    "gitt": {"protocol.steps[0].count": 2, "protocol.steps[1].count": 1},
    "drive-cycle": {"protocol.steps[0].duration_s": 60.0, "protocol.steps[2].duration_s": 40.0},
    "nmc811": {"protocol.steps[0].duration_s": 300.0},
    "cracking": {"protocol.steps[0].duration_s": 900.0},
    "two-particles": {
        "geometry": {
            "width_um": 6.0, "cathode_um": 11.0, "separator_um": 2.0,
            "particles": [
                {"center_um": [3.0, 3.0, 2.5], "radius_um": 2.0, "grains": 3},
                {"center_um": [3.0, 3.0, 8.0], "radius_um": 2.2},
            ],
        },
        "protocol.steps[0].duration_s": 300.0,
    },
}  # fmt: skip
"""What makes each of them short as well."""


@pytest.fixture(autouse=True)
def unseen(monkeypatch):
    """No plots: they take longer than the runs."""
    monkeypatch.setattr("latticecell.output.plots.summary", lambda *_: None)


def written(name, tmp_path):
    file = tmp_path / "my.toml"
    told = CliRunner().invoke(app, ["new", str(file), "--template", name])
    assert told.exit_code == 0, told.output
    assert set(template_files(name)) - {"run.toml"} <= {path.name for path in tmp_path.iterdir()}
    return file


def test_there_are_examples_and_an_unknown_one_is_told_them(tmp_path):
    assert {"gitt", "drive-cycle"} <= set(template_names())
    told = CliRunner().invoke(app, ["new", str(tmp_path / "a.toml"), "--template", "git"])
    assert told.exit_code == 2
    assert "template 'git': must be one of" in told.output and "gitt" in told.output


def test_nothing_is_overwritten_unless_forced(tmp_path):
    (tmp_path / "drive_cycle.csv").write_text("mine")
    command = ["new", str(tmp_path / "a.toml"), "--template", "drive-cycle"]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 2 and "drive_cycle.csv: exists already" in told.output
    assert not (tmp_path / "a.toml").exists()
    assert CliRunner().invoke(app, [*command, "--force"]).exit_code == 0


@pytest.mark.parametrize("page", ["README.md", "docs/bring-your-own.md"])
def test_every_example_is_told_of(page):
    text = (Path(__file__).parents[2] / page).read_text()
    paragraph = next(
        part for part in text.split("\n\n") if "--template" in part and "gitt" in part and "nmc811" in part
    )
    assert [name for name in template_names() if name not in paragraph] == []


@pytest.mark.parametrize("name", template_names())
def test_an_example_is_fine_as_it_is_and_commented(tmp_path, name):
    file = written(name, tmp_path)
    told = CliRunner().invoke(app, ["check", str(file)])
    assert told.exit_code == 0 and "warning" not in told.output, told.output
    text = file.read_text()
    assert text.startswith("# ") and text.count("#") >= 8
    assert max(map(len, text.splitlines())) <= 118
    assert tomli.loads(text)["name"] == name and read_config(file) != Config()


@pytest.mark.parametrize("name", template_names())
def test_an_example_runs_on_a_tiny_network(tmp_path, name):
    config = read_config(written(name, tmp_path), (FEW if name == "labels" else TINY) | SHORT[name])
    found = run(config, tmp_path / "r")
    assert found.finished and len(found.stages) == number_of_stages(config.protocol)
    adds_up(found)


def adds_up(found):
    """Charge and Li, which is counted on the network, to 1e-10 of all Li in every row."""
    history = found.history
    network, c_max = found.network, found.config.materials.active.c_max
    lithium = history["lithium_mol"]
    active = float(network.volume_n[network.is_active_n].sum())
    assert lithium[0] == pytest.approx(active * c_max * history["stoich_mean"][0], rel=1e-12)
    passed = history["charge_C"] / FARADAY
    assert np.abs(lithium - lithium[0] + passed).max() < 1e-10 * lithium[0]


def test_grain_boundaries_of_the_example_of_cracks_break(tmp_path):
    config = read_config(written("cracking", tmp_path), {**TINY, **SHORT["cracking"]})
    history = run(config, tmp_path / "r").history
    assert history["gb_damaged"][-1] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nmc811", "cracking", "two-particles"])
def test_a_whole_cycle_ends_at_its_voltages(tmp_path, name):
    """Both steps as they are in the example; all but what diffusion leaves behind comes back."""
    tiny = TINY | {"geometry": SHORT[name].get("geometry", TINY["geometry"])}
    found = run(read_config(written(name, tmp_path), tiny), tmp_path / "r")
    history = found.history
    assert found.finished and [span.kind for span in found.stages] == ["charge", "discharge"]
    for span, step in zip(found.stages, found.config.protocol.steps, strict=True):
        assert history["voltage_V"][span.last] == pytest.approx(step.until, abs=1.1e-4)
    adds_up(found)
    stoich = history["stoich_mean"]
    assert stoich[0] - stoich.min() > 0.6
    assert stoich[0] - 0.02 < stoich[-1] < stoich[0]


@pytest.mark.slow
def test_a_whole_titration_adds_up(tmp_path):
    """Every pulse passes what it should, every rest nothing; the voltage relaxes towards that at rest."""
    config = read_config(written("gitt", tmp_path), TINY)
    found = run(config, tmp_path / "r")
    history, unit = found.history, next(stages(config)).level * 10
    assert len(found.stages) == 80
    adds_up(found)
    charge, volts = history["charge_C"], history["voltage_V"]
    full = 0
    for span in found.stages:
        passed = charge[span.last] - charge[span.before]
        whole = history["time_s"][span.last] - history["time_s"][span.before] > 1799.9
        if span.kind == "rest":
            assert abs(passed) < 1e-10 * unit * 3600
        elif whole:
            full += 1
            sign = 1 if span.kind == "charge" else -1
            assert passed == pytest.approx(sign * unit * 180.0, rel=1e-10)
            later = found.stages[found.stages.index(span) + 1].last
            assert sign * (volts[later] - volts[span.last]) < 0
    assert full >= 35


@pytest.mark.slow
@pytest.mark.parametrize("interpolation", ["constant", "linear"])
def test_a_drive_cycle_of_600_seconds_adds_up(tmp_path, interpolation):
    """A step for every second; what passes is the sum of the log, and Li says the same."""
    shape = {"protocol.steps[2].profile.interpolation": interpolation}
    config = read_config(written("drive-cycle", tmp_path), {**TINY, **shape})
    found = run(config, tmp_path / "r")
    history = found.history
    adds_up(found)
    own = np.flatnonzero(history["kind"] == "profile")
    log = np.loadtxt(tmp_path / "drive_cycle.csv", delimiter=",", skiprows=2)[:, 1]
    seconds = history["time_s"][own] - history["time_s"][own[0] - 1]
    np.testing.assert_allclose(seconds, np.arange(1.0, 601.0), rtol=0, atol=1e-8)
    each = -log[:-1] if interpolation == "constant" else -0.5 * (log[1:] + log[:-1])
    unit = next(stages(config)).level
    charge = history["charge_C"]
    np.testing.assert_allclose(
        charge[own] - charge[own[0] - 1], unit * np.cumsum(each), rtol=0, atol=1e-10 * unit * 600
    )
    assert history["repeats"][own].max() <= 6 and history["rejected"][own].sum() == 0
