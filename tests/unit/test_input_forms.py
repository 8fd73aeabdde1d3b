"""Every problem of a user's file is a sentence and exit code 2: odd files, odd values, contradictions."""

import os

import pytest
from typer.testing import CliRunner

from latticecell import ConfigError, config_from_table, read_config, resolved_toml
from latticecell.checks import outlook, remarks
from latticecell.cli import app
from latticecell.errors import LONGEST_PROBLEM, printable
from latticecell.laws import OCV_LAWS
from latticecell.laws.ocv import TabulatedOCV
from latticecell.protocol import full_charge, one_c
from latticecell.units import FARADAY

CHARGE = {"kind": "charge", "c_rate": 1.0, "until_V": 4.3}


def refused(path, *said, options=()):
    result = CliRunner().invoke(app, ["check", str(path), *options])
    assert result.exit_code == 2, result.output
    for text in said:
        assert text in result.output, result.output
    assert "Traceback" not in result.output
    return result.output


def written(tmp_path, content):
    file = tmp_path / "a.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


ODD = {
    "nested lists": ("a = " + "[" * 500 + "]" * 500, "nested"),
    "nested tables": ("[" + ".".join("a" * 1000) + "]\nb = 1", "nested"),
    "inline tables": ("a = " + "{b = " * 450 + "1" + "}" * 450, "nested"),
    "large integer": ("[microstructure]\nseed = " + "9" * 5000, "number"),
    "beyond 64 bits": (f"[microstructure]\nseed = {2**63}", "at most"),
    "not text": (b"name = '\xff'", "is not UTF-8 text (byte 8)"),
    "not TOML": ("name = [", "is not valid TOML"),
    "NUL in extends": ('extends = "a\\u0000b"', "cannot be the name of a file"),
    "missing base": ('extends = "none.toml"', "none.toml", "cannot be read"),
    "extends a number": ("extends = 3", "must be the name of a TOML file"),
    "itself": ('extends = "a.toml"', "leads back to itself"),
    "a folder": ('extends = "."', "is not a regular file"),
    "long value": (f'name = "{"x" * 300}"', "..."),
    "nan": ("[network]\ngrowth = nan", "network.growth = nan"),
    "no tables": ("[geometry]\nparticles = []", "must be a list of 1 to 1000 tables"),
    "many tables": ("[[geometry.particles]]\n" * 1001, "must be a list of 1 to 1000 tables"),
    "almost zero": (
        "[interface]\nresistance_ohm_m2 = 5e-324",
        "must be a number, 0 or in [1e-09, 1000]",
    ),
    "growth": ("[network]\ngrowth = 1e-300", "must be a number in [0.01, 1]"),
    "toughness": (
        "[interface]\nfracture_energy_J_per_m2 = 5e-324",
        "must be a number in [1e-06, 10000]",
    ),
    "strength": ("[interface]\nstrength_MPa = 1e-300", "must be a number in [0.001, 100000] MPa"),
    "unknown": ("[interface]\nstrenght_MPa = 3.0", "did you mean strength_MPa?"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_refused_with_a_sentence(tmp_path, name):
    content, *said = ODD[name]
    output = refused(written(tmp_path, content), *said)
    assert all(len(line) <= LONGEST_PROBLEM + 10 for line in output.splitlines())


def test_a_byte_order_mark_is_accepted(tmp_path):
    assert read_config(written(tmp_path, b'\xef\xbb\xbfname = "a"')).name == "a"


def test_links_in_a_loop_are_refused(tmp_path):
    (tmp_path / "a.toml").symlink_to(tmp_path / "b.toml")
    (tmp_path / "b.toml").symlink_to(tmp_path / "a.toml")
    refused(tmp_path / "a.toml", "cannot be read")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    refused(tmp_path / "pipe.toml", "is not a regular file")
    refused("/dev/zero", "is not a regular file")


def test_a_chain_of_files_has_an_end(tmp_path):
    for i in range(30):
        (tmp_path / f"{i}.toml").write_text(f'extends = "{i + 1}.toml"')
    refused(tmp_path / "0.toml", "more than 20 files extend each other")


def test_names_with_control_characters_read_back(tmp_path):
    name = 'a\rb\n"\\\x1b\x7f\x00\u2028\U0001f50b'
    config = config_from_table({"name": name})
    assert read_config(written(tmp_path, resolved_toml(config))) == config


def test_many_problems_are_cut_short(tmp_path):
    lines = "\n".join(f"key{i} = {i}" for i in range(30_000))
    assert len(refused(written(tmp_path, lines), "30000 problems found").splitlines()) == 101


def test_a_huge_file_is_refused(tmp_path):
    refused(written(tmp_path, "# " + "x" * 1_000_000), "is larger than")


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("a" + ".a" * 1000 + "=1", "parts"),
        ("microstructure.seed=" + "9" * 5000, "number"),
        ("name=" + "[" * 500, "name"),
        ("=1", "must look like section.key=value"),
        ("protocol.steps[7].c_rate=2", "protocol.steps"),
    ],
)
def test_an_odd_assignment_is_refused(tmp_path, assignment, said):
    refused(written(tmp_path, ""), said, options=["--set", assignment])


def test_control_characters_are_escaped_in_messages():
    assert printable("a\x1b[31mb\r\n\u202ec") == "a\\x1b[31mb\\r\\n\\u202ec"
    with pytest.raises(ConfigError) as error:
        config_from_table({"network": {"sp\x1bacing_um": 3}})
    assert "\x1b" not in str(error.value)


def test_keys_that_undo_one_another_are_refused():
    for table, said in (
        ({"interface": {"resistance_ohm_m2": 1.0, "resistance_max_ohm_m2": 1e-6}}, "must be at most"),
        ({"protocol": {"current_1c_nA": 0.7, "window": [0.1, 0.9]}}, "give one of them"),
        ({"protocol": {"window": [0.9, 0.1]}}, "the first must be below the second"),
        ({"materials": {"active": {"strain_frozen_below": 0.98}}}, "strain_frozen_below"),
    ):
        with pytest.raises(ConfigError, match=said):
            config_from_table(table)


def cell(radius, **protocol):
    particle = {"center_um": [4.0, 4.0, 3.5], "radius_um": radius}
    return config_from_table(
        {
            "geometry": {"width_um": 8.0, "cathode_um": 7.0, "separator_um": 3.0, "particles": [particle]},
            "microstructure": {"grains": 2},
            "protocol": protocol,
        }
    )


def test_1c_follows_from_the_particle():
    """x0 c_max F V passes in an hour, V the volume of the sphere: twice the radius, eight times as much."""
    small, large = cell(1.5), cell(3.0)
    volume = 4 / 3 * 3.141592653589793 * 27e-18
    assert one_c(large) == pytest.approx(FARADAY * 48537.0 * 0.9703 * volume / 3600, rel=1e-12)
    assert one_c(large) == pytest.approx(8 * one_c(small), rel=1e-12)
    window = cell(3.0, window=[0.1, 0.6])
    assert one_c(window) == pytest.approx(0.5 * full_charge(window) / 3600, rel=1e-12)
    assert one_c(cell(3.0, current_1c_nA=0.0834)) == pytest.approx(0.0834e-9, rel=1e-12)


def test_a_current_that_does_not_fit_is_said():
    config = cell(1.5, current_1c_nA=0.6672)
    assert any("empties the particles in 0.02" in text for text in remarks(config))
    assert not remarks(cell(1.5))


def test_another_temperature_is_said():
    config = config_from_table({"kinetics": {"temperature_K": 263.0, "reference_temperature_K": 263.0}})
    assert any("temperature_K = 263" in text for text in remarks(config))


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"kind": "charge", "c_rate": 1.0, "until_V": 2.0}, "until_V = 2: ends at once"),
        ({"kind": "discharge", "c_rate": 1.0, "until_V": 3.5}, "until_V = 3.5: ends at once"),
    ],
)
def test_a_cut_off_on_the_wrong_side_of_the_rest_voltage_is_refused(step, said):
    with pytest.raises(ConfigError, match=said):
        config_from_table({"protocol": {"steps": [step]}})


def test_a_cut_off_beyond_the_data_is_said():
    step = {"kind": "charge", "c_rate": 1.0, "until_V": 4.6}
    config = config_from_table({"protocol": {"steps": [step]}})
    assert any("until_V = 4.6: is beyond the data" in text for text in remarks(config))


def test_an_ocv_that_rises_is_refused_where_the_protocol_uses_it(named_law):
    named_law(OCV_LAWS, "rises", lambda: TabulatedOCV([0.0, 0.5, 1.0], [3.0, 3.4, 4.2]))
    named_law(OCV_LAWS, "dips", lambda: TabulatedOCV([0.0, 0.4, 0.5, 1.0], [4.4, 3.8, 3.9, 3.0]))
    named_law(OCV_LAWS, "raises", lambda: 3)
    for name, where in (
        ("rises", "must fall with x, at initial_stoichiometry = 0.9703"),
        ("dips", r"it does not at x = 0\.[56]"),
        ("raises", r"must give voltage\(x\) and slope"),
    ):
        with pytest.raises(ConfigError, match=where):
            config_from_table({"materials": {"active": {"ocv": name}}})
    above = [
        {"kind": "charge", "c_rate": 1.0, "until_V": 3.6},
        {"kind": "discharge", "c_rate": 1.0, "until_V": 3.1},
    ]
    config_from_table({"materials": {"active": {"ocv": "dips"}}, "protocol": {"steps": above}})


@pytest.mark.parametrize(
    "later",
    [
        [{"kind": "charge", "c_rate": 0.5, "until_V": 4.3}],  # the faster charge before it ended early
        [{"kind": "hold", "until_c_rate": 0.05}],
        [{"kind": "hold", "voltage_V": 4.2, "until_c_rate": 2.0}],
        [{"kind": "discharge", "c_rate": 1.0, "until_V": 4.25}],
        [{"kind": "rest", "duration_s": 60.0}, {"kind": "hold", "until_c_rate": 0.5}],
    ],
)
def test_what_losses_may_make_of_a_protocol_is_left_to_them(later):
    first = {"kind": "charge", "c_rate": 1.0, "until_V": 4.3}
    assert remarks(config_from_table({"protocol": {"steps": [first, *later]}})) == []


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([CHARGE, {"kind": "hold", "until_c_rate": 1.0}], "steps[1] (hold): until_c_rate = 1: ends at once"),
        ([CHARGE, {"kind": "hold", "voltage_V": 4.3, "until_c_rate": 1.5}], "the step before it ends"),
        ([{"kind": "hold", "until_c_rate": 0.05}], "ends at once, the cell rests at 3.0000 V"),
        ([{"kind": "discharge", "c_rate": 1.0, "until_V": 3.0}], "rests at 3.0000 V or below"),
        ([CHARGE, {"kind": "discharge", "c_rate": 1.0, "until_V": 4.4}], "rests at 4.3000 V or below"),
        ([{"kind": "charge", "c_rate": 1.0, "duration_s": 360.0}, {**CHARGE, "until_V": 3.3}], "rests at 3."),
        ([{"kind": "charge", "c_rate": 1.0}], "needs until_V or duration_s"),
    ],
)
def test_a_step_that_ends_at_once_for_sure_is_refused(steps, said):
    with pytest.raises(ConfigError) as error:
        config_from_table({"protocol": {"steps": steps}})
    assert said in str(error.value)
    assert len(error.value.problems) == 1


def test_more_than_the_particles_hold_is_said():
    for step, said in (
        ({"kind": "charge", "c_rate": 1.0, "duration_s": 7200.0}, "moves 1.94 of x, more than the 0.97 that"),
        ({"kind": "discharge", "c_rate": 1.0, "duration_s": 360.0}, "more than the 0.0297 that the"),
    ):
        (found,) = remarks(config_from_table({"protocol": {"steps": [step]}}))
        assert said in found


def test_check_tells_capacity_current_and_duration(tmp_path):
    told = dict(outlook(config_from_table({})))
    assert "0.2937 mAh/cm2" in told["capacity"]
    assert told["step 1"].startswith("Charge at 1C until 4.3 V: 56.4 min, x = 0.9703 to 0.0575")
    result = CliRunner().invoke(
        app,
        [
            *("check", str(written(tmp_path, ""))),
            *("--set", "kinetics.temperature_K=333.0", "--set", "kinetics.reference_temperature_K=333.0"),
        ],
    )
    assert result.exit_code == 0
    assert "warning: kinetics.temperature_K = 333" in result.output


@pytest.mark.parametrize("name", ["active", "ecbd", "separator"])
def test_nearly_incompressible_materials_are_said(name):
    for ratio, said in ((0.42, 0), (0.43, 1)):
        found = remarks(config_from_table({"materials": {name: {"poisson_ratio": ratio}}}))
        assert len(found) == said
    assert found[0].startswith(f"materials.{name}.poisson_ratio = 0.43: above 0.42 ")


def test_crystals_are_judged_by_their_average(tmp_path):
    """In the plane 0.45, yet far from incompressible; and the other way round."""
    for ratio, across, said in ((0.45, 0.1, 0), (0.4, 0.49, 1)):
        active = {
            "elasticity": "transversely_isotropic", "poisson_ratio": ratio, "poisson_ratio_c": across,
            "youngs_modulus_c_GPa": 78.0, "shear_modulus_c_GPa": 20.0,
        }  # fmt: skip
        found = remarks(config_from_table({"materials": {"active": active}}))
        assert len(found) == said, found
    assert "averaged over directions" in found[0]


def test_check_warns_of_locking(tmp_path):
    result = CliRunner().invoke(
        app, ["check", str(written(tmp_path, "")), "--set", "materials.active.poisson_ratio=0.46"]
    )
    assert result.exit_code == 0
    assert "warning: materials.active.poisson_ratio = 0.46: above 0.42" in result.output
