"""The summary page of a run: what is drawn, and that it can be read."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread
from matplotlib.text import Text

from latticecell import ConfigError
from latticecell.output.look import DPI, WIDTH_INCH, plain
from latticecell.output.plots import SHADES, summary, summary_figure

ROWS = 90


def made_up(breakable=True, stretch=1.0):
    """A charge, a hold and a discharge with smooth made-up columns."""
    time = np.linspace(5, 6100, ROWS) * stretch
    kind = np.array(["charge"] * 40 + ["hold"] * 10 + ["discharge"] * 40)
    depth = np.sin(np.pi * np.arange(ROWS) / ROWS)
    stoich = 0.97 - 0.54 * depth
    history = {
        "time_s": time,
        "kind": kind,
        "voltage_V": 3.6 + 0.7 * depth,
        "stoich_mean": stoich,
        "stoich_min": stoich - 0.05,
        "stoich_max": stoich + 0.03,
        "lithium_mol": stoich * 7.5e-12,
        "gap_mean_nm": 18 * depth**2,
        "gap_max_nm": 38 * depth**2,
        "von_mises_max_GPa": 2.2 * depth,
        "von_mises_p999_GPa": 1.7 * depth,
        "von_mises_p99_GPa": 1.2 * depth,
        "interface_damaged": np.zeros(ROWS),
        "interface_broken": np.zeros(ROWS),
        "gb_damaged": np.zeros(ROWS),
        "gb_broken": np.zeros(ROWS),
        "gb_opening_max_nm": np.zeros(ROWS),
    }
    if breakable:
        history["interface_damaged"] = np.maximum.accumulate(0.9 * depth)
        history["interface_broken"] = np.maximum.accumulate(0.8 * depth)
        history["gb_damaged"] = np.maximum.accumulate(0.6 * depth)
        history["gb_broken"] = np.maximum.accumulate(0.5 * depth)
        history["gb_opening_max_nm"] = 55 * depth
    return history


def curves(figure):
    """Curves by panel, in drawing order."""
    return {axes.get_label(): axes.get_lines() for axes in figure.axes}


def test_panels_hold_the_data_in_their_units():
    history = made_up()
    found = curves(summary_figure(history, "run"))
    expected = {
        "voltage": [history["voltage_V"]],
        "gap": [history["gap_max_nm"], history["gap_mean_nm"]],
        "stress": [history[f"von_mises_{k}_GPa"] for k in ("max", "p999", "p99")],
        "stoichiometry": [history[f"stoich_{k}"] for k in ("max", "mean", "min")],
        "lithium": [1e12 * history["lithium_mol"]],
        "damage": [history[k] for k in ("interface_damaged", "interface_broken", "gb_damaged", "gb_broken")],
        "opening": [history["gb_opening_max_nm"]],
    }
    assert found.keys() == expected.keys()
    for panel, columns in expected.items():
        assert len(found[panel]) == len(columns)
        for line, column in zip(found[panel], columns, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), history["time_s"])
            np.testing.assert_allclose(line.get_ydata(), column, rtol=1e-14)


def test_curves_of_a_panel_differ_in_colour_or_style():
    for panel, lines in curves(summary_figure(made_up(), "run")).items():
        looks = {(to_hex(line.get_color()), line.get_linestyle()) for line in lines}
        assert len(looks) == len(lines), panel


def test_without_damage_there_is_no_fifth_panel():
    figure = summary_figure(made_up(breakable=False), "run")
    assert set(curves(figure)) == {"voltage", "gap", "stress", "stoichiometry", "lithium"}
    tied = made_up()
    for name in ("gb_damaged", "gb_broken", "gb_opening_max_nm"):
        del tied[name]
    found = curves(summary_figure(tied, "run"))
    assert [line.get_label() for line in found["damage"]] == ["interface, damaged", "interface, broken"]
    assert "opening" not in found


def test_missing_columns_leave_out_their_curves():
    figure = summary_figure({"time_s": np.array([1.0, 2.0]), "voltage_V": np.array([3.7, np.nan])}, "run")
    found = curves(figure)
    assert {panel: len(lines) for panel, lines in found.items()} == {
        "voltage": 1,
        "gap": 0,
        "stress": 0,
        "stoichiometry": 0,
    }


def test_no_rows_are_refused(tmp_path):
    for history in ({}, {"time_s": np.empty(0)}):
        with pytest.raises(ConfigError, match="no rows"):
            summary(history, tmp_path / "a.png", "run")
    assert not list(tmp_path.iterdir())


def test_long_runs_are_shown_in_hours():
    history = made_up(stretch=10.0)
    figure = summary_figure(history, "run")
    voltage = figure.axes[0]
    assert voltage.get_xlabel() == "Time (h)"
    np.testing.assert_allclose(voltage.get_lines()[0].get_xdata(), history["time_s"] / 3600, rtol=1e-14)
    assert summary_figure(made_up(), "run").axes[0].get_xlabel() == "Time (s)"


def test_protocol_steps_are_shaded_where_they_are():
    history = made_up()
    figure = summary_figure(history, "run")
    time = history["time_s"]
    spans = [(time[0], time[39]), (time[39], time[49]), (time[49], time[89])]
    kinds = ("charge", "hold", "discharge")
    for axes in figure.axes:
        if axes.get_label() in ("lithium", "opening"):
            continue
        shades = [patch for patch in axes.patches if patch.get_visible()]
        assert len(shades) == 3
        for patch, (start, stop), kind in zip(shades, spans, kinds, strict=True):
            assert (patch.get_x(), patch.get_x() + patch.get_width()) == pytest.approx((start, stop))
            assert to_hex(patch.get_facecolor()) == SHADES[kind].lower()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(kinds)


@pytest.mark.parametrize("breakable", [True, False])
def test_nothing_is_clipped_and_the_axes_name_units(breakable):
    figure = summary_figure(made_up(breakable), "A run of $5 & {braces} with a name_that is rather long")
    figure.canvas.draw()
    page = figure.bbox
    for axes in figure.axes:
        assert axes.get_ylabel().endswith(")")
        for text in axes.findobj(Text):
            if text.get_text() and text.get_visible():
                assert text.get_fontsize() >= 7
        box = axes.get_tightbbox()
        assert box.x0 >= page.x0 - 0.5
        assert box.x1 <= page.x1 + 0.5
        assert box.y0 >= page.y0 - 0.5
        assert box.y1 <= page.y1 + 0.5


def test_dollar_signs_of_a_name_are_no_mathematics():
    name = "cost: $100_a (50%) $ \\$x$"
    figure = summary_figure(made_up(), name)
    (title,) = [text for text in figure.findobj(Text) if text.get_text() == plain(name) != name]
    raw = figure.text(0.1, 0.1, name, fontsize=title.get_fontsize(), parse_math=False)
    figure.canvas.draw()
    assert title.get_window_extent().width == pytest.approx(raw.get_window_extent().width)


def test_the_png_has_the_promised_size_and_shows_the_curves(tmp_path):
    summary(made_up(), tmp_path / "summary.png", "run")
    assert (tmp_path / "summary.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = imread(tmp_path / "summary.png")
    figure = summary_figure(made_up(), "run")
    width, height = (figure.get_size_inches() * DPI).round().astype(int)
    assert width == round(WIDTH_INCH * DPI)
    assert pixels.shape == (height, width, 4)
    colors = {to_hex(c) for c in np.unique(pixels[:, :, :3].reshape(-1, 3), axis=0)}
    used = {to_hex(line.get_color()) for lines in curves(figure).values() for line in lines}
    assert len(used) == 5
    assert used <= colors


def test_drawing_leaves_global_settings_alone(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    summary(made_up(), tmp_path / "summary.png", "run")
    assert dict(matplotlib.rcParams) == before
