"""TOML to `Config` and back: the only module that reads TOML keys and unit suffixes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import tomli
from pydantic import ValidationError

from latticecell.checks import check_laws, cross_check
from latticecell.config import Config
from latticecell.errors import ConfigError
from latticecell.schema import Section, allowed, from_si, key_of, subsection, unit_of
from latticecell.units import SI_PER_UNIT

Table = dict[str, Any]
Location = tuple[int | str, ...]


def read_config(path: str | Path, overrides: Iterable[str] = (), *, laws: bool = True) -> Config:
    """Read and check a TOML file.

    Parameters
    ----------
    path : path
        The file. Its key ``extends`` may name another one, relative to it, whose keys it overrides.
    overrides : iterable of str
        Assignments such as ``"interface.strength_MPa=200"``, applied on top of the file; the value is TOML,
        or a bare word for a string.
    laws : bool
        Whether the laws that the file names are looked up and tried; who only looks at a finished run needs
        none of them.

    Raises
    ------
    ConfigError
        With every problem found: key, value, allowed range and nearest spelling.
    """
    path = Path(path)
    table = read_table(path)
    for assignment in overrides:
        _assign(table, assignment)
    return config_from_table(table, source=path.name, laws=laws)


def read_table(path: Path, above: tuple[Path, ...] = ()) -> Table:
    """Read a TOML file and put its keys over those of the file that it ``extends``.

    Tables are merged key by key, anything else is replaced. ``above`` are the files that lead here.

    Raises
    ------
    ConfigError
        If a file cannot be read, is not TOML, or extends itself.
    """
    if path.resolve() in above:
        raise ConfigError(f"extends = {path.name!r}: leads back to itself ({above[0].name})")
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}{_named_by(above)}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    try:
        table = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None
    base = table.pop("extends", None)
    if base is None:
        return table
    if not isinstance(base, str):
        raise ConfigError(f"extends = {_show(base)}: must be the name of a TOML file ({path.name})")
    return _merged(read_table(path.parent / base, (*above, path.resolve())), table)


def _named_by(above: tuple[Path, ...]) -> str:
    return f" (extended by {above[-1].name})" if above else ""


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
    problems: list[str] = []
    attributes = _attributes(Config, table, (), problems)
    config = None
    try:
        config = Config.model_validate(attributes)
    except ValidationError as error:
        for detail in error.errors():
            if detail["type"] == "too_short" and detail["input"]:
                continue  # its items have been reported
            message = _explain(detail)
            if message not in problems:
                problems.append(message)
    if config is not None and not problems:
        problems = cross_check(config) + (check_laws(config) if laws else [])
    if problems:
        raise ConfigError([f"{problem} ({source})" for problem in problems])
    assert config is not None
    return config


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


def tables(section: Section, path: str = "") -> Iterator[tuple[str, Section]]:
    """Yield the tables of a configuration in the order of the file, each with its header, "" at the top."""
    yield f"[{path}]" if path else "", section
    for name in type(section).model_fields:
        value = getattr(section, name)
        below = f"{path}.{name}" if path else name
        if isinstance(value, Section):
            yield from tables(value, below)
        elif isinstance(value, tuple) and isinstance(value[0], Section):
            for item in value:
                yield from tables(item, f"[{below}]")


def _assign(table: Table, assignment: str) -> None:
    key, found, text = assignment.partition("=")
    names = [name.strip() for name in key.split(".")]
    if not found or not all(names):
        raise ConfigError(f"{assignment!r}: an override must look like section.key=value")
    try:
        value = tomli.loads(f"v = {text}")["v"]
    except tomli.TOMLDecodeError:
        value = text.strip()
    for name in names[:-1]:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{assignment!r}: {name} is not a table")
    table[names[-1]] = value


def _attributes(section: type[Section], table: Table, where: Location, problems: list[str]) -> Table:
    """Translate TOML keys to attribute names; unknown keys become problems."""
    keys = {key_of(name, field): name for name, field in section.model_fields.items()}
    result: Table = {}
    for key, value in table.items():
        path = _path((*where, key))
        if key not in keys:
            problems.append(f"{path} = {_show(value)}: unknown key; {_hint(key, list(keys))}")
            continue
        name = keys[key]
        inner, many = subsection(section.model_fields[name])
        if inner is not None and many and isinstance(value, list):
            result[name] = [
                _attributes(inner, item, (*where, key, i), problems) if isinstance(item, dict) else item
                for i, item in enumerate(value)
            ]
        elif inner is not None and not many and isinstance(value, dict):
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
        text += f"[{item}]" if isinstance(item, int) else f".{item}" if text else item
    return text


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _explain(detail: Any) -> str:
    """Turn one pydantic error into a line with key, value and what is allowed."""
    location: list[int | str] = []
    section: type[Section] = Config
    field: Any = None
    for item in detail["loc"]:
        if isinstance(item, int):
            location.append(item)
        elif item in section.model_fields:
            field = section.model_fields[item]
            location.append(key_of(item, field))
            section = subsection(field)[0] or section
    path, value = _path(tuple(location)), detail["input"]
    if detail["type"] == "missing":
        return f"{path}: is required"
    what = detail["msg"] if field is None else allowed(field, item=isinstance(detail["loc"][-1], int))
    article = "a " if what.startswith(("number", "whole", "list", "table")) else ""
    return f"{path} = {_show(value)}: must be {article}{what}"


def toml_value(value: Any, unit: str) -> str:
    """Write a value of a key with that unit as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(item, unit) for item in value) + "]"
    if isinstance(value, int):
        return str(value)
    number = from_si(value, unit)
    short = f"{number:.6g}"
    return short if "e" in short and float(short) == number else repr(number)
