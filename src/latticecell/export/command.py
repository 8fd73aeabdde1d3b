"""``latticecell export RUN``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export_command(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    form: Annotated[str, typer.Option("--format", "-f", help="vtu, csv or npz.")] = "vtu",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Directory to write to; default: RUN/FORMAT.")
    ] = None,
) -> None:
    """Export mesh, fields, cracks and history for ParaView (vtu), tables (csv) or NumPy (npz)."""
    from latticecell.export.writing import export_run

    written = export_run(path, form, out)
    typer.echo(f"wrote {len(written)} files to {written[0].parent}")
