"""Laguerre cells in a ball: volumes and areas against closed forms and sampling; weights that fit volumes."""

import numpy as np
import pytest

from latticecell.config import GrainSizes, Microstructure
from latticecell.grains.seeding import (
    columns,
    drawn_seeds,
    drawn_volumes,
    expected_grains,
    ratio_of,
    relaxed,
    scattered,
    share_below,
    shell_volume,
    shells_of,
)
from latticecell.grains.tessellation import cells_in_ball, fitted_weights, in_cells, polygons


def cap(radius, height):
    return np.pi * (radius - height) ** 2 * (2 * radius + height) / 3


def ball(n, seed=7, radius=1.0, cavity=0.0):
    return scattered(np.random.default_rng(seed), n, radius, cavity)


@pytest.mark.parametrize("cavity", [0.0, 0.6, 1.4])
def test_two_cells_are_caps(cavity):
    """The plane is where the powers are equal: a quarter of the weights off the middle at distance two."""
    normal = np.array([2, -3, 6.0]) / 7
    seed, weight = np.array([[0.9], [-1.1]]) * normal, np.array([0.4, -0.8])
    height = (0.81 - 1.21 - 0.4 - 0.8) / (2 * 2.0)  # |x - a|^2 - w_a = |x - b|^2 - w_b along the normal
    cells = cells_in_ball(seed, 1.7, weight, cavity)
    inner = cap(cavity, height) if cavity > abs(height) else 4 / 3 * np.pi * cavity**3
    np.testing.assert_allclose(cells.volume[0], cap(1.7, height) - inner, rtol=1e-12)
    np.testing.assert_allclose(cells.volume.sum(), 4 / 3 * np.pi * (1.7**3 - cavity**3), rtol=1e-12)
    area = np.pi * (1.7**2 - max(height**2, cavity**2))
    np.testing.assert_allclose(cells.area, [area], rtol=1e-12)


def test_eight_cells_are_octants():
    seed = 0.4 * np.array([(i, j, k) for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)])
    cells = cells_in_ball(seed, 1.3, np.full(8, 0.2), 0.5)
    np.testing.assert_allclose(cells.volume, np.pi / 6 * (1.3**3 - 0.5**3), rtol=1e-6)
    walls = np.sort(cells.area)[-12:]
    np.testing.assert_allclose(walls, np.pi / 4 * (1.3**2 - 0.5**2), rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_volumes_agree_with_sampling(weighted):
    seed, rng = ball(30), np.random.default_rng(11)
    weight = 0.04 * rng.normal(size=30) if weighted else None
    cells = cells_in_ball(seed, 1.0, weight, 0.35)
    x = scattered(rng, 400_000, 1.0, 0.35)
    share = np.bincount(in_cells(x, seed, np.zeros(30) if weight is None else weight), minlength=30) / len(x)
    exact = cells.volume / shell_volume(1.0, 0.35)
    assert exact.sum() == pytest.approx(1, abs=1e-12)
    assert (np.abs(share - exact) < 5 * np.sqrt(exact / len(x)) + 1e-9).all()


def test_areas_are_slopes_of_volumes():
    """By another's weight, the volume falls by the area over twice the distance."""
    seed = ball(25)
    weight = 0.02 * np.random.default_rng(3).normal(size=25)
    cells = cells_in_ball(seed, 1.0, weight, 0.3)
    step = np.zeros(25)
    step[4] = 1e-5
    more, less = (cells_in_ball(seed, 1.0, weight + s * step, 0.3).volume for s in (1, -1))
    slope = (more - less) / 2e-5
    expected = np.zeros(25)
    for (a, b), area in zip(cells.pair, cells.area, strict=True):
        if 4 in (a, b):
            other = a + b - 4
            expected[other] = -area / (2 * np.linalg.norm(seed[a] - seed[b]))
    expected[4] = -expected.sum()
    np.testing.assert_allclose(slope, expected, atol=1e-7)


def test_equal_weights_give_voronoi_cells_bit_for_bit():
    seed = ball(20)
    plain, same = polygons(seed, 1.0), polygons(seed, 1.0, np.full(20, 0.7))
    assert plain[0] == same[0]
    assert np.array_equal(plain[1], same[1])


def test_vanishing_weights_give_the_same_polygons():
    """Two ways of finding the faces: Voronoi's, and the convex hull in one more dimension."""
    seed = ball(20)
    faces, vertex = polygons(seed, 1.0)
    others, corner = polygons(seed, 1.0, 1e-13 * np.arange(20.0))
    assert {face[:2] for face in faces} == {face[:2] for face in others}
    by_pair = {face[:2]: face[2] for face in others}
    for a, b, own in faces:
        distance = np.linalg.norm(vertex[own][:, None] - corner[by_pair[a, b]], axis=2)
        assert distance.min(axis=1).max() < 1e-6 * max(1, np.abs(vertex[own]).max())


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("cavity", [0.0, 0.3])
def test_weights_give_log_normal_volumes(seed, cavity):
    """From random seeds, that do not fit at all, to better than 1 %."""
    rng = np.random.default_rng(seed)
    volume = rng.lognormal(0, 0.9, 50)
    volume *= shell_volume(1.0, cavity) / volume.sum()
    points = ball(50, seed, cavity=cavity)
    weight = fitted_weights(points, 1.0, volume, cavity)
    assert np.abs(cells_in_ball(points, 1.0, weight, cavity).volume / volume - 1).max() < 1e-3
    x = scattered(rng, 200_000, 1.0, cavity)
    share = np.bincount(in_cells(x, points, weight), minlength=50) / len(x)
    exact = volume / volume.sum()
    assert (np.abs(share - exact) < 5 * np.sqrt(exact / len(x))).all()


def test_relaxed_grains_are_alike():
    """Lloyd's iteration evens out the volumes of Voronoi cells, and leads seeds to their centroids."""
    rng, seed = np.random.default_rng(2), ball(60)
    after = relaxed(rng, seed, None, 1.0, 0.0, 15)
    before, now = cells_in_ball(seed, 1.0).volume, cells_in_ball(after, 1.0).volume
    assert np.std(now) < 0.35 * np.std(before)


def test_sizes_have_the_wanted_mean_and_deviation():
    sizes = GrainSizes(mean=0.9, deviation=0.3)
    total = shell_volume(9e-6, 2e-6)
    volume = drawn_volumes(sizes, np.random.default_rng(4), total)
    d = np.cbrt(6 * volume / np.pi)
    assert volume.sum() == pytest.approx(total, rel=1e-12)
    assert len(d) == pytest.approx(expected_grains(sizes, 9e-6, 2e-6), rel=0.06)
    assert d.mean() == pytest.approx(0.9e-6, rel=0.02)
    assert d.std() == pytest.approx(0.3e-6, rel=0.05)
    assert (d < 0.6e-6).mean() == pytest.approx(share_below(sizes, 0.6e-6), abs=0.02)


def test_sizes_keep_their_bounds():
    sizes = GrainSizes(mean=0.9, deviation=0.5, smallest=0.5, largest=1.6)
    volume = drawn_volumes(sizes, np.random.default_rng(4), shell_volume(8e-6, 0))
    d = np.cbrt(6 * volume / np.pi)
    assert len(d) == pytest.approx(expected_grains(sizes, 8e-6, 0.0), rel=0.05)
    assert 0.49e-6 < d.min() < 0.55e-6
    assert 1.5e-6 < d.max() < 1.63e-6


def test_drawn_seeds_have_drawn_volumes():
    options = Microstructure(sizes=GrainSizes(mean=2.4, deviation=0.8), relaxations=3, cavity_radius=1.0)
    seed, weight = drawn_seeds(options, np.random.default_rng(6), 53, 5e-6)
    cells = cells_in_ball(seed / 5e-6, 1.0, weight / 25e-12, 0.2)
    sampler = np.random.default_rng(6)
    volume = drawn_volumes(options.sizes, sampler, shell_volume(5e-6, 1e-6))
    np.testing.assert_allclose(cells.volume * 125e-18, volume, rtol=1e-3)


@pytest.mark.parametrize(("n", "cavity", "ratio"), [(300, 0.0, 2.0), (300, 0.3, 4.0), (150, 0.25, 2.5)])
def test_columns_are_longer_than_wide(n, cavity, ratio):
    """Second moments along the radius and across it are those of cones between two radii.

    With the solid angle W of one of n: var(r) along, <r^2> W / 12 across, both weighted by r^2.
    """
    rng = np.random.default_rng(3)
    seed, weight = columns(rng, n, 1.0, cavity, ratio)
    assert len(seed) == n
    shells = shells_of(n, 1.0, cavity, ratio)
    assert abs(np.log(ratio_of(n, 1.0, cavity, shells) / ratio)) < np.log(1.6)
    inner = cavity or n ** (-1 / 3)
    edge = np.linspace(inner, 1, shells + 1)
    height = np.linalg.norm(seed, axis=1)
    x = scattered(rng, 300 * n, 1.0, cavity)
    cell = in_cells(x, seed, weight)
    found = []
    for g in np.flatnonzero(height > inner):
        shell = np.searchsorted(edge, height[g]) - 1
        a, b = edge[shell : shell + 2]
        count = ((height > a) & (height < b)).sum()
        mean = [3 / (3 + k) * (b ** (3 + k) - a ** (3 + k)) / (b**3 - a**3) for k in (1, 2)]
        expected = np.sqrt((mean[1] - mean[0] ** 2) / (mean[1] * 4 * np.pi / count / 12))
        own = x[cell == g]
        middle = own.mean(axis=0)
        u = middle / np.linalg.norm(middle)
        along = (own - middle) @ u
        across = ((own - middle) ** 2).sum(axis=1) - along**2
        found.append(np.sqrt((along**2).mean() / (across.mean() / 2)) / expected)
    assert np.median(found) == pytest.approx(1, abs=0.12)


def test_the_core_of_columns_is_a_grain_of_average_size():
    seed, weight = columns(np.random.default_rng(5), 60, 1.0, 0.0, 2.0)
    assert not seed[0].any()
    volume = cells_in_ball(seed, 1.0, weight).volume
    assert volume[0] == pytest.approx(volume.mean(), rel=0.35)
    assert volume.min() > 0.4 * volume.mean()


def test_as_many_shells_as_come_closest():
    for k in (1, 2, 3):
        exact = ratio_of(400, 1.0, 0.3, k)
        assert shells_of(400, 1.0, 0.3, exact) == k
    assert ratio_of(400, 1.0, 0.3, 2) == pytest.approx(ratio_of(400, 1.0, 0.3, 1) / 2**1.5)
