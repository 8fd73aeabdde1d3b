"""Balances of Li and energy: independent of tolerances, small over many cycles, and a reason to stop."""

import numpy as np
import pytest
from typer.testing import CliRunner

from cells import SMALL, tiny
from latticecell import SolveError, config_from_table, resolved_toml
from latticecell.cli import app
from latticecell.laws import BOND_LAWS
from latticecell.laws.bilinear import BilinearLaw
from latticecell.numerics import ENERGY_LIMIT, LITHIUM_LIMIT
from latticecell.output.rundir import RunDirectory
from latticecell.run import run

CRACKING = SMALL | {"name": "cracking", "solver": {"dt_initial_s": 40.0}}


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
    BOND_LAWS.register("forgetful", Forgetful)
    try:
        config = cycled(1, interface={"law": "forgetful", "viscosity_s": 5.0})
        with pytest.raises(SolveError, match="the balance of energy is off by"):
            run(config, tmp_path / "r")
    finally:
        BOND_LAWS.remove("forgetful")


def test_a_lost_balance_ends_the_run(tmp_path):
    file, path = tmp_path / "loose.toml", tmp_path / "r"
    file.write_text(resolved_toml(cycled(1, solver={"dt_initial_s": 20.0, "mechanics_tolerance": 0.1})))
    result = CliRunner().invoke(app, ["run", str(file), "-o", str(path)])
    assert result.exit_code == 3 and "Traceback" not in result.output
    assert "the balance of energy is off by" in result.output
    directory = RunDirectory.open(path)
    assert directory.info()["status"] == "failed"
    assert abs(directory.history()["energy_balance"][-1]) > ENERGY_LIMIT
