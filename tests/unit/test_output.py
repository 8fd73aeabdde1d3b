"""The run directory: history, checkpoints, refusals, and survival of kill -9."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from latticecell import ConfigError
from latticecell.output import RunDirectory
from latticecell.output.fields import count_snapshots, replacing
from networks import box_network
from rundirs import (  # noqa: F401
    AWKWARD,
    CONFIG,
    SIZE,
    assert_same_state,
    extra_fields,
    layered,
    make_network,
    network_fixture,
    random_state,
    row,
    started,
)

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
from rundirs import CONFIG, extra_fields, make_network, random_state, row
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
