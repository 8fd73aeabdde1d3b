"""``latticecell view RUN``: the window, or files without a screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from latticecell.errors import ConfigError
from latticecell.view.colours import FIELDS, find_field
from latticecell.view.geometry import CUTS, Look
from latticecell.view.model import RunModel

CUT_NAMES = (*CUTS, "none")


def view_command(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    field: Annotated[str, typer.Option(help=f"One of {', '.join(FIELDS)}.")] = "stoichiometry",
    cut: Annotated[str, typer.Option(help="Cut plane: xy, zy, zx or none.")] = "zy",
    at: Annotated[
        float | None, typer.Option(help="Position of the cut in um; default: the particle's centre.")
    ] = None,
    time: Annotated[
        str, typer.Option(help="charge_end, discharge_end (of the first one), last, or seconds.")
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
    try:
        model = RunModel(path)
        look = make_look(model, field, cut, at, time, magnify, cracks, springs, whole, explode)
        if limits is not None:
            model.fix_limits(look.field, limits)
        if screenshot is None and movie is None and html is None:
            from latticecell.view.interactive import open_window

            open_window(model, look)
            return
        size = (width, round(0.75 * width))
        for line in write_files(model, look, size, screenshot, movie, html, straight=straight):
            typer.echo(line)
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(problem, err=True)
        raise typer.Exit(2) from None


def make_look(
    model: RunModel,
    field: str = "stoichiometry",
    cut: str = "zy",
    at: float | None = None,
    time: str = "last",
    magnify: float = 1.0,
    cracks: bool = True,
    springs: bool = False,
    whole: bool | None = None,
    explode: float = 0.0,
) -> Look:
    """Check the wishes of a user and return the look.

    Raises
    ------
    ConfigError
        If a name is unknown or a plane outside of the cell.
    """
    chosen = find_field(field)
    plane = cut.lower().replace("-", "")
    plane = plane if plane in CUT_NAMES else plane[::-1]
    if plane not in CUT_NAMES:
        raise ConfigError(f"cut {cut!r}: must be one of {', '.join(CUT_NAMES)}")
    if at is not None and plane != "none":
        height = float(model.reader.box[CUTS[plane][0]])
        if not 0 < at < height:
            raise ConfigError(f"at = {at:g}: must be inside the cell, between 0 and {height:g} um")
    whole = chosen.where == "matrix" if whole is None else whole
    if whole and explode:
        raise ConfigError("explode: only the particle can be drawn apart; leave out --cell")
    return Look(chosen, model.find_step(time), plane, at, magnify, cracks, springs, whole, explode)


def write_files(
    model: RunModel,
    look: Look,
    size: tuple[int, int],
    screenshot: Path | None = None,
    movie: Path | None = None,
    html: Path | None = None,
    *,
    straight: bool = False,
) -> Iterator[str]:
    """Write the files asked for; yield a line about each.

    Raises
    ------
    ConfigError
        If nothing can draw here, or a file cannot be written.
    """
    if html is not None:
        from latticecell.view.page import write_page

        yield f"wrote {write_page(html, model, look)}"
    if screenshot is None and movie is None:
        return
    from latticecell.view.offscreen import Studio, check_name, write_movie, write_picture

    for path, kind in ((screenshot, "picture"), (movie, "film")):
        if path is not None:
            check_name(path, kind)
    with Studio(model, size) as studio:
        studio.aim(look, straight=straight)
        if screenshot is not None:
            write_picture(screenshot, studio.picture(look))
            yield f"wrote {screenshot}"
        if movie is not None:
            steps = range(len(model.times))
            written, message = write_movie(movie, (studio.picture(replace(look, step=i)) for i in steps))
            yield message or f"wrote {written}"
