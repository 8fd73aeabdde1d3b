"""Linear systems of the equilibrium in named states of a cell, for comparisons on the same matrices.

Grains of one composition are emptied and filled again in steps, the equilibrium of each step is found, and
the first system of the next step is kept: tangents of the bonds, and forces out of balance. A file holds
besides what a `Tangent` is made of. ``python benchmarks/states.py FOLDER SIZE...`` writes what is missing.
"""

import sys
from pathlib import Path

import numpy as np
import scipy.sparse as sp

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from cells import mechanics_of, shrinkage
from latticecell import State, config_from_table
from latticecell.errors import SolveError
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.solvers.tangent import Tangent

SIZES = {"2k": (0.85, 3.0, 0.4), "8k": (0.52, 2.0, 0.3), "20k": (0.365, 1.5, 0.25), "50k": (0.26, 1.2, 0.2)}
FULL_CHARGE = -0.0063
"""Linear contraction of the grains at the end of a charge."""
STEPS = np.r_[np.linspace(0, 1, 15), np.linspace(1, 0, 8)[1:]]
"""Shares of a charge."""
LONGEST, RATE = 120.0, 0.08 / 120.0
"""Longest step [s], and shares of a charge in a second."""
BREAKABLE = {"mode": "breakable", "strength_MPa": 50.0, "fracture_energy_J_per_m2": 0.13, "viscosity_s": 5.0}
TWO = [{"center_um": [5.2, 5.2, 5.5], "radius_um": 4.2}, {"center_um": [11.6, 11.4, 8.6], "radius_um": 3.1}]
NAMES = ["intact", "half open", "open", "half closed", "closed again"]
CELLS = {
    "tied": {"interface": {"strength_MPa": 60.0, "fracture_energy_J_per_m2": 0.2, "viscosity_s": 5.0}},
    "cracking": {"interface": {"viscosity_s": 5.0}, "grain_boundary": BREAKABLE},
    "particles": {
        "interface": {"viscosity_s": 5.0},
        "grain_boundary": BREAKABLE,
        "geometry": {"width_um": 16.0, "cathode_um": 14.0, "separator_um": 4.0, "particles": TWO},
        "microstructure": {"grains": 14},
    },
}  # fmt: skip


def follow(kind, size):
    """Yield the share of the charge, the mechanics, and the first system of the step after it."""
    spacing, largest, growth = SIZES[size]
    network = {"spacing_um": spacing, "spacing_max_um": largest, "growth": growth}
    config = config_from_table({"network": network, **CELLS[kind]})
    lattice = build_network(config, build_microstructure(config))
    mechanics = mechanics_of(config, lattice)
    state = State.zeros(lattice, mechanics.bonds.n_columns)
    bonds = mechanics.bonds
    now = 0.0
    for share, after in zip(STEPS, np.r_[STEPS[1:], -0.1], strict=True):
        now, length = advance(config, mechanics, state, now, share)
        eigen = shrinkage(config, lattice, FULL_CHARGE * after)
        force = mechanics.imbalance(state.u_nc, state.strain_c, eigen, state, length).force
        opening = bonds.opening(state.u_nc)
        tangent = bonds.respond(opening, opening, state.history_bh[bonds.active_b], length, "clipped")
        yield share, mechanics, state, tangent.tangent_bcc, force


def advance(config, mechanics, state, now, until):
    """Follow the equilibrium to a share of the charge, in shorter steps where they fail."""
    length = LONGEST
    while True:
        share = until if abs(until - now) <= RATE * length else now + np.sign(until - now) * RATE * length
        try:
            found = mechanics.solve(shrinkage(config, mechanics.network, FULL_CHARGE * share), state, length)
        except SolveError:
            length /= 3
            continue
        for name in ("u_nc", "strain_c", "history_bh", "gap_b"):
            getattr(state, name)[...] = getattr(found, name)
        now = share
        if now == until:
            return now, length


def write(folder, kind, size):
    """Write the systems along the way of one cell."""
    kept, told = {}, []
    for step, (share, mechanics, state, tangent_bcc, force) in enumerate(follow(kind, size)):
        summary = mechanics.bond_summary(state)
        told.append((share, summary.interface_broken, summary.gb_broken, summary.fragments))
        kept |= {f"tangent_{step}": tangent_bcc, f"force_{step}": force}
    lattice = mechanics.lattice.stiffness_matrix()
    np.savez(
        Path(folder) / f"{kind}_{size}.npz",
        data=lattice.data, indices=lattice.indices, indptr=lattice.indptr, unknown_n=mechanics.unknown_n,
        bond_bn=mechanics.bonds.node_bn, x_ic=mechanics.network.x_nc[mechanics.node_i], told=np.array(told),
        **kept,
    )  # fmt: skip


def named(told):
    """Steps of the states that have a name, from the shares of the charge and of broken bonds."""
    charge, broken = told[:15, 0], told[:15, 1:3].max(axis=1)
    middle = int(np.abs(broken - 0.5 * broken.max()).argmin())
    steps = (0, middle, len(charge) - 1, len(charge) + 3, len(told) - 1)
    return dict(zip(NAMES, steps, strict=True))


def read(path):
    """Return the `Tangent`, the positions of its unknowns, and {state: (tangents of the bonds, force)}."""
    with np.load(path) as kept:
        lattice = sp.bsr_matrix((kept["data"], kept["indices"], kept["indptr"]))
        tangent = Tangent(lattice, kept["unknown_n"], kept["bond_bn"])
        systems = {
            name: (kept[f"tangent_{k}"], kept[f"force_{k}"]) for name, k in named(kept["told"]).items()
        }
        return tangent, kept["x_ic"], systems


if __name__ == "__main__":
    for size in sys.argv[2:]:
        for kind in CELLS:
            if not (Path(sys.argv[1]) / f"{kind}_{size}.npz").exists():
                write(sys.argv[1], kind, size)
