"""Cuts of tets and facets by planes, and surfaces of tets."""

import numpy as np
import pytest

from latticecell import slicing
from latticecell.output.mesh import Mesh
from networks import box_network
from rundirs import SIZE, make_network

BOX = np.array([3.1, 3.1, 5.3])


def area(x_mvc):
    return np.linalg.norm(np.cross(x_mvc[:, 1] - x_mvc[:, 0], x_mvc[:, 2] - x_mvc[:, 0]), axis=1).sum() / 2


@pytest.mark.parametrize("center", [0.5, 0.0])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("at", [0.31, 0.65, 1.2999, 0.0001])
def test_cuts_of_tets_cover_the_plane_once(axis, at, center):
    """Also where the plane passes through faces (0.65) and through tets that reach over a periodic side."""
    mesh = Mesh.of(make_network())
    middle = center * mesh.box
    middle[axis] = at
    near = slicing.nearest_image(mesh.points[mesh.tets], middle, mesh.box)
    cut = slicing.slice_simplices(mesh.tets, mesh.points, axis, at, shift_sc=near)
    x = cut.positions(mesh.points)
    np.testing.assert_allclose(x[..., axis], at, rtol=1e-12)
    plane = np.delete(x, axis, axis=2)
    expected = np.prod(np.delete(1e6 * SIZE, axis))
    np.testing.assert_allclose(slicing.triangle_area(plane).sum(), expected, rtol=1e-9)
    for c in {0, 1} - {axis}:
        reach = np.ptp(mesh.points[mesh.tets], axis=1)[:, c].max()
        assert np.abs(x[..., c].mean(axis=1) - middle[c]).max() <= mesh.box[c] / 2 + reach


@pytest.mark.parametrize("corners", [4, 3])
def test_linear_fields_come_out_exactly(corners):
    x = np.random.default_rng(31).normal(size=(40, corners, 3))
    simplices = np.arange(40 * corners).reshape(40, corners)
    cut = slicing.slice_simplices(simplices, x.reshape(-1, 3), 1, 0.173)
    assert len(cut.index) > 10
    slope = np.array([0.7, -1.9, 3.1])
    at = cut.positions(x.reshape(-1, 3))
    assert at.shape == (len(cut.index), corners - 1, 3)
    np.testing.assert_allclose(cut.of((x @ slope + 5.3).ravel()), at @ slope + 5.3, rtol=1e-10)
    assert (cut.weight_mvk >= 0).all()
    np.testing.assert_allclose(cut.weight_mvk.sum(axis=2), 1.0, rtol=1e-12)


def test_shifted_facets_are_cut_where_they_are_shown():
    x = np.array([[[0.2, 0.1, 0.0], [0.8, 0.3, 0.1], [0.3, 0.9, 0.7]]])
    shift = np.array([[3.1, 0.0, 0.0]])
    assert len(slicing.slice_facets(x, 0, 0.5).index) == 1
    assert len(slicing.slice_facets(x, 0, 0.5, shift).index) == 0
    cut = slicing.slice_facets(x, 0, 3.6, shift)
    np.testing.assert_allclose(cut.positions(x.reshape(-1, 3))[..., 0], 3.6)


def test_the_side_of_a_face_in_the_plane():
    """Two tets share a face in the plane: the cut takes it from the one on its side."""
    x = np.array([[0, 0, 0], [0.7, 0, 0], [0, 1.3, 0], [0, 0, 0.9], [0, 0, -1.1]], float)
    tets = np.array([[0, 1, 2, 3], [0, 2, 1, 4]])
    for sign, tet in ((-1, 0), (1, 1)):
        cut = slicing.slice_simplices(tets, x, 2, 0.0, sign)
        assert cut.index.tolist() == [tet]
        assert slicing.triangle_area(cut.positions(x)[..., :2]) == pytest.approx([0.5 * 0.7 * 1.3])


def test_surface_of_the_cell_is_that_of_its_box():
    """Tets that cross the periodic sides are completed and cut at the box."""
    network = box_network((4, 4, 5), 1e-6 * BOX, jitter=0.2)
    x = network.unwrapped_tac() * 1e6
    points, tets = x.reshape(-1, 3) + np.array([0.31, 0.17, 0]), np.arange(4 * len(x)).reshape(-1, 4)
    copies = slicing.periodic_copies(tets, points, np.arange(len(tets)), BOX)
    sides = slicing.box_surface(tets, points, copies, BOX)
    a, b, c = BOX
    assert area(sides.positions(points)) == pytest.approx(2 * (a * b + b * c + c * a), rel=1e-6)
    kept = sides.clipped(points, 2, 1, 0.3 * c)
    assert area(kept.positions(points)) == pytest.approx(a * b + 0.3 * 2 * (a + b) * c, rel=1e-6)
