"""Orientations of grains: exact directions without spread, and distributions with one."""

import numpy as np
import pytest
from scipy import stats

from latticecell.config import Texture
from latticecell.grains.textures import oriented

N = 4000


def drawn(kind, spread=0.0, n=N, seeds=None, **keys):
    """Return directions to grains, their [001] axes, and whole rotations."""
    rng = np.random.default_rng(19)
    seeds = 3.7e-6 * rng.normal(size=(n, 3)) if seeds is None else seeds
    texture = Texture(kind=kind, spread=spread, **keys)
    q = oriented(texture, np.random.default_rng(5), seeds)
    np.testing.assert_allclose(q @ q.transpose(0, 2, 1), np.tile(np.eye(3), (n, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(q), 1, atol=1e-12)
    return seeds / np.linalg.norm(seeds, axis=1)[:, None], q[:, :, 2], q


def about(u, v):
    """Angles of vectors v around axes u, from a fixed direction."""
    x = np.cross(u, [0.3, -0.5, 0.8])
    x /= np.linalg.norm(x, axis=1)[:, None]
    y = np.cross(u, x)
    return np.arctan2((v * y).sum(1), (v * x).sum(1)) % (2 * np.pi)


def is_uniform(angle):
    return stats.kstest(angle / (2 * np.pi), "uniform").pvalue > 1e-3


def test_planes_of_a_radial_texture_lead_to_the_surface():
    radius, c, q = drawn("radial")
    np.testing.assert_allclose((radius * c).sum(1), 0, atol=1e-12)
    assert is_uniform(about(radius, c))
    assert is_uniform(about(c, q[:, :, 0]))


def test_planes_of_a_tangential_texture_lie_along_the_surface():
    radius, c, q = drawn("tangential")
    np.testing.assert_allclose(c, radius, atol=1e-12)
    assert is_uniform(about(c, q[:, :, 0]))


def test_a_fibre_texture_has_one_axis_of_any_length():
    _, c, q = drawn("fibre", axis=(0.0, -3.0, 4.0))
    np.testing.assert_allclose(c, np.tile([0, -0.6, 0.8], (N, 1)), atol=1e-12)
    assert is_uniform(about(c, q[:, :, 0]))


@pytest.mark.parametrize("degrees", [4.0, 25.0, 70.0])
def test_a_fibre_texture_spreads_as_von_mises_and_fisher_say(degrees):
    spread = np.radians(degrees)
    axis = np.array([1.0, 2.0, -2.0]) / 3
    _, c, _ = drawn("fibre", degrees, axis=tuple(axis))
    theirs = stats.vonmises_fisher(axis, spread**-2).rvs(N, random_state=np.random.default_rng(8))
    assert stats.ks_2samp(c @ axis, theirs @ axis).pvalue > 1e-3
    assert is_uniform(about(np.tile(axis, (N, 1)), c))
    if degrees < 10:  # each component across the axis has this standard deviation
        side = np.cross(axis, [0.0, 0.6, 0.8])
        assert np.std(c @ side / np.linalg.norm(side)) == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize("degrees", [4.0, 25.0, 70.0])
def test_a_radial_texture_spreads_from_the_tangential_plane(degrees):
    spread = np.radians(degrees)
    radius, c, _ = drawn("radial", degrees)
    height = (radius * c).sum(1)
    assert stats.kstest(height, stats.truncnorm(-1 / spread, 1 / spread, scale=spread).cdf).pvalue > 1e-3
    assert is_uniform(about(radius, c))


def test_a_tangential_texture_spreads_from_the_radius():
    radius, c, _ = drawn("tangential", 10.0)
    angle = np.arccos(np.clip((radius * c).sum(1), -1, 1))
    assert np.mean(angle**2) == pytest.approx(2 * np.radians(10) ** 2, rel=0.1)


def test_crystals_without_texture_are_uniform_as_before():
    _, c, q = drawn("random")
    assert stats.kstest(c[:, 2], stats.uniform(-1, 2).cdf).pvalue > 1e-3
    from scipy.spatial.transform import Rotation

    again = Rotation.random(N, rng=np.random.default_rng(5)).as_matrix()
    assert np.array_equal(q, again)


def test_a_single_orientation_is_that_of_all_grains():
    _, _, q = drawn("single", n=12)
    assert (q == q[0]).all()
    assert not np.allclose(q[0], np.eye(3))


@pytest.mark.parametrize("kind", ["radial", "tangential"])
def test_a_grain_in_the_centre_has_any_orientation(kind):
    seeds = np.array([[0, 0, 0], [0, 0, 2e-6], [3e-6, 0, 0]])
    _, c, _ = drawn(kind, n=3, seeds=seeds + 1e-13 * np.eye(3)[[0, 2, 0]])
    assert abs(c[0, 0]) not in (0, 1)
    assert abs(c[1, 2]) == pytest.approx(float(kind == "tangential"), abs=1e-12)
