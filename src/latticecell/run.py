"""A run: the stepper and the run directory, nothing else."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latticecell.config import Config
from latticecell.continuation import Origin, origin_of
from latticecell.coverage import Coverage
from latticecell.effort import Effort
from latticecell.errors import ConfigError, LatticecellError, OutputError, SolveError
from latticecell.jumping import Jumper
from latticecell.materials import named_laws
from latticecell.network import Network
from latticecell.observables import Observer
from latticecell.output.cache import network_of
from latticecell.output.files import write_file
from latticecell.output.lock import Lock
from latticecell.output.record import CYCLES, PLOT, is_run, with_cycles
from latticecell.output.rundir import RunDirectory, Status, refuse_occupied
from latticecell.protocol import Cursor, due, is_kept, keeps_few, number_of_stages, stages
from latticecell.registry import compare
from latticecell.results import CycleTable, Run, open_run
from latticecell.state import State
from latticecell.stepchecks import check_protocol
from latticecell.stepper import Stepper, StepReport
from latticecell.threads import kernel_threads, one_blas_thread

Row = dict[str, float | int | str]
FEW_STAGES = 50
"""Stages up to which the end of each is a snapshot, unless the file says otherwise."""


def noted(config: Config) -> Config:
    """Note in a configuration what a run needs to know of labelled voxels; any other is returned as it is."""
    if config.microstructure.labels is None:
        return config
    from latticecell.imports.load import settled

    return settled(config)


def _import(config: Config, network: Network) -> dict[str, Any]:
    """Return how the network agrees with labelled voxels, for ``run.json``."""
    if config.microstructure.labels is None:
        return {}
    from latticecell.imports.agreement import agreement
    from latticecell.imports.load import labelled

    return {"import": agreement(network, labelled(config)).record()}


@dataclass(frozen=True, slots=True)
class Progress:
    """One accepted step of a run: the row that was written, where the run stands, and what is to be told."""

    row: Row
    cursor: Cursor
    notes: tuple[str, ...] = ()


class Simulation:
    """A run that can be advanced step by step and stopped after any of them.

    Made by `start` or `resume`. Iterating over `advance` writes history, snapshots and checkpoints; closing
    the iterator early (or Ctrl-C between steps) leaves a checkpoint of the last step. ``notes`` tell which
    laws are no longer those with which a resumed run began, and whether its last checkpoint was damaged.

    A simulation owns its directory, see `latticecell.output.lock`, until `advance` ends, it is closed, or
    forgotten; ``with Simulation.start(...) as simulation`` closes it.
    """

    def __init__(
        self,
        directory: RunDirectory,
        stepper: Stepper,
        state: State,
        cursor: Cursor,
        notes: Sequence[str] = (),
    ):
        self.directory = directory
        self.stepper = stepper
        self.state = state
        self.cursor = cursor
        self.notes = tuple(notes)
        self._observer = Observer(stepper)
        self._coverage = Coverage(stepper.config.materials.active, directory.info().get("beyond_data", ()))
        self._left: str | None = None
        jump = stepper.config.protocol.jump
        self._jumper = None if jump is None else Jumper(stepper, jump, directory.more)

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the directory back to other processes; `advance` takes it again."""
        self._left = self.directory.checkpoint_digest()
        self.directory.lock.release()

    @classmethod
    def start(
        cls, config: Config, path: str | Path, network: Network | None = None, *, command: str = "",
        force: bool = False,
    ) -> Simulation:  # fmt: skip
        """Begin a run in a new directory, with the cell at rest or with the state of another run.

        Raises
        ------
        ConfigError
            If the directory holds a run already, the microstructure is impossible, or the run to go on from
            does not fit.
        InUseError
            If another process owns the directory.
        NetworkError
            If the network cannot be generated.
        SolveError
            If the cell has no equilibrium at rest.
        OutputError
            If a file cannot be written.
        """
        origin = None if config.continue_from is None else origin_of(config, network, Path(path))
        lock = Lock(Path(path))
        if Path(path).is_dir():
            refuse_occupied(Path(path), force)  # before the work of building a network
            lock.take()
        with one_blas_thread():
            effort = Effort()
            with effort.phase("network"):
                config = noted(config)
                network = origin.network if origin else network or network_of(config)
            threads = kernel_threads(config.solver.threads, network.n_nodes)
            with effort.phase("output"):
                directory = RunDirectory.create(
                    path, config, network, threads=threads, command=command, force=force, effort=effort,
                    lock=lock,
                )  # fmt: skip
            try:
                directory.amend(**_import(config, network))
                return cls._begin(config, network, directory, origin)
            except LatticecellError as error:
                with suppress(OutputError):
                    directory.finish("failed", str(error))
                lock.release()
                raise

    @classmethod
    def _begin(
        cls, config: Config, network: Network, directory: RunDirectory, origin: Origin | None
    ) -> Simulation:
        """Find the cell at rest, or take the state that is there, and write it."""
        with directory.effort.phase("setup"):
            stepper = Stepper(config, network, effort=directory.effort)
            directory.amend(strength_sum_Pa=_strength(stepper))
            if origin is None:
                state, cursor = stepper.start()
            else:
                _check_bonds(stepper, origin.state, origin.directory)
                state, cursor = stepper.take_over(origin.state)
                directory.amend(continued_from=origin.about)
            run = cls(directory, stepper, state, cursor, origin.notes if origin else ())
        balances = stepper.audit.balances(state, stepper.eigen(state))
        run._write(StepReport(state, cursor, next(stages(config)), None, balances, 0, False, 0.0))
        run._checkpoint()
        return run

    @classmethod
    def resume(
        cls, path: str | Path, threads: int | None = None, *, cycles: int | None = None,
        same_version: bool = False, command: str = "",
    ) -> Simulation:  # fmt: skip
        """Go on from the checkpoint of a run directory; ``threads`` may differ from the first part.

        With ``cycles`` its protocol has so many from now on, more than before, as if it had begun with them.

        With ``same_version`` only under the versions of the package, its numerics and its libraries that the
        run was computed with so far; without, another version is among the notes.

        Raises
        ------
        ConfigError
            If there is nothing to go on from, there are not more cycles than before, a law of the run is not
            registered, the bonds would not be those that the run began with, or the numerics of the run are
            newer than these.
        InUseError
            If another process owns the directory.
        """
        directory = RunDirectory(Path(path)) if is_run(Path(path)) else RunDirectory.open(path)
        directory.lock.take()
        try:
            run = cls._restored(directory, threads, cycles, same_version=same_version, command=command)
        except BaseException:
            directory.lock.release()
            raise
        if run.cursor.finished and directory.info()["status"] != "done":  # killed between last step and end
            for _ in run.advance():
                pass
        return run

    @classmethod
    def _restored(
        cls,
        directory: RunDirectory,
        threads: int | None,
        cycles: int | None,
        *,
        same_version: bool,
        command: str,
    ) -> Simulation:
        """Read the last checkpoint of a directory."""
        path = directory.path
        notes = directory.record.restore()
        config = directory.config()
        if cycles is not None:
            config = _with_more_cycles(directory, config, cycles)
        going_on = cycles is not None or directory.info()["status"] != "done"
        if going_on and (other := directory.record.compare_versions()):
            notes.append(f"{path}: {other}")
            if same_version:
                raise ConfigError(f"{path}: {other}; not gone on with, as --same-version asks")
        notes += compare(named_laws(config), directory.info().get("laws", ()))
        if threads is not None:
            config = with_threads(config, threads)
        with one_blas_thread():
            network = directory.network()
            if network is None:
                raise ConfigError(
                    f"{directory.path}: is a run of the 1-D cell, which keeps no checkpoints; start a new run"
                )
            if cycles is not None:
                directory.amend(cycles=cycles)
            state, table, more = directory.read_checkpoint(number_of_stages(config.protocol))
            with directory.effort.phase("setup"):
                stepper = Stepper(config, network, effort=directory.effort)
                _check_bonds(stepper, state, directory)
                run = cls(directory, stepper, state, Cursor(**table), [*notes, *more])
            if not run.cursor.finished:
                directory.record.add_session(
                    run.cursor.steps, kernel_threads(config.solver.threads, network.n_nodes), command
                )
        return run

    def advance(self) -> Generator[Progress, None, None]:
        """Run to the end of the protocol, yielding after each step.

        Raises
        ------
        SolveError
            After writing a checkpoint of the last good step and the plot.
        OutputError
            If a file cannot be written, after writing what can be; nothing of the step is there then, and
            `resume` goes on from the last checkpoint.
        """
        self._own()
        output = self.stepper.config.output
        status: Status = "interrupted"
        message, whole = "stopped by the user", True
        try:
            # One BLAS thread: sums must not depend on how many there are.
            with one_blas_thread():
                steps = self.stepper.steps(self.state, self.cursor)
                while True:
                    before = self.state.copy()
                    whole = False  # an exception inside a step may leave half a state behind
                    report = next(steps, None)
                    if report is None:
                        break
                    try:
                        notes = self._leaves(float(report.state.time[0]))
                        row = self._write(report)
                    except (OutputError, SolveError):  # as if the step had not been
                        self.state.assign(before)
                        whole = True
                        raise
                    self.cursor, whole = report.cursor, True
                    made = self._jump(report)
                    if report.stage_finished and self._wanted(report):
                        self._index()
                    if report.stage_finished or report.cursor.steps % output.checkpoint_every == 0:
                        self._checkpoint()
                    yield Progress(row, report.cursor, notes)
                    if made is not None:
                        steps = self.stepper.steps(self.state, self.cursor)
                        yield Progress(made, self.cursor)
            status, message, whole = "done", "", True
        except SolveError as error:
            status, message, whole = "failed", str(error), True
            raise
        except OutputError as error:
            status, message = "failed", str(error)
            raise
        finally:
            last = [self._checkpoint] if whole else []
            self.directory.conclude(status, message, *last, self._index, self._conclude)
            self._left = self.directory.checkpoint_digest()

    def _jump(self, report: StepReport) -> Row | None:
        """Pass over cycles after the last step of one, if the file asks for it; the row is that of a jump."""
        if self._jumper is None or not report.stage_finished:
            return None
        assert report.trial is not None
        jump = self._jumper.look(self.state, report.cursor, report.stage)
        if jump is None:
            return None
        with self.directory.effort.phase("output"):
            row = self._observer.row(jump.report) | {"current_A": report.trial.electro.current}
            self.directory.append_row(row)
        self.state.assign(jump.state)
        self.cursor = jump.cursor
        return row

    def _leaves(self, time: float) -> tuple[str, ...]:
        """Tell, also ``run.json``, which data of the laws have been left by now for the first time."""
        stoich = self.state.stoich_n[self.stepper.network.is_active_n]
        notes = self._coverage.look(float(stoich.min()), float(stoich.max()), time)
        if notes:
            self.directory.amend(beyond_data=self._coverage.table())
        return tuple(notes)

    def _own(self) -> None:
        """Take the lock again, if it was released; nobody may have gone on with the run meanwhile."""
        if self.directory.lock.held:
            return
        self.directory.lock.take()
        if self.directory.checkpoint_digest() != self._left:
            self.directory.lock.release()
            raise ConfigError(f"{self.directory.path}: another process has gone on with it; resume it")
        if not self.cursor.finished:
            self.directory.amend(status="running", message="")

    def _write(self, report: StepReport) -> Row:
        """Write row and snapshot of a step, or neither."""
        with self.directory.effort.phase("output"):
            wanted = self._wanted(report)
            found = self._observer.released(report.state) if wanted else None
            row = self._observer.row(report, found)
            self.directory.append_row(row)
            if wanted:
                fields, time = self._observer.fields(self.state, found), float(self.state.time[0])
                try:
                    whole = self.state if self.stepper.config.output.full_states else None
                    self.directory.write_snapshot(fields, self.state.strain_c, time, whole)
                except OutputError:
                    self.directory.take_back_row()
                    raise
        return row

    def _index(self) -> None:
        with self.directory.effort.phase("output"):
            self.directory.renew_index()

    def _checkpoint(self) -> None:
        with self.directory.effort.phase("output"):
            more = {} if self._jumper is None else self._jumper.arrays()
            self.directory.write_checkpoint(self.state, self.cursor.table(), more)

    def _wanted(self, report: StepReport) -> bool:
        """Whether the file asks for a snapshot of this step."""
        config = self.stepper.config
        output, every, time = config.output, config.output.fields_every, float(self.state.time[0])
        before = -np.inf if report.trial is None else time - report.trial.dt
        ends = output.stage_ends
        if ends is None:
            ends = keeps_few(output) or number_of_stages(config.protocol) <= FEW_STAGES
        told = (every and report.cursor.steps % every == 0) or (ends and report.stage_finished)
        return bool(
            (told and is_kept(output, report.stage.cycle + 1))
            or due(output.times, before, time, config.solver.dt_min)
        )

    def _conclude(self) -> None:
        """Write what follows from the history: the table of cycles, and the plot."""
        from latticecell.output.plots import summary  # matplotlib takes a while to load

        config, path = self.stepper.config, self.directory.path
        with self.directory.effort.phase("output"):
            history = self.directory.history()
            if history:
                table = CycleTable.of(history, self.cursor.finished, config.geometry.width**2)
                write_file(path / CYCLES, table.to_csv())
                summary(history, path / PLOT, config.name)


def with_threads(config: Config, threads: int) -> Config:
    """Return a configuration with another number of threads of the kernels."""
    return config.model_copy(update={"solver": config.solver.model_copy(update={"threads": threads})})


def _with_more_cycles(directory: RunDirectory, config: Config, cycles: int) -> Config:
    """Return the configuration of a run with more cycles than it has; raises `ConfigError` if it has them."""
    now = config.protocol.cycles
    if directory.info()["network"] and cycles <= now:
        raise ConfigError(f"cycles = {cycles}: {directory.path} has {now}; must be more than that")
    config = with_cycles(config, cycles)
    if problems := check_protocol(config):
        raise ConfigError(problems)
    return config


def _strength(stepper: Stepper) -> float:
    return float(stepper.mechanics.bonds.strength_b.sum())


def _check_bonds(stepper: Stepper, state: State, directory: RunDirectory) -> None:
    """Refuse bonds other than those of the run: strengths are drawn, and generators change with NumPy."""
    columns, info = stepper.mechanics.bonds.n_columns, directory.info()
    if state.history_bh.shape[1] != columns:
        raise ConfigError(
            f"{directory.path}: the checkpoint holds {state.history_bh.shape[1]} values of history a bond, "
            f"the bond laws have {columns}"
        )
    if not math.isclose(_strength(stepper), info["strength_sum_Pa"], rel_tol=1e-9):
        raise ConfigError(
            f"{directory.path}: the strengths of the bonds, drawn from the seed, come out differently with "
            f"this NumPy; resume with NumPy {info['versions']['numpy']}"
        )


def run(config: Config, out: str | Path, network: Network | None = None, *, force: bool = False) -> Run:
    """Run a configuration to the end and return its results.

    Parameters
    ----------
    config : Config
    out : path
        Run directory; must not hold a run unless ``force``.
    network : Network, optional
        Default: the one that the configuration describes.

    Raises
    ------
    ConfigError, NetworkError
        Before anything is computed.
    SolveError
        If the run cannot go on; the directory then holds everything up to there.
    """
    simulation = Simulation.start(config, out, network, force=force)
    for _ in simulation.advance():
        pass
    return open_run(simulation.directory.path)
