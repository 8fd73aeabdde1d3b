"""Networks of labelled voxels, small: votes, where domains meet, and what comes out against the truth."""

import json

import numpy as np
import pytest

from labelmaps import Truth, salted
from latticecell.errors import ConfigError
from latticecell.imports.agreement import _areas_of_voxels, agreement
from latticecell.imports.load import labelled
from latticecell.meshing.fields import REACH, VoteFields
from latticecell.meshing.generate import build_network
from latticecell.reader import config_from_table, read_config
from latticecell.results import open_run
from latticecell.run import Simulation, noted
from latticecell.study.plan import run_hash


def config(path, label, voxel, *, ecbd, spacing, **labels):
    np.save(path / "map.npy", label)
    table = {
        "file": str(path / "map.npy"), "voxel_size_um": [float(v) for v in voxel], "ecbd": [ecbd],
        "periodic": True, "random_orientations": True, "closed_pores": "fill",
    }  # fmt: skip
    return config_from_table(
        {
            "microstructure": {"seed": 3, "labels": table | labels},
            "geometry": {"separator_um": 2.0},
            "network": {"spacing_um": spacing, "spacing_max_um": 2.0, "growth": 0.5},
        }
    )


def test_votes_are_the_weighted_shares_of_the_voxels():
    rng = np.random.default_rng(0)
    label, voxel = rng.integers(0, 4, (7, 6, 5)).astype(np.int32), np.array([0.5, 0.4, 0.3])
    x = rng.random((40, 3)) * (np.array(label.shape) * voxel)
    fields = VoteFields(label, voxel, 3, 0.7)
    share, slope = fields.shares(x, np.tile(np.arange(4, dtype=np.int32), (40, 1)))
    at = np.stack(np.meshgrid(*[np.arange(-5, n + 5) for n in label.shape], indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    own = label[at[:, 0] % 7, at[:, 1] % 6, np.clip(at[:, 2], 0, 4)]
    apart = x[:, None] / voxel - (at + 0.5)
    inner = np.maximum(1 - (apart**2).sum(axis=2) / (0.7 * REACH) ** 2, 0)
    weight = inner**4
    pull = -8 * inner[..., None] ** 3 * apart / (0.7 * REACH) ** 2 / voxel
    for k in range(4):
        total = weight.sum(axis=1)
        np.testing.assert_allclose(
            share[:, k], weight[:, own == k].sum(axis=1) / total, rtol=1e-12, atol=1e-14
        )
        expected = pull[:, own == k].sum(axis=1) / total[:, None]
        np.testing.assert_allclose(slope[:, k], expected, rtol=1e-10, atol=1e-12)


def test_ecbd_is_where_it_has_half_of_the_votes():
    """Of three grains that meet at the surface none has as many votes as the ECBD, yet it ends at half."""
    label = np.full((16, 16, 16), 2, np.int32)
    label[:, :8, :8], label[:, 8:, :8] = 0, 1
    fields = VoteFields(label, np.ones(3), 2, 0.7)
    z = np.linspace(7.0, 9.0, 41)
    x = np.column_stack([np.full(41, 8.3), np.full(41, 8.01), z])
    np.testing.assert_array_equal(fields.leading(x, 1)[:, 0] == 2, z > 8.0 + 1e-9)


def test_areas_from_changes_of_the_label():
    truth = Truth(12, 5, box=8.0)
    label, voxel = truth.voxels((32, 32, 32))
    area = _areas_of_voxels(label, voxel, 12)
    assert area[:12, 12].sum() == pytest.approx(4 * np.pi * truth.radius**2, rel=0.01)
    assert np.triu(area[:12, :12], 1).sum() == pytest.approx(truth.areas()[0], rel=0.03)


@pytest.mark.parametrize("kind", ["planar", "curved", "salted", "two", "flat"])
def test_small_maps_become_networks(tmp_path, kind):
    """Against the truth: voxels, areas and the volume; a flat voxel is half as high."""
    truth = Truth(10, 2, box=8.0, curved=kind == "curved", two=kind == "two")
    n = (32, 32, 64) if kind == "flat" else (32, 32, 32)
    label, voxel = truth.voxels(n)
    raw = salted(label, np.random.default_rng(1)) if kind == "salted" else label
    made = config(
        tmp_path, raw, voxel, ecbd=truth.grains, spacing=truth.size / 3,
        smoothing=1.0 if kind == "salted" else 0.7,
    )  # fmt: skip
    micro = labelled(made)
    network = build_network(made, micro)
    found = agreement(network, micro)
    assert found.grains == truth.grains
    assert found.lost_grains == found.split_grains == 0
    assert found.tet_quality_min >= 0.1
    assert found.planar == (kind != "curved")
    assert found.particles == (2 if kind == "two" else 1)
    assert found.voxels_right > (0.9 if kind == "salted" else 0.965)
    assert found.particle_volume == pytest.approx((raw < truth.grains).sum() * voxel.prod() * 1e-18, rel=2e-3)
    between, surface = truth.areas()
    assert found.gb_area * 1e12 == pytest.approx(between, rel=0.04)
    assert found.surface * 1e12 == pytest.approx(surface, rel=0.03)
    assert found.contacts_lost <= 2


def test_a_particle_may_cross_the_sides_of_the_cell(tmp_path):
    truth = Truth(4, 1, box=8.0)
    label, voxel = truth.voxels((24, 24, 24))
    rolled = np.roll(label, (9, 12, 0), (0, 1, 2))
    made = config(tmp_path, rolled, voxel, ecbd=truth.grains, spacing=1.0)
    network = build_network(made, labelled(made))
    box = network.box_c[:2]
    assert (network.x_kc[:, :2] >= 0).all()
    assert (network.x_kc[:, :2] < box).all()
    assert agreement(network, labelled(made)).voxels_right > 0.94
    assert network.n_particles == 1


def test_a_run_notes_what_it_needs_and_goes_on_without_the_file(tmp_path):
    truth = Truth(2, 4, box=6.0)
    label, voxel = truth.voxels((20, 20, 20))
    made = config(tmp_path, label, voxel, ecbd=truth.grains, spacing=1.3)
    step = {"kind": "charge", "c_rate": 1.0, "duration_s": 20.0}
    made = made.model_copy(update={"protocol": config_from_table({"protocol": {"steps": [step]}}).protocol})
    run = Simulation.start(made, tmp_path / "run")
    steps = run.advance()
    next(steps)
    steps.close()
    (tmp_path / "map.npy").unlink()
    told = json.loads((tmp_path / "run" / "run.json").read_text())
    assert told["import"]["grains"] == 2
    assert len(told["import"]["grain_rows"]) == 2
    kept = read_config(tmp_path / "run" / "config.toml", laws=False).microstructure.labels
    assert kept.particle_volume == pytest.approx((label < 2).sum() * voxel.prod() * 1e-18)
    *_, last = Simulation.resume(tmp_path / "run").advance()
    assert last.row["time_s"] == pytest.approx(20.0)
    with pytest.raises(ConfigError, match="is not a file"):
        noted(made)


def test_files_are_found_beside_the_file_that_names_them(tmp_path):
    truth = Truth(2, 4, box=6.0)
    label, voxel = truth.voxels((20, 20, 20))
    np.save(tmp_path / "map.npy", np.where(label < 2, label + 1, 0))
    (tmp_path / "o.csv").write_text("label,r1,r2,r3\n1,0,0,1\n2,0,0,0\n")
    sizes = ", ".join(f"{v:.17g}" for v in voxel)
    text = f"""[microstructure.labels]
file = "map.npy"
voxel_size_um = [{sizes}]
orientations = "o.csv"
convention = "rodrigues"
sense = "active"
[network]
spacing_um = 1.0
"""
    (tmp_path / "a.toml").write_text(text)
    micro = labelled(read_config(tmp_path / "a.toml"))
    np.testing.assert_allclose(micro.rotation_gcc[0] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    (tmp_path / "a.toml").write_text(text.replace('sense = "active"\n', ""))
    with pytest.raises(ConfigError, match=r"labels\.sense: is required"):
        read_config(tmp_path / "a.toml")
    (tmp_path / "o.csv").write_text("label,r1,r2,r3\n1,0,0,1\n")
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(ConfigError, match="no orientation of the labels 2"):
        read_config(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text(text.replace("map.npy", "none.npy"))
    with pytest.raises(ConfigError, match=r"none\.npy: is not a file"):
        read_config(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text(text.split("orientations")[0])
    with pytest.raises(ConfigError, match="random_orientations = true"):
        read_config(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text(text.replace("file =", f'sha256 = "{"0" * 64}"\nfile ='))
    with pytest.raises(ConfigError, match="is not the file with the digest"):
        read_config(tmp_path / "a.toml")


def egg(path, changed=False):
    """Write a tiny map with a table of orientations, and return a configuration with both."""
    path.mkdir(exist_ok=True)
    truth = Truth(2, 4, box=6.0)
    label, voxel = truth.voxels((20, 20, 20))
    (path / "o.csv").write_text(f"label,r1,r2,r3\n0,0,0,{1 + changed}\n1,0,0,0\n")
    made = config(
        path, label, voxel, ecbd=2, spacing=1.3, orientations=str(path / "o.csv"), convention="rodrigues",
        sense="active", random_orientations=False,
    )  # fmt: skip
    protocol = config_from_table({"protocol": {"steps": ["Charge at 1C for 20 s"]}}).protocol
    return made.model_copy(update={"protocol": protocol})


def test_runs_of_a_study_know_labels_by_what_they_hold(tmp_path):
    one, same, turned = egg(tmp_path / "a"), egg(tmp_path / "b"), egg(tmp_path / "c", changed=True)
    assert run_hash(one, "3d") == run_hash(same, "3d") == run_hash(noted(one), "3d")
    assert run_hash(one, "3d") != run_hash(turned, "3d")
    map_file = tmp_path / "b" / "map.npy"
    label = np.load(map_file)
    label[tuple(np.argwhere(label == 1)[0])] = 2
    np.save(map_file, label)
    assert run_hash(one, "3d") != run_hash(same, "3d")
    map_file.unlink()
    with pytest.raises(ConfigError, match=r"map\.npy: is not a file"):
        run_hash(same, "3d")


def test_a_run_goes_on_from_one_of_the_same_labels_only(tmp_path):
    *_, last = Simulation.start(egg(tmp_path / "a"), tmp_path / "old").advance()
    more = {"continue_from": str(tmp_path / "old")}
    moved = egg(tmp_path / "b").model_copy(update=more)  # the same content in another place
    *_, end = Simulation.start(moved, tmp_path / "new").advance()
    assert end.row["time_s"] == pytest.approx(2 * last.row["time_s"])
    seen = open_run(tmp_path / "new")
    own = seen.network.x_nc[seen.network.is_active_n] * 1e6
    apart = np.linalg.norm(own - seen.particle_center[0], axis=1)  # the particle crosses no side
    assert seen.particle_reach[0] == pytest.approx(apart.max(), rel=1e-12)
    assert 1.0 < seen.particle_reach[0] / seen.particle_radius[0] < 1.1
    turned = egg(tmp_path / "c", changed=True).model_copy(update=more)
    with pytest.raises(ConfigError, match=r"cell must be the same.*microstructure\.labels\.orientations"):
        Simulation.start(turned, tmp_path / "other")
