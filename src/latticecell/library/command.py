"""``latticecell materials``: what the library holds, and where it is from."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latticecell.library import Material, Value, material, names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from latticecell.config import ActiveMaterial

WIDTH = 100


def materials_command(
    name: Annotated[str | None, typer.Argument(help="Material to show; without, all are listed.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw its curves into this picture.")] = None,
) -> None:
    """List the materials of the library, or show one: values, sources, and what is assumed."""
    if name is None:
        for each in map(material, names()):
            marked = sum(1 for value in each.values.values() if value.assumed)
            typer.echo(f"{each.name:14} {each.kind:12} {each.title}; {marked} of {len(each.values)} assumed")
        return
    found = material(name)
    typer.echo(f"{found.name}: {found.title} ({found.kind})")
    typer.echo(textwrap.fill(" ".join(found.note.split()), WIDTH))
    for key, value in found.values.items():
        typer.echo(f"\n{key} = {_short(value.value)}")
        for line in _told(value):
            typer.echo(textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="    "))
    if plot is not None:
        draw(found, plot)
        typer.echo(f"\ncurves: {plot}")


def _short(value: Any) -> str:
    if isinstance(value, dict):
        x, y = value["x"], value["y"]
        return f"{len(x)} points, {y[0]:g} at x = {x[0]:g} to {y[-1]:g} at x = {x[-1]:g}"
    return str(value)


def _told(value: Value) -> list[str]:
    lines = [f"source: {value.source}"] if value.source else []
    return lines + ([f"assumed: {value.assumed}"] if value.assumed else [])


def draw(found: Material, path: Path) -> None:
    """Draw voltage, its slope and strains of an active material into a picture.

    Raises `ConfigError` if the material has no curves, or the picture cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from latticecell.errors import ConfigError
    from latticecell.reader import config_from_table

    if found.kind != "active":
        raise ConfigError(f"{found.name}: has no curves, is an {found.kind}")
    active = config_from_table({"materials": {"active": {"material": found.name}}}).materials.active
    figure = Figure(figsize=(10.0, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    _curves(active, *figure.subplots(1, 3))
    figure.suptitle(found.title)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise ConfigError(f"--plot {path}: cannot be written: {error}") from None


def _curves(active: ActiveMaterial, voltage: Axes, slope: Axes, strain: Axes) -> None:
    import numpy as np

    from latticecell.coverage import ranges
    from latticecell.laws.chosen import open_circuit, strains

    law = open_circuit(active)
    data = {each.key: each for each in ranges(active)}["ocv"]
    x = np.linspace(data.low, data.high, 500)
    voltage.plot(x, law.voltage(x))
    slope.semilogy(x, -law.slope(x))
    total = np.zeros((3, len(x)))
    for beta, axes in strains(active):
        total += np.outer(axes, beta.strain(x) - beta.strain(active.strain_reference))
    for i, axis in ((0, "[100]"), (2, "[001]")):
        strain.plot(x, 100 * total[i], label=f"along {axis}")
    strain.plot(x, 100 * total.sum(axis=0), "k:", label="volume")
    strain.legend(frameon=False)
    for axes_, label in ((voltage, "U, V"), (slope, "-dU/dx, V"), (strain, "strain, %")):
        axes_.set_xlabel("x")
        axes_.set_ylabel(label)
