"""Li transport on the springs: edge weights, saturating-drift fluxes and their divergence, all gathered."""

from cython.parallel cimport prange
from libc.math cimport fabs


def edge_weight(
    const double[:, :, ::1] gradient_tac,
    const double[::1] volume_t,
    const double[:, :, ::1] diffusivity_tcc,
    const int[:, ::1] tet_edges,
    const int[::1] start_s,
    const int[::1] entry,
    *,
    double[::1] out,
    int n_threads,
):
    """Weight w = -sum_T V grad_i . D grad_j of each spring, (n_springs,) [m3/s]."""
    cdef Py_ssize_t s, k, t, e, i, j, c, d
    cdef double total, part
    for s in prange(out.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        total = 0.0
        for k in range(start_s[s], start_s[s + 1]):
            t = entry[k] // 6
            e = entry[k] - 6 * t
            i = tet_edges[e, 0]
            j = tet_edges[e, 1]
            part = 0.0
            for c in range(3):
                for d in range(3):
                    part = part + (
                        gradient_tac[t, i, c] * diffusivity_tcc[t, c, d] * gradient_tac[t, j, d]
                    )
            total = total - volume_t[t] * part
        out[s] = total


def saturating_flux(
    const double[::1] stoich_n,
    const double[::1] lift_n,
    const int[:, ::1] link_ln,
    const double[::1] weight_l,
    *,
    double[::1] flux_l,
    double[::1] slope_first_l,
    double[::1] slope_second_l,
    int n_threads,
):
    """Flux F = w [y_i (1 - y_j) e_j / e_i - y_j (1 - y_i) e_i / e_j] from i to j, e = exp(psi / 2).

    ``lift_n`` is e; an exponential of every link would take as long as all the rest.
    ``flux_l`` and its derivatives by y_i and y_j, (n_links,) [m3/s].
    """
    cdef Py_ssize_t m, i, j
    cdef double lift, up, down, yi, yj
    for m in prange(flux_l.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        i = link_ln[m, 0]
        j = link_ln[m, 1]
        yi = stoich_n[i]
        yj = stoich_n[j]
        lift = lift_n[j] / lift_n[i]
        up = weight_l[m] * lift
        down = weight_l[m] / lift
        flux_l[m] = up * yi * (1.0 - yj) - down * yj * (1.0 - yi)
        slope_first_l[m] = up * (1.0 - yj) + down * yj
        slope_second_l[m] = -up * yi - down * (1.0 - yi)


def dilute_flux(
    const double[::1] stoich_n,
    const double[::1] psi_n,
    const int[:, ::1] link_ln,
    const double[::1] weight_l,
    *,
    double[::1] flux_l,
    double[::1] slope_first_l,
    double[::1] slope_second_l,
    int n_threads,
):
    """Flux F = w [y_i - y_j + (y_i + y_j) D / 2] from i to j, D = psi_j - psi_i.

    ``flux_l`` and its derivatives by y_i and y_j, (n_links,) [m3/s].
    """
    cdef Py_ssize_t m, i, j
    cdef double half
    for m in prange(flux_l.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        i = link_ln[m, 0]
        j = link_ln[m, 1]
        half = 0.5 * (psi_n[j] - psi_n[i])
        flux_l[m] = weight_l[m] * (
            stoich_n[i] - stoich_n[j] + half * (stoich_n[i] + stoich_n[j])
        )
        slope_first_l[m] = weight_l[m] * (1.0 + half)
        slope_second_l[m] = weight_l[m] * (half - 1.0)


def thermodynamic_flux(
    const double[::1] stoich_n,
    const double[::1] psi_n,
    const double[::1] potential_n,
    const double[::1] stiffness_n,
    const int[:, ::1] link_ln,
    const double[::1] weight_l,
    *,
    double[::1] flux_l,
    double[::1] slope_first_l,
    double[::1] slope_second_l,
    int n_threads,
):
    """Flux F = w [y_i - y_j + M (psi_j - psi_i)] from i to j, M = (y_i - y_j) / (g_i - g_j).

    ``potential_n`` is g(y), ``stiffness_n`` its derivative, which takes the place of the quotient where y_i
    and y_j are alike. ``flux_l`` and its derivatives by y_i and y_j, (n_links,) [m3/s].
    """
    cdef Py_ssize_t m, i, j
    cdef double jump, rise, mean, lift, first, second
    for m in prange(flux_l.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        i = link_ln[m, 0]
        j = link_ln[m, 1]
        jump = stoich_n[i] - stoich_n[j]
        rise = potential_n[i] - potential_n[j]
        lift = psi_n[j] - psi_n[i]
        mean = 2.0 / (stiffness_n[i] + stiffness_n[j])
        first = 0.0
        second = 0.0
        if fabs(jump) > 1e-8:
            mean = jump / rise
            first = (1.0 - mean * stiffness_n[i]) / rise
            second = (mean * stiffness_n[j] - 1.0) / rise
        flux_l[m] = weight_l[m] * (jump + mean * lift)
        slope_first_l[m] = weight_l[m] * (1.0 + lift * first)
        slope_second_l[m] = weight_l[m] * (lift * second - 1.0)


def gather_outflow(
    const double[::1] flux_l,
    const int[::1] start_n,
    const int[::1] entry,
    *,
    double[::1] out,
    int n_threads,
):
    """Net outflow of each node, (n_nodes,) [m3/s]; ``entry`` lists ``2 * link + end`` of each node."""
    cdef Py_ssize_t n, k
    cdef double total
    cdef double *sign = [1.0, -1.0]
    for n in prange(out.shape[0], nogil=True, num_threads=n_threads, schedule="static"):
        total = 0.0
        for k in range(start_n[n], start_n[n + 1]):
            total = total + flux_l[entry[k] >> 1] * sign[entry[k] & 1]
        out[n] = total
