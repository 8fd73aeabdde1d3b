"""The state of a cell: named arrays whose content changes and whose identity never does."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from latticecell.network import Network

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class State:
    """Everything that a run carries from one accepted step to the next.

    Attributes
    ----------
    time, voltage : (1,) float64
        Simulated time [s] and cell voltage [V].
    stoich_n : (n_nodes,) float64
        Li stoichiometry c / c_max [1]; 0 on nodes outside the grains.
    salt_n : (n_nodes,) float64
        Salt concentration of a binary electrolyte [mol/m3]; 0 in the grains and in single-ion conductors.
    phi_s_n, phi_l_n : (n_nodes,) float64
        Electron and ion potentials [V]; 0 where the node carries no such field (phi_s: ECBD only;
        phi_l: ECBD and ED).
    current_b : (n_bonds,) float64
        Reaction current density i_n [A/m2], positive for delithiation; 0 on GB bonds.
    u_nc : (n_nodes, 3) float64
        Displacement [m], periodic part.
    strain_c : (2,) float64
        Mean lateral strain of the periodic cell along x and y [1].
    stretch_b : (n_bonds,) float64
        Largest effective opening that the bond has seen [m], the damage history.
    gap_b : (n_bonds,) float64
        Normal opening [m]; negative in contact.
    psi_n : (n_nodes,) float64
        Stress potential Omega sigma_h / (R T) that drives Li [1].
    u_rate_nc, gap_rate_b, psi_rate_n : float64
        Rates over the last accepted step [m/s, m/s, 1/s]; they predict the next one.
    passed : (4,) float64
        Integrals since the start of the run: charge passed [C], and swelling work, wall work and viscous
        work [J].
    """

    time: Floats
    voltage: Floats
    stoich_n: Floats
    salt_n: Floats
    phi_s_n: Floats
    phi_l_n: Floats
    current_b: Floats
    u_nc: Floats
    strain_c: Floats
    stretch_b: Floats
    gap_b: Floats
    psi_n: Floats
    u_rate_nc: Floats
    gap_rate_b: Floats
    psi_rate_n: Floats
    passed: Floats

    @classmethod
    def zeros(cls, network: Network) -> State:
        """Return an all-zero state sized from ``network``."""
        sizes = {"n": network.n_nodes, "b": network.n_bonds}
        shapes: dict[str, tuple[int, ...]] = {
            "time": (1,),
            "voltage": (1,),
            "u_nc": (network.n_nodes, 3),
            "strain_c": (2,),
            "u_rate_nc": (network.n_nodes, 3),
            "passed": (4,),
        }
        return cls(
            **{
                field.name: np.zeros(shapes.get(field.name) or (sizes[field.name[-1]],))
                for field in fields(cls)
            }
        )

    def assign(self, other: State) -> None:
        """Copy the content of ``other`` into this state."""
        for field in fields(self):
            getattr(self, field.name)[...] = getattr(other, field.name)

    def copy(self) -> State:
        """Return an independent copy."""
        return State(**{field.name: getattr(self, field.name).copy() for field in fields(self)})
