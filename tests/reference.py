"""NumPy twins of the compiled kernels: short, slow and independent of the gather lists."""

import numpy as np
import scipy.sparse as sp


def tet_strain(u_nc, strain_c, tet_tn, gradient_tac):
    g = np.einsum("tac,tad->tcd", u_nc[tet_tn], gradient_tac)
    g[:, 0, 0] += strain_c[0]
    g[:, 1, 1] += strain_c[1]
    shear = g + g.transpose(0, 2, 1)
    normal = np.diagonal(g, axis1=1, axis2=2)
    return np.concatenate([normal, shear[:, [1, 0, 0], [2, 2, 1]]], axis=1)


def tet_stress(strain_tv, eigen_tv, stiffness_dvv, domain_t):
    return np.einsum("tvw,tw->tv", stiffness_dvv[domain_t], strain_tv - eigen_tv)


def gather_spring_tension(stress_tv, volume_t, spring_te, direction_sc, length_s):
    """Solve V sigma = sum over the six edges of (T L) n n for the forces T L of each tet."""
    x, y, z = np.moveaxis(direction_sc[spring_te], 2, 0)
    n_tve = np.stack([x * x, y * y, z * z, y * z, x * z, x * y], axis=1)
    force_te = np.linalg.solve(n_tve, (volume_t[:, None] * stress_tv)[:, :, None])[:, :, 0]
    return np.bincount(spring_te.ravel(), force_te.ravel(), len(length_s)) / length_s


def stiffness_matrix(stiffness_dvv, domain_t, gradient_tac, volume_t, tet_tn, n_nodes):
    """Dense V B^T C B of all tets, (3 n, 3 n)."""
    index = np.array([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)])
    total = np.zeros((3 * n_nodes, 3 * n_nodes))
    for t, nodes in enumerate(tet_tn):
        b = np.zeros((6, 4, 3))
        for v, (i, j) in enumerate(index):
            b[v, :, i] += gradient_tac[t, :, j]
            if i != j:
                b[v, :, j] += gradient_tac[t, :, i]
        b = b.reshape(6, 12)
        dof = (3 * nodes[:, None] + np.arange(3)).ravel()
        total[np.ix_(dof, dof)] += volume_t[t] * b.T @ stiffness_dvv[domain_t[t]] @ b
    return total


def gather_spring_force(tension_s, direction_sc, spring_sn, n_nodes):
    force = np.zeros((n_nodes, 3))
    pull = tension_s[:, None] * direction_sc
    np.add.at(force, spring_sn[:, 0], pull)
    np.add.at(force, spring_sn[:, 1], -pull)
    return force


def edge_weight(network, diffusivity_tcc, tet_edges):
    weight = np.zeros(network.n_springs)
    for edge, (i, j) in enumerate(tet_edges):
        product = np.einsum(
            "tc,tcd,td->t", network.gradient_tac[:, i], diffusivity_tcc, network.gradient_tac[:, j]
        )
        np.add.at(weight, network.spring_te[:, edge], -network.volume_t * product)
    return weight


def averaged_operator(network, diffusivity, tetwise):
    """Dense operator of diffusion in the grains, node by node: gradients of linear tets, and their means."""
    n = network.n_nodes
    total, gradient_ncn = np.zeros((n, n)), np.zeros((n, 3, n))
    for nodes, volume, gradient_ac, grain in zip(
        network.tet_tn, network.volume_t, network.gradient_tac, network.domain_t, strict=True
    ):
        if grain >= network.n_grains:
            continue
        tensor = sum(
            (d - (1 - tetwise) * (d - min(diffusivity))) * np.outer(axis, axis)
            for d, axis in zip(diffusivity, network.rotation_gcc[grain].T, strict=True)
        )
        total[np.ix_(nodes, nodes)] += volume * gradient_ac @ tensor @ gradient_ac.T
        for node in nodes:
            gradient_ncn[node][:, nodes] += volume / 4 / network.volume_n[node] * gradient_ac.T
    for node in np.flatnonzero(network.is_active_n):
        for d, axis in zip(diffusivity, network.rotation_gcc[network.domain_n[node]].T, strict=True):
            along = axis @ gradient_ncn[node]
            total += (1 - tetwise) * (d - min(diffusivity)) * network.volume_n[node] * np.outer(along, along)
    return total


def saturating_flux(stoich_n, psi_n, link_ln, weight_l):
    yi, yj = stoich_n[link_ln].T
    drift = np.exp(np.diff(psi_n[link_ln], axis=1)[:, 0] / 2)
    return weight_l * (yi * (1 - yj) * drift - yj * (1 - yi) / drift)


def thermodynamic_flux(stoich_n, psi_n, potential_n, stiffness_n, link_ln, weight_l):
    jump, rise, drift = (-np.diff(field[link_ln], axis=1)[:, 0] for field in (stoich_n, potential_n, psi_n))
    alike = np.abs(jump) <= 1e-8
    mean = np.where(alike, 1 / stiffness_n[link_ln].mean(axis=1), jump / np.where(alike, 1.0, rise))
    return weight_l * (jump - mean * drift)


def dilute_flux(stoich_n, psi_n, link_ln, weight_l):
    yi, yj = stoich_n[link_ln].T
    drift = np.diff(psi_n[link_ln], axis=1)[:, 0]
    return weight_l * (yi - yj + 0.5 * (yi + yj) * drift)


def gather_outflow(flux_l, link_ln, n_nodes):
    return np.bincount(link_ln[:, 0], flux_l, n_nodes) - np.bincount(link_ln[:, 1], flux_l, n_nodes)


def fit_cluster(end_be, tangent_bcc, stiff_b, least_b, lattice):
    """Stiff projection, stiffness against all else, whole and its inverse of one cluster, dense."""
    n = len(lattice)
    own, stiff, parts = lattice.copy(), np.zeros((0, n)), []
    for (i, j), k, limit, least in zip(end_be, tangent_bcc, stiff_b, least_b, strict=True):
        values, axes = np.linalg.eigh(k)
        for value, axis in zip(values, axes.T, strict=True):
            stretch = np.zeros(n)
            stretch[3 * i : 3 * i + 3], stretch[3 * j : 3 * j + 3] = axis, -axis
            value = max(value, least)
            own += value * np.outer(stretch, stretch)
            parts.append((value, stretch))
            if value > limit:
                stiff = np.concatenate([stiff, stretch[None]])
    u, size, _ = np.linalg.svd(stiff.T, full_matrices=False)
    u = u[:, size > 1e-9]
    left = [v * np.outer(s, s) for v, s in parts if np.abs(s - u @ (u.T @ s)).max() > 1e-9]
    soft = sum(left, np.zeros((n, n)))
    return u @ u.T, soft, own, np.linalg.inv(own)


def symmetric_sweep(matrix, rhs, x):
    lower, diagonal = np.tril(matrix, -1), np.diag(np.diag(matrix))
    x = np.linalg.solve(lower + diagonal, rhs - (matrix - lower - diagonal) @ x)
    return np.linalg.solve(matrix - lower, rhs - lower @ x)


def fill_links(link_li, slope_first_l, slope_second_l, n):
    matrix = np.zeros((n, n))
    for (i, j), first, second in zip(link_li, slope_first_l, slope_second_l, strict=True):
        matrix[i, [i, j]] += first, second
        matrix[j, [i, j]] -= first, second
    return matrix


def link_matrix(link_li, slope_first_l, slope_second_l, n):
    """Data of the matrix of `fill_links` in CSR form with sorted rows."""
    i, j = link_li.T
    value = np.concatenate([slope_first_l, slope_second_l, -slope_first_l, -slope_second_l])
    place = (np.concatenate([i, i, j, j]), np.concatenate([i, j, i, j]))
    matrix = sp.csr_matrix((value, place), shape=(n, n)) + 0 * sp.identity(n)
    matrix.sum_duplicates()
    return matrix.tocsr().data


def split_opening(opening_bc, normal_bc):
    normal_b = (opening_bc * normal_bc).sum(axis=1)
    sliding = opening_bc - normal_b[:, None] * normal_bc
    active = sliding + np.maximum(normal_b, 0.0)[:, None] * normal_bc
    return normal_b, active, sliding, np.linalg.norm(active, axis=1)


def contact_traction(opening_bc, normal_bc, secant_b, contact):
    normal_b, active, _, _ = split_opening(opening_bc, normal_bc)
    return secant_b[:, None] * active + (contact * np.minimum(normal_b, 0.0))[:, None] * normal_bc


def contact_tangent(opening_bc, normal_bc, secant_b, contact, fall_b, kind):
    normal_b, active, _, size = split_opening(opening_bc, normal_bc)
    pressed = np.where(normal_b > 0, 0.0, contact - secant_b)
    out = np.einsum("b,ij->bij", secant_b, np.eye(3)) + np.einsum(
        "b,bi,bj->bij", pressed, normal_bc, normal_bc
    )
    if kind == "secant":
        return out
    if kind == "clipped":  # at most what takes all stiffness along the active opening away
        fall_b = np.where(fall_b > 0, np.minimum(fall_b, secant_b / np.maximum(size, 1e-30) ** 2), 0.0)
    return out - np.einsum("b,bi,bj->bij", fall_b, active, active)
