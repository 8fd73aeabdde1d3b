"""TOML to `Config` and back: the only module that reads TOML keys and unit suffixes."""

from __future__ import annotations

import copy
import difflib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_origin

import tomli
from pydantic import ValidationError

from latticecell.checks import check_laws, cross_check
from latticecell.config import Config
from latticecell.curvefiles import root_curves, with_curves
from latticecell.curves import Curve
from latticecell.errors import LONGEST_VALUE, MOST_PROBLEMS, ConfigError, shown
from latticecell.library.defaults import with_materials
from latticecell.packed import with_particles
from latticecell.particles import crowded
from latticecell.schema import Section, allowed, from_si, key_of, subsection, unit_of
from latticecell.seedfiles import root_seeds, with_seeds
from latticecell.starting import with_start
from latticecell.steptables import in_keys, prepared, root_files
from latticecell.units import SI_PER_UNIT

Table = dict[str, Any]
Location = tuple[int | str, ...]
AnySection = TypeVar("AnySection", bound=Section)

LARGEST_FILE = 1_000_000
"""Bytes beyond which a file is refused."""
DEEPEST = 20
"""Levels of tables and lists in a file, parts of a key, and files that extend each other, at most."""
HALF_CHARACTER = re.compile("[\ud800-\udfff]")
LARGEST_INTEGER = 2**63 - 1
"""As TOML has it; beyond, Python's own conversions to text and to float may fail."""


def read_config(
    path: str | Path, overrides: Iterable[str] | Mapping[str, Any] = (), *, laws: bool = True
) -> Config:
    """Read and check a TOML file.

    Parameters
    ----------
    path : path
        The file. Its key ``extends`` may name another one, relative to it, whose keys it overrides.
    overrides : iterable of str, or mapping of str to value
        Assignments such as ``"interface.strength_MPa=200"``, applied on top of the file; the value is TOML,
        or a bare word for a string. Or keys with their values; see `assign`.
    laws : bool
        Whether the laws that the file names are looked up and tried, and a network could be built; who only
        looks at a finished run needs neither.

    Raises
    ------
    ConfigError
        With every problem found: key, value, allowed range and nearest spelling.
    """
    path = Path(path)
    table = read_table(path)
    pairs = overrides.items() if isinstance(overrides, Mapping) else map(_split, overrides)
    for key, value in pairs:
        assign(table, key, value)
    return config_from_table(table, source=path.name, laws=laws)


def read_table(path: Path, above: tuple[Path, ...] = ()) -> Table:
    """Read a TOML file and put its keys over those of the file that it ``extends``.

    Tables are merged key by key, anything else is replaced. ``above`` are the files that lead here. A
    byte-order mark is skipped.

    Raises
    ------
    ConfigError
        If a file cannot be read, is not TOML that we could mean, or extends itself.
    """
    text = _text(path, above)
    if (here := Path(os.path.realpath(path))) in above:
        raise ConfigError(f"extends = {path.name!r}: leads back to itself ({above[0].name})")
    if len(above) > DEEPEST:
        raise ConfigError(f"{path}: more than {DEEPEST} files extend each other")
    try:
        table = _parsed(text)
    except ConfigError as error:
        raise ConfigError([f"{path}: {problem}" for problem in error.problems]) from None
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None
    root_files(table, path.parent)
    root_curves(table, path.parent)
    root_seeds(table, path.parent)
    _root_labels(table, path.parent)
    base = table.pop("extends", None)
    if base is None:
        return table
    if not isinstance(base, str):
        raise ConfigError(f"extends = {shown(base)}: must be the name of a TOML file ({path.name})")
    return _merged(read_table(path.parent / base, (*above, here)), table)


def _root_labels(table: Table, folder: Path) -> None:
    """Find the files of labelled voxels relative to the file that names them, in place."""
    own = table.get("microstructure")
    labels = own.get("labels") if isinstance(own, dict) else None
    if isinstance(labels, dict):
        for key in ("file", "orientations"):
            if isinstance(name := labels.get(key), str) and name:
                labels[key] = str(folder / name)


def _text(path: Path, above: tuple[Path, ...]) -> str:
    """Read a file, unless it is none: a pipe or a device would block or never end."""
    named = f" (extended by {above[-1].name})" if above else ""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path}: cannot be read: is not a regular file{named}")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}{named}") from None
    except ValueError as error:  # a NUL, or half a surrogate pair
        raise ConfigError(f"{path}: cannot be the name of a file: {error}{named}") from None
    if len(data) > LARGEST_FILE:
        raise ConfigError(f"{path}: is larger than {LARGEST_FILE // 1000} kB{named}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start}){named}") from None


def _parsed(text: str) -> Table:
    """Parse TOML, within what later functions bear; raises `ConfigError` or `tomli.TOMLDecodeError`."""
    try:
        table = tomli.loads(text)
    except tomli.TOMLDecodeError:
        raise
    except RecursionError as error:
        raise ConfigError(f"is nested too deeply: {error}") from None
    except ValueError as error:  # digits of an integer
        raise ConfigError(f"holds a number that cannot be read: {error}") from None
    if problem := _strange(table):
        raise ConfigError(problem)
    return table


def _strange(table: Table) -> str | None:
    """Return what no file of ours can hold, in the first place where it is found."""
    todo: list[tuple[Location, Any]] = [((), table)]
    for where, value in todo:
        if isinstance(value, str) and HALF_CHARACTER.search(value):
            return f"{_path(where)}: is not UTF-8 text"
        if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            return f"{_path(where)}: whole numbers must be at most {LARGEST_INTEGER}"
        if isinstance(value, dict | list | tuple):
            if len(where) >= DEEPEST:
                return f"{_path(where)}: is nested more than {DEEPEST} levels deep"
            if isinstance(value, dict):
                todo += [((*where, "key"), key) for key in value]
                todo += [((*where, key), item) for key, item in value.items()]
            else:
                todo += [((*where, i), item) for i, item in enumerate(value)]
    return None


def _merged(base: Table, over: Table) -> Table:
    """Put one table over another."""
    result = dict(base)
    for key, value in over.items():
        inner = result.get(key)
        both = isinstance(inner, dict) and isinstance(value, dict)
        result[key] = _merged(inner, value) if both and isinstance(inner, dict) else value
    return result


def config_from_table(table: Table, source: str = "input", *, laws: bool = True) -> Config:
    """Check a parsed TOML table and return the `Config`; ``laws`` as for `read_config`.

    Raises
    ------
    ConfigError
        With every problem found.
    """
    table, told = prepared(table)
    table, more = with_curves(table)
    table, unknown = with_materials(table)
    table, seeds = with_seeds(table)
    config, problems = checked(Config, table)
    problems = told + more + unknown + seeds + problems
    if config is not None and not problems:
        config, problems = with_particles(config)
    if config is not None and not problems:
        config, problems = with_start(config)
    if config is not None and not problems:
        problems = cross_check(config) + (crowded(config) + check_laws(config) if laws else [])
    if problems:
        raise ConfigError([f"{problem} ({source})" for problem in problems])
    assert config is not None
    return config


def checked(root: type[AnySection], table: Table) -> tuple[AnySection | None, list[str]]:
    """Return the section that a parsed TOML table describes, None if it does not, and every problem found."""
    if problem := _strange(table):
        return None, [problem]
    problems: list[str] = []
    attributes = _attributes(root, table, (), problems)
    try:
        return root.model_validate(attributes), problems
    except ValidationError as error:
        for detail in error.errors()[:MOST_PROBLEMS]:
            if detail["type"] == "too_short" and detail["input"]:
                continue  # its items have been reported
            problems.append(_explain(detail, root))
    return None, list(dict.fromkeys(problems))


def resolved_toml(config: Config) -> str:
    """Return TOML text with every key; reading it gives the same `Config` bit for bit."""
    lines: list[str] = []
    for header, section in tables(config):
        lines += ["", header] if header else []
        for name, field in type(section).model_fields.items():
            value = getattr(section, name)
            if subsection(field)[0] is None and value is not None:
                lines.append(f"{key_of(name, field)} = {toml_value(value, unit_of(field))}")
    return "\n".join(lines).strip() + "\n"


def tables(section: Section, path: str = "", *, listed: bool = False) -> Iterator[tuple[str, Section]]:
    """Yield the tables of a configuration in the order of the file, each with its header, "" at the top.

    ``path`` is the key of the section, an item of a list if it is ``listed``.
    """
    yield f"[[{path}]]" if listed else f"[{path}]" if path else "", section
    for name in type(section).model_fields:
        value = getattr(section, name)
        below = f"{path}.{name}" if path else name
        if isinstance(value, Section):
            yield from tables(value, below)
        elif isinstance(value, tuple) and value and isinstance(value[0], Section):
            for item in value:
                yield from tables(item, below, listed=True)


def assign(table: Table, key: str, value: Any) -> None:
    """Set a key such as ``interface.strength_MPa`` or ``protocol.steps[0].c_rate`` of a table, in place.

    A list that the table lacks is the default one.

    Raises
    ------
    ConfigError
        If the key is malformed, or leads through something that is not a table or a list of that length.
    """
    inner: Any = table
    names = _names(key)
    for i, name in enumerate(names):
        here = _path(names[:i])
        if isinstance(name, int):
            if not isinstance(inner, list):
                raise ConfigError(f"{key}: {here} is not a list")
            if not inner:
                raise ConfigError(f"{key}: {here} is empty; its items must be in the file, [[{here}]]")
            if name >= len(inner):
                raise ConfigError(f"{key}: {here} has {len(inner)} items, the first is {here}[0]")
        elif not isinstance(inner, dict):
            raise ConfigError(f"{key}: {here} is not a table")
        if i == len(names) - 1:
            inner[name] = copy.deepcopy(value)
            return
        if isinstance(inner, dict) and name not in inner:
            default = look_up(tomli.loads(resolved_toml(Config())), _path(names[: i + 1]))
            inner[name] = (default or []) if isinstance(names[i + 1], int) else {}
        if isinstance(name, int):
            inner[name] = in_keys(inner[name])
        inner = inner[name]


def look_up(table: Table, key: str) -> Any:
    """Return the value of a key such as ``protocol.steps[0].c_rate``, None if the table lacks it."""
    inner: Any = table
    for name in _names(key):
        if isinstance(name, int):
            inner = inner[name] if isinstance(inner, list) and name < len(inner) else None
        else:
            inner = inner.get(name) if isinstance(inner, dict) else None
    return inner


def _names(key: str) -> Location:
    """Split a key at its dots and positions: ``steps[0].c_rate`` is steps, 0, c_rate."""
    names: list[int | str] = []
    if key.count(".") + key.count("[") >= DEEPEST:
        raise ConfigError(f"{shown(key)}: has more than {DEEPEST} parts")
    for part in key.split("."):
        match = re.fullmatch(r"\s*([^\[\]\s]+)((?:\[\d{1,6}\])*)\s*", part)
        if match is None:
            raise ConfigError(f"{shown(key)}: a key must look like section.key or section.list[0].key")
        names += [match[1], *map(int, re.findall(r"\d+", match[2]))]
    return tuple(names)


def _split(assignment: str) -> tuple[str, Any]:
    """Return key and value of ``section.key=value``."""
    key, found, text = assignment.partition("=")
    key = key.strip()
    if not found or not key:
        raise ConfigError(f"{shown(assignment)}: an override must look like section.key=value")
    try:
        table = _parsed(f"v = {text}")
    except ConfigError as error:
        raise ConfigError([f"{shown(key)}: {problem}" for problem in error.problems]) from None
    except tomli.TOMLDecodeError:
        table = {}
    return key, table["v"] if list(table) == ["v"] else text.strip()


def _attributes(section: type[Section], table: Table, where: Location, problems: list[str]) -> Table:
    """Translate TOML keys to attribute names; unknown keys become problems."""
    keys = {key_of(name, field): name for name, field in section.model_fields.items()}
    result: Table = {}
    for key, value in table.items():
        path = _path((*where, key))
        if key not in keys:
            hint = f"; {_hint(key, list(keys))}" if len(problems) < MOST_PROBLEMS else ""
            problems.append(f"{path} = {shown(value)}: unknown key{hint}")
            continue
        name = keys[key]
        inner, many = subsection(section.model_fields[name])
        by_name = get_origin(section.model_fields[name].annotation) is dict
        if inner is not None and by_name and isinstance(value, dict):
            result[name] = {
                own: _attributes(inner, one, (*where, key, own), problems) if isinstance(one, dict) else one
                for own, one in value.items()
            }
        elif inner is not None and many and isinstance(value, list):
            result[name] = [
                _attributes(inner, item, (*where, key, i), problems) if isinstance(item, dict) else item
                for i, item in enumerate(value)
            ]
        elif inner is not None and not many and not by_name and isinstance(value, dict):
            result[name] = _attributes(inner, value, (*where, key), problems)
        else:
            result[name] = value
    return result


def _hint(key: str, known: list[str]) -> str:
    stem = key
    for unit in sorted(SI_PER_UNIT, key=len, reverse=True):
        if unit and key.endswith(f"_{unit}"):
            stem = key[: -len(unit) - 1]
            break
    for candidate in known:
        if candidate == stem or (
            candidate.startswith(f"{stem}_") and candidate[len(stem) + 1 :] in SI_PER_UNIT
        ):
            return f"write it as {candidate}"
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"


def _path(location: Location) -> str:
    text = ""
    for item in location:
        name = item if isinstance(item, int) or len(item) <= LONGEST_VALUE else f"{item[:LONGEST_VALUE]}..."
        text += f"[{name}]" if isinstance(item, int) else f".{name}" if text else f"{name}"
    return text


def _explain(detail: Any, root: type[Section]) -> str:
    """Turn one pydantic error into a line with key, value and what is allowed."""
    location: list[int | str] = []
    section: type[Section] = root
    field: Any = None
    for item in detail["loc"]:
        if isinstance(item, int):
            location.append(item)
        elif item in section.model_fields:
            field = section.model_fields[item]
            location.append(key_of(item, field))
            section = subsection(field)[0] or section
        elif field is not None and get_origin(field.annotation) is dict:
            location.append(item)
    path, value = _path(tuple(location)), detail["input"]
    if detail["type"] == "points" and isinstance(value, dict):
        return f"{path}: {detail['msg']}"
    if detail["type"] == "missing":
        return f"{path}: is required"
    if root is not Config:  # its own kinds of values
        what = detail["msg"].replace("Input should be", "must be").replace("valid tuple", "list")
        return f"{path} = {shown(value)}: {what.replace('valid dictionary', 'table')}"
    what = detail["msg"] if field is None else allowed(field, item=isinstance(detail["loc"][-1], int))
    article = "a " if what.startswith(("number", "whole", "list", "table")) else ""
    return f"{path} = {shown(value)}: must be {article}{what}"


def toml_value(value: Any, unit: str) -> str:
    """Write a value of a key with that unit as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # the escapes of TOML
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value(item, unit) for item in value) + "]"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Curve):
        return toml_value(value.table(), "")
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml_value(item, unit)}" for key, item in value.items()) + " }"
    number = from_si(value, unit)
    short = f"{number:.6g}"
    return short if "e" in short and float(short) == number else repr(number)
