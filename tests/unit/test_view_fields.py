"""Fields of a run as the view shows them: names, units, components, limits, domains, orientations."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from latticecell import ConfigError, Run, build_microstructure, config_from_table, open_run
from latticecell.fields import Field
from latticecell.output import RunDirectory
from latticecell.view import RunModel, make_look
from latticecell.view.colours import BLANK, ipf_colours
from latticecell.view.geometry import Geometry
from rundirs import make_network, row, snapshot_fields
from viewed import BOX, OPEN_NM, WALL, make_run


@pytest.fixture(scope="module")
def model():
    return RunModel(make_run())


def declared(run, snapshot, *fields):
    """The same network with one snapshot of other fields."""
    return Run.from_arrays(run.network, snapshots=[(0.0, snapshot)], declared={f.key: f for f in fields})


def test_moments_and_times(model):
    steps = [make_look(model, when=when).step for when in ("charge_end", "discharge_end", "last", "12")]
    assert steps == [0, 1, 1, 1]
    assert model.describe(1) == "t = 14 s, 3.800 V, discharge"
    for wrong in ("soon", "nan"):
        with pytest.raises(ConfigError, match="time"):
            make_look(model, when=wrong)


def test_limits_serve_all_snapshots():
    model = RunModel(make_run())
    low, high = model.limits(model.fields["hydrostatic"])
    assert low == -high < 0
    low, high = model.limits(model.fields["stoichiometry"])
    assert (low, high) == pytest.approx((0.2, 0.8), abs=1e-6)
    assert model.opening_limit() == pytest.approx(OPEN_NM)
    with pytest.raises(ConfigError, match="limits"):
        model.fix_limits(model.fields["grain"], (1.0, 1.0))


def test_colour_maps_rise_evenly_in_lightness(model):
    """Sequential maps: lightness monotone; diverging ones: up, then down."""
    assert {field.diverging for field in model.fields.values()} == {True, False}
    for field in model.fields.values():
        if field.colours:
            light = matplotlib.colormaps[field.colours](np.linspace(0, 1, 41))[:, :3] @ [
                0.2126,
                0.7152,
                0.0722,
            ]
            sign = np.sign(np.diff(light))
            assert (sign[:19] == sign[0]).all()
            assert (sign[21:] == sign[0] * (-1 if field.diverging else 1)).all()


def test_fields_are_found_by_sloppy_names(model):
    assert model.find_field("vonmises") is model.find_field("Von-Mises") is model.fields["von_mises"]
    assert model.find_field("vm").key == "von_mises"
    with pytest.raises(ConfigError, match=r"did you mean hydrostatic\? \(known: stoichiometry, .*stress_xz"):
        model.find_field("hydrostat")


def test_fields_come_from_the_run(model):
    """Any scalar that the run has declared, in its colours; the usual ones first."""
    assert [*model.fields][:7] == [
        "stoichiometry", "von_mises", "hydrostatic", "grain", "orientation", "phi_l", "damage"
    ]  # fmt: skip
    own = Field("temperature", "node", "K", title="temperature", colours="inferno")
    run = declared(model.run, {"temperature": np.linspace(300, 310, model.mesh.n_nodes)}, own)
    other = RunModel(run)
    assert [*other.fields] == ["grain", "orientation", "temperature"]
    assert make_look(other, "temperature").field == own
    np.testing.assert_allclose(other.limits(own), (300, 310), atol=0.05)
    layers = Geometry(other).layers(make_look(other, "temperature"))
    assert len(layers.cap.x_mvc) > 0  # no displacement, no openings: nothing moves, nothing is cracked
    assert len(layers.traces.x_mvc) == 0


def test_pictures_have_units_of_their_own(model):
    potential = model.fields["phi_l"]
    assert potential.label == "ion potential (mV)"
    inside = model.mesh.node_domain[model.mesh.node_of_point] < 2
    value = model.values(potential, 1)
    assert np.isnan(value[inside]).all()
    np.testing.assert_allclose(value[~inside], 100 * model.mesh.points[~inside, 2] / BOX[2])


def test_a_field_of_the_ecbd_ends_at_the_separator(model):
    own = Field("phi_s", "node", "V", domain="ecbd")
    run = declared(model.run, {"phi_s": np.full(model.mesh.n_nodes, 3.7)}, own)
    other = RunModel(run)
    z = model.mesh.points[:, 2]
    value = other.values(own, 0)
    assert np.isnan(value[z > 0.81 * BOX[2]]).all()
    assert (value[z < 0.19 * BOX[2]] == 3.7).all()
    assert make_look(other, "phi_s").whole


def test_vectors_by_size_and_tensors_by_component(model):
    mesh, rng = model.mesh, np.random.default_rng(3)
    u = rng.normal(size=(mesh.n_nodes, 3))
    stress = rng.normal(size=(mesh.network.n_tets, 6))
    other = RunModel(declared(
        model.run, {"displacement": u, "stress": stress},
        Field("displacement", "node", "um", 1e6, (3,)), Field("stress", "tet", "GPa", 1e-9, (6,)),
    ))  # fmt: skip
    at = mesh.node_of_point
    value = {key: other.values(field, 0) for key, field in other.fields.items() if field.colours}
    np.testing.assert_allclose(value["displacement"], np.linalg.norm(u[at], axis=1))
    np.testing.assert_allclose(value["displacement_y"], u[at, 1])
    np.testing.assert_allclose(value["stress_zz"], stress[:, 2])
    np.testing.assert_allclose(value["stress_yz"], stress[:, 4])  # xx, yy, zz, xy, yz, xz
    assert "stress" not in value
    low, high = other.limits(other.fields["stress_xy"])
    assert low == -high < 0
    assert other.limits(other.fields["displacement"])[0] == 0


def test_fields_of_bonds_colour_the_boundaries(model):
    layers = Geometry(model).layers(make_look(model, "gap", cut="none"))
    assert model.fields["gap"].label == "normal opening (nm)"
    np.testing.assert_allclose(np.ptp(layers.cracks.x_mvc[..., 0]), 0, atol=1e-9)
    assert len(layers.rim.x_mvc) == 0  # closed, so not drawn


def test_orientations_are_those_of_the_network():
    """Not those that the configuration would draw, also where the number of grains agrees."""
    made = make_run()
    c_axis = np.array([-0.82, 0.55, 0.17])
    first, _ = Rotation.align_vectors(c_axis, [0, 0, 1])
    rotations = np.stack([first.as_matrix(), Rotation.from_euler("y", 90, degrees=True).as_matrix()])
    own = Run.from_arrays(
        replace(made.network, rotation_gcc=rotations), declared=made.fields,
        snapshots=[(0.0, {key: made.snapshots[0][key] for key in made.fields})],
    )  # fmt: skip
    model = RunModel(own)
    drawn = Geometry(model).layers(make_look(model, "orientation", cut="xy")).cap
    x = drawn.x_mvc[..., 0].mean(axis=1)  # pieces without area may lie in the boundary
    for grain, rows in ((0, x < WALL - 1e-6), (1, x > WALL + 1e-6)):
        expected = ipf_colours(rotations[grain].T @ [0, 0, 1])
        assert (drawn.colour_mvc[rows] == expected).all()
    np.testing.assert_allclose(own.grains.c_axis_gc[0], c_axis / np.linalg.norm(c_axis))
    assert (drawn.colour_mvc != BLANK).any()


def test_a_run_directory_shows_the_orientations_it_was_computed_with(tmp_path):
    """The configuration in the directory draws two grains of its own."""
    network = make_network()
    config = config_from_table({"microstructure": {"grains": 2, "seed": 17}})
    written = RunDirectory.create(tmp_path / "run", config, network, threads=1)
    written.append_row(row(0))
    written.write_snapshot(snapshot_fields(network, 0), np.zeros(2), 0.0)
    assert np.abs(build_microstructure(config).rotation_gcc - network.rotation_gcc).max() > 0.1
    model = RunModel(open_run(tmp_path / "run"))
    np.testing.assert_array_equal(model.run.grains.rotation_gcc, network.rotation_gcc)
    drawn = Geometry(model).layers(make_look(model, "orientation", cut="none", cracks=False)).surface
    expected = {tuple(colour) for colour in ipf_colours(network.rotation_gcc[:, 2])}
    assert {tuple(colour) for colour in drawn.colour_mvc.reshape(-1, 3)} == expected


def test_a_run_without_snapshots_is_one_message():
    with pytest.raises(ConfigError, match="no snapshots"):
        RunModel(Run.from_arrays(make_run().network))
