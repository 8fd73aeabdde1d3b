"""The command line: ``latticecell new | check | network | run | resume | cell1d | view | ...``."""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latticecell.bpxfile.command import import_bpx_command
from latticecell.cell1d.command import Laws, cell1d_command
from latticecell.errors import (
    MOST_PROBLEMS,
    ConfigError,
    DamageWarning,
    InUseError,
    NetworkError,
    OutputError,
    SolveError,
    printable,
)
from latticecell.export.command import export_command
from latticecell.library.command import materials_command
from latticecell.registry import load
from latticecell.report.command import report_command
from latticecell.signals import Stop, stopping, streams
from latticecell.study.command import study_command
from latticecell.view.command import view_command

if TYPE_CHECKING:
    from latticecell.config import Config
    from latticecell.meshing.generate import AnyMicrostructure
    from latticecell.network import Network
    from latticecell.quality import Row as QualityRow
    from latticecell.run import Row

BAD_INPUT, NUMERICAL_FAILURE, NOT_WRITTEN = 2, 3, 4
MOST_PARTICLES = 30
"""Particles that the table of a check shows."""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

File = Annotated[Path, typer.Argument(help="TOML file of a run.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", help="Override a key, e.g. interface.strength_MPa=200.")
]
Threads = Annotated[int | None, typer.Option("--threads", "-j", min=1, help="Threads of the kernels.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Run directory; default: runs/NAME OF THE FILE.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there already.")]

# Each command imports what it needs; what all of them would need takes seconds.


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"latticecell {version('latticecell')}")
        raise typer.Exit


@app.callback()
def latticecell(
    asked: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Lattice model of chemo-mechanical failure in composite cathodes."""


@contextmanager
def _explained(laws: list[str] | None = None) -> Iterator[None]:
    """Load laws of the user's; turn the errors that a user is meant to see into messages and exit codes."""
    try:
        for name in laws or ():
            load(name)
        with _telling_damage():
            yield
    except ConfigError as error:
        for problem in error.problems[:MOST_PROBLEMS]:
            typer.echo(problem, err=True)
        if len(error.problems) > 1:
            typer.echo(f"{len(error.problems)} problems found", err=True)
        raise typer.Exit(BAD_INPUT) from None
    except (SolveError, NetworkError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(NUMERICAL_FAILURE) from None
    except InUseError as error:
        typer.echo(printable(str(error)), err=True)
        raise typer.Exit(BAD_INPUT) from None
    except OutputError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(NOT_WRITTEN) from None


@contextmanager
def _telling_damage() -> Iterator[None]:
    """Show each warning of a damaged file once, as a line."""
    told: set[str] = set()
    other = warnings.showwarning

    def tell(message: Warning | str, category: type[Warning], *more: Any) -> None:
        if not issubclass(category, DamageWarning):
            other(message, category, *more)
        elif str(message) not in told:
            told.add(str(message))
            _say([str(message)])

    with warnings.catch_warnings():
        warnings.simplefilter("always", DamageWarning)
        warnings.showwarning = tell  # type: ignore[assignment]
        yield


def _say(notes: list[str]) -> None:
    for note in notes:
        typer.echo(f"warning: {printable(note)}", err=True)


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="File to write.")] = Path("run.toml"),
    force: Force = False,
    template: Annotated[
        str | None, typer.Option("--template", help="Write an example instead: gitt, nmc811, ...")
    ] = None,
) -> None:
    """Write a TOML file with every key, its default, unit and range, or a commented example."""
    from latticecell.output.files import write_file
    from latticecell.template import commented_toml, template_files

    with _explained():
        found = {} if template is None else template_files(template)
        text = found.pop("run.toml", None) or commented_toml()
        todo = {file: text, **{file.parent / name: content for name, content in found.items()}}
        there = [str(path) for path in todo if path.exists() and not force]
        if there:
            raise ConfigError(f"{', '.join(there)}: exists already; choose another name or --force")
        for path, content in reversed(todo.items()):
            write_file(path, content)
    more = "".join(f" and {path}" for path in list(todo)[1:])
    typer.echo(f"wrote {file}{more}; next: latticecell run {file}")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="TOML file of a run, or a run directory.")],
    assignments: Assignments = None,
    laws: Laws = None,
    show: Annotated[bool, typer.Option("--show", help="Print the file with all defaults.")] = False,
) -> None:
    """Check a TOML file, or the files of a run directory, and report every problem at once."""
    from latticecell.checks import outlook, remarks
    from latticecell.continuation import origin_of
    from latticecell.output.inspection import inspect
    from latticecell.reader import read_config, resolved_toml

    if file.is_dir():
        with _explained():
            problems, good = inspect(file)
        for problem in problems:
            typer.echo(printable(problem), err=True)
        typer.echo(
            printable(f"{file}: {', '.join(good) or 'nothing'} {'is' if len(good) < 2 else 'are'} good")
        )
        if problems:
            raise typer.Exit(BAD_INPUT)
        return
    with _explained(laws):
        config = read_config(file, assignments or ())
        _say(remarks(config))
        if config.continue_from is not None:
            _say(origin_of(config).notes)
    if show:
        typer.echo(resolved_toml(config))
        return
    typer.echo(printable(f"{file}: fine ({config.name})"))
    for name, value in outlook(config):
        typer.echo(printable(f"  {name:10}{value}"))
    _show_particles(config)
    _show_import(config)


@app.command()
def network(file: File, assignments: Assignments = None, laws: Laws = None) -> None:
    """Build the network of a file and print its quality; that of labelled voxels against their file."""
    from latticecell.meshing.generate import build_network
    from latticecell.microstructure import build_microstructure
    from latticecell.reader import read_config

    with _explained(laws):
        config = read_config(file, assignments or ())
        begin = time.perf_counter()
        microstructure = build_microstructure(config)
        built = build_network(config, microstructure)
        rows = [*_measured(built, microstructure), ("time [s]", time.perf_counter() - begin, None, None)]
    _show(f"{config.name}: network", rows)


def _measured(network: Network, microstructure: AnyMicrostructure) -> list[QualityRow]:
    """Rows of a table that compares a network with what it was made from."""
    from latticecell.imports.agreement import agreement
    from latticecell.microstructure import Microstructure
    from latticecell.quality import network_quality

    if isinstance(microstructure, Microstructure):
        return network_quality(network, microstructure).rows()
    return agreement(network, microstructure).rows()


def _show_import(config: Config, network: Network | None = None) -> None:
    """Show how the network of labelled voxels agrees with their file."""
    from latticecell.imports.load import labelled
    from latticecell.output.cache import network_of

    if config.microstructure.labels is not None:
        with _explained():
            rows = _measured(network or network_of(config), labelled(config))
        _show(f"{config.name}: network against the labelled voxels", rows)


def _show_particles(config: Config) -> None:
    """Show where several particles are, and what they consist of."""
    import numpy as np

    from latticecell.microstructure import build_microstructure
    from latticecell.particles import PARTICLE_HEADINGS, particle_rows

    if config.microstructure.labels is None and len(config.geometry.particles) > 1:
        with _explained():
            micro = build_microstructure(config)
        counts = np.bincount(micro.particle_g).tolist()
        rows = particle_rows(config, counts)
        _table(f"{config.name}: particles, lengths in um", PARTICLE_HEADINGS, rows[:MOST_PARTICLES])
        if len(rows) > MOST_PARTICLES:
            typer.echo(f"and {len(rows) - MOST_PARTICLES} more; --show lists all of them")


def _show(title: str, rows: Sequence[QualityRow]) -> None:
    told = [
        (
            name,
            str(value) if isinstance(value, int) else f"{value:.6g}",
            "" if exact is None else f"{exact:.6g}",
            "" if error is None else f"{error:+.2e}",
        )
        for name, value, exact, error in rows
    ]
    _table(title, ("quantity", "value", "exact", "relative error"), told)


def _table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose first column is text."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title))
    for i, heading in enumerate(headings):
        table.add_column(escape(heading), justify="right" if i else "left")
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)


def _which_file() -> str:
    """Tell who runs nothing what there is to run."""
    near = sorted(str(path) for place in (".", "inputs") for path in Path(place).glob("*.toml"))
    near = [name for name in near if name != "pyproject.toml"]
    here = f"here are {', '.join(near[:5])}{', ...' if len(near) > 5 else ''}" if near else "none is here"
    return f"run: needs a TOML file; {here}; 'latticecell new run.toml' writes one with every key"


@app.command()
def run(
    file: Annotated[Path | None, typer.Argument(help="TOML file of a run.", show_default=False)] = None,
    out: Out = None,
    assignments: Assignments = None,
    threads: Threads = None,
    laws: Laws = None,
    force: Force = False,
    before: Annotated[
        Path | None, typer.Option("--from", help="Run directory whose state is the start (continue_from).")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="Which state: end, snapshot 3, charge_end ... (continue_at).")
    ] = None,
) -> None:
    """Run a file; Ctrl-C, SIGTERM or SIGHUP stop after the current step and leave a checkpoint."""
    from latticecell.checks import remarks
    from latticecell.output.rundir import refuse_occupied
    from latticecell.reader import read_config
    from latticecell.run import Simulation

    with _explained(laws), _stoppable() as stop:
        if file is None:
            raise ConfigError(_which_file())
        overrides = [*(assignments or ()), *([f"solver.threads={threads}"] if threads else [])]
        origin = {"continue_from": before and str(before), "continue_at": at}
        overrides += [f"{key}={json.dumps(value)}" for key, value in origin.items() if value]
        config = read_config(file, overrides)
        path = out or Path("runs") / file.stem
        refuse_occupied(path, force)
        _say(remarks(config))
        typer.echo(
            f"{config.name}: building the network"
            if config.continue_from is None
            else printable(f"{config.name}: going on from {config.continue_from}")
        )
        simulation = Simulation.start(config, path, command=" ".join(sys.argv), force=force)
        _say(list(simulation.notes))
        counts = simulation.stepper.network
        _show_import(config, counts)
        typer.echo(
            f"{counts.n_sites} sites, {counts.n_nodes} nodes, {counts.n_springs} springs, "
            f"{counts.n_bonds} bonds; writing to {path}"
        )
        _follow(simulation, config, path, stop)


@app.command()
def resume(
    path: Annotated[Path, typer.Argument(help="Run directory.")],
    threads: Threads = None,
    laws: Laws = None,
    same_version: Annotated[
        bool, typer.Option("--same-version", help="Refuse to go on under other versions.")
    ] = False,
    cycles: Annotated[
        int | None,
        typer.Option("--cycles", min=1, help="Cycles of the protocol from now on, more than before."),
    ] = None,
) -> None:
    """Go on with an interrupted run from its last checkpoint, or with more cycles than it had."""
    from latticecell.checks import remarks
    from latticecell.run import Simulation

    with _explained(laws), _stoppable() as stop:
        simulation = Simulation.resume(
            path, threads, cycles=cycles, same_version=same_version, command=" ".join(sys.argv)
        )
        _say([*simulation.notes, *remarks(simulation.stepper.config)])
        if simulation.cursor.finished:
            typer.echo(f"{path}: is complete")
            return
        typer.echo(f"{path}: going on at t = {float(simulation.state.time[0]):.1f} s")
        _follow(simulation, simulation.stepper.config, path, stop)


app.command("cell1d")(_explained()(cell1d_command))
app.command("view")(_explained()(view_command))
app.command("report")(_explained()(report_command))
app.command("export")(_explained()(export_command))
app.command("materials")(_explained()(materials_command))
app.command("import-bpx")(_explained()(import_bpx_command))
app.command("study")(_explained()(study_command))


def _follow(simulation: object, config: Config, path: Path, stop: Stop) -> None:
    """Advance a run to its end, showing progress; stop cleanly when asked to."""
    from latticecell.effort import sentence
    from latticecell.electrochemistry import BOUND_SLACK
    from latticecell.progress import progress_display
    from latticecell.run import Simulation

    assert isinstance(simulation, Simulation)
    stop.patient = True
    steps = simulation.advance()
    row, bound = None, 1.0 + BOUND_SLACK
    try:
        with progress_display(config) as show:
            for progress in steps:
                row = progress.row
                show(progress)
                _say([*progress.notes])
                if float(row["stoich_max"]) > bound:
                    _say([_overfull(row)])
                    bound = float("inf")
                if stop.number:
                    break
    except SolveError as error:
        typer.echo(str(error), err=True)
        typer.echo(f"results up to there are in {path}; latticecell resume {path} tries again", err=True)
        raise typer.Exit(NUMERICAL_FAILURE) from None
    except KeyboardInterrupt:
        typer.echo(f"stopped; go on from the last checkpoint with: latticecell resume {path}", err=True)
        raise typer.Exit(stop.code) from None
    finally:
        steps.close()
    if stop.number and not simulation.cursor.finished:
        typer.echo(f"stopped; go on with: latticecell resume {path}", err=True)
        raise typer.Exit(stop.code)
    if row is not None:
        typer.echo(f"done at t = {row['time_s']:.1f} s; history, fields and summary.png are in {path}")
        typer.echo(sentence(simulation.directory.info()))


def _overfull(row: Row) -> str:
    """Say that more Li is somewhere than the crystal holds, which only the dilute drift allows."""
    return (
        f"stoichiometry of {row['stoich_max']:.4g} at t = {row['time_s']:.1f} s: dilute drift knows no full "
        'crystal; materials.active.stress_diffusion = "saturating" or "thermodynamic" does'
    )


@contextmanager
def _stoppable() -> Iterator[Stop]:
    """Take signals; what is stopped before its first step says so."""
    with stopping() as stop:
        try:
            yield stop
        except KeyboardInterrupt:
            typer.echo("stopped", err=True)
            raise typer.Exit(stop.code) from None


def main() -> None:
    """Entry point of the ``latticecell`` command."""
    with streams() as problems:
        try:
            app()
        except SystemExit as end:
            code = end.code
    for problem in problems:
        typer.echo(problem, err=True)
    sys.exit(code or (NOT_WRITTEN if problems else 0))
