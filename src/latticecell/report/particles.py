"""Several particles in a report: what each is, how it stands at the end of each stage, and in time."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from latticecell.arrays import Floats
from latticecell.output.look import FONT, LONG_RUN_S, WIDTH_INCH
from latticecell.report import html
from latticecell.results import Run

HEIGHT_INCH: Final = 2.6
MOST_CURVES: Final = 12
"""Particles that have curves of their own: of more, those of evenly spread radii."""
COLUMNS: Final = (
    ("mean stoichiometry (1)", "stoich_mean", 1.0, "{:.4f}"),
    ("at the surface (1)", "stoich_surface", 1.0, "{:.4f}"),
    ("Li (pmol)", "lithium_mol", 1e12, "{:.4f}"),
    ("reaction (nA)", "reaction_A", 1e9, "{:.4f}"),
    ("mean gap (nm)", "gap_mean_nm", 1.0, "{:.2f}"),
    ("largest gap (nm)", "gap_max_nm", 1.0, "{:.2f}"),
    ("surface open (%)", "interface_open", 100.0, "{:.1f}"),
    ("interface drop (mV)", "interface_drop_mV", 1.0, "{:.2f}"),
)
"""Heading, column of the history, factor and format."""


def contact_resistance(drop_mv: Floats, reaction_a: Floats, area_m2: float) -> Floats:
    """Return the resistance of a surface that would dissipate as much at uniform current [ohm cm2].

    With the drop weighted by current, sum(A i^2 R) / sum(A i), that is drop times area over current; NaN
    without current.
    """
    density = np.abs(reaction_a) / (area_m2 * 1e4)
    return np.divide(1e-3 * drop_mv, density, out=np.full(np.shape(density), np.nan), where=density > 0)


def particle_tables(run: Run) -> str:
    """Return the particles, and the state of each at the end of each stage, as HTML."""
    history, mesh = run.history, run.mesh
    count = len(run.particle_radius)
    grains = np.bincount(run.network.particle_g, minlength=count)
    area_p = _areas(run)
    volume_p = np.bincount(
        np.append(run.network.particle_g, [count, count])[mesh.domain], mesh.tet_volume, count + 1
    )
    size = "radius" if run.config.microstructure.labels is None else "equivalent radius"
    what = html.table(
        ("particle", f"{size} (µm)", "x (µm)", "y (µm)", "z (µm)", "grains", "share of the volume (%)"),
        [
            (
                f"{p + 1}", f"{run.particle_radius[p]:.2f}", *(f"{c:.2f}" for c in run.particle_center[p]),
                f"{grains[p]}", f"{100 * volume_p[p] / volume_p[:count].sum():.1f}",
            )
            for p in range(count)
        ],
    )  # fmt: skip
    rows = []
    for span in run.stages:
        for p in range(count):
            told = [
                html.number(history[f"{column}_p{p + 1}"][span.last], form, factor)
                for _, column, factor, form in COLUMNS
            ]
            drop, current = (
                history[f"{c}_p{p + 1}"][span.last : span.last + 1]
                for c in ("interface_drop_mV", "reaction_A")
            )
            resistance = float(contact_resistance(drop, current, area_p[p])[0])
            name = (str(span.cycle), str(span.step), span.kind, str(p + 1))
            rows.append((*name, *told, html.number(resistance, "{:.2f}")))
    heads = ("cycle", "step", "", "particle", *(head for head, *_ in COLUMNS), "contact resistance (Ω cm²)")
    return f"{what}\n<p></p>\n{html.table(heads, rows, text=(2,))}"


def particle_curves(run: Run) -> Figure:
    """Mean stoichiometry and mean gap of each particle against time; darker curves are of larger ones.

    Panels are axes labelled "stoichiometry" and "gap".
    """
    history, radius = run.history, run.particle_radius
    scale, unit = (3600.0, "h") if np.ptp(history["time_s"]) > LONG_RUN_S else (1.0, "s")
    order = np.argsort(-radius, kind="stable")
    if len(order) > MOST_CURVES:
        order = order[np.linspace(0, len(order) - 1, MOST_CURVES).round().astype(int)]
    figure = Figure(figsize=(WIDTH_INCH, HEIGHT_INCH), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2)
    shades = colormaps["viridis"](np.linspace(0.0, 0.85, len(order)))
    for axes, column, name, label in (
        (panels[0], "stoich_mean", "stoichiometry", "Mean stoichiometry (1)"),
        (panels[1], "gap_mean_nm", "gap", "Mean gap (nm)"),
    ):
        axes.set_label(name)
        for p, shade in zip(order.tolist(), shades, strict=True):
            axes.plot(
                history["time_s"] / scale, history[f"{column}_p{p + 1}"], lw=1.3,
                color=shade, label=f"{p + 1}: {radius[p]:.2g} µm",
            )  # fmt: skip
        axes.margins(x=0.0)
        axes.set_xlabel(f"Time ({unit})", fontsize=FONT)
        axes.set_ylabel(label, fontsize=FONT)
        axes.tick_params(labelsize=FONT, direction="in", top=True, right=True)
    panels[0].legend(fontsize=FONT - 1, framealpha=0.85, ncols=1 + len(order) // 7)
    return figure


def _areas(run: Run) -> Floats:
    """Return the area of the interface of each particle [m2]."""
    network = run.network
    node_b = network.bond_bn[network.interface_b, 0]
    particle_b = network.particle_g[network.domain_n[node_b]]
    return np.bincount(particle_b, network.area_b[network.interface_b], len(run.particle_radius)).astype(
        float
    )
