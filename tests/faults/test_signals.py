"""Asked to stop, a run leaves a checkpoint; when nobody reads what it says, it goes on."""

import os
import signal
import subprocess
import sys

import harness
import pytest


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_stops_after_the_step_with_a_checkpoint(tmp_path, whole, name):
    file, out, number = harness.input_file(tmp_path), tmp_path / "run", getattr(signal, name)
    process = harness.started("run", file, "-o", out, lines=4)
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    _, err = harness.finish(process, 128 + number)
    assert "stopping after this step" in err and f"latticecell resume {out}" in err
    assert harness.status(out) == "interrupted"
    harness.latticecell("resume", out)
    harness.assert_same_run(out, whole)


def test_a_hangup_that_is_ignored_from_the_start_stays_ignored(tmp_path, whole):
    file, out = harness.input_file(tmp_path), tmp_path / "run"
    ignoring = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    process = harness.started("run", file, "-o", out, lines=4, **ignoring)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGCONT)
    harness.finish(process)
    harness.assert_same_run(out, whole)


def test_a_1d_run_stops_too(tmp_path):
    file, out = harness.input_file(tmp_path), tmp_path / "run"
    set_ = ["--set", "protocol.cycles=500"]
    process = harness.started("cell1d", file, "-o", out, *set_, lines=4)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    _, err = harness.finish(process, 143)
    assert "keeps no checkpoints" in err
    assert harness.status(out) == "interrupted"


@pytest.mark.parametrize("gone", ["stdout", "stderr", "both"])
def test_a_run_whose_output_is_closed_goes_on_to_its_end(tmp_path, whole, gone):
    file, out = harness.input_file(tmp_path), tmp_path / "run"
    process = harness.start("run", file, "-o", out)
    for name in ("stdout", "stderr"):
        if gone in (name, "both"):
            getattr(process, name).close()
            setattr(process, name, None)
    harness.finish(process)
    harness.assert_same_run(out, whole)


def test_a_reader_that_has_enough_is_no_error(tmp_path):
    file = harness.input_file(tmp_path)
    process = harness.start("check", file, "--show")
    process.stdout.close()
    process.stdout = None
    assert harness.finish(process)[1] in ("", None)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")  # noqa: PTH110
def test_output_that_cannot_be_written_is_told(tmp_path):
    command = [sys.executable, "-m", "latticecell", "check", harness.input_file(tmp_path), "--show"]
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1] == "standard output: No space left on device"
