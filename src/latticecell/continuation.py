"""A run that goes on from the state of another one, with another protocol, output or solver.

Time, charge, energies and damage go on with the state, so that Li balances against the very first start; only
cycles and steps are counted anew. The cell itself must be the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from latticecell.config import Config
from latticecell.errors import ConfigError
from latticecell.imports.load import by_content
from latticecell.materials import named_laws
from latticecell.network import Network
from latticecell.output.rundir import RunDirectory
from latticecell.reader import tables, toml_value
from latticecell.registry import compare
from latticecell.results import Run
from latticecell.schema import Section, key_of, subsection, unit_of
from latticecell.state import State

FREE: Final = ("name", "continue_from", "continue_at", "protocol", "solver", "output", "cell1d")
"""Sections and keys in which a run may differ from the one it goes on from."""
SAME_TIME: Final = 1e-6
"""How far a state may be from the time that is asked for [s]."""
MOST_TOLD: Final = 10
"""Differing keys that are listed."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a run goes on from.

    Attributes
    ----------
    directory : RunDirectory
        The run before.
    network : Network
        Its network, which the new run has too.
    state : State
    about : dict
        For the record: where the state is from.
    notes : list of str
        What a user should know.
    """

    directory: RunDirectory
    network: Network
    state: State
    about: dict[str, Any]
    notes: list[str]


def origin_of(config: Config, network: Network | None = None, out: Path | None = None) -> Origin:
    """Return the state that a configuration goes on from.

    Parameters
    ----------
    config : Config
        With ``continue_from``.
    network : Network, optional
        Must be left out: the network is that of the run before.
    out : Path, optional
        Directory of the new run, which must be another one.

    Raises
    ------
    ConfigError
        If there is no such run or state, the state is not exact, or the cell is not the same.
    """
    assert config.continue_from is not None
    path = Path(config.continue_from)
    where = f"continue_from = {str(path)!r}"
    if network is not None:
        raise ConfigError(f"{where}: the network is that of the run; give none")
    if out is not None and os.path.realpath(out) == os.path.realpath(path):
        raise ConfigError(
            f"{where}: the new run must be in another directory; `latticecell resume` goes on here"
        )
    directory = RunDirectory.open(path)
    told = check_origin(config, directory)
    found = directory.network()
    assert found is not None
    number, state, about, notes = _state(config, directory)
    if other := directory.record.compare_versions():
        notes.append(f"{path}: {other}")
    notes += compare(named_laws(config), directory.info().get("laws", ()))
    before = directory.info()
    record = {
        "path": os.path.realpath(path),
        "name": before["name"],
        "identity": before.get("identity", ""),
        "at": config.continue_at or "end",
        "snapshot": number,
        **about,
        "time_s": float(state.time[0]),
        "before": before.get("continued_from"),
    }
    return Origin(directory, found, state, record, told + notes)


def check_origin(config: Config, directory: RunDirectory) -> list[str]:
    """Raise `ConfigError` if a configuration cannot go on from a run; return what is odd about it."""
    where = f"continue_from = {str(directory.path)!r}"
    if not directory.info()["network"]:
        raise ConfigError(f"{where}: is a run of the 1-D cell, which keeps no states")
    differ = list(_differences(config, directory.config()))
    if differ:
        more = f" and {len(differ) - MOST_TOLD} more" if len(differ) > MOST_TOLD else ""
        raise ConfigError(
            f"{where}: the cell must be the same; only {', '.join(FREE[3:])} may differ, not "
            f"{', '.join(differ[:MOST_TOLD])}{more}"
        )
    status = directory.info()["status"]
    return [f"{directory.path}: is {status}; going on from its last checkpoint"] * (status == "running")


def _differences(config: Config, before: Config) -> Iterator[str]:
    """Yield the keys of the cell that differ, with both values."""
    now, then = _keys(by_content(config)), _keys(by_content(before))
    for key in dict.fromkeys([*now, *then]):
        mine, other = now.get(key, "left out"), then.get(key, "left out")
        if mine != other:
            yield f"{key} = {mine} ({other} there)"


def _keys(config: Config) -> dict[str, str]:
    """Return the keys of the cell and their values as TOML."""
    found: dict[str, str] = {}
    for name in type(config).model_fields:
        section = getattr(config, name)
        if name in FREE or not isinstance(section, Section):
            continue
        seen: dict[str, int] = {}
        for header, table in tables(section, name):
            path = header.strip("[]")
            if header.startswith("[["):
                number = seen[header] = seen.get(header, -1) + 1
                path = f"{path}[{number}]"
            for key, field in type(table).model_fields.items():
                value = getattr(table, key)
                if subsection(field)[0] is None and value is not None:
                    found[f"{path}.{key_of(key, field)}"] = toml_value(value, unit_of(field))
    return found


def _state(config: Config, directory: RunDirectory) -> tuple[int | None, State, dict[str, Any], list[str]]:
    """Return the number of the snapshot (None: the end), its state, what is recorded of it, and notes."""
    at = config.continue_at or "end"
    if at == "end":
        state, step, digest, notes = directory.last_state()
        return None, state, {"step": step, "sha256": digest}, notes
    number = _number(directory, at)
    found = directory.state_at(number)
    if found is None:
        kept = [i for i in range(directory.n_snapshots()) if directory.state_at(i) is not None]
        told = f"kept are those of snapshots {', '.join(map(str, kept))}" if kept else "none is kept there"
        raise ConfigError(
            f"continue_at = {at!r}: snapshot {number} of {directory.path} holds fields in single precision, "
            f'from which no run goes on exactly; "end" does, and whole states, which '
            f"output.full_states = true keeps ({told})"
        )
    return number, found, {"sha256": directory.snapshot_digest(number)}, []


def _number(directory: RunDirectory, at: str) -> int:
    """Return the number of the snapshot that is meant."""
    run = Run(directory)
    count = len(run.snapshots)
    numbered = re.fullmatch(r"snapshot (\d{1,9})", at.strip())
    if numbered:
        number = int(numbered[1])
        if number >= count:
            raise ConfigError(f"continue_at = {at!r}: {directory.path} has {count} snapshots, the first is 0")
        return number
    words = re.fullmatch(r"(\w+?)(?: of cycle (\d{1,9}))?", at.strip())
    timed = re.fullmatch(r"([0-9.e+-]+) ?s?", at.strip())
    try:
        if words and not timed:
            return run.snapshots.at(words[1], int(words[2] or 1)).index
        shot = run.snapshots.at(timed[1] if timed else at)
    except ConfigError as error:
        raise ConfigError(
            f'continue_at = {at!r}: {error}; or "end", "snapshot 3", "charge_end of cycle 2"'
        ) from None
    assert timed is not None
    if abs(shot.time - float(timed[1])) > SAME_TIME * max(1.0, shot.time):
        raise ConfigError(
            f"continue_at = {at!r}: {directory.path} holds no snapshot of that time; the nearest is at "
            f"{shot.time:.9g} s"
        )
    return shot.index
