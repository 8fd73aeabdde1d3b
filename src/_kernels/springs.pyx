"""Strain and stress of tets; stiffness, tension and nodal force of springs: gathered by what is written."""

from cython.parallel cimport prange

# Corners of the six edges of a tet, as `network.TET_EDGES`, and Voigt index of every pair of axes.
cdef int *FIRST = [0, 0, 0, 1, 1, 2]
cdef int *SECOND = [1, 2, 3, 2, 3, 3]
cdef int *VOIGT = [0, 5, 4, 5, 1, 3, 4, 3, 2]


cdef inline void add_strain(const double *u, const double *g, double *e) noexcept nogil:
    """Add the Voigt strain of one corner's displacement."""
    e[0] += u[0] * g[0]
    e[1] += u[1] * g[1]
    e[2] += u[2] * g[2]
    e[3] += u[1] * g[2] + u[2] * g[1]
    e[4] += u[0] * g[2] + u[2] * g[0]
    e[5] += u[0] * g[1] + u[1] * g[0]


def tet_strain(
    const double[:, ::1] u_nc,
    const double[::1] strain_c,
    const int[:, ::1] tet_tn,
    const double[:, :, ::1] gradient_tac,
    *,
    double[:, ::1] out,
    int n_threads,
):
    """Strain of each tet, (n_tets, 6) Voigt with engineering shears [1].

    ``strain_c`` holds the mean lateral strains of the periodic cell along x and y.
    """
    cdef Py_ssize_t t, a
    for t in prange(out.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        out[t, 0] = strain_c[0]
        out[t, 1] = strain_c[1]
        out[t, 2] = 0.0
        out[t, 3] = 0.0
        out[t, 4] = 0.0
        out[t, 5] = 0.0
        for a in range(4):
            add_strain(&u_nc[tet_tn[t, a], 0], &gradient_tac[t, a, 0], &out[t, 0])


def tet_stress(
    const double[:, ::1] strain_tv,
    const double[:, ::1] eigen_tv,
    const double[:, :, ::1] stiffness_dvv,
    const int[::1] domain_t,
    *,
    double[:, ::1] out,
    int n_threads,
):
    """Stress C (eps - eps*) of each tet, (n_tets, 6) Voigt [Pa]."""
    cdef Py_ssize_t t, v, w, d
    for t in prange(out.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        d = domain_t[t]
        for v in range(6):
            out[t, v] = 0.0
            for w in range(6):
                out[t, v] += stiffness_dvv[d, v, w] * (strain_tv[t, w] - eigen_tv[t, w])


def gather_spring_tension(
    const double[:, ::1] stress_tv,
    const double[:, :, ::1] gradient_tac,
    const double[::1] volume_t,
    const double[::1] length_s,
    const int[::1] start_s,
    const int[::1] entry,
    *,
    double[::1] out,
    int n_threads,
):
    """Tension -L sum V g_a . sigma . g_b of each spring, over the tets with the edge ab, (n_springs,) [N].

    The only six forces along the edges of a tet that add up to its stress: V sigma = sum T L n n.
    ``start_s`` and ``entry`` list ``6 * tet + edge`` of each spring.
    """
    cdef Py_ssize_t s, k, t
    cdef double total
    cdef const double *g
    cdef const double *h
    cdef const double *p
    for s in prange(out.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        total = 0.0
        for k in range(start_s[s], start_s[s + 1]):
            t = entry[k] // 6
            g = &gradient_tac[t, FIRST[entry[k] - 6 * t], 0]
            h = &gradient_tac[t, SECOND[entry[k] - 6 * t], 0]
            p = &stress_tv[t, 0]
            total = total + volume_t[t] * (
                p[0] * g[0] * h[0] + p[1] * g[1] * h[1] + p[2] * g[2] * h[2]
                + p[3] * (g[1] * h[2] + g[2] * h[1])
                + p[4] * (g[0] * h[2] + g[2] * h[0])
                + p[5] * (g[0] * h[1] + g[1] * h[0])
            )
        out[s] = -length_s[s] * total


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


cdef inline void add_stiffness(
    const double *c, const double *g, const double *h, double volume, double *out
) noexcept nogil:
    """Add V g_j C_ijkm h_m of two corners with gradients g and h, C in Voigt."""
    cdef Py_ssize_t i, j, k, m
    for i in range(3):
        for k in range(3):
            for j in range(3):
                for m in range(3):
                    out[3 * i + k] += volume * g[j] * c[6 * VOIGT[3 * i + j] + VOIGT[3 * k + m]] * h[m]


def gather_spring_stiffness(
    const double[:, :, ::1] stiffness_dvv,
    const int[::1] domain_t,
    const double[:, :, ::1] gradient_tac,
    const double[::1] volume_t,
    const int[:, ::1] tet_tn,
    const int[:, ::1] spring_sn,
    const int[::1] start_s,
    const int[::1] entry,
    *,
    double[:, :, ::1] out,
    int n_threads,
):
    """Stiffness between the first and the second node of each spring, (n_springs, 3, 3) [N/m].

    ``start_s`` and ``entry`` list ``6 * tet + edge`` of each spring.
    """
    cdef Py_ssize_t s, k, t, c
    cdef int a, b, swap
    for s in prange(out.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        for c in range(9):
            out[s, c // 3, c % 3] = 0.0
        for k in range(start_s[s], start_s[s + 1]):
            t = entry[k] // 6
            a = FIRST[entry[k] - 6 * t]
            b = SECOND[entry[k] - 6 * t]
            if tet_tn[t, a] != spring_sn[s, 0]:
                swap = a
                a = b
                b = swap
            add_stiffness(
                &stiffness_dvv[domain_t[t], 0, 0], &gradient_tac[t, a, 0], &gradient_tac[t, b, 0],
                volume_t[t], &out[s, 0, 0],
            )
