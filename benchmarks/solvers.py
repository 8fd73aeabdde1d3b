"""Linear solvers on the same systems of the equilibrium: ``python benchmarks/solvers.py FOLDER``.

Setup and solution to a relative residual of 1e-6, in seconds of processor time on one thread; the shortest of
some rounds, in which the methods take turns. FOLDER holds what `states` wrote. PETSc is what ``petsc4py``
finds: GAMG with rigid motions as its near null space, and conjugate gradients with ICC(0).
"""

import argparse
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyamg
import pytest

import states
from latticecell.solvers.bodies import rigid_modes
from latticecell.solvers.equilibrium import MultigridEquilibrium
from latticecell.solvers.krylov import conjugate_gradients
from latticecell.threads import one_blas_thread
from tables import markdown, publish

RTOL, MOST = 1e-6, 20_000


def ours(tangent, x):
    """The product's; its hierarchy of the lattice is there, as from the second system of a run on."""
    solver = MultigridEquilibrium(tangent, x)

    def prepare(bonds, force):
        def solve():
            solver.update(bonds)
            return solver.solve(force, RTOL).iterations

        return solve

    return prepare


def by_conjugate_gradients(precondition):
    """Return a method that makes a preconditioner of a matrix anew, with our conjugate gradients."""

    def method(tangent, x):
        def prepare(bonds, force):
            matrix = tangent.matrix(bonds).copy()

            def solve():
                return conjugate_gradients(matrix, force, precondition(matrix, x), RTOL, MOST).iterations

            return solve

        return prepare

    return method


def smoothed_aggregation(matrix, x):
    modes = rigid_modes(x, np.zeros(len(x), int)).reshape(-1, 6)
    strength = ("symmetric", {"theta": 0.02})
    hierarchy = pyamg.smoothed_aggregation_solver(
        matrix, B=modes, strength=strength, smooth="jacobi", max_coarse=100
    )
    return hierarchy.aspreconditioner().matvec


def diagonal(matrix, x):
    middle = matrix.diagonal()
    return lambda r: r / middle


def petsc(kind):
    """Return a method by PETSc's conjugate gradients with a preconditioner of its own."""

    def method(tangent, x):
        pytest.importorskip("petsc4py", reason="petsc4py is not installed")
        from petsc4py import PETSc

        PETSc.Options()["pc_gamg_threshold"] = 0.01  # the best of 0 to 0.05 in these states

        def prepare(bonds, force):
            matrix = tangent.matrix(bonds).tocsr()
            own = PETSc.Mat().createAIJ(matrix.shape, csr=(matrix.indptr, matrix.indices, matrix.data))
            own.setBlockSize(3)
            own.setOption(PETSc.Mat.Option.SYMMETRIC, True)
            points = PETSc.Vec().createWithArray(x.ravel(), bsize=3)
            own.setNearNullSpace(PETSc.NullSpace().createRigidBody(points))
            b, u = PETSc.Vec().createWithArray(force), own.createVecRight()

            def solve():
                krylov = PETSc.KSP().create()
                krylov.setOperators(own)
                krylov.setType("cg")
                krylov.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
                krylov.setTolerances(rtol=RTOL, max_it=MOST)
                krylov.getPC().setType(kind)
                krylov.setFromOptions()  # without it, GAMG coarsens by half as much
                krylov.solve(b, u)
                if krylov.getConvergedReason() <= 0:
                    raise ArithmeticError(f"{kind} does not converge")
                iterations = krylov.getIterationNumber()
                krylov.destroy()
                return iterations

            return solve

        return prepare

    return method


METHODS = {
    "ours": ours,
    "stock": by_conjugate_gradients(smoothed_aggregation),
    "icc0": petsc("icc"),
    "gamg": petsc("gamg"),
    "jacobi": by_conjugate_gradients(diagonal),
}
COMPARED = ("ours", "icc0", "gamg")


@one_blas_thread()
def compare(path, rounds):
    """Return rows of a table for the systems of a file."""
    tangent, x, systems = states.read(path)
    began = time.process_time()
    methods = {"ours": ours(tangent, x)}
    once = time.process_time() - began
    methods |= {name: METHODS[name](tangent, x) for name in COMPARED[1:]}
    rows = []
    for state, (bonds, force) in systems.items():
        solves = {name: method(bonds, force) for name, method in methods.items()}
        best, counts = dict.fromkeys(solves, np.inf), {}
        for _ in range(rounds):
            for name, solve in solves.items():
                began = time.process_time()
                counts[name] = solve()
                best[name] = min(best[name], time.process_time() - began)
        cells = [f"{best[name]:.3f} ({counts[name]})" for name in COMPARED]
        shares = [f"{best['ours'] / best[name]:.2f}" for name in COMPARED[1:]]
        rows.append([path.stem.replace("_", " "), tangent.n, state, *cells, *shares, f"{once:.2f}"])
        print(rows[-1], file=sys.stderr)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", nargs="+", default=["8k", "20k", "50k"], choices=list(states.SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    if find_spec("petsc4py") is None:
        raise SystemExit("needs petsc4py; see docs/performance.md")
    rows = []
    for size in wanted.sizes:
        for kind in states.CELLS:
            path = wanted.folder / f"{kind}_{size}.npz"
            rows += compare(path, wanted.rounds) if path.exists() else []
    heads = ["cell", "unknowns / 3", "state", "ours (s)", "ICC(0) (s)", "GAMG (s)", "ours / ICC(0)",
             "ours / GAMG", "hierarchy, once a run (s)"]  # fmt: skip
    publish("solvers", "python benchmarks/solvers.py FOLDER", markdown(heads, rows))


if __name__ == "__main__":
    main()
