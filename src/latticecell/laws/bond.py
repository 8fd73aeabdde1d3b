"""Bilinear cohesive law of bonds that break (PHYSICS 2.6, Eq 17)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma

Floats = NDArray[np.float64]
Tangent = Literal["secant", "clipped", "consistent"]


class BondResponse(NamedTuple):
    """Answer of a law to an opening; the history is a proposal until the step is accepted.

    Attributes
    ----------
    traction_bc : (n_bonds, 3) float64
        Traction that the second side exerts on the first [Pa]; positive along an opening.
    tangent_bcc : (n_bonds, 3, 3) float64
        Its derivative with respect to the opening, or a positive substitute [Pa/m].
    stretch_b : (n_bonds,) float64
        Largest effective opening so far [m].
    damage_b : (n_bonds,) float64
        Damage, 0 intact to 1 broken.
    """

    traction_bc: Floats
    tangent_bcc: Floats
    stretch_b: Floats
    damage_b: Floats


@dataclass(frozen=True, slots=True)
class BilinearLaw:
    """Bilinear traction-separation law with unilateral contact and irreversible damage.

    The effective opening is d_m = sqrt(<d_n>^2 + |d_t|^2). Below the onset d_0 = sigma_c / K the bond is
    linear; from there traction falls linearly to zero at d_f = 2 G_c / sigma_c; it unloads to the origin.
    A closed bond resists compression with K whatever its damage. A small absolute residual stiffness keeps
    broken bonds regular.

    Parameters
    ----------
    strength_b : (n_bonds,) float64
        Strength sigma_c, equal in opening and shear [Pa].
    final_b : (n_bonds,) float64
        Opening d_f at which the bond is broken [m].
    stiffness : float or (n_bonds,) float64
        Initial and contact stiffness K [Pa/m].
    residual : float or (n_bonds,) float64
        Stiffness left when broken [Pa/m].
    """

    strength_b: Floats
    final_b: Floats
    stiffness: float | Floats
    residual: float | Floats

    @property
    def onset_b(self) -> Floats:
        """Opening d_0 at which damage starts, (n_bonds,) [m]."""
        return self.strength_b / self.stiffness

    @property
    def toughness_b(self) -> Floats:
        """Energy per area of complete separation, G_c, (n_bonds,) [J/m2]."""
        return 0.5 * self.strength_b * self.final_b

    def damage(self, stretch_b: Floats) -> Floats:
        """Return the damage of a history of largest effective openings, (n_bonds,)."""
        onset, final = self.onset_b, self.final_b
        stretch = np.clip(stretch_b, onset, final)
        return final * (stretch - onset) / (stretch * (final - onset))

    def respond(
        self, opening_bc: Floats, normal_bc: Floats, stretch_b: Floats, tangent: Tangent = "consistent"
    ) -> BondResponse:
        """Return traction, tangent and new history of an opening.

        Parameters
        ----------
        opening_bc : (n_bonds, 3) float64
            Displacement of the second side minus that of the first [m].
        normal_bc : (n_bonds, 3) float64
            Unit normals, first to second side.
        stretch_b : (n_bonds,) float64
            History at the start of the step [m].
        tangent : {"consistent", "clipped", "secant"}
            "consistent" is the exact derivative, negative along the loading direction of a softening bond;
            "clipped" drops that negative part; "secant" keeps the damage fixed.
        """
        normal_opening = np.einsum("bc,bc->b", opening_bc, normal_bc)
        tension_bc = np.maximum(normal_opening, 0.0)[:, None] * normal_bc
        sliding_bc = opening_bc - normal_opening[:, None] * normal_bc
        active_bc = tension_bc + sliding_bc
        effective = np.sqrt(np.einsum("bc,bc->b", active_bc, active_bc))
        new_stretch = np.maximum(stretch_b, effective)
        damage = self.damage(new_stretch)
        secant = (1 - damage) * self.stiffness + damage * self.residual
        along_normal = np.where(normal_opening > 0, secant, self.stiffness)
        traction = secant[:, None] * sliding_bc + (along_normal * normal_opening)[:, None] * normal_bc

        matrix = secant[:, None, None] * np.eye(3)
        matrix = matrix + (along_normal - secant)[:, None, None] * _outer(normal_bc, normal_bc)
        if tangent != "secant":
            onset, final = self.onset_b, self.final_b
            softening = (effective >= stretch_b) & (effective > onset) & (effective < final)
            size = np.where(softening, effective, 1.0)
            # d(secant)/d(opening) = -(K - K_res) d_f d_0 / ((d_f - d_0) d_m^2) times the unit opening
            fall = (self.stiffness - self.residual) * final * onset / ((final - onset) * size**3)
            if tangent == "clipped":
                fall = np.minimum(fall, secant / size**2)
            matrix = matrix - np.where(softening, fall, 0.0)[:, None, None] * _outer(active_bc, active_bc)
        return BondResponse(traction, matrix, new_stretch, damage)

    def stored(self, opening_bc: Floats, normal_bc: Floats, stretch_b: Floats) -> Floats:
        """Return the recoverable energy per area at fixed damage, (n_bonds,) [J/m2]."""
        traction = self.respond(opening_bc, normal_bc, stretch_b, "secant").traction_bc
        return 0.5 * np.einsum("bc,bc->b", traction, opening_bc)

    def dissipated(self, stretch_b: Floats) -> Floats:
        """Return the energy per area lost to damage so far, (n_bonds,) [J/m2].

        Under monotone opening the work is the area below the bilinear curve; what unloading to the origin
        gives back is subtracted. The residual stiffness, being elastic in parallel, loses
        K_res (d - d_0)/2 d_0 d_f/(d_f - d_0) less; that part is included.
        """
        onset, final = self.onset_b, self.final_b
        stretch = np.clip(stretch_b, onset, final)
        # -dPsi/dd integrated: Y = (K - K_res) d_m^2 / 2 and dd/dd_m = d_f d_0 / ((d_f - d_0) d_m^2)
        rate = 0.5 * (self.stiffness - self.residual) * final * onset / (final - onset)
        return rate * (stretch - onset)


def weibull_strength(mean: float, modulus: float | None, size: int, rng: np.random.Generator) -> Floats:
    """Draw strengths with a given mean, (size,) [Pa]; all equal where ``modulus`` is None."""
    if modulus is None:
        return np.full(size, mean)
    return mean / gamma(1 + 1 / modulus) * rng.weibull(modulus, size)


def _outer(a_bc: Floats, b_bc: Floats) -> Floats:
    return a_bc[:, :, None] * b_bc[:, None, :]
