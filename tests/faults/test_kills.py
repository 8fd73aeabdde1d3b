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
