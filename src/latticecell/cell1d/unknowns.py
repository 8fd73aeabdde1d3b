"""What is given to the 1-D cell, and its algebraic unknowns by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from latticecell.arrays import Floats


@dataclass(frozen=True, slots=True)
class Control:
    """What is given: "current" [A/m2] or "power" [W/m2], positive while charging, or "voltage" [V]."""

    kind: Literal["current", "power", "voltage"]
    value: float

    def miss(self, voltage: float, density: float) -> tuple[float, float, float]:
        """Return what is there less what is given, and its derivatives by voltage and current density."""
        if self.kind == "power":
            return voltage * density - self.value, density, voltage
        if self.kind == "current":
            return density - self.value, 0.0, 1.0
        return voltage - self.value, 1.0, 0.0


class Fields(NamedTuple):
    """The algebraic unknowns, apart.

    Attributes
    ----------
    current_s : (n_spheres,) float64
        Reaction current density i_n, positive for delithiation [A/m2].
    phi_s_k, phi_l_j : (n_cathode,), (n_slices,) float64
        Potentials of electrons and ions [V].
    voltage : float
        [V]
    density : float
        Current density of the cell, positive while charging [A/m2].
    """

    current_s: Floats
    phi_s_k: Floats
    phi_l_j: Floats
    voltage: float
    density: float
