"""Targets of a study: files, measures, trends and verdicts, with a source that exists nowhere else."""

import csv
from pathlib import Path

import pytest

from caseruns import fake, together
from latticecell import ConfigError
from latticecell.study import MEASURES, TRENDS
from latticecell.study.measures import Measure, measure_of
from latticecell.study.targets import figure_of, figure_order, read_reasons, read_targets
from latticecell.study.trends import alike, every, of_each_seed, rising
from latticecell.study.verdicts import by_second, counts, summary_lines, table, worst, write_verdicts

FILE = """
source = "report"
[classes.sure]
relative = 0.02
[classes.rough]
decades = 0.5
ranked = false
[classes.given]
result = false
[judged]
strain = { relative = { sure = 0.08 } }
floor = { bound = "at least", slack = 0.1 }
roof = { bound = "at most" }
[undecided]
lost = "the data are gone"
[answers]
twin_2 = { case = "pair", particle = 2 }
both = { cases = ["a", "b"], combine = "max" }
[measures]
strain = { column = "strain", factor = 100.0 }
floor = { column = "gap" }
roof = { column = "gap", at = "cycle_peak" }
gap = { column = "gap" }
time = { column = "time_s", at = "discharge_end", since = "charge_end" }
"gap@late" = { column = "gap", at = "t=2500s" }
share = { ratio = ["time", "gap@charge_end"], factor = 3.0 }
[[trends]]
target = "grows"
rising = ["a", "b"]
of = [{ title = "gap", measure = "gap@charge_end" }]
[[trends]]
target = "grows"
falling = ["b", "a"]
of = [{ title = "drop", column = "drop", at = "end", magnitude = true }]
"""


def number(name, quantity, value, event="charge_end", case="a", tolerance="sure", figure="Fig 3B", note=""):
    return (
        f'[[targets]]\nid = "{name}"\nfigure = "{figure}"\ncase = "{case}"\nquantity = "{quantity}"\n'
        f'event = "{event}"\nvalue = {value}\nunit = "nm"\nkind = "number"\ntolerance = "{tolerance}"\n'
        f'note = "{note}"\n'
    )


def trend(name, tolerance="sure"):
    return (
        f'[[targets]]\nid = "{name}"\nfigure = "Fig S12"\ncase = "all"\nquantity = "q"\nevent = "-"\n'
        f'value = "it does so"\nkind = "trend"\ntolerance = "{tolerance}"\n'
    )


@pytest.fixture(name="given")
def given_fixture(tmp_path):
    def give(*entries, text=FILE):
        path = tmp_path / "targets.toml"
        path.write_text(text + "\n".join((*entries, trend("grows"), trend("lost"))))
        return read_targets(path)

    return give


RUNS = together(
    fake("a", 1, gap=[0, 1, 2, 7, 9], strain=[0, 0, 0, -0.03, 0], drop=[0, 0, 0, 0, -1]),
    fake("a", 2, gap=[0, 1, 2, 8, 9], strain=[0, 0, 0, -0.04, 0], drop=[0, 0, 0, 0, -2]),
    fake("b", 1, gap=[0, 1, 2, 11, 9], drop=[0, 0, 0, 0, -4]),
    fake("pair", 1, gap_p1=[0, 1, 2, 3, 4], gap_p2=[0, 1, 2, 5, 4]),
)


# --- measures ---


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"at": "charge_end"}, 7.0),
        ({"at": "discharge_end", "factor": 2.5}, 22.5),
        ({"at": "start", "since": "charge_end"}, -7.0),
        ({"at": "end", "since": "start", "factor": -1.0}, -9.0),
        ({"at": "t=2500s"}, 4.5),
        ({"at": "t=9999s"}, 7.0),  # while charging: the end beyond it
        ({"at": "charge_peak"}, 7.0),
        ({"at": "cycle_peak"}, 9.0),
        ({"at": "cycle_peak", "extreme": "min"}, 0.0),
        ({}, 7.0),
    ],
)
def test_a_column_at_a_moment(keys, expected):
    run = RUNS.runs["a"][0]
    assert Measure(column="gap", **keys).evaluate(run, "charge_end", "", {}) == pytest.approx(expected, abs=0)


def test_magnitudes_are_taken_before_an_extreme():
    run = fake("a", x=[0, -5, 2, 3, -7])
    peak = {"column": "x", "at": "charge_peak"}
    assert Measure(**peak).evaluate(run, "", "", {}) == 3
    assert Measure(**peak, magnitude=True).evaluate(run, "", "", {}) == 5
    assert Measure(**peak, extreme="min").evaluate(run, "", "", {}) == -5
    assert Measure(column="x", at="end", magnitude=True).evaluate(run, "", "", {}) == 7


def test_particles_ratios_and_events_of_their_own(given):
    targets = given()
    known = targets.measures
    pair = RUNS.first("pair")
    assert measure_of("gap", "charge_end", "_p2", known)(pair) == 5
    assert measure_of("time", "charge_end", "_p2", known)(pair) == 2900  # time has no particles
    assert measure_of("gap", "late", "", known)(RUNS.first("a")) == 4.5
    assert measure_of("gap@late", "charge_end", "", known)(RUNS.first("a")) == 4.5
    assert measure_of("share", "anything", "", known)(RUNS.first("a")) == pytest.approx(3 * 2900 / 7)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"column": "none", "at": "end"}, "a, seed 1: the history has no column none"),
        ({"column": "gap", "at": "noon"}, "at = 'noon': must be one of start, charge_end"),
        ({"column": "gap", "at": "t=soon"}, "must be a time such as t=2200s"),
        ({"measure": "other@charge_end"}, "other@charge_end: is neither declared nor registered"),
    ],
)
def test_what_cannot_be_measured_says_why(keys, message):
    with pytest.raises(ConfigError, match=message):
        Measure(**keys).evaluate(RUNS.first("a"), "", "", {})


# --- trends ---


def value(run):
    return run.at("x", 3)


def test_an_order_is_decided_on_the_means_over_common_seeds():
    rule = rising(("a", "b"), ("x", value))
    a = [fake("a", seed, x=[0, 0, 0, v, 0]) for seed, v in ((1, 1.0), (2, 5.0), (3, 100.0))]
    b = [fake("b", seed, x=[0, 0, 0, v, 0]) for seed, v in ((1, 3.0), (2, 4.0))]
    found = rule(together(*a, *b))
    assert found.holds  # 3.0 < 3.5; seed 3 has no partner
    assert found.said == "x: a 3, b 3.5"
    assert not rule(together(*a[:2], b[1])).holds
    assert rule(together(*a)) is None


def test_nearly_equal_has_a_bound():
    runs = together(fake("a", x=[0, 0, 0, 1.0, 0]), fake("b", x=[0, 0, 0, 1.2, 0]))
    assert alike(("a", "b"), ("x", value), within=0.2)(runs).holds
    assert not alike(("a", "b"), ("x", value), within=0.15)(runs).holds


def test_all_parts_and_all_seeds_have_to_hold():
    runs = together(*(fake("a", seed, x=[0, 0, 0, seed, 0]) for seed in (1, 2, 3)))
    below = [of_each_seed("a", lambda run, top=top: (value(run) < top, f"{value(run)}")) for top in (3, 4)]
    assert [rule(runs).holds for rule in below] == [False, True]
    assert below[0](runs).said == "3.0 (2 of 3 seeds)"  # the seed that is odd
    assert not every(*below)(runs).holds
    assert every(*below, of_each_seed("b", lambda run: (True, "")))(runs) is None


def test_declared_trends_of_a_target_all_count(given):
    targets = given()
    target = targets.targets[-2]
    found = targets.rule(target)(RUNS)
    assert found.holds
    assert found.said == "gap: a 7, b 11; drop: b 4, a 1"
    other = together(*RUNS.runs["a"], fake("b", gap=[0, 1, 2, 11, 9], drop=[0, 0, 0, 0, -0.5]))
    assert not targets.rule(target)(other).holds


# --- verdicts ---


def verdicts(targets, runs=RUNS, **options):
    return {row.target.id: row for row in table(targets, runs, {}, **options)}


def test_tolerances_follow_class_quantity_and_bound(given):
    entries = [
        number("near", "gap", 7.6),  # 7.5 is 1.3 % below
        number("far", "gap", 7.7),
        number("wide", "strain", -3.3),  # -3.5 is 6 % more, 8 % allowed
        number("rough", "gap", 2.4, tolerance="rough"),  # a factor of 3.13
        number("rougher", "gap", 2.3, tolerance="rough"),  # 3.26
        number("sign", "strain", 3.5, tolerance="rough"),
        number("low", "floor", 8.3),  # 7.5 is 9.6 % less
        number("lower", "floor", 8.4),
        number("high", "roof", 9.1),
        number("higher", "roof", 8.9),
        number("input", "gap", 1.0, tolerance="given"),
    ]
    found = verdicts(given(*entries))
    good = {name for name, row in found.items() if row.verdict in ("within", "uncertain")}
    assert good == {"near", "wide", "rough", "low", "high"}
    assert "input" not in found
    assert found["near"].allowed == "2 %" and found["wide"].allowed == "8 %"
    assert found["rough"].allowed == "a factor of 3.2"
    assert found["low"].allowed == "at least 8.3 less 10 %" and found["high"].allowed == "at most 9.1"
    row = found["far"]
    assert (row.ours, row.estimate.n_seeds) == (7.5, 2)
    # the mean of two values is known to the t of one degree of freedom, 12.7, times half their distance
    assert row.error == row.estimate.seed_interval == pytest.approx(12.706 * 0.5, rel=1e-4)
    assert row.verdict == "outside" and found["near"].verdict == "uncertain"  # wider than its tolerance
    assert row.difference == pytest.approx(7.5 / 7.7 - 1)
    # neither bounds nor classes that promise nothing are told among the furthest
    assert {one.target.id for one in worst(list(found.values()), 99)} == {"near", "far", "wide"}


def test_a_second_definition_stands_beside_the_plain_one(given, named_law, tmp_path):
    named_law(TRENDS, "sinks", of_each_seed("b", lambda run: (run.at("gap", 4) > 10, "seen")))
    targets = given(
        number("early", "gap", 4.0, event="charge_end", case="b") + 'second = "gap@late"\n',
        number("plain", "gap", 11.0, case="b"),
        trend("held") + 'second = "sinks"\n',
        text=FILE.replace('target = "grows"\nrising', 'target = "held"\nrising'),
    )
    rows = table(targets, RUNS, {})
    found = {row.target.id: row for row in rows}
    early, held = found["early"], found["held"]
    assert (early.ours, early.verdict) == (11.0, "outside")
    assert (early.second.ours, early.second.verdict) == (6.5, "outside")
    assert (held.verdict, held.second.verdict, held.second.text) == ("holds", "fails", "seen (0 of 1 seeds)")
    assert found["plain"].second is None
    assert [row.verdict for row in by_second([found["plain"], held])] == ["within", "fails"]
    write_verdicts(tmp_path / "t.csv", rows)
    lines = {line["id"]: line for line in csv.DictReader((tmp_path / "t.csv").read_text().splitlines())}
    assert (lines["early"]["second_definition"], lines["early"]["second_found"]) == ("gap@late", "6.5")
    assert lines["held"]["second_verdict"] == "fails" and lines["plain"]["second_verdict"] == ""


def test_what_is_left_out_is_not_counted_but_told(given):
    targets = given(number("one", "gap", 7.5), number("same", "gap", 7.5) + 'left_out = "repeats one"\n')
    assert "same" not in verdicts(targets)
    assert [(t.id, t.left_out) for t in targets.left_out] == [("same", "repeats one")]


@pytest.mark.parametrize(("value", "verdict"), [(10.4, "outside"), (10.6, "within"), (11.6, "outside")])
def test_absolute_tolerances_and_those_of_an_event(given, value, verdict):
    text = FILE.replace("[undecided]", '"gap@charge_end" = { absolute = 0.5 }\n[undecided]')
    row = verdicts(given(number("near", "gap", value, case="b"), text=text))["near"]
    assert (row.verdict, row.allowed) == (verdict, "0.5 nm")


def test_particles_and_several_cases_answer(given):
    found = verdicts(
        given(number("second", "gap", 5.0, case="twin_2"), number("most", "gap", 11.0, case="both"))
    )
    assert (found["second"].ours, found["most"].ours) == (5.0, 11.0)
    assert found["most"].estimate.n_seeds == 1  # the seeds that all of them have


def test_what_was_not_run_or_cannot_be_measured_says_so(given):
    targets = given(
        number("absent", "gap", 1.0, case="nobody"),
        number("odd", "mystery", 1.0),
        number("column", "strain", 1.0, case="b"),
    )
    found = verdicts(targets, code="there/measures.py")
    assert found["absent"].verdict == "not run"
    assert found["odd"].verdict == found["column"].verdict == "not measured"
    assert found["odd"].reason == (
        "mystery@charge_end: is neither declared nor registered; its code is in there/measures.py, "
        "give --laws there/measures.py"
    )
    assert found["column"].reason == "b, seed 1: the history has no column strain"
    assert (found["lost"].verdict, found["lost"].reason) == ("no verdict", "the data are gone")
    assert verdicts(targets, together())["grows"].verdict == "not run"


def test_registered_measures_and_trends_answer(given, named_law):
    named_law(MEASURES, "mystery", lambda run: 2 * run.at("gap", 3))
    named_law(TRENDS, "shrinks", of_each_seed("b", lambda run: (run.at("gap", 4) < 10, "seen")))
    found = verdicts(given(number("odd", "mystery", 15.1), trend("shrinks")))
    assert (found["odd"].verdict, found["odd"].ours) == ("uncertain", 15.0)
    assert (found["shrinks"].verdict, found["shrinks"].text) == ("holds", "seen (1 of 1 seeds)")


def test_csv_and_lines_for_the_terminal(given, tmp_path):
    entries = [number("far", "gap", 6.0), number("text", "gap", 7.5, figure="Abstract")]
    rows = table(given(*entries), RUNS, {"far": "of the moon"})
    write_verdicts(tmp_path / "t.csv", rows)
    lines = {line["id"]: line for line in csv.DictReader((tmp_path / "t.csv").read_text().splitlines())}
    assert (lines["far"]["ours"], lines["far"]["reported"]) == ("7.5", "6.0")
    assert lines["far"]["error"] == lines["far"]["seed_interval"] == "6.3531"
    assert lines["far"]["network_error"] == lines["far"]["step_error"] == ""
    assert (lines["far"]["difference_percent"], lines["far"]["reason"]) == ("25", "of the moon")
    assert lines["text"]["reason"] == ""
    assert list(counts(rows)) == ["Text", "Fig 3", "Fig S12"]
    assert summary_lines(rows)[:2] == ["Text     1 uncertain", "Fig 3    1 outside"]
    assert "far off: far: 7.5 nm, reported 6" in summary_lines(rows)


def test_figures_of_panels(given):
    names = ["Fig 2A", "Fig 2E-G", "Fig S7A-B", "Fig 3A,B", "text/3.3"]
    targets = given(*(number(f"t{i}", "gap", 1.0, figure=name) for i, name in enumerate(names)))
    assert [figure_of(t) for t in targets.targets[:5]] == ["Fig 2", "Fig 2", "Fig S7", "Fig 3", "Text"]
    assert figure_order(["Fig S2", "Fig 10", "Fig 2", "Text", "Fig S2"]) == [
        "Text",
        "Fig 2",
        "Fig 10",
        "Fig S2",
    ]


# --- files ---


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (number("x", "gap", 1.0, tolerance="shure"), r"x.tolerance = 'shure': did you mean sure\?"),
        (number("x", "gap", '"much"'), "x.value = 'much': must be a number"),
        (number("x", "gap", 1.0) + "colour = 3\n", "colour"),
        (number("lost", "gap", 1.0), "targets: 'lost' occurs twice"),
        (
            '[[trends]]\ntarget = "grovs"\nrising = ["a"]\nof = []\n',
            r"trends\[2\].target = 'grovs': did you mean",
        ),
        ('[[trends]]\ntarget = "grows"\nof = []\n', "needs one of rising, falling and alike"),
        ("[measures.bad]\nfactor = 2.0\n", "measures.bad: needs one of column, measure and ratio"),
        (
            "[classes.vague]\nrelative = 0.1\ndecades = 1.0\n",
            "classes.vague: needs either relative or decades",
        ),
    ],
)
def test_problems_of_the_file_are_told(given, entry, message):
    with pytest.raises(ConfigError, match=message):
        given(entry)


def test_reasons_name_targets_that_exist(given, tmp_path):
    targets = given()
    path = tmp_path / "reasons.toml"
    path.write_text('[one]\ntargets = ["grows"]\nwhy = "so"\n')
    assert read_reasons(path, targets) == {"grows": "so"}
    path.write_text('[one]\ntargets = ["grow"]\nwhy = "so"\n[two]\nwhy = "no"\n')
    with pytest.raises(ConfigError) as caught:
        read_reasons(path, targets)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["one.targets", "two"]


def test_the_example_of_the_documents_answers(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "paper.md").read_text(encoding="utf-8")
    path = tmp_path / "targets.toml"
    path.write_text(text.split("```toml\n")[1].split("```")[0])
    columns = {"lithium_mol": [0, 0, 0, 3.22e-12, 0]}
    runs = together(
        fake("slow", **columns, gap_mean_nm=[0, 0, 3, 2, 0]),
        fake("fast", **columns, gap_mean_nm=[0, 0, 4, 2, 0]),
    )
    found = verdicts(read_targets(path), runs)
    assert {name: row.verdict for name, row in found.items()} == {"li_end": "within", "gap_and_rate": "holds"}
