"""``history.csv``: one row for each accepted step, appended; floats read back with the same bits.

Beside it ``history.sum`` holds one line for each line of the history: the first 16 digits of its SHA-256. The
row is written first, so that the history may be one row ahead, and readers know every row that was ever
finished. The digest of these digests, a *seal*, is kept in ``run.json`` and in checkpoints.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latticecell.errors import ConfigError, OutputError
from latticecell.output.files import append_file, ranges, read_file, sync_file, write_file, writing

Row = Mapping[str, float | int | str]
DIGITS: Final = 16
TRIES: Final = 3
"""How often a history is read that grows meanwhile."""


class Seal(NamedTuple):
    """Number of rows of a history at a moment, and the digest of their digests."""

    rows: int
    digest: str

    @classmethod
    def of(cls, sums: Sequence[str]) -> Seal:
        """Return the seal of the digests of header and rows."""
        return cls(max(len(sums) - 1, 0), hashlib.sha256("\n".join(sums).encode()).hexdigest())

    def fits(self, sums: Sequence[str]) -> bool:
        """Whether the first digests are those that were sealed; the others came later."""
        return Seal.of(sums[: self.rows + 1] if self.rows else ()) == self


@dataclass(frozen=True, slots=True)
class Found:
    """What is left of a history.

    Attributes
    ----------
    sums : list of str
        Digests of header and rows, as they were written.
    lines : list of bytes or None
        Header and rows; None where a line is damaged or missing.
    problem : str
        What is wrong, for a user; empty if nothing is.
    sealed : bool
        Whether the digests are known to be right.
    """

    sums: list[str]
    lines: list[bytes | None]
    problem: str
    sealed: bool


class HistoryFile:
    """Writer and reader of a history; half a line at its end (a killed run) counts as nothing."""

    def __init__(self, path: Path):
        self.path, self.sums = path, path.with_suffix(".sum")
        self._columns: list[str] | None = None
        self._digests: list[str] = []
        self._sizes = (0, 0)

    def append(self, row: Row) -> None:
        """Append a row; the first one makes the header.

        Raises
        ------
        ValueError
            If the columns differ from the header, or a text holds a line break.
        OutputError
            If the row cannot be written; nothing of it is there then.
        """
        columns = self._header()
        if columns is not None and columns != list(row):
            odd = sorted(set(columns) ^ set(row)) or ["their order"]
            raise ValueError(f"history columns differ from the header: {', '.join(odd)}")
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if columns is None:
            writer.writerow(row)
        writer.writerow([_cell(value) for value in row.values()])
        lines = text.getvalue().encode().splitlines(keepends=True)
        if len(text.getvalue().splitlines()) != 1 + (columns is None):
            raise ValueError("history: a name or text must not hold a line break")
        before = append_file(self.path, b"".join(lines))
        try:
            self._sizes = before, append_file(self.sums, _text(map(_digest, lines)))
        except OutputError:
            os.truncate(self.path, before)
            raise
        self._columns = list(row)
        self._digests += map(_digest, lines)

    def take_back(self) -> None:
        """Remove the row that was appended last; this takes no room on the device."""
        for path, size in zip((self.path, self.sums), self._sizes, strict=True):
            with writing(path):
                os.truncate(path, size)
        self._columns, self._digests = None, []

    def read(self, seal: Seal | None = None, *, growing: bool = True) -> tuple[dict[str, NDArray], str]:
        """Return the good rows, and what is wrong with the others (nothing: "").

        The columns are float64 arrays, or str arrays where there is text; {} before the first row, or if
        the header is gone. ``growing``: a row may be on its way.
        """
        found = self.find(seal, growing=growing)
        for _ in range(TRIES if growing and found.problem else 0):
            found = self.find(seal)
        lines = found.lines
        if len(lines) < 2 or lines[0] is None:
            return {}, found.problem
        rows = list(csv.reader(line.decode() for line in lines if line is not None))
        columns = zip(*rows[1:], strict=True) if rows[1:] else ()
        named = zip(rows[0] if rows[1:] else (), columns, strict=True)
        return {name: _column(list(cells)) for name, cells in named}, found.problem

    def sync(self) -> Seal:
        """Flush the files to the device and return the seal of the rows."""
        self._header()
        sync_file(self.path)
        sync_file(self.sums)
        return Seal.of(self._digests)

    def find(self, seal: Seal | None = None, *, growing: bool = True) -> Found:
        """Look for every line whose digest is known; raises nothing, whatever the files are."""
        try:
            lines, gone = self._lines(growing=growing), ""
        except ConfigError as error:
            lines, gone = [], str(error)
        present, stored = [_digest(line) for line in lines], self._stored_sums(growing=growing)
        sums = stored
        if seal is not None and seal.fits(present) and not seal.fits(stored):
            sums = present[: seal.rows + 1] + stored[seal.rows + 1 :]
        sums = list(dict.fromkeys(sums))  # every step has its own time
        if seal is not None and not growing:
            sums = sums[: seal.rows + 1]
        sealed = seal is None or seal.fits(sums)
        by_digest = dict(zip(present, lines, strict=True))
        good = [by_digest.get(digest) for digest in sums]
        lost = [i for i, line in enumerate(good) if line is None]
        rows = max(len(good) - 1, 0) - len(lost)
        more = (1 if sums else 2) if growing else 0
        problem = ""
        if gone and (sums or (seal is not None and seal.rows)):
            problem = f"{gone}; it held {max(len(sums) - 1, seal.rows if seal else 0)} rows"
        elif lost and lost[0] == 0:
            problem = f"{self.path}: its header is damaged, so that its rows have no names"
        elif seal is not None and not sealed and len(sums) <= seal.rows:
            problem = f"{self.path}: {rows} rows are good; there were {seal.rows}"
        elif not sealed:
            problem = f"{self.path}: it and {self.sums.name} are damaged, or are those of another run"
            good = []
        elif lost:
            verb = "is" if len(lost) == 1 else "are"
            problem = f"{self.path}: {_rows(lost)} {verb} damaged or missing; the other {rows} are good"
        elif stored != sums:
            problem = f"{self.sums}: is damaged; all {rows} rows of {self.path.name} are good"
        elif present[: len(sums)] != sums or len(present) > len(sums) + more:
            problem = f"{self.path}: lines were added or moved; {rows} rows are good"
        return Found(sums, good, problem, sealed)

    def start(self, seal: Seal) -> tuple[bytes, list[str], str]:
        """Return header and rows as of a seal, their digests, and what is lost of them.

        Raises
        ------
        ConfigError
            If there are fewer rows, or neither the rows nor their digests are those of the seal.
        """
        found = self.find(seal)
        if not found.sealed:
            raise ConfigError(f"{found.problem}; the checkpoint knows {seal.rows} rows")
        if not seal.rows:
            return b"", [], ""
        lines, sums = found.lines[: seal.rows + 1], found.sums[: seal.rows + 1]
        if lines[0] is None:
            raise ConfigError(found.problem)
        return b"".join(line for line in lines if line), sums, found.problem if None in lines else ""

    def replace(self, content: bytes, sums: Sequence[str]) -> None:
        """Replace the files by what `start` returned, where they are not that already."""
        for path, data in ((self.path, content), (self.sums, _text(sums))):
            try:
                same = not path.is_symlink() and read_file(path) == data
            except ConfigError:
                same = False
            if not same:
                write_file(path, data)
        self._columns, self._digests = None, []

    def _header(self) -> list[str] | None:
        """Columns, None before the first row; at first use drops what has no digest, as half a line."""
        if self._columns is None:
            found = self.find()
            kept = [line for line in found.lines if line is not None]
            if self.path.exists() and read_file(self.path) != b"".join(kept):
                write_file(self.path, b"".join(kept))
            if kept:
                self._columns = next(csv.reader([kept[0].decode()]))
                self._digests = found.sums
        return self._columns

    def _lines(self, *, growing: bool) -> list[bytes]:
        """Return the complete lines, and half a line at the end unless it may be on its way."""
        *lines, rest = read_file(self.path).split(b"\n")
        return [line + b"\n" for line in lines] + [rest] * (rest != b"" and not growing)

    def _stored_sums(self, *, growing: bool) -> list[str]:
        """Return the lines of the file of digests as `_lines`; none if it cannot be read."""
        try:
            *lines, rest = read_file(self.sums).decode("ascii", "replace").split("\n")
        except ConfigError:
            return []
        return lines + [f"{rest}: half a line"] * (rest != "" and not growing)


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:DIGITS]


def _text(sums: Iterable[str]) -> bytes:
    return "".join(f"{digest}\n" for digest in sums).encode()


def _rows(numbers: Sequence[int]) -> str:
    """Name rows: "row 3", or "rows 3, 7-9"."""
    return f"{'row' if len(numbers) == 1 else 'rows'} {ranges(numbers)}"


def _cell(value: float | int | str) -> str:
    """Text of one value; ``repr`` of a Python float is the shortest text that reads back as the same bits."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(int(value))
    return repr(float(value))


def _column(cells: list[str]) -> NDArray:
    try:
        return np.array([float(cell) for cell in cells])
    except ValueError:
        return np.array(cells)
