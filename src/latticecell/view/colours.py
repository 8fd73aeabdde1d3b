"""Colours of values, grains and orientations.

All maps that fields declare are perceptually uniform, or (the diverging ones) judged safe for colour-blind
readers by ColorBrewer. The colour key of orientations is the usual one of the inverse pole figure, which is
neither; the view therefore also draws the grain boundaries.
"""

from __future__ import annotations

from typing import Final

import matplotlib
import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Flags, Floats

BLANK: Final = (200, 200, 200)
"""Colour where a field has no value."""
CRACK_LABEL: Final = "crack opening (nm)"
CRACK_MAP: Final = "YlOrRd"
CRACK_SPAN: Final = (0.3, 1.0)
"""Part of the map of the crack opening that is used: its pale end would vanish on white."""
LEVELS: Final = 256


def table(colours: str, span: tuple[float, float] = (0.0, 1.0)) -> Flags:
    """Return `LEVELS` colours of a matplotlib map, (256, 3)."""
    return np.round(255 * matplotlib.colormaps[colours](np.linspace(*span, LEVELS))[:, :3]).astype(np.uint8)


def coloured(value: NDArray, limits: tuple[float, float], table_ic: Flags) -> Flags:
    """Return the colour of each value, (..., 3); not-a-number is `BLANK`, beyond the limits the last one."""
    low, high = limits
    share = (np.asarray(value, float) - low) / max(high - low, 1e-300)
    blank = np.isnan(share)
    index = np.clip(np.where(blank, 0.0, share) * LEVELS, 0, LEVELS - 1).astype(np.intp)
    colour = table_ic[index]
    colour[blank] = BLANK
    return colour


def ticks(limits: tuple[float, float]) -> list[str]:
    """Return five numbers for a colour scale, from its lower end to the upper."""
    low, high = limits
    values = np.linspace(low, high, 5)
    return [f"{0.0 if abs(value) < 2e-3 * abs(high) else value:.3g}" for value in values]


def grain_colours(n_grains: int) -> Flags:
    """Return one colour per grain, (n_grains, 3): successive grains are far apart on one lightness scale."""
    share = (0.31 + np.arange(n_grains) * (np.sqrt(5) - 1) / 2) % 1
    return np.round(255 * matplotlib.colormaps["cividis"](share)[:, :3]).astype(np.uint8)


def ipf_colours(direction_mc: Floats) -> Flags:
    """Colour of directions in the crystal frame of a hexagonal crystal (6/mmm), (n, 3).

    Red is [0001], green [2-1-10], blue [10-10]; the crystal's x axis is [2-1-10], its z axis [0001].
    """
    d = np.abs(np.asarray(direction_mc, float))
    d /= np.linalg.norm(d, axis=-1, keepdims=True)
    tilt = np.arccos(np.clip(d[..., 2], 0, 1)) / (np.pi / 2)
    azimuth = np.degrees(np.arctan2(d[..., 1], d[..., 0])) % 60  # six-fold axis
    azimuth = np.minimum(azimuth, 60 - azimuth) / 30  # and its mirrors
    rgb = np.stack([1 - tilt, tilt * (1 - azimuth), tilt * azimuth], axis=-1)
    rgb = np.sqrt(rgb / rgb.max(axis=-1, keepdims=True))
    return np.round(255 * rgb).astype(np.uint8)


def orientation_colours(rotation_gcc: Floats) -> Flags:
    """Colour of the cell's z axis in the crystal frame of each grain, (n_grains, 3)."""
    return ipf_colours(rotation_gcc[:, 2, :])  # third row of Q is Q^T z
