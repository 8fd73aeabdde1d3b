"""Hands the runs that a study lacks to an engine, tells how they go, and stops them cleanly."""

from __future__ import annotations

import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from latticecell.errors import ConfigError
from latticecell.output.files import make_folder, write_file
from latticecell.output.rundir import RunDirectory
from latticecell.signals import ASKING
from latticecell.study.executors import EXECUTORS, Options
from latticecell.study.jobs import Job, Outcome, record_failure, run_case, status_of
from latticecell.study.plan import Planned

POLL_S: Final = 0.5
WITHIN_S: Final = 5.0
"""How often the lines within cases appear on a terminal [s]."""
DIED: Final = ("BrokenProcessPool", "KilledWorker", "UncompletedJobError")

Say = Callable[[str], None]


def run_missing(
    runs: Sequence[Planned],
    out: Path,
    *,
    executor: str,
    jobs: int | None,
    say: Say,
    slurm: Mapping[str, Any],
    laws: Sequence[str] = (),
    within: bool = False,
) -> None:
    """Do every run that is not done: start it, or go on with it.

    Parameters
    ----------
    runs : sequence of Planned
    out : Path
        Directory of the study.
    executor : str
        Name of the engine, with ``:ADDRESS`` where it takes one.
    jobs : int, optional
        Runs side by side.
    say : callable
        Takes lines of progress.
    slurm : mapping of str to value
        Options of submitit.
    laws : sequence of str
        What workers `load`.
    within : bool
        Whether to tell about the course of runs too.

    Raises
    ------
    ConfigError
        If the engine is unknown or cannot be had.
    KeyboardInterrupt
        After Ctrl-C, SIGTERM or SIGHUP, when all running cases have stopped after their step; its argument
        is the number of the signal.
    OutputError
        If the file that asks the runs to stop cannot be written; they are ended at once then.
    """
    out = out.resolve()
    stop = out / f"stop-{uuid.uuid4().hex}"
    unique: dict[Path, Planned] = {}
    for run in runs:
        unique.setdefault(run.path, run)
    todo = [_job(run, stop, laws) for path, run in unique.items() if status_of(path)[0] != "done"]
    todo.sort(key=lambda job: job.weight, reverse=True)  # long ones first: the end is not waited for
    say(f"{len(unique) - len(todo)} of {len(unique)} runs are there, {len(todo)} to do")
    if not todo:
        return
    name, _, address = executor.partition(":")
    opener = EXECUTORS[name]
    make_folder(out)
    options = Options(jobs, address, out, stop, slurm)
    with opener(options) as pool, _stopping(stop, say) as signals:
        _follow({pool.submit(run_case, job): job for job in todo}, say, stop.exists, within)
    if stop.exists():
        with suppress(OSError):
            stop.unlink()  # after an abrupt end it stays: workers elsewhere may not have seen it yet
        raise KeyboardInterrupt(*signals)


def _job(run: Planned, stop: Path, laws: Sequence[str]) -> Job:
    title = f"{run.case.name}, seed {run.seed}"
    path = str(run.path.resolve())
    return Job(title, path, run.config, run.case.kind, run.case.weight, str(stop), tuple(laws))


@contextmanager
def _stopping(stop: Path, say: Say) -> Iterator[list[int]]:
    """Turn the first signal into the file that asks all runs to stop, the second one into the end of all.

    Yields a list of the first one, once it has come.
    """
    signals: list[int] = []

    def ask(signum: int, frame: object) -> None:
        if signals:
            raise KeyboardInterrupt(*signals)
        signals.append(signum)
        write_file(stop, "")
        say("stopping all runs after their step; once more to stop at once")

    here = threading.current_thread() is threading.main_thread()
    before = {
        number: signal.signal(number, ask)
        for number in ASKING
        if here and signal.getsignal(number) != signal.SIG_IGN
    }
    whole = False
    try:
        yield signals
        whole = True
    finally:
        if not whole:
            with suppress(OSError):
                stop.touch()
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(futures: Mapping[Future[Any], Job], say: Say, asked: Callable[[], bool], within: bool) -> None:
    """Wait for all jobs, with a line for each and a guess at the time left."""
    pending = set(futures)
    total, weight = len(pending), sum(job.weight for job in futures.values())
    begin = told = time.monotonic()
    passed = 0.0
    while pending:
        done, pending = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
        for future in done:
            job = futures[future]
            outcome = _outcome(future, job, asked())
            passed += job.weight
            left = (time.monotonic() - begin) * (weight - passed) / passed
            if outcome.status in ("done", "failed"):
                count = f"[{total - len(pending)}/{total}]"
                say(
                    f"{count} {job.title}: {_verdict(outcome)} in {outcome.seconds:.0f} s; "
                    f"{len(pending)} left, about {_duration(left)}"
                    + (f"\n    {outcome.message}" if outcome.message else "")
                )
        if within and not asked() and time.monotonic() - told > WITHIN_S:
            told = time.monotonic()
            for future in pending:
                if future.running() and (line := _course(futures[future])):
                    say(line)


def _outcome(future: Future[Any], job: Job, asked: bool) -> Outcome:
    """Return how a job ended; what went wrong outside the run is written into its directory."""
    if future.cancelled():
        return Outcome("interrupted", "", 0.0)
    error = future.exception()
    if error is None:
        found = future.result()
        assert isinstance(found, Outcome)
        return found
    if asked:
        return Outcome("interrupted", "", 0.0)
    kind = type(error).__name__
    message = "its process was killed (out of memory?)" if kind in DIED else f"{kind}: {error}"
    record_failure(Path(job.path), message)
    return Outcome("failed", message, 0.0)


def _verdict(outcome: Outcome) -> str:
    return "FAILED" if outcome.status == "failed" else outcome.status


def _course(job: Job) -> str:
    """Return where a run stands, empty before its first step."""
    try:
        history = RunDirectory.open(job.path).history()
    except ConfigError:
        return ""
    return f"    {job.title} at t = {history['time_s'][-1]:.0f} s" if history else ""


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
