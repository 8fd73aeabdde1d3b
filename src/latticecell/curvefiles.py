"""Curves of materials that a file of points holds: read into the table of the input file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latticecell.config import ActiveMaterial
from latticecell.curves import CurveKey
from latticecell.errors import ConfigError, shown
from latticecell.schema import key_of, marks
from latticecell.tabular import read_columns

Table = dict[str, Any]

CURVES = {
    key_of(name, field): mark
    for name, field in ActiveMaterial.model_fields.items()
    for mark in marks(field)
    if isinstance(mark, CurveKey)
}
"""Keys of ``[materials.active]`` that take points, and what these may be."""


def root_curves(table: Table, folder: Path) -> None:
    """Let the files of points that a parsed TOML table names be found from a folder, in place."""
    for _, _, curve in _from_files(table):
        curve["file"] = str(folder / curve["file"])


def with_curves(table: Table) -> tuple[Table, list[str]]:
    """Return a parsed TOML table that holds the points of its files, and what is wrong with those.

    The one given is left alone.
    """
    problems: list[str] = []
    for key, points, curve in _from_files(table):
        where = f"materials.active.{key}"
        try:
            value: Any = _read(curve, points)
        except ConfigError as error:
            problems += [f"{where}.file: {problem}" for problem in error.problems]
            value = {"x": [0.0, 1.0], "y": [0.5 * (points.low + points.high)] * 2}  # so that no more is said
        materials = table["materials"]
        active = {**materials["active"], key: value}
        table = {**table, "materials": {**materials, "active": active}}
    return table, problems


def _from_files(table: Table) -> Iterator[tuple[str, CurveKey, Table]]:
    materials = table.get("materials")
    active = materials.get("active") if isinstance(materials, dict) else None
    for key, points in CURVES.items():
        curve = active.get(key) if isinstance(active, dict) else None
        if isinstance(curve, dict) and isinstance(curve.get("file"), str):
            yield key, points, curve


def _read(curve: Table, points: CurveKey) -> Table:
    """Return a curve with the points of its file instead of the file.

    The unit is that with which the heading of the values ends, as in U_mV, unless a key says otherwise.
    """
    for key in ("x", "y"):
        if not isinstance(curve.get(key, ""), str):
            raise ConfigError(f"{key} = {shown(curve[key])}: must be the heading of a column")
    path, heading = Path(curve["file"]), curve.get("y")
    x, y = read_columns(path, [curve.get("x"), heading])
    units = sorted((unit for unit in points.units if unit), key=len, reverse=True)
    told = next((unit for unit in units if heading and heading.endswith(f"_{unit}")), points.units[0])
    kept = {key: value for key, value in curve.items() if key not in ("file", "x", "y")}
    return {"unit": told, "source": path.name, **kept, "x": x, "y": y}
