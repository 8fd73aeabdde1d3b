"""Results of runs, as users' scripts, view, report, export and studies read them."""

from latticecell.results.cycles import CycleSummary, CycleTable
from latticecell.results.history import Check, History, Moment, StageSpan
from latticecell.results.run import Grains, Run, open_run
from latticecell.results.snapshot import BondTable, FieldValues, Snapshot, Snapshots

__all__ = [
    "BondTable",
    "Check",
    "CycleSummary",
    "CycleTable",
    "FieldValues",
    "Grains",
    "History",
    "Moment",
    "Run",
    "Snapshot",
    "Snapshots",
    "StageSpan",
    "open_run",
]
