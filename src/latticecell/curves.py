"""Curves of material laws as an input file gives them: points, their unit, and how they go on beyond."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeGuard

from pydantic_core import PydanticCustomError, core_schema

from latticecell.errors import shown
from latticecell.units import SI_PER_UNIT

Beyond = Literal["linear", "constant", "error"]

MOST_POINTS = 2000
"""Points of a curve, at most: a run directory must hold them."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of a function of stoichiometry, in the unit in which they were given.

    Attributes
    ----------
    x : tuple of float
        Stoichiometries, rising [1].
    y : tuple of float
        Values there, in ``unit``.
    unit : str
        "" for a bare number.
    extrapolation : {"linear", "constant", "error"} or None
        How it goes on beyond its points; None: as the material says for all its strains.
    source : str
        Where the points came from, for the record.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    unit: str = ""
    extrapolation: Beyond | None = None
    source: str = ""

    def table(self) -> dict[str, Any]:
        """Return the keys of the TOML table that stands for the curve."""
        found: dict[str, Any] = {"x": self.x, "y": self.y}
        found |= {"unit": self.unit} if self.unit else {}
        found |= {"extrapolation": self.extrapolation} if self.extrapolation else {}
        return found | ({"source": self.source} if self.source else {})

    def in_si(self) -> list[float]:
        """Return the values in SI."""
        return [y * SI_PER_UNIT[self.unit] for y in self.y]


def named(law: str | Curve) -> str:
    """Return the name of a law as a message shows it, or in words which curve it is."""
    if isinstance(law, str):
        return shown(law)
    return f"{{ {len(law.x)} points{f' of {law.source}' if law.source else ''} }}"


@dataclass(frozen=True, slots=True)
class CurveKey:
    """Metadata of a key whose value is a `Curve`, or the name of a law if ``names``.

    ``units`` are those that the points may have, the first of them by default; ``low`` and ``high`` bound the
    values in SI; ``beyond`` are the ways to go on beyond the points, the first by default.
    """

    units: tuple[str, ...]
    low: float
    high: float
    beyond: tuple[Beyond | None, ...]
    names: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Validate a table of points, or leave a name as it is."""
        return core_schema.no_info_plain_validator_function(self.read)

    def read(self, value: Any) -> str | Curve:
        """Return the curve that a TOML table holds; a problem is told as one of pydantic's errors."""
        if isinstance(value, Curve) or (self.names and isinstance(value, str)):
            return value
        if not isinstance(value, Mapping):
            raise PydanticCustomError("points", "{what}", {"what": f"must be {self.allowed}"})
        if problem := self._problem(value):
            raise PydanticCustomError("points", "{what}", {"what": problem})
        x, y = (tuple(map(float, value[key])) for key in ("x", "y"))
        if x[0] > x[-1]:
            x, y = x[::-1], y[::-1]
        return Curve(
            x, y, value.get("unit", self.units[0]), value.get("extrapolation", self.beyond[0]),
            value.get("source", ""),
        )  # fmt: skip

    @property
    def allowed(self) -> str:
        """Which points are allowed, in words."""
        unit = self.units[0]
        low, high = (value / SI_PER_UNIT[unit] for value in (self.low, self.high))
        return "points" if self.names else f"points, y in [{low:g}, {high:g}] {unit}".rstrip()

    def _problem(self, value: Mapping[str, Any]) -> str | None:
        """Return what is wrong with a table of points."""
        known = ("x", "y", "unit", "extrapolation", "source")
        if strange := [key for key in value if key not in known]:
            return f"has the unknown key {shown(strange[0])}; known here: file, {', '.join(known)}"
        for key in ("x", "y"):
            if not _numbers(value.get(key)):
                return f"{key} = {shown(value.get(key))}: must be a list of numbers"
        x, y = value["x"], value["y"]
        if len(x) != len(y):
            return f"has {len(x)} numbers x and {len(y)} numbers y, must have as many"
        if not 2 <= len(x) <= MOST_POINTS:
            return f"has {len(x)} points, must have 2 to {MOST_POINTS}"
        outside = [i for i, one in enumerate(x) if not 0 <= one <= 1]
        if outside:
            return f"x[{outside[0]}] = {x[outside[0]]:g}: must be in [0, 1]"
        sign = 1 if x[0] < x[-1] else -1
        turned = [i for i, (a, b) in enumerate(pairwise(x), 1) if (b - a) * sign <= 0]
        if turned:
            return f"x[{turned[0]}] = {x[turned[0]]:g}: must go on from {x[turned[0] - 1]:g} in one direction"
        if "unit" in value and value["unit"] not in self.units:
            return f"unit = {shown(value['unit'])}: must be {_one_of(self.units)}"
        ways = [way for way in self.beyond if way]
        if "extrapolation" in value and value["extrapolation"] not in ways:
            return f"extrapolation = {shown(value['extrapolation'])}: must be {_one_of(ways)}"
        if not isinstance(value.get("source", ""), str):
            return f"source = {shown(value['source'])}: must be text"
        unit = value.get("unit", self.units[0])
        factor = SI_PER_UNIT[unit]
        for i, one in enumerate(y):
            if not self.low <= one * factor <= self.high:
                limits = f"[{self.low / factor:g}, {self.high / factor:g}] {unit}".rstrip()
                other = [f'"{u}"' for u in self.units if u != unit]
                hint = f"; or give unit = {' or '.join(other)}" if other else ""
                return f"y[{i}] = {one:g}: must be in {limits}{hint}"
        return None


def _numbers(value: Any) -> TypeGuard[list[float]]:
    if not isinstance(value, list | tuple):
        return False
    return all(isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in value)


def _one_of(choices: Any) -> str:
    return " or ".join(f'"{choice}"' for choice in choices)
