"""Line figures of a report: crack areas, distribution of openings, orientation of the grains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.ticker import MaxNLocator

from latticecell.arrays import Floats
from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.observables import NM, OPEN_GAP
from latticecell.output.look import BLUE, FONT, GREEN, LONG_RUN_S, PURPLE, VERMILLION, WIDTH_INCH
from latticecell.output.mesh import Mesh
from latticecell.results import Grains, Run, Snapshot

CLASSES: Final = {INTERFACE_BOND: "particle surface", GB_BOND: "grain boundaries"}
HEIGHT_INCH: Final = 2.6
BINS: Final = 30
OPEN_NM: Final = OPEN_GAP * NM
"""Opening above which a bond counts as open [nm]."""
# the last row of a stage is drawn solid, so that grey prints keep them apart
LOOKS: Final = ((VERMILLION, "-", 0.25), (BLUE, "--", 0.0))


def crack_area(run: Run) -> Figure:
    """Area open, damaged and broken against time, one panel for each class of bond.

    Panels are axes labelled "particle surface" and "grain boundaries".
    """
    history, mesh = run.history, run.mesh
    scale, unit = (3600.0, "h") if np.ptp(history["time_s"]) > LONG_RUN_S else (1.0, "s")
    time = history["time_s"] / scale
    figure, panels = _panels()
    for axes, (kind, name), prefix in zip(panels, CLASSES.items(), ("interface", "gb"), strict=True):
        total = float(mesh.bond_area[mesh.bond_kind == kind].sum())
        axes.set_label(name)
        axes.set_title(f"{name}, {total:.4g} µm² in all", fontsize=FONT, loc="left")
        lines = [("damaged", "damaged", BLUE, "--"), ("broken", "broken", VERMILLION, "-")]
        if kind == INTERFACE_BOND:
            lines.append(("open", f"open by > {OPEN_NM:g} nm", GREEN, "-."))
        elif "gb_open_2nm" in history:
            lines.append(("open_2nm", "open by > 2 nm", GREEN, "-."))
        for column, label, color, style in lines:
            axes.plot(time, total * history[f"{prefix}_{column}"], color=color, ls=style, lw=1.3, label=label)
        axes.set_ylim(-0.03 * max(total, 1e-3), 1.22 * max(total, 1e-3))  # room for the legend
        axes.margins(x=0.0)
        axes.set_xlabel(f"Time ({unit})", fontsize=FONT)
        axes.set_ylabel("Area (µm²)", fontsize=FONT)
        if not np.any(history[f"{prefix}_damaged"] > 0):
            _note(axes, "undamaged")
        axes.legend(fontsize=FONT - 1, loc="upper left", ncols=3, frameon=False, columnspacing=1.2)
    return figure


def openings(mesh: Mesh, ends: Sequence[tuple[str, Snapshot]]) -> Figure:
    """Area-weighted histograms of the normal opening at the ends of charge and discharge.

    Only what is open by more than `OPEN_NM` is binned; the legend tells which share of the area that is.
    Panels are axes labelled as in `crack_area`; each shares its bins between the moments.
    """
    figure, panels = _panels()
    for axes, (kind, name) in zip(panels, CLASSES.items(), strict=True):
        axes.set_label(name)
        axes.set_title(name, fontsize=FONT, loc="left")
        mine = mesh.bond_kind == kind
        weight = mesh.bond_area[mine]
        values = [np.asarray(shot["gap"][mine], float) for _, shot in ends]
        widest = max((float(v.max(initial=0.0)) for v in values), default=0.0)
        edges = np.linspace(OPEN_NM, widest if widest > OPEN_NM else 10 * OPEN_NM, BINS + 1)
        for (moment, _), value, (color, style, fill) in zip(ends, values, LOOKS, strict=False):
            is_open = value > OPEN_NM
            if not is_open.any():
                axes.plot([], [], color=color, ls=style, label=f"{moment}: none open")
                continue
            share = weight[is_open].sum() / weight.sum()
            counts, _ = np.histogram(value[is_open], edges, weights=weight[is_open])
            label = f"{moment}: {share:.1%} open".replace("%", " %")
            axes.stairs(counts, edges, color=color, ls=style, lw=1.3, label=label)
            axes.stairs(counts, edges, color=color, fill=True, alpha=fill, lw=0)
        if widest <= OPEN_NM:
            _note(axes, f"nothing open by more than {OPEN_NM:g} nm")
            axes.set_yticks([])
        axes.set_xlim(0.0, edges[-1])
        axes.set_ylim(bottom=0.0)
        axes.set_xlabel("Normal opening (nm)", fontsize=FONT)
        axes.set_ylabel(f"Area per {edges[1] - edges[0]:.2g} nm (µm²)", fontsize=FONT)
        axes.legend(fontsize=FONT - 1, framealpha=0.85)
    return figure


def orientations(grains: Grains, particle: int) -> Figure:
    """Pole figure of [001] of the grains of a particle, and how [001] is tilted to the radial direction.

    The pole figure is an equal-area projection seen along z towards the collector; axes have no sign, so each
    grain is one point in the upper hemisphere. Areas of the points follow the volumes of the grains. Random
    grains would follow the dashed curve, sin(angle). Panels are axes labelled "pole figure" and "tilt".
    """
    mine = (grains.particle_g == particle) & (grains.volume_g > 0)
    axis, volume, center = grains.c_axis_gc[mine], grains.volume_g[mine], grains.center_gc[mine]
    share = volume / volume.sum()
    radial = center / np.maximum(np.linalg.norm(center, axis=1, keepdims=True), 1e-300)
    tilt = np.degrees(np.arccos(np.clip(np.abs((axis * radial).sum(axis=1)), 0.0, 1.0)))
    figure, (pole, histogram) = _panels()
    pole.set_label("pole figure")
    spot = pole_projection(axis)
    pole.add_patch(_circle(1.0, "-"))
    for angle in (30, 60):
        radius = np.sqrt(2) * np.sin(np.radians(angle) / 2)
        pole.add_patch(_circle(radius, ":"))
        pole.text(0, -radius, f"{angle}°", fontsize=FONT - 1, color="#555555", ha="center", va="bottom",
                      bbox={"facecolor": "white", "alpha": 0.7, "lw": 0, "pad": 0.5}, zorder=3)  # fmt: skip
    size = 25.0 * share * len(share)
    points = pole.scatter(
        spot[:, 0], spot[:, 1], s=size, c=tilt, cmap="cividis", vmin=0, vmax=90, edgecolor="black", lw=0.4
    )
    for text, x, y in (("x", 1.09, 0.0), ("y", 0.0, 1.09)):
        pole.text(x, y, text, fontsize=FONT, ha="center", va="center", style="italic")
    pole.set_xlim(-1.2, 1.2)
    pole.set_ylim(-1.2, 1.2)
    pole.set_aspect("equal")
    pole.set_axis_off()
    pole.set_title("[001] of the grains, seen along z", fontsize=FONT, loc="left")
    bar = figure.colorbar(points, ax=pole, shrink=0.85, ticks=[0, 30, 60, 90])
    bar.set_label("Angle of [001] to radius (°)", fontsize=FONT)
    bar.ax.tick_params(labelsize=FONT)

    histogram.set_label("tilt")
    edges = np.linspace(0, 90, 10)
    counts, _ = np.histogram(tilt, edges, weights=100 * share)
    histogram.stairs(counts, edges, fill=True, color=BLUE, alpha=0.6, label=f"{len(share)} grains")
    fine = np.linspace(0, 90, 91)
    random = 100 * np.sin(np.radians(fine)) * np.radians(10)
    histogram.plot(fine, random, color=PURPLE, ls="--", lw=1.5, label="random")
    histogram.set_xlim(0, 90)
    histogram.set_xticks([0, 30, 60, 90])
    histogram.set_xlabel("Angle of [001] to radius (°)", fontsize=FONT)
    histogram.set_ylabel("Volume share per 10° (%)", fontsize=FONT)
    histogram.set_title("tilt of [001]", fontsize=FONT, loc="left")
    histogram.legend(fontsize=FONT - 1, framealpha=0.85)
    return figure


def pole_projection(axis_gc: Floats) -> Floats:
    """Equal-area projection of unsigned axes on the unit disc, (n, 2): (x, y) / sqrt(1 + |z|).

    The pole z comes to the centre, the equator to the circle.
    """
    up = np.where(axis_gc[:, 2:] < 0, -axis_gc, axis_gc)
    return up[:, :2] / np.sqrt(1 + up[:, 2:])


def _circle(radius: float, style: str) -> Circle:
    return Circle((0, 0), radius, fill=False, ls=style, lw=0.8, color="#777777")


def _panels() -> tuple[Figure, tuple[Axes, Axes]]:
    figure = Figure(figsize=(WIDTH_INCH, HEIGHT_INCH), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2)
    for axes in panels:
        axes.tick_params(labelsize=FONT, direction="in", top=True, right=True)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    return figure, panels


def _note(axes: Axes, text: str) -> None:
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=FONT, color="#555555"
    )
