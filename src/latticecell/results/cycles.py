"""One row for each cycle of a run: capacity, efficiency, resistance, and the state at both ends."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, overload

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Bools, Floats
from latticecell.results.history import StageSpan, stage_spans

if TYPE_CHECKING:
    import pandas as pd

JUMP: Final = "jump"
"""Kind of the row of the history that stands for cycles that were passed by extrapolation."""
NAH: Final = 1e9 / 3600.0
"""[nA h] of 1 C."""
CM2: Final = 1e4
"""[cm2] of 1 m2."""
ENDS: Final = ("charge", "discharge")
STATE: Final = (
    "lithium_mol", "stoich_mean", "stoich_min", "stoich_max", "interface_drop_mV",
    "gap_mean_nm", "gap_max_nm", "interface_open", "interface_broken", "gb_broken", "gb_opening_max_nm",
    "von_mises_median_GPa", "von_mises_p99_GPa", "von_mises_p999_GPa", "von_mises_max_GPa",
    "hydrostatic_min_GPa", "hydrostatic_max_GPa", "volumetric_strain_min",
)  # fmt: skip
"""Columns of the history that are told at the ends of charge and discharge."""
WITH_CRACKS: Final = ("gb_open_2nm", "lithium_isolated_mol", "lithium_tortuosity", "fragments")
"""Those that a table of cycles tells besides, where the history has them."""


@dataclass(frozen=True, slots=True)
class CycleSummary:
    """Times and capacities of one cycle; None where the cycle did not get there.

    Holds count as charge or discharge by the sign of the current.

    Attributes
    ----------
    cycle : int
        From 1.
    charge_time, discharge_time : float or None
        Time with charging and with discharging current [s].
    charge_capacity, discharge_capacity : float or None
        Charge that flowed one way and the other [C].
    efficiency : float or None
        Discharge capacity over charge capacity [1]; None until the cycle is complete.
    """

    cycle: int
    charge_time: float | None
    discharge_time: float | None
    charge_capacity: float | None
    discharge_capacity: float | None
    efficiency: float | None


class CycleTable(Sequence[CycleSummary]):
    """The cycles of a run: a number gives the summary of one, a name the column of all.

    The columns are those of ``cycles.csv``; see ``docs/results.md``. NaN stands where a cycle has no such
    quantity, or did not get there.

    Parameters
    ----------
    summaries : sequence of CycleSummary
    columns : mapping of str to (n_cycles,) float64
    """

    def __init__(self, summaries: Sequence[CycleSummary], columns: Mapping[str, Floats]):
        self._summaries, self.columns = tuple(summaries), dict(columns)

    @classmethod
    def of(cls, history: Mapping[str, NDArray], finished: bool, area: float) -> CycleTable:
        """Sum up each cycle; the last one of a run that did not finish is no complete one.

        Parameters
        ----------
        history : mapping of str to (n_rows,) array
        finished : bool
            Whether the protocol came to its end.
        area : float
            Cross-section of the cell, to which resistances refer [m2].
        """
        if not len(history.get("time_s", ())):
            return cls((), {})
        spans = stage_spans(history)
        groups = list(_by_cycle(spans))
        cycles = [
            _Cycle(history, number, own, groups[i - 1][0] if i else 0)
            for i, (number, own) in enumerate(groups)
        ]
        last = None if finished else cycles[-1].number
        rows = [cycle.row(area, complete=cycle.number != last) for cycle in cycles]
        summaries = [cycle.summary(complete=cycle.number != last) for cycle in cycles]
        columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        capacity = columns["discharge_capacity_nAh"]
        with np.errstate(invalid="ignore"):
            retention = np.where(np.isnan(columns["coulombic_efficiency"]), np.nan, capacity / capacity[0])
        names = list(columns)
        place = names.index("coulombic_efficiency") + 1
        order = [*names[:place], "capacity_retention", *names[place:]]
        columns["capacity_retention"] = retention
        return cls(summaries, {name: columns[name] for name in order})

    @overload
    def __getitem__(self, key: int) -> CycleSummary: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[CycleSummary, ...]: ...
    @overload
    def __getitem__(self, key: str) -> Floats: ...
    def __getitem__(self, key: int | slice | str) -> CycleSummary | tuple[CycleSummary, ...] | Floats:
        return self.columns[key] if isinstance(key, str) else self._summaries[key]

    def __len__(self) -> int:
        return len(self._summaries)

    def __repr__(self) -> str:
        return f"<CycleTable: {len(self)} cycles, {', '.join(self.columns)}>"

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a pandas one; pandas must be installed."""
        import pandas as pd

        return pd.DataFrame(self.columns)

    def to_csv(self) -> str:
        """Return the content of ``cycles.csv``; floats read back with the same bits."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        for row in zip(*(column.tolist() for column in self.columns.values()), strict=True):
            writer.writerow([repr(value).removesuffix(".0") for value in row])
        return text.getvalue()


class _Cycle:
    """Rows of one cycle, and what is computed from them."""

    def __init__(self, history: Mapping[str, NDArray], number: int, spans: Sequence[StageSpan], before: int):
        self.number, self._before = number, before
        self.is_jump = spans[0].kind == JUMP
        self._history, self._spans = history, spans
        self._rows = slice(spans[0].first, spans[-1].last + 1)

    def row(self, area: float, *, complete: bool) -> dict[str, float]:
        """Columns of the cycle; ``complete``: whether it came to its end."""
        history, rows = self._history, self._rows
        energy, given = self._rise("electric_J"), self.summary(complete=complete)
        ways = self._ways()
        put, taken = _sum(energy, ways["charge"]), _sum(-energy, ways["discharge"])
        found: dict[str, float] = {
            "cycle": float(self.number),
            "jumped": float(self.number - self._before if self.is_jump else 0),
            "time_s": float(history["time_s"][rows][-1]),
            "charge_time_s": _number(given.charge_time),
            "discharge_time_s": _number(given.discharge_time),
            "charge_capacity_nAh": NAH * _number(given.charge_capacity),
            "discharge_capacity_nAh": NAH * _number(given.discharge_capacity),
            "coulombic_efficiency": _number(given.efficiency),
            "charge_energy_J": put,
            "discharge_energy_J": taken,
            "energy_efficiency": taken / put if complete and put else np.nan,
        }
        for name in ENDS:
            found |= self._first_step(name, area)
        found["middle_resistance_ohm_cm2"] = self._middle(area) if complete else np.nan
        done = self._spans if complete else self._spans[:-1]  # the last one may go on
        for name in ENDS:
            end = max((span.last for span in done if span.kind == name), default=None)
            for column in (*STATE, *WITH_CRACKS):
                if column in history:
                    found[f"{name}_end_{column}"] = np.nan if end is None else float(history[column][end])
        for column, reduce in (("dissipated_J", _last), ("energy_balance", _worst), ("rejected", np.sum)):
            if column in history:
                found[column] = float(reduce(history[column][rows]))
        return found | {"steps": float(np.count_nonzero(self._seconds()))}

    def summary(self, *, complete: bool) -> CycleSummary:
        """Times and capacities of the cycle."""
        ways, seconds, charge = self._ways(), self._seconds(), self._passed()
        there, back = (_sum(seconds, way) for way in ways.values())
        charged, discharged = (_sum(np.abs(charge), way) for way in ways.values())
        efficiency = discharged / charged if complete and charged else np.nan
        values = (there, back, charged, discharged, efficiency)
        return CycleSummary(self.number, *(None if np.isnan(value) else value for value in values))

    def _seconds(self) -> Floats:
        """Lengths of the steps [s]; 0 at the start of a run."""
        return np.asarray(
            self._history["dt_s"][self._rows] if "dt_s" in self._history else self._rise("time_s")
        )

    def _ways(self) -> dict[str, Bools]:
        """Rows with charging and with discharging current."""
        charge = self._passed()
        return dict(zip(ENDS, (charge > 0, charge < 0), strict=True))

    def _passed(self) -> Floats:
        """Charge that passed in each row [C]; none at rest, and none that is told of jumped cycles."""
        still = np.isin(self._history["kind"][self._rows], ("rest", JUMP))
        return np.where(still, 0.0, self._rise("charge_C"))

    def _rise(self, name: str) -> Floats:
        """Change of an integral in each row; NaN where the history lacks it."""
        values, first = self._history.get(name), self._rows.start
        if values is None:
            return np.full(self._rows.stop - first, np.nan)
        before = values[max(first - 1, 0)]
        return np.asarray(np.diff(values[self._rows], prepend=before))

    def _first_step(self, kind: str, area: float) -> dict[str, float]:
        """Resistance of the first step of the first stage of a kind, and the time after which it is taken.

        The change of voltage over that of current, as in the pulses of IEC 62660-1, here over the first time
        step after the change of current.
        """
        span = next((span for span in self._spans if span.kind == kind), None)
        found = {"resistance_ohm_cm2": np.nan, "resistance_after_s": np.nan}
        if span is not None and "current_A" in self._history:
            after = span.first if span.first > span.before else span.first + 1
            if after <= span.last:
                change = [self._history[n] for n in ("voltage_V", "current_A", "time_s")]
                volts, amperes, seconds = (float(v[after] - v[span.before]) for v in change)
                if amperes:
                    found = {
                        "resistance_ohm_cm2": area * CM2 * volts / amperes,
                        "resistance_after_s": seconds,
                    }
        return {f"{kind}_{name}": value for name, value in found.items()}

    def _middle(self, area: float) -> float:
        """Resistance at half of the discharge, from the voltages of charge and discharge at equal Li there.

        (V_charge - V_discharge) / (I_charge - I_discharge) is the mean, by currents, of the "Local ECM
        resistance" of PyBaMM, (OCV - V) / I, of both ways; the open-circuit voltage drops out.
        """
        history = self._history
        ways = {kind: [span for span in self._spans if span.kind == kind] for kind in ENDS}
        if "current_A" not in history or not all(ways.values()):
            return np.nan
        charge = history["charge_C"]
        middle = 0.5 * float(charge[ways["discharge"][0].before] + charge[ways["discharge"][-1].last])
        found = []
        for spans in ways.values():
            at = [_crossing(charge, span, middle) for span in spans]
            places = [place for place in at if place is not None]
            if not places:
                return np.nan
            row, share = places[-1]
            pairs = [history[name][row : row + 2] for name in ("voltage_V", "current_A")]
            found.append([float(a + share * (b - a)) for a, b in pairs])
        (one, ahead), (other, back) = found
        return area * CM2 * (one - other) / (ahead - back) if ahead != back else np.nan


def _crossing(charge: Floats, span: StageSpan, level: float) -> tuple[int, float] | None:
    """Return the row of a stage before a level of the charge, and the share of the way to the next row."""
    own = charge[span.first : span.last + 1] - level
    rows = np.flatnonzero((own[:-1] * own[1:] <= 0) & (own[:-1] != own[1:]))
    if not len(rows):
        return None
    row = int(rows[-1])
    return span.first + row, float(own[row] / (own[row] - own[row + 1]))


def _by_cycle(spans: Sequence[StageSpan]) -> Iterator[tuple[int, list[StageSpan]]]:
    """Yield the numbers of the cycles with their stages."""
    found: dict[int, list[StageSpan]] = {}
    for span in spans:
        found.setdefault(span.cycle, []).append(span)
    yield from found.items()


def _sum(values: Floats, chosen: Bools) -> float:
    return float(values[chosen].sum()) if chosen.any() else np.nan


def _last(values: Floats) -> float:
    return float(values[-1])


def _worst(values: Floats) -> float:
    return float(np.abs(values).max())


def _number(value: float | None) -> float:
    return np.nan if value is None else value
