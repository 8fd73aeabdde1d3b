"""``history.csv``: one row for each accepted step, appended; floats read back with the same bits."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latticecell.errors import ConfigError
from latticecell.output.files import write_file, writing

Row = Mapping[str, float | int | str]


class HistoryFile:
    """Writer and reader of a history; half a line at its end (a killed run) counts as nothing."""

    def __init__(self, path: Path):
        self.path = path
        self._columns: list[str] | None = None
        self._rows = 0
        self._size_before = 0

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
        if len(text.getvalue().splitlines()) != 1 + (columns is None):
            raise ValueError("history: a name or text must not hold a line break")
        left = memoryview(text.getvalue().encode())
        with writing(self.path), self.path.open("ab", buffering=0) as file:
            self._size_before = file.tell()
            try:
                while left:
                    left = left[file.write(left) :]
            except OSError:
                file.truncate(self._size_before)
                raise
        self._columns = list(row)
        self._rows += 1

    def take_back(self) -> None:
        """Remove the row that was appended last; this takes no room on the device."""
        with writing(self.path):
            os.truncate(self.path, self._size_before)
        self._columns, self._rows = None, 0

    def read(self) -> dict[str, NDArray]:
        """Return the columns: float64 arrays, or str arrays where there is text; {} before the first row."""
        rows = list(csv.reader(line.decode() for line in self._lines()))
        if len(rows) < 2:
            return {}
        columns = zip(*rows[1:], strict=True)
        return {name: _column(list(cells)) for name, cells in zip(rows[0], columns, strict=True)}

    def sync(self) -> int:
        """Flush the file to the device and return the number of its rows."""
        self._header()
        if self.path.exists():
            with writing(self.path), self.path.open("rb+") as file:
                os.fsync(file.fileno())
        return self._rows

    def start(self, rows: int) -> bytes:
        """Return header and first ``rows`` rows; raises `ConfigError` if there are fewer."""
        lines = self._lines()
        present = max(len(lines) - 1, 0)
        if present < rows:
            raise ConfigError(f"{self.path}: holds {present} rows, the checkpoint knows {rows}")
        return b"".join(lines[: rows + 1]) if rows else b""

    def replace(self, content: bytes) -> None:
        """Replace the file, by what `start` returned."""
        write_file(self.path, content)
        self._columns, self._rows = None, 0

    def _header(self) -> list[str] | None:
        """Columns, None before the first row; at first use counts the rows and drops half a line."""
        if self._columns is None:
            lines = self._lines()
            if self.path.exists() and self.path.stat().st_size != sum(map(len, lines)):
                write_file(self.path, b"".join(lines))
            if lines:
                self._columns = next(csv.reader([lines[0].decode()]))
                self._rows = len(lines) - 1
        return self._columns

    def _lines(self) -> list[bytes]:
        """Return the complete lines."""
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        return lines[:-1] if lines and not lines[-1].endswith(b"\n") else lines


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
