"""Matrices of 3x3 blocks in single or double precision: products with vectors and with one another."""

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


cdef inline void add_block(
    const floating *a, const floating *b, floating scale, floating *out
) noexcept nogil:
    """Add the scaled product of two blocks."""
    cdef Py_ssize_t i
    cdef floating u, v, w
    for i in range(3):
        u = scale * a[3 * i]
        v = scale * a[3 * i + 1]
        w = scale * a[3 * i + 2]
        out[3 * i] += u * b[0] + v * b[3] + w * b[6]
        out[3 * i + 1] += u * b[1] + v * b[4] + w * b[7]
        out[3 * i + 2] += u * b[2] + v * b[5] + w * b[8]


cdef inline bint is_zero(const floating *block) noexcept nogil:
    cdef Py_ssize_t c
    for c in range(9):
        if block[c] != 0:
            return False
    return True


cdef inline void add_row_products(
    Py_ssize_t begin, Py_ssize_t end, const int *column, const floating *left,
    const int *start, const floating *right, const int *slot, floating scale, floating *out,
) noexcept nogil:
    """Add the products of the blocks begin to end of a row with the rows of the right matrix."""
    cdef Py_ssize_t k, j
    for k in range(begin, end):
        if not is_zero(left + 9 * k):
            for j in range(start[column[k]], start[column[k] + 1]):
                add_block(left + 9 * k, right + 9 * j, scale, out + 9 * <Py_ssize_t> slot[0])
                slot += 1
        else:
            slot += start[column[k] + 1] - start[column[k]]


def add_products(
    const int[::1] start,
    const int[::1] column,
    const floating[:, :, ::1] block,
    const int[::1] right_start,
    const floating[:, :, ::1] right_block,
    const int[::1] first,
    const int[::1] slot,
    floating scale,
    *,
    floating[:, :, ::1] out,
    int n_threads,
):
    """Add ``scale`` times the product of two matrices to blocks of a third one.

    ``start``, ``column`` and ``block`` are those of a BSR matrix, as those of the one on the right. ``slot``
    tells where the product of each pair of blocks goes, from ``first`` of a row on.
    """
    cdef Py_ssize_t i
    if slot.shape[0] == 0:
        return
    for i in prange(start.shape[0] - 1, nogil=True, num_threads=n_threads, schedule="static"):
        add_row_products(start[i], start[i + 1], &column[0], &block[0, 0, 0], &right_start[0],
                         &right_block[0, 0, 0], &slot[0] + first[i], scale, &out[0, 0, 0])


ctypedef fused written:
    float
    double


def place_blocks(
    const floating[:, :, ::1] source,
    const int[::1] where,
    double scale,
    bint fresh,
    *,
    written[:, :, ::1] out,
    int n_threads,
):
    """Write scaled blocks to different places of ``out``, or add them to what is there unless ``fresh``."""
    cdef Py_ssize_t k, c
    cdef const floating *a
    cdef written *b
    if where.shape[0] == 0:
        return
    for k in prange(where.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        a = &source[k, 0, 0]
        b = &out[where[k], 0, 0]
        for c in range(9):
            b[c] = <written> (scale * a[c]) if fresh else <written> (b[c] + scale * a[c])


def add_mirrored(
    const floating[:, :, ::1] source,
    const int[::1] where,
    *,
    floating[:, :, ::1] out,
    int n_threads,
):
    """Add to block k of ``out`` the transpose of block ``where[k]`` of the source."""
    cdef Py_ssize_t k, c, d
    for k in prange(where.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        for c in range(3):
            for d in range(3):
                out[k, c, d] += source[where[k], d, c]
