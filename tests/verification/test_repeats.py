"""What the repeats of a coupled step leave, against repeats to the end, with steps of one length."""

import numpy as np

from cells import tiny
from latticecell.run import Simulation

STEPS = [
    {"kind": "charge", "c_rate": 2.0, "duration_s": 600.0},
    {"kind": "rest", "duration_s": 60.0},
    {"kind": "discharge", "c_rate": 2.0, "duration_s": 240.0},
]


def marched(path, **tolerances):
    """Stoichiometry, opening and voltage after each step, and the repeats that it took."""
    config = tiny(
        materials={"active": {"stress_diffusion": "saturating"}},
        kinetics={"mechanical_ocv": False},
        interface={"strength_MPa": 20.0, "fracture_energy_J_per_m2": 0.05},
        protocol={"steps": STEPS},
        solver={"dt_initial_s": 30.0, "dt_max_s": 30.0, "mechanics_tolerance": 1e-6, **tolerances},
    )
    simulation = Simulation.start(config, path)
    found, repeats = [], []
    for progress in simulation.advance():
        state = simulation.state
        found.append((state.stoich_n.copy(), np.maximum(state.gap_b, 0.0), state.voltage.copy()))
        repeats.append(progress.row["repeats"])
    return [np.array(field) for field in zip(*found, strict=True)], np.array(repeats)


def test_the_error_left_by_repeats_is_below_the_tolerances(tmp_path):
    tight = {
        "coupling_tolerance_stoich": 1e-6, "coupling_tolerance_gap_nm": 1e-3, "coupling_iterations": 30,
        "coupling_tolerance_voltage_mV": 1e-3,
    }  # fmt: skip
    (stoich, gap, volts), repeats = marched(tmp_path / "default")
    (stoich_0, gap_0, volts_0), most = marched(tmp_path / "tight", **tight)
    assert len(stoich) == len(stoich_0) == 30
    assert gap_0.max() > 3e-9  # or there is nothing to couple
    assert np.abs(stoich - stoich_0).max() < 1e-3
    assert np.abs(gap - gap_0).max() < 0.2e-9
    assert np.abs(volts - volts_0).max() < 1e-4
    assert repeats.mean() < 0.6 * most.mean()
