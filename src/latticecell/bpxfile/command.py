"""``latticecell import-bpx FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from latticecell.errors import ConfigError, printable


def import_bpx_command(
    file: Annotated[Path, typer.Argument(help="BPX file (JSON).")],
    out: Annotated[Path, typer.Option("--out", "-o", help="TOML file to write.")] = Path("run.toml"),
    material: Annotated[
        str, typer.Option("--material", help="Material of the library that has the mechanics.")
    ] = "nmc111",
    particle: Annotated[
        str | None, typer.Option("--particle", help="Which particle of a blended positive electrode.")
    ] = None,
    column: Annotated[
        bool, typer.Option("--column", help="Particles throughout the electrode instead of a single one.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there already.")] = False,
) -> None:
    """Make a TOML file from the positive electrode of a BPX file; say what became of each value."""
    import tomli

    from latticecell.bpxfile.convert import Options, convert
    from latticecell.bpxfile.reading import read_bpx
    from latticecell.output.files import write_file
    from latticecell.reader import config_from_table

    try:
        found = convert(read_bpx(file), Options(material, particle, column, out.stem))
    except ConfigError as error:
        raise ConfigError(
            [each if each.startswith(f"{file}: ") else f"{file}: {each}" for each in error.problems]
        ) from None
    todo = {out: found.toml, **{out.parent / name: text for name, text in found.files.items()}}
    there = [str(path) for path in todo if path.exists() and not force]
    if there:
        raise ConfigError(f"{', '.join(there)}: exists already; choose another name or --force")
    table = tomli.loads(found.toml)
    for value in table["materials"]["active"].values():
        if isinstance(value, dict):
            rows = [line.split(",") for line in found.files[value.pop("file")].splitlines()[1:]]
            value["x"], value["y"] = ([float(row[i]) for row in rows] for i in (0, 1))
    config_from_table(table, str(file))
    for path, text in reversed(todo.items()):
        write_file(path, text)
    for line in found.lines:
        typer.echo(printable(line))
    typer.echo(printable(f"wrote {' and '.join(map(str, todo))}; next: latticecell check {out}"))
