"""Network build, linear solvers on one matrix, one equilibrium, one electrochemistry and one coupled step."""

import os
from functools import cache
from pathlib import Path

import pytest
import scipy.sparse.linalg as sla

import states
from cells import mechanics_of, shrinkage
from conftest import SIZES, cell, partly_debonded
from latticecell import config_from_table
from latticecell.controls import Current
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.protocol import one_c
from latticecell.solvers.equilibrium import MultigridEquilibrium
from latticecell.stepper import Stepper
from solvers import METHODS

BUILDS = {"2.2k-sites": (0.85, 3.0, 0.4), "8k-sites": (0.52, 2.0, 0.3), "20k-sites": (0.365, 1.5, 0.25)}


@pytest.mark.parametrize("name", list(BUILDS))
def test_network_build(benchmark, name):
    spacing, largest, growth = BUILDS[name]
    table = {"network": {"spacing_um": spacing, "spacing_max_um": largest, "growth": growth}}
    config = config_from_table(table)
    micro = build_microstructure(config)
    network = benchmark.pedantic(lambda: build_network(config, micro), rounds=1)
    benchmark.extra_info["sites"] = network.n_sites


@cache
def system(kind, size, state):
    """Matrix, right-hand side, positions, tangents of bonds and `Tangent` of a named state."""
    folder = os.environ.get("LATTICECELL_STATES")
    path = Path(folder or ".") / f"{kind}_{size}.npz"
    if not folder or not path.exists():
        pytest.skip(
            "write the states first: python benchmarks/states.py FOLDER SIZE, LATTICECELL_STATES=FOLDER"
        )
    tangent, x, systems = states.read(path)
    bonds, force = systems[state]
    return tangent.matrix(bonds), force, x, bonds, tangent


@pytest.mark.parametrize("method", [*METHODS, "superlu"])
@pytest.mark.parametrize("state", states.NAMES)
@pytest.mark.parametrize("size", ["8k", "20k", "50k"])
@pytest.mark.parametrize("kind", list(states.CELLS))
def test_same_matrices(benchmark, kind, size, state, method):
    """Setup and solution to 1e-6 of one system; see `solvers`."""
    matrix, force, x, bonds, tangent = system(kind, size, state)
    if method == "superlu":
        if size != "8k":
            pytest.skip("SuperLU needs minutes and gigabytes here")
        benchmark.pedantic(lambda: sla.splu(matrix.tocsc()).solve(force), rounds=1)
        return
    benchmark.extra_info["iterations"] = benchmark.pedantic(
        METHODS[method](tangent, x)(bonds, force), rounds=2
    )


@pytest.mark.parametrize("part", ["fit", "solve-1e-2", "solve-1e-6"])
@pytest.mark.parametrize("state", states.NAMES)
@pytest.mark.parametrize("size", ["8k", "20k", "50k"])
@pytest.mark.parametrize("kind", list(states.CELLS))
def test_parts_of_ours(benchmark, kind, size, state, part):
    """What a tangent costs, and a solution, when the hierarchy of the lattice is there."""
    _, force, x, bonds, tangent = system(kind, size, state)
    solver = MultigridEquilibrium(tangent, x)
    solver.update(bonds)
    if part == "fit":
        benchmark.pedantic(lambda: solver.update(bonds), rounds=3)
    else:
        found = benchmark.pedantic(lambda: solver.solve(force, float(part[6:])), rounds=3)
        benchmark.extra_info["iterations"] = found.iterations


@pytest.mark.parametrize("size", list(SIZES))
def test_equilibrium(benchmark, size):
    """One Newton solve from a partly debonded state to a little more shrinkage."""
    config, network = cell(size)
    mechanics = mechanics_of(config, network)
    state = partly_debonded(config, mechanics)

    eigen = shrinkage(config, network, -0.0020)
    found = benchmark.pedantic(lambda: mechanics.solve(eigen, state, 60.0), rounds=2)
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
        return stepper._couple(state, 60.0, current)

    trial = benchmark.pedantic(step, rounds=2)
    benchmark.extra_info["repeats"] = trial.repeats
