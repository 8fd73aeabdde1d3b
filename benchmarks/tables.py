"""Tables for ``docs/performance``, with the machine that they were measured on."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "performance"


def machine() -> str:
    """Return processor, versions and commit in one line."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "no commit"
    names = ("numpy", "scipy", "pyamg")
    return (
        f"{model}, {os.cpu_count()} processors; latticecell at {commit}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in names)
    )


def markdown(heads, rows) -> str:
    """Return a table; the first column is text."""
    rule = ["---", *["---:"] * (len(heads) - 1)]
    lines = [heads, rule, *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def publish(name: str, command: str, *parts: str) -> None:
    """Print parts of a page, and write them into ``docs/performance`` under a name."""
    text = "\n\n".join((f"`{command}` on {machine()}:", *parts)) + "\n"
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)
