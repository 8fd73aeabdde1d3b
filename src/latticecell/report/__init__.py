"""One self-contained HTML page about a run."""

from typing import TYPE_CHECKING

from latticecell.lazy import load_later

if TYPE_CHECKING:
    from latticecell.report.command import report_command
    from latticecell.report.page import write_report

load_later(
    __name__,
    {
        "latticecell.report.page": ("write_report",),
        "latticecell.report.command": ("report_command",),
    },
)

__all__ = ["report_command", "write_report"]
