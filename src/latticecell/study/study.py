"""A study from its file to its table and page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latticecell.output.files import make_folder
from latticecell.registry import load
from latticecell.results import Run, open_run
from latticecell.study.estimates import Estimate
from latticecell.study.page import write_page
from latticecell.study.plan import Planned, file_name, is_final, plan
from latticecell.study.runner import run_missing
from latticecell.study.scoring import read_scale, write_scores
from latticecell.study.spec import StudySpec, read_study, study_from_table
from latticecell.study.table import (
    CSV,
    ESTIMATES,
    PARQUET,
    Columns,
    estimates,
    estimates_table,
    results_table,
    write_csv,
    write_parquet,
)

if TYPE_CHECKING:
    import pandas as pd

PAGE = "study.html"


@dataclass(frozen=True)
class StudyResult:
    """What came out of a study.

    Attributes
    ----------
    path : Path
        Its directory, with ``table.csv``, ``table.parquet``, ``estimates.csv``, ``study.html`` and
        ``runs/``; with targets also ``targets.csv`` and ``targets.html``.
    spec : StudySpec
    planned : list of Planned
        Its runs, in the order of the file.
    columns : dict of str to list
        The table, one row for each run; None where a run lacks a quantity.
    estimates : mapping of str to mapping of str to Estimate
        Summary quantities with their errors, by case and name.
    """

    path: Path
    spec: StudySpec
    planned: Sequence[Planned]
    columns: Columns
    estimates: Mapping[str, Mapping[str, Estimate]]

    @cached_property
    def runs(self) -> dict[str, dict[int, Run]]:
        """The finished runs by case and seed; with several resolutions those of the main network."""
        found: dict[str, dict[int, Run]] = {}
        for planned, status in zip(self.planned, self.columns["status"], strict=True):
            if status == "done" and is_final(planned, self.spec):
                found.setdefault(planned.case.name, {})[planned.seed] = open_run(planned.path)
        return found

    @property
    def failed(self) -> list[tuple[str, int, str]]:
        """Case, seed and message of every run that failed."""
        names = ("case", "seed", "message", "status")
        rows = zip(*(self.columns[name] for name in names), strict=True)
        return [(case, seed, message) for case, seed, message, status in rows if status == "failed"]

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as pandas takes it; pandas must be installed."""
        import pandas as pd

        return pd.DataFrame(self.columns)


def study(
    spec: str | Path | StudySpec | Mapping[str, Any],
    executor: str = "local",
    jobs: int | None = None,
    *,
    variant: str | None = None,
    seeds: int | Sequence[int] | None = None,
    cases: Sequence[str] = (),
    out: str | Path | None = None,
    laws: Sequence[str] = (),
    report_only: bool = False,
    say: Callable[[str], None] = lambda line: None,
    within: bool = False,
) -> StudyResult:
    """Run what a study lacks, and write its table and page.

    Parameters
    ----------
    spec : path, StudySpec or mapping
        The file of the study, or its content; paths in it are relative to the file, else to this directory.
    executor : str
        "local", "dask" (or "dask:ADDRESS"), "slurm" or "submitit-local".
    jobs : int, optional
        Runs side by side; default: the processors of this machine, for Slurm no limit.
    variant, seeds, cases
        What to do in place of what the file says: see `latticecell.study.plan.plan`.
    out : path, optional
        Directory; default: ``runs/`` and the name of the study, which is that of its file if it has none.
    laws : sequence of str
        Python files, or entry points, that register the user's laws here and in the workers.
    report_only : bool
        Run nothing; table and page of what is there.
    say : callable
        Takes lines of progress; default: nobody hears them.
    within : bool
        Whether to tell about the course of runs too.

    Raises
    ------
    ConfigError
        With all problems of the file and of all its cases, before anything is run.
    OutputError
        If table or page cannot be written.
    KeyboardInterrupt
        After Ctrl-C, when the running cases have stopped with a checkpoint; calling again goes on.
    """
    if isinstance(spec, str | Path):
        spec = read_study(spec)
    elif isinstance(spec, Mapping):
        spec = study_from_table(spec)
    path = Path(out) if out is not None else Path("runs") / file_name(spec.name)
    for name in laws:
        load(name)
    scale = read_scale(spec)
    chosen = seeds if seeds is None or isinstance(seeds, int) else tuple(seeds)
    runs = plan(spec, path, variant=variant, seeds=chosen, names=cases)
    if not report_only:
        files = [str(Path(name).resolve()) if Path(name).is_file() else name for name in laws]
        run_missing(
            runs, path, executor=executor, jobs=jobs, say=say, slurm=spec.slurm, laws=files, within=within
        )
    make_folder(path)
    columns = results_table(runs, spec.keys)
    found = estimates(runs, columns, spec.convergence)
    write_csv(path / CSV, columns)
    write_csv(path / ESTIMATES, estimates_table(found))
    written = [CSV, ESTIMATES, PAGE]
    if write_parquet(path / PARQUET, columns):
        written.insert(1, PARQUET)
    else:
        (path / PARQUET).unlink(missing_ok=True)
        say(f"no {PARQUET}: pip install 'latticecell[study]' for it")
    result = StudyResult(path, spec, runs, columns, found)
    write_page(path / PAGE, spec, runs, columns, found, variant or spec.default_variant)
    say(f"{columns['status'].count('done')} of {len(runs)} runs done; wrote {', '.join(written)} in {path}")
    if scale:  # what earlier calls finished is judged too
        everything = plan(spec, path, variant=variant, seeds=chosen, names=("all",))
        for line in write_scores(scale, everything, path, spec, variant or spec.default_variant):
            say(line)
    return result
