"""Profiles as points in time, and the files that hold them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latticecell import ConfigError, config_from_table, read_config, resolved_toml
from latticecell.drive import Drive
from latticecell.protocol import drive_of, one_c, stages
from latticecell.tabular import read_columns

SLACK = 1e-3
POINTS = st.lists(st.tuples(st.floats(0.1, 50.0), st.floats(-3.0, 3.0)), min_size=2, max_size=8)


def driven(points, linear):
    times = np.cumsum([0.0] + [gap for gap, _ in points[1:]])
    return Drive(tuple(times.tolist()), tuple(value for _, value in points), linear)


@given(POINTS, st.booleans(), st.integers(1, 4))
def test_means_of_steps_add_up_to_the_integral(points, linear, parts):
    """First steps of a piece take the mean; the integral is that of NumPy, or of rectangles."""
    drive = driven(points, linear)
    total = 0.0
    for begin, end in pairwise(drive.times):
        edges = np.linspace(begin, end, parts + 1)
        total += sum(drive.mean(a, b - a, SLACK) * (b - a) for a, b in pairwise(edges))
    widths, values = np.diff(drive.times), np.array(drive.values)
    exact = np.trapezoid(values, drive.times) if linear else float(widths @ values[:-1])
    scale = float(np.abs(values).max() * drive.end) + 1e-12
    assert total == pytest.approx(exact, abs=1e-12 * scale)


@given(POINTS)
def test_values_are_those_of_numpy_within_and_at_the_ends_of_pieces(points):
    drive = driven(points, linear=True)
    for begin, end in pairwise(drive.times):
        for share in (0.25, 0.5, 1.0):
            at = begin + share * (end - begin)
            found = drive.after(begin, at - begin, SLACK)
            assert found == pytest.approx(np.interp(at, drive.times, drive.values), rel=1e-9, abs=1e-9)


@given(POINTS, st.booleans(), st.floats(-0.9, 0.9))
def test_a_time_that_is_off_by_rounding_is_in_the_piece_that_begins(points, linear, off):
    drive = driven(points, linear)
    for i, time in enumerate(drive.times[:-1]):
        assert drive.piece(time + off * SLACK, SLACK) == i
        assert drive.left(time, SLACK) == drive.times[i + 1] - time


def test_steps_and_kinks_are_turns_and_straight_ways_are_none():
    linear = Drive((0.0, 1.0, 2.0, 3.0), (0.0, 1.0, 2.0, 2.0), linear=True)
    assert [linear.turns(t, SLACK) for t in (0.0, 0.5, 1.0, 2.0, 2.5)] == [False, False, False, True, False]
    constant = Drive((0.0, 1.0, 2.0, 3.0), (1.0, 1.0, 2.0, 2.0), linear=False)
    assert [constant.turns(t, SLACK) for t in (0.0, 1.0, 2.0)] == [False, False, True]


PROFILE = {"time_unit": "min", "unit": "mA_per_cm2", "positive": "discharge", "interpolation": "linear"}


def profile(**keys):
    step = {
        "kind": "profile",
        "profile": {**PROFILE, "times": [1.0, 2.0, 4.0], "values": [0.5, -1.0, 0.0], **keys},
    }
    return config_from_table({"protocol": {"steps": [step]}})


def test_units_sign_and_scale_of_a_profile():
    """Of a cell of 15 um by 15 um: 1 mA/cm2 is 2.25 nA."""
    config = profile(scale=2.0)
    controlled, drive = drive_of(config, config.protocol.steps[0].profile)
    assert controlled == "current" and drive.linear
    assert drive.times == (0.0, 60.0, 180.0)
    np.testing.assert_allclose(drive.values, [-2.25e-9, 4.5e-9, 0.0], rtol=1e-12, atol=1e-30)
    for unit, what, size in (
        ("C", "current", one_c(config)), ("nA", "current", 1e-9), ("uA", "current", 1e-6),
        ("A", "current", 1.0), ("A_per_m2", "current", 2.25e-10), ("nW", "power", 1e-9),
        ("mW", "power", 1e-3), ("mW_per_cm2", "power", 2.25e-9), ("W_per_m2", "power", 2.25e-10),
    ):  # fmt: skip
        config = profile(unit=unit, positive="charge", values=[0.0, 1e-3, 0.0])
        controlled, drive = drive_of(config, config.protocol.steps[0].profile)
        assert controlled == what
        assert drive.values[1] == pytest.approx(1e-3 * size, rel=1e-12, abs=0)
    (stage,) = stages(config)
    assert stage.duration == 180.0 and stage.kind == "profile"


def test_a_file_is_found_from_the_input_and_its_points_are_kept(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "cycle.csv").write_text("# logged\nt;I\n0;0.25\n\n1.5;-0.125\n3;0\n")
    (tmp_path / "in" / "a.toml").write_text(
        '[[protocol.steps]]\nkind = "profile"\nprofile = { file = "cycle.csv", time = "t", value = "I", '
        'time_unit = "h", unit = "C", positive = "charge", interpolation = "constant" }\n'
    )
    (tmp_path / "b.toml").write_text('extends = "in/a.toml"\n')
    config = read_config(tmp_path / "b.toml")
    found = config.protocol.steps[0].profile
    assert (found.times, found.values) == ((0.0, 1.5, 3.0), (0.25, -0.125, 0.0))
    assert found.file is None and found.source == "cycle.csv"
    (tmp_path / "in" / "cycle.csv").unlink()
    (tmp_path / "c.toml").write_text(resolved_toml(config))
    assert read_config(tmp_path / "c.toml") == config


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"times": [0.0, 1.0]}, "times and values must be equally many, not 2 and 3"),
        ({"times": [0.0], "values": [1.0]}, "must hold at least two points, not 1"),
        (
            {"times": [0.0, 2.0, 1.0]},
            "times[2] = 1: must come at least solver.dt_min_s = 0.01 s after the one",
        ),
        ({"unit": "A", "values": [3.0, 0.0, 0.0]}, "reaches 3 A or W for this cell, must be at most 1"),
        ({"times": None, "values": None}, "needs a file, or times and values"),
        ({"unit": "V"}, 'profile.unit = \'V\': must be "C" or "nA"'),
        ({"file": "a.csv"}, "profile.file: has no meaning beside times and values"),
        ({"values": [True, 0.0, 0.0]}, "values[0] = True: must be a number in"),
    ],
)
def test_odd_profiles_are_refused(keys, said):
    step = {**PROFILE, "times": [0.0, 1.0, 2.0], "values": [1.0, 0.5, 0.0], **keys}
    step = {key: value for key, value in step.items() if value is not None}
    with pytest.raises(ConfigError) as error:
        config_from_table({"protocol": {"steps": [{"kind": "profile", "profile": step}]}})
    assert said in str(error.value)


def test_keys_of_other_steps_have_no_meaning_in_a_profile():
    step = {"kind": "profile", "c_rate": 1.0, "until_V": 4.0, "duration_s": 500.0}
    points = {**PROFILE, "times": [0.0, 1.0], "values": [0.1, 0.1]}
    with pytest.raises(ConfigError) as error:
        config_from_table({"protocol": {"steps": [{**step, "profile": points}]}})
    told = str(error.value)
    assert "c_rate has no meaning here" in told and "until_V has no meaning here" in told
    assert "ends after 60 s; duration_s = 500 must be at most that" in told


@pytest.mark.parametrize(
    ("text", "headings", "columns"),
    [
        ("t,I\n0,1\n1,2.5e-3\n", (None, None), [[0.0, 1.0], [1.0, 2.5e-3]]),
        ("0\t1\n1\t2\n", (None, None), [[0.0, 1.0], [1.0, 2.0]]),
        ("0   1\n 1 2\n", (None, None), [[0.0, 1.0], [1.0, 2.0]]),
        ('\ufeff"I","t"\n5,0\n6,1\n', ("t", "I"), [[0.0, 1.0], [5.0, 6.0]]),
    ],
)
def test_columns_of_files(tmp_path, text, headings, columns):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    assert read_columns(tmp_path / "a.csv", headings) == columns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t,I\n0,1\n1,x\n", "line 3: 'x' in column 2, must be a number"),
        ("t,I\n0,1\n1\n", "line 3: nothing in column 2"),
        ("t,I\n0,nan\n", "line 2: 'nan' in column 2"),
        ("a,b\n0,1\n", "has no column 't'; the headings are 'a', 'b'"),
        ("0,1\n1,2\n", "has no column 't'; it has no headings"),
        ("# nothing\n", "holds no points"),
    ],
)
def test_odd_files_are_refused(tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        read_columns(tmp_path / "a.csv", ("t", "I") if "has no column" in said else (None, None))
    for path in (tmp_path, tmp_path / "none.csv", tmp_path / "a\0b"):
        with pytest.raises(ConfigError, match=r"cannot be"):
            read_columns(path, (None, None))
