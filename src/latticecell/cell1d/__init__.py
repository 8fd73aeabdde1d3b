"""The homogenised 1-D cell (porous cathode, separator, Li metal) that a 3-D input file describes."""

from latticecell.cell1d.run import run_cell1d

__all__ = ["run_cell1d"]
