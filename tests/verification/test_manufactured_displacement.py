"""A manufactured displacement with curl: order 2 in u, order 1 in stress (DESIGN 8, item 2)."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from latticecell.laws.elastic import isotropic_stiffness, voigt_strain
from latticecell.physics.lattice import Lattice
from networks import box_network

SIZE = np.array([1.3e-6, 1.3e-6, 1.3e-6])
YOUNG, POISSON = 78e9, 0.31
WAVE = 2 * np.pi * np.array([1, -1, 1]) / SIZE
AMPLITUDE = np.array([1.1e-9, 0.3e-9, -0.7e-9])  # neither along the wave vector nor normal to it


def errors(cells):
    """Relative L2 errors of u and of stress for u = a cos(k.x + 0.3) under its body force."""
    network = box_network((cells, cells, cells), SIZE, jitter=0.12)
    stiffness = isotropic_stiffness(YOUNG, POISSON)
    lattice = Lattice(network, np.stack([stiffness] * 2))
    shear, lame = stiffness[3, 3], stiffness[0, 1]
    wave = np.cos(network.x_nc @ WAVE + 0.3)[:, None]
    exact = AMPLITUDE * wave
    body = (shear * (WAVE @ WAVE) * AMPLITUDE + (lame + shear) * (WAVE @ AMPLITUDE) * WAVE) * wave

    free = np.ones((network.n_nodes, 3), bool)
    free[network.collector_n] = free[network.lithium_n] = False
    free = np.flatnonzero(free.ravel())
    u = np.where(np.isin(np.arange(exact.size), free), 0.0, exact.ravel())
    nil = np.zeros((network.n_tets, 6))
    force = lattice.force(u.reshape(-1, 3), np.zeros(2), nil) + network.volume_n[:, None] * body
    matrix = lattice.stiffness_matrix().tocsr()[free][:, free]
    answer, info = sla.cg(
        matrix, force.ravel()[free], rtol=1e-9, maxiter=3000, M=sp.diags(1 / matrix.diagonal())
    )
    assert info == 0
    u[free] = answer
    u = u.reshape(-1, 3)
    error_u = network.volume_n @ ((u - exact) ** 2).sum(axis=1) / (network.volume_n @ (exact**2).sum(axis=1))
    center = network.unwrapped_tac().mean(axis=1)
    gradient = -np.einsum("c,d,t->tcd", AMPLITUDE, WAVE, np.sin(center @ WAVE + 0.3))
    true = voigt_strain(gradient) @ stiffness
    stress = lattice.stress(u, np.zeros(2), nil)
    error_stress = (
        network.volume_t @ ((stress - true) ** 2).sum(axis=1) / (network.volume_t @ (true**2).sum(axis=1))
    )
    return np.sqrt(error_u), np.sqrt(error_stress)


def test_orders_and_bounds():
    coarse, fine = errors(16), errors(32)  # 9 and 18 cells a wavelength
    assert np.log2(coarse[0] / fine[0]) > 1.9
    assert np.log2(coarse[1] / fine[1]) > 0.9
    assert fine[0] < 0.01
    assert fine[1] < 0.22


def test_the_lateral_stretch_works_on_the_cell():
    """Energy under a lateral stretch alone: half of C11 E^2 times the volume."""
    network = box_network((4, 4, 4), SIZE)
    stiffness = isotropic_stiffness(YOUNG, POISSON)
    lattice = Lattice(network, np.stack([stiffness] * 2))
    nil = np.zeros((network.n_tets, 6))
    energy = lattice.energy(np.zeros((network.n_nodes, 3)), np.array([1.3e-3, 0.0]), nil)
    assert energy == pytest.approx(0.5 * stiffness[0, 0] * 1.3e-3**2 * np.prod(SIZE), rel=1e-12, abs=0)
