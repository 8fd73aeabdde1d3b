"""Curves of the active material from files and inline: how they are read, refused, kept and left."""

import json

import numpy as np
import pytest
import tomli

from latticecell import ConfigError, config_from_table, read_config
from latticecell.cell1d.run import run_cell1d
from latticecell.coverage import Coverage
from latticecell.curves import Curve
from latticecell.errors import SolveError
from latticecell.laws.chosen import open_circuit, strains
from latticecell.materials import mechanical_laws
from latticecell.physics.eigenstrain import LithiumExpansion
from latticecell.reader import resolved_toml
from latticecell.run import Simulation, run
from latticecell.state import State
from networks import box_network
from studies import SMALL

LATTICE = {"x": [0.2, 0.45, 0.7, 1.0], "y": [2.815, 2.822, 2.838, 2.865]}
LATTICE_C = {"x": [0.2, 0.45, 0.7, 1.0], "y": [1.400, 1.443, 1.436, 1.421], "unit": "nm"}


def active(**keys):
    return {"materials": {"active": keys}}


def given(**keys):
    return config_from_table(active(**keys)).materials.active


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ocv.csv").write_text(
        "# measured at C/50\nx; U_mV; T\n"
        "1.0; 2900; 25\n0.8; 3650; 25\n0.5; 3850; 25\n0.2; 4100; 25\n0; 4400; 25\n"
    )
    (tmp_path / "base.toml").write_text(
        '[materials.active]\nocv = { file = "data/ocv.csv", x = "x", y = "U_mV" }\n'
    )
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.toml").write_text('extends = "../base.toml"\nname = "a"\n')
    return tmp_path


def test_a_file_is_found_beside_the_input_that_names_it_and_its_points_are_kept(folder, monkeypatch):
    monkeypatch.chdir("/")
    config = read_config(folder / "runs" / "a.toml")
    ocv = config.materials.active.ocv
    assert ocv == Curve((0, 0.2, 0.5, 0.8, 1), (4400, 4100, 3850, 3650, 2900), "mV", "linear", "ocv.csv")
    law = open_circuit(config.materials.active)
    assert float(law.voltage(0.8)) == pytest.approx(3.65, abs=1e-12)
    text = resolved_toml(config)
    (folder / "data" / "ocv.csv").unlink()
    assert config_from_table(tomli.loads(text)) == config
    with pytest.raises(ConfigError, match=r"materials.active.ocv.file: .*ocv.csv: cannot be read"):
        read_config(folder / "runs" / "a.toml")


def test_without_headings_the_first_columns_count_and_a_key_gives_the_unit(folder):
    (folder / "plain.txt").write_text("0.0 0\n0.5 -1.2\n1.0 -4.0\n")
    (folder / "b.toml").write_text(
        '[materials.active]\nvolume_change = { file = "plain.txt", unit = "percent" }\n'
    )
    change = read_config(folder / "b.toml").materials.active.volume_change
    assert change.in_si() == pytest.approx([0.0, -0.012, -0.04])
    assert change.extrapolation is None


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"ocv": {"x": [0, 1], "y": [4400, 3000]}}, r'ocv: y\[0\] = 4400: .* V; or give unit = "mV"'),
        ({"ocv": {"x": [0, 0.5, 0.4], "y": [4, 3.5, 3]}}, r"ocv: x\[2\] = 0.4: must go on from 0.5"),
        ({"ocv": {"x": [0, 0.5, 0.5], "y": [4, 3.5, 3]}}, r"ocv: x\[2\] = 0.5: must go on from 0.5"),
        ({"ocv": {"x": [0, 1.5], "y": [4, 3]}}, r"ocv: x\[1\] = 1.5: must be in \[0, 1\]"),
        ({"ocv": {"x": [0, 1], "y": [4, True]}}, "ocv: y = .*: must be a list of numbers"),
        ({"ocv": {"x": [0, 1], "y": [4, 3, 2]}}, "ocv: has 2 numbers x and 3 numbers y"),
        ({"ocv": {"x": [0], "y": [4]}}, "ocv: has 1 points, must have 2 to 2000"),
        ({"ocv": {"x": [0, 1], "z": [4]}}, "ocv: has the unknown key 'z'"),
        ({"ocv": {"x": [0, 1], "y": [4, 3], "unit": "kV"}}, 'ocv: unit = .*: must be "V" or "mV"'),
        ({"ocv": {"x": [0, 1], "y": [4, 3], "extrapolation": "constant"}}, 'must be "linear" or "error"'),
        ({"ocv": {"x": [0, 1], "y": [3, 4]}}, r"ocv = { 2 points }: must fall with x"),
        ({"ocv": 3}, r"ocv = 3: must be \"nmc111_zheng2013\" or points or a name"),
        ({"ocv": {"file": "x.csv", "x": [1]}}, "ocv.file: x = .*: must be the heading of a column"),
        ({"lattice_a": LATTICE}, "lattice_a: is used only with lattice_c"),
        ({"lattice_a": LATTICE, "lattice_c": LATTICE_C, "expansion_ratio": [1, 1, 1]},
         "lattice_a: is used only without expansion_ratio"),
        ({"lattice_a": LATTICE, "lattice_c": {**LATTICE_C, "unit": "angstrom"}, "ocv": "no"}, "ocv = 'no'"),
        ({"diffusivity_factor": {"x": [0.2, 0.5], "y": [1, 0.1], "extrapolation": "linear"}},
         "diffusivity_factor: falls to -1.4 within 0 to 1"),
        ({"diffusivity_factor": "nmc"}, "diffusivity_factor = 'nmc': must be .*points"),
        ({"volume_change": {"x": [0.2, 0.9], "y": [-0.03, 0.0], "extrapolation": "error"}},
         'has points from x = 0.2 to 0.9 and extrapolation = "error", must hold initial_stoich'),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told(keys, told):
    with pytest.raises(ConfigError, match=told):
        config_from_table(active(**keys))


def test_extrapolation_of_strains_is_that_of_the_material_unless_the_curve_has_its_own():
    points = {"x": [0.5, 0.75, 1.0], "y": [-0.03, -0.01, 0.0]}
    for way, own, expected in (
        ("constant", {}, -0.01),
        ("linear", {"extrapolation": "constant"}, -0.01),
        ("constant", {"extrapolation": "linear"}, -0.01 - 0.5 * 0.1 / 3),
    ):
        ((law, _),) = strains(given(volume_change={**points, **own}, strain_extrapolation=way))
        assert float(law.strain(0.0)) == pytest.approx(expected, rel=1e-12), (way, own)


def test_lattice_parameters_give_the_strains_along_the_axes_of_a_rotated_grain():
    config = config_from_table(active(lattice_a=LATTICE, lattice_c=LATTICE_C, initial_stoichiometry=0.9))
    assert config.materials.active.volume_change is None
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    network = box_network((4, 4, 4), np.full(3, 1e-6), lambda c: np.zeros(len(c), int), rotation[None])
    state = State.zeros(network)
    state.stoich_n[...] = 0.45
    expansion = LithiumExpansion(mechanical_laws(config), network)
    xx, yy, zz, yz, xz, xy = expansion.eigenstrain(state)[0]
    tensor = np.array([[xx, xy / 2, xz / 2], [xy / 2, yy, yz / 2], [xz / 2, yz / 2, zz]])
    local = rotation.T @ tensor @ rotation
    (a, _), (c, _) = strains(config.materials.active)
    start = [float(2.838 + (2.865 - 2.838) * 2 / 3), 1.421]  # about; the laws say the rest
    assert float(a.strain(0.9)) == float(c.strain(0.9)) == 0.0
    assert np.diag(local)[:2] == pytest.approx(float(a.strain(0.45)), rel=1e-12)
    assert local[2, 2] == pytest.approx(float(c.strain(0.45)), rel=1e-12)
    assert np.abs(local - np.diag(np.diag(local))).max() < 1e-15
    assert local[0, 0] == pytest.approx(2.822 / start[0] - 1, abs=1e-3) and local[0, 0] < -0.01
    assert local[2, 2] == pytest.approx(1.443 / 1.426 - 1, abs=3e-3)
    np.testing.assert_allclose(expansion.linear(state.stoich_n), np.trace(local) / 3, rtol=1e-12)


def test_leaving_the_data_is_told_once_for_each_end():
    material = given(ocv={"x": [0.1, 0.5, 0.98], "y": [4.2, 3.8, 3.0]}, strain_extrapolation="constant")
    watch = Coverage(material)
    assert watch.look(0.3, 0.97, 1.0) == []
    low = watch.look(0.2, 0.97, 2.0)
    assert low == [
        "materials.active.volume_change: stays as it is below x = 0.2427, where its data end; x = 0.2 is "
        "reached at t = 2.0 s"
    ]
    both = watch.look(0.05, 0.99, 3.0)
    assert [text.split(" x = ")[0] for text in both] == [
        "materials.active.ocv: goes on straight below", "materials.active.ocv: goes on straight above"
    ]  # fmt: skip
    again = Coverage(material, json.loads(json.dumps(watch.table())))
    assert again.look(0.0, 1.0, 4.0) == []
    frozen = Coverage(given(strain_frozen_below=0.25))
    assert frozen.look(0.01, 0.5, 1.0) == []


def test_data_that_have_no_beyond_end_the_run():
    watch = Coverage(given(strain_extrapolation="error"))
    assert watch.look(0.25, 0.97, 1.0) == []
    with pytest.raises(SolveError, match=r"x = 0.2 is beyond the data of materials.active.volume_change"):
        watch.look(0.2, 0.97, 2.0)


CURVED = {
    "ocv": {"x": [0.0, 0.3, 0.9, 0.95], "y": [4.4, 4.0, 3.6, 3.4]},
    "lattice_a": LATTICE,
    "lattice_c": LATTICE_C,
    "diffusivity_factor": {"x": [0.3, 0.9], "y": [1.5, 0.5]},
    "initial_stoichiometry": 0.94,
}
PROTOCOL = {"steps": [{"kind": "discharge", "c_rate": 2.0, "duration_s": 60.0}], "window": [0.0, 1.0]}


def test_a_run_keeps_its_points_tells_of_their_ends_and_is_resumed(tmp_path):
    table = {**SMALL, **active(**CURVED), "protocol": PROTOCOL}
    whole = run(config_from_table(table), tmp_path / "whole")
    told = json.loads((tmp_path / "whole" / "run.json").read_text())["beyond_data"]
    assert [(entry["key"], entry["end"], entry["extrapolation"]) for entry in told] == [
        ("ocv", "high", "linear"),
        ("diffusivity_factor", "high", "constant"),
    ]
    assert whole.config.materials.active.ocv.y == (4.4, 4.0, 3.6, 3.4)
    assert abs(whole.history["lithium_balance"][-1]) < 1e-12
    simulation = Simulation.start(config_from_table(table), tmp_path / "halves")
    steps = simulation.advance()
    for _ in range(2):
        next(steps)
    steps.close()
    for _ in Simulation.resume(tmp_path / "halves").advance():
        pass
    halves = (tmp_path / "halves" / "history.csv").read_text()
    assert halves == (tmp_path / "whole" / "history.csv").read_text()


def test_a_run_that_would_leave_data_without_beyond_ends_before(tmp_path):
    ocv = {**CURVED["ocv"], "extrapolation": "error"}
    table = {**SMALL, **active(**CURVED | {"ocv": ocv}), "protocol": PROTOCOL}
    with pytest.raises(SolveError, match=r"beyond the data of materials.active.ocv, which end at 0.95"):
        run(config_from_table(table), tmp_path / "r")
    assert json.loads((tmp_path / "r" / "run.json").read_text())["status"] == "failed"
    with pytest.raises(SolveError, match="beyond the data"):
        run_cell1d(config_from_table(table), tmp_path / "one")


@pytest.mark.parametrize("key", ["volume_change", "expansion_ratio"])
def test_a_strain_that_is_none_is_required(key):
    with pytest.raises(ConfigError) as caught:
        config_from_table({"materials": {"active": {key: None}}})
    assert any(
        problem.startswith(f"materials.active.{key}: is required") for problem in caught.value.problems
    )
