"""The run directory: round trips, resuming after a kill, refusals, and the file that ParaView reads."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import fields as dataclass_fields
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from latticecell import ConfigError, State, config_from_table
from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.output import FieldReader, RunDirectory
from latticecell.output.fields import OutputMesh, count_snapshots, replacing
from networks import box_network

SIZE = np.array([1.3e-6, 1.3e-6, 2.1e-6])
CONFIG = config_from_table({"name": "small", "microstructure": {"seed": 17}})
AWKWARD = (0.1 + 0.2, 1 / 3, 5e-324, -1.7976931348623157e308, np.pi * 1e-17, -0.0)


def layered(center):
    """Two grains below 0.7 um split at x = 0.65 um, ECBD to 1.4 um, ED above."""
    x, z = center[:, 0], center[:, 2]
    return np.where(z < 0.7e-6, (x > 0.65e-6).astype(int), np.where(z < 1.4e-6, 2, 3))


def make_network(shape=(4, 4, 6)):
    rotations = Rotation.random(2, rng=np.random.default_rng(3)).as_matrix()
    return box_network(shape, SIZE, layered, rotations, fixed=lambda x: np.full(len(x), True))


@pytest.fixture(scope="module")
def network():
    return make_network()


def random_state(network, seed=5):
    state, rng = State.zeros(network), np.random.default_rng(seed)
    for field in dataclass_fields(state):
        array = getattr(state, field.name)
        array[...] = rng.normal(size=array.shape)
    state.u_nc[...] *= 1e-8
    state.gap_b[...] *= 1e-8
    state.strain_c[...] = (0.013, -0.021)
    return state


def extra_fields(network, step):
    t = np.arange(network.n_tets)
    return {
        "von_mises_GPa_t": 0.7 * step + t / 9,
        "hydrostatic_GPa_t": step - t / 7,
        "volumetric_strain_t": np.full(network.n_tets, 0.01 * step),
        "damage_b": np.full(network.n_bonds, 0.1 * step),
    }


def row(i):
    return {"cycle": 1, "step": i, "kind": "charge, CC", "time_s": 3.7 * i, "voltage_V": AWKWARD[i % 6]}


def started(path, network, snapshots=2, rows=3):
    run = RunDirectory.create(path, CONFIG, network, threads=2, command="latticecell run small.toml")
    for i in range(rows):
        run.append_row(row(i))
    for i in range(snapshots):
        run.write_fields(random_state(network, i + 1), extra_fields(network, i), 3.7 * i)
    return run


def assert_same_state(one, other):
    for field in dataclass_fields(one):
        assert getattr(one, field.name).tobytes() == getattr(other, field.name).tobytes(), field.name


# history and run.json


def test_history_comes_back_bit_for_bit(tmp_path, network):
    run = RunDirectory.create(tmp_path / "run", CONFIG, network, threads=1)
    assert run.history() == {}
    for i, value in enumerate(AWKWARD):
        run.append_row({"kind": "re,st", "count": np.int64(i), "x": np.float64(value), "flag": True})
    run.append_row({"kind": "", "count": 99, "x": np.nan, "flag": False})
    history = RunDirectory.open(tmp_path / "run").history()
    assert history["x"][:-1].tobytes() == np.array(AWKWARD).tobytes()
    assert np.isnan(history["x"][-1])
    assert history["kind"].tolist() == ["re,st"] * 6 + [""]
    assert history["count"].tolist() == [0, 1, 2, 3, 4, 5, 99]
    assert history["flag"].tolist() == [1] * 6 + [0]


def test_history_refuses_other_columns_and_line_breaks(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=0)
    before = (tmp_path / "run/history.csv").read_bytes()
    with pytest.raises(ValueError, match="voltage_V, volts"):
        run.append_row({"volts" if k == "voltage_V" else k: v for k, v in row(3).items()})
    with pytest.raises(ValueError, match="their order"):
        run.append_row(dict(reversed(row(3).items())))
    for text in ("two\nlines", "two\rlines"):
        with pytest.raises(ValueError, match="line break"):
            run.append_row({**row(3), "kind": text})
    assert (tmp_path / "run/history.csv").read_bytes() == before


def test_reopened_history_drops_half_a_line_and_goes_on(tmp_path, network):
    started(tmp_path / "run", network, snapshots=0)
    with (tmp_path / "run/history.csv").open("ab") as file:
        file.write(b"1,3,charge")
    run = RunDirectory.open(tmp_path / "run")
    assert run.history()["step"].tolist() == [0, 1, 2]
    run.append_row(row(7))
    assert run.history()["step"].tolist() == [0, 1, 2, 7]
    with pytest.raises(ValueError, match="columns"):
        RunDirectory.open(tmp_path / "run").append_row({"other": 1.0})


def test_run_json_tells_what_ran_and_how_it_ended(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=0)
    info = run.info()
    assert (info["status"], info["seed"], info["threads"]) == ("running", 17, 2)
    assert info["network"]["nodes"] == network.n_nodes
    assert info["network"]["bonds"] == network.n_bonds
    assert info["versions"]["numpy"] == np.__version__
    assert info["command"] == "latticecell run small.toml"
    run.finish("failed", "dt below dt_min", mechanics=1.25)
    info = RunDirectory.open(tmp_path / "run").info()
    assert (info["status"], info["message"], info["timings_s"]) == (
        "failed",
        "dt below dt_min",
        {"mechanics": 1.25},
    )
    assert 0 < info["wall_time_s"] < 600
    assert 10 < info["peak_memory_MB"] < 1e6
    assert info["seed"] == 17
    with pytest.raises(ValueError, match="'fine'"):
        run.finish("fine")


def test_config_comes_back_equal(tmp_path, network):
    RunDirectory.create(tmp_path / "run", CONFIG, network, threads=1)
    assert RunDirectory.open(tmp_path / "run").config() == CONFIG


# refusals


def test_create_refuses_a_run_and_force_removes_only_what_a_run_writes(tmp_path, network):
    path = tmp_path / "deep/run"
    run = started(path, network, snapshots=1)
    run.write_checkpoint(random_state(network), {})
    (path / "notes.txt").write_text("mine")
    (path / "fields.h5.part").write_text("left by a kill")
    with pytest.raises(ConfigError, match="holds a run already"):
        RunDirectory.create(path, CONFIG, network, threads=1)
    assert len(RunDirectory.open(path).history()["step"]) == 3
    RunDirectory.create(path, CONFIG, network, threads=1, force=True)
    assert sorted(p.name for p in path.iterdir()) == ["config.toml", "notes.txt", "run.json"]


def test_create_never_overwrites_a_users_config(tmp_path, network):
    (tmp_path / "config.toml").write_text('name = "mine"')
    for force in (False, True):
        with pytest.raises(ConfigError, match=r"config\.toml but is not the directory of a run"):
            RunDirectory.create(tmp_path, CONFIG, network, threads=1, force=force)
    assert (tmp_path / "config.toml").read_text() == 'name = "mine"'


def test_create_accepts_a_directory_with_other_files(tmp_path, network):
    (tmp_path / "readme").write_text("x")
    RunDirectory.create(tmp_path, CONFIG, network, threads=1)
    assert RunDirectory.open(tmp_path).info()["status"] == "running"
    with pytest.raises(ConfigError, match="cannot be used"):
        RunDirectory.create(tmp_path / "readme", CONFIG, network, threads=1)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"format": "other"}'])
def test_open_refuses_what_is_no_run(tmp_path, content):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
        (tmp_path / "config.toml").write_text("")
    with pytest.raises(ConfigError, match="is not the directory of a run"):
        RunDirectory.open(tmp_path)


# checkpoint


def test_checkpoint_comes_back_bit_for_bit(tmp_path, network):
    run = started(tmp_path / "run", network)
    state = random_state(network)
    cursor = {"cycle": 2, "step": 1, "dt": 0.1 + 0.2, "cap": np.float64(np.inf), "list": [1, None, "a"]}
    run.write_checkpoint(random_state(network, 99), {"old": True})
    run.write_checkpoint(state, cursor)
    other = RunDirectory.open(tmp_path / "run")
    read, read_cursor = other.read_checkpoint(network)
    assert_same_state(read, state)
    assert read_cursor == cursor
    assert not list((tmp_path / "run").glob("*.part"))


def test_resuming_cuts_history_and_fields_back(tmp_path, network):
    path = tmp_path / "run"
    run = started(path, network)
    history, fields = (path / "history.csv").read_bytes(), run.fields()
    expected = {n: [fields.tet(n, s) for s in (0, 1)] for n in fields.names["t"]}
    expected_gap = [fields.bond("gap_nm", s) for s in (0, 1)]
    run.write_checkpoint(random_state(network), {"i": 3})
    run.append_row(row(3))
    run.write_fields(random_state(network, 8), extra_fields(network, 8), 100.0)
    run.append_row(row(4))
    with (path / "history.csv").open("ab") as file:
        file.write(b"1,5,char")
    (path / "fields.h5.part").write_bytes(b"half a copy")
    run.finish("interrupted")

    other = RunDirectory.open(path)
    _, cursor = other.read_checkpoint(network)
    assert cursor == {"i": 3}
    assert (path / "history.csv").read_bytes() == history
    assert other.info()["status"] == "running"
    reader = other.fields()
    assert reader.times.tolist() == [0.0, 3.7]
    for name, values in expected.items():
        for step, value in enumerate(values):
            np.testing.assert_array_equal(reader.tet(name, step), value)
    np.testing.assert_array_equal(reader.bond("gap_nm", 1), expected_gap[1])

    # going on gives what an uninterrupted run gives
    other.append_row(row(3))
    other.write_fields(random_state(network, 3), extra_fields(network, 2), 7.4)
    assert reader.times.tolist() == [0.0, 3.7, 7.4]
    straight = started(tmp_path / "straight", network, snapshots=2, rows=4)
    straight.write_fields(random_state(network, 3), extra_fields(network, 2), 7.4)
    assert (path / "history.csv").read_bytes() == (tmp_path / "straight/history.csv").read_bytes()
    with h5py.File(path / "fields.h5") as a, h5py.File(tmp_path / "straight/fields.h5") as b:
        names = []
        b.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        assert len(names) > 25
        for name in names:
            np.testing.assert_array_equal(a[name][()], b[name][()], err_msg=name)


def test_resuming_to_before_the_first_row_and_snapshot(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=0, rows=0)
    run.write_checkpoint(random_state(network), {})
    run.append_row(row(0))
    run.write_fields(random_state(network), {}, 1.0)
    run.read_checkpoint(network)
    assert run.history() == {}
    with pytest.raises(ConfigError, match="holds no fields"):
        run.fields()
    run.append_row({"other": 2.5})
    run.write_fields(random_state(network), extra_fields(network, 1), 1.5)
    assert run.history()["other"].tolist() == [2.5]
    assert run.fields().times.tolist() == [1.5]


def test_checkpoint_refusals_name_the_reason_and_cut_nothing(tmp_path, network):
    path = tmp_path / "run"
    run = started(path, network)
    with pytest.raises(ConfigError, match="no checkpoint"):
        run.read_checkpoint(network)
    run.write_checkpoint(random_state(network), {})
    run.append_row(row(3))
    with pytest.raises(ConfigError, match=rf"another network: .*{network.n_nodes} nodes instead of"):
        run.read_checkpoint(make_network((4, 4, 9)))
    config = (path / "config.toml").read_text()
    (path / "config.toml").write_text(config + "\n# edited\n")
    with pytest.raises(ConfigError, match=r"another config\.toml"):
        run.read_checkpoint(network)
    (path / "config.toml").write_text(config)
    assert len(run.history()["step"]) == 4

    history = (path / "history.csv").read_bytes()
    (path / "history.csv").write_bytes(b"".join(history.splitlines(keepends=True)[:2]))
    with pytest.raises(ConfigError, match="holds 1 rows, the checkpoint knows 3"):
        run.read_checkpoint(network)
    (path / "history.csv").write_bytes(history)
    fields = (path / "fields.h5").read_bytes()
    (path / "fields.h5").unlink()
    with pytest.raises(ConfigError, match="holds 0 snapshots, the checkpoint knows 2"):
        run.read_checkpoint(network)
    (path / "fields.h5").write_bytes(fields)
    run.read_checkpoint(network)
    assert len(run.history()["step"]) == 3


def test_same_counts_but_another_topology_is_refused(tmp_path, network):
    other = box_network((4, 4, 6), SIZE, layered, network.rotation_gcc, fixed=lambda x: np.full(len(x), True))
    flipped = box_network(
        (4, 4, 6), SIZE, lambda x: np.where(layered(x) < 2, 1 - layered(x), layered(x)),
        network.rotation_gcc, fixed=lambda x: np.full(len(x), True),
    )  # fmt: skip
    run = started(tmp_path / "run", network, snapshots=0)
    run.write_checkpoint(random_state(network), {})
    run.read_checkpoint(other)
    assert flipped.n_nodes == network.n_nodes
    with pytest.raises(ConfigError, match="tets or bonds differ"):
        run.read_checkpoint(flipped)


def test_a_damaged_checkpoint_is_noticed(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=0)
    state = random_state(network)
    run.write_checkpoint(state, {})
    path = tmp_path / "run/checkpoint.h5"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match="is damaged"):
        run.read_checkpoint(network)
    at = whole.index(state.stoich_n.tobytes()) + 11
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
    with pytest.raises(ConfigError, match="digest"):
        run.read_checkpoint(network)
    path.write_bytes(whole)
    assert_same_state(run.read_checkpoint(network)[0], state)


@pytest.mark.parametrize("write", ["checkpoint", "fields", "finish"])
def test_a_failed_replacement_leaves_the_old_file(tmp_path, network, monkeypatch, write):
    run = started(tmp_path / "run", network)
    state = random_state(network)
    run.write_checkpoint(state, {"i": 1})
    before = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="No space"):
            if write == "checkpoint":
                run.write_checkpoint(random_state(network, 77), {"i": 2})
            elif write == "fields":
                run.write_fields(random_state(network, 77), extra_fields(network, 5), 9.0)
            else:
                run.finish("done")
    assert {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()} == before
    read, cursor = run.read_checkpoint(network)
    assert_same_state(read, state)
    assert cursor == {"i": 1}


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as part:
        part.write_text("ne")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
sys.path.insert(0, str(Path(sys.argv[2]) / "unit"))
from test_output import CONFIG, extra_fields, make_network, random_state, row
from latticecell.output import RunDirectory
network = make_network()
run = RunDirectory.create(sys.argv[1], CONFIG, network, threads=1)
i = 0
while True:
    run.append_row(row(i))
    run.write_fields(random_state(network, i), extra_fields(network, i), 3.7 * i)
    run.write_checkpoint(random_state(network, i), {"i": i})
    if i == 1:
        print("going", flush=True)
    i += 1
"""


@pytest.mark.parametrize("delay", [0.0, 0.013, 0.029, 0.047])
def test_killed_at_any_moment_the_run_can_be_resumed(tmp_path, network, delay):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "run"), str(Path(__file__).parents[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "going\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(delay)
        child.send_signal(signal.SIGKILL)
    run = RunDirectory.open(tmp_path / "run")
    state, cursor = run.read_checkpoint(network)
    i = cursor["i"]
    assert i >= 1
    assert_same_state(state, random_state(network, i))
    assert run.history()["step"].tolist() == list(range(i + 1))
    reader = run.fields()
    np.testing.assert_allclose(reader.times, 3.7 * np.arange(i + 1), rtol=1e-15)
    np.testing.assert_array_equal(reader.bond("damage", -1), np.float32(0.1 * i))
    run.append_row(row(i + 1))
    run.write_fields(random_state(network, i), extra_fields(network, i), 3.7 * i)
    assert count_snapshots(tmp_path / "run/fields.h5") == i + 2


# fields


def test_output_mesh_has_no_tet_across_the_box_and_fills_it(network):
    mesh = OutputMesh.of(network)
    x = mesh.x_pc[mesh.tet_tp]
    assert np.ptp(x, axis=1)[:, :2].max() < 0.5 * SIZE[0]
    volume = np.einsum("tc,tc->t", x[:, 1] - x[:, 0], np.cross(x[:, 2] - x[:, 0], x[:, 3] - x[:, 0])) / 6
    np.testing.assert_allclose(volume, network.volume_t, rtol=1e-12)
    np.testing.assert_array_equal(mesh.node_p[mesh.tet_tp], network.tet_tn)
    assert np.unique(mesh.x_pc.round(15), axis=0).shape[0] < len(mesh.x_pc)  # copies stay apart
    pairs = np.column_stack([mesh.node_p, mesh.x_pc * 1e9]).round(3)
    assert len(np.unique(pairs, axis=0)) == len(mesh.x_pc)
    center = x.mean(axis=1)
    assert (center >= 0).all()
    assert (center < SIZE).all()


def test_facets_of_the_file_have_their_areas(tmp_path, network):
    reader = started(tmp_path / "run", network, snapshots=1).fields()
    x = reader.facet_points
    normal = np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]) / 2
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), reader.facet_area, rtol=1e-12)
    kind = reader.bond_kind[reader.facets[:, 0]]
    gb, interface = (reader.facet_area[kind == k].sum() for k in (GB_BOND, INTERFACE_BOND))
    assert gb == pytest.approx(2 * 1.3 * 0.7, rel=1e-12)
    assert interface == pytest.approx(1.3**2, rel=1e-12)
    axis = reader.bond_normal[reader.facets[:, 0]]
    np.testing.assert_allclose(np.abs(np.einsum("fc,fc->f", axis, normal)), reader.facet_area, rtol=1e-9)


def test_fields_come_back(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=3)
    reader = run.fields()
    names = reader.names
    assert set(names["n"]) == {"displacement_um", "stoichiometry", "phi_s_V", "phi_l_V"}
    assert set(names["t"]) == {"von_mises_GPa", "hydrostatic_GPa", "volumetric_strain"}
    assert set(names["b"]) == {"gap_nm", "current_A_per_m2", "damage"}
    for step in (0, 2, -1):
        i = step % 3
        state, extra = random_state(network, i + 1), extra_fields(network, i)
        np.testing.assert_array_equal(reader.node("phi_l_V", step), state.phi_l_n.astype(np.float32))
        np.testing.assert_array_equal(
            reader.tet("von_mises_GPa", step), extra["von_mises_GPa_t"].astype(np.float32)
        )
        np.testing.assert_allclose(reader.bond("gap_nm", step), 1e9 * state.gap_b, rtol=1e-6)
        np.testing.assert_allclose(reader.bond("current_A_per_m2", step), state.current_b, rtol=1e-6)
        np.testing.assert_allclose(reader.node("displacement_um", step), 1e6 * state.u_nc, atol=1e-8)
        np.testing.assert_array_equal(reader.strain(step), state.strain_c)
        full = 1e6 * state.u_nc[reader.node_of_point]
        full[:, 0] += 0.013 * reader.points[:, 0]
        full[:, 1] -= 0.021 * reader.points[:, 1]
        np.testing.assert_allclose(reader.point("displacement_um", step), full, atol=1e-8)
    np.testing.assert_array_equal(reader.domain, network.domain_t)
    np.testing.assert_allclose(reader.box, 1e6 * SIZE, rtol=1e-15)
    assert (reader.n_nodes, reader.n_grains) == (network.n_nodes, 2)
    with pytest.raises(IndexError, match="there are 3 snapshots"):
        reader.tet("von_mises_GPa", 3)
    with pytest.raises(KeyError, match=r"known: .*von_mises_GPa"):
        reader.tet("mises", 0)


def test_wrong_fields_are_refused_and_leave_the_file(tmp_path, network):
    run = started(tmp_path / "run", network)
    state = random_state(network)
    good = extra_fields(network, 1)
    before = (tmp_path / "run/fields.h5").read_bytes()
    cases = (
        ({"speed": np.zeros(3)}, "must end in"),
        ({**good, "damage_b": np.zeros(network.n_bonds + 1)}, "does not fit"),
        ({**good, "von_mises_GPa_t": np.zeros((network.n_tets, 3))}, "does not fit"),
        ({**good, "extra_t": np.zeros(network.n_tets)}, "differ.*: extra"),
        ({k: v for k, v in good.items() if k != "damage_b"}, "differ.*: damage"),
    )
    for fields, message in cases:
        with pytest.raises(ValueError, match=message):
            run.write_fields(state, fields, 50.0)
    assert (tmp_path / "run/fields.h5").read_bytes() == before
    with pytest.raises(RuntimeError, match="network is unknown"):
        RunDirectory.open(tmp_path / "run").write_fields(state, good, 50.0)


def test_a_cell_without_bonds(tmp_path):
    network = box_network((3, 3, 3), SIZE)
    assert network.n_bonds == 0
    run = RunDirectory.create(tmp_path / "run", CONFIG, network, threads=1)
    for i in range(3):
        run.write_fields(random_state(network, i), {"damage_b": np.zeros(0)}, float(i))
    run.write_checkpoint(random_state(network), {})
    run.write_fields(random_state(network), {"damage_b": np.zeros(0)}, 9.0)
    state, _ = run.read_checkpoint(network)
    assert state.gap_b.shape == (0,)
    reader = run.fields()
    assert reader.times.tolist() == [0, 1, 2]
    assert reader.bond("damage", 2).shape == (0,)


def test_fields_reader_refuses_another_file(tmp_path):
    (tmp_path / "fields.h5").write_text("nonsense")
    with pytest.raises(ConfigError, match="is not a file of fields"):
        FieldReader(tmp_path / "fields.h5")


def test_vtk_reads_the_fields(tmp_path, network):
    reader_module = pytest.importorskip("vtkmodules.vtkIOHDF")
    to_numpy = pytest.importorskip("vtkmodules.util.numpy_support").vtk_to_numpy
    ours = started(tmp_path / "run", network, snapshots=3).fields()
    reader = reader_module.vtkHDFReader()
    reader.SetFileName(str(tmp_path / "run/fields.h5"))
    reader.UpdateInformation()
    assert reader.GetNumberOfSteps() == 3
    for step in (2, 0, 1):
        reader.SetStep(step)
        reader.Update()
        assert reader.GetTimeValue() == ours.times[step]
        grid = reader.GetOutput()
        points = to_numpy(grid.GetPoints().GetData())
        np.testing.assert_array_equal(points, ours.points)
        assert grid.GetNumberOfCells() == network.n_tets
        corners = to_numpy(grid.GetCells().GetConnectivityArray()).reshape(-1, 4)
        x = points[corners]
        volume = np.einsum("tc,tc->t", x[:, 1] - x[:, 0], np.cross(x[:, 2] - x[:, 0], x[:, 3] - x[:, 0])) / 6
        assert volume.min() > 0
        assert volume.sum() == pytest.approx(1.3 * 1.3 * 2.1, rel=1e-12)
        assert {grid.GetCellType(i) for i in range(grid.GetNumberOfCells())} == {10}
        for name in ours.names["n"]:
            values = to_numpy(grid.GetPointData().GetArray(name))
            np.testing.assert_array_equal(values, ours.point(name, step), err_msg=name)
        for name in ours.names["t"]:
            values = to_numpy(grid.GetCellData().GetArray(name))
            np.testing.assert_array_equal(values, ours.tet(name, step), err_msg=name)
        np.testing.assert_array_equal(to_numpy(grid.GetCellData().GetArray("domain")), network.domain_t)
        assert grid.GetPointData().GetArray("displacement_um").GetNumberOfComponents() == 3


def test_values_survive_snapshots_longer_than_a_chunk(tmp_path, network, monkeypatch):
    monkeypatch.setattr("latticecell.output.fields.CHUNK_ROWS", 100)
    run = started(tmp_path / "run", network, snapshots=3)
    run.write_checkpoint(random_state(network), {})
    run.write_fields(random_state(network, 9), extra_fields(network, 9), 99.0)
    run.read_checkpoint(network)
    reader = run.fields()
    for step in range(3):
        expected = extra_fields(network, step)["hydrostatic_GPa_t"].astype(np.float32)
        np.testing.assert_array_equal(reader.tet("hydrostatic_GPa", step), expected)
        expected = random_state(network, step + 1).stoich_n.astype(np.float32)
        np.testing.assert_array_equal(reader.node("stoichiometry", step), expected)


def test_wall_time_goes_on_after_resuming(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=0)
    run._started -= 1000.0
    run.write_checkpoint(random_state(network), {})
    other = RunDirectory.open(tmp_path / "run")
    other.read_checkpoint(network)
    other.finish("done")
    info = json.loads((tmp_path / "run/run.json").read_text())
    assert 1000 <= info["wall_time_s"] < 1600
    assert "resumed" in info
