"""A diffusivity that depends on stoichiometry: exact steady state, second order, equilibrium, 1-D cell."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from scipy.integrate import solve_ivp
from scipy.spatial.transform import Rotation

from latticecell import config_from_table
from latticecell.cell1d.run import cell_of
from latticecell.cell1d.solve import steps
from latticecell.cell1d.unknowns import Control
from latticecell.laws import OCV_LAWS
from latticecell.laws.curve import MonotoneCurve
from latticecell.laws.kinetics import ParticleKinetics
from latticecell.physics.transport import Transport
from latticecell.units import FARADAY
from networks import box_network

SIZE = np.array([1.3e-6, 1.3e-6, 1.3e-6])
PRINCIPAL = (1.7e-14, 0.9e-14, 1.7e-17)
TIME = 9.0
KNOTS = np.linspace(0.0, 1.0, 9)
FACTOR = MonotoneCurve(KNOTS, 0.3 + 1.9 * KNOTS**2)  # reproduced exactly


def integral(y):
    return 0.3 * y + 1.9 / 3 * y**3


def single_grain(cells, *law):
    rotation = Rotation.random(rng=np.random.default_rng(3)).as_matrix()
    network = box_network(
        (cells, cells, cells), SIZE, lambda c: np.zeros(len(c), int), rotation[None], jitter=0.12
    )
    transport = Transport(network, PRINCIPAL, 1e-7, 2e-9, 1, *law, factor=FACTOR)
    return network, transport, rotation @ np.diag(PRINCIPAL) @ rotation.T


def test_the_integral_of_a_curve_goes_on_beyond_its_knots():
    curve = MonotoneCurve([0.2, 0.4, 0.7], [1.0, 1.5, 3.0], 0.0, 2.0)
    x = np.linspace(0.0, 1.0, 20001)
    trapezoidal = np.cumsum(np.r_[0.0, 0.5 * (curve.value(x)[1:] + curve.value(x)[:-1]) * np.diff(x)])
    np.testing.assert_allclose(curve.integral(x) - curve.integral(0.0), trapezoidal, atol=1e-8)
    assert float(curve.integral(0.2)) == 0.0
    assert float(FACTOR.integral(0.83) - FACTOR.integral(0.0)) == pytest.approx(integral(0.83), rel=1e-13)


def test_the_integral_linear_in_space_is_a_steady_state():
    """div(f D grad y) = div(D grad Phi) = 0 where Phi(y) is linear, whatever the tensor, to round-off."""
    network, transport, tensor = single_grain(6)
    z = network.x_nc[:, 2] / SIZE[2]
    fine = np.linspace(0.0, 1.0, 200001)
    y = np.interp(integral(0.15) + (integral(0.85) - integral(0.15)) * z, integral(fine), fine)
    out = transport.outflow(transport.flux(y, np.zeros(len(y)), transport.weight()).flux_l)
    inner = np.ones(network.n_nodes, bool)
    inner[network.collector_n] = inner[network.lithium_n] = False
    # Phi is linear in z: the flux through the bottom is that of the tensor's zz component
    expected = -tensor[2, 2] * (integral(0.85) - integral(0.15)) / SIZE[2] * SIZE[0] * SIZE[1]
    assert np.abs(out[inner]).max() < 1e-8 * abs(expected)
    assert out[network.collector_n].sum() == pytest.approx(expected, rel=1e-8, abs=0)


def error_of_one_step(cells):
    """L2 error of y - TIME div(f(y) D grad y) = g with y = 1/2 + cos(k.x + 0.3) / 4, Dirichlet in z."""
    network, transport, tensor = single_grain(cells)
    wave = 2 * np.pi * np.array([1, -1, 1]) / SIZE
    phase = network.x_nc @ wave + 0.3
    exact, steep = 0.5 + 0.25 * np.cos(phase), wave @ tensor @ wave
    # div(f D grad y) = f y'' + f' y'^2 along the phase
    bend = (0.3 + 1.9 * exact**2) * -0.25 * np.cos(phase) + 3.8 * exact * (0.25 * np.sin(phase)) ** 2
    source = exact - TIME * steep * bend
    free = np.ones(network.n_nodes, bool)
    free[network.collector_n] = free[network.lithium_n] = False
    y, nil, weight = exact.copy(), np.zeros(network.n_nodes), transport.weight()
    for _ in range(4):
        flux = transport.flux(y, nil, weight)
        residual = network.volume_n * (y - source) + TIME * transport.outflow(flux.flux_l)
        matrix = (sp.diags(network.volume_n) + TIME * transport.jacobian(flux)).tocsr()
        y[free] -= sla.spsolve(matrix[free][:, free].tocsc(), residual[free])
    assert np.abs(residual[free]).max() < 1e-5 * network.volume_n.max()  # before the last change
    return np.sqrt(network.volume_n @ (y - exact) ** 2 / network.volume_n.sum()) / 0.25


def test_second_order():
    coarse, fine = error_of_one_step(9), error_of_one_step(18)
    assert np.log2(coarse / fine) > 1.8
    assert fine < 0.055


@pytest.mark.parametrize("spread", [0.4, 1e-8])
def test_derivatives_and_conservation(spread):
    """Also where the ends of links are all but alike."""
    network, transport, _ = single_grain(4)
    rng = np.random.default_rng(3)
    y, psi = 0.5 + spread * rng.uniform(-1, 1, network.n_nodes), rng.normal(size=network.n_nodes)
    way, weight, step = rng.normal(size=network.n_nodes), transport.weight(), 1e-4 if spread > 0.1 else 1e-5
    out = lambda x: transport.outflow(transport.flux(x, psi, weight).flux_l)  # noqa: E731
    slope = (out(y + step * way) - out(y - step * way)) / (2 * step)
    jacobian = transport.jacobian(transport.flux(y, psi, weight))
    np.testing.assert_allclose(jacobian @ way, slope, atol=1e-6 * np.abs(slope).max())
    assert abs(out(y).sum()) < 1e-13 * np.abs(out(y)).sum()


def test_equilibrium_under_stress_is_that_of_a_constant_diffusivity():
    particle = ParticleKinetics(OCV_LAWS["nmc111_zheng2013"](), 50.0, 0.5, 0.5, 298.15)
    network, transport, _ = single_grain(5, "thermodynamic", particle.potential)
    y = np.random.default_rng(4).uniform(0.2, 0.8, network.n_nodes)
    psi = particle.potential(y)[0] + 0.37
    weight = transport.weight()
    assert np.abs(transport.flux(y, psi, weight).flux_l).max() < 1e-13 * np.abs(weight).max()


def cell(points=60, factor=True):
    """1-D cell without losses but those of the particle, whose diffusivity falls to 0.3 of it."""
    curve = {"x": list(KNOTS), "y": [0.3 + 1.9 * x**2 for x in KNOTS]}
    return config_from_table({
        "materials": {
            "active": {"diffusivity_factor": curve} if factor else {},
            "ecbd": {"ionic_conductivity_S_per_m": 1e3, "electronic_conductivity_S_per_m": 1e5},
            "separator": {"ionic_conductivity_S_per_m": 1e3},
        },
        "kinetics": {"exchange_current_A_per_m2": 1e5, "lithium_exchange_current_A_per_m2": 1e5},
        "interface": {"resistance_ohm_m2": 0.0},
        "cell1d": {"diffusivity_m2_per_s": 1e-14, "points_radial": points, "points_cathode": 3,
                   "points_separator": 3, "tolerance": 1e-8},
        "protocol": {"steps": [{"kind": "charge", "c_rate": 1.0, "duration_s": 1500.0}]},
    })  # fmt: skip


def shells(config, n=400):
    """Surface stoichiometry of an independent solution: even shells, D at faces from the mean y."""
    active, radius = config.materials.active, config.geometry.particles[0].radius
    edge = np.linspace(0.0, radius, n + 1)
    middle, volume = 0.5 * (edge[1:] + edge[:-1]), np.diff(edge**3) / 3
    one_c = active.initial_stoichiometry * radius / 3 / 3600  # flux of y at the surface [m/s]

    def rate(_, y):
        face = 0.5 * (y[1:] + y[:-1])
        flux = -1e-14 * (0.3 + 1.9 * face**2) * np.diff(y) / np.diff(middle)
        through = np.r_[0.0, edge[1:-1] ** 2 * flux, radius**2 * one_c]
        return -np.diff(through) / volume

    start = np.full(n, active.initial_stoichiometry)
    y = solve_ivp(rate, (0, 1500), start, "LSODA", rtol=1e-8, atol=1e-9, lband=1, uband=1).y[:, -1]
    slope = -one_c / (1e-14 * (0.3 + 1.9 * y[-1] ** 2))
    return y[-1] + 0.5 * radius / n * slope


def test_the_1d_cell_agrees_with_an_independent_sphere():
    config = cell()
    solver = cell_of(config)
    *_, last = steps(config, solver)
    found, expected = float(solver.surface_stoich(last.u, last.z).mean()), shells(config)
    constant = cell(factor=False)
    *_, other = steps(constant, cell_of(constant))
    assert found == pytest.approx(expected, abs=2e-4)
    assert abs(float(cell_of(constant).surface_stoich(other.u, other.z).mean()) - expected) > 3e-3


def test_the_derivative_of_the_1d_cell():
    solver = cell_of(cell(points=8))
    u, z = solver.rest()
    rng = np.random.default_rng(5)
    u[:-1] *= 1 - 0.3 * rng.uniform(size=len(u) - 1)
    u[24:-1] = 1.0  # salt
    control = Control("current", 2.0)
    at = lambda v: solver.rates(v, solver.solve(v, control, z))  # noqa: E731
    way = np.r_[rng.normal(size=24), np.zeros(len(u) - 24)]
    slope = (at(u + 1e-6 * way) - at(u - 1e-6 * way)) / 2e-6
    jacobian = solver.jacobian(u, solver.solve(u, control, z), control)
    np.testing.assert_allclose(jacobian @ way, slope, atol=1e-5 * np.abs(slope).max())


def test_the_flux_into_the_sphere_is_that_of_the_current():
    """y at the surface is where it would be with the diffusivity there: F c_max D f dy/dr = -i."""
    config = cell(points=40)
    solver = cell_of(config)
    u, z = solver.rest()
    z = solver.solve(u, Control("current", 2.0), z)
    y, current = solver.unpack(u)[0][0, -1], z[0]
    shift = y - float(solver.surface_stoich(u, z)[0])
    depth = config.geometry.particles[0].radius * (1 - (1 - 0.5 / 40**2))
    c_max = config.materials.active.c_max
    expected = current * depth / (FARADAY * c_max * 1e-14 * (0.3 + 1.9 * y**2))
    assert shift == pytest.approx(expected, rel=1e-3, abs=0)
