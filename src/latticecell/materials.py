"""The laws and constants that a configuration stands for, made once; physics sees nothing else of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from latticecell.arrays import Floats
from latticecell.config import Config, GrainBoundary, Interface, PreCrack
from latticecell.fields import COLUMNS
from latticecell.laws import BOND_LAWS, ELECTROLYTE_LAWS, EXPANSION_LAWS, FATIGUE_MODELS, OCV_LAWS, bond_law
from latticecell.laws.bond import BondLaw, BondParameters
from latticecell.laws.chosen import Strain, diffusivity_factor, open_circuit, strains
from latticecell.laws.curve import MonotoneCurve
from latticecell.laws.elastic import isotropic_stiffness, transversely_isotropic_stiffness
from latticecell.laws.electrolyte import Liquid, Warmed
from latticecell.laws.kinetics import LithiumKinetics, ParticleKinetics
from latticecell.laws.misorientation import BoundaryCharacter
from latticecell.laws.resistance import ExponentialContact
from latticecell.protocol import one_c
from latticecell.registry import Registry
from latticecell.solvers import EQUILIBRIUM_SOLVERS
from latticecell.temperature import at_temperature, factor
from latticecell.units import GAS_CONSTANT


@dataclass(frozen=True, slots=True)
class ElectroLaws:
    """All that transport, reaction and potentials take from a configuration, in 3-D and in 1-D.

    Attributes
    ----------
    particle : ParticleKinetics
        Reaction at the particle surface. The 1-D cell has no stress: psi = 0 there, whatever
        ``mechanical_ocv``.
    lithium : LithiumKinetics
        Reaction at the Li metal.
    contact : ExponentialContact
        Contact resistance of the particle surface.
    liquid : Liquid or None
        Binary electrolyte; None: a single-ion conductor.
    electronic_conductivity : float
        Of the ECBD [S/m].
    ionic_conductivity : (float, float)
        Of the ECBD and of the separator; that of a liquid is its effective one at rest [S/m].
    diffusivity : (float, float, float)
        Of Li along the crystal axes [m2/s].
    diffusivity_factor : MonotoneCurve or None
        Factor on it against stoichiometry; None: 1.
    permeance : float
        Of an intact grain boundary [m/s].
    blocking_gap : float
        Opening over which it falls by e [m].
    drift : {"thermodynamic", "saturating", "dilute", "off"}
        Law of the flux under stress.
    c_max : float
        Li in the full active material [mol/m3].
    initial_stoichiometry : float
        [1]
    partial_molar_volume : float
        Omega [m3/mol].
    temperature : float
        [K]
    one_c : float
        Cell current of 1C [A].
    """

    particle: ParticleKinetics
    lithium: LithiumKinetics
    contact: ExponentialContact
    liquid: Liquid | None
    electronic_conductivity: float
    ionic_conductivity: tuple[float, float]
    diffusivity: tuple[float, float, float]
    diffusivity_factor: MonotoneCurve | None
    permeance: float
    blocking_gap: float
    drift: Literal["thermodynamic", "saturating", "dilute", "off"]
    c_max: float
    initial_stoichiometry: float
    partial_molar_volume: float
    temperature: float
    one_c: float

    @property
    def psi_per_pascal(self) -> float:
        """Stress potential psi = Omega sigma_h / (R T) of a unit of hydrostatic stress [1/Pa]."""
        return self.partial_molar_volume / (GAS_CONSTANT * self.temperature)


def named_laws(config: Config) -> list[tuple[Registry[Any], str]]:
    """Return the names in a configuration that stand for laws, and where each is looked up."""
    active = config.materials.active
    fatigue = config.interface.fatigue, config.grain_boundary.fatigue
    return [
        *((OCV_LAWS, name) for name in [active.ocv] if isinstance(name, str)),
        *((EXPANSION_LAWS, name) for name in [active.volume_change] if isinstance(name, str)),
        (ELECTROLYTE_LAWS, config.electrolyte.law),
        (BOND_LAWS, config.interface.law),
        (BOND_LAWS, config.grain_boundary.law),
        *((FATIGUE_MODELS, name) for name in fatigue if name is not None),
        (EQUILIBRIUM_SOLVERS, config.solver.equilibrium),
        *((COLUMNS, name) for name in config.output.columns),
    ]


def electro_laws(config: Config) -> ElectroLaws:
    """Return the laws of transport, reaction and potentials, at the temperature of the cell."""
    config = at_temperature(config)
    active, ecbd, boundary = config.materials.active, config.materials.ecbd, config.grain_boundary
    kinetics, salt, interface = config.kinetics, config.electrolyte, config.interface
    liquid = None
    ionic = ecbd.ionic_conductivity, config.materials.separator.ionic_conductivity
    if salt.kind == "binary":
        fractions = salt.fraction_ecbd, salt.fraction_separator
        law = Warmed(
            ELECTROLYTE_LAWS[salt.law](),
            factor(config, salt.conductivity_activation_energy),
            factor(config, salt.diffusivity_activation_energy),
        )
        lithium = factor(config, kinetics.lithium_exchange_activation_energy)
        liquid = Liquid(law, salt.concentration, fractions, salt.bruggeman, lithium)
        ionic = liquid.conductivity_at_rest
    return ElectroLaws(
        particle=ParticleKinetics(
            open_circuit(active),
            kinetics.exchange_current,
            kinetics.alpha_a,
            kinetics.alpha_c,
            kinetics.temperature,
            config.stress_shifts_ocv,
        ),
        lithium=LithiumKinetics(kinetics.lithium_exchange_current, kinetics.temperature),
        contact=ExponentialContact(interface.resistance, interface.resistance_gap, interface.resistance_max),
        liquid=liquid,
        electronic_conductivity=ecbd.electronic_conductivity,
        ionic_conductivity=ionic,
        diffusivity=active.diffusivity,
        diffusivity_factor=diffusivity_factor(active),
        permeance=boundary.permeance,
        blocking_gap=boundary.blocking_gap,
        drift=active.stress_diffusion,
        c_max=active.c_max,
        initial_stoichiometry=active.initial_stoichiometry,
        partial_molar_volume=active.partial_molar_volume,
        temperature=kinetics.temperature,
        one_c=one_c(config),
    )


@dataclass(frozen=True, slots=True)
class BondClass:
    """What the bonds of the particle surface, or those of grain boundaries, are like.

    ``law`` makes the cohesive law; strength [Pa] with the modulus of its Weibull distribution (None: all
    equal), fracture energy [J/m2], stiffness and residual stiffness [Pa/m], viscosity [s]; strength and
    fracture energy in sliding (None: as in opening) and the exponent between. Fracture energies scatter by a
    modulus of their own, bond by bond or boundary by boundary, and may depend on the misorientation. Closed
    cracks rub with a coefficient of friction, and cycles tire bonds by a model with its numbers.
    """

    law: Callable[[BondParameters], BondLaw]
    strength: float
    weibull_modulus: float | None
    toughness_weibull_modulus: float | None
    scatter: Literal["bond", "boundary"]
    character: BoundaryCharacter | None
    fracture_energy: float
    stiffness: float
    residual_stiffness: float
    viscosity: float
    shear_strength: float | None
    shear_fracture_energy: float | None
    mixing_exponent: float | None
    friction: float
    fatigue: str | None
    fatigue_threshold: float | None
    fatigue_endurance: float | None
    fatigue_length: float | None


@dataclass(frozen=True, slots=True)
class MechanicalLaws:
    """All that the equilibrium takes from a configuration.

    Attributes
    ----------
    crystal_vv, ecbd_vv, separator_vv : (6, 6) float64
        Stiffnesses [Pa]; that of the active material in crystal axes.
    strains : tuple of (Expansion, (3,) float64)
        Linear strains against stoichiometry, which add up, and their multiples along the crystal axes [1].
    stress_free_stoichiometry, strain_frozen_below : float
        Stoichiometries of no strain, and below which the strain stays as it is [1].
    interface, grain_boundary : BondClass
    pre_cracks : tuple of PreCrack
        Grain boundaries that are broken from the start.
    tied : bool
        Whether grain boundaries are perfectly joined instead.
    by_events : bool
        Whether bonds are let go event by event where an equilibrium is lost.
    seed : int
        From which scattered strengths are drawn.
    free_lateral : bool
        Whether the mean lateral strain is free instead of zero.
    wall : {"collector_fixed", "lithium_fixed"}
        The wall that stays; the other one is loaded.
    pressure : float
        Pressure on that [Pa].
    """

    crystal_vv: Floats
    ecbd_vv: Floats
    separator_vv: Floats
    strains: tuple[Strain, ...]
    stress_free_stoichiometry: float
    strain_frozen_below: float
    interface: BondClass
    grain_boundary: BondClass
    pre_cracks: tuple[PreCrack, ...]
    tied: bool
    by_events: bool
    seed: int
    free_lateral: bool
    wall: Literal["collector_fixed", "lithium_fixed"]
    pressure: float


def mechanical_laws(config: Config) -> MechanicalLaws:
    """Return the laws of the equilibrium."""
    active, ecbd, separator = config.materials.active, config.materials.ecbd, config.materials.separator
    if active.elasticity == "isotropic":
        crystal = isotropic_stiffness(active.youngs_modulus, active.poisson_ratio)
    else:
        assert active.youngs_modulus_c and active.poisson_ratio_c is not None and active.shear_modulus_c
        crystal = transversely_isotropic_stiffness(
            active.youngs_modulus, active.poisson_ratio,
            active.youngs_modulus_c, active.poisson_ratio_c, active.shear_modulus_c,
        )  # fmt: skip
    return MechanicalLaws(
        crystal_vv=crystal,
        ecbd_vv=isotropic_stiffness(ecbd.youngs_modulus, ecbd.poisson_ratio),
        separator_vv=isotropic_stiffness(separator.youngs_modulus, separator.poisson_ratio),
        strains=strains(active),
        stress_free_stoichiometry=active.strain_reference,
        strain_frozen_below=active.strain_frozen_below,
        interface=_bond_class("interface", config.interface),
        grain_boundary=_bond_class("grain_boundary", config.grain_boundary),
        pre_cracks=config.grain_boundary.pre_cracks,
        tied=config.grain_boundary.mode == "tied",
        by_events=config.grain_boundary.release == "events",
        seed=config.microstructure.seed,
        free_lateral=config.mechanics.lateral_strain == "free",
        wall=config.mechanics.wall,
        pressure=config.mechanics.pressure,
    )


def _character(options: GrainBoundary) -> BoundaryCharacter | None:
    table = options.misorientation
    if table is None:
        return None
    return BoundaryCharacter(table.angle, table.strength_factor, table.toughness_factor)


def _bond_class(section: str, options: Interface | GrainBoundary) -> BondClass:
    return BondClass(
        law=partial(bond_law, section, options.law),
        strength=options.strength,
        weibull_modulus=options.weibull_modulus,
        toughness_weibull_modulus=options.toughness_weibull_modulus,
        scatter=options.scatter,
        character=_character(options) if isinstance(options, GrainBoundary) else None,
        fracture_energy=options.fracture_energy,
        stiffness=options.stiffness,
        residual_stiffness=options.residual_stiffness,
        viscosity=options.viscosity,
        shear_strength=options.shear_strength,
        shear_fracture_energy=options.shear_fracture_energy,
        mixing_exponent=options.mixing_exponent,
        friction=options.friction,
        fatigue=options.fatigue,
        fatigue_threshold=options.fatigue_threshold,
        fatigue_endurance=options.fatigue_endurance,
        fatigue_length=options.fatigue_length,
    )
