"""Material laws, one per file, and the names under which a TOML file knows them."""

from __future__ import annotations

from collections.abc import Callable

from latticecell.laws.electrolyte import BinaryElectrolyte, lipf6_nyman2008
from latticecell.laws.expansion import Expansion, nmc111_koerver2018
from latticecell.laws.ocv import OpenCircuit, nmc111_zheng2013
from latticecell.registry import Registry

OCV_LAWS: Registry[Callable[[], OpenCircuit]] = Registry(
    "materials.active.ocv", "open-circuit voltage", {"nmc111_zheng2013": nmc111_zheng2013}
)
EXPANSION_LAWS: Registry[Callable[[str], Expansion]] = Registry(
    "materials.active.volume_change", "expansion", {"nmc111_koerver2018": nmc111_koerver2018}
)
ELECTROLYTE_LAWS: Registry[Callable[[], BinaryElectrolyte]] = Registry(
    "electrolyte.law", "liquid electrolyte", {"lipf6_nyman2008": lipf6_nyman2008}
)
