"""What is written and told: the command, one-line calls, pages, drivers, keys."""

import base64
import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from cells import tiny
from latticecell import open_run, run, view
from latticecell.cli import app
from latticecell.view import RunModel, make_look, offscreen
from latticecell.view.colours import CRACK_MAP, CRACK_SPAN, coloured, table
from latticecell.view.interactive import Controls
from latticecell.view.offscreen import Studio
from latticecell.view.page import VERTEX
from viewed import BOX, OPEN_NM, WALL, make_run

SMALL = (320, 240)


@pytest.fixture(scope="module", autouse=True)
def driver():
    if offscreen.find_driver() is None:
        pytest.skip("no off-screen driver")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Directory of a short run."""
    path = tmp_path_factory.mktemp("view") / "run"
    run(tiny(), path)
    return path


def test_page_holds_the_scene_and_needs_nothing_else(tmp_path):
    text = view.web_page(make_run(), tmp_path / "a.html", cut="none").read_text(encoding="utf-8")
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
    a, b, c = x.reshape(-1, 3, 3).transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    assert area == pytest.approx(0.6 * BOX[1] * 0.4 * BOX[2], rel=1e-3)
    assert (cracks["colour"] == coloured(OPEN_NM, (0.0, OPEN_NM), table(CRACK_MAP, CRACK_SPAN))).all()


def command(*arguments):
    return CliRunner().invoke(app, ["view", *arguments])


def test_command_writes_a_picture_and_a_film(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(offscreen, "find_encoder", lambda: None)
    names = [str(tmp_path / name) for name in ("a.png", "b.mp4")]
    arguments = [str(finished), "--field", "vonmises", "--cut", "yz", "--time", "last", "--width", "320"]
    result = command(*arguments, "--screenshot", names[0], "--movie", names[1])
    assert result.exit_code == 0, result.output
    assert "no MP4 encoder" in result.output
    with Image.open(names[0]) as image:
        assert image.size == (320, 240)
        assert np.asarray(image).std() > 20
    with Image.open(tmp_path / "b.gif") as film:
        assert film.n_frames == len(open_run(finished).snapshots) > 2
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
def test_command_explains_bad_input(finished, arguments, message):
    result = command(str(finished), *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.splitlines()) == 1


def test_a_driver_that_crashes_is_one_message(finished, tmp_path, monkeypatch):
    """The probe kills its own process, as a missing driver does; ours goes on."""
    monkeypatch.setattr(offscreen, "PROBE", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    offscreen.find_driver.cache_clear()
    try:
        result = command(str(finished), "--screenshot", str(tmp_path / "a.png"))
    finally:
        offscreen.find_driver.cache_clear()
    assert result.exit_code == 2
    assert "no graphics driver" in result.output
    assert len(result.output.splitlines()) == 1


def test_no_screen_is_one_message(finished, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    offscreen.find_driver.cache_clear()
    try:
        result = command(str(finished))
    finally:
        offscreen.find_driver.cache_clear()
    assert result.exit_code == 2
    assert "--screenshot" in result.output


def test_vedo_is_loaded_only_to_draw():
    check = "sys.exit(any(name.split('.')[0] in ('vedo', 'vtk', 'vtkmodules') for name in sys.modules))"
    code = f"import sys, latticecell.view, latticecell.view.interactive, latticecell.view.page; {check}"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_fields_of_a_run_carry_how_they_are_shown(finished):
    fields = RunModel(open_run(finished)).fields
    assert fields["volumetric_strain"].label == "volumetric strain (%)"
    assert fields["phi_l"].label == "ion potential (mV)"
    assert fields["damage"].fraction and fields["broken"].fraction


def test_a_picture_in_one_call(tmp_path):
    drawn = view.picture(make_run(), "phi_l", "charge_end", tmp_path / "a.png", size=SMALL, cut="xy")
    assert drawn.shape == (240, 320, 3)
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), drawn)
    whole = view.picture(make_run(), "phi_l", size=SMALL, cut="xy", whole=False)
    assert np.abs(whole.astype(int) - drawn).max() > 50


def test_a_film_in_one_call(tmp_path):
    assert view.film(make_run(), tmp_path / "a.gif", size=SMALL, field="von_mises").startswith("wrote")
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames == 2


def test_keys_and_slider():
    """Every key does what the list on the screen says."""
    model = RunModel(make_run())
    with Studio(model, SMALL) as studio:
        controls = Controls(studio.scene, make_look(model, when="0"))
        for i, name in enumerate([*model.fields][:9], 1):
            assert controls.press(str(i))
            assert controls.look.field.key == name
            studio.picture(controls.look)
        controls.press("f")
        assert controls.look.field.key == [*model.fields][9]
        for i in range(12):  # back, round the end of the list
            controls.press("g")
            assert controls.look.field.key == [*model.fields][(8 - i) % len(model.fields)]
        controls.press("1")
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
