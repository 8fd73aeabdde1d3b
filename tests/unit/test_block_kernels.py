"""Kernels of 3x3 blocks against their NumPy twins, and bitwise independence of the number of threads."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from latticecell.solvers.blocks import WORTH, BlockMatrix, Product, diagonal_blocks
from latticecell.solvers.galerkin import columns_of, rows_of

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
    """Large enough for more than one to be taken."""
    rng = np.random.default_rng(6)
    matrix, x = matrix_of(rng, 310, 290), rng.normal(size=870)
    assert len(matrix.indices) > WORTH
    right = BlockMatrix.of(matrix_of(rng, 290, 5), 1)
    answers = []
    for k in (1, 2, 5):
        left = BlockMatrix.of(matrix, k)
        placed = left.blank()
        reverse = np.ascontiguousarray(left.block[::-1])
        placed.place(reverse, np.arange(len(reverse), dtype=np.int32), 0.3)
        product, mirror = Product(left, right).take(), left.mirror(290).take()
        parts = (left @ x, product.block, mirror.block, placed.block)
        answers.append([part.tobytes() for part in parts])
    assert answers[0] == answers[1] == answers[2]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 2**31), st.tuples(*[st.integers(1, 9)] * 3), st.sampled_from([0, 0.4, 1]))
def test_products_of_matrices_equal_those_of_scipy(seed, sizes, share):
    rng, (rows, inner, cols) = np.random.default_rng(seed), sizes
    left, right = matrix_of(rng, rows, inner, share), matrix_of(rng, inner, cols)
    if left.data.size:
        left.data[::3] = 0.0  # skipped, with their places
    product = Product(BlockMatrix.of(left, 2), BlockMatrix.of(right, 1))
    np.testing.assert_allclose(dense(product.take(), cols), (left @ right).toarray(), atol=1e-12)
    right.data[:] = rng.normal(size=right.data.shape)  # shared: values are looked up
    product.add(-2.5)
    product.add(3.5)
    expected = (left @ right).toarray() + dense(product.take(), cols)
    product.add()
    np.testing.assert_allclose(dense(product.out, cols), expected, atol=1e-11)


def test_a_product_goes_into_a_larger_pattern():
    rng = np.random.default_rng(8)
    left, right = matrix_of(rng, 6, 5), matrix_of(rng, 5, 7)
    full = BlockMatrix.of(matrix_of(rng, 6, 7, 1.1), 2)
    before = dense(full, 7)
    Product(BlockMatrix.of(left, 2), BlockMatrix.of(right, 2), full).add(0.5)
    np.testing.assert_allclose(dense(full, 7), before + 0.5 * (left @ right).toarray(), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mirror_follows_its_matrix(dtype):
    matrix = BlockMatrix.of(matrix_of(np.random.default_rng(9), 8, 5), 2, dtype)
    mirror = matrix.mirror(5)
    np.testing.assert_array_equal(dense(mirror.take(), 8), dense(matrix, 5).T)
    matrix.block[:] *= -3.0
    np.testing.assert_array_equal(dense(mirror.take(), 8), dense(matrix, 5).T)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blocks_go_to_their_places(dtype):
    rng = np.random.default_rng(10)
    row, column = np.array([3, 0, 3, 2, 3]), np.array([1, 4, 0, 2, 1])
    matrix = BlockMatrix.of_places(row, column, 5, 2, dtype)
    np.testing.assert_array_equal(matrix.rows, [0, 2, 3, 3])
    np.testing.assert_array_equal(matrix.column, [4, 2, 0, 1])
    values, where = rng.normal(size=(2, 3, 3)), matrix.find(np.array([3, 0]), np.array([0, 4]))
    matrix.place(values, where, 2.0)
    matrix.place(values[:1], where[:1], 0.5, fresh=False)
    expected = np.zeros((5, 3, 5, 3))
    expected[3, :, 0], expected[0, :, 4] = 2.5 * values[0], 2.0 * values[1]
    np.testing.assert_allclose(matrix.dense(), expected.reshape(15, 15), rtol=1e-6)


def test_rows_and_columns():
    matrix = BlockMatrix.of(matrix_of(np.random.default_rng(12), 7, 6, 0.5), 1)
    wanted = np.array([4, 0, 5])
    whole = dense(matrix, 6).reshape(7, 3, 6, 3)
    np.testing.assert_array_equal(dense(rows_of(matrix, wanted), 6).reshape(3, 3, 6, 3), whole[wanted])
    np.testing.assert_array_equal(
        dense(columns_of(matrix, wanted, 6), 3).reshape(7, 3, 3, 3), whole[:, :, wanted]
    )


def dense(matrix, cols):
    shape = (3 * matrix.n_rows, 3 * cols)
    return sp.bsr_matrix((matrix.block, matrix.column, matrix.start), shape=shape).toarray()


def test_an_empty_matrix_adds_nothing():
    matrix = sp.bsr_matrix((np.empty((0, 3, 3)), np.empty(0, int), np.zeros(3, int)), shape=(6, 9))
    np.testing.assert_array_equal(BlockMatrix.of(matrix, 2) @ np.ones(9), np.zeros(6))


def test_diagonal_blocks():
    rng = np.random.default_rng(3)
    matrix = (matrix_of(rng, 5, 5) + 7.0 * sp.identity(15)).tobsr((3, 3))
    expected = [matrix.toarray()[3 * i : 3 * i + 3, 3 * i : 3 * i + 3] for i in range(5)]
    np.testing.assert_array_equal(diagonal_blocks(matrix), expected)
