"""The typed, frozen description of a run.

Attributes are SI; the TOML key of each is the attribute's name plus its unit suffix (``radius`` is
``radius_um`` in the file). Defaults are the published cell, but for the drift of Li and 1C.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, model_validator

from latticecell.curves import Curve, CurveKey
from latticecell.schema import Named, Quantity, Section

MOST_POINTS = 20_000
"""Points of a profile, at most: a run directory must hold them."""

# Ranges are those for which laws and networks are sound at both ends (tests/unit/test_input_fuzz.py): wide
# enough for any material, and narrow enough that no product, ratio or exponential of keys overflows.
Fraction = Annotated[float, Quantity(ge=0.001, le=0.999)]
Filling = Annotated[float, Quantity(ge=0, le=1)]
FrozenBelow = Annotated[float, Quantity(ge=0, le=0.999)]
Share = Annotated[float, Quantity(ge=0.01, le=1)]
Exponent = Annotated[float, Quantity(ge=0, le=5)]
Poisson = Annotated[float, Quantity(ge=-0.95, le=0.4999)]
Length = Annotated[float, Quantity("um", ge=1e-3, le=1000)]
Modulus = Annotated[float, Quantity("GPa", ge=1e-5, le=2000)]
Conductivity = Annotated[float, Quantity("S_per_m", ge=1e-9, le=1e6)]
Strength = Annotated[float, Quantity("MPa", ge=1e-3, le=1e5)]
Toughness = Annotated[float, Quantity("J_per_m2", ge=1e-6, le=1e4)]
Stiffness = Annotated[float, Quantity("Pa_per_m", ge=1e9, le=1e22)]
Volt = Annotated[float, Quantity("V", ge=-10, le=10)]
Seconds = Annotated[float, Quantity("s", ge=1e-6, le=1e9)]
Coordinate = Annotated[float, Quantity("um", ge=0, le=1000)]
Diffusivity = Annotated[float, Quantity("m2_per_s", ge=1e-26, le=1e-8, or_zero=True)]
Concentration = Annotated[float, Quantity("mol_per_m3", ge=1, le=1e6)]
Salt = Annotated[float, Quantity("mol_per_m3", ge=0.1, le=1e4)]
MolarVolume = Annotated[float, Quantity("m3_per_mol", ge=-1e-4, le=1e-4)]
Viscosity = Annotated[float, Quantity("s", ge=1e-6, le=1e6, or_zero=True)]
Resistance = Annotated[float, Quantity("ohm_m2", ge=1e-9, le=1e3, or_zero=True)]
Nanometres = Annotated[float, Quantity("nm", ge=1e-3, le=1e6)]
ResistanceCap = Annotated[float, Quantity("ohm_m2", ge=1e-9, le=1e6)]
Permeance = Annotated[float, Quantity("m_per_s", ge=1e-20, le=1)]
CurrentDensity = Annotated[float, Quantity("A_per_m2", ge=1e-6, le=1e6)]
Temperature = Annotated[float, Quantity("K", ge=200, le=500)]
Pressure = Annotated[float, Quantity("MPa", ge=0, le=1e4)]
CellCurrent = Annotated[float, Quantity("nA", ge=1e-9, le=1e9)]
ArealCurrent = Annotated[float, Quantity("mA_per_cm2", ge=1e-9, le=1e9)]
CellPower = Annotated[float, Quantity("nW", ge=1e-9, le=1e9)]
ArealPower = Annotated[float, Quantity("mW_per_cm2", ge=1e-9, le=1e9)]
CellCapacity = Annotated[float, Quantity("nAh", ge=1e-12, le=1e12)]
ArealCapacity = Annotated[float, Quantity("mAh_per_cm2", ge=1e-12, le=1e12)]
GapTolerance = Annotated[float, Quantity("nm", ge=1e-6, le=100)]
VoltageTolerance = Annotated[float, Quantity("mV", ge=1e-3, le=100)]

FileName = Annotated[str, Field(min_length=1, max_length=1000)]
Heading = Annotated[str, Field(min_length=1, max_length=1000)]
Number = Annotated[float, Quantity(ge=-1e12, le=1e12)]
Factor = Annotated[float, Quantity(ge=1e-12, le=1e12)]
ProfileUnit = Literal[
    "C", "nA", "uA", "mA", "A", "mA_per_cm2", "A_per_m2", "nW", "uW", "mW", "W", "mW_per_cm2", "W_per_m2"
]
Passes = Annotated[int, Field(strict=True, ge=1, le=100_000)]
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

Volume = Annotated[float, Quantity("um3", ge=1e-9, le=1e9)]
VoxelSize = Annotated[float, Quantity("um", ge=1e-4, le=100)]
LengthUnit = Annotated[float, Quantity("um", ge=1e-6, le=1e6)]
Smoothing = Annotated[float, Quantity(ge=0.6, le=3)]
Label = Annotated[int, Field(strict=True)]
Voxels = Annotated[int, Field(strict=True, ge=1, le=10**6)]
Seed = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
GrainCount = Annotated[int, Field(strict=True, ge=1, le=5000)]
Growth = Annotated[float, Quantity(ge=0.01, le=1)]
MixingExponent = Annotated[float, Quantity(ge=0.2, le=10)]
WeibullModulus = Annotated[float, Quantity(ge=1.1, le=1e3)]
Rate = Annotated[float, Quantity(ge=1e-6, le=1000)]
Cycles = Annotated[int, Field(strict=True, ge=1, le=100000)]
GrowthFactor = Annotated[float, Quantity(ge=1.001, le=2.4)]
TimeTolerance = Annotated[float, Quantity(ge=1e-7, le=0.1)]
Threads = Annotated[int, Field(strict=True, ge=1, le=256)]
Repeats = Annotated[int, Field(strict=True, ge=2, le=100)]
Tolerance = Annotated[float, Quantity(ge=1e-12, le=0.1)]
Iterations = Annotated[int, Field(strict=True, ge=1, le=1000)]
FineTolerance = Annotated[float, Quantity(ge=1e-12, le=1e-3)]
Every = Annotated[int, Field(strict=True, ge=1, le=10**9)]
EveryOrNever = Annotated[int, Field(strict=True, ge=0, le=10**9)]
Moment = Annotated[float, Quantity("s", ge=0, le=1e12)]
Ratio = Annotated[float, Quantity(ge=-100, le=100)]
Mobility = Annotated[float, Quantity("m2_per_s", ge=1e-24, le=1e-8)]
Density = Annotated[float, Quantity("kg_per_m3", ge=1, le=1e5)]
Points = Annotated[int, Field(strict=True, ge=3, le=200)]
StepTolerance = Annotated[float, Quantity(ge=1e-11, le=1e-3)]


class Particle(Section):
    """One spherical secondary particle; repeat the table for more of them."""

    center: tuple[Coordinate, Coordinate, Coordinate] = (7.5, 7.5, 7.5)
    """Position x, y, z of the centre; z is the height above the current collector."""
    radius: Length = 5.0
    """Radius of the particle."""


class Geometry(Section):
    """The cell: current collector at z = 0, cathode block, separator and Li metal on top of each other."""

    width: Length = 15.0
    """Edge of the square cross-section, across which the cell is periodic in x and y."""
    cathode: Length = 15.0
    """Thickness of the cathode block: particles, and the mixture (ECBD) around them."""
    separator: Length = 15.0
    """Thickness of the separator between the cathode block and the Li metal."""
    particles: tuple[Particle, ...] = Field(default=(Particle(),), min_length=1, max_length=1000)


class Labels(Section):
    """Labelled voxels that give particles and grains of any shape; the table is left out by default.

    Width and thickness of the cathode block, particles and numbers of grains are then those of the voxels,
    and the keys that give them otherwise are not used.
    """

    file: FileName = Field(examples=["labels.npy"])
    """Voxels: .npy, .tif, .h5, .dream3d, .tesr or .tess, found relative to the file that names it."""
    dataset: str = ""
    """Path of the labels within an HDF5 file; empty: FeatureIds, or the only three-dimensional integers."""
    axes: Literal["xyz", "zyx"] | None = Field(default=None, examples=["zyx"])
    """Order of the axes in the file; left out: zyx in TIFF and of DREAM.3D, else xyz."""
    voxel_size: tuple[VoxelSize, VoxelSize, VoxelSize] | None = Field(
        default=None, examples=[[0.1, 0.1, 0.1]]
    )
    """Size of a voxel along x, y and z; left out: what the file tells."""
    unit: LengthUnit = 1.0
    """Length for which 1 stands in a file that tells lengths."""
    ecbd: tuple[Label, ...] = (0,)
    """Labels of the ECBD."""
    pores: tuple[Label, ...] = ()
    """Labels of pores; open ones count as ECBD."""
    closed_pores: Literal["refuse", "fill"] = "refuse"
    """Whether pores closed by grains are refused, or given to the grains around them."""
    periodic: StrictBool = False
    """Whether the voxels repeat along x and y; else ECBD is put around them."""
    margin: Length = 1.0
    """Least thickness of the ECBD below and above the particles, and around voxels that do not repeat."""
    smallest: Voxels = 27
    """Voxels of the smallest piece of a label that is kept; smaller ones go to their neighbours."""
    smoothing: Smoothing = 0.7
    """Standard deviation of the smoothing, in voxels; 1 for noisy labels."""
    boundaries: Literal["auto", "planar", "smooth"] = "auto"
    """Whether grain boundaries are planes or smooth surfaces; auto: planes if they fit 98 % of the voxels."""
    orientations: FileName | None = Field(default=None, examples=["orientations.csv"])
    """Table of orientations, CSV with a column label; left out: those in the file of the voxels."""
    convention: Literal["quaternion", "rodrigues", "bunge_euler"] | None = Field(
        default=None, examples=["bunge_euler"]
    )
    """Numbers of the table: w to z, r1 to r3, or phi1, Phi, phi2 in degrees; left out: there is no table."""
    sense: Literal["active", "passive"] | None = Field(default=None, examples=["active"])
    """Whether numbers turn the axes of the cell onto the crystal's (active); left out: there is no table."""
    random_orientations: StrictBool = False
    """Whether orientations are drawn from microstructure.seed where neither file nor table holds any."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$", examples=["0" * 64])
    """Digest that the file must have, as a run notes it; left out: any."""
    particle_volume: Volume | None = Field(default=None, examples=[250.0])
    """Volume of all particles, by which 1C is counted; left out: that of the voxels; noted by a run."""


class Microstructure(Section):
    """Grains of each particle, all drawn from one seed."""

    seed: Seed = 1
    """Seed of everything random: grains, their orientations, sites of the network, strengths of bonds."""
    grains: GrainCount = 53
    """Number of grains in each particle."""
    same_grains: StrictBool = False
    """Whether every particle has the grains and orientations of the first, scaled to its radius."""
    labels: Labels | None = Field(default=None, examples=[{"file": "labels.npy"}])
    """Labelled voxels; left out: grains are drawn."""


class NetworkOptions(Section):
    """Spacing of the sites of the lattice: fine in the particles, growing away from them."""

    spacing: Length = 0.52
    """Distance between sites in the particles and on their surfaces."""
    spacing_max: Length = 2.0
    """Largest distance between sites far from the particles."""
    growth: Growth = 0.3
    """Increase of the distance between sites per distance from the nearest particle."""


class ActiveMaterial(Section):
    """The cathode active material, NCM111 by default."""

    material: MaterialName | None = Field(default=None, examples=["nmc811"])
    """Material of the library whose values are the defaults of this table; left out: those written here."""
    c_max: Concentration = 48537.0
    """Li concentration of the full crystal, at stoichiometry 1."""
    initial_stoichiometry: Fraction = 0.9703
    """Stoichiometry x = c / c_max at the start, uniform; the grains are free of strain there."""
    diffusivity: tuple[Diffusivity, Diffusivity, Diffusivity] = (1e-14, 1e-14, 1e-20)
    """Chemical diffusivities of Li along the crystal axes [100], [010] and [001]."""
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

    @model_validator(mode="before")
    @classmethod
    def _lattice_first(cls, given: Any) -> Any:
        """Leave out by default what lattice parameters replace."""
        if isinstance(given, dict) and (given.get("lattice_a") or given.get("lattice_c")):
            return {"volume_change": None, "expansion_ratio": None, **given}
        return given


class Ecbd(Section):
    """The mixture of electrolyte and carbon around the particles (ECBD)."""

    youngs_modulus: Modulus = 150.0
    """Young's modulus of the ECBD."""
    poisson_ratio: Poisson = 0.26
    """Poisson ratio of the ECBD."""
    ionic_conductivity: Conductivity = 0.03
    """Effective ionic conductivity of the ECBD; not used with a binary electrolyte."""
    electronic_conductivity: Conductivity = 10.0
    """Effective electronic conductivity of the ECBD."""


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
    """Volume fraction of the liquid in the ECBD."""
    fraction_separator: Share = 1.0
    """Volume fraction of the liquid in the separator."""
    bruggeman: Exponent = 1.5
    """Exponent of the volume fraction by which conductivity and salt diffusivity are scaled."""


class Materials(Section):
    """All materials."""

    active: ActiveMaterial = ActiveMaterial()
    ecbd: Ecbd = Ecbd()
    separator: Separator = Separator()


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
    viscosity: Viscosity = 0.0
    """Time of the viscous regularisation: breaking open within this time adds a traction of one strength."""
    weibull_modulus: WeibullModulus | None = Field(default=None, examples=[10.0])
    """Weibull modulus of the scatter of the interface strength; left out: no scatter."""
    resistance: Resistance = 5e-4
    """Contact resistance of the closed interface."""
    resistance_gap: Nanometres = 10.0
    """Opening over which the contact resistance grows by a factor e."""
    resistance_max: ResistanceCap = 100.0
    """Largest contact resistance, however wide the interface opens."""


class GrainBoundary(Section):
    """Grain boundaries: perfectly tied (the paper) or breakable."""

    mode: Literal["tied", "breakable"] = "tied"
    """Whether grain boundaries never open or break by a cohesive law of their own."""
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
    viscosity: Viscosity = 0.0
    """Time of the viscous regularisation: breaking open within this time adds a traction of one strength."""
    weibull_modulus: WeibullModulus | None = Field(default=None, examples=[10.0])
    """Weibull modulus of the scatter of the grain-boundary strength; left out: no scatter."""
    permeance: Permeance = 2e-7
    """Flux of Li through a closed grain boundary per difference of concentration, tied or breakable."""
    blocking_gap: Nanometres = 2.0
    """Opening over which the permeance falls by a factor e."""


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
    temperature: Temperature = 298.15
    """Temperature of the cell, uniform and constant."""
    mechanical_ocv: StrictBool | None = Field(default=None, examples=[True])
    """Whether stress shifts the OCV by partial molar volume / F; left out: if the drift is thermodynamic."""


class Mechanics(Section):
    """Walls and lateral confinement of the cell."""

    lateral_strain: Literal["fixed", "free"] = "fixed"
    """Whether the width of the cell is held, or adjusts so that no mean lateral stress is left."""
    wall: Literal["collector_fixed", "lithium_fixed"] = "collector_fixed"
    """Which end of the cell is held; the other one carries the pressure."""
    pressure: Pressure = 0.0
    """Pressure on the end that is not held."""


class Profile(Section):
    """Points in time of a current or power, of a profile: a drive cycle, a duty.

    They are in a CSV file, or here; a run directory holds them. Time begins with the first point.
    """

    file: FileName | None = Field(default=None, examples=["us06.csv"])
    """CSV file with the points, found from where this file is; left out: times and values are given here."""
    time: Heading | None = Field(default=None, examples=["time_s"])
    """Heading of the column of the times; left out: the first column."""
    value: Heading | None = Field(default=None, examples=["current_A"])
    """Heading of the column of the values; left out: the second column."""
    time_unit: Literal["s", "min", "h"] = Field(examples=["s"])
    """Unit of the times."""
    unit: ProfileUnit = Field(examples=["A"])
    """Unit of the values, which says whether they are a current, in C as multiples of 1C, or a power."""
    positive: Literal["charge", "discharge"] = Field(examples=["discharge"])
    """Which way the current flows where a value is positive."""
    interpolation: Literal["linear", "constant"] = Field(examples=["linear"])
    """Whether values change linearly between points, or each holds until the next and the last is the end."""
    scale: Factor = 1.0
    """Factor on all values, such as the ratio of this cell's capacity to that of another one."""
    times: tuple[Number, ...] | None = Field(default=None, max_length=MOST_POINTS, examples=[[0.0, 10.0]])
    """Times of the points, rising; left out: they are read from the file."""
    values: tuple[Number, ...] | None = Field(default=None, max_length=MOST_POINTS, examples=[[0.5, 0.5]])
    """Values of the points; left out: they are read from the file."""
    source: Heading | None = Field(default=None, examples=["us06.csv"])
    """Where the points came from, for the record; left out: they were given here."""


class Step(Section):
    """One step of the protocol; repeat the table for more of them, in their order.

    The first end that is met ends it. Instead of a table a text such as "Charge at C/10 until 4.3 V" will do.
    """

    kind: Literal["charge", "discharge", "hold", "rest", "profile", "repeat"]
    """What is controlled: current or power (charge, discharge, profile), voltage (hold); or a repeat."""
    c_rate: Rate | None = Field(default=None, examples=[0.5])
    """Current of a charge or discharge in multiples of 1C; left out: another key gives current or power."""
    current: CellCurrent | None = Field(default=None, examples=[0.5])
    """Current of a charge or discharge; left out: another key gives it."""
    current_density: ArealCurrent | None = Field(default=None, examples=[0.25])
    """Current of a charge or discharge per area of the separator; left out: another key gives it."""
    power: CellPower | None = Field(default=None, examples=[2.0])
    """Power of a charge or discharge, cell voltage times current; left out: the current is controlled."""
    power_density: ArealPower | None = Field(default=None, examples=[1.0])
    """Power of a charge or discharge per area of the separator; left out: the current is controlled."""
    until: Volt | None = Field(default=None, examples=[4.2])
    """Voltage at or above which a charge ends, at or below which a discharge does; left out: other ends."""
    until_above: Volt | None = Field(default=None, examples=[4.2])
    """Voltage at or above which any step but a hold ends; left out: it does not matter."""
    until_below: Volt | None = Field(default=None, examples=[3.0])
    """Voltage at or below which any step but a hold ends; left out: it does not matter."""
    until_c_rate: Rate | None = Field(default=None, examples=[0.05])
    """Current, in multiples of 1C, to which that of a hold or a given power falls; left out: other ends."""
    until_current: CellCurrent | None = Field(default=None, examples=[0.03])
    """Current to which that of a hold or a given power falls; left out: other ends."""
    until_current_density: ArealCurrent | None = Field(default=None, examples=[0.01])
    """The same per area of the separator; left out: other ends."""
    until_capacity: CellCapacity | None = Field(default=None, examples=[0.1])
    """Charge that passes in the step, either way, in the balance of both; left out: it does not matter."""
    until_areal_capacity: ArealCapacity | None = Field(default=None, examples=[0.5])
    """The same charge per area of the separator; left out: it does not matter."""
    voltage: Volt | None = Field(default=None, examples=[4.3])
    """Voltage of a hold; left out: the voltage at which it begins."""
    duration: Seconds | None = Field(default=None, examples=[7200.0])
    """Longest time of the step, needed in a rest; left out: other ends."""
    profile: Profile | None = Field(default=None, examples=[{"file": "us06.csv"}])
    """Table of the current or power of a profile; left out in all other steps."""
    count: Passes | None = Field(default=None, examples=[20])
    """How often the steps of a repeat are done; left out in all other steps."""
    new_cycle: StrictBool | None = Field(default=None, examples=[True])
    """Whether each pass of a repeat counts as a cycle; left out: if it holds a charge and a discharge."""
    steps: tuple[Step, ...] = Field(default=(), max_length=10_000, examples=[["Rest for 1 hour"]])
    """Steps that a repeat repeats, in any form; left out in all other steps."""


class Protocol(Section):
    """What is done to the cell."""

    current_1c: CellCurrent | None = Field(default=None, examples=[0.6672])
    """Cell current that is called 1C; left out: the current that leads through the window in an hour."""
    window: tuple[Filling, Filling] | None = Field(default=None, examples=[[0.06, 0.97]])
    """Stoichiometries between which 1C leads in an hour; left out: 0 and the initial stoichiometry."""
    cycles: Cycles = 1
    """How often the list of steps is repeated."""
    steps: tuple[Step, ...] = Field(
        default=(
            Step(kind="charge", c_rate=1.0, until=4.3),
            Step(kind="discharge", c_rate=1.0, until=3.0),
        ),
        min_length=1,
        max_length=10_000,
    )


class Solver(Section):
    """Step control and tolerances."""

    dt_initial: Seconds = 5.0
    """First time step after every change of control; the estimated error asks for none that is shorter."""
    dt_max: Seconds = 150.0
    """Longest time step."""
    dt_min: Seconds = 0.01
    """Shortest time step; the run ends with an error if even that one fails."""
    dt_growth: GrowthFactor = 1.7
    """Largest factor by which the time step grows."""
    time_tolerance: TimeTolerance = 1e-2
    """Largest error of a time step in stoichiometry, the voltage (V) and openings (0.1 um)."""
    threads: Threads | None = Field(default=None, examples=[2])
    """Threads of the kernels, on which results do not depend; left out: all processors, one in a study."""
    coupling_iterations: Repeats = 8
    """Most repeats of electrochemistry and mechanics in a step before a shorter one is tried."""
    coupling_tolerance_stoich: Tolerance = 1e-3
    """Largest error that the repeats of a step leave in any stoichiometry, told by the stress potential."""
    coupling_tolerance_salt: Tolerance = 1e-4
    """Largest relative error that they leave in any salt concentration."""
    coupling_tolerance_gap: GapTolerance = 0.2
    """Largest error that they leave in any opening of a bond."""
    coupling_tolerance_voltage: VoltageTolerance = 0.1
    """Largest error that they leave in the drop of voltage at any contact."""
    equilibrium: Annotated[str, Named("solver.equilibrium")] = "multigrid"
    """Linear solver of the equilibrium; the direct one is for small cells."""
    mechanics_tolerance: Tolerance = 1e-4
    """Out-of-balance force left in the equilibrium, relative to the strength of all bonds."""
    mechanics_iterations: Iterations = 40
    """Most Newton iterations of one equilibrium."""
    electrochemistry_tolerance: FineTolerance = 1e-9
    """Largest scaled residual of Li, charge and current left in a step."""
    electrochemistry_iterations: Iterations = 25
    """Most Newton iterations of one solution of the electrochemistry."""
    tetwise_flux: Filling = 0.1
    """Share of the flux in fast directions that is taken tet by tet; 1 conducts too well, 0 too badly."""
    cutoff_tolerance: VoltageTolerance = 0.1
    """How closely a charge or discharge stops at its cut-off voltage."""


class Output(Section):
    """What is written, and how often."""

    fields_every: EveryOrNever = 10
    """Time steps between two snapshots of the fields, beginning with the start; 0: none are counted out."""
    times: tuple[Moment, ...] = ()
    """Times of further snapshots; a step that would pass one is cut to end there, so later steps differ."""
    stage_ends: StrictBool | None = Field(default=None, examples=[True])
    """Whether the end of every protocol step adds a snapshot; left out: if all cycles have at most 50."""
    full_states: StrictBool = False
    """Whether snapshots also hold the whole state, from which other runs can go on with continue_at."""
    checkpoint_every: Every = 10
    """Time steps between two checkpoints, from which a run is resumed."""
    columns: tuple[Annotated[str, Named("output.columns")], ...] = ()
    """Columns of your own for the history, by the names that a file given with --laws registers."""


class Cell1d(Section):
    """The homogenised 1-D cell of ``latticecell cell1d``; the 3-D cell does not use it."""

    diffusivity: Mobility | None = Field(default=None, examples=[5e-15])
    """Diffusivity of Li in the 1-D particle; left out: the mean of the three of the active material."""
    density: Density = 4770.0
    """Mass density of the active material, for capacities per mass."""
    points_cathode: Points = 20
    """Number of slices of the cathode block."""
    points_separator: Points = 10
    """Number of slices of the separator."""
    points_radial: Points = 30
    """Number of shells of the particle."""
    tolerance: StepTolerance = 1e-6
    """Error of a step in stoichiometry, and in salt concentration relative to its start."""


class Config(Section):
    """One run."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = "baseline"
    """Name of the run, as reports and pictures show it."""
    continue_from: FileName | None = Field(default=None, examples=["../runs/old"])
    """Run directory, found from where this file is, whose state is the start; left out: the cell at rest."""
    continue_at: FileName | None = Field(default=None, examples=["charge_end"])
    """State of that run to start from: end, snapshot 3, charge_end, a time in s, ...; left out: its end."""
    geometry: Geometry = Geometry()
    microstructure: Microstructure = Microstructure()
    network: NetworkOptions = NetworkOptions()
    materials: Materials = Materials()
    electrolyte: Electrolyte = Electrolyte()
    interface: Interface = Interface()
    grain_boundary: GrainBoundary = GrainBoundary()
    kinetics: Kinetics = Kinetics()
    mechanics: Mechanics = Mechanics()
    protocol: Protocol = Protocol()
    solver: Solver = Solver()
    output: Output = Output()
    cell1d: Cell1d = Cell1d()

    @property
    def stress_shifts_ocv(self) -> bool:
        """Whether stress shifts the open-circuit voltage; unless said, so that flux and reaction agree."""
        told = self.kinetics.mechanical_ocv
        return self.materials.active.stress_diffusion == "thermodynamic" if told is None else told
