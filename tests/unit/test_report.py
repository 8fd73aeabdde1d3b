"""Reports: sections, figures that show the data, a page that stands alone."""

import base64
import dataclasses
import io
import json
import re
import shutil

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv
from matplotlib.image import imread
from matplotlib.text import Text
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from cells import tiny
from latticecell import ConfigError, open_run, run
from latticecell.cli import app
from latticecell.errors import OutputError
from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.output import RunDirectory
from latticecell.report import figures, html, write_report
from latticecell.report.gallery import gallery
from latticecell.report.tiles import Section
from latticecell.results import Grains, Moment, Run
from latticecell.slicing import triangle_area
from memory import memory_run
from networks import box_network
from pages import Page
from rundirs import CONFIG, SIZE, make_network, row


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "r"
    run(tiny(), path)
    return open_run(path)


# --- sections -------------------------------------------------------------------------------------


def test_the_section_of_a_sphere_has_the_area_and_rim_of_a_disc(finished):
    mesh = finished.mesh
    section = Section.of(mesh, finished.particle_center[0], finished.particle_radius[0])
    np.testing.assert_allclose(section.center, 7.5)
    rim = mesh.bond_kind[mesh.facets[section.facets.index, 0]] == INTERFACE_BOND
    length = np.linalg.norm(np.diff(section.lines, axis=1)[:, 0], axis=1)
    np.testing.assert_allclose(section.weight.sum(), np.pi * 25, rtol=0.08)
    np.testing.assert_allclose(length[rim].sum(), 2 * np.pi * 5, rtol=0.08)
    radius = np.linalg.norm(section.lines - 7.5, axis=2)
    assert 4.9 < radius.max() < 5.1


def test_a_particle_across_the_side_is_put_together():
    """The same network, cut around its centre and around a centre at the periodic corner."""
    mesh = Run.from_arrays(make_network()).mesh
    section = Section.of(mesh, np.array([0.0, 0.0, 0.5]), 0.4)
    middle = section.triangles[:, :, 0].mean(axis=1)
    assert np.abs(middle).max() <= mesh.box[1]
    assert middle.min() < -0.4 and middle.max() > 0.4
    np.testing.assert_allclose(triangle_area(section.triangles).sum(), mesh.box[1] * mesh.box[2], rtol=1e-9)
    lines = section.lines.reshape(-1, 2)
    assert (np.abs(lines[:, 0]) <= mesh.box[1] / 2 + 1e-9).all()


# --- figures --------------------------------------------------------------------------------------


def panel(figure, label):
    (axes,) = [axes for axes in figure.axes if axes.get_label() == label]
    return axes


def test_crack_areas_are_fractions_times_the_area_of_the_class(finished):
    mesh, history = finished.mesh, dict(finished.history)
    rows = len(history["time_s"])
    for name in ("interface_damaged", "interface_broken", "interface_open", "gb_damaged", "gb_broken"):
        history[name] = np.linspace(0, len(name) / 20, rows)
    figure = figures.crack_area(Run.from_arrays(finished.network, columns=history))
    for label, prefix, kind, count in (
        ("particle surface", "interface", INTERFACE_BOND, 3),
        ("grain boundaries", "gb", GB_BOND, 2),
    ):
        lines = panel(figure, label).get_lines()
        assert len(lines) == count
        total = mesh.facet_area[mesh.bond_kind[mesh.facets[:, 0]] == kind].sum()
        for line, what in zip(lines, ("damaged", "broken", "open"), strict=False):
            np.testing.assert_allclose(line.get_ydata(), total * history[f"{prefix}_{what}"], rtol=1e-12)
            np.testing.assert_array_equal(line.get_xdata(), history["time_s"])


def test_openings_are_weighted_with_area():
    network = make_network()
    area, kind = 1e12 * network.area_b, network.kind_b
    inner, outer = np.flatnonzero(kind == GB_BOND), np.flatnonzero(kind == INTERFACE_BOND)
    first, second = np.full((2, network.n_bonds), -0.2)
    first[inner[[1, 4]]] = 4.7, 11.0
    first[outer[3]] = 2.0
    second[inner[1]] = 1.4
    made = memory_run(network, {"gap": first}, {"gap": second})
    figure = figures.openings(made.mesh, [("charge, end", made.snapshots[0]), ("later", made.snapshots[1])])
    share = {
        label: [area[rows].sum() / area[mine].sum() for rows in chosen]
        for label, mine, chosen in (
            ("grain boundaries", inner, (inner[[1, 4]], inner[[1]])),
            ("particle surface", outer, (outer[[3]],)),
        )
    }
    for label, mine in (("grain boundaries", inner), ("particle surface", outer)):
        axes = panel(figure, label)
        steps = [patch for patch in axes.patches if not patch.get_fill()]
        sums = [patch.get_data().values.sum() for patch in steps]
        assert sums == pytest.approx([one * area[mine].sum() for one in share[label]])
        names = [f"{name}: {one:.1%} open".replace("%", " %")
                 for name, one in zip(("charge, end", "later"), share[label], strict=False)]  # fmt: skip
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        assert set(texts) == {*names, *(["later: none open"] if mine is outer else [])}
    values, edges, _ = panel(figure, "grain boundaries").patches[0].get_data()
    for bond, gap in ((inner[1], 4.7), (inner[4], 11.0)):
        place = min(np.searchsorted(edges, gap, side="right") - 1, len(values) - 1)
        assert values[place] == pytest.approx(area[bond])


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
    """The grain of another particle and the one without volume do not count."""
    turn = Rotation.from_rotvec(np.radians([[0, a, 0] for a in (5, 85, 85, 45.1, 60, 60)])).as_matrix()
    center = np.tile([0.0, 0.0, -1.7], (6, 1))
    grains = Grains(turn, np.array([1, 1, 1, 1, 0, 1]), np.array([1.0, 2.0, 4.0, 3.0, 5.0, 0.0]), center)
    (stairs,) = panel(figures.orientations(grains, 1), "tilt").patches
    np.testing.assert_allclose(stairs.get_data().values, [10, 0, 0, 0, 30, 0, 0, 0, 60])


def copied(finished, network, **parts):
    """The run in memory, with parts replaced."""
    steps = [(shot.time, {key: shot[key] for key in finished.fields}) for shot in finished.snapshots]
    given = {"columns": finished.history, "config_": finished.config, "declared": finished.fields}
    return Run.from_arrays(network, snapshots=steps, **{**given, **parts})


def test_a_network_of_the_user_shows_its_own_orientations(finished, tmp_path):
    """Not those that its configuration would draw."""
    axis = np.array([-0.82, 0.55, 0.17]) / np.linalg.norm([-0.82, 0.55, 0.17])
    turn, _ = Rotation.align_vectors([axis], [[0.0, 0.0, 1.0]])
    own = np.stack([(turn * Rotation.from_rotvec([0, 0, 0.3 * g])).as_matrix() for g in range(8)])
    network = dataclasses.replace(finished.network, rotation_gcc=own)
    made = copied(finished, network)
    figure = figures.orientations(made.grains, 0)
    (points,) = panel(figure, "pole figure").collections
    np.testing.assert_allclose(points.get_offsets(), np.tile(axis[:2] / np.sqrt(1 + axis[2]), (8, 1)))
    written = write_report(made, tmp_path / "a.html").read_text(encoding="utf-8")
    (image,) = re.findall('src="[^"]*"', html.picture(figure, "", ""))
    assert image in written


# --- gallery --------------------------------------------------------------------------------------


def split_in_y(center):
    y, z = center[:, 1], center[:, 2]
    return np.where(z < 0.7e-6, (y > 0.65e-6).astype(int), np.where(z < 1.4e-6, 2, 3))


@pytest.fixture(scope="module")
def cracked():
    """A run whose grain boundary at y = 0.65 um breaks between snapshots 0 and 1, and nothing else."""
    rotations = Rotation.random(2, rng=np.random.default_rng(3)).as_matrix()
    network = box_network((4, 4, 6), SIZE, split_in_y, rotations, fixed=lambda x: np.full(len(x), True))
    y = network.x_nc[network.bond_bn[:, 0], 1]
    crack = (network.kind_b == GB_BOND) & (np.abs(y - 0.65e-6) < 1e-9)
    assert 0 < crack.sum() < len(crack)
    steps = [{"gap": np.where(crack, 23.0 * i, -0.1), "broken": crack * float(i)} for i in range(2)]
    return memory_run(network, *steps)


@pytest.fixture(scope="module")
def drawn(cracked):
    section = Section.of(cracked.mesh, np.array([0.4, 0.65, 0.6]), 0.5)
    moments = [Moment("charge, begin", 0.0), Moment("charge, end", 3.7)]
    figure = gallery(section, list(zip(moments, cracked.snapshots, strict=True)))
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
    for column, shot in enumerate(cracked.snapshots):
        tet = section.tets.index
        nodal = shot["stoichiometry"][cracked.network.tet_tn[tet]]
        expected = {
            "stoichiometry": np.einsum("mvk,mk->m", section.tets.weight_mvk, nodal) / 3,
            "volumetric_strain": 100 * shot["volumetric_strain"][tet],  # shown in %
            "von_mises": shot["von_mises"][tet],
        }
        for name, values in expected.items():
            (triangles,) = panel(figure, f"{name}/{column}").collections
            np.testing.assert_allclose(triangles.get_array(), values[section.grain], rtol=1e-5, atol=1e-7)
            assert len(triangles.get_paths()) == section.grain.sum()
    strain = panel(figure, "volumetric_strain/1").collections[0]
    assert strain.norm.vmin == -strain.norm.vmax
    assert strain.get_cmap().name == "PuOr_r"


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
        "stoichiometry x\n(1)", "volumetric strain\n(%)", "von Mises stress\n(GPa)", "normal opening\n(nm)",
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
    history, info = finished.history, finished.info
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
    for known in (info["versions"]["numpy"], info["started"], f"{info['wall_time_s']:.1f} s", "done",
                  f"{info['timings_s']['electrochemistry']['wall']:.1f}",
                  str(info["counts"]["mechanics_linear"])):  # fmt: skip
        assert known in text
    for heading in ("Cycles", "Curves", "Cracks", "Snapshots, cycle 1", "Grain orientations", "Audit",
                    "Effort", "Parameters", "Provenance"):  # fmt: skip
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


def test_names_and_titles_of_the_user_are_shown_as_they_are(finished, tmp_path):
    name = "<b>cost</b>: $100 (50%) $ \"a\" & 'b' </pre>"
    declared = {key: dataclasses.replace(f, title="$x$ <i>") for key, f in finished.fields.items()}
    made = copied(
        finished,
        finished.network,
        config_=finished.config.model_copy(update={"name": name}),
        declared=declared,
        info_={"name": name, "status": "<done>", "command": f"run {name}", "versions": {"<u>": "$1$"}},
    )
    written = write_report(made, tmp_path / "a.html").read_text(encoding="utf-8")
    assert not {"b", "i", "u", "done"} & set(Page(written).tags)
    text = Page(written).text
    assert text.count(name) == 3  # title, heading, command
    assert f"name = {json.dumps(name)}" in text  # the resolved configuration
    assert "<u> $1$" in text and "<done>" in text


def test_a_failed_run_is_reported_up_to_its_last_step(finished, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(finished.path, copy)
    RunDirectory.open(copy).amend(status="failed", message="no equilibrium")
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
        ((tmp_path / "bare",), r"no snapshots|no network"),
        ((finished.path, tmp_path), "is a directory; name the HTML file"),
    ):
        with pytest.raises(ConfigError, match=match) as caught:
            write_report(*args)
        assert len(caught.value.problems) == 1
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(finished.path, finished.path / "run.json" / "a.html")
    with pytest.raises(ConfigError, match="particle = 2: must be in 1 to 1"):
        write_report(finished.path, tmp_path / "a.html", particle=2)
    assert not (tmp_path / "a.html").exists()


@pytest.mark.parametrize("verb", ["report", "export"])
def test_a_run_of_the_1d_cell_is_refused_in_one_sentence(tmp_path, verb):
    directory = RunDirectory.create(tmp_path / "r", CONFIG, None, threads=1)
    directory.append_row(row(0))
    result = CliRunner().invoke(app, [verb, str(tmp_path / "r")])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.endswith(
        "is a run of the 1-D cell; it has history.csv and summary.png, but no network and no fields"
    )


def test_command_writes_into_the_run_by_default(finished, tmp_path):
    result = CliRunner().invoke(app, ["report", str(finished.path)])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("wrote ")
    assert (finished.path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    result = CliRunner().invoke(
        app, ["report", str(finished.path), "-o", str(tmp_path / "x.html"), "--particle", "1"]
    )
    assert result.exit_code == 0 and (tmp_path / "x.html").is_file()
