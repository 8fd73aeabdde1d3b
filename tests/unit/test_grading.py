"""Networks graded to grain boundaries, small."""

import numpy as np
import pytest

from labelmaps import Truth
from latticecell.checks import estimated_sites
from latticecell.errors import ConfigError
from latticecell.imports.load import labelled
from latticecell.meshing.generate import build_network
from latticecell.meshing.geometry import UM, Grading
from latticecell.meshing.spheres import SphereGeometry
from latticecell.microstructure import build_microstructure
from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.quality import grain_pieces, tet_quality
from latticecell.reader import config_from_table

ASKED = 0.4
SPHERE = {"center_um": [4.0, 4.0, 4.0], "radius_um": 2.5}


def config(boundary=ASKED, spacing=0.8, **microstructure):
    return config_from_table(
        {
            "geometry": {"width_um": 8.0, "cathode_um": 8.0, "separator_um": 2.0, "particles": [SPHERE]},
            "microstructure": {"seed": 2, "grains": 12} | microstructure,
            "network": {"spacing_um": spacing, "spacing_max_um": 2.0, "growth": 0.4}
            | ({} if boundary is None else {"spacing_boundary_um": boundary}),
        }
    )


def edges(network, kind):
    """Lengths of the edges of the facets of one kind [um]."""
    own = (network.kind_b[network.facet_fb] == kind).all(axis=1)
    x = network.x_kc[network.site_n[network.bond_bn[network.facet_fb[own], 0]]]
    d = x - np.roll(x, 1, axis=1)
    d[..., :2] -= network.box_c[:2] * np.round(d[..., :2] / network.box_c[:2])
    return np.linalg.norm(d, axis=2).ravel() / UM


def judge(network, boundary=ASKED):
    worst = tet_quality(network.unwrapped_tac()).min()
    assert worst >= 0.1
    tet, domain = network.site_n[network.tet_tn], network.domain_t
    assert (grain_pieces(tet, domain, network.n_grains) == 1).all()
    assert np.median(edges(network, GB_BOND)) == pytest.approx(boundary, rel=0.15)


@pytest.mark.parametrize(
    "grains",
    [
        {}, {"sizes": {"mean_um": 2.0, "deviation_um": 0.5}}, {"relaxations": 3},
        {"grains": 40, "aspect_ratio": 2.0}, {"grains": 24, "cavity_radius_um": 1.0, "spacing": 0.6},
    ],
    ids=["voronoi", "laguerre", "relaxed", "columns", "cavity"],
)  # fmt: skip
def test_boundaries_get_the_spacing_asked_for(grains):
    made = config(**grains)
    judge(build_network(made, build_microstructure(made)))


@pytest.mark.parametrize("kind", ["planar", "curved", "two"])
def test_boundaries_of_label_maps_too(tmp_path, kind):
    truth = Truth(8, 2, box=8.0, curved=kind == "curved", two=kind == "two")
    label, voxel = truth.voxels((32, 32, 32))
    np.save(tmp_path / "map.npy", label)
    table = {
        "file": str(tmp_path / "map.npy"), "voxel_size_um": voxel.tolist(), "ecbd": [truth.grains],
        "periodic": True, "random_orientations": True,
    }  # fmt: skip
    made = config_from_table(
        {
            "microstructure": {"seed": 3, "labels": table},
            "geometry": {"separator_um": 2.0},
            "network": {"spacing_um": 0.9, "spacing_boundary_um": 0.42, "growth": 0.5},
        }
    )
    judge(build_network(made, labelled(made)), 0.42)


def test_grading_leaves_grains_and_the_rest_coarse():
    """Sites that boundaries need are added, far fewer than if all of the particle were as fine."""
    count = {}
    for name, spacing, boundary in (("coarse", 0.8, None), ("graded", 0.8, ASKED), ("fine", ASKED, None)):
        made = config(boundary, spacing)
        network = build_network(made, build_microstructure(made))
        count[name] = len(network.x_kc)
        assert estimated_sites(made) == pytest.approx(count[name], rel=0.5)
        if name == "graded":
            surface = edges(network, INTERFACE_BOND)
            assert np.quantile(surface, 0.95) > 1.7 * ASKED
    assert 1.5 * count["coarse"] < count["graded"] < 0.75 * count["fine"]


def test_wanted_distance_grows_from_the_nearest_boundary():
    """Against the distance to points strewn over the boundaries; outside of the sphere, to their rim."""
    made = config()
    micro = build_microstructure(made)
    geometry = SphereGeometry(micro, Grading(0.8, 2.0, 0.4, ASKED))
    rng = np.random.default_rng(0)
    x = geometry.center[0] + rng.normal(size=(400_000, 3)) * 1.4
    x = x[geometry.depth(x) < 0]
    near = x[geometry.boundary_distance(x) < 0.02]
    probe = geometry.center[0] + rng.normal(size=(200, 3)) * 2
    probe = probe[geometry.depth(probe) < 1.2]  # nearer to this image than to others
    distance = np.linalg.norm(geometry.shortest(probe[:, None] - near[None]), axis=2).min(axis=1)
    found = geometry.boundary_distance(probe)
    assert (found < distance + 0.02).all()
    # the planes go on beyond the surface, so a point below it may be nearer to one there
    deep = geometry.depth(probe) < -0.8
    np.testing.assert_allclose(found[deep], distance[deep], atol=0.1)
    assert (found[geometry.depth(probe) >= 0] > 0.8 * distance[geometry.depth(probe) >= 0] - 0.1).all()
    depth = np.maximum(geometry.depth(probe), 0)
    wanted = np.minimum(np.minimum(0.8 + 0.4 * depth, 2.0), ASKED + 0.4 * found)
    np.testing.assert_allclose(geometry.spacing_at(probe), wanted)


def test_one_spacing_for_both_is_no_grading():
    plain, same = (build_network(made, build_microstructure(made)) for made in (config(None), config(0.8)))
    np.testing.assert_array_equal(plain.x_kc, same.x_kc)
    np.testing.assert_array_equal(plain.tet_tn, same.tet_tn)


def test_boundaries_cannot_be_coarser():
    with pytest.raises(ConfigError, match=r"network.spacing_boundary_um = 0.9: must be at most network.sp"):
        config(0.9)


def test_grains_need_two_of_the_finer_spacings():
    assert config(0.3, grains=400)
    with pytest.raises(
        ConfigError, match=r"network.spacing_boundary_um = 0.5: must be at most 0.339 um, half"
    ):
        config(0.5, grains=400)


def test_the_way_to_a_boundary_of_spheres_leads_onto_it():
    """Onto the sphere, and onto the plane between two seeds."""
    micro = build_microstructure(config_from_table({"microstructure": {"grains": 6}}))
    geometry = SphereGeometry(micro, Grading(0.8, 2.0, 0.4, 0.8))
    centre, radius = geometry.center[0], geometry.radius[0]
    way = np.array([[0.6, 0.8, 0.0], [0.0, -0.28, 0.96]])
    x = centre + 0.9 * radius * way
    pair = np.array([[0, geometry.ecbd]] * 2, np.int32)
    onto = geometry.shortest(x + geometry.to_boundary(x, pair) - centre)
    np.testing.assert_allclose(onto, radius * way, atol=1e-9 * radius)
    a, b = geometry.seed[:2]
    x = (centre + a)[None]
    onto = geometry.shortest(x + geometry.to_boundary(x, np.array([[0, 1]], np.int32)) - centre)[0]
    assert abs(np.linalg.norm(onto - a) - np.linalg.norm(onto - b)) < 1e-9 * radius
