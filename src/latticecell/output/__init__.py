"""What a run writes and reads back: the run directory and its plots; the only package that knows files."""

from latticecell.output.mesh import Mesh
from latticecell.output.rundir import RunDirectory

__all__ = ["Mesh", "RunDirectory"]
