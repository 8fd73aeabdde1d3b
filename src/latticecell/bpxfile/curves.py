"""Points of the curves of a BPX file, as many as the smooth curve through them needs."""

from __future__ import annotations

from typing import Final

import numpy as np

from latticecell.arrays import Floats
from latticecell.bpxfile.reading import Law
from latticecell.curves import MOST_POINTS
from latticecell.errors import ConfigError
from latticecell.laws.curve import MonotoneCurve

FINE: Final = 2001
"""Points on which the range of an expression is looked for."""
FEWEST: Final = 33
"""Points of a sampled expression, at least."""
MOST: Final = 1000
"""Points from which no more are put between."""


def covered(law: Law, limits: tuple[float, float], bounds: tuple[float, float], *, falling: bool) -> Floats:
    """Return the ends between 0 and 1, (2,) [1], up to which an expression is sound.

    From the limits of stoichiometry outwards, as long as it is finite and within ``bounds``, and falls if it
    should. Within the limits it is taken as it is.
    """
    x = np.linspace(0.0, 1.0, FINE)
    y = law.at(x)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(y) & (y >= bounds[0]) & (y <= bounds[1])
        goes_on = np.r_[True, np.diff(y) < 0] if falling else np.ones(FINE, bool)
    low, high = np.searchsorted(x, limits[0], "right") - 1, np.searchsorted(x, limits[1])
    while low > 0 and good[low - 1] and goes_on[low]:
        low -= 1
    while high < FINE - 1 and good[high + 1] and goes_on[high + 1]:
        high += 1
    return np.array([x[low], x[high]])


def points(where: str, law: Law, ends: Floats, tolerance: float) -> Floats:
    """Return x and y of a curve, (2, n): the points of a table, or an expression sampled.

    Parameters
    ----------
    where : str
        For messages.
    law : Law
    ends : (2,) float64
        Between which an expression is sampled.
    tolerance : float
        Largest miss of the curve through the points.

    Raises
    ------
    ConfigError
        If the curve has no finite points between 0 and 1.
    """
    if law.points is not None:
        inside = law.points[:, (law.points[0] >= 0) & (law.points[0] <= 1)]
        if inside.shape[1] < 2:
            raise ConfigError(f"{where}: must have two points between x = 0 and 1")
        return inside[:, np.unique(np.linspace(0, inside.shape[1] - 1, MOST_POINTS).astype(int))]
    x = np.linspace(ends[0], ends[1], FEWEST)
    while True:
        y = law.at(x)
        if not np.isfinite(y).all():
            raise ConfigError(f"{where}: is not finite at x = {x[~np.isfinite(y)][0]:.4g}")
        between = 0.5 * (x[1:] + x[:-1])
        miss = np.abs(MonotoneCurve(x, y).value(between) - law.at(between))
        if len(x) >= MOST or miss.max() <= tolerance:
            return np.stack([x, y])
        x = np.union1d(x, between[miss > tolerance])
