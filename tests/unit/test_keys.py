"""Every key is explained, in the file that ``new`` writes and in docs/keys.md."""

import re
from collections import defaultdict
from pathlib import Path

import pytest
import tomli

from latticecell.config import (
    Config,
    CycleJump,
    EnergyRelease,
    GrainSizes,
    Labels,
    MisorientationFactors,
    Packing,
    PreCrack,
    Profile,
    SeedPoints,
    Void,
)
from latticecell.errors import ConfigError
from latticecell.reader import config_from_table
from latticecell.schema import key_of, subsection
from latticecell.template import commented_toml, keys_page

APART = {
    "[protocol.jump]": CycleJump,
    "[protocol.steps.profile]": Profile,
    "[microstructure.sizes]": GrainSizes,
    "[microstructure.seeds]": SeedPoints,
    "[microstructure.labels]": Labels,
    "[[microstructure.voids]]": Void,
    "[geometry.packing]": Packing,
    "[grain_boundary.misorientation]": MisorientationFactors,
    "[[grain_boundary.pre_cracks]]": PreCrack,
    "[output.energy_release]": EnergyRelease,
}
PAGE = Path(__file__).parents[2] / "docs" / "keys.md"


def keys(section=Config, table=""):
    """Table, class, attribute and field of every key of the schema, tables themselves left out."""
    for name, field in section.model_fields.items():
        inner, many = subsection(field)
        if inner in (None, *APART.values(), section):  # those that need not be there are shown as one key
            yield table, section, name, field
        else:
            path = f"{table.strip('[]')}.{name}".strip(".")
            yield from keys(inner, f"[[{path}]]" if many else f"[{path}]")


KEYS = list(keys())
PROFILE = [one for table, section in APART.items() for one in keys(section, table)]
OPTIONAL = [(table, key_of(name, field)) for table, _, name, field in KEYS if field.default in (None, ())]
OPTIONAL.remove(("[output]", "times_s"))
OPTIONAL.remove(("[output]", "columns"))
TRANSVERSE = ("youngs_modulus_c_GPa", "poisson_ratio_c", "shear_modulus_c_GPa")
COMMENTED = {f"{t} {k}" for t, k in OPTIONAL} - {"[[protocol.steps]] c_rate", "[[protocol.steps]] until_V"}


def lines_of(text):
    """Lines of a file by the table they stand in; of a list of tables the first one."""
    found, table = {"": []}, ""
    for line in text.splitlines():
        if line.startswith("["):
            table = line if line not in found else f"{line} again"
            found[table] = []
        found[table].append(line)
    return found


def test_the_walk_finds_deep_keys_and_lists():
    assert ("[materials.active]", "diffusivity_m2_per_s") in [(t, key_of(n, f)) for t, _, n, f in KEYS]
    assert ("[[protocol.steps]]", "until_V") in OPTIONAL
    assert len(KEYS) > 90


@pytest.mark.parametrize(("table", "section", "name", "field"), KEYS + PROFILE)
def test_every_key_has_a_sentence_of_its_own(table, section, name, field):
    meaning = field.description or ""
    assert re.fullmatch(r"[A-Z][^\n|]{9,}\.", meaning), f"{table} {name}: {meaning!r}"
    same = [(c, n) for _, c, n, f in KEYS + PROFILE if f.description == meaning]
    # one sentence may serve one name in two classes that mean the same by it
    assert {n for _, n in same} == {name}
    assert len({c for c, _ in same}) == len(same)
    if field.default is None:
        assert "left out" in meaning
        assert len(field.examples) == 1


def test_every_table_is_introduced():
    for section in {section for _, section, _, _ in KEYS + PROFILE}:
        assert re.match(r"[A-Z].*\.", section.__doc__ or ""), section


def test_the_new_file_explains_every_key():
    written = lines_of(commented_toml())
    for table, _, name, field in KEYS:
        key = key_of(name, field)
        at = [i for i, line in enumerate(written[table]) if re.match(rf"(# )?{key} = ", line)]
        assert len(at) == 1, f"{table} {key}"
        line, above = written[table][at[0]], written[table][at[0] - 1]
        assert above == f"# {field.description}"
        assert line.startswith("# ") == (f"{table} {key}" in COMMENTED)
        assert re.search(r"  # .*(in [\[(].*[\])]|text|true or false|registered by|table|\")", line), line


def test_the_new_file_is_the_default():
    text = commented_toml()
    assert config_from_table(tomli.loads(text)) == Config()
    assert max(map(len, text.splitlines())) <= 110


def uncommented(*wanted):
    """Parse the new file with the commented keys ``(table, key)`` switched on."""
    out, table, done = [], "", set()
    for line in commented_toml().splitlines():
        table = line if line.startswith("[") else table
        for where, key in wanted:
            if where == table and line.startswith(f"# {key} = "):
                line = line.removeprefix("# ")
                done.add((where, key))
        out.append(line)
    assert done == set(wanted)
    return tomli.loads("\n".join(out))


@pytest.mark.parametrize(("table", "key"), [k for k in OPTIONAL if " ".join(k) in COMMENTED])
def test_examples_of_optional_keys_are_valid_or_say_what_they_need(table, key):
    try:
        config = config_from_table(uncommented((table, key)))
    except ConfigError as error:
        combined = (
            *TRANSVERSE,
            "shear_fracture_energy_J_per_m2",
            "lattice_a",
            "lattice_c",
            "labels",
            "seeds",
            "axis",
            "orientation",
            "convention",
            "sense",
            "packing",
            "pre_cracks",
            "fatigue_threshold",
            "fatigue_endurance",
            "fatigue_length",
            "initial_soc",
            "initial_voltage_V",
            "soc_window_V",
        )
        assert key in combined or table == "[[protocol.steps]]"
        for problem in error.problems:
            said = rf"({key}|texture).*(is used only with (elasticity|law)|has no meaning|only|is required)"
            assert re.search(said + "|cannot be read|is not a file", problem)
    else:
        assert config != Config()


def test_examples_that_need_each_other_are_valid_together():
    table = uncommented(
        *(("[materials.active]", k) for k in TRANSVERSE),
        *(("[[protocol.steps]]", k) for k in ("until_c_rate", "voltage_V")),
    )
    table["materials"]["active"]["elasticity"] = "transversely_isotropic"
    step = table["protocol"]["steps"][0]
    step["kind"] = "hold"
    del step["c_rate"], step["until_V"]
    config = config_from_table(table)
    assert config.materials.active.youngs_modulus_c == 60e9
    assert config.protocol.steps[0].until_c_rate == 0.05


def test_registered_names_are_offered():
    written = lines_of(commented_toml())
    for table, key, name in (
        ("[materials.active]", "ocv", "nmc111_zheng2013"),
        ("[materials.active]", "volume_change", "nmc111_koerver2018"),
        ("[electrolyte]", "law", "lipf6_nyman2008"),
    ):
        line = next(line for line in written[table] if line.startswith(f"{key} = "))
        assert f'# "{name}" or ' in line
        assert line.endswith("a name registered by --laws")
    with pytest.raises(ConfigError, match='must be "lipf6_nyman2008" or a name registered'):
        config_from_table({"electrolyte": {"law": 3}})


def test_the_page_of_keys_is_in_step():
    assert PAGE.read_text(encoding="utf-8") == keys_page(), "python -m latticecell.template > docs/keys.md"


def test_the_page_has_a_table_for_every_section():
    page = keys_page()
    count = defaultdict(int)
    for table, _, name, field in KEYS + PROFILE:
        count[table] += 1
        assert f"| `{key_of(name, field)}` | {field.description} | " in page
    assert page.count("| key | meaning |") == len(count)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in page.splitlines() if row.startswith("|"))
