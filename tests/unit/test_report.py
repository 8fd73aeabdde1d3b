"""Reports: exact cuts, numbers of the digest, figures that show the data, a page that stands alone."""

import base64
import io
import json
import re
import shutil

import matplotlib
import numpy as np
import pytest
import typer
from matplotlib.colors import rgb_to_hsv
from matplotlib.image import imread
from matplotlib.text import Text
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from cells import tiny
from latticecell import ConfigError, run
from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.output import RunDirectory
from latticecell.report import digest, figures, html, report_command, write_report
from latticecell.report.gallery import Section, gallery
from latticecell.report.section import cut, periodic_cut, polygon_area
from networks import box_network
from pages import Page
from rundirs import CONFIG, SIZE, extra_fields, make_network, random_state, row, started


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tiny(), tmp_path_factory.mktemp("run") / "r")


# --- cuts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("at", [0.31, 0.65, 1.2999, 0.0001])
def test_cuts_of_tets_cover_the_plane_once(tmp_path, axis, at):
    """Also where the plane passes through faces (0.65) and through tets that reach over a periodic side."""
    started(tmp_path / "r", make_network(), snapshots=1)
    reader = RunDirectory.open(tmp_path / "r").fields()
    found = periodic_cut(reader.points[reader.tets], axis, at, reader.box, reader.box / 2)
    expected = np.prod(np.delete(1e6 * SIZE, axis))
    np.testing.assert_allclose(polygon_area(found.position).sum(), expected, rtol=1e-9)


def test_linear_fields_come_out_exactly(rng_points=40):
    rng = np.random.default_rng(31)
    for corners, edges in ((4, 4), (3, 2)):
        x = rng.normal(size=(rng_points, corners, 3))
        found = cut(x, 1, 0.173)
        assert len(found.index) > rng_points / 4
        assert found.position.shape == (len(found.index), edges, 2)
        slope = np.array([0.7, -1.9, 3.1])
        exact = 0.173 * slope[1] + found.position @ slope[[0, 2]] + 5.3
        np.testing.assert_allclose(found.interpolate(x @ slope + 5.3), exact, rtol=1e-10)


def test_polygons_are_convex_and_inside_their_tet():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(300, 4, 3))
    found = cut(x, 2, 0.05)
    for index, polygon in zip(found.index, found.position, strict=True):
        corners = np.column_stack([polygon, np.full(4, 0.05)])
        inverse = np.linalg.inv(np.column_stack([x[index], np.ones(4)]).T)
        assert (inverse @ np.column_stack([corners, np.ones(4)]).T > -1e-9).all()
        step = np.roll(polygon, -1, axis=0) - polygon
        after = np.roll(step, -1, axis=0)
        turn = step[:, 0] * after[:, 1] - step[:, 1] * after[:, 0]
        assert (turn >= -1e-12).all() or (turn <= 1e-12).all()


def test_the_section_of_a_sphere_has_the_area_and_rim_of_a_disc(finished):
    reader = finished.fields()
    section = Section.of(reader, np.array([7.5, 7.5, 7.5]), 5.0)
    area = polygon_area(section.tets.position[section.grain]).sum()
    rim = reader.bond_kind[reader.facets[section.facets.index, 0]] == INTERFACE_BOND
    length = np.linalg.norm(np.diff(section.facets.position, axis=1)[:, 0], axis=1)
    np.testing.assert_allclose(area, np.pi * 25, rtol=0.08)
    np.testing.assert_allclose(length[rim].sum(), 2 * np.pi * 5, rtol=0.08)
    radius = np.linalg.norm(section.facets.position - 7.5, axis=2)
    assert 4.9 < radius.max() < 5.1


def test_a_particle_across_the_side_is_put_together(tmp_path):
    """The same network, cut around its centre and around a centre at the periodic corner."""
    started(tmp_path / "r", make_network(), snapshots=1)
    reader = RunDirectory.open(tmp_path / "r").fields()
    center = np.array([0.0, 0.0, 0.5])
    found = periodic_cut(reader.points[reader.tets], 0, 0.0, reader.box, center)
    middle = found.position[:, :, 0].mean(axis=1)
    assert np.abs(middle).max() <= reader.box[1] / 2
    assert middle.min() < -0.4 and middle.max() > 0.4
    np.testing.assert_allclose(polygon_area(found.position).sum(), reader.box[1] * reader.box[2], rtol=1e-9)


# --- numbers --------------------------------------------------------------------------------------


def made_up():
    """Two cycles of charge, hold, discharge at awkward rates; a row at rest first."""
    plan = [(1, 1, "charge", 3.0), (1, 2, "hold", 1.1), (1, 3, "discharge", -2.7)]
    plan += [(2, 1, "charge", 2.9), (2, 2, "hold", 0.7), (2, 3, "discharge", -3.1)]
    rows = [(1, 1, "charge", 0.0, 0.0, 0.0)]
    time = charge = 0.0
    for cycle, step, kind, current in plan:
        for dt in (7.0, 13.0, 5.0):
            time, charge = time + dt, charge + current * dt
            rows.append((cycle, step, kind, time, dt, charge))
    names = ("cycle", "step", "kind", "time_s", "dt_s", "charge_C")
    history = {name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
    return {name: v if name == "kind" else v.astype(float) for name, v in history.items()}


def test_cycles_are_summed_by_the_direction_of_the_current():
    first, second = digest.cycle_summaries(made_up(), finished=True)
    assert (first.charge_time, first.discharge_time) == (50.0, 25.0)
    assert first.charge_capacity == pytest.approx(25 * 4.1)
    assert first.discharge_capacity == pytest.approx(25 * 2.7)
    assert first.efficiency == pytest.approx(2.7 / 4.1)
    assert second.charge_capacity == pytest.approx(25 * 3.6)
    assert second.efficiency == pytest.approx(3.1 / 3.6)


def test_an_unfinished_cycle_has_no_efficiency():
    first, second = digest.cycle_summaries(made_up(), finished=False)
    assert first.efficiency is not None and second.efficiency is None
    charging = {name: values[:4] for name, values in made_up().items()}
    (only,) = digest.cycle_summaries(charging, finished=True)
    assert only.discharge_time is only.discharge_capacity is only.efficiency is None


def test_stages_start_where_the_one_before_ended():
    spans = digest.stage_spans(made_up())
    order = [(1, "charge"), (2, "hold"), (3, "discharge")]
    assert [(s.cycle, s.step, s.kind) for s in spans] == [(c, *kind) for c in (1, 2) for kind in order]
    assert [(s.before, s.first, s.last) for s in spans[:3]] == [(0, 0, 3), (3, 4, 6), (6, 7, 9)]


def test_moments_are_the_nearest_snapshots():
    times = np.array([0.0, 14.0, 24.0, 51.0, 63.0, 75.0, 90.0, 149.0])
    found = digest.moments(made_up(), times, 1, finished=True)
    assert [(m.label, m.wanted, m.time, m.snapshot) for m in found] == [
        ("charge, begin", 0.0, 0.0, 0),
        ("charge, middle", 12.5, 14.0, 1),
        ("charge, end", 25.0, 24.0, 2),
        ("discharge, middle", 62.5, 63.0, 4),
        ("discharge, end", 75.0, 75.0, 5),
    ]
    later = digest.moments(made_up(), times, 2, finished=False)
    assert [m.label for m in later] == [
        "charge, begin", "charge, middle", "charge, end", "discharge, middle", "discharge, last",
    ]  # fmt: skip
    assert later[0].wanted == 75.0
    assert digest.moments(made_up(), times, 3, finished=True) == []
    only_holds = {name: v[4:7] for name, v in made_up().items()}
    assert [m.label for m in digest.moments(only_holds, times, 1, finished=True)] == [
        "cycle 1, begin", "cycle 1, middle", "cycle 1, end",
    ]  # fmt: skip


def test_the_audit_judges_a_good_run_and_its_spoilt_copies(finished):
    config, history = finished.config(), finished.history()
    checks = {check.name: check for check in digest.audit(history, config)}
    assert not [check for check in checks.values() if check.passed is False]
    assert checks["Li balance"].worst == np.abs(history["lithium_balance"]).max()
    assert checks["energy balance"].passed is None
    spoils = {
        "lithium_balance": ("Li balance", -2e-9),
        "stoich_min": ("stoichiometry range", -1e-6),
        "stoich_max": ("stoichiometry range", 1 + 1e-6),
        "equilibrium_residual": ("equilibrium residual", 2e-4),
        "dissipated_J": ("dissipated never falls", -1.0),
        "gb_broken": ("grain-boundary broken never falls", -0.1),
    }
    for column, (name, value) in spoils.items():
        spoilt = {**history, column: history[column].copy()}
        spoilt[column][-2] = value
        failed = [check.name for check in digest.audit(spoilt, config) if check.passed is False]
        assert name in failed, column


# --- figures --------------------------------------------------------------------------------------


def panel(figure, label):
    (axes,) = [axes for axes in figure.axes if axes.get_label() == label]
    return axes


def test_crack_areas_are_fractions_times_the_area_of_the_class(finished):
    reader, history = finished.fields(), dict(finished.history())
    rows = len(history["time_s"])
    for name in ("interface_damaged", "interface_broken", "interface_open", "gb_damaged", "gb_broken"):
        history[name] = np.linspace(0, len(name) / 20, rows)
    figure = figures.crack_area(history, reader)
    area = figures.bond_area(reader)
    np.testing.assert_allclose(area.sum(), reader.facet_area.sum(), rtol=1e-12)
    for label, prefix, kind, count in (
        ("particle surface", "interface", INTERFACE_BOND, 3),
        ("grain boundaries", "gb", GB_BOND, 2),
    ):
        lines = panel(figure, label).get_lines()
        assert len(lines) == count
        total = area[reader.bond_kind == kind].sum()
        for line, what in zip(lines, ("damaged", "broken", "open"), strict=False):
            np.testing.assert_allclose(line.get_ydata(), total * history[f"{prefix}_{what}"], rtol=1e-12)
            np.testing.assert_array_equal(line.get_xdata(), history["time_s"])


class Openings:
    """Reader of made-up openings: one facet for each class."""

    facets = np.array([[0, 1, 2], [3, 4, 5]])
    facet_area = np.array([0.9, 2.4])
    bond_kind = np.array([GB_BOND] * 3 + [INTERFACE_BOND] * 3)
    gaps = np.array([[0.3, 4.7, 11.0, 2.0, 2.0, -0.2], [0.0, 1.4, 0.0, 0.0, 0.0, 0.0]])

    def bond(self, name, step):
        assert name == "gap_nm"
        return self.gaps[step]


def test_openings_are_weighted_with_area():
    ends = [digest.Moment("charge, end", 9.0, 9.0, 0), digest.Moment("discharge, end", 18.0, 18.0, 1)]
    figure = figures.openings(Openings(), ends)
    for label, expected, texts in (
        ("grain boundaries", (0.6, 0.3), ["charge, end: 66.7 % open", "discharge, end: 33.3 % open"]),
        ("particle surface", (1.6,), ["charge, end: 66.7 % open", "discharge, end: none open"]),
    ):
        axes = panel(figure, label)
        steps = [patch for patch in axes.patches if not patch.get_fill()]
        assert [patch.get_data().values.sum() for patch in steps] == pytest.approx(list(expected))
        assert {text.get_text() for text in axes.get_legend().get_texts()} == set(texts)
    values, edges, _ = panel(figure, "grain boundaries").patches[0].get_data()
    for gap in (4.7, 11.0):
        assert values[min(np.searchsorted(edges, gap, side="right") - 1, len(values) - 1)] == pytest.approx(
            0.3
        )


def test_pole_projection_preserves_area_and_forgets_the_sign():
    directions = Rotation.random(40000, rng=np.random.default_rng(5)).as_matrix()[:, :, 2]
    spot = figures.pole_projection(directions)
    np.testing.assert_allclose(spot, figures.pole_projection(-directions), atol=1e-15)
    radius = np.linalg.norm(spot, axis=1)
    assert radius.max() <= 1 + 1e-12
    np.testing.assert_allclose((radius < np.sqrt(0.3)).mean(), 0.3, atol=0.01)
    pole, equator = figures.pole_projection(np.array([[0.0, 0.0, -1.0], [0.6, 0.8, 0.0]]))
    np.testing.assert_allclose([*pole, *equator], [0, 0, 0.6, 0.8], atol=1e-15)


def test_tilts_are_binned_by_volume():
    turn = Rotation.from_rotvec(np.radians([[0, a, 0] for a in (5, 85, 85, 45.1)])).as_matrix()
    radial = np.tile([0.0, 0.0, -1.0], (4, 1))
    figure = figures.orientations(turn, np.array([1.0, 2.0, 4.0, 3.0]), radial)
    (stairs,) = panel(figure, "tilt").patches
    np.testing.assert_allclose(stairs.get_data().values, [10, 0, 0, 0, 30, 0, 0, 0, 60])


# --- gallery --------------------------------------------------------------------------------------


def split_in_y(center):
    y, z = center[:, 1], center[:, 2]
    return np.where(z < 0.7e-6, (y > 0.65e-6).astype(int), np.where(z < 1.4e-6, 2, 3))


@pytest.fixture(scope="module")
def cracked(tmp_path_factory):
    """A reader whose grain boundary at y = 0.65 um breaks between snapshots 0 and 1, and nothing else."""
    rotations = Rotation.random(2, rng=np.random.default_rng(3)).as_matrix()
    network = box_network((4, 4, 6), SIZE, split_in_y, rotations, fixed=lambda x: np.full(len(x), True))
    path = tmp_path_factory.mktemp("cracked") / "r"
    directory = RunDirectory.create(path, CONFIG, network, threads=1)
    directory.append_row(row(0))
    y = network.x_nc[network.bond_bn[:, 0], 1]
    crack = (network.kind_b == GB_BOND) & (np.abs(y - 0.65e-6) < 1e-9)
    assert 0 < crack.sum() < len(crack)
    for i in range(2):
        state = random_state(network, i + 1)
        state.gap_b[...] = np.where(crack, 23e-9 * i, -1e-10)
        fields = {**extra_fields(network, i), "broken_b": (crack & (i == 1)).astype(float)}
        directory.write_fields(state, fields, 3.7 * i)
    return directory.fields()


SHOWN = [digest.Moment("charge, begin", 0.0, 0.0, 0), digest.Moment("charge, end", 3.7, 3.7, 1)]


@pytest.fixture(scope="module")
def drawn(cracked):
    section = Section.of(cracked, np.array([0.4, 0.65, 0.6]), 0.5)
    figure = gallery(cracked, section, SHOWN, [3.0, 4.3])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200)
    buffer.seek(0)
    return section, figure, imread(buffer)[:, :, :3]


def test_only_the_broken_boundary_is_coloured(drawn):
    """The crack is the plane y = 0.65 um below z = 0.7 um: its trace is a line of 0.7 um there."""
    _, figure, _ = drawn
    for column, length in ((0, 0.0), (1, 0.7)):
        traces, opened = panel(figure, f"cracks/{column}").collections
        segments = np.array(opened.get_segments()).reshape(-1, 2, 2)
        assert np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1).sum() == pytest.approx(
            length, rel=1e-6
        )
        np.testing.assert_allclose(segments[:, :, 0], 0.65, atol=1e-6)
        np.testing.assert_allclose(opened.get_array(), 23.0, rtol=1e-5)
        assert len(traces.get_segments()) > len(segments)


def test_pixels_of_the_crack_lie_where_it_projects(drawn):
    _, figure, pixels = drawn
    height = len(pixels)
    scale = 200 / figure.dpi
    for column, cracked_here in ((0, False), (1, True)):
        axes = panel(figure, f"cracks/{column}")
        (x0, y0), (x1, y1) = axes.get_window_extent().get_points() * scale
        tile = pixels[int(height - y1) + 1 : int(height - y0), int(x0) + 1 : int(x1)]
        _, saturation, value = np.moveaxis(rgb_to_hsv(tile), -1, 0)
        ink = (saturation > 0.15) | (value < 0.5)
        if not cracked_here:
            assert not ink.any()
            continue
        rows, columns = np.nonzero(ink)
        low, high = axes.get_xlim()
        y = low + (columns + 0.5) / tile.shape[1] * (high - low)
        bottom, top = axes.get_ylim()
        z = top - (rows + 0.5) / tile.shape[0] * (top - bottom)
        assert np.abs(y - 0.65).max() < 0.03
        assert z.max() < 0.7 + 0.03
        assert z.max() > 0.66 and z.min() < max(bottom, 0.0) + 0.05
        assert len(np.unique(rows)) == rows.max() - rows.min() + 1  # a line without holes


def test_sections_show_the_fields_of_their_moment(cracked, drawn):
    section, figure, _ = drawn
    for column, moment in enumerate(SHOWN):
        expected = {
            "stoichiometry": section.tets.interpolate(
                cracked.point("stoichiometry", moment.snapshot)[cracked.tets]
            ).mean(axis=1),
            "volumetric strain": 100 * cracked.tet("volumetric_strain", moment.snapshot)[section.tets.index],
            "von Mises": cracked.tet("von_mises_GPa", moment.snapshot)[section.tets.index],
        }
        for name, values in expected.items():
            (polygons,) = panel(figure, f"{name}/{column}").collections
            np.testing.assert_allclose(polygons.get_array(), values[section.grain], rtol=1e-6)
            assert len(polygons.get_paths()) == section.grain.sum()
    strain = panel(figure, "volumetric strain/1").collections[0].norm
    assert strain.vmin == -strain.vmax


def test_galleries_fit_their_page_and_can_be_read(drawn):
    _, figure, _ = drawn
    figure.canvas.draw()
    page = figure.bbox
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1
        assert box.y0 >= page.y0 - 1 and box.y1 <= page.y1 + 1
        assert all(text.get_fontsize() >= 7 for text in axes.findobj(Text) if text.get_text())
    titles = [panel(figure, f"stoichiometry/{i}").get_title() for i in (0, 1)]
    assert titles == ["charge, begin\n0 s, 3.00 V", "charge, end\n4 s, 4.30 V"]
    labels = {axes.get_ylabel() for axes in figure.axes} - {""}
    assert labels == {
        "Li stoichiometry\n(1)", "Volumetric strain\n(%)", "von Mises stress\n(GPa)", "Normal opening\n(nm)",
    }  # fmt: skip


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(finished, tmp_path_factory):
    path = write_report(finished.path, tmp_path_factory.mktemp("report") / "new" / "a.html")
    return path.read_text(encoding="utf-8")


def test_the_page_stands_alone(written):
    page = Page(written)
    assert page.open == []
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert len(page.sources) == page.tags.count("img") == 5
    for source in page.sources:
        head, _, data = source.partition(",")
        assert head == "data:image/png;base64"
        pixels = imread(io.BytesIO(base64.b64decode(data)))
        assert pixels[:, :, :3].std() > 0.02
    assert "http" not in re.sub(r"base64,[^\"]*", "", written)
    assert "url(" not in written and "@import" not in written


def test_the_page_tells_what_the_run_holds(finished, written):
    text = Page(written).text
    history, info = finished.history(), finished.info()
    last_charge = np.flatnonzero(history["kind"] == "charge")[-1]
    for row_ in (last_charge, -1):
        for value in (
            f"{1e12 * history['lithium_mol'][row_]:.3f}",
            f"{history['voltage_V'][row_]:.3f}",
            f"{history['von_mises_p99_GPa'][row_]:.3f}",
            f"{history['gap_max_nm'][row_]:.2f}",
        ):
            assert f"\n{value}\n" in text
    capacity = 2 * 0.6672 / 3600 * np.array([300, 120])
    assert f"\n{capacity[0]:.4f}\n" in text and f"\n{capacity[1]:.4f}\n" in text
    assert "\n40.00\n" in text  # Coulombic efficiency: 120 s of 300 s
    assert "all audits passed" in text and "FAIL" not in text
    assert finished.path.joinpath("config.toml").read_text() in text
    for known in (info["versions"]["numpy"], info["started"], f"{info['wall_time_s']:.1f} s", "done"):
        assert known in text
    for heading in ("Cycles", "Curves", "Cracks", "Snapshots, cycle 1", "Grain orientations", "Audit",
                    "Parameters", "Provenance"):  # fmt: skip
        assert f"\n{heading}\n" in text


def test_the_same_run_gives_the_same_bytes(finished, written, tmp_path):
    before = dict(matplotlib.rcParams)
    again = write_report(finished.path, tmp_path / "b.html").read_text(encoding="utf-8")
    assert again == written
    assert dict(matplotlib.rcParams) == before


def test_text_from_outside_is_escaped():
    name = "<script>alert('a & b')</script>"
    page = html.page(
        name, html.status_line({"status": "failed", "message": name}, name), [(name, "<p>x</p>")]
    )
    assert "<script" not in page
    assert Page(page).text.count(name) == 5
    assert "<script" not in html.table((name,), [(name,)]) + html.provenance_table({"command": name})


def test_a_failed_run_is_reported_up_to_its_last_step(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.path, copy)
    info = {**json.loads((copy / "run.json").read_text()), "status": "failed", "message": "no equilibrium"}
    (copy / "run.json").write_text(json.dumps(info))
    text = Page(write_report(copy).read_text(encoding="utf-8")).text
    assert "failed" in text and "no equilibrium" in text
    assert "discharge, last at 460.0 s" in text
    assert "\n40.00\n" not in text


def test_misuse_is_explained_in_one_line(finished, tmp_path):
    network = make_network()
    RunDirectory.create(tmp_path / "fresh", CONFIG, network, threads=1)
    bare = RunDirectory.create(tmp_path / "bare", CONFIG, network, threads=1)
    bare.append_row(row(0))
    for args, match in (
        ((tmp_path / "nothing",), "is not the directory of a run"),
        ((tmp_path / "fresh",), "has no history yet"),
        ((tmp_path / "bare",), "holds no fields"),
        ((finished.path, tmp_path), "is a directory; name the HTML file"),
        ((finished.path, finished.path / "run.json" / "a.html"), "cannot be written"),
    ):
        with pytest.raises(ConfigError, match=match) as caught:
            write_report(*args)
        assert len(caught.value.problems) == 1
    with pytest.raises(ConfigError, match="particle = 2: must be in 1 to 1"):
        write_report(finished.path, tmp_path / "a.html", particle=2)
    assert not (tmp_path / "a.html").exists()


def test_command_writes_into_the_run_by_default(finished, tmp_path):
    app = typer.Typer()
    app.command()(report_command)
    result = CliRunner().invoke(app, [str(finished.path)])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("wrote ")
    assert (finished.path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    result = CliRunner().invoke(app, [str(finished.path), "-o", str(tmp_path / "x.html"), "--particle", "1"])
    assert result.exit_code == 0 and (tmp_path / "x.html").is_file()
