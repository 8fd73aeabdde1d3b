"""The laws and constants that a configuration stands for, made once; physics sees nothing else of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from latticecell.config import Config
from latticecell.laws import ELECTROLYTE_LAWS, EXPANSION_LAWS, OCV_LAWS
from latticecell.laws.electrolyte import Liquid
from latticecell.laws.kinetics import LithiumKinetics, ParticleKinetics
from latticecell.laws.resistance import ExponentialContact
from latticecell.registry import Registry
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
    permeance : float
        Of an intact grain boundary [m/s].
    blocking_gap : float
        Opening over which it falls by e [m].
    drift : {"saturating", "dilute", "off"}
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
    permeance: float
    blocking_gap: float
    drift: Literal["saturating", "dilute", "off"]
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
    return [
        (OCV_LAWS, active.ocv),
        (EXPANSION_LAWS, active.volume_change),
        (ELECTROLYTE_LAWS, config.electrolyte.law),
    ]


def electro_laws(config: Config) -> ElectroLaws:
    """Return the laws of transport, reaction and potentials."""
    active, ecbd, boundary = config.materials.active, config.materials.ecbd, config.grain_boundary
    kinetics, salt, interface = config.kinetics, config.electrolyte, config.interface
    liquid = None
    ionic = ecbd.ionic_conductivity, config.materials.separator.ionic_conductivity
    if salt.kind == "binary":
        fractions = salt.fraction_ecbd, salt.fraction_separator
        liquid = Liquid(ELECTROLYTE_LAWS[salt.law](), salt.concentration, fractions, salt.bruggeman)
        ionic = liquid.conductivity_at_rest
    return ElectroLaws(
        particle=ParticleKinetics(
            OCV_LAWS[active.ocv](),
            kinetics.exchange_current,
            kinetics.alpha_a,
            kinetics.alpha_c,
            kinetics.temperature,
            kinetics.mechanical_ocv,
        ),
        lithium=LithiumKinetics(kinetics.lithium_exchange_current, kinetics.temperature),
        contact=ExponentialContact(interface.resistance, interface.resistance_gap, interface.resistance_max),
        liquid=liquid,
        electronic_conductivity=ecbd.electronic_conductivity,
        ionic_conductivity=ionic,
        diffusivity=active.diffusivity,
        permeance=boundary.permeance,
        blocking_gap=boundary.blocking_gap,
        drift=active.stress_diffusion,
        c_max=active.c_max,
        initial_stoichiometry=active.initial_stoichiometry,
        partial_molar_volume=active.partial_molar_volume,
        temperature=kinetics.temperature,
        one_c=config.protocol.current_1c,
    )
