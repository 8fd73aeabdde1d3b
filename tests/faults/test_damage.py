"""Damaged files: whatever happens to a file of a run, no reader fails otherwise than by a sentence, and what
is returned is what was written."""

import json
import os
import shutil
import warnings

import numpy as np
import pytest

import latticecell as lc
from latticecell.errors import DamageWarning
from latticecell.export import export_run
from latticecell.output.inspection import inspect
from latticecell.report import write_report
from latticecell.study.jobs import status_of
from studies import SMALL

KINDS = ("finished", "interrupted")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run that came to its end, and one that was stopped, both with several snapshots."""
    folder = tmp_path_factory.mktemp("runs")
    output = {"fields_every": 3, "checkpoint_every": 3}
    config = lc.config_from_table({**SMALL, "output": output, "solver": {"dt_initial_s": 20.0}})
    lc.run(config, folder / "finished")
    steps = lc.Simulation.start(config, folder / "interrupted").advance()
    for _ in range(5):
        next(steps)
    steps.close()
    return {kind: (folder / kind, everything(folder / kind)) for kind in KINDS}


def everything(path):
    """What a reader may ask a run for, part by part; a part that cannot be had is an error of ours."""
    run = lc.open_run(path)
    parts = {
        "status": lambda: run.status,
        "config": lambda: run.config,
        "network": lambda: run.network.x_kc.tobytes(),
        "history": lambda: {name: values.tobytes() for name, values in run.history.items()},
        "times": lambda: run.snapshots.times.tobytes(),
        **{
            f"{step} {key}": lambda step=step, key=key: run.snapshots[step][key].tobytes()
            for step in range(3)
            for key in run.fields
        },
        "strain": lambda: [shot.strain.tobytes() for shot in run.snapshots],
    }
    found = {}
    for name, read in parts.items():
        try:
            found[name] = read()
        except (lc.ConfigError, IndexError) as error:
            found[name] = error
    return found


def tell(read, *args):
    """Return what a reader gives, and everything that it says."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", DamageWarning)
        try:
            found = read(*args)
        except lc.ConfigError as error:
            return None, [str(error)]
    assert all(issubclass(one.category, DamageWarning) for one in told), told
    return found, [str(one.message) for one in told]


def assert_told_or_equal(path, whole):
    """Every part is the one that was written, or the damage was told."""
    found, said = tell(everything, path)
    if found is None:
        assert str(path) in said[0]
        return said
    for name, part in found.items():
        if isinstance(part, lc.ConfigError):
            said.append(str(part))
        elif part != whole[name]:
            assert said, name
            if name == "history" and part:  # good rows, without the others
                rows = {key: np.frombuffer(values) for key, values in part.items() if key != "kind"}
                all_rows = {
                    key: np.frombuffer(values) for key, values in whole[name].items() if key != "kind"
                }
                mine = np.isin(all_rows["time_s"], rows["time_s"])
                for key, values in rows.items():
                    np.testing.assert_array_equal(values, all_rows[key][mine], err_msg=key)
            elif name == "times":
                times, written = np.frombuffer(part), np.frombuffer(whole[name])
                assert np.isnan(times[times != written[: len(times)]]).all()
            else:
                assert name in ("strain", "history"), name
    return said


def files_of(path):
    return sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())


def flip(data, at, bit=3):
    at = int(at * (len(data) - 1))
    return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]


HARMS = {
    **{f"flip at {at}": lambda data, at=at: flip(data, at) for at in (0.0, 0.01, 0.3, 0.77, 1.0)},
    **{f"cut to {share}": lambda data, share=share: data[: int(share * len(data))] for share in (0.3, 0.9)},
    "cut by one": lambda data: data[:-1],
    "emptied": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
    "other content": lambda data: b"time_s,kind\n1.0,charge\n" * 40,
    "longer": lambda data: data + data[-40:],
}


def harmful(file, how):
    """Replace a file by something that is none, or remove it."""
    file.unlink()
    if how == "directory":
        file.mkdir()
    elif how == "pipe":
        os.mkfifo(file)
    elif how == "loop":
        file.symlink_to(file.name)
    elif how == "device":
        file.symlink_to("/dev/zero")


UNSEEN = "checkpoint_previous.h5", "removed"
"""A run may have one checkpoint only."""
READERS = {
    "report": lambda path, out: write_report(path, out / "report.html"),
    "export": lambda path, out: export_run(path, "npz", out),
    "status": lambda path, out: status_of(path),
    "repr": lambda path, out: repr(lc.open_run(path)),
}


def same_json(one, other):
    """White space may change in a JSON file."""
    return one.suffix == ".json" and json.loads(one.read_bytes()) == json.loads(other.read_bytes())


def told_of(name, said, path):
    """Whether something was said that names the file, or its digests, or what it belongs to."""
    about = name.replace("history.sum", "history")
    return any(about in line or (name == "run.json" and str(path) in line) for line in said)


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_and_every_harm(runs, tmp_path, kind):
    whole_path, whole = runs[kind]
    assert inspect(whole_path)[0] == []
    for name in files_of(whole_path):
        for harm in (*HARMS, "removed", "directory", "pipe", "loop", "device"):
            path = tmp_path / "run"
            shutil.copytree(whole_path, path)
            file = path / name
            if harm in HARMS:
                file.write_bytes(HARMS[harm](file.read_bytes()))
            else:
                harmful(file, harm)
            assert_told_or_equal(path, whole)
            found, said = tell(inspect, path)
            said += found[0] if found else []
            seen = told_of(name, said, path) or (name, harm) == UNSEEN
            assert seen or same_json(file, whole_path / name), (name, harm, said)
            shutil.rmtree(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_ends_with_a_sentence(runs, tmp_path, kind, reader):
    whole_path, _ = runs[kind]
    for name in files_of(whole_path):
        for harm in ("flip at 0.3", "cut to 0.3", "removed"):
            path = tmp_path / "run"
            shutil.copytree(whole_path, path)
            if harm in HARMS:
                (path / name).write_bytes(HARMS[harm]((path / name).read_bytes()))
            else:
                (path / name).unlink()
            tell(READERS[reader], path, tmp_path)
            shutil.rmtree(path)
