"""The command line: ``latticecell check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from latticecell.errors import ConfigError
from latticecell.reader import read_config, resolved_toml

BAD_INPUT = 2

app = typer.Typer(
    help="Lattice model of chemo-mechanical failure in composite cathodes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Keep subcommands explicit while there is only one."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="TOML file of a run.")],
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key, e.g. interface.strength_MPa=200.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the file with all defaults.")] = False,
) -> None:
    """Check a TOML file and report every problem at once."""
    try:
        config = read_config(file, assignments or ())
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        count = len(error.problems)
        typer.echo(f"{count} problem{'s' if count > 1 else ''} found", err=True)
        raise typer.Exit(BAD_INPUT) from None
    typer.echo(resolved_toml(config) if show else f"{file}: fine ({config.name})")


def main() -> None:
    """Entry point of the ``latticecell`` command."""
    app()
