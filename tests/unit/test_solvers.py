"""Contracts of linear solvers, conjugate gradients, Anderson mixing, step and cut-off rules."""

import numpy as np
import pytest
import scipy.sparse as sp

from cells import mechanics_of, shrinkage, tiny
from latticecell import State
from latticecell.acceleration import Anderson
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.protocol import stages
from latticecell.solvers import EQUILIBRIUM_SOLVERS
from latticecell.solvers.krylov import conjugate_gradients
from latticecell.units import FARADAY


@pytest.fixture(scope="module")
def cell():
    config = tiny(network={"spacing_um": 1.0, "spacing_max_um": 3.0, "growth": 0.4})
    return config, build_network(config, build_microstructure(config))


@pytest.fixture(scope="module")
def mechanics(cell):
    return mechanics_of(*cell)


def tangents(mechanics, open_share):
    """Intact bonds, of which a share is open."""
    n = len(mechanics.bonds.active_b)
    stiffness = np.where(np.random.default_rng(9).random(n) < open_share, 1e13, 1e19)
    return (mechanics.bonds.area_b * stiffness)[:, None, None] * np.eye(3)


def test_tangent_matrix_is_the_derivative_of_the_imbalance(cell, mechanics):
    network = mechanics.network
    rng = np.random.default_rng(8)
    state = State.zeros(network)
    free = mechanics.unknown_n >= 0
    u = np.zeros((network.n_nodes, 3))
    shape = rng.normal(size=(len(mechanics.node_i), 3))
    u[free] = 3e-9 * shape[mechanics.unknown_n[free]]
    way = rng.normal(size=(len(mechanics.node_i), 3))
    du = np.zeros_like(u)
    du[free] = way[mechanics.unknown_n[free]]
    eigen = shrinkage(*cell, -0.004)

    def at(v):
        return mechanics.imbalance(v, np.zeros(2), eigen, state, 60.0)

    h = 1e-15
    slope = (at(u + h * du).force - at(u - h * du).force) / (2 * h)
    product = mechanics.tangent.matrix(at(u).bonds.tangent_bcc) @ way.ravel()
    np.testing.assert_allclose(-product, slope, atol=1e-4 * np.abs(slope).max())


@pytest.mark.parametrize("name", EQUILIBRIUM_SOLVERS.names)
def test_solvers_of_the_equilibrium_keep_their_promise(mechanics, name):
    """Small residual, indefiniteness told, and no memory of earlier systems."""
    tangent = mechanics.tangent
    solver = EQUILIBRIUM_SOLVERS[name](tangent, mechanics.network.x_nc[mechanics.node_i], 1)
    good = tangents(mechanics, 0.3)
    b = np.random.default_rng(12).normal(size=3 * tangent.n)

    def answer(bonds):
        solver.update(bonds)
        return solver.solve(b, 1e-7)

    first = answer(good)
    assert not first.indefinite
    assert np.linalg.norm(b - tangent.matrix(good) @ first.x) <= 1.1e-7 * np.linalg.norm(b)
    assert answer(-3 * good).indefinite
    answer(tangents(mechanics, 1.0))
    assert answer(good).x.tobytes() == first.x.tobytes()


@pytest.mark.parametrize("lateral", ["fixed", "free"])
def test_both_solvers_reach_the_same_equilibrium_of_softening_bonds(lateral):
    """A shrinkage that opens a part of the interface, in steps; agreement to the tolerance of Newton."""
    found = {}
    for name in EQUILIBRIUM_SOLVERS.names:
        config = tiny(
            solver={"equilibrium": name, "mechanics_tolerance": 1e-8},
            interface={"viscosity_s": 2.0},
            mechanics={"lateral_strain": lateral},
        )
        network = build_network(config, build_microstructure(config))
        mechanics, state = mechanics_of(config, network), State.zeros(network)
        for beta in (0.0008, 0.0016, 0.0024):
            step = mechanics.solve(shrinkage(config, network, -beta), state, 60.0)
            for field in ("u_nc", "strain_c", "history_bh", "gap_b"):
                getattr(state, field)[...] = getattr(step, field)
        assert 0.02 < mechanics.bond_summary(state).interface_damaged < 1
        found[name] = state
    expected = found.pop("multigrid")
    for state in found.values():
        scale = np.abs(expected.u_nc).max()
        np.testing.assert_allclose(state.u_nc, expected.u_nc, atol=1e-5 * scale)
        np.testing.assert_allclose(state.strain_c, expected.strain_c, rtol=1e-5)


def test_negative_curvature_is_reported():
    matrix = sp.diags([1.0, 2.0, -1.0]).tocsr()
    found = conjugate_gradients(matrix, np.array([0.1, 0.2, 5.0]), lambda r: r, 1e-8, 20)
    assert found.indefinite


def test_anderson_solves_a_diverging_linear_iteration():
    """x -> A x + b with spectral radius 1.6 diverges; mixing over the dimension finds the fixed point."""
    a = np.array([[1.6, 0.2, 0.0], [0.1, -1.3, 0.3], [0.0, 0.2, 0.4]])
    b = np.array([1.0, -2.0, 0.5])
    x, mixing = np.zeros(3), Anderson(3)
    for _ in range(5):
        x = mixing.next(x, a @ x + b)
    np.testing.assert_allclose(x, np.linalg.solve(np.eye(3) - a, b), rtol=1e-8)


def test_stages_repeat_and_know_their_cutoff():
    steps = [
        {"kind": "charge", "c_rate": 0.5, "until_V": 4.2},
        {"kind": "hold", "until_c_rate": 0.05},
        {"kind": "rest", "duration_s": 60.0},
    ]
    plan = list(stages(tiny(protocol={"steps": steps, "cycles": 3})))
    assert [(s.cycle, s.kind) for s in plan[2:5]] == [(0, "rest"), (1, "charge"), (1, "hold")]
    charge, hold, rest = plan[:3]
    assert (charge.controlled, charge.level) == ("current", pytest.approx(0.5 * 0.6672e-9))
    assert charge.overshoot(4.25, 1.0, 0.0) == pytest.approx(0.05)
    assert hold.overshoot(4.2, 0.05 * 0.6672e-9, 0.0) == pytest.approx(0.0, abs=1e-12)
    assert hold.overshoot(4.2, 0.1 * 0.6672e-9, 0.0) < 0 < hold.overshoot(4.2, 0.01e-9, 0.0)
    assert rest.overshoot(9.9, 0.0, 0.0) < 0 and rest.level == 0.0
    assert pytest.approx(96485.33212) == FARADAY
