"""A disk that is full: one line, exit code 4, nothing lost. A limit on the size of files does the same."""

import json
import os
import shutil
import subprocess

import harness
import pytest

from latticecell.output.checkpoint import read_checkpoint

resource = pytest.importorskip("resource")


def limited(size):
    """Options of a process whose files may not grow beyond a size."""
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))}


def refused(*arguments, size, file):
    """Have a command done with a limit; it says in one line which file cannot be written, and why."""
    _, err = harness.latticecell(*arguments, code=4, **limited(size))
    (line,) = err.splitlines()
    assert line.endswith(f"{file}: cannot be written: {os.strerror(27)}")


def test_a_run_that_cannot_be_written_fails_and_goes_on_to_the_same_end(tmp_path, whole):
    file, out = harness.input_file(tmp_path), tmp_path / "run"
    refused("run", file, "-o", out, size=200, file="run.json")
    assert not list(out.iterdir())
    harness.killed("run", file, "-o", out, lines=5)
    size = (whole / "fields" / "000002.h5").stat().st_size - 1
    refused("resume", out, size=size, file="000002.h5")  # checkpoints are smaller
    info = json.loads((out / "run.json").read_text())
    assert info["status"] == "failed"
    assert info["message"] == f"{out / 'fields' / '000002.h5'}: cannot be written: {os.strerror(27)}"
    about = read_checkpoint(out)[1]
    assert about["history"][0] == harness.rows(out) - 1 == about["cursor"]["steps"] + 1 > 3
    harness.latticecell("resume", out)
    harness.assert_same_run(out, whole)


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (["report", "RUN", "-o", "OUT/a.html"], "a.html"),
        (["view", "RUN", "--html", "OUT/b.html"], "b.html"),
        (["export", "RUN", "-f", "csv", "-o", "OUT"], "history.csv"),
        (["export", "RUN", "-f", "npz", "-o", "OUT"], "run.npz"),
        (["export", "RUN", "-f", "vtu", "-o", "OUT"], "tets_0000.vtu"),
        (["new", "OUT/new.toml"], "new.toml"),
    ],
)
def test_commands_that_write_name_the_file(tmp_path, whole, arguments, file):
    words = [word.replace("RUN", str(whole)).replace("OUT", str(tmp_path)) for word in arguments]
    refused(*words, size=2000, file=file)
    assert not list(tmp_path.iterdir()) or file.endswith("vtu")  # the collections come first


def test_a_1d_run_that_cannot_be_written_fails(tmp_path):
    file, out = harness.input_file(tmp_path), tmp_path / "run"
    refused("cell1d", file, "-o", out, size=12_000, file="history.csv")
    assert harness.status(out) == "failed"


def test_a_study_tells_the_case_that_cannot_be_written(tmp_path):
    harness.input_file(tmp_path)
    (tmp_path / "study.toml").write_text('base = "short.toml"\nseeds = [3]\n')
    out, err = harness.latticecell(
        "study", tmp_path / "study.toml", "-o", tmp_path / "out", "--jobs", 1, code=3, **limited(10_000)
    )
    assert "FAILED" in out and f"cannot be written: {os.strerror(27)}" in out
    assert len(err.splitlines()) == 1


def test_a_disk_that_fills_at_any_size(tmp_path, whole):
    told = fill(tmp_path, whole, 8, 80, 400)
    assert told["full"] > 3


@pytest.mark.slow
def test_a_disk_that_fills_at_every_size_in_steps_of_2_percent_of_a_checkpoint(tmp_path, whole):
    told = fill(tmp_path, whole, 8, 2, 400)
    assert told["full"] == told["same"]


@pytest.mark.slow
def test_a_disk_that_fills_towards_the_end_of_a_run(tmp_path, whole):
    """Up to sizes that are enough."""
    told = fill(tmp_path, whole, 16, 5, 900)
    assert 50 < told["full"] < told["same"]


def fill(tmp_path, whole, lines, percent, most):
    """Go on from a line of the history with room for some % of a checkpoint, then enough; see the driver."""
    file, base = harness.input_file(tmp_path), tmp_path / "base"
    harness.killed("run", file, "-o", base, lines=lines)
    told = harness.drive("fill", base, whole, percent, most)
    assert told["same"] == len(range(0, most + 1, percent)), told
    return told


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 1 MB, where mounting is allowed."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1000k", "tmpfs", path]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed")
    yield path
    subprocess.run(["umount", path], check=True)


def test_a_small_disk_fills_and_is_freed(tmp_path, small_disk, whole):
    file, out, ballast = harness.input_file(tmp_path), small_disk / "run", small_disk / "ballast"
    ballast.write_bytes(bytes(600_000))
    _, err = harness.latticecell("run", file, "-o", out, code=4)
    (line,) = err.splitlines()
    assert line.startswith(str(out)) and line.endswith(": cannot be written: No space left on device")
    assert harness.status(out) == "failed"
    ballast.unlink()
    shutil.move(out, tmp_path / "moved")
    harness.latticecell("resume", tmp_path / "moved")
    harness.assert_same_run(tmp_path / "moved", whole)
