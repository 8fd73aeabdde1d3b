"""Salt of a binary liquid electrolyte in the ECBD and the ED (equations in `laws.electrolyte`).

With the current s_n that enters the electrolyte at a node (reaction at the particle surface, minus plating at
the Li metal), implicit Euler on the control volumes reads

    fraction V (c - c_old) / dt + sum_j w_ij (c_i - c_j) = (1 - t+) s / F,

where w are the edge weights of D(c) fraction^bruggeman with c lagged. The walls let no anion pass, so salt
is conserved wherever as much current enters as leaves.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from latticecell.arrays import Floats
from latticecell.errors import SolveError
from latticecell.laplacian import EdgeLaplacian
from latticecell.laws.electrolyte import FLOOR, Liquid
from latticecell.network import Network
from latticecell.solvers.krylov import conjugate_gradients
from latticecell.solvers.multigrid import scalar_hierarchy
from latticecell.solvers.relaxation import ScalarCycle
from latticecell.units import FARADAY, GAS_CONSTANT

ACCURACY = 1e-12
"""Residual of the linear solve, relative to the storage term of the mean concentration [1]."""
_MAX_KRYLOV = 200


class Salt:
    """Salt balance, and what the salt does to the ions.

    Parameters
    ----------
    network : Network
    liquid : Liquid
        Law, mean concentration and share of each layer.
    temperature : float
        [K]
    n_threads : int
        Threads of the kernels; results do not depend on it.

    Attributes
    ----------
    mean : float
        Concentration at rest [mol/m3].
    on_n : (n_nodes,) bool
        Nodes that carry salt: those of the ECBD and of the ED.
    """

    def __init__(self, network: Network, liquid: Liquid, temperature: float, n_threads: int = 1):
        self.mean = liquid.concentration
        self.on_n = ~network.is_active_n
        self._law = liquid.law
        self._tet = np.flatnonzero(~network.is_active_t)
        self._laplacian = EdgeLaplacian(network, self.on_n, n_threads)
        self._node = self._laplacian.node_i
        self._tet_ti = np.searchsorted(self._node, network.tet_tn[self._tet])
        layer_t = network.domain_t[self._tet] - network.n_grains
        self._share_t, self._n_tets = liquid.share[layer_t], network.n_tets
        corner = np.repeat(np.array(liquid.fraction)[layer_t] * network.volume_t[self._tet] / 4, 4)
        self._volume = np.bincount(self._tet_ti.ravel(), corner, len(self._node))
        self._per_charge = (1 - liquid.law.transference_number) / FARADAY  # mol/C
        self._volts = 2 * GAS_CONSTANT * temperature * self._per_charge  # per unit of ln c
        self._cycle: tuple[float, ScalarCycle] | None = None

    def conductivity(self, salt_n: Floats) -> Floats:
        """Return the effective conductivity, 0 in the grains, (n_tets,) [S/m]."""
        return self._effective(self._law.conductivity, salt_n[self._node])

    def potential(self, salt_n: Floats) -> Floats:
        """Return the diffusion potential 2RT/F (1 - t+) ln(c / c_mean), 0 in the grains, (n_nodes,) [V]."""
        result = np.zeros(len(salt_n))
        result[self._node] = self._volts * np.log(np.maximum(salt_n[self._node], FLOOR) / self.mean)
        return result

    def amount(self, salt_n: Floats) -> float:
        """Return the salt in the cell [mol]."""
        return float(self._volume @ salt_n[self._node])

    def extremes(self, salt_n: Floats) -> tuple[float, float]:
        """Return the smallest and the largest concentration [mol/m3]."""
        salt = salt_n[self._node]
        return float(salt.min()), float(salt.max())

    def change(self, new_n: Floats, old_n: Floats) -> float:
        """Return the largest relative change of the concentration [1]."""
        return float(np.abs(new_n[self._node] / old_n[self._node] - 1).max())

    def positive(self, new_n: Floats, fallback_n: Floats) -> Floats:
        """Return a proposed concentration, or the fallback where anything of it is not positive."""
        return new_n if self.extremes(new_n)[0] > FLOOR else fallback_n

    def solve(self, old_n: Floats, lagged_n: Floats, dt: float, entering_n: Floats) -> Floats:
        """Take one implicit Euler step.

        The result is built from the final fluxes, so that salt is conserved to round-off.

        Parameters
        ----------
        old_n : (n_nodes,) float64
            Concentration at the start of the step [mol/m3].
        lagged_n : (n_nodes,) float64
            Where D is evaluated and the solve starts [mol/m3].
        dt : float
            [s]
        entering_n : (n_nodes,) float64
            Current that enters the electrolyte at each node [A].

        Returns
        -------
        (n_nodes,) float64
            Concentration at the end of the step, 0 in the grains [mol/m3].

        Raises
        ------
        SolveError
            If some place runs out of salt, or the linear solver stalls.
        """
        old, lagged, source = old_n[self._node], lagged_n[self._node], entering_n[self._node]
        source = self._per_charge * source
        mass = self._volume / dt
        weight_l = self._laplacian.weight(self._effective(self._law.diffusivity, lagged))
        rhs = source - mass * (lagged - old) - self._laplacian.outflow(weight_l, lagged)
        size, wanted = float(np.linalg.norm(rhs)), ACCURACY * self.mean * float(np.linalg.norm(mass))
        trial = lagged
        if size > wanted:
            matrix = self._laplacian.matrix(weight_l) + sp.diags(mass)
            found = conjugate_gradients(
                matrix.tocsr(), rhs, self._precondition(dt), wanted / size, _MAX_KRYLOV
            )
            if not found.residual <= wanted / size:
                raise SolveError("the linear solver stalls", field="salt", residual=found.residual)
            trial = lagged + found.x
        new = np.zeros(len(old_n))
        new[self._node] = old + (source - self._laplacian.outflow(weight_l, trial)) / mass
        lowest = float(new[self._node].min())
        if not lowest > FLOOR:
            raise SolveError(
                f"the electrolyte runs out of salt ({lowest:.3g} mol/m3)", field="salt",
                residual=lowest / self.mean,
            )  # fmt: skip
        return new

    def _effective(self, law: Callable[[Floats], Floats], salt_i: Floats) -> Floats:
        """Mean of a property of the liquid over each tet, scaled to its layer, 0 in the grains."""
        value_t = np.zeros(self._n_tets)
        value_t[self._tet] = self._share_t * law(salt_i)[self._tet_ti].mean(axis=1)
        return value_t

    def _precondition(self, dt: float) -> ScalarCycle:
        """Return a multigrid cycle at rest, kept while ``dt`` stays; it knows nothing of the past."""
        if self._cycle is None or self._cycle[0] != dt:
            rest = np.full(len(self._node), self.mean)
            weight_l = self._laplacian.weight(self._effective(self._law.diffusivity, rest))
            matrix = self._laplacian.matrix(weight_l) + sp.diags(self._volume / dt)
            self._cycle = (dt, ScalarCycle(scalar_hierarchy(matrix.tocsr())))
        return self._cycle[1]
