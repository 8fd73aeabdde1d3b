"""What contradicts among the keys of grains is told, with the key and what is allowed."""

import pytest

from latticecell import ConfigError, config_from_table
from latticecell.checks import remarks

SEEDS = {"positions_um": [[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]}
EULER = {"convention": "bunge_euler", "sense": "active"}
TWO = {"particles": [{"center_um": [7.5, 7.5, z], "radius_um": 3.0} for z in (4.0, 11.0)]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"texture": {"kind": "random", "spread_deg": 5.0}}, "spread_deg = 5: has no meaning with"),
        ({"texture": {"kind": "radial", "axis": [0.0, 0.0, 1.0]}}, "texture.axis: has no meaning with kind"),
        ({"texture": {"kind": "fibre"}}, "texture.axis: is required with kind"),
        ({"texture": {"kind": "fibre", "axis": [0.0, 0.0, 0.0]}}, "must have a length"),
        ({"texture": {"kind": "radial", "orientation": [0, 0, 0], **EULER}}, "orientation: has no meaning"),
        ({"texture": {"kind": "single", "orientation": [0, 0, 0]}}, "convention: is required with an"),
        ({"texture": {"kind": "single", **EULER}}, "convention: has no meaning without an"),
        ({"texture": {"kind": "single", "orientation": [0, 0], **EULER}}, "must be 3 numbers of a bunge_eul"),
        (
            {"texture": {"kind": "single", "orientation": [0, 0, 0, 0], "convention": "quaternion",
                         "sense": "active"}},
            "must not be zero",
        ),
        ({"cavity_radius_um": 4.9}, "cavity_radius_um = 4.9: must be 0, or between"),
        ({"cavity_radius_um": 0.1}, "cavity_radius_um = 0.1: must be 0, or between"),
        ({"sizes": {"mean_um": 1.0, "deviation_um": 0.2, "smallest_um": 2.0}}, "mean_um = 1: must be betw"),
        ({"sizes": {"mean_um": 0.1, "deviation_um": 0.01}}, "must make at most 5000"),
        ({"sizes": {"mean_um": 2.0, "deviation_um": 0.2}, "seeds": SEEDS}, "sizes: has no meaning beside"),
        ({"aspect_ratio": 9.0}, "aspect_ratio = 9: must be at most"),
        ({"aspect_ratio": 2.0, "grains": 1}, "aspect_ratio = 2: needs more than one grain"),
        ({"aspect_ratio": 2.0, "relaxations": 3}, "aspect_ratio = 2: has no meaning with relaxations = 3"),
        ({"aspect_ratio": 2.0, "seeds": SEEDS}, "aspect_ratio = 2: has no meaning beside"),
        ({"relaxations": 3, "seeds": SEEDS}, "relaxations = 3: has no meaning beside"),
        ({"seeds": {}}, "seeds.file: is required, or positions_um"),
        ({"seeds": SEEDS | {"weights_um2": [0.1]}}, "weights_um2: has 1 rows, must have 2"),
        ({"seeds": SEEDS | {"orientations": [[0, 0, 0]] * 2}}, "convention: is required with orient"),
        (
            {"seeds": SEEDS | {"orientations": [[0, 0, 0]] * 2} | EULER, "texture": {"kind": "radial"}},
            'texture.kind = "radial": has no meaning beside orientations',
        ),
        ({"seeds": {"positions_um": [[1.0, 0.0, 0.0]] * 2}}, "rows 1 and 2 are the same point"),
        ({"seeds": SEEDS | {"particles": [0, 1]}}, "particles: has 1, must be below 1"),
    ],
)  # fmt: skip
def test_contradictions_are_told(options, message):
    with pytest.raises(ConfigError) as caught:
        config_from_table({"microstructure": options})
    assert any(message in problem and "microstructure" in problem for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": SEEDS}, "must have seeds in geometry.particles[1]; a column particle says"),
        ({"seeds": SEEDS | {"particles": [1, 1]}}, "must have seeds in geometry.particles[0]"),
        (
            {"seeds": SEEDS | {"particles": [0, 1]}, "same_grains": True},
            "has no meaning with same_grains = true",
        ),
    ],
)
def test_seeds_go_to_particles(options, message):
    with pytest.raises(ConfigError) as caught:
        config_from_table({"microstructure": options, "geometry": TWO})
    assert any(message in problem for problem in caught.value.problems)


def test_what_is_odd_is_remarked():
    few = {"sizes": {"mean_um": 2.0, "deviation_um": 1.0}}
    found = remarks(config_from_table({"microstructure": few, "network": {"spacing_um": 0.85}}))
    assert any("of the grains are narrower than two spacings" in line for line in found)
    columns = {"aspect_ratio": 1.5, "grains": 53}
    found = remarks(config_from_table({"microstructure": columns}))
    assert any("aspect_ratio = 1.5: whole shells of 53 grains make it 2.2" in line for line in found)
