"""The way from grains without strain to those of a start: what is stressed, opens and breaks before a run.

Volume and lattice parameters go up and down with Li, so that the way is followed in small steps of a uniform
stoichiometry. No time passes: there is no viscous traction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from latticecell.arrays import Floats
from latticecell.errors import SolveError
from latticecell.physics.mechanics import Mechanics
from latticecell.state import State

INCREMENT: Final = 0.02
"""Change of the stoichiometry in a step, at most [1]."""
SHORTEST: Final = INCREMENT / 2**8
"""Change below which a step that finds no equilibrium is given up [1]."""


def load(
    state: State,
    stoichiometry: float,
    mechanics: Mechanics,
    eigen: Callable[[State], Floats],
    increment: float = INCREMENT,
) -> None:
    """Bring a cell in equilibrium, whose Li is uniform, to another stoichiometry, in place.

    Displacements, openings and damage follow, and the work is counted in ``state.passed``.

    Parameters
    ----------
    state : State
        Its grains hold one stoichiometry.
    stoichiometry : float
        That of the grains at the end [1].
    mechanics : Mechanics
    eigen : callable
        Eigenstrain of a state, (n_tets, 6) Voigt [1].
    increment : float
        Change of the stoichiometry in a step, at most [1].

    Raises
    ------
    SolveError
        If there is no equilibrium along the way.
    """
    active = mechanics.network.is_active_n
    begin = float(state.stoich_n[active][0])
    way = abs(stoichiometry - begin)
    least = step = 1.0 / max(1.0, np.ceil(way / increment))
    done, last_nc, last = 0.0, state.u_nc, 0.0
    while done < 1.0:
        ahead = 1.0 if done + step > 1.0 - 1e-9 else done + step
        new = state.copy()
        new.stoich_n[active] = begin + ahead * (stoichiometry - begin)
        before, after = eigen(state), eigen(new)
        guess = state.u_nc + (state.u_nc - last_nc) * ((ahead - done) / last if last else 0.0)
        try:
            found = mechanics.solve(after, state, np.inf, guess)
        except SolveError:
            if step * way <= SHORTEST:
                raise
            step /= 2
            continue
        last_nc, last = state.u_nc.copy(), ahead - done
        found.put(new)
        work = mechanics.work(state, new, before, after, np.inf)
        new.passed[...] = state.passed + np.array([0.0, *work, 0.0])
        state.assign(new)
        done, step = ahead, min(2 * step, least)
