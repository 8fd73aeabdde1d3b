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
