"""Runs in memory: random fields on a network, with a history of a few rows."""

import numpy as np

from latticecell.fields import Field
from latticecell.results import Run

DECLARED = {
    field.key: field
    for field in (
        Field("stoichiometry", "node", title="stoichiometry x"),
        Field("displacement", "node", "um", 1e6, (3,)),
        Field("von_mises", "tet", "GPa", 1e-9, title="von Mises stress", colours="cividis", from_zero=True),
        Field("volumetric_strain", "tet", title="volumetric strain", colours="PuOr_r", diverging=True,
              shown_unit="%", shown_factor=100.0),
        Field("stress", "tet", "GPa", 1e-9, (6,)),
        Field("gap", "bond", "nm", 1e9, title="normal opening", colours="YlOrRd", from_zero=True),
        Field("damage", "bond"),
        Field("broken", "bond"),
        Field("traction", "bond", "MPa", 1e-6, (3,)),
    )
}  # fmt: skip
STRAIN = np.array([0.013, -0.021])


def random_fields(network, seed):
    """A value of every declared field, single precision."""
    rng = np.random.default_rng(seed)
    count = {"node": network.n_nodes, "tet": network.n_tets, "bond": network.n_bonds}
    values = {key: rng.normal(size=(count[f.location], *f.shape)) for key, f in DECLARED.items()}
    values["broken"] = (values["broken"] > 0.8) * 1.0
    return {key: value.astype(np.float32) for key, value in values.items()}


def memory_run(network, *snapshots, columns=None, **parts):
    """A run with a snapshot every 3.7 s; each updates random fields with those given."""
    times = 3.7 * np.arange(len(snapshots))
    made = {
        "time_s": times, "voltage_V": 3.0 + 1.3 * np.arange(len(times)), "cycle": np.ones(len(times)),
        "step": np.ones(len(times)), "kind": np.array(["charge, CC"] * len(times)),
    }  # fmt: skip
    return Run.from_arrays(
        network,
        columns=made if columns is None else columns,
        snapshots=[
            (time, {**random_fields(network, i + 1), **own})
            for i, (time, own) in enumerate(zip(times, snapshots, strict=True))
        ],
        declared=DECLARED,
        strains=[STRAIN * (i + 1) for i in range(len(snapshots))],
        **parts,
    )
