"""Damaged files: whatever happens to a file of a run, no reader fails otherwise than by a sentence, and what
is returned is what was written."""

import os
import shutil

import pytest
from damaged import assert_told_or_equal, everything, files_of, same_json, tell, told_of

import latticecell as lc
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
    "half a line longer": lambda data: data + b"1.0",
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


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_and_every_harm(runs, tmp_path, kind):
    whole_path, whole = runs[kind]
    problems, good = inspect(whole_path)
    assert problems == [] and {"run.json", "config.toml", "network.h5", "summary.png"} < set(good)
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


def without_row(whole, folder, number):
    """Copy a run and damage a row of its history."""
    path = folder / "run"
    shutil.copytree(whole, path)
    lines = (path / "history.csv").read_bytes().splitlines(keepends=True)
    lines[number + 1] = lines[number + 1].replace(b".", b",", 1)
    (path / "history.csv").write_bytes(b"".join(lines))
    return path


def test_a_snapshot_whose_row_is_lost_does_not_borrow_another_one(runs, tmp_path):
    whole_path, _ = runs["finished"]
    whole = lc.open_run(whole_path).snapshots
    run = lc.open_run(without_row(whole_path, tmp_path, whole[1].row))
    (lost, *others), told = tell(lambda: [run.snapshots[i] for i in (1, 0, 2)])
    assert told
    assert (lost.row, lost.kind, lost.cycle) == (None, "", 0) and lost.voltage != lost.voltage
    assert [shot.voltage for shot in others] == [whole[i].voltage for i in (0, 2)]
    assert lost["stoichiometry"].tobytes() == whole[1]["stoichiometry"].tobytes()


def test_a_report_says_what_it_is_without(runs, tmp_path):
    path = without_row(runs["finished"][0], tmp_path, 2)
    page = tell(write_report, path, tmp_path / "report.html")[0].read_text()
    assert "without what is lost" in page and "history.csv: row 3 is damaged or missing" in page
    page = write_report(runs["finished"][0], tmp_path / "report.html").read_text()
    assert "without what is lost" not in page


@pytest.mark.parametrize("kind", KINDS)
def test_going_on_tells_of_fields_that_are_damaged(runs, tmp_path, kind):
    path = tmp_path / "run"
    shutil.copytree(runs[kind][0], path)
    file = path / "fields/000001.h5"
    file.write_bytes(flip(file.read_bytes(), 0.8))
    with lc.Simulation.resume(path) as simulation:
        assert simulation.notes == (f"{file}: is damaged (its digest does not fit)",)
