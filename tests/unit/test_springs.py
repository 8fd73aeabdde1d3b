"""Spring kernels against their NumPy twins, and bitwise independence of the number of threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
from latticecell._kernels import springs
from latticecell.laws.elastic import isotropic_stiffness
from latticecell.physics.lattice import Lattice
from networks import box_network

NETWORK = box_network((3, 4, 4))
THREADS = [1, 2, 3, 5]


def gathered(n_threads, u_nc, strain_c, stiffness_dvv, eigen_tv):
    n = NETWORK
    strain_tv, stress_tv = np.full((2, n.n_tets, 6), np.nan)
    springs.tet_strain(u_nc, strain_c, n.tet_tn, n.gradient_tac, out=strain_tv, n_threads=n_threads)
    springs.tet_stress(strain_tv, eigen_tv, stiffness_dvv, n.domain_t, out=stress_tv, n_threads=n_threads)
    lists = n.spring_tets
    tension_s = np.full(n.n_springs, np.nan)
    springs.gather_spring_tension(
        stress_tv, n.gradient_tac, n.volume_t, n.length_s, lists.start, lists.index,
        out=tension_s, n_threads=n_threads,
    )  # fmt: skip
    force_nc = np.full((n.n_nodes, 3), np.nan)
    springs.gather_spring_force(
        tension_s, n.direction_sc, n.node_springs.start, n.node_springs.index,
        out=force_nc, n_threads=n_threads,
    )  # fmt: skip
    block_scc = np.full((n.n_springs, 3, 3), np.nan)
    springs.gather_spring_stiffness(
        stiffness_dvv, n.domain_t, n.gradient_tac, n.volume_t, n.tet_tn, n.spring_sn, lists.start,
        lists.index, out=block_scc, n_threads=n_threads,
    )  # fmt: skip
    return strain_tv, stress_tv, tension_s, force_nc, block_scc


def inputs(seed):
    """Displacement, lateral strain, stiffness of both domains without symmetry, eigenstrain."""
    rng = np.random.default_rng(seed)
    n = NETWORK
    root = rng.normal(size=(2, 6, 6)) * 3e5
    return (
        rng.normal(size=(n.n_nodes, 3)) * 1e-9,
        rng.normal(size=2) * 1e-3,
        root @ root.transpose(0, 2, 1),
        rng.normal(size=(n.n_tets, 6)) * 1e-3,
    )


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11 * np.abs(expected).max())


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 2**31))
def test_kernels_equal_their_twins(seed):
    u_nc, strain_c, stiffness_dvv, eigen_tv = inputs(seed)
    n = NETWORK
    strain_tv, stress_tv, tension_s, force_nc, _ = gathered(1, u_nc, strain_c, stiffness_dvv, eigen_tv)
    assert_close(strain_tv, reference.tet_strain(u_nc, strain_c, n.tet_tn, n.gradient_tac))
    assert_close(stress_tv, reference.tet_stress(strain_tv, eigen_tv, stiffness_dvv, n.domain_t))
    assert_close(
        tension_s,
        reference.gather_spring_tension(stress_tv, n.volume_t, n.spring_te, n.direction_sc, n.length_s),
    )
    assert_close(force_nc, reference.gather_spring_force(tension_s, n.direction_sc, n.spring_sn, n.n_nodes))


def test_stiffness_equals_its_twin():
    stiffness_dvv = inputs(23)[2]
    n = NETWORK
    full = reference.stiffness_matrix(
        stiffness_dvv, n.domain_t, n.gradient_tac, n.volume_t, n.tet_tn, n.n_nodes
    )
    assert_close(Lattice(n, stiffness_dvv).stiffness_matrix().toarray(), full)
    block_scc = gathered(1, *inputs(23))[-1]
    a, b = n.spring_sn.T
    assert_close(block_scc, full.reshape(n.n_nodes, 3, n.n_nodes, 3)[a, :, b, :])


@pytest.mark.parametrize("n_threads", THREADS[1:])
def test_threads_do_not_change_a_bit(n_threads):
    one = gathered(1, *inputs(31))
    many = gathered(n_threads, *inputs(31))
    for a, b in zip(one, many, strict=True):
        assert a.tobytes() == b.tobytes()


def test_empty_arrays_are_allowed():
    out = np.empty((0, 6))
    springs.tet_strain(
        np.empty((0, 3)), np.zeros(2), np.empty((0, 4), np.int32), np.empty((0, 4, 3)), out=out, n_threads=2
    )
    assert out.size == 0


def test_stiffness_scales_with_the_modulus():
    """A slip of units shows: E = 78 GPa on a bar of known size gives E A / L."""
    size = np.array([1.3e-6, 1.3e-6, 2.1e-6])
    lattice = Lattice(NETWORK, np.stack([isotropic_stiffness(78e9, 0.0)] * 2))
    u = np.zeros((NETWORK.n_nodes, 3))
    u[:, 2] = 1e-3 * NETWORK.x_nc[:, 2]
    force = lattice.force(u, np.zeros(2), np.zeros((NETWORK.n_tets, 6)))
    pull = -force[NETWORK.lithium_n, 2].sum()
    assert pull == pytest.approx(78e9 * 1e-3 * size[0] * size[1], rel=1e-12, abs=0)
