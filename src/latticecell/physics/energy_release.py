"""Energy that a flaw would release: bonds let go where they are, everything else answers linearly.

Bonds under forces F that let go open by w, and the cell loses half of F . w, exactly so in a linear lattice
(virtual crack closure; Rybicki and Kanninen, Eng. Fract. Mech. 9, 931 (1977), with the opening of the
released bonds themselves in place of that behind them). Over the area of the flaw this is the energy release
rate G that stands beside the toughness. What lets go is a site with all of its bonds: one of several bonds at
a line where three grains meet separates nothing. A single site ahead of a front shows less than the G of the
front, for its neighbours still hold it: release a stretch of the front, or a patch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latticecell.physics.mechanics import Mechanics
from latticecell.state import State


class Release(NamedTuple):
    """What the bonds of a flaw release.

    Attributes
    ----------
    area : float
        Their area [m2].
    opening, sliding : float
        Energy released by opening (mode I) and by sliding (modes II and III) [J].
    """

    area: float
    opening: float
    sliding: float

    @property
    def rate(self) -> float:
        """Energy release rate G [J/m2]."""
        return (self.opening + self.sliding) / self.area

    @property
    def sliding_share(self) -> float:
        """Share of sliding in G [1]."""
        return self.sliding / (self.opening + self.sliding)


def release(mechanics: Mechanics, state: State, sites_k: NDArray[np.integer], rtol: float = 1e-4) -> Release:
    """Return what it would release if all intact bonds of some sites let go.

    Costs one linear system. Other bonds keep their damage. Released bonds under compression slide without
    friction and stay closed; none begins or ceases to touch.

    Parameters
    ----------
    mechanics : Mechanics
    state : State
        An equilibrium.
    sites_k : (n,) int
        Sites of the flaw.
    rtol : float
        Tolerance of the linear system.

    Raises
    ------
    ValueError
        If the sites have no intact bonds: none at all, broken ones, or tied grain boundaries only.
    SolveError
        If what is left is unstable.
    """
    bonds = mechanics.bonds
    opening_bc, history_bh = bonds.opening(state.u_nc), state.history_bh[bonds.active_b]
    forces = bonds.respond(opening_bc, opening_bc, history_bh, np.inf, "secant")
    own = np.isin(mechanics.network.site_n[bonds.node_bn[:, 0]], sites_k) & ~bonds.is_broken(history_bh)
    if not own.any():
        raise ValueError("no site of the flaw has a bond that could let go")
    normal_bc = bonds.normal_bc[own]
    pull_b = np.einsum("bc,bc->b", forces.force_bc[own], normal_bc)
    given_bc = np.zeros_like(forces.force_bc)
    given_bc[own] = forces.force_bc[own] - np.minimum(pull_b, 0.0)[:, None] * normal_bc
    tangent_bcc = forces.tangent_bcc.copy()
    across_bcc = np.einsum("bc,bd->bcd", normal_bc, normal_bc)
    stiffness_b = np.einsum("bcd,bcd->b", across_bcc, tangent_bcc[own])
    tangent_bcc[own] = np.where(pull_b < 0, stiffness_b, 0.0)[:, None, None] * across_bcc
    after_bc = opening_bc + bonds.opening(mechanics.answer(-given_bc, tangent_bcc, rtol))
    work = 0.5 * float(np.sum(given_bc * after_bc))
    across_b = np.einsum("bc,bc->b", after_bc[own], normal_bc)
    opening = 0.5 * float(np.maximum(pull_b, 0.0) @ across_b)
    return Release(float(bonds.area_b[own].sum()), opening, work - opening)
