"""Finished runs of a study by case and seed, as measures, trends and panels read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from latticecell.errors import ConfigError
from latticecell.results import Run

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CaseRun:
    """The run of one case with one seed.

    Attributes
    ----------
    case : str
    seed : int
    run : Run
        That of a 1-D cell holds no fields.
    about, group : str
        What the case is, and what it belongs to.
    extra : bool
        Whether it runs only when asked for.
    """

    case: str
    seed: int
    run: Run
    about: str = ""
    group: str = ""
    extra: bool = False

    def column(self, name: str) -> Floats:
        """Return a column of the history; raises `ConfigError` if there is none."""
        if name not in self.run.history:
            raise ConfigError(f"{self.case}, seed {self.seed}: the history has no column {name}")
        return np.asarray(self.run.history[name], float)

    def at(self, name: str, row: int) -> float:
        """Return one value of the history."""
        return float(self.column(name)[row])

    @cached_property
    def charge_end(self) -> int:
        """Row at which the first discharge begins, after a hold; the last row of a run without discharge."""
        found = [span.before for span in self.run.stages if span.kind == "discharge"]
        return found[0] if found else len(self.column("time_s")) - 1

    @cached_property
    def discharge_end(self) -> int:
        """Row at which the first discharge ends; raises `ConfigError` if there is none."""
        found = [span.last for span in self.run.stages if span.kind == "discharge"]
        if not found:
            raise ConfigError(f"{self.case}, seed {self.seed}: does not discharge")
        return found[0]

    @cached_property
    def charge(self) -> slice:
        """Rows from the cell at rest to the end of charging, a hold included."""
        return slice(0, self.charge_end + 1)

    @cached_property
    def discharge(self) -> slice:
        """Rows from the end of charging to the end of discharging."""
        return slice(self.charge_end, self.discharge_end + 1)

    def while_charging(self, name: str, time: float) -> float:
        """Return a column at a time [s] while the cell charges, linear between rows; the end beyond it."""
        rows = self.charge
        return float(np.interp(time, self.column("time_s")[rows], self.column(name)[rows]))


@dataclass(frozen=True)
class CaseRuns:
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
