"""Values of named materials as the defaults of an input file."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from latticecell.config import Electrolyte
from latticecell.errors import ConfigError, shown
from latticecell.library import Table, material

KINDS = {"active": "active", "ecbd": "electrolyte", "separator": "electrolyte"}
"""Kind of material that each table below ``[materials]`` takes by its key ``material``."""
IONIC = "ionic_conductivity_S_per_m"
STRAINS = ({"lattice_a", "lattice_c"}, {"volume_change", "expansion_ratio"})
"""Keys of ``[materials.active]`` of which one group replaces the other."""
STARTS = {"initial_soc", "initial_voltage_V"}
"""Keys in place of ``initial_stoichiometry``."""


def with_materials(table: Table) -> tuple[Table, list[str]]:
    """Put the values of named materials below those of a parsed TOML table; return what is wrong, too.

    A key of the file overrides that of the material; lattice parameters and volume change override each
    other. The table given is left alone.
    """
    problems: list[str] = []
    sections = table.get("materials")
    if not isinstance(sections, dict):
        return table, problems
    merged = dict(sections)
    for section, kind in KINDS.items():
        own = sections.get(section)
        if not isinstance(own, dict) or not isinstance(own.get("material"), str):
            continue
        where = f"materials.{section}.material"
        try:
            found = material(own["material"])
        except ConfigError as error:
            problems += [f"{where} = {problem}" for problem in error.problems]
            continue
        if found.kind != kind:
            problems.append(f"{where} = {shown(found.name)}: is an {found.kind}, must be an {kind}")
            continue
        replaced = set[str]().union(*(one for one, other in zip(STRAINS, STRAINS[::-1], strict=True)
                                      if other & own.keys()))  # fmt: skip
        if STARTS & own.keys():
            replaced.add("initial_stoichiometry")
        values = {key: value.value for key, value in found.values.items() if key not in replaced}
        if section == "ecbd":
            values[IONIC] *= _share(table.get("electrolyte"))
        merged[section] = {**values, **own}
    return {**table, "materials": merged}, problems


def _share(given: Any) -> float:
    """Return what the ECBD has of the conductivity of its electrolyte; what is given may be anything."""
    table, default = given if isinstance(given, dict) else {}, Electrolyte()
    fraction = table.get("fraction_ecbd", default.fraction_ecbd)
    bruggeman = table.get("bruggeman", default.bruggeman)
    try:
        checked = Electrolyte.model_validate({"fraction_ecbd": fraction, "bruggeman": bruggeman})
    except ValidationError:
        return 1.0  # which is told elsewhere
    return float(checked.fraction_ecbd**checked.bruggeman)
