"""Seeds of grains that a CSV file holds: read into the table of the input file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from latticecell.errors import ConfigError, shown
from latticecell.orientations import COLUMNS
from latticecell.tabular import read_columns, read_headings

Table = dict[str, Any]
WHERE: Final = "microstructure.seeds"
POINTS: Final = ("positions_um", "weights_um2", "particles", "orientations")
"""Keys that hold what a file may hold."""
NUMBERS: Final = COLUMNS | {"quaternion": tuple(f"q{name}" for name in COLUMNS["quaternion"])}
"""Columns of an orientation by its convention; x, y and z alone are positions."""


def root_seeds(table: Table, folder: Path) -> None:
    """Let the file of seeds that a parsed TOML table names be found from a folder, in place."""
    if seeds := _from_file(table):
        seeds["file"] = str(folder / seeds["file"])


def with_seeds(table: Table) -> tuple[Table, list[str]]:
    """Return a parsed TOML table that holds the seeds of its file, and what is wrong with that.

    The one given is left alone.
    """
    seeds = _from_file(table)
    if not seeds:
        return table, []
    problems = []
    try:
        read = _read(seeds)
    except ConfigError as error:
        problems = [f"{WHERE}.file: {problem}" for problem in error.problems]
        read = {"positions_um": [[0.0, 0.0, 0.0]]}  # so that no more is said
    own = {**table["microstructure"], "seeds": read}
    return {**table, "microstructure": own}, problems


def _from_file(table: Table) -> Table | None:
    """Return the table of seeds if it names a file."""
    own = table.get("microstructure")
    seeds = own.get("seeds") if isinstance(own, dict) else None
    return seeds if isinstance(seeds, dict) and isinstance(seeds.get("file"), str) else None


def _read(seeds: Table) -> Table:
    """Return seeds with the rows of their file instead of the file."""
    if given := [key for key in POINTS if key in seeds]:
        raise ConfigError(f"has no meaning beside {' and '.join(given)}; give one of them")
    path = Path(seeds["file"])
    titles = read_headings(path)

    def titled(*names: str) -> str | None:
        return next((name for name in names if name in titles), None)

    axes = [titled(f"{c}_um", c) or f"{c}_um" for c in "xyz"]
    kept = {key: value for key, value in seeds.items() if key != "file"} | {"source": path.name}
    kept["positions_um"] = list(map(list, zip(*read_columns(path, axes), strict=True)))
    if weight := titled("weight_um2", "weight"):
        kept["weights_um2"] = read_columns(path, [weight])[0]
    if "particle" in titles:
        kept["particles"] = _whole(path, read_columns(path, ["particle"])[0])
    convention = seeds.get("convention")
    if convention in NUMBERS:
        kept["orientations"] = list(map(list, zip(*read_columns(path, NUMBERS[convention]), strict=True)))
    elif convention is None:
        there = [name for name, own in NUMBERS.items() if set(own) <= set(titles)]
        if there:
            raise ConfigError(
                f'{path}: has columns {", ".join(NUMBERS[there[0]])}; {WHERE}.convention = "{there[0]}" and '
                f"{WHERE}.sense must say what they mean, or the columns go"
            )
    return kept


def _whole(path: Path, values: list[float]) -> list[int]:
    strange = [value for value in values if value != int(value)]
    if strange:
        raise ConfigError(f"{path}: {shown(strange[0])} in column particle, must be a whole number")
    return [int(value) for value in values]
