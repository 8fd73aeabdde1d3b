"""What lies between materials: cohesion, contact and charge transfer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from latticecell.config.flaws import PreCrack
from latticecell.config.quantities import ActivationEnergy, Fraction
from latticecell.schema import Named, Quantity, Section

Strength = Annotated[float, Quantity("MPa", ge=1e-3, le=1e5)]
Toughness = Annotated[float, Quantity("J_per_m2", ge=1e-6, le=1e4)]
Stiffness = Annotated[float, Quantity("Pa_per_m", ge=1e9, le=1e22)]
Viscosity = Annotated[float, Quantity("s", ge=1e-6, le=1e6, or_zero=True)]
Resistance = Annotated[float, Quantity("ohm_m2", ge=1e-9, le=1e3, or_zero=True)]
Nanometres = Annotated[float, Quantity("nm", ge=1e-3, le=1e6)]
ResistanceCap = Annotated[float, Quantity("ohm_m2", ge=1e-9, le=1e6)]
Permeance = Annotated[float, Quantity("m_per_s", ge=1e-20, le=1)]
CurrentDensity = Annotated[float, Quantity("A_per_m2", ge=1e-6, le=1e6)]
Temperature = Annotated[float, Quantity("K", ge=200, le=500)]
MixingExponent = Annotated[float, Quantity(ge=0.2, le=10)]
Friction = Annotated[float, Quantity(ge=0, le=2)]
FatigueNumber = Annotated[float, Quantity(ge=1e-3, le=1e9)]
Endurance = Annotated[float, Quantity(ge=0, le=0.99)]
# below 2, one of ten thousand bonds would have less than a hundredth of the toughness and soften too steeply
ToughnessModulus = Annotated[float, Quantity(ge=2, le=1e3)]
WeibullModulus = Annotated[float, Quantity(ge=1.1, le=1e3)]
Misorientation = Annotated[float, Quantity("deg", ge=0, le=105)]
Factor = Annotated[float, Quantity(ge=1e-3, le=1e3)]
MOST_ANGLES = 1000


class Interface(Section):
    """The particle-ECBD interface: cohesive law and contact resistance."""

    law: Annotated[str, Named("law")] = "bilinear"
    """Cohesive law: traction against opening, and what is lost."""
    strength: Strength = 100.0
    """Largest traction that the interface bears, in opening or in sliding; the mean if scattered."""
    fracture_energy: Toughness = 1.0
    """Energy per area that separates particle and ECBD completely; of a mixed-mode law, by opening."""
    shear_strength: Strength | None = Field(default=None, examples=[100.0])
    """Largest traction in sliding, of a mixed-mode law; left out: as in opening."""
    shear_fracture_energy: Toughness | None = Field(default=None, examples=[4.0])
    """Energy per area of separation by sliding, of a mixed-mode law; left out: as by opening."""
    mixing_exponent: MixingExponent | None = Field(default=None, examples=[2.0])
    """Exponent of Benzeggagh and Kenane between the modes, of a mixed-mode law; left out: 2."""
    stiffness: Stiffness = 1e19
    """Traction per opening of a closed interface in compression; also of the intact one if bilinear."""
    residual_stiffness: Stiffness = 1e13
    """Traction per opening that a broken interface keeps, for regularity only."""
    friction: Friction = 0.0
    """Coefficient of friction where it is damaged and closed; 0: it slides freely."""
    fatigue: Annotated[str, Named("fatigue")] | None = Field(default=None, examples=["roe_siegmund"])
    """Model by which cycles lower strength and toughness; left out: they do not."""
    fatigue_threshold: FatigueNumber | None = Field(default=None, examples=[100.0])
    """What is accumulated before fatigue begins, as its model counts; left out: 1 if it is roe_siegmund."""
    fatigue_endurance: Endurance | None = Field(default=None, examples=[0.25])
    """Traction over strength below which cycles do nothing; left out: 0."""
    fatigue_length: FatigueNumber | None = Field(default=None, examples=[4.0])
    """Way that tears a bond under its strength, over G_c / (e strength); left out: 4 if roe_siegmund."""
    viscosity: Viscosity = 0.0
    """Time of the viscous regularisation: breaking open within this time adds a traction of one strength."""
    weibull_modulus: WeibullModulus | None = Field(default=None, examples=[10.0])
    """Weibull modulus of the scatter of the interface strength; left out: no scatter."""
    toughness_weibull_modulus: ToughnessModulus | None = Field(default=None, examples=[5.0])
    """Weibull modulus of the scatter of the fracture energy, apart from strength; left out: no scatter."""
    scatter: Literal["bond", "boundary"] = "bond"
    """Whether each bond is drawn, or one value for the whole surface of a grain."""
    resistance: Resistance = 5e-4
    """Contact resistance of the closed interface."""
    resistance_gap: Nanometres = 10.0
    """Opening over which the contact resistance grows by a factor e."""
    resistance_max: ResistanceCap = 100.0
    """Largest contact resistance, however wide the interface opens."""


class MisorientationFactors(Section):
    """Strength and toughness against the misorientation of the two grains; left out by default.

    That is the least angle between their crystals (point group -3m). Factors on ``strength`` and
    ``fracture_energy``, linear between the angles and constant beyond them.
    """

    angle: tuple[Misorientation, ...] = Field(
        min_length=1, max_length=MOST_ANGLES, examples=[[0.0, 5.0, 15.0]]
    )
    """Misorientations, rising."""
    strength_factor: tuple[Factor, ...] | None = Field(
        default=None, max_length=MOST_ANGLES, examples=[[1.5, 1.2, 1.0]]
    )
    """Strength there over ``strength``; left out: 1."""
    toughness_factor: tuple[Factor, ...] | None = Field(
        default=None, max_length=MOST_ANGLES, examples=[[2.0, 1.3, 1.0]]
    )
    """Energy of separation there over ``fracture_energy``; left out: 1."""


class GrainBoundary(Section):
    """Grain boundaries: perfectly tied (the paper) or breakable."""

    mode: Literal["tied", "breakable"] = "tied"
    """Whether grain boundaries never open or break by a cohesive law of their own."""
    release: Literal["implicit", "events"] = "implicit"
    """How cracks run: all at once or bond by bond, which needs no viscosity; of interfaces too."""
    law: Annotated[str, Named("law")] = "bilinear"
    """Cohesive law: traction against opening, and what is lost."""
    strength: Strength = 100.0
    """Largest traction that a grain boundary bears, in opening or in sliding; the mean if scattered."""
    fracture_energy: Toughness = 0.13
    """Energy per area that separates two grains completely; of a mixed-mode law, by opening."""
    shear_strength: Strength | None = Field(default=None, examples=[100.0])
    """Largest traction in sliding, of a mixed-mode law; left out: as in opening."""
    shear_fracture_energy: Toughness | None = Field(default=None, examples=[0.5])
    """Energy per area of separation by sliding, of a mixed-mode law; left out: as by opening."""
    mixing_exponent: MixingExponent | None = Field(default=None, examples=[2.0])
    """Exponent of Benzeggagh and Kenane between the modes, of a mixed-mode law; left out: 2."""
    stiffness: Stiffness = 1e19
    """Traction per opening of a closed boundary in compression; also of the intact one if bilinear."""
    residual_stiffness: Stiffness = 1e13
    """Traction per opening that a broken grain boundary keeps, for regularity only."""
    friction: Friction = 0.0
    """Coefficient of friction where it is damaged and closed; 0: it slides freely."""
    fatigue: Annotated[str, Named("fatigue")] | None = Field(default=None, examples=["roe_siegmund"])
    """Model by which cycles lower strength and toughness; left out: they do not."""
    fatigue_threshold: FatigueNumber | None = Field(default=None, examples=[100.0])
    """What is accumulated before fatigue begins, as its model counts; left out: 1 if it is roe_siegmund."""
    fatigue_endurance: Endurance | None = Field(default=None, examples=[0.25])
    """Traction over strength below which cycles do nothing; left out: 0."""
    fatigue_length: FatigueNumber | None = Field(default=None, examples=[4.0])
    """Way that tears a bond under its strength, over G_c / (e strength); left out: 4 if roe_siegmund."""
    viscosity: Viscosity = 0.0
    """Time of the viscous regularisation: breaking open within this time adds a traction of one strength."""
    weibull_modulus: WeibullModulus | None = Field(default=None, examples=[10.0])
    """Weibull modulus of the scatter of the grain-boundary strength; left out: no scatter."""
    toughness_weibull_modulus: ToughnessModulus | None = Field(default=None, examples=[5.0])
    """Weibull modulus of the scatter of the fracture energy, apart from strength; left out: no scatter."""
    scatter: Literal["bond", "boundary"] = "bond"
    """Whether each bond is drawn, or one value for the whole boundary between two grains."""
    misorientation: MisorientationFactors | None = Field(
        default=None, examples=[{"angle_deg": [0.0, 5.0, 15.0], "toughness_factor": [2.0, 1.3, 1.0]}]
    )
    """Strength and toughness against misorientation; left out: all grain boundaries are alike."""
    permeance: Permeance = 2e-7
    """Flux of Li through a closed grain boundary per difference of concentration, tied or breakable."""
    permeance_activation_energy: ActivationEnergy | None = Field(default=None, examples=[25.0])
    """Activation energy of the permeance; left out: unknown, see kinetics.reference_temperature_K."""
    blocking_gap: Nanometres = 2.0
    """Opening over which the permeance falls by a factor e."""
    pre_cracks: tuple[PreCrack, ...] = Field(default=(), max_length=1000, examples=[[{"grains": [0, 3]}]])
    """Boundaries that are broken from the start, along discs or of given grains; empty: none."""


class Kinetics(Section):
    """Charge transfer at the particle and at the Li metal."""

    exchange_current: CurrentDensity = 50.0
    """Exchange current density i0 of the particle surface at stoichiometry 1/2."""
    alpha_a: Fraction = 0.5
    """Transfer coefficient of delithiation."""
    alpha_c: Fraction = 0.5
    """Transfer coefficient of lithiation."""
    lithium_exchange_current: CurrentDensity = 100.0
    """Exchange current density of the Li metal; not used with a binary electrolyte."""
    exchange_activation_energy: ActivationEnergy | None = Field(default=None, examples=[17.8])
    """Activation energy of exchange_current; left out: unknown, see kinetics.reference_temperature_K."""
    lithium_exchange_activation_energy: ActivationEnergy | None = Field(default=None, examples=[30.0])
    """Activation energy of lithium_exchange_current; left out: unknown, as above."""
    temperature: Temperature = 298.15
    """Temperature of the cell, uniform and constant."""
    reference_temperature: Temperature = 298.15
    """Temperature for which values are given; at another one they follow Arrhenius, and need the energies."""
    mechanical_ocv: StrictBool | None = Field(default=None, examples=[True])
    """Whether stress shifts the OCV by partial molar volume / F; left out: if the drift is thermodynamic."""
