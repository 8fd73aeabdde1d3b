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


def gathered(n_threads, u_nc, strain_c, natural_tee, eigen_tv):
    network = NETWORK
    strain_s = np.full(network.n_springs, np.nan)
    springs.spring_strain(
        u_nc,
        strain_c,
        network.spring_sn,
        network.direction_sc,
        network.length_s,
        out=strain_s,
        n_threads=n_threads,
    )
    tension_te = np.full((network.n_tets, 6), np.nan)
    springs.tet_tension(
        strain_s,
        eigen_tv,
        network.direction_sc,
        natural_tee,
        network.spring_te,
        out=tension_te,
        n_threads=n_threads,
    )
    tension_s = np.full(network.n_springs, np.nan)
    springs.gather_spring_tension(
        tension_te,
        network.length_s,
        network.spring_tets.start,
        network.spring_tets.index,
        out=tension_s,
        n_threads=n_threads,
    )
    force_nc = np.full((network.n_nodes, 3), np.nan)
    springs.gather_spring_force(
        tension_s,
        network.direction_sc,
        network.node_springs.start,
        network.node_springs.index,
        out=force_nc,
        n_threads=n_threads,
    )
    return strain_s, tension_te, tension_s, force_nc


def inputs(seed):
    rng = np.random.default_rng(seed)
    n = NETWORK
    return (
        rng.normal(size=(n.n_nodes, 3)) * 1e-9,
        rng.normal(size=2) * 1e-3,
        rng.normal(size=(n.n_tets, 6, 6)) * 1e-7,
        rng.normal(size=(n.n_tets, 6)) * 1e-3,
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 2**31))
def test_kernels_equal_their_twins(seed):
    u_nc, strain_c, natural_tee, eigen_tv = inputs(seed)
    strain_s, tension_te, tension_s, force_nc = gathered(1, u_nc, strain_c, natural_tee, eigen_tv)
    n = NETWORK
    strain = reference.spring_strain(u_nc, strain_c, n.spring_sn, n.direction_sc, n.length_s)
    np.testing.assert_allclose(strain_s, strain, rtol=1e-12, atol=1e-18)
    forces = reference.tet_tension(strain, eigen_tv, n.direction_sc, natural_tee, n.spring_te)
    np.testing.assert_allclose(tension_te, forces, rtol=1e-9, atol=1e-12 * np.abs(forces).max())
    tension = reference.gather_spring_tension(forces, n.spring_te, n.length_s)
    np.testing.assert_allclose(tension_s, tension, rtol=1e-9, atol=1e-12 * np.abs(tension).max())
    force = reference.gather_spring_force(tension, n.direction_sc, n.spring_sn, n.n_nodes)
    np.testing.assert_allclose(force_nc, force, rtol=1e-9, atol=1e-12 * np.abs(force).max())


@pytest.mark.parametrize("n_threads", THREADS[1:])
def test_threads_do_not_change_a_bit(n_threads):
    one = gathered(1, *inputs(31))
    many = gathered(n_threads, *inputs(31))
    for a, b in zip(one, many, strict=True):
        assert a.tobytes() == b.tobytes()


def test_empty_arrays_are_allowed():
    out = np.empty(0)
    none = np.empty((0, 3))
    springs.spring_strain(
        none, np.zeros(2), np.empty((0, 2), np.int32), none, np.empty(0), out=out, n_threads=2
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
