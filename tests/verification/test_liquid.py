"""The liquid cell: salt and potentials in closed form, balances, limits, a filler that bears nothing."""

import numpy as np
import pytest

from cells import electrochemistry, mechanics_of, shrinkage, tiny
from latticecell import ConfigError, SolveError, config_from_table
from latticecell.controls import Current
from latticecell.laws import ELECTROLYTE_LAWS
from latticecell.laws.electrolyte import Liquid, PolynomialElectrolyte, lithium_exchange_binary
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.network import INTERFACE_BOND
from latticecell.observables import von_mises
from latticecell.output.rundir import RunDirectory
from latticecell.physics.salt import Salt
from latticecell.results import open_run
from latticecell.run import Simulation, run
from latticecell.state import State
from latticecell.units import FARADAY, GAS_CONSTANT
from networks import box_network, free_grains

UM = 1e-6
KELVIN = 297.3
UNIT = GAS_CONSTANT * KELVIN / FARADAY
KAPPA, D, T_PLUS = 0.37, 1.9e-10, 0.31
SIZE = np.array([1.3, 1.3, 2.1]) * UM
FLOOR_OF_ED = 1.4 * UM
AREA = SIZE[0] * SIZE[1]
SOFT = {"youngs_modulus_GPa": 0.001, "poisson_ratio": 0.45}
LIQUID = {
    "electrolyte": {"kind": "binary"},
    "protocol": {
        "steps": [
            {"kind": "charge", "c_rate": 2.0, "duration_s": 120.0},
            {"kind": "rest", "duration_s": 20.0},
            {"kind": "discharge", "c_rate": 2.0, "duration_s": 50.0},
        ]
    },
    "materials": {"ecbd": SOFT, "separator": SOFT},
    "interface": {"resistance_ohm_m2": 0.0},
}


def constant():
    return PolynomialElectrolyte(((KAPPA, 0.0),), ((D, 0.0),), T_PLUS)


def single_ion_limit():
    return PolynomialElectrolyte(((0.043, 0.0),), ((D, 0.0),), 1.0)


def broken():
    return PolynomialElectrolyte(((-1.0, 0.0),), ((D, 0.0),), 1.2)


@pytest.fixture(scope="module", autouse=True)
def laws(named_law):
    for law in (constant, single_ion_limit, broken, block):
        named_law(ELECTROLYTE_LAWS, law.__name__, law)


def slab(shape=(3, 3, 6), size=SIZE, fractions=(0.6, 0.8)):
    """ECBD below `FLOOR_OF_ED`, ED above, no grain."""
    flat = lambda x: np.abs(x[:, 2] - FLOOR_OF_ED) < 1e-9  # noqa: E731
    network = box_network(shape, size, lambda x: np.where(x[:, 2] > FLOOR_OF_ED, 1, 0), fixed=flat)
    salt = Salt(network, Liquid(constant(), 930.0, fractions, 1.5), KELVIN)
    return network, salt, np.full(network.n_nodes, 930.0)


def through(network, density):
    """Current that enters at the collector and leaves at the metal, at every node [A]."""
    entering = np.zeros(network.n_nodes)
    entering[network.collector_n] += density * network.collector_area_n
    entering[network.lithium_n] -= density * network.lithium_area_n
    return entering


def test_steady_gradient_of_two_layers():
    """dc/dz = -(1 - t+) i / (F D fraction^1.5) in each layer: exact but for round-off."""
    network, salt, c = slab()
    density = 2100.0
    start = salt.amount(c)
    for _ in range(4):
        c = salt.solve(c, c, 1e3, through(network, density))
    z = network.x_nc[:, 2]
    lower, upper = (-(1 - T_PLUS) * density / (FARADAY * D * fraction**1.5) for fraction in (0.6, 0.8))
    shape = lower * np.minimum(z, FLOOR_OF_ED) + upper * np.maximum(z - FLOOR_OF_ED, 0.0)
    exact = shape + (start - salt.amount(shape)) / salt.amount(np.ones(len(c)))
    assert np.ptp(exact) > 300
    np.testing.assert_allclose(c, exact, rtol=1e-8)
    assert salt.amount(c) == pytest.approx(start, rel=1e-11, abs=0)  # 1e4 times the salt has passed


def test_relaxation_of_a_cosine_has_order_two():
    """c = mean + a cos(pi z / L) exp(-D pi^2 t / L^2), with dt ~ h^2."""
    length, amplitude, span = 2.1 * UM, 310.0, 2.3e-3
    errors = []
    for n in (8, 16, 32):
        size = np.array([3 * 2.1 / n, 3 * 2.1 / n, 2.1]) * UM
        network, salt, c = slab((3, 3, n), size, fractions=(1.0, 1.0))
        mode = np.cos(np.pi * network.x_nc[:, 2] / length)
        c = c + amplitude * mode
        start, steps = salt.amount(c), n**2 // 4
        for _ in range(steps):
            c = salt.solve(c, c, span / steps, np.zeros(len(c)))
        decay = np.exp(-D * np.pi**2 * span / length**2)
        assert 0.3 < decay < 0.5
        errors.append(np.abs(c - 930.0 - amplitude * decay * mode).max() / amplitude)
        assert salt.amount(c) == pytest.approx(start, rel=1e-13, abs=0)
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > 1.8).all()
    assert errors[-1] < 2e-3


def test_relaxation_has_order_one_in_time():
    network, salt, start = slab()
    start = start + 250 * np.cos(np.pi * network.x_nc[:, 2] / SIZE[2])
    ends = []
    for steps in (8, 16, 32):
        c = start
        for _ in range(steps):
            c = salt.solve(c, c, 2.3e-3 / steps, np.zeros(len(c)))
        ends.append(c)
    ratio = np.linalg.norm(ends[0] - ends[1]) / np.linalg.norm(ends[1] - ends[2])
    assert np.log2(ratio) == pytest.approx(1.0, abs=0.1)


def test_a_depleted_electrolyte_says_so():
    """Beyond the limiting current 2 F D c / ((1 - t+) L) of a uniform layer no steady state exists."""
    network, salt, c = slab(fractions=(1.0, 1.0))
    limit = 2 * FARADAY * D * 930.0 / ((1 - T_PLUS) * SIZE[2])
    below = c
    for _ in range(3):
        below = salt.solve(below, below, 10.0, through(network, 0.97 * limit))
    assert 0 < below.min() < 0.05 * 930
    with pytest.raises(SolveError, match="salt: the electrolyte runs out of salt"):
        salt.solve(below, below, 10.0, through(network, 1.03 * limit))


def block(x_tc):
    """Grain 0 in one half of the ECBD; ED above."""
    x, _, z = x_tc.T / UM
    label = np.where(z > FLOOR_OF_ED / UM, 2, 1)
    label[(x < 0.975) & (z > 0.35) & (z < 1.05)] = 0
    return label


def consistent(solver, state, dt, control):
    """One step of electrochemistry and salt, repeated until both agree."""
    salt = state.salt_n
    solution = None
    for _ in range(60):
        lag = {"gap_b": state.gap_b, "psi_n": state.psi_n, "salt_n": salt}
        solution = solver.solve(state, dt, control, guess=solution, **lag)
        before, salt = salt, solver.salt.solve(state.salt_n, salt, dt, solution.entering_n)
        if solver.salt.change(salt, before) < 1e-9:
            break
    for name in ("stoich_n", "phi_s_n", "phi_l_n", "current_b", "voltage"):
        getattr(state, name)[...] = getattr(solution, name)
    state.salt_n[...] = salt
    return solution


def test_potential_drop_with_diffusion_potential():
    """ED between a well conducting ECBD and the metal: i L / kappa + 2RT/F (1 - t+) ln(c_1 / c_2)."""
    flat = lambda x: np.abs(x[:, 2] - FLOOR_OF_ED) < 1e-9  # noqa: E731
    network = box_network((4, 4, 6), SIZE, block, np.eye(3)[None], fixed=flat)
    fraction, exponent = 0.05, 3.0
    table = {
        "electrolyte": {
            "kind": "binary", "law": "constant", "concentration_mol_per_m3": 930.0,
            "fraction_ecbd": 1.0, "fraction_separator": fraction, "bruggeman": exponent,
        },
        "kinetics": {"temperature_K": KELVIN, "reference_temperature_K": KELVIN},
        "interface": {"resistance_ohm_m2": 0.0},
    }  # fmt: skip
    solver = electrochemistry(table, network)
    state = State.zeros(network)
    solver.initial(state)
    start, density = solver.salt.amount(state.salt_n), 1.7
    for dt in (0.1, 1.0, 20.0, 20.0):
        solution = consistent(solver, state, dt, Current(density * AREA))
    thickness, share = SIZE[2] - FLOOR_OF_ED, fraction**exponent
    at = np.abs(network.x_nc[:, 2] - FLOOR_OF_ED) < 1e-9
    first, last = state.salt_n[at], state.salt_n[network.lithium_n]
    drop = (1 - T_PLUS) * density * thickness / (FARADAY * D * share)
    assert 200 < drop < 800
    assert first.mean() - last.mean() == pytest.approx(drop, rel=1e-3, abs=0)
    assert np.ptp(last) < 1e-3 * drop
    ohmic = density * thickness / (KAPPA * share)
    liquid = 2 * UNIT * (1 - T_PLUS) * np.log(first.mean() / last.mean())
    assert liquid > 0.01
    across = state.phi_l_n[at].mean() - state.phi_l_n[network.lithium_n].mean()
    assert across == pytest.approx(ohmic + liquid, rel=1e-3, abs=0)
    plating = 2 * UNIT * np.arcsinh(density / (2 * lithium_exchange_binary(last.mean())))
    assert state.phi_l_n[network.lithium_n].mean() == pytest.approx(plating, rel=1e-5, abs=0)
    # the particle: i0 follows sqrt(c / c_mean), phi_l holds the diffusion potential
    node, outer = network.bond_bn[network.interface_b].T
    stoich = state.stoich_n[node]
    exchange = 50.0 * 2 * np.sqrt(stoich * (1 - stoich)) * np.sqrt(state.salt_n[outer] / 930.0)
    eta = 2 * UNIT * np.arcsinh(state.current_b[network.interface_b] / (2 * exchange))
    jump = state.phi_s_n[outer] - state.phi_l_n[outer]
    law = solver.laws.particle.surface(stoich, np.zeros(len(stoich))).open_circuit_b
    np.testing.assert_allclose(eta, jump - law, atol=1e-8)
    assert solver.salt.amount(state.salt_n) == pytest.approx(start, rel=1e-12, abs=0)
    assert abs(solution.entering_n.sum()) < 1e-14 * np.abs(solution.entering_n).sum()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tiny(**LIQUID), tmp_path_factory.mktemp("run") / "r")


def test_salt_is_conserved_over_a_run(finished):
    history = finished.history
    assert finished.info["status"] == "done"
    assert np.abs(history["salt_balance"]).max() < 1e-12
    assert np.abs(history["lithium_balance"]).max() < 1e-11
    assert np.abs(history["charge_balance"]).max() < 1e-8
    moving = np.abs(history["current_A"]) > 0
    spread = history["salt_max_mol_per_m3"] - history["salt_min_mol_per_m3"]
    assert spread[moving].max() > 5.0 and spread[0] == 0.0
    assert history["salt_min_mol_per_m3"].min() > 900.0


def test_the_interface_bears_nothing(finished):
    history = finished.history
    assert history["gap_max_nm"].max() < 1e-3
    assert history["interface_damaged"].max() == 0.0
    assert not history["interface_drop_mV"].any()
    assert history["von_mises_max_GPa"].max() > 0.01


def test_salt_is_a_field_of_liquid_cells_only(finished, tmp_path):
    assert "salt" in finished.fields
    steps = [{"kind": "charge", "c_rate": 1.0, "duration_s": 5.0}]
    solid = run(tiny(protocol={"steps": steps}), tmp_path / "r")
    assert "salt" not in solid.fields
    assert not [name for name in solid.history if "salt" in name]


@pytest.mark.parametrize("stop_after", [1, 14])
def test_resume_equals_uninterrupted_bit_for_bit(finished, tmp_path, stop_after):
    steps = Simulation.start(tiny(**LIQUID), tmp_path / "r").advance()
    for _ in range(stop_after):
        next(steps)
    steps.close()
    for _ in Simulation.resume(tmp_path / "r").advance():
        pass
    assert (tmp_path / "r/history.csv").read_bytes() == (finished.path / "history.csv").read_bytes()
    last = open_run(tmp_path / "r").snapshot()
    np.testing.assert_array_equal(last["salt"], finished.snapshot()["salt"])


def test_one_thread_equals_two_bit_for_bit(finished, tmp_path):
    other = run(tiny(**LIQUID, solver={"threads": 2}), tmp_path / "r")
    assert (other.path / "history.csv").read_bytes() == (finished.path / "history.csv").read_bytes()


def test_transference_number_one_is_the_single_ion_conductor(tmp_path):
    """Uniform salt, no diffusion potential: the same cell but for round-off of the matrix."""
    steps = [
        {"kind": "charge", "c_rate": 2.0, "duration_s": 200.0},
        {"kind": "discharge", "c_rate": 2.0, "duration_s": 60.0},
    ]
    common = {"protocol": {"steps": steps}, "solver": {"electrochemistry_tolerance": 1e-11}}
    law = {"kind": "binary", "law": "single_ion_limit", "bruggeman": 0.0}
    liquid = run(tiny(electrolyte=law, **common), tmp_path / "liquid").history
    solid = run(
        tiny(
            materials={
                "ecbd": {"ionic_conductivity_S_per_m": 0.043},
                "separator": {"ionic_conductivity_S_per_m": 0.043},
            },
            kinetics={"lithium_exchange_current_A_per_m2": float(lithium_exchange_binary(1000.0))},
            **common,
        ),
        tmp_path / "solid",
    ).history
    assert (liquid["salt_min_mol_per_m3"] == 1000.0).all()
    for name in ("time_s", "voltage_V", "stoich_surface", "gap_mean_nm"):
        # the mean gap begins at 1e-6 nm, where its floor shows
        np.testing.assert_allclose(liquid[name], solid[name], rtol=1e-7, atol=1e-11, err_msg=name)


def test_a_run_out_of_salt_is_a_clear_failure(tmp_path):
    starved = {**LIQUID, "electrolyte": {"kind": "binary", "concentration_mol_per_m3": 0.6}}
    with pytest.raises(SolveError, match=r"gave up at dt = 0.01 s: .*salt"):
        run(tiny(**starved), tmp_path / "r")
    directory = RunDirectory.open(tmp_path / "r")
    assert directory.info()["status"] == "failed"
    history = directory.history()
    assert 0 < history["salt_min_mol_per_m3"].min() < 0.1
    assert np.abs(history["salt_balance"]).max() < 1e-12


def test_a_nearly_depleted_electrolyte_still_converges(tmp_path):
    """At 1/500 of the usual concentration the diffusion potential rules where the current flows."""
    steps = [
        {"kind": "charge", "c_rate": 2.0, "duration_s": 60.0},
        {"kind": "rest", "duration_s": 20.0},
    ]
    dilute = {
        "electrolyte": {"kind": "binary", "concentration_mol_per_m3": 2.0},
        "protocol": {"steps": steps},
        "solver": {"time_tolerance": 0.1},  # no step is repeated but for want of convergence
    }
    history = run(tiny(**{**LIQUID, **dilute}), tmp_path / "r").history
    assert history["salt_min_mol_per_m3"].min() < 0.8
    assert history["rejected"].sum() == 0
    assert np.abs(history["salt_balance"]).max() < 1e-12


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ("lipf6", r"electrolyte\.law = 'lipf6': must be one of lipf6_nyman2008"),
        ("block", "must give conductivity"),
        ("broken", "must be positive and finite at concentration_mol_per_m3 = 1000"),
        ("broken", "transference_number = 1.2 must be in"),
    ],
)
def test_laws_are_checked_with_the_file(law, message):
    with pytest.raises(ConfigError, match=message):
        config_from_table({"electrolyte": {"kind": "binary", "law": law}})


def test_soft_filler_leaves_the_particle_free():
    """Filler of 1 MPa: stresses of a free polycrystal, surface tractions of the order of 1e4 Pa, no gap."""
    config = tiny(**LIQUID)
    network = build_network(config, build_microstructure(config))
    radius = np.linalg.norm(network.x_nc - network.particle_center_pc[0], axis=1) / (5 * UM)
    eigen = shrinkage(config, network, -0.01 * (0.6 + 0.4 * radius**2))
    mechanics, state = mechanics_of(config, network), State.zeros(network)
    found = mechanics.solve(eigen, state, 1.0)
    assert found.newton_iterations <= 3
    assert found.residual < 1e-4
    state.u_nc[...] = found.u_nc
    stress = mechanics.stress(state, eigen)[network.is_active_t]
    lattice = mechanics.lattice
    free = lattice.stress(free_grains(lattice, eigen), np.zeros(2), eigen)[network.is_active_t]
    assert von_mises(free).max() > 5e8
    assert np.abs(stress - free).max() < 5e-4 * np.abs(free).max()
    bonds = mechanics.bonds
    opening = bonds.opening(found.u_nc)
    answer = bonds.respond(opening, opening, np.zeros((len(opening), 1)), np.inf, "consistent")
    assert (network.kind_b[bonds.active_b] == INTERFACE_BOND).all()
    normal = np.einsum("bc,bc->b", answer.force_bc, bonds.normal_bc)
    assert abs(normal.sum() / bonds.area_b.sum()) < 2e4
    assert (np.linalg.norm(answer.force_bc, axis=1) / bonds.area_b).max() < 0.01 * 100e6
    assert np.abs(found.gap_b).max() < 1e-13
