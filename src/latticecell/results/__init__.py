"""Results of runs, as users' scripts, view, report, export and studies read them."""

from latticecell.results.history import Check, CycleSummary, History, Moment, StageSpan
from latticecell.results.run import Grains, Run, open_run
from latticecell.results.snapshot import BondTable, FieldValues, Snapshot, Snapshots

__all__ = [
    "BondTable",
    "Check",
    "CycleSummary",
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
