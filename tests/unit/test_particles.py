"""Particles of a configuration: packed, listed in the run directory, and refused where they do not fit."""

import numpy as np
import pytest
import tomli
from typer.testing import CliRunner

from latticecell import ConfigError, build_microstructure, config_from_table
from latticecell.checks import cross_check, remarks
from latticecell.cli import app
from latticecell.particles import grain_counts, spheres, volume_fraction
from latticecell.reader import resolved_toml

BOX = {"width_um": 13.0, "cathode_um": 12.0, "separator_um": 3.0}
PACKING = {"volume_fraction": 0.31, "radius_mean_um": 2.3, "radius_std_um": 0.5, "gap_um": 0.17}


def table(packing=PACKING, seed=5, **more):
    return {
        "geometry": BOX | {"packing": packing} | more,
        "microstructure": {"seed": seed, "grains": 9},
        "network": {"spacing_um": 0.44},
    }


def problems(packing, **more):
    with pytest.raises(ConfigError) as found:
        config_from_table(table(packing, **more))
    return "\n".join(found.value.problems)


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_packing_becomes_particles_that_keep_their_distances(seed):
    config = config_from_table(table(seed=seed))
    all_ = spheres(config.geometry)
    assert volume_fraction(config.geometry) == pytest.approx(0.31, rel=1e-6)
    assert all_.gap.min() >= 0.17e-6 and all_.wall.min() >= 0.17e-6
    assert cross_check(config) == []


def test_a_run_directory_lists_the_particles():
    """Its file gives the same configuration, bit for bit, and says where the particles came from."""
    config = config_from_table(table())
    text = resolved_toml(config)
    again = config_from_table(tomli.loads(text))
    assert again == config and "packing]" not in text
    assert config == config_from_table(table())
    assert text.count("[[geometry.particles]]") == len(config.geometry.particles) > 3
    assert config.geometry.packed.startswith(
        "volume_fraction = 0.31, radius_mean_um = 2.3, radius_std_um = 0.5"
    )
    assert "seed 5" in config.geometry.packed


def test_another_seed_gives_another_packing_and_the_key_of_its_own_holds_it():
    one, other = (config_from_table(table(seed=s)).geometry.particles for s in (5, 6))
    held = [config_from_table(table(PACKING | {"seed": 5}, seed=s)).geometry.particles for s in (5, 6)]
    assert one != other
    assert held[0] == held[1] == one


def test_grains_go_by_volume_unless_said():
    config = config_from_table(table())
    volume = np.array([particle.radius**3 for particle in config.geometry.particles])
    np.testing.assert_allclose(grain_counts(config), 9 * volume / volume.mean(), atol=0.5)
    micro = build_microstructure(config)
    assert np.bincount(micro.particle_g).tolist() == grain_counts(config)
    assert len(micro.rotation_gcc) == len(micro.seed_gc) == sum(grain_counts(config))
    equal = config_from_table(table(PACKING | {"grains": "equal"}))
    assert grain_counts(equal) == [9] * len(equal.geometry.particles)


def test_radii_of_a_list():
    listed = {"radii_um": [3.1, 1.7, 2.2], "gap_um": 0.2}
    radii = [particle.radius for particle in config_from_table(table(listed)).geometry.particles]
    assert radii == [3.1e-6, 1.7e-6, 2.2e-6]
    drawn = config_from_table(table(listed | {"volume_fraction": 0.25})).geometry
    assert volume_fraction(drawn) == pytest.approx(0.25, rel=1e-6)
    ratios = {round(particle.radius / drawn.particles[0].radius, 6) for particle in drawn.particles}
    assert ratios <= {round(a / b, 6) for a in (3.1, 1.7, 2.2) for b in (3.1, 1.7, 2.2)}


@pytest.mark.parametrize(
    ("packing", "more", "told"),
    [
        ({}, {}, "geometry.packing.radius_mean_um: is required, or radii_um"),
        ({"radius_mean_um": 2.0}, {}, "geometry.packing.volume_fraction: is required with radius_mean_um"),
        (PACKING | {"radii_um": [1.0]}, {}, "radius_mean_um: has no meaning beside radii_um"),
        (PACKING, {"particles": [{}]}, "has no meaning beside geometry.particles"),
        (PACKING | {"radius_min_um": 2.4}, {}, "radius_mean_um = 2.3: must be between radius_min_um = 2.4"),
        (
            PACKING | {"radius_min_um": 2.299, "radius_max_um": 2.301},
            {},
            "radius_std_um = 0.5: less than 1% of the radii lie between 2.299 and 2.301 um",
        ),
        (PACKING | {"gap_um": 0.06}, {}, "gap_um = 0.06: must be at least 0.25 spacings of the network"),
        (PACKING | {"wall_gap_um": 0.04}, {}, "wall_gap_um = 0.04: must be at least 0.1 spacings"),
        ({"radii_um": [6.2]}, {}, "radius of 6.2 um does not fit; geometry.cathode_um has room for 5.69 um"),
        (PACKING | {"volume_fraction": 0.002}, {}, "volume_fraction = 0.002: 1 of the drawn particles fill"),
        (PACKING | {"radius_mean_um": 0.3, "radius_std_um": 0}, {}, "takes more than 1000 particles"),
        (
            PACKING | {"volume_fraction": 0.63},
            {},
            "geometry.packing.volume_fraction = 0.63: cannot be packed with gap_um = 0.17 and wall_gap_um = "
            "0.17; 0.",
        ),
        (PACKING | {"volume_fraction": 0.7}, {}, "volume_fraction = 0.7: must be a number in [0.001, 0.64]"),
    ],
)  # fmt: skip
def test_what_cannot_be_packed_is_explained(packing, more, told):
    assert told in problems(packing, **more)


def test_particles_too_close_for_the_network_are_refused():
    pair = [
        {"center_um": [4.0, 4.0, 4.0], "radius_um": 2.5},
        {"center_um": [4.0, 4.0, 8.56], "radius_um": 2.0},
    ]
    keys = {"geometry": BOX | {"particles": pair}, "microstructure": {"grains": 4}}
    with pytest.raises(
        ConfigError, match=r"particles\[1\]: is 0.06 um from geometry.particles\[0\], must be at"
    ):
        config_from_table(keys)
    config_from_table(keys, laws=False)  # a finished run can be read
    config_from_table(keys | {"network": {"spacing_um": 0.39}})
    for change, told in (
        ({"center_um": [4.0, 4.0, 2.53]}, "0.03 um from the current collector"),
        ({"center_um": [4.0, 4.0, 9.46]}, "0.04 um from the separator"),
        ({"center_um": [4.0, 4.0, 6.0], "radius_um": 6.46 - 0.5}, "0.04 um from the current collector"),
    ):
        with pytest.raises(ConfigError, match=told):
            config_from_table(keys | {"geometry": BOX | {"particles": [pair[0] | change]}})
    wide = {"geometry": BOX | {"width_um": 5.08, "particles": pair[:1]}, "microstructure": {"grains": 4}}
    with pytest.raises(ConfigError, match=r"is 0.08 um from its own image, must be at least 0.2 spacings"):
        config_from_table(wide)


def test_grains_of_one_particle_alone():
    pair = [
        {"center_um": [4.0, 4.0, 4.0], "radius_um": 2.5, "grains": 3},
        {"center_um": [9.0, 9.0, 8.0], "radius_um": 2.0},
    ]
    config = config_from_table({"geometry": BOX | {"particles": pair}, "microstructure": {"grains": 4}})
    assert grain_counts(config) == [3, 4]
    with pytest.raises(ConfigError, match=r"same_grains = true: .* 3 and 4 grains"):
        config_from_table(
            {"geometry": BOX | {"particles": pair}, "microstructure": {"grains": 4, "same_grains": True}}
        )


def test_narrow_gaps_are_remarked_on():
    pair = [
        {"center_um": [4.0, 4.0, 4.0], "radius_um": 2.5},
        {"center_um": [4.0, 4.0, 8.6], "radius_um": 2.0},
    ]
    keys = {"geometry": BOX | {"particles": pair}, "microstructure": {"grains": 4}}
    for spacing, told in ((0.45, True), (0.39, False)):
        found = [
            r for r in remarks(config_from_table(keys | {"network": {"spacing_um": spacing}})) if "gaps" in r
        ]
        assert bool(found) == told
        assert not told or ("1 of the gaps" in found[0] and "0.1 um between [0] and [1]" in found[0])
    assert remarks(config_from_table({})) == []


def test_the_check_shows_the_particles(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text(
        "[geometry]\nwidth_um = 9.0\ncathode_um = 8.5\nseparator_um = 2.0\n[geometry.packing]\n"
        "radii_um = [3.2, 2.1]\ngap_um = 0.25\n[microstructure]\ngrains = 4\n[network]\nspacing_um = 0.6\n"
    )
    result = CliRunner().invoke(app, ["check", str(file)])
    assert result.exit_code == 0, result.output
    assert "2 particles fill 0.2557 of the cathode block" in result.output.replace("\n", " ")
    config = config_from_table(tomli.loads(file.read_text()))
    all_ = spheres(config.geometry)
    for p in (0, 1):
        (line,) = (line for line in result.output.splitlines() if f" p{p + 1} " in line[:6])
        told = [word for word in line.replace("\u2502", " ").replace("|", " ").split() if word != f"p{p + 1}"]
        expected = [all_.radius[p], *all_.center[p]]
        assert told[:4] == [f"{1e6 * value:.2f}" for value in expected]
        assert told[4] == str(grain_counts(config)[p])
        nearest = "image" if all_.gap[p].argmin() == p else f"p{2 - p}"
        assert told[5] == f"{1e6 * all_.gap[p].min():.2f}" and nearest in line
