"""Kernels of clusters of copies against their twins, and the coarse matrix that is made from them."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
from latticecell._kernels import clusters as kernels
from latticecell.solvers.clusters import LEAST, STIFF, Clusters
from latticecell.solvers.galerkin import Coarsening, Galerkin, Stretches


def axes_of(tangent_bcc, n_threads=1):
    n = len(tangent_bcc)
    value, axis = np.full((n, 3), np.nan), np.full((n, 3, 3), np.nan)
    every = np.arange(len(tangent_bcc), dtype=np.int32)
    kernels.find_axes(tangent_bcc, every, value_bk=value, axis_bkc=axis, n_threads=n_threads)
    return value, axis


def symmetric(rng, values_bk):
    turned = np.linalg.qr(rng.normal(size=(len(values_bk), 3, 3)))[0]
    return np.einsum("bik,bk,bjk->bij", turned, values_bk, turned)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 2**31), st.integers(0, 12), st.sampled_from([0, 4, 9]))
def test_axes_of_tangents(seed, n, decades):
    rng = np.random.default_rng(seed)
    values = rng.choice([-1.0, 1.0], (n, 3)) * 10.0 ** rng.uniform(3 - decades, 3, (n, 3))
    values[::4] = values[::4, :1]  # no axis is special
    values[1::4, 1] = 0.0
    tangent = symmetric(rng, values)
    found, axis = axes_of(tangent)
    size = np.abs(values).max(initial=0.0)
    np.testing.assert_allclose(np.sort(found), np.sort(values), rtol=0, atol=1e-13 * size)
    np.testing.assert_allclose(axis @ axis.transpose(0, 2, 1), np.tile(np.eye(3), (n, 1, 1)), atol=1e-13)
    rebuilt = np.einsum("bki,bk,bkj->bij", axis, found, axis)
    np.testing.assert_allclose(rebuilt, tangent, rtol=0, atol=1e-13 * size)


def test_axes_of_diagonal_and_of_no_matrices():
    value, axis = axes_of(np.array([np.diag([7.0, -2.0, 3.0]), np.zeros((3, 3))]))
    np.testing.assert_array_equal(value, [[7.0, -2.0, 3.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(axis, np.tile(np.eye(3), (2, 1, 1)))


# Pairs of copies in each cluster: a pair, a pair joined twice, a triangle, a chain, all of four.
SHAPES = [
    [(0, 1)], [(1, 0), (0, 1)], [(0, 1), (1, 2), (2, 0)], [(0, 1), (2, 1), (2, 3), (3, 4)],
    [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)],
]  # fmt: skip


def case(seed, shapes):
    """Clusters among other unknowns, in a shuffled order, with bonds of all kinds, and a lattice."""
    rng = np.random.default_rng(seed)
    sizes = [1 + max(max(pair) for pair in shape) for shape in shapes]
    n = sum(sizes) + 4
    names, ends, first = rng.permutation(n), [], 0
    for size, shape in zip(sizes, shapes, strict=True):
        ends += [(names[first + i], names[first + j]) for i, j in shape]
        first += size
    end_bi = rng.permutation(np.array(ends))
    lattice = sp.random_array((3 * n, 3 * n), density=0.1, rng=rng).toarray()
    lattice = lattice @ lattice.T + 2.0 * np.eye(3 * n)
    # between the copies of a site there is nothing but bonds
    clusters = Clusters(n, end_bi)
    label = np.arange(n) + n
    for row, column in zip(clusters.row_k, clusters.column_k, strict=True):
        label[row] = min(label[row], column)
    same = (label[:, None] == label) & ~np.eye(n, dtype=bool)
    lattice[np.kron(same, np.ones((3, 3))) > 0] = 0.0
    lattice += 30.0 * np.eye(3 * n)
    size_b = rng.uniform(20, 60, len(end_bi))
    kind = rng.choice([1e3, 0.2, 1e-7, -1.0], (len(end_bi), 3), p=[0.5, 0.2, 0.2, 0.1])
    return clusters, end_bi, lattice, size_b, symmetric(rng, kind * size_b[:, None])


def blocks_of(matrix, row, column):
    return matrix.reshape(len(matrix) // 3, 3, -1, 3)[row, :, column]


def fit(clusters, tangent, lattice, size_b, n_threads=1):
    bare = np.ascontiguousarray(blocks_of(lattice, clusters.row_k, clusters.column_k))
    return clusters.fit(tangent, size_b, bare, n_threads)


def whole(clusters, blocks, n):
    """Dense matrix of the blocks of all clusters."""
    out = np.zeros((n, 3, n, 3))
    out[clusters.row_k, :, clusters.column_k] = blocks
    return out.reshape(3 * n, 3 * n)


@pytest.mark.parametrize("shapes", [[shape] for shape in SHAPES] + [SHAPES, SHAPES[::-1] + SHAPES])
@pytest.mark.parametrize("seed", [3, 71, 5000])
def test_clusters_equal_their_twin(seed, shapes):
    clusters, end_bi, lattice, size_b, tangent = case(seed, shapes)
    n = len(lattice) // 3
    found = fit(clusters, tangent, lattice, size_b)
    np.testing.assert_allclose(found.softest_b, np.linalg.eigvalsh(tangent)[:, 0], atol=1e-9 * tangent.max())
    own = whole(clusters, found.own, n)
    bare = whole(clusters, blocks_of(lattice, clusters.row_k, clusters.column_k), n)
    twin = reference.fit_cluster(end_bi, tangent, STIFF * size_b, LEAST * size_b, bare + np.eye(3 * n))
    stiff, soft, expected, _ = twin
    left = np.eye(3 * n) - stiff
    scale = np.abs(tangent).max()
    np.testing.assert_allclose(own, expected - np.eye(3 * n), rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(whole(clusters, found.stiff, n), stiff, atol=1e-9)
    np.testing.assert_allclose(whole(clusters, found.soft, n) @ left, soft @ left, atol=1e-9 * scale)
    inside = np.zeros(3 * n, bool)
    inside[(3 * clusters.member_q[:, None] + np.arange(3)).ravel()] = True
    product = own @ whole(clusters, found.inverse, n)
    np.testing.assert_allclose(product, np.diag(inside.astype(float)), atol=1e-8)


def test_a_bond_all_but_parallel_to_a_stiff_one_is_left_to_the_soft_part():
    """Sliding contacts around an edge: the third normal adds a stretch that is hardly one."""
    end_bi = np.array([(0, 1), (1, 2), (2, 0)])
    turned = np.array([[0.0, 0.0, 1.0], [1e-4, 0.0, 1.0], [0.0, 1e-4, 1.0]])
    tangent = 1e3 * np.einsum("bi,bj->bij", turned, turned)
    clusters, lattice = Clusters(3, end_bi), 50.0 * np.eye(9)
    found = fit(clusters, tangent, lattice, np.full(3, 40.0))
    assert np.trace(whole(clusters, found.stiff, 3)) == pytest.approx(2.0)
    turned[2] = [0.0, 0.6, 0.8]
    tangent = 1e3 * np.einsum("bi,bj->bij", turned, turned)
    found = fit(clusters, tangent, lattice, np.full(3, 40.0))
    assert np.trace(whole(clusters, found.stiff, 3)) == pytest.approx(3.0)


def test_threads_do_not_change_a_bit():
    clusters, _, lattice, size_b, tangent = case(9, SHAPES * 3)
    found = [fit(clusters, tangent, lattice, size_b, k) for k in (1, 2, 5)]
    for parts in zip(*found, strict=True):
        assert len({part.tobytes() for part in parts}) == 1


def test_a_fit_brought_up_to_date_is_a_new_one_to_the_bit():
    clusters, _, lattice, size_b, tangent = case(9, SHAPES * 3)
    last = fit(clusters, tangent, lattice, size_b)
    tangent = tangent.copy()
    tangent[[1, 7]] *= 1e-3
    bare = np.ascontiguousarray(blocks_of(lattice, clusters.row_k, clusters.column_k))
    updated = clusters.fit(tangent, size_b, bare, 2, last)
    fresh = clusters.fit(tangent, size_b, bare, 1)
    for name in ("stiff", "soft", "own", "inverse", "softest_b"):
        assert getattr(updated, name).tobytes() == getattr(fresh, name).tobytes()
    assert fresh.own.tobytes() != fit(clusters, 2 * tangent, lattice, size_b).own.tobytes()


def test_no_bonds_make_no_clusters():
    clusters = Clusters(4, np.zeros((0, 2), np.intp))
    found = clusters.fit(np.zeros((0, 3, 3)), np.zeros(0), np.zeros((0, 3, 3)), 2)
    assert all(len(part) == 0 for part in found) and len(clusters.member_q) == 0


@pytest.mark.parametrize("shapes", [SHAPES[:1], SHAPES, SHAPES * 2])
def test_the_coarse_matrix_is_that_of_the_projected_prolongation(shapes):
    clusters, _, lattice, size_b, tangent = case(21, shapes)
    rng = np.random.default_rng(2)
    n = len(lattice) // 3
    coarse = 5
    prolong = np.kron(rng.random((n, coarse)) < 0.4, np.ones((3, 3))) * rng.normal(size=(3 * n, 3 * coarse))
    stretches = Stretches.of(clusters, 2)
    matrices = [sp.bsr_matrix(dense, blocksize=(3, 3)) for dense in (lattice, prolong)]
    galerkin = Galerkin(clusters.member_q, stretches, *matrices)
    for change in (1.0, 1e-3, 1e3):  # nothing is remembered
        found = fit(clusters, change * tangent, lattice, size_b)
        stretches.take(found)
        galerkin.fit()
        bonds = whole(clusters, found.own, n)
        bonds -= whole(clusters, blocks_of(lattice, clusters.row_k, clusters.column_k), n)
        free = prolong - whole(clusters, found.stiff, n) @ prolong
        expected = free.T @ (lattice + bonds) @ free
        np.testing.assert_allclose(galerkin.coarse.dense(), expected, atol=1e-9 * np.abs(expected).max())
        for got, wanted in ((galerkin.prolong, free), (galerkin.restrict, free.T)):
            dense = sp.bsr_matrix((got.block, got.column, got.start), shape=wanted.shape).toarray()
            np.testing.assert_allclose(dense, wanted, atol=1e-12)
        step = np.kron(rng.random((coarse, 2)) < 0.7, np.ones((3, 3))) * rng.normal(size=(3 * coarse, 6))
        coarser = Coarsening(galerkin.coarse, sp.bsr_matrix(step, blocksize=(3, 3)))
        np.testing.assert_allclose(
            coarser.take().dense(), step.T @ expected @ step, atol=1e-8 * np.abs(expected).max()
        )
