"""The library of materials: complete, sourced, consistent, and overridden key by key."""

import numpy as np
import pytest
import tomli
from typer.testing import CliRunner

from latticecell import ConfigError, config_from_table
from latticecell.cli import app
from latticecell.config import Config
from latticecell.laws.chosen import open_circuit, strains
from latticecell.library import material, names
from latticecell.library.defaults import KINDS
from latticecell.reader import resolved_toml

ACTIVE = [name for name in names() if material(name).kind == "active"]


def active(**keys):
    return config_from_table({"materials": {"active": keys}}, laws=False).materials.active


def test_the_library_holds_what_it_says():
    assert set(names()) == {
        "nmc111", "nmc111_pseudo", "nmc532", "nmc622", "nmc811", "lco", "llzo", "li6ps5cl", "li3incl6"
    }  # fmt: skip


@pytest.mark.parametrize("name", names())
def test_every_value_has_a_source_or_a_reason(name):
    found = material(name)
    assert found.kind in KINDS.values() and found.title and found.note
    for key, value in found.values.items():
        assert value.source or value.assumed, key


@pytest.mark.parametrize("name", ACTIVE)
def test_a_material_is_a_valid_input_and_reads_back(name):
    config = config_from_table({"materials": {"active": {"material": name}}})
    assert config_from_table(tomli.loads(resolved_toml(config))) == config
    law = open_circuit(config.materials.active)
    x = np.linspace(*law.covers, 301)
    assert (law.slope(x) < 0).all()


def test_the_pseudo_material_is_the_default():
    default = Config().materials.active
    assert active(material="nmc111_pseudo").model_copy(update={"material": None}) == default


@pytest.mark.parametrize(
    ("name", "empty", "change", "voltage"), [("nmc111", 0.38, -0.012, 4.3), ("nmc811", 0.2, -0.051, None)]
)
def test_volume_changes_are_those_of_the_abstracts(name, empty, change, voltage):
    """Kondrakov 2017: -1.2 % and -5.1 % to 4.3 V."""
    found = active(material=name)
    (a, _), (c, _) = strains(found)
    volume = lambda x: (1 + float(a.strain(x))) ** 2 * (1 + float(c.strain(x)))  # noqa: E731
    assert volume(empty) / volume(1.0) - 1 == pytest.approx(change, abs=1e-3)
    if voltage:
        assert float(open_circuit(found).voltage(empty)) == pytest.approx(voltage, abs=0.02)
    size = found.lattice_a.in_si()[-1] ** 2 * found.lattice_c.in_si()[-1] * np.sqrt(3) / 2
    assert found.c_max == pytest.approx(3 / (6.02214076e23 * size), rel=1e-4)


def test_the_voltage_of_nmc811_is_that_of_its_source():
    """Chen et al. 2020 in the window that they used; their formula, sampled."""
    x = np.linspace(0.2661, 0.9084, 400)
    fit = -0.809 * x + 4.4875 - 0.0428 * np.tanh(18.5138 * (x - 0.5542))
    fit += -17.7326 * np.tanh(15.789 * (x - 0.3117)) + 17.5842 * np.tanh(15.9308 * (x - 0.312))
    miss = open_circuit(active(material="nmc811")).voltage(x) - fit
    assert np.sqrt(np.mean(miss**2)) < 1.5e-3


def test_keys_of_the_file_override_and_strains_replace_each_other():
    found = active(material="nmc811", c_max_mol_per_m3=50000.0, volume_change="nmc111_koerver2018",
                   expansion_ratio=[1.0, 1.0, 1.0])  # fmt: skip
    assert found.c_max == 50000.0 and found.lattice_a is None
    curve = {"x": [0.0, 1.0], "y": [2.8, 2.9]}
    found = active(material="nmc532", lattice_a=curve, lattice_c=curve)
    assert found.volume_change is None and found.lattice_a.y == (2.8, 2.9)
    separator = config_from_table({"materials": {"separator": {"material": "li6ps5cl"}}}).materials.separator
    assert separator.youngs_modulus == pytest.approx(22.1e9) and separator.ionic_conductivity == 0.2


@pytest.mark.parametrize(
    ("section", "name", "told"),
    [
        ("active", "nmc81", "materials.active.material = 'nmc81': must be one of .* did you mean nmc811"),
        ("active", "llzo", "materials.active.material = 'llzo': is an electrolyte, must be an active"),
        ("separator", "lco", "materials.separator.material = 'lco': is an active, must be an electrolyte"),
    ],
)
def test_other_names_are_refused(section, name, told):
    with pytest.raises(ConfigError, match=told):
        config_from_table({"materials": {section: {"material": name}}})


def test_the_command_lists_shows_and_draws(tmp_path):
    listed = CliRunner().invoke(app, ["materials"])
    assert listed.exit_code == 0 and all(name in listed.output for name in names())
    picture = tmp_path / "lco.png"
    shown = CliRunner().invoke(app, ["materials", "lco", "--plot", str(picture)])
    assert shown.exit_code == 0, shown.output
    assert "Reimers and Dahn" in shown.output and "assumed: " in shown.output
    assert picture.stat().st_size > 10_000
    assert CliRunner().invoke(app, ["materials", "nope"]).exit_code == 2
    assert CliRunner().invoke(app, ["materials", "llzo", "--plot", str(picture)]).exit_code == 2
