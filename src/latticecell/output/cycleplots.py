"""Curves of many cycles over each other, coloured by the number of the cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from latticecell.output.look import FONT, LONG_RUN_S, ROW_INCH, WIDTH_INCH, plain

FEW_CYCLES: Final = 5
"""Cycles up to which they are shown one after the other."""
MOST_CURVES: Final = 12
"""Cycles that have curves of their own: of more, evenly chosen ones."""
PANELS: Final = (
    ("voltage", "Cell voltage (V)", ("voltage_V",)),
    ("gap", "Mean interface gap (nm)", ("gap_mean_nm",)),
    ("stress", "von Mises stress, 99 % (GPa)", ("von_mises_p99_GPa",)),
    ("stoichiometry", "Mean stoichiometry (1)", ("stoich_mean",)),
    ("damage", "Broken grain boundaries (1)", ("gb_broken",)),
    ("opening", "Widest crack (nm)", ("gb_opening_max_nm",)),
)
"""Name, label and column of each panel; one whose column is all zero or missing is left out."""

# without the end that does not show on paper
COLOURS: Final = LinearSegmentedColormap.from_list("cycles", colormaps["viridis"](np.linspace(0.0, 0.9, 128)))


def evenly(count: int, most: int) -> list[int]:
    """Return at most so many numbers below ``count``, evenly spread, the first and the last among them."""
    return sorted({int(i) for i in np.round(np.linspace(0, count - 1, min(count, most)))})


def rows_of_cycles(history: Mapping[str, NDArray]) -> dict[int, slice]:
    """Return the rows of each computed cycle, with the row before, where its first step starts."""
    cycle = np.asarray(history["cycle"]).astype(int)
    change = np.flatnonzero(np.diff(cycle)) + 1
    start, stop = [0, *change.tolist()], [*change.tolist(), len(cycle)]
    kind = history.get("kind", np.full(len(cycle), ""))
    own = [(a, b) for a, b in zip(start, stop, strict=True) if kind[a] != "jump"]
    return {int(cycle[a]): slice(max(a - 1, 0), b) for a, b in own}


def overlaid_figure(history: Mapping[str, NDArray], title: str) -> Figure:
    """Return the curves of evenly chosen cycles against the time since each began.

    Panels are axes labelled "voltage", "gap", ...; see `PANELS`.
    """
    rows = rows_of_cycles(history)
    numbers = [list(rows)[i] for i in evenly(len(rows), MOST_CURVES)]
    shown = [panel for panel in PANELS if all(_varies(history.get(name)) for name in panel[2])]
    n_rows = (len(shown) + 1) // 2
    figure = Figure(figsize=(WIDTH_INCH, ROW_INCH * n_rows + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    time = np.asarray(history["time_s"], float)
    longest = max(float(np.ptp(time[own])) for own in rows.values())
    scale, unit = (3600.0, "h") if longest > LONG_RUN_S else (1.0, "s")
    norm = Normalize(numbers[0], numbers[-1])
    panels = []
    for i, (name, label, columns) in enumerate(shown):
        axes = figure.add_subplot(n_rows, 2, i + 1, label=name)
        panels.append(axes)
        for number in numbers:
            own = rows[number]
            for column in columns:
                axes.plot((time[own] - time[own][0]) / scale, history[column][own],
                          color=COLOURS(norm(number)), lw=1.1)  # fmt: skip
        dress(axes, f"Time since the cycle began ({unit})", label, "abcdef"[i])
    cycle_bar(figure, panels, norm)
    figure.suptitle(plain(f"{title}: {len(numbers)} of {len(rows)} cycles"), fontsize=FONT + 2, wrap=True)
    return figure


def cycle_bar(figure: Figure, panels: Sequence[Axes], norm: Normalize) -> None:
    """Add the bar that tells the colour of a cycle; it is an axes labelled "bar of cycle"."""
    if not panels:
        return
    bar = figure.colorbar(ScalarMappable(norm, COLOURS), ax=list(panels), fraction=0.03, aspect=30, pad=0.01)
    bar.ax.set_label("bar of cycle")
    bar.set_label("Cycle", fontsize=FONT)
    bar.ax.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    bar.ax.tick_params(labelsize=FONT)


def dress(axes: Axes, across: str, up: str, letter: str) -> None:
    """Label a panel."""
    axes.set_xlabel(across, fontsize=FONT)
    axes.set_ylabel(up, fontsize=FONT)
    axes.tick_params(labelsize=FONT, direction="in", top=True, right=True)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_title(f"({letter})", loc="left", fontsize=FONT, fontweight="bold")


def _varies(values: NDArray | None) -> bool:
    return values is not None and bool(np.any(np.nan_to_num(np.asarray(values, float)) != 0.0))
