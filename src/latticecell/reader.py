"""TOML to `Config` and back: the only module that reads TOML keys and unit suffixes."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import tomli
from pydantic import ValidationError

from latticecell.config import Config
from latticecell.errors import ConfigError
from latticecell.schema import Section, from_si, key_of, unit_of
from latticecell.units import SI_PER_UNIT

Table = dict[str, Any]
Location = tuple[int | str, ...]


def read_config(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Read and check a TOML file.

    Parameters
    ----------
    path : path
        The file.
    overrides : iterable of str
        Assignments such as ``"interface.strength_MPa=200"``, applied on top of the file; the value is TOML,
        or a bare word for a string.

    Raises
    ------
    ConfigError
        With every problem found: key, value, allowed range and nearest spelling.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    try:
        table = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from None
    for assignment in overrides:
        _assign(table, assignment)
    return config_from_table(table, source=path.name)


def config_from_table(table: Table, source: str = "input") -> Config:
    """Check a parsed TOML table and return the `Config`.

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
            message = _explain(detail, attributes)
            if message not in problems:
                problems.append(message)
    if config is not None and not problems:
        problems = cross_check(config)
    if problems:
        raise ConfigError([f"{problem} ({source})" for problem in problems])
    assert config is not None
    return config


def resolved_toml(config: Config) -> str:
    """Return TOML text with every key; reading it gives the same `Config` bit for bit."""
    lines: list[str] = []
    _write(config, (), lines)
    return "\n".join(lines).strip() + "\n"


def cross_check(config: Config) -> list[str]:
    """Return the contradictions between keys that are fine one by one."""
    found: list[str] = []
    box = config.geometry
    um = 1e6
    for i, particle in enumerate(box.particles):
        where = f"geometry.particles[{i}]"
        x, y, z = particle.center
        if 2 * particle.radius >= box.width:
            found.append(
                f"{where}.radius_um = {particle.radius * um:g}: must be below half of "
                f"geometry.width_um = {box.width * um:g}"
            )
        if not (x <= box.width and y <= box.width):
            found.append(f"{where}.center_um: x and y must be in [0, {box.width * um:g}] um")
        if not particle.radius < z < box.cathode - particle.radius:
            found.append(
                f"{where}.center_um: z = {z * um:g} must be in ({particle.radius * um:g}, "
                f"{(box.cathode - particle.radius) * um:g}) um so that the particle lies inside the cathode"
            )
        for j, other in enumerate(box.particles[:i]):
            gap = _distance(particle.center, other.center, box.width) - particle.radius - other.radius
            if gap <= 0:
                found.append(f"{where}: overlaps geometry.particles[{j}] by {-gap * um:.3g} um")
    spacing = config.network
    if spacing.spacing_max < spacing.spacing:
        found.append(
            f"network.spacing_max_um = {spacing.spacing_max * um:g}: must be at least network.spacing_um = "
            f"{spacing.spacing * um:g}"
        )
    smallest = min(p.radius for p in box.particles)
    grain = 2 * smallest / config.microstructure.grains ** (1 / 3)
    if spacing.spacing > grain / 2:
        found.append(
            f"network.spacing_um = {spacing.spacing * um:g}: must be at most {grain * um / 2:.3g} um, half "
            f"the size of a grain ({config.microstructure.grains} grains in a particle)"
        )
    found += _check_elasticity(config) + _check_laws(config) + _check_protocol(config)
    solver = config.solver
    if not solver.dt_min <= solver.dt_initial <= solver.dt_max:
        found.append(
            f"solver.dt_initial_s = {solver.dt_initial:g}: must be between dt_min_s = {solver.dt_min:g} and "
            f"dt_max_s = {solver.dt_max:g}"
        )
    return found


def _distance(a: Sequence[float], b: Sequence[float], period: float) -> float:
    total = (a[2] - b[2]) ** 2
    for i in range(2):
        d = abs(a[i] - b[i]) % period
        total += min(d, period - d) ** 2
    return total**0.5


def _check_elasticity(config: Config) -> list[str]:
    active = config.materials.active
    names = ("youngs_modulus_c", "poisson_ratio_c", "shear_modulus_c")
    values = [getattr(active, name) for name in names]
    keys = [key_of(name, type(active).model_fields[name]) for name in names]
    if active.elasticity == "isotropic":
        return [
            f'materials.active.{key}: is used only with elasticity = "transversely_isotropic"'
            for key, value in zip(keys, values, strict=True)
            if value is not None
        ]
    missing = [key for key, value in zip(keys, values, strict=True) if value is None]
    if missing:
        return [f"materials.active.{key}: is required with transverse isotropy" for key in missing]
    e, nu, ec, nuc = active.youngs_modulus, active.poisson_ratio, values[0], values[1]
    if 1 - nu - 2 * nuc**2 * e / ec <= 0:
        return [
            f"materials.active.poisson_ratio_c = {nuc:g}: must satisfy 1 - nu - 2 nu_c^2 E / E_c > 0 "
            "(positive elastic energy)"
        ]
    return []


def _check_laws(config: Config) -> list[str]:
    found = []
    for name in ("interface", "grain_boundary"):
        law = getattr(config, name)
        onset, final = law.strength / law.stiffness, 2 * law.fracture_energy / law.strength
        if onset >= final:
            found.append(
                f"{name}.stiffness_Pa_per_m = {law.stiffness:g}: must exceed {law.strength / final:.3g} Pa/m "
                "so that damage starts before the bond is broken"
            )
        if law.residual_stiffness >= law.stiffness:
            found.append(
                f"{name}.residual_stiffness_Pa_per_m = {law.residual_stiffness:g}: must be below "
                "the stiffness"
            )
    return found


def _check_protocol(config: Config) -> list[str]:
    found = []
    for i, step in enumerate(config.protocol.steps):
        where = f"protocol.steps[{i}] ({step.kind})"
        if step.kind in ("charge", "discharge"):
            if step.c_rate is None:
                found.append(f"{where}: needs c_rate")
            if step.until is None and step.duration is None:
                found.append(f"{where}: needs until_V or duration_s")
        if step.kind == "hold" and step.until_c_rate is None and step.duration is None:
            found.append(f"{where}: needs a cut-off: until_c_rate or duration_s")
        if step.kind == "rest" and step.duration is None:
            found.append(f"{where}: needs duration_s")
        allowed = {
            "charge": {"c_rate", "until", "duration"},
            "discharge": {"c_rate", "until", "duration"},
            "hold": {"voltage", "until_c_rate", "duration"},
            "rest": {"duration"},
        }[step.kind]
        for name, field in _step_fields(step):
            if name not in allowed and getattr(step, name) is not None:
                found.append(f"{where}: {key_of(name, field)} has no meaning here")
    return found


def _step_fields(step: Section) -> list[tuple[str, Any]]:
    """Return the optional fields of a protocol step."""
    return [(name, field) for name, field in type(step).model_fields.items() if name != "kind"]


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
        inner, many = _subsection(section.model_fields[name].annotation)
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


def _subsection(annotation: Any) -> tuple[type[Section] | None, bool]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation, False
    if get_origin(annotation) is tuple:
        first = get_args(annotation)[0]
        if isinstance(first, type) and issubclass(first, Section):
            return first, True
    return None, False


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


def _explain(detail: Any, attributes: Table) -> str:
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
            section = _subsection(field.annotation)[0] or section
    path, value = _path(tuple(location)), detail["input"]
    if detail["type"] == "missing":
        return f"{path}: is required"
    return f"{path} = {_show(value)}: must be {_allowed(field, detail)}"


def allowed_values(field: Any) -> str:
    """Say in words which values a key takes."""
    annotation = field.annotation
    literals = [item for item in (annotation, *get_args(annotation)) if get_origin(item) is Literal]
    if literals:
        return " or ".join(f'"{choice}"' for choice in get_args(literals[0]))
    kinds = {bool: "true or false", str: "text", int: "whole number"}
    base = next((kind for kind in kinds if annotation is kind), None)
    bounds = _bounds(field)
    if bounds:
        noun = kinds.get(base, "number") if base is int else "number"
        return f"{noun} in {_interval(bounds, unit_of(field))}"
    return kinds.get(base, "") if base else ""


def _allowed(field: Any, detail: Any) -> str:
    if field is None:
        return detail["msg"]
    bounds = _bounds(field)
    choices = detail.get("ctx", {}).get("expected")
    if detail["type"] == "literal_error":
        return f"one of {choices}"
    kind = {"int": "a whole number", "bool": "true or false", "string": "text", "tuple": "a list"}
    noun = next((text for start, text in kind.items() if detail["type"].startswith(start)), "a number")
    if detail["type"] == "model_type":
        return "a table"
    if detail["type"] in ("too_short", "too_long", "string_too_short", "string_too_long"):
        return f"{'longer' if 'short' in detail['type'] else 'shorter'} ({detail['msg']})"
    return f"{noun} in {_interval(bounds, unit_of(field))}" if bounds else noun


def _bounds(field: Any) -> dict[str, float]:
    bounds = {}
    for item in _metadata(field.annotation, list(field.metadata)):
        for name in ("gt", "ge", "lt", "le"):
            if getattr(item, name, None) is not None:
                bounds[name] = getattr(item, name)
    return bounds


def _interval(bounds: dict[str, float], unit: str) -> str:
    low = f"({bounds['gt']:g}" if "gt" in bounds else f"[{bounds['ge']:g}" if "ge" in bounds else "(-inf"
    high = f"{bounds['lt']:g})" if "lt" in bounds else f"{bounds['le']:g}]" if "le" in bounds else "inf)"
    return f"{low}, {high}{' ' + unit if unit else ''}"


def _metadata(annotation: Any, found: list[Any]) -> list[Any]:
    found = found + list(getattr(annotation, "__metadata__", ()))
    for item in list(found):
        found += list(getattr(item, "metadata", ()))
    if get_origin(annotation) in (tuple, Union, types.UnionType) or hasattr(annotation, "__metadata__"):
        for inner in get_args(annotation):
            found = _metadata(inner, found)
    return found


def _write(section: Section, where: tuple[str, ...], lines: list[str]) -> None:
    later: list[tuple[str, Any]] = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        inner, _ = _subsection(field.annotation)
        if inner is not None:
            later.append((name, value))
        elif value is not None:
            lines.append(f"{key_of(name, field)} = {_toml(value, unit_of(field))}")
    for name, value in later:
        path = (*where, name)
        for item in value if isinstance(value, tuple) else (value,):
            header = ".".join(path)
            lines.append("")
            lines.append(f"[[{header}]]" if isinstance(value, tuple) else f"[{header}]")
            _write(item, path, lines)


def _toml(value: Any, unit: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item, unit) for item in value) + "]"
    if isinstance(value, int):
        return str(value)
    return repr(from_si(value, unit))
