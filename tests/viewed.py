"""A run in memory that is easy to predict on pictures: two grains in a cube, one boundary, made-up fields."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from latticecell.fields import Field, declarations
from latticecell.network import GB_BOND
from latticecell.results import Run
from latticecell.state import State
from networks import box_network

SIZE = np.array([3.1e-6, 3.1e-6, 5.3e-6])
UM = 1e6
BOX = SIZE * UM
CENTER = np.array([0.5, 0.5, 0.4]) * BOX
WALL = CENTER[0]  # grains 0 and 1 meet at this x [um]
OPEN_NM = 37.0
ROTATIONS = Rotation.random(2, rng=np.random.default_rng(19)).as_matrix()
WRITTEN = {field.key: field for field in declarations(State).values()}
DECLARED = {
    **{key: WRITTEN[key] for key in ("stoichiometry", "phi_l", "displacement", "gap")},
    "von_mises": Field("von_mises", "tet", "GPa", 1e-9, title="von Mises stress", colours="cividis"),
    "hydrostatic": Field(
        "hydrostatic", "tet", "GPa", 1e-9, title="pressure", colours="RdBu_r", diverging=True
    ),
    "stress": Field("stress", "tet", "GPa", 1e-9, (6,)),
    "damage": Field("damage", "bond", title="bond damage", colours="cividis", fraction=True),
    "broken": Field("broken", "bond", fraction=True),
}


def two_grains(center):
    """A cube of two grains that meet at the middle x, in ECBD up to z = 0.8, ED above."""
    inside = (np.abs(center / SIZE - [0.5, 0.5, 0.4]) < [0.3, 0.3, 0.2]).all(axis=1)
    grain = np.where(center[:, 0] < 0.5 * SIZE[0], 0, 1)
    return np.where(inside, grain, np.where(center[:, 2] < 0.8 * SIZE[2], 2, 3))


def make_run(*, broken=GB_BOND, at=None, move=0.0):
    """Run of two snapshots: intact, then the bonds of kind ``broken`` are open (``at``: at that x [um]).

    Stoichiometry rises with z from 0.2 to 0.8, von Mises stress with x, stress zz with y; the first grain
    moves by ``-move`` um along x in the second snapshot.
    """
    network = replace(
        box_network((10, 10, 10), SIZE, two_grains, ROTATIONS, jitter=0.0),
        particle_center_pc=CENTER[None] / UM,
        particle_radius_p=np.array([1.1e-6]),
    )
    x = network.x_nc / SIZE
    middle = network.unwrapped_tac().mean(axis=1) / SIZE
    snapshots = []
    for step in (0, 1):
        chosen = (network.kind_b == broken) & (step == 1)
        if at is not None:
            chosen &= np.abs(x[network.bond_bn[:, 0], 0] * BOX[0] - at) < 1e-3
        u = np.zeros((network.n_nodes, 3))
        u[network.domain_n == 0, 0] = -move * step
        fields = {
            "stoichiometry": np.where(network.is_active_n, 0.2 + 0.6 * (x[:, 2] - 0.2) / 0.4, 0),
            "phi_l": np.where(network.is_active_n, 0, 0.1 * x[:, 2]),
            "displacement": u,
            "gap": np.where(chosen, OPEN_NM, 0),
            "von_mises": middle[:, 0],
            "hydrostatic": middle[:, 0] - 0.5,
            "stress": np.outer(middle[:, 1], [0, 0, 1, 0, 0, 0]),
            "damage": chosen.astype(float),
            "broken": chosen.astype(float),
        }
        snapshots.append((13.7 * step, fields))
    rows = {
        "kind": np.array(["charge", "discharge"]), "cycle": np.ones(2), "step": np.array([1.0, 2.0]),
        "time_s": np.array([0.0, 13.7]), "voltage_V": np.array([4.1, 3.8]),
    }  # fmt: skip
    return Run.from_arrays(network, columns=rows, snapshots=snapshots, declared=DECLARED)
