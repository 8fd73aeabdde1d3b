"""The pages of docs/extending, and some others, do what they say.

Blocks named after their language (```python my_ocv.py) are written to files, other Python blocks are executed
in one namespace per page, and lines ``$ latticecell ...`` of console blocks must succeed.
"""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from latticecell import fields, laws, solvers
from latticecell.cli import app
from latticecell.registry import Registry

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [
    *sorted((DOCS / "extending").glob("*.md")),
    DOCS / "results.md",
    DOCS / "bonds.md",
    DOCS / "materials.md",
    DOCS / "labels.md",
    DOCS / "bpx.md",
    DOCS / "particles.md",
    DOCS / "microstructures.md",
]
BLOCK = re.compile(r"^```(\w+)(?: +(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def clean():
    """Whatever a page registers is gone after it."""
    yield
    for registry in [*vars(laws).values(), *vars(solvers).values(), fields.COLUMNS]:
        for name in registry.registered() if isinstance(registry, Registry) else ():
            registry.remove(name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page, tmp_path, monkeypatch, clean):
    monkeypatch.chdir(tmp_path)
    namespace, done = {"__name__": page.stem}, 0
    for language, name, text in BLOCK.findall(page.read_text()):
        if name:
            Path(name).write_text(text)
        elif language == "python":
            exec(compile(text, f"{page.name}", "exec"), namespace)
            done += 1
        elif language == "console":
            for line in re.findall(r"^\$ latticecell (.*)$", text, re.MULTILINE):
                result = CliRunner().invoke(app, shlex.split(line))
                assert result.exit_code == 0, result.output
                done += 1
    assert done, "nothing on the page was executed"
