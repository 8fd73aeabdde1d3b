"""What flaws of one's own would release in a run that is there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Floats
from latticecell.config import EnergyRelease
from latticecell.errors import ConfigError
from latticecell.materials import mechanical_laws
from latticecell.output.rundir import RunDirectory
from latticecell.physics.energy_release import Rates, Release, bonds_at, parted, release
from latticecell.physics.joints import Joints
from latticecell.releases import Releases
from latticecell.results import Run
from latticecell.state import State
from latticecell.stepper import Stepper


class Fracture:
    """The bonds of a run at one moment, and what they would release; tied boundaries too.

    Parameters
    ----------
    run : Run
        Of a directory.
    when : str or float
        "end": the last checkpoint; else a moment as in `Run.snapshot`, whose snapshot must hold the whole
        state (``output.full_states = true``).
    cycle : int
        From 1.

    Attributes
    ----------
    network : Network
    joints : Joints
        Forces and openings of all bonds.
    state : State

    Raises
    ------
    ConfigError
        If there is no such moment, or its state was not kept.
    """

    def __init__(self, run: Run, when: str | float = "end", cycle: int = 1):
        if not isinstance(run.source, RunDirectory):
            raise ConfigError(f"{run.place}: keeps no state; energy release rates need one")
        self.network, config = run.network, run.config
        self.state = _state(run, run.source, when, cycle)
        stepper = Stepper(config, self.network)
        self._mechanics, self._laws, self._solver = stepper.mechanics, mechanical_laws(config), config.solver
        self._parted = parted(self._mechanics, self._laws, self._solver, self._mechanics.lattice.n_threads)
        self.joints = Joints.of(self._mechanics, self.state, stepper.eigen(self.state))

    def bonds_near(self, center_um: Floats, radius_um: float, kind: int | None = None) -> NDArray[np.intp]:
        """Return the bonds within a radius of a point, `GB_BOND` or `INTERFACE_BOND`, or both kinds."""
        apart = self.network.x_kc - 1e-6 * np.asarray(center_um, float)
        apart[:, :2] -= self.network.box_c[:2] * np.round(apart[:, :2] / self.network.box_c[:2])
        sites = np.flatnonzero(np.linalg.norm(apart, axis=1) <= 1e-6 * radius_um)
        return bonds_at(self.network, sites, kind)

    def release(self, bonds: NDArray[np.integer] | NDArray[np.bool_]) -> Release:
        """Return what some bonds would release if they let go together.

        Parameters
        ----------
        bonds : (n,) int or (n_bonds,) bool
            Bonds of the network. A site parts only where all of its bonds let go.

        Raises
        ------
        ValueError
            If none of them is intact.
        SolveError
            If what is left is unstable.
        """
        return release(self._parted, self.joints, np.asarray(bonds))

    def flaws(self, flaw_um: float, sites: int | None = None) -> Rates:
        """Return what a flaw around each site would release; see `EnergyRelease` for the keys."""
        return self._releases(flaw_um, sites).flaws(self.joints)

    def fronts(self, flaw_um: float) -> Rates:
        """Return the rates along all crack fronts, which advance by a distance."""
        return self._releases(flaw_um, None).fronts(self.joints)

    def _releases(self, flaw_um: float, sites: int | None) -> Releases:
        options = EnergyRelease(flaw=flaw_um, sites=sites)
        return Releases(self._mechanics, self._laws, options, self._solver)


def _state(run: Run, directory: RunDirectory, when: str | float, cycle: int) -> State:
    if when == "end":
        return directory.last_state()[0]
    number = run.snapshot(when, cycle).index
    found = directory.state_at(number)
    if found is None:
        raise ConfigError(
            f"{run.place}: snapshot {number} holds no whole state, which energy release rates need; "
            'output.full_states = true keeps them, and "end" has one'
        )
    return found
