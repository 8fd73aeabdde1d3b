"""The run directory: history, checkpoints, refusals, and survival of kill -9."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from latticecell import ConfigError
from latticecell.errors import DamageWarning, OutputError
from latticecell.output import RunDirectory
from latticecell.output.files import replacing, write_file
from rundirs import (  # noqa: F401
    AWKWARD,
    CONFIG,
    STRAIN,
    assert_same_state,
    make_network,
    network_fixture,
    random_state,
    row,
    snapshot_fields,
    started,
)

TESTS = str(Path(__file__).parents[1])

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
    run.effort.count(steps=3)
    run.finish("failed", "dt below dt_min")
    info = RunDirectory.open(tmp_path / "run").info()
    assert (info["status"], info["message"]) == ("failed", "dt below dt_min")
    assert (info["timings_s"], info["counts"]) == ({}, {"steps": 3})
    assert 0 < info["wall_time_s"] < 600
    assert 10 < info["peak_memory_MB"] < 1e6
    assert info["seed"] == 17
    with pytest.raises(ValueError, match="'fine'"):
        run.finish("fine")


def test_config_comes_back_equal(tmp_path, network):
    RunDirectory.create(tmp_path / "run", CONFIG, network, threads=1)
    assert RunDirectory.open(tmp_path / "run").config() == CONFIG


def test_the_network_comes_back_bit_for_bit(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=0)
    read = RunDirectory.open(run.path).network()
    for name, array in network.arrays().items():
        found = getattr(read, name)
        assert (found.dtype, found.shape) == (array.dtype, array.shape), name
        assert found.tobytes() == array.tobytes(), name
        assert not found.flags.writeable
    assert RunDirectory.create(tmp_path / "1d", CONFIG, None, threads=1).network() is None
    (run.path / "network.h5").unlink()
    with pytest.raises(ConfigError, match=r"network\.h5: cannot be read"):
        RunDirectory.open(run.path).network()


# refusals


def test_create_refuses_a_run_and_force_removes_only_what_a_run_writes(tmp_path, network):
    path = tmp_path / "deep/run"
    run = started(path, network, snapshots=1)
    run.write_checkpoint(random_state(network), {})
    (path / "notes.txt").write_text("mine")
    (path / ".latticecell-0123456789abcdef.part").write_text("left by a kill")
    (path / "fields/notes.txt").write_text("mine, too")
    run.finish("done")
    with pytest.raises(ConfigError, match="holds a run already"):
        RunDirectory.create(path, CONFIG, network, threads=1)
    assert len(RunDirectory.open(path).history()["step"]) == 3
    RunDirectory.create(path, CONFIG, network, threads=1, force=True)
    assert sorted(p.name for p in path.iterdir()) == [
        "config.toml", "fields", "network.h5", "notes.txt", "run.json"
    ]  # fmt: skip
    assert [p.name for p in (path / "fields").iterdir()] == ["notes.txt"]


def test_create_never_overwrites_a_users_config(tmp_path, network):
    (tmp_path / "config.toml").write_text('name = "mine"')
    for force in (False, True):
        with pytest.raises(ConfigError, match=r"config\.toml but is not the directory of a run"):
            RunDirectory.create(tmp_path, CONFIG, network, threads=1, force=force)
    assert (tmp_path / "config.toml").read_text() == 'name = "mine"'


def test_create_removes_what_a_kill_left_before_there_was_a_run(tmp_path, network):
    (tmp_path / ".latticecell-0123456789abcdef.part").write_text("half of a first file")
    RunDirectory.create(tmp_path, CONFIG, network, threads=1)
    assert not list(tmp_path.glob("*.part"))


def test_create_accepts_a_directory_with_other_files(tmp_path, network):
    (tmp_path / "readme").write_text("x")
    RunDirectory.create(tmp_path, CONFIG, network, threads=1)
    assert RunDirectory.open(tmp_path).info()["status"] == "running"
    with pytest.raises(OutputError, match="cannot be written: File exists"):
        RunDirectory.create(tmp_path / "readme", CONFIG, network, threads=1)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"format": "other"}'])
def test_open_refuses_what_is_no_run(tmp_path, content):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
        (tmp_path / "config.toml").write_text("")
    with pytest.raises(ConfigError, match="is not the directory of a run"):
        RunDirectory.open(tmp_path)


def test_a_run_of_the_first_format_is_named_and_can_be_overwritten(tmp_path, network):
    (tmp_path / "run.json").write_text('{"format": "latticecell run 1"}')
    (tmp_path / "config.toml").write_text("")
    (tmp_path / "fields.h5").write_text("old")
    with pytest.raises(ConfigError, match="of the format 'latticecell run 1', which this version does not"):
        RunDirectory.open(tmp_path)
    RunDirectory.create(tmp_path, CONFIG, network, threads=1, force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.toml", "network.h5", "run.json"]


# checkpoint


def test_checkpoint_comes_back_bit_for_bit(tmp_path, network):
    run = started(tmp_path / "run", network)
    state = random_state(network)
    cursor = {"cycle": 2, "step": 1, "dt": 0.1 + 0.2, "cap": np.float64(np.inf), "list": [1, None, "a"]}
    run.write_checkpoint(random_state(network, 99), {"old": True})
    run.write_checkpoint(state, cursor)
    other = RunDirectory.open(tmp_path / "run")
    read, read_cursor, notes = other.read_checkpoint()
    assert notes == []
    assert_same_state(read, state)
    assert read_cursor == cursor
    assert not list((tmp_path / "run").glob("*.part"))


def test_resuming_cuts_history_and_snapshots_back(tmp_path, network):
    path = tmp_path / "run"
    run = started(path, network)
    before = {p: p.read_bytes() for p in (path / "history.csv", *(path / "fields").iterdir())}
    run.write_checkpoint(random_state(network), {"i": 3})
    run.append_row(row(3))
    run.write_snapshot(snapshot_fields(network, 8), STRAIN, 100.0)
    run.append_row(row(4))
    with (path / "history.csv").open("ab") as file:
        file.write(b"1,5,char")
    (path / "fields/.latticecell-0123456789abcdef.part").write_bytes(b"half a snapshot")
    run.finish("interrupted")

    other = RunDirectory.open(path)
    _, cursor, _ = other.read_checkpoint()
    assert cursor == {"i": 3}
    assert {p: p.read_bytes() for p in (path / "history.csv", *(path / "fields").iterdir())} == before
    assert other.info()["status"] == "running"
    assert other.times().tolist() == [0.0, 3.7]

    # going on gives what an uninterrupted run gives
    other.append_row(row(3))
    other.write_snapshot(snapshot_fields(network, 2), STRAIN, 7.4)
    straight = started(tmp_path / "straight", network, snapshots=3, rows=4)
    for name in ("history.csv", *(f"fields/{i:06d}.h5" for i in range(3)), "network.h5"):
        assert (path / name).read_bytes() == (straight.path / name).read_bytes(), name


def test_resuming_to_before_the_first_row_and_snapshot(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=0, rows=0)
    run.write_checkpoint(random_state(network), {})
    run.append_row(row(0))
    run.write_snapshot({}, STRAIN, 1.0)
    run.read_checkpoint()
    assert run.history() == {}
    assert run.times().shape == (0,)
    assert run.fields() == {}
    run.append_row({"other": 2.5})
    run.write_snapshot(snapshot_fields(network, 1), STRAIN, 1.5)
    assert run.history()["other"].tolist() == [2.5]
    assert run.times().tolist() == [1.5]


def test_checkpoint_refusals_name_the_reason_and_cut_nothing(tmp_path, network):
    path = tmp_path / "run"
    run = started(path, network)
    with pytest.raises(ConfigError, match="no checkpoint"):
        run.read_checkpoint()
    run.write_checkpoint(random_state(network), {})
    run.append_row(row(3))
    whole = {name: (path / name).read_bytes() for name in ("config.toml", "network.h5", "history.csv")}

    other = started(tmp_path / "other", make_network((4, 4, 9)), snapshots=0)
    (path / "network.h5").write_bytes((other.path / "network.h5").read_bytes())
    with pytest.raises(ConfigError, match=r"another network\.h5"):
        RunDirectory.open(path).read_checkpoint()
    (path / "network.h5").write_bytes(whole["network.h5"])
    (path / "config.toml").write_bytes(whole["config.toml"] + b"\n# edited\n")
    with pytest.raises(ConfigError, match=r"another config\.toml"):
        run.read_checkpoint()
    (path / "config.toml").write_bytes(whole["config.toml"])
    assert len(run.history()["step"]) == 4

    (path / "history.csv").write_bytes(whole["history.csv"])
    run.read_checkpoint()
    assert len(run.history()["step"]) == 3


def test_damage_before_the_checkpoint_is_told_and_does_not_end_a_run(tmp_path, network):
    path = tmp_path / "run"
    run = started(path, network)
    run.write_checkpoint(random_state(network), {})
    whole = (path / "history.csv").read_bytes()
    (path / "history.csv").write_bytes(b"".join(whole.splitlines(keepends=True)[:2]))
    (path / "fields/000000.h5").unlink()
    notes = RunDirectory.open(path).read_checkpoint()[2]
    assert "rows 2-3 are damaged or missing; the other 1 are good" in notes[0]
    assert "000000.h5: cannot be read" in notes[1]
    run = RunDirectory.open(path)
    run.read_checkpoint()
    run.append_row(row(3))
    run.write_snapshot(snapshot_fields(network, 2), STRAIN, 7.4)
    with pytest.warns(DamageWarning, match="rows 2-3"):
        assert run.history()["step"].tolist() == [0, 3]
    with pytest.warns(DamageWarning, match=r"000000\.h5.*; snapshots 1-2 are there"):
        times = run.times()
    np.testing.assert_array_equal(times, [np.nan, 3.7, 7.4])


def flipped(path, at):
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])


def test_a_damaged_checkpoint_is_noticed(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=0)
    state = random_state(network)
    run.write_checkpoint(state, {})
    path = tmp_path / "run/checkpoint.h5"
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:3], b"", whole + b"more"):
        path.write_bytes(damaged)
        with pytest.raises(ConfigError, match=r"checkpoint\.h5: is damaged.*start a new run"):
            run.read_checkpoint()
    path.write_bytes(whole)
    flipped(path, whole.index(state.stoich_n.tobytes()) + 11)
    with pytest.raises(ConfigError, match="digest"):
        run.read_checkpoint()
    path.write_bytes(whole)
    assert_same_state(run.read_checkpoint()[0], state)


@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, network, harm):
    run = started(tmp_path / "run", network)
    path = tmp_path / "run/checkpoint.h5"
    state = random_state(network)
    run.write_checkpoint(state, {"i": 1})
    run.append_row(row(3))
    run.write_snapshot(snapshot_fields(network, 2), STRAIN, 7.4)
    run.write_checkpoint(random_state(network, 9), {"i": 2})
    whole = path.read_bytes()
    if harm == "flip":
        flipped(path, len(whole) - 5)
    elif harm == "cut":
        path.write_bytes(whole[:-1])
    else:
        path.unlink()
    other = RunDirectory.open(tmp_path / "run")
    read, cursor, (note,) = other.read_checkpoint()
    assert_same_state(read, state)
    assert cursor == {"i": 1}
    assert "checkpoint.h5: " in note and "going on from the checkpoint before it" in note
    assert len(other.history()["step"]) == 3
    assert other.times().tolist() == [0.0, 3.7]
    other.write_checkpoint(state, {"i": 3})  # the damaged one is gone, the good ones are two
    flipped(path, len(path.read_bytes()) - 5)
    assert RunDirectory.open(tmp_path / "run").read_checkpoint()[1] == {"i": 1}


@pytest.mark.parametrize("write", ["checkpoint", "fields", "finish", "index"])
def test_a_failed_replacement_leaves_the_old_files(tmp_path, network, monkeypatch, write):
    run = started(tmp_path / "run", network)
    state = random_state(network)
    run.write_checkpoint(state, {"i": 1})
    run.write_index()
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(OutputError, match="cannot be written: No space"):
            if write == "checkpoint":
                run.write_checkpoint(random_state(network, 77), {"i": 2})
            elif write == "fields":
                run.write_snapshot(snapshot_fields(network, 5), STRAIN, 9.0)
            elif write == "index":
                run.write_index()
            else:
                run.finish("done")
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before
    read, cursor, _ = run.read_checkpoint()
    assert_same_state(read, state)
    assert cursor == {"i": 1}


FULL = """
import resource, signal, sys
sys.path.insert(0, sys.argv[2])
from rundirs import make_network, random_state
from latticecell.errors import OutputError
from latticecell.output import RunDirectory
run = RunDirectory.open(sys.argv[1])
state = random_state(make_network(), 77)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    run.write_checkpoint(state, {"i": 2})
except OutputError as error:
    print(error.cause)
"""


@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_a_disk_that_fills_leaves_the_old_files(tmp_path, network, share):
    """With a limit on the size of files, a write ends early as on a full disk; HDF5 never sees it."""
    pytest.importorskip("resource")
    run = started(tmp_path / "run", network)
    state = random_state(network)
    run.write_checkpoint(state, {"i": 1})
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    limit = int(share * len(before[tmp_path / "run/checkpoint.h5"]))
    command = [sys.executable, "-c", FULL, str(tmp_path / "run"), TESTS, str(limit)]
    assert subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout == "File too large\n"
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as part:
        part.write_text("ne")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_what_does_not_read_back_is_not_put_in_place(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_file(path, "old")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", lambda self, data: self.open("wb").close())
        with pytest.raises(OutputError, match="reads back differently"):
            write_file(path, b"new")
    assert path.read_text() == "old"
    write_file(path, "näher")
    assert path.read_text(encoding="utf-8") == "näher"
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def test_wall_time_and_effort_go_on_after_resuming(tmp_path, network, monkeypatch):
    run = started(tmp_path / "run", network, snapshots=0)
    run.effort.add({"timings_s": {"network": {"wall": 7.25, "cpu": 13.5}}, "counts": {"steps": 5}})
    begin = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: begin + 1000.0)
    run.write_checkpoint(random_state(network), {})
    monkeypatch.setattr(time, "monotonic", lambda: begin + 5.0)
    other = RunDirectory.open(tmp_path / "run")
    other.read_checkpoint()
    other.effort.count(steps=2, rejected=1)
    other.finish("done")
    info = json.loads((tmp_path / "run/run.json").read_text())
    assert 1000 <= info["wall_time_s"] < 1600
    assert info["timings_s"] == {"network": {"wall": 7.25, "cpu": 13.5}}
    assert info["counts"] == {"steps": 7, "rejected": 1}
    assert "resumed" in info


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
sys.path.insert(0, str(Path(sys.argv[2]) / "unit"))
from rundirs import CONFIG, STRAIN, make_network, random_state, row, snapshot_fields
from latticecell.output import RunDirectory
network = make_network()
run = RunDirectory.create(sys.argv[1], CONFIG, network, threads=1)
i = 0
while True:
    run.append_row(row(i))
    run.write_snapshot(snapshot_fields(network, i), STRAIN, 3.7 * i)
    run.write_checkpoint(random_state(network, i), {"i": i})
    if i == 1:
        print("going", flush=True)
    i += 1
"""


@pytest.mark.parametrize("delay", [0.0, 0.013, 0.029, 0.047])
def test_killed_at_any_moment_the_run_can_be_resumed(tmp_path, network, delay):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "run"), TESTS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "going\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(delay)
        child.send_signal(signal.SIGKILL)
    run = RunDirectory.open(tmp_path / "run")
    state, cursor, _ = run.read_checkpoint()
    i = cursor["i"]
    assert i >= 1
    assert_same_state(state, random_state(network, i))
    assert run.history()["step"].tolist() == list(range(i + 1))
    np.testing.assert_allclose(run.times(), 3.7 * np.arange(i + 1), rtol=1e-15)
    np.testing.assert_array_equal(run.read("damage", i), np.float32(0.1 * i))
    assert not list(run.path.rglob("*.part"))
    run.append_row(row(i + 1))
    run.write_snapshot(snapshot_fields(network, i), STRAIN, 3.7 * i)
    assert len(run.times()) == i + 2
