"""One self-contained HTML page about a run."""

from latticecell.report.command import report_command, write_report

__all__ = ["report_command", "write_report"]
