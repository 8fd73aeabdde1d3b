"""Mutations of input files over every key and form: accepted, or refused with sentences; no exception."""

import math
import re
from contextlib import suppress
from functools import lru_cache
from itertools import islice

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from latticecell import ConfigError
from latticecell.cell1d.run import cell_of
from latticecell.cell1d.solve import steps as steps_1d
from latticecell.checks import estimated_sites, outlook, remarks
from latticecell.cli import app
from latticecell.config import Config
from latticecell.errors import SolveError
from latticecell.materials import electro_laws, mechanical_laws
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.reader import read_config, resolved_toml
from latticecell.schema import allowed, key_of, subsection
from latticecell.stepper import Stepper
from latticecell.template import commented_toml

TEXT = commented_toml().encode()


def keys(section=Config, path=""):
    """Path and field of every key of the schema; the first item of a list of tables stands for all."""
    for name, field in section.model_fields.items():
        inner, many = subsection(field)
        here = f"{path}.{key_of(name, field)}" if path else key_of(name, field)
        if inner is None or inner is section:  # the steps of a repeat are steps
            yield here, field
        else:
            yield from keys(inner, f"{here}[0]" if many else here)


FIELDS = dict(keys())
ODD_NUMBERS = st.sampled_from([0.0, -0.0, 5e-324, 1e-300, 1e300, math.inf, math.nan, 2**63, -1])
NUMBERS = st.one_of(st.floats(), st.integers(), ODD_NUMBERS)
VALUES = st.one_of(
    NUMBERS, st.booleans(), st.text(max_size=20), st.just("x" * 5000), st.none(),
    st.lists(NUMBERS, max_size=4), st.dictionaries(st.text(max_size=5), NUMBERS, max_size=2),
)  # fmt: skip
CHANGES = st.dictionaries(st.sampled_from(list(FIELDS)), VALUES, min_size=1, max_size=3)
CUTS = st.tuples(
    st.integers(0, len(TEXT)), st.integers(0, 60), st.binary(max_size=30),
    st.sampled_from([b"", b"[", b'"', b"="]),
)  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    file = tmp_path_factory.mktemp("fuzz") / "base.toml"
    file.write_text("")
    return file


def checked(file, *options):
    """Run the command, which must say what is wrong, or that nothing is."""
    result = CliRunner().invoke(app, ["check", str(file), *options])
    assert result.exit_code in (0, 2), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.output.strip()
    assert "Traceback" not in result.output


def bears_keys(base, changes):
    try:
        config = read_config(base, changes)
    except ConfigError as error:
        assert error.problems and all(problem.strip() for problem in error.problems)
        return
    assert all([*remarks(config), *map(" ".join, outlook(config))])
    again = base.with_name("again.toml")
    again.write_text(resolved_toml(config), encoding="utf-8")
    assert read_config(again) == config


def bears_bytes(base, cut):
    at, length, new, extra = cut
    file = base.with_name("mutated.toml")
    file.write_bytes(TEXT[:at] + new + extra + TEXT[at + length :])
    checked(file)


def examples(count):
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))


@examples(250)
@given(changes=CHANGES)
def test_any_value_of_any_key(base, changes):
    bears_keys(base, changes)


@examples(250)
@given(cut=CUTS)
def test_any_bytes(base, cut):
    bears_bytes(base, cut)


@examples(100)
@given(key=st.one_of(st.sampled_from(list(FIELDS)), st.text(max_size=30)), text=st.text(max_size=30))
def test_any_assignment(base, key, text):
    checked(base, "--set", f"{key}={text}")


@pytest.mark.slow
@examples(10_000)
@given(changes=CHANGES)
def test_any_value_of_any_key_often(base, changes):
    bears_keys(base, changes)


@pytest.mark.slow
@examples(10_000)
@given(cut=CUTS)
def test_any_bytes_often(base, cut):
    bears_bytes(base, cut)


def ends(field):
    """Both ends of the range of a number, as the messages give it; none for other keys."""
    told = allowed(field)
    found = re.search(r"in \[(\S+), (\S+)\]", told)
    if found is None:
        return []
    kind = int if "whole" in told else float
    many = re.match(r"list of (\d)", told)
    return [[kind(float(end))] * int(many[1]) if many else kind(float(end)) for end in found.groups()]


RANGED = [(key, end) for key, field in FIELDS.items() for end in ends(field)]


def test_ranges_are_closed_and_finite():
    """An open or endless range lets in a value that no law can bear."""
    assert len(RANGED) > 100
    for key, field in FIELDS.items():
        if re.search(r"number.* in [(\[]", allowed(field)):
            assert re.search(r"in \[\S+, [^)]*\]", allowed(field)), key
            assert "inf" not in allowed(field), key


LISTS = {
    "microstructure.voids": [{"radius_um": 1.0}],
    "grain_boundary.pre_cracks": [{"radius_um": 1.0}],
}
"""Lists of tables that are empty by default."""


def in_its_list(key, value):
    """Changes that make a value of a key, and the list that it is in."""
    return {name: items for name, items in LISTS.items() if key.startswith(name)} | {key: value}


@pytest.mark.parametrize(("key", "end"), RANGED, ids=str)
def test_both_ends_of_every_range(base, key, end):
    """At an end of its range a key makes laws, or contradicts another key in so many words."""
    try:
        config = read_config(base, in_its_list(key, end))
    except ConfigError as error:
        words = "must|needs|required|ends at once|has no meaning|used only"
        assert all(re.search(words, problem) for problem in error.problems)
        return
    electro, mechanical = electro_laws(config), mechanical_laws(config)
    assert math.isfinite(electro.one_c) and electro.one_c > 0
    assert math.isfinite(electro.psi_per_pascal)
    surface = electro.particle.surface(np.array([1e-3, 0.5, 0.999]), np.zeros(3))
    drop = electro.contact.resistance(np.zeros(3))
    reaction = electro.particle.react(surface, surface.open_circuit_b + 0.01, drop)
    assert np.isfinite(reaction.current_b).all()
    for stiffness in (mechanical.crystal_vv, mechanical.ecbd_vv, mechanical.separator_vv):
        assert np.linalg.eigvalsh(stiffness).min() > 0


SMALL = """
[geometry]
width_um = 8.0
cathode_um = 7.0
separator_um = 3.0
[[geometry.particles]]
center_um = [4.0, 4.0, 3.5]
radius_um = 2.5
[microstructure]
grains = 4
[network]
spacing_um = 1.2
spacing_max_um = 3.0
growth = 0.8
[grain_boundary]
mode = "breakable"
[[protocol.steps]]
kind = "charge"
c_rate = 2.0
duration_s = 30.0
[[protocol.steps]]
kind = "hold"
duration_s = 10.0
"""


@lru_cache
def network_of(config):
    return build_network(config, build_microstructure(config))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["single_ion", "binary"])
@pytest.mark.parametrize(("key", "end"), RANGED, ids=str)
def test_cells_run_at_both_ends_of_every_range(tmp_path, key, end, kind):
    """Steps of the 3-D and of the 1-D cell, or a clean refusal: neither overflow nor a singular matrix."""
    file = tmp_path / "small.toml"
    file.write_text(SMALL)
    try:
        config = read_config(file, {"electrolyte.kind": kind, **in_its_list(key, end)})
    except ConfigError:
        return
    if estimated_sites(config) < 3000:
        built = ("geometry", "network", "microstructure")
        network = network_of(Config(**{name: getattr(config, name) for name in built}))
        stepper = Stepper(config, network)
        with suppress(SolveError):
            for report in islice(stepper.steps(*stepper.start()), 3):
                assert np.isfinite(report.state.stoich_n).all()
                assert np.isfinite(report.state.u_nc).all()
    with suppress(SolveError, ConfigError):
        for step in islice(steps_1d(config, cell_of(config)), 20):
            assert np.isfinite(step.u).all()
