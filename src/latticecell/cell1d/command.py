"""``latticecell cell1d FILE``."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latticecell.errors import SolveError, printable
from latticecell.registry import load
from latticecell.signals import Stop, stopping

if TYPE_CHECKING:
    from latticecell.cell1d.model import Cell
    from latticecell.cell1d.solve import Step

Laws = Annotated[
    list[str] | None,
    typer.Option("--laws", help="Python file that registers laws of your own (or name of an entry point)."),
]


def cell1d_command(
    file: Annotated[Path, typer.Argument(help="TOML file of a run.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Run directory; default: runs/NAME OF THE FILE-1d.")
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key, e.g. cell1d.points_radial=60.")
    ] = None,
    laws: Laws = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there already.")] = False,
) -> None:
    """Run the homogenised 1-D counterpart of a file: porous cathode, separator and Li metal."""
    from latticecell.cell1d.run import advance, cell_of
    from latticecell.checks import remarks
    from latticecell.coverage import Passed
    from latticecell.output.rundir import RunDirectory
    from latticecell.reader import read_config

    for name in laws or ():
        load(name)
    config = read_config(file, assignments or ())
    path = out or Path("runs") / f"{file.stem}-1d"
    cell = cell_of(config)
    for note in remarks(config):
        typer.echo(f"warning: {printable(note)}", err=True)
    directory = RunDirectory.create(path, config, None, threads=1, command=" ".join(sys.argv), force=force)
    radii = "" if cell.n_radii == 1 else f", {cell.n_radii} radii"
    typer.echo(
        f"{config.name}: {cell.n_cathode} + {cell.n_slices - cell.n_cathode} slices, {cell.n_radial} shells"
        f"{radii}, {100 * cell.filled:.1f} % active; writing to {path}"
    )
    run = advance(config, cell, directory)
    with stopping() as stop:
        stop.patient = True
        count = _follow(run, cell, stop, path)
    for entry in directory.info().get("beyond_data", ()):
        typer.echo(f"warning: {Passed(**entry)}", err=True)
    typer.echo(f"done in {count - 1} steps; history and summary.png are in {path}")


def _follow(run: Generator[Step, None, None], cell: Cell, stop: Stop, path: Path) -> int:
    """Run to the end, or until asked to stop; return the number of rows."""
    count = 0
    try:
        for step in run:
            count += 1
            if step.stage_finished:
                fields = cell.fields(step.z)
                typer.echo(
                    f"{step.stage.kind} {step.stage.cycle + 1} ends at {step.time:.1f} s, "
                    f"{fields.voltage:.4f} V, {1e9 * fields.density * cell.area:.4g} nA"
                )
            if stop.number:
                raise KeyboardInterrupt
    except SolveError:
        typer.echo(f"results up to there are in {path}", err=True)
        raise
    except KeyboardInterrupt:
        run.close()
        typer.echo(f"stopped; results up to there are in {path}; a 1-D run keeps no checkpoints", err=True)
        raise typer.Exit(stop.code) from None
    return count
