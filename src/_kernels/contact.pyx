"""Openings of bonds taken apart, and the tractions of a secant stiffness with contact."""

from libc.math cimport sqrt


def split_opening(
    const double[:, ::1] opening_bc,
    const double[:, ::1] normal_bc,
    *,
    double[::1] normal_b,
    double[:, ::1] active_bc,
    double[:, ::1] sliding_bc,
    double[::1] effective_b,
):
    """Normal part, what pulls or slides, what slides, and the size of what pulls or slides."""
    cdef Py_ssize_t b, c
    cdef double along, size
    for b in range(normal_b.shape[0]):
        along = 0.0
        for c in range(3):
            along += opening_bc[b, c] * normal_bc[b, c]
        size = 0.0
        for c in range(3):
            sliding_bc[b, c] = opening_bc[b, c] - along * normal_bc[b, c]
            active_bc[b, c] = sliding_bc[b, c] + (along * normal_bc[b, c] if along > 0.0 else 0.0)
            size += active_bc[b, c] * active_bc[b, c]
        normal_b[b] = along
        effective_b[b] = sqrt(size)


def contact_traction(
    const double[::1] normal_b,
    const double[:, ::1] sliding_bc,
    const double[:, ::1] normal_bc,
    const double[::1] secant_b,
    double contact,
    *,
    double[:, ::1] out,
):
    """Secant times the opening; in compression, contact times its normal part, (n_bonds, 3) [Pa]."""
    cdef Py_ssize_t b, c
    cdef double pull
    for b in range(normal_b.shape[0]):
        pull = (secant_b[b] if normal_b[b] > 0.0 else contact) * normal_b[b]
        for c in range(3):
            out[b, c] = secant_b[b] * sliding_bc[b, c] + pull * normal_bc[b, c]


def contact_tangent(
    const double[::1] normal_b,
    const double[:, ::1] active_bc,
    const double[:, ::1] normal_bc,
    const double[::1] secant_b,
    const double[::1] fall_b,
    double contact,
    *,
    double[:, :, ::1] out,
):
    """Derivative of `contact_traction`, less ``fall_b`` times the square of the active opening."""
    cdef Py_ssize_t b, c, d
    cdef double extra, part
    for b in range(normal_b.shape[0]):
        extra = 0.0 if normal_b[b] > 0.0 else contact - secant_b[b]
        for c in range(3):
            for d in range(c, 3):
                part = extra * normal_bc[b, c] * normal_bc[b, d]
                part -= fall_b[b] * active_bc[b, c] * active_bc[b, d]
                if c == d:
                    part += secant_b[b]
                out[b, c, d] = part
                out[b, d, c] = part
