"""Bilinear cohesive law whose strength and toughness differ between opening and sliding."""

from __future__ import annotations

import numpy as np

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

SLIGHT = 1e-3
"""Share of the onset below which the direction of an opening at the start of a step tells nothing [1]."""


class MixedModeLaw:
    """Bilinear law in the effective opening whose onset and end depend on the share of sliding.

    With B = |d_t|^2 / d_m^2 the share of sliding in the elastic energy, the toughness is that of Benzeggagh
    and Kenane (Compos. Sci. Technol. 56 (1996) 439), G_c(B) = G_I + (G_II - G_I) B^eta, and the onset of
    Turon et al. (Mech. Mater. 38 (2006) 1072), d_0(B)^2 = d_0I^2 + (d_0II^2 - d_0I^2) B^eta with d_0 =
    strength / K; the bond is broken at d_f = 2 G_c / (K d_0). Damage never falls, also when B changes. With
    equal strengths and toughnesses this is `BilinearLaw`.

    B is that at the start of a step: within it the law is the bilinear one, with a symmetric tangent and an
    exact loss, at the price of first order in the step where B changes. (With B of the end the tangent is not
    symmetric, and equilibria of interfaces that open all at once were not found.) A bond remembers its
    damage and what it has lost.

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
        before = Opening.of(opening_old_bc, normal_bc)
        share = self._mode(opening, before)
        onset, final = self._ends(share)
        effective = opening.effective_b
        # a bond that has not moved is as the last step left it; in one that has, the new share of sliding
        # may damage at the old opening, whatever the step does then
        moved = np.any(opening_bc != opening_old_bc, axis=1)
        reached = np.where(moved, bilinear_damage(effective, onset, final), 0.0)
        least = np.where(moved, bilinear_damage(before.effective_b, onset, final), 0.0)
        least = np.maximum(history_bh[:, 0], least)
        damage = np.maximum(least, reached)
        growing = (reached >= least) & (effective > onset) & (effective < final)
        size = np.where(growing, effective, 1.0)
        # d(secant)/d(effective) at a fixed share, over the effective opening
        fall = (self._stiffness - self._residual) * final * onset / ((final - onset) * size**3)
        secant = self._secant(damage)
        at_once = 0.5 * (self._stiffness - self._residual) * before.effective_b**2
        lost = history_bh[:, 1] + at_once * (least - history_bh[:, 0])
        lost += self._loss(least, damage, onset, final)
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
        return contact_energy(opening, self._secant(history_bh[:, 0]), self._stiffness)

    def dissipated(self, history_bh: Floats) -> Floats:
        """Return the energy per area lost to damage so far, (n_bonds,) [J/m2]."""
        return history_bh[:, 1].copy()

    def _mode(self, opening: Opening, before: Opening) -> Floats:
        """Return the share of sliding that decides in a step, that of its start if any, (n_bonds,)."""
        there = before.effective_b > SLIGHT * np.minimum(*self._onset_b)
        return np.where(there, _sliding_share(before), _sliding_share(opening))

    def _ends(self, share_b: Floats) -> tuple[Floats, Floats]:
        """Return the openings at which damage begins and is complete, for a share of sliding [m]."""
        mixed = share_b**self._exponent
        first, second = self._onset_b
        onset = np.sqrt(first**2 + (second**2 - first**2) * mixed)
        energy = self._energy_b[0] + (self._energy_b[1] - self._energy_b[0]) * mixed
        return onset, 2 * energy / (self._stiffness * onset)

    def _loss(self, old_b: Floats, new_b: Floats, onset_b: Floats, final_b: Floats) -> Floats:
        """Return what growing damage costs at a fixed share of sliding, (n_bonds,) [J/m2].

        (K - K_res) d_m^2 / 2 integrated over the damage.
        """
        rate = 0.5 * (self._stiffness - self._residual) * final_b * onset_b / (final_b - onset_b)
        return rate * (_stretch(new_b, onset_b, final_b) - _stretch(old_b, onset_b, final_b))

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
