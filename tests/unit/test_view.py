"""Pictures against geometry: what is known to lie somewhere is seen at the pixel where it projects."""

import base64
import gzip
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from scipy.spatial.transform import Rotation
from typer.testing import CliRunner

from latticecell import ConfigError, State, config_from_table
from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.output import RunDirectory
from latticecell.view import RunModel, make_look, offscreen, view_command
from latticecell.view.colours import (
    CRACK_MAP,
    CRACK_SPAN,
    FIELDS,
    coloured,
    table,
)
from latticecell.view.geometry import Geometry
from latticecell.view.interactive import Controls
from latticecell.view.offscreen import Studio, find_driver
from latticecell.view.page import VERTEX
from networks import box_network

SIZE = np.array([3.1e-6, 3.1e-6, 5.3e-6])
UM = 1e6
BOX = SIZE * UM
CUBE = (0.2, 0.8)  # share of the width; two grains in a cube around the particle's centre
CENTER = np.array([0.5, 0.5, 0.4]) * BOX
WALL = CENTER[0]  # grains 0 and 1 meet at this x [um]
OPEN_NM = 37.0
SMALL = (800, 600)


@pytest.fixture(scope="module", autouse=True)
def driver():
    if find_driver() is None:
        pytest.skip("no off-screen driver")


def two_grains(center):
    """A cube of two grains that meet at the middle x, in ECBD up to z = 0.8, ED above."""
    inside = (np.abs(center / SIZE - [0.5, 0.5, 0.4]) < [0.3, 0.3, 0.2]).all(axis=1)
    grain = np.where(center[:, 0] < 0.5 * SIZE[0], 0, 1)
    return np.where(inside, grain, np.where(center[:, 2] < 0.8 * SIZE[2], 2, 3))


def make_run(path, *, broken=GB_BOND, at=None, move=0.0):
    """Run of two snapshots: intact, then the bonds of kind ``broken`` are open (``at``: at that x [um]).

    Stoichiometry rises with z from 0.2 to 0.8, von Mises stress with x; the first grain moves by ``-move`` um
    along x in the second snapshot.
    """
    config = config_from_table(
        {
            "name": "two grains",
            "geometry": {
                "width_um": BOX[0],
                "cathode_um": 0.8 * BOX[2],
                "separator_um": 0.2 * BOX[2],
                "particles": [{"center_um": CENTER.tolist(), "radius_um": 1.1}],
            },
            "microstructure": {"grains": 2, "seed": 19},
            "network": {"spacing_um": 0.3},
        }
    )
    rotations = Rotation.random(2, rng=np.random.default_rng(19)).as_matrix()
    network = box_network((10, 10, 10), SIZE, two_grains, rotations, jitter=0.0)
    run = RunDirectory.create(path, config, network, threads=1)
    x = network.x_nc / SIZE
    middle = network.unwrapped_tac().mean(axis=1) / SIZE
    state = State.zeros(network)
    for step in (0, 1):
        state.stoich_n[...] = np.where(network.is_active_n, 0.2 + 0.6 * (x[:, 2] - 0.2) / 0.4, 0)
        state.phi_l_n[...] = np.where(network.is_active_n, 0, 0.1 * x[:, 2])
        state.u_nc[network.domain_n == 0, 0] = -move * step / UM
        chosen = (network.kind_b == broken) & (step == 1)
        if at is not None:
            chosen &= np.abs(x[network.bond_bn[:, 0], 0] * BOX[0] - at) < 1e-3
        state.gap_b[...] = np.where(chosen, 1e-9 * OPEN_NM, 0)
        fields = {
            "von_mises_GPa_t": middle[:, 0],
            "hydrostatic_GPa_t": middle[:, 0] - 0.5,
            "volumetric_strain_t": 0.01 * (middle[:, 0] - 0.5),
            "damage_b": chosen.astype(float),
            "broken_b": chosen.astype(float),
        }
        row = {"kind": ("charge", "discharge")[step], "time_s": 13.7 * step, "voltage_V": 4.1 - 0.3 * step}
        run.append_row(row)
        run.write_fields(state, fields, 13.7 * step)
    return path


@pytest.fixture(scope="module")
def cracked(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("view") / "cracked")


@pytest.fixture(scope="module")
def model(cracked):
    return RunModel(cracked)


@pytest.fixture(scope="module")
def studio(model):
    with Studio(model, SMALL) as studio:
        yield studio


def shot(studio, look, straight=True):
    studio.aim(look, straight=straight)
    return studio.picture(look)


def pixels(studio, picture, x_mc):
    """Colours where points [um] appear."""
    at = np.round(studio.project(np.atleast_2d(x_mc))).astype(int)
    return picture[at[:, 1], at[:, 0]].astype(int)


def subject(picture):
    """The part without the scales, texts and axes."""
    height, width, _ = picture.shape
    return picture[int(0.11 * height) : int(0.8 * height), int(0.02 * width) : int(0.74 * width)].astype(int)


def is_crack(colour):
    """Red well above blue: nothing else in a picture of stoichiometry is like that but the yellow end."""
    return (
        (colour[..., 0] > 90)
        & (colour[..., 0] - colour[..., 2] > 60)
        & (colour[..., 0] > colour[..., 1] + 15)
    )


GB_POINTS = np.array(
    [[WALL, CENTER[1] + dy, CENTER[2] + dz] for dy in (-0.5, 0.1, 0.5) for dz in (-0.7, 0.1, 0.7)]
)


def test_broken_facets_colour_the_pixels_where_they_project(studio, model):
    """Through the ghost of the grains, along the normal of the boundary: exactly its square is coloured."""
    look = make_look(model, cut="none", time="last")
    picture = shot(studio, look)
    assert is_crack(pixels(studio, picture, GB_POINTS)).all()
    seen = is_crack(picture[:, : int(0.74 * SMALL[0])].astype(int)).sum()
    corner = studio.project([[WALL, *(CENTER[1:] + s * np.array([0.3, 0.2]) * BOX[1:])] for s in (-1, 1)])
    expected = np.prod(np.abs(corner[1] - corner[0]))
    assert seen == pytest.approx(expected, rel=0.03)


def test_unbroken_run_shows_no_crack_colour(studio, model):
    for cut in ("none", "zy", "xy"):
        look = make_look(model, cut=cut, time="0", field="orientation" if cut == "none" else "von_mises")
        picture = shot(studio, replace(look, field=FIELDS["phi_l"], whole=False))
        assert not is_crack(subject(picture)).any(), cut
        assert (subject(picture) < 250).any(axis=-1).mean() > 0.1, "the scene is empty"


def test_cracks_can_be_left_out(studio, model):
    look = make_look(model, field="phi_l", cut="xy", time="last", whole=False)
    with_cracks, without = (shot(studio, replace(look, cracks=c)) for c in (True, False))
    assert is_crack(subject(with_cracks)).any()
    assert not is_crack(subject(without)).any()


def test_colour_of_a_crack_is_its_opening(studio, model):
    """The line on the cut, which is not shaded, has exactly the colour of 37 nm of the scale."""
    model.fix_limits(FIELDS["stoichiometry"], (0.2, 0.8))
    look = make_look(model, cut="xy", time="last")
    picture = shot(studio, look)
    points = np.array([[WALL, CENTER[1] + dy, CENTER[2]] for dy in np.linspace(-0.6, 0.6, 7)])
    expected = coloured(OPEN_NM, (0.0, model.opening_limit()), table(CRACK_MAP, CRACK_SPAN))
    assert np.abs(pixels(studio, picture, points) - expected).max() <= 3


def test_interface_gap_is_seen_only_at_the_interface(tmp_path):
    model = RunModel(make_run(tmp_path / "gap", broken=INTERFACE_BOND))
    with Studio(model, SMALL) as studio:
        look = make_look(model, field="phi_l", cut="xy", whole=False, time="last")
        picture = shot(studio, look)
        half = 0.3 * BOX[0]
        rim = np.array(
            [[CENTER[0] + s * half, CENTER[1] + dy, CENTER[2]] for s in (-1, 1) for dy in (-0.4, 0.4)]
        )
        inner = CENTER + np.array([[0, 0.4, 0], [-0.5, 0.3, 0], [0.5, -0.3, 0]])
        column, row = np.round(studio.project(rim)).astype(int).T
        near = [picture[row + i, column + j] for i in (-1, 0, 1) for j in (-1, 0, 1)]
        assert is_crack(np.array(near, int)).any(axis=0).all()
        assert not is_crack(pixels(studio, picture, inner)).any()


@pytest.mark.parametrize(("side", "seen"), [(-1, False), (1, True)])
def test_without_a_cut_the_far_side_of_the_gap_is_seen(tmp_path, side, seen):
    """The near side of the open interface would hide the cracks behind it; the reader is at -x."""
    face = CENTER + np.array([side * 0.3 * BOX[0], 0.05, 0.07])
    model = RunModel(make_run(tmp_path / "gap", broken=INTERFACE_BOND, at=face[0]))
    with Studio(model, SMALL) as studio:
        picture = shot(studio, make_look(model, cut="none", time="last"))
        assert is_crack(pixels(studio, picture, face)).all() == seen


@pytest.mark.parametrize("field", ["stoichiometry", "von_mises"])
def test_colour_on_the_cut_is_the_value_there(studio, model, field):
    """Stoichiometry rises along z, stress along x; a point's pixel has the colour of its value."""
    model.fix_limits(FIELDS[field], (0.2, 0.8))
    cut = "zy" if field == "stoichiometry" else "xy"
    look = make_look(model, field=field, cut=cut, at=CENTER[{"zy": 0, "xy": 2}[cut]] + 0.113, cracks=False)
    picture = shot(studio, look)
    axis, _, at = studio.scene.geometry.plane(look)
    along = {"stoichiometry": 2, "von_mises": 0}[field]
    points = np.tile(CENTER + np.array([0.07, 0.05, 0.03]), (5, 1))
    points[:, along] = CENTER[along] + np.array([-0.25, -0.15, 0.07, 0.15, 0.25]) * (1 if along == 0 else 1.8)
    points[:, axis] = at
    share = points[:, along] / BOX[along]
    value = 0.2 + 0.6 * (share - 0.2) / 0.4 if along == 2 else share
    expected = coloured(value, (0.2, 0.8), table(FIELDS[field].colours)).astype(int)
    # a tet's stress is that of its centroid: up to a cell off
    tolerance = 9 if along == 2 else 45
    found = pixels(studio, picture, points)
    assert np.abs(found - expected).max() <= tolerance
    assert np.abs(found[0] - found[-1]).max() > 40


def test_cut_removes_the_front(studio, model):
    """Where the front half was, the face of the cut is seen; beside the cut grain, the background."""
    model.fix_limits(FIELDS["von_mises"], (0.2, 0.8))
    look = make_look(model, field="von_mises", cut="zy", at=WALL - 0.4, cracks=False)
    colour = {}
    for at in (WALL - 0.55, WALL + 0.55):
        picture = shot(studio, replace(look, at=at))
        colour[at] = pixels(studio, picture, [at, CENTER[1] + 0.05, CENTER[2]])[0]
        expected = coloured(at / BOX[0], (0.2, 0.8), table("cividis")).astype(int)
        assert np.abs(colour[at] - expected).max() <= 45
    assert np.abs(colour[WALL - 0.55] - colour[WALL + 0.55]).max() > 60
    # from the side: the removed half leaves white
    studio.aim(replace(look, cut="xy"), straight=True)
    picture = studio.picture(look)
    removed = [[WALL - 0.7, CENTER[1] + 0.05, CENTER[2]]]
    kept = [[WALL + 0.4, CENTER[1] + 0.05, CENTER[2]]]
    assert (pixels(studio, picture, removed) == 255).all()
    assert (pixels(studio, picture, kept) < 240).any()


def test_magnified_opening_is_where_it_should_be(tmp_path):
    """The first grain moves 0.01 um to the left; magnified 40 times, the gap is 0.4 um wide and white."""
    model = RunModel(make_run(tmp_path / "moved", move=0.01))
    with Studio(model, SMALL) as studio:
        look = make_look(model, cut="xy", magnify=40.0, cracks=False, time="last")
        picture = shot(studio, look)
        z = CENTER[2]
        inside = [
            [WALL - d, CENTER[1] + 0.05, z] for d in (0.08, 0.13, 0.27, 0.32)
        ]  # a border runs in the middle
        outside = [[WALL - 0.5, CENTER[1] + 0.05, z], [WALL + 0.1, CENTER[1] + 0.05, z]]
        assert (pixels(studio, picture, inside) == 255).all()
        assert (pixels(studio, picture, outside) < 240).any(axis=1).all()
        borders = studio.scene.geometry.layers(look).borders.x_mvc
        assert (np.abs(borders[..., 0] - (WALL - 0.2)) < 1e-6).all(axis=1).sum() >= 6


def test_exploded_grains_show_the_crack_on_both_faces(model):
    layers = Geometry(model).layers(make_look(model, cut="none", explode=0.5, time="last"))
    x = np.unique(np.round(layers.cracks.x_mvc[..., 0], 6))
    offset = 0.5 * (model.grain_center_gc[:, 0] - model.center_c[0])
    np.testing.assert_allclose(x, WALL + offset, atol=1e-6)
    assert offset[0] < -0.1 < 0.1 < offset[1]


def area(x_mvc):
    return np.linalg.norm(np.cross(x_mvc[:, 1] - x_mvc[:, 0], x_mvc[:, 2] - x_mvc[:, 0]), axis=1).sum() / 2


@pytest.mark.parametrize("cut", ["xy", "zy", "zx"])
@pytest.mark.parametrize("offset", [0.0, 0.137])
def test_cut_face_has_the_area_of_the_cross_section(model, cut, offset):
    """Also where the plane runs along faces of tets, which belong to one side only."""
    geometry = Geometry(model)
    look = make_look(model, cut=cut)
    axis, _, at = geometry.plane(look)
    look = replace(look, at=at + offset)
    side = np.delete(np.array([0.6, 0.6, 0.4]) * BOX, axis)
    assert area(geometry.layers(look).cap.x_mvc) == pytest.approx(side.prod(), rel=1e-6)
    whole = replace(look, whole=True)
    assert area(geometry.layers(whole).cap.x_mvc) == pytest.approx(np.delete(BOX, axis).prod(), rel=1e-6)


def test_outside_of_the_grains(model):
    """Both sides of the boundary between the grains count."""
    layers = Geometry(model).layers(make_look(model, cut="none", cracks=False))
    a, b, c = np.array([0.6, 0.6, 0.4]) * BOX
    assert area(layers.surface.x_mvc) == pytest.approx(2 * (a * b + b * c + c * a) + 2 * b * c, rel=1e-6)


def test_springs_are_edges_of_cut_tets(model):
    look = make_look(model, cut="xy", springs=True)
    geometry = Geometry(model)
    lines = geometry.layers(look).springs.x_mvc
    edges = np.linalg.norm(lines[:, 1] - lines[:, 0], axis=1)
    assert 0 < edges.min() < edges.max() <= np.linalg.norm(BOX / 10) * 1.001
    assert len(geometry.layers(replace(look, springs=False)).springs.x_mvc) == 0
    _, _, at = geometry.plane(look)
    assert (lines[..., 2] - at).min() >= -0.1 * BOX[2] - 1e-5
    _, count = np.unique(lines.round(5), axis=0, return_counts=True)
    between = (np.abs(lines[..., 0] - WALL) < 1e-5).all(axis=1)  # there each grain has its own
    assert count.sum() - len(count) == between.sum() / 2 > 0


def test_moments_and_times(model):
    assert model.find_step("charge_end") == 0
    assert model.find_step("discharge_end") == model.find_step("last") == model.find_step("12") == 1
    assert model.moment(1).voltage == pytest.approx(3.8)
    assert model.moment(1).kind == "discharge"
    for wrong in ("soon", "nan"):
        with pytest.raises(ConfigError, match="time"):
            model.find_step(wrong)


def test_limits_serve_all_snapshots(cracked):
    model = RunModel(cracked)
    low, high = model.limits(FIELDS["hydrostatic"])
    assert low == -high < 0
    low, high = model.limits(FIELDS["stoichiometry"])
    assert (low, high) == pytest.approx((0.2, 0.8), abs=1e-6)
    assert model.opening_limit() == pytest.approx(OPEN_NM)
    with pytest.raises(ConfigError, match="limits"):
        model.fix_limits(FIELDS["grain"], (1.0, 1.0))


def test_page_holds_the_scene_and_needs_nothing_else(cracked, model, tmp_path):
    path = tmp_path / "a.html"
    result = CliRunner().invoke(app(), [str(cracked), "--cut", "none", "--html", str(path)])
    assert result.exit_code == 0, result.output
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|src=|@[A-Z]+@", text)
    about = json.loads(re.search(r"const about = (.*);", text).group(1))
    data = re.search(r'id="data" type="text/plain">([^<]*)<', text).group(1)
    vertex = np.frombuffer(gzip.decompress(base64.b64decode(data)), VERTEX)
    assert len(vertex) == np.sum(about["counts"])
    assert about["times"] == pytest.approx([0, 13.7])
    (_, before, *_), (base, over, *_) = about["counts"]
    assert before == 0 < over
    start = sum(about["counts"][0]) + base
    cracks = vertex[start : start + over]
    x = np.array(about["low"]) + cracks["x"] / 65535 * np.array(about["size"])
    np.testing.assert_allclose(x[:, 0], WALL, atol=1e-3)
    assert area(x.reshape(-1, 3, 3)) == pytest.approx(0.6 * BOX[1] * 0.4 * BOX[2], rel=1e-3)
    assert (cracks["colour"] == coloured(OPEN_NM, (0.0, OPEN_NM), table(CRACK_MAP, CRACK_SPAN))).all()


def app():
    app = typer.Typer()
    app.command("view")(view_command)
    return app


def test_command_writes_a_picture_and_a_film(cracked, tmp_path, monkeypatch):
    monkeypatch.setattr(offscreen, "find_encoder", lambda: None)
    names = [str(tmp_path / name) for name in ("a.png", "b.mp4")]
    arguments = [str(cracked), "--field", "vonmises", "--cut", "yz", "--time", "last", "--width", "320"]
    result = CliRunner().invoke(app(), [*arguments, "--screenshot", names[0], "--movie", names[1]])
    assert result.exit_code == 0, result.output
    assert "no MP4 encoder" in result.output
    with Image.open(names[0]) as image:
        assert image.size == (320, 240)
        assert np.asarray(image).std() > 20
    with Image.open(tmp_path / "b.gif") as film:
        assert film.n_frames == 2
    assert not Path(names[1]).exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--field", "stress"], "unknown"),
        (["--cut", "xx"], "cut"),
        (["--at", "99"], "inside the cell"),
        (["--time", "never"], "time"),
        (["--screenshot", "a.xyz"], "must end in"),
        (["--cell", "--explode", "0.5"], "explode"),
    ],
)
def test_command_explains_bad_input(cracked, arguments, message):
    result = CliRunner().invoke(app(), [str(cracked), *arguments])
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.splitlines()) == 1


def test_a_driver_that_crashes_is_one_message(cracked, tmp_path, monkeypatch):
    """The probe kills its own process, as a missing driver does; ours goes on."""
    monkeypatch.setattr(offscreen, "PROBE", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    find_driver.cache_clear()
    try:
        result = CliRunner().invoke(app(), [str(cracked), "--screenshot", str(tmp_path / "a.png")])
    finally:
        find_driver.cache_clear()
    assert result.exit_code == 2
    assert "no graphics driver" in result.output
    assert len(result.output.splitlines()) == 1


def test_no_screen_is_one_message(cracked, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    find_driver.cache_clear()
    try:
        result = CliRunner().invoke(app(), [str(cracked)])
    finally:
        find_driver.cache_clear()
    assert result.exit_code == 2
    assert "--screenshot" in result.output


def test_keys_and_slider(model):
    """Every key does what the list on the screen says."""
    with Studio(model, SMALL) as studio:
        controls = Controls(studio.scene, make_look(model, time="0"))
        for i, name in enumerate(FIELDS, 1):
            assert controls.press(str(i))
            assert controls.look.field.key == name
            studio.picture(controls.look)
        for key, cut in {"z": "xy", "y": "zx", "n": "none", "x": "zy"}.items():
            assert controls.press(key)
            assert controls.look.cut == cut
        controls.press("w")
        controls.press("bracketright")
        assert controls.look.at == pytest.approx(model.center_c[0] + 0.1 * model.radius)
        controls.press("plus")
        assert controls.look.magnify == 2.0
        controls.press("minus")
        controls.press("c")
        controls.press("s")
        controls.press("e")
        assert (controls.look.magnify, controls.look.cracks, controls.look.springs) == (1.0, False, True)
        assert controls.look.explode > 0
        controls.press("Right")
        controls.press("Right")
        assert controls.look.step == 1
        controls.slide(0)
        assert controls.look.step == 0
        assert not controls.press("j")


def test_vedo_is_loaded_only_to_draw():
    check = "sys.exit(any(name.split('.')[0] in ('vedo', 'vtk', 'vtkmodules') for name in sys.modules))"
    code = f"import sys, latticecell.view, latticecell.view.interactive, latticecell.view.page; {check}"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
