"""Pictures, films, pages and the window of a run, in one call each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from latticecell.arrays import Flags
from latticecell.errors import ConfigError
from latticecell.results import Run
from latticecell.view.geometry import CUTS, Look
from latticecell.view.model import MATRIX, RunModel

CUT_NAMES: Final = (*CUTS, "none")
SIZE: Final = (1200, 900)


def picture(
    run: Run,
    field: str | None = None,
    when: str | float = "last",
    out: str | Path | None = None,
    *,
    size: tuple[int, int] = SIZE,
    straight: bool = False,
    **wishes: Any,
) -> Flags:
    """Return a picture, (height, width, 3), and write it to ``out`` (.png, .jpg, .tif).

    Parameters
    ----------
    field, when, **wishes
        See `make_look`.
    size : (int, int)
        Width and height [pixels].
    straight : bool
        Look along the normal of the cut.

    Raises
    ------
    ConfigError
        If the run holds no such field or moment, or nothing can draw here.
    OutputError
        If the file cannot be written.
    """
    from latticecell.view.offscreen import Studio, check_name, write_picture

    model = RunModel(run)
    look = make_look(model, field, when, **wishes)
    if out is not None:
        check_name(Path(out), "picture")
    with Studio(model, size) as studio:
        studio.aim(look, straight=straight)
        drawn = studio.picture(look)
    if out is not None:
        write_picture(Path(out), drawn)
    return drawn


def film(
    run: Run, out: str | Path, *, size: tuple[int, int] = SIZE, straight: bool = False, **wishes: Any
) -> str:
    """Write a film of all snapshots (.mp4, .gif) and return a line about it; see `picture`."""
    model = RunModel(run)
    return next(write_files(model, make_look(model, **wishes), size, movie=Path(out), straight=straight))


def web_page(run: Run, out: str | Path, **wishes: Any) -> Path:
    """Write an HTML page to turn and play in a browser, and return its path; see `make_look`."""
    from latticecell.view.page import write_page

    model = RunModel(run)
    return write_page(Path(out), model, make_look(model, **wishes))


def open_window(run: Run, **wishes: Any) -> None:
    """Open the window and return when it is closed; see `make_look`."""
    from latticecell.view.interactive import show_window

    model = RunModel(run)
    show_window(model, make_look(model, **wishes))


def make_look(
    model: RunModel,
    field: str | None = None,
    when: str | float = "last",
    *,
    cut: str = "zy",
    at: float | None = None,
    magnify: float = 1.0,
    cracks: bool = True,
    springs: bool = False,
    whole: bool | None = None,
    explode: float = 0.0,
    limits: tuple[float, float] | None = None,
) -> Look:
    """Check the wishes of a user and return the look.

    Parameters
    ----------
    field : str
        A field of the run, "grain" or "orientation"; by default the first of ``model.fields``.
    when : str or float
        A moment, see `Snapshots.at`.
    cut : {"zy", "zx", "xy", "none"}
        Cut plane.
    at : float
        Where it cuts its normal axis [um]; by default through the centre of the largest particle.
    magnify : float
        Factor of the deformation.
    cracks, springs : bool
        Draw open cracks; draw springs.
    whole : bool
        The whole cell rather than the particle; by default for fields outside the grains.
    explode : float
        Draw the grains apart, by this share of their distance from the centre.
    limits : (float, float)
        Ends of the colour scale in the unit of its title; by default those of the run.

    Raises
    ------
    ConfigError
        If a name is unknown or a plane outside of the cell.
    """
    chosen = model.find_field(field or next(iter(model.fields)))
    if limits is not None:
        model.fix_limits(chosen, limits)
    plane = cut.lower().replace("-", "")
    plane = plane if plane in CUT_NAMES else plane[::-1]
    if plane not in CUT_NAMES:
        raise ConfigError(f"cut {cut!r}: must be one of {', '.join(CUT_NAMES)}")
    if at is not None and plane != "none":
        height = float(model.mesh.box[CUTS[plane][0]])
        if not 0 < at < height:
            raise ConfigError(f"at = {at:g}: must be inside the cell, between 0 and {height:g} um")
    whole = chosen.domain in MATRIX if whole is None else whole
    if whole and explode:
        raise ConfigError("explode: only the particle can be drawn apart; leave out --cell")
    step = model.run.snapshot(when).index
    return Look(chosen, step, plane, at, magnify, cracks, springs, whole, explode)


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
        If nothing can draw here.
    OutputError
        If a file cannot be written.
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
            frames = (studio.picture(replace(look, step=i)) for i in model.spread(model.last + 1))
            written, message = write_movie(movie, frames)
            yield message or f"wrote {written}"
