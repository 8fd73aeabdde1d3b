"""The results of a study as one table: a row for each run, in the order of the file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from latticecell.output.files import write_file
from latticecell.results import open_run
from latticecell.results.summary import summary
from latticecell.study.estimates import Estimate, Levels, columns_of, estimate
from latticecell.study.jobs import status_of
from latticecell.study.plan import Planned
from latticecell.study.resolutions import levels_of
from latticecell.study.spec import Convergence

STATES: Final = ("charge_end_", "discharge_end_", "peak_")
QUANTITIES: Final = (
    "charge_time_s", "discharge_time_s", "charge_capacity_nAh", "discharge_capacity_nAh", "efficiency",
    "capacity_retention",
)  # fmt: skip
"""Quantities of the summary that have errors, with those that begin as ``STATES``; the rest are counts."""

Columns = dict[str, list[Any]]
CSV, PARQUET, ESTIMATES = "table.csv", "table.parquet", "estimates.csv"


def results_table(runs: Sequence[Planned], keys: Sequence[str]) -> Columns:
    """Return the columns of the table: case, seed, varied keys, status, summary, message, directory.

    Keys hold the values of the resolved input, also where a case does not vary them. Quantities that a run
    lacks are None. There is nothing in it that depends on when, where or in which order runs were done.
    """
    rows = [_row(run, keys) for run in runs]
    ends = ("message", "run")
    names = [*dict.fromkeys(name for row in rows for name in row if name not in ends), *ends]
    return {name: [row.get(name) for row in rows] for name in names}


def estimates(
    runs: Sequence[Planned], columns: Columns, wanted: Convergence | None
) -> dict[str, dict[str, Estimate]]:
    """Return the summary quantities of every case with their errors, by case and name.

    A seed counts when all its levels are done. Counts and balances of the solver are left out.
    """
    by_case: dict[str, dict[int, dict[str, int]]] = {}
    for i, run in enumerate(runs):
        if columns["status"][i] == "done":
            by_case.setdefault(run.case.name, {}).setdefault(run.seed, {})[run.level] = i
    found: dict[str, dict[str, Estimate]] = {}
    for case, seeds in by_case.items():
        for name in (name for name in columns if name in QUANTITIES or name.startswith(STATES)):
            levels = [_levels(columns, name, rows, wanted, seed) for seed, rows in seeds.items()]
            if there := [one for one in levels if one is not None]:
                found.setdefault(case, {})[name] = estimate(there)
    return found


def _levels(
    columns: Columns, name: str, rows: Mapping[str, int], wanted: Convergence | None, seed: int
) -> Levels | None:
    values = {level: columns[name][i] for level, i in rows.items() if columns[name][i] is not None}
    sites, steps = ({level: columns[key][i] for level, i in rows.items()} for key in ("sites", "steps"))
    return levels_of(values, sites, steps, wanted, seed)


def estimates_table(found: Mapping[str, Mapping[str, Estimate]]) -> Columns:
    """Return the table of estimates: a row for each case, six columns for each quantity."""
    rows = [
        {"case": case, "seeds": max(one.n_seeds for one in mine.values())}
        | {column: value for name, one in mine.items() for column, value in columns_of(name, one).items()}
        for case, mine in found.items()
    ]
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(n for row in rows for n in row)}


def _row(run: Planned, keys: Sequence[str]) -> dict[str, Any]:
    status, message = status_of(run.path)
    group = {"group": run.case.group} if run.case.group else {}
    level = {"level": run.level} if run.level else {}
    varied = {key: _plain(run.value(key)) for key in keys}
    numbers = summary(open_run(run.path)) if status == "done" else {}
    return {
        "case": run.case.name, **group, "seed": run.seed, **level, **varied, "status": status, **numbers,
        "message": message, "run": run.path.name,
    }  # fmt: skip


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


def write_csv(path: Path, columns: Columns) -> None:
    """Write the table as CSV; floats are written so that they read back to the same bits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    write_file(path, text.getvalue())


def write_parquet(path: Path, columns: Columns) -> bool:
    """Write the table as Parquet; return whether pyarrow is installed and it was."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        return False
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer)
    write_file(path, buffer.getvalue())
    return True
