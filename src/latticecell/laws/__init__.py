"""Material laws, one per file, and the names under which a TOML file knows them."""

from __future__ import annotations

from collections.abc import Callable

from latticecell.errors import ConfigError
from latticecell.laws.bilinear import BilinearLaw
from latticecell.laws.bond import BondLaw, BondParameters
from latticecell.laws.electrolyte import BinaryElectrolyte, lipf6_nyman2008
from latticecell.laws.expansion import Expansion, nmc111_koerver2018
from latticecell.laws.exponential import ExponentialLaw
from latticecell.laws.fatigue import Fatigue, FatigueModel
from latticecell.laws.friction import Friction
from latticecell.laws.history_toughness import HistoryToughness
from latticecell.laws.mixed_mode import MixedModeLaw
from latticecell.laws.ocv import OpenCircuit, nmc111_zheng2013
from latticecell.laws.roe_siegmund import RoeSiegmund
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
BOND_LAWS: Registry[Callable[[BondParameters], BondLaw]] = Registry(
    "law",
    "cohesive law",
    {"bilinear": BilinearLaw, "exponential": ExponentialLaw, "mixed_mode": MixedModeLaw},
)

FATIGUE_MODELS: Registry[Callable[[BondParameters], FatigueModel]] = Registry(
    "fatigue", "fatigue model", {"history": HistoryToughness, "roe_siegmund": RoeSiegmund}
)


def bond_law(section: str, name: str, parameters: BondParameters) -> BondLaw:
    """Return the cohesive law called ``name`` of a section of the file, "interface" or "grain_boundary".

    Fatigue is put around it, and friction added, where the parameters ask for them.

    Raises `ConfigError` if there is none, or the parameters contradict each other.
    """
    try:
        law = BOND_LAWS[name](parameters)
        if parameters.fatigue is not None:
            law = Fatigue(law, FATIGUE_MODELS[parameters.fatigue](parameters), parameters)
        elif problems := parameters.fatigue_problems():
            raise ConfigError(problems)
    except ConfigError as error:
        raise ConfigError([f"{section}.{problem}" for problem in error.problems]) from None
    return Friction(law, parameters) if parameters.friction > 0 else law
