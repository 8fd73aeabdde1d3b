"""Natural-mode springs: elongation, tension and nodal force, each gathered by what it writes."""

from cython.parallel cimport prange


def spring_strain(
    const double[:, ::1] u_nc,
    const double[::1] strain_c,
    const int[:, ::1] spring_sn,
    const double[:, ::1] direction_sc,
    const double[::1] length_s,
    *,
    double[::1] out,
    int n_threads,
):
    """Elongation strain n.(u_j - u_i) / L + n.E.n of each spring, (n_springs,) [1].

    ``strain_c`` holds the mean lateral strains of the periodic cell along x and y.
    """
    cdef Py_ssize_t s, i, j
    cdef double nx, ny, nz
    for s in prange(out.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        i = spring_sn[s, 0]
        j = spring_sn[s, 1]
        nx = direction_sc[s, 0]
        ny = direction_sc[s, 1]
        nz = direction_sc[s, 2]
        out[s] = (
            nx * (u_nc[j, 0] - u_nc[i, 0])
            + ny * (u_nc[j, 1] - u_nc[i, 1])
            + nz * (u_nc[j, 2] - u_nc[i, 2])
        ) / length_s[s] + nx * nx * strain_c[0] + ny * ny * strain_c[1]


cdef inline double elongation(
    const double[:, ::1] direction_sc, const double[:, ::1] strain_tv, Py_ssize_t s, Py_ssize_t t
) noexcept nogil:
    """n.eps.n of spring s under the Voigt strain (engineering shears) of tet t."""
    cdef double x = direction_sc[s, 0], y = direction_sc[s, 1], z = direction_sc[s, 2]
    return (
        x * x * strain_tv[t, 0] + y * y * strain_tv[t, 1] + z * z * strain_tv[t, 2]
        + y * z * strain_tv[t, 3] + x * z * strain_tv[t, 4] + x * y * strain_tv[t, 5]
    )


def tet_tension(
    const double[::1] strain_s,
    const double[:, ::1] eigen_tv,
    const double[:, ::1] direction_sc,
    const double[:, :, ::1] natural_tee,
    const int[:, ::1] spring_te,
    *,
    double[:, ::1] out,
    int n_threads,
):
    """Generalised forces N (s - s*) of the six edges of each tet, (n_tets, 6) [J].

    s* = n.eps*.n is the elongation that the eigenstrain of the tet asks for, ``eigen_tv`` (n_tets, 6) Voigt
    with engineering shears.
    """
    cdef Py_ssize_t t, e
    cdef double s0, s1, s2, s3, s4, s5
    for t in prange(out.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        s0 = strain_s[spring_te[t, 0]] - elongation(direction_sc, eigen_tv, spring_te[t, 0], t)
        s1 = strain_s[spring_te[t, 1]] - elongation(direction_sc, eigen_tv, spring_te[t, 1], t)
        s2 = strain_s[spring_te[t, 2]] - elongation(direction_sc, eigen_tv, spring_te[t, 2], t)
        s3 = strain_s[spring_te[t, 3]] - elongation(direction_sc, eigen_tv, spring_te[t, 3], t)
        s4 = strain_s[spring_te[t, 4]] - elongation(direction_sc, eigen_tv, spring_te[t, 4], t)
        s5 = strain_s[spring_te[t, 5]] - elongation(direction_sc, eigen_tv, spring_te[t, 5], t)
        for e in range(6):
            out[t, e] = (
                natural_tee[t, e, 0] * s0 + natural_tee[t, e, 1] * s1 + natural_tee[t, e, 2] * s2
                + natural_tee[t, e, 3] * s3 + natural_tee[t, e, 4] * s4 + natural_tee[t, e, 5] * s5
            )


def gather_spring_tension(
    const double[:, ::1] tension_te,
    const double[::1] length_s,
    const int[::1] start_s,
    const int[::1] entry,
    *,
    double[::1] out,
    int n_threads,
):
    """Tension of each spring, (n_springs,) [N]: sum of the forces of its tets over its length.

    ``start_s`` and ``entry`` list ``6 * tet + edge`` of each spring.
    """
    cdef Py_ssize_t s, k
    cdef double total
    cdef const double *force = &tension_te[0, 0]
    for s in prange(out.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        total = 0.0
        for k in range(start_s[s], start_s[s + 1]):
            total = total + force[entry[k]]
        out[s] = total / length_s[s]


def gather_spring_force(
    const double[::1] tension_s,
    const double[:, ::1] direction_sc,
    const int[::1] start_n,
    const int[::1] entry,
    *,
    double[:, ::1] out,
    int n_threads,
):
    """Force of the springs on each node, (n_nodes, 3) [N]; a tensile spring pulls its ends together.

    ``start_n`` and ``entry`` list ``2 * spring + end`` of each node.
    """
    cdef Py_ssize_t n, k, s
    cdef double pull, fx, fy, fz
    for n in prange(out.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        fx = 0.0
        fy = 0.0
        fz = 0.0
        for k in range(start_n[n], start_n[n + 1]):
            s = entry[k] // 2
            pull = tension_s[s] * (1 - 2 * (entry[k] - 2 * s))
            fx = fx + pull * direction_sc[s, 0]
            fy = fy + pull * direction_sc[s, 1]
            fz = fz + pull * direction_sc[s, 2]
        out[n, 0] = fx
        out[n, 1] = fy
        out[n, 2] = fz
