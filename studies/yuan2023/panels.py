"""Panels of Yuan, Lu and Xu that are no curves of the history, and convergence; loaded by ``measures.py``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure, SubFigure

from latticecell import registry
from latticecell.laws.resistance import ExponentialContact
from latticecell.output.plots import BLACK, BLUE, FONT, VERMILLION
from latticecell.report import html
from latticecell.report.html import NOTHING
from latticecell.study import PANELS, SECTIONS
from latticecell.study.caseruns import CaseRun, CaseRuns
from latticecell.study.figures import PANEL_INCH, centred_grid, finish, stacked

measures: Any = registry.load(str(Path(__file__).with_name("measures.py")))

NM: Final = 1e9
UM: Final = 1e6


def capacity(part: SubFigure, run: CaseRun) -> None:
    """Voltage against the capacity of each half cycle, from its start."""
    axes = part.add_subplot(centred_grid(part, 1, 1)[0, 1], label="capacity")
    kind, passed = run.run.history["kind"].astype(str), run.column("capacity_mAh_per_g")
    for name, color, dashes in (("charge", BLUE, "-"), ("discharge", VERMILLION, "--")):
        rows = np.flatnonzero(kind == name)
        if len(rows):
            rows = np.arange(max(rows[0] - 1, 0), rows[-1] + 1)
            own = np.abs(passed[rows] - passed[rows[0]])
            axes.plot(own, run.column("voltage_V")[rows], color=color, ls=dashes, lw=1.3, label=name)
    finish(axes, "", "Specific capacity (mAh/g)", "Cell voltage (V)")
    axes.legend(fontsize=FONT, frameon=False)


def resistance(part: SubFigure, run: CaseRun) -> None:
    """Particle volume against time, and contact resistance against gap: the law, and points of a snapshot."""
    left, axes = part.subplots(1, 2)
    left.set_label("A")
    left.plot(run.column("time_s"), 100 * run.column("volumetric_strain_mean"), color=BLACK, lw=1.3)
    finish(left, "A", "Time (s)", "Particle volume\nchange (%)")
    axes.set_label("B")
    gap, found = measures.contact_points(run)
    law = run.run.config.interface
    contact = ExponentialContact(law.resistance, law.resistance_gap, law.resistance_max)
    x = np.linspace(0.0, max(float(gap.max(initial=0.0)), NM * law.resistance_gap), 200)
    finish(axes, "B", "Gap (nm)", "Contact resistance (Ω m²)")
    axes.plot(gap, found, "o", ms=3, mfc="none", color=BLUE, label="points of the surface")
    axes.semilogy(x, contact.resistance(x / NM), color=VERMILLION, ls="--", lw=1.3, label="law")
    axes.tick_params(labelsize=FONT, direction="in", which="both", top=True, right=True)
    axes.legend(fontsize=FONT, frameon=False)


@dataclass(frozen=True, slots=True)
class Headline:
    """A number that the conclusions rest on, at the end of charge of the baseline."""

    label: str
    column: str
    factor: float = 1.0

    def of(self, run: CaseRun) -> float:
        """Return the number."""
        return self.factor * run.at(self.column, run.charge_end)


HEADLINES: Final = (
    Headline("Charge time (s)", "time_s"),
    Headline("Li at charge end (pmol)", "lithium_mol", 1e12),
    Headline("Mean gap (nm)", "gap_mean_nm"),
    Headline("Largest gap (nm)", "gap_max_nm"),
    Headline("von Mises, 99.9 % (GPa)", "von_mises_p999_GPa"),
    Headline("von Mises, maximum (GPa)", "von_mises_max_GPa"),
)


@dataclass(frozen=True, slots=True)
class Refinement:
    """One way to refine: what its levels differ in, and size and run of each, from coarse to fine."""

    title: str
    label: str
    levels: tuple[tuple[float, CaseRun], ...]

    def last_change(self, headline: Headline) -> float:
        """How far the last refinement moved a number; NaN without two levels."""
        if len(self.levels) < 2:
            return float("nan")
        before, last = (headline.of(run) for _, run in self.levels[-2:])
        return abs(last - before)


# prefix of the cases, title, label of the axis, size of a level
WAYS: Final[tuple[tuple[str, str, str, Callable[[CaseRun], float]], ...]] = (
    ("mesh_", "network", "Spacing of sites (µm)", lambda run: UM * run.run.config.network.spacing),
    ("dt_", "time step", "Largest step (s)", lambda run: run.run.config.solver.dt_max),
)


def refinements(runs: CaseRuns) -> list[Refinement]:
    """Return the refinements of the network and of the time step, levels from coarse to fine."""
    found = []
    for prefix, title, label, size in WAYS:
        some = [runs.first(case) for case in runs.runs if case.startswith(prefix) and case in runs]
        levels = sorted(((size(run), run) for run in some), key=lambda one: -one[0])
        found.append(Refinement(title, label, tuple(levels)))
    return found


def quotable(value: float, uncertainty: float) -> str:
    """Round a value to the first digit of its uncertainty: 14.26, 0.83 becomes "14.3 ± 0.8"."""
    if not (np.isfinite(uncertainty) and uncertainty > 0):
        return f"{value:.4g}"
    place = int(np.floor(np.log10(uncertainty)))
    rounded = round(uncertainty, -place)
    if rounded >= 10 ** (place + 1):  # 0.96 rounds to 1
        place += 1
    digits = max(-place, 0)
    return f"{round(value, -place):.{digits}f} ± {rounded:.{digits}f}"


def convergence_figure(ways: Sequence[Refinement]) -> Figure:
    """Headline quantities against the spacing of the network and against the time step."""
    figure, parts = stacked([PANEL_INCH * 2] * len(ways))
    for way, part in zip(ways, parts, strict=True):
        panels = np.ravel(part.subplots(2, 3))
        for axes, headline in zip(panels, HEADLINES, strict=True):
            axes.set_label(f"{way.title}: {headline.label}")
            values = [headline.of(run) for _, run in way.levels]
            axes.plot([size for size, _ in way.levels], values, "o-", color=BLUE, lw=1.3, ms=4)
            finish(axes, "", way.label, headline.label)
            axes.set_xlim(left=0.0)
            low, high = min(values), max(values)
            room = max(0.25 * (high - low), 0.02 * abs(high))
            axes.set_ylim(low - room, high + room)
    return figure


def convergence(runs: CaseRuns) -> str:
    """Headline numbers at each level, drawn and tabled, and what they are known to."""
    ways = [way for way in refinements(runs) if way.levels]
    text = ""
    if ways:
        caption = (
            "The baseline at the end of charge, first seed, against the spacing of the sites and against the "
            "largest time step (coarse network). Refinement goes to the left."
        )
        text += html.picture(
            convergence_figure(ways), "Convergence with the network and the time step", caption
        )
    text += "".join(_levels(way) for way in ways)
    if "baseline" in runs:
        text += _digits(runs, ways)
    return text or "<p>Neither the baseline nor a level of refinement has been run.</p>"


def _levels(way: Refinement) -> str:
    heads = (way.label, *(f"{size:g}" for size, _ in way.levels), "change at the last refinement")
    sites = [str(run.run.info.get("network", {}).get("sites", NOTHING)) for _, run in way.levels]
    lines: list[tuple[str, ...]] = [("Sites", *sites, "")]
    for headline in HEADLINES:
        values = [headline.of(run) for _, run in way.levels]
        change = way.last_change(headline) / abs(values[-1])
        told = f"{100 * change:.2g} %" if np.isfinite(change) else NOTHING
        lines.append((headline.label, *(f"{value:.5g}" for value in values), told))
    return f"<h3>Refining the {escape(way.title)}</h3>\n" + html.table(heads, lines)


def _digits(runs: CaseRuns, ways: Sequence[Refinement]) -> str:
    """What each headline number of the baseline is known to."""
    lines = []
    for headline in HEADLINES:
        values = np.array([headline.of(run) for run in runs.runs["baseline"]])
        spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        changes = [way.last_change(headline) for way in ways]
        known = [one for one in (*changes, spread) if np.isfinite(one)]
        error = max(known, default=float("nan"))
        lines.append(
            (
                headline.label,
                f"{values.mean():.5g}",
                *(f"{one:.2g}" if np.isfinite(one) else NOTHING for one in (*changes, spread)),
                quotable(float(values.mean()), error),
            )
        )
    heads = ("at the end of charge", "baseline", *(f"last step of the {way.title}" for way in ways),
             "s.d. over seeds", "what it is known to")  # fmt: skip
    return (
        "<h3>Digits that mean something</h3>\n<p>The last column is rounded to the largest of the three "
        "uncertainties beside it: how far the last refinement of the network and of the time step moved the "
        "number, and its standard deviation over the seeds. A difference from the paper that is smaller says "
        "nothing.</p>\n" + html.table(heads, lines)
    )


PANELS.register("capacity", capacity)
PANELS.register("resistance", resistance)
SECTIONS.register("Convergence", convergence)
