"""One run's directory; ``docs/rundirectory.md`` describes every file in it.

A run may be killed at any instant. The history is appended, everything else is replaced in one step, and a
step is written in the order history, snapshot, checkpoint: the files may be ahead of the checkpoint, never
behind, and resuming cuts them back to it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from latticecell.config import Config
from latticecell.effort import Effort
from latticecell.errors import ConfigError, OutputError, warn_of_damage
from latticecell.fields import Field, declarations
from latticecell.network import Floats, Network
from latticecell.output import checkpoint
from latticecell.output.files import TEMPORARY, header, ranges, verified, writing
from latticecell.output.history import HistoryFile, Row, Seal
from latticecell.output.index import write_index
from latticecell.output.info import INFO, now
from latticecell.output.lock import Lock
from latticecell.output.mesh import Mesh
from latticecell.output.network import KIND, read_network, write_network
from latticecell.output.record import CONFIG, NETWORK, SUMS, Record, is_run, sha256
from latticecell.output.snapshots import DISPLACEMENT, Snapshots
from latticecell.output.snapshots import KIND as SNAPSHOT
from latticecell.registry import recorded
from latticecell.state import ELECTRIC, State

HISTORY: Final = "history.csv"
FIELDS: Final = "fields"
INDEX: Final = "fields.vtkhdf"
INDEX_GROWTH: Final = 1.1
"""Growth of the number of snapshots with which a running computation writes their index anew."""
FILES: Final = (
    HISTORY, SUMS, INDEX, checkpoint.CHECKPOINT, checkpoint.PREVIOUS, NETWORK, "fields.h5", CONFIG, INFO
)  # fmt: skip
"""All that a run, also one of an older format, writes beside its snapshots; ``run.json``, by which a run is
known, is removed last."""

Status = Literal["done", "failed", "interrupted"]


def refuse_occupied(path: Path, force: bool) -> None:
    """Raise `ConfigError` if a run cannot be written there: it holds a run, or files that are not a run's."""
    present = [name for name in (*FILES, FIELDS) if os.path.lexists(path / name)]
    if present and not is_run(path):
        raise ConfigError(
            f"{path}: holds {', '.join(present)} but is not the directory of a run; choose another one"
        )
    if present and not force:
        raise ConfigError(f"{path}: holds a run already; choose another directory, or overwrite with --force")


class RunDirectory:
    """Writer and reader of one run's directory; made by `create` or `open`. Readers see it as a `Run`.

    Attributes
    ----------
    effort : Effort
        What the run has cost so far; kept in checkpoints and, in the end, in ``run.json``.
    record : Record
        What ran: ``run.json`` and ``config.toml``.
    more : dict of str to array
        Arrays that the checkpoint which was read holds beside the state.
    lock : Lock
        Held by the process that writes; readers need none.
    """

    def __init__(self, path: Path):
        self.path = path
        self.effort = Effort()
        self.lock = Lock(path)
        self.record = Record(path)
        self._history = HistoryFile(path / HISTORY)
        self._indexed = 0
        self.more: dict[str, NDArray] = {}

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
        effort: Effort | None = None,
        lock: Lock | None = None,
    ) -> RunDirectory:
        """Make the directory and write ``run.json``, ``config.toml`` and the network.

        A run without a network (a 1-D cell) has a history only. ``threads`` and ``command`` are for the
        record. ``force`` removes the files of a run that is already there; nothing else is touched.
        ``effort`` is the account of the run if that has begun already.
        The lock is taken, unless it is given.

        Raises
        ------
        ConfigError
            If the directory holds a run and ``force`` is false, or holds a file of that name that is not a
            run's.
        InUseError
            If another process owns the directory.
        OutputError
            If a file cannot be written; the directory holds no run then.
        """
        path = Path(path)
        run = cls(path)
        run.effort = effort or run.effort
        run.lock = lock or run.lock
        run.lock.take()
        try:
            refuse_occupied(path, force)
        except ConfigError:
            run.lock.release()
            raise
        run._clear()  # also what was left by a kill before there was a run
        try:
            run._begin(config, network, threads, command)
        except OutputError:
            run._clear()
            run.lock.release()
            raise
        return run

    def _begin(self, config: Config, network: Network | None, threads: int, command: str) -> None:
        """Write what a run has before its first step."""
        self.record.begin(config, network, threads, command)
        if network is not None:
            self._mesh = Mesh.of(network)
            write_network(self.path / NETWORK, self._mesh)
        self.record.identify(config)

    @classmethod
    def open(cls, path: str | Path) -> RunDirectory:
        """Open an existing run directory.

        Raises `ConfigError` if it is none, or one of another format.
        """
        run = cls(Path(path))
        run.info()
        return run

    # what readers use, see latticecell.results.source

    def info(self) -> dict[str, Any]:
        """Return the content of ``run.json``; raises `ConfigError` if this is no run, or it is damaged."""
        return self.record.read()

    def config(self) -> Config:
        """Read back the configuration; raises `ConfigError` if it was changed since the run began."""
        return self.record.read_config()

    def network(self) -> Network | None:
        """Return the network, None for a 1-D cell; raises `ConfigError` if its file is damaged."""
        return self._mesh.network if self.info()["network"] else None

    def history(self) -> dict[str, NDArray]:
        """Return the columns of ``history.csv`` with the rows that are good; warns of the others."""
        info = self.info()
        seal, growing = self._seal(info), info["status"] == "running"
        columns, problem = self._history.read(seal, growing=growing)
        if problem:
            warn_of_damage(problem)
        return columns

    def times(self) -> Floats:
        """Return the times of the snapshots, (n_snapshots,) [s]; nan and a warning where one is damaged."""
        times, problems = self._snapshots.times(self.n_snapshots())
        if problems:
            good = ranges([i for i, time in enumerate(times) if time == time])
            rest = f"snapshots {good} are there" if good else "no other snapshot is there"
            warn_of_damage(f"{'; '.join(problems)}; {rest}")
        return times

    def damage(self) -> str:
        """Say what is wrong with the history, and with the heads of the snapshots; empty if nothing."""
        info = self.info()
        problem = self._history.read(self._seal(info), growing=info["status"] == "running")[1]
        return "; ".join([problem] * bool(problem) + self._snapshots.times(self.n_snapshots())[1])

    def check_derived(self, name: str) -> None:
        """Raise `ConfigError` if a file that follows from the history is not the one that was written."""
        if (wanted := self.record.own.get("files", {}).get(name)) and sha256(self.path / name) != wanted:
            raise ConfigError(f"{self.path / name}: is damaged, or was changed; history.csv holds its data")

    def expected(self) -> set[str]:
        """Return the names of the files that may not be missing: checkpoint and index of a run that ended."""
        ended = self.record.own.get("ended") and self.record.own["network"]
        files = {checkpoint.CHECKPOINT} if ended else set()
        return files | ({INDEX} if ended and self.n_snapshots() else set())

    def check_snapshot(self, step: int) -> None:
        """Raise `ConfigError` if a snapshot is missing, damaged, or not of this run."""
        self._snapshots.check(step)

    def fields(self) -> dict[str, Field]:
        """Return the declarations of the fields in the snapshots, by key; none before the first snapshot."""
        return self._snapshots.fields

    def read(self, key: str, step: int) -> NDArray[np.float32]:
        """Return a field of a snapshot where it lives, in its unit; of a displacement the periodic part.

        Raises
        ------
        ConfigError
            If the snapshot is missing or damaged.
        KeyError
            If there is no such field.
        """
        field = self.fields().get(key)
        if field is None:
            self._snapshots.check(step)  # a damaged snapshot declares nothing: that is told first
            raise KeyError(key)
        value = self._snapshots.read(field, step)
        if field.location != "node":
            return value
        if key == DISPLACEMENT:
            value[:, :2] -= (self.strain(step) * self._mesh.points[:, :2]).astype(np.float32)
        result = np.zeros((self._mesh.n_nodes, *value.shape[1:]), np.float32)
        result[self._mesh.node_of_point] = value
        return result

    def strain(self, step: int) -> Floats:
        """Return the mean lateral strain of a snapshot, (2,) [1]."""
        return self._snapshots.strain(step)

    # what a run writes

    def append_row(self, row: Row) -> None:
        """Append one row to ``history.csv``; see `HistoryFile.append`."""
        self._history.append(row)

    def take_back_row(self) -> None:
        """Remove the row that was appended last."""
        self._history.take_back()

    def write_snapshot(
        self, fields: Mapping[Field, NDArray], strain_c: Floats, time: float, state: State | None = None
    ) -> None:
        """Write the next snapshot, with the whole state if it is given; see `snapshots.Snapshots.append`."""
        arrays = None if state is None else {name: getattr(state, name) for name in declarations(State)}
        self._snapshots.append(self._mesh, time, strain_c, fields, arrays)

    def renew_index(self) -> None:
        """Write ``fields.vtkhdf`` if snapshots have become a tenth more since: it takes longer with each."""
        if self._snapshots.count() >= INDEX_GROWTH * self._indexed:
            self.write_index()

    def write_index(self) -> None:
        """Write ``fields.vtkhdf``, by which ParaView sees the snapshots so far."""
        files = self._snapshots.files()
        if files:
            counts = header(self.path / NETWORK, KIND)
            write_index(
                self.path / INDEX,
                self.path / NETWORK,
                counts,
                files,
                self._snapshots.times(len(files))[0],
                list(self.fields().values()),
            )
            self._indexed = len(files)

    def write_checkpoint(
        self, state: State, cursor: Mapping[str, Any], more: Mapping[str, NDArray] | None = None
    ) -> None:
        """Write the state, ``cursor``, whatever JSON the stepper needs to go on, and more arrays.

        The checkpoint must not reach the device before the rows and snapshots that it counts.
        """
        about = {
            "cursor": cursor,
            "history": self._history.sync(),
            "snapshots": self._snapshots.count(),
            "effort": self.effort.table(),
            "config": self.record.files[CONFIG],
            "network": self.record.files[NETWORK],
            "config_toml": self.record.text,
            "info": self.record.own,
        }
        checkpoint.write_checkpoint(self.path, state, about, more)

    def checkpoint_digest(self) -> str:
        """Return the digest of the newest checkpoint; empty if there is none."""
        try:
            return str(header(self.path / checkpoint.CHECKPOINT, checkpoint.KIND)["sha256"])
        except ConfigError:
            return ""

    def read_checkpoint(self, n_stages: int = 0) -> tuple[State, dict[str, Any], list[str]]:
        """Return the last state and cursor, and cut history and snapshots back to that moment.

        A run that is over goes on if it has got ``n_stages`` stages, more than before. The third value holds
        what a user should know, for example that a checkpoint was damaged.

        Raises
        ------
        ConfigError
            If there is no whole checkpoint, it belongs to another configuration or network, or the history
            or the snapshots hold less than it knows. Nothing is cut then.
        """
        arrays, about, notes = checkpoint.read_checkpoint(self.path)
        path = self.path / checkpoint.CHECKPOINT
        if about["config"] != sha256(self.path / CONFIG):
            raise ConfigError(
                f"{path}: was written with another {CONFIG}; restore it, or delete it to go on with the old"
            )
        if about["network"] != header(self.path / NETWORK, KIND)["sha256"]:
            raise ConfigError(f"{path}: belongs to another {NETWORK}; restore it or start a new run")
        state = self._state(arrays, path)
        self.more = {name: array for name, array in arrays.items() if name not in declarations(State)}
        content, sums, lost = self._history.start(Seal(*about["history"]))
        notes += [lost] * bool(lost) + self._snapshots.truncate(about["snapshots"])
        self._history.replace(content, sums)
        self._sweep()
        self.effort.add(about.get("effort", {}))
        laws = recorded(self.info().get("laws", ()))
        if about["cursor"].get("finished") and about["cursor"].get("stage", 0) < n_stages:
            about["cursor"]["finished"] = False
        if not about["cursor"].get("finished"):  # a run that is over stays as it is
            self.amend(laws=laws, status="running", message="", resumed=now(), ended={})
        return state, about["cursor"], notes

    def last_state(self) -> tuple[State, int, str, list[str]]:
        """Return the state of the newest checkpoint, its step, its digest, and what a user should know.

        Nothing is changed, and the run may still go on. Raises `ConfigError` if there is no whole checkpoint,
        or it is not of this run.
        """
        arrays, about, notes = checkpoint.read_checkpoint(self.path, repair=False)
        path = self.path / checkpoint.CHECKPOINT
        if (about["config"], about["network"]) != (self.record.files[CONFIG], self.record.files[NETWORK]):
            raise ConfigError(f"{path}: is that of another run")
        return self._state(arrays, path), int(about["cursor"]["steps"]), self.checkpoint_digest(), notes

    def state_at(self, index: int) -> State | None:
        """Return the whole state that a snapshot holds, None if it holds none."""
        arrays = self._snapshots.state(index)
        return self._state(arrays, self._snapshots.file(index)) if arrays else None

    def snapshot_digest(self, index: int) -> str:
        """Return the digest of the file of a snapshot."""
        return str(header(self._snapshots.file(index), SNAPSHOT)["sha256"])

    def _state(self, arrays: dict[str, NDArray], path: Path) -> State:
        """Return the state of arrays that were read from a file; raises `ConfigError` if they do not fit."""
        network = self._mesh.network
        sizes = {"node": network.n_nodes, "tet": network.n_tets, "bond": network.n_bonds}
        _update(arrays, network.n_bonds)
        for name, field in declarations(State).items():
            first = (sizes[field.location],) if field.location in sizes else field.shape
            if name not in arrays or arrays[name].shape[: len(first)] != first:
                raise ConfigError(f"{path}: {name} is missing or has another shape; start a new run")
        return State(**{name: arrays[name] for name in declarations(State)})

    def amend(self, **values: Any) -> None:
        """Add values to ``run.json``."""
        self.record.amend(**values)

    def finish(self, status: Status, message: str = "") -> None:
        """Close the run in ``run.json``: status, wall time [s], peak memory [MB] and what it has cost."""
        if status not in ("done", "failed", "interrupted"):
            raise ValueError(f"status {status!r}: must be done, failed or interrupted")
        try:
            self.write_index()
        finally:
            self.amend(
                status=status,
                message=message,
                finished=now(),
                files=self.record.digests(),
                ended={"history": self._history.sync(), "snapshots": self._snapshots.count()},
                peak_memory_MB=_peak_memory(),
                **self.effort.table(),
            )
            self.lock.release()

    def conclude(self, status: Status, message: str, *writes: Callable[[], None]) -> None:
        """End a run: write what is left, then the status; what cannot be written makes it a failed run.

        The lock is released.

        Raises
        ------
        OutputError
            The first one, after all else is written; none if the run had failed before.
        """
        failures, failed = [], status == "failed"
        for write in writes:
            try:
                write()
            except OutputError as error:
                failures.append(error)
        if failures and not failed:
            status, message = "failed", str(failures[0])
        try:
            self.finish(status, message)
        except OutputError as error:
            failures.append(error)
            if self.record.own["status"] == "running":  # there was no room even for the status
                with suppress(OutputError):
                    self._make_room()
                    self.finish("failed", message if failed else str(failures[0]))
        self.lock.release()
        if failures and not failed:
            raise failures[0]

    @cached_property
    def _mesh(self) -> Mesh:
        path, wanted = self.path / NETWORK, self.record.files[NETWORK]
        if wanted and header(path, KIND)["sha256"] != wanted:
            raise ConfigError(f"{path}: is damaged, or is that of another run")
        return Mesh.of(read_network(path))

    def _clear(self) -> None:
        """Remove what a run has written."""
        Snapshots(self.path / FIELDS, "").truncate(0)
        self._sweep()
        folder = self.path / FIELDS
        with writing(self.path):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
            for name in FILES:
                (self.path / name).unlink(missing_ok=True)

    def _make_room(self) -> None:
        """Give up the checkpoint before the newest, if that is whole, for the status on a full disk."""
        with suppress(ConfigError), writing(self.path):
            verified(self.path / checkpoint.CHECKPOINT, checkpoint.KIND)
            (self.path / checkpoint.PREVIOUS).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove what a kill has left of files being written."""
        for folder in (self.path / FIELDS, self.path):
            for part in folder.glob(TEMPORARY):
                with writing(part):
                    part.unlink()

    @cached_property
    def _snapshots(self) -> Snapshots:
        """The snapshots, which know to which input and network they belong."""
        return Snapshots(self.path / FIELDS, self.record.own.get("identity", ""))

    def _seal(self, info: Mapping[str, Any]) -> Seal | None:
        """The seal of the history: that of the end of the run, or of the newest checkpoint."""
        if ended := info.get("ended"):
            return Seal(*ended["history"])
        try:
            about = header(self.path / checkpoint.CHECKPOINT, checkpoint.KIND)
        except ConfigError:
            return None
        return Seal(about["rows"], about["history"])

    def n_snapshots(self) -> int:
        """How many snapshots there should be."""
        try:
            known = (self.info().get("ended") or header(
                self.path / checkpoint.CHECKPOINT, checkpoint.KIND
            ))["snapshots"]  # fmt: skip
        except ConfigError:
            known = 0
        return max(known, self._snapshots.count())


def _update(arrays: dict[str, NDArray], n_bonds: int) -> None:
    """Give a state from before electrical energy was counted, or times of breaking noted, unknown values."""
    arrays.setdefault("broke_b", np.full(n_bonds, np.nan))
    for name in ("passed", "passed_rate"):
        if name in arrays and len(arrays[name]) == ELECTRIC:
            arrays[name] = np.append(arrays[name], np.nan)


def _peak_memory() -> float | None:
    """Peak resident memory of this process [MB]; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)
