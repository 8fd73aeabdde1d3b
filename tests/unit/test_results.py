"""`Run`: one object for everything that a run has left, from a directory or from arrays."""

import numpy as np
import pytest

import latticecell as lc
from latticecell.fields import Field
from latticecell.results import Run
from networks import box_network
from rundirs import SIZE, layered

STEPS = (("charge", 3), ("hold", 2), ("discharge", 4))
FIELDS = {
    "stoichiometry": Field("stoichiometry", "node", domain="grains", meaning="Li."),
    "displacement": Field("displacement", "node", "um", 1e6, (3,), meaning="u."),
    "stress": Field("stress", "tet", "GPa", 1e-9, (6,), meaning="Stress."),
    "gap": Field("gap", "bond", "nm", 1e9, meaning="Gap."),
    "damage": Field("damage", "bond", meaning="Damage."),
    "broken": Field("broken", "bond", meaning="Broken."),
    "traction": Field("traction", "bond", "MPa", 1e-6, (3,), meaning="Traction."),
}
GRADIENT = np.array([[1.3e-3, -0.7e-3, 0.4e-3], [0.2e-3, 0.9e-3, -1.1e-3], [0.6e-3, 0.5e-3, -2.3e-3]])
STRAIN = np.array([0.013, -0.021])


@pytest.fixture(scope="module")
def network():
    rotations = np.stack([np.eye(3), np.eye(3)[[1, 2, 0]]])
    return box_network((4, 4, 6), SIZE, layered, rotations, fixed=lambda x: np.full(len(x), True))


def history(cycles=2):
    kind, cycle, step = [], [], []
    for c in range(cycles):
        for number, (name, rows) in enumerate(STEPS):
            kind += [name] * rows
            cycle += [c + 1] * rows
            step += [number + 1] * rows
    n = len(kind)
    time = 10.0 * np.arange(n)
    sign = np.array([{"charge": 1.0, "hold": 0.5, "discharge": -1.0}[name] for name in kind])
    return {
        "cycle": np.array(cycle, float), "step": np.array(step, float), "kind": np.array(kind),
        "time_s": time, "dt_s": np.full(n, 10.0), "voltage_V": 3.0 + 0.01 * np.arange(n),
        "charge_C": np.cumsum(sign * 10.0),
    }  # fmt: skip


def fields_of(network, i):
    rng = np.random.default_rng(i)
    u = np.zeros((network.n_nodes, 3))
    u[network.domain_n < 1] = (0.0, 0.0, -2e-3 * i)  # grain 0 moves as one piece [um]
    return {
        "stoichiometry": rng.random(network.n_nodes), "displacement": u,
        "stress": rng.normal(size=(network.n_tets, 6)), "gap": rng.normal(size=network.n_bonds),
        "damage": rng.random(network.n_bonds), "broken": (rng.random(network.n_bonds) > 0.5) * 1.0,
        "traction": rng.normal(size=(network.n_bonds, 3)),
    }  # fmt: skip


@pytest.fixture
def run(network):
    times = (0.0, 20.0, 47.0, 90.0, 170.0)
    return Run.from_arrays(
        network,
        columns=history(),
        snapshots=[(t, fields_of(network, i)) for i, t in enumerate(times)],
        declared=FIELDS,
        strains=[STRAIN * i for i in range(len(times))],
        info_={"name": "made", "status": "done"},
    )


def test_stages_and_cycles(run):
    assert [(s.cycle, s.kind) for s in run.stages[:4]] == [
        (1, "charge"), (1, "hold"), (1, "discharge"), (2, "charge")
    ]  # fmt: skip
    assert run.cycles[0].charge_time == 40.0  # the first row is the cell at rest
    assert run.cycles[1].efficiency == pytest.approx(40.0 / 40.0)


@pytest.mark.parametrize(
    ("when", "cycle", "index"),
    [("last", 1, 4), ("charge_end", 1, 1), ("discharge_end", 1, 3), ("charge_begin", 1, 0),
     ("charge_end", 2, 3), ("discharge_end", 2, 4), (46.0, 1, 2), ("1e2", 1, 3), (1e9, 1, 4)],
)  # fmt: skip
def test_snapshot_by_moment(run, when, cycle, index):
    assert run.snapshot(when, cycle).index == index


@pytest.mark.parametrize("when", ["noon", "rest_end", "charge_middle", "nan", "inf"])
def test_unknown_moment(run, when):
    with pytest.raises(lc.ConfigError, match=f"time '?{when}'?"):
        run.snapshot(when)


def test_snapshot_knows_its_row(run):
    shot = run.snapshots[2]
    assert (shot.time, shot.row, shot.kind, shot.cycle) == (47.0, 5, "discharge", 1)
    assert shot.voltage == pytest.approx(3.05)
    assert [s.index for s in run.snapshots[1:3]] == [1, 2]
    with pytest.raises(IndexError):
        run.snapshots[5]


def test_unknown_field_names_the_nearest(run):
    with pytest.raises(lc.ConfigError, match=r"'stoichimetry'.*did you mean stoichiometry\?"):
        run.snapshot()["stoichimetry"]


def test_displacement_at_points_carries_the_mean_strain(run, network):
    shot = run.snapshots[3]
    mesh = run.mesh
    outside = mesh.node_domain[mesh.node_of_point] >= 1
    u = shot.at_points("displacement")[outside]
    np.testing.assert_allclose(u[:, :2], 3 * STRAIN * mesh.points[outside, :2], rtol=1e-12)
    np.testing.assert_allclose(u[:, 2], 0.0)


def test_strain_tensor_of_a_linear_field(network):
    x = network.x_nc
    inside = np.ptp(network.x_nc[network.tet_tn][:, :, :2], axis=1).max(axis=1) < 0.5e-6  # not across a side
    values = {**fields_of(network, 0), "displacement": 1e6 * x @ GRADIENT.T}
    run = Run.from_arrays(network, snapshots=[(0.0, values)], declared=FIELDS, strains=[STRAIN])
    expected = 0.5 * (GRADIENT + GRADIENT.T)
    expected[(0, 1), (0, 1)] += STRAIN
    found = run.snapshots[0].strain_tensor()[inside]
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-15)


def test_tensor_components_stand_where_vtk_has_them(run):
    value = run.snapshots[1]["stress"][17]
    xx, yy, zz, xy, yz, xz = value
    np.testing.assert_array_equal(
        run.snapshots[1].tensor("stress")[17], [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]
    )


def test_bonds_open_as_their_sides_move_apart(run, network):
    shot = run.snapshots[2]  # grain 0 has moved down by 4 nm
    bonds = shot.bonds
    one = (bonds.grains_be == [0, 2]).all(axis=1)  # grain 0 below, ECBD above
    flat = one & (np.abs(bonds.normal_bc[:, 2]) > 0.999)
    assert flat.any()
    np.testing.assert_allclose(bonds.opening_bc[flat], np.tile([0, 0, 4e-9], (flat.sum(), 1)), atol=1e-20)
    np.testing.assert_allclose(bonds.slip_b[flat], 0.0, atol=1e-20)
    side = (bonds.grains_be == [0, 1]).all(axis=1) & (np.abs(bonds.normal_bc[:, 0]) > 0.999)
    np.testing.assert_allclose(bonds.slip_b[side], 4e-9, rtol=1e-12)
    np.testing.assert_allclose(bonds.gap_b, 1e-9 * shot["gap"])
    np.testing.assert_allclose(bonds.traction_bc, 1e6 * shot["traction"])


def test_grains(run, network):
    grains = run.grains
    np.testing.assert_allclose(grains.c_axis_gc[1], [0.0, 1.0, 0.0])
    np.testing.assert_allclose(grains.volume_g.sum(), 1e18 * network.volume_t[network.is_active_t].sum())


def test_a_run_without_fields_says_so():
    run = Run.from_arrays(None, columns=history())
    assert run.cycles[0].cycle == 1
    with pytest.raises(lc.ConfigError, match="1-D cell"):
        run.snapshot()


def test_refresh_reads_again(network):
    columns = history(1)
    run = Run.from_arrays(network, columns=columns)
    assert len(run.history["time_s"]) == 9
    run.source.columns["time_s"] = run.source.columns["time_s"][:4]
    assert len(run.history["time_s"]) == 9
    run.refresh()
    assert len(run.history["time_s"]) == 4
    with pytest.raises(lc.ConfigError, match="no snapshots"):
        run.snapshot()
