"""The balances that every step keeps: Li, energy, and the salt of a binary electrolyte."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latticecell.arrays import Floats
from latticecell.electrochemistry import Electrochemistry
from latticecell.errors import SolveError
from latticecell.numerics import ENERGY_LIMIT, LITHIUM_LIMIT, SALT_LIMIT
from latticecell.physics.mechanics import Energies, Mechanics
from latticecell.state import BENDING, CHARGE, SWELLING, VISCOUS, WALL, State
from latticecell.units import FARADAY

ENERGY_FLOOR = 1e-3
"""Share of the energy that would separate all bonds below which energies are too small to be balanced."""
VISCOUS_FLOOR = 1e-2
"""The same below which nothing is said of the viscous share."""


@dataclass(frozen=True, slots=True)
class Balances:
    """What a state lacks since the start of its run.

    Attributes
    ----------
    energies : Energies
        Stored and lost [J].
    lithium : float
        Li gained and charge passed, over the Li at the start [1].
    energy : float
        Work done less what is stored and lost, over the larger of both [1].
    salt : float
        Salt gained over that at the start [1]; 0 without a binary electrolyte.
    viscous : float
        What viscous tractions took of all that cracks cost so far [1].
    """

    energies: Energies
    lithium: float
    energy: float
    salt: float
    viscous: float

    def check(self, time: float) -> None:
        """Raise `SolveError` if a balance is lost, naming it and the time [s]."""
        limits = {"lithium": LITHIUM_LIMIT, "energy": ENERGY_LIMIT, "salt": SALT_LIMIT}
        for name, limit in limits.items():
            off = abs(float(getattr(self, name)))
            if not off <= limit:
                reason = f"the balance of {name} is off by {off:.2g}, more than {limit:g}"
                if name == "energy":
                    reason += "; solver.mechanics_tolerance may be too large"
                raise SolveError(reason, field="audit", residual=off, time=time)

    def bound_viscosity(self, most: float, time: float) -> None:
        """Raise `SolveError` if viscous tractions took a larger share than ``most`` until a time [s]."""
        if self.viscous > most:
            raise SolveError(
                f"viscous tractions took {self.viscous:.2g} of the energy of cracks, more than "
                f"solver.viscous_share_max = {most:g}; lower viscosity_s, or let cracks run by events "
                '(grain_boundary.release = "events")',
                field="audit", residual=self.viscous, time=time,
            )  # fmt: skip


class Audit:
    """Compares what a state holds with what has passed into it.

    Parameters
    ----------
    electro : Electrochemistry
    mechanics : Mechanics
    """

    def __init__(self, electro: Electrochemistry, mechanics: Mechanics):
        network, laws = mechanics.network, electro.laws
        self._mechanics, self._salt = mechanics, electro.salt
        self._c_max, self._active_n = laws.c_max, np.flatnonzero(network.is_active_n)
        self._volume_n = network.volume_n[self._active_n]
        self._lithium_0 = laws.initial_stoichiometry * laws.c_max * float(self._volume_n.sum())
        self._least_energy = max(ENERGY_FLOOR * mechanics.bonds.separation_energy, 1e-30)
        self._told_energy = max(VISCOUS_FLOOR * mechanics.bonds.separation_energy, 1e-30)
        if self._salt is not None:
            self._salt_0 = self._salt.amount(np.where(self._salt.on_n, self._salt.mean, 0.0))

    def balances(self, state: State, eigen_tv: Floats) -> Balances:
        """Return the balances of a state whose eigenstrain is ``eigen_tv``, (n_tets, 6) Voigt [1]."""
        energies = self._mechanics.energies(state, eigen_tv)
        kept = energies.elastic + energies.bonds + energies.interface_dissipated + energies.gb_dissipated
        given = float(state.passed[[SWELLING, WALL, BENDING]].sum()) - float(state.passed[VISCOUS])
        viscous = float(state.passed[VISCOUS])
        cracks = viscous + energies.interface_dissipated + energies.gb_dissipated
        lithium = self._c_max * float(self._volume_n @ state.stoich_n[self._active_n])
        return Balances(
            energies,
            (lithium - self._lithium_0 + float(state.passed[CHARGE]) / FARADAY) / self._lithium_0,
            (given - kept) / max(kept, abs(given), self._least_energy),
            0.0 if self._salt is None else self._salt.amount(state.salt_n) / self._salt_0 - 1,
            viscous / cracks if cracks > self._told_energy else 0.0,
        )
