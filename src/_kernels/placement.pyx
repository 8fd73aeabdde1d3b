"""Greedy insertion of points on a periodic cell grid, and the domains that the corners of a tet share."""

from libc.math cimport round as nearest


def insert_greedily(
    const double[:, ::1] x_ic,
    const double[::1] reach_i,
    const double[::1] box_c,
    const int[::1] cells_c,
    Py_ssize_t n_present,
    int[::1] head,
    int[::1] following,
    *,
    unsigned char[::1] out,
    int[::1] blocker,
):
    """Accept points in order unless one accepted before is closer than ``reach_i``; x and y are periodic.

    The first ``n_present`` points are accepted as they are. ``out`` flags accepted points, ``blocker`` holds
    the nearest accepted point of a rejected one, else -1. ``head`` (filled with -1, one entry per cell) and
    ``following`` (one per point) are scratch. A sequential loop: the order decides.
    """
    cdef Py_ssize_t i, m
    cdef int q, best, nx = cells_c[0], ny = cells_c[1], nz = cells_c[2]
    cdef int a, b, c, cx, cy, cz, sx, sy, sz
    cdef double wx = box_c[0] / nx, wy = box_c[1] / ny, wz = box_c[2] / nz
    cdef double dx, dy, dz, d2, least
    with nogil:
        for i in range(x_ic.shape[0]):
            cx = <int>(x_ic[i, 0] / wx) % nx
            cy = <int>(x_ic[i, 1] / wy) % ny
            cz = min(max(<int>(x_ic[i, 2] / wz), 0), nz - 1)
            best = -1
            if i >= n_present:
                least = reach_i[i] * reach_i[i]
                sx = min(<int>(reach_i[i] / wx) + 1, nx // 2)
                sy = min(<int>(reach_i[i] / wy) + 1, ny // 2)
                sz = <int>(reach_i[i] / wz) + 1
                for a in range(-sx, sx + 1):
                    for b in range(-sy, sy + 1):
                        for c in range(max(-sz, -cz), min(sz, nz - 1 - cz) + 1):
                            q = head[(((cx + a + nx) % nx) * ny + (cy + b + ny) % ny) * nz + cz + c]
                            while q >= 0:
                                dx = x_ic[q, 0] - x_ic[i, 0]
                                dy = x_ic[q, 1] - x_ic[i, 1]
                                dz = x_ic[q, 2] - x_ic[i, 2]
                                dx = dx - box_c[0] * nearest(dx / box_c[0])
                                dy = dy - box_c[1] * nearest(dy / box_c[1])
                                d2 = dx * dx + dy * dy + dz * dz
                                if d2 < least:
                                    least = d2
                                    best = q
                                q = following[q]
            blocker[i] = best
            out[i] = best < 0
            if best < 0:
                m = (cx * ny + cy) * nz + cz
                following[i] = head[m]
                head[m] = <int>i


def common_labels(const int[:, ::1] tet_tk, const int[:, ::1] label_kl, *, int[:, ::1] out, int[::1] count):
    """Labels that all four corners carry, padded with -1; ``label_kl`` is padded with -1 as well."""
    cdef Py_ssize_t t, k, m, corner
    cdef int label
    cdef bint everywhere, found
    with nogil:
        for t in range(tet_tk.shape[0]):
            count[t] = 0
            for k in range(label_kl.shape[1]):
                out[t, k] = -1
            for k in range(label_kl.shape[1]):
                label = label_kl[tet_tk[t, 0], k]
                if label < 0:
                    break
                everywhere = True
                for corner in range(1, 4):
                    found = False
                    for m in range(label_kl.shape[1]):
                        if label_kl[tet_tk[t, corner], m] == label:
                            found = True
                            break
                    if not found:
                        everywhere = False
                        break
                if everywhere:
                    out[t, count[t]] = label
                    count[t] += 1
