"""Symmetric Gauss-Seidel on matrices in CSR form, and what fills their fixed patterns; all sequential."""


def symmetric_sweep(
    const int[::1] start,
    const int[::1] index,
    const int[::1] middle,
    const double[::1] data,
    const double[::1] rhs,
    *,
    double[::1] x,
    double[::1] rest,
    bint fresh,
    bint residual,
):
    """One forward and one backward sweep over ``x``; if ``fresh``, ``x`` counts as zero.

    Columns of a row ascend and ``middle`` tells where its diagonal stands. With A = L + D + U the forward
    sweep solves (L + D) x1 = rhs - U x0. So the backward one, (D + U) x2 = rhs - L x1, is
    (D + U) x2 = D x1 + U x0, and what it leaves is L (x1 - x2): each costs half a pass over the matrix.
    ``residual`` asks for the latter in ``rest``, whose content is lost in any case.
    """
    cdef Py_ssize_t n = x.shape[0], i, k
    cdef double upper, value
    with nogil:
        for i in range(n):
            upper = 0.0
            if not fresh:
                for k in range(middle[i] + 1, start[i + 1]):
                    upper = upper + data[k] * x[index[k]]
            rest[i] = upper
            value = rhs[i] - upper
            for k in range(start[i], middle[i]):
                value = value - data[k] * x[index[k]]
            x[i] = value * (1.0 / data[middle[i]])
        for i in range(n - 1, -1, -1):
            value = rest[i]
            for k in range(middle[i] + 1, start[i + 1]):
                value = value - data[k] * x[index[k]]
            value = value * (1.0 / data[middle[i]])
            x[i] = x[i] + value
            rest[i] = -value
        if residual:
            for i in range(n - 1, -1, -1):
                value = 0.0
                for k in range(start[i], middle[i]):
                    value = value + data[k] * rest[index[k]]
                rest[i] = value


def fill_links(
    const int[:, ::1] link_li,
    const double[::1] slope_first_l,
    const double[::1] slope_second_l,
    const int[:, ::1] slot_l2,
    const int[::1] middle,
    *,
    double[::1] data,
):
    """Derivative of the net outflow of every unknown by all, from those of the flux along each link.

    ``slot_l2`` tells where the entries (i, j) and (j, i) of a link stand, ``middle`` where the diagonal does.
    """
    cdef Py_ssize_t m, i
    with nogil:
        for i in range(middle.shape[0]):
            data[middle[i]] = 0.0
        for m in range(slot_l2.shape[0]):
            data[slot_l2[m, 0]] = slope_second_l[m]
            data[slot_l2[m, 1]] = -slope_first_l[m]
            data[middle[link_li[m, 0]]] += slope_first_l[m]
            data[middle[link_li[m, 1]]] -= slope_second_l[m]


def sum_entries(const double[::1] value, const int[::1] slot, *, double[::1] out):
    """Sum of the values that share a slot."""
    cdef Py_ssize_t k
    with nogil:
        for k in range(out.shape[0]):
            out[k] = 0.0
        for k in range(value.shape[0]):
            out[slot[k]] += value[k]
