"""What an equilibrium of lattice and bonds is sought from, and what is found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from latticecell.arrays import Floats
from latticecell.physics.bonds import BondForces
from latticecell.state import State


@dataclass(frozen=True, slots=True)
class MechanicsSolution:
    """A proposed equilibrium.

    Attributes
    ----------
    u_nc : (n_nodes, 3) float64
        Periodic part of the displacement [m].
    strain_c : (2,) float64
        Mean lateral strain [1].
    gap_b : (n_bonds,) float64
        Normal openings [m]; 0 on tied bonds.
    history_bh : (n_bonds, n_columns) float64
        Proposed history; 0 on tied bonds.
    newton_iterations, linear_iterations : int
        Work spent.
    residual : float
        Out-of-balance force over the strength of all bonds, root of sums of squares [1].
    releases : int
        Times that bonds were let go in an equilibrium which did not hold; 0: reached without.
    """

    u_nc: Floats
    strain_c: Floats
    gap_b: Floats
    history_bh: Floats
    newton_iterations: int
    linear_iterations: int
    residual: float
    releases: int = 0

    def after(self, releases: int) -> MechanicsSolution:
        """Return the same, reached by so many more releases of bonds."""
        return replace(self, releases=self.releases + releases)

    def put(self, state: State) -> None:
        """Commit displacements, openings and history to a state."""
        state.u_nc[...] = self.u_nc
        state.strain_c[...] = self.strain_c
        state.history_bh[...] = self.history_bh
        state.gap_b[...] = self.gap_b


class Pull(NamedTuple):
    """Forces of lattice and walls, linear in the displacement.

    Attributes
    ----------
    force : (3 n,) float64
        On every unknown [N].
    lateral : (2,) float64
        Minus the derivative of the energy by the mean lateral strain [J]; 0 where that is fixed.
    """

    force: Floats
    lateral: Floats

    def towards(self, other: Pull, share: float) -> Pull:
        """Return the forces a share of the way to another displacement, or beyond it."""
        force = self.force + share * (other.force - self.force)
        return Pull(force, self.lateral + share * (other.lateral - self.lateral))


class Imbalance(NamedTuple):
    """Bonds at a displacement, and the forces that are not balanced there.

    Attributes
    ----------
    bonds : BondForces
    force : (3 n,) float64
        On every unknown [N].
    lateral : (2,) float64
        Minus the derivative of the energy by the mean lateral strain [J]; 0 where that is fixed.
    """

    bonds: BondForces
    force: Floats
    lateral: Floats

    def along(self, step: Floats, strain_c: Floats) -> float:
        """Work on a step of the unknowns (3 n,) and of the lateral strain [J]."""
        return float(self.force @ step + self.lateral @ strain_c)


class Step(NamedTuple):
    """What stays the same while an equilibrium is sought."""

    eigen_tv: Floats
    before_bc: Floats
    history_bh: Floats
    dt: float
