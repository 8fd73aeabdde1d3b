"""Experiments behind the calibration: what each unknown does, one change at a time on the coarse network."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from latticecell.output.fields import replacing
from latticecell.paper.catalogue import EXPERIMENTS
from latticecell.paper.measures import MEASURES, onset_time, worst_drop
from latticecell.paper.results import CaseRun, Study
from latticecell.paper.rules import Value

Column = tuple[str, Value, str]


COLUMNS: Final[tuple[Column, ...]] = (
    ("charge (s)", lambda run: MEASURES["t_charge", "charge_end"](run, ""), "{:.0f}"),
    ("discharge (s)", lambda run: MEASURES["t_discharge", "discharge_duration"](run, ""), "{:.0f}"),
    ("Li at charge end (pmol)", lambda run: MEASURES["M_Li", "charge_end"](run, ""), "{:.3f}"),
    ("Li at discharge end (pmol)", lambda run: MEASURES["M_Li", "discharge_end"](run, ""), "{:.3f}"),
    ("onset (s)", onset_time, "{:.0f}"),
    ("mean gap at 2200 s (nm)", lambda run: run.while_charging("gap_mean_nm", 2200.0), "{:.2f}"),
    ("mean gap (nm)", lambda run: MEASURES["D_G_ave", "charge_end"](run, ""), "{:.2f}"),
    ("largest gap (nm)", lambda run: MEASURES["D_G_max", "charge_end"](run, ""), "{:.1f}"),
    ("residual gap (nm)", lambda run: run.at("gap_mean_nm", -1), "{:.3f}"),
    ("sigma max (GPa)", lambda run: MEASURES["sigma_Mises_max", "charge_end"](run, ""), "{:.2f}"),
    ("eps_V max (1)", lambda run: MEASURES["eps_V_max", "charge_end"](run, ""), "{:.4f}"),
    ("contact drop (mV)", lambda run: 1e3 * worst_drop(run), "{:.1f}"),
    ("highest y (1)", lambda run: float(run.column("stoich_max").max()), "{:.3f}"),
)
"""Heading, value and format of what the experiments are compared by."""


def experiment_rows(study: Study) -> list[tuple[str, ...]]:
    """Return a row of texts for every experiment that was run: name, change, values."""
    rows = []
    for case in EXPERIMENTS:
        for run in study.runs.get(case.name, ()):
            rows.append((case.name.removeprefix("try_"), case.about, *_values(run)))
    return rows


def _values(run: CaseRun) -> Sequence[str]:
    return [form.format(value(run)) for _, value, form in COLUMNS]


def write_experiments(path: Path, study: Study) -> None:
    """Write the experiments as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("experiment", "change", *(heading for heading, _, _ in COLUMNS)))
    writer.writerows(experiment_rows(study))
    with replacing(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")
