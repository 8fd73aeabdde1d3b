"""Bilinear cohesive law of bonds that break (PHYSICS 2.6, Eq 17)."""

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


class BilinearLaw:
    """Bilinear traction-separation law with unilateral contact and irreversible damage.

    Below the onset d_0 = sigma_c / K of the effective opening the bond is linear; from there traction falls
    linearly to zero at d_f = 2 G_c / sigma_c, where it is broken; it unloads to the origin. A closed bond
    resists compression with K whatever its damage. A small absolute residual stiffness keeps broken bonds
    regular.

    Parameters
    ----------
    parameters : BondParameters
        ``stiffness`` is K, before damage and in contact.

    Raises
    ------
    ConfigError
        If damage would start where the bond is broken, or the residual stiffness is not below K.
    """

    columns = ("stretch_m",)

    def __init__(self, parameters: BondParameters):
        self._stiffness, self._residual = parameters.stiffness, parameters.residual_stiffness
        self._final_b = 2 * parameters.fracture_energy_b / parameters.strength_b
        self._onset_b = parameters.strength_b / self._stiffness
        problems = parameters.mode_problems()
        if (self._onset_b >= self._final_b).any():
            least = float((parameters.strength_b / self._final_b).max())
            problems.append(
                f"stiffness_Pa_per_m = {self._stiffness:g}: must exceed {least:.3g} Pa/m "
                "so that damage starts before the bond is broken"
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
        effective = opening.effective_b
        stretch = np.maximum(history_bh[:, 0], effective)
        secant = self._secant(stretch)
        onset, final = self._onset_b, self._final_b
        softening = (effective >= history_bh[:, 0]) & (effective > onset) & (effective < final)
        size = np.where(softening, effective, 1.0)
        # d(secant)/d(effective) = -(K - K_res) d_f d_0 / ((d_f - d_0) d_m^2)
        fall = (self._stiffness - self._residual) * final * onset / ((final - onset) * size**3)
        return BondResponse(
            contact_traction(opening, normal_bc, secant, self._stiffness),
            contact_tangent(
                opening, normal_bc, secant, self._stiffness, np.where(softening, fall, 0.0), tangent
            ),
            stretch[:, None],
        )

    def damage(self, history_bh: Floats) -> Floats:
        """Return the damage, (n_bonds,) [1]."""
        return bilinear_damage(history_bh[:, 0], self._onset_b, self._final_b)

    def is_damaged(self, history_bh: Floats) -> Bools:
        """Return whether each bond has been opened beyond its onset, (n_bonds,)."""
        return history_bh[:, 0] > self._onset_b

    def is_broken(self, history_bh: Floats) -> Bools:
        """Return whether each bond has been opened to its final opening, (n_bonds,)."""
        return history_bh[:, 0] >= self._final_b

    def stored(self, opening_bc: Floats, normal_bc: Floats, history_bh: Floats) -> Floats:
        """Return the recoverable energy per area at fixed damage, (n_bonds,) [J/m2]."""
        opening = Opening.of(opening_bc, normal_bc)
        secant = self._secant(np.maximum(history_bh[:, 0], opening.effective_b))
        return contact_energy(opening, secant, self._stiffness)

    def dissipated(self, history_bh: Floats) -> Floats:
        """Return the energy per area lost to damage so far, (n_bonds,) [J/m2].

        Under monotone opening the work is the area below the bilinear curve; what unloading to the origin
        gives back is subtracted. The residual stiffness, being elastic in parallel, loses
        K_res (d - d_0)/2 d_0 d_f/(d_f - d_0) less; that part is included.
        """
        onset, final = self._onset_b, self._final_b
        stretch = np.clip(history_bh[:, 0], onset, final)
        # -dPsi/dd integrated: Y = (K - K_res) d_m^2 / 2 and dd/dd_m = d_f d_0 / ((d_f - d_0) d_m^2)
        rate = 0.5 * (self._stiffness - self._residual) * final * onset / (final - onset)
        return rate * (stretch - onset)

    def _secant(self, stretch_b: Floats) -> Floats:
        damage = self.damage(stretch_b[:, None])
        return (1 - damage) * self._stiffness + damage * self._residual
