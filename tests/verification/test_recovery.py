"""Values at nodes recovered from tets: exact for linear fields, second order, one-sided at boundaries."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cells import tiny
from latticecell import build_microstructure, build_network
from latticecell.checks import POISSON_BOUND
from latticecell.laws.elastic import isotropic_stiffness
from latticecell.physics.lattice import Lattice
from latticecell.recovery import recovery_matrix
from networks import box_network, pressure_errors

SIZE = np.array([1.3e-6, 1.3e-6, 1.3e-6])
UM = 1e-6


def middles(network):
    return network.unwrapped_tac().mean(axis=1)


def test_linear_fields_of_grains_are_exact_on_both_sides_of_a_boundary():
    """Each grain has a level and a slope of its own, so that the field jumps at every boundary."""
    config = tiny()
    network = build_network(config, build_microstructure(config))
    rng = np.random.default_rng(3)
    level, slope = rng.normal(size=network.n_grains + 2), rng.normal(size=(network.n_grains + 2, 3)) / UM
    at = lambda x, domain: level[domain] + np.einsum("nc,nc->n", x, slope[domain])  # noqa: E731
    matrix = recovery_matrix(network)
    found = matrix @ at(middles(network), network.domain_t)
    own = network.is_active_n
    exact = at(network.x_nc, network.domain_n)
    np.testing.assert_allclose(found[own], exact[own], atol=1e-9 * np.abs(exact).max())
    assert not found[~own].any()
    rows, columns = matrix.nonzero()
    assert (network.domain_n[rows] == network.domain_t[columns]).all()
    assert matrix.indices.dtype == np.int32


def test_a_patch_that_spans_no_space_gives_its_mean():
    """A grain of few tets: uniform values stay, and no value lies far outside those of the tets."""
    block = lambda x: np.where((np.abs(x / SIZE - 0.5) < 1 / 6).all(axis=1), 0, 1)  # noqa: E731
    rotation = Rotation.identity(1).as_matrix()
    network = box_network((3, 3, 3), SIZE, block, rotation)
    assert network.is_active_t.sum() == 6
    matrix, own = recovery_matrix(network), network.is_active_n
    np.testing.assert_allclose(matrix[own].sum(axis=1), 1.0, rtol=1e-12)
    assert abs(matrix).sum(axis=1).max() < 6


def waves(x):
    wave = 2 * np.pi * np.array([1, -1, 1]) / SIZE
    return np.cos(x @ wave + 0.3)


def test_smooth_fields_are_recovered_to_second_order():
    """Also at the walls of the grain; the mean over the tets of a node is of first order there."""
    rotation = Rotation.identity(1).as_matrix()
    miss, plain = [], []
    for cells in (12, 24):
        grain = lambda x: (x[:, 2] > SIZE[2] / 2).astype(int)  # noqa: E731
        flat = lambda x: np.isclose(x[:, 2], SIZE[2] / 2)  # noqa: E731
        network = box_network((cells,) * 3, SIZE, grain, rotation, jitter=0.12, fixed=flat)
        own = network.is_active_n
        value_t = waves(middles(network))
        weight = np.repeat(value_t * network.volume_t / 4, 4)
        mean = np.bincount(network.tet_tn.ravel(), weight, network.n_nodes) / network.volume_n
        miss.append(np.abs(recovery_matrix(network) @ value_t - waves(network.x_nc))[own].max())
        plain.append(np.abs(mean - waves(network.x_nc))[own].max())
    assert np.log2(miss[0] / miss[1]) > 1.8 and miss[1] < 0.05
    assert np.log2(plain[0] / plain[1]) < 1.3 and plain[1] > 2 * miss[1]


def test_stress_potential_of_a_bent_lattice():
    """Mean stress of a displacement, not of given stresses: second order against K div u."""
    rotation = Rotation.identity(1).as_matrix()
    miss = []
    for cells in (12, 24):
        network = box_network((cells,) * 3, SIZE, lambda x: np.zeros(len(x), int), rotation, jitter=0.12)
        lattice = Lattice(network, np.stack([isotropic_stiffness(78e9, 0.3)] * 3))
        wave = 2 * np.pi * np.array([1, 0, 1]) / SIZE
        phase = network.x_nc @ wave + 0.3
        u = np.outer(np.sin(phase), [3e-9, -1e-9, 2e-9])
        exact = 78e9 / (3 * 0.4) * np.cos(phase) * (wave @ [3e-9, -1e-9, 2e-9])
        found = lattice.hydrostatic(u, np.zeros(2), np.zeros((network.n_tets, 6)))
        square = network.volume_n @ (found - exact) ** 2 / (network.volume_n @ exact**2)
        miss.append(np.sqrt(square))
    assert np.log2(miss[0] / miss[1]) > 1.8 and miss[1] == pytest.approx(0, abs=0.05)


def test_stress_of_a_swollen_sphere_towards_incompressible_grains():
    """Tets lock: the bound of the warning is where their error is about twice that at 0.25."""
    found = []
    for nu in (0.25, POISSON_BOUND, 0.48):
        active = {"poisson_ratio": nu, "expansion_ratio": [1.0, 1.0, 1.0]}
        config = tiny(materials={"active": active})
        found.append(pressure_errors(config, build_network(config, build_microstructure(config))))
    (tets, recovered), (tets_bound, recovered_bound), (tets_high, recovered_high) = found
    assert max(tets, recovered) < 0.25
    assert 1.3 < tets_bound / tets < 2.5 and recovered_bound / recovered < 1.7, found
    assert tets_high > 3 * tets and recovered_high < 0.8 * tets_high, found
