"""Open-circuit voltage and diffusivity of a BPX file as points."""

from __future__ import annotations

import json
import math
from typing import Final

import numpy as np

from latticecell.arrays import Floats
from latticecell.bpxfile.curves import covered, points
from latticecell.bpxfile.electrode import Options, Particle, energy
from latticecell.bpxfile.reading import Law, law_of
from latticecell.bpxfile.sheet import Entry, Sheet, csv, number, numbers
from latticecell.errors import ConfigError

VOLTS: Final = (0.0, 6.0)
"""Voltages beyond which an expression is no open-circuit voltage any more."""


def write_material(
    sheet: Sheet, particle: Particle, voltage: Floats, start: float, options: Options
) -> dict[str, str]:
    """Write the active material; return the files of its curves."""
    files = {f"{options.stem}_ocv.csv": csv("x,U_V", voltage)}
    entries = [
        Entry("material", json.dumps(options.material), "mechanics, which BPX does not tell"),
        Entry("c_max_mol_per_m3", number(particle.c_max)),
        Entry("initial_stoichiometry", number(start), "by the state of charge, else discharged"),
        Entry("stress_free_stoichiometry", number(particle.limits[1]), "maximum stoichiometry: as made"),
        Entry("ocv", f'{{ file = {json.dumps(next(iter(files)))}, x = "x", y = "U_V" }}'),
    ]
    key = (*particle.path, "Diffusivity [m2.s-1]")
    value = sheet.get(*key)
    law = law_of(" / ".join(key[1:]), value)
    middle = sum(particle.limits) / 2
    there = float(law.at(np.array([middle]))[0])
    if not (math.isfinite(there) and there > 0):
        raise ConfigError(f"{' / '.join(key[1:])}: must be positive at x = {middle:.3g}, is {there:.3g}")
    entries.append(Entry(
        "diffusivity_m2_per_s", numbers([there] * 3),
        "BPX has no crystal axes: the same along all of them; NMC moves Li in its planes only: "
        f"[{1.5 * there:.4g}, {1.5 * there:.4g}, 0] has the same mean",
    ))  # fmt: skip
    entries.append(energy(sheet, particle.path, "Diffusivity", "materials.active", "diffusivity"))
    if law.kind != "number":
        curve = _factor(" / ".join(key[1:]), law, particle, there)
        files[f"{options.stem}_diffusivity.csv"] = csv("x,factor", curve)
        entries.append(Entry(
            "diffusivity_factor",
            f'{{ file = {json.dumps(f"{options.stem}_diffusivity.csv")}, x = "x", y = "factor" }}',
            f"over the value at x = {middle:.4g}",
        ))  # fmt: skip
        sheet.say(
            f"materials.active.diffusivity_m2_per_s and, by {curve.shape[1]} points, diffusivity_factor", *key
        )
    else:
        sheet.say("materials.active.diffusivity_m2_per_s, the same along all axes", *key)
    sheet.sections.append(("[materials.active]", entries))
    return files


def voltage_points(sheet: Sheet, particle: Particle) -> Floats:
    """Return the points of the open-circuit voltage at the temperature of the cell, (2, n)."""
    key = (*particle.path, "OCP [V]")
    where = " / ".join(key[1:])
    law = law_of(where, sheet.get(*key))
    if law.kind == "number":
        raise ConfigError(
            f"{where} = {sheet.get(*key)}: must be an expression or a table, or no charge would end"
        )
    for branch in ("delithiation", "lithiation"):
        sheet.say("not used: there is no hysteresis", *particle.path, f"OCP ({branch}) [V]")
    sheet.say("not used: there is no hysteresis", *particle.path, "OCP hysteresis decay constant")
    law = _shifted(sheet, particle, law)
    ends = covered(law, particle.limits, VOLTS, falling=True)
    curve = points(where, law, ends, 2e-5)
    rising = np.flatnonzero(np.diff(curve[1]) >= 0)
    told = f"materials.active.ocv, {curve.shape[1]} points from x = {curve[0, 0]:.4g} to {curve[0, -1]:.4g}"
    if law.kind == "table":
        told += ", joined smoothly"
    elif ends[0] < particle.limits[0] or ends[1] > particle.limits[1]:
        told += "; beyond the limits of stoichiometry it is what the expression gives"
    if len(rising):
        told += f"; rises with x at {curve[0, rising[0]]:.4g}, where drift is upside down: see to it"
    sheet.say(told, *key)
    return curve


def _shifted(sheet: Sheet, particle: Particle, law: Law) -> Law:
    """Return the open-circuit voltage at the temperature of the cell."""
    key = (*particle.path, "Entropic change coefficient [V.K-1]")
    if sheet.get(*key) is None:
        return law
    warmer = particle.temperature - particle.reference
    if warmer == 0:
        sheet.say("not needed: the cell is at the reference temperature", *key)
        return law
    slope = law_of(" / ".join(key[1:]), sheet.get(*key))
    sheet.say(f"materials.active.ocv, which is that of {particle.temperature:g} K", *key)

    def at(x: Floats) -> Floats:
        return law.at(x) + warmer * slope.at(x)

    moved = None if law.points is None else np.stack([law.points[0], at(law.points[0])])
    return Law(law.kind, at, moved)


def _factor(where: str, law: Law, particle: Particle, there: float) -> Floats:
    """Return the points of the diffusivity over its value ``there``, (2, n)."""
    scaled = Law(
        law.kind, lambda x: law.at(x) / there,
        None if law.points is None else np.stack([law.points[0], law.points[1] / there]),
    )  # fmt: skip
    ends = covered(scaled, particle.limits, (1e-6, 1e6), falling=False)
    return points(where, scaled, ends, 1e-4)
