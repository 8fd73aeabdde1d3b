"""Processes that pause at a line of their history, and waiting for a condition, never for a time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

PATIENCE_S = 300.0


def start_pausing(lines: int, *arguments: str | Path, **options: object) -> subprocess.Popen:
    """Start ``latticecell ARGUMENTS``, whose runs pause when their history has so many lines."""
    command = [sys.executable, Path(__file__).with_name("paused.py"), *map(str, arguments)]
    heedful = {"preexec_fn": _heed_signals, "env": os.environ | {"PAUSE": str(lines)}}
    return subprocess.Popen(command, **(heedful | options))


def _heed_signals() -> None:
    """Undo what a shell's background job or ``nohup`` around the tests has ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


def paused(process: subprocess.Popen) -> list[psutil.Process]:
    """Wait until a process, or some below it, pause; return these."""
    found: list[psutil.Process] = []

    def stopped() -> bool:
        assert process.poll() is None, process.communicate()
        for one in [psutil.Process(process.pid), *below(process.pid)]:
            try:
                if one.status() == psutil.STATUS_STOPPED:
                    found.append(one)
            except psutil.NoSuchProcess:
                pass
        return bool(found)

    wait_for(stopped)
    return found


def below(pid: int, word: str = "") -> list[psutil.Process]:
    """Processes below another one whose command line has a word, oldest first."""
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        try:
            if any(word in part for part in child.cmdline()):
                found.append(child)
        except psutil.NoSuchProcess:
            pass
    return found
