"""The mesh and time-step study: headline numbers against resolution, and the digits that mean something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from latticecell.paper.results import CaseRun, Study

UM: Final = 1e6


@dataclass(frozen=True, slots=True)
class Headline:
    """A number that the conclusions rest on."""

    name: str
    unit: str
    of: Callable[[CaseRun], float]

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})"


def _ends(column: str, factor: float = 1.0) -> Callable[[CaseRun], float]:
    return lambda run: factor * run.at(column, run.charge_end)


HEADLINES: Final[tuple[Headline, ...]] = (
    Headline("Charge time", "s", _ends("time_s")),
    Headline("Li at charge end", "pmol", _ends("lithium_mol", 1e12)),
    Headline("Mean gap", "nm", _ends("gap_mean_nm")),
    Headline("Largest gap", "nm", _ends("gap_max_nm")),
    Headline("von Mises, 99.9 %", "GPa", _ends("von_mises_p999_GPa")),
    Headline("von Mises, maximum", "GPa", _ends("von_mises_max_GPa")),
)
"""All at the end of charge of the baseline."""


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution: the name of its case without the prefix, its size, and its run."""

    name: str
    size: float
    run: CaseRun


@dataclass(frozen=True, slots=True)
class Refinement:
    """One way to refine: what its levels differ in, and the levels from coarse to fine."""

    title: str
    label: str
    levels: tuple[Level, ...]

    def last_change(self, headline: Headline) -> float:
        """How far the last refinement moved a number; NaN without two levels."""
        if len(self.levels) < 2:
            return float("nan")
        before, last = (headline.of(level.run) for level in self.levels[-2:])
        return abs(last - before)


# prefix of the cases, title, label of the axis, size of a level
_WAYS: Final[tuple[tuple[str, str, str, Callable[[CaseRun], float]], ...]] = (
    ("mesh_", "network", "Spacing of sites (µm)", lambda run: UM * run.config.network.spacing),
    ("dt_", "time step", "Largest step (s)", lambda run: run.config.solver.dt_max),
)


def refinements(study: Study) -> list[Refinement]:
    """Return the refinements of the network and of the time step, levels from coarse to fine."""
    found = []
    for prefix, title, label, size in _WAYS:
        runs = [(case, study.first(case)) for case in study.runs if case.startswith(prefix) and case in study]
        levels = [Level(case.removeprefix(prefix), size(run), run) for case, run in runs]
        found.append(Refinement(title, label, tuple(sorted(levels, key=lambda one: -one.size))))
    return found


def quotable(value: float, uncertainty: float) -> str:
    """Round a value to the first digit of its uncertainty: 14.26, 0.83 becomes "14.3 ± 0.8"."""
    if not (np.isfinite(uncertainty) and uncertainty > 0):
        return f"{value:.4g}"
    place = int(np.floor(np.log10(uncertainty)))
    rounded = round(uncertainty, -place)
    if rounded >= 10 ** (place + 1):  # 0.96 rounds to 1
        place += 1
    digits = max(-place, 0)
    return f"{round(value, -place):.{digits}f} ± {rounded:.{digits}f}"
