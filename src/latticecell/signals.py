"""What a run does when it is asked to stop, and when nobody reads what it says."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

ASKING: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
NOBODY: Final = (errno.EPIPE, errno.EIO, errno.ENXIO, errno.EBADF)
"""What a stream says whose reader, or whose terminal, is gone."""


class Stop:
    """Whether this process has been asked to stop.

    Attributes
    ----------
    number : int
        The signal that asked; 0 if none did.
    patient : bool
        Whether the first one waits for the end of a step; else it raises KeyboardInterrupt.
    """

    def __init__(self) -> None:
        self.number, self.patient = 0, False

    @property
    def code(self) -> int:
        """Exit code by the convention of shells: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
        return 128 + (self.number or signal.SIGINT)

    def __call__(self, number: int, frame: object) -> None:
        """Take a signal. The second one stops at once; a terminal that closes may send SIGHUP twice."""
        again, self.number = bool(self.number), number
        if again and number == getattr(signal, "SIGHUP", None):
            return
        if again or not self.patient:
            raise KeyboardInterrupt
        with suppress(OSError):  # not through sys.stderr, which may be in the middle of a write
            os.write(2, b"stopping after this step; once more to stop at once\n")


@contextmanager
def stopping() -> Iterator[Stop]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a wish, where they are not ignored already (``nohup``)."""
    stop, before = Stop(), {}
    if threading.current_thread() is threading.main_thread():
        for number in ASKING:
            if signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, stop)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Stream(io.FileIO):
    """A standard stream; what nobody reads is dropped, and what cannot be written is remembered."""

    problem = ""

    def write(self, data: object) -> int:
        try:
            return super().write(data) or 0  # type: ignore[arg-type]
        except OSError as error:
            if error.errno not in NOBODY:
                self.problem = error.strerror or str(error)
            return memoryview(data).nbytes  # type: ignore[arg-type]


@contextmanager
def streams() -> Iterator[list[str]]:
    """Let a process go on when its output is closed, or cannot be written; yield the problems met.

    The list is filled at the end of the block.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # closed from the start: no file of ours may get this number
            os.open(os.devnull, os.O_RDWR)
    problems: list[str] = []
    raw: dict[str, _Stream] = {}
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is not None:
            stream.flush()
            raw[name] = _Stream(number, "w", closefd=False)
            text = io.TextIOWrapper(
                io.BufferedWriter(raw[name]), stream.encoding, stream.errors, line_buffering=True
            )
            setattr(sys, name, text)
    try:
        yield problems
    finally:
        for name, one in raw.items():
            getattr(sys, name).flush()
            if one.problem:
                problems.append(f"standard {'output' if name == 'stdout' else 'error'}: {one.problem}")
