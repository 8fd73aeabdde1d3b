"""The particle of the positive electrode of a BPX file, and the block that it is put into."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from latticecell.bpxfile.sheet import CELL, INITIAL, POSITIVE, Entry, Sheet, number
from latticecell.errors import ConfigError, shown

TIGHT: Final = 2.25
"""Least spacing of particles over their radius: closer ones would leave no room for a network between."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose.

    Attributes
    ----------
    material : str
        Material of the library whose mechanics stand for those that BPX does not tell.
    particle : str or None
        Which one of a blend.
    column : bool
        Whether particles fill the whole thickness of the electrode, one above the other.
    stem : str
        How the names of further files begin.
    """

    material: str
    particle: str | None
    column: bool
    stem: str


@dataclass(frozen=True, slots=True)
class Particle:
    """The particle, where its values are in the file, and at which temperature it is used."""

    path: tuple[str, ...]
    radius: float
    c_max: float
    limits: tuple[float, float]
    fraction: float
    temperature: float
    reference: float


@dataclass(frozen=True, slots=True)
class Box:
    """Where the particles are: number, height of each, width of the cell [m], and share of the block."""

    count: int
    height: float
    width: float
    filled: float

    @property
    def passage(self) -> float:
        """How much better the mixture conducts than the block with its particles; Maxwell."""
        return (2 + self.filled) / (2 * (1 - self.filled))


def find_particle(sheet: Sheet, options: Options) -> Particle:
    """Find the particle of the positive electrode; of a blend the one that was chosen."""
    path: tuple[str, ...] = POSITIVE
    if sheet.get(*path) is None:
        raise ConfigError("Positive electrode: is missing; nothing else can be taken over")
    blend = sheet.get(*path, "Particle")
    if blend:
        known = ", ".join(map(shown, blend))
        if options.particle not in blend:
            given = "" if options.particle is None else f" has no {shown(options.particle)};"
            raise ConfigError(f"Positive electrode / Particle:{given} choose --particle, one of {known}")
        path = (*path, "Particle", str(options.particle))
        for other in blend:
            if other != options.particle:
                sheet.say("not used: another particle was chosen", *POSITIVE, "Particle", other)
    elif options.particle is not None:
        raise ConfigError(f"--particle {options.particle}: the positive electrode is no blend; leave it out")

    radius = sheet.positive(*path, "Particle radius [m]")
    fraction = sheet.positive(*path, "Surface area per unit volume [m-1]") * radius / 3
    c_max = sheet.positive(*path, "Maximum concentration [mol.m-3]")
    limits = tuple(
        float(sheet.get(*path, f"{end} stoichiometry", default=-1)) for end in ("Minimum", "Maximum")
    )
    if not 0 <= limits[0] < limits[1] <= 1:
        raise ConfigError(
            f"{path[-1]}: minimum and maximum stoichiometry must rise between 0 and 1: {limits}"
        )
    reference = sheet.positive(*CELL, "Reference temperature [K]", default=298.15)
    temperature = sheet.positive(*INITIAL, "Initial temperature [K]", default=reference)
    sheet.say("geometry.particles.radius_um", *path, "Particle radius [m]")
    sheet.say("materials.active.c_max_mol_per_m3", *path, "Maximum concentration [mol.m-3]")
    sheet.say("upper cut-off: the open-circuit voltage there", *path, "Minimum stoichiometry")
    sheet.say(
        "materials.active.stress_free_stoichiometry; end of the discharge", *path, "Maximum stoichiometry"
    )
    sheet.say("kinetics.temperature_K", *INITIAL, "Initial temperature [K]")
    sheet.say("kinetics.reference_temperature_K", *CELL, "Reference temperature [K]")
    if fraction >= 1:
        raise ConfigError(
            f"{path[-1]}: surface area times radius / 3 = {fraction:.3g}: is the share of active material, "
            "must be below 1"
        )
    return Particle(path, radius, c_max, (limits[0], limits[1]), fraction, temperature, reference)


def place(sheet: Sheet, particle: Particle, options: Options) -> Box:
    """Put one particle into a cube, or a column of them into the thickness of the electrode."""
    volume, tight = 4 / 3 * math.pi * particle.radius**3, TIGHT * particle.radius
    edge = max(tight, (volume / particle.fraction) ** (1 / 3))
    count, height = 1, edge
    thickness = sheet.get(*POSITIVE, "Thickness [m]")
    if options.column:
        if not thickness or thickness < tight:
            raise ConfigError(
                f"--column: the electrode must be at least {tight * 1e6:.3g} um thick to hold a particle"
            )
        count = max(1, min(round(thickness / edge), math.floor(thickness / tight)))
        height = thickness / count
    width = max(tight, math.sqrt(volume / (particle.fraction * height)))
    filled = volume / (width**2 * height)
    told = (
        "geometry.cathode_um"
        if options.column
        else "not used but for 1C: the block holds one particle (--column)"
    )
    sheet.say(told, *POSITIVE, "Thickness [m]")
    sheet.say(
        f"share of active material {particle.fraction:.3g}"
        + (", by geometry.width_um" if filled > 0.999 * particle.fraction else
           f"; equal spheres apart fill only {filled:.3g} of the block here, 1C is scaled with it"),
        *particle.path, "Surface area per unit volume [m-1]",
    )  # fmt: skip
    return Box(count, height, width, filled)


def energy_key(name: str) -> str:
    """Return the name of the activation energy of a value."""
    return f"{name} activation energy [J.mol-1]"


def energy(sheet: Sheet, path: tuple[str, ...], name: str, section: str, key: str) -> Entry:
    """Return the key of the activation energy of a value, 0 as in BPX if the file has none."""
    value = float(sheet.get(*path, energy_key(name), default=0.0))
    key = f"{key}_activation_energy_kJ_per_mol"
    sheet.say(f"{section}.{key}", *path, energy_key(name))
    return Entry(key, number(value / 1000))
