"""Kernels on 1 and 2 threads against their NumPy twins."""

import numpy as np
import pytest

import reference
from latticecell._kernels import springs, transport
from latticecell.network import TET_EDGES
from latticecell.physics.transport import Transport

BACKENDS = ["numpy", 1, 2]


@pytest.fixture(params=BACKENDS, ids=["numpy", "1thread", "2threads"])
def backend(request):
    return request.param


def run(benchmark, backend, kernel, twin, out):
    """Time the kernel or its twin; check that they agree."""
    expected = twin()
    if backend == "numpy":
        benchmark(twin)
        return
    benchmark(kernel, backend)
    np.testing.assert_allclose(out, expected, atol=1e-9 * np.abs(expected).max())


@pytest.fixture
def springs_input(sized):
    _, network = sized
    rng = np.random.default_rng(3)
    return network, 1e-8 * rng.normal(size=(network.n_nodes, 3)), np.array([1e-4, -2e-4])


def test_spring_strain(benchmark, springs_input, backend):
    n, u, strain = springs_input
    out = np.empty(n.n_springs)
    args = (u, strain, n.spring_sn, n.direction_sc, n.length_s)
    run(benchmark, backend, lambda k: springs.spring_strain(*args, out=out, n_threads=k),
        lambda: reference.spring_strain(*args), out)  # fmt: skip


def test_tet_tension(benchmark, springs_input, backend):
    n, u, strain = springs_input
    s = reference.spring_strain(u, strain, n.spring_sn, n.direction_sc, n.length_s)
    out = np.empty((n.n_tets, 6))
    natural = 1e-9 * np.random.default_rng(7).normal(size=(n.n_tets, 6, 6))
    eigen = 1e-3 * np.random.default_rng(8).normal(size=(n.n_tets, 6))
    args = (s, eigen, n.direction_sc, natural, n.spring_te)
    run(benchmark, backend, lambda k: springs.tet_tension(*args, out=out, n_threads=k),
        lambda: reference.tet_tension(*args), out)  # fmt: skip


def test_gather_spring_tension(benchmark, springs_input, backend):
    n, _, _ = springs_input
    force = np.random.default_rng(4).normal(size=(n.n_tets, 6))
    out = np.empty(n.n_springs)
    lists = n.spring_tets
    run(benchmark, backend,
        lambda k: springs.gather_spring_tension(force, n.length_s, lists.start, lists.index, out=out,
                                                n_threads=k),
        lambda: reference.gather_spring_tension(force, n.spring_te, n.length_s), out)  # fmt: skip


def test_gather_spring_force(benchmark, springs_input, backend):
    n, _, _ = springs_input
    tension = np.random.default_rng(4).normal(size=n.n_springs)
    out = np.empty((n.n_nodes, 3))
    lists = n.node_springs
    run(benchmark, backend,
        lambda k: springs.gather_spring_force(tension, n.direction_sc, lists.start, lists.index, out=out,
                                              n_threads=k),
        lambda: reference.gather_spring_force(tension, n.direction_sc, n.spring_sn, n.n_nodes),
        out)  # fmt: skip


def test_edge_weight(benchmark, sized, backend):
    _, n = sized
    tensor = np.zeros((n.n_grains + 2, 3, 3))
    tensor[: n.n_grains] = np.einsum("gik,k,gjk->gij", n.rotation_gcc, (1e-14, 1e-14, 1e-20), n.rotation_gcc)
    tensor = tensor[n.domain_t]
    out = np.empty(n.n_springs)
    lists = n.spring_tets
    run(benchmark, backend,
        lambda k: transport.edge_weight(n.gradient_tac, n.volume_t, tensor, TET_EDGES, lists.start,
                                        lists.index, out=out, n_threads=k),
        lambda: reference.edge_weight(n, tensor, TET_EDGES), out)  # fmt: skip


@pytest.fixture
def links(sized):
    config, network = sized
    flux = Transport(network, config.materials.active.diffusivity, 2e-7, 2e-9)
    rng = np.random.default_rng(5)
    stoich, psi = rng.uniform(0.1, 0.9, network.n_nodes), rng.normal(size=network.n_nodes)
    return network, flux, stoich, psi, flux.weight()


def test_saturating_flux(benchmark, links, backend):
    _, flux, y, psi, weight = links
    out, first, second = (np.empty(len(weight)) for _ in range(3))
    run(benchmark, backend,
        lambda k: transport.saturating_flux(y, psi, flux.link_ln, weight, flux_l=out, slope_first_l=first,
                                            slope_second_l=second, n_threads=k),
        lambda: reference.saturating_flux(y, psi, flux.link_ln, weight), out)  # fmt: skip


def test_gather_outflow(benchmark, links, backend):
    n, flux, _, _, weight = links
    value = np.random.default_rng(6).normal(size=len(weight))
    out = np.empty(n.n_nodes)
    lists = flux._node_links
    run(benchmark, backend,
        lambda k: transport.gather_outflow(value, lists.start, lists.index, out=out, n_threads=k),
        lambda: reference.gather_outflow(value, flux.link_ln, n.n_nodes), out)  # fmt: skip
