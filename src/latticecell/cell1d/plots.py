"""One page about a 1-D run: voltage against time and against specific capacity."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from latticecell.output.look import (
    BLACK,
    BLUE,
    FONT,
    GREEN,
    LONG_RUN_S,
    ROW_INCH,
    VERMILLION,
    WIDTH_INCH,
    plain,
)
from latticecell.output.plots import History, write_png

COLORS = {"charge": VERMILLION, "discharge": BLUE, "hold": GREEN, "rest": BLACK}


def voltage_plot(history: History, path: str | Path, title: str) -> None:
    """Write voltage against time and capacity as PNG, one curve per protocol step.

    Parameters
    ----------
    history : mapping of str to (n_rows,) array
        Columns of ``history.csv`` of a 1-D run, at least one row.
    path : path
    title : str
    """
    figure = Figure(figsize=(WIDTH_INCH, ROW_INCH + 0.55), layout="constrained")
    FigureCanvasAgg(figure)
    time_axes, capacity_axes = figure.subplots(1, 2, sharey=True)
    scale, unit = (3600.0, "h") if np.ptp(history["time_s"]) > LONG_RUN_S else (1.0, "s")
    kind = np.asarray(history["kind"]).astype(str)
    key = history["cycle"] * 1e6 + history["step"]
    start = [0, *(np.flatnonzero(np.diff(key)) + 1).tolist()]
    shown: set[str] = set()
    for first, stop in zip(start, [*start[1:], len(key)], strict=True):
        rows = slice(max(first - 1, 0), stop)
        name = str(kind[first])
        label = None if name in shown else name
        shown.add(name)
        for axes, x in (
            (time_axes, history["time_s"][rows] / scale),
            (capacity_axes, history["capacity_mAh_per_g"][rows]),
        ):
            axes.plot(x, history["voltage_V"][rows], color=COLORS.get(name, BLACK), lw=1.3, label=label)
    time_axes.set_xlabel(f"Time ({unit})", fontsize=FONT)
    time_axes.set_ylabel("Cell voltage (V)", fontsize=FONT)
    capacity_axes.set_xlabel("Charge passed per active mass (mAh/g)", fontsize=FONT)
    capacity_axes.legend(fontsize=FONT - 1)
    for axes in (time_axes, capacity_axes):
        axes.tick_params(labelsize=FONT, direction="in", top=True, right=True)
    figure.suptitle(plain(title), fontsize=FONT + 2, wrap=True)
    write_png(Path(path), figure)
