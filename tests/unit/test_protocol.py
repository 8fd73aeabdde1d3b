"""Ends of stages and of steps: no remainder of a timed stage, moments of the output met exactly."""

import json
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cells import tiny
from latticecell import open_run
from latticecell.errors import SolveError
from latticecell.protocol import ROUNDING, SHORTEST, due, slack, step_to
from latticecell.run import run

DT_MIN = 0.01


def walk(dt, duration):
    """Lengths of the steps of a timed stage at a constant step."""
    elapsed, taken = 0.0, []
    while True:
        left = duration - elapsed
        length = step_to(dt, left, slack(DT_MIN, duration))
        taken.append(length)
        elapsed += length
        if length >= left:
            return taken


@given(st.floats(DT_MIN, 50.0), st.integers(1, 400))
@example(0.3, 50)
@example(0.1, 10)
def test_a_timed_stage_of_whole_steps_has_no_remainder(dt, count):
    taken = walk(dt, dt * count)
    assert len(taken) == count
    assert sum(taken) == pytest.approx(dt * count, rel=1e-12, abs=0)


@given(st.floats(DT_MIN, 50.0), st.floats(1e-4, 1999.0))
def test_no_step_of_a_timed_stage_is_shorter_than_a_share_of_the_shortest(dt, ratio):
    duration = ratio * dt
    taken = walk(dt, duration)
    assert min(taken) >= min(SHORTEST * DT_MIN, duration) * (1 - ROUNDING)
    assert max(taken) <= dt + slack(DT_MIN, duration)
    assert sum(taken) == pytest.approx(duration, rel=1e-11, abs=0)


@given(st.lists(st.floats(0.0, 100.0), max_size=5), st.floats(0.05, 30.0))
def test_every_moment_is_due_once(times, dt):
    clock = np.append(np.arange(0.0, 100.0, dt), 101.0)
    steps = [(-np.inf, 0.0), *pairwise(clock)]
    found = [t for before, after in steps for t in due(times, before, after, DT_MIN)]
    assert sorted(found) == sorted(times)


def timed(output, steps=({"kind": "charge", "c_rate": 1.0, "duration_s": 1.0},), **solver):
    solver = {"dt_initial_s": 0.1, "dt_max_s": 0.1} | solver
    return tiny(protocol={"steps": list(steps)}, output=output, solver=solver)


def times_of(path):
    return list(open_run(path).source.times())


def test_ten_steps_of_a_tenth_fill_a_second(tmp_path):
    """0.1 ten times is less than 1 by rounding."""
    history = run(timed({"fields_every": 0}), tmp_path / "r").history
    assert len(history["time_s"]) == 11
    assert history["dt_s"][1:].min() > 0.099
    assert times_of(tmp_path / "r") == pytest.approx([1.0])


def test_snapshots_at_given_times_are_met_by_steps_of_similar_length(tmp_path):
    """The way to a moment is halved rather than left with a sliver; afterwards steps grow again."""
    moments = [0.0, 0.25, 0.3, 0.7000001]
    output = {"fields_every": 0, "times_s": moments, "stage_ends": False}
    history = run(timed(output), tmp_path / "r").history
    assert times_of(tmp_path / "r") == pytest.approx(moments, rel=1e-12)
    steps = history["dt_s"][1:]
    assert steps[:4] == pytest.approx([0.1, 0.075, 0.075, 0.05], rel=1e-9)
    assert steps.max() == pytest.approx(0.1) and steps.sum() == pytest.approx(1.0)
    assert len(steps) < 15
    ratios = steps[1:] / steps[:-1]
    assert ratios.min() > 0.49 and ratios.max() < 1.71


def test_snapshots_by_steps_stage_ends_or_never(tmp_path, monkeypatch):
    pulses = [{"kind": "charge", "c_rate": 1.0, "duration_s": 0.1}] * 3
    for name, output, expected in (
        ("never", {"fields_every": 0, "stage_ends": False}, []),
        ("steps", {"fields_every": 2, "stage_ends": False}, [0.0, 0.2]),
        ("ends", {"fields_every": 100, "stage_ends": True}, [0.0, 0.1, 0.2, 0.3]),
        ("few", {"fields_every": 0}, [0.1, 0.2, 0.3]),
    ):
        run(timed(output, pulses), tmp_path / name)
        assert times_of(tmp_path / name) == pytest.approx(expected)
    monkeypatch.setattr(sys.modules["latticecell.run"], "FEW_STAGES", 2)
    run(timed({"fields_every": 10**6}, pulses), tmp_path / "many")
    assert times_of(tmp_path / "many") == [0.0]


def test_snapshots_of_chosen_cycles(tmp_path):
    """The first cycle is always kept, as by PyBaMM; the end of each stage, and what is asked for besides."""
    steps = [{"kind": "charge", "c_rate": 1.0, "duration_s": 0.2},
             {"kind": "discharge", "c_rate": 1.0, "duration_s": 0.1}]  # fmt: skip
    for name, output, expected in (
        ("listed", {"kept_cycles": [3]}, [0.2, 0.3, 0.8, 0.9]),
        ("every", {"kept_cycles_every": 2, "fields_every": 3, "stage_ends": False}, [0.0, 0.3, 0.6, 1.2]),
        ("both", {"kept_cycles_every": 3, "kept_cycles": [2], "times_s": [1.1]},
         [0.2, 0.3, 0.5, 0.6, 0.8, 0.9, 1.1]),
    ):  # fmt: skip
        config = timed({"fields_every": 0} | output, steps)
        config = config.model_copy(update={"protocol": config.protocol.model_copy(update={"cycles": 4})})
        run(config, tmp_path / name)
        assert times_of(tmp_path / name) == pytest.approx(expected)


def test_an_emptied_particle_is_called_empty(tmp_path):
    steps = [{"kind": "charge", "c_rate": 5.0, "duration_s": 7200.0}]
    with pytest.raises(SolveError, match="the surface of the particle is empty") as caught:
        run(timed({}, steps, dt_initial_s=20.0, dt_max_s=60.0, dt_min_s=0.1), tmp_path / "r")
    assert 0 < caught.value.time < 720
    assert json.loads((tmp_path / "r" / "run.json").read_text())["status"] == "failed"
