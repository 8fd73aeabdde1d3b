"""Labelled voxels: votes for the label at a point and their gradients, connected parts, and tets as voxels.

A voxel at distance r, in voxels, votes with weight (1 - (r / reach)^2)^4. Labels repeat along the first two
axes; along the third the outermost ones go on.
"""

from libc.math cimport ceil, floor, sqrt

cdef enum:
    MOST = 64


cdef struct Tally:
    int count
    int label[MOST]
    double share[MOST]
    double slope[MOST][3]


cdef void collect(
    const int[:, :, ::1] label_xyz, const double *voxel, const double *x, double reach, bint sloped,
    Tally *tally,
) noexcept nogil:
    """Votes around ``x``; shares add up to one but for labels beyond the first ``MOST``."""
    cdef Py_ssize_t nx = label_xyz.shape[0], ny = label_xyz.shape[1], nz = label_xyz.shape[2]
    cdef double ux = x[0] / voxel[0] - 0.5, uy = x[1] / voxel[1] - 0.5, uz = x[2] / voxel[2] - 0.5
    cdef double square = reach * reach, inverse = 1.0 / (reach * reach)
    cdef double dx, dy, dz, flat, half, t, cube, pull, total = 0.0
    cdef Py_ssize_t i, j, k, ii, jj, kk
    cdef int label, slot = 0, q
    tally.count = 0
    for i in range(<Py_ssize_t>ceil(ux - reach), <Py_ssize_t>floor(ux + reach) + 1):
        dx = ux - i
        ii = i % nx
        if ii < 0:
            ii = ii + nx
        for j in range(<Py_ssize_t>ceil(uy - reach), <Py_ssize_t>floor(uy + reach) + 1):
            dy = uy - j
            flat = dx * dx + dy * dy
            if flat >= square:
                continue
            jj = j % ny
            if jj < 0:
                jj = jj + ny
            half = sqrt(square - flat)
            for k in range(<Py_ssize_t>ceil(uz - half), <Py_ssize_t>floor(uz + half) + 1):
                dz = uz - k
                t = 1.0 - (flat + dz * dz) * inverse
                if t <= 0.0:
                    continue
                kk = 0 if k < 0 else (nz - 1 if k >= nz else k)
                label = label_xyz[ii, jj, kk]
                if slot >= tally.count or tally.label[slot] != label:
                    slot = tally.count
                    for q in range(tally.count):
                        if tally.label[q] == label:
                            slot = q
                            break
                    if slot == tally.count:
                        if slot == MOST:
                            slot = 0
                            continue
                        tally.label[slot] = label
                        tally.share[slot] = 0.0
                        tally.slope[slot][0] = tally.slope[slot][1] = tally.slope[slot][2] = 0.0
                        tally.count += 1
                cube = t * t * t
                tally.share[slot] += cube * t
                total = total + cube * t
                if not sloped:
                    continue
                pull = -8.0 * cube * inverse
                tally.slope[slot][0] += pull * dx
                tally.slope[slot][1] += pull * dy
                tally.slope[slot][2] += pull * dz
    for q in range(tally.count):
        tally.share[q] /= total
        for i in range(3):
            tally.slope[q][i] /= total * voxel[i]


def leading_labels(
    const int[:, :, ::1] label_xyz, const double[::1] voxel_c, const double[:, ::1] x_ic, double reach,
    *, int[:, ::1] out, double[:, ::1] share,
):
    """Labels with the largest shares at each point, in descending order, padded with -1."""
    cdef Py_ssize_t p, k
    cdef int q, best
    cdef Tally tally
    with nogil:
        for p in range(x_ic.shape[0]):
            collect(label_xyz, &voxel_c[0], &x_ic[p, 0], reach, False, &tally)
            for k in range(out.shape[1]):
                best = -1
                for q in range(tally.count):
                    if tally.label[q] < 0:
                        continue
                    if best < 0 or tally.share[q] > tally.share[best] or (
                        tally.share[q] == tally.share[best] and tally.label[q] < tally.label[best]
                    ):
                        best = q
                out[p, k] = tally.label[best] if best >= 0 else -1
                share[p, k] = tally.share[best] if best >= 0 else 0.0
                if best >= 0:
                    tally.label[best] = -1


def shares_of(
    const int[:, :, ::1] label_xyz, const double[::1] voxel_c, const double[:, ::1] x_ic,
    const int[:, ::1] label_ik, double reach, *, double[:, ::1] share, double[:, :, ::1] gradient,
):
    """Shares of given labels at each point, and their gradients per length with the total held.

    Around a point the total of the weights of a full grid of voxels varies by little, which the gradients
    leave out: they serve Newton steps, whose residuals are the shares.
    """
    cdef Py_ssize_t p, k, c
    cdef int q
    cdef Tally tally
    with nogil:
        for p in range(x_ic.shape[0]):
            collect(label_xyz, &voxel_c[0], &x_ic[p, 0], reach, True, &tally)
            for k in range(label_ik.shape[1]):
                share[p, k] = 0.0
                for c in range(3):
                    gradient[p, k, c] = 0.0
                for q in range(tally.count):
                    if tally.label[q] == label_ik[p, k]:
                        share[p, k] = tally.share[q]
                        for c in range(3):
                            gradient[p, k, c] = tally.slope[q][c]
                        break


def fill_cells(
    const double[:, :, ::1] x_tac, const int[::1] label_t, const double[::1] voxel_c, *, int[:, :, ::1] out
):
    """Give each voxel the label of the tet that holds its centre; x and y repeat."""
    cdef Py_ssize_t nx = out.shape[0], ny = out.shape[1], nz = out.shape[2], t, i, j, k, ii, jj, a, c, u, v
    cdef double e[3][3]
    cdef double n[3][3]
    cdef double low[3]
    cdef double high[3]
    cdef double d[3]
    cdef double volume, b, rest
    cdef Py_ssize_t first[3]
    cdef Py_ssize_t last[3]
    cdef bint inside
    with nogil:
        for t in range(x_tac.shape[0]):
            for c in range(3):
                low[c] = high[c] = x_tac[t, 0, c]
                for a in range(3):
                    e[a][c] = x_tac[t, a + 1, c] - x_tac[t, 0, c]
                    low[c] = min(low[c], x_tac[t, a + 1, c])
                    high[c] = max(high[c], x_tac[t, a + 1, c])
            for a in range(3):
                u = (a + 1) % 3
                v = (a + 2) % 3
                n[a][0] = e[u][1] * e[v][2] - e[u][2] * e[v][1]
                n[a][1] = e[u][2] * e[v][0] - e[u][0] * e[v][2]
                n[a][2] = e[u][0] * e[v][1] - e[u][1] * e[v][0]
            volume = e[0][0] * n[0][0] + e[0][1] * n[0][1] + e[0][2] * n[0][2]
            if volume == 0.0:
                continue
            for c in range(3):
                first[c] = <Py_ssize_t>ceil(low[c] / voxel_c[c] - 0.5)
                last[c] = <Py_ssize_t>floor(high[c] / voxel_c[c] - 0.5)
            for i in range(first[0], last[0] + 1):
                d[0] = (i + 0.5) * voxel_c[0] - x_tac[t, 0, 0]
                ii = (i % nx + nx) % nx
                for j in range(first[1], last[1] + 1):
                    d[1] = (j + 0.5) * voxel_c[1] - x_tac[t, 0, 1]
                    jj = (j % ny + ny) % ny
                    for k in range(max(<Py_ssize_t>0, first[2]), min(nz - 1, last[2]) + 1):
                        d[2] = (k + 0.5) * voxel_c[2] - x_tac[t, 0, 2]
                        rest = 1.0
                        inside = True
                        for a in range(3):
                            b = (d[0] * n[a][0] + d[1] * n[a][1] + d[2] * n[a][2]) / volume
                            rest = rest - b
                            inside = inside and b >= -1e-12
                        if inside and rest >= -1e-12:
                            out[ii, jj, k] = label_t[t]


def number_parts(
    const int[:, :, ::1] value_xyz, const unsigned char[:, :, ::1] mask_xyz, long[::1] stack,
    *, int[:, :, ::1] out,
):
    """Number the face-connected parts of equal value within a mask, in the order of their first voxels.

    x and y repeat; -1 outside of the mask. ``stack`` is scratch, one entry a voxel. Returns their number.
    """
    cdef Py_ssize_t nx = out.shape[0], ny = out.shape[1], nz = out.shape[2], i, j, k, a, b, c, top
    cdef long at
    cdef int parts = 0, value, side
    with nogil:
        for i in range(nx):
            for j in range(ny):
                for k in range(nz):
                    out[i, j, k] = -1
        for i in range(nx):
            for j in range(ny):
                for k in range(nz):
                    if not mask_xyz[i, j, k] or out[i, j, k] >= 0:
                        continue
                    value = value_xyz[i, j, k]
                    out[i, j, k] = parts
                    stack[0] = (i * ny + j) * nz + k
                    top = 1
                    while top > 0:
                        top = top - 1
                        at = stack[top]
                        for side in range(6):
                            c = at % nz
                            b = at // nz % ny
                            a = at // nz // ny
                            if side == 0:
                                a = a + 1 if a + 1 < nx else 0
                            elif side == 1:
                                a = a - 1 if a > 0 else nx - 1
                            elif side == 2:
                                b = b + 1 if b + 1 < ny else 0
                            elif side == 3:
                                b = b - 1 if b > 0 else ny - 1
                            elif side == 4:
                                c = c + 1
                            else:
                                c = c - 1
                            if c < 0 or c >= nz or not mask_xyz[a, b, c] or out[a, b, c] >= 0:
                                continue
                            if value_xyz[a, b, c] == value:
                                out[a, b, c] = parts
                                stack[top] = (a * ny + b) * nz + c
                                top = top + 1
                    parts = parts + 1
    return parts
