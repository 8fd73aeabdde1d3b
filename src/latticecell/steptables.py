"""What may stand for the keys of steps in a file: sentences, and the name of a file with points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from latticecell.config import MOST_POINTS
from latticecell.errors import ConfigError, shown
from latticecell.tabular import read_columns
from latticecell.wording import WordingError, keys_of

Table = dict[str, Any]
WHERE: Final = "protocol.steps"


def in_keys(step: Any) -> Any:
    """Return the table of keys of a sentence; anything else, and what is not understood, as it is."""
    try:
        return keys_of(step) if isinstance(step, str) else step
    except WordingError:
        return step


def root_files(table: Table, folder: Path) -> None:
    """Let the files that steps of a parsed TOML table name, and a run, be found from a folder, in place."""

    def rooted(step: Any, where: str) -> Any:
        for profile in _profiles(step):
            profile["file"] = str(folder / profile["file"])
        return step

    _each(table, rooted)
    if isinstance(table.get("continue_from"), str):
        table["continue_from"] = str(folder / table["continue_from"])


def prepared(table: Table) -> tuple[Table, list[str]]:
    """Return a parsed TOML table whose steps are tables that hold their points, and what is wrong with them.

    The one given is left alone.
    """
    problems: list[str] = []

    def ready(step: Any, where: str) -> Any:
        if isinstance(step, str):
            try:
                return keys_of(step)
            except WordingError as error:
                problems.append(f"{where} = {shown(step)}: {error}")
                return {"kind": "rest", "duration_s": 1.0}  # so that nothing else is said of it
        for profile in _profiles(step):
            try:
                return {**step, "profile": _read(profile)}
            except ConfigError as error:
                problems.extend(f"{where}.profile.file: {problem}" for problem in error.problems)
        return step

    protocol = table.get("protocol")
    if isinstance(protocol, dict):
        table = {**table, "protocol": dict(protocol)}
    _each(table, ready)
    return table, problems


def _each(table: Table, change: Callable[[Any, str], Any]) -> None:
    """Put what ``change`` makes of each step, given with its key, in its place; also of repeated steps."""

    def walk(steps: Any, where: str) -> Any:
        if not isinstance(steps, list):
            return steps
        return [inner(step, f"{where}[{i}]") for i, step in enumerate(steps)]

    def inner(step: Any, where: str) -> Any:
        step = change(step, where)
        if isinstance(step, dict) and "steps" in step:
            step = {**step, "steps": walk(step["steps"], f"{where}.steps")}
        return step

    protocol = table.get("protocol")
    if isinstance(protocol, dict) and "steps" in protocol:
        protocol["steps"] = walk(protocol["steps"], WHERE)


def _profiles(step: Any) -> Iterator[Table]:
    """Yield the profile of a step if it has one that names a file."""
    profile = step.get("profile") if isinstance(step, dict) else None
    if isinstance(profile, dict) and isinstance(profile.get("file"), str):
        yield profile


def _read(profile: Table) -> Table:
    """Return a profile with the points of its file instead of the file."""
    if given := [key for key in ("times", "values") if key in profile]:
        raise ConfigError(f"has no meaning beside {' and '.join(given)}; give one of them")
    path = Path(profile["file"])
    headings = [profile[key] if isinstance(profile.get(key), str) else None for key in ("time", "value")]
    times, values = read_columns(path, headings)
    if len(times) > MOST_POINTS:
        raise ConfigError(f"{path}: holds {len(times)} points, must hold at most {MOST_POINTS}")
    used = [key for key in ("file", "time", "value") if isinstance(profile.get(key), str)]
    kept = {key: value for key, value in profile.items() if key not in used}
    return {**kept, "times": times, "values": values, "source": path.name}
