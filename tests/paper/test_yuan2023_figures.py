"""Figures and page of the study of Yuan, Lu and Xu: drawn is what was run, beside what the paper prints."""

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from caseruns import alter, together
from cells import tiny
from latticecell import run
from latticecell.errors import OutputError
from latticecell.reader import resolved_toml
from latticecell.results import open_run
from latticecell.slicing import triangle_area
from latticecell.study import read_study, targets_page
from latticecell.study.caseruns import CaseRun, CaseRuns
from latticecell.study.estimates import Estimate
from latticecell.study.figures import draw_figures
from latticecell.study.panels import MOMENTS, Panels, cases_of
from latticecell.study.scoring import read_scale
from latticecell.study.targets import figure_of
from latticecell.study.verdicts import Row, worst
from pages import Page

SPEC = read_study(Path(__file__).parents[2] / "studies" / "yuan2023" / "study.toml")
SCALE = read_scale(SPEC)
TARGETS, PANELS = SCALE.targets, SCALE.panels
NAMES = [f"Fig {i}" for i in range(2, 7)] + [f"Fig S{i}" for i in range(1, 10)]
QUIET = TARGETS.model_copy(update={"targets": ()})


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("paper") / "r"
    run(tiny(), path)
    return CaseRun("baseline", 7, open_run(path))


@pytest.fixture(scope="module")
def study(plain):
    """Baseline with two seeds, a rate, two cases, a strength, two particles, a 1-D cell, two mesh levels."""
    voltage, gap = plain.column("voltage_V"), plain.column("gap_mean_nm")
    both = {f"{name}_p{i}": value for name, value in plain.run.history.items() for i in (1, 2)}
    return together(
        plain,
        alter(plain, "baseline", 8, voltage_V=voltage + 0.013, gap_mean_nm=1.7 * gap),
        *(alter(plain, case) for case in ("rate_2C", "het_Case2", "strength_50MPa")),
        alter(plain, "position", **both),
        alter(plain, "1D_0.1C", capacity_mAh_per_g=plain.column("charge_C") * 3.1e9),
        replace(alter(plain, "mesh_medium"), extra=True),
        replace(alter(plain, "mesh_coarse", gap_mean_nm=1.1 * gap), extra=True),
    )


@pytest.fixture(scope="module")
def drawn(study, code):
    return {figure.name: figure for figure in draw_figures(PANELS, study, TARGETS)}


def panel(figure, label, nth=0):
    return [axes for axes in figure.figure.axes if axes.get_label() == label][nth]


# --- layout ---------------------------------------------------------------------------------------


def letters(layout):
    """Letters of all panels of a layout."""
    found = set()
    for block in layout.blocks:
        found |= {part.letter for part in block.parts} | set(block.letters)
        found |= {block.cell.letter} if block.cell else set()
    return found


def test_every_panel_that_the_paper_speaks_of_is_drawn():
    plans = {layout.name: layout for layout in PANELS.figures}
    assert list(plans) == NAMES
    for target in TARGETS.results:
        if not target.figure.startswith("Fig "):
            continue
        spoken = re.sub(r"^Fig S?\d", "", target.figure)
        spoken = re.sub(r"(\w)-(\w)", lambda m: "".join(map(chr, range(ord(m[1]), ord(m[2]) + 1))), spoken)
        wanted = set(re.findall("[A-Z]", spoken))
        assert wanted <= letters(plans[figure_of(target)]), target.id


def test_figures_show_cases_of_the_study():
    known = {case.name for case in SPEC.cases}
    shown = {case for layout in PANELS.figures for case in cases_of(layout, PANELS)}
    assert shown == {case.name for case in SPEC.cases if not case.extra} - {"position_thick"}
    assert {table.group for table in PANELS.tables} <= {case.group for case in SPEC.cases}
    assert PANELS.reference in known


# --- curves ---------------------------------------------------------------------------------------


def lines(axes, label):
    return [line for line in axes.get_lines() if line.get_label() == label]


def test_curves_are_columns_of_the_history(study, drawn):
    run_ = study.first("baseline")
    (mean,) = lines(panel(drawn["Fig 2"], "B"), "mean")
    np.testing.assert_array_equal(mean.get_xdata(), run_.column("time_s"))
    np.testing.assert_array_equal(mean.get_ydata(), run_.column("gap_mean_nm"))
    (strain,) = lines(panel(drawn["Fig 3"], "C"), "1C")
    np.testing.assert_allclose(strain.get_xdata(), run_.column("time_s") / 1800)  # the tiny cell runs at 2C
    np.testing.assert_allclose(strain.get_ydata(), 100 * run_.column("volumetric_strain_min"))
    (second,) = lines(panel(drawn["Fig S9"], ""), "P2, nearer the collector")
    np.testing.assert_allclose(second.get_ydata(), 1e12 * run_.column("lithium_mol"))


def test_lines_of_a_panel_differ_in_colour_and_in_dashes():
    for layout in PANELS.figures:
        for block in layout.blocks:
            for one in block.panels:
                curves = PANELS.of(one)
                looks = {i if curve.look is None else curve.look for i, curve in enumerate(curves)}
                assert len(looks) == len(curves)


def test_a_band_spans_the_seeds(study, drawn):
    band = panel(drawn["Fig 2"], "B").collections[0]  # that of the mean is drawn first
    corners = band.get_paths()[0].vertices
    one, two = (run_.column("gap_mean_nm") for run_ in study.runs["baseline"])
    assert corners[:, 1].max() == pytest.approx(two.max(), rel=0.05) and two.max() > one.max()
    time = 0.6 * study.first("baseline").column("time_s")[-1]
    near = np.abs(corners[:, 0] - time) < 0.6
    expected = [np.interp(time, study.first("baseline").column("time_s"), values) for values in (one, two)]
    np.testing.assert_allclose([corners[near, 1].min(), corners[near, 1].max()], expected, rtol=0.02)
    assert "bands: range over the seeds" in drawn["Fig 2"].caption
    assert "bands" not in drawn["Fig 6"].caption
    (legend,) = drawn["Fig 2"].figure.subfigs[0].legends
    assert {"paper", "range over seeds"} <= {text.get_text() for text in legend.get_texts()}


def open_symbols(axes):
    spots = [line for line in axes.get_lines() if line.get_linestyle() == "None"]
    return {(float(line.get_xdata()[0]), round(float(line.get_ydata()[0]), 9)) for line in spots}


def test_values_of_the_paper_sit_at_their_events(study, drawn):
    run_ = study.first("baseline")
    time = run_.column("time_s")
    charged, discharged = time[run_.charge_end], time[run_.discharge_end]
    gaps = {(charged, 14.3), (charged, 55.0), (discharged, 0.255), (discharged, 0.889), (2200.0, 0.3)}
    assert gaps <= open_symbols(panel(drawn["Fig 2"], "B"))
    strain = open_symbols(panel(drawn["Fig 3"], "C"))
    assert (discharged / 1800, -0.3032) in strain
    voltage = open_symbols(panel(drawn["Fig 2"], "A"))
    ends = run_.at("voltage_V", run_.charge_end), run_.at("voltage_V", run_.discharge_end)
    assert voltage == {(3103.0, round(ends[0], 9)), (charged + 3008.0, round(ends[1], 9))}
    lost = run_.at("lithium_mol", 0) * 1e12 - 0.744
    assert (discharged, round(lost, 9)) in open_symbols(panel(drawn["Fig 4"], "B"))
    peaks = {value for _, value in open_symbols(panel(drawn["Fig 6"], "B"))}
    assert peaks == {26.93, 26.66}
    bound = [line for line in panel(drawn["Fig S8"], "A", 1).get_lines() if len(set(line.get_ydata())) == 1]
    assert any(line.get_ydata()[0] == pytest.approx(15.0) for line in bound)


def test_without_targets_nothing_is_marked(study):
    one = draw_figures(PANELS, CaseRuns({"rate_2C": study.runs["rate_2C"]}), QUIET)[1]
    assert not any(open_symbols(axes) for axes in one.figure.axes)
    assert "paper" not in one.caption


def test_capacity_is_counted_from_the_start_of_each_half_cycle(drawn, study):
    axes = panel(drawn["Fig S1"], "capacity")
    for name in ("charge", "discharge"):
        (line,) = lines(axes, name)
        assert line.get_xdata()[0] == 0.0
        assert (np.diff(line.get_xdata()) > 0).all()


# --- what is missing ------------------------------------------------------------------------------


def test_missing_cases_are_left_out_and_told(drawn):
    assert "Not run: rate_0.1C, rate_0.5C." in drawn["Fig 3"].caption
    assert "Not run" not in drawn["Fig 2"].caption
    assert len(panel(drawn["Fig 3"], "A").get_lines()) == 2 + len(open_symbols(panel(drawn["Fig 3"], "A")))


def test_an_empty_study_draws_notes():
    figures = draw_figures(PANELS, CaseRuns(), TARGETS)
    assert [figure.name for figure in figures] == NAMES
    for figure in figures:
        assert not figure.figure.axes
        assert "has been run" in figure.figure.texts[0].get_text()
        assert "Not run: " in figure.caption
    assert "Not run: position." in figures[4].caption


# --- sections -------------------------------------------------------------------------------------


def test_sections_show_their_moment_and_lie_in_z_and_y(study, drawn):
    run_ = study.first("baseline")
    for column, moment in enumerate(MOMENTS):
        shot = run_.run.snapshots.nearest(MOMENTS[moment](run_))
        title = panel(drawn["Fig 2"], f"E/0/{column}").get_title()
        assert title == f"{moment}\n{shot.time:.0f} s"
        (polygons,) = panel(drawn["Fig 2"], f"G/2/{column}").collections
        stress = shot["von_mises"][run_.run.mesh.is_grain_tet]
        assert set(np.asarray(polygons.get_array(), np.float32)) <= set(stress)
        middle = np.mean([p.vertices.mean(axis=0) for p in polygons.get_paths()], axis=0)
        np.testing.assert_allclose(middle, 7.5, atol=0.5)


def test_the_surface_is_half_a_sphere(study, drawn):
    (triangles,) = panel(drawn["Fig 5"], "E/0/0").collections
    area = triangle_area(np.array([p.vertices[:3] for p in triangles.get_paths()])).sum()
    assert area == pytest.approx(np.pi * 25, rel=0.08)
    run_ = study.first("strength_50MPa")
    stress = run_.run.snapshots.nearest(MOMENTS["charge, end"](run_))["von_mises"]
    values = np.asarray(triangles.get_array())
    assert values.min() > 0 and values.max() <= stress.max()


def test_the_whole_cell_is_covered(drawn):
    axes = panel(drawn["Fig 2"], "D")
    assert (axes.get_xlim(), axes.get_ylim()) == ((0.0, 30.0), (0.0, 15.0))
    # in the picture no background shines through inside the box
    figure = drawn["Fig 2"].figure
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    buffer.seek(0)
    pixels = imread(buffer)[:, :, :3]
    (x0, y0), (x1, y1) = axes.get_window_extent().get_points()
    tile = pixels[int(len(pixels) - y1) + 3 : int(len(pixels) - y0) - 3, int(x0) + 3 : int(x1) - 3]
    lines_of_cell = (tile.min(axis=2) > 0.85).mean()
    assert lines_of_cell < 0.05  # the white outline and border only


def test_figures_fit_their_page_and_can_be_read(drawn):
    for figure in drawn.values():
        assert figure.figure.get_figwidth() == pytest.approx(7.1)
        assert figure.figure.get_figheight() < 10.0
    for name in ("Fig 2", "Fig 5", "Fig S8"):
        canvas = drawn[name].figure
        canvas.canvas.draw()
        for axes in canvas.axes:
            box = axes.get_tightbbox()
            assert box.x0 >= -2 and box.x1 <= canvas.bbox.x1 + 2
            assert box.y0 >= -2 and box.y1 <= canvas.bbox.y1 + 2
            assert all(text.get_fontsize() >= 7 for text in axes.findobj(Text) if text.get_text())


# --- convergence ----------------------------------------------------------------------------------


def test_levels_go_from_coarse_to_fine(study, code):
    mesh, step = code.panels.refinements(study)
    assert {run_.case for _, run_ in mesh.levels} == {"mesh_coarse", "mesh_medium"} and step.levels == ()
    headline = code.panels.HEADLINES[0]
    run_ = study.first("baseline")
    ordered = code.panels.Refinement("network", "", ((3.0, run_), (2.0, run_)))
    assert ordered.last_change(headline) == 0.0
    assert np.isnan(step.last_change(headline))
    gap = code.panels.HEADLINES[2]
    values = [gap.of(run_) for _, run_ in mesh.levels]
    assert mesh.last_change(gap) == abs(values[1] - values[0]) > 0
    figure = code.panels.convergence_figure([mesh])
    assert figure.get_figheight() < 10.0 and len(figure.axes) == 6


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (14.263, 0.83, "14.3 ± 0.8"),
        (14.263, 0.97, "14 ± 1"),
        (3103.4, 22.0, "3100 ± 20"),
        (0.66912, 0.00314, "0.669 ± 0.003"),
        (2.7, float("nan"), "2.7"),
        (2.7, 0.0, "2.7"),
    ],
)
def test_numbers_keep_the_digits_that_are_known(code, value, error, text):
    assert code.panels.quotable(value, error) == text


# --- the page -------------------------------------------------------------------------------------


def rows_of(study):
    """One row for each target, with verdicts of all kinds, and text that needs escaping."""
    found = []
    for i, target in enumerate(TARGETS.results):
        if target.kind == "number":
            ours = float(target.value) * (1.04 if i % 3 else 5.0)
            verdict = "within" if i % 3 else "outside"
            ranked = TARGETS.classes[target.tolerance].ranked
            change = ours / float(target.value) - 1
            found_one = Estimate(ours, None, None, 0.01 * abs(ours), None, 2)
            row = Row(target, found_one, "", change, verdict, "25 %", ranked=ranked)
        else:
            verdict = ("holds", "fails", "not run", "no verdict")[i % 4]
            row = Row(target, None, "3.1 < 4.2 & more", None, verdict)
        found.append(replace(row, reason="because <b>it</b> is so") if row.missed else row)
    return found


ABOUT = {"version": "7.3.1", "resolution": "tiny", "seeds": "7, 8", "missing": "<none>"}


@pytest.fixture(scope="module")
def written(study, code, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "targets.html"
    targets_page.write_page(path, TARGETS, PANELS, study, rows_of(study), ABOUT)
    return path.read_text(encoding="utf-8")


def test_the_page_stands_alone_and_its_links_lead_somewhere(written):
    parsed = Page(written)
    assert parsed.open == []
    assert not {"script", "link", "iframe", "b"} & set(parsed.tags)
    assert len(set(parsed.ids)) == len(parsed.ids)
    inside = {source[1:] for source in parsed.sources if source.startswith("#")}
    assert inside and inside <= set(parsed.ids)
    images = [source for source in parsed.sources if not source.startswith("#")]
    assert len(images) == len(NAMES) + 1  # convergence
    assert all(source.startswith("data:image/png;base64,") for source in images)
    assert "http" not in re.sub(r"base64,[^\"]*", "", written)


def test_the_page_tells_every_row_and_the_way_it_was_made(study, written):
    text = Page(written).text
    rows = rows_of(study)
    for verdict in targets_page.TONES:
        expected = sum(row.verdict == verdict for row in rows) + (
            sum(row.verdict == verdict for row in worst(rows))
        )
        assert text.count(f"\n{verdict}\n") == expected, verdict
    for value in (*ABOUT.values(), "because <b>it</b> is so".capitalize() + ".", "3.1 < 4.2 & more"):
        assert value in text
    assert resolved_toml(study.first("baseline").run.config) in text
    for heading in ("Summary", "Furthest off", "Numbers and trends", "Figures", "Convergence", "The unknowns",
                    "Parameters", "Runs", "Digits that mean something"):  # fmt: skip
        assert f"\n{heading}\n" in text
    worst_balance = np.abs(study.first("baseline").column("energy_balance")).max()
    assert f"\n{worst_balance:.1e}\n" in text
    assert str(study.first("baseline").run.info["started"]) not in text


def test_the_summary_counts_add_up(study):
    rows = rows_of(study)
    last = Page(targets_page.summary_table(rows)).text.split("\nall\n")[1].split()
    assert sum(map(int, last)) == len(rows)


def test_a_page_without_runs_says_so(code, tmp_path):
    targets_page.write_page(tmp_path / "a.html", TARGETS, PANELS, CaseRuns(), [], {})
    text = Page((tmp_path / "a.html").read_text(encoding="utf-8")).text
    for told in ("No number was run.", "The case baseline has not been run.", "No run is finished."):
        assert told in text
    with pytest.raises(OutputError, match="cannot be written"):
        targets_page.write_page(tmp_path / "a.html" / "b.html", TARGETS, Panels(), CaseRuns(), [], {})


def test_overrides_are_told_relative_to_the_baseline(plain):
    config = tiny(interface={"strength_MPa": 51.0}, geometry={"cathode_um": 17.0})
    other = alter(plain, "strength_50MPa", config=config)
    aside = replace(alter(plain, "mesh_fine", config=config), extra=True)
    text = Page(targets_page.parameters(together(plain, other, aside), PANELS)).text
    changes = text.split("baseline in full")[0]
    assert "mesh_fine" not in changes
    assert re.findall(r"\n([a-z_]+\.[\w.]+)\n", changes) == ["geometry.cathode_um", "interface.strength_MPa"]
    assert "\n15.0\n\n17.0\n" in changes or "\n15.0\n17.0\n" in changes


def test_every_quantity_has_a_readable_name():
    for target in TARGETS.results:
        name = targets_page.quantity_name(target.quantity, TARGETS)
        assert "_" not in name and name.strip() == name
