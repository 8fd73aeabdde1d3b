"""States, fields and run directories to write and read back."""

from dataclasses import fields as dataclass_fields

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from latticecell import State, config_from_table
from latticecell.observables import DERIVED, written
from latticecell.output import RunDirectory
from networks import box_network

SIZE = np.array([1.3e-6, 1.3e-6, 2.1e-6])
CONFIG = config_from_table({"name": "small", "microstructure": {"seed": 17}})
AWKWARD = (0.1 + 0.2, 1 / 3, 5e-324, -1.7976931348623157e308, np.pi * 1e-17, -0.0)


def layered(center):
    """Two grains below 0.7 um split at x = 0.65 um, ECBD to 1.4 um, ED above."""
    x, z = center[:, 0], center[:, 2]
    return np.where(z < 0.7e-6, (x > 0.65e-6).astype(int), np.where(z < 1.4e-6, 2, 3))


def make_network(shape=(4, 4, 6)):
    rotations = Rotation.random(2, rng=np.random.default_rng(3)).as_matrix()
    return box_network(shape, SIZE, layered, rotations, fixed=lambda x: np.full(len(x), True))


@pytest.fixture(scope="module", name="network")
def network_fixture():
    return make_network()


def random_state(network, seed=5):
    state, rng = State.zeros(network), np.random.default_rng(seed)
    for field in dataclass_fields(state):
        array = getattr(state, field.name)
        array[...] = rng.normal(size=array.shape)
    state.u_nc[...] *= 1e-8
    state.gap_b[...] *= 1e-8
    state.strain_c[...] = (0.013, -0.021)
    return state


def derived(**values):
    """Fields by key, in the units of their declarations, as a run gives them to its directory (SI)."""
    declared = {field.key: field for field, _ in DERIVED}
    return {declared[key]: np.asarray(value, float) / declared[key].factor for key, value in values.items()}


def snapshot_fields(network, step):
    """Fields of a snapshot, SI: those of ``random_state(network, step + 1)`` and three derived ones."""
    state = random_state(network, step + 1)
    t, b = np.arange(network.n_tets), np.arange(network.n_bonds)
    return written(state) | derived(
        von_mises=0.7 * step + t / 9,
        damage=np.full(network.n_bonds, 0.1 * step),
        traction=np.stack([b + step, -b / 7, np.full(len(b), 3.1)], axis=1),
    )


STRAIN = np.array([0.013, -0.021])


def row(i):
    return {"cycle": 1, "step": i, "kind": "charge, CC", "time_s": 3.7 * i, "voltage_V": AWKWARD[i % 6]}


def started(path, network, snapshots=2, rows=3):
    run = RunDirectory.create(path, CONFIG, network, threads=2, command="latticecell run small.toml")
    for i in range(rows):
        run.append_row(row(i))
    for i in range(snapshots):
        run.write_snapshot(snapshot_fields(network, i), STRAIN, 3.7 * i)
    return run


def assert_same_state(one, other):
    for field in dataclass_fields(one):
        assert getattr(one, field.name).tobytes() == getattr(other, field.name).tobytes(), field.name
