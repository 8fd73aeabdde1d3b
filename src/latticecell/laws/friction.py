"""Coulomb friction of bonds that are closed and damaged, beside any cohesive law."""

from __future__ import annotations

import numpy as np

from latticecell.arrays import Bools, Floats
from latticecell.laws.bond import BondLaw, BondParameters, BondResponse, Opening, TangentKind

RUBBED = "friction_J_per_m2"
"""Column of the energy that friction has taken."""


class Friction:
    """Adds to a cohesive law the tangential traction of its damaged share, as far as it is pressed.

    After Alfano and Sacco, Int. J. Numer. Meth. Eng. 68, 542 (2006): of the area of a bond the share D, its
    damage, rubs. It is held by an elastic slip of the contact stiffness K, t = t_0 + D K (d_t - d_t0), up to
    |t| = mu D p with the contact pressure p = K <-d_n>; beyond, it slides and the rest is lost.

    D and p are those at the start of a step. Within it friction has a potential: the tangent is symmetric,
    and the loss is exact whichever way the bond slides, at the price of first order in the step where the
    pressure changes. (A limit that follows the pressure has no potential, and its tangent is not symmetric.)
    A limit that has fallen lets go at once; more damage leaves the traction and stiffens the elastic slip.
    Both lose what is stored in it.

    Parameters
    ----------
    law : BondLaw
        The cohesive law.
    parameters : BondParameters
        ``friction`` is mu, ``stiffness`` is K.
    """

    def __init__(self, law: BondLaw, parameters: BondParameters):
        self._law, self._own = law, len(law.columns)
        self._friction, self._stiffness = parameters.friction, parameters.stiffness
        self.columns = (*law.columns, "friction_x_Pa", "friction_y_Pa", "friction_z_Pa", RUBBED)

    def respond(
        self, opening_bc: Floats, normal_bc: Floats, opening_old_bc: Floats, history_bh: Floats, dt: float,
        tangent: TangentKind = "consistent",
    ) -> BondResponse:  # fmt: skip
        """Return traction, tangent and new history; see `BondLaw`."""
        own_bh, held_bc = self._split(history_bh)
        answer = self._law.respond(opening_bc, normal_bc, opening_old_bc, own_bh, dt, tangent)
        first = self._law.damage(own_bh)
        stiffness = first * self._stiffness
        before, now = Opening.of(opening_old_bc, normal_bc), Opening.of(opening_bc, normal_bc)
        limit = self._friction * stiffness * np.maximum(-before.normal_b, 0.0)
        start_bc, _ = _limited(held_bc, limit)
        trial_bc = start_bc + stiffness[:, None] * (now.sliding_bc - before.sliding_bc)
        rubbing_bc, size = _limited(trial_bc, limit)
        slides = size > limit
        lost = self._kept(held_bc, first) - self._kept(start_bc, first)
        lost += np.divide(limit * (size - limit), stiffness, out=np.zeros_like(size), where=slides)
        lost += self._kept(rubbing_bc, first) - self._kept(rubbing_bc, self._law.damage(answer.history_bh))
        moved = np.any(opening_bc != opening_old_bc, axis=1)  # else the bond is as the last step left it
        rubbing_bc = np.where(moved[:, None], rubbing_bc, held_bc)
        lost = np.where(moved, lost, 0.0)
        history = np.column_stack((answer.history_bh, rubbing_bc, history_bh[:, -1] + lost))
        # of the plane the stiffness, less what turns while it slides
        ratio = np.divide(limit, size, out=np.ones_like(size), where=slides)
        along = np.divide(trial_bc, size[:, None], out=np.zeros_like(trial_bc), where=slides[:, None])
        plane_bcc = np.eye(3) - np.einsum("bc,bd->bcd", normal_bc, normal_bc)
        plane_bcc -= np.einsum("bc,bd->bcd", along, along)
        return BondResponse(
            answer.traction_bc + rubbing_bc,
            answer.tangent_bcc + (ratio * stiffness)[:, None, None] * plane_bcc,
            history,
        )

    def damage(self, history_bh: Floats) -> Floats:
        """Return the damage, (n_bonds,) [1]."""
        return self._law.damage(self._split(history_bh)[0])

    def is_damaged(self, history_bh: Floats) -> Bools:
        """Return whether the traction of each bond has passed its peak, (n_bonds,)."""
        return self._law.is_damaged(self._split(history_bh)[0])

    def is_broken(self, history_bh: Floats) -> Bools:
        """Return whether each bond counts as separated, (n_bonds,)."""
        return self._law.is_broken(self._split(history_bh)[0])

    def stored(self, opening_bc: Floats, normal_bc: Floats, history_bh: Floats) -> Floats:
        """Return the recoverable energy per area, that of the elastic slip too, (n_bonds,) [J/m2]."""
        own_bh, held_bc = self._split(history_bh)
        return self._law.stored(opening_bc, normal_bc, own_bh) + self._kept(held_bc, self._law.damage(own_bh))

    def dissipated(self, history_bh: Floats) -> Floats:
        """Return the energy per area lost to damage and to friction so far, (n_bonds,) [J/m2]."""
        return self._law.dissipated(self._split(history_bh)[0]) + history_bh[:, -1]

    def _split(self, history_bh: Floats) -> tuple[Floats, Floats]:
        """Return the history of the cohesive law, and the traction of friction [Pa]."""
        return history_bh[:, : self._own], history_bh[:, self._own : self._own + 3]

    def _kept(self, rubbing_bc: Floats, damage_b: Floats) -> Floats:
        """Return the energy of the elastic slip under a traction, (n_bonds,) [J/m2]."""
        square = np.einsum("bc,bc->b", rubbing_bc, rubbing_bc)
        return np.divide(
            square, 2 * self._stiffness * damage_b, out=np.zeros_like(square), where=damage_b > 0
        )


def _limited(traction_bc: Floats, limit_b: Floats) -> tuple[Floats, Floats]:
    """Return tractions, those above a limit cut down to it, and their sizes before."""
    size = np.linalg.norm(traction_bc, axis=1)
    share = np.divide(limit_b, size, out=np.ones_like(size), where=size > limit_b)
    return share[:, None] * traction_bc, size
