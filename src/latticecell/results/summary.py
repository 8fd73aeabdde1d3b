"""The numbers of a run in one row: what a study compares."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from latticecell.results.cycles import NAH, STATE, CycleTable
from latticecell.results.history import StageSpan
from latticecell.results.run import Run

Value = float | int | None

PEAK: Final = ("gap_mean_nm", "gap_max_nm", "interface_open", "von_mises_p99_GPa", "von_mises_max_GPa",
               "interface_drop_mV")  # fmt: skip
"""Columns whose largest magnitude over the run is told."""
BALANCES: Final = (
    "lithium_balance",
    "charge_balance",
    "energy_balance",
    "salt_balance",
    "equilibrium_residual",
)


def summary(run: Run) -> dict[str, Value]:
    """Return the summary quantities of a run by name, with the unit in the name; empty before its first row.

    Times, capacities and states at the ends of charge and discharge are those of the last cycle. A quantity
    that the run did not reach, or that its kind lacks, is None or left out. Nothing depends on the machine.
    """
    history = run.history
    if not history:
        return {}
    last = run.cycles[-1]
    found: dict[str, Value] = {
        "sites": run.info.get("network", {}).get("sites"),
        "cycles": last.cycle,
        "steps": len(history["time_s"]) - 1,
        "time_s": float(history["time_s"][-1]),
        "charge_time_s": last.charge_time,
        "discharge_time_s": last.discharge_time,
        "charge_capacity_nAh": _nah(last.charge_capacity),
        "discharge_capacity_nAh": _nah(last.discharge_capacity),
        "efficiency": last.efficiency,
        "capacity_retention": _retention(run.cycles),
    }
    ends = {kind: _end(run.stages, kind, last.cycle) for kind in ("charge", "discharge")}
    for kind, row in ends.items():
        for name in _present(run, STATE):
            found[f"{kind}_end_{name}"] = None if row is None else float(history[name][row])
    for name in _present(run, PEAK):
        found[f"peak_{name}"] = float(np.abs(history[name]).max())
    for name in _present(run, BALANCES):
        found[f"worst_{name}"] = float(np.abs(history[name]).max())
    if "rejected" in history:
        found["rejected"] = int(history["rejected"].sum())
    return found


def _present(run: Run, columns: tuple[str, ...]) -> list[str]:
    """Return the columns that the history has, each followed by those of the particles."""
    return [name for column in columns for name in run.history if re.fullmatch(rf"{column}(_p\d+)?", name)]


def _end(stages: list[StageSpan], kind: str, cycle: int) -> int | None:
    """Return the last row of the last stage of a kind in a cycle; holds and rests come after it."""
    rows = [span.last for span in stages if span.kind == kind and span.cycle == cycle]
    return rows[-1] if rows else None


def _nah(charge: float | None) -> float | None:
    return None if charge is None else NAH * charge


def _retention(cycles: CycleTable) -> float | None:
    """Return the last discharge capacity over the first; None in one cycle or before the last is complete."""
    first, last = cycles[0].discharge_capacity, cycles[-1].discharge_capacity
    if len(cycles) < 2 or not first or last is None or cycles[-1].efficiency is None:
        return None
    return last / first
