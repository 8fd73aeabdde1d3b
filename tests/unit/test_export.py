"""Exports of a run, read back by other programs' readers."""

import json
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cells import tiny
from latticecell import ConfigError, config_from_table, export, run
from latticecell.export import (
    BLOCK_BYTES,
    export_command,
    export_run,
    facet_arrays,
    node_domain,
    node_position,
)
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.network import INTERFACE_BOND
from latticecell.output import RunDirectory
from rundirs import CONFIG, extra_fields, make_network, random_state, row, started

# part of the particle surface breaks within the first charge
BRITTLE = {"strength_MPa": 60.0, "fracture_energy_J_per_m2": 0.05, "viscosity_s": 5.0}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tiny(interface=BRITTLE), tmp_path_factory.mktemp("run") / "r")


@pytest.fixture(scope="module")
def network(finished):
    config = finished.config()
    return build_network(config, build_microstructure(config))


@pytest.fixture(scope="module")
def vtu(finished, tmp_path_factory):
    target = tmp_path_factory.mktemp("vtu")
    return target, export_run(finished.path, "vtu", target)


def widest(reader):
    """Snapshot with the widest crack."""
    return int(np.argmax([reader.bond("gap_nm", step).max() for step in range(len(reader.times))]))


def test_meshio_reads_the_tets_and_their_fields(finished, network, vtu):
    meshio = pytest.importorskip("meshio")
    reader = finished.fields()
    step = widest(reader)
    mesh = meshio.read(vtu[0] / f"tets_{step:04d}.vtu")
    tets = mesh.cells_dict["tetra"]
    assert len(mesh.points) == len(reader.points)
    np.testing.assert_array_equal(tets, reader.tets)
    edge = mesh.points[tets][:, 1:] - mesh.points[tets][:, :1]
    volume = np.einsum("tc,tc->t", edge[:, 0], np.cross(edge[:, 1], edge[:, 2])) / 6
    np.testing.assert_allclose(volume, 1e18 * network.volume_t, rtol=1e-9)
    np.testing.assert_allclose(volume.sum(), 15.0 * 15.0 * 30.0, rtol=1e-12)
    assert set(mesh.point_data) == set(reader.names["n"])
    assert set(mesh.cell_data) == {*reader.names["t"], "domain"}
    for name in reader.names["n"]:
        np.testing.assert_array_equal(mesh.point_data[name], reader.point(name, step))
    for name in reader.names["t"]:
        np.testing.assert_array_equal(mesh.cell_data[name][0], reader.tet(name, step))
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


def test_vtk_reads_the_tets(finished, vtu):
    xml = pytest.importorskip("vtkmodules.vtkIOXML")
    reader = finished.fields()
    source = xml.vtkXMLUnstructuredGridReader()
    source.SetFileName(str(vtu[0] / "tets_0001.vtu"))
    source.Update()
    grid = source.GetOutput()
    points, nodal, cells = vtk_arrays(grid)
    assert grid.GetNumberOfCells() == len(reader.tets)
    assert {grid.GetCellType(i) for i in range(grid.GetNumberOfCells())} == {10}
    assert grid.GetFieldData().GetArray("TimeValue").GetValue(0) == reader.times[1]
    np.testing.assert_array_equal(points, reader.points)
    np.testing.assert_array_equal(nodal["displacement_um"], reader.point("displacement_um", 1))
    np.testing.assert_array_equal(cells["von_mises_GPa"], reader.tet("von_mises_GPa", 1))
    assert reader.tets.nbytes > 2 * BLOCK_BYTES  # so that several blocks were joined


def test_arrays_of_whole_blocks_are_read_too(finished, tmp_path, monkeypatch):
    meshio = pytest.importorskip("meshio")
    xml = pytest.importorskip("vtkmodules.vtkIOXML")
    reader = finished.fields()
    monkeypatch.setattr(export, "BLOCK_BYTES", 4 * len(reader.tets))
    export_run(finished.path, "vtu", tmp_path)
    source = xml.vtkXMLUnstructuredGridReader()
    source.SetFileName(str(tmp_path / "tets_0002.vtu"))
    source.Update()
    expected = reader.tet("von_mises_GPa", 2)
    np.testing.assert_array_equal(vtk_arrays(source.GetOutput())[2]["von_mises_GPa"], expected)
    mesh = meshio.read(tmp_path / "tets_0002.vtu")
    np.testing.assert_array_equal(mesh.cell_data["von_mises_GPa"][0], expected)
    np.testing.assert_array_equal(mesh.cells_dict["tetra"], reader.tets)


def test_vtk_reads_the_crack_facets(finished, network, vtu):
    xml = pytest.importorskip("vtkmodules.vtkIOXML")
    reader = finished.fields()
    step = widest(reader)
    source = xml.vtkXMLPolyDataReader()
    source.SetFileName(str(vtu[0] / f"facets_{step:04d}.vtp"))
    source.Update()
    data = source.GetOutput()
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

    opening = reader.bond("gap_nm", step)[network.facet_fb]
    np.testing.assert_array_equal(nodal["opening_nm"], opening.ravel())
    np.testing.assert_allclose(cells["opening_nm"], opening.mean(axis=1), rtol=1e-5, atol=1e-6)
    damage = reader.bond("damage", step)[network.facet_fb]
    np.testing.assert_array_equal(nodal["damage"], damage.ravel())
    np.testing.assert_allclose(cells["damage"], damage.mean(axis=1), rtol=1e-5, atol=1e-7)
    broken = reader.bond("broken", step)[network.facet_fb] > 0
    np.testing.assert_array_equal(cells["broken"], broken.any(axis=1))
    assert 0 < cells["broken"].sum() < len(cells["broken"])
    inner = kind != INTERFACE_BOND
    sides = cells["grains"]
    assert (sides[inner].max(axis=1) < reader.n_grains).all()
    assert (sides[~inner, 0] < reader.n_grains).all()
    assert (sides[~inner, 1] == reader.n_grains).all()
    np.testing.assert_array_equal(sides, network.domain_n[network.bond_bn[network.facet_fb[:, 0]]])


def test_collections_list_every_snapshot_with_its_time(finished, vtu):
    reader = finished.fields()
    target, written = vtu
    assert len(written) == 2 + 2 * len(reader.times)
    assert all(path.is_file() for path in written)
    for name in ("tets.pvd", "facets.pvd"):
        entries = ElementTree.parse(target / name).getroot().findall("Collection/DataSet")
        assert [float(entry.get("timestep")) for entry in entries] == reader.times.tolist()
        assert all((target / entry.get("file")).is_file() for entry in entries)


def test_facets_move_with_the_mean_of_their_sides(tmp_path):
    """Displacements are random and the cell is strained: the two sides differ."""
    network = make_network()
    directory = started_with_broken(tmp_path / "r", network)
    reader = directory.fields()
    moved = facet_arrays(reader, 1)[0]["displacement_um"].reshape(-1, 3, 3)
    for side in (0, 1):
        assert np.abs(moved - point_displacement(reader, side)).max() > 1e-3
    mean = 0.5 * (point_displacement(reader, 0) + point_displacement(reader, 1))
    np.testing.assert_allclose(moved, mean, atol=1e-6)


def started_with_broken(path, network):
    directory = RunDirectory.create(path, CONFIG, network, threads=1)
    directory.append_row(row(0))
    for i in range(2):
        fields = {**extra_fields(network, i), "broken_b": (np.arange(network.n_bonds) % 3 == i).astype(float)}
        directory.write_fields(random_state(network, i + 1), fields, 3.7 * i)
    return directory


def point_displacement(reader, side):
    """Displacement of one side at each facet corner, from the points of the file: image by image."""
    total = reader.point("displacement_um", 1).astype(float)
    result = np.empty(reader.facet_points.shape)
    for i, bonds in enumerate(reader.facets):
        for a, bond in enumerate(bonds):
            node = reader.bond_nodes[bond, side]
            p = int(np.flatnonzero(reader.node_of_point == node)[0])
            shift = reader.facet_points[i, a] - reader.points[p]
            result[i, a] = total[p]
            result[i, a, :2] += reader.strain(1) * shift[:2]
    return result


def test_tables_hold_what_the_run_holds(finished, network, tmp_path):
    written = export_run(finished.path, "csv", tmp_path)
    reader, history = finished.fields(), finished.history()
    assert (tmp_path / "history.csv").read_bytes() == (finished.path / "history.csv").read_bytes()
    assert len(written) == 2 + 3 * len(reader.times)
    step = widest(reader)
    read = {
        name: np.genfromtxt(tmp_path / f"{name}_{step:04d}.csv", delimiter=",", names=True)
        for name in ("nodes", "tets", "bonds")
    }
    nodes, tets, bonds = read["nodes"], read["tets"], read["bonds"]
    x = np.stack([nodes[f"{axis}_um"] for axis in "xyz"], axis=1)
    away = x - 1e6 * network.x_nc
    away[:, :2] -= 15.0 * np.round(away[:, :2] / 15.0)
    assert np.abs(away).max() < 1e-6
    np.testing.assert_allclose(nodes["stoichiometry"], reader.node("stoichiometry", step), rtol=1e-7)
    np.testing.assert_array_equal(nodes["domain"] < 8, network.is_active_n)
    np.testing.assert_allclose(
        nodes["displacement_z_um"], reader.node("displacement_um", step)[:, 2], rtol=1e-7
    )
    np.testing.assert_allclose(tets["volume_um3"], 1e18 * network.volume_t, rtol=1e-7)
    np.testing.assert_allclose(tets["von_mises_GPa"], reader.tet("von_mises_GPa", step), rtol=1e-7)
    np.testing.assert_allclose(bonds["area_um2"], 1e12 * network.area_b, rtol=1e-7)
    np.testing.assert_array_equal(bonds["node_b"], network.bond_bn[:, 1])
    np.testing.assert_allclose(bonds["gap_nm"], reader.bond("gap_nm", step), rtol=1e-7)
    np.testing.assert_array_equal(bonds["broken"], reader.bond("broken", step))
    normal = np.stack([bonds[f"normal_{axis}"] for axis in "xyz"], axis=1)
    np.testing.assert_allclose(normal, network.normal_bc, atol=1e-8)

    about = np.genfromtxt(tmp_path / "snapshots.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    np.testing.assert_array_equal(about["time_s"], reader.times)
    for line in about:
        (row,) = np.flatnonzero(history["time_s"] == line["time_s"])
        assert history["voltage_V"][row] == line["voltage_V"]
        assert history["kind"][row] == line["kind"]


def test_archive_holds_every_array(finished, network, tmp_path):
    (path,) = export_run(finished.path, "npz", tmp_path)
    reader, history = finished.fields(), finished.history()
    with np.load(path, allow_pickle=False) as data:
        np.testing.assert_array_equal(data["times_s"], reader.times)
        np.testing.assert_array_equal(data["tets"], reader.tets)
        np.testing.assert_array_equal(data["points"], reader.points)
        assert data["stoichiometry_n"].shape == (len(reader.times), network.n_nodes)
        for axis, get in (("n", reader.node), ("t", reader.tet), ("b", reader.bond)):
            for name in reader.names[axis]:
                for step in (0, -1):
                    np.testing.assert_array_equal(data[f"{name}_{axis}"][step], get(name, step))
        for name, values in history.items():
            np.testing.assert_array_equal(data[f"history_{name}"], values)
        assert json.loads(str(data["run_json"]))["name"] == "tiny"
        assert config_from_table(tomllib.loads(str(data["config_toml"]))) == finished.config()


def test_nodes_are_placed_in_the_box_and_know_their_domain(tmp_path):
    network = make_network()
    started(tmp_path / "r", network)
    reader = RunDirectory.open(tmp_path / "r").fields()
    np.testing.assert_allclose(node_position(reader), 1e6 * network.x_nc, atol=1e-9)
    expected = np.where(network.is_active_n, network.domain_n, 0)
    domain = node_domain(reader)
    np.testing.assert_array_equal(np.where(domain < 2, domain, 0), expected)
    z = node_position(reader)[:, 2]
    np.testing.assert_array_equal(domain[domain >= 2] == 3, z[domain >= 2] > 1.4 + 1e-9)


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
    with pytest.raises(ConfigError, match="cannot be written to"):
        export_run(finished.path, "npz", used)
    assert used.read_text() == "mine"
    RunDirectory.create(tmp_path / "fresh", CONFIG, make_network(), threads=1)
    with pytest.raises(ConfigError, match="holds no fields"):
        export_run(tmp_path / "fresh", "vtu")


def test_command_writes_beside_the_run_by_default(tmp_path):
    started_with_broken(tmp_path / "r", make_network())
    app = typer.Typer()
    app.command()(export_command)
    for form, first in (("vtu", "tets.pvd"), ("csv", "history.csv")):
        arguments = [str(tmp_path / "r"), "--format", form]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        assert str(Path("r") / form) in result.output.replace("\n", "")
        assert (tmp_path / "r" / form / first).is_file()
