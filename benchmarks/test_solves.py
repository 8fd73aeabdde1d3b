"""Network build, linear solvers on one matrix, one equilibrium, one electrochemistry and one coupled step."""

import numpy as np
import pytest
import scipy.sparse.linalg as sla

from cells import mechanics_of, shrinkage
from conftest import SIZES, cell, partly_debonded
from latticecell import config_from_table
from latticecell.electrochemistry import Current
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.protocol import one_c
from latticecell.solvers.krylov import conjugate_gradients
from latticecell.solvers.multigrid import MergedMultigrid
from latticecell.solvers.tangent import positive_part
from latticecell.stepper import Stepper

BUILDS = {"2.2k-sites": (0.85, 3.0, 0.4), "8k-sites": (0.52, 2.0, 0.3), "20k-sites": (0.365, 1.5, 0.25)}


@pytest.mark.parametrize("name", list(BUILDS))
def test_network_build(benchmark, name):
    spacing, largest, growth = BUILDS[name]
    table = {"network": {"spacing_um": spacing, "spacing_max_um": largest, "growth": growth}}
    config = config_from_table(table)
    micro = build_microstructure(config)
    network = benchmark.pedantic(lambda: build_network(config, micro), rounds=1)
    benchmark.extra_info["sites"] = network.n_sites


def debonding_system(size):
    """Tangent, right-hand side and solver parts of a cell in the middle of debonding."""
    config, network = cell(size)
    mechanics = mechanics_of(config, network)
    state = partly_debonded(config, mechanics)
    bonds = mechanics.bonds
    opening = bonds.opening(state.u_nc)
    answer = bonds.respond(opening, opening, state.history_bh[bonds.active_b], 60.0, "clipped")
    tangent = positive_part(answer.tangent_bcc)
    matrix = mechanics.tangent.matrix(tangent)
    eigen = shrinkage(config, network, -1e-3)
    force = mechanics.imbalance(0 * state.u_nc, np.zeros(2), eigen, state, 60.0).force
    group = mechanics.tangent.stiff_groups(tangent)
    return matrix, force, network.x_nc[mechanics.node_i], group


@pytest.mark.parametrize("method", ["pyamg", "pyamg-setup", "direct", "jacobi-cg"])
@pytest.mark.parametrize("size", list(SIZES))
def test_linear_solve(benchmark, size, method):
    """Relative tolerance 1e-4; "pyamg" leaves out the setup, which is timed on its own."""
    if method == "direct" and size != "5k":
        pytest.skip("SuperLU needs minutes and gigabytes here")
    matrix, force, x, group = debonding_system(size)
    if method == "direct":
        benchmark.pedantic(lambda: sla.splu(matrix.tocsc()).solve(force), rounds=2)
        return
    if method == "pyamg-setup":
        benchmark.pedantic(lambda: MergedMultigrid(matrix, x, group), rounds=3)
        return
    if method == "pyamg":
        precondition = MergedMultigrid(matrix, x, group)
    else:
        diagonal = matrix.diagonal()
        precondition = lambda r: r / diagonal  # noqa: E731
    result = benchmark.pedantic(
        lambda: conjugate_gradients(matrix, force, precondition, 1e-4, 20000), rounds=2
    )
    assert result.residual <= 1e-4
    benchmark.extra_info["iterations"] = result.iterations


@pytest.mark.parametrize("size", list(SIZES))
def test_equilibrium(benchmark, size):
    """One Newton solve from a partly debonded state to a little more shrinkage."""
    config, network = cell(size)
    mechanics = mechanics_of(config, network)
    state = partly_debonded(config, mechanics)

    def solve():
        mechanics.forget()
        return mechanics.solve(shrinkage(config, network, -0.0020), state, 60.0)

    found = benchmark.pedantic(solve, rounds=2)
    benchmark.extra_info["newton"], benchmark.extra_info["linear"] = (
        found.newton_iterations, found.linear_iterations,
    )  # fmt: skip


def settled(size):
    """Stepper and state after 12 steps of charging."""
    config, network = cell(size)
    stepper = Stepper(config, network)
    state, cursor = stepper.start()
    for report in stepper.steps(state, cursor):
        if report.cursor.steps == 12:
            break
    return stepper, state


@pytest.mark.parametrize("size", list(SIZES))
def test_electrochemistry_step(benchmark, size):
    stepper, state = settled(size)
    current = Current(one_c(stepper.config))
    found = benchmark.pedantic(
        lambda: stepper.electro.solve(state, 60.0, current, gap_b=state.gap_b, psi_n=state.psi_n), rounds=3
    )
    benchmark.extra_info["newton"] = found.newton_iterations


@pytest.mark.parametrize("size", list(SIZES))
def test_coupled_step(benchmark, size):
    stepper, state = settled(size)
    current = Current(one_c(stepper.config))

    def step():
        stepper.mechanics.forget()
        return stepper._couple(state, 60.0, current)

    trial = benchmark.pedantic(step, rounds=2)
    benchmark.extra_info["repeats"] = trial.repeats
