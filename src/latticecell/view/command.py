"""``latticecell view RUN``: the window, or files without a screen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def view_command(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    field: Annotated[
        str | None, typer.Option(help="A field of the run (the first by default), grain or orientation.")
    ] = None,
    cut: Annotated[str, typer.Option(help="Cut plane: xy, zy, zx or none.")] = "zy",
    at: Annotated[
        float | None, typer.Option(help="Position of the cut in um; default: centre of the largest particle.")
    ] = None,
    time: Annotated[
        str, typer.Option(help="charge_end, discharge_end, charge_begin (of cycle 1), last, or seconds.")
    ] = "last",
    magnify: Annotated[float, typer.Option(min=0.0, help="Factor of the deformation.")] = 1.0,
    cracks: Annotated[
        bool, typer.Option("--cracks/--no-cracks", help="Open cracks; without a cut, they replace the field.")
    ] = True,
    springs: Annotated[bool, typer.Option("--springs", help="Springs at the cut, as lines.")] = False,
    whole: Annotated[
        bool | None, typer.Option("--cell/--particle", help="Whole cell, or particle alone (default).")
    ] = None,
    explode: Annotated[float, typer.Option(min=0.0, help="Draw the grains apart, e.g. 0.5.")] = 0.0,
    limits: Annotated[
        tuple[float, float] | None, typer.Option(help="Ends of the colour scale; default: those of the run.")
    ] = None,
    straight: Annotated[bool, typer.Option("--straight", help="Look along the normal of the cut.")] = False,
    width: Annotated[int, typer.Option(min=200, max=8000, help="Width of pictures in pixels.")] = 1200,
    screenshot: Annotated[Path | None, typer.Option(help="Write a picture (.png, .jpg, .tif).")] = None,
    movie: Annotated[Path | None, typer.Option(help="Write a film of all snapshots (.mp4, .gif).")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one page to turn and play in a browser.")] = None,
) -> None:
    """See a run in 3-D: cut, fields, cracks; a window, or files with --screenshot, --movie, --html."""
    from latticecell.results import open_run
    from latticecell.view.model import RunModel
    from latticecell.view.show import make_look, write_files

    model = RunModel(open_run(path))
    look = make_look(
        model, field, time, cut=cut, at=at, magnify=magnify, cracks=cracks, springs=springs, whole=whole,
        explode=explode, limits=limits,
    )  # fmt: skip
    if screenshot is None and movie is None and html is None:
        from latticecell.view.interactive import show_window

        show_window(model, look)
        return
    size = (width, round(0.75 * width))
    for line in write_files(model, look, size, screenshot, movie, html, straight=straight):
        typer.echo(line)
