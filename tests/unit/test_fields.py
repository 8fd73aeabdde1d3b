"""Snapshots: values and declarations, one file each, and what VTK reads through the index."""

import shutil

import h5py
import numpy as np
import pytest

from latticecell import ConfigError, State
from latticecell.fields import Field
from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.observables import DERIVED, VTK_OF_VOIGT, written
from latticecell.output import Mesh, RunDirectory
from networks import box_network
from rundirs import (  # noqa: F401
    CONFIG,
    SIZE,
    STRAIN,
    derived,
    make_network,
    network_fixture,
    random_state,
    snapshot_fields,
    started,
)

STORED = {
    "node": {"displacement_um", "stoichiometry", "salt_mol_per_m3", "phi_s_V", "phi_l_V"},
    "tet": {"von_mises_GPa"},
    "bond": {"gap_nm", "current_A_per_m2", "damage", "traction_MPa"},
}


def test_mesh_has_no_tet_across_the_box_and_fills_it(network):
    mesh = Mesh.of(network)
    x = mesh.points[mesh.tets]
    assert np.ptp(x, axis=1)[:, :2].max() < 0.5e6 * SIZE[0]
    volume = np.einsum("tc,tc->t", x[:, 1] - x[:, 0], np.cross(x[:, 2] - x[:, 0], x[:, 3] - x[:, 0])) / 6
    np.testing.assert_allclose(volume, 1e18 * network.volume_t, rtol=1e-12)
    np.testing.assert_array_equal(mesh.node_of_point[mesh.tets], network.tet_tn)
    assert np.unique(mesh.points.round(9), axis=0).shape[0] < len(mesh.points)  # copies stay apart
    pairs = np.column_stack([mesh.node_of_point, mesh.points]).round(6)
    assert len(np.unique(pairs, axis=0)) == len(mesh.points)
    center = x.mean(axis=1)
    assert (center >= 0).all()
    assert (center < 1e6 * SIZE).all()


def test_facets_have_their_areas(network):
    mesh = Mesh.of(network)
    x = mesh.facet_points
    normal = np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]) / 2
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), mesh.facet_area, rtol=1e-12)
    kind = mesh.bond_kind[mesh.facets[:, 0]]
    gb, interface = (mesh.facet_area[kind == k].sum() for k in (GB_BOND, INTERFACE_BOND))
    assert gb == pytest.approx(2 * 1.3 * 0.7, rel=1e-12, abs=0)
    assert interface == pytest.approx(1.3**2, rel=1e-12, abs=0)
    axis = mesh.bond_normal[mesh.facets[:, 0]]
    np.testing.assert_allclose(np.abs(np.einsum("fc,fc->f", axis, normal)), mesh.facet_area, rtol=1e-9)


def test_fields_come_back(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=3)
    assert run.times().tolist() == [0.0, 3.7, 7.4]
    for step in (0, 2):
        given = snapshot_fields(network, step)
        assert list(run.fields()) and set(run.fields().values()) == set(given)
        for field, values in given.items():
            read = run.read(field.key, step)
            assert read.dtype == np.float32
            tolerance = 1e-8 if field.key == "displacement" else 0.0  # stored with the mean strain
            np.testing.assert_allclose(
                read, field.factor * values, rtol=1e-6, atol=tolerance, err_msg=field.key
            )
        np.testing.assert_array_equal(run.strain(step), STRAIN)
    with pytest.raises(ConfigError, match=r"000003\.h5: cannot be read"):
        run.read("damage", 3)
    with pytest.raises(KeyError, match="mises"):
        run.read("mises", 0)


def test_a_file_tells_all_about_its_fields(tmp_path, network):
    started(tmp_path / "run", network)
    mesh, given = Mesh.of(network), snapshot_fields(network, 1)
    with h5py.File(tmp_path / "run/fields/000001.h5") as file:
        assert {place: set(group) for place, group in file.items()} == STORED
        assert file.attrs["time_s"] == 3.7
        gap = file["bond/gap_nm"]
        assert (gap.attrs["unit"], gap.attrs["factor"], gap.attrs["from_zero"]) == ("nm", 1e9, True)
        assert gap.attrs["meaning"].startswith("Normal opening")
        u = next(1e6 * values for field, values in given.items() if field.key == "displacement")
        full = u[mesh.node_of_point]
        full[:, :2] += STRAIN * mesh.points[:, :2]
        np.testing.assert_allclose(file["node/displacement_um"], full, rtol=1e-6, atol=1e-8)
    run = RunDirectory.open(tmp_path / "run")
    assert run.fields()["gap"] == next(field for field in given if field.key == "gap")


def test_wrong_fields_are_refused_and_leave_nothing(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=1)
    good = snapshot_fields(network, 1)
    damage = next(field for field in good if field.key == "damage")
    extra = Field("extra", "tet")
    cases = (
        ({**good, damage: np.zeros(network.n_bonds + 1)}, "'damage'.* not that of its declaration"),
        ({**good, damage: np.zeros((network.n_bonds, 3))}, "'damage'.* not that of its declaration"),
        ({**good, extra: np.zeros(network.n_tets)}, "differ.*: extra"),
        ({field: values for field, values in good.items() if field != damage}, "differ.*: damage"),
    )
    for fields, message in cases:
        with pytest.raises(ValueError, match=message):
            run.write_snapshot(fields, STRAIN, 50.0)
    assert [path.name for path in (tmp_path / "run/fields").iterdir()] == ["000000.h5"]
    with pytest.raises(ValueError, match=r"'speed'.* not that of its declaration"):
        started(tmp_path / "other", network, snapshots=0).write_snapshot(
            {Field("speed", "cell"): np.zeros(3)}, STRAIN, 1.0
        )


def test_a_snapshot_is_never_touched_again(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=1)
    path = tmp_path / "run/fields/000000.h5"
    before = path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns
    run.write_snapshot(snapshot_fields(network, 1), STRAIN, 3.7)
    run.write_checkpoint(random_state(network), {})
    run.read_checkpoint()
    run.finish("done")
    assert (path.read_bytes(), path.stat().st_ino, path.stat().st_mtime_ns) == before


def test_any_flipped_byte_of_a_snapshot_or_network_is_noticed(tmp_path, network):
    rng = np.random.default_rng(11)
    for name in ("fields/000000.h5", "network.h5"):
        run = started(tmp_path / name[:4], network, snapshots=1)
        path = run.path / name
        whole = path.read_bytes()
        places = [0, 30, 200, 511, 512, len(whole) - 1, *rng.integers(len(whole), size=20).tolist()]
        for at in places:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
            with pytest.raises(ConfigError, match=rf"{path.name}: .*damaged"):
                other = RunDirectory.open(run.path)
                other.read("damage", 0)
                other.network()
        for length in (0, 100, 512, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            with pytest.raises(ConfigError, match=rf"{path.name}: .*damaged"):
                other = RunDirectory.open(run.path)
                other.read("damage", 0)
                other.network()


def test_a_cell_without_bonds(tmp_path):
    network = box_network((3, 3, 3), SIZE)
    assert network.n_bonds == 0
    run = RunDirectory.create(tmp_path / "run", CONFIG, network, threads=1)
    for i in range(3):
        run.write_snapshot(written(random_state(network, i)) | derived(damage=np.zeros(0)), STRAIN, float(i))
    run.write_checkpoint(random_state(network), {})
    run.write_snapshot(written(random_state(network)) | derived(damage=np.zeros(0)), STRAIN, 9.0)
    state, _, _ = run.read_checkpoint()
    assert state.gap_b.shape == (0,)
    assert run.times().tolist() == [0, 1, 2]
    assert run.read("damage", 2).shape == (0,)


def vtk_reader(path):
    module = pytest.importorskip("vtkmodules.vtkIOHDF")
    reader = module.vtkHDFReader()
    assert reader.CanReadFile(str(path))
    reader.SetFileName(str(path))
    reader.UpdateInformation()
    return reader


@pytest.mark.parametrize("moved", [False, True])
def test_vtk_reads_all_times_and_fields(tmp_path, network, monkeypatch, moved):
    to_numpy = pytest.importorskip("vtkmodules.util.numpy_support").vtk_to_numpy
    t, voigt = np.arange(network.n_tets), np.arange(6)
    run = RunDirectory.create(tmp_path / "run", CONFIG, network, threads=1)
    for step in range(3):
        tensor = derived(stress=(step + t[:, None] / 7 + 1000.0 * voigt)[:, VTK_OF_VOIGT])
        run.write_snapshot(snapshot_fields(network, step) | tensor, STRAIN, 3.7 * step)
    run.finish("done")
    if moved:  # and beside it, where the reader is called, other snapshots of the same names
        (tmp_path / "deep").mkdir()
        shutil.move(tmp_path / "run", tmp_path / "deep/moved run")
        started(tmp_path / "trap", make_network(), snapshots=1)
        monkeypatch.chdir(tmp_path / "trap")
        run = RunDirectory.open(tmp_path / "deep/moved run")
    mesh = Mesh.of(network)
    reader = vtk_reader(run.path / "fields.vtkhdf")
    assert reader.GetNumberOfSteps() == 3
    for step in (2, 0, 1):
        reader.SetStep(step)
        reader.Update()
        assert reader.GetTimeValue() == 3.7 * step
        grid = reader.GetOutput()
        points = to_numpy(grid.GetPoints().GetData())
        np.testing.assert_array_equal(points, mesh.points)
        corners = to_numpy(grid.GetCells().GetConnectivityArray()).reshape(-1, 4)
        np.testing.assert_array_equal(corners, mesh.tets)
        assert {grid.GetCellType(i) for i in range(grid.GetNumberOfCells())} == {10}
        np.testing.assert_array_equal(to_numpy(grid.GetCellData().GetArray("domain")), network.domain_t)
        fields = run.fields().values()
        assert grid.GetPointData().GetNumberOfArrays() == 5
        assert grid.GetCellData().GetNumberOfArrays() == 3
        for field in fields:
            if field.location == "bond":
                continue
            data = grid.GetPointData() if field.location == "node" else grid.GetCellData()
            values = to_numpy(data.GetArray(field.stored))
            expected = run.read(field.key, step)
            if field.location == "node":
                expected = expected[mesh.node_of_point]
            if field.key == "displacement":
                expected = expected.astype(float)
                expected[:, :2] += STRAIN * mesh.points[:, :2]
                np.testing.assert_allclose(values, expected, atol=1e-8)
            else:
                np.testing.assert_array_equal(values, expected, err_msg=field.key)
        stress = to_numpy(grid.GetCellData().GetArray("stress_GPa"))  # xx, yy, zz, xy, yz, xz
        np.testing.assert_allclose(stress[5] - stress[5, 0], [0, 1000, 2000, 5000, 3000, 4000], atol=1e-3)


def test_the_index_is_small_and_replaced(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=1)
    assert not (run.path / "fields.vtkhdf").exists()
    run.write_index()
    assert vtk_reader(run.path / "fields.vtkhdf").GetNumberOfSteps() == 1
    run.write_snapshot(snapshot_fields(network, 1), STRAIN, 3.7)
    run.write_index()
    assert vtk_reader(run.path / "fields.vtkhdf").GetNumberOfSteps() == 2
    assert (run.path / "fields.vtkhdf").stat().st_size < 0.5 * (run.path / "network.h5").stat().st_size


def test_the_index_is_renewed_when_snapshots_have_become_a_tenth_more(tmp_path, network, monkeypatch):
    """Writing it takes longer with each: at every new one, many cycles would take time by their square."""
    run = started(tmp_path / "run", network, snapshots=0)
    written = []
    write = RunDirectory.write_index
    monkeypatch.setattr(
        RunDirectory, "write_index", lambda run: (written.append(run.n_snapshots()), write(run))
    )
    for i in range(45):
        run.write_snapshot(snapshot_fields(network, 0), STRAIN, 3.7 * i)
        run.renew_index()
        assert run.n_snapshots() == i + 1
    assert written[:12] == [*range(1, 12), 13]
    assert len(written) < 28
    run.finish("done")
    assert written[-1] == 45
    RunDirectory.open(run.path)._snapshots.truncate(40)
    assert RunDirectory.open(run.path)._snapshots.count() == 40


def test_values_survive_arrays_longer_than_a_chunk(tmp_path, network, monkeypatch):
    monkeypatch.setattr("latticecell.output.files.CHUNK_ROWS", 100)
    run = started(tmp_path / "run", network, snapshots=1)
    for field, values in snapshot_fields(network, 0).items():
        np.testing.assert_allclose(run.read(field.key, 0), field.factor * values, rtol=1e-6, atol=1e-8)
    with h5py.File(tmp_path / "run/fields/000000.h5") as file:
        assert file["tet/von_mises_GPa"].chunks == (100,)


def test_every_derived_field_has_a_sentence_and_a_name_of_its_own():
    fields = [field for field, _ in DERIVED]
    assert all(field.meaning.endswith(".") for field in fields)
    keys = [field.key for field in (*fields, *written(State.zeros(make_network())))]
    assert len(set(keys)) == len(keys)


def test_a_planted_link_is_not_followed(tmp_path, network):
    """A temporary file of a known name, planted as a link, must not be written through."""
    run = started(tmp_path / "run", network, snapshots=0)
    target = tmp_path / "precious"
    target.write_text("keep me")
    for name in ("checkpoint.h5.part", ".latticecell-0000000000000000.part"):
        (run.path / name).symlink_to(target)
    (run.path / "fields.vtkhdf").symlink_to(target)
    run.write_snapshot(snapshot_fields(network, 0), STRAIN, 0.0)
    run.write_checkpoint(random_state(network), {})
    run.finish("done")
    assert target.read_text() == "keep me"
    assert not (run.path / "fields.vtkhdf").is_symlink()
