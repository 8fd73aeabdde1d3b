"""The studies beside the package: their code is registered for one module of tests at a time."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from latticecell.registry import load
from latticecell.study import MEASURES, PANELS, SECTIONS, TRENDS

YUAN2023 = Path(__file__).parents[2] / "studies" / "yuan2023"


@pytest.fixture(scope="module", name="code")
def code_fixture():
    """The Python files of studies/yuan2023, loaded as ``--laws studies/yuan2023/measures.py`` does."""
    names = ("measures", "trends", "panels")
    yield SimpleNamespace(**{name: load(str(YUAN2023 / f"{name}.py")) for name in names})
    for registry in (MEASURES, PANELS, SECTIONS, TRENDS):
        for name in registry.registered():
            registry.remove(name)
