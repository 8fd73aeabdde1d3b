"""Random packings of spheres: sizes, distances, volume, and what is said where they do not fit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import lognorm

from latticecell.packing import (
    MOST_SCALED,
    PackingError,
    lognormal_radii,
    pack_spheres,
    radii_for_volume,
    separations,
    sphere_volume,
    wall_distances,
)

WIDTH, HEIGHT, GAP, WALL = 21.3, 17.9, 0.13, 0.21


def packed(seed, share, mean=2.9, deviation=0.7, width=WIDTH, height=HEIGHT):
    rng = np.random.default_rng(seed)
    draw = lognormal_radii(rng, mean, deviation, 1.1, 5.3)
    radius, _ = radii_for_volume(draw, share * width**2 * height, 1000)
    return pack_spheres(rng, radius, width, height, GAP, WALL), radius


def brute_gap(center, radius, width):
    """Least gap between two spheres, over the 3 x 3 images of each."""
    least = np.inf
    for i in range(len(radius)):
        for j in range(i + 1):
            for a in (-1, 0, 1):
                for b in (-1, 0, 1):
                    if i == j and a == b == 0:
                        continue
                    d = center[i] - center[j] + np.array([a, b, 0]) * width
                    least = min(least, np.sqrt(d @ d) - radius[i] - radius[j])
    return least


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 0.45))
def test_packed_spheres_keep_their_distances(seed, share):
    center, radius = packed(seed, share)
    assert brute_gap(center, radius, WIDTH) >= GAP
    assert wall_distances(center, radius, HEIGHT).min() >= WALL
    assert (center[:, :2] >= 0).all() and (center[:, :2] < WIDTH).all()
    assert sphere_volume(radius).sum() == pytest.approx(share * WIDTH**2 * HEIGHT, rel=1e-9)


def test_separations_are_those_of_the_nearest_images():
    center, radius = packed(5, 0.3)
    gaps = separations(center, radius, WIDTH)
    assert gaps.min() == pytest.approx(brute_gap(center, radius, WIDTH), rel=1e-12)
    assert np.array_equal(gaps, gaps.T)
    np.testing.assert_allclose(np.diag(gaps), WIDTH - 2 * radius)


def test_a_seed_gives_the_same_packing_bit_for_bit():
    for share in (0.2, 0.45):  # by addition, by relaxation
        one, two, other = packed(31, share), packed(31, share), packed(32, share)
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
        assert one[0].shape != other[0].shape or not np.array_equal(one[0], other[0])


def test_sizes_are_those_of_the_truncated_distribution():
    mean, deviation, low, high = 2.7, 1.3, 1.2, 5.1
    radius = lognormal_radii(np.random.default_rng(17), mean, deviation, low, high)(40_000)
    assert radius.min() >= low and radius.max() <= high
    width = np.sqrt(np.log1p((deviation / mean) ** 2))
    whole = lognorm(width, scale=mean / np.sqrt(1 + (deviation / mean) ** 2))
    assert whole.mean() == pytest.approx(mean) and whole.std() == pytest.approx(deviation)
    for place in (1.5, 2.0, 2.7, 4.0):
        share = (whole.cdf(place) - whole.cdf(low)) / (whole.cdf(high) - whole.cdf(low))
        assert (radius < place).mean() == pytest.approx(share, abs=0.01)


def test_sizes_of_no_deviation_are_equal():
    radius = lognormal_radii(np.random.default_rng(3), 2.7, 0.0, 1.0, 5.0)(9)
    np.testing.assert_allclose(radius, 2.7, rtol=1e-12)


@given(st.integers(0, 10**6), st.floats(2, 40))
def test_radii_meet_a_volume_by_a_small_factor(seed, count):
    draw = lognormal_radii(np.random.default_rng(seed), 1.7, 0.4, 1.1, 2.6)
    volume = count * float(sphere_volume(np.array([2.6])).item())
    radius, factor = radii_for_volume(draw, volume, 10_000)
    assert sphere_volume(radius).sum() == pytest.approx(volume, rel=1e-12)
    assert 1 / MOST_SCALED < factor < MOST_SCALED


def test_what_does_not_fit_says_how_much_did():
    with pytest.raises(PackingError) as found:
        packed(4, 0.66)
    assert 0.7 < found.value.reached < 0.97
    with pytest.raises(PackingError) as found:
        pack_spheres(np.random.default_rng(2), np.array([9.0]), WIDTH, HEIGHT, GAP, WALL)
    assert found.value.reached == pytest.approx(((HEIGHT - 2 * WALL) / 18) ** 3, rel=1e-3)


def test_dense_packings_are_reached_by_relaxation():
    for seed in range(5):
        center, radius = packed(seed, 0.5)
        assert separations(center, radius, WIDTH).min() >= GAP
