"""The typed, frozen description of a run.

Attributes are SI; the TOML key of each is the attribute's name plus its unit suffix (``radius`` is
``radius_um`` in the file). Defaults are the paper's baseline, so an empty file is the baseline.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from latticecell.schema import Quantity, Section

Fraction = Annotated[float, Quantity(gt=0, lt=1)]
FrozenBelow = Annotated[float, Quantity(ge=0, lt=1)]
Share = Annotated[float, Quantity(gt=0, le=1)]
Exponent = Annotated[float, Quantity(ge=0, le=10)]
Poisson = Annotated[float, Quantity(gt=-1, lt=0.5)]
Length = Annotated[float, Quantity("um", ge=1e-4, le=1000)]
Modulus = Annotated[float, Quantity("GPa", gt=0, le=2000)]
Conductivity = Annotated[float, Quantity("S_per_m", gt=0, le=1e8)]
Strength = Annotated[float, Quantity("MPa", gt=0, le=1e5)]
Toughness = Annotated[float, Quantity("J_per_m2", gt=0, le=1e4)]
Stiffness = Annotated[float, Quantity("Pa_per_m", gt=0, le=1e24)]
Volt = Annotated[float, Quantity("V", ge=-10, le=10)]
Seconds = Annotated[float, Quantity("s", gt=0, le=1e9)]
Coordinate = Annotated[float, Quantity("um", ge=0, le=1000)]
Diffusivity = Annotated[float, Quantity("m2_per_s", ge=0, le=1)]
Concentration = Annotated[float, Quantity("mol_per_m3", gt=0, le=1e6)]
MolarVolume = Annotated[float, Quantity("m3_per_mol", ge=-1e-4, le=1e-4)]
Viscosity = Annotated[float, Quantity("s", ge=0, le=1e6)]
Resistance = Annotated[float, Quantity("ohm_m2", ge=0, le=1e6)]
Nanometres = Annotated[float, Quantity("nm", gt=0, le=1e6)]
ResistanceCap = Annotated[float, Quantity("ohm_m2", gt=0, le=1e9)]
Permeance = Annotated[float, Quantity("m_per_s", gt=0, le=1)]
CurrentDensity = Annotated[float, Quantity("A_per_m2", gt=0, le=1e6)]
Temperature = Annotated[float, Quantity("K", ge=200, le=500)]
Pressure = Annotated[float, Quantity("MPa", ge=0, le=1e4)]
CellCurrent = Annotated[float, Quantity("nA", gt=0, le=1e9)]
GapTolerance = Annotated[float, Quantity("nm", gt=0, le=100)]
VoltageTolerance = Annotated[float, Quantity("mV", gt=0, le=100)]

Seed = Annotated[int, Field(strict=True, ge=0)]
GrainCount = Annotated[int, Field(strict=True, ge=1, le=5000)]
Growth = Annotated[float, Quantity(gt=0, le=1)]
WeibullModulus = Annotated[float, Quantity(gt=1, le=1e3)]
Rate = Annotated[float, Quantity(gt=0, le=1000)]
Cycles = Annotated[int, Field(strict=True, ge=1, le=100000)]
GrowthFactor = Annotated[float, Quantity(gt=1, le=4)]
Threads = Annotated[int, Field(strict=True, ge=1, le=256)]
Repeats = Annotated[int, Field(strict=True, ge=2, le=100)]
Tolerance = Annotated[float, Quantity(gt=0, le=0.1)]
Iterations = Annotated[int, Field(strict=True, ge=1, le=1000)]
FineTolerance = Annotated[float, Quantity(gt=0, le=1e-3)]
Every = Annotated[int, Field(strict=True, ge=1)]
Ratio = Annotated[float, Quantity(ge=-100, le=100)]
Mobility = Annotated[float, Quantity("m2_per_s", gt=0, le=1)]
Density = Annotated[float, Quantity("kg_per_m3", gt=0, le=1e5)]
Points = Annotated[int, Field(strict=True, ge=3, le=200)]
StepTolerance = Annotated[float, Quantity(ge=1e-11, le=1e-3)]


class Particle(Section):
    """One spherical secondary particle."""

    center: tuple[Coordinate, Coordinate, Coordinate] = (7.5, 7.5, 7.5)
    radius: Length = 5.0


class Geometry(Section):
    """The cell: square cross-section, cathode block from z = 0, separator above."""

    width: Length = 15.0
    cathode: Length = 15.0
    separator: Length = 15.0
    particles: tuple[Particle, ...] = Field(default=(Particle(),), min_length=1)


class Microstructure(Section):
    """Grains of each particle, all drawn from one seed."""

    seed: Seed = 1
    grains: GrainCount = 53
    same_grains: StrictBool = False


class NetworkOptions(Section):
    """Spacing of the sites: fine in the particle, growing away from it."""

    spacing: Length = 0.52
    spacing_max: Length = 2.0
    growth: Growth = 0.3


class ActiveMaterial(Section):
    """The cathode active material, NCM111 by default."""

    c_max: Concentration = 48537.0
    initial_stoichiometry: Fraction = 0.9703
    diffusivity: tuple[Diffusivity, Diffusivity, Diffusivity] = (1e-14, 1e-14, 1e-20)
    elasticity: Literal["isotropic", "transversely_isotropic"] = "isotropic"
    youngs_modulus: Modulus = 78.0
    poisson_ratio: Poisson = 0.25
    youngs_modulus_c: Modulus | None = None
    poisson_ratio_c: Poisson | None = None
    shear_modulus_c: Modulus | None = None
    ocv: str = "nmc111_zheng2013"
    volume_change: str = "nmc111_koerver2018"
    strain_extrapolation: Literal["linear", "constant"] = "linear"
    strain_frozen_below: FrozenBelow = 0.0
    expansion_ratio: tuple[Ratio, Ratio, Ratio] = (1.0, 1.0, -1.0)
    stress_diffusion: Literal["saturating", "dilute", "off"] = "saturating"
    partial_molar_volume: MolarVolume = 1.5e-6


class Ecbd(Section):
    """The mixture of solid electrolyte and carbon around the particle."""

    youngs_modulus: Modulus = 150.0
    poisson_ratio: Poisson = 0.26
    ionic_conductivity: Conductivity = 0.03
    electronic_conductivity: Conductivity = 10.0


class Separator(Section):
    """The solid electrolyte."""

    youngs_modulus: Modulus = 150.0
    poisson_ratio: Poisson = 0.26
    ionic_conductivity: Conductivity = 0.045


class Electrolyte(Section):
    """What conducts ions: a single-ion conductor (solid), or a binary salt in a liquid.

    A single-ion conductor takes its conductivities from the materials. A binary one takes them from its law,
    scaled by fraction ** bruggeman in each layer; there the Li metal and the particle follow the salt.
    """

    kind: Literal["single_ion", "binary"] = "single_ion"
    law: str = "lipf6_nyman2008"
    concentration: Concentration = 1000.0
    fraction_ecbd: Share = 0.75
    fraction_separator: Share = 1.0
    bruggeman: Exponent = 1.5


class Materials(Section):
    """All materials."""

    active: ActiveMaterial = ActiveMaterial()
    ecbd: Ecbd = Ecbd()
    separator: Separator = Separator()


class Interface(Section):
    """The particle-ECBD interface: cohesive law and contact resistance."""

    strength: Strength = 100.0
    fracture_energy: Toughness = 1.0
    stiffness: Stiffness = 1e19
    residual_stiffness: Stiffness = 1e13
    viscosity: Viscosity = 0.0
    weibull_modulus: WeibullModulus | None = None
    resistance: Resistance = 5e-4
    resistance_gap: Nanometres = 10.0
    resistance_max: ResistanceCap = 100.0


class GrainBoundary(Section):
    """Grain boundaries: perfectly tied (the paper) or breakable."""

    mode: Literal["tied", "breakable"] = "tied"
    strength: Strength = 100.0
    fracture_energy: Toughness = 0.13
    stiffness: Stiffness = 1e19
    residual_stiffness: Stiffness = 1e13
    viscosity: Viscosity = 0.0
    weibull_modulus: WeibullModulus | None = None
    permeance: Permeance = 2e-7
    blocking_gap: Nanometres = 2.0


class Kinetics(Section):
    """Charge transfer at the particle and at the Li metal."""

    exchange_current: CurrentDensity = 50.0
    alpha_a: Fraction = 0.5
    alpha_c: Fraction = 0.5
    lithium_exchange_current: CurrentDensity = 100.0
    temperature: Temperature = 298.15
    mechanical_ocv: StrictBool = False


class Mechanics(Section):
    """Walls and lateral confinement of the cell."""

    lateral_strain: Literal["fixed", "free"] = "fixed"
    wall: Literal["collector_fixed", "lithium_fixed"] = "collector_fixed"
    pressure: Pressure = 0.0


class Step(Section):
    """One step of the protocol."""

    kind: Literal["charge", "discharge", "hold", "rest"]
    c_rate: Rate | None = None
    until: Volt | None = None
    until_c_rate: Rate | None = None
    voltage: Volt | None = None
    duration: Seconds | None = None


class Protocol(Section):
    """What is done to the cell."""

    current_1c: CellCurrent = 0.6672
    cycles: Cycles = 1
    steps: tuple[Step, ...] = Field(
        default=(
            Step(kind="charge", c_rate=1.0, until=4.3),
            Step(kind="discharge", c_rate=1.0, until=3.0),
        ),
        min_length=1,
    )


class Solver(Section):
    """Step control and tolerances."""

    dt_initial: Seconds = 5.0
    dt_max: Seconds = 60.0
    dt_min: Seconds = 0.01
    dt_growth: GrowthFactor = 1.35
    threads: Threads = 1
    coupling_iterations: Repeats = 8
    coupling_tolerance_stoich: Tolerance = 1e-3
    coupling_tolerance_salt: Tolerance = 1e-4
    coupling_tolerance_gap: GapTolerance = 0.2
    coupling_tolerance_voltage: VoltageTolerance = 0.1
    mechanics_tolerance: Tolerance = 1e-4
    mechanics_iterations: Iterations = 40
    electrochemistry_tolerance: FineTolerance = 1e-9
    electrochemistry_iterations: Iterations = 25
    cutoff_tolerance: VoltageTolerance = 0.1


class Output(Section):
    """What is written, and how often."""

    fields_every: Every = 10
    checkpoint_every: Every = 10


class Cell1d(Section):
    """The homogenised 1-D cell of ``latticecell cell1d``; the 3-D cell does not use it.

    Without a diffusivity of its own it takes the mean of the three of the active material. ``tolerance`` is
    the error of a step in the stoichiometry and in the salt concentration relative to its start.
    """

    diffusivity: Mobility | None = None
    density: Density = 4770.0
    points_cathode: Points = 20
    points_separator: Points = 10
    points_radial: Points = 30
    tolerance: StepTolerance = 1e-6


class Config(Section):
    """One run."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = "baseline"
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
