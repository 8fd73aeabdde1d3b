"""Numbers with error bars: networks and time steps give a discretisation error, seeds an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t as student

SAFETY: Final = 1.25
"""Factor on an error estimated from a clean sequence (Roache, Annu. Rev. Fluid Mech. 29 (1997) 123)."""
IRREGULAR: Final = 3.0
"""Factor on the mean difference of values without order (Eca, Hoekstra, J. Comput. Phys. 262 (2014) 104)."""
ORDERS: Final = (0.5, 2.1)
"""Orders that are believed: kinks and jumps allow one half, linear interpolation two, with some scatter."""
FORMAL: Final = 2.0
CONFIDENCE: Final = 0.95
ROUND_OFF: Final = 1e-9
ORDER_RANGE: Final = (0.02, 12.0)


@dataclass(frozen=True, slots=True)
class Levels:
    """A quantity of one seed: values on networks, coarsest first, and at two step lengths.

    Attributes
    ----------
    spacing : sequence of float
        Of the networks, in any unit.
    on_networks : sequence of float
        All at the longer step.
    steps : sequence of int
        Numbers of steps of the two runs on the coarsest network, fewest first; empty without.
    at_steps : sequence of float
    main : int
        Which network all seeds ran on.
    """

    spacing: Sequence[float]
    on_networks: Sequence[float]
    steps: Sequence[int] = ()
    at_steps: Sequence[float] = ()
    main: int = -1


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and what is known of its errors; None for what was not tried.

    Attributes
    ----------
    value : float
        Mean over the seeds, extrapolated to a fine network where three of them follow an order; seeds that
        ran on the main one only are moved by the mean of the others.
    network_error, step_error : float or None
        Of space and time; means over the seeds, since more seeds do not make them smaller.
    seed_interval : float or None
        Half the interval that holds the mean over all microstructures with a confidence of 95 %, from the
        values on the main network.
    order : float or None
        Observed in the spacing; mean over the seeds that show one.
    n_seeds : int
    """

    value: float
    network_error: float | None
    step_error: float | None
    seed_interval: float | None
    order: float | None
    n_seeds: int

    @property
    def discretisation_error(self) -> float | None:
        """Network and step together, as the root of the sum of squares."""
        return _together(self.network_error, self.step_error)

    @property
    def error(self) -> float | None:
        """All that is known, as the root of the sum of squares (ASME V&V 20); None if nothing is."""
        return _together(self.network_error, self.step_error, self.seed_interval)


def estimate(seeds: Sequence[Levels]) -> Estimate:
    """Return the estimate of a quantity from its values of all seeds; at least one."""
    found = [extrapolate(one.spacing, one.on_networks) for one in seeds]
    at_main = [float(one.on_networks[one.main]) for one in seeds]
    several = [len(one.on_networks) > 1 for one in seeds]
    moved = [value - at for (value, _, _), at, whole in zip(found, at_main, several, strict=True) if whole]
    n = len(at_main)
    spread = float(np.std(at_main, ddof=1)) if n > 1 else None
    half = float(student.ppf(0.5 * (1 + CONFIDENCE), n - 1)) / math.sqrt(n) if n > 1 else 0.0
    return Estimate(
        fmean(at_main) + (fmean(moved) if moved else 0.0),
        _mean([error for _, error, _ in found]),
        _mean([step_error(one.steps, one.at_steps) for one in seeds]),
        None if spread is None else half * spread,
        _mean([order for _, _, order in found if order is not None]),
        n,
    )


def extrapolate(
    spacing: Sequence[float], values: Sequence[float]
) -> tuple[float, float | None, float | None]:
    """Return a value on an infinitely fine network, its error, and the order that the values show.

    Three values that approach a limit with an order p between 1/2 and 2 give that limit; the error is 1.25
    times its distance from the finest value. With p above 2.1 the limit is that of order 2 and the error that
    of order 1. Values that swing or diverge are not extrapolated: the finest one stands, and its error is
    three times their mean difference, or that of order 1 if this is larger. Two values are not extrapolated
    either, since a wrong order would overshoot; the error is that of order 1.

    Parameters
    ----------
    spacing : sequence of float
        One, two or three, coarsest first.
    values : sequence of float

    Returns
    -------
    value : float
    error : float or None
        None for a single value.
    order : float or None

    References
    ----------
    .. [1] P. J. Roache, Annu. Rev. Fluid Mech. 29 (1997) 123.
    .. [2] L. Eca, M. Hoekstra, J. Comput. Phys. 262 (2014) 104.
    """
    finest = float(values[-1])
    if len(values) == 1:
        return finest, None, None
    range_ = float(np.ptp(values))
    if range_ <= ROUND_OFF * max(map(abs, values)):
        return finest, range_, None
    first = _correction(spacing, values, 1.0)
    if len(values) == 2:
        return finest, SAFETY * abs(first), None
    order = observed_order(spacing, values)
    if order is None or order < ORDERS[0]:
        return finest, max(IRREGULAR * range_ / (len(values) - 1), SAFETY * abs(first)), order
    correction = _correction(spacing, values, min(order, FORMAL))
    error = SAFETY * abs(first if order > ORDERS[1] else correction)
    return finest + correction, error, order


def observed_order(spacing: Sequence[float], values: Sequence[float]) -> float | None:
    """Return the order p of q = q0 + c h^p through three values; None if they swing or diverge."""
    (h1, h2, h3), (q1, q2, q3) = spacing, values
    if (q1 - q2) * (q2 - q3) <= 0:
        return None
    ratio = math.log((q1 - q2) / (q2 - q3))

    def miss(p: float) -> float:
        return math.log((h1**p - h2**p) / (h2**p - h3**p)) - ratio

    low, high = ORDER_RANGE
    if miss(low) > 0:
        return None
    return high if miss(high) < 0 else float(brentq(miss, low, high))


def step_error(steps: Sequence[int], values: Sequence[float]) -> float | None:
    """Return the error of the value at the longer of two steps, as if of order 1; None without two.

    Steps may be of second order, but kinks (a bond that breaks, a stage that ends) are met with first order.
    """
    if len(values) < 2 or steps[-1] <= steps[0]:
        return None
    shorter = steps[0] / steps[-1]
    return SAFETY * abs(values[0] - values[-1]) / (1 - shorter)


def shown(value: float | None, error: float | None, nothing: str = "–") -> str:
    """Return a value with the digits that its error leaves, or four: "14.3 ± 1.2"."""
    if value is None or not np.isfinite(value):
        return nothing
    if error is None or not np.isfinite(error) or error <= 0:
        return f"{value:.4g}"
    digits = 1 - math.floor(math.log10(error))
    scale = math.floor(math.log10(abs(value))) if value else 0
    if not (-4 <= scale < 6 and digits <= 8):
        return f"{value:.3g}\u00a0±\u00a0{error:.2g}"
    places = max(digits, 0)
    return f"{round(value, digits):.{places}f}\u00a0±\u00a0{round(error, digits):.{places}f}"


def columns_of(name: str, found: Estimate) -> Mapping[str, float | None]:
    """Return the columns that a quantity has in the table of estimates."""
    return {
        name: found.value,
        f"{name}_error": found.error,
        f"{name}_network_error": found.network_error,
        f"{name}_step_error": found.step_error,
        f"{name}_seed_interval": found.seed_interval,
        f"{name}_order": found.order,
    }


def _correction(spacing: Sequence[float], values: Sequence[float], order: float) -> float:
    """Return what leads from the finest value to the limit of an order."""
    return float(values[-1] - values[-2]) / ((spacing[-2] / spacing[-1]) ** order - 1)


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return fmean(there) if there else None


def _together(*errors: float | None) -> float | None:
    there = [error for error in errors if error is not None]
    return math.hypot(*there) if there else None
