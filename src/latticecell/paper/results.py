"""Finished runs of the paper's studies, as the table and the figures read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latticecell.config import Config
from latticecell.output.fields import FieldReader
from latticecell.output.rundir import RunDirectory
from latticecell.results import Run, StageSpan, open_run
from latticecell.results.history import stage_spans

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CaseRun:
    """One case of the paper with one seed.

    Attributes
    ----------
    case : str
        Stem of the study file, for example "rate_2C".
    seed : int
        Seed of the microstructure.
    path : Path
        Run directory; that of a 1-D case holds no fields.
    """

    case: str
    seed: int
    path: Path

    @cached_property
    def history(self) -> dict[str, NDArray]:
        """Columns of ``history.csv``."""
        return RunDirectory.open(self.path).history()

    @cached_property
    def config(self) -> Config:
        """The resolved configuration."""
        return RunDirectory.open(self.path).config()

    @cached_property
    def info(self) -> dict[str, Any]:
        """Content of ``run.json``."""
        return RunDirectory.open(self.path).info()

    @cached_property
    def fields(self) -> FieldReader:
        """Reader of the snapshots."""
        return RunDirectory.open(self.path).fields()

    @cached_property
    def opened(self) -> Run:
        """The run itself."""
        return open_run(self.path)

    @cached_property
    def spans(self) -> list[StageSpan]:
        """Rows of each protocol step."""
        return stage_spans(self.history)

    def column(self, name: str) -> Floats:
        """Return a column of the history."""
        return np.asarray(self.history[name], float)

    @cached_property
    def charge(self) -> slice:
        """Rows from the cell at rest to the end of charging, a hold included."""
        return slice(0, self.charge_end + 1)

    @cached_property
    def discharge(self) -> slice:
        """Rows from the end of charging to the end of discharging."""
        return slice(self.charge_end, self.discharge_end + 1)

    @cached_property
    def charge_end(self) -> int:
        """Row at which charging, a hold included, ends."""
        return next(span.before for span in self.spans if span.kind == "discharge")

    @cached_property
    def discharge_end(self) -> int:
        """Row at which the first discharge ends."""
        return next(span.last for span in self.spans if span.kind == "discharge")

    def at(self, name: str, row: int) -> float:
        """Return one value of the history."""
        return float(self.history[name][row])

    def while_charging(self, name: str, time: float) -> float:
        """Return a column at a time while the cell charges, linear between rows; the end beyond it."""
        rows = self.charge
        return float(np.interp(time, self.column("time_s")[rows], self.column(name)[rows]))

    def snapshot(self, time: float) -> int:
        """Return the index of the snapshot nearest to a time [s]."""
        return int(np.abs(self.fields.times - time).argmin())


@dataclass(frozen=True)
class Study:
    """All runs that are there, by case; the runs of a case are in the order of their seeds."""

    runs: Mapping[str, tuple[CaseRun, ...]] = field(default_factory=dict)

    def __contains__(self, case: str) -> bool:
        return bool(self.runs.get(case))

    def first(self, case: str) -> CaseRun:
        """Return the run of the lowest seed."""
        return self.runs[case][0]

    def together(self, *cases: str) -> Iterator[tuple[CaseRun, ...]]:
        """Yield the runs of several cases seed by seed, for the seeds that all of them have."""
        by_seed = [{run.seed: run for run in self.runs.get(case, ())} for case in cases]
        for seed in sorted(set(by_seed[0]).intersection(*by_seed)):
            yield tuple(runs[seed] for runs in by_seed)

    @property
    def seeds(self) -> list[int]:
        """All seeds that occur."""
        return sorted({run.seed for runs in self.runs.values() for run in runs})
