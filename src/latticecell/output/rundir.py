"""One run's directory: ``config.toml``, ``run.json``, ``history.csv``, ``fields.h5``, ``checkpoint.h5``.

A run may be killed at any instant. The history is appended, everything else is replaced atomically, and a
step is written in the order history, fields, checkpoint: the files may be ahead of the checkpoint, never
behind, and resuming cuts them back to it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from latticecell.config import Config
from latticecell.errors import ConfigError
from latticecell.network import Network
from latticecell.output.fields import (
    FieldReader,
    OutputMesh,
    append_snapshot,
    count_snapshots,
    replacing,
    truncate_snapshots,
)
from latticecell.reader import read_config, resolved_toml
from latticecell.registry import recorded
from latticecell.state import State

FORMAT: Final = "latticecell run 1"
CONFIG: Final = "config.toml"
INFO: Final = "run.json"
HISTORY: Final = "history.csv"
FIELDS: Final = "fields.h5"
CHECKPOINT: Final = "checkpoint.h5"
FILES: Final = (HISTORY, FIELDS, CHECKPOINT, CONFIG, INFO)
"""Everything that a run writes; ``run.json``, by which a run is known, is removed last."""

Status = Literal["done", "failed", "interrupted"]
Row = Mapping[str, float | int | str]


class RunDirectory:
    """Writer and reader of one run's directory; made by `create` or `open`."""

    def __init__(self, path: Path):
        self.path = path
        self._network: Network | None = None
        self._mesh: OutputMesh | None = None
        self._columns: list[str] | None = None
        self._rows = 0
        self._started = time.monotonic()
        self._wall_before = 0.0

    @classmethod
    def create(
        cls,
        path: str | Path,
        config: Config,
        network: Network | None,
        *,
        threads: int,
        command: str = "",
        force: bool = False,
    ) -> RunDirectory:
        """Make the directory and write ``run.json`` and ``config.toml``.

        A run without a network (a 1-D cell) has a history only. ``threads`` and ``command`` are for the
        record. ``force`` removes the files of a run that is already
        there; nothing else is touched.

        Raises
        ------
        ConfigError
            If the directory holds a run and ``force`` is false, holds a file of that name that is not a
            run's, or cannot be made.
        """
        path = Path(path)
        present = [name for name in FILES if (path / name).exists()]
        if present and not _is_run(path):
            raise ConfigError(
                f"{path}: holds {', '.join(present)} but is not the directory of a run; choose another one"
            )
        if present and not force:
            raise ConfigError(f"{path}: holds a run already; choose another directory or force overwriting")
        try:
            path.mkdir(parents=True, exist_ok=True)
            for name in FILES if present else ():
                (path / name).unlink(missing_ok=True)
                (path / f"{name}.part").unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be used as a run directory: {error.strerror}") from None
        run = cls(path)
        run._network = network
        run._write_info(
            {
                "format": FORMAT,
                "name": config.name,
                "status": "running",
                "message": "",
                "started": _now(),
                "command": command,
                "seed": config.microstructure.seed,
                "threads": threads,
                "versions": {
                    "latticecell": version("latticecell"),
                    "python": platform.python_version(),
                    **{name: version(name) for name in ("numpy", "scipy", "pyamg", "h5py")},
                },
                "laws": recorded(),
                "network": {} if network is None else _counts(network),
            }
        )
        with replacing(path / CONFIG) as part:
            part.write_text(resolved_toml(config), encoding="utf-8")
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Open an existing run directory.

        Raises `ConfigError` if it is none.
        """
        path = Path(path)
        if not _is_run(path) or not (path / CONFIG).is_file():
            raise ConfigError(f"{path}: is not the directory of a run")
        return cls(path)

    def config(self) -> Config:
        """Read back the configuration; raises `ConfigError` if it was edited into nonsense."""
        return read_config(self.path / CONFIG, laws=False)

    def info(self) -> dict[str, Any]:
        """Return the content of ``run.json``."""
        return json.loads((self.path / INFO).read_text(encoding="utf-8"))

    def append_row(self, row: Row) -> None:
        """Append one row to ``history.csv``; the first row makes the header.

        Floats are written so that reading them back gives the same bits.

        Raises `ValueError` if the columns differ from the header, or a text holds a line break.
        """
        header = self._header()
        if header is not None and header != list(row):
            odd = sorted(set(header) ^ set(row)) or ["their order"]
            raise ValueError(f"history columns differ from the header: {', '.join(odd)}")
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if header is None:
            writer.writerow(row)
        writer.writerow([_cell(value) for value in row.values()])
        if len(text.getvalue().splitlines()) != 1 + (header is None):
            raise ValueError("history: a name or text must not hold a line break")
        with (self.path / HISTORY).open("a", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
        self._columns = list(row)
        self._rows += 1

    def write_fields(self, state: State, fields: Mapping[str, NDArray], time: float) -> None:
        """Append one snapshot to ``fields.h5``; see `latticecell.output.fields.append_snapshot`.

        Displacement, stoichiometry, potentials, gap and reaction current come from ``state``; ``fields`` adds
        to them. Needs the network: after `open`, call `read_checkpoint` first.
        """
        network = self._known_network()
        if self._mesh is None:
            self._mesh = OutputMesh.of(network)
        append_snapshot(self.path / FIELDS, network, self._mesh, state, fields, time)

    def write_checkpoint(self, state: State, cursor: Mapping[str, Any]) -> None:
        """Replace ``checkpoint.h5``: the state, and ``cursor``, whatever JSON the stepper needs to go on."""
        network = self._known_network()
        self._header()
        history = self.path / HISTORY
        if history.exists():
            with history.open("rb+") as file:
                os.fsync(file.fileno())  # the checkpoint must not reach the disk before the rows it counts
        about = {
            "cursor": cursor,
            "rows": self._rows,
            "snapshots": count_snapshots(self.path / FIELDS),
            "wall_time_s": self._wall_time(),
            "config": self._config_hash(),
            "network": _counts(network),
            "topology": _topology_hash(network),
        }
        text = json.dumps(about, default=_plain)
        arrays = {field.name: getattr(state, field.name) for field in dataclass_fields(state)}
        with replacing(self.path / CHECKPOINT) as part, h5py.File(part, "w") as file:
            file.attrs["about"] = text
            file.attrs["digest"] = _digest(text, arrays)
            for name, array in arrays.items():
                file[name] = array

    def read_checkpoint(self, network: Network) -> tuple[State, dict[str, Any]]:
        """Return the last state and cursor, and cut history and fields back to that moment.

        Raises
        ------
        ConfigError
            If there is no checkpoint, it is damaged, it belongs to another configuration or network, or the
            history or the fields hold less than it knows. Nothing is cut then.
        """
        path = self.path / CHECKPOINT
        about, arrays = _load_checkpoint(path)
        if about["config"] != self._config_hash():
            raise ConfigError(f"{path}: was written with another {CONFIG}; restore it or start a new run")
        counts = _counts(network)
        if about["network"] != counts:
            pairs = [(key, about["network"].get(key), value) for key, value in counts.items()]
            found = ", ".join(f"{old} {key} instead of {new}" for key, old, new in pairs if old != new)
            raise ConfigError(f"{path}: belongs to another network: {found}")
        if about["topology"] != _topology_hash(network):
            raise ConfigError(f"{path}: belongs to another network, whose tets or bonds differ")
        state = State.zeros(network, arrays.get("history_bh", np.zeros(1)).shape[-1])
        for field in dataclass_fields(state):
            target = getattr(state, field.name)
            if field.name not in arrays or arrays[field.name].shape != target.shape:
                raise ConfigError(f"{path}: {field.name} is missing or has another shape; start a new run")
            target[...] = arrays[field.name]

        kept = self._history_start(about["rows"]) if about["rows"] else b""
        truncate_snapshots(self.path / FIELDS, about["snapshots"])
        with replacing(self.path / HISTORY) as part:
            part.write_bytes(kept)
        self._columns, self._rows = None, 0
        self._network, self._mesh = network, None
        self._wall_before, self._started = about["wall_time_s"], time.monotonic()
        info = self.info()
        info["laws"] = recorded(info.get("laws", ()))
        self._write_info({**info, "status": "running", "message": "", "resumed": _now()})
        return state, about["cursor"]

    def finish(self, status: Status, message: str = "", **timings: float) -> None:
        """Close the run in ``run.json``: status, wall time [s], peak memory [MB] and ``timings`` [s]."""
        if status not in ("done", "failed", "interrupted"):
            raise ValueError(f"status {status!r}: must be done, failed or interrupted")
        self._write_info(
            {
                **self.info(),
                "status": status,
                "message": message,
                "finished": _now(),
                "wall_time_s": self._wall_time(),
                "peak_memory_MB": _peak_memory(),
                "timings_s": timings,
            }
        )

    def history(self) -> dict[str, NDArray]:
        """Return the columns of ``history.csv``: float64 arrays, or str arrays where there is text.

        A last line without its line break (a killed run) is left out; no rows give no columns.
        """
        rows = list(csv.reader(line.decode() for line in self._history_lines()))
        if len(rows) < 2:
            return {}
        columns = zip(*rows[1:], strict=True)
        return {name: _column(list(cells)) for name, cells in zip(rows[0], columns, strict=True)}

    def fields(self) -> FieldReader:
        """Return a reader of the snapshots; raises `ConfigError` if there are none."""
        return FieldReader(self.path / FIELDS)

    def _header(self) -> list[str] | None:
        """Columns of the history file, None before the first row; counts its rows once after `open`."""
        if self._columns is None:
            lines = self._history_lines()
            path = self.path / HISTORY
            if path.exists() and path.stat().st_size != sum(map(len, lines)):
                with replacing(path) as part:  # a killed run left half a line: do not append to it
                    part.write_bytes(b"".join(lines))
            if lines:
                self._columns = next(csv.reader([lines[0].decode()]))
                self._rows = len(lines) - 1
        return self._columns

    def _history_lines(self) -> list[bytes]:
        """Return the complete lines of the history."""
        path = self.path / HISTORY
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        return lines[:-1] if lines and not lines[-1].endswith(b"\n") else lines

    def _history_start(self, rows: int) -> bytes:
        """Return header and first ``rows`` rows of the history."""
        lines = self._history_lines()
        present = max(len(lines) - 1, 0)
        if present < rows:
            raise ConfigError(
                f"{self.path / HISTORY}: holds {present} rows, the checkpoint knows {rows}; start a new run"
            )
        return b"".join(lines[: rows + 1])

    def _known_network(self) -> Network:
        if self._network is None:
            raise RuntimeError("the network is unknown: create the run or read its checkpoint first")
        return self._network

    def _write_info(self, info: dict[str, Any]) -> None:
        with replacing(self.path / INFO) as part:
            part.write_text(json.dumps(info, indent=2, default=_plain) + "\n", encoding="utf-8")

    def _config_hash(self) -> str:
        return hashlib.sha256((self.path / CONFIG).read_bytes()).hexdigest()

    def _wall_time(self) -> float:
        return self._wall_before + time.monotonic() - self._started


def _is_run(path: Path) -> bool:
    try:
        info = json.loads((path / INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(info, dict) and info.get("format") == FORMAT


def _load_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Read a checkpoint and check its digest."""
    if not path.exists():
        raise ConfigError(f"{path}: there is no checkpoint to resume from; start a new run")
    try:
        with h5py.File(path, "r") as file:
            text, digest = str(file.attrs["about"]), str(file.attrs["digest"])
            arrays = {name: data[()] for name, data in file.items()}
    except (OSError, KeyError, ValueError, RuntimeError) as error:  # h5py raises any of them on bad bytes
        raise ConfigError(f"{path}: is damaged ({error}); start a new run") from None
    if digest != _digest(text, arrays):
        raise ConfigError(f"{path}: is damaged (its digest does not fit); start a new run")
    return json.loads(text), arrays


def _digest(text: str, arrays: Mapping[str, NDArray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _topology_hash(network: Network) -> str:
    """Digest of the integers only: positions may differ in the last bit between machines."""
    return _digest("", {name: getattr(network, name) for name in ("tet_tn", "domain_t", "site_n", "bond_bn")})


def _counts(network: Network) -> dict[str, int]:
    names = ("sites", "nodes", "tets", "springs", "bonds", "grains", "particles")
    return {name: getattr(network, f"n_{name}") for name in names}


def _cell(value: float | int | str) -> str:
    """Text of one value; ``repr`` of a Python float is the shortest text that reads back as the same bits."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(int(value))
    return repr(float(value))


def _column(cells: list[str]) -> NDArray:
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        return np.array(cells)


def _plain(value: object) -> object:
    """Let JSON take NumPy scalars and arrays."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _peak_memory() -> float | None:
    """Peak resident memory of this process [MB]; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
