"""Snapshots: VTKHDF layout, values, atomicity."""

import json

import numpy as np
import pytest

from latticecell import ConfigError
from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.output import FieldReader, RunDirectory
from latticecell.output.fields import OutputMesh
from networks import box_network
from rundirs import (  # noqa: F401
    CONFIG,
    SIZE,
    assert_same_state,
    extra_fields,
    make_network,
    network_fixture,
    random_state,
    row,
    started,
)


def test_output_mesh_has_no_tet_across_the_box_and_fills_it(network):
    mesh = OutputMesh.of(network)
    x = mesh.x_pc[mesh.tet_tp]
    assert np.ptp(x, axis=1)[:, :2].max() < 0.5 * SIZE[0]
    volume = np.einsum("tc,tc->t", x[:, 1] - x[:, 0], np.cross(x[:, 2] - x[:, 0], x[:, 3] - x[:, 0])) / 6
    np.testing.assert_allclose(volume, network.volume_t, rtol=1e-12)
    np.testing.assert_array_equal(mesh.node_p[mesh.tet_tp], network.tet_tn)
    assert np.unique(mesh.x_pc.round(15), axis=0).shape[0] < len(mesh.x_pc)  # copies stay apart
    pairs = np.column_stack([mesh.node_p, mesh.x_pc * 1e9]).round(3)
    assert len(np.unique(pairs, axis=0)) == len(mesh.x_pc)
    center = x.mean(axis=1)
    assert (center >= 0).all()
    assert (center < SIZE).all()


def test_facets_of_the_file_have_their_areas(tmp_path, network):
    reader = started(tmp_path / "run", network, snapshots=1).fields()
    x = reader.facet_points
    normal = np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]) / 2
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), reader.facet_area, rtol=1e-12)
    kind = reader.bond_kind[reader.facets[:, 0]]
    gb, interface = (reader.facet_area[kind == k].sum() for k in (GB_BOND, INTERFACE_BOND))
    assert gb == pytest.approx(2 * 1.3 * 0.7, rel=1e-12, abs=0)
    assert interface == pytest.approx(1.3**2, rel=1e-12, abs=0)
    axis = reader.bond_normal[reader.facets[:, 0]]
    np.testing.assert_allclose(np.abs(np.einsum("fc,fc->f", axis, normal)), reader.facet_area, rtol=1e-9)


def test_fields_come_back(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=3)
    reader = run.fields()
    names = reader.names
    assert set(names["n"]) == {"displacement_um", "stoichiometry", "phi_s_V", "phi_l_V"}
    assert set(names["t"]) == {"von_mises_GPa", "hydrostatic_GPa", "volumetric_strain"}
    assert set(names["b"]) == {"gap_nm", "current_A_per_m2", "damage"}
    for step in (0, 2, -1):
        i = step % 3
        state, extra = random_state(network, i + 1), extra_fields(network, i)
        np.testing.assert_array_equal(reader.node("phi_l_V", step), state.phi_l_n.astype(np.float32))
        np.testing.assert_array_equal(
            reader.tet("von_mises_GPa", step), extra["von_mises_GPa_t"].astype(np.float32)
        )
        np.testing.assert_allclose(reader.bond("gap_nm", step), 1e9 * state.gap_b, rtol=1e-6)
        np.testing.assert_allclose(reader.bond("current_A_per_m2", step), state.current_b, rtol=1e-6)
        np.testing.assert_allclose(reader.node("displacement_um", step), 1e6 * state.u_nc, atol=1e-8)
        np.testing.assert_array_equal(reader.strain(step), state.strain_c)
        full = 1e6 * state.u_nc[reader.node_of_point]
        full[:, 0] += 0.013 * reader.points[:, 0]
        full[:, 1] -= 0.021 * reader.points[:, 1]
        np.testing.assert_allclose(reader.point("displacement_um", step), full, atol=1e-8)
    np.testing.assert_array_equal(reader.domain, network.domain_t)
    np.testing.assert_allclose(reader.box, 1e6 * SIZE, rtol=1e-15)
    assert (reader.n_nodes, reader.n_grains) == (network.n_nodes, 2)
    with pytest.raises(IndexError, match="there are 3 snapshots"):
        reader.tet("von_mises_GPa", 3)
    with pytest.raises(KeyError, match=r"known: .*von_mises_GPa"):
        reader.tet("mises", 0)


def test_wrong_fields_are_refused_and_leave_the_file(tmp_path, network):
    run = started(tmp_path / "run", network)
    state = random_state(network)
    good = extra_fields(network, 1)
    before = (tmp_path / "run/fields.h5").read_bytes()
    cases = (
        ({"speed": np.zeros(3)}, "must end in"),
        ({**good, "damage_b": np.zeros(network.n_bonds + 1)}, "does not fit"),
        ({**good, "von_mises_GPa_t": np.zeros((network.n_tets, 3))}, "does not fit"),
        ({**good, "extra_t": np.zeros(network.n_tets)}, "differ.*: extra"),
        ({k: v for k, v in good.items() if k != "damage_b"}, "differ.*: damage"),
    )
    for fields, message in cases:
        with pytest.raises(ValueError, match=message):
            run.write_fields(state, fields, 50.0)
    assert (tmp_path / "run/fields.h5").read_bytes() == before
    with pytest.raises(RuntimeError, match="network is unknown"):
        RunDirectory.open(tmp_path / "run").write_fields(state, good, 50.0)


def test_a_cell_without_bonds(tmp_path):
    network = box_network((3, 3, 3), SIZE)
    assert network.n_bonds == 0
    run = RunDirectory.create(tmp_path / "run", CONFIG, network, threads=1)
    for i in range(3):
        run.write_fields(random_state(network, i), {"damage_b": np.zeros(0)}, float(i))
    run.write_checkpoint(random_state(network), {})
    run.write_fields(random_state(network), {"damage_b": np.zeros(0)}, 9.0)
    state, _ = run.read_checkpoint(network)
    assert state.gap_b.shape == (0,)
    reader = run.fields()
    assert reader.times.tolist() == [0, 1, 2]
    assert reader.bond("damage", 2).shape == (0,)


def test_fields_reader_refuses_another_file(tmp_path):
    (tmp_path / "fields.h5").write_text("nonsense")
    with pytest.raises(ConfigError, match="is not a file of fields"):
        FieldReader(tmp_path / "fields.h5")


def test_vtk_reads_the_fields(tmp_path, network):
    reader_module = pytest.importorskip("vtkmodules.vtkIOHDF")
    to_numpy = pytest.importorskip("vtkmodules.util.numpy_support").vtk_to_numpy
    ours = started(tmp_path / "run", network, snapshots=3).fields()
    reader = reader_module.vtkHDFReader()
    reader.SetFileName(str(tmp_path / "run/fields.h5"))
    reader.UpdateInformation()
    assert reader.GetNumberOfSteps() == 3
    for step in (2, 0, 1):
        reader.SetStep(step)
        reader.Update()
        assert reader.GetTimeValue() == ours.times[step]
        grid = reader.GetOutput()
        points = to_numpy(grid.GetPoints().GetData())
        np.testing.assert_array_equal(points, ours.points)
        assert grid.GetNumberOfCells() == network.n_tets
        corners = to_numpy(grid.GetCells().GetConnectivityArray()).reshape(-1, 4)
        x = points[corners]
        volume = np.einsum("tc,tc->t", x[:, 1] - x[:, 0], np.cross(x[:, 2] - x[:, 0], x[:, 3] - x[:, 0])) / 6
        assert volume.min() > 0
        assert volume.sum() == pytest.approx(1.3 * 1.3 * 2.1, rel=1e-12, abs=0)
        assert {grid.GetCellType(i) for i in range(grid.GetNumberOfCells())} == {10}
        for name in ours.names["n"]:
            values = to_numpy(grid.GetPointData().GetArray(name))
            np.testing.assert_array_equal(values, ours.point(name, step), err_msg=name)
        for name in ours.names["t"]:
            values = to_numpy(grid.GetCellData().GetArray(name))
            np.testing.assert_array_equal(values, ours.tet(name, step), err_msg=name)
        np.testing.assert_array_equal(to_numpy(grid.GetCellData().GetArray("domain")), network.domain_t)
        assert grid.GetPointData().GetArray("displacement_um").GetNumberOfComponents() == 3


def test_values_survive_snapshots_longer_than_a_chunk(tmp_path, network, monkeypatch):
    monkeypatch.setattr("latticecell.output.fields.CHUNK_ROWS", 100)
    run = started(tmp_path / "run", network, snapshots=3)
    run.write_checkpoint(random_state(network), {})
    run.write_fields(random_state(network, 9), extra_fields(network, 9), 99.0)
    run.read_checkpoint(network)
    reader = run.fields()
    for step in range(3):
        expected = extra_fields(network, step)["hydrostatic_GPa_t"].astype(np.float32)
        np.testing.assert_array_equal(reader.tet("hydrostatic_GPa", step), expected)
        expected = random_state(network, step + 1).stoich_n.astype(np.float32)
        np.testing.assert_array_equal(reader.node("stoichiometry", step), expected)


def test_wall_time_goes_on_after_resuming(tmp_path, network):
    run = started(tmp_path / "run", network, snapshots=0)
    run._started -= 1000.0
    run.write_checkpoint(random_state(network), {})
    other = RunDirectory.open(tmp_path / "run")
    other.read_checkpoint(network)
    other.finish("done")
    info = json.loads((tmp_path / "run/run.json").read_text())
    assert 1000 <= info["wall_time_s"] < 1600
    assert "resumed" in info
