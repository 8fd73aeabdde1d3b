"""Read a BPX file by the package ``bpx``, and its values that are functions."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from latticecell.arrays import Floats
from latticecell.errors import ConfigError, shown

Table = dict[str, Any]

LEGACY: Final = "legacy"
"""Word by which ``bpx`` tells that a file is of an older version, whose state it makes up."""
FORMS: Final = ("float", "int", "InterpolatedTable")
"""What ends the place of a problem where a value may have several forms."""
KNOWN: Final = ("x", "exp", "tanh", "cosh")
"""Names that the standard allows in expressions."""
NAME: Final = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
MATHEMATICS: Final = "from numpy import exp, tanh, cosh"


@dataclass(frozen=True, slots=True)
class BpxFile:
    """What a BPX file holds, by the names of the standard, without what it leaves out.

    Attributes
    ----------
    table : dict
        Nested by section.
    notes : list of str
        What ``bpx`` remarks, a line each.
    legacy : bool
        Whether the file is older than 1.0: its state of charge is then none of its own.
    """

    table: Table
    notes: list[str]
    legacy: bool


def read_bpx(path: Path) -> BpxFile:
    """Read and validate a BPX file.

    Raises
    ------
    ConfigError
        If the package ``bpx`` is missing, or the file cannot be read or is not valid; names every value.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import bpx
    except ImportError:
        raise ConfigError(f"{path}: BPX needs the package bpx: pip install latticecell[bpx]") from None
    from pydantic import ValidationError

    try:
        given = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise ConfigError(f"{path}: must hold a BPX object with Header and Parameterisation")
    if problems := [f"{path}: {problem}" for problem in _strange(given)]:
        raise ConfigError(problems)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            parsed = bpx.parse_bpx_obj(given)
        except ValidationError as error:
            raise ConfigError([f"{path}: {problem}" for problem in _problems(error.errors())]) from None
        except Exception as error:  # its expressions are evaluated there, which may fail in any way
            raise ConfigError(f"{path}: is not a valid BPX file: {error}") from None
    told = list(dict.fromkeys(str(each.message) for each in caught if each.category is UserWarning))
    legacy = any(LEGACY in text for text in told)
    notes = [text for text in told if LEGACY not in text]
    if legacy:
        notes.insert(0, "the file is older than BPX 1.0; its state is put together from its other values")
    return BpxFile(parsed.model_dump(by_alias=True, exclude_none=True), notes, legacy)


def _strange(value: Any, where: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield what expressions name besides x and the functions of the standard; bpx would call anything."""
    if where[:1] not in ((), ("Parameterisation",)) or where[1:2] == ("User-defined",):
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strange(inner, (*where, str(key)))
    elif isinstance(value, str):
        for name in dict.fromkeys(NAME.findall(value)):
            if name not in KNOWN:
                yield f"{' / '.join(where[1:])} = {shown(value[:60])}: {name} is none of {', '.join(KNOWN)}"


def _problems(details: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for every value that is wrong, however many of the forms it may have were tried."""
    found: dict[str, str] = {}
    for detail in details:
        parts = [str(part) for part in detail["loc"]]
        form = next(
            (i for i, part in enumerate(parts) if part in FORMS or part.startswith("function-")), None
        )
        message = str(detail["msg"]) if form is None else "must be a number or, where BPX allows it, a law"
        found.setdefault(" / ".join(parts[:form]) or "file", message)
    return [f"{where}: {message}" for where, message in found.items()]


@dataclass(frozen=True, slots=True)
class Law:
    """A value of a BPX file that may be a number, an expression of x, or a table.

    Attributes
    ----------
    kind : {"number", "expression", "table"}
    at : callable
        Values at x, (n,) to (n,); between the points of a table on straight lines.
    points : (2, n) float64 or None
        Those of a table, by rising x.
    """

    kind: str
    at: Callable[[Floats], Floats]
    points: Floats | None = None


def law_of(where: str, value: Any) -> Law:
    """Return the function that a value stands for; raises `ConfigError` if a table is none."""
    if isinstance(value, Mapping):
        x, y = (np.asarray(value[key], float) for key in ("x", "y"))
        x, first = np.unique(x, return_index=True)
        y = y[first]
        if len(x) < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ConfigError(f"{where}: must be a table of at least two points, all finite")
        return Law("table", lambda at: np.interp(at, x, y), np.stack([x, y]))
    if isinstance(value, str):
        return Law("expression", _expression(where, value))
    return Law("number", lambda at: np.full(np.shape(at), float(value)))


def _expression(where: str, text: str) -> Callable[[Floats], Floats]:
    import bpx

    function = bpx.Function(text).to_python_function(preamble=MATHEMATICS)  # its form is checked already

    def at(x: Floats) -> Floats:
        try:
            with np.errstate(all="ignore"):
                return np.broadcast_to(np.asarray(function(x), float), np.shape(x)).copy()
        except Exception as error:
            raise ConfigError(f"{where} = {shown(text[:60])}: cannot be evaluated: {error}") from None

    return at
