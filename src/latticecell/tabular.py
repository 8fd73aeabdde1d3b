"""Columns of numbers from a text file: CSV with commas, semicolons, tabs or blanks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from latticecell.errors import ConfigError, shown

LARGEST_FILE: Final = 20_000_000
"""Bytes beyond which a file is refused."""
SEPARATORS: Final = (";", "\t", ",")


def read_columns(path: Path, headings: Sequence[str | None]) -> list[list[float]]:
    """Return columns of a file by their headings; None stands for the one in that place.

    Empty lines and those that begin with # are skipped. The first line is a heading unless all of it is
    numbers; quotes around headings do not count.

    Raises
    ------
    ConfigError
        If the file cannot be read, lacks a column, or holds what is no number; names the line.
    """
    rows = _rows(path)
    first = rows[0][1]
    titled = any(_number(cell) is None for cell in first)
    places = [_place(path, heading, place, first if titled else []) for place, heading in enumerate(headings)]
    columns: list[list[float]] = [[] for _ in places]
    for number, cells in rows[titled:]:
        for column, place in zip(columns, places, strict=True):
            value = _number(cells[place]) if place < len(cells) else None
            if value is None:
                told = shown(cells[place]) if place < len(cells) else "nothing"
                raise ConfigError(f"{path}, line {number}: {told} in column {place + 1}, must be a number")
            column.append(value)
    return columns


def read_headings(path: Path) -> list[str]:
    """Return the headings of the columns of a file, none if its first line is numbers.

    Raises
    ------
    ConfigError
        If the file cannot be read or is empty.
    """
    first = _rows(path)[0][1]
    return first if any(_number(cell) is None for cell in first) else []


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Cells of the lines of a file that say something, with their numbers."""
    lines = [
        (number, line)
        for number, line in enumerate(_text(path).splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise ConfigError(f"{path}: holds no points")
    separator = next((mark for mark in SEPARATORS if mark in lines[0][1]), None)
    return [(number, [cell.strip().strip("\"'") for cell in line.split(separator)]) for number, line in lines]


def _place(path: Path, heading: str | None, place: int, titles: list[str]) -> int:
    if heading is None:
        return place
    if heading not in titles:
        known = f"the headings are {', '.join(map(shown, titles))}" if titles else "it has no headings"
        raise ConfigError(f"{path}: has no column {shown(heading)}; {known}")
    return titles.index(heading)


def _number(cell: str) -> float | None:
    """Return a finite number, None if it is none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in cell else None


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise ConfigError(f"{path}: cannot be read: is not a regular file")
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # a NUL, or half a surrogate pair
        raise ConfigError(f"{shown(str(path))}: cannot be the name of a file: {error}") from None
    if len(data) > LARGEST_FILE:
        raise ConfigError(f"{path}: is larger than {LARGEST_FILE // 1_000_000} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start})") from None
