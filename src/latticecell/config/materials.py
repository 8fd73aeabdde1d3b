"""Materials: what grains, ECBD, separator and electrolyte are made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from latticecell.config.quantities import ActivationEnergy, Filling, Fraction, Volt
from latticecell.curves import Curve, CurveKey
from latticecell.schema import Named, Quantity, Section

FrozenBelow = Annotated[float, Quantity(ge=0, le=0.999)]
Share = Annotated[float, Quantity(ge=0.01, le=1)]
Exponent = Annotated[float, Quantity(ge=0, le=5)]
Poisson = Annotated[float, Quantity(ge=-0.95, le=0.4999)]
Modulus = Annotated[float, Quantity("GPa", ge=1e-5, le=2000)]
Conductivity = Annotated[float, Quantity("S_per_m", ge=1e-9, le=1e6)]
Diffusivity = Annotated[float, Quantity("m2_per_s", ge=1e-26, le=1e-8, or_zero=True)]
Concentration = Annotated[float, Quantity("mol_per_m3", ge=1, le=1e6)]
Salt = Annotated[float, Quantity("mol_per_m3", ge=0.1, le=1e4)]
MolarVolume = Annotated[float, Quantity("m3_per_mol", ge=-1e-4, le=1e-4)]
MaterialName = Annotated[str, Field(min_length=1, max_length=100)]
VoltageCurve = Annotated[
    str | Curve,
    Named("materials.active.ocv"),
    CurveKey(("V", "mV"), -10.0, 10.0, ("linear", "error"), names=True),
]
VolumeCurve = Annotated[
    str | Curve,
    Named("materials.active.volume_change"),
    CurveKey(("", "percent"), -0.5, 0.5, (None, "linear", "constant", "error"), names=True),
]
LengthCurve = Annotated[
    Curve, CurveKey(("angstrom", "nm", "pm"), 1e-11, 1e-7, (None, "linear", "constant", "error"))
]
FactorCurve = Annotated[Curve, CurveKey(("",), 1e-6, 1e6, ("constant", "linear", "error"))]
Ratio = Annotated[float, Quantity(ge=-100, le=100)]


class ActiveMaterial(Section):
    """The cathode active material, NCM111 by default."""

    material: MaterialName | None = Field(default=None, examples=["nmc811"])
    """Material of the library whose values are the defaults of this table; left out: those written here."""
    c_max: Concentration = 48537.0
    """Li concentration of the full crystal, at stoichiometry 1."""
    initial_stoichiometry: Fraction = 0.9703
    """Stoichiometry x = c / c_max at the start, uniform; left out where one of the next two tells it."""
    initial_soc: Filling | None = Field(default=None, examples=[0.5])
    """State of charge of the cell at the start, between the ends of soc_window; left out: another key."""
    initial_voltage: Volt | None = Field(default=None, examples=[3.8])
    """Open-circuit voltage at the start, where nothing is stressed; left out: another key tells the start."""
    soc_window: tuple[Volt, Volt] | None = Field(default=None, examples=[[3.0, 4.3]])
    """Open-circuit voltages at which initial_soc is 0 and 1; left out: the start is told otherwise."""
    stress_free_stoichiometry: Fraction | None = Field(default=None, examples=[0.97])
    """Stoichiometry at which the grains are free of strain, as made; left out: that of the start."""
    diffusivity: tuple[Diffusivity, Diffusivity, Diffusivity] = (1e-14, 1e-14, 1e-20)
    """Chemical diffusivities of Li along the crystal axes [100], [010] and [001]."""
    diffusivity_activation_energy: ActivationEnergy | None = Field(default=None, examples=[25.0])
    """Activation energy of the diffusivities; left out: unknown, see kinetics.reference_temperature_K."""
    elasticity: Literal["isotropic", "transversely_isotropic"] = "isotropic"
    """Elastic symmetry of a grain; the transversely isotropic one has its axis along [001]."""
    youngs_modulus: Modulus = 78.0
    """Young's modulus of a grain, in the (001) plane if it is transversely isotropic."""
    poisson_ratio: Poisson = 0.25
    """Poisson ratio of a grain, within the (001) plane if it is transversely isotropic."""
    youngs_modulus_c: Modulus | None = Field(default=None, examples=[60.0])
    """Young's modulus of a grain along [001]; left out: the grain is isotropic."""
    poisson_ratio_c: Poisson | None = Field(default=None, examples=[0.2])
    """Contraction along [001] per extension in the (001) plane; left out: the grain is isotropic."""
    shear_modulus_c: Modulus | None = Field(default=None, examples=[30.0])
    """Shear modulus of a grain in the planes that contain [001]; left out: the grain is isotropic."""
    diffusivity_factor: FactorCurve | None = Field(
        default=None, examples=[{"x": [0.1, 0.5, 0.9], "y": [0.3, 1.0, 0.2]}]
    )
    """Factor on the three diffusivities as a function of stoichiometry; left out: 1."""
    ocv: VoltageCurve = "nmc111_zheng2013"
    """Open-circuit voltage against Li/Li+ as a function of stoichiometry."""
    volume_change: VolumeCurve | None = "nmc111_koerver2018"
    """Relative change of the crystal's volume as a function of stoichiometry; not beside lattice_a."""
    lattice_a: LengthCurve | None = Field(
        default=None, examples=[{"x": [0.3, 0.6, 1.0], "y": [2.813, 2.829, 2.868]}]
    )
    """Lattice parameter a, from which the strains along [100] and [010] follow; left out: volume_change."""
    lattice_c: LengthCurve | None = Field(
        default=None, examples=[{"x": [0.3, 0.6, 1.0], "y": [14.41, 14.43, 14.22]}]
    )
    """Lattice parameter c, from which the strain along [001] follows; left out: volume_change."""
    strain_extrapolation: Literal["linear", "constant", "error"] = "linear"
    """How strains go on beyond their data: with the last slope, constant, or not, which ends the run."""
    strain_frozen_below: FrozenBelow = 0.0
    """Stoichiometry below which a grain keeps its size."""
    expansion_ratio: tuple[Ratio, Ratio, Ratio] | None = (1.0, 1.0, -1.0)
    """Factors on a third of volume_change that give the strains along [100], [010] and [001]."""
    stress_diffusion: Literal["thermodynamic", "saturating", "dilute", "off"] = "thermodynamic"
    """Drift of Li towards tension: from the OCV, with x (1 - x) if saturating, with x if dilute, or none."""
    partial_molar_volume: MolarVolume = 1.5e-6
    """Partial molar volume of Li by which hydrostatic stress changes its chemical potential."""

    @property
    def strain_reference(self) -> float:
        """Stoichiometry at which the grains are free of strain [1]."""
        told = self.stress_free_stoichiometry
        return self.initial_stoichiometry if told is None else told

    @model_validator(mode="before")
    @classmethod
    def _lattice_first(cls, given: Any) -> Any:
        """Leave out by default what lattice parameters replace."""
        if isinstance(given, dict) and (given.get("lattice_a") or given.get("lattice_c")):
            return {"volume_change": None, "expansion_ratio": None, **given}
        return given


class Ecbd(Section):
    """The mixture of electrolyte and carbon around the particles (ECBD)."""

    material: MaterialName | None = Field(default=None, examples=["li6ps5cl"])
    """Electrolyte whose values are the defaults, fraction_ecbd ** bruggeman of sigma; left out: as here."""
    youngs_modulus: Modulus = 150.0
    """Young's modulus of the ECBD."""
    poisson_ratio: Poisson = 0.26
    """Poisson ratio of the ECBD."""
    ionic_conductivity: Conductivity = 0.03
    """Effective ionic conductivity of the ECBD; not used with a binary electrolyte."""
    electronic_conductivity: Conductivity = 10.0
    """Effective electronic conductivity of the ECBD."""
    ionic_activation_energy: ActivationEnergy | None = Field(default=None, examples=[30.0])
    """Activation energy of ionic_conductivity; left out: unknown, see kinetics.reference_temperature_K."""
    electronic_activation_energy: ActivationEnergy | None = Field(default=None, examples=[0.0])
    """Activation energy of electronic_conductivity; left out: unknown, as above."""


class Separator(Section):
    """The electrolyte between the cathode block and the Li metal."""

    material: MaterialName | None = Field(default=None, examples=["li6ps5cl"])
    """Electrolyte of the library whose values are the defaults of this table; left out: LLZO, as here."""
    youngs_modulus: Modulus = 150.0
    """Young's modulus of the separator."""
    poisson_ratio: Poisson = 0.26
    """Poisson ratio of the separator."""
    ionic_conductivity: Conductivity = 0.045
    """Ionic conductivity of the separator; not used with a binary electrolyte."""
    ionic_activation_energy: ActivationEnergy | None = Field(default=None, examples=[30.0])
    """Activation energy of ionic_conductivity; left out: unknown, see kinetics.reference_temperature_K."""


class Electrolyte(Section):
    """What conducts ions: a single-ion conductor (solid), or a binary salt in a liquid.

    A single-ion conductor takes its conductivities from the materials. A binary one takes them from its law,
    scaled by fraction ** bruggeman in each layer; there both exchange currents
    follow the salt concentration.
    """

    kind: Literal["single_ion", "binary"] = "single_ion"
    """Whether ions move in a single-ion conductor or as a binary salt in a liquid."""
    law: Annotated[str, Named("electrolyte.law")] = "lipf6_nyman2008"
    """Conductivity, salt diffusivity and transference number of the binary electrolyte."""
    concentration: Salt = 1000.0
    """Mean salt concentration, uniform at the start, to which kinetics.exchange_current refers."""
    fraction_ecbd: Share = 0.75
    """Volume fraction of the liquid in the ECBD, or of the material that is named there."""
    fraction_separator: Share = 1.0
    """Volume fraction of the liquid in the separator."""
    bruggeman: Exponent = 1.5
    """Exponent of the volume fraction by which conductivity and salt diffusivity are scaled."""
    conductivity_activation_energy: ActivationEnergy | None = Field(default=None, examples=[17.0])
    """Activation energy of its conductivity; left out: unknown, see kinetics.reference_temperature_K."""
    diffusivity_activation_energy: ActivationEnergy | None = Field(default=None, examples=[17.0])
    """Activation energy of the salt diffusivity; left out: unknown, see kinetics.reference_temperature_K."""


class Materials(Section):
    """All materials."""

    active: ActiveMaterial = ActiveMaterial()
    ecbd: Ecbd = Ecbd()
    separator: Separator = Separator()
