"""Matrices of 3x3 blocks in single or double precision: products, and solves of small groups of blocks."""

from cython cimport floating
from cython.parallel cimport prange


cdef inline void add_row(
    const int *column, const floating *block, Py_ssize_t n, const floating *x, floating scale, floating *out
) noexcept nogil:
    """Add the product of a row of n blocks."""
    cdef Py_ssize_t k
    cdef floating a = 0, b = 0, c = 0, u, v, w
    cdef const floating *m
    for k in range(n):
        m = block + 9 * k
        u = x[3 * column[k]]
        v = x[3 * column[k] + 1]
        w = x[3 * column[k] + 2]
        a += m[0] * u + m[1] * v + m[2] * w
        b += m[3] * u + m[4] * v + m[5] * w
        c += m[6] * u + m[7] * v + m[8] * w
    out[0] += scale * a
    out[1] += scale * b
    out[2] += scale * c


def multiply_add(
    const int[::1] start,
    const int[::1] column,
    const floating[:, :, ::1] block,
    const floating[::1] x,
    floating scale,
    *,
    floating[::1] out,
    int n_threads,
):
    """Add ``scale`` times the product of a matrix with ``x`` to ``out``, (3 n_rows,).

    ``start``, ``column`` and ``block`` are those of a BSR matrix.
    """
    cdef Py_ssize_t i
    if column.shape[0] == 0:
        return
    for i in prange(start.shape[0] - 1, nogil=True, num_threads=n_threads, schedule="static"):
        add_row(&column[0] + start[i], &block[0, 0, 0] + 9 * <Py_ssize_t> start[i],
                start[i + 1] - start[i], &x[0], scale, &out[3 * i])


cdef inline void solve_group(
    const int *member, const floating *inverse, Py_ssize_t n, const floating *b, floating *out
) noexcept nogil:
    """Product of the inverse of a group of n blocks with its part of b, written to its part of out."""
    cdef Py_ssize_t row, j, k = 0
    cdef floating total
    for row in range(3 * n):
        total = 0
        for j in range(n):
            total += (
                inverse[k] * b[3 * member[j]]
                + inverse[k + 1] * b[3 * member[j] + 1]
                + inverse[k + 2] * b[3 * member[j] + 2]
            )
            k += 3
        out[3 * member[row // 3] + row % 3] = total


def solve_groups(
    const int[::1] start_g,
    const int[::1] member,
    const int[::1] offset_g,
    const floating[::1] inverse,
    const floating[::1] b,
    *,
    floating[::1] out,
    int n_threads,
):
    """Solve the diagonal blocks of groups of unknowns, whose dense inverses are known, (3 n,).

    ``start_g`` and ``member`` list the block unknowns of each group, ``offset_g`` where its inverse begins.
    """
    cdef Py_ssize_t g
    for g in prange(start_g.shape[0] - 1, nogil=True, num_threads=n_threads, schedule="static"):
        solve_group(&member[start_g[g]], &inverse[offset_g[g]], start_g[g + 1] - start_g[g], &b[0], &out[0])
