"""What ran: ``run.json`` and ``config.toml`` of a run, with the digests of the files that are written once.

Whoever writes a run knows its record from the start, or from the checkpoint, and does not depend on the
files.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from latticecell.checks import remarks
from latticecell.config import Config
from latticecell.errors import ConfigError
from latticecell.network import Network
from latticecell.output import checkpoint
from latticecell.output.files import header, read_file, write_file
from latticecell.output.info import (
    FORMAT,
    FORMATS,
    INFO,
    difference,
    format_of,
    read_info,
    session,
    write_info,
)
from latticecell.output.network import KIND
from latticecell.reader import read_config, resolved_toml
from latticecell.registry import recorded

CONFIG: Final = "config.toml"
SUMS: Final = "history.sum"
PLOT: Final = "summary.png"
CYCLES: Final = "cycles.csv"
DERIVED: Final = (CYCLES, PLOT)
"""Files that follow from the history, written at the end."""
NETWORK: Final = "network.h5"


class Record:
    """Writer and reader of the record of the run in a directory.

    Attributes
    ----------
    own : dict
        What ``run.json`` should hold.
    text : str
        What ``config.toml`` should hold.
    files : dict of str to str
        Digests of the configuration and the network; empty where they are not known.
    """

    def __init__(self, path: Path):
        self.path = path

    def begin(self, config: Config, network: Network | None, threads: int, command: str) -> None:
        """Write what there is of a run before its network is written."""
        begun = session(0, threads, command)
        self._write(
            {
                "format": FORMAT,
                "name": config.name,
                "status": "running",
                "message": "",
                "started": begun["begun"],
                "command": command,
                "seed": config.microstructure.seed,
                "threads": threads,
                "versions": begun["versions"],
                "sessions": [begun],
                "laws": recorded(),
                "remarks": remarks(config),
                "network": {} if network is None else _counts(network),
            }
        )
        self.text = resolved_toml(config)
        write_file(self.path / CONFIG, self.text)

    def identify(self, config: Config) -> None:
        """Note the digests of configuration and network, now that both are written, and what names them."""
        files = self.digests()
        self.amend(files=files, identity=_identity(config, files.get(NETWORK, "")))

    def read(self) -> dict[str, Any]:
        """Return the content of ``run.json``; raises `ConfigError` if this is no run, or it is damaged."""
        if not os.path.lexists(self.path / INFO) and not is_run(self.path):
            raise ConfigError(f"{self.path}: is not the directory of a run")
        try:
            return read_info(self.path / INFO)
        except ConfigError as error:
            found = format_of(_json(self.path / INFO))
            if found != FORMAT and (found.startswith(FORMATS) or not is_run(self.path)):
                more = "" if found.startswith(FORMATS) else f"{self.path}: is not the directory of a run; "
                raise ConfigError(f"{more}{error}") from None
            raise ConfigError(f"{error}; {self._what_helps()}") from None

    def read_config(self) -> Config:
        """Return the configuration, with the cycles that were added since.

        Raises `ConfigError` if the file was changed since the run began.
        """
        if sha256(self.path / CONFIG) != self.files[CONFIG]:
            raise ConfigError(
                f"{self.path / CONFIG}: is damaged, or was changed since the run began; without it, "
                "`latticecell resume` writes the one from the checkpoint"
            )
        return with_cycles(read_config(self.path / CONFIG, laws=False), self.own.get("cycles"))

    def restore(self) -> list[str]:
        """Write a damaged ``run.json``, and a missing ``config.toml``, anew as the checkpoint knows them.

        Returns what a user should know. Nothing is done where there is no whole checkpoint.
        """
        damage = ""
        try:
            read_info(self.path / INFO)
        except ConfigError as error:
            damage = str(error)
        missing = not os.path.lexists(self.path / CONFIG)
        if not (damage or missing) or format_of(_json(self.path / INFO)) not in ("", FORMAT):
            return []
        try:
            about = checkpoint.read_checkpoint(self.path, repair=False)[1]
        except ConfigError:
            return []
        notes = []
        if damage:
            self._write(about["info"])
            notes.append(f"{damage}; written anew from the checkpoint")
        if missing:
            write_file(self.path / CONFIG, about["config_toml"])
            notes.append(f"{self.path / CONFIG}: was missing; written anew from the checkpoint")
        return notes

    def amend(self, **values: Any) -> None:
        """Add values to ``run.json``."""
        self._write({**self.own, **values})

    def digests(self) -> dict[str, str]:
        """Return the digests of configuration, network and what follows, as they are or were at first."""
        files = self.own.get("files", {})
        once = {name: files.get(name) for name in (CONFIG, NETWORK)}
        now = {name: sha256(self.path / name) for name in (CONFIG, *DERIVED) if (self.path / name).is_file()}
        if (self.path / NETWORK).is_file() and not once[NETWORK]:
            now[NETWORK] = header(self.path / NETWORK, KIND)["sha256"]
        return {**now, **{name: digest for name, digest in once.items() if digest}}

    def add_session(self, step: int, threads: int, command: str = "") -> None:
        """Record in ``run.json`` that the run goes on here, with these versions."""
        self.amend(sessions=[*self.own["sessions"], session(step, threads, command)])

    def compare_versions(self) -> str:
        """Say which versions differ from those of the last session; see `info.difference`."""
        try:
            return difference(self.own["sessions"][-1], session(0, 1, ""))
        except ConfigError as error:
            raise ConfigError(f"{self.path}: {error}") from None

    @cached_property
    def own(self) -> dict[str, Any]:
        """What ``run.json`` should hold: whoever writes does not depend on the file."""
        return self.read()

    @cached_property
    def text(self) -> str:
        """What ``config.toml`` should hold."""
        return read_file(self.path / CONFIG).decode()

    @cached_property
    def files(self) -> dict[str, str]:
        """Digests of the files that are written once."""
        return {CONFIG: "", NETWORK: "", **self.own.get("files", {})}

    def _write(self, info: Mapping[str, Any]) -> None:
        write_info(self.path / INFO, info)
        self.own = dict(info)

    def _what_helps(self) -> str:
        """Say how to get a damaged run.json back."""
        try:
            checkpoint.read_checkpoint(self.path, repair=False)
        except ConfigError:
            return "there is no checkpoint to restore it from"
        return f"`latticecell resume {self.path}` writes it anew from the checkpoint"


def with_cycles(config: Config, cycles: int | None) -> Config:
    """Return a configuration with another number of cycles, or as it is."""
    if cycles is None:
        return config
    return config.model_copy(update={"protocol": config.protocol.model_copy(update={"cycles": cycles})})


def is_run(path: Path) -> bool:
    """Whether a directory is that of a run, if perhaps a damaged one."""
    if format_of(_json(path / INFO)).startswith(FORMATS) or os.path.lexists(path / SUMS):
        return True
    return any(_has(path / name, kind) for name, kind in _SEALED)


def sha256(path: Path) -> str:
    """Return the digest of a file; raises `ConfigError` if it cannot be read."""
    return hashlib.sha256(read_file(path)).hexdigest()


_SEALED: Final[Sequence[tuple[str, str]]] = ((NETWORK, KIND), (checkpoint.CHECKPOINT, checkpoint.KIND))


def _has(path: Path, kind: str) -> bool:
    try:
        header(path, kind)
    except ConfigError:
        return False
    return True


def _json(path: Path) -> object:
    try:
        return json.loads(read_file(path))
    except (ConfigError, ValueError, RecursionError):
        return None


def _identity(config: Config, network: str) -> str:
    """Return what stands for an input and a network, whatever the number of threads."""
    solver = config.solver.model_copy(update={"threads": 1})
    text = resolved_toml(config.model_copy(update={"solver": solver}))
    return hashlib.sha256((text + network).encode()).hexdigest()[:16]


def _counts(network: Network) -> dict[str, int]:
    names = ("sites", "nodes", "tets", "springs", "bonds", "grains", "particles")
    return {name: getattr(network, f"n_{name}") for name in names}
