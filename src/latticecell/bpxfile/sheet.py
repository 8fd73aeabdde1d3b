"""What becomes of every value of a BPX file, and the input file that takes over what it can."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from latticecell.arrays import Floats
from latticecell.errors import ConfigError, shown

Table = dict[str, Any]
Path = tuple[str, ...]

WIDTH: Final = 110
CELL: Final = ("Parameterisation", "Cell")
ELECTROLYTE: Final = ("Parameterisation", "Electrolyte")
POSITIVE: Final = ("Parameterisation", "Positive electrode")
SEPARATOR: Final = ("Parameterisation", "Separator")
INITIAL: Final = ("State", "Initial conditions")

UNUSED: Final[dict[Path, str]] = {
    ("Header", "BPX"): "not used: the package bpx has read it",
    ("Header", "Model"): "not used: this model solves for the salt and the potentials by itself",
    (*CELL, "External surface area [m2]"): "not used: the temperature is uniform and constant",
    (*CELL, "Volume [m3]"): "not used: the temperature is uniform and constant",
    (*CELL, "Density [kg.m-3]"): "not used: the temperature is uniform and constant",
    (*CELL, "Specific heat capacity [J.K-1.kg-1]"): "not used: the temperature is uniform and constant",
    ("Parameterisation", "Negative electrode"): "not used: the other electrode is Li metal",
    ("Parameterisation", "User-defined"): "not used: has no meaning of its own",
    (*INITIAL, "Initial hysteresis state: Positive electrode"): "not used: there is no hysteresis",
    (*INITIAL, "Initial hysteresis state: Negative electrode"): "not used: there is no hysteresis",
    ("State", "Thermal environment"): "not used: the temperature is uniform and constant",
    ("State", "Degradation"): "not used: the cell is new",
    ("Validation",): "not used: measured with the negative electrode of the file",
}
"""Values, and whole sections, that nothing here stands for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of the input file, its value as TOML, and a comment."""

    key: str
    value: str
    comment: str = ""


@dataclass(slots=True)
class Sheet:
    """Collects what becomes of the values of a file, and the sections of the input file.

    Attributes
    ----------
    table : dict
        Values of the BPX file by section.
    fates : dict
        By the path of a value, or of a whole section, what becomes of it.
    sections : list
        Headers of the input file and their keys, in order.
    assumed : list of str
        What the file does not tell.
    """

    table: Table
    fates: dict[Path, str] = field(default_factory=dict)
    sections: list[tuple[str, list[Entry]]] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)

    def get(self, *path: str, default: Any = None) -> Any:
        """Return a value of the file, or ``default``."""
        found: Any = self.table
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return default if found is None else found

    def positive(self, *path: str, default: float | None = None) -> float:
        """Return a number of the file, or ``default``; raises `ConfigError` unless it is above 0."""
        value = self.get(*path, default=default)
        if not isinstance(value, int | float) or not 0 < value < math.inf:
            raise ConfigError(f"{' / '.join(path[1:])} = {shown(value)}: must be a positive number")
        return float(value)

    def share(self, *path: str) -> float:
        """Return a share of the file; raises `ConfigError` unless it is above 0 and at most 1."""
        value = self.positive(*path)
        if value > 1:
            raise ConfigError(f"{' / '.join(path[1:])} = {value:g}: must be in (0, 1]")
        return value

    def say(self, fate: str, *path: str) -> None:
        """Note what becomes of a value, if the file has it."""
        if self.get(*path) is not None:
            self.fates[path] = fate

    def lines(self) -> Iterator[str]:
        """Yield a line for every value of the file: what it is, and what becomes of it."""
        yield from self._lines((), self.table)

    def _lines(self, path: Path, value: Any) -> Iterator[str]:
        fate = self.fates.get(path) or UNUSED.get(path)
        name = " / ".join(path[1:] if path[:1] == ("Parameterisation",) else path)
        if fate is None and isinstance(value, Mapping) and not _is_curve(value):
            for key, inner in value.items():
                yield from self._lines((*path, str(key)), inner)
        elif isinstance(value, Mapping) and not _is_curve(value):
            yield f"{name} ({len(value)} {'entry' if len(value) == 1 else 'entries'}): {fate}"
        else:
            yield f"{name} = {_short(value)}: {fate or 'not used: nothing here stands for it'}"

    def toml(self, title: str) -> str:
        """Return the input file, commented."""
        lines = _comment(title)
        for header, entries in self.sections:
            lines += ["", header] if header else [""]
            for entry in entries:
                lines += [*_comment(entry.comment), f"{entry.key} = {entry.value}"]
        unused = [line for line in self.lines() if ": not used" in line]
        for heading, told in (
            ("Not in the file, and assumed:", self.assumed), ("In the file, and not used:", unused)
        ):  # fmt: skip
            if told:
                lines += ["", f"# {heading}"]
                for line in told:
                    lines += [f"# {part}" for part in textwrap.wrap(
                        line, WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False
                    )]  # fmt: skip
        return "\n".join(lines) + "\n"


def _is_curve(value: Mapping[str, Any]) -> bool:
    return set(value) == {"x", "y"}


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a table of {len(value['x'])} points"
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:37]}..."


def _comment(text: str) -> list[str]:
    paragraphs = text.split("\n") if text else []
    return [f"# {line}" for each in paragraphs for line in textwrap.wrap(each, WIDTH, break_on_hyphens=False)]


def number(value: float) -> str:
    """Return a number as TOML."""
    text = f"{float(value):.10g}"
    return text if any(mark in text for mark in ".en") else f"{text}.0"


def numbers(values: Iterable[float]) -> str:
    """Return numbers as TOML."""
    return f"[{', '.join(number(value) for value in values)}]"


def csv(heading: str, curve: Floats) -> str:
    """Return the lines of a file of points, (2, n)."""
    return "\n".join([heading, *(f"{x:.10g},{y:.10g}" for x, y in curve.T)]) + "\n"
