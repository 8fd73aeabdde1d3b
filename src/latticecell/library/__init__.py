"""Materials as data files, one TOML file each, with the source of every value."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import tomli

from latticecell.errors import ConfigError, shown

Table = dict[str, Any]

KINDS = {"active": "active", "separator": "electrolyte"}
"""Kind of material that each table below ``[materials]`` takes by its key ``material``."""
STRAINS = ({"lattice_a", "lattice_c"}, {"volume_change", "expansion_ratio"})
"""Keys of ``[materials.active]`` of which one group replaces the other."""


@dataclass(frozen=True, slots=True)
class Value:
    """The value of a key: where it is from, and why it is assumed if it is."""

    value: Any
    source: str
    assumed: str


@dataclass(frozen=True, slots=True)
class Material:
    """A material of the library: its values by the key of the input file."""

    name: str
    title: str
    kind: str
    note: str
    values: dict[str, Value]


@cache
def names() -> tuple[str, ...]:
    """Return the names of all materials, in order."""
    found = (item.name for item in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def material(name: str) -> Material:
    """Return a material of the library; raises `ConfigError` with those that there are."""
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"{shown(name)}: must be one of {', '.join(names())}{hint}")
    table = tomli.loads(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    values = {
        key: Value(entry["value"], entry["source"], entry.get("assumed", ""))
        for key, entry in table["values"].items()
    }
    return Material(name, table["title"], table["kind"], table["note"].strip(), values)


def with_materials(table: Table) -> tuple[Table, list[str]]:
    """Put the values of named materials below those of a parsed TOML table; return what is wrong, too.

    A key of the file overrides that of the material; lattice parameters and volume change override each
    other. The table given is left alone.
    """
    problems: list[str] = []
    sections = table.get("materials")
    if not isinstance(sections, dict):
        return table, problems
    merged = dict(sections)
    for section, kind in KINDS.items():
        own = sections.get(section)
        if not isinstance(own, dict) or not isinstance(own.get("material"), str):
            continue
        where = f"materials.{section}.material"
        try:
            found = material(own["material"])
        except ConfigError as error:
            problems += [f"{where} = {problem}" for problem in error.problems]
            continue
        if found.kind != kind:
            problems.append(f"{where} = {shown(found.name)}: is an {found.kind}, must be an {kind}")
            continue
        replaced = set[str]().union(*(one for one, other in zip(STRAINS, STRAINS[::-1], strict=True)
                                      if other & own.keys()))  # fmt: skip
        values = {key: value.value for key, value in found.values.items() if key not in replaced}
        merged[section] = {**values, **own}
    return {**table, "materials": merged}, problems
