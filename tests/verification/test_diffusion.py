"""Anisotropic diffusion on the network: order 2 at any anisotropy and rotation, exactness, conservation."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from latticecell.laws import OCV_LAWS
from latticecell.laws.kinetics import ParticleKinetics
from latticecell.physics.transport import Transport
from latticecell.units import FARADAY, GAS_CONSTANT
from networks import box_network

SIZE = np.array([1.3e-6, 1.3e-6, 1.3e-6])
DIFFUSIVITY = 1.7e-14
TIME = 9.0  # with DIFFUSIVITY about 0.1 of the squared wavelength


class Falling:
    """A voltage that falls with x, gently in the middle."""

    def voltage(self, x):
        return 3.9 - 0.3 * x - 0.8 * (np.asarray(x) - 0.5) ** 3

    def slope(self, x):
        return -0.3 - 2.4 * (np.asarray(x) - 0.5) ** 2


def single_grain(cells, rotation, ratio, *law, tetwise=0.1):
    network = box_network(
        (cells, cells, cells), SIZE, lambda c: np.zeros(len(c), int), rotation[None], jitter=0.12
    )
    principal = (DIFFUSIVITY, DIFFUSIVITY, DIFFUSIVITY / ratio)
    transport = Transport(network, principal, 1e-7, 2e-9, 1, *law, tetwise=tetwise)
    return network, transport, rotation @ np.diag(principal) @ rotation.T


def error_of_one_step(cells, rotation, ratio, tetwise):
    """L2 error of y - TIME div(D grad y) = f with y = 1/2 + cos(k.x + 0.3) / 4, Dirichlet in z."""
    network, transport, tensor = single_grain(cells, rotation, ratio, tetwise=tetwise)
    wave = 2 * np.pi * np.array([1, -1, 1]) / SIZE
    phase = network.x_nc @ wave + 0.3
    exact = 0.5 + 0.25 * np.cos(phase)
    source = exact + TIME * (wave @ tensor @ wave) * 0.25 * np.cos(phase)
    nil = np.zeros(network.n_nodes)
    weight = transport.weight()
    matrix = sp.diags(network.volume_n) + TIME * transport.jacobian(transport.flux(exact, nil, weight))
    free = np.ones(network.n_nodes, bool)
    free[network.collector_n] = free[network.lithium_n] = False
    matrix = matrix.tocsr()
    y = exact.copy()
    rhs = network.volume_n * source - matrix[:, ~free] @ exact[~free]
    y[free] = sla.spsolve(matrix[free][:, free].tocsc(), rhs[free])
    return np.sqrt(network.volume_n @ (y - exact) ** 2 / network.volume_n.sum()) / 0.25


@pytest.mark.parametrize(("tetwise", "bound"), [(1.0, 0.01), (0.1, 0.034)])
@pytest.mark.parametrize("ratio", [1.0, 1e2, 1e6])
@pytest.mark.parametrize("seed", [3, 11])
def test_second_order_at_any_anisotropy(ratio, seed, tetwise, bound):
    """8 cells a wavelength are not yet asymptotic (order 1.6 for one rotation), 12 are.

    Averaged gradients reach twice as far: on a smooth field the same order, with a larger constant.
    """
    rotation = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    coarse, fine = (error_of_one_step(n, rotation, ratio, tetwise) for n in (12, 24))
    assert np.log2(coarse / fine) > 1.9
    assert fine < bound


@pytest.mark.parametrize("tetwise", [1.0, 0.1, 0.0])
def test_two_grains_with_a_tensor_jump_carry_a_linear_solution(tetwise):
    """Flux continuity fixes the gradients; the piecewise linear field is then an exact equilibrium.

    The grains meet at z = 0.65 um through bonds of finite permeance, so y jumps there.
    """
    rotations = Rotation.random(2, rng=np.random.default_rng(5)).as_matrix()
    layered = lambda c: (c[:, 2] > SIZE[2] / 2).astype(int)  # noqa: E731
    middle = lambda x: np.abs(x[:, 2] - SIZE[2] / 2) < 1e-9  # noqa: E731
    network = box_network((6, 6, 6), SIZE, layered, rotations, fixed=middle)
    principal = (1e-14, 3e-15, 1e-16)  # all different, or the transposed rotation gives the same normal[0]
    permeance = 3e-8
    transport = Transport(network, principal, permeance, 2e-9, tetwise=tetwise)
    normal = [(r @ np.diag(principal) @ r.T)[2, 2] for r in rotations]
    flux = -1e-9  # along z [m/s]
    z = network.x_nc[:, 2]
    below = 0.4 - flux / normal[0] * (z - SIZE[2] / 2)
    above = 0.4 - flux / permeance - flux / normal[1] * (z - SIZE[2] / 2)
    y = np.where(network.domain_n == 0, below, above)
    out = transport.outflow(transport.flux(y, np.zeros(network.n_nodes), transport.weight()).flux_l)
    inner = np.ones(network.n_nodes, bool)
    inner[network.collector_n] = inner[network.lithium_n] = False
    assert np.abs(out[inner]).max() < 1e-10 * abs(flux) * SIZE[0] ** 2
    assert out[network.collector_n].sum() == pytest.approx(flux * SIZE[0] ** 2, rel=1e-10, abs=0)


def test_no_flux_at_equilibrium_with_stress():
    rotation = Rotation.random(rng=np.random.default_rng(7)).as_matrix()
    network, transport, _ = single_grain(5, rotation, 1e6)
    psi = np.random.default_rng(1).normal(size=network.n_nodes)
    y = 1 / (1 + np.exp(-(psi + 0.37)))
    weight = transport.weight()
    flux = transport.flux(y, psi, weight).flux_l
    assert np.abs(flux).max() < 1e-15 * np.abs(weight).max()


@pytest.mark.parametrize("ocv", [OCV_LAWS["nmc111_zheng2013"](), Falling()])
def test_thermodynamic_flux_has_the_equilibrium_of_the_open_circuit_voltage(ocv):
    """mu = -F U - Omega sigma_h uniform: no flux, exactly; a steeper or inverted drift would leave some."""
    rotation = Rotation.random(rng=np.random.default_rng(7)).as_matrix()
    particle = ParticleKinetics(ocv, 50.0, 0.5, 0.5, 298.15)
    network, transport, _ = single_grain(5, rotation, 1e6, "thermodynamic", particle.potential)
    level = float(particle.potential(np.array([0.6]))[0][0])
    psi = 0.4 * np.random.default_rng(1).normal(size=network.n_nodes)
    miss = lambda y, p: float(particle.potential(np.array([y]))[0][0]) - level - p  # noqa: E731
    y = np.array([brentq(miss, 1e-6, 1 - 1e-6, args=(p,), xtol=1e-15) for p in psi])
    weight = transport.weight()
    assert np.ptp(y) > 0.05
    assert np.abs(transport.flux(y, psi, weight).flux_l).max() < 1e-13 * np.abs(weight).max()
    for wrong in (-psi, 1.01 * psi):
        assert np.abs(transport.flux(y, wrong, weight).flux_l).max() > 1e-4 * np.abs(weight).max()
    still = transport.flux(y, np.full_like(psi, 0.3), weight).flux_l
    i, j = transport.link_ln.T
    np.testing.assert_allclose(still, weight * (y[i] - y[j]), rtol=1e-12, atol=0)


def test_thermodynamic_flux_is_fick_with_the_drift_of_the_specification():
    """J / c_max = -D [grad y - Omega / (F |dU/dy|) grad sigma_h] for weak gradients, in SI."""
    ocv, omega, temperature = Falling(), 2.3e-6, 311.0
    particle = ParticleKinetics(ocv, 50.0, 0.5, 0.5, temperature)
    network, transport, _ = single_grain(
        4, Rotation.identity().as_matrix(), 1.0, "thermodynamic", particle.potential
    )
    z = network.x_nc[:, 2]
    stress = 5e4 * z / SIZE[2]  # Pa
    y = 0.45 + 1e-4 * z / SIZE[2]
    psi = omega * stress / (GAS_CONSTANT * temperature)
    out = transport.outflow(transport.flux(y, psi, transport.weight()).flux_l)
    drift = omega / (FARADAY * abs(float(ocv.slope(0.45)))) * 5e4
    expected = -DIFFUSIVITY * (1e-4 - drift) / SIZE[2] * SIZE[0] * SIZE[1]
    assert abs(drift) > 1e-6
    assert out[network.collector_n].sum() == pytest.approx(expected, rel=1e-3, abs=0)


def test_jacobian_is_the_derivative_and_li_is_conserved():
    rotation = Rotation.random(rng=np.random.default_rng(8)).as_matrix()
    network, transport, _ = single_grain(4, rotation, 1e2)
    rng = np.random.default_rng(3)
    y, psi = rng.uniform(0.1, 0.9, network.n_nodes), rng.normal(size=network.n_nodes)
    way = rng.normal(size=network.n_nodes)
    weight = transport.weight()
    out = lambda x: transport.outflow(transport.flux(x, psi, weight).flux_l)  # noqa: E731
    slope = (out(y + 1e-4 * way) - out(y - 1e-4 * way)) / 2e-4
    jacobian = transport.jacobian(transport.flux(y, psi, weight))
    np.testing.assert_allclose(jacobian @ way, slope, atol=1e-8 * np.abs(slope).max())
    assert abs(out(y).sum()) < 1e-13 * np.abs(out(y)).sum()


def test_an_open_crack_blocks_and_a_closed_one_conducts():
    rotations = Rotation.random(2, rng=np.random.default_rng(5)).as_matrix()
    layered = lambda c: (c[:, 2] > SIZE[2] / 2).astype(int)  # noqa: E731
    network = box_network((4, 4, 4), SIZE, layered, rotations, fixed=lambda x: np.full(len(x), True))
    transport = Transport(network, (1e-14, 1e-14, 1e-20), 2e-7, 2e-9)
    y = np.where(network.domain_n == 0, 0.3, 0.8)

    def crossing(gap):
        weight = transport.weight(np.full(network.n_bonds, gap))
        out = transport.outflow(transport.flux(y, np.zeros(network.n_nodes), weight).flux_l)
        return out[network.domain_n == 1].sum()

    intact = 2e-7 * 0.5 * SIZE[0] * SIZE[1]
    assert crossing(0.0) == pytest.approx(intact, rel=1e-9, abs=0)
    assert crossing(-1e-9) == pytest.approx(intact, rel=1e-9, abs=0)
    assert crossing(2e-9) == pytest.approx(intact / np.e, rel=1e-9, abs=0)
    assert crossing(100e-9) < 1e-15 * intact
