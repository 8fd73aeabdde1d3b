"""What a run writes and reads back: the run directory, its fields and its plots."""

from latticecell.output.fields import FieldReader
from latticecell.output.plots import summary
from latticecell.output.rundir import RunDirectory

__all__ = ["FieldReader", "RunDirectory", "summary"]
