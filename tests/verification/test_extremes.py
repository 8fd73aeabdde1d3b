"""Physics far from the paper's on a network of about 200 nodes: runs are sound, or end with a clear error."""

import numpy as np
import pytest

from cells import SMALL
from latticecell import SolveError, config_from_table
from latticecell.numerics import ENERGY_LIMIT, LITHIUM_LIMIT
from latticecell.run import Simulation
from latticecell.state import WALL

MOST_STEPS = 2000
CELL = SMALL | {"name": "extreme", "solver": {"dt_initial_s": 20.0, "viscous_share_max": 1.0}}


def merged(table, changes):
    result = dict(table)
    for key, value in changes.items():
        result[key] = merged(result.get(key, {}), value) if isinstance(value, dict) else value
    return result


def both(**options):
    return {"interface": options, "grain_boundary": options}


def active(**options):
    return {"materials": {"active": options}}


def cycle(c_rate, **changes):
    steps = [
        {"kind": "charge", "c_rate": c_rate, "until_V": 4.25},
        {"kind": "discharge", "c_rate": c_rate, "until_V": 3.2},
    ]
    return merged(CELL, {"protocol": {"current_1c_nA": 0.0427, "steps": steps}} | changes)


def cycled(table, path, spoil=None):
    """Rows of a run whose start ``spoil(stepper, state)`` may change; sound rows are demanded."""
    simulation = Simulation.start(config_from_table(table), path)
    if spoil is not None:
        spoil(simulation.stepper, simulation.state)
    rows = []
    try:
        for progress in simulation.advance():
            rows.append(progress.row)
            assert len(rows) < MOST_STEPS
    except SolveError as error:
        assert error.time is not None and error.field
        assert error.field != "audit"
    else:
        assert simulation.cursor.finished
    most = simulation.stepper.mechanics.bonds.separation_energy
    for row in rows:
        assert abs(row["lithium_balance"]) < LITHIUM_LIMIT
        assert abs(row["energy_balance"]) < ENERGY_LIMIT
        assert -1e-9 <= row["stoich_min"] <= row["stoich_max"] <= 1 + 1e-9
        assert row["dissipated_J"] <= most * (1 + 1e-9)
        assert all(np.isfinite(value) for value in row.values() if isinstance(value, float))
    return simulation, rows


CASES = {
    "hundredth of C": cycle(0.01, solver={"dt_initial_s": 500.0, "dt_max_s": 6000.0}),
    "10 C": cycle(10.0, solver={"dt_initial_s": 1.0}),
    "no diffusion along c": cycle(1.0, **active(diffusivity_m2_per_s=[1e-14, 1e-14, 0.0])),
    "isotropic diffusion": cycle(1.0, **active(diffusivity_m2_per_s=[1e-14, 1e-14, 1e-14])),
    "strength of 1 MPa": cycle(1.0, **both(strength_MPa=1.0)),
    "strength of 10 GPa": cycle(1.0, **both(strength_MPa=1e4, fracture_energy_J_per_m2=100.0)),
    "next to no toughness": cycle(1.0, **both(fracture_energy_J_per_m2=1e-3)),
    "snap-back without viscosity": cycle(1.0, **both(fracture_energy_J_per_m2=1e-3, viscosity_s=0.0)),
    "expansion x 100": cycle(1.0, **active(expansion_ratio=[100.0, 100.0, -100.0])),
    "incompressible": cycle(
        1.0,
        materials={name: {"poisson_ratio": 0.4999} for name in ("active", "ecbd", "separator")},
    ),
    "one grain": cycle(1.0, microstructure={"grains": 1}),
}


LONG = {"hundredth of C", "isotropic diffusion", "strength of 1 MPa", "expansion x 100", "incompressible"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in CASES]
)
def test_a_cycle_is_sound(tmp_path, name):
    simulation, rows = cycled(CASES[name], tmp_path / "r")
    assert simulation.cursor.finished
    assert rows[-1]["voltage_V"] == pytest.approx(3.2, abs=1e-3)
    charged = max(row["charge_C"] for row in rows)
    if name == "strength of 10 GPa":
        assert rows[-1]["dissipated_J"] == 0.0 and rows[-1]["interface_damaged"] == 0.0
    if name == "10 C":
        assert charged < 0.8 * 0.0427e-9 * 3600  # 0.9 at 0.01C
    if name in ("next to no toughness", "snap-back without viscosity", "expansion x 100"):
        assert rows[-1]["gb_broken"] > 0.9 and rows[-1]["interface_broken"] > 0.9


def broken(stepper, state, chosen):
    """Break bonds as if a wall had once torn them far apart."""
    bonds = stepper.mechanics.bonds
    state.history_bh[bonds.active_b[chosen], 0] = 1e-6
    state.passed[WALL] += sum(bonds.dissipated(state.history_bh[bonds.active_b]))


def test_a_grain_with_every_bond_broken_goes_on(tmp_path):
    def spoil(stepper, state):
        bonds = stepper.mechanics.bonds
        broken(stepper, state, (stepper.network.domain_n[bonds.node_bn] == 0).any(axis=1))

    simulation, rows = cycled(cycle(1.0), tmp_path / "r", spoil)
    assert simulation.cursor.finished
    assert all(row["fragments"] >= 1 for row in rows)


def test_a_loose_particle_goes_on(tmp_path):
    def spoil(stepper, state):
        broken(stepper, state, stepper.mechanics.bonds.is_interface_b)

    simulation, rows = cycled(cycle(1.0), tmp_path / "r", spoil)
    assert simulation.cursor.finished
    assert all(row["interface_broken"] == pytest.approx(1.0) for row in rows)


@pytest.mark.slow
def test_500_grains(tmp_path):
    """They need a finer network, about 17,000 nodes; a few steps show that they work."""
    steps = [{"kind": "charge", "c_rate": 1.0, "duration_s": 150.0}]
    table = cycle(1.0, microstructure={"grains": 500})
    table = merged(table, {"network": {"spacing_um": 0.25}, "protocol": {"steps": steps}})
    simulation, rows = cycled(table, tmp_path / "r")
    assert simulation.cursor.finished and simulation.stepper.network.n_grains == 500
    assert rows[-1]["stoich_mean"] < rows[0]["stoich_mean"]


@pytest.mark.slow
def test_a_surface_site_that_runs_empty_does_not_stop_the_run(tmp_path):
    """Grains of seed 2: negative weights drain a site beyond what its reaction can return."""
    table = {
        "microstructure": {"seed": 2},
        "network": {"spacing_um": 0.85, "spacing_max_um": 3.0, "growth": 0.4},
        "materials": {
            "active": {
                "stress_diffusion": "dilute",
                "partial_molar_volume_m3_per_mol": 4.155e-6,
                "expansion_ratio": [1.1807, 1.1807, -1.1807],
                "strain_frozen_below": 0.0347,
            },
            "ecbd": {"youngs_modulus_GPa": 16.5},
        },
        "interface": {
            "law": "mixed_mode",
            "shear_fracture_energy_J_per_m2": 18.7,
            "resistance_ohm_m2": 3.2e-4,
        },
        "grain_boundary": {"permeance_m_per_s": 2e-6},
        "kinetics": {"mechanical_ocv": False, "exchange_current_A_per_m2": 385.0},
        "protocol": {
            "current_1c_nA": 0.6672,
            "steps": [{"kind": "charge", "c_rate": 1.0, "until_V": 4.3}],
        },
    }
    simulation = Simulation.start(config_from_table(table), tmp_path / "r")
    rows = [progress.row for progress in simulation.advance()]
    assert simulation.cursor.finished
    assert sum(row["limited_nodes"] > 0 for row in rows) > 0
    for row in rows:
        assert abs(row["lithium_balance"]) < LITHIUM_LIMIT
        assert row["stoich_min"] >= -1e-9
