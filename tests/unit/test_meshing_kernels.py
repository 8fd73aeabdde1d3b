"""Placement and smoothing kernels against slow references."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latticecell._kernels import placement, smoothing
from latticecell.meshing.placement import Sites
from latticecell.network import incidence, unwrap_corners
from latticecell.quality import tet_quality

BOX = np.array([3.1, 2.7, 4.3])
FIXED, LINE, PLANE, SPHERE, CIRCLE, FREE = range(6)


def separation(x, y):
    d = x - y
    d[..., :2] -= BOX[:2] * np.round(d[..., :2] / BOX[:2])
    return np.linalg.norm(d, axis=-1)


def insert_reference(x, reach, n_present):
    accepted, out, blocker = [], [], []
    for i in range(len(x)):
        distance = separation(x[accepted], x[i]) if accepted else np.zeros(0)
        free = i < n_present or not (distance < reach[i]).any()
        out.append(free)
        blocker.append(-1 if free else accepted[int(distance.argmin())])
        if free:
            accepted.append(i)
    return np.array(out, bool), np.array(blocker, np.int32)


@settings(deadline=None, max_examples=60)
@given(
    n=st.sampled_from([0, 1, 2, 150]),
    present=st.integers(0, 40),
    cells=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)),
    largest=st.floats(0.05, 2.5),
    seed=st.integers(0, 2**32),
)
def test_greedy_insertion_is_that_of_the_double_loop(n, present, cells, largest, seed):
    rng = np.random.default_rng(seed)
    x = rng.random((n, 3)) * BOX
    x[rng.random(n) < 0.1, 2] = BOX[2]  # on the upper wall
    reach = largest * (0.2 + 0.8 * rng.random(n))
    out, blocker = np.full(n, 7, np.uint8), np.full(n, -7, np.int32)
    cells = np.array(cells, np.int32)
    head = np.full(int(np.prod(cells)), -1, np.int32)
    placement.insert_greedily(
        x, reach, BOX, cells, min(present, n), head, np.empty(n, np.int32), out=out, blocker=blocker
    )
    expected, nearest = insert_reference(x, reach, present)
    np.testing.assert_array_equal(out.astype(bool), expected)
    np.testing.assert_array_equal(blocker, nearest)


@settings(deadline=None, max_examples=60)
@given(n=st.sampled_from([0, 1, 60]), width=st.integers(1, 9), seed=st.integers(0, 2**32))
def test_common_labels_are_the_intersection_of_sets(n, width, seed):
    rng = np.random.default_rng(seed)
    label = np.full((12, width), -1, np.int32)
    for row in label:
        own = rng.choice(10, int(rng.integers(1, width + 1)), replace=False)
        row[: len(own)] = np.sort(own)
    tet = np.stack([rng.choice(12, 4, replace=False) for _ in range(n)]).astype(np.int32) if n else np.empty((0, 4), np.int32)  # fmt: skip # noqa: E501
    out, count = np.full((n, width), -9, np.int32), np.full(n, -9, np.int32)
    placement.common_labels(tet, label, out=out, count=count)
    for t in range(n):
        common = sorted(set.intersection(*({int(d) for d in label[k] if d >= 0} for k in tet[t])))
        assert count[t] == len(common)
        assert out[t].tolist() == common + [-1] * (width - len(common))


def features(rng, n):
    """Sites on random features of every kind; returns positions and the constraint arrays."""
    kind = (np.arange(n) % 6).astype(np.int32)
    axis = rng.normal(size=(n, 3))
    axis /= np.linalg.norm(axis, axis=1)[:, None]
    center, radius = rng.normal(size=(n, 3)), rng.uniform(1.3, 2.9, n)
    x = rng.normal(size=(n, 3))
    for k in range(n):
        if kind[k] in (SPHERE, CIRCLE):
            d = x[k] - (x[k] @ axis[k]) * axis[k] * (kind[k] == CIRCLE)
            x[k] = center[k] + radius[k] * d / np.linalg.norm(d)
        if kind[k] == CIRCLE:
            d = x[k] - center[k]
            d -= (d @ axis[k]) * axis[k]
            x[k] = center[k] + radius[k] * d / np.linalg.norm(d)
    return x, kind, axis, center, radius


def off_feature(x, start, kind, axis, center, radius):
    """Distance of each site from the feature that it started on."""
    distance = np.zeros(len(x))
    for k in range(len(x)):
        d, r = x[k] - start[k], x[k] - center[k]
        distance[k] = {
            FIXED: np.linalg.norm(d),
            LINE: np.linalg.norm(np.cross(d, axis[k])),
            PLANE: abs(d @ axis[k]),
            SPHERE: abs(np.linalg.norm(r) - radius[k]),
            CIRCLE: np.hypot(np.linalg.norm(r) - radius[k], r @ axis[k]),
            FREE: 0.0,
        }[int(kind[k])]
    return distance


@settings(deadline=None, max_examples=40)
@given(n=st.sampled_from([0, 1, 30]), seed=st.integers(0, 2**32))
def test_slid_sites_stay_on_their_features(n, seed):
    rng = np.random.default_rng(seed)
    x, kind, axis, center, radius = features(rng, n)
    move = 0.2 * rng.normal(size=(n, 3))
    out = np.full((n, 3), np.nan)
    smoothing.slide_sites(x, move, kind, axis, center, radius, out=out)
    assert off_feature(out, x, kind, axis, center, radius).max(initial=0) < 1e-12
    step = out - x
    free = kind == FREE
    np.testing.assert_allclose(step[free], move[free], rtol=0, atol=1e-15)
    along = np.einsum("kc,kc->k", move, axis)[:, None] * axis
    np.testing.assert_allclose(step[kind == LINE], along[kind == LINE], rtol=0, atol=1e-14)
    np.testing.assert_allclose(step[kind == PLANE], (move - along)[kind == PLANE], rtol=0, atol=1e-14)
    # no move, no change
    smoothing.slide_sites(x, np.zeros((n, 3)), kind, axis, center, radius, out=out)
    np.testing.assert_allclose(out, x, rtol=0, atol=1e-14)


def jittered_box():
    """Kuhn tets of a periodic grid with badly displaced sites, in units of um."""
    from networks import box_network

    network = box_network((4, 5, 6), (2.1e-6, 2.6e-6, 3.3e-6), jitter=0.24, seed=29)
    return network.x_kc / 1e-6, network.site_n[network.tet_tn], network.box_c / 1e-6


def improve(x, tet, box, kind, axis, *, target=0.5, release=0.0, sweeps=4, seed=99, radius=0.0):
    lists = incidence(tet.ravel(), len(x))
    n = len(x)
    smoothing.improve_stars(
        x, np.full(n, 0.5), tet, lists.start, lists.index, kind, axis, np.zeros((n, 3)), np.full(n, radius),
        box, np.empty((int(np.diff(lists.start).max()), 12)), target=target,
        release=release, step=0.12, sweeps=sweeps, seed=seed,
    )  # fmt: skip


def box_features(x, box):
    """Walls as planes, every seventh inner site on a slanted plane, every eleventh on a line, others free."""
    kind = np.full(len(x), FREE, np.int32)
    axis = np.zeros((len(x), 3))
    axis[:] = np.array([3, -2, 6]) / 7
    kind[::7], kind[::11], kind[::13] = PLANE, LINE, FIXED
    wall = (x[:, 2] == 0) | (x[:, 2] == box[2])
    kind[wall], axis[wall] = PLANE, (0, 0, 1)
    return kind, axis, wall


@pytest.mark.parametrize("sweeps", [0, 1, 5])
def test_smoothing_never_lowers_the_worst_quality_around_the_network(sweeps):
    x, tet, box = jittered_box()
    kind, axis, _ = box_features(x, box)
    before, start = tet_quality(unwrap_corners(x, tet, box)), x.copy()
    improve(x, tet, box, kind, axis, sweeps=sweeps)
    after = tet_quality(unwrap_corners(x, tet, box))
    if sweeps:
        assert after.min() > before.min()
        assert after.mean() > before.mean()
    else:
        np.testing.assert_array_equal(x, start)
    assert off_feature(x, start, kind, axis, np.zeros_like(x), np.ones(len(x))).max() < 1e-12


def test_moving_one_site_raises_the_worst_of_its_own_star():
    x, tet, box = jittered_box()
    kind, axis = np.full(len(x), FIXED, np.int32), np.zeros((len(x), 3))
    quality = tet_quality(unwrap_corners(x, tet, box))
    k = int(tet[quality.argmin(), 0])
    k = next(int(j) for j in tet[quality.argmin()] if 0 < x[j, 2] < box[2]) if x[k, 2] in (0, box[2]) else k
    kind[k] = FREE
    star = (tet == k).any(axis=1)
    start = x.copy()
    improve(x, tet, box, kind, axis)
    after = tet_quality(unwrap_corners(x, tet, box))
    assert after[star].min() > quality[star].min()
    np.testing.assert_array_equal(after[~star], quality[~star])
    np.testing.assert_array_equal(np.flatnonzero((x != start).any(axis=1)), [k])


def test_release_frees_all_but_walls_and_spheres():
    x, tet, box = jittered_box()
    kind, axis, wall = box_features(x, box)
    kind[~wall] = FIXED
    start = x.copy()
    improve(x, tet, box, kind, axis, release=0.0)
    assert not (x != start)[~wall].any()
    improve(x, tet, box, kind, axis, release=2.0, radius=1.7)  # a corner on a sphere
    assert not (x != start)[~wall].any()
    improve(x, tet, box, kind, axis, release=2.0)
    assert (x != start)[~wall].any()
    np.testing.assert_array_equal(x[wall, 2], start[wall, 2])


def test_smoothing_repeats_for_its_seed_and_inverted_tets_are_turned_back():
    x, tet, box = jittered_box()
    kind, axis, wall = box_features(x, box)
    kind[~wall] = FREE
    inner = int(np.flatnonzero(~wall)[3])
    tet_of = np.flatnonzero((tet == inner).any(axis=1))[0]
    corners = unwrap_corners(x, tet, box)[tet_of]
    at = int(np.argmax(tet[tet_of] == inner))
    opposite = np.delete(corners, at, axis=0).mean(axis=0)
    x[inner] += 1.1 * (opposite - corners[at])  # through the face opposite to it
    assert tet_quality(unwrap_corners(x, tet, box)).min() < 0
    results = []
    for seed in (99, 99, 100):
        y = x.copy()
        improve(y, tet, box, kind, axis, sweeps=8, seed=seed)
        results.append(y)
    assert tet_quality(unwrap_corners(results[0], tet, box)).min() > 0
    np.testing.assert_array_equal(results[0], results[1])
    assert (results[0] != results[2]).any()


def test_rejected_sites_hand_their_labels_to_their_blocker():
    from types import SimpleNamespace

    geometry = SimpleNamespace(
        box=BOX, spacing=0.5, finest=0.5, wrap=lambda x: np.array(x, float),
        spacing_at=lambda x: np.full(len(x), 0.5),
        same_body=lambda x, labels, y, others: True, n_grains=4,
    )  # fmt: skip
    sites = Sites(geometry)
    x = np.array([[0.05, 1.0, 1.0], [3.0, 1.0, 1.0], [1.5, 1.0, 1.0]])  # the first two are near across x = 0
    sites.add(x, 0, [{1, 2}, {2, 3}, {4}], 0.5, inherit=True)
    np.testing.assert_array_equal(sites.x, x[[0, 2]])
    assert sites.labels == [{1, 2, 3}, {4}]
    np.testing.assert_array_equal(sites.grain, [[1, 2, -1], [-1, -1, -1]])
    assert sites.feature == [frozenset({1, 2}), frozenset({4})]
