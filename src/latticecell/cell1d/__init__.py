"""The homogenised 1-D cell (porous cathode, separator, Li metal) that a 3-D input file describes."""

from typing import TYPE_CHECKING

from latticecell.lazy import load_later

if TYPE_CHECKING:
    from latticecell.cell1d.run import run_cell1d

load_later(
    __name__,
    {
        "latticecell.cell1d.run": ("run_cell1d",),
    },
)

__all__ = ["run_cell1d"]
