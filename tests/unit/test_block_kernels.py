"""Kernels of 3x3 blocks against their NumPy twins, and bitwise independence of the number of threads."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
from latticecell.solvers.blocks import BlockMatrix, Groups, diagonal_blocks

ROUNDING = {np.float32: 1e-5, np.float64: 1e-12}


def matrix_of(rng, rows, cols, share=0.3):
    """A rectangular BSR matrix with empty rows and random blocks."""
    pattern = rng.random((rows, cols)) < share
    row, col = np.nonzero(pattern)
    start = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=rows))))
    blocks = rng.normal(size=(len(row), 3, 3))
    return sp.bsr_matrix((blocks, col, start), shape=(3 * rows, 3 * cols))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 2**31), st.integers(1, 12), st.integers(1, 9), st.sampled_from([np.float32, np.float64])
)
def test_products_equal_those_of_scipy(seed, rows, cols, dtype):
    rng = np.random.default_rng(seed)
    matrix = matrix_of(rng, rows, cols)
    x, kept = rng.normal(size=3 * cols).astype(dtype), rng.normal(size=3 * rows).astype(dtype)
    ours = BlockMatrix.of(matrix, 1, dtype)
    close = {"rtol": 0, "atol": ROUNDING[dtype] * 40}
    assert (ours @ x).dtype == dtype
    np.testing.assert_allclose(ours @ x, matrix @ x, **close)
    out = kept.copy()
    assert ours.add(x, out, -2.5) is out
    np.testing.assert_allclose(out, kept - 2.5 * (matrix @ x), **close)


def test_threads_do_not_change_a_bit():
    rng = np.random.default_rng(6)
    matrix, x = matrix_of(rng, 41, 29), rng.normal(size=87)
    products = [(BlockMatrix.of(matrix, k) @ x).tobytes() for k in (1, 2, 5)]
    assert len(set(products)) == 1
    _, parts = groups_of(rng, [3, 1, 7])
    b = rng.normal(size=3 * 28).astype(np.float32)
    assert len({Groups.of(parts, k).solve(b).tobytes() for k in (1, 2, 5)}) == 1


def groups_of(rng, counts):
    """Groups of 1, 2, 3, ... unknowns in a shuffled order, ``counts`` of each."""
    n = sum((m + 1) * count for m, count in enumerate(counts))
    order, parts, listed = rng.permutation(n), [], []
    for m, count in enumerate(counts, start=1):
        member, order = order[: m * count].reshape(count, m), order[m * count :]
        inverse = rng.normal(size=(count, 3 * m, 3 * m))
        parts.append((member, inverse))
        listed += list(zip(member, inverse, strict=True))
    return listed, parts


@pytest.mark.parametrize("counts", [[1], [0, 1], [4, 3, 2, 1], [5, 0, 0, 2]])
def test_groups_equal_their_twin(counts):
    rng = np.random.default_rng(13)
    listed, parts = groups_of(rng, counts)
    b = rng.normal(size=3 * sum(len(member) for member, _ in listed)).astype(np.float32)
    found = Groups.of(parts, 1).solve(b)
    expected = reference.solve_groups(*zip(*listed, strict=True), b)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_an_empty_matrix_adds_nothing():
    matrix = sp.bsr_matrix((np.empty((0, 3, 3)), np.empty(0, int), np.zeros(3, int)), shape=(6, 9))
    np.testing.assert_array_equal(BlockMatrix.of(matrix, 2) @ np.ones(9), np.zeros(6))


def test_diagonal_blocks():
    rng = np.random.default_rng(3)
    matrix = (matrix_of(rng, 5, 5) + 7.0 * sp.identity(15)).tobsr((3, 3))
    expected = [matrix.toarray()[3 * i : 3 * i + 3, 3 * i : 3 * i + 3] for i in range(5)]
    np.testing.assert_array_equal(diagonal_blocks(matrix), expected)
