"""The bonds of a network that can break: which they are, their laws, tractions and energies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latticecell.config import Config, GrainBoundary, Interface
from latticecell.laws.bond import BilinearLaw, Tangent, weibull_strength
from latticecell.network import INTERFACE_BOND, Network

Floats = NDArray[np.float64]


class BondForces(NamedTuple):
    """Forces of the active bonds and their derivative.

    Attributes
    ----------
    force_bc : (n_active, 3) float64
        Force on the first node [N]; the second feels the opposite.
    tangent_bcc : (n_active, 3, 3) float64
        Derivative by the opening [N/m].
    stretch_b, damage_b : (n_active,) float64
        Proposed history [m] and damage [1].
    """

    force_bc: Floats
    tangent_bcc: Floats
    stretch_b: Floats
    damage_b: Floats


class Bonds:
    """Active bonds: those of the particle surface, and grain boundaries unless they are tied.

    Strengths are drawn from the microstructure's seed, so the same file gives the same bonds. A bond may
    carry a viscous traction eta d(opening)/dt with eta = viscosity strength / d_f, a regularisation.

    Attributes
    ----------
    active_b : (n_active,) intp
        Their indices in the network.
    node_bn : (n_active, 2) int32
        Their nodes.
    law : BilinearLaw
        Law of the active bonds.
    """

    def __init__(self, config: Config, network: Network):
        self._n_bonds = network.n_bonds
        interface = network.kind_b == INTERFACE_BOND
        active = interface if config.grain_boundary.mode == "tied" else np.ones(network.n_bonds, bool)
        self.active_b = np.flatnonzero(active)
        self.node_bn = network.bond_bn[self.active_b]
        self.normal_bc = network.normal_bc[self.active_b]
        self.area_b = network.area_b[self.active_b]
        self.is_interface_b = interface[self.active_b]
        rng = np.random.default_rng([config.microstructure.seed, 2])
        strength = np.empty(network.n_bonds)
        energy, stiffness, residual, viscosity = (np.empty(network.n_bonds) for _ in range(4))
        kinds: tuple[tuple[NDArray[np.bool_], Interface | GrainBoundary], ...] = (
            (~interface, config.grain_boundary),
            (interface, config.interface),
        )
        for of_kind, options in kinds:
            size = int(np.count_nonzero(of_kind))
            strength[of_kind] = weibull_strength(options.strength, options.weibull_modulus, size, rng)
            energy[of_kind] = options.fracture_energy
            stiffness[of_kind] = options.stiffness
            residual[of_kind] = options.residual_stiffness
            viscosity[of_kind] = options.viscosity
        final = 2 * energy / strength
        a = self.active_b
        self.law = BilinearLaw(strength[a], final[a], stiffness[a], residual[a])
        self.viscosity_b = (viscosity * strength / final)[a]

    def everywhere(self, active: Floats) -> Floats:
        """Spread a field of the active bonds over all bonds, zero on the others."""
        result = np.zeros((self._n_bonds, *active.shape[1:]))
        result[self.active_b] = active
        return result

    def opening(self, u_nc: Floats) -> Floats:
        """Opening of the active bonds, second node minus first, (n_active, 3) [m]."""
        return u_nc[self.node_bn[:, 1]] - u_nc[self.node_bn[:, 0]]

    def respond(
        self, opening_bc: Floats, before_bc: Floats, stretch_b: Floats, dt: float, tangent: Tangent
    ) -> BondForces:
        """Forces at an opening, given the opening and history at the start of the step.

        Parameters
        ----------
        opening_bc, before_bc : (n_active, 3) float64
            Openings now and at the start of the step [m].
        stretch_b : (n_active,) float64
            History at the start of the step [m].
        dt : float
            Length of the step [s]; ``inf`` switches viscous tractions off.
        tangent : {"consistent", "clipped", "secant"}
        """
        answer = self.law.respond(opening_bc, self.normal_bc, stretch_b, tangent)
        drag = (self.viscosity_b / dt)[:, None]
        traction = answer.traction_bc + drag * (opening_bc - before_bc)
        matrix = answer.tangent_bcc + drag[:, :, None] * np.eye(3)
        area = self.area_b
        return BondForces(
            area[:, None] * traction, area[:, None, None] * matrix, answer.stretch_b, answer.damage_b
        )

    def stored(self, opening_bc: Floats, stretch_b: Floats) -> float:
        """Recoverable energy of the active bonds [J]."""
        return float(self.area_b @ self.law.stored(opening_bc, self.normal_bc, stretch_b))

    def dissipated(self, stretch_b: Floats) -> tuple[float, float]:
        """Energy lost to damage at the interface and at grain boundaries [J]."""
        lost = self.area_b * self.law.dissipated(stretch_b)
        return float(lost[self.is_interface_b].sum()), float(lost[~self.is_interface_b].sum())

    def viscous_work(self, opening_bc: Floats, before_bc: Floats, dt: float) -> float:
        """Work lost to the viscous tractions over a step [J]."""
        jump = opening_bc - before_bc
        return float((self.area_b * self.viscosity_b / dt) @ np.einsum("bc,bc->b", jump, jump))

    def traction_share(self, opening_bc: Floats, before_bc: Floats, dt: float) -> float:
        """Largest viscous traction over the strength of its bond [1]: the error of the regularisation."""
        if not len(self.area_b) or not self.viscosity_b.any():
            return 0.0
        speed = np.linalg.norm(opening_bc - before_bc, axis=1) / dt
        return float((self.viscosity_b * speed / self.law.strength_b).max())
