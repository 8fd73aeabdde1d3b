"""Exports of a run, read back by other programs' readers."""

import csv
import json
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cells import tiny
from latticecell import ConfigError, config_from_table, open_run, run
from latticecell.errors import OutputError
from latticecell.export import export_command, export_run
from latticecell.export.tables import node_domain
from latticecell.export.vtk import facet_arrays
from latticecell.network import INTERFACE_BOND
from latticecell.output import RunDirectory
from latticecell.results import Run
from memory import memory_run
from rundirs import CONFIG, make_network

# part of the particle surface breaks within the first charge
BRITTLE = {"strength_MPa": 60.0, "fracture_energy_J_per_m2": 0.05, "viscosity_s": 5.0}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "r"
    run(tiny(interface=BRITTLE, solver={"viscous_share_max": 1.0}), path)
    return open_run(path)


@pytest.fixture(scope="module")
def network(finished):
    return finished.network


@pytest.fixture(scope="module")
def made():
    """Random fields of every kind on a small network, in memory."""
    return memory_run(make_network(), {}, {})


@pytest.fixture(scope="module")
def vtu(finished, tmp_path_factory):
    target = tmp_path_factory.mktemp("vtu")
    return target, export_run(finished.path, "vtu", target)


def widest(opened):
    """Snapshot with the widest crack."""
    return max(opened.snapshots, key=lambda shot: shot["gap"].max())


def fields_at(opened, location):
    """Keys and declarations of the fields at nodes, tets or bonds."""
    return [(key, field) for key, field in opened.fields.items() if field.location == location]


def test_meshio_reads_the_tets_and_their_fields(finished, network, vtu):
    meshio = pytest.importorskip("meshio")
    shot = widest(finished)
    mesh = meshio.read(vtu[0] / f"tets_{shot.index:04d}.vtu")
    tets = mesh.cells_dict["tetra"]
    np.testing.assert_array_equal(tets, finished.mesh.tets)
    edge = mesh.points[tets][:, 1:] - mesh.points[tets][:, :1]
    volume = np.einsum("tc,tc->t", edge[:, 0], np.cross(edge[:, 1], edge[:, 2])) / 6
    np.testing.assert_allclose(volume, 1e18 * network.volume_t, rtol=1e-9)
    np.testing.assert_allclose(volume.sum(), 15.0 * 15.0 * 30.0, rtol=1e-12)
    nodal, cells = fields_at(finished, "node"), fields_at(finished, "tet")
    assert set(mesh.point_data) == {field.stored for _, field in nodal}
    assert set(mesh.cell_data) == {*(field.stored for _, field in cells), "domain"}
    for key, field in nodal:
        np.testing.assert_array_equal(mesh.point_data[field.stored], shot.at_points(key).astype(np.float32))
        assert mesh.point_data[field.stored].dtype == np.float32
    for key, field in cells:
        np.testing.assert_array_equal(mesh.cell_data[field.stored][0], shot[key])
    np.testing.assert_array_equal(mesh.cell_data["domain"][0], network.domain_t)
    assert mesh.point_data["stoichiometry"].std() > 0.01


def vtk_arrays(data):
    """Points and all arrays of a VTK data set."""
    support = pytest.importorskip("vtkmodules.util.numpy_support")
    groups = []
    for attributes in (data.GetPointData(), data.GetCellData()):
        arrays = [attributes.GetArray(i) for i in range(attributes.GetNumberOfArrays())]
        groups.append({array.GetName(): support.vtk_to_numpy(array) for array in arrays})
    return support.vtk_to_numpy(data.GetPoints().GetData()), *groups


def read_vtk(path):
    """A VTK data set, as VTK reads it."""
    xml = pytest.importorskip("vtkmodules.vtkIOXML")
    source = xml.vtkXMLPolyDataReader() if path.suffix == ".vtp" else xml.vtkXMLUnstructuredGridReader()
    source.SetFileName(str(path))
    source.Update()
    return source.GetOutput()


def test_vtk_reads_the_tets(finished, vtu):
    grid = read_vtk(vtu[0] / "tets_0001.vtu")
    shot = finished.snapshots[1]
    points, nodal, cells = vtk_arrays(grid)
    assert grid.GetNumberOfCells() == len(finished.mesh.tets)
    assert {grid.GetCellType(i) for i in range(grid.GetNumberOfCells())} == {10}
    assert grid.GetFieldData().GetArray("TimeValue").GetValue(0) == shot.time
    np.testing.assert_array_equal(points, finished.mesh.points)
    np.testing.assert_array_equal(nodal["displacement_um"], shot.at_points("displacement").astype(np.float32))
    np.testing.assert_array_equal(cells["von_mises_GPa"], shot["von_mises"])


def test_stress_keeps_its_six_components_and_their_names(made, tmp_path):
    meshio = pytest.importorskip("meshio")
    export_run(made, "vtu", tmp_path)
    grid = read_vtk(tmp_path / "tets_0001.vtu")
    array = grid.GetCellData().GetArray("stress_GPa")
    names = [array.GetComponentName(i) for i in range(array.GetNumberOfComponents())]
    assert names == ["XX", "YY", "ZZ", "XY", "YZ", "XZ"]
    stress = vtk_arrays(grid)[2]["stress_GPa"]
    for component, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2))):
        expected = made.snapshots[1].tensor("stress")[:, i, j]
        np.testing.assert_array_equal(stress[:, component], expected.astype(np.float32))
    read = meshio.read(tmp_path / "tets_0001.vtu")
    np.testing.assert_array_equal(read.cell_data["stress_GPa"][0], made.snapshots[1]["stress"])


def test_vtk_reads_the_crack_facets(finished, network, vtu):
    shot = widest(finished)
    data = read_vtk(vtu[0] / f"facets_{shot.index:04d}.vtp")
    points, nodal, cells = vtk_arrays(data)
    assert data.GetNumberOfPolys() == data.GetNumberOfCells() == len(network.facet_fb)
    corner = points.reshape(-1, 3, 3)
    area = 0.5 * np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    np.testing.assert_allclose(area, 1e12 * network.area_f, rtol=1e-9)
    np.testing.assert_allclose(cells["area_um2"], area, rtol=1e-9)
    kind = network.kind_b[network.facet_fb[:, 0]]
    np.testing.assert_array_equal(cells["kind"], kind)
    np.testing.assert_allclose(
        area[kind == INTERFACE_BOND].sum(), 1e12 * network.area_b[network.interface_b].sum()
    )
    for key, field in fields_at(finished, "bond"):
        value = shot[key][network.facet_fb]
        np.testing.assert_array_equal(nodal[field.stored], value.reshape(-1, *field.shape))
        np.testing.assert_allclose(cells[field.stored], value.mean(axis=1), rtol=1e-5, atol=1e-6)
    assert 0 < (cells["broken"] > 0).sum() < len(cells["broken"])
    inner = kind != INTERFACE_BOND
    sides, n_grains = cells["grains"], network.n_grains
    assert (sides[inner].max(axis=1) < n_grains).all()
    assert (sides[~inner, 0] < n_grains).all()
    assert (sides[~inner, 1] == n_grains).all()
    np.testing.assert_array_equal(sides, network.domain_n[network.bond_bn[network.facet_fb[:, 0]]])


def test_collections_list_every_snapshot_with_its_time(finished, vtu):
    target, written = vtu
    times = finished.snapshots.times.tolist()
    assert len(written) == 2 + 2 * len(times)
    assert all(path.is_file() for path in written)
    for name in ("tets.pvd", "facets.pvd"):
        entries = ElementTree.parse(target / name).getroot().findall("Collection/DataSet")
        assert [float(entry.get("timestep")) for entry in entries] == times
        assert all((target / entry.get("file")).is_file() for entry in entries)


def test_without_vtk_the_user_is_told_what_to_install(made, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "latticecell.export.vtk", raising=False)
    monkeypatch.setitem(sys.modules, "vtkmodules.vtkIOXML", None)
    with pytest.raises(ConfigError, match=r"format vtu: needs VTK \(.*\); install it with: pip install vtk"):
        export_run(made, "vtu", tmp_path)


def test_facets_move_with_the_mean_of_their_sides(made):
    """Displacements are random and the cell is strained: the two sides differ."""
    moved = facet_arrays(made.snapshots[1])[0]["displacement_um"].reshape(-1, 3, 3)
    one, other = (point_displacement(made, side) for side in (0, 1))
    assert np.abs(moved - one).max() > 1e-3 and np.abs(moved - other).max() > 1e-3
    np.testing.assert_allclose(moved, 0.5 * (one + other), atol=1e-6)


def point_displacement(opened, side):
    """Displacement of one side at each facet corner, from the points of the mesh: image by image."""
    mesh, shot = opened.mesh, opened.snapshots[1]
    total = shot.at_points("displacement")
    result = np.empty(mesh.facet_points.shape)
    for i, bonds in enumerate(mesh.facets):
        for a, bond in enumerate(bonds):
            p = int(np.flatnonzero(mesh.node_of_point == mesh.bond_nodes[bond, side])[0])
            shift = mesh.facet_points[i, a] - mesh.points[p]
            result[i, a] = total[p]
            result[i, a, :2] += shot.strain * shift[:2]
    return result


def table(path):
    return np.genfromtxt(path, delimiter=",", names=True, dtype=None, encoding="utf-8")


def test_tables_hold_what_the_run_holds(finished, network, tmp_path):
    written = export_run(finished, "csv", tmp_path)
    assert len(written) == 3 + 3 * len(finished.snapshots)
    shot = widest(finished)
    nodes, tets, bonds = (table(tmp_path / f"{n}_{shot.index:04d}.csv") for n in ("nodes", "tets", "bonds"))
    x = np.stack([nodes[f"{axis}_um"] for axis in "xyz"], axis=1)
    np.testing.assert_allclose(x, 1e6 * network.x_nc, atol=1e-6)
    np.testing.assert_allclose(nodes["stoichiometry"], shot["stoichiometry"], rtol=1e-7)
    np.testing.assert_array_equal(nodes["domain"] < 8, network.is_active_n)
    for i, axis in enumerate("xyz"):
        moved = shot["displacement"][:, i] + (shot.strain[i] * x[:, i] if i < 2 else 0.0)
        np.testing.assert_allclose(nodes[f"displacement_{axis}_um"], moved, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(tets["volume_um3"], 1e18 * network.volume_t, rtol=1e-7)
    np.testing.assert_allclose(tets["von_mises_GPa"], shot["von_mises"], rtol=1e-7)
    np.testing.assert_allclose(bonds["area_um2"], 1e12 * network.area_b, rtol=1e-7)
    np.testing.assert_array_equal(bonds["node_b"], network.bond_bn[:, 1])
    np.testing.assert_array_equal(bonds["grain_a"], network.domain_n[network.bond_bn[:, 0]])
    np.testing.assert_allclose(bonds["gap_nm"], shot["gap"], rtol=1e-7)
    np.testing.assert_array_equal(bonds["broken"], shot["broken"])
    normal = np.stack([bonds[f"normal_{axis}"] for axis in "xyz"], axis=1)
    np.testing.assert_allclose(normal, network.normal_bc, atol=1e-8)


def test_tables_of_time_read_back_equal(finished, tmp_path):
    export_run(finished, "csv", tmp_path)
    history, read = finished.history, table(tmp_path / "history.csv")
    assert read.dtype.names == tuple(history)
    for name, values in history.items():
        np.testing.assert_array_equal(read[name], values)
    about = table(tmp_path / "snapshots.csv")
    np.testing.assert_array_equal(about["time_s"], finished.snapshots.times)
    for line in about:
        (row,) = np.flatnonzero(history["time_s"] == line["time_s"])
        for name in ("voltage_V", "kind", "cycle", "step"):
            assert history[name][row] == line[name]


def test_tables_spell_out_vectors_and_tensors(made, tmp_path):
    export_run(made, "csv", tmp_path)
    shot = made.snapshots[1]
    tets, bonds = table(tmp_path / "tets_0001.csv"), table(tmp_path / "bonds_0001.csv")
    for i, name in enumerate(("xx", "yy", "zz", "xy", "yz", "xz")):
        np.testing.assert_allclose(tets[f"stress_{name}_GPa"], shot["stress"][:, i], rtol=1e-7)
    for i, name in enumerate("xyz"):
        np.testing.assert_allclose(bonds[f"traction_{name}_MPa"], shot["traction"][:, i], rtol=1e-7)
    with (tmp_path / "history.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[1] == ["0", "3", "1", "1", "charge, CC"]


def test_archive_holds_every_array(finished, network, tmp_path):
    (path,) = export_run(finished.path, "npz", tmp_path)
    mesh, shots = finished.mesh, finished.snapshots
    with np.load(path, allow_pickle=False) as data:
        np.testing.assert_array_equal(data["times_s"], shots.times)
        np.testing.assert_array_equal(data["tets"], mesh.tets)
        np.testing.assert_array_equal(data["points"], mesh.points)
        assert data["stoichiometry_n"].shape == (len(shots), network.n_nodes)
        for key, field in finished.fields.items():
            for step in (0, -1):
                stored = data[f"{field.stored}_{field.location[0]}"][step]
                np.testing.assert_array_equal(stored, shots[step][key])
        for name, values in finished.history.items():
            np.testing.assert_array_equal(data[f"history_{name}"], values)
        assert json.loads(str(data["run_json"]))["name"] == "tiny"
        assert config_from_table(tomllib.loads(str(data["config_toml"]))) == finished.config


def test_nodes_know_their_domain(made):
    network = made.network
    domain = node_domain(made.mesh)
    np.testing.assert_array_equal(domain[network.is_active_n], network.domain_n[network.is_active_n])
    z = network.x_nc[:, 2]
    np.testing.assert_array_equal(domain[domain >= 2] == 3, z[domain >= 2] > 1.4e-6 + 1e-15)


def test_misuse_is_explained_in_one_line(finished, tmp_path):
    for args, match in (
        ((tmp_path / "nothing", "vtu"), "is not the directory of a run"),
        ((finished.path, "vtk"), "must be one of vtu, csv, npz; did you mean vtu?"),
        ((finished.path, ""), "must be one of vtu, csv, npz"),
        ((finished.path, "csv", finished.path), "is the run directory itself"),
    ):
        with pytest.raises(ConfigError, match=match) as caught:
            export_run(*args)
        assert len(caught.value.problems) == 1
    used = tmp_path / "file"
    used.write_text("mine")
    with pytest.raises(OutputError, match="cannot be written"):
        export_run(finished.path, "npz", used)
    assert used.read_text() == "mine"
    RunDirectory.create(tmp_path / "fresh", CONFIG, make_network(), threads=1)
    with pytest.raises(ConfigError, match=r"no snapshots|no network"):
        export_run(tmp_path / "fresh", "vtu")
    with pytest.raises(ConfigError, match="memory: is in memory; name the directory to write to"):
        export_run(memory_run(make_network(), {}), "csv")
    with pytest.raises(ConfigError, match="is a run of the 1-D cell"):
        export_run(Run.from_arrays(), "csv", tmp_path / "one")
    assert not (tmp_path / "one").exists()


def test_command_writes_beside_the_run_by_default(finished):
    app = typer.Typer()
    app.command()(export_command)
    for form, first in (("vtu", "tets.pvd"), ("csv", "history.csv")):
        result = CliRunner().invoke(app, [str(finished.path), "--format", form])
        assert result.exit_code == 0, result.output
        assert str(Path("r") / form) in result.output.replace("\n", "")
        assert (finished.path / form / first).is_file()
