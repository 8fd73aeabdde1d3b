"""Bilinear cohesive law whose strength and toughness differ between opening and sliding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Bools, Floats
from latticecell.errors import ConfigError
from latticecell.laws.bond import (
    BondParameters,
    BondResponse,
    Opening,
    TangentKind,
    bilinear_damage,
    contact_energy,
    contact_tangent,
    contact_traction,
)

Indices = NDArray[np.intp]
ALL = slice(None)
SLIGHT = 1e-9
"""Change of the share of sliding in a step that does not count [1]."""
PARTS = 16
"""Parts of the path of a step along which the loss is added up."""


class MixedModeLaw:
    """Bilinear law in the effective opening whose onset and end depend on the share of sliding.

    With B = |d_t|^2 / d_m^2 the share of sliding in the elastic energy, the toughness is that of Benzeggagh
    and Kenane (Compos. Sci. Technol. 56 (1996) 439), G_c(B) = G_I + (G_II - G_I) B^eta, and the onset of
    Turon et al. (Mech. Mater. 38 (2006) 1072), d_0(B)^2 = d_0I^2 + (d_0II^2 - d_0I^2) B^eta with d_0 =
    strength / K; the bond is broken at d_f = 2 G_c / (K d_0). Damage never falls, also when B changes. With
    equal strengths and toughnesses this is `BilinearLaw`.

    A bond remembers its damage and what it has lost. The loss of a step is added up along the straight path
    of its opening: exact where B does not change, of second order in the step where it does. The tangent
    leaves the derivative by B out, which would make it unsymmetric.

    Parameters
    ----------
    parameters : BondParameters
        ``stiffness`` is K, before damage and in contact, the same in opening and sliding.

    Raises
    ------
    ConfigError
        If damage would start where the bond is broken, in opening or in sliding, or the residual stiffness
        is not below K.
    """

    columns = ("damage", "lost_J_per_m2")

    def __init__(self, parameters: BondParameters):
        self._stiffness, self._residual = parameters.stiffness, parameters.residual_stiffness
        self._exponent = parameters.mixing_exponent
        self._energy_b = (parameters.fracture_energy_b, parameters.shear_fracture_energy_b)
        self._onset_b = (
            parameters.strength_b / self._stiffness,
            parameters.shear_strength_b / self._stiffness,
        )
        problems = []
        for strength_b, energy_b, prefix in (
            (parameters.strength_b, parameters.fracture_energy_b, ""),
            (parameters.shear_strength_b, parameters.shear_fracture_energy_b, "shear_"),
        ):
            least = float((strength_b**2 / (2 * energy_b)).max()) if len(strength_b) else 0.0
            if self._stiffness <= least:
                problems.append(
                    f"stiffness_Pa_per_m = {self._stiffness:g}: must exceed {least:.3g} Pa/m, "
                    f"{prefix}strength^2 / (2 {prefix}fracture_energy), so that damage starts before the "
                    "bond is broken"
                )
        if self._residual >= self._stiffness:
            problems.append(f"residual_stiffness_Pa_per_m = {self._residual:g}: must be below the stiffness")
        if problems:
            raise ConfigError(problems)

    def respond(
        self, opening_bc: Floats, normal_bc: Floats, opening_old_bc: Floats, history_bh: Floats, dt: float,
        tangent: TangentKind = "consistent",
    ) -> BondResponse:  # fmt: skip
        """Return traction, tangent and new history; see `BondLaw`. Independent of the rate."""
        opening = Opening.of(opening_bc, normal_bc)
        share = _sliding_share(opening)
        onset, final = self._ends(share)
        effective = opening.effective_b
        reached = bilinear_damage(effective, onset, final)
        damage = np.maximum(history_bh[:, 0], reached)
        growing = (reached >= history_bh[:, 0]) & (effective > onset) & (effective < final)
        size = np.where(growing, effective, 1.0)
        # d(secant)/d(effective) at a fixed share, over the effective opening
        fall = (self._stiffness - self._residual) * final * onset / ((final - onset) * size**3)
        secant = self._secant(damage)
        before = Opening.of(opening_old_bc, normal_bc)
        turned = np.where(before.effective_b > 0, abs(share - _sliding_share(before)), 0.0) > SLIGHT
        turning, steady = (np.flatnonzero((damage > history_bh[:, 0]) & such) for such in (turned, ~turned))
        lost = history_bh[:, 1].copy()
        lost[steady] += self._loss(history_bh[steady, 0], damage[steady], share[steady], steady)
        if len(turning):
            lost[turning] += self._lost_along(
                turning, opening_old_bc[turning], opening_bc[turning], normal_bc[turning],
                history_bh[turning, 0], damage[turning],
            )  # fmt: skip
        return BondResponse(
            contact_traction(opening, normal_bc, secant, self._stiffness),
            contact_tangent(
                opening, normal_bc, secant, self._stiffness, np.where(growing, fall, 0.0), tangent
            ),
            np.column_stack((damage, lost)),
        )

    def damage(self, history_bh: Floats) -> Floats:
        """Return the damage, (n_bonds,) [1]."""
        return history_bh[:, 0].copy()

    def is_damaged(self, history_bh: Floats) -> Bools:
        """Return whether each bond has been opened beyond its onset, (n_bonds,)."""
        return history_bh[:, 0] > 0.0

    def is_broken(self, history_bh: Floats) -> Bools:
        """Return whether each bond has been opened to its final opening, (n_bonds,)."""
        return history_bh[:, 0] >= 1.0

    def stored(self, opening_bc: Floats, normal_bc: Floats, history_bh: Floats) -> Floats:
        """Return the recoverable energy per area at fixed damage, (n_bonds,) [J/m2]."""
        opening = Opening.of(opening_bc, normal_bc)
        reached = bilinear_damage(opening.effective_b, *self._ends(_sliding_share(opening)))
        return contact_energy(opening, self._secant(np.maximum(history_bh[:, 0], reached)), self._stiffness)

    def dissipated(self, history_bh: Floats) -> Floats:
        """Return the energy per area lost to damage so far, (n_bonds,) [J/m2]."""
        return history_bh[:, 1].copy()

    def _ends(self, share_b: Floats, b: Indices | slice = ALL) -> tuple[Floats, Floats]:
        """Return the openings at which damage begins and is complete, for a share of sliding [m]."""
        mixed = share_b**self._exponent
        first, second = (part[b] for part in self._onset_b)
        onset = np.sqrt(first**2 + (second**2 - first**2) * mixed)
        opened, slid = (part[b] for part in self._energy_b)
        energy = opened + (slid - opened) * mixed
        return onset, 2 * energy / (self._stiffness * onset)

    def _lost_along(
        self, b: Indices, from_bc: Floats, to_bc: Floats, normal_bc: Floats, old_b: Floats, new_b: Floats
    ) -> Floats:
        """Return what damage costs that grows on a straight path between two openings, (n,) [J/m2].

        Parts of the path have a share of sliding each; on a path that does not change it the sum is exact.
        """
        lost, damage, last = np.zeros(len(b)), old_b, Opening.of(from_bc, normal_bc)
        shares = _sliding_share(last)
        for k in range(1, PARTS + 1):
            here = Opening.of(from_bc + k / PARTS * (to_bc - from_bc), normal_bc)
            share = _sliding_share(here)
            middle = np.where(last.effective_b > 0, 0.5 * (share + shares), share)
            onset, final = self._ends(share, b)
            reached = (
                new_b
                if k == PARTS
                else np.clip(bilinear_damage(here.effective_b, onset, final), damage, new_b)
            )
            lost += self._loss(damage, reached, middle, b)
            damage, last, shares = reached, here, share
        return lost

    def _loss(self, before_b: Floats, after_b: Floats, share_b: Floats, b: Indices) -> Floats:
        """Return what growing damage costs at a fixed share of sliding, (n_bonds,) [J/m2].

        (K - K_res) d_m^2 / 2 integrated over the damage.
        """
        onset, final = self._ends(share_b, b)
        rate = 0.5 * (self._stiffness - self._residual) * final * onset / (final - onset)
        return rate * (_stretch(after_b, onset, final) - _stretch(before_b, onset, final))

    def _secant(self, damage_b: Floats) -> Floats:
        return (1 - damage_b) * self._stiffness + damage_b * self._residual


def _sliding_share(opening: Opening) -> Floats:
    """Return |d_t|^2 / d_m^2, 0 where a bond is closed and does not slide, (n_bonds,) [1]."""
    square = opening.effective_b**2
    sliding = np.einsum("bc,bc->b", opening.sliding_bc, opening.sliding_bc)
    return np.where(square > 0, np.minimum(sliding / np.where(square > 0, square, 1.0), 1.0), 0.0)


def _stretch(damage_b: Floats, onset_b: Floats, final_b: Floats) -> Floats:
    """Return the effective opening at which a damage is reached, the inverse of `bilinear_damage` [m]."""
    return onset_b * final_b / (final_b - damage_b * (final_b - onset_b))
