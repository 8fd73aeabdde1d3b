"""Cracks that run: bonds let go, event by event, where the load is more than they hold.

Where an equilibrium is lost there is none nearby, and Newton's method gropes for one far away. Instead, bonds
soften in small events at the load of the end of the step. In each, the lattice finds its equilibrium with the
tractions that bonds have now, which do not fall meanwhile: the tangent without its negative part. That is a
convex problem, so an event never fails. Since traction falls concavely, its energy is above the true one and
touches it, and every event lowers the energy (Hunter and Lange, Am. Stat. 58, 30 (2004), majorisation). Then
the bonds take their new openings into their history, and what they do not bear any more is the next event.
Many bonds take part at once, each with its true strength and toughness; what the lattice gives beyond that is
lost, as sound is in a real crack. Events are small changes of the linear system: its preconditioner is kept.

An event is repeated along its direction while at least half of its force still pulls there, and shortened
where it would press together what it closes: contact is in the tangent of bonds that touch, not of others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from latticecell.arrays import Floats
from latticecell.errors import SolveError
from latticecell.physics.equilibrium import Imbalance, MechanicsSolution, Pull, Step

if TYPE_CHECKING:
    from latticecell.physics.mechanics import Mechanics

MOST_EVENTS = 5000
ROUGH, FINE = 0.1, 3e-3
"""Largest and least tolerance of the linear system of an event; in between what is left of the imbalance is
near the tolerance of the end: errors must not damage bonds that hold."""
KEPT = 0.5
"""Share of its force that an event must leave to be repeated."""
LONGEST = 64.0
"""Times that an event is repeated at most."""
MOST_TRIALS = 20
NEAR, TRIED = 20.0, 5
"""Times the tolerance at which an equilibrium may be near; events after which Newton's method tries it."""
RENEWED, WORSE = 20, 2.0
"""Events after which a preconditioner is made anew, and growth of its iterations from which it is earlier."""


def let_go(
    mechanics: Mechanics, u: Floats, strain: Floats, step: Step, scale: float, tolerance: float
) -> MechanicsSolution:
    """Return the equilibrium to which events lead.

    Parameters
    ----------
    mechanics : Mechanics
    u, strain : (n_nodes, 3) and (2,) float64
        Displacement [m] and lateral strain at the start of the step.
    step : Step
        Eigenstrain at its end; openings and history of the active bonds at its start.
    scale : float
        Force relative to which the imbalance is measured [N].
    tolerance : float
        Imbalance at which it ends [1].

    Raises
    ------
    SolveError
        After `MOST_EVENTS` events.
    """
    bonds, linear = mechanics.bonds, 0
    before, history = step.before_bc, step.history_bh
    pull = mechanics.elastic(u, strain, step.eigen_tv)
    made, spent, first = 0, 0, 0
    for count in range(MOST_EVENTS):
        opening = bonds.opening(u)
        forces = bonds.respond(opening, before, history, np.inf, "clipped")
        before, history = opening, forces.history_bh
        point = mechanics.with_bonds(pull, forces)
        size = mechanics.norm(point) / scale
        if size <= tolerance:
            found = mechanics.solution(u, strain, history, count, linear, size)
            return found.after(count)
        if size <= NEAR * tolerance and count % TRIED == TRIED - 1:
            near = mechanics.steady(u, strain, step._replace(before_bc=before, history_bh=history), scale)
            if near is not None:
                return near.after(count)
        lightly = 0 < count < made + RENEWED and spent <= WORSE * max(first, 2)
        rtol = float(np.clip(3 * tolerance / size, FINE, ROUGH))
        du, de, spent = mechanics.direction(point, rtol, lightly)
        linear += spent
        if du is None:
            break
        if not lightly:
            made, first = count, spent
        there = mechanics.elastic(u + du, strain + de, step.eigen_tv)
        event = _Event(mechanics, point, pull, there, du, de, opening, history)
        length = event.length()
        u, strain, pull = u + length * du, strain + length * de, pull.towards(there, length)
    raise SolveError(f"no equilibrium after {count} releases of bonds", field="mechanics", residual=size)


class _Event(NamedTuple):
    """A step of lattice and bonds from a point to where the bonds' tractions of that point are balanced."""

    mechanics: Mechanics
    begin: Imbalance
    here: Pull
    there: Pull
    du: Floats
    de: Floats
    opening_bc: Floats
    history_bh: Floats

    def left(self, length: float) -> float:
        """Force along the event at a multiple of it [J]."""
        opening = self.opening_bc + length * self.mechanics.bonds.opening(self.du)
        bonds = self.mechanics.bonds.respond(opening, self.opening_bc, self.history_bh, np.inf, "secant")
        return self._along(self.mechanics.with_bonds(self.here.towards(self.there, length), bonds))

    def length(self) -> float:
        """Return by what the event is multiplied."""
        begin, length, left = self._along(self.begin), 1.0, self.left(1.0)
        while left >= KEPT * begin and 2 * length <= LONGEST:
            further = self.left(2 * length)
            if further < KEPT * begin:
                break
            length, left = 2 * length, further
        low, high, at_low, at_high = 0.0, length, begin, left
        for _ in range(MOST_TRIALS):
            if left >= -begin:
                break
            length = low + (high - low) * float(np.clip(at_low / (at_low - at_high), 0.1, 0.9))
            left = self.left(length)
            if left > 0:
                low, at_low = length, left
            else:
                high, at_high = length, left
        return length

    def _along(self, point: Imbalance) -> float:
        return point.along(self.du[self.mechanics.node_i].ravel(), self.de)
