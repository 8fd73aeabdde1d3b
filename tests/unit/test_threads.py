"""Threads of the kernels by default, and one of BLAS wherever the solvers are used."""

import os
import pkgutil
import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  (has a BLAS of its own)
from threadpoolctl import threadpool_info, threadpool_limits

import latticecell as lc
from cells import mechanics_of, tiny
from latticecell import threads
from latticecell.controls import Current
from latticecell.stepper import Stepper
from latticecell.threads import kernel_threads, one_blas_thread, processors


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Seven processors at hand of a machine with more, and no quota."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(3, 10)), raising=False)
    monkeypatch.setattr(threads, "QUOTA", tmp_path / "cpu.max")
    return tmp_path / "cpu.max"


@pytest.mark.parametrize(
    ("quota", "asked", "found"),
    [
        (None, None, 7), ("max 100000\n", None, 7), ("250000 100000\n", None, 3), ("50000 100000\n", None, 1),
        ("900000 100000\n", None, 7), (None, "4", 4), (None, "5,2", 5), ("300000 100000\n", "99", 3),
        (None, "many", 7), (None, "0", 1),
    ],
)  # fmt: skip
def test_processors_are_those_that_the_process_may_use(machine, monkeypatch, quota, asked, found):
    if quota is not None:
        machine.write_text(quota)
    if asked is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert processors() == found


def test_small_networks_take_few_threads(machine):
    assert [kernel_threads(None, n) for n in (0, 700, 2999, 3000, 10_000, 10**6)] == [1, 1, 1, 2, 6, 7]
    assert kernel_threads(12, 700) == 12


def blas():
    """Threads of the libraries in use; that of PyBaMM, for comparisons, has one and keeps it."""
    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return {library["num_threads"] for library in found if "pybamm" not in library["filepath"]}


INSIDE = (
    "latticecell.meshing.generate.place_sites",
    "latticecell.physics.lattice.Lattice.tension",
    "latticecell.laws.kinetics.ParticleKinetics.surface",
    "latticecell.physics.eigenstrain.LithiumExpansion.eigenstrain",
)


def test_blas_has_one_thread_in_the_solvers_and_its_own_outside(monkeypatch):
    """As when a script uses them without a run."""
    seen = {}
    for name in INSIDE:
        monkeypatch.setattr(name, watch(pkgutil.resolve_name(name), seen.setdefault(name, [])))
    config = tiny()
    with threadpool_limits(3, user_api="blas"):
        network = lc.build_network(config, lc.build_microstructure(config))
        stepper = Stepper(config, network)
        state, cursor = stepper.start()
        eigen = np.zeros((network.n_tets, 6))
        mechanics_of(config, network).solve(eigen, state, np.inf)
        stepper.electro.solve(state, 3.0, Current(1e-10), gap_b=state.gap_b, psi_n=state.psi_n)
        next(stepper.steps(state, cursor))
        assert blas() == {3}
    assert all(len(counts) and set(counts) == {1} for counts in seen.values()), seen


def watch(function, seen):
    """Function that notes the threads of BLAS whenever it is called."""

    def watched(*args, **kwargs):
        seen.extend(blas())
        return function(*args, **kwargs)

    return watched


def test_threads_of_blas_come_back_after_an_error():
    with threadpool_limits(2, user_api="blas"):
        with pytest.raises(KeyError), one_blas_thread():
            assert blas() == {1}
            raise KeyError
        assert blas() == {2}


@pytest.mark.parametrize(("given", "found"), [(None, "passive"), ("active", "active")])
def test_waiting_threads_sleep_unless_told_otherwise(given, found):
    environment = {**os.environ, "OMP_WAIT_POLICY": given or ""}
    if given is None:
        del environment["OMP_WAIT_POLICY"]
    code = "import os, latticecell._kernels.springs; print(os.environ['OMP_WAIT_POLICY'])"
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert ended.stdout.strip() == found
