"""The positive electrode of a BPX file as an input file, against Li metal.

Equations of the standard are those of Doyle, Fuller and Newman, J. Electrochem. Soc. 140, 1526 (1993), with

    j = F K sqrt[(c / c_0) x (1 - x)] (exp[F eta / 2RT] - exp[-F eta / 2RT]),

so that i0 at x = 1/2 is F K / 2. Values at T are those at T_ref times exp[E (1/T_ref - 1/T) / R].
Conductivities of an electrode are effective ones; those of the mixture around the particles here follow from
them by what insulating spheres leave, see `latticecell.cell1d.model`.
"""

from __future__ import annotations

import json
import math
import textwrap
from dataclasses import dataclass

from latticecell.arrays import Floats
from latticecell.bpxfile.electrode import Box, Options, Particle, find_particle, place
from latticecell.bpxfile.material import voltage_points, write_material
from latticecell.bpxfile.reading import BpxFile
from latticecell.bpxfile.sheet import CELL, INITIAL, POSITIVE, SEPARATOR, Entry, Sheet, number, numbers
from latticecell.bpxfile.transport import write_kinetics, write_transport
from latticecell.errors import ConfigError
from latticecell.laws.curve import MonotoneCurve
from latticecell.units import FARADAY


@dataclass(frozen=True, slots=True)
class Imported:
    """An input file, its further files by name, and a line on every value of the BPX file."""

    toml: str
    files: dict[str, str]
    lines: list[str]


def convert(file: BpxFile, options: Options) -> Imported:
    """Return the input file that a BPX file amounts to, with what becomes of every value.

    Raises
    ------
    ConfigError
        If it has no positive electrode of one material, or one whose open-circuit voltage is no curve.
    """
    sheet = Sheet(file.table)
    particle = find_particle(sheet, options)
    box = place(sheet, particle, options)
    title = str(sheet.get("Header", "Title", default="BPX"))
    sheet.say("name, comment", "Header", "Title")
    name = textwrap.shorten(title, 100, placeholder=" ...")
    sheet.sections.append(("", [Entry("name", json.dumps(name, ensure_ascii=False))]))
    _geometry(sheet, particle, box)
    voltage = voltage_points(sheet, particle)
    files = write_material(sheet, particle, voltage, _start(sheet, file, particle), options)
    write_transport(sheet, box)
    write_kinetics(sheet, particle)
    _protocol(sheet, particle, box, voltage)
    sheet.assumed += [
        f"volume change, elasticity: those of {options.material} (--material), at its own stoichiometry",
        "elasticity of electrolyte and separator, interface, grains and their boundaries: the defaults, "
        "those of a solid-state cell; docs/keys.md has the keys",
        "interface.resistance_ohm_m2 = 0 and the exchange current of the Li metal",
    ]
    about = [title, *(str(sheet.get("Header", key, default="")) for key in ("Description", "References"))]
    sheet.say("comment", "Header", "Description")
    sheet.say("comment", "Header", "References")
    text = sheet.toml(
        "\n".join(filter(None, ["From a file of the Battery Parameter eXchange (BPX).", *about]))
    )
    lines = [*(f"bpx: {' '.join(note.split())}" for note in file.notes), *sheet.lines()]
    return Imported(text, files, [*lines, *(f"assumed: {line}" for line in sheet.assumed)])


def _geometry(sheet: Sheet, particle: Particle, box: Box) -> None:
    um = 1e6
    separator = sheet.positive(*SEPARATOR, "Thickness [m]", default=2 * particle.radius)
    sheet.say("geometry.separator_um", *SEPARATOR, "Thickness [m]")
    if sheet.get(*SEPARATOR, "Thickness [m]") is None:
        sheet.assumed.append(f"geometry.separator_um = {separator * um:g}, two radii of the particle")
    sheet.sections.append(("[geometry]", [
        Entry("width_um", number(box.width * um)),
        Entry("cathode_um", number(box.count * box.height * um)),
        Entry("separator_um", number(separator * um)),
    ]))  # fmt: skip
    for i in range(box.count):
        half = 0.5 * box.width * um
        centre = [half, half, (i + 0.5) * box.height * um]
        sheet.sections.append(("[[geometry.particles]]", [
            Entry("radius_um", number(particle.radius * um)), Entry("center_um", numbers(centre)),
        ]))  # fmt: skip
    fine = 0.104 * particle.radius * um
    sheet.sections.append(("[network]", [
        Entry("spacing_um", number(round(fine, 3 - math.floor(math.log10(fine)))), "a tenth of the radius"),
        Entry("spacing_max_um", number(4 * round(fine, 3 - math.floor(math.log10(fine))))),
    ]))  # fmt: skip


def _protocol(sheet: Sheet, particle: Particle, box: Box, voltage: Floats) -> None:
    """Write a charge and a discharge at 1C of the file, by the points of the open-circuit voltage, (2, n)."""
    low, high = particle.limits
    volume = box.count * 4 / 3 * math.pi * particle.radius**3
    key = (*CELL, "Nominal cell capacity [A.h]")
    shape = "Electrode area [m2]", "Number of electrode pairs connected in parallel to make a cell"
    if particle.path == POSITIVE and sheet.get(*CELL) is not None:
        thickness, capacity = sheet.positive(*POSITIVE, "Thickness [m]"), sheet.positive(*key)
        area, pairs = (sheet.positive(*CELL, name) for name in shape)
        current = capacity * volume / (particle.fraction * thickness * area * pairs)
        rate = Entry("current_1c_nA", number(current * 1e9), "nominal capacity, by volume of active material")
        told = "protocol.current_1c_nA, by volume of active material"
    else:
        rate = Entry(
            "window", numbers([low, high]), "1C leads through the limits of stoichiometry in an hour"
        )
        told = "not used: 1C leads through the limits of stoichiometry in an hour"
    sheet.say(told, *key)
    for name in shape:
        sheet.say(told, *CELL, name)
    upper = float(MonotoneCurve(*voltage).value(low))
    given, lowest = sheet.get(*CELL, "Lower voltage cut-off [V]"), float(voltage[1, -1])
    least = lowest if given is None else max(given, lowest)
    sheet.say("cut-off of the discharge, though it is meant against the negative electrode" if least == given
              else "not used: is below the open-circuit voltage, at whose end a discharge ends at the latest",
              *CELL, "Lower voltage cut-off [V]")  # fmt: skip
    sheet.say("not used: is meant against the negative electrode; see minimum stoichiometry",
              *CELL, "Upper voltage cut-off [V]")  # fmt: skip
    sheet.sections.append(("[protocol]", [rate]))
    sheet.sections.append(("[[protocol.steps]]", [
        Entry("kind", '"charge"'), Entry("c_rate", "1.0"),
        Entry("until_V", number(round(upper, 4)), "open-circuit voltage at the minimum stoichiometry"),
    ]))  # fmt: skip
    why = "lower cut-off of the file" if least == given else "end of the open-circuit voltage"
    held = FARADAY * particle.c_max * volume * (high - low) / 3600
    sheet.sections.append(("[[protocol.steps]]", [
        Entry("kind", '"discharge"'), Entry("c_rate", "1.0"),
        Entry("until_V", number(math.ceil(least * 1e4) / 1e4), why),
        Entry("until_capacity_nAh", number(held * 1e9), "or what lies between the limits of stoichiometry"),
    ]))  # fmt: skip


def _start(sheet: Sheet, file: BpxFile, particle: Particle) -> float:
    """Return the stoichiometry of the state of charge, or that of the discharged cell."""
    key = (*INITIAL, "Initial state-of-charge")
    low, high = particle.limits
    soc = sheet.get(*key)
    if file.legacy or soc is None:
        sheet.say("not used: made up by bpx, for the file is older than BPX 1.0", *key)
        return high
    if not 0 <= soc <= 1:
        raise ConfigError(f"{' / '.join(key)} = {soc:g}: must be in [0, 1]")
    sheet.say("materials.active.initial_stoichiometry, between the limits", *key)
    return high - soc * (high - low)
