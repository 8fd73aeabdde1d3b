"""The account of a run: phases that add up, and its table."""

import itertools

import pytest

from latticecell.effort import Effort, sentence, shares


@pytest.fixture
def clock(monkeypatch):
    """Every look at the clock is 3 s, and 5 s of processor, after the last one; the whole time goes by 7."""
    for name, tick in (("perf_counter", 3.0), ("process_time", 5.0), ("monotonic", 7.0)):
        ticks = itertools.count(11.0, tick)
        monkeypatch.setattr(f"time.{name}", lambda ticks=ticks: next(ticks))


def test_inner_phases_take_their_time_from_the_outer_one(clock):
    effort = Effort()
    with effort.phase("output"), effort.phase("setup"):
        pass
    with pytest.raises(KeyError), effort.phase("output"):
        raise KeyError
    seconds = effort.table()["timings_s"]
    assert list(seconds) == ["setup", "output"]  # in the order of a run
    assert seconds == {"setup": {"wall": 3.0, "cpu": 5.0}, "output": {"wall": 9.0, "cpu": 15.0}}


def test_parts_add_up(clock):
    effort = Effort()
    with effort.phase("network"):
        effort.count(steps=2)
    for _ in range(2):
        effort.add({**effort.table(), "other": 1})
    effort.count(steps=1, rejected=4)
    assert effort.table() == {
        "wall_time_s": 7.0 + (7.0 + 14.0) + 21.0,
        "timings_s": {"network": {"wall": 12.0, "cpu": 20.0}}, "counts": {"steps": 9, "rejected": 4}
    }  # fmt: skip


def test_the_rest_of_the_wall_time_is_told_too():
    timings = {"setup": {"wall": 1.5, "cpu": 2.75}, "output": {"wall": 2.5, "cpu": 2.25}}
    counts = {"steps": 7, "rejected": 2, "mechanics_newton": 30, "electrochemistry_newton": 11}
    info = {"wall_time_s": 5.0, "timings_s": timings, "counts": counts}
    rows = shares(info)
    assert rows[:2] == [("setup", 1.5, 2.75, 0.3), ("output", 2.5, 2.25, 0.5)]
    assert rows[2][:2] == ("other", 1.0) and rows[2][3] == 0.2
    assert sentence(info) == (
        "7 steps (2 rejected), 41 Newton and 0 linear iterations in 5.0 s: setup 30%, output 50%, other 20%"
    )
    assert shares({"wall_time_s": 5.0, "timings_s": {}}) == [] and sentence({}) == ""
