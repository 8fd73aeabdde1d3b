"""Empty spheres inside particles."""

import numpy as np
import pytest

from latticecell import ConfigError, config_from_table
from latticecell.checks import check_cell1d
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.network import TET_FACES, Network
from latticecell.protocol import particle_volume
from latticecell.quality import network_quality
from latticecell.run import Simulation

UM = 1e-6
STEP = {"kind": "charge", "c_rate": 1.0, "duration_s": 60.0}
TWO = [
    {"center_um": [1.3, 0.5, 0.9], "radius_um": 0.9},
    {"center_um": [-1.2, -0.5, -0.7], "radius_um": 1.0},
]
BESIDE = {"center_um": [0.3, 0.2, 2.05], "radius_um": 0.6}
SPHERE = {"center_um": [4.5, 4.5, 4.5], "radius_um": 3.6}


def config(voids, network=None, particles=(SPHERE,), **microstructure):
    return config_from_table(
        {
            "geometry": {
                "width_um": 9.0, "cathode_um": 9.0 * len(particles), "separator_um": 2.0,
                "particles": list(particles),
            },
            "microstructure": {"seed": 2, "grains": 14, "voids": voids} | microstructure,
            "network": {"spacing_um": 0.5, "spacing_max_um": 2.0, "growth": 0.5} | (network or {}),
            "protocol": {"current_1c_nA": 0.15, "steps": [STEP]},
        }
    )  # fmt: skip


def free_sites(network: Network):
    """Sites of the faces of one tet only that are on no wall."""
    face = np.sort(network.site_n[network.tet_tn][:, TET_FACES], axis=2).reshape(-1, 3)
    single, count = np.unique(face, axis=0, return_counts=True)
    z = network.x_kc[single][:, :, 2]
    wall = (z == 0).all(axis=1) | (z > network.box_c[2] * (1 - 1e-12)).all(axis=1)
    return np.unique(single[(count == 1) & ~wall])


CASES = {
    "two": (config(TWO), TWO),
    "graded": (config(TWO, {"spacing_boundary_um": 0.35}), TWO),
    "beside a cavity": (
        config([BESIDE], {"spacing_um": 0.4}, cavity_radius_um=0.6),
        [{"center_um": [0.0, 0.0, 0.0], "radius_um": 0.6}, BESIDE],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_voids_are_empty_spheres(case):
    """Their volumes are exact, their surfaces lie on them, grains and boundaries lack what is in them."""
    made, voids = CASES[case]
    micro = build_microstructure(made)
    network = build_network(made, micro)
    found = network_quality(network, micro)
    assert found.lost_grains == found.split_grains == 0
    assert found.tet_quality_min >= 0.1
    assert found.gb_area == pytest.approx(found.gb_area_exact, rel=0.025)
    assert found.particle_volume == pytest.approx(found.particle_volume_exact, rel=1e-9)
    empty = 4 / 3 * np.pi * sum(void["radius_um"] ** 3 for void in voids) * UM**3
    assert np.prod(network.box_c) - network.volume_t.sum() == pytest.approx(empty, rel=1e-6)
    x = (network.x_kc - network.particle_center_pc[0]) / UM
    height = np.stack(
        [np.linalg.norm(x - np.array(v["center_um"]), axis=1) / v["radius_um"] for v in voids], axis=1
    )
    assert height.min() > 0.95
    free = height[free_sites(network)]
    owner = free.argmin(axis=1)
    assert (np.bincount(owner, minlength=len(voids)) > 12).all()
    off = np.abs(free.min(axis=1) / 1.04 - 1)  # chords of the exact volume
    assert np.quantile(off, 0.9) < 0.03
    assert off.max() < 0.2
    assert (np.linalg.norm(x[network.site_n[network.bond_bn[network.interface_b, 0]]], axis=1) > 3.5).all()


def test_each_void_is_in_its_own_particle():
    made = config(
        [{"particle": 1, "center_um": [0.5, 0.0, 0.3], "radius_um": 0.9}],
        particles=(SPHERE, SPHERE | {"center_um": [4.5, 4.5, 13.5]}),
    )
    network = build_network(made, build_microstructure(made))
    own = network.is_active_t
    volume = np.bincount(network.particle_g[network.domain_t[own]], network.volume_t[own]) / UM**3
    ball = 4 / 3 * np.pi * 3.6**3
    np.testing.assert_allclose(volume, [ball, ball - 4 / 3 * np.pi * 0.9**3], rtol=1e-9)
    assert particle_volume(made) == pytest.approx(volume.sum() * UM**3, rel=1e-9)


def test_a_cell_with_voids_runs(tmp_path):
    for step in Simulation.start(config(TWO), tmp_path / "run").advance():
        row = step.row
    assert abs(row["lithium_balance"]) < 1e-10
    assert abs(row["energy_balance"]) < 1e-2


@pytest.mark.parametrize(
    ("voids", "keys", "told"),
    [
        ([{"radius_um": 0.5}], {}, r"voids\[0\].radius_um = 0.5: must be at least 0.75 um, 1.5 spacings"),
        ([{"radius_um": 1.0, "particle": 2}], {}, r"voids\[0\].particle = 2: must be below 1, the number of"),
        (
            [{"radius_um": 1.0, "center_um": [2.0, 0.0, 0.0]}], {},
            r"voids\[0\]: is 0.6 um from the surface of the particle, must be at least 1 um, 2 spacings",
        ),
        ([TWO[0], TWO[0]], {}, r"voids\[1\]: is 0 um from microstructure.voids\[0\], must be at least 1 um"),
        ([{"radius_um": 0.9}], {"cavity_radius_um": 0.9}, r"voids\[0\]: is 0 um from the cavity, must be"),
    ],
)  # fmt: skip
def test_voids_that_do_not_fit_are_told(voids, keys, told):
    with pytest.raises(ConfigError, match=told):
        config(voids, **keys)


def test_the_1d_cell_has_no_voids():
    assert check_cell1d(config(TWO)) == [
        "microstructure.voids: have no 1-D counterpart, whose particles are full"
    ]
