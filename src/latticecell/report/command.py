"""``latticecell report RUN``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report_command(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="HTML file to write; default: RUN/report.html.")
    ] = None,
    particle: Annotated[int, typer.Option(min=1, help="Particle that the cross-sections show.")] = 1,
) -> None:
    """Write one self-contained HTML page about a run: tables, curves, cross-sections, audit, parameters."""
    from latticecell.report.page import write_report

    written = write_report(path, out, particle=particle)
    typer.echo(f"wrote {written}")
