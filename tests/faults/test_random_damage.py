"""Bytes of a run are lost at random: every command gives what was written, or a line that names the file."""

import random
import shutil
from types import SimpleNamespace

import harness
import numpy as np
import pytest
from damaged import assert_told_or_equal, everything, files_of, same_json, tell, told_of
from matplotlib.figure import Figure
from typer.testing import CliRunner

import latticecell as lc
from latticecell.cli import app
from latticecell.output import plots
from latticecell.output.checkpoint import read_checkpoint
from latticecell.output.files import write_file
from latticecell.output.inspection import inspect

LATE = 13
"""Steps, of about 16, after which runs are stopped: in the second stage, beyond a checkpoint."""
UNREAD = ("summary.png", "cycles.csv", "fields.vtkhdf", "checkpoint_previous.h5")
"""Files that going on with a finished run has no use for."""
READERS = {
    "report": ["report", "RUN", "-o", "OUT/report.html"],
    "view": ["view", "RUN", "--html", "OUT/view.html"],
    "csv": ["export", "RUN", "-f", "csv", "-o", "OUT"],
    "npz": ["export", "RUN", "-f", "npz", "-o", "OUT"],
    "vtu": ["export", "RUN", "-f", "vtu", "-o", "OUT"],
}


def flipped(draw, data, others):
    at = draw.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]


def scattered(draw, data, others):
    content = bytearray(data)
    for _ in range(draw.randint(2, 40)):
        content[draw.randrange(len(data))] = draw.randrange(256)
    return bytes(content)


def cut(draw, data, others):
    return data[: draw.randrange(len(data))]


def span(draw, data):
    begin = draw.randrange(len(data))
    return begin, draw.randint(begin + 1, min(len(data), begin + 4096))


def overwritten(draw, data, others):
    begin, end = span(draw, data)
    return data[:begin] + draw.randbytes(end - begin) + data[end:]


def zeroed(draw, data, others):
    begin, end = span(draw, data)
    return data[:begin] + bytes(end - begin) + data[end:]


def missing(draw, data, others):
    begin, end = span(draw, data)
    return data[:begin] + data[end:]


def repeated(draw, data, others):
    begin, end = span(draw, data)
    return data[:end] + data[begin:end] + data[end:]


def longer(draw, data, others):
    return data + draw.randbytes(draw.randint(1, 200))


def another(draw, data, others):
    return draw.choice(others)


def lines_moved(draw, data, others):
    lines = data.splitlines(keepends=True)
    one, two = draw.randrange(len(lines)), draw.randrange(len(lines))
    kept = lines[:one] + lines[one + 1 :]
    moved, twice = [*kept[:two], lines[one], *kept[two:]], [*lines, lines[one]]
    return b"".join(draw.choice((kept, moved, twice)))


HARMS = (flipped, scattered, cut, overwritten, zeroed, missing, repeated, longer, another, lines_moved)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A finished, an interrupted and a killed run by their names, each with what is read of it."""
    folder = tmp_path_factory.mktemp("runs")
    file = harness.input_file(folder, output={"fields_every": 4, "checkpoint_every": 5})
    lc.run(lc.read_config(file), folder / "finished")
    steps = lc.Simulation.start(lc.read_config(file), folder / "interrupted").advance()
    for _ in range(LATE):
        next(steps)
    steps.close()
    harness.killed("run", file, "-o", folder / "killed", lines=LATE + 2)
    return {path.name: (path, everything(path), files_of(path)) for path in folder.iterdir() if path.is_dir()}


def drawn_quickly(figure, buffer, **_):
    """Write what a figure shows without drawing it, which takes long."""
    for artist in figure.findobj():
        for name in ("get_xydata", "get_array", "get_offsets", "get_text"):
            value = getattr(artist, name, lambda: "")()
            buffer.write(value.encode() if isinstance(value, str) else np.asarray(value).tobytes())


def in_process(*words):
    """Have a command done here: exit code, and the lines that it says of what is wrong."""
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exception is None or isinstance(result.exception, SystemExit), words
    return result.exit_code, result.stderr.splitlines()


def as_process(*words):
    """Have a command done in a process of its own."""
    process = harness.start(*words)
    _, err = process.communicate(timeout=harness.PATIENCE_S)
    assert "Traceback" not in err and "Exception ignored" not in err, err
    return process.returncode, err.splitlines()


def written(command, folder, words):
    """Exit code, lines, and contents of the files of a command that reads a run."""
    out = folder / "out"
    out.mkdir()
    places = {"RUN": str(folder / "run"), "OUT": str(out)}
    words = [word.replace("OUT", places["OUT"]) if word != "RUN" else places["RUN"] for word in words]
    code, said = command(*words)
    files = {file.name: file.read_bytes() for file in out.iterdir()}
    shutil.rmtree(out)
    return code, said, files


def copied(path, folder):
    shutil.rmtree(folder / "run", ignore_errors=True)
    shutil.copytree(path, folder / "run")
    return folder / "run"


def assert_part(lines, whole):
    """Lines are some of others, in their order."""
    rest = iter(whole)
    assert all(line in rest for line in lines)


def check_reader(name, hurt, got, whole):
    """A command that reads: what it writes is right, or the file is named."""
    (code, said, files), (_, _, right) = got, whole
    if files == right and not code:
        return
    assert told_of(hurt.name, said, hurt.run), (hurt, name, said)
    assert code in (0, 2), (hurt, name, code, said)
    if name == "report" and not code and hurt.name.startswith("history"):
        assert b"is without what is lost" in files["report.html"], hurt
    if name != "csv":
        return
    for file, content in files.items():  # what is there is right
        if file == "history.csv":
            assert_part(content.splitlines(), right[file].splitlines())
        elif file == "snapshots.csv":
            rows = [row.split(b",", 2) for row in right[file].splitlines()]
            lost = [b",".join((*row[:2], b"0,,,nan")) for row in rows[1:]]  # whose row of the history is lost
            assert {*content.splitlines()} <= {*right[file].splitlines(), *lost}, hurt
        else:
            assert content == right[file], (hurt, file)


def check_resumed(hurt, code, said, whole):
    """Going on: the end is the same bit for bit, less what was lost before and is told; or a refusal."""
    told = told_of(hurt.name, said, hurt.run)
    if code:
        assert code == 2 and told, (hurt, code, said)
        return
    (arrays, about, _), (arrays_2, about_2, _) = read_checkpoint(hurt.run), read_checkpoint(whole)
    assert about["cursor"] == about_2["cursor"] and about["snapshots"] == about_2["snapshots"], hurt
    for name, array in arrays_2.items():
        assert arrays[name].tobytes() == array.tobytes(), (hurt, name)
    names = {file for file in files_of(whole) if file.startswith(("history", "fields/", "network", "config"))}
    other = {name for name in names if (hurt.run / name).read_bytes() != (whole / name).read_bytes()}
    problems = inspect(hurt.run)[0]
    if not told and hurt.kind == "finished" and hurt.name in UNREAD:
        problems = [line for line in problems if hurt.name not in line]
    if not told:
        assert not other and not problems, (hurt, other, problems)
        return
    rows = {"history.csv", "history.sum"} if hurt.name.startswith("history") else set()
    assert other <= {hurt.name, *rows}, (hurt, other)
    for name in rows:
        assert_part((hurt.run / name).read_bytes().splitlines(), (whole / name).read_bytes().splitlines())


def hurt_and_check(draw, runs, rights, folder, command):
    """Do one harm to one file of one run, and see what everybody makes of it."""
    kind = draw.choice(sorted(runs))
    whole, parts, names = runs[kind]
    path, name, how = copied(whole, folder), draw.choice(names), draw.choice(HARMS)
    others = [(whole / other).read_bytes() for other in names if other != name]
    before = (whole / name).read_bytes()
    after = how(draw, before, others)
    if after == before:
        return 0
    (path / name).write_bytes(after)
    hurt = SimpleNamespace(run=path, kind=kind, name=name, how=how.__name__)

    said = assert_told_or_equal(path, parts, growing=kind == "killed")
    found, told = tell(inspect, path)
    code, lines = command("check", path)
    assert [*lines] == (found[0] if found else told), hurt
    assert code == (0 if found and not found[0] else 2), hurt
    unseen = same_json(path / name, whole / name) if name.endswith(".json") and not code else name == "lock"
    assert told_of(name, lines, path) or unseen or (kind == "killed" and name.startswith("history")), hurt
    assert not (said and not lines), hurt

    reader = draw.choice(sorted(READERS))
    right = rights.get((kind, reader))
    if right is None:
        copied(whole, folder)
        right = rights[kind, reader] = written(command, folder, READERS[reader])
        assert right[0] == 0 and not right[1], right[1]
        copied(whole, folder)
        (path / name).write_bytes(after)
    check_reader(reader, hurt, written(command, folder, READERS[reader]), right)
    code, lines = command("resume", path)
    check_resumed(hurt, code, lines, runs["finished"][0])
    return 1


def damage(runs, folder, count, seed, command):
    draw, rights, done = random.Random(seed), {}, 0
    while done < count:
        done += hurt_and_check(draw, runs, rights, folder, command)


@pytest.fixture
def quick(monkeypatch):
    """No pictures."""
    monkeypatch.setattr(Figure, "savefig", drawn_quickly)
    monkeypatch.setattr(plots, "summary", lambda history, path, name: write_file(path, "none"))


def test_random_damage(runs, tmp_path, quick):
    damage(runs, tmp_path, 15, 5, in_process)


@pytest.mark.slow
def test_a_thousand_random_damages(runs, tmp_path, quick):
    damage(runs, tmp_path, 1000, 6, in_process)


@pytest.mark.slow
def test_random_damage_seen_by_commands(runs, tmp_path):
    damage(runs, tmp_path, 15, 7, as_process)
