"""Where a cell starts, told by its state of charge or its voltage instead of its stoichiometry."""

from __future__ import annotations

from typing import Final

from scipy.optimize import brentq

from latticecell.config import ActiveMaterial, Config
from latticecell.errors import ConfigError
from latticecell.laws.chosen import open_circuit
from latticecell.laws.ocv import OpenCircuit

WHERE: Final = "materials.active"
STARTS: Final = {
    "initial_stoichiometry": "initial_stoichiometry",
    "initial_soc": "initial_soc",
    "initial_voltage": "initial_voltage_V",
}
"""Attributes of the active material that tell the start, with their keys; one of them may be given."""
EMPTY, FULL = 0.001, 0.999
"""Range of stoichiometries in which a voltage is looked for, within the data of the law [1]."""


def with_start(config: Config) -> tuple[Config, list[str]]:
    """Return a configuration that starts at a stoichiometry, and what is wrong with the start it tells."""
    active = config.materials.active
    given = [name for name in STARTS if name in active.model_fields_set]
    told = [
        f"{WHERE}.{STARTS[name]}: has no meaning beside {STARTS[given[0]]}; give one of them"
        for name in given[1:]
    ]
    if active.initial_soc is None and active.soc_window is not None:
        told.append(f"{WHERE}.soc_window_V: has no meaning without initial_soc")
    if active.initial_soc is not None and active.soc_window is None:
        told.append(f"{WHERE}.initial_soc: has no meaning without soc_window_V, where it is 0 and 1")
    if told or (active.initial_soc is None and active.initial_voltage is None):
        return config, told
    try:
        x = _stoichiometry(active, open_circuit(active))
    except ConfigError as error:
        return config, error.problems
    found = dict.fromkeys(("initial_soc", "initial_voltage", "soc_window"))
    active = active.model_copy(update={**found, "initial_stoichiometry": x})
    materials = config.materials.model_copy(update={"active": active})
    return config.model_copy(update={"materials": materials}), []


def _stoichiometry(active: ActiveMaterial, ocv: OpenCircuit) -> float:
    """Return the stoichiometry of the start; raises `ConfigError` if there is none."""
    if active.initial_voltage is not None:
        return _at(ocv, active.initial_voltage, "initial_voltage_V")
    assert active.soc_window is not None and active.initial_soc is not None
    low, high = active.soc_window
    if not low < high:
        raise ConfigError(f"{WHERE}.soc_window_V = {[low, high]}: the first must be below the second")
    empty, full = _at(ocv, low, "soc_window_V[0]"), _at(ocv, high, "soc_window_V[1]")
    return empty + active.initial_soc * (full - empty)


def _at(ocv: OpenCircuit, voltage: float, key: str) -> float:
    low, high = getattr(ocv, "covers", (EMPTY, FULL))
    low, high = max(low, EMPTY), min(high, FULL)
    most, least = float(ocv.voltage(low)), float(ocv.voltage(high))
    if not least <= voltage <= most:
        raise ConfigError(
            f"{WHERE}.{key} = {voltage:g}: must be in [{least:.5g}, {most:.5g}] V, the open-circuit voltages "
            f"at x = {high:g} and {low:g}"
        )
    return float(brentq(lambda x: float(ocv.voltage(x)) - voltage, low, high, xtol=1e-15))
