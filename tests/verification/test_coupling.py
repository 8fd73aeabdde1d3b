"""What electrochemistry sees of mechanics in a step: the stress of a film, and the opening of bonds."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cells import tiny
from latticecell import build_microstructure, build_network
from latticecell.controls import Current
from latticecell.stepper import Stepper
from latticecell.units import GAS_CONSTANT
from networks import box_network

UM = 1e-6
SIZE = np.array([1.3, 1.3, 2.1]) * UM


def test_stress_potential_of_a_clamped_film():
    """A layer between soft ones, held at its sides: sigma_h = -2 E beta / (3 (1 - nu)), and psi its image.

    A film that shrinks is under tension, which draws Li: psi > 0.
    """
    film = lambda x: np.where(x[:, 2] > 1.4 * UM, 2, np.where(x[:, 2] > 0.7 * UM, 0, 1))  # noqa: E731
    flat = lambda x: np.isclose(x[:, 2] % (0.7 * UM), 0, atol=1e-9 * UM)  # noqa: E731
    rotation = Rotation.random(1, rng=np.random.default_rng(4)).as_matrix()
    network = box_network((4, 4, 6), SIZE, film, rotation, fixed=flat)
    omega, young, poisson, temperature = 3.3e-6, 81.0, 0.21, 307.0
    config = tiny(
        materials={
            "active": {
                "diffusivity_m2_per_s": [1e-13, 1e-13, 1e-13],
                "youngs_modulus_GPa": young,
                "poisson_ratio": poisson,
                "expansion_ratio": [1.0, 1.0, 1.0],
                "partial_molar_volume_m3_per_mol": omega,
                "stress_diffusion": "saturating",
            },
            "ecbd": {"youngs_modulus_GPa": 1e-5},
            "separator": {"youngs_modulus_GPa": 1e-5},
        },
        kinetics={"temperature_K": temperature, "reference_temperature_K": temperature},
        protocol={
            "current_1c_nA": 0.0035,
            "steps": [{"kind": "charge", "c_rate": 1.0, "duration_s": 900.0}],
        },
    )
    stepper = Stepper(config, network)
    state, cursor = stepper.start()
    for _ in stepper.steps(state, cursor):
        pass
    own = network.is_active_n
    beta = stepper.expansion.linear(state.stoich_n)[own]
    assert np.ptp(state.stoich_n[own]) < 2e-3 and beta.mean() < -5e-4
    stress = -2 * young * 1e9 * beta / (3 * (1 - poisson))
    expected = omega * stress / (GAS_CONSTANT * temperature)
    assert expected.min() > 0.02
    np.testing.assert_allclose(state.psi_n[own], expected, rtol=0.02)
    assert not state.psi_n[~own].any()


def test_the_gap_of_a_step_is_that_at_its_end():
    """One large step in which the particle lets go: solving again with its own gap gives its voltage.

    That of the gap at its start is far off.
    """
    config = tiny(
        interface={"strength_MPa": 3.0, "resistance_ohm_m2": 5e-3, "resistance_gap_nm": 2.0},
        solver={"dt_initial_s": 700.0, "dt_max_s": 700.0},
        protocol={
            "current_1c_nA": 0.6672,
            "steps": [{"kind": "charge", "c_rate": 1.0, "duration_s": 1400.0}],
        },
    )
    stepper = Stepper(config, build_network(config, build_microstructure(config)))
    state, cursor = stepper.start()
    before = state.copy()
    report = next(stepper.steps(state, cursor))
    control = Current(report.trial.electro.current)
    voltage = {
        name: stepper.electro.solve(
            before, report.trial.dt, control, gap_b=gap_b, psi_n=state.psi_n, guess=report.trial.electro
        ).voltage
        for name, gap_b in (("end", state.gap_b), ("start", before.gap_b))
    }
    assert report.trial.dt > 100.0
    assert voltage["end"] == pytest.approx(
        float(state.voltage[0]), abs=config.solver.coupling_tolerance_voltage
    )
    assert abs(voltage["start"] - voltage["end"]) > 10 * config.solver.coupling_tolerance_voltage
