"""Temperature: Arrhenius of every rate, off only by saying so, in the cell and in its 1-D counterpart."""

import math
from itertools import islice

import numpy as np
import pytest

from cells import TINY
from latticecell import ConfigError, build_microstructure, build_network, config_from_table
from latticecell.cell1d.run import cell_of
from latticecell.cell1d.solve import steps as steps_1d
from latticecell.laws.arrhenius import arrhenius
from latticecell.materials import electro_laws
from latticecell.stepper import Stepper
from latticecell.temperature import at_temperature

KELVIN, REFERENCE = 321.0, 297.0
ENERGIES = {
    ("materials", "active", "diffusivity"): 23.0,
    ("materials", "ecbd", "electronic"): 3.0,
    ("materials", "ecbd", "ionic"): 31.0,
    ("materials", "separator", "ionic"): 29.0,
    ("grain_boundary", "permeance"): 37.0,
    ("kinetics", "exchange"): 41.0,
    ("kinetics", "lithium_exchange"): 19.0,
    ("electrolyte", "conductivity"): 17.0,
    ("electrolyte", "diffusivity"): 13.0,
}


def table(kind="single_ion", **temperatures):
    """Table of the tiny cell with all activation energies."""
    found = {**TINY, "kinetics": temperatures, "electrolyte": {"kind": kind}}
    for (*path, name), energy in ENERGIES.items():
        inner = found
        for part in path:
            inner = inner.setdefault(part, {})
        inner[f"{name}_activation_energy_kJ_per_mol"] = energy
    return found


def ratio(*path):
    energy = 1e3 * ENERGIES[path]
    return math.exp(-energy / 8.31446261815324 * (1 / KELVIN - 1 / REFERENCE))


def test_a_rate_doubles_where_it_should():
    energy = 8.31446261815324 * math.log(2) / (1 / 290 - 1 / 310)
    assert arrhenius(energy, 310.0, 290.0) == pytest.approx(2.0, rel=1e-14)
    assert arrhenius(energy, 290.0, 310.0) == pytest.approx(0.5, rel=1e-14)
    assert arrhenius(energy, 298.15, 298.15) == 1.0


@pytest.mark.parametrize("kind", ["single_ion", "binary"])
def test_nothing_moves_at_the_reference(kind):
    given = table(kind, temperature_K=KELVIN, reference_temperature_K=KELVIN)
    config = config_from_table(given)
    assert at_temperature(config) == config
    without = {**TINY, "kinetics": given["kinetics"], "electrolyte": {"kind": kind}}
    laws, plain = electro_laws(config), electro_laws(config_from_table(without))
    for name in ("diffusivity", "ionic_conductivity", "electronic_conductivity", "permeance", "lithium"):
        assert getattr(laws, name) == getattr(plain, name)


def test_every_rate_of_a_solid_cell_follows_its_energy():
    warm = electro_laws(config_from_table(table(temperature_K=KELVIN, reference_temperature_K=REFERENCE)))
    cold = electro_laws(config_from_table(table(temperature_K=REFERENCE, reference_temperature_K=REFERENCE)))
    near = lambda value: pytest.approx(value, rel=1e-14)  # noqa: E731
    spread = ratio("materials", "active", "diffusivity")
    assert warm.diffusivity == near(tuple(d * spread for d in cold.diffusivity))
    ecbd, separator = cold.ionic_conductivity
    expected = (
        ecbd * ratio("materials", "ecbd", "ionic"),
        separator * ratio("materials", "separator", "ionic"),
    )
    assert warm.ionic_conductivity == near(expected)
    electronic = cold.electronic_conductivity * ratio("materials", "ecbd", "electronic")
    assert warm.electronic_conductivity == near(electronic)
    assert warm.permeance == near(cold.permeance * ratio("grain_boundary", "permeance"))
    exchange, lithium = ratio("kinetics", "exchange"), ratio("kinetics", "lithium_exchange")
    assert warm.particle.exchange_current == near(cold.particle.exchange_current * exchange)
    assert warm.lithium.exchange_current == near(cold.lithium.exchange_current * lithium)
    assert warm.particle.temperature == warm.lithium.temperature == warm.temperature == KELVIN
    assert warm.contact == cold.contact


def test_every_rate_of_a_liquid_follows_its_energy():
    given = table("binary", temperature_K=KELVIN, reference_temperature_K=REFERENCE)
    warm = electro_laws(config_from_table(given)).liquid
    cold = electro_laws(config_from_table(table("binary", temperature_K=KELVIN,
                                                reference_temperature_K=KELVIN))).liquid  # fmt: skip
    c = np.array([200.0, 1000.0, 1700.0])
    for name, got, old in (
        (("electrolyte", "conductivity"), warm.law.conductivity(c), cold.law.conductivity(c)),
        (("electrolyte", "diffusivity"), warm.law.diffusivity(c), cold.law.diffusivity(c)),
        (("kinetics", "lithium_exchange"), warm.lithium_exchange(c), cold.lithium_exchange(c)),
    ):
        assert got == pytest.approx(old * ratio(*name), rel=1e-14)
    assert warm.law.transference_number == cold.law.transference_number


def scaled(kind):
    """The same cell with values scaled by hand, given for the temperature of the cell."""
    found = config_from_table(table(kind, temperature_K=KELVIN, reference_temperature_K=KELVIN))
    exchange = found.kinetics.lithium_exchange_current * ratio("kinetics", "lithium_exchange")
    materials, one = found.materials, lambda *path: ratio(*path)
    spread = one("materials", "active", "diffusivity")
    return {
        **TINY,
        "electrolyte": {"kind": kind},
        "materials": {
            "active": {"diffusivity_m2_per_s": [d * spread for d in materials.active.diffusivity]},
            "ecbd": {
                "ionic_conductivity_S_per_m": 0.03 * one("materials", "ecbd", "ionic"),
                "electronic_conductivity_S_per_m": 10.0 * one("materials", "ecbd", "electronic"),
            },
            "separator": {"ionic_conductivity_S_per_m": 0.045 * one("materials", "separator", "ionic")},
        },
        "grain_boundary": {"permeance_m_per_s": 2e-7 * one("grain_boundary", "permeance")},
        "kinetics": {
            "exchange_current_A_per_m2": 50.0 * one("kinetics", "exchange"),
            "lithium_exchange_current_A_per_m2": exchange,
            "temperature_K": KELVIN,
            "reference_temperature_K": KELVIN,
        },
    }


def test_a_warm_cell_is_one_with_scaled_values():
    warm = config_from_table(table(temperature_K=KELVIN, reference_temperature_K=REFERENCE))
    by_hand = config_from_table(scaled("single_ion"))
    network = build_network(warm, build_microstructure(warm))
    found = []
    for config in (warm, by_hand, config_from_table(TINY)):
        stepper = Stepper(config, network)
        *_, last = islice(stepper.steps(*stepper.start()), 4)
        found.append(last.state)
    for name in ("stoich_n", "phi_l_n", "u_nc"):
        one, other, cold = (getattr(state, name) for state in found)
        assert one == pytest.approx(other, rel=1e-12, abs=1e-12 * np.abs(other).max())
        assert np.abs(one - cold).max() > 1e-4 * np.abs(cold).max()


@pytest.mark.parametrize("own", [None, 7e-15])
def test_a_warm_1d_cell_is_one_with_scaled_values(own):
    warm, by_hand = table(temperature_K=KELVIN, reference_temperature_K=REFERENCE), scaled("single_ion")
    if own is not None:
        warm = {**warm, "cell1d": {"diffusivity_m2_per_s": own}}
        spread = ratio("materials", "active", "diffusivity")
        by_hand = {**by_hand, "cell1d": {"diffusivity_m2_per_s": own * spread}}
    curves = []
    for config in map(config_from_table, (warm, by_hand)):
        cell = cell_of(config)
        curves.append([cell.fields(step.z).voltage for step in islice(steps_1d(config, cell), 30)])
    assert curves[0] == pytest.approx(curves[1], rel=1e-12)


def test_missing_energies_are_told_together_and_zero_keeps_a_value():
    with pytest.raises(ConfigError) as error:
        config_from_table({"kinetics": {"temperature_K": 313.0}})
    told = error.value.problems
    assert len(told) == 7 and all("is required where kinetics.temperature_K = 313" in line for line in told)
    binary = {"electrolyte": {"kind": "binary"}, "kinetics": {"temperature_K": 313.0}}
    with pytest.raises(ConfigError) as error:
        config_from_table(binary)
    told = "\n".join(error.value.problems)
    assert "electrolyte.conductivity_activation_energy_kJ_per_mol" in told
    assert "ionic_activation_energy" not in told
    off = table(temperature_K=KELVIN, reference_temperature_K=REFERENCE)
    off["materials"]["active"]["diffusivity_activation_energy_kJ_per_mol"] = 0.0
    assert electro_laws(config_from_table(off)).diffusivity == (1e-14, 1e-14, 1e-20)


def test_a_value_must_stay_in_its_range():
    cold = table(temperature_K=200.0, reference_temperature_K=500.0)
    cold["kinetics"]["exchange_activation_energy_kJ_per_mol"] = 100.0
    with pytest.raises(
        ConfigError, match=r"kinetics.exchange_current_A_per_m2 = .* at temperature_K = 200: must"
    ):
        config_from_table(cold)


def test_materials_of_the_library_bring_energies():
    named = {
        "active": {"material": "nmc811"},
        "ecbd": {"material": "li3incl6"},
        "separator": {"material": "llzo"},
    }
    found = config_from_table({"materials": named}).materials
    assert found.active.diffusivity_activation_energy == 25e3
    assert found.ecbd.ionic_activation_energy == 33.5e3
    assert found.separator.ionic_activation_energy == 29e3


def test_the_ecbd_takes_its_share_of_an_electrolyte():
    named = {"materials": {"ecbd": {"material": "li6ps5cl"}}}
    found = config_from_table(named).materials.ecbd
    assert found.youngs_modulus == pytest.approx(22.1e9) and found.electronic_conductivity == 10.0
    assert found.ionic_conductivity == pytest.approx(0.2 * 0.75**1.5, rel=1e-12)
    found = config_from_table(
        {**named, "electrolyte": {"fraction_ecbd": 0.6, "bruggeman": 2.0}}
    ).materials.ecbd
    assert found.ionic_conductivity == pytest.approx(0.2 * 0.36, rel=1e-12)
    with pytest.raises(ConfigError, match=r"electrolyte\.bruggeman = 'steep'"):
        config_from_table({**named, "electrolyte": {"bruggeman": "steep"}})
