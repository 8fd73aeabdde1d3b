"""Write a run in other programs' formats: VTK XML for ParaView, CSV for tables, NPZ for NumPy.

``vtu``
    ``tets_0000.vtu``, ... hold the undeformed mesh with all nodal and tet fields, one file for each snapshot;
    ``facets_0000.vtp``, ... hold the triangles of grain boundaries and particle surface. Open ``tets.pvd``
    and ``facets.pvd``, which list them with their times [s]. Points of a facet are its own, so bond fields
    jump between facets as they do in the model; ``displacement_um`` is the mean of the two sides.
``csv``
    ``history.csv``, ``snapshots.csv`` (number, time, cycle, step, kind, voltage), and for each snapshot
    ``nodes_0000.csv`` (node, domain, position, fields), ``tets_0000.csv`` (tet, domain, centroid, volume,
    fields) and ``bonds_0000.csv`` (bond, kind, sides, position, normal, area, fields).
``npz``
    One file, ``run.npz``: the mesh, each field of all snapshots stacked along its first axis (shape of
    ``stoichiometry_n``: snapshots, nodes), the history as ``history_COLUMN``, and ``config_toml`` and
    ``run_json`` as text. Nothing in it needs pickle.

Lengths are in um, other units are in the names. Symmetric tensors are xx, yy, zz, xy, yz, xz. ``domain`` is
the grain, or ``n_grains`` (ECBD), or ``n_grains + 1`` (ED); ``kind`` of a bond is 0 in a grain boundary, 1 in
the particle surface.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final

import typer

from latticecell.errors import ConfigError
from latticecell.export.tables import write_csv, write_npz
from latticecell.output.files import make_folder
from latticecell.results import Run, open_run


def export_command(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    form: Annotated[str, typer.Option("--format", "-f", help="vtu, csv or npz.")] = "vtu",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Directory to write to; default: RUN/FORMAT.")
    ] = None,
) -> None:
    """Export mesh, fields, cracks and history for ParaView (vtu), tables (csv) or NumPy (npz)."""
    written = export_run(path, form, out)
    typer.echo(f"wrote {len(written)} files to {written[0].parent}")


def export_run(run: Run | str | Path, form: str, out: str | Path | None = None) -> list[Path]:
    """Write a run in another format and return the files, the one to open first.

    Parameters
    ----------
    run : Run or path
        A run, or its directory.
    form : {"vtu", "csv", "npz"}
        See the module.
    out : path, optional
        Directory, made if needed; files of the same names are replaced. Default: a directory named after the
        format inside the run directory.

    Raises
    ------
    ConfigError
        If there is no run, no snapshot or no such format, or VTK is missing.
    OutputError
        If a file cannot be written.
    """
    if form not in WRITERS:
        near = get_close_matches(form, WRITERS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"format {form!r}: must be one of {', '.join(WRITERS)}{hint}")
    run = run if isinstance(run, Run) else open_run(run)
    run.snapshot()  # a 1-D cell and a run without fields say here that there is nothing to write
    if out is None and run.path is None:
        raise ConfigError(f"{run.place}: is in memory; name the directory to write to")
    target = Path(out) if out is not None else Path(run.place) / form
    if run.path is not None and target.resolve() == run.path.resolve():
        raise ConfigError(f"{target}: is the run directory itself; choose another one")
    make_folder(target)
    return list(WRITERS[form](run, target))


def _write_vtu(run: Run, target: Path) -> Iterator[Path]:
    try:
        from latticecell.export.vtk import write_vtu
    except ImportError as error:
        raise ConfigError(f"format vtu: needs VTK ({error}); install it with: pip install vtk") from None
    return write_vtu(run, target)


WRITERS: Final[Mapping[str, Callable[[Run, Path], Iterator[Path]]]] = {
    "vtu": _write_vtu,
    "csv": write_csv,
    "npz": write_npz,
}
"""Formats by name."""
