"""At rest nothing flows: flux and reaction have one equilibrium, whatever the open-circuit voltage."""

import numpy as np
import pytest

from latticecell import ConfigError, config_from_table
from latticecell.laws import OCV_LAWS
from latticecell.materials import electro_laws
from latticecell.run import Simulation

CELL = {
    "name": "rest",
    "geometry": {
        "width_um": 6.0, "cathode_um": 6.0, "separator_um": 2.0,
        "particles": [{"center_um": [3.0, 3.0, 3.0], "radius_um": 2.0}],
    },
    "microstructure": {"grains": 3},
    "network": {"spacing_um": 1.3, "spacing_max_um": 2.9, "growth": 0.9},
    "solver": {"dt_initial_s": 20.0, "dt_max_s": 3600.0},
    "output": {"fields_every": 0, "stage_ends": False},
}  # fmt: skip
ONE_C = 2.1  # A/m2 of particle surface


class Falling:
    """A voltage that falls with x, gently in the middle."""

    def voltage(self, x):
        return 3.9 - 0.3 * x - 0.8 * (np.asarray(x) - 0.5) ** 3

    def slope(self, x):
        return -0.3 - 2.4 * (np.asarray(x) - 0.5) ** 2


def rested(path, ocv, drift, hours):
    """Charge, then rest; return largest current, spreads of mu and of its stress part [V] at the end."""
    steps = [
        {"kind": "charge", "c_rate": 2.0, "duration_s": 400.0},
        {"kind": "rest", "duration_s": 3600.0 * hours},
    ]
    active = {
        "ocv": ocv, "stress_diffusion": drift, "diffusivity_m2_per_s": [1e-14, 1e-14, 1e-15],
        "partial_molar_volume_m3_per_mol": 5e-6,
    }  # fmt: skip
    protocol = {"current_1c_nA": 0.0427, "steps": steps}
    config = config_from_table(CELL | {"materials": {"active": active}, "protocol": protocol})
    simulation = Simulation.start(config, path)
    for _ in simulation.advance():
        pass
    state, network = simulation.state, simulation.stepper.network
    law = electro_laws(config).particle
    inside = network.is_active_n
    psi = state.psi_n[inside]
    mu = law.potential(state.stoich_n[inside])[0] - psi
    unit = law.thermal_voltage
    return np.abs(state.current_b).max(), unit * np.ptp(mu), unit * np.ptp(psi)


@pytest.mark.parametrize("ocv", ["nmc111_zheng2013", "falling"])
def test_rest_ends_without_currents_and_with_a_uniform_potential(tmp_path, named_law, ocv):
    if ocv == "falling":
        named_law(OCV_LAWS, "falling", Falling)
    current, spread, stress = rested(tmp_path / "r", ocv, "thermodynamic", 8.0)
    assert stress > 2e-3
    assert current < 1e-9 * ONE_C
    assert spread < 1e-9


def test_the_drift_of_a_lattice_gas_never_comes_to_rest(tmp_path):
    """What the thermodynamic factor is for."""
    current, spread, _ = rested(tmp_path / "r", "nmc111_zheng2013", "saturating", 8.0)
    assert current > 1e-2 * ONE_C
    assert spread > 1e-3


def test_thermodynamic_drift_shifts_the_voltage_too():
    def shifted(drift, **kinetics):
        table = {"materials": {"active": {"stress_diffusion": drift}}, "kinetics": kinetics}
        return electro_laws(config_from_table(table)).particle.mechanical_ocv

    assert shifted("thermodynamic") and not shifted("saturating") and not shifted("dilute")
    assert shifted("saturating", mechanical_ocv=True)
    with pytest.raises(ConfigError, match="mechanical_ocv = false: contradicts"):
        shifted("thermodynamic", mechanical_ocv=False)
