"""Fixed-topology smoothing: random search on the worst quality of the tets around a site."""

from libc.math cimport fabs, log, cos, round as nearest, sqrt


cdef inline double uniform(unsigned long long *state) noexcept nogil:
    """xorshift64: uniform in (0, 1]."""
    state[0] ^= state[0] << 13
    state[0] ^= state[0] >> 7
    state[0] ^= state[0] << 17
    return ((state[0] >> 11) + 1) * (1.0 / 9007199254740992.0)


cdef inline double normal(unsigned long long *state) noexcept nogil:
    cdef double radius = sqrt(-2.0 * log(uniform(state)))
    return radius * cos(6.283185307179586 * uniform(state))


cdef inline double size_of_cross(double *a, double *b) noexcept nogil:
    cdef double x = a[1] * b[2] - a[2] * b[1], y = a[2] * b[0] - a[0] * b[2], z = a[0] * b[1] - a[1] * b[0]
    return sqrt(x * x + y * y + z * z)


cdef double radius_ratio(double *p) noexcept nogil:
    """Signed 3 r_in / R_circ of the tet with corners ``p`` (4 x 3)."""
    cdef double e[6][3]
    cdef double length[6]
    cdef double volume, area, a, b, c, z
    cdef int k, i
    cdef int first[6]
    cdef int second[6]
    first[:] = [0, 0, 0, 1, 1, 2]
    second[:] = [1, 2, 3, 2, 3, 3]
    for k in range(6):
        for i in range(3):
            e[k][i] = p[3 * second[k] + i] - p[3 * first[k] + i]
        length[k] = sqrt(e[k][0] * e[k][0] + e[k][1] * e[k][1] + e[k][2] * e[k][2])
    volume = (
        e[0][0] * (e[1][1] * e[2][2] - e[1][2] * e[2][1])
        - e[0][1] * (e[1][0] * e[2][2] - e[1][2] * e[2][0])
        + e[0][2] * (e[1][0] * e[2][1] - e[1][1] * e[2][0])
    ) / 6
    area = 0.5 * (
        size_of_cross(e[0], e[1]) + size_of_cross(e[0], e[2])
        + size_of_cross(e[1], e[2]) + size_of_cross(e[3], e[4])
    )
    a = length[0] * length[5]
    b = length[1] * length[4]
    c = length[2] * length[3]
    z = (a + b + c) * (a + b - c) * (a - b + c) * (b + c - a)
    if z <= 0 or area <= 0:
        return 0.0
    return 216.0 * volume * fabs(volume) / (area * sqrt(z))


cdef int gather_star(
    Py_ssize_t k, const double[:, ::1] x_kc, const int[:, ::1] tet_tk, const int[::1] start_k,
    const int[::1] entry, double lx, double ly, double[:, ::1] star,
) noexcept nogil:
    """Corners of the tets around site ``k``, at their images next to it; returns the number of tets."""
    cdef Py_ssize_t i, t, j
    cdef int corner, n = 0
    for i in range(start_k[k], start_k[k + 1]):
        t = entry[i] // 4
        for corner in range(4):
            j = tet_tk[t, corner]
            star[n, 3 * corner] = x_kc[j, 0] - lx * nearest((x_kc[j, 0] - x_kc[k, 0]) / lx)
            star[n, 3 * corner + 1] = x_kc[j, 1] - ly * nearest((x_kc[j, 1] - x_kc[k, 1]) / ly)
            star[n, 3 * corner + 2] = x_kc[j, 2]
        n += 1
    return n


cdef double star_quality(
    Py_ssize_t k, double *y, const int[::1] start_k, const int[::1] entry, double[:, ::1] star, double enough
) noexcept nogil:
    """Worst quality of the tets around site ``k`` placed at ``y``; stops where it falls to ``enough``."""
    cdef double worst = 2.0, q
    cdef Py_ssize_t i
    cdef int n = 0, corner
    for i in range(start_k[k], start_k[k + 1]):
        corner = entry[i] % 4
        star[n, 3 * corner] = y[0]
        star[n, 3 * corner + 1] = y[1]
        star[n, 3 * corner + 2] = y[2]
        q = radius_ratio(&star[n, 0])
        if q < worst:
            worst = q
            if worst <= enough:
                return worst
        n += 1
    return worst


cdef void slide(
    const double *x, double *d, int kind, const double *axis, const double *center, double radius, double *y
) noexcept nogil:
    """Displace ``x`` by ``d`` on its feature: 0 fixed, 1 line, 2 plane, 3 sphere, 4 circle, 5 free."""
    cdef double along = d[0] * axis[0] + d[1] * axis[1] + d[2] * axis[2], size
    cdef int i
    for i in range(3):
        y[i] = x[i]
        if kind == 1:
            y[i] += along * axis[i]
        elif kind == 2:
            y[i] += d[i] - along * axis[i]
        elif kind >= 3:
            y[i] += d[i]
    if kind != 3 and kind != 4:
        return
    for i in range(3):
        y[i] -= center[i]
    if kind == 4:
        along = y[0] * axis[0] + y[1] * axis[1] + y[2] * axis[2]
        for i in range(3):
            y[i] -= along * axis[i]
    size = sqrt(y[0] * y[0] + y[1] * y[1] + y[2] * y[2])
    for i in range(3):
        y[i] = center[i] + (y[i] * (radius / size) if size > 0 else 0.0)


def slide_sites(
    const double[:, ::1] x_kc, double[:, ::1] move_kc, const int[::1] kind_k, const double[:, ::1] axis_kc,
    const double[:, ::1] center_kc, const double[::1] radius_k, *, double[:, ::1] out,
):
    """Displace each site by ``move_kc`` within its feature (see ``slide``)."""
    cdef Py_ssize_t k
    with nogil:
        for k in range(x_kc.shape[0]):
            slide(&x_kc[k, 0], &move_kc[k, 0], kind_k[k], &axis_kc[k, 0], &center_kc[k, 0], radius_k[k],
                  &out[k, 0])


def improve_stars(
    double[:, ::1] x_kc, const double[::1] spacing_k, const int[:, ::1] tet_tk, const int[::1] start_k,
    const int[::1] entry, const int[::1] kind_k, const double[:, ::1] axis_kc, const double[:, ::1] center_kc,
    const double[::1] radius_k, const double[::1] box_c, double[:, ::1] star,
    *, double target, double release, double step, int sweeps, unsigned long long seed,
):
    """Move sites, in place, to raise the worst quality around them until it reaches ``target``.

    A site whose worst quality is below ``release`` may leave its feature, unless that is a z-plane or it
    lies on a sphere (its radius is not 0).
    ``star`` is scratch, 12 numbers for each tet of the largest star. ``seed`` must not be zero. A sequential
    Gauss-Seidel loop with its own generator: deterministic.
    """
    cdef unsigned long long state = seed
    cdef double d[3]
    cdef double y[3]
    cdef double q, trial, size, reach
    cdef Py_ssize_t k
    cdef int _sweep, attempt, kind, i
    cdef bint bound
    with nogil:
        for _sweep in range(sweeps):
            for k in range(x_kc.shape[0]):
                if start_k[k] == start_k[k + 1]:
                    continue
                gather_star(k, x_kc, tet_tk, start_k, entry, box_c[0], box_c[1], star)
                q = star_quality(k, &x_kc[k, 0], start_k, entry, star, -2.0)
                if q >= target:
                    continue
                kind = kind_k[k]
                reach = step * spacing_k[k]
                bound = radius_k[k] > 0 or (kind == 2 and fabs(axis_kc[k, 2]) == 1.0)
                if q < release and kind != 5 and not bound:
                    kind = 5
                    reach = 0.5 * reach
                if kind == 0:
                    continue
                for attempt in range(24):
                    for i in range(3):
                        d[i] = normal(&state)
                    size = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]) + 1e-300
                    size = reach * (0.3 + 0.7 * uniform(&state)) / size
                    for i in range(3):
                        d[i] = d[i] * size
                    slide(&x_kc[k, 0], d, kind, &axis_kc[k, 0], &center_kc[k, 0], radius_k[k], y)
                    trial = star_quality(k, y, start_k, entry, star, q)
                    if trial > q:
                        q = trial
                        for i in range(3):
                            x_kc[k, i] = y[i]
                        if q >= target:
                            break
                    elif attempt % 6 == 5:
                        reach = 0.6 * reach


def tet_qualities(
    const double[:, ::1] x_kc, const int[:, ::1] tet_tk, const double[::1] box_c, *, double[::1] out
):
    """Signed 3 r_in / R_circ of each tet; x and y repeat."""
    cdef double p[12]
    cdef Py_ssize_t t, j, first
    cdef int corner, c
    with nogil:
        for t in range(tet_tk.shape[0]):
            first = tet_tk[t, 0]
            for corner in range(4):
                j = tet_tk[t, corner]
                for c in range(3):
                    p[3 * corner + c] = x_kc[j, c]
                    if c < 2:
                        p[3 * corner + c] -= box_c[c] * nearest((x_kc[j, c] - x_kc[first, c]) / box_c[c])
            out[t] = radius_ratio(p)
