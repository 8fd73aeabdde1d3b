"""Cracks that run: bonds let go, event by event, where the load is more than they hold.

Where an equilibrium is lost there is none nearby, and Newton's method gropes for one far away. Instead, bonds
soften in small events at the load of the end of the step. In each, the lattice finds its equilibrium with the
tractions that bonds have now, which do not fall meanwhile: the tangent without its negative part. That is a
convex problem, so an event never fails. Since traction falls concavely, its energy is above the true one and
touches it, and every event lowers the energy (Hunter and Lange, Am. Stat. 58, 30 (2004), majorisation). Then
the bonds take their new openings into their history, and what they do not bear any more is the next event.
Many bonds take part at once, each with its true strength and toughness; what the lattice gives beyond that is
lost, as sound is in a real crack. Events are small changes of the linear system: its preconditioner is kept.

An event is repeated along its direction while at least half of its force still pulls there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from latticecell.arrays import Floats
from latticecell.errors import SolveError
from latticecell.physics.equilibrium import MechanicsSolution, Step

if TYPE_CHECKING:
    from latticecell.physics.mechanics import Mechanics

MOST_EVENTS = 5000
ROUGH = 0.1
"""Tolerance of the linear system of an event."""
KEPT = 0.5
"""Share of its force that an event must leave to be repeated."""
LONGEST = 64.0
"""Times that an event is repeated at most."""
RENEWED, WORSE = 20, 3.0
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
    for event in range(MOST_EVENTS):
        opening = bonds.opening(u)
        forces = bonds.respond(opening, before, history, np.inf, "clipped")
        before, history = opening, forces.history_bh
        point = mechanics.with_bonds(pull, forces)
        size = mechanics.norm(point) / scale
        if size <= tolerance:
            found = mechanics.solution(u, strain, history, event, linear, size)
            return found.after(event)
        lightly = 0 < event < made + RENEWED and spent <= WORSE * max(first, 2)
        du, de, spent = mechanics.direction(point, ROUGH, lightly)
        linear += spent
        if du is None:
            break
        if not lightly:
            made, first = event, spent
        there = mechanics.elastic(u + du, strain + de, step.eigen_tv)
        way, jump = du[mechanics.node_i].ravel(), bonds.opening(du)
        least = KEPT * point.along(way, de)
        length = 1.0
        while 2 * length <= LONGEST:
            ahead = bonds.respond(opening + 2 * length * jump, opening, history, np.inf, "secant")
            if mechanics.with_bonds(pull.towards(there, 2 * length), ahead).along(way, de) < least:
                break
            length *= 2
        u, strain, pull = u + length * du, strain + length * de, pull.towards(there, length)
    raise SolveError(f"no equilibrium after {event} releases of bonds", field="mechanics", residual=size)
