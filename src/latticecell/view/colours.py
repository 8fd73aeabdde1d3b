"""Fields that can be shown: names, units, colour maps; and colours of values, grains and orientations.

All maps are perceptually uniform, or (the diverging one) judged safe for colour-blind readers by
ColorBrewer. The colour key of orientations is the usual one of the inverse pole figure, which is neither; the
view therefore also draws the grain boundaries.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from latticecell.errors import ConfigError

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

BLANK: Final = (200, 200, 200)
"""Colour where a field has no value."""
CRACK_MAP: Final = "YlOrRd"
CRACK_SPAN: Final = (0.3, 1.0)
"""Part of the map of the crack opening that is used: its pale end would vanish on white."""
LEVELS: Final = 256


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the view.

    Attributes
    ----------
    key, title : str
        Name on the command line and on the picture (with its unit).
    source : str
        Name in ``fields.h5``; empty for grain and orientation.
    axis : {"p", "t", "b", "g"}
        What carries it: point, tet, bond or grain.
    colours : str
        Matplotlib colour map; empty where each grain has its own colour.
    where : {"grains", "matrix", "both"}
        Where it has a meaning.
    diverging : bool
        Whether zero is in the middle of the scale.
    form : str
        Format of the numbers at the scalar bar.
    """

    key: str
    title: str
    source: str
    axis: str
    colours: str
    where: str = "grains"
    diverging: bool = False
    form: str = "{:.3g}"


FIELDS: Final = {
    field.key: field
    for field in (
        Field("stoichiometry", "stoichiometry\nx [1]", "stoichiometry", "p", "viridis"),
        Field("von_mises", "von Mises\nstress [GPa]", "von_mises_GPa", "t", "cividis", "both"),
        Field("hydrostatic", "hydrostatic\nstress [GPa]", "hydrostatic_GPa", "t", "RdBu_r", "both", True),
        Field(
            "volumetric_strain", "volumetric\nstrain [%]", "volumetric_strain", "t", "PuOr_r", "both", True
        ),
        Field("grain", "grain", "", "g", ""),
        Field("orientation", "crystal axis\nalong z", "", "g", ""),
        Field("phi_l", "ion potential\n[mV]", "phi_l_V", "p", "viridis", "matrix"),
        Field("damage", "bond damage\n[1]", "damage", "b", "cividis"),
    )
}
SCALE: Final = {"volumetric_strain": 100.0, "phi_l": 1000.0}
"""Factor from the stored unit to the one of the title, where they differ."""
ALIASES: Final = {"li": "stoichiometry", "x": "stoichiometry", "vm": "von_mises", "ipf": "orientation"}


def find_field(name: str) -> Field:
    """Return the field called ``name``; case, dashes and underscores do not matter.

    Raises
    ------
    ConfigError
        If there is none; names the nearest.
    """
    plain = name.lower().replace("-", "").replace("_", "").replace(" ", "")
    known = {key.replace("_", ""): key for key in FIELDS} | ALIASES
    if plain in known:
        return FIELDS[known[plain]]
    near = difflib.get_close_matches(plain, known, 1)
    hint = f"; did you mean {known[near[0]]}?" if near else ""
    raise ConfigError(f"field {name!r}: unknown{hint} (known: {', '.join(FIELDS)})")


def table(colours: str, span: tuple[float, float] = (0.0, 1.0)) -> Bytes:
    """Return `LEVELS` colours of a matplotlib map, (256, 3)."""
    return np.round(255 * matplotlib.colormaps[colours](np.linspace(*span, LEVELS))[:, :3]).astype(np.uint8)


def coloured(value: NDArray, limits: tuple[float, float], table_ic: Bytes) -> Bytes:
    """Return the colour of each value, (..., 3); not-a-number is `BLANK`, beyond the limits the last one."""
    low, high = limits
    share = (np.asarray(value, float) - low) / max(high - low, 1e-300)
    blank = np.isnan(share)
    index = np.clip(np.where(blank, 0.0, share) * LEVELS, 0, LEVELS - 1).astype(np.intp)
    colour = table_ic[index]
    colour[blank] = BLANK
    return colour


def grain_colours(n_grains: int) -> Bytes:
    """Return one colour per grain, (n_grains, 3): successive grains are far apart on one lightness scale."""
    share = (0.31 + np.arange(n_grains) * (np.sqrt(5) - 1) / 2) % 1
    return np.round(255 * matplotlib.colormaps["cividis"](share)[:, :3]).astype(np.uint8)


def ipf_colours(direction_mc: Floats) -> Bytes:
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


def orientation_colours(rotation_gcc: Floats) -> Bytes:
    """Colour of the cell's z axis in the crystal frame of each grain, (n_grains, 3)."""
    return ipf_colours(rotation_gcc[:, 2, :])  # third row of Q is Q^T z


def rgb(name: str) -> tuple[float, float, float]:
    """Return the components of a matplotlib colour, each in [0, 1]."""
    return to_rgb(name)
