"""The page of targets: how it writes numbers, what panels show of a source and what they refuse."""

import csv

import numpy as np
import pytest

from caseruns import fake, together
from latticecell import ConfigError
from latticecell.registry import load
from latticecell.study import MEASURES, PANELS, SECTIONS, study_from_table, targets_page
from latticecell.study.figures import draw_figures
from latticecell.study.panels import read_panels
from latticecell.study.scoring import read_scale, write_scores
from latticecell.study.targets import read_targets
from latticecell.study.verdicts import table
from pages import Page

TARGETS = """
title = "A report <1>"
source = "report"
code = "own.py"
[classes.sure]
about = "it is"
relative = 0.02
[judged]
D_all = { bound = "at most" }
[answers]
all = { cases = ["a", "b"], combine = "max" }
[measures]
D = { column = "gap_mean_nm" }
D_all = { column = "gap_mean_nm", at = "cycle_peak" }
"""
PANELS_FILE = """
code = ["Own"]
[quantities.gap]
column = "gap_mean_nm"
label = "Gap (pm)"
factor = 1e3
target = "D"
target_factor = 1e3
missing = "dD"
[quantities]
bound = { column = "gap_mean_nm", label = "Gap (nm)", target = "D_all" }
[curves]
both = [{ case = "a", label = "A", points = "a.csv" }, { case = "b", label = "B" }]
[[figures]]
name = "Fig 7"
title = "Gaps"
[[figures.blocks]]
panels = [
  { letter = "A", quantity = "gap", curves = "both" }, { letter = "B", quantity = "bound", curves = "both" },
]
[[figures.blocks]]
code = "own"
case = "a"
[[tables]]
title = "Others"
group = "extra"
csv = "others.csv"
prefix = "try_"
columns = [
  { title = "gap", column = "gap_mean_nm", at = "end", format = "{:.1f}" },
  { title = "own", measure = "X@end" },
]
"""


def target(name, quantity, value, event, case="a"):
    return (
        f'[[targets]]\nid = "{name}"\nfigure = "Fig 7A"\ncase = "{case}"\nquantity = "{quantity}"\n'
        f'event = "{event}"\nvalue = {value}\nunit = "nm"\nkind = "number"\ntolerance = "sure"\n'
    )


@pytest.fixture(name="folder")
def folder_fixture(tmp_path):
    entries = (
        target("end", "D", 7.7, "charge_end"), target("peak", "D", 8.8, "charge_peak"),
        target("mid", "D", 2.2, "t=1500s"),
        target("lost", "dD", 0.5, "discharge_end"), target("most", "D_all", 12.0, "cycle", "all"),
        target("other", "D", 9.9, "charge_end", "b"), target("mystery", "X", 1.0, "end"),
    )  # fmt: skip
    (tmp_path / "targets.toml").write_text(TARGETS + "".join(entries))
    (tmp_path / "panels.toml").write_text(PANELS_FILE)
    (tmp_path / "a.csv").write_text("time (s),gap (pm)\n250.0,33.5\n1750,44\n")
    (tmp_path / "own.py").write_text("raise SystemExit('named in a file, and run')\n")
    return tmp_path


RUNS = together(
    fake("a", gap_mean_nm=[1, 2, 8, 7, 0.5], voltage_V=[3, 4, 4, 4, 3]),
    fake("b", gap_mean_nm=[0, 1, 2, 11, 9], voltage_V=[3, 4, 4, 4, 3]),
)


def spots(axes):
    marks = [line for line in axes.get_lines() if line.get_linestyle() == "None"]
    return {(float(line.get_xdata()[0]), round(float(line.get_ydata()[0]), 6)) for line in marks}


def test_the_source_is_marked_at_its_events_and_points(folder):
    panels, targets = read_panels(folder / "panels.toml"), read_targets(folder / "targets.toml")
    (drawn,) = draw_figures(panels, RUNS, targets)
    first, second = drawn.figure.axes[:2]
    (line,) = [line for line in first.get_lines() if line.get_label() == "A"]
    np.testing.assert_allclose(line.get_ydata(), 1e3 * RUNS.first("a").column("gap_mean_nm"))
    at_events = {(3000.0, 7700.0), (2000.0, 8800.0), (1500.0, 2200.0), (5900.0, 500.0), (3000.0, 9900.0)}
    assert spots(first) == at_events | {(250.0, 33.5), (1750.0, 44.0)}
    levels = {line.get_ydata()[0] for line in second.get_lines() if len(set(line.get_ydata())) == 1}
    assert 12.0 in levels
    assert "Open symbols: values of the report." in drawn.caption
    assert "Not drawn: study.panels = 'own'" in drawn.caption


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'curves = "both" }, {',
            'curves = "bot" }, {',
            r"Fig 7, block 1: curves = 'bot': did you mean both\?",
        ),
        ('quantity = "bound"', 'quantity = "band"', r"quantity = 'band': did you mean bound\?"),
        ('case = "a"\n[[tables', "[[tables", "Fig 7, block 2: code needs the case that it draws"),
        ('code = "own"\n', "", "Fig 7, block 2: needs one of panels, tiles, cell and code"),
        ('label = "B"', 'lable = "B"', "lable"),
    ],
)
def test_what_panels_cannot_be_is_told(folder, old, new, message):
    assert old in PANELS_FILE
    (folder / "panels.toml").write_text(PANELS_FILE.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        read_panels(folder / "panels.toml")


def test_files_run_no_code_and_the_page_says_what_they_lack(folder):
    """``own.py`` is named by the targets, and would end the test if it ran."""
    spec = study_from_table({"base": "x.toml", "targets": "targets.toml", "panels": "panels.toml"}, folder)
    scale = read_scale(spec)
    rows = {row.target.id: row for row in table(scale.targets, RUNS, {}, scale.code)}
    assert rows["mystery"].reason.endswith(f"give --laws {folder / 'own.py'}")
    lines = write_scores(scale, [], folder, spec, "coarse")
    assert lines[-1] == "wrote targets.csv, targets.html"
    text = Page((folder / "targets.html").read_text(encoding="utf-8")).text
    for told in (
        "A report <1>",
        "coarse",
        "study.sections = 'Own'",
        "give --laws",
        "None was run:",
        "Sure: it is.",
    ):
        assert told in text
    verdicts = {
        row["id"]: row["verdict"] for row in csv.DictReader((folder / "targets.csv").read_text().splitlines())
    }
    assert verdicts["mystery"] == "not measured" and verdicts["end"] == "not run"


def test_code_given_explicitly_measures_and_draws(folder):
    (folder / "own.py").write_text(
        "from latticecell.study import MEASURES, PANELS, SECTIONS\n"
        "MEASURES.register('X', lambda run: 1.01)\n"
        "PANELS.register('own', lambda part, run: part.add_subplot(label='drawn'))\n"
        "SECTIONS.register('Own', lambda runs: f'<p>{len(runs.runs)} cases</p>')\n"
    )
    module = load(str(folder / "own.py"))
    try:
        assert load(str(folder / "own.py")) is module
        panels, targets = read_panels(folder / "panels.toml"), read_targets(folder / "targets.toml")
        (drawn,) = draw_figures(panels, RUNS, targets)
        assert "drawn" in {axes.get_label() for axes in drawn.figure.axes}
        rows = {row.target.id: row for row in table(targets, RUNS, {})}
        assert rows["mystery"].verdict == "within"
        targets_page.write_page(folder / "t.html", targets, panels, RUNS, list(rows.values()), {})
        assert "\n2 cases\n" in Page((folder / "t.html").read_text(encoding="utf-8")).text
    finally:
        for registry in (MEASURES, PANELS, SECTIONS):
            for name in registry.registered():
                registry.remove(name)


def test_tables_of_cases_have_a_dash_where_nothing_is_measured(folder):
    (others,) = read_panels(folder / "panels.toml").tables
    run = fake("try_b", gap_mean_nm=[0, 1, 2, 11, 9])
    extra = run.__class__(run.case, 1, run.run, "a try", "extra", True)
    rows = targets_page.case_rows(
        others, read_targets(folder / "targets.toml"), together(*RUNS.runs["a"], extra)
    )
    assert rows == [("b", "a try", "9.0", "–")]
    assert targets_page.case_heads(others) == ("case", "what", "gap", "own")


def test_differences_are_percents_or_factors():
    shown = [targets_page.percent(d).replace("\u00a0", " ") for d in (0.0412, -0.25, 15.4, None)]
    assert shown == ["+4.1 %", "−25.0 %", "× 16", "–"]


def test_keys_of_nested_tables_are_dotted_paths():
    table = {"a": {"b": [{"c": 1}, {"c": [2, 3]}]}}
    assert targets_page.numbered(table) == {"a.b[1].c": 1, "a.b[2].c": [2, 3]}
