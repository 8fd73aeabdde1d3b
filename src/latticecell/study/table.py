"""The results of a study as one table: a row for each run, in the order of the file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from latticecell.output.files import write_file
from latticecell.results import open_run
from latticecell.results.summary import summary
from latticecell.study.jobs import status_of
from latticecell.study.plan import Planned

Columns = dict[str, list[Any]]
CSV, PARQUET = "table.csv", "table.parquet"


def results_table(runs: Sequence[Planned], keys: Sequence[str]) -> Columns:
    """Return the columns of the table: case, seed, varied keys, status, summary, message, directory.

    Keys hold the values of the resolved input, also where a case does not vary them. Quantities that a run
    lacks are None. There is nothing in it that depends on when, where or in which order runs were done.
    """
    rows = [_row(run, keys) for run in runs]
    ends = ("message", "run")
    names = [*dict.fromkeys(name for row in rows for name in row if name not in ends), *ends]
    return {name: [row.get(name) for row in rows] for name in names}


def _row(run: Planned, keys: Sequence[str]) -> dict[str, Any]:
    status, message = status_of(run.path)
    group = {"group": run.case.group} if run.case.group else {}
    varied = {key: _plain(run.value(key)) for key in keys}
    numbers = summary(open_run(run.path)) if status == "done" else {}
    return {
        "case": run.case.name, **group, "seed": run.seed, **varied, "status": status, **numbers,
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
