"""NumPy twins of the compiled kernels: short, slow and independent of the gather lists."""

import numpy as np


def spring_strain(u_nc, strain_c, spring_sn, direction_sc, length_s):
    jump = u_nc[spring_sn[:, 1]] - u_nc[spring_sn[:, 0]]
    lateral = direction_sc[:, :2] ** 2 @ strain_c
    return (direction_sc * jump).sum(axis=1) / length_s + lateral


def tet_tension(strain_s, eigen_tv, direction_sc, natural_tee, spring_te):
    xx, yy, zz, yz, xz, xy = eigen_tv.T
    tensor = np.array([[xx, xy / 2, xz / 2], [xy / 2, yy, yz / 2], [xz / 2, yz / 2, zz]])
    n = direction_sc[spring_te]
    return np.einsum(
        "tef,tf->te", natural_tee, strain_s[spring_te] - np.einsum("tec,cdt,ted->te", n, tensor, n)
    )


def gather_spring_tension(tension_te, spring_te, length_s):
    return np.bincount(spring_te.ravel(), tension_te.ravel(), len(length_s)) / length_s


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
