"""What a study with targets writes besides its table: verdicts, their page, and tables of cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from latticecell.results import open_run
from latticecell.study.caseruns import CaseRun, CaseRuns
from latticecell.study.jobs import status_of
from latticecell.study.panels import Panels, read_panels
from latticecell.study.plan import Case, Planned
from latticecell.study.resolutions import Resolutions
from latticecell.study.spec import StudySpec
from latticecell.study.targets import Targets, read_reasons, read_targets
from latticecell.study.targets_page import case_heads, case_rows, write_page
from latticecell.study.verdicts import summary_lines, table, write_lines, write_verdicts

CSV: Final = "targets.csv"
PAGE: Final = "targets.html"


def finished(planned: Sequence[Planned], level: str = "") -> CaseRuns:
    """Return those runs of a level of a study that are done, by case, in the order of the file.

    Cases that have one level only belong to all.
    """
    found: dict[str, list[CaseRun]] = {}
    for one in planned:
        if one.level in ("", level) and status_of(one.path)[0] == "done":
            case = one.case
            run = CaseRun(case.name, one.seed, open_run(one.path), about_of(case), case.group, case.extra)
            found.setdefault(case.name, []).append(run)
    return CaseRuns({case: tuple(sorted(runs, key=lambda run: run.seed)) for case, runs in found.items()})


@dataclass(frozen=True)
class Scale:
    """What a study is judged by: targets, why they are missed, and panels; ``code`` is told where missing."""

    targets: Targets
    reasons: Mapping[str, str]
    panels: Panels
    code: str


def read_scale(spec: StudySpec) -> Scale | None:
    """Read the files that a study names; None if it has no targets.

    Raises `ConfigError` with the problems of the first file that has some.
    """
    if spec.targets is None:
        return None
    targets = read_targets(spec.folder / spec.targets)
    reasons = read_reasons(spec.folder / spec.reasons, targets) if spec.reasons else {}
    panels = read_panels(spec.folder / spec.panels) if spec.panels else Panels()
    return Scale(targets, reasons, panels, str(spec.folder / targets.code) if targets.code else "")


def write_scores(
    scale: Scale, planned: Sequence[Planned], out: Path, spec: StudySpec, variant: str | None
) -> list[str]:
    """Judge a study, and write ``targets.csv``, ``targets.html`` and the tables of its panels.

    Parameters
    ----------
    scale : Scale
    planned : sequence of Planned
        All its runs; those that are not done are told as missing, but not those of extra cases.
    out : Path
        Directory of the study.
    spec : StudySpec
        Its levels of resolution; trends and pictures are those of the main one.
    variant : str or None
        For the head of the page.

    Returns
    -------
    list of str
        Lines for the terminal.
    """
    targets, levels, runs = scale.targets, None, finished(planned)
    if spec.convergence and any(one.level for one in planned):
        levels = Resolutions(
            spec.convergence, {name: finished(planned, name) for name in spec.convergence.levels}
        )
        variant = spec.convergence.main_level
        runs = levels.runs[variant]
    rows = table(targets, runs, scale.reasons, scale.code, levels)
    write_verdicts(out / CSV, rows)
    written = [CSV, PAGE]
    for one in scale.panels.tables:
        if lines := case_rows(one, targets, runs):
            write_lines(out / one.csv, case_heads(one), lines)
            written.append(one.csv)
    missing = {one.case.name for one in planned if not one.case.extra and status_of(one.path)[0] != "done"}
    about = {
        "version": version("latticecell"),
        **({"variant": variant} if variant else {}),
        "seeds": ", ".join(map(str, runs.seeds)) or "none",
        "runs": str(len({run.run.path for some in runs.runs.values() for run in some})),
        "missing": ", ".join(sorted(missing)) or "none",
    }
    write_page(out / PAGE, targets, scale.panels, runs, rows, about)
    return [*summary_lines(rows), f"wrote {', '.join(written)}"]


def about_of(case: Case) -> str:
    """Say what a case is, or what it sets."""
    return case.about or ", ".join(f"{key}={value}" for key, value in case.values.items())
