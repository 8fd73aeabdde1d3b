"""Steps of a protocol as sentences, such as "Discharge at 1C for 30 minutes or until 3.0 V", as in PyBaMM.

A sentence is the same as a table of keys, which `keys_of` returns; `sentence` is its inverse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from latticecell.config import Step
from latticecell.errors import shown
from latticecell.schema import from_si, key_of, unit_of

Keys = dict[str, Any]
FORMS: Final = (
    '"Charge at C/10 until 4.3 V", "Discharge at 2 nA for 30 minutes or until 3.0 V", '
    '"Hold at 4.3 V until C/20", "Rest for 1 hour"'
)
NUMBER: Final = r"[0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?|[0-9]+\."
SHAPE: Final = re.compile(
    r"(?P<kind>charge|discharge|hold|rest)(?: at (?P<at>.+?))?(?P<ends> (?:for|until) .*)?", re.I
)
AMOUNT: Final = re.compile(rf"(?P<number>{NUMBER})\s*(?P<unit>[a-zµμ/^0-9]+)", re.I)
RATE: Final = re.compile(rf"C\s*/\s*(?P<below>{NUMBER})|(?P<times>{NUMBER})?\s*C", re.I)


class Unit(NamedTuple):
    """What a unit measures, the unit of the key that takes it, and how many of that it is."""

    what: str
    of_key: str
    factor: str


def _units() -> Iterator[tuple[str, Unit]]:
    for prefix, exponent in (("n", 0), ("u", 3), ("µ", 3), ("μ", 3), ("m", 6), ("", 9)):
        yield f"{prefix}a", Unit("current", "nA", f"1e{exponent}")
        yield f"{prefix}w", Unit("power", "nW", f"1e{exponent}")
        yield f"{prefix}ah", Unit("capacity", "nAh", f"1e{exponent}")
    for square in ("2", "^2"):
        for name, what, key in (
            ("a", "current", "mA_per_cm2"), ("w", "power", "mW_per_cm2"), ("ah", "capacity", "mAh_per_cm2")
        ):  # fmt: skip
            yield f"m{name}/cm{square}", Unit(what, key, "1")
            yield f"{name}/m{square}", Unit(what, key, "0.1")
    yield "v", Unit("voltage", "V", "1")
    yield "mv", Unit("voltage", "V", "0.001")
    for names, seconds in (
        ("s sec second seconds", "1"), ("min minute minutes", "60"), ("h hr hour hours", "3600"),
        ("day days", "86400"),
    ):  # fmt: skip
        for name in names.split():
            yield name, Unit("time", "s", seconds)


UNITS: Final = dict(_units())
SPELLED: Final = {
    "current": "a C-rate (C/10, 0.5C) or a current (nA, uA, mA, A, mA/cm2, A/m2)",
    "power": "a power (nW, uW, mW, W, mW/cm2, W/m2)",
    "voltage": "a voltage (V, mV)",
    "capacity": "a capacity (nAh, uAh, mAh, Ah, mAh/cm2, Ah/m2)",
    "time": "a time (seconds, minutes, hours)",
}
"""What each quantity may look like."""
KEYS: Final = {
    ("current", ""): "c_rate",
    ("current", "nA"): "current",
    ("current", "mA_per_cm2"): "current_density",
    ("power", "nW"): "power",
    ("power", "mW_per_cm2"): "power_density",
    ("voltage", "V"): "voltage",
}
"""Attribute that a quantity after "at" sets, by the unit of its key."""
ENDS: Final = {
    ("current", ""): "until_c_rate",
    ("current", "nA"): "until_current",
    ("current", "mA_per_cm2"): "until_current_density",
    ("capacity", "nAh"): "until_capacity",
    ("capacity", "mAh_per_cm2"): "until_areal_capacity",
    ("voltage", "V"): "until",
}
"""The same after "until"."""
CONTROLLED: Final = {"charge": ("current", "power"), "discharge": ("current", "power"), "hold": ("voltage",)}


class WordingError(ValueError):
    """A sentence that is none of ours; the message says what is allowed instead."""


def keys_of(text: str) -> Keys:
    """Return the table of TOML keys that says the same as a sentence.

    Upper and lower case are the same. Ends follow each other with "or"; the first that is met counts.

    Raises
    ------
    WordingError
        If a word, a quantity or a unit is not understood.
    """
    match = SHAPE.fullmatch(" ".join(text.split()))
    if match is None:
        raise WordingError(f"must read like {FORMS}")
    kind = match["kind"].lower()
    found: Keys = {"kind": kind}
    allowed = CONTROLLED.get(kind, ())
    if match["at"] is not None:
        if not allowed:
            raise WordingError(f'"at {match["at"]}" has no meaning in a rest')
        _put(found, KEYS, match["at"], allowed)
    elif kind != "hold" and allowed:
        raise WordingError(f'"at" is missing, and {_one_of(allowed)} after it')
    for word, part in _parts(match["ends"] or ""):
        if word == "for":
            _put(found, {("time", "s"): "duration"}, part, ("time",))
            continue
        side = re.match("(above|below) ", part, re.I)
        if side:
            key = f"until_{side[1].lower()}"
            _put(found, {("voltage", "V"): key}, part[side.end() :], ("voltage",))
        elif kind in ("charge", "discharge"):
            _put(found, ENDS, part, ("voltage", "current", "capacity"))
        elif kind == "hold":
            _put(found, ENDS, part, ("current", "capacity"))
        else:
            raise WordingError(f'"until {part}" must say "until above" or "until below" a voltage in a rest')
    return found


def sentence(step: Step) -> str:
    """Return the sentence of a charge, discharge, hold or rest; `keys_of` gives back its keys.

    A profile is only named.
    """
    words = [step.kind.capitalize()]
    words += [f"at {_told(step, name)}" for name in KEYS.values() if getattr(step, name) is not None]
    ends = [] if step.duration is None else [f"for {_time(step.duration)}"]
    sides = ("until_above", "above "), ("until_below", "below ")
    for name, before in (*((name, "") for name in ENDS.values()), *sides):
        if getattr(step, name) is not None:
            ends.append(f"until {before}{_told(step, name)}")
    if step.profile is not None:
        words.append(step.profile.source or f"of {len(step.profile.times or ())} points")
    return " ".join(words + [" or ".join(ends)] * bool(ends))


def spelled(step: Step, names: Iterable[str]) -> str:
    """Return the first of some keys that a step has as its file may have it, such as "until_V = 4.3"."""
    name = next(name for name in names if getattr(step, name) is not None)
    field = Step.model_fields[name]
    return f"{key_of(name, field)} = {from_si(getattr(step, name), unit_of(field)):g}"


def _parts(ends: str) -> Iterator[tuple[str, str]]:
    """Yield each end with the word before it; that of the end before holds where there is none."""
    word = ""
    for part in re.split(" or ", ends.strip(), flags=re.I) if ends.strip() else ():
        match = re.fullmatch(r"(?:(for|until) )?(.+)", part, re.I)
        assert match is not None
        word = (match[1] or word).lower()
        yield word, match[2]


def _put(found: Keys, names: dict[tuple[str, str], str], text: str, allowed: tuple[str, ...]) -> None:
    """Set the key of a quantity; twice the same is a contradiction."""
    what, unit, value = _quantity(text, allowed)
    name = names[what, unit]
    key = key_of(name, Step.model_fields[name])
    if key in found:
        raise WordingError(f"{shown(text)}: there is {found[key]:g} before it as {key}; give one of them")
    found[key] = value


def _quantity(text: str, allowed: tuple[str, ...]) -> tuple[str, str, float]:
    """Return what a text measures, the unit of the key that takes it, and the value in that."""
    wanted = f"{shown(text)}: must be {_one_of(allowed)}"
    try:
        rate = RATE.fullmatch(text)
        if rate and "current" in allowed:
            return "current", "", float(Decimal(rate["times"] or 1)) / float(Decimal(rate["below"] or 1))
        amount = AMOUNT.fullmatch(text)
        unit = UNITS.get(amount["unit"].lower()) if amount else None
        if amount is not None and unit is not None and unit.what in allowed:
            return unit.what, unit.of_key, float(Decimal(amount["number"]) * Decimal(unit.factor))
    except ArithmeticError:  # divided by zero, or beyond all numbers
        pass
    raise WordingError(wanted)


def _one_of(allowed: tuple[str, ...]) -> str:
    return " or ".join(SPELLED[what] for what in allowed)


def _told(step: Step, name: str) -> str:
    """Return the value of a key with its unit."""
    field, value = Step.model_fields[name], getattr(step, name)
    unit = unit_of(field)
    if not unit:
        below = round(1 / value)
        return f"C/{below}" if below > 1 and 1 / below == value else f"{_number(value)}C"
    return f"{_number(from_si(value, unit))} {unit.replace('_per_', '/')}"


def _time(seconds: float) -> str:
    for name, length in (("hour", 3600), ("minute", 60)):
        if seconds % length == 0:
            return f"{_number(seconds / length)} {name}{'s' * (seconds != length)}"
    return f"{_number(seconds)} s"


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")
