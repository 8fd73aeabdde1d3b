"""Building blocks of the configuration: sections whose TOML keys carry units and whose attributes are SI."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from latticecell.curves import CurveKey
from latticecell.registry import names_under
from latticecell.units import SI_PER_UNIT


class Section(BaseModel):
    """A table of the TOML file: unknown keys are errors, instances are frozen, attributes are SI.

    The docstring below an attribute says what its key means.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_default=True,
        use_attribute_docstrings=True,
    )


@dataclass(frozen=True, slots=True)
class Quantity:
    """Metadata of a number that is given in ``unit`` and stored in SI.

    Defaults and bounds are written in ``unit`` too; ranges are checked before the conversion. ``or_zero``
    allows 0 as well.
    """

    unit: str = ""
    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    or_zero: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Validate a strict number within the bounds, then convert."""
        number: core_schema.CoreSchema = core_schema.float_schema(
            strict=True, allow_inf_nan=False, gt=self.gt, ge=self.ge, lt=self.lt, le=self.le
        )
        if self.or_zero:
            zero = core_schema.float_schema(strict=True, ge=0, le=0)
            number = core_schema.union_schema(
                [zero, number], custom_error_type="range", custom_error_message="out of range"
            )
        return core_schema.no_info_after_validator_function(self.to_si, number)

    def to_si(self, value: float) -> float:
        """Return ``value``, given in the unit, in SI."""
        return _to_si(value, self.unit)


def _to_si(value: float, unit: str) -> float:
    factor, parts = SI_PER_UNIT[unit], _parts(unit)
    # Division by the exact reciprocal keeps decimal input such as 0.3 um at the nearest float.
    return value / parts if parts else value * factor


def _parts(unit: str) -> int:
    """Return how many of the unit are one of SI, 0 where that is not a whole number above one."""
    inverse = 1 / SI_PER_UNIT[unit]
    return round(inverse) if inverse > 1 and math.isclose(inverse, round(inverse), rel_tol=1e-12) else 0


def from_si(value: float, unit: str) -> float:
    """Return ``value`` in ``unit``, such that converting it back gives the same float."""
    parts = _parts(unit)
    guess = value * parts if parts else value / SI_PER_UNIT[unit]
    for digits in (12, 15, 16):
        short = float(f"{guess:.{digits}g}")
        if _to_si(short, unit) == value:
            return short
    near = (guess, math.nextafter(guess, math.inf), math.nextafter(guess, -math.inf))
    return next((one for one in near if _to_si(one, unit) == value), guess)


@dataclass(frozen=True, slots=True)
class Named:
    """Metadata of a text that is a name of the `Registry` which serves the TOML key ``registry``."""

    registry: str


def key_of(name: str, field: FieldInfo) -> str:
    """TOML key of an attribute: the name with its unit suffix."""
    unit = unit_of(field)
    return f"{name}_{unit}" if unit else name


def unit_of(field: FieldInfo) -> str:
    """Return the unit suffix of a field, empty for a bare number."""
    return next((item.unit for item in marks(field) if isinstance(item, Quantity)), "")


def subsection(field: FieldInfo) -> tuple[type[Section] | None, bool]:
    """Return the `Section` that a field holds, if any, and whether it holds a list of them."""
    found = [item for item in marks(field) if isinstance(item, type) and issubclass(item, Section)]
    return (found[0] if found else None), bool(_items(field))


def _items(field: FieldInfo) -> tuple[Any, ...]:
    """Return the types of the items of a field that holds a list, or may; nothing for any other."""
    choices = (field.annotation, *get_args(field.annotation))
    return next((get_args(choice) for choice in choices if get_origin(choice) is tuple), ())


def allowed(field: FieldInfo, item: bool = False) -> str:
    """Say in words which values a key takes, or an item of its list, as in "number in (0, 5] um"."""
    section, many = subsection(field)
    own = list(marks(field))
    if section is not None and not (many and not item):
        return "table"
    choices: list[str] = []
    for mark in own:
        if get_origin(mark) is Literal:
            choices = [f'"{choice}"' for choice in get_args(mark)]
        elif isinstance(mark, Named):
            choices = [*(f'"{name}"' for name in names_under(mark.registry)), "a name registered by --laws"]
        elif isinstance(mark, CurveKey):
            choices.insert(-1, mark.allowed)
    if choices:
        return " or ".join(choices)
    nouns = {bool: "true or false", str: "text", int: "whole number"}
    noun = next((text for kind, text in nouns.items() if kind in own), "number")
    if many and not item:
        count = [] if Ellipsis in _items(field) else [str(len(_items(field)))]
        noun = " ".join(["list of", *count, f"{noun}s"])
    limits: dict[str, float] = {}
    for mark in own:
        for name in ("gt", "ge", "lt", "le", "min_length", "max_length"):
            if isinstance(value := getattr(mark, name, None), int | float):
                limits[name] = value
    if section is not None:
        return f"list of {limits.get('min_length', 0)} to {limits.get('max_length', 'any number of')} tables"
    if many and not item and "min_length" in limits:
        least, most = limits.pop("min_length"), limits.pop("max_length")
        noun = noun.replace("list of", f"list of {least} to {most}", 1)
    if "min_length" in limits:
        return f"{noun} of {limits['min_length']} to {limits['max_length']} characters"
    if not limits:
        return noun
    low = f"({limits['gt']:g}" if "gt" in limits else f"[{limits['ge']:g}" if "ge" in limits else "(-inf"
    high = f"{limits['lt']:g})" if "lt" in limits else f"{limits['le']:g}]" if "le" in limits else "inf)"
    zero = ", 0 or" if any(getattr(mark, "or_zero", False) for mark in own) else ""
    return f"{noun}{zero} in {low}, {high} {unit_of(field).replace('_per_', '/').replace('_', ' ')}".rstrip()


def marks(item: Any) -> Iterator[Any]:
    """Walk through a field: annotations, members of unions and tuples, and the metadata of all of them."""
    yield item
    for name in ("annotation", "metadata", "__metadata__", "__args__"):
        inner = getattr(item, name, ())
        for each in inner if isinstance(inner, list | tuple) else (inner,):
            if not isinstance(each, str):
                yield from marks(each)
