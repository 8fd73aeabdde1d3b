"""Conductivities, salt and kinetics of a BPX file."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from latticecell.bpxfile.electrode import Box, Particle, energy, energy_key
from latticecell.bpxfile.reading import law_of
from latticecell.bpxfile.sheet import ELECTROLYTE, INITIAL, POSITIVE, SEPARATOR, Entry, Sheet, number
from latticecell.laws.electrolyte import lipf6_nyman2008
from latticecell.units import FARADAY

LIQUID: Final = "lipf6_nyman2008"
SAME: Final = 1e-6
"""Relative difference below which two laws of an electrolyte are the same."""


def write_transport(sheet: Sheet, box: Box) -> None:
    """Write what conducts ions and electrons."""
    zero = Entry("ionic_activation_energy_kJ_per_mol", "0.0")
    ecbd, separator = [Entry("electronic_activation_energy_kJ_per_mol", "0.0")], [zero]
    key = (*POSITIVE, "Conductivity [S.m-1]")
    if sheet.get(*key) is not None:
        electronic = sheet.positive(*key)
        sheet.say(
            "materials.ecbd.electronic_conductivity_S_per_m, so that the block has the value given", *key
        )
        ecbd.append(Entry(
            "electronic_conductivity_S_per_m", number(electronic * box.passage),
            f"{electronic:g} S/m is that of the block, in which particles do not conduct",
        ))  # fmt: skip
    if sheet.get(*ELECTROLYTE) is None:
        sheet.assumed.append("electrolyte: the default, a single-ion conductor, for the file has none")
    elif _is_known(sheet):
        sheet.sections.append(("[electrolyte]", _salt(sheet, box)))
    else:
        ions, through = _ions(sheet, box)
        zero = energy(sheet, ELECTROLYTE, "Conductivity", "materials.ecbd and separator", "ionic")
        ecbd, separator = [*ecbd, ions], [through, zero]
    sheet.sections.append(("[materials.ecbd]", [*ecbd, zero]))
    sheet.sections.append(("[materials.separator]", separator))


def _is_known(sheet: Sheet) -> bool:
    """Tell whether conductivity and diffusivity of the salt are those of the built-in law."""
    own = lipf6_nyman2008()
    c = np.linspace(100.0, 3000.0, 30)
    for name, law in (("Conductivity [S.m-1]", own.conductivity), ("Diffusivity [m2.s-1]", own.diffusivity)):
        key = (*ELECTROLYTE, name)
        theirs = law_of(" / ".join(key[1:]), sheet.get(*key)).at(c)
        if not np.allclose(theirs, law(c), rtol=SAME, atol=0.0):
            return False
    return True


def _salt(sheet: Sheet, box: Box) -> list[Entry]:
    """Return the keys of the built-in liquid in the porosities of the file."""
    for name in ("Conductivity [S.m-1]", "Diffusivity [m2.s-1]"):
        sheet.say(f'electrolyte.law = "{LIQUID}", which it equals', *ELECTROLYTE, name)
    own = lipf6_nyman2008().transference_number
    sheet.say(f"electrolyte.law, which has {own:g}", *ELECTROLYTE, "Cation transference number")
    key = (*INITIAL, "Initial electrolyte concentration [mol.m-3]")
    salt = sheet.positive(*key, default=1000.0)
    sheet.say("electrolyte.concentration_mol_per_m3", *key)
    if sheet.get(*key) is None:
        sheet.assumed.append("electrolyte.concentration_mol_per_m3 = 1000")
    porosity, through = (sheet.share(*SEPARATOR, name) for name in ("Porosity", "Transport efficiency"))
    exponent = math.log(through) / math.log(porosity) if porosity < 1 and through < 1 else 1.5
    sheet.say("electrolyte.fraction_separator", *SEPARATOR, "Porosity")
    sheet.say("electrolyte.bruggeman", *SEPARATOR, "Transport efficiency")
    own_through = sheet.share(*POSITIVE, "Transport efficiency") * box.passage
    fraction = min(1.0, own_through ** (1 / exponent))
    stored = fraction * (1 - box.filled)
    conducts = min(1.0, own_through) / box.passage
    sheet.say(f"electrolyte.fraction_ecbd: the block conducts {conducts:.4g} times as well as the salt",
              *POSITIVE, "Transport efficiency")  # fmt: skip
    sheet.say(f"not used: the transport efficiency sets fraction_ecbd; the block holds {stored:.3g} of salt",
              *POSITIVE, "Porosity")  # fmt: skip
    return [
        Entry("kind", '"binary"'),
        Entry("law", f'"{LIQUID}"', "the same conductivity and diffusivity as in the file"),
        Entry("concentration_mol_per_m3", number(salt)),
        *(
            energy(sheet, ELECTROLYTE, name, "electrolyte", name.lower())
            for name in ("Conductivity", "Diffusivity")
        ),
        Entry("fraction_ecbd", number(fraction), "from the transport efficiency of the electrode"),
        Entry("fraction_separator", number(porosity)),
        Entry("bruggeman", number(exponent), "from porosity and transport efficiency of the separator"),
    ]


def _ions(sheet: Sheet, box: Box) -> tuple[Entry, Entry]:
    """Return ionic conductivities of mixture and separator of a single-ion conductor as good as the salt."""
    name = (*INITIAL, "Initial electrolyte concentration [mol.m-3]")
    salt = sheet.positive(*name, default=1000.0)
    key = (*ELECTROLYTE, "Conductivity [S.m-1]")
    kappa = float(law_of(" / ".join(key[1:]), sheet.get(*key)).at(np.array([salt]))[0])
    sheet.say(
        f"ionic conductivities at {salt:g} mol/m3: a salt of its own is no law that an input file has", *key
    )
    sheet.say("the conductivity was taken there", *name)
    for other in ("Diffusivity [m2.s-1]", "Cation transference number", energy_key("Diffusivity")):
        sheet.say("not used: a single-ion conductor stands for the salt", *ELECTROLYTE, other)
    parts = []
    for where, factor, target in ((POSITIVE, box.passage, "ecbd"), (SEPARATOR, 1.0, "separator")):
        through = sheet.share(*where, "Transport efficiency")
        sheet.say(f"materials.{target}.ionic_conductivity_S_per_m", *where, "Transport efficiency")
        sheet.say("not used: a single-ion conductor holds no salt", *where, "Porosity")
        parts.append(Entry("ionic_conductivity_S_per_m", number(kappa * through * factor)))
    return parts[0], parts[1]


def write_kinetics(sheet: Sheet, particle: Particle) -> None:
    """Write charge transfer and temperature."""
    key = (*particle.path, "Reaction rate constant [mol.m-2.s-1]")
    rate = sheet.positive(*key)
    sheet.say("kinetics.exchange_current_A_per_m2, F K / 2", *key)
    sheet.sections.append(("[interface]", [Entry("resistance_ohm_m2", "0.0")]))
    permeance = Entry("permeance_activation_energy_kJ_per_mol", "0.0", "not in BPX")
    sheet.sections.append(("[grain_boundary]", [permeance]))
    sheet.sections.append(("[kinetics]", [
        Entry("exchange_current_A_per_m2", number(FARADAY * rate / 2), "at x = 1/2: F K / 2"),
        energy(sheet, particle.path, "Reaction rate constant", "kinetics", "exchange"),
        Entry("lithium_exchange_activation_energy_kJ_per_mol", "0.0", "not in BPX"),
        Entry("temperature_K", number(particle.temperature)),
        Entry("reference_temperature_K", number(particle.reference)),
    ]))  # fmt: skip
