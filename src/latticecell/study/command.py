"""``latticecell study FILE``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from latticecell.study.executors import EXECUTORS

FAILED = 3


def study_command(
    file: Annotated[Path, typer.Argument(help="TOML file of a study.")],
    executor: Annotated[
        str, typer.Option(help=f"{', '.join(EXECUTORS.names)}; dask:ADDRESS for a running scheduler.")
    ] = "local",
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Runs side by side; default: the processors.")
    ] = None,
    variant: Annotated[str | None, typer.Option(help="One of the file's variants.")] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Seeds 1, 2, ... instead of the file's.")
    ] = None,
    cases: Annotated[
        list[str] | None,
        typer.Option("--cases", help="Cases or groups, or 'all'; default: all but extra ones."),
    ] = None,
    laws: Annotated[
        list[str] | None, typer.Option("--laws", help="Python file, or entry point, that registers laws.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Directory; default: runs/NAME OF THE STUDY.")
    ] = None,
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Run nothing; table and page of what is there.")
    ] = False,
) -> None:
    """Run the cases of a study; finished runs are kept, Ctrl-C stops cleanly, the same command goes on."""
    from latticecell.study.study import study

    names = [part.strip() for name in cases or () for part in name.split(",") if part.strip()]
    try:
        result = study(
            file, executor, jobs, variant=variant, seeds=seeds, cases=names, out=out, laws=laws or (),
            report_only=report_only, say=typer.echo, within=sys.stdout.isatty(),
        )  # fmt: skip
    except KeyboardInterrupt as asked:
        typer.echo("stopped; the same command goes on", err=True)
        raise typer.Exit(128 + (asked.args[0] if asked.args else signal.SIGINT)) from None
    for case, seed, message in result.failed:
        typer.echo(f"FAILED: {case}, seed {seed}: {message}", err=True)
    if result.failed or not (report_only or set(result.columns["status"]) <= {"done"}):
        raise typer.Exit(FAILED)
