"""Material laws, one per file, and the names under which a TOML file knows them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from latticecell.errors import ConfigError
from latticecell.laws.electrolyte import PolynomialElectrolyte, lipf6_nyman2008
from latticecell.laws.expansion import TabulatedExpansion, nmc111_koerver2018
from latticecell.laws.ocv import TabulatedOCV, nmc111_zheng2013

OCV_LAWS: dict[str, Callable[[], TabulatedOCV]] = {"nmc111_zheng2013": nmc111_zheng2013}
EXPANSION_LAWS: dict[str, Callable[[str], TabulatedExpansion]] = {"nmc111_koerver2018": nmc111_koerver2018}
ELECTROLYTE_LAWS: dict[str, Callable[[], PolynomialElectrolyte]] = {"lipf6_nyman2008": lipf6_nyman2008}


def ocv_law(name: str) -> TabulatedOCV:
    """Return the open-circuit voltage law called ``name``, built in or ``"module:factory"``."""
    return _lookup(name, OCV_LAWS, "materials.active.ocv")()


def expansion_law(name: str, extrapolation: str) -> TabulatedExpansion:
    """Return the expansion law called ``name``, built in or ``"module:factory"``."""
    return _lookup(name, EXPANSION_LAWS, "materials.active.volume_change")(extrapolation)


def electrolyte_law(name: str) -> PolynomialElectrolyte:
    """Return the binary electrolyte called ``name``, built in or ``"module:factory"``."""
    return _lookup(name, ELECTROLYTE_LAWS, "electrolyte.law")()


def _lookup(name: str, known: dict[str, Any], key: str) -> Any:
    if name in known:
        return known[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ConfigError(f'{key} = {name!r}: must be one of {", ".join(known)} or "module:factory"')
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{key} = {name!r}: cannot be loaded: {error}") from None
