"""Solvers of linear systems; they know matrices and nothing of the physics."""

from __future__ import annotations

from collections.abc import Callable

from latticecell.arrays import Floats
from latticecell.registry import Registry
from latticecell.solvers.direct import DirectEquilibrium
from latticecell.solvers.equilibrium import EquilibriumSolver, MultigridEquilibrium
from latticecell.solvers.tangent import Tangent

EQUILIBRIUM_SOLVERS: Registry[Callable[[Tangent, Floats, int], EquilibriumSolver]] = Registry(
    "solver.equilibrium", "solver", {"multigrid": MultigridEquilibrium, "direct": DirectEquilibrium}
)
