"""``run.json``: what ran, with which versions, and how it ended; with a digest of its own content."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from latticecell.errors import ConfigError
from latticecell.numerics import RESULTS_VERSION
from latticecell.output.checkpoint import plain
from latticecell.output.files import read_file, write_file

INFO: Final = "run.json"
FORMATS: Final = "latticecell run "
NUMBER: Final = 3
FORMAT: Final = f"{FORMATS}{NUMBER}"
DIGEST: Final = "sha256"
COMPUTE: Final = ("latticecell", "numpy", "scipy", "pyamg")
"""Distributions whose versions may change the last digits of a run."""


def write_info(path: Path, info: Mapping[str, Any]) -> None:
    """Write ``run.json``; the digest is that of the content, whatever the white space."""
    content = {key: value for key, value in info.items() if key != DIGEST}
    text = json.dumps(content, indent=2, default=plain)
    whole = {**content, DIGEST: _digest(json.loads(text))}
    write_file(path, json.dumps(whole, indent=2, default=plain) + "\n")


def read_info(path: Path) -> dict[str, Any]:
    """Return the content of ``run.json``.

    Raises
    ------
    ConfigError
        If it is missing, damaged, changed by hand, or of another format.
    """
    try:
        info = json.loads(read_file(path))
    except (ValueError, RecursionError):
        raise ConfigError(f"{path}: is damaged") from None
    found = format_of(info)
    number = re.fullmatch(rf"{FORMATS}(\d{{1,9}})", found)
    if number and int(number[1]) != NUMBER:
        raise ConfigError(
            f"{path.parent}: is of the format {found!r}, which this version does not read; "
            + ("update latticecell" if int(number[1]) > NUMBER else "run it again")
        )
    if not isinstance(info, dict) or not number or info.pop(DIGEST, "") != _digest(info):
        raise ConfigError(f"{path}: is damaged, or was changed since it was written")
    return info


def format_of(info: object) -> str:
    """Return the format that the content of a ``run.json`` names; empty if it names none."""
    return str(info.get("format", "")) if isinstance(info, dict) else ""


def session(step: int, threads: int, command: str) -> dict[str, Any]:
    """Return the record of a part of a run that is computed in one go, from a step on."""
    return {
        "begun": now(),
        "step": step,
        "threads": threads,
        "command": command,
        "results": RESULTS_VERSION,
        "versions": {
            "latticecell": version("latticecell"),
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy", "pyamg", "h5py")},
        },
    }


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Say which versions of two sessions differ; empty if none that may change the numbers.

    Raises
    ------
    ConfigError
        If the results are those of a newer version of the numerics than this one.
    """
    if before["results"] > after["results"]:
        raise ConfigError(
            f"was computed with numerics of version {before['results']}, newer than this one's "
            f"{after['results']}; update latticecell"
        )

    def told(one: Mapping[str, Any], names: list[str]) -> str:
        words = [f"{name} {one['versions'].get(name, '?')}" for name in names]
        return ", ".join(words + [f"numerics of version {one['results']}"] * numerics)

    names = [name for name in COMPUTE if before["versions"].get(name) != after["versions"].get(name)]
    numerics = before["results"] != after["results"]
    if not names and not numerics:
        return ""
    return f"was computed with {told(before, names)} so far, and now with {told(after, names)}"


def now() -> str:
    """Return the time as run.json has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
