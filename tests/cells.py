"""A tiny cell that runs in seconds: 8 grains, coarse network."""

import numpy as np

from latticecell import config_from_table
from latticecell.electrochemistry import Electrochemistry
from latticecell.materials import electro_laws, mechanical_laws
from latticecell.physics.eigenstrain import LithiumExpansion
from latticecell.physics.mechanics import Mechanics

TINY = {
    "name": "tiny",
    "microstructure": {"grains": 8, "seed": 7},
    "network": {"spacing_um": 1.4, "spacing_max_um": 4.0, "growth": 0.6},
    "protocol": {
        "current_1c_nA": 0.6672,
        "steps": [
            {"kind": "charge", "c_rate": 2.0, "duration_s": 300.0},
            {"kind": "rest", "duration_s": 40.0},
            {"kind": "discharge", "c_rate": 2.0, "duration_s": 120.0},
        ],
    },
    "output": {"fields_every": 3, "checkpoint_every": 2},
}


def tiny(**sections):
    """`Config` of the tiny cell with sections updated: ``tiny(solver={"threads": 2})``."""
    table = {key: dict(value) if isinstance(value, dict) else value for key, value in TINY.items()}
    for name, values in sections.items():
        table[name] = {**table.get(name, {}), **values} if isinstance(values, dict) else values
    return config_from_table(table)


def electrochemistry(table, network, n_threads=1):
    """Electrochemistry of a table of keys on a network."""
    config = config_from_table(table)
    return Electrochemistry(electro_laws(config), network, config.solver, n_threads)


def mechanics_of(config, network):
    """Equilibrium solver of a cell."""
    return Mechanics(mechanical_laws(config), network, config.solver)


def shrinkage(config, network, linear):
    """Eigenstrain (n_tets, 6) of grains whose linear expansion is ``linear``, a number or (n_nodes,)."""
    linear_n = np.where(network.is_active_n, linear, 0.0)
    return LithiumExpansion(mechanical_laws(config), network).of_linear(linear_n)


SMALL = {
    "geometry": {
        "width_um": 6.0, "cathode_um": 6.0, "separator_um": 2.0,
        "particles": [{"center_um": [3.0, 3.0, 3.0], "radius_um": 2.0}],
    },
    "microstructure": {"grains": 3},
    "network": {"spacing_um": 1.3, "spacing_max_um": 2.9, "growth": 0.9},
    "grain_boundary": {"mode": "breakable", "strength_MPa": 50.0, "viscosity_s": 5.0},
    "interface": {"viscosity_s": 5.0},
    "output": {"fields_every": 0, "stage_ends": False},
    "solver": {"viscous_share_max": 1.0},
}  # fmt: skip
"""Table of a cracking particle of 2 um on about 200 nodes."""
