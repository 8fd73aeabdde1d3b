"""Processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from latticecell.signals import ASKING
from latticecell.study.executors import Options

ATTEMPTS: Final = 3
"""How often a job is started whose process is killed."""
_BUSY: Final = threading.Lock()


class Pool(Executor):
    """One process pool for each worker, so that a killed process takes only its own job with it.

    Parameters
    ----------
    workers : int
    stop : Path
        Created by the workers when this process dies, so that their runs stop after their step.
    """

    def __init__(self, workers: int, stop: Path):
        self._stop, self._closed = stop, False
        self._threads = ThreadPoolExecutor(workers)
        self._free: queue.SimpleQueue[ProcessPoolExecutor] = queue.SimpleQueue()
        for _ in range(workers):
            self._free.put(self._process())

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have ``fn(*args, **kwargs)`` called in the next free process."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Close all processes after their job; with ``cancel_futures`` nothing new is begun."""
        self._closed = cancel_futures
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        while not self._free.empty():
            self._free.get().shutdown(wait)

    def _call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for attempt in range(1, ATTEMPTS + 1):
            process = self._free.get()
            try:
                return process.submit(_guarded, fn, args, kwargs).result()
            except BrokenProcessPool:
                process.shutdown()
                process = self._process()
                if attempt == ATTEMPTS or self._closed or self._stop.exists():
                    raise
            finally:
                self._free.put(process)
        return None

    def _process(self) -> ProcessPoolExecutor:
        # spawned: a fork would copy the threads' locks of numerical libraries
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, context, initializer=_prepare, initargs=(str(self._stop),))


def _prepare(stop: str) -> None:
    """Leave signals to the parent, which asks for a stop, and do not outlive it."""
    for number in ASKING:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(Path(stop),), daemon=True).start()


def _watch(stop: Path) -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        with suppress(OSError):
            stop.touch()
        with _BUSY:
            os._exit(1)


def _guarded(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with _BUSY:
        return fn(*args, **kwargs)


@contextmanager
def open_pool(options: Options) -> Iterator[Executor]:
    """Open a pool of as many processes as asked for, by default one for each processor."""
    before = set(multiprocessing.active_children())
    pool = Pool(options.jobs or os.cpu_count() or 1, options.stop)
    whole = False
    try:
        yield pool
        whole = True
    finally:  # after a second Ctrl-C nothing is waited for
        pool.shutdown(whole, cancel_futures=not whole)
        for child in set() if whole else set(multiprocessing.active_children()) - before:
            child.kill()
