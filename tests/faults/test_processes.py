"""One process at a time owns a run directory; the others are told who does."""

import signal

import harness
import pytest

from pausing import PATIENCE_S


@pytest.mark.parametrize("count", [2, 3])
def test_of_processes_started_at_once_one_wins(tmp_path, whole, count):
    file, out = harness.input_file(tmp_path), tmp_path / "run"
    processes = [harness.start("run", file, "-o", out) for _ in range(count)]
    ends = [process.communicate(timeout=PATIENCE_S) for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes == [0, *([2] * (count - 1))], ends
    for process, (_, err) in zip(processes, ends, strict=True):
        if process.returncode == 2:
            (line,) = err.splitlines()
            assert "is in use by process" in line or "holds a run already" in line
    harness.assert_same_run(out, whole)


def test_a_run_that_is_going_is_left_alone(tmp_path, whole):
    file, out = harness.input_file(tmp_path), tmp_path / "run"
    process = harness.started("run", file, "-o", out, lines=3)
    for command in (
        ("resume", out),
        ("run", file, "-o", out, "--force"),
        ("cell1d", file, "-o", out, "--force"),
    ):
        _, err = harness.latticecell(*command, code=2)
        assert f"{out}: is in use by process {process.pid} on " in err
        assert len(err.splitlines()) == 1
    harness.latticecell("export", out, "-f", "csv", "-o", tmp_path / "csv")  # readers are free
    process.send_signal(signal.SIGCONT)
    harness.finish(process)
    harness.assert_same_run(out, whole)


def test_the_lock_of_a_killed_run_is_stale(tmp_path, whole):
    file, out = harness.input_file(tmp_path), tmp_path / "run"
    harness.killed("run", file, "-o", out, lines=5)
    assert (out / "lock").exists()
    harness.latticecell("resume", out)
    assert not (out / "lock").exists()
    harness.assert_same_run(out, whole)
