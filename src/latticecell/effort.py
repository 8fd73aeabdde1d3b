"""What a run costs: seconds by phase, and counts of steps and iterations."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal, get_args

Phase = Literal[
    "network", "setup", "equilibrium setup", "equilibrium solve", "stress and bonds", "electrochemistry",
    "energy release", "output",
]  # fmt: skip
LEAST_SHARE: Final = 0.005
"""Share of the time below which a phase is not worth a word."""


class Effort:
    """Account of the seconds and iterations that a run has taken.

    A phase within another one takes its time away from the outer one, so that the phases add up. An account
    belongs to one run and one thread of Python; threads of the kernels show in the seconds of processor.
    """

    def __init__(self) -> None:
        self._wall: dict[str, float] = defaultdict(float)
        self._cpu: dict[str, float] = defaultdict(float)
        self._counts: Counter[str] = Counter()
        self._open: list[Phase] = []
        self._last = (0.0, 0.0)
        self._began, self._earlier = time.monotonic(), 0.0

    @contextmanager
    def phase(self, name: Phase) -> Iterator[None]:
        """Account what happens inside to a phase."""
        self._settle()
        self._open.append(name)
        try:
            yield
        finally:
            self._settle()
            self._open.pop()

    def count(self, **numbers: int) -> None:
        """Add to the counts."""
        self._counts.update(numbers)

    def add(self, table: Mapping[str, Any]) -> None:
        """Add what another account, or an earlier part of the run, holds as `table`."""
        for name, seconds in table.get("timings_s", {}).items():
            self._wall[name] += seconds["wall"]
            self._cpu[name] += seconds["cpu"]
        self._counts.update(table.get("counts", {}))
        self._earlier += table.get("wall_time_s", 0.0)

    def table(self) -> dict[str, Any]:
        """Return the account as plain values.

        ``wall_time_s`` since it began, ``timings_s`` by phase, wall and CPU [s], and ``counts``.
        """
        whole = self._earlier + time.monotonic() - self._began
        seconds = {
            name: {"wall": round(self._wall[name], 4), "cpu": round(self._cpu[name], 4)}
            for name in get_args(Phase)
            if name in self._wall
        }
        return {"wall_time_s": round(whole, 4), "timings_s": seconds, "counts": dict(self._counts)}

    def _settle(self) -> None:
        """Give the time since the last change of phase to the one that is open."""
        now = time.perf_counter(), time.process_time()
        if self._open:
            self._wall[self._open[-1]] += now[0] - self._last[0]
            self._cpu[self._open[-1]] += now[1] - self._last[1]
        self._last = now


def shares(info: Mapping[str, Any]) -> list[tuple[str, float, float, float]]:
    """Return phase, wall time [s], CPU time [s] and share of the wall time [1] from ``run.json``.

    What belongs to no phase is the last row; nothing for a run that has kept no account.
    """
    timings, total = info.get("timings_s", {}), float(info.get("wall_time_s", 0.0))
    if not timings:
        return []
    rows = [(name, float(spent["wall"]), float(spent["cpu"])) for name, spent in timings.items()]
    counted = sum(wall for _, wall, _ in rows)
    rows.append(("other", max(total - counted, 0.0), float("nan")))
    return [(*row, row[1] / max(total, counted, 1e-9)) for row in rows]


def sentence(info: Mapping[str, Any]) -> str:
    """Return in one line what a run has cost, from ``run.json``; empty if that keeps no account."""
    counts, rows = Counter(info.get("counts", {})), shares(info)
    if not rows:
        return ""
    newton = counts["mechanics_newton"] + counts["electrochemistry_newton"]
    linear = counts["mechanics_linear"] + counts["electrochemistry_linear"]
    parts = ", ".join(f"{name} {share:.0%}" for name, _, _, share in rows if share >= LEAST_SHARE)
    return (
        f"{counts['steps']} steps ({counts['rejected']} rejected), {newton} Newton and {linear} linear "
        f"iterations in {float(info['wall_time_s']):.1f} s: {parts}"
    )
