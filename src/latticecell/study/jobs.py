"""What a worker does: start a run or go on with it, in its directory, wherever the worker lives."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from latticecell.cell1d.run import run_cell1d
from latticecell.config import Config
from latticecell.errors import ConfigError, InUseError, LatticecellError, OutputError
from latticecell.output.checkpoint import CHECKPOINT, PREVIOUS
from latticecell.output.files import make_folder, write_file, writing
from latticecell.output.record import is_run
from latticecell.output.rundir import RunDirectory
from latticecell.registry import load
from latticecell.run import Simulation, with_threads

ERROR: Final = "error.txt"
POLL_S: Final = 0.2

Status = Literal["done", "failed", "interrupted", "missing"]


@dataclass(frozen=True, slots=True)
class Job:
    """One run to be done, in plain types: it travels to other processes and machines.

    Attributes
    ----------
    title : str
        Case and seed.
    path : str
        Run directory, absolute.
    config : Config
        What is run.
    kind : str
        "3d" or "cell1d".
    weight : float
        Rough cost.
    stop : str
        File whose existence asks all runs of the study to stop after their step.
    laws : tuple of str
        Files of user laws, absolute, or entry points.
    """

    title: str
    path: str
    config: Config
    kind: str
    weight: float
    stop: str
    laws: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended, and how long this took [s]."""

    status: Status
    message: str
    seconds: float


def run_case(job: Job) -> Outcome:
    """Do a job: start its run, go on with it, or find it done. May be called again at any time.

    A run that fails is an outcome, told again by `status_of`; so is one that was asked to stop.
    """
    begin, path = time.monotonic(), Path(job.path)
    for name in job.laws:
        load(name)
    while status_of(path)[0] != "done" and not Path(job.stop).exists():
        try:
            _advance(job, path)
            break
        except InUseError:  # an engine that takes a worker for dead starts its job elsewhere
            time.sleep(POLL_S)
        except LatticecellError as error:
            record_failure(path, str(error))
            return Outcome("failed", str(error), time.monotonic() - begin)
    return Outcome(*status_of(path), time.monotonic() - begin)


def status_of(path: Path) -> tuple[Status, str]:
    """Return the status of a run and its message, from its directory alone."""
    try:
        directory = RunDirectory.open(path)
        status = str(directory.info()["status"])
        if status == "done":
            if damage := directory.damage():
                return "failed", damage
            return "done", ""
    except ConfigError as problem:
        if is_run(path):
            return "failed", str(problem)
        status = "missing"
    error = path / ERROR
    if error.is_file():
        try:
            return "failed", error.read_text(encoding="utf-8", errors="replace").strip()
        except OSError as problem:
            return "failed", f"{error}: cannot be read: {problem.strerror}"
    return ("missing" if status == "missing" else "interrupted"), ""


def record_failure(path: Path, message: str) -> None:
    """Leave word of a failure in the directory of a run, if it can be written to."""
    with suppress(OutputError):
        make_folder(path)
        write_file(path / ERROR, " ".join(message.split()) + "\n")


def _advance(job: Job, path: Path) -> None:
    """Run to the end, or until asked to stop."""
    with writing(path / ERROR):
        (path / ERROR).unlink(missing_ok=True)
    stop = Path(job.stop)
    if stop.exists():
        return
    if job.kind == "cell1d":
        run_cell1d(job.config, path, command="latticecell study", force=True)
        return
    steps = _simulation(job, path).advance()
    try:
        for _ in steps:
            if stop.exists():
                return
    finally:
        steps.close()


def _simulation(job: Job, path: Path) -> Simulation:
    threads = job.config.solver.threads or 1  # the processors are for the other runs
    directory = RunDirectory(path)
    directory.lock.take()
    try:
        directory.record.restore()
    finally:
        directory.lock.release()
    damaged = status_of(path)[0] == "failed" and not (path / ERROR).exists()
    if not damaged and ((path / CHECKPOINT).exists() or (path / PREVIOUS).exists()):
        try:
            return Simulation.resume(path, threads)
        except ConfigError:  # a checkpoint that cannot be read: nothing is lost by starting anew
            pass
    config = with_threads(job.config, threads)
    return Simulation.start(config, path, command="latticecell study", force=True)
