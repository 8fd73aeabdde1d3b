"""Imports go one way: a module imports only from layers above its own (see README, Layout)."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import latticecell

ROOT = Path(latticecell.__file__).parent
LAYERS = [
    {
        "arrays",
        "units",
        "errors",
        "crossing",
        "drive",
        "lazy",
        "numerics",
        "orientations",
        "packing",
        "acceleration",
        "controls",
        "effort",
        "registry",
        "signals",
        "tabular",
        "threads",
    },
    {"fields"},
    {"_kernels"},
    {"curves"},
    {"schema"},
    {"config"},
    {"grains", "laws", "solvers"},
    {"coverage", "starting", "temperature"},
    {"particles", "packed"},
    {"checks", "graincheck", "nominal", "protocol", "stepchecks", "steptables", "wording"},
    {"curvefiles", "library", "reader", "seedfiles"},
    {"materials"},
    {"microstructure", "template"},
    {"network"},
    {"cracks", "state", "laplacian", "recovery", "slicing"},
    {"marching"},
    {"imports", "meshing", "quality", "physics"},
    {"electrochemistry"},
    {"audit", "preload"},
    {"stepper"},
    {"releases"},
    {"jumping", "observables", "output"},
    {"results"},
    {"continuation", "fracture"},
    {"run", "cell1d", "bpxfile"},
    {"progress", "report", "export", "view"},
    {"study"},
    {"cli"},
    {"__main__"},
]
# The checks of a file look into its label map, too, when they come to it: a circle to be opened.
LATE = {("checks", "imports"), ("protocol", "imports"), ("microstructure", "imports")}
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imports():
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("latticecell"):
                target = node.module.split(".")[1:]
                for name in [target] if target else [[alias.name] for alias in node.names]:
                    yield parts, tuple(name)


def test_every_module_has_a_layer():
    modules = {path.relative_to(ROOT).with_suffix("").parts[0] for path in ROOT.rglob("*.py")}
    assert modules - {"__init__"} == set(RANK)


def test_imports_point_upwards():
    for source, target in imports():
        known = source[0] in ("__init__", target[0]) or (source[0], target[0]) in LATE
        if not known:
            assert RANK[target[0]] <= RANK[source[0]], f"{'.'.join(source)} imports {'.'.join(target)}"


def test_physics_modules_do_not_import_each_others_field():
    """transport, potentials, kinetics and the lattice stay apart; mechanics is lattice, bonds and flaws."""
    bonds = {"bonds", "scatter", "flaws", "friction", "toughness"}
    mechanics = {
        "mechanics",
        "equilibrium",
        "releasing",
        "lattice",
        "energy_release",
        "joints",
        "patches",
        *bonds,
    }
    for source, target in imports():
        if source[0] == target[0] == "physics":
            assert {source[1], target[1]} <= mechanics


def test_physics_knows_laws_and_numbers_but_no_configuration():
    """`materials` turns the configuration into laws; a section of numerical options is fine."""
    rooms = {"physics", "solvers", "electrochemistry"}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] in rooms or parts == ("cell1d", "model"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module == "latticecell.config":
                    assert "Config" not in {alias.name for alias in node.names}, path


def test_names_become_laws_in_one_place():
    """Only the checks look a law up besides."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] not in {"materials", "checks", "laws"}:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module == "latticecell.laws":
                    assert not any(alias.name.endswith("_LAWS") for alias in node.names), path


GRAPHICS = {"matplotlib", "PIL", "vedo", "vtk"}
HEAVY = GRAPHICS | {"numpy", "scipy", "pyamg", "h5py", "pydantic", "pandas", "psutil"}


def loaded(code):
    """Packages, and modules with full names, that are loaded after some lines in a process of their own."""
    code += "\nimport sys\nprint('now', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = done.stdout.splitlines()[-1].split()[1:]
    return {*names, *(name.partition(".")[0] for name in names)}


def test_a_run_loads_no_graphics():
    """The plot at its end loads some."""
    assert not loaded("import latticecell.run") & (GRAPHICS | {"scipy.stats"})


def test_help_loads_nothing_heavy():
    """What --help needs are the signatures of the commands."""
    assert not loaded("import latticecell, latticecell.cli") & HEAVY
    asked = "from typer.testing import CliRunner\nfrom latticecell.cli import app\n"
    assert not loaded(asked + "assert CliRunner().invoke(app, ['--help']).exit_code == 0") & HEAVY


def test_names_of_a_package_come_before_its_modules():
    """`latticecell.run` is the function, whichever part of the package is loaded first."""
    modules = "import latticecell.run, latticecell.study.study, latticecell.cell1d.run\n"
    names = (
        "import latticecell as lc\nfrom latticecell.study import study\n"
        "assert [f.__name__ for f in (lc.run, lc.study, study)] == ['run', 'study', 'study']\n"
    )
    loaded(modules + names)
    loaded(names + modules + names)


def test_every_public_name_is_there():
    for name in ("", ".cell1d", ".export", ".output", ".report", ".results", ".study", ".view"):
        package = import_module("latticecell" + name)
        assert set(package.__all__) <= set(dir(package))
        assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="'latticecell' has no attribute 'walk'"):
        latticecell.walk  # noqa: B018
