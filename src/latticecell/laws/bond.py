"""What a cohesive law of bonds is, and the geometry that laws share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

import numpy as np
from scipy.special import gamma

from latticecell._kernels import contact as contact_kernels
from latticecell.arrays import Bools, Floats

TangentKind = Literal["secant", "clipped", "consistent"]
LEAST: Final = 1e-100
"""Opening whose square does not vanish [m]."""
MIXING: Final = 2.0
"""Usual exponent of Benzeggagh and Kenane."""


@dataclass(frozen=True, slots=True)
class BondParameters:
    """What the keys of a class of bonds give a law.

    Attributes
    ----------
    strength_b : (n_bonds,) float64
        Largest traction; of a law that tells them apart, in opening [Pa].
    fracture_energy_b : (n_bonds,) float64
        Energy per area of complete separation G_c; likewise [J/m2].
    stiffness : float
        Stiffness in contact, and where a law has one before damage [Pa/m].
    residual_stiffness : float
        Stiffness left when broken [Pa/m].
    shear_ratio, shear_energy_ratio : float
        Strength and toughness in sliding over those in opening [1].
    mixing_exponent : float
        Exponent of the mixed modes between [1].
    friction : float
        Coefficient of the friction that is added to the law [1].
    fatigue : str or None
        Name of the fatigue model that is put around the law.
    fatigue_threshold, fatigue_length : float or None
        What its model makes of them; None: its usual ones [1].
    fatigue_endurance : float
        Traction over strength below which cycles do nothing [1].
    """

    strength_b: Floats
    fracture_energy_b: Floats
    stiffness: float
    residual_stiffness: float
    shear_ratio: float = 1.0
    shear_energy_ratio: float = 1.0
    mixing_exponent: float = MIXING
    friction: float = 0.0
    fatigue: str | None = None
    fatigue_threshold: float | None = None
    fatigue_endurance: float = 0.0
    fatigue_length: float | None = None

    @classmethod
    def of(cls, options: BondOptions, strength_b: Floats, toughness_b: Floats) -> BondParameters:
        """Return the parameters of bonds with these strengths [Pa] and toughnesses [J/m2], (n_bonds,).

        What is left out of sliding is that of opening.
        """
        shear, energy = options.shear_strength, options.shear_fracture_energy
        return cls(
            strength_b,
            toughness_b,
            options.stiffness,
            options.residual_stiffness,
            1.0 if shear is None else shear / options.strength,
            1.0 if energy is None else energy / options.fracture_energy,
            MIXING if options.mixing_exponent is None else options.mixing_exponent,
            options.friction,
            options.fatigue,
            options.fatigue_threshold,
            options.fatigue_endurance or 0.0,
            options.fatigue_length,
        )

    def mode_problems(self) -> list[str]:
        """Return what a law that knows one effective opening only has to refuse."""
        hint = 'is used only with law = "mixed_mode", which tells sliding from opening'
        found = [f"shear_strength_MPa: {hint}"] if self.shear_ratio != 1 else []
        return found + ([f"shear_fracture_energy_J_per_m2: {hint}"] if self.shear_energy_ratio != 1 else [])

    def fatigue_problems(self) -> list[str]:
        """Return what has no meaning without a fatigue model."""
        given = {
            "fatigue_threshold": self.fatigue_threshold is not None,
            "fatigue_endurance": self.fatigue_endurance != 0,
            "fatigue_length": self.fatigue_length is not None,
        }
        return [f"{key}: has no meaning without fatigue" for key, there in given.items() if there]

    @property
    def shear_strength_b(self) -> Floats:
        """Largest traction in sliding, (n_bonds,) [Pa]."""
        return self.shear_ratio * self.strength_b

    @property
    def shear_fracture_energy_b(self) -> Floats:
        """Energy per area of separation by sliding, (n_bonds,) [J/m2]."""
        return self.shear_energy_ratio * self.fracture_energy_b


class BondOptions(Protocol):
    """Keys of a class of bonds, as in the sections of a file."""

    @property
    def strength(self) -> float:
        """Mean strength [Pa]."""

    @property
    def fracture_energy(self) -> float:
        """Energy per area of separation [J/m2]."""

    @property
    def stiffness(self) -> float:
        """Stiffness in contact and before damage [Pa/m]."""

    @property
    def residual_stiffness(self) -> float:
        """Stiffness left when broken [Pa/m]."""

    @property
    def shear_strength(self) -> float | None:
        """Mean strength in sliding [Pa]; None: as in opening."""

    @property
    def shear_fracture_energy(self) -> float | None:
        """Energy of separation by sliding [J/m2]; None: as by opening."""

    @property
    def mixing_exponent(self) -> float | None:
        """Exponent of the mixed modes; None: the usual one."""

    @property
    def friction(self) -> float:
        """Coefficient of friction [1]."""

    @property
    def fatigue(self) -> str | None:
        """Name of the fatigue model; None: there is none."""

    @property
    def fatigue_threshold(self) -> float | None:
        """What is accumulated before fatigue begins [1]; None: what is usual."""

    @property
    def fatigue_endurance(self) -> float | None:
        """Traction over strength below which cycles do nothing [1]; None: 0."""

    @property
    def fatigue_length(self) -> float | None:
        """Accumulated length of cyclic damage over the cohesive length [1]; None: what is usual."""


class BondResponse(NamedTuple):
    """Answer of a law to an opening; the history is a proposal until the step is accepted.

    Attributes
    ----------
    traction_bc : (n_bonds, 3) float64
        Traction that the second side exerts on the first [Pa]; positive along an opening.
    tangent_bcc : (n_bonds, 3, 3) float64
        Its derivative with respect to the opening, or a positive substitute [Pa/m].
    history_bh : (n_bonds, n_columns) float64
        History at the end of the step.
    """

    traction_bc: Floats
    tangent_bcc: Floats
    history_bh: Floats


class BondLaw(Protocol):
    """A traction-separation law of n bonds, vectorised and without state.

    What a bond remembers is a row of ``history_bh``, zero in a virgin bond. Work done on a bond must equal
    the changes of `stored` and `dissipated` along any path. Registered in ``BOND_LAWS`` is a function or
    class that makes the law from `BondParameters`; where these contradict each other it raises `ConfigError`
    with problems that start with the key without its section.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the history columns, with units: ``("stretch_m",)``."""

    def respond(
        self, opening_bc: Floats, normal_bc: Floats, opening_old_bc: Floats, history_bh: Floats, dt: float,
        tangent: TangentKind = "consistent",
    ) -> BondResponse:  # fmt: skip
        """Return traction, tangent and new history of an opening.

        Parameters
        ----------
        opening_bc, opening_old_bc : (n_bonds, 3) float64
            Displacement of the second side minus that of the first, now and at the start of the step [m].
            Where both are equal the bond has not moved, and answers with its history as it is.
        normal_bc : (n_bonds, 3) float64
            Unit normals, first to second side.
        history_bh : (n_bonds, n_columns) float64
            History at the start of the step.
        dt : float
            Length of the step [s]; may be infinite.
        tangent : {"consistent", "clipped", "secant"}
            "consistent" is the exact derivative, negative along the loading direction of a softening bond;
            "clipped" drops that negative part; "secant" keeps the damage fixed.
        """

    def damage(self, history_bh: Floats) -> Floats:
        """Return the damage, 0 intact to 1 broken, (n_bonds,)."""

    def is_damaged(self, history_bh: Floats) -> Bools:
        """Return whether the traction of each bond has passed its peak, (n_bonds,)."""

    def is_broken(self, history_bh: Floats) -> Bools:
        """Return whether each bond counts as separated, (n_bonds,)."""

    def stored(self, opening_bc: Floats, normal_bc: Floats, history_bh: Floats) -> Floats:
        """Return the recoverable energy per area, (n_bonds,) [J/m2]."""

    def dissipated(self, history_bh: Floats) -> Floats:
        """Return the energy per area lost so far, (n_bonds,) [J/m2]."""


class Opening(NamedTuple):
    """An opening taken apart: normal part, the part that pulls or slides, and the size of that.

    Attributes
    ----------
    normal_b : (n_bonds,) float64
        Normal opening, negative in contact [m].
    active_bc, sliding_bc : (n_bonds, 3) float64
        Opening without its compressive part, and its tangential part [m].
    effective_b : (n_bonds,) float64
        Effective opening d_m = sqrt(<d_n>^2 + |d_t|^2) [m].
    """

    normal_b: Floats
    active_bc: Floats
    sliding_bc: Floats
    effective_b: Floats

    @classmethod
    def of(cls, opening_bc: Floats, normal_bc: Floats) -> Opening:
        """Split openings on the normals of their bonds."""
        n = len(opening_bc)
        out = cls(np.empty(n), np.empty((n, 3)), np.empty((n, 3)), np.empty(n))
        contact_kernels.split_opening(
            np.ascontiguousarray(opening_bc), np.ascontiguousarray(normal_bc), **out._asdict()
        )
        return out


def contact_traction(opening: Opening, normal_bc: Floats, secant_b: Floats, contact: float) -> Floats:
    """Return the traction of a secant stiffness, in compression of a contact stiffness, (n_bonds, 3) [Pa]."""
    out = np.empty((len(secant_b), 3))
    contact_kernels.contact_traction(
        opening.normal_b, opening.sliding_bc, np.ascontiguousarray(normal_bc), secant_b, contact, out=out
    )
    return out


def contact_tangent(
    opening: Opening, normal_bc: Floats, secant_b: Floats, contact: float, fall_b: Floats, kind: TangentKind
) -> Floats:
    """Return the derivative of `contact_traction` by the opening, (n_bonds, 3, 3) [Pa/m].

    Parameters
    ----------
    opening : Opening
    normal_bc : (n_bonds, 3) float64
    secant_b : (n_bonds,) float64
        Secant stiffness [Pa/m].
    contact : float
        Contact stiffness [Pa/m].
    fall_b : (n_bonds,) float64
        -d(secant)/d(effective) over the effective opening, 0 unless the history grows [Pa/m3].
    kind : {"consistent", "clipped", "secant"}
    """
    if kind == "secant":
        fall_b = np.zeros_like(secant_b)
    elif kind == "clipped":
        size = np.where(fall_b > 0, np.maximum(opening.effective_b, LEAST), 1.0)
        fall_b = np.minimum(fall_b, secant_b / size**2)
    out = np.empty((len(secant_b), 3, 3))
    contact_kernels.contact_tangent(
        opening.normal_b, opening.active_bc, np.ascontiguousarray(normal_bc), secant_b, fall_b, contact,
        out=out,
    )  # fmt: skip
    return out


def contact_energy(opening: Opening, secant_b: Floats, contact: float) -> Floats:
    """Return the energy that `contact_traction` stores at a fixed secant stiffness, (n_bonds,) [J/m2]."""
    return 0.5 * (secant_b * opening.effective_b**2 + contact * np.minimum(opening.normal_b, 0.0) ** 2)


def bilinear_damage(effective_b: Floats, onset_b: Floats, final_b: Floats) -> Floats:
    """Return the damage of a bilinear law between its onset and its final opening, (n_bonds,) [1]."""
    stretch = np.clip(effective_b, onset_b, final_b)
    return final_b * (stretch - onset_b) / (stretch * (final_b - onset_b))


def weibull(mean: float, modulus: float | None, size: int, rng: np.random.Generator) -> Floats:
    """Draw strengths or toughnesses with a given mean, (size,); all equal where ``modulus`` is None."""
    if modulus is None:
        return np.full(size, mean)
    return mean / gamma(1 + 1 / modulus) * rng.weibull(modulus, size)
