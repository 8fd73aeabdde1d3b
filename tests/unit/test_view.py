"""Pictures against geometry: what is known to lie somewhere is seen at the pixel where it projects."""

from dataclasses import replace

import numpy as np
import pytest

from latticecell.network import INTERFACE_BOND
from latticecell.view import RunModel, make_look
from latticecell.view.colours import CRACK_MAP, CRACK_SPAN, coloured, table
from latticecell.view.geometry import Geometry
from latticecell.view.offscreen import Studio, find_driver
from viewed import BOX, CENTER, OPEN_NM, WALL, make_run

SMALL = (800, 600)


@pytest.fixture(scope="module", autouse=True)
def driver():
    if find_driver() is None:
        pytest.skip("no off-screen driver")


@pytest.fixture(scope="module")
def cracked():
    return make_run()


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
    look = make_look(model, cut="none", when="last")
    picture = shot(studio, look)
    assert is_crack(pixels(studio, picture, GB_POINTS)).all()
    seen = is_crack(picture[:, : int(0.74 * SMALL[0])].astype(int)).sum()
    corner = studio.project([[WALL, *(CENTER[1:] + s * np.array([0.3, 0.2]) * BOX[1:])] for s in (-1, 1)])
    expected = np.prod(np.abs(corner[1] - corner[0]))
    assert seen == pytest.approx(expected, rel=0.03)


def test_unbroken_run_shows_no_crack_colour(studio, model):
    for cut in ("none", "zy", "xy"):
        look = make_look(model, cut=cut, when="0", field="orientation" if cut == "none" else "von_mises")
        picture = shot(studio, replace(look, field=model.fields["phi_l"], whole=False))
        assert not is_crack(subject(picture)).any(), cut
        assert (subject(picture) < 250).any(axis=-1).mean() > 0.1, "the scene is empty"


def test_cracks_can_be_left_out(studio, model):
    look = make_look(model, field="phi_l", cut="xy", when="last", whole=False)
    with_cracks, without = (shot(studio, replace(look, cracks=c)) for c in (True, False))
    assert is_crack(subject(with_cracks)).any()
    assert not is_crack(subject(without)).any()


def test_colour_of_a_crack_is_its_opening(studio, model):
    """The line on the cut, which is not shaded, has exactly the colour of 37 nm of the scale."""
    model.fix_limits(model.fields["stoichiometry"], (0.2, 0.8))
    look = make_look(model, cut="xy", when="last")
    picture = shot(studio, look)
    points = np.array([[WALL, CENTER[1] + dy, CENTER[2]] for dy in np.linspace(-0.6, 0.6, 7)])
    expected = coloured(OPEN_NM, (0.0, model.opening_limit()), table(CRACK_MAP, CRACK_SPAN))
    assert np.abs(pixels(studio, picture, points) - expected).max() <= 3


def test_interface_gap_is_seen_only_at_the_interface():
    model = RunModel(make_run(broken=INTERFACE_BOND))
    with Studio(model, SMALL) as studio:
        look = make_look(model, field="phi_l", cut="xy", whole=False, when="last")
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
def test_without_a_cut_the_far_side_of_the_gap_is_seen(side, seen):
    """The near side of the open interface would hide the cracks behind it; the reader is at -x."""
    face = CENTER + np.array([side * 0.3 * BOX[0], 0.05, 0.07])
    model = RunModel(make_run(broken=INTERFACE_BOND, at=face[0]))
    with Studio(model, SMALL) as studio:
        picture = shot(studio, make_look(model, cut="none", when="last"))
        assert is_crack(pixels(studio, picture, face)).all() == seen


@pytest.mark.parametrize("field", ["stoichiometry", "von_mises"])
def test_colour_on_the_cut_is_the_value_there(studio, model, field):
    """Stoichiometry rises along z, stress along x; a point's pixel has the colour of its value."""
    model.fix_limits(model.fields[field], (0.2, 0.8))
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
    expected = coloured(value, (0.2, 0.8), table(model.fields[field].colours)).astype(int)
    # a tet's stress is that of its centroid: up to a cell off
    tolerance = 9 if along == 2 else 45
    found = pixels(studio, picture, points)
    assert np.abs(found - expected).max() <= tolerance
    assert np.abs(found[0] - found[-1]).max() > 40


def test_cut_removes_the_front(studio, model):
    """Where the front half was, the face of the cut is seen; beside the cut grain, the background."""
    model.fix_limits(model.fields["von_mises"], (0.2, 0.8))
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


def test_magnified_opening_is_where_it_should_be():
    """The first grain moves 0.01 um to the left; magnified 40 times, the gap is 0.4 um wide and white."""
    model = RunModel(make_run(move=0.01))
    with Studio(model, SMALL) as studio:
        look = make_look(model, cut="xy", magnify=40.0, cracks=False, when="last")
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
    layers = Geometry(model).layers(make_look(model, cut="none", explode=0.5, when="last"))
    x = np.unique(np.round(layers.cracks.x_mvc[..., 0], 6))
    offset = 0.5 * model.outward_gc[:, 0]
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
