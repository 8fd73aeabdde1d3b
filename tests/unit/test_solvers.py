"""Conjugate gradients, the merged multigrid preconditioner, Anderson mixing, step and cut-off rules."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from cells import tiny
from latticecell import State
from latticecell.acceleration import Anderson
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.physics.mechanics import Mechanics
from latticecell.physics.tangent import positive_part
from latticecell.protocol import stages
from latticecell.solvers.krylov import conjugate_gradients
from latticecell.solvers.multigrid import MergedMultigrid, rigid_modes
from latticecell.units import FARADAY


@pytest.fixture(scope="module")
def mechanics():
    config = tiny(network={"spacing_um": 1.0, "spacing_max_um": 3.0, "growth": 0.4})
    return Mechanics(config, build_network(config, build_microstructure(config)))


def tangents(mechanics, open_share):
    """Intact bonds, of which a share is open."""
    n = len(mechanics.bonds.active_b)
    stiffness = np.where(np.random.default_rng(9).random(n) < open_share, 1e13, 1e19)
    return (mechanics.bonds.area_b * stiffness)[:, None, None] * np.eye(3)


@pytest.mark.parametrize("open_share", [0.0, 0.5, 1.0])
def test_merged_multigrid_needs_few_iterations_in_every_state(mechanics, open_share):
    tangent = tangents(mechanics, open_share)
    matrix = mechanics._tangent.matrix(tangent)
    b = np.random.default_rng(4).normal(size=matrix.shape[0])
    x = mechanics.network.x_nc[mechanics._node_i]
    precondition = MergedMultigrid(matrix, x, mechanics._tangent.stiff_groups(tangent))
    found = conjugate_gradients(matrix, b, precondition, 1e-6, 60)
    exact = sla.spsolve(matrix.tocsc(), b)
    assert found.residual <= 1e-6 and not found.indefinite
    assert np.linalg.norm(b - matrix @ found.x) <= 1.01e-6 * np.linalg.norm(b)
    difference = found.x - exact
    assert difference @ (matrix @ difference) < 1e-6 * (exact @ (matrix @ exact))
    assert found.iterations < 45
    v, w = np.random.default_rng(5).normal(size=(2, len(b)))
    assert precondition(v) @ w == pytest.approx(precondition(w) @ v, rel=1e-9, abs=0)
    assert v @ precondition(v) > 0


def test_tangent_matrix_is_the_derivative_of_the_imbalance(mechanics):
    network = mechanics.network
    rng = np.random.default_rng(8)
    state = State.zeros(network)
    free = mechanics._unknown_n >= 0
    u = np.zeros((network.n_nodes, 3))
    shape = rng.normal(size=(len(mechanics._node_i), 3))
    u[free] = 3e-9 * shape[mechanics._unknown_n[free]]
    way = rng.normal(size=(len(mechanics._node_i), 3))
    du = np.zeros_like(u)
    du[free] = way[mechanics._unknown_n[free]]
    eigen = np.where(network.is_active_n, -0.004, 0.0)
    before = mechanics.bonds.opening(state.u_nc)
    stretch = state.stretch_b[mechanics.bonds.active_b]

    def force(v):
        point = mechanics._at(v, np.zeros(2), eigen, before, stretch, 60.0)
        return point.force[0]

    h = 1e-15
    slope = (force(u + h * du) - force(u - h * du)) / (2 * h)
    bonds = mechanics._at(u, np.zeros(2), eigen, before, stretch, 60.0).bonds
    product = mechanics._tangent.matrix(bonds.tangent_bcc) @ way.ravel()
    np.testing.assert_allclose(-product, slope, atol=1e-4 * np.abs(slope).max())


def test_negative_curvature_is_reported():
    matrix = sp.diags([1.0, 2.0, -1.0]).tocsr()
    found = conjugate_gradients(matrix, np.array([0.1, 0.2, 5.0]), lambda r: r, 1e-8, 20)
    assert found.indefinite


def test_positive_part_changes_only_what_is_negative():
    positive = np.array([[[2.0, 0.3, 0.0], [0.3, 1.0, 0.0], [0.0, 0.0, 4.0]]])
    np.testing.assert_allclose(positive_part(positive), positive, rtol=1e-12)
    assert (np.linalg.eigvalsh(positive_part(-positive)) > 0).all()


def test_rigid_modes_cost_nothing(mechanics):
    """Translations of a periodic lattice, and no others."""
    matrix = mechanics.lattice.stiffness_matrix()
    modes = rigid_modes(mechanics.network.x_nc)
    size = np.abs(matrix @ np.random.default_rng(1).normal(size=matrix.shape[0])).max()
    assert np.abs(matrix @ modes[:, :3]).max() < 1e-10 * size


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
    assert charge.amperes == pytest.approx(0.5 * 0.6672e-9)
    assert charge.overshoot(4.25, 1.0) == pytest.approx(0.05)
    assert hold.overshoot(4.2, 0.05 * 0.6672e-9) == pytest.approx(0.0, abs=1e-12)
    assert hold.overshoot(4.2, 0.1 * 0.6672e-9) < 0 < hold.overshoot(4.2, 0.01e-9)
    assert rest.overshoot(9.9, 0.0) < 0 and rest.amperes == 0.0
    assert pytest.approx(96485.33212) == FARADAY
