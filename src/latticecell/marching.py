"""Steps in time: backward differentiation of second order with steps of any length, and its error.

With the divided differences r = f[n, n-1] ("rate") and b = f[n, n-1, n-2] ("bend") of the last steps, of
lengths h1 and h2, a field is predicted by the parabola through its last three values,

    y_p = y + h r + h (h + h1) b,

and the derivative at the end of a step of length h is that of the parabola through the new value and the last
two. So f' = F becomes an implicit Euler step of length h (h + h1) / (2 h + h1) from y + h^2 / (2 h + h1) r.
The first step of a stage, before which things were different, is an implicit Euler step of length h.

The third difference, of which prediction and solution miss different multiples, tells the error of the step:
the share c / (1 + c) of (y_new - y_p), c = h (h + h1) / ((2 h + h1) (h + h1 + h2)); 2/11 for equal steps.
Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I, III.5.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from latticecell.arrays import Floats
from latticecell.state import State

RATES: Final = {
    "voltage": "voltage_rate",
    "stoich_n": "stoich_rate_n",
    "salt_n": "salt_rate_n",
    "u_nc": "u_rate_nc",
    "gap_b": "gap_rate_b",
    "psi_n": "psi_rate_n",
    "phi_s_n": "phi_s_rate_n",
    "phi_l_n": "phi_l_rate_n",
    "passed": "passed_rate",
}
"""Fields of the state whose first differences are kept, and where."""
BENDS: Final = {
    "voltage": "voltage_bend",
    "stoich_n": "stoich_bend_n",
    "gap_b": "gap_bend_b",
    "psi_n": "psi_bend_n",
    "phi_s_n": "phi_s_bend_n",
    "phi_l_n": "phi_l_bend_n",
}
"""The same for second differences; with a bend of the displacement equilibria took twice the iterations."""


class Formula(NamedTuple):
    """A step as an implicit Euler step.

    Attributes
    ----------
    dt : float
        Its length as a step in time [s].
    length : float
        Length of the implicit Euler step [s].
    carry : float
        It starts from the old value plus this times the last rate [s].
    share : float
        Of solution less prediction, what is its error [1]; 0 where nothing is known of it.
    """

    dt: float
    length: float
    carry: float
    share: float

    def origin(self, state: State, name: str) -> Floats:
        """Return where the Euler step of a field starts; the field itself if nothing is carried."""
        old: Floats = getattr(state, name)
        return old + self.carry * getattr(state, RATES[name]) if self.carry else old


class Sight(NamedTuple):
    """Fields at a time ``dt`` after a state, predicted or computed."""

    dt: float
    fields: dict[str, Floats]


def formula(dt: float, before: Floats) -> Formula:
    """Return the step of length ``dt`` after steps of lengths ``before``, newest first, 0 if none [s]."""
    h1, h2 = float(before[0]), float(before[1])
    if h1 == 0.0:
        return Formula(dt, dt, 0.0, 0.0)
    length, carry = dt * (dt + h1) / (2 * dt + h1), dt * dt / (2 * dt + h1)
    ratio = length / (dt + h1 + h2)
    return Formula(dt, length, carry, ratio / (1 + ratio) if h2 > 0.0 else 0.0)


def predict(state: State, name: str, dt: float) -> Floats:
    """Return a field a time ``dt`` after ``state``.

    By the parabola through its last values in this stage, or a straight line where no bend is kept.
    """
    h1, h2 = float(state.lengths[0]), float(state.lengths[1])
    found: Floats = getattr(state, name).copy()
    if h1 > 0.0:
        found += dt * getattr(state, RATES[name])
    if h2 > 0.0 and name in BENDS:
        found += dt * (dt + h1) * getattr(state, BENDS[name])
    return found


def look_ahead(state: State, names: Iterable[str], dt: float, seen: Sight | None = None) -> Sight:
    """Return several fields a time ``dt`` after ``state``, by `predict`.

    If a step of another length from the same state is known, the next divided difference is taken from what
    its prediction missed.
    """
    fields = {name: predict(state, name, dt) for name in names}
    if seen is not None:
        for name, field in fields.items():
            order = np.count_nonzero(state.lengths[: 2 if name in BENDS else 1])
            times = np.concatenate([[0.0], np.cumsum(state.lengths[:order])])
            share = float(np.prod((dt + times) / (seen.dt + times)))
            field += share * (seen.fields[name] - predict(state, name, seen.dt))
    return Sight(dt, fields)


def remember(old: State, new: State, dt: float, jumping: Iterable[str] = ()) -> None:
    """Put the differences of a step of length ``dt`` from ``old`` to ``new`` into ``new``.

    Of fields that jumped in it, nothing can be foretold from the step: they keep their rate, without a bend.
    """
    span = dt + float(old.lengths[0])
    for name, rate in RATES.items():
        if name not in jumping:
            getattr(new, rate)[...] = (getattr(new, name) - getattr(old, name)) / dt
    for name, bend in BENDS.items():
        change = getattr(new, RATES[name]) - getattr(old, RATES[name])
        getattr(new, bend)[...] = change / span
    new.lengths[...] = np.array([dt, *old.lengths[:2]])
