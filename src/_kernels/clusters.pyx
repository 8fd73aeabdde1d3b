"""Principal axes of the tangents of bonds, and what the bonds of a cluster of copies do together."""

from cython.parallel cimport prange
from libc.math cimport copysign, fabs, sqrt

cdef double NEGLIGIBLE = 1e-17
cdef int MOST_SWEEPS = 20


cdef inline void rotate(double *a, double *v, int p, int q) noexcept nogil:
    """Turn the axes p and q, rows of v, so that a[p, q] of the symmetric a becomes zero."""
    cdef int r = 3 - p - q, k
    cdef double apq = a[3 * p + q], arp = a[3 * r + p], arq = a[3 * r + q], theta, t, c, s, first
    if apq == 0.0:
        return
    theta = (a[4 * q] - a[4 * p]) / (2.0 * apq)
    t = copysign(1.0, theta) / (fabs(theta) + sqrt(theta * theta + 1.0))
    c = 1.0 / sqrt(t * t + 1.0)
    s = t * c
    a[4 * p] -= t * apq
    a[4 * q] += t * apq
    a[3 * p + q] = a[3 * q + p] = 0.0
    a[3 * r + p] = a[3 * p + r] = c * arp - s * arq
    a[3 * r + q] = a[3 * q + r] = s * arp + c * arq
    for k in range(3):
        first = v[3 * p + k]
        v[3 * p + k] = c * first - s * v[3 * q + k]
        v[3 * q + k] = s * first + c * v[3 * q + k]


cdef void diagonalise(const double *k, double *value, double *v) noexcept nogil:
    """Eigenvalues and eigenvectors, rows of v, of a symmetric 3x3 matrix (cyclic Jacobi)."""
    cdef double a[9]
    cdef double off, size = 0.0
    cdef int i, j, _sweep
    for i in range(3):
        for j in range(3):
            a[3 * i + j] = 0.5 * (k[3 * i + j] + k[3 * j + i])
            v[3 * i + j] = i == j
            size += fabs(a[3 * i + j])
    for _sweep in range(MOST_SWEEPS):
        off = fabs(a[1]) + fabs(a[2]) + fabs(a[5])
        if off <= NEGLIGIBLE * size:
            break
        rotate(a, v, 0, 1)
        rotate(a, v, 0, 2)
        rotate(a, v, 1, 2)
    for i in range(3):
        value[i] = a[4 * i]


def find_axes(
    const double[:, :, ::1] tangent_bcc,
    const int[::1] chosen_b,
    *,
    double[:, ::1] value_bk,
    double[:, :, ::1] axis_bkc,
    int n_threads,
):
    """Eigenvalues (n_bonds, 3) and eigenvectors (n_bonds, 3, 3), a row each, of symmetric 3x3 matrices.

    Those of the chosen ones, in no order. Golub and Van Loan, Matrix Computations, section 8.5 (Jacobi).
    """
    cdef Py_ssize_t i, b
    for i in prange(chosen_b.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        b = chosen_b[i]
        diagonalise(&tangent_bcc[b, 0, 0], &value_bk[b, 0], &axis_bkc[b, 0, 0])


cdef inline void add_stretch(
    double *out, Py_ssize_t m, Py_ssize_t i, Py_ssize_t j, double stiffness, const double *axis
) noexcept nogil:
    """Add a spring along an axis between the copies i and j to the blocks (m, m, 3, 3) of a cluster."""
    cdef Py_ssize_t c, d
    cdef double part
    for c in range(3):
        for d in range(3):
            part = stiffness * axis[c] * axis[d]
            out[9 * (m * i + i) + 3 * c + d] += part
            out[9 * (m * j + j) + 3 * c + d] += part
            out[9 * (m * i + j) + 3 * c + d] -= part
            out[9 * (m * j + i) + 3 * c + d] -= part


cdef inline double new_direction(
    double *known, Py_ssize_t n, Py_ssize_t width, Py_ssize_t i, Py_ssize_t j, const double *axis
) noexcept nogil:
    """Write the stretch along an axis between i and j behind n orthonormal rows, orthonormal to them.

    Returns the square of what was left of its length of one.
    """
    cdef double *row = known + n * width
    cdef Py_ssize_t c, k, _turn
    cdef double total
    for c in range(width):
        row[c] = 0.0
    for c in range(3):
        row[3 * i + c] = axis[c] * sqrt(0.5)
        row[3 * j + c] = -axis[c] * sqrt(0.5)
    for _turn in range(2):  # once loses orthogonality
        for k in range(n):
            total = 0.0
            for c in range(width):
                total += known[k * width + c] * row[c]
            for c in range(width):
                row[c] -= total * known[k * width + c]
    total = 0.0
    for c in range(width):
        total += row[c] * row[c]
    if total > 0.0:
        for c in range(width):
            row[c] /= sqrt(total)
    return total


cdef inline void invert(const double *blocks, Py_ssize_t m, double *a, double *out) noexcept nogil:
    """Invert a positive definite matrix of blocks (m, m, 3, 3) (Gauss and Jordan); a is scratch."""
    cdef Py_ssize_t width = 3 * m, i, j, p
    cdef double pivot, factor
    for i in range(width):
        for j in range(width):
            a[width * i + j] = blocks[9 * (m * (i // 3) + j // 3) + 3 * (i % 3) + j % 3]
    for p in range(width):
        pivot = 1.0 / a[width * p + p]
        a[width * p + p] = 1.0
        for j in range(width):
            a[width * p + j] *= pivot
        for i in range(width):
            if i != p:
                factor = a[width * i + p]
                a[width * i + p] = 0.0
                for j in range(width):
                    a[width * i + j] -= factor * a[width * p + j]
    for i in range(width):
        for j in range(width):
            out[9 * (m * (i // 3) + j // 3) + 3 * (i % 3) + j % 3] = a[width * i + j]


cdef inline void fit_cluster(
    Py_ssize_t m, Py_ssize_t n_bonds, const int *bond, const int *place, const double *value,
    const double *axis, const double *stiff_from, const double *least, const double *lattice,
    double *stiff, double *soft, double *own, double *inverse, double *scratch,
) noexcept nogil:
    """Fit one cluster; see `fit_clusters`."""
    cdef Py_ssize_t width = 3 * m, n = 0, c, d, e, k, b, i, j
    cdef double found
    for c in range(width * width):
        stiff[c] = 0.0
        soft[c] = 0.0
        own[c] = lattice[c]
    for e in range(n_bonds):
        b = bond[e]
        i = place[2 * e]
        j = place[2 * e + 1]
        for k in range(3):
            found = value[3 * b + k]
            if found < least[b]:
                found = least[b]
            add_stretch(own, m, i, j, found, axis + 9 * b + 3 * k)
            if (
                found > stiff_from[b] and n < width - 3
                and found * new_direction(scratch, n, width, i, j, axis + 9 * b + 3 * k) > stiff_from[b]
            ):
                n += 1
            else:
                add_stretch(soft, m, i, j, found, axis + 9 * b + 3 * k)
    for k in range(n):
        for c in range(width):
            for d in range(width):
                stiff[9 * (m * (c // 3) + d // 3) + 3 * (c % 3) + d % 3] += (
                    scratch[k * width + c] * scratch[k * width + d]
                )
    invert(own, m, scratch, inverse)


def fit_clusters(
    const int[::1] start_g,
    const int[::1] offset_g,
    const int[::1] bonds_g,
    const int[::1] bond,
    const int[:, ::1] place,
    const double[:, ::1] value_bk,
    const double[:, :, ::1] axis_bkc,
    const double[::1] stiff_b,
    const double[::1] least_b,
    const double[:, :, ::1] lattice,
    const int[::1] chosen_g,
    *,
    double[:, :, ::1] stiff,
    double[:, :, ::1] soft,
    double[:, :, ::1] own,
    double[:, :, ::1] inverse,
    double[:, :, ::1] scratch,
    int n_threads,
):
    """What the bonds of each cluster of copies do together, in blocks (m, m, 3, 3) of m copies.

    Cluster g has the copies from ``start_g[g]``, blocks from ``offset_g[g]``, and bonds from ``bonds_g[g]``
    of ``bond``, which join the copies ``place`` of the cluster. ``lattice`` are blocks without bonds.
    Eigenvalues of a bond below ``least_b`` count as that.

    Written, for the chosen clusters, are the projection on the stretches that meet more than ``stiff_b``,
    ``stiff``; the stiffness of all other stretches, ``soft``; the blocks with bonds, ``own``; and their
    ``inverse``.
    """
    cdef Py_ssize_t i, g, o
    for i in prange(chosen_g.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        g = chosen_g[i]
        o = offset_g[g]
        fit_cluster(
            start_g[g + 1] - start_g[g], bonds_g[g + 1] - bonds_g[g], &bond[bonds_g[g]],
            &place[bonds_g[g], 0], &value_bk[0, 0], &axis_bkc[0, 0, 0], &stiff_b[0], &least_b[0],
            &lattice[o, 0, 0], &stiff[o, 0, 0], &soft[o, 0, 0], &own[o, 0, 0], &inverse[o, 0, 0],
            &scratch[o, 0, 0],
        )
