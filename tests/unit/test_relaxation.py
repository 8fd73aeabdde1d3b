"""Gauss-Seidel kernels against their NumPy twins, the relaxations built of them, and GMRES."""

import numpy as np
import pyamg
import pytest
import scipy.sparse as sp

import reference
from latticecell._kernels import relaxation as kernels
from latticecell.laplacian import LinkPattern
from latticecell.solvers.krylov import gmres
from latticecell.solvers.multigrid import scalar_hierarchy
from latticecell.solvers.relaxation import ScalarCycle, Sweeps, TwoLevel


def unsymmetric(n=40, seed=3):
    """A matrix of links with slopes of both signs, its pattern, and the dense twin."""
    rng = np.random.default_rng(seed)
    pairs = np.argwhere(np.triu(rng.random((n, n)) < 0.15, 1)).astype(np.int32)
    link = np.ascontiguousarray(np.where(rng.random((len(pairs), 1)) < 0.5, pairs, pairs[:, ::-1]))
    first, second = rng.uniform(0.2, 2.0, len(link)), -rng.uniform(0.1, 1.5, len(link))
    pattern = LinkPattern.of(link, n)
    return pattern, pattern.matrix(first, second), reference.fill_links(link, first, second, n)


def test_matrix_of_links_is_that_of_its_twin():
    pattern, matrix, dense = unsymmetric()
    np.testing.assert_allclose(matrix.toarray(), dense, atol=1e-14)
    assert matrix.has_sorted_indices and matrix.indices.dtype == np.int32
    np.testing.assert_array_equal(matrix.data[pattern.diagonal], matrix.diagonal())
    np.testing.assert_allclose(dense.sum(axis=0), 0, atol=1e-14)  # what leaves one enters another


@pytest.mark.parametrize("fresh", [False, True])
def test_sweep_and_its_residual_are_those_of_the_twin(fresh):
    _, matrix, dense = unsymmetric()
    matrix, dense = (matrix + 0.7 * sp.identity(40)).tocsr(), dense + 0.7 * np.eye(40)
    rng = np.random.default_rng(1)
    rhs, x = rng.normal(size=(2, 40))
    expected = reference.symmetric_sweep(dense, rhs, 0 * x if fresh else x)
    residual = Sweeps(matrix).sweep(rhs, x, fresh=fresh, residual=True)
    np.testing.assert_allclose(x, expected, rtol=1e-11, atol=1e-13 * np.abs(expected).max())
    np.testing.assert_allclose(residual, rhs - dense @ expected, atol=1e-12 * np.abs(dense).max())


def test_entries_are_summed_where_they_share_a_slot():
    value, slot = np.array([1.0, 2.0, 4.0, 8.0]), np.array([2, 0, 2, 1], np.int32)
    out = np.full(4, np.nan)
    kernels.sum_entries(value, slot, out=out)
    np.testing.assert_array_equal(out, [2.0, 8.0, 5.0, 0.0])


def test_two_levels_move_stiff_groups_as_a_whole():
    """Pairs joined a million times stiffer than the rest: few GMRES iterations, and a true residual."""
    n = 60
    chain = np.array([(k, k + 1) for k in range(n - 1)], np.int32)
    weight = np.where(np.arange(n - 1) % 2 == 0, 1e6, 1.0)
    pattern = LinkPattern.of(chain, n)
    group = np.arange(n) // 2
    store = TwoLevel(pattern.index, pattern.start, group)
    matrix = store.fine.matrix
    for mass in (3.0, 0.5):  # the pattern serves one matrix after another
        pattern.fill(weight, -weight, matrix.data)
        matrix.data[store.fine.middle] += mass
        store.update()
        rhs = np.random.default_rng(2).normal(size=n)
        x, residual = store.solve(rhs)
        np.testing.assert_allclose(residual, rhs - matrix @ x, atol=1e-8 * np.abs(rhs).max())

        def advance(v):
            z, left = store.solve(v)
            return z, v - left

        found, iterations, relative = gmres(advance, rhs, 1e-8)
        assert relative <= 1e-8 and iterations < 20
        size = np.linalg.norm(rhs)
        assert np.linalg.norm(rhs - matrix @ found) < 1e-6 * size


def test_cycle_is_that_of_pyamg():
    matrix = (pyamg.gallery.poisson((13, 11, 9)) + 0.01 * sp.identity(13 * 11 * 9)).tocsr()
    hierarchy = scalar_hierarchy(matrix)
    assert len(hierarchy.levels) > 2
    rhs = np.random.default_rng(7).normal(size=matrix.shape[0])
    expected = hierarchy.solve(rhs, maxiter=1, tol=1e-30)
    np.testing.assert_allclose(ScalarCycle(hierarchy)(rhs), expected, atol=1e-12 * np.abs(expected).max())


def test_gmres_finds_an_exact_solution_in_as_many_steps_as_there_are_eigenvalues():
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(30, 30))
    matrix = vectors @ np.diag(np.repeat([1.0, -2.0, 5.0], 10)) @ np.linalg.inv(vectors)
    scale, rhs = rng.uniform(0.1, 9.0, 30), rng.normal(size=30)
    x, iterations, relative = gmres(lambda v: (scale * v, matrix @ v), rhs, 1e-9)
    assert iterations == 3 and relative <= 1e-9
    np.testing.assert_allclose(matrix @ (x / scale), rhs, atol=1e-8 * np.abs(rhs).max())
