"""Transport kernels against their NumPy twins, and bitwise independence of the number of threads."""

import numpy as np
import pytest

import reference
from latticecell._kernels import transport as kernels
from latticecell.network import TET_EDGES
from networks import box_network

NETWORK = box_network((3, 4, 4))


def evaluate(n_threads, seed=17):
    rng = np.random.default_rng(seed)
    n = NETWORK
    root = rng.normal(size=(n.n_tets, 3, 3)) * 1e-7
    tensor = root @ root.transpose(0, 2, 1)
    weight = np.full(n.n_springs, np.nan)
    kernels.edge_weight(
        n.gradient_tac,
        n.volume_t,
        tensor,
        TET_EDGES,
        n.spring_tets.start,
        n.spring_tets.index,
        out=weight,
        n_threads=n_threads,
    )
    y, psi = rng.uniform(size=n.n_nodes), rng.normal(size=n.n_nodes)
    flux, first, second = (np.full(n.n_springs, np.nan) for _ in range(3))
    kernels.saturating_flux(
        y,
        np.exp(psi / 2),
        n.spring_sn,
        weight,
        flux_l=flux,
        slope_first_l=first,
        slope_second_l=second,
        n_threads=n_threads,
    )
    out = np.full(n.n_nodes, np.nan)
    kernels.gather_outflow(flux, n.node_springs.start, n.node_springs.index, out=out, n_threads=n_threads)
    dilute = [np.full(n.n_springs, np.nan) for _ in range(3)]
    kernels.dilute_flux(
        y,
        psi,
        n.spring_sn,
        weight,
        flux_l=dilute[0],
        slope_first_l=dilute[1],
        slope_second_l=dilute[2],
        n_threads=n_threads,
    )
    thermodynamic = [np.full(n.n_springs, np.nan) for _ in range(3)]
    kernels.thermodynamic_flux(
        y,
        psi,
        *law(y),
        n.spring_sn,
        weight,
        flux_l=thermodynamic[0],
        slope_first_l=thermodynamic[1],
        slope_second_l=thermodynamic[2],
        n_threads=n_threads,
    )
    return (weight, flux, first, second, out, *dilute, *thermodynamic), tensor, y, psi


def law(y):
    """A convex potential and its derivative."""
    return 7.0 * y + 3.0 * y**2 + np.exp(2 * y), 7.0 + 6.0 * y + 2 * np.exp(2 * y)


def thermodynamic(y, psi, link_ln, weight_l):
    return reference.thermodynamic_flux(y, psi, *law(y), link_ln, weight_l)


def check_slopes(twin, first_l, second_l, weight_l, y, psi, h=0.25, rtol=1e-9):
    """Two fluxes are bilinear in (y_i, y_j), so differences along one of them are exact."""
    i, j = NETWORK.spring_sn.T
    pair = np.arange(2 * len(i), dtype=np.int32).reshape(2, -1).T  # every spring with nodes of its own
    psi_n = np.concatenate([psi[i], psi[j]])
    for slope, ends in ((first_l, (1.0, 0.0)), (second_l, (0.0, 1.0))):
        step_n = np.repeat(ends, len(i))
        at = [twin(np.concatenate([y[i], y[j]]) + h * step_n, psi_n, pair, weight_l) for h in (h, -h)]
        expected = (at[0] - at[1]) / (2 * h)
        np.testing.assert_allclose(slope, expected, rtol=rtol, atol=1e-3 * rtol * np.abs(expected).max())


def test_kernels_equal_their_twins():
    (weight, flux, first, second, out, *others), tensor, y, psi = evaluate(1)
    dilute, own = others[:3], others[3:]
    expected = reference.edge_weight(NETWORK, tensor, TET_EDGES)
    np.testing.assert_allclose(weight, expected, rtol=1e-10, atol=1e-13 * np.abs(expected).max())
    expected = reference.saturating_flux(y, psi, NETWORK.spring_sn, weight)
    np.testing.assert_allclose(flux, expected, rtol=1e-9, atol=1e-13 * np.abs(expected).max())
    check_slopes(reference.saturating_flux, first, second, weight, y, psi)
    expected = reference.dilute_flux(y, psi, NETWORK.spring_sn, weight)
    np.testing.assert_allclose(dilute[0], expected, rtol=1e-9, atol=1e-13 * np.abs(expected).max())
    check_slopes(reference.dilute_flux, *dilute[1:], weight, y, psi)
    expected = thermodynamic(y, psi, NETWORK.spring_sn, weight)
    np.testing.assert_allclose(own[0], expected, rtol=1e-9, atol=1e-13 * np.abs(expected).max())
    check_slopes(thermodynamic, *own[1:], weight, y, psi, h=1e-4, rtol=1e-4)
    expected = reference.gather_outflow(flux, NETWORK.spring_sn, NETWORK.n_nodes)
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-13 * np.abs(expected).max())


def test_alike_neighbours_are_no_special_case():
    """Where y_i and y_j nearly agree the mean mobility is 1 / g', continuously."""
    link, weight = np.array([[0, 1]], np.int32), np.array([1.7e-21])
    psi = np.array([0.3, -0.2])
    found = []
    for jump in (0.0, 0.9e-8, 1.1e-8, 1e-7):
        y = np.array([0.4 + jump, 0.4])
        flux = np.full((3, 1), np.nan)
        kernels.thermodynamic_flux(
            y, psi, *law(y), link, weight,
            flux_l=flux[0], slope_first_l=flux[1], slope_second_l=flux[2], n_threads=1,
        )  # fmt: skip
        found.append(flux[0, 0])
    expected = -1.7e-21 * 0.5 / law(0.4)[1]
    np.testing.assert_allclose(found, expected, rtol=5e-6)


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_threads_do_not_change_a_bit(n_threads):
    for one, many in zip(evaluate(1)[0], evaluate(n_threads)[0], strict=True):
        assert one.tobytes() == many.tobytes()
