"""The keys whose values follow the temperature of the cell, and the configuration at that temperature."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from latticecell.config import Config
from latticecell.laws.arrhenius import arrhenius
from latticecell.schema import Quantity, Section, allowed, from_si, key_of, marks, unit_of

ENERGY = "activation_energy"


class Activated(NamedTuple):
    """A value, or that of a law, which follows Arrhenius; ``energy`` is the key of its activation energy."""

    table: str
    energy: str
    value: str | None = None


ALWAYS = (
    Activated("materials.active", f"diffusivity_{ENERGY}", "diffusivity"),
    Activated("materials.ecbd", f"electronic_{ENERGY}", "electronic_conductivity"),
    Activated("grain_boundary", f"permeance_{ENERGY}", "permeance"),
    Activated("kinetics", f"exchange_{ENERGY}", "exchange_current"),
    Activated("kinetics", f"lithium_exchange_{ENERGY}", "lithium_exchange_current"),
)
SINGLE_ION = (
    Activated("materials.ecbd", f"ionic_{ENERGY}", "ionic_conductivity"),
    Activated("materials.separator", f"ionic_{ENERGY}", "ionic_conductivity"),
)
BINARY = (
    Activated("electrolyte", f"conductivity_{ENERGY}"),
    Activated("electrolyte", f"diffusivity_{ENERGY}"),
)


def _activated(config: Config) -> tuple[Activated, ...]:
    return ALWAYS + (BINARY if config.electrolyte.kind == "binary" else SINGLE_ION)


def _section(config: Config, table: str) -> Section:
    section: Any = config
    for name in table.split("."):
        section = getattr(section, name)
    assert isinstance(section, Section)
    return section


def factor(config: Config, activation_energy: float | None) -> float:
    """Return what the temperature of the cell multiplies a rate by [1]; the energy is in J/mol."""
    kinetics = config.kinetics
    return arrhenius(activation_energy or 0.0, kinetics.temperature, kinetics.reference_temperature)


def at_temperature(config: Config) -> Config:
    """Return the configuration with the values of its keys at the temperature of the cell.

    The conductivity, diffusivity and exchange current that an `ELECTROLYTE_LAWS` gives are no keys and stay
    as they are, see `latticecell.laws.electrolyte.Warmed`.
    """
    for item in _activated(config):
        section = _section(config, item.table)
        if item.value is not None:
            ratio = factor(config, getattr(section, item.energy))
            config = _replaced(config, item.table, item.value, _times(getattr(section, item.value), ratio))
    if config.cell1d.diffusivity is not None:
        ratio = factor(config, config.materials.active.diffusivity_activation_energy)
        config = _replaced(config, "cell1d", "diffusivity", config.cell1d.diffusivity * ratio)
    return config


def _times(value: Any, ratio: float) -> Any:
    return tuple(item * ratio for item in value) if isinstance(value, tuple) else value * ratio


def _replaced(section: Any, table: str, name: str, value: Any) -> Any:
    """Return a copy of a section with one value below it replaced."""
    head, _, rest = table.partition(".")
    inner = getattr(section, head)
    new = _replaced(inner, rest, name, value) if rest else inner.model_copy(update={name: value})
    return section.model_copy(update={head: new})


def check_temperature(config: Config) -> list[str]:
    """Return what is missing or out of range at a temperature that is not the one the values are for."""
    kinetics = config.kinetics
    if kinetics.temperature == kinetics.reference_temperature:
        return []
    return [*_missing(config), *_out_of_range(config)]


def _missing(config: Config) -> Iterator[str]:
    for item in _activated(config):
        section = _section(config, item.table)
        if getattr(section, item.energy) is None:
            key = key_of(item.energy, type(section).model_fields[item.energy])
            yield (
                f"{item.table}.{key}: is required where kinetics.temperature_K = "
                f"{config.kinetics.temperature:g} is not reference_temperature_K = "
                f"{config.kinetics.reference_temperature:g}; 0 keeps the value"
            )


def _out_of_range(config: Config) -> Iterator[str]:
    warm = at_temperature(config)
    tables = [(item.table, item.value) for item in _activated(config) if item.value is not None]
    for table, name in [*tables, ("cell1d", "diffusivity")]:
        section = _section(warm, table)
        field, value = type(section).model_fields[name], getattr(section, name)
        (range_,) = {mark for mark in marks(field) if isinstance(mark, Quantity)}
        assert range_.ge is not None and range_.le is not None
        low, high = range_.to_si(range_.ge), range_.to_si(range_.le)
        for item in value if isinstance(value, tuple) else () if value is None else (value,):
            if item != 0 and not low <= item <= high:
                told = from_si(item, unit_of(field))
                yield (
                    f"{table}.{key_of(name, field)} = {told:.4g} at temperature_K = "
                    f"{config.kinetics.temperature:g}: must be a {allowed(field)}"
                )
                break
