"""Names of an input file: unknown ones, the user's own, and that no name ever runs code."""

import hashlib

import pytest
from typer.testing import CliRunner

from latticecell import ConfigError, config_from_table
from latticecell.cli import app
from latticecell.laws import OCV_LAWS
from latticecell.laws.ocv import TabulatedOCV
from latticecell.registry import Registry, load, registered


def own_law():
    return TabulatedOCV([0.0, 0.4, 1.0], [4.1, 3.9, 2.2])


@pytest.fixture
def shapes():
    return Registry("solid.shape", "shape", {"ball": lambda: 3})


def test_an_unknown_name_is_answered_with_the_known_ones(shapes):
    with pytest.raises(ConfigError, match=r"solid\.shape = 'bal': must be one of ball; did you mean ball\?"):
        shapes["bal"]
    assert "ball" in shapes
    assert "bal" not in shapes


def test_a_name_is_given_once(shapes):
    shapes.register("own", own_law)
    assert shapes["own"] is own_law
    assert shapes.names == ("ball", "own")
    for name in ("own", "ball"):
        with pytest.raises(ConfigError, match=f"shape '{name}': is known already"):
            shapes.register(name, lambda: 4)
    with pytest.raises(TypeError, match="must be a function or class, not 5"):
        shapes.register("five", 5)
    assert shapes.source("own") == {"python": f"{__name__}.own_law"}
    assert shapes.source("ball") is None
    assert {"python": f"{__name__}.own_law", "names": ["solid.shape = own"]} in registered()
    shapes.remove("own")
    assert "own" not in shapes
    with pytest.raises(KeyError):
        shapes.remove("ball")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("materials.active.ocv", "sys:exit"),
        ("materials.active.volume_change", "runpy:run_path"),
        ("electrolyte.law", "os:abort"),
        ("materials.active.ocv", "latticecell.laws.ocv:nmc111_zheng2013"),
    ],
)
def test_no_name_imports_or_runs_anything(tmp_path, key, value):
    """Both of the first two once did: the one ended ``check`` with 0, the other ran a file called linear."""
    (tmp_path / "linear").write_text("raise SystemExit(0)")
    section, name = key.rsplit(".", 1)
    path = tmp_path / "a.toml"
    path.write_text(f'[{section}]\n{name} = "{value}"\n')
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 2
    assert f"{key} = '{value}': must be one of" in result.output
    assert "registered in a Python file and named with --laws FILE.py" in result.output


GOOD = """
from dataclasses import dataclass
from latticecell.laws import OCV_LAWS

@dataclass(frozen=True, slots=True)
class Line:
    top: float
    def voltage(self, x): return self.top - 0.7 * x
    def slope(self, x): return -0.7 + 0 * x

OCV_LAWS.register("line", lambda: Line(4.4))
"""


@pytest.fixture
def law_file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(GOOD)
    yield path
    for name in OCV_LAWS.registered():
        OCV_LAWS.remove(name)


def test_a_file_named_by_the_user_registers(law_file):
    load(str(law_file))
    load(str(law_file))  # unchanged: nothing happens
    digest = hashlib.sha256(law_file.read_bytes()).hexdigest()
    assert OCV_LAWS.source("line") == {"file": "own.py", "sha256": digest}
    assert registered() == [{"file": "own.py", "sha256": digest, "names": ["materials.active.ocv = line"]}]
    config = config_from_table({"materials": {"active": {"ocv": "line"}}})
    assert OCV_LAWS[config.materials.active.ocv]().voltage(0.5) == pytest.approx(4.05)
    law_file.write_text(GOOD + "# another\n")
    with pytest.raises(ConfigError, match="open-circuit voltage 'line': is known already"):
        load(str(law_file))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nx = 1 / 0", r"own\.py: line 2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(0)", r"own\.py: line 2: SystemExit: 0"),
        ("def f(:\n", r"own\.py: SyntaxError"),
        ("x = 1", r"own\.py: registers nothing"),
    ],
)
def test_a_file_that_fails_is_explained(law_file, text, message):
    law_file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load(str(law_file))


def test_neither_file_nor_entry_point():
    with pytest.raises(ConfigError, match="--laws nowhere: is neither a file nor an entry point"):
        load("nowhere")


def test_an_entry_point_is_loaded_by_its_name(tmp_path, monkeypatch):
    info = tmp_path / "ownlaws-1.7.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ownlaws\nVersion: 1.7\n")
    (info / "entry_points.txt").write_text("[latticecell.laws]\nflat = ownlaws:add\n")
    (tmp_path / "ownlaws.py").write_text(f"def add():\n    exec({GOOD!r}, {{'__name__': __name__}})\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "line" not in OCV_LAWS  # being installed is not enough
    load("flat")
    try:
        assert OCV_LAWS.source("line") == {"entry_point": "flat", "distribution": "ownlaws", "version": "1.7"}
    finally:
        OCV_LAWS.remove("line")
