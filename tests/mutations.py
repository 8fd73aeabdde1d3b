"""Plant the mistakes of ``mutations.toml`` one by one in a copy and tell which the tests miss.

``python tests/mutations.py [WORD ...]`` tries those whose file or text holds one of the words; the compiled
kernels are those next to the sources.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Mutation:
    """A line that is changed, and the tests that must fail then."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def __str__(self):
        return f"{self.file}: {self.old} -> {self.new or '(nothing)'}"

    def text(self):
        """Return the changed source."""
        source = (ROOT / "src" / "latticecell" / self.file).read_text(encoding="utf-8")
        if source.count(self.old) != 1:
            raise ValueError(f"{self}: stands {source.count(self.old)} times in the source")
        return source.replace(self.old, self.new)


def mutations():
    """Return all of them."""
    table = tomllib.loads((ROOT / "tests" / "mutations.toml").read_text(encoding="utf-8"))
    return [Mutation(**{**each, "tests": tuple(each["tests"])}) for each in table["mutation"]]


def copy(folder):
    """Copy sources and tests."""
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)


def passes(folder, tests):
    """Whether all tests pass on the copy, and what they say."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow"]
    command += [str(folder / "tests" / test) for test in tests]
    places = {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=os.environ | places, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):  # 1: a test failed
        raise RuntimeError(done.stdout + done.stderr)
    return done.returncode == 0


def survives(folder, mutation):
    """Whether the tests pass in spite of a mistake, which is taken back afterwards."""
    place = folder / "src" / "latticecell" / mutation.file
    right = place.read_text(encoding="utf-8")
    place.write_text(mutation.text(), encoding="utf-8")
    try:
        return passes(folder, mutation.tests)
    finally:
        place.write_text(right, encoding="utf-8")


def main():
    """Print what becomes of each mutation; exit code 1 if one survives."""
    words = sys.argv[1:]
    chosen = [each for each in mutations() if not words or any(word in str(each) for word in words)]
    with tempfile.TemporaryDirectory() as name:
        copy(Path(name))
        alive = 0
        for mutation in chosen:
            here = survives(Path(name), mutation)
            alive += here
            print("SURVIVES" if here else "noticed ", mutation, flush=True)
    print(f"{alive} of {len(chosen)} survive")
    sys.exit(1 if alive else 0)


if __name__ == "__main__":
    main()
