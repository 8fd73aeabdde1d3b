"""Fatigue of bonds beside any cohesive law: cycles weaken a bond, or tear a share of its area."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from latticecell.arrays import Bools, Floats
from latticecell.laws.bond import (
    BondLaw,
    BondParameters,
    BondResponse,
    Opening,
    TangentKind,
    contact_energy,
    contact_tangent,
    contact_traction,
)


class Loading(NamedTuple):
    """How a bond is loaded at an end of a step.

    Attributes
    ----------
    traction_b : (n_bonds,) float64
        Traction of what is whole, without pressure, over the strength of the new bond: the root of the sum of
        squares of both modes [1].
    effective_b : (n_bonds,) float64
        Effective opening [m].
    """

    traction_b: Floats
    effective_b: Floats


class Worn(NamedTuple):
    """What fatigue has left of a bond.

    Attributes
    ----------
    whole_b : (n_bonds,) float64
        Share of its area that is not torn [1].
    strong_b : (n_bonds,) float64
        Strength of that over the strength of the new bond; its toughness falls by the square [1].
    """

    whole_b: Floats
    strong_b: Floats


class FatigueModel(Protocol):
    """What a bond remembers of its cycles, and what that leaves of it; made from `BondParameters`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what is accumulated, zero in a new bond, with units."""

    def worn(self, grown_bh: Floats) -> Worn:
        """Return what is left of bonds that have accumulated so much, (n_bonds, n_columns)."""

    def grow(self, grown_bh: Floats, before: Loading, after: Loading, breaking_b: Bools) -> Floats:
        """Return what is accumulated after a step; ``breaking_b``: the cohesive law does damage in it."""


class Fatigue:
    """Scales a cohesive law by what its bonds have accumulated.

    With T the traction of the law at an opening d, a bond gives w s T(d / s) + (1 - w) T_torn(d): s lowers
    strength and opening alike, so that the stiffness stays and the toughness falls by s^2; the share 1 - w of
    its area is torn and knows contact and residual stiffness only.

    w and s follow from what has been accumulated at the start of a step. Within it the bond is the law
    itself, with a symmetric tangent and an exact loss; what it loses as w and s fall at once is what it had
    stored.

    Parameters
    ----------
    law : BondLaw
        The cohesive law of a new bond.
    model : FatigueModel
    parameters : BondParameters
    """

    shares = ("torn", "weakened")
    """Columns that stay below 1, whatever is extrapolated over jumped cycles."""

    def __init__(self, law: BondLaw, model: FatigueModel, parameters: BondParameters):
        self._law, self._model = law, model
        self._contact, self._residual = parameters.stiffness, parameters.residual_stiffness
        self._strength_b, self._shear_b = parameters.strength_b, parameters.shear_strength_b
        self._own, self._grown = len(law.columns), len(law.columns) + len(model.columns)
        self.columns = (*law.columns, *model.columns, "torn", "weakened", "load", "lost_J_per_m2")

    def respond(
        self, opening_bc: Floats, normal_bc: Floats, opening_old_bc: Floats, history_bh: Floats, dt: float,
        tangent: TangentKind = "consistent",
    ) -> BondResponse:  # fmt: skip
        """Return traction, tangent and new history; see `BondLaw`."""
        own_bh, grown_bh = history_bh[:, : self._own], history_bh[:, self._own : self._grown]
        used, now = self._used(history_bh), self._model.worn(grown_bh)
        moved = np.any(opening_bc != opening_old_bc, axis=1)  # else the bond is as the last step left it
        left = Worn(*(np.where(moved, new, old) for new, old in zip(now, used, strict=True)))
        whole, size = left.whole_b, left.strong_b[:, None]
        at_bc, from_bc = opening_bc / size, opening_old_bc / size
        start_bh = self._law.respond(from_bc, normal_bc, from_bc, own_bh, dt, "secant").history_bh
        start_bh = np.where(moved[:, None], start_bh, own_bh)
        answer = self._law.respond(at_bc, normal_bc, from_bc, start_bh, dt, tangent)
        pull_bc, opening = size * answer.traction_bc, Opening.of(opening_bc, normal_bc)
        torn, rest = 1 - whole, np.full(len(whole), self._residual)
        traction_bc = whole[:, None] * pull_bc
        traction_bc += torn[:, None] * contact_traction(opening, normal_bc, rest, self._contact)
        torn_bcc = contact_tangent(opening, normal_bc, rest, self._contact, np.zeros_like(rest), tangent)
        lost = self._kept(opening_old_bc, normal_bc, used, own_bh)
        lost -= self._kept(opening_old_bc, normal_bc, left, start_bh)
        spent = self._law.dissipated(answer.history_bh) - self._law.dissipated(start_bh)
        lost += whole * left.strong_b**2 * spent
        before = Loading(history_bh[:, -2], Opening.of(opening_old_bc, normal_bc).effective_b)
        after = Loading(self._load(pull_bc, normal_bc), opening.effective_b)
        breaking = self._law.damage(answer.history_bh) > self._law.damage(own_bh)
        grown_bh = np.where(moved[:, None], self._model.grow(grown_bh, before, after, breaking), grown_bh)
        load = np.where(moved, after.traction_b, before.traction_b)
        lost = history_bh[:, -1] + np.where(moved, lost, 0.0)
        history = (answer.history_bh, grown_bh, torn, 1 - left.strong_b, load, lost)
        return BondResponse(
            traction_bc,
            whole[:, None, None] * answer.tangent_bcc + torn[:, None, None] * torn_bcc,
            np.column_stack(history),
        )

    def damage(self, history_bh: Floats) -> Floats:
        """Return the damage, torn or of what is whole, (n_bonds,) [1]."""
        return 1 - self._used(history_bh).whole_b * (1 - self._law.damage(history_bh[:, : self._own]))

    def is_damaged(self, history_bh: Floats) -> Bools:
        """Return whether the traction of what is whole of each bond has passed its peak, (n_bonds,)."""
        return self._law.is_damaged(history_bh[:, : self._own]) | self._is_torn(history_bh)

    def is_broken(self, history_bh: Floats) -> Bools:
        """Return whether each bond counts as separated, or is torn wholly, (n_bonds,)."""
        return self._law.is_broken(history_bh[:, : self._own]) | self._is_torn(history_bh)

    def stored(self, opening_bc: Floats, normal_bc: Floats, history_bh: Floats) -> Floats:
        """Return the recoverable energy per area, (n_bonds,) [J/m2]."""
        return self._kept(opening_bc, normal_bc, self._used(history_bh), history_bh[:, : self._own])

    def dissipated(self, history_bh: Floats) -> Floats:
        """Return the energy per area lost to damage and fatigue so far, (n_bonds,) [J/m2]."""
        return history_bh[:, -1].copy()

    def _used(self, history_bh: Floats) -> Worn:
        """Return what was left of the bonds in the last step."""
        return Worn(1 - history_bh[:, self._grown], 1 - history_bh[:, self._grown + 1])

    def _is_torn(self, history_bh: Floats) -> Bools:
        return self._used(history_bh).whole_b <= 0

    def _kept(self, opening_bc: Floats, normal_bc: Floats, left: Worn, own_bh: Floats) -> Floats:
        """Return what bonds store at an opening with that much left of them, (n_bonds,) [J/m2]."""
        stored = self._law.stored(opening_bc / left.strong_b[:, None], normal_bc, own_bh)
        rest = np.full(len(stored), self._residual)
        torn = contact_energy(Opening.of(opening_bc, normal_bc), rest, self._contact)
        return left.whole_b * left.strong_b**2 * stored + (1 - left.whole_b) * torn

    def _load(self, traction_bc: Floats, normal_bc: Floats) -> Floats:
        pull = Opening.of(traction_bc, normal_bc)
        slide = np.linalg.norm(pull.sliding_bc, axis=1)
        return np.hypot(np.maximum(pull.normal_b, 0.0) / self._strength_b, slide / self._shear_b)
