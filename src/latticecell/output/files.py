"""The one way to write a file: beside the old one, verified, on the device, and then in its place.

Binary files are HDF5 built in memory, with a header of 512 bytes that holds a digest of the whole file
(HDF5 looks for its signature there too, so every reader of HDF5 opens them as they are). A reader checks the
digest before HDF5 sees a byte.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from latticecell.errors import ConfigError, OutputError

TEMPORARY: Final = ".latticecell-*.part"
"""Names of files being written; what a kill leaves of them has no meaning."""
HEADER: Final = 512
BLANK: Final = "0" * 64
CHUNK_ROWS: Final = 1 << 16
# deflate, because the HDF5 inside VTK has no lzf
PACKED: Final[dict[str, Any]] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the block into an `OutputError` that names the file and the cause."""
    try:
        yield
    except OSError as error:
        raise OutputError(path, error) from error


def make_folder(path: Path) -> None:
    """Make a directory and those above it, if need be; raises `OutputError`."""
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


@contextmanager
def replacing(path: Path, keep: Path | None = None) -> Iterator[Path]:
    """Yield a new file beside ``path`` to write; it replaces ``path`` in one step if the block succeeds.

    At every instant ``path`` is the complete old file or the complete new one, whatever is raised or killed.
    The file has a name that nobody can know before and is made anew, never through a link. The old file
    goes to ``keep``, if given; then there is an instant at which only ``keep`` is there.

    Raises
    ------
    OutputError
        If it cannot be written, also by an `OSError` of the block; the old file is there then.
    """
    with writing(path), _beside(path, keep) as part:
        yield part


@contextmanager
def _beside(path: Path, keep: Path | None) -> Iterator[Path]:
    part = path.with_name(TEMPORARY.replace("*", secrets.token_hex(8)))
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
    os.close(os.open(part, flags, 0o666))
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            os.replace(path, keep)  # noqa: PTH105
        os.replace(part, path)  # noqa: PTH105  (the call that makes the promise, kept in sight)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    if hasattr(os, "O_DIRECTORY"):  # elsewhere a directory cannot be opened
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_file(path: Path, content: bytes | str, keep: Path | None = None) -> None:
    """Replace ``path`` by a file of this content, after reading back what was written; see `replacing`.

    Raises
    ------
    OutputError
        If it cannot be written; the old file is there then.
    """
    data = content.encode() if isinstance(content, str) else content
    with replacing(path, keep) as part:
        part.write_bytes(data)
        if part.read_bytes() != data:
            raise OSError(errno.EIO, "what was written reads back differently", str(path))


def append_file(path: Path, data: bytes) -> int:
    """Append to a file, made if needed, and return how long it was; never through a symbolic link.

    Raises
    ------
    OutputError
        If it cannot be written; nothing of it is there then.
    """

    def opener(name: str, flags: int) -> int:
        return _plain(name, flags | getattr(os, "O_NOFOLLOW", 0))

    left = memoryview(data)
    with writing(path), open(path, "ab", buffering=0, opener=opener) as file:
        before = file.tell()
        try:
            while left:
                left = left[file.write(left) :]
        except OSError:
            file.truncate(before)
            raise
    return before


def sync_file(path: Path) -> None:
    """Flush a file, if it is there, to the device."""
    if path.exists():
        with writing(path), open(path, "rb+", opener=_plain) as file:
            os.fsync(file.fileno())


@contextmanager
def hdf5_in_memory() -> Iterator[tuple[h5py.File, io.BytesIO]]:
    """Yield a new HDF5 file and a buffer that holds its bytes after the block."""
    buffer = io.BytesIO()
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        yield file, buffer
        file.flush()
        buffer.write(file.id.get_file_image())


def put(group: h5py.Group, name: str, array: NDArray, **attributes: Any) -> None:
    """Store an array, compressed, with attributes."""
    data = np.asarray(array)
    chunks = (min(len(data), CHUNK_ROWS), *data.shape[1:]) if data.size and data.ndim else None
    dataset = group.create_dataset(name, data=data, chunks=chunks, **(PACKED if chunks else {}))
    dataset.attrs.update(attributes)


@contextmanager
def sealing(path: Path, kind: str, about: Mapping[str, Any], keep: Path | None = None) -> Iterator[h5py.File]:
    """Yield a new HDF5 file in memory; it is written to ``path`` with a header if the block succeeds.

    Parameters
    ----------
    path : Path
    kind : str
        What the file is; a reader asks for it.
    about : mapping
        Few plain values, kept in the header, which `header` reads without the rest.
    keep : Path, optional
        See `replacing`.
    """
    with hdf5_in_memory() as (file, buffer):
        yield file
    body = buffer.getvalue()
    table = {"latticecell": kind, **about, "bytes": HEADER + len(body), "sha256": BLANK}
    if len(_head(table)) != HEADER:
        raise ValueError(f"{path}: its header would be longer than {HEADER} bytes")
    digest = hashlib.sha256(_head(table) + body).hexdigest()
    write_file(path, _head({**table, "sha256": digest}) + body, keep)


def header(path: Path, kind: str) -> dict[str, Any]:
    """Return the header of a sealed file: its kind, its size, its digest, and what was told about it.

    Raises
    ------
    ConfigError
        If the file is missing, of another kind, or not as long as its header says.
    """
    with _readable(path) as file:
        return _table(path, kind, file.read(HEADER), os.fstat(file.fileno()).st_size)


def verified(path: Path, kind: str) -> tuple[dict[str, Any], bytes]:
    """Return header and bytes of a sealed file, after checking its digest.

    Raises
    ------
    ConfigError
        If the file is missing, of another kind, or damaged.
    """
    with _readable(path) as file:
        data = file.read()
    table = _table(path, kind, data[:HEADER], len(data))
    digest = hashlib.sha256(_head({**table, "sha256": BLANK}))
    digest.update(memoryview(data)[HEADER:])
    if digest.hexdigest() != table["sha256"]:
        raise ConfigError(f"{path}: is damaged (its digest does not fit)")
    return table, data


def read_file(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises
    ------
    ConfigError
        If it cannot be read, or is a directory, a pipe or a device: nothing waits for a pipe.
    """
    with _readable(path) as file:
        return file.read()


@contextmanager
def _readable(path: Path) -> Iterator[io.BufferedReader]:
    try:
        with open(path, "rb", opener=_plain) as file:
            yield file
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def _plain(path: str, flags: int) -> int:
    """Open what is a file; opening a pipe would wait for its other end."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a file")
    return descriptor


def ranges(numbers: Sequence[int]) -> str:
    """Put rising numbers into words: "3, 7-9"."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][-1] == number - 1:
            found[-1] = [found[-1][0], number]
        else:
            found.append([number])
    return ", ".join("-".join(map(str, part)) for part in found)


def _table(path: Path, kind: str, head: bytes, size: int) -> dict[str, Any]:
    try:
        table = json.loads(head)
    except ValueError:
        table = None
    if not isinstance(table, dict) or table.get("latticecell") != kind:
        raise ConfigError(f"{path}: is damaged, or is no {kind}")
    if table.get("bytes") != size or _head(table) != head:
        raise ConfigError(f"{path}: is damaged ({size} bytes instead of {table.get('bytes')}, or its header)")
    return table


def _head(table: Mapping[str, Any]) -> bytes:
    return json.dumps(table, sort_keys=True).encode().ljust(HEADER - 1) + b"\n"
