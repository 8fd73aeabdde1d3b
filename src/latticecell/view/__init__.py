"""Results in 3-D: a window, pictures, films and HTML pages. vedo is loaded only when something is drawn."""

from typing import TYPE_CHECKING

from latticecell.lazy import load_later

if TYPE_CHECKING:
    from latticecell.view.command import view_command
    from latticecell.view.geometry import Look
    from latticecell.view.model import RunModel
    from latticecell.view.show import film, make_look, open_window, picture, web_page

load_later(
    __name__,
    {
        "latticecell.view.command": ("view_command",),
        "latticecell.view.geometry": ("Look",),
        "latticecell.view.model": ("RunModel",),
        "latticecell.view.show": (
            "film",
            "make_look",
            "open_window",
            "picture",
            "web_page",
        ),
    },
)

__all__ = ["Look", "RunModel", "film", "make_look", "open_window", "picture", "view_command", "web_page"]
