"""One process at a time owns a run directory: ``lock`` in it names host and process.

Where the file system knows `fcntl.flock`, that decides: the system itself frees the lock of a process that
ends in any way. Elsewhere the file decides by being there; a process of this host that is gone, or whose
number another one has now, does not count. Readers need no lock.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil

from latticecell.errors import InUseError
from latticecell.output.files import make_folder, writing

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK: Final = "lock"
NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
"""What a file system without locks says."""
SAME_START_S: Final = 2.0
"""Difference up to which two starts of a process are the same: the clock may have been set."""


class Lock:
    """Ownership of a directory by this process, from `take` to `release` or the end of object or process.

    Parameters
    ----------
    folder : Path
        The directory; made if need be.
    """

    def __init__(self, folder: Path):
        self.path = folder / LOCK
        self._free: weakref.finalize | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._free is not None and self._free.alive

    def take(self) -> None:
        """Take the lock, if this object does not hold it already.

        Raises
        ------
        InUseError
            If another process, or another run in this one, holds it.
        OutputError
            If its file cannot be written.
        """
        if self.held:
            return
        make_folder(self.path.parent)
        with writing(self.path):
            descriptor = self._flocked()
            if descriptor is None:
                self._created()
            self._free = weakref.finalize(self, _release, self.path, descriptor, os.getpid())

    def release(self) -> None:
        """Give the lock back; nothing happens if it is not held."""
        if self._free is not None:
            self._free()

    def _flocked(self) -> int | None:
        """Lock the file and write into it; return its descriptor, None where there are no such locks."""
        if fcntl is None:
            return None
        while True:
            descriptor, made = _opened(self.path)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is(self.path, descriptor):  # else its owner has removed it just now
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, _me())
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                raise self._refusal() from None
            except OSError as error:
                os.close(descriptor)
                if made:
                    self.path.unlink(missing_ok=True)
                if error.errno in NO_LOCKS:
                    return None
                raise
            os.close(descriptor)

    def _created(self) -> None:
        """Make the file, after removing that of a process which is gone."""
        owner = self._owner()
        if owner is not None and _gone(owner):
            aside = self.path.with_name(f"{LOCK}-{secrets.token_hex(8)}")
            with suppress(FileNotFoundError):  # another process does the same
                self.path.rename(aside)
                aside.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(self.path, flags, 0o666)
        except FileExistsError:
            raise self._refusal() from None
        try:
            os.write(descriptor, _me())
        finally:
            os.close(descriptor)

    def _owner(self) -> dict[str, Any] | None:
        """Return what the file says; None if there is none, or none that can be read."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _refusal(self) -> InUseError:
        owner = self._owner()
        if owner is None:
            return InUseError(f"{self.path.parent}: is in use by another process (see {self.path})")
        who = f"process {owner.get('pid')} on {owner.get('host')}"
        if owner.get("pid") == os.getpid() and owner.get("host") == socket.gethostname():
            who = "another run of this process"
        hint = "" if owner.get("host") == socket.gethostname() else f"; if that is gone, remove {self.path}"
        return InUseError(f"{self.path.parent}: is in use by {who}{hint}")


def _opened(path: Path) -> tuple[int, bool]:
    """Open the file, never through a link; also return whether it was made."""
    flags = os.O_RDWR | os.O_NOFOLLOW
    while True:
        try:
            return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666), True
        except FileExistsError:
            with suppress(FileNotFoundError):  # its owner has removed it just now
                return os.open(path, flags), False


def _me() -> bytes:
    """Return what the file says of this process."""
    me = {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}
    return json.dumps(me).encode() + b"\n"


def _gone(owner: dict[str, Any]) -> bool:
    """Whether a process of this host is no more; False for another host, of which nobody knows."""
    if owner.get("host") != socket.gethostname() or not isinstance(owner.get("pid"), int):
        return False
    try:
        started = psutil.Process(owner["pid"]).create_time()
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
    return abs(started - float(owner.get("started", started))) > SAME_START_S


def _is(path: Path, descriptor: int) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _release(path: Path, descriptor: int | None, pid: int) -> None:
    """Remove the file, then free it; a child that was forked off does neither."""
    if os.getpid() == pid:
        with suppress(OSError):
            path.unlink()
    if descriptor is not None:
        os.close(descriptor)
