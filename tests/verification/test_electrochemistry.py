"""The coupled step: resistances in closed form, balances, bounds, and a particle against a 1-D sphere."""

import numpy as np
import pytest
from scipy.linalg import solve_banded
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from cells import electrochemistry
from latticecell import config_from_table
from latticecell.controls import Current, Voltage
from latticecell.errors import SolveError
from latticecell.laws import OCV_LAWS
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.state import State
from latticecell.units import FARADAY, GAS_CONSTANT
from networks import box_network

UM = 1e-6
C_MAX = 48537.0
UNIT = GAS_CONSTANT * 298.15 / FARADAY
ONE_C = 6.672e-10
SIZE = np.array([1.3, 1.3, 2.1]) * UM
AREA = SIZE[0] * SIZE[1]


class LatticeGas:
    """Ideal lattice gas, U = 3.7 V - (RT / F) ln[y / (1 - y)]."""

    def voltage(self, x):
        return 3.7 - UNIT * np.log(x / (1 - x))

    def slope(self, x):
        return -UNIT / (x * (1 - x))


def inclusion(x_tc):
    """Grain 0 in one half of the ECBD, with grain 1 as its core; ED above 1.4 um."""
    x, _, z = x_tc.T / UM
    label = np.where(z > 1.4, 3, 2)
    label[(x < 0.975) & (z > 0.35) & (z < 1.05)] = 0
    return label


def nested(x_tc):
    label = inclusion(x_tc)
    x, y, z = x_tc.T / UM
    inside = (label == 0) & (np.abs(x - 0.4875) < 0.17) & (np.abs(y - 0.65) < 0.3) & (np.abs(z - 0.7) < 0.18)
    label[inside] = 1
    return label


def small_cell(domain=inclusion, shape=(4, 4, 6), table=None, psi=0.0):
    rotations = Rotation.random(2, rng=np.random.default_rng(4)).as_matrix()
    flat = lambda x: np.abs(x[:, 2] - 1.4 * UM) < 1e-9  # noqa: E731
    network = box_network(shape, SIZE, domain, rotations, fixed=flat)
    return cell(network, table or {})


def cell(network, table, n_threads=1):
    solver = electrochemistry(table, network, n_threads)
    state = State.zeros(network)
    solver.initial(state)
    return solver, state, network


def step(solver, state, dt, control, **given):
    given = {"gap_b": state.gap_b, "psi_n": state.psi_n} | given
    solution = solver.solve(state, dt, control, **given)
    accept(state, solution)
    return solution


def accept(state, solution):
    for name in ("stoich_n", "phi_s_n", "phi_l_n", "current_b", "voltage"):
        getattr(state, name)[...] = getattr(solution, name)


@pytest.fixture(scope="module")
def particle():
    """The network of the baseline, coarse."""
    config = config_from_table({"network": {"spacing_um": 0.85, "spacing_max_um": 3.0, "growth": 0.4}})
    return build_network(config, build_microstructure(config))


IDEAL = {
    "materials": {
        "ecbd": {"ionic_conductivity_S_per_m": 1e2, "electronic_conductivity_S_per_m": 1e3},
        "separator": {"ionic_conductivity_S_per_m": 0.031},
    },
    "kinetics": {"exchange_current_A_per_m2": 37.0, "lithium_exchange_current_A_per_m2": 81.0},
    "interface": {"resistance_ohm_m2": 3e-4},
}


def test_small_signal_resistances_in_series():
    """Slab of ED, Li metal, reaction and contact; the step is too short for y to change."""
    solver, state, network = small_cell(table=IDEAL)
    x0 = 0.62
    state.stoich_n[network.is_active_n] = x0
    rest = float(OCV_LAWS["nmc111_zheng2013"]().voltage(x0))
    contact = network.area_b[network.interface_b].sum()
    exchange = 37.0 * 2 * np.sqrt(x0 * (1 - x0))
    resistance = (
        (SIZE[2] - 1.4 * UM) / (0.031 * AREA) + UNIT / (81.0 * AREA) + (UNIT / exchange + 3e-4) / contact
    )
    currents = ONE_C * np.array([1e-1, 1e-2, 1e-3])
    drops = [
        solver.solve(state, 1e-7, Current(i), gap_b=state.gap_b, psi_n=state.psi_n).voltage - rest
        for i in currents
    ]
    mixture = 1.4 * UM / (1e2 * AREA)  # at most; the grain is in its way
    assert -1e-5 * resistance < drops[2] / currents[2] - resistance < 2 * mixture
    order = np.log10(drops[0] / drops[1]), np.log10(drops[1] / drops[2])
    assert order[1] == pytest.approx(1.0, abs=1e-3)
    assert abs(order[0] - 1) < 0.05
    minus = solver.solve(state, 1e-7, Current(-currents[1]), gap_b=state.gap_b, psi_n=state.psi_n)
    assert minus.voltage - rest == pytest.approx(-drops[1], rel=1e-3, abs=0)


def test_rest_stays_at_rest():
    solver, state, network = small_cell()
    start = state.stoich_n.copy()
    rest = float(OCV_LAWS["nmc111_zheng2013"]().voltage(0.9703))
    solution = step(solver, state, 17.0, Current(0.0))
    assert solution.voltage == pytest.approx(rest, abs=1e-12)
    np.testing.assert_allclose(state.stoich_n, start, atol=1e-12)
    assert np.abs(solution.current_b).max() < 1e-9
    assert not solver.contact_drop(np.zeros(network.n_bonds), state.gap_b).any()


def test_controls_are_met_and_charge_is_balanced(particle):
    solver, state, network = cell(particle, {})
    for dt, control in (
        (5.0, Current(2 * ONE_C)),
        (30.0, Current(ONE_C)),
        (60.0, Voltage(3.61)),
        (60.0, Current(-ONE_C)),
        (0.02, Current(2 * ONE_C)),
    ):
        solution = step(solver, state, dt, control)
        drawn = (solution.current_b * network.area_b).sum()
        if isinstance(control, Current):
            assert drawn == pytest.approx(control.amperes, rel=1e-13, abs=0)
        else:
            assert solution.voltage == control.volts
            assert drawn > 0
        assert solution.current == pytest.approx(drawn, rel=1e-14, abs=0)
        assert solution.collector_current == pytest.approx(drawn, rel=1e-9, abs=0)
        assert solution.lithium_current == pytest.approx(drawn, rel=1e-9, abs=0)
        assert solution.residual <= 1e-9
        assert solution.linear_iterations < 30 * solution.newton_iterations
        assert not solution.current_b[network.gb_b].any()
        # potentials are zero where there are none, and the collector is at V
        assert not solution.phi_l_n[network.is_active_n].any()
        assert (solution.phi_s_n[network.collector_n] == solution.voltage).all()


def test_a_current_draws_the_li_that_it_carries(particle):
    """Faraday: I t / F, neither more nor less."""
    solver, state, network = cell(particle, {})
    before = network.volume_n @ state.stoich_n
    for dt in (7.0, 31.0):
        step(solver, state, dt, Current(1.3 * ONE_C))
    drawn = C_MAX * (before - network.volume_n @ state.stoich_n)
    assert drawn == pytest.approx(1.3 * ONE_C * 38.0 / FARADAY, rel=1e-10, abs=0)


@pytest.mark.parametrize("drift", ["thermodynamic", "saturating", "dilute", "off"])
def test_li_is_conserved_with_reaction_drift_and_cracks(particle, drift):
    solver, state, network = cell(particle, {"materials": {"active": {"stress_diffusion": drift}}})
    rng = np.random.default_rng(3)
    psi = np.where(network.is_active_n, 0.4 * rng.normal(size=network.n_nodes), 0.0)
    state.stoich_n[network.is_active_n] = 0.6  # such noise would overfill a nearly full surface ("dilute")
    start = network.volume_n @ state.stoich_n
    drawn = 0.0
    for dt, current in ((5.0, 1.0), (40.0, 1.0), (55.0, 1.0), (55.0, -0.5)):
        gap = rng.uniform(-2e-9, 30e-9, network.n_bonds)
        solution = step(solver, state, dt, Current(current * ONE_C), gap_b=gap, psi_n=psi)
        drawn += dt * (solution.current_b * network.area_b).sum() / (FARADAY * C_MAX)
        assert drawn / dt != 0.0
        now = network.volume_n @ state.stoich_n
        assert abs(now - start + drawn) < 1e-12 * start
    if drift == "off":  # the drift makes neighbours exchange Li through the ECBD
        assert np.median(solver.contact_drop(solution.current_b, gap)) < 0
    assert np.ptp(state.stoich_n[network.is_active_n]) > 0.02


def test_dilute_drift_over_steep_stress_leaves_no_node_below_zero(particle):
    """Neighbours 2.2 and more apart in psi: the mean y of the law would draw Li from an empty node."""
    solver, state, network = cell(particle, {"materials": {"active": {"stress_diffusion": "dilute"}}})
    rng = np.random.default_rng(4)
    psi = np.where(network.is_active_n, 0.4 * rng.normal(size=network.n_nodes), 0.0)
    state.stoich_n[network.is_active_n] = 0.6
    start, drawn, limited = network.volume_n @ state.stoich_n, 0.0, 0
    for dt, current in ((5.0, 1.0), (40.0, 1.0), (55.0, 1.0), (55.0, -0.5)):
        gap = rng.uniform(-2e-9, 30e-9, network.n_bonds)
        solution = step(solver, state, dt, Current(current * ONE_C), gap_b=gap, psi_n=psi)
        drawn += dt * (solution.current_b * network.area_b).sum() / (FARADAY * C_MAX)
        limited += solution.limited_nodes
        assert abs(network.volume_n @ state.stoich_n - start + drawn) < 1e-12 * start
        assert state.stoich_n.min() > -1e-8
    assert limited > 0


def test_drift_carries_li_towards_tension(particle):
    """Without current, y follows psi; both laws agree for small psi, and "off" does nothing."""
    gained = {}
    for drift in ("saturating", "dilute", "off"):
        solver, state, network = cell(particle, {"materials": {"active": {"stress_diffusion": drift}}})
        state.stoich_n[network.is_active_n] = 0.04  # dilute: exclusion hardly matters
        radius = np.linalg.norm(network.x_nc - network.particle_center_pc[0], axis=1) / (5 * UM)
        psi = np.where(network.is_active_n, 0.05 * (1 - radius**2), 0.0)
        before = state.stoich_n.copy()
        step(solver, state, 20.0, Current(0.0), psi_n=psi)
        gained[drift] = (network.volume_n * (state.stoich_n - before)) @ psi
    assert gained["saturating"] > 0
    assert gained["saturating"] == pytest.approx(gained["dilute"], rel=0.06, abs=0)
    assert abs(gained["off"]) < 1e-9 * gained["saturating"]


def test_stress_equilibrium_of_flux_and_reaction_agree(named_law):
    """Ideal lattice gas at y / (1 - y) = exp(psi + const): no flux anywhere, no current through any bond."""
    named_law(OCV_LAWS, "lattice_gas", LatticeGas)
    table = {
        "materials": {
            "active": {"ocv": "lattice_gas", "initial_stoichiometry": 0.45, "stress_diffusion": "saturating"}
        },
        "kinetics": {"mechanical_ocv": True},
    }
    solver, state, network = small_cell(table=table)
    active = network.is_active_n
    psi = np.where(active, 0.5 * np.random.default_rng(6).normal(size=network.n_nodes), 0.0)
    state.stoich_n[active] = 1 / (1 + np.exp(-(psi[active] + 0.2)))
    start = state.stoich_n.copy()
    solution = step(solver, state, 30.0, Current(0.0), psi_n=psi)
    assert solution.voltage == pytest.approx(3.7 - 0.2 * UNIT, abs=1e-9)
    assert np.abs(solution.current_b).max() < 1e-6
    np.testing.assert_allclose(state.stoich_n, start, atol=1e-8)
    unaware, state, network = small_cell(table=table | {"kinetics": {"mechanical_ocv": False}})
    state.stoich_n[...] = start
    solution = step(unaware, state, 30.0, Current(0.0), psi_n=psi)
    assert np.abs(solution.current_b).max() > 1e-3


def test_bounds_hold_when_a_grain_runs_dry(particle):
    """Held far above the last point of U, the surface empties."""
    solver, state, network = cell(particle, {"kinetics": {"mechanical_ocv": True}})
    active = network.is_active_n
    surface = network.bond_bn[network.interface_b, 0]
    for volts in (3.4, 3.7, 4.1, 4.4, 4.7):
        step(solver, state, 60.0, Voltage(volts))
        assert state.stoich_n[active].min() >= -1e-9
        assert state.stoich_n[active].max() <= 1 + 1e-9
    assert np.median(state.stoich_n[surface]) < 1e-4  # what is left comes out of the grains
    with pytest.raises(SolveError, match="electrochemistry"):  # nothing is left to carry 20 C
        solver.solve(state, 60.0, Current(20 * ONE_C), gap_b=state.gap_b, psi_n=state.psi_n)


def test_limiter_keeps_bounds_where_weights_are_negative():
    """A nearly full and a nearly empty half of a grain of anisotropy 1e6: plain finite volumes overshoot."""
    solver, state, network = small_cell(shape=(6, 6, 9))
    active = network.is_active_n
    state.stoich_n[...] = np.where(active, np.where(network.x_nc[:, 1] > SIZE[1] / 2, 0.995, 0.005), 0.0)
    gap = np.full(network.n_bonds, 1e-6)  # no exchange through the ECBD
    start = network.volume_n @ state.stoich_n
    limited = 0
    for _ in range(4):
        limited += step(solver, state, 0.3, Current(0.0), gap_b=gap).limited_nodes
        assert state.stoich_n[active].min() >= -1e-9
        assert state.stoich_n[active].max() <= 1 + 1e-9
    assert limited > 0
    assert network.volume_n @ state.stoich_n == pytest.approx(start, rel=1e-12, abs=0)
    mixed = (state.stoich_n > 0.02) & (state.stoich_n < 0.98)
    assert mixed.sum() > 0.05 * active.sum()


def test_a_grain_without_bonds_keeps_its_li():
    """The core is cut off by open cracks; what the shell loses passes its own, closed interface."""
    solver, state, network = small_cell(nested, (8, 4, 12))
    core = network.domain_n == 1
    assert core.sum() > 8
    assert not core[network.bond_bn[network.interface_b, 0]].any()
    gap = np.zeros(network.n_bonds)
    gap[network.gb_b] = 1e-6
    held = network.volume_n[core] @ state.stoich_n[core]
    for _ in range(3):
        step(solver, state, 20.0, Current(2e-13), gap_b=gap)
    assert network.volume_n[core] @ state.stoich_n[core] == pytest.approx(held, rel=1e-13, abs=0)
    assert state.stoich_n[network.domain_n == 0].max() < 0.9703


def test_an_open_interface_leaks_no_more_than_its_resistance_allows():
    table = {"interface": {"resistance_max_ohm_m2": 1e6}}
    solver, state, network = small_cell(table=table)
    gap = np.full(network.n_bonds, 1e-6)
    start = network.volume_n @ state.stoich_n
    solution = step(solver, state, 60.0, Voltage(4.3), gap_b=gap)
    assert 0 < solution.current_b[network.interface_b].max() <= 1.31 / 1e6
    area = network.area_b[network.interface_b].sum()
    assert 0 < start - network.volume_n @ state.stoich_n < 1.31 / 1e6 * area * 60.0 / (FARADAY * C_MAX)
    drop = solver.contact_drop(solution.current_b, gap)
    np.testing.assert_allclose(drop, 1.3, atol=0.01)


def test_a_guess_changes_nothing_but_the_work(particle):
    solver, state, _ = cell(particle, {})
    step(solver, state, 20.0, Current(ONE_C))
    given = {"gap_b": state.gap_b, "psi_n": state.psi_n}
    cold = solver.solve(state, 30.0, Current(ONE_C), **given)
    warm = solver.solve(state, 30.0, Current(ONE_C), guess=cold, **given)
    assert warm.newton_iterations < cold.newton_iterations
    assert warm.voltage == pytest.approx(cold.voltage, abs=1e-8)
    np.testing.assert_allclose(warm.stoich_n, cold.stoich_n, atol=1e-8)


def test_threads_and_history_do_not_change_a_bit(particle):
    runs = []
    for n_threads, fresh in ((1, False), (2, False), (1, True)):
        solver, state, network = cell(particle, {}, n_threads)
        psi = np.where(network.is_active_n, np.sin(7 * network.x_nc[:, 0] / UM), 0.0)
        for dt in (5.0, 20.0, 45.0):
            if fresh:
                solver = electrochemistry({}, network, n_threads)
            step(solver, state, dt, Current(ONE_C), psi_n=psi)
        runs.append(
            b"".join(getattr(state, n).tobytes() for n in ("stoich_n", "phi_s_n", "phi_l_n", "voltage"))
        )
    assert runs[0] == runs[1] == runs[2]


def sphere_charge_time(radius, diffusivity, current, x0, cutoff, shells=160, steps=1600, span=3600.0):
    """Charge time of a sphere without overpotential: finite volumes in r, implicit Euler."""
    law = OCV_LAWS["nmc111_zheng2013"]()
    edge = radius * np.linspace(0, 1, shells + 1) ** (1 / 2)  # finer at the surface
    volume = 4 / 3 * np.pi * np.diff(edge**3)
    center = (edge[1:] + edge[:-1]) / 2
    link = diffusivity * 4 * np.pi * edge[1:-1] ** 2 / np.diff(center)
    outflux = current / (FARADAY * C_MAX)
    last = outflux / (4 * np.pi * radius**2) / diffusivity * (radius - center[-1])  # to the surface
    dt = span / steps
    banded = np.zeros((3, shells))
    banded[1] = volume / dt
    banded[1, :-1] += link
    banded[1, 1:] += link
    banded[0, 1:] = banded[2, :-1] = -link
    y, time, surface = np.full(shells, x0), 0.0, x0
    limit = brentq(lambda x: float(law.voltage(x)) - cutoff, 0.0, 1.0)
    while True:
        rhs = volume / dt * y
        rhs[-1] -= outflux
        y = solve_banded((1, 1), banded, rhs)
        before, surface = surface, y[-1] - last
        if surface < limit:
            return time + dt * (before - limit) / (before - surface)
        time += dt


def test_isotropic_particle_charges_like_a_sphere(particle):
    """PHYSICS 6.1, Case 2: 3188 s; the overpotentials, 12 s per 5 mV, are made negligible."""
    table = {
        "materials": {
            "active": {"diffusivity_m2_per_s": [1e-14, 1e-14, 1e-14], "stress_diffusion": "off"},
            "ecbd": {"ionic_conductivity_S_per_m": 1e3, "electronic_conductivity_S_per_m": 1e3},
            "separator": {"ionic_conductivity_S_per_m": 1e3},
        },
        "kinetics": {"exchange_current_A_per_m2": 1e5, "lithium_exchange_current_A_per_m2": 1e5},
        "interface": {"resistance_ohm_m2": 0.0},
    }
    reference = sphere_charge_time(5 * UM, 1e-14, ONE_C, 0.9703, 4.3)
    assert reference == pytest.approx(3188.0, rel=2e-3, abs=0)
    solver, state, _ = cell(particle, table)
    time, dt = 0.0, 10.0
    while True:
        before = state.voltage[0]
        after = step(solver, state, dt, Current(ONE_C)).voltage
        if after > 4.3:
            break
        time, dt = time + dt, min(60.0, 1.5 * dt)
    time += dt * (4.3 - before) / (after - before)
    assert time == pytest.approx(reference, rel=0.01, abs=0)


def test_well_conducting_grain_boundaries_cost_no_iterations(particle):
    """Node-wise relaxation alone needs ten times the iterations at the larger permeance."""
    spent = []
    for permeance in (2e-7, 2e-5):
        solver, state, _ = cell(particle, {"grain_boundary": {"permeance_m_per_s": permeance}})
        spent.append(step(solver, state, 60.0, Current(ONE_C)).linear_iterations)
    assert spent[1] <= 1.5 * spent[0], spent
