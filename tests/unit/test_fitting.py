"""Faces lie on curved boundaries in the mean."""

import numpy as np

from latticecell._kernels import voxels as kernel
from latticecell.imports.agreement import agreement
from latticecell.imports.load import labelled
from latticecell.meshing.fields import LEADING, VoteFields
from latticecell.meshing.fitting import _moves
from latticecell.meshing.generate import build_network
from latticecell.reader import config_from_table


def flat_lattice(n=8):
    """Triangles of unit edges in the plane z = 0, and the sites whose triangles are all there."""
    i, j = (v.ravel() for v in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    x = np.column_stack([i + 0.5 * j, np.sqrt(0.75) * j, np.zeros(n * n)])
    a = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    face = np.concatenate([np.stack([a, a + n, a + 1], 1), np.stack([a + n, a + n + 1, a + 1], 1)])
    inner = (i > 0) & (i < n - 1) & (j > 0) & (j < n - 1)
    return x, face, inner


def moved(height):
    """Displacements along z that fit the plane z = 0 to a surface ``z = height(x, y)``."""
    x, face, inner = flat_lattice()
    p = x[face]
    points = np.concatenate([p, 0.5 * (p[:, [1, 2, 0]] + p[:, [2, 0, 1]])], axis=1)
    area, normal = np.full(len(face), np.sqrt(0.1875)), np.tile([0.0, 0.0, 1.0], (len(face), 1))
    move = _moves(len(x), face, area, normal, height(points[..., 0], points[..., 1]))
    np.testing.assert_allclose(move[:, :2], 0, atol=1e-14)
    return x[inner], move[inner, 2]


def test_a_shifted_or_tilted_boundary_is_met_exactly():
    x, move = moved(lambda x, y: 0.1 + 0 * x)
    np.testing.assert_allclose(move, 0.1, rtol=1e-12)
    x, move = moved(lambda x, y: 0.1 * x - 0.2 * y)
    np.testing.assert_allclose(move, 0.1 * x[:, 0] - 0.2 * x[:, 1], atol=1e-12)


def test_a_curved_boundary_is_met_in_the_mean():
    """On unit triangles with corners on z = q r^2 the faces are q / 4 too high in the mean, exactly."""
    x = flat_lattice()[0]
    corner = {tuple(np.round(p[:2], 6)) for p in x}

    def gap(x, y):  # at corners none; in the middle of an edge q / 4
        there = [tuple(p) in corner for p in np.round(np.stack([x, y], -1).reshape(-1, 2), 6)]
        return np.where(np.reshape(there, x.shape), 0.0, -0.3 / 4)

    np.testing.assert_allclose(moved(gap)[1], -0.3 / 4, rtol=1e-12)


def test_a_site_on_a_line_goes_where_both_surfaces_are():
    """Three walls meet along z; each is off by what a displacement in the plane makes up for."""
    turn = 2 * np.pi * np.arange(3) / 3
    wall = np.column_stack([np.cos(turn), np.sin(turn), 0 * turn])
    normal = np.column_stack([-np.sin(turn), np.cos(turn), 0 * turn])
    away = np.array([0.02, -0.05, 0.0])
    face = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4]])
    x = np.concatenate([[[0, 0, 0], [0, 0, 1]], wall])
    area = 0.5 * np.linalg.norm(
        np.cross(x[face][:, 1] - x[face][:, 0], x[face][:, 2] - x[face][:, 0]), axis=1
    )
    gap = np.tile((normal @ away)[:, None], (1, 6))
    np.testing.assert_allclose(_moves(5, face, area, normal, gap)[:2], [away, away], atol=1e-12)


def test_a_cap_has_its_area_and_its_volume(tmp_path, monkeypatch):
    """A ball of radius R cut by a sphere of radius r about a point of its surface.

    The area of the cap is 2 pi r h with ``h = r - r^2 / (2 R)``. Without the fit its faces, with their
    corners on the sphere, leave out a twentieth of the volume.
    """
    n, box, big, small = 40, 8.0, 3.0, 2.4
    x = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) * box / n] * 3, indexing="ij"), axis=-1) - box / 2
    ball = np.linalg.norm(x, axis=-1) < big
    cap = np.linalg.norm(x - [big, 0, 0], axis=-1) < small
    label = np.where(ball, np.where(cap, 2, 1), 0)
    np.save(tmp_path / "map.npy", label)
    labels = {
        "file": str(tmp_path / "map.npy"), "voxel_size_um": [box / n] * 3, "periodic": True,
        "random_orientations": True, "boundaries": "smooth",
    }  # fmt: skip
    made = config_from_table(
        {
            "microstructure": {"seed": 1, "labels": labels},
            "geometry": {"separator_um": 2.0},
            "network": {"spacing_um": 1.0, "spacing_max_um": 2.0, "growth": 0.5},
        }
    )
    exact = 2 * np.pi * small * (small - small**2 / (2 * big))
    volume = (label == 2).sum() * (box / n) ** 3

    def errors():
        found = agreement(build_network(made, labelled(made)), labelled(made))
        own = next(row for row in found.grain_rows if row["label"] == 2)
        return found.gb_area * 1e12 / exact - 1, own["volume_um3"] / volume - 1

    area, within = errors()
    monkeypatch.setattr("latticecell.meshing.generate.fit_boundaries", lambda *_: None)
    flat_within = errors()[1]
    assert abs(area) < 0.03
    assert abs(within) < 0.01
    assert flat_within < -0.03


def test_votes_are_left_out_where_the_voxels_around_are_the_same():
    """Labels where they are, and other domains of none, as the election of all voxels finds them."""
    label = np.full((24, 18, 15), 2, np.int32)
    label[:5], label[5:8, :6] = 0, 1
    voxel = np.array([0.5, 0.4, 0.3])
    x = np.random.default_rng(0).uniform(-1, 2, (6000, 3)) * np.array(label.shape) * voxel
    fields = VoteFields(label, voxel, 2, 0.7)
    assert 0.2 < fields.mixed.mean() < 0.9
    out, share = np.empty((len(x), LEADING), np.int32), np.empty((len(x), LEADING))
    kernel.leading_labels(label, voxel, x, fields.reach, out=out, share=share)
    one = share[:, 0] > 1 - 1e-12
    assert one.mean() > 0.2
    np.testing.assert_array_equal(fields.leading(x, 3)[one], out[one, :3])
    fields.__dict__["mixed"] = np.ones(label.shape, bool)
    every = fields.leading(x, 3)
    del fields.__dict__["mixed"]
    np.testing.assert_array_equal(fields.leading(x, 3), every)
