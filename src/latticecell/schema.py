"""Building blocks of the configuration: sections whose TOML keys carry units and whose attributes are SI."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from latticecell.units import SI_PER_UNIT


class Section(BaseModel):
    """A table of the TOML file: unknown keys are errors, instances are frozen, attributes are SI."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


@dataclass(frozen=True, slots=True)
class Quantity:
    """Metadata of a number that is given in ``unit`` and stored in SI.

    Defaults and bounds are written in ``unit`` too; ranges are checked before the conversion.
    """

    unit: str = ""
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Validate a strict number within the bounds, then convert."""
        number = core_schema.float_schema(
            strict=True, allow_inf_nan=False, gt=self.gt, ge=self.ge, lt=self.lt, le=self.le
        )
        return core_schema.no_info_after_validator_function(self.to_si, number)

    def to_si(self, value: float) -> float:
        """Return ``value``, given in the unit, in SI."""
        return _to_si(value, self.unit)


def _to_si(value: float, unit: str) -> float:
    factor = SI_PER_UNIT[unit]
    # Division by the exact reciprocal keeps decimal input such as 0.3 um at the nearest float.
    return value / round(1 / factor) if factor < 1 else value * factor


def from_si(value: float, unit: str) -> float:
    """Return ``value`` in ``unit``, such that converting it back gives the same float."""
    factor = SI_PER_UNIT[unit]
    guess = value * round(1 / factor) if factor < 1 else value / factor
    for digits in (12, 15, 16):
        short = float(f"{guess:.{digits}g}")
        if _to_si(short, unit) == value:
            return short
    return guess


def unit_of(field: FieldInfo) -> str:
    """Return the unit suffix of a field, empty for a bare number."""
    found = list(_markers(field.metadata)) or list(_markers(_nested(field.annotation)))
    return found[0] if found else ""


def _markers(items: Any) -> Iterator[str]:
    for item in items:
        if isinstance(item, Quantity) and item.unit:
            yield item.unit


def _nested(annotation: Any) -> Iterator[Any]:
    """Walk through unions and tuples to the metadata of the numbers inside."""
    yield from getattr(annotation, "__metadata__", ())
    for inner in getattr(annotation, "__args__", ()):
        yield from _nested(inner)


def key_of(name: str, field: FieldInfo) -> str:
    """TOML key of an attribute: the name with its unit suffix."""
    unit = unit_of(field)
    return f"{name}_{unit}" if unit else name
