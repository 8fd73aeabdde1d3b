"""Patch tests of the natural-mode lattice: exact for uniform states, whatever the Poisson ratio.

Bound: 1e-10 relative (DESIGN 8, item 1).
"""

import numpy as np
import pytest
import scipy.sparse.linalg as sla
from scipy.spatial.transform import Rotation

from latticecell.laws.elastic import (
    isotropic_stiffness,
    rotate_stiffness,
    transversely_isotropic_stiffness,
    voigt_strain,
)
from latticecell.physics.lattice import Lattice
from networks import box_network

SIZE = (1.3e-6, 1.7e-6, 2.1e-6)
NO_STRAIN = np.zeros(2)


def solid(nu, jitter=0.2):
    network = box_network((4, 4, 5), SIZE, jitter=jitter)
    return Lattice(network, np.stack([isotropic_stiffness(78e9, nu)] * 2))


def nothing(network):
    return np.zeros((network.n_tets, 6))


def clamp_walls(network):
    inner = np.ones(network.n_nodes, bool)
    inner[network.collector_n] = inner[network.lithium_n] = False
    return np.flatnonzero(np.repeat(inner, 3))


def relax(lattice, u_nc, strain_c, eigen_tv, free):
    """Solve for equilibrium of the free unknowns, the others as in ``u_nc``."""
    matrix = lattice.stiffness_matrix().tocsr()[free][:, free].tocsc()
    u = u_nc.copy().ravel()
    force = lattice.force(u_nc, strain_c, eigen_tv).ravel()[free]
    u[free] += sla.spsolve(matrix, force)
    return u.reshape(-1, 3)


@pytest.mark.parametrize("nu", [0.0, 0.25, 0.3, 0.45])
def test_uniform_strain_with_shear(nu):
    """u_x = g z, u_y = h z, u_z = e z with lateral stretch: uniform stress C eps after relaxation."""
    lattice = solid(nu)
    network = lattice.network
    g, h, e = 1.3e-3, -0.7e-3, 2.1e-3
    lateral = np.array([0.9e-3, -1.1e-3])
    z = network.x_nc[:, 2]
    exact = np.stack([g * z, h * z, e * z], axis=1)
    free = clamp_walls(network)
    start = exact.copy().ravel()
    start[free] += np.random.default_rng(5).normal(size=len(free)) * 1e-10
    u = relax(lattice, start.reshape(-1, 3), lateral, nothing(network), free)
    np.testing.assert_allclose(u, exact, atol=1e-10 * np.abs(exact).max())
    expected = isotropic_stiffness(78e9, nu) @ np.array([*lateral, e, h, g, 0.0])
    stress = lattice.stress(u, lateral, nothing(network))
    np.testing.assert_allclose(
        stress, np.broadcast_to(expected, stress.shape), atol=1e-10 * np.abs(expected).max()
    )
    inner = lattice.force(u, lateral, nothing(network)).ravel()[free]
    scale = np.abs(lattice.tension(u, lateral, nothing(network))).max()
    assert np.abs(inner).max() < 1e-10 * scale


def test_rigid_motion_gives_no_force():
    """A translation exactly; a rotation on the springs that do not cross the period."""
    lattice = solid(0.3)
    network = lattice.network
    shift = np.broadcast_to(np.array([0.3e-6, -0.2e-6, 0.1e-6]), (network.n_nodes, 3))
    stiffness = lattice.stiffness_matrix()
    scale = np.abs(stiffness.data).max() * 0.3e-6
    assert np.abs(lattice.force(shift, NO_STRAIN, nothing(network))).max() < 1e-13 * scale
    turn = 1e-3 * np.cross([0.2, -0.5, 0.8], network.x_nc)
    whole = np.ptp(network.x_nc[network.tet_tn], axis=1).max(axis=1) < 0.6e-6
    strain = lattice.strain(turn, NO_STRAIN)[whole]
    assert whole.sum() > 100
    assert np.abs(strain).max() < 1e-15


def test_free_uniform_swelling_gives_no_stress():
    """eps* = theta beta with theta symmetric in the plane of the free strains and free top wall."""
    theta = np.diag([1.0, 0.7, -1.0])
    lattice = solid(0.25)
    network = lattice.network
    beta = -0.0137
    eigen = np.tile(beta * voigt_strain(theta), (network.n_tets, 1))
    lateral = beta * np.diag(theta)[:2]
    inner = np.ones((network.n_nodes, 3), bool)
    inner[network.collector_n, 2] = False
    inner[network.collector_n[0]] = False
    free = np.flatnonzero(inner.ravel())
    u = relax(lattice, np.zeros((network.n_nodes, 3)), lateral, eigen, free)
    stress = lattice.stress(u, lateral, eigen)
    assert np.abs(stress).max() < 1e-10 * 78e9 * abs(beta)
    np.testing.assert_allclose(u[network.lithium_n, 2], -beta * SIZE[2], rtol=1e-10)


def test_springs_equal_the_linear_tetrahedron():
    """The gathered spring forces against the matrix assembled from shape functions, rotated anisotropic C."""
    rotations = Rotation.random(1, rng=np.random.default_rng(6)).as_matrix()
    crystal = transversely_isotropic_stiffness(199e9, 0.31, 88e9, 0.17, 41e9)
    network = box_network((4, 3, 4), SIZE)
    stiffness = np.concatenate([rotate_stiffness(crystal, rotations)] * 2)
    lattice = Lattice(network, stiffness)
    u = np.random.default_rng(2).normal(size=(network.n_nodes, 3)) * 1e-9
    matrix = lattice.stiffness_matrix()
    expected = -(matrix @ u.ravel()).reshape(-1, 3)
    force = lattice.force(u, NO_STRAIN, nothing(network))
    np.testing.assert_allclose(force, expected, atol=1e-13 * np.abs(expected).max() * 100)
    assert abs(matrix - matrix.T).max() < 1e-12 * abs(matrix).max()


def test_force_is_the_gradient_of_the_energy():
    theta = np.array([[1.0, 0.2, 0.1], [0.2, 0.8, -0.3], [0.1, -0.3, -1.0]])
    lattice = solid(0.3)
    network = lattice.network
    rng = np.random.default_rng(12)
    u = rng.normal(size=(network.n_nodes, 3)) * 1e-9
    eigen = rng.uniform(-0.01, 0, network.n_tets)[:, None] * voigt_strain(theta)
    way = rng.normal(size=u.shape) * 1e-9
    lateral = np.array([1e-3, -2e-3])
    slope = (lattice.energy(u + way, lateral, eigen) - lattice.energy(u - way, lateral, eigen)) / 2
    assert -np.sum(lattice.force(u, lateral, eigen) * way) == pytest.approx(slope, rel=1e-9, abs=0)
