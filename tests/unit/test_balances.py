"""Balances of Li and energy: independent of tolerances, small over many cycles, and a reason to stop."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from cells import SMALL, tiny
from latticecell import SolveError, config_from_table, open_run, resolved_toml
from latticecell.cli import app
from latticecell.electrochemistry import Electrochemistry
from latticecell.laws import BOND_LAWS
from latticecell.laws.bilinear import BilinearLaw
from latticecell.numerics import ENERGY_LIMIT, LITHIUM_LIMIT, SALT_LIMIT
from latticecell.output.rundir import RunDirectory
from latticecell.physics.mechanics import Mechanics
from latticecell.physics.salt import Salt
from latticecell.run import Simulation, run

CRACKING = SMALL | {"name": "cracking", "solver": {"dt_initial_s": 40.0, "viscous_share_max": 1.0}}


def cycled(cycles, **sections):
    steps = [
        {"kind": "charge", "c_rate": 4.0, "until_V": 4.2},
        {"kind": "discharge", "c_rate": 4.0, "until_V": 3.3},
    ]
    protocol = {"current_1c_nA": 0.0427, "cycles": cycles, "steps": steps}
    return config_from_table(CRACKING | {"protocol": protocol} | sections)


@pytest.mark.parametrize("cycles", [20, pytest.param(500, marks=pytest.mark.slow)])
def test_balances_hold_over_many_cycles(tmp_path, cycles):
    """A drift of the same size in every cycle would reach the limits within 500."""
    history = run(cycled(cycles), tmp_path / "r").history
    assert history["cycle"][-1] == cycles
    assert history["gb_broken"][-1] > 0.1 or history["interface_broken"][-1] > 0.1
    assert history["bending_J"][-1] > 1e-3 * history["dissipated_J"][-1]  # the trapezoid alone would not do
    assert np.abs(history["lithium_balance"]).max() < LITHIUM_LIMIT * min(cycles / 500, 1)
    late = history["cycle"] > 1
    assert np.abs(history["energy_balance"][late]).max() < ENERGY_LIMIT * min(cycles / 500, 1)


def test_viscosity_that_takes_too_much_ends_the_run(tmp_path):
    """Where, why and what helps; what was computed until then is kept."""
    bound = cycled(1, solver={"dt_initial_s": 40.0})
    with pytest.raises(SolveError, match=r"viscous .* more than solver\.viscous_share_max = 0\.05; lower"):
        run(bound, tmp_path / "r")
    history = open_run(tmp_path / "r").history
    cracks = history["dissipated_J"] + history["viscous_J"]
    share = history["viscous_J"] / np.maximum(cracks, 1e-300)
    assert len(share) > 3 and share[-1] <= 0.05
    free = run(cycled(1), tmp_path / "free").history
    assert free["viscous_J"][-1] > 0.05 * (free["dissipated_J"][-1] + free["viscous_J"][-1])


def test_li_is_conserved_at_the_loosest_tolerance(tmp_path):
    loose = tiny(solver={"electrochemistry_tolerance": 1e-3})
    history, tight = run(loose, tmp_path / "loose").history, run(tiny(), tmp_path / "tight").history
    assert np.abs(history["lithium_balance"]).max() < 1e-14
    assert np.abs(history["charge_balance"]).max() < 1e-6
    assert history["voltage_V"][-1] == pytest.approx(tight["voltage_V"][-1], abs=1e-5)


class Forgetful(BilinearLaw):
    """Says that it loses a tenth less than its tractions cost."""

    def dissipated(self, history_bh):
        return 0.9 * super().dissipated(history_bh)


def test_a_law_whose_energies_contradict_its_tractions_is_found_out(tmp_path):
    """Shorter steps do not help it: the run ends where the limit is, and writes nothing beyond."""
    BOND_LAWS.register("forgetful", Forgetful)
    try:
        config = cycled(1, interface={"law": "forgetful", "viscosity_s": 5.0})
        simulation = Simulation.start(config, tmp_path / "r")
        with pytest.raises(
            SolveError, match=r"gave up at dt = 0\.01 s: the balance of energy is off"
        ) as caught:
            for _ in simulation.advance():
                pass
    finally:
        BOND_LAWS.remove("forgetful")
    history, (state, *_) = simulation.directory.history(), simulation.directory.read_checkpoint()
    assert 0.9 * ENERGY_LIMIT < np.abs(history["energy_balance"]).max() <= ENERGY_LIMIT
    assert state.time[0] == history["time_s"][-1] == pytest.approx(caught.value.time - 0.01, abs=1e-9)


def test_a_lost_balance_ends_the_run(tmp_path):
    file, path = tmp_path / "loose.toml", tmp_path / "r"
    file.write_text(resolved_toml(cycled(1, solver={"dt_initial_s": 20.0, "mechanics_tolerance": 0.1})))
    result = CliRunner().invoke(app, ["run", str(file), "-o", str(path)])
    assert result.exit_code == 3 and "Traceback" not in result.output
    assert "the balance of energy is off by" in result.output
    directory = RunDirectory.open(path)
    assert directory.info()["status"] == "failed"
    assert np.abs(directory.history()["energy_balance"]).max() <= ENERGY_LIMIT


SHORT = 9.0
"""Length of the steps that the faults below spare [s]."""


def wasteful(method):
    """Work that is counted wrongly in long steps."""

    def work(self, old, new, before_tv, after_tv, dt, jumped=False):
        right = method(self, old, new, before_tv, after_tv, dt, jumped)
        return right._replace(swelling=right.swelling * (1.0 if dt <= SHORT else 3.0))

    return work


def leaky(method):
    """Li that long steps lose."""

    def solve(self, state, dt, control, **given):
        found = method(self, state, dt, control, **given)
        return replace(found, stoich_n=found.stoich_n * (1.0 if dt <= SHORT else 1 - 3e-10))

    return solve


def salty(method):
    """Salt that long steps add."""

    def solve(self, old_n, lagged_n, dt, entering_n):
        return method(self, old_n, lagged_n, dt, entering_n) * (1.0 if dt <= SHORT else 1 + 3e-10)

    return solve


@pytest.mark.parametrize(
    ("balance", "owner", "name", "fault"),
    [
        ("energy", Mechanics, "work", wasteful),
        ("lithium", Electrochemistry, "solve", leaky),
        ("salt", Salt, "solve", salty),
    ],
)
def test_a_step_that_loses_a_balance_is_repeated_shorter(tmp_path, monkeypatch, balance, owner, name, fault):
    monkeypatch.setattr(owner, name, fault(getattr(owner, name)))
    steps = [{"kind": "charge", "c_rate": 2.0, "duration_s": 120.0}]
    kind = "binary" if balance == "salt" else "single_ion"
    solver = {"dt_initial_s": 5.0, "dt_max_s": 20.0, "time_tolerance": 0.1}  # accuracy asks for nothing
    config = tiny(protocol={"steps": steps}, electrolyte={"kind": kind}, solver=solver)
    history = run(config, tmp_path / "r").history
    spared = SHORT if balance == "energy" else 1.63 * SHORT  # Euler steps of SHORT where steps grow by 1.7
    assert history["rejected"].sum() > 1 and history["dt_s"].max() <= spared
    limit = {"energy": ENERGY_LIMIT, "lithium": LITHIUM_LIMIT, "salt": SALT_LIMIT}[balance]
    assert np.abs(history[f"{balance}_balance"]).max() <= limit
    assert history["time_s"][-1] == pytest.approx(120.0)
