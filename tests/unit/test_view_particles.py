"""Pictures of several particles, some across the periodic sides: each is whole, and the cell a box."""

import numpy as np
import pytest

import latticecell as lc
from latticecell.fields import declarations
from latticecell.results import Run
from latticecell.slicing import boundary_faces, within_box
from latticecell.state import State
from latticecell.view.geometry import Geometry, Look
from latticecell.view.model import RunModel

PARTICLES = [
    {"center_um": [0.4, 4.1, 2.6], "radius_um": 1.6},
    {"center_um": [3.7, 6.8, 5.9], "radius_um": 2.3},
]
TABLE = {
    "geometry": {"width_um": 7.0, "cathode_um": 8.5, "separator_um": 2.0, "particles": PARTICLES},
    "microstructure": {"grains": 3},
    "network": {"spacing_um": 0.9, "spacing_max_um": 2.2, "growth": 0.5},
}


@pytest.fixture(scope="module")
def model():
    config = lc.config_from_table(TABLE)
    network = lc.build_network(config, lc.build_microstructure(config))
    written = {field.key: field for field in declarations(State).values()}
    y = np.where(network.is_active_n, 0.5, 0.0)
    fields = {"stoichiometry": y, "displacement": np.zeros((network.n_nodes, 3))}
    rows = {
        "kind": np.array(["charge"]), "cycle": np.ones(1), "step": np.ones(1),
        "time_s": np.zeros(1), "voltage_V": np.array([3.9]),
    }  # fmt: skip
    declared = {key: written[key] for key in fields}
    return RunModel(Run.from_arrays(network, columns=rows, snapshots=[(0.0, fields)], declared=declared))


def look(model, **options):
    return Look(model.find_field("stoichiometry"), **options)


def test_particles_are_whole_at_their_nearest_images(model):
    """The second is the largest; the first comes to its side of the period."""
    np.testing.assert_allclose(model.largest_c, [3.7, 6.8, 5.9])
    np.testing.assert_allclose(model.home_pc, [[0.4, 4.1, 2.6], [3.7, 6.8, 5.9]])
    x = Geometry(model).layers(look(model, cut="none", cracks=False)).surface.x_mvc
    apart = np.linalg.norm(x[:, :, None] - model.home_pc, axis=3) / np.array([1.6, 2.3])
    assert apart.min(axis=2).max() < 1.05
    ball = np.linalg.norm(x - model.center_c, axis=2).max()
    assert 0.9 * model.radius < ball < 1.05 * model.radius


def test_the_whole_cell_is_a_box(model):
    for cut in ("none", "zy", "xy"):
        layers = Geometry(model).layers(look(model, cut=cut, whole=True))
        for part in (layers.surface, layers.cap):
            if len(part.x_mvc):
                assert part.x_mvc.min() > -1e-5
                assert (part.x_mvc.max(axis=(0, 1)) < np.array([7.0, 7.0, 10.5]) + 1e-5).all()


def test_faces_that_leave_a_box_come_back_on_the_other_side(model):
    """The surface of the particles keeps its area."""
    mesh = model.mesh
    tets = np.flatnonzero(mesh.is_grain_tet)
    faces = boundary_faces(mesh.tets, mesh.network.tet_tn, tets, np.zeros((len(tets), 3)))
    area = lambda x: 0.5 * np.linalg.norm(np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]), axis=1).sum()  # noqa: E731
    before, after = (
        faces.positions(mesh.points),
        within_box(faces, mesh.points, mesh.box).positions(mesh.points),
    )
    assert before[..., :2].min() < -0.1 and after[..., :2].min() > -1e-12
    assert area(after) == pytest.approx(area(before), rel=1e-9)
