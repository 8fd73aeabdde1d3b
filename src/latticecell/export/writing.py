"""A run in another format, by the name of the format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from latticecell.errors import ConfigError
from latticecell.export.tables import write_csv, write_npz
from latticecell.output.files import make_folder
from latticecell.results import Run, open_run


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
