"""Numbers of a run, taken from its history: stages, moments worth showing, and the balances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from latticecell.config import Solver
from latticecell.numerics import ENERGY_LIMIT, LITHIUM_LIMIT, SALT_LIMIT

if TYPE_CHECKING:
    import pandas as pd


class History(Mapping[str, NDArray]):
    """The columns of a history by name, each (n_rows,); empty before the first row."""

    def __init__(self, columns: Mapping[str, NDArray]):
        self._columns = dict(columns)

    def __getitem__(self, name: str) -> NDArray:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def row(self, time: float) -> int:
        """Return the row that is nearest to a time [s]."""
        return int(np.abs(self["time_s"] - time).argmin())

    def at(self, name: str, time: float) -> float:
        """Return a column at a time [s], linear between rows."""
        return float(np.interp(time, self["time_s"], self[name]))

    def to_pandas(self) -> pd.DataFrame:
        """Return the history as a pandas table; pandas must be installed."""
        import pandas as pd

        return pd.DataFrame(self._columns)


@dataclass(frozen=True, slots=True)
class StageSpan:
    """Rows of one protocol step in one cycle.

    Attributes
    ----------
    cycle, step : int
        From 1.
    kind : str
        "charge", "discharge", "hold", "rest" or "profile".
    before, first, last : int
        Rows of the history: where the stage starts (the end of the stage before), its first and last row.
    """

    cycle: int
    step: int
    kind: str
    before: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment worth showing.

    Attributes
    ----------
    label : str
        What it stands for, for example "charge, end".
    wanted : float
        Its time [s]; that of the nearest snapshot may differ.
    """

    label: str
    wanted: float


def stage_spans(history: Mapping[str, NDArray]) -> list[StageSpan]:
    """Split the rows of a history by cycle and step."""
    key = np.stack([history["cycle"], history["step"]], axis=1)
    change = np.flatnonzero((key[1:] != key[:-1]).any(axis=1)) + 1
    start = [0, *change.tolist()]
    stop = [*change.tolist(), len(key)]
    return [
        StageSpan(
            int(history["cycle"][a]),
            int(history["step"][a]),
            str(history["kind"][a]),
            max(a - 1, 0),
            a,
            b - 1,
        )
        for a, b in zip(start, stop, strict=True)
    ]


def moments(history: History, cycle: int, finished: bool) -> list[Moment]:
    """Pick charge begin, middle and end and discharge middle and end of a cycle.

    Parameters
    ----------
    history : mapping of str to (n_rows,) array
    cycle : int
        From 1.
    finished : bool
        Whether the run came to its end; otherwise its last stage has a "last" instead of an "end".

    Returns
    -------
    list of Moment
        In order of time; kinds of stage that the cycle lacks are left out. Without charge or discharge:
        begin, middle and end of the cycle.
    """
    spans = [span for span in stage_spans(history) if span.cycle == cycle] if history else []
    if not spans:
        return []
    groups = {kind: [span for span in spans if span.kind == kind] for kind in ("charge", "discharge")}
    groups = {kind: group for kind, group in groups.items() if group} or {f"cycle {cycle}": spans}
    clock = history["time_s"]
    final = len(clock) - 1
    wanted: list[tuple[float, str]] = []
    for kind, group in sorted(groups.items(), key=lambda item: item[1][0].first):
        begin, end = float(clock[group[0].before]), float(clock[group[-1].last])
        if not wanted:
            wanted.append((begin, f"{kind}, begin"))
        wanted.append((0.5 * (begin + end), f"{kind}, middle"))
        done = finished or group[-1].last != final
        wanted.append((end, f"{kind}, {'end' if done else 'last'}"))
    return [Moment(label, time) for time, label in wanted]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the audit: the worst value of a quantity, and what is allowed (None: for information)."""

    name: str
    worst: float
    limit: float | None
    meaning: str

    @property
    def passed(self) -> bool | None:
        """Whether the worst value is within its limit; None where nothing is promised."""
        return None if self.limit is None else bool(self.worst <= self.limit)


def balances(history: History, solver: Solver) -> list[Check]:
    """Worst value of each balance over the run, and how far monotone quantities ever fell."""
    worst = {
        name: float(np.abs(values).max()) for name, values in history.items() if values.dtype.kind == "f"
    }
    low, high = float(history["stoich_min"].min()), float(history["stoich_max"].max())
    lines = [
        Check("Li balance", worst["lithium_balance"], LITHIUM_LIMIT, "Li gained and charge passed, over Li"),
        Check(
            "stoichiometry range",
            max(-low, high - 1, 0.0),
            0.0,
            f"excess over 0 to 1; {low:.4f} to {high:.4f}",
        ),
        Check(
            "equilibrium residual",
            worst["equilibrium_residual"],
            solver.mechanics_tolerance,
            "out-of-balance force over strength times area",
        ),
        Check("charge balance", worst["charge_balance"], None, "collector current less Li-metal current"),
        Check("energy balance", worst["energy_balance"], ENERGY_LIMIT, "work less energy stored and lost"),
        Check("viscous share", worst["viscous_share"], None, "largest viscous traction over strength"),
    ]
    if "salt_balance" in worst:
        lines.append(Check("salt balance", worst["salt_balance"], SALT_LIMIT, "salt gained, over the salt"))
    for name, meaning in (
        ("dissipated_J", "largest fall of the dissipated energy, over its end value"),
        ("interface_broken", "largest fall of the broken interface area fraction"),
        ("gb_broken", "largest fall of the broken grain-boundary area fraction"),
    ):
        fall = float(np.maximum(-np.diff(history[name]), 0.0).max(initial=0.0))
        scale = max(worst[name], 1e-300) if name == "dissipated_J" else 1.0
        lines.append(Check(f"{name.removesuffix('_J').replace('gb_', 'grain-boundary ').replace('_', ' ')} "
                           "never falls", fall / scale, 1e-9, meaning))  # fmt: skip
    rejected, limited = int(history["rejected"].sum()), int(history["limited_nodes"].sum())
    lines.append(Check("rejected step attempts", rejected, None, f"in {len(history['time_s']) - 1} steps"))
    lines.append(Check("limited nodes", limited, None, "node visits of the limiter, all steps"))
    return lines
