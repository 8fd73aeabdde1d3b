"""The hierarchy of the lattice fitted to bonds: counts of iterations in every state, symmetry, exactness."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from cells import SMALL, mechanics_of, shrinkage, tiny
from latticecell import State, config_from_table
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.solvers.blocks import BlockMatrix, diagonal_blocks
from latticecell.solvers.bodies import Bodies, rigid_modes
from latticecell.solvers.cycle import spectral_bound
from latticecell.solvers.equilibrium import MultigridEquilibrium
from latticecell.solvers.galerkin import Stretches
from latticecell.solvers.hierarchy import FINE_MARGIN, FINE_STEPS, Hierarchy, without_zeros

MOST = 15
"""Iterations to 1e-6 in any state."""
BREAKABLE = {"mode": "breakable", "strength_MPa": 50.0, "viscosity_s": 5.0}
PAIR = {
    "geometry": {
        "width_um": 9.0, "cathode_um": 9.0, "separator_um": 2.0,
        "particles": [
            {"center_um": [2.6, 2.6, 2.6], "radius_um": 2.1},
            {"center_um": [6.2, 6.4, 6.1], "radius_um": 2.3},
        ],
    },
    "microstructure": {"grains": 4, "seed": 11},
    "network": {"spacing_um": 1.1, "spacing_max_um": 2.4, "growth": 0.6},
    "grain_boundary": BREAKABLE,
}  # fmt: skip


def assembled(config):
    return mechanics_of(config, build_network(config, build_microstructure(config)))


def network_of(spacing):
    return {"spacing_um": spacing, "spacing_max_um": 3.2 * spacing, "growth": 0.5}


@pytest.fixture(scope="module")
def cells():
    return {
        "tied": assembled(tiny(network=network_of(1.0))),
        "cracking": assembled(tiny(network=network_of(1.0), grain_boundary=BREAKABLE)),
        "pair": assembled(config_from_table(PAIR)),
        "small": assembled(config_from_table(SMALL)),
    }


def bonds_in(mechanics, state):
    """Tangents of bonds as a state has them: joined, sliding in contact, or open."""
    bonds = mechanics.bonds
    n = len(bonds.area_b)
    normal = np.einsum("bi,bj->bij", bonds.normal_bc, bonds.normal_bc)
    joined, open_ = 1e19 * np.ones((n, 1, 1)) * np.eye(3), 1e13 * np.ones((n, 1, 1)) * np.eye(3)
    contact = open_ + 1e19 * normal
    rng = np.random.default_rng(17)
    lot = rng.random(n)[:, None, None]
    softening = 10.0 ** rng.uniform(13, 19, n)[:, None, None] * np.eye(3)
    kinds = {
        "intact": joined,
        "half open": np.where(lot < 0.5, joined, open_),
        "nearly intact": np.where(lot < 0.9, joined, contact),
        "softening": np.where(lot < 0.4, softening, np.where(lot < 0.7, joined, contact)),
        "open": open_,
        "closed again": np.where(lot < 0.7, contact, open_),
        "held by contact": contact,
        "grains loose": np.where(bonds.is_interface_b[:, None, None], joined, open_),
        "particle loose": np.where(bonds.is_interface_b[:, None, None], open_, joined),
    }
    return bonds.area_b[:, None, None] * kinds[state]


STATES = [
    "intact", "half open", "nearly intact", "softening", "open", "closed again", "held by contact",
    "grains loose", "particle loose",
]  # fmt: skip


def solver_of(mechanics, n_threads=1):
    return MultigridEquilibrium(mechanics.tangent, mechanics.network.x_nc[mechanics.node_i], n_threads)


def load(mechanics):
    return np.random.default_rng(4).normal(size=3 * mechanics.tangent.n)


def grown(mechanics):
    """Forces of grains that shrink unevenly, as a charge makes them."""
    network = mechanics.network
    linear = np.where(network.is_active_n, -0.001 - 0.002 * np.sin(3e6 * network.x_nc[:, 0]), 0.0)
    eigen = linear[network.tet_tn].mean(axis=1)[:, None] * np.array([1.0, 1.1, -0.8, 0.1, -0.2, 0.3])
    nothing = State.zeros(network, mechanics.bonds.n_columns)
    return mechanics.imbalance(nothing.u_nc, nothing.strain_c, eigen, nothing, np.inf).force


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("cell", ["tied", "cracking", "pair", "small"])
def test_few_iterations_to_the_exact_answer_in_every_state(cells, cell, state):
    mechanics = cells[cell]
    bonds = bonds_in(mechanics, state)
    solver = solver_of(mechanics)
    solver.update(bonds)
    matrix = mechanics.tangent.matrix(bonds)
    factors = sla.splu(matrix.tocsc())
    for b in (grown(mechanics), load(mechanics)):
        found = solver.solve(b, 1e-6)
        assert not found.indefinite and found.iterations <= MOST
        assert np.linalg.norm(b - matrix @ found.x) <= 1.01e-6 * np.linalg.norm(b)
        exact = factors.solve(b)
        difference = found.x - exact
        assert difference @ (matrix @ difference) < 1e-6 * (exact @ (matrix @ exact))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("cell", ["tied", "pair", "small"])
def test_the_preconditioner_is_symmetric_and_positive(cells, cell, state):
    mechanics = cells[cell]
    fitted = Hierarchy(mechanics.tangent, mechanics.network.x_nc[mechanics.node_i], 1).fit(
        bonds_in(mechanics, state)
    )
    rng = np.random.default_rng(5)
    for _ in range(3):
        v, w = rng.normal(size=(2, 3 * mechanics.tangent.n))
        size = np.sqrt((v @ fitted(v)) * (w @ fitted(w)))
        assert abs(fitted(v) @ w - fitted(w) @ v) < 1e-5 * size  # it rounds to single precision
        assert v @ fitted(v) > 0


def single(matrix):
    return BlockMatrix(matrix.start, matrix.column, matrix.block.astype(np.float32))


def largest(matrix, own):
    """Largest eigenvalue of D^-1 A; D has the diagonal blocks of A but for its own ones."""
    n = matrix.shape[0] // 3
    dense = np.zeros((n, 3, n, 3))
    dense[np.arange(n), :, np.arange(n)] = diagonal_blocks(matrix)
    for row, column, block in own:
        dense[row, :, column] = block
    middle = sp.csc_matrix(dense.reshape(3 * n, 3 * n))
    return float(sla.eigsh(matrix.tocsc(), k=1, M=middle, tol=1e-6, return_eigenvectors=False)[0])


def test_the_bound_of_the_smoother_is_that_of_the_lattice_in_every_state(cells):
    mechanics = cells["pair"]
    tangent, clusters = mechanics.tangent, mechanics.tangent.clusters
    bare = tangent.matrix(np.zeros_like(bonds_in(mechanics, "open"))).copy()
    exact = largest(bare, [])
    middle = diagonal_blocks(bare)
    lattice_b = (np.trace(middle, axis1=1, axis2=2) / 3)[tangent.end_bi].min(axis=1)
    every = np.arange(tangent.n)
    inverse = BlockMatrix.of_places(every, every, tangent.n, 1)
    inverse.place(np.linalg.inv(middle), every.astype(np.int32))
    bound = spectral_bound(BlockMatrix.of(bare, 1, np.float32), single(inverse), FINE_STEPS, FINE_MARGIN)
    assert exact <= bound <= 1.06 * exact
    for state in STATES:
        bonds = bonds_in(mechanics, state)
        found = clusters.fit(bonds, lattice_b, tangent.bare_kcc, 1)
        own = zip(clusters.row_k, clusters.column_k, found.own, strict=True)
        assert largest(tangent.matrix(bonds), own) <= max(exact, 1.0) * (1 + 1e-6)


def test_iterations_do_not_grow_with_the_mesh():
    counts = []
    for spacing in (1.5, 1.1, 0.8):
        mechanics = assembled(tiny(network=network_of(spacing), grain_boundary=BREAKABLE))
        solver = solver_of(mechanics)
        solver.update(bonds_in(mechanics, "closed again"))
        counts.append(solver.solve(grown(mechanics), 1e-6).iterations)
    assert counts[-1] <= counts[0] + 3 and max(counts) <= MOST


def test_nothing_depends_on_threads_order_or_random_numbers(cells):
    mechanics = cells["cracking"]
    b = load(mechanics)
    one = solver_of(mechanics)
    np.random.seed(77)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    other = solver_of(mechanics, n_threads=3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    answers = {}
    for state in STATES:
        one.update(bonds_in(mechanics, state))
        answers[state] = one.solve(b, 1e-5).x
    for state in STATES[::-1]:
        other.update(bonds_in(mechanics, state))
        assert other.solve(b, 1e-5).x.tobytes() == answers[state].tobytes()


def test_a_grain_held_by_nothing_is_no_obstacle(cells):
    """Bonds a million times softer than residual ones: its rigid motion is large, and right."""
    mechanics = cells["cracking"]
    network = mechanics.network
    bonds = bonds_in(mechanics, "intact")
    ends = network.domain_n[mechanics.bonds.node_bn]
    own = (ends == 3).any(axis=1)
    bonds[own] = 1e-6 * bonds_in(mechanics, "open")[own]
    solver = solver_of(mechanics)
    solver.update(bonds)
    b = grown(mechanics)
    found = solver.solve(b, 1e-6)
    matrix = mechanics.tangent.matrix(bonds)
    exact = sla.splu(matrix.tocsc()).solve(b)
    assert found.iterations <= MOST
    difference = found.x - exact
    assert difference @ (matrix @ difference) < 1e-5 * (exact @ (matrix @ exact))


def test_an_indefinite_tangent_is_preconditioned_by_its_positive_part(cells):
    """A mildly softening bond leaves the system solvable, a strongly softening one does not."""
    mechanics = cells["tied"]
    solver, b = solver_of(mechanics), load(mechanics)
    bonds = bonds_in(mechanics, "half open")
    bonds[::7] = -1e14 * mechanics.bonds.area_b[::7, None, None] * np.eye(3)
    solver.update(bonds)
    found = solver.solve(b, 1e-6)
    matrix = mechanics.tangent.matrix(bonds)
    assert not found.indefinite
    assert np.linalg.norm(b - matrix @ found.x) <= 1.01e-6 * np.linalg.norm(b)
    bonds[::7] *= 1e5
    solver.update(bonds)
    assert solver.solve(b, 1e-6).indefinite


def test_rigid_modes_cost_nothing(cells):
    """Translations of a periodic lattice; rotations too of a body that touches no other."""
    mechanics = cells["pair"]
    network = mechanics.network
    matrix = mechanics.lattice.stiffness_matrix()
    modes = rigid_modes(network.x_nc, network.domain_n)
    size = np.abs(matrix @ np.random.default_rng(1).normal(size=matrix.shape[0])).max()
    for grain in range(network.n_grains):
        own = np.where((network.domain_n == grain)[:, None, None], modes, 0.0).reshape(-1, 6)
        np.testing.assert_allclose(np.linalg.norm(own, axis=0)[:3], 1.0, rtol=1e-12)
        assert np.abs(matrix @ own).max() < 1e-9 * size


@pytest.mark.parametrize("state", ["particle loose", "grains loose", "open"])
def test_deflation_is_exact_for_the_motions_of_what_is_loose(cells, state):
    """Whatever stands beside it, forces of a loose body's rigid motion are answered with that motion."""
    mechanics = cells["pair"]
    tangent, bonds = mechanics.tangent, bonds_in(mechanics, state)
    x = mechanics.network.x_nc[mechanics.node_i]
    matrix = tangent.matrix(np.zeros_like(bonds))
    own = np.trace(diagonal_blocks(matrix), axis1=1, axis2=2) / 3
    stretches = Stretches.of(tangent.clusters, 1)
    bodies = Bodies(tangent, stretches, without_zeros(matrix), own, x)
    found = tangent.clusters.fit(bonds, own[tangent.end_bi].min(axis=1), tangent.bare_kcc, 1)
    stretches.take(found)
    deflated = bodies.deflate(found.softest_b, lambda r: 0.3 * r / own.mean())
    n, clusters = tangent.n, tangent.clusters
    projection = np.zeros((n, 3, n, 3))
    projection[clusters.row_k, :, clusters.column_k] = found.stiff
    projection = projection.reshape(3 * n, 3 * n)
    domain = mechanics.network.domain_n[mechanics.node_i]
    moved = domain < mechanics.network.n_grains  # all grains together
    if state in ("grains loose", "open"):
        moved = domain == 2
    if state == "grains loose":  # stuck to what is held: nothing there to deflate
        np.testing.assert_array_equal(deflated(np.ones(3 * n)), 0.3 / own.mean())
        return
    motion = np.where(moved[:, None, None], rigid_modes(x, np.zeros(n, int)), 0.0).reshape(-1, 6)
    motion = motion @ [0.3, -1.1, 0.7, 2.0, -0.4, 0.9]
    motion -= projection @ motion
    answer = deflated(tangent.matrix(bonds) @ motion)
    np.testing.assert_allclose(answer, motion, rtol=0, atol=1e-6 * np.abs(motion).max())


@pytest.mark.parametrize("cell", ["tied", "cracking"])
def test_a_charge_takes_few_iterations_in_every_step(cells, cell):
    """Real states along a shrinkage that opens bonds and a way back that closes them."""
    mechanics = cells[cell]
    config = tiny()
    state = State.zeros(mechanics.network, mechanics.bonds.n_columns)
    for beta in (0.0006, 0.0012, 0.0018, 0.0009, 0.0):
        eigen = shrinkage(config, mechanics.network, -beta)
        step = mechanics.solve(eigen, state, 1.0)
        assert step.linear_iterations <= MOST * max(step.newton_iterations, 1)
        for field in ("u_nc", "strain_c", "history_bh", "gap_b"):
            getattr(state, field)[...] = getattr(step, field)
    assert mechanics.bond_summary(state).interface_damaged > 0
