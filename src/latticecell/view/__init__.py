"""Results in 3-D: a window, pictures, films and HTML pages. vedo is loaded only when something is drawn."""

from latticecell.view.command import make_look, view_command, write_files
from latticecell.view.geometry import Look
from latticecell.view.model import RunModel

__all__ = ["Look", "RunModel", "make_look", "view_command", "write_files"]
