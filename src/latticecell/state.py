"""The state of a cell: named arrays whose content changes and whose identity never does."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

import numpy as np

from latticecell.arrays import Floats
from latticecell.fields import Field, declarations
from latticecell.network import Network

CHARGE, SWELLING, WALL, VISCOUS, BENDING, ELECTRIC = range(6)
"""Columns of ``State.passed``."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything that a run carries from one accepted step to the next.

    Each attribute is declared once, with unit and meaning; see `latticecell.fields`. Lengths, rates
    and bends are what the next step needs of those before; see `latticecell.marching`. Values are SI.
    """

    time: Annotated[Floats, Field("", "cell", "s", shape=(1,), meaning="Simulated time.")]
    voltage: Annotated[Floats, Field("", "cell", "V", shape=(1,), meaning="Cell voltage.")]
    stoich_n: Annotated[
        Floats,
        Field("stoichiometry", "node", domain="grains", title="stoichiometry x",
              meaning="Li stoichiometry c / c_max; 0 outside the grains."),
    ]  # fmt: skip
    salt_n: Annotated[
        Floats,
        Field("salt", "node", "mol_per_m3", domain="matrix", title="salt concentration",
              meaning="Salt of a binary electrolyte; 0 in the grains and in single-ion conductors."),
    ]  # fmt: skip
    phi_s_n: Annotated[
        Floats,
        Field("phi_s", "node", "V", domain="ecbd", title="electron potential",
              meaning="Electron potential of the ECBD; 0 elsewhere."),
    ]  # fmt: skip
    phi_l_n: Annotated[
        Floats,
        Field("phi_l", "node", "V", domain="matrix", title="ion potential",
              shown_unit="mV", shown_factor=1e3,
              meaning="Ion potential of the ECBD and the ED; 0 in the grains."),
    ]  # fmt: skip
    current_b: Annotated[
        Floats,
        Field("current", "bond", "A_per_m2", title="reaction current", colours="RdBu_r", diverging=True,
              meaning="Reaction current density i_n, positive for delithiation; 0 on grain boundaries."),
    ]  # fmt: skip
    u_nc: Annotated[
        Floats,
        Field("displacement", "node", "um", 1e6, shape=(3,), shown_unit="nm", shown_factor=1e9,
              meaning="Displacement, periodic part; the mean lateral strain comes on top."),
    ]  # fmt: skip
    strain_c: Annotated[
        Floats, Field("", "cell", shape=(2,), meaning="Mean lateral strain of the periodic cell, x and y.")
    ]
    history_bh: Annotated[
        Floats, Field("", "bond", shape=(1,), meaning="History of the cohesive laws, their columns.")
    ]
    gap_b: Annotated[
        Floats,
        Field("gap", "bond", "nm", 1e9, title="normal opening", colours="YlOrRd", from_zero=True,
              meaning="Normal opening of a bond; negative in contact."),
    ]  # fmt: skip
    broke_b: Annotated[
        Floats,
        Field("", "bond", "s", meaning="Time when a bond broke; 0 of whole ones, nan if it was not noted."),
    ]  # fmt: skip
    psi_n: Annotated[Floats, Field("", "node", meaning="Stress potential Omega sigma_h / RT that drives Li.")]
    lengths: Annotated[
        Floats,
        Field("", "cell", "s", shape=(3,),
              meaning="Lengths of the last steps of this stage, newest first; 0 where there was none."),
    ]  # fmt: skip
    response: Annotated[
        Floats,
        Field("", "cell", shape=(1,),
              meaning="Change of the results in a repeat over that of the lagged fields, by tolerances."),
    ]  # fmt: skip
    voltage_rate: Annotated[
        Floats, Field("", "cell", "V_per_s", shape=(1,), meaning="Rate of voltage over the last step.")
    ]
    stoich_rate_n: Annotated[
        Floats, Field("", "node", "per_s", meaning="Rate of stoich_n over the last step.")
    ]
    salt_rate_n: Annotated[Floats, Field("", "node", "mol_per_m3_s", meaning="The same of salt_n.")]
    u_rate_nc: Annotated[Floats, Field("", "node", "m_per_s", shape=(3,), meaning="The same of u_nc.")]
    gap_rate_b: Annotated[Floats, Field("", "bond", "m_per_s", meaning="The same of gap_b.")]
    psi_rate_n: Annotated[Floats, Field("", "node", "per_s", meaning="The same of psi_n.")]
    phi_s_rate_n: Annotated[Floats, Field("", "node", "V_per_s", meaning="The same of phi_s_n.")]
    phi_l_rate_n: Annotated[Floats, Field("", "node", "V_per_s", meaning="The same of phi_l_n.")]
    passed_rate: Annotated[Floats, Field("", "cell", shape=(6,), meaning="The same of passed.")]
    voltage_bend: Annotated[
        Floats, Field("", "cell", "V_per_s2", shape=(1,), meaning="Second difference of voltage.")
    ]
    stoich_bend_n: Annotated[Floats, Field("", "node", "per_s2", meaning="The same of stoich_n.")]
    gap_bend_b: Annotated[Floats, Field("", "bond", "m_per_s2", meaning="The same of gap_b.")]
    psi_bend_n: Annotated[Floats, Field("", "node", "per_s2", meaning="The same of psi_n.")]
    phi_s_bend_n: Annotated[Floats, Field("", "node", "V_per_s2", meaning="The same of phi_s_n.")]
    phi_l_bend_n: Annotated[Floats, Field("", "node", "V_per_s2", meaning="The same of phi_l_n.")]
    passed: Annotated[
        Floats,
        Field("", "cell", shape=(6,),
              meaning="Integrals since the start: charge [C]; swelling, wall, viscous and bending work, and "
              "electrical energy put in [J]."),
    ]  # fmt: skip

    @classmethod
    def zeros(cls, network: Network, history_columns: int = 1) -> State:
        """Return an all-zero state sized from ``network`` and what the cohesive laws remember of a bond."""
        count = {"node": network.n_nodes, "tet": network.n_tets, "bond": network.n_bonds}
        shapes = {
            name: field.shape if field.location == "cell" else (count[field.location], *field.shape)
            for name, field in declarations(State).items()
        }
        shapes["history_bh"] = (network.n_bonds, history_columns)
        return cls(**{name: np.zeros(shape) for name, shape in shapes.items()})

    def assign(self, other: State) -> None:
        """Copy the content of ``other`` into this state."""
        for field in fields(self):
            getattr(self, field.name)[...] = getattr(other, field.name)

    def copy(self) -> State:
        """Return an independent copy."""
        return State(**{field.name: getattr(self, field.name).copy() for field in fields(self)})
