"""Slurm job arrays, by submitit; also its processes on one machine, which behave alike."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import submitit
from submitit.core.utils import FailedJobError, UncompletedJobError

from latticecell.errors import ConfigError
from latticecell.study.executors import Options

ATTEMPTS: Final = 3
"""How often a job is submitted that ends without a result."""
POLL_S: Final = {"slurm": 2.0, "local": 0.1}
TIMEOUTS: Final = 1000
"""How often a run may reach its walltime and go on."""
WEEK_MIN: Final = 7 * 24 * 60


class _Resumable:
    """A function that submitit calls again after walltime or preemption: runs go on from their checkpoint."""

    def __init__(self, function: Callable[..., Any]):
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def checkpoint(self, *args: Any) -> submitit.helpers.DelayedSubmission:
        """Return the call that is submitted next."""
        return submitit.helpers.DelayedSubmission(self, *args)


@dataclass(slots=True)
class _Task:
    function: _Resumable
    args: tuple[Any, ...]
    future: Future[Any]
    job: Any = None
    attempts: int = 0


class SubmititExecutor(Executor):
    """`concurrent.futures` on top of submitit: what is submitted together goes into one array.

    Parameters
    ----------
    options : Options
    cluster : {"slurm", "local"}

    Raises
    ------
    ConfigError
        If the table ``[slurm]`` holds what submitit does not know.
    """

    def __init__(self, options: Options, cluster: str):
        self._poll, self._stop = POLL_S[cluster], options.stop
        self._limit = (options.jobs or 1) if cluster == "local" else None
        self._cluster = _cluster(options, cluster)
        self._waiting: list[_Task] = []
        self._running: list[_Task] = []
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Queue a call; keywords are not taken."""
        if kwargs:
            raise TypeError("submitit takes positional arguments only")
        task = _Task(_Resumable(fn), args, Future())
        with self._lock:
            self._waiting.append(task)
        return task.future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop serving when all is done, or at once."""
        if cancel_futures:
            with self._lock:
                for task in self._waiting:
                    task.future.cancel()
                self._waiting.clear()
                for task in self._running:
                    task.job.cancel()
        self._closed.set()
        if wait:
            self._thread.join()

    def _serve(self) -> None:
        if self._limit is not None:  # what is started here must not see the Ctrl-C of the terminal
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while not self._closed.is_set() or self._waiting or self._running:
            time.sleep(self._poll)
            with self._lock:
                if self._stop.exists():
                    self._withdraw()
                self._launch()
                self._collect()

    def _launch(self) -> None:
        room = len(self._waiting) if self._limit is None else self._limit - len(self._running)
        batch, self._waiting = self._waiting[: max(room, 0)], self._waiting[max(room, 0) :]
        if not batch:
            return
        for task in batch:
            task.attempts += 1
            if not task.future.running():
                task.future.set_running_or_notify_cancel()
        try:
            with self._cluster.batch():
                for task in batch:
                    task.job = self._cluster.submit(task.function, *task.args)
        except (FailedJobError, RuntimeError, OSError) as error:  # sbatch refuses
            for task in batch:
                task.future.set_exception(error)
            return
        self._running += batch

    def _collect(self) -> None:
        for task in [task for task in self._running if task.job.done()]:
            self._running.remove(task)
            error = task.job.exception()
            if (
                isinstance(error, UncompletedJobError)
                and task.attempts < ATTEMPTS
                and not self._stop.exists()
            ):
                self._waiting.append(task)
            elif error is None:
                task.future.set_result(task.job.result())
            else:
                task.future.set_exception(error)

    def _withdraw(self) -> None:
        """Asked to stop: what stands in a queue must not begin."""
        for task in self._waiting:
            task.future.cancel()
            task.future.set_running_or_notify_cancel()
        self._waiting.clear()
        for task in [task for task in self._running if task.job.state == "PENDING"]:
            task.job.cancel()
            self._running.remove(task)
            task.future.set_exception(UncompletedJobError("withdrawn from the queue"))


def _cluster(options: Options, cluster: str) -> submitit.AutoExecutor:
    limit = {"slurm_max_num_timeout": TIMEOUTS} if cluster == "slurm" else {}
    try:
        executor = submitit.AutoExecutor(options.folder / "submitit" / "%j", cluster=cluster, **limit)
    except RuntimeError as error:
        raise ConfigError(f"--executor {cluster}: {error}") from None
    parameters: dict[str, Any] = {
        "name": "latticecell",
        "timeout_min": WEEK_MIN if cluster == "local" else 60,
    }
    if cluster == "slurm":
        parameters["cpus_per_task"] = 1
        if options.jobs:
            parameters["slurm_array_parallelism"] = options.jobs
    try:
        executor.update_parameters(**(parameters | dict(options.slurm)))
    except (AssertionError, NameError, TypeError, ValueError) as error:
        raise ConfigError(f"[slurm]: {error}") from None
    return executor


@contextmanager
def _open(options: Options, cluster: str) -> Iterator[Executor]:
    executor, whole = SubmititExecutor(options, cluster), False
    try:
        yield executor
        whole = True
    finally:  # after a second Ctrl-C nothing is waited for
        executor.shutdown(whole, cancel_futures=not whole)


def open_slurm(options: Options) -> Any:
    """Submit arrays to Slurm with the options of the table ``[slurm]``; ``jobs`` limits what runs at once."""
    return _open(options, "slurm")


def open_local(options: Options) -> Any:
    """Run submitit's own processes on this machine."""
    return _open(options, "local")
