"""Exponential cohesive law of bonds that break."""

from __future__ import annotations

import numpy as np
from scipy.special import gammainc

from latticecell.arrays import Bools, Floats
from latticecell.errors import ConfigError
from latticecell.laws.bond import (
    BondParameters,
    BondResponse,
    Opening,
    TangentKind,
    contact_energy,
    contact_tangent,
    contact_traction,
)

BROKEN = 0.99
"""Share of the fracture energy whose loss makes a bond count as broken; reached at 8.4 d_c."""


class ExponentialLaw:
    """Universal binding curve in the effective opening, with contact and unloading to the origin.

    Traction T = sigma_c (d / d_c) exp(1 - d / d_c) of Xu and Needleman, J. Mech. Phys. Solids 42, 1397
    (1994), with G_c = e sigma_c d_c. The largest opening k of the past makes it irreversible (Ortiz and
    Pandolfi, Int. J. Numer. Meth. Eng. 44, 1267 (1999)): damage 1 - exp(-k / d_c) of the initial stiffness
    e sigma_c / d_c. The traction never quite vanishes, so a bond is called broken once it has lost `BROKEN`
    of G_c.

    Parameters
    ----------
    parameters : BondParameters
        ``stiffness`` acts in contact only.

    Raises
    ------
    ConfigError
        If the residual stiffness is not below the initial one.
    """

    columns = ("stretch_m",)

    def __init__(self, parameters: BondParameters):
        self._contact, self._residual = parameters.stiffness, parameters.residual_stiffness
        self._length_b = parameters.fracture_energy_b / (np.e * parameters.strength_b)
        self._stiffness_b = np.e * parameters.strength_b / self._length_b
        problems = parameters.mode_problems()
        if (self._residual >= self._stiffness_b).any():
            problems.append(
                f"residual_stiffness_Pa_per_m = {self._residual:g}: must be below the initial stiffness "
                f"(e strength)^2 / fracture_energy = {self._stiffness_b.min():.3g} Pa/m"
            )
        if problems:
            raise ConfigError(problems)

    def respond(
        self, opening_bc: Floats, normal_bc: Floats, opening_old_bc: Floats, history_bh: Floats, dt: float,
        tangent: TangentKind = "consistent",
    ) -> BondResponse:  # fmt: skip
        """Return traction, tangent and new history; see `BondLaw`. Independent of the rate."""
        opening = Opening.of(opening_bc, normal_bc)
        stretch = np.maximum(history_bh[:, 0], opening.effective_b)
        secant = self._secant(stretch)
        growing = (opening.effective_b >= history_bh[:, 0]) & (opening.effective_b > 0)
        size = np.where(growing, opening.effective_b, 1.0)
        fall = (secant - self._residual) / (self._length_b * size)
        return BondResponse(
            contact_traction(opening, normal_bc, secant, self._contact),
            contact_tangent(opening, normal_bc, secant, self._contact, np.where(growing, fall, 0.0), tangent),
            stretch[:, None],
        )

    def damage(self, history_bh: Floats) -> Floats:
        """Return the damage, (n_bonds,) [1]."""
        return -np.expm1(-history_bh[:, 0] / self._length_b)

    def is_damaged(self, history_bh: Floats) -> Bools:
        """Return whether each bond has been opened beyond d_c, where the traction peaks, (n_bonds,)."""
        return history_bh[:, 0] > self._length_b

    def is_broken(self, history_bh: Floats) -> Bools:
        """Return whether each bond has lost `BROKEN` of its fracture energy, (n_bonds,)."""
        return gammainc(3, history_bh[:, 0] / self._length_b) >= BROKEN

    def stored(self, opening_bc: Floats, normal_bc: Floats, history_bh: Floats) -> Floats:
        """Return the recoverable energy per area at fixed damage, (n_bonds,) [J/m2]."""
        opening = Opening.of(opening_bc, normal_bc)
        secant = self._secant(np.maximum(history_bh[:, 0], opening.effective_b))
        return contact_energy(opening, secant, self._contact)

    def dissipated(self, history_bh: Floats) -> Floats:
        """Return the energy per area lost to damage so far, (n_bonds,) [J/m2].

        The integral of (K_0 - K_res) k^2 / 2 over the damage exp(-k / d_c) dk / d_c.
        """
        share = gammainc(3, history_bh[:, 0] / self._length_b)
        return (self._stiffness_b - self._residual) * self._length_b**2 * share

    def _secant(self, stretch_b: Floats) -> Floats:
        damage = self.damage(stretch_b[:, None])
        return (1 - damage) * self._stiffness_b + damage * self._residual
