"""Configuration files: units, defaults, and messages that a user can act on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latticecell.checks import estimated_sites
from latticecell.config import Config, Interface
from latticecell.errors import ConfigError
from latticecell.laws import EXPANSION_LAWS
from latticecell.reader import config_from_table, read_config, resolved_toml
from latticecell.schema import Quantity, from_si
from latticecell.units import SI_PER_UNIT


def problems(table):
    with pytest.raises(ConfigError) as error:
        config_from_table(table, source="case.toml")
    return error.value.problems


def test_an_empty_file_is_the_baseline_in_si():
    config = config_from_table({})
    assert config == Config()
    assert config.geometry.particles[0].radius == 5e-6
    assert config.interface.strength == 1e8
    assert config.interface.stiffness == 1e19
    assert config.protocol.current_1c is None


def test_resolved_file_reads_back_to_the_same_configuration(tmp_path):
    config = config_from_table(
        {
            "name": 'a "quoted" name',
            "interface": {"strength_MPa": 173.3, "weibull_modulus": 7.3},
            "geometry": {"width_um": 15.7, "particles": [{"radius_um": 4.9, "center_um": [7, 7.3, 7.4]}]},
            "protocol": {"steps": [{"kind": "rest", "duration_s": 12.7}]},
        }
    )
    path = tmp_path / "resolved.toml"
    path.write_text(resolved_toml(config))
    assert read_config(path) == config


@given(st.sampled_from(sorted(SI_PER_UNIT)), st.floats(1e-30, 1e30))
def test_conversion_from_si_is_exact(unit, value):
    factor, to_si = SI_PER_UNIT[unit], Quantity(unit).to_si
    stored = to_si(value)
    assert stored == pytest.approx(value * factor, rel=3e-16, abs=0)
    assert to_si(from_si(stored, unit)) == stored


def test_every_problem_is_reported_at_once():
    found = problems(
        {
            "geometry": {"particles": [{"radius_um": -5}], "widht_um": 3},
            "interface": {"strength_GPa": 1, "fracture_energy_J_per_m2": "much"},
            "solver": {"threads": 1.5},
            "grain_boundary": {"mode": "glued"},
        }
    )
    text = "\n".join(found)
    assert len(found) == 6
    assert "geometry.particles[0].radius_um = -5: must be a number in [0.001, 1000] um (case.toml)" in text
    assert "did you mean width_um?" in text
    assert "write it as strength_MPa" in text
    assert "interface.fracture_energy_J_per_m2 = 'much'" in text
    assert "solver.threads = 1.5: must be a whole number in [1, 256]" in text
    assert '"tied" or "breakable"' in text


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"geometry": {"width_um": 9.0}}, "half of geometry.width_um"),
        ({"geometry": {"cathode_um": 12.0}}, "inside the cathode"),
        ({"network": {"spacing_um": 2.5, "spacing_max_um": 2.0}}, "at least network.spacing_um"),
        ({"network": {"spacing_um": 1.9}}, "half the size of a grain"),
        ({"interface": {"stiffness_Pa_per_m": 1e14}}, "damage starts before"),
        ({"protocol": {"steps": [{"kind": "charge", "c_rate": 1.0}]}}, "needs until_V or duration_s"),
        ({"protocol": {"steps": [{"kind": "hold"}]}}, "needs a cut-off"),
        ({"protocol": {"steps": [{"kind": "rest", "duration_s": 1.0, "c_rate": 1.0}]}}, "no meaning"),
        ({"solver": {"dt_initial_s": 900.0}}, "between dt_min_s"),
        ({"materials": {"active": {"elasticity": "transversely_isotropic"}}}, "is required"),
    ],
)
def test_contradictions_between_keys(table, message):
    assert any(message in problem for problem in problems(table))


def test_particles_that_overlap_through_the_period():
    pair = [
        {"center_um": [1.0, 7.5, 7.5], "radius_um": 3.0},
        {"center_um": [14.0, 7.5, 7.5], "radius_um": 3.0},
    ]
    assert any("overlaps" in p for p in problems({"geometry": {"particles": pair}}))


@pytest.mark.parametrize(
    "text",
    [
        "name = ",
        "geometry = 3",
        "[geometry]\nparticles = 3",
        "[protocol]\nsteps = [1, 2]",
        "[solver]\n[solver]",
    ],
)
def test_malformed_files_give_a_message(tmp_path, text):
    path = tmp_path / "broken.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"broken\.toml"):
        read_config(path)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_config(tmp_path / "binary.toml")


def test_overrides(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("[interface]\nstrength_MPa = 50.0\n")
    config = read_config(path, ["interface.strength_MPa=200", "grain_boundary.mode=breakable"])
    assert config.interface.strength == 2e8
    assert config.grain_boundary.mode == "breakable"
    with pytest.raises(ConfigError, match=r"section\.key=value"):
        read_config(path, ["nonsense"])
    with pytest.raises(ConfigError, match="not a table"):
        read_config(path, ["interface.strength_MPa.x=3"])


def test_sections_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Interface().strength = 3.0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("materials.active.ocv=nope", "must be one of nmc111_zheng2013"),
        ("materials.active.volume_change=half_law", "must give strain"),
        ("network.spacing_um=0.001", "sites, must be at most"),
        ("geometry.separator_um=0.1", "must be at least network.spacing_um"),
        ("network.spacing_um=1e-300", "must be a number in"),
    ],
)
def test_what_cannot_be_built_is_refused_before_the_run(tmp_path, named_law, override, message):
    if "half_law" in override:
        named_law(EXPANSION_LAWS, "half_law", lambda extrapolation: 3)
    file = tmp_path / "a.toml"
    file.write_text('name = "a"')
    with pytest.raises(ConfigError, match=message):
        read_config(file, [override])


def test_estimate_of_sites_is_near_the_truth():
    for spacing, largest, growth, sites in ((0.85, 3.0, 0.4, 2220), (0.52, 2.0, 0.3, 8000)):
        table = {"spacing_um": spacing, "spacing_max_um": largest, "growth": growth}
        assert estimated_sites(config_from_table({"network": table})) == pytest.approx(sites, rel=0.4)


# --- extends ---


def write(path, text):
    path.write_text(text)
    return path


def test_extends_puts_keys_over_those_of_another_file(tmp_path):
    (tmp_path / "sub").mkdir()
    write(
        tmp_path / "base.toml",
        'name = "base"\n[interface]\nstrength_MPa = 70.0\nfracture_energy_J_per_m2 = 0.9',
    )
    write(tmp_path / "sub/middle.toml", 'extends = "../base.toml"\n[interface]\nstrength_MPa = 80.0')
    last = write(tmp_path / "sub/last.toml", 'extends = "middle.toml"\nname = "last"')
    config = read_config(last, ["interface.stiffness_Pa_per_m=3e18"])
    assert (config.name, config.interface.strength) == ("last", 80e6)
    assert (config.interface.fracture_energy, config.interface.stiffness) == (0.9, 3e18)


def test_extends_replaces_lists(tmp_path):
    write(tmp_path / "base.toml", "[materials.active]\ndiffusivity_m2_per_s = [3e-14, 2e-14, 1e-14]")
    last = write(
        tmp_path / "last.toml",
        'extends = "base.toml"\n[materials.active]\ndiffusivity_m2_per_s = [7e-15, 7e-15, 7e-15]',
    )
    assert read_config(last).materials.active.diffusivity == (7e-15,) * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "none.toml"', r"none.toml: cannot be read: .* \(extended by last.toml\)"),
        ('extends = "last.toml"', "extends = 'last.toml': leads back to itself"),
        ("extends = 3", "extends = 3: must be the name of a TOML file"),
    ],
)
def test_extends_refuses(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_config(write(tmp_path / "last.toml", text))
