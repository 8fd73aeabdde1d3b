"""``latticecell paper``: run what is missing, then write the table and the report."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from latticecell.errors import ConfigError
from latticecell.paper.cases import REPORT_RESOLUTION, RESOLUTIONS, Job, plan
from latticecell.paper.catalogue import CASES, CONVERGENCE, EXPERIMENTS, choose
from latticecell.paper.experiments import experiment_rows, write_experiments
from latticecell.paper.page import write_page
from latticecell.paper.results import CaseRun, Study
from latticecell.paper.runner import Outcome, run_missing
from latticecell.paper.table import summary_lines, table, worst, write_csv
from latticecell.paper.targets import read_targets

FAILED, INTERRUPTED = 3, 130


def paper_command(
    cases: Annotated[
        list[str] | None,
        typer.Option(
            "--cases",
            help="Cases, figures (fig3), 'convergence' or 'experiments'; default: the paper's.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Microstructures a case: seeds 1, 2, ...")] = 1,
    resolution: Annotated[str, typer.Option(help=f"Network: {', '.join(RESOLUTIONS)}.")] = REPORT_RESOLUTION,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Runs side by side; default: the processors.")
    ] = None,
    inputs: Annotated[Path, typer.Option(help="Folder of the study files.")] = Path("inputs/paper"),
    runs: Annotated[Path, typer.Option(help="Folder of the runs; finished ones are kept.")] = Path(
        "runs/paper"
    ),
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of paper.html and paper.csv.")] = Path(
        "report"
    ),
    report_only: Annotated[
        bool, typer.Option("--report-only", help="Run nothing; report what is there.")
    ] = False,
) -> None:
    """Reproduce the paper: run its cases, and write every number, trend and figure beside the paper's.

    Finished runs are found again by the hash of their configuration; Ctrl-C stops cleanly, and the same
    command goes on.
    """
    if resolution not in RESOLUTIONS:
        raise ConfigError(f"--resolution {resolution}: must be one of {', '.join(RESOLUTIONS)}")
    chosen = choose(_split(cases or ()))
    todo = plan(chosen, seeds, resolution, inputs, runs)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{out}: cannot be made: {error.strerror}") from None
    failed: list[Outcome] = []
    if not report_only:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # let a batch system stop it cleanly
        try:
            failed = run_missing(todo, jobs or os.cpu_count() or 1, typer.echo)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
    # what earlier calls finished belongs to the report too
    known = [*todo, *_others(todo, seeds, resolution, inputs, runs)]
    study = study_of(known)
    targets = read_targets()
    rows = table(targets, study)
    write_csv(out / "paper.csv", rows)
    if experiment_rows(study):
        write_experiments(out / "experiments.csv", study)
    about = {
        "version": version("latticecell"),
        "resolution": resolution,
        "seeds": ", ".join(map(str, study.seeds)) or "none",
        "runs": str(len({job.path for job in known if job.status == "done"})),
        "missing": ", ".join(sorted({job.case.name for job in known if job.status != "done"})) or "none",
    }
    write_page(out / "paper.html", study, rows, targets, about)
    for line in summary_lines(rows):
        typer.echo(line)
    for row in worst(rows):
        typer.echo(f"far off: {row.target.id}: {row.ours:.4g} {row.target.unit}, paper {row.target.value:g}")
    typer.echo(f"wrote {out / 'paper.html'} and {out / 'paper.csv'}")
    if failed:
        for outcome in failed:
            typer.echo(f"{outcome.job.case.name}, seed {outcome.job.seed}: {outcome.message}", err=True)
        raise typer.Exit(FAILED)


def study_of(jobs: Sequence[Job]) -> Study:
    """Return the study made of the runs that are done."""
    found: dict[str, list[CaseRun]] = {}
    for job in jobs:
        if job.status == "done":
            found.setdefault(job.case.name, []).append(CaseRun(job.case.name, job.seed, job.path))
    return Study({case: tuple(sorted(runs, key=lambda run: run.seed)) for case, runs in found.items()})


def _others(todo: Sequence[Job], seeds: int, resolution: str, inputs: Path, runs: Path) -> list[Job]:
    """Runs of the other cases that happen to be there."""
    asked = {job.case.name for job in todo}
    rest = [case for case in (*CASES, *CONVERGENCE, *EXPERIMENTS) if case.name not in asked]
    return [job for job in plan(rest, seeds, resolution, inputs, runs) if job.status == "done"]


def _split(names: Sequence[str]) -> list[str]:
    """Allow ``--cases a,b`` as well as ``--cases a --cases b``."""
    return [part.strip() for name in names for part in name.split(",") if part.strip()]
