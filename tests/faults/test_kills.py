"""A run that is killed at any moment goes on to the same end, bit for bit."""

import harness
import pytest


@pytest.mark.parametrize("lines", [3, 9, 15])
def test_a_killed_run_goes_on_to_the_same_end(tmp_path, whole, lines):
    out = tmp_path / "run"
    harness.killed("run", harness.input_file(tmp_path), "-o", out, lines=lines)
    assert harness.status(out) == "running"
    harness.latticecell("resume", out)
    harness.assert_same_run(out, whole)


def test_a_run_is_killed_again_and_again(tmp_path, whole):
    kill(tmp_path, whole, 8)


@pytest.mark.slow
def test_a_thousand_kills(tmp_path, whole):
    told = kill(tmp_path, whole, 1000)
    assert min(told["kills"].values()) > 20, told


def kill(tmp_path, whole, count):
    """Kill runs at moments drawn at random, also in the middle of writing a file; see the driver."""
    told = harness.drive("kill", harness.input_file(tmp_path), whole, count, 1)
    assert sum(told["kills"].values()) >= count
    return told
