"""Tessellations of Neper: ``.tesr`` (voxels) and ``.tess`` (polyhedra); formats of its manual, version 4.

Orientations are active unless the file says passive, as there; see `latticecell.orientations`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Floats
from latticecell.errors import ConfigError
from latticecell.imports.volume import Volume
from latticecell.orientations import Convention, Sense, to_matrices

KINDS: Final[dict[str, tuple[Convention, int]]] = {
    "rodrigues": ("rodrigues", 3), "euler-bunge": ("bunge_euler", 3), "quaternion": ("quaternion", 4),
}  # fmt: skip
BINARY: Final = {
    "binary8": "u1", "binary16": "<i2", "binary16_big": ">i2", "binary32": "<i4", "binary32_big": ">i4",
}  # fmt: skip
VOXELS: Final = 64
"""Voxels along the longest edge of a ``.tess`` if no size is given."""
MOST_VOXELS: Final = 4e8

Sections = dict[str, list[str]]


def read_tesr(path: Path, data: bytes) -> Volume:
    """Read a raster tessellation; 0 is void."""
    head, found, rest = data.partition(b"**data")
    sections = _sections(path, head.decode("ascii", "replace"), "***tesr")
    general = sections.get("**general", [])
    if not found or not general or general[0] != "3":
        raise ConfigError(f"{path}: must be a .tesr file of dimension 3 with **data")
    n = tuple(int(value) for value in general[1:4])
    voxel = np.array(general[4:7], float)
    label = _data(path, rest, int(np.prod(n))).astype(np.int64).reshape(n, order="F")
    ids = _ids(sections, int(label.max(initial=0)))
    named = np.concatenate([[0], ids])
    if label.min(initial=0) < 0 or label.max(initial=0) >= len(named):
        raise ConfigError(f"{path}: **data holds cells that **cell does not list")
    return Volume(named[label], voxel, _orientations(path, sections, ids))


def _data(path: Path, rest: bytes, count: int) -> NDArray:
    """Return the cells of the voxels, x fastest, from the text or the bytes after ``**data``."""
    match = re.match(rb"\s*(\*file\s+)?(\S+)[ \t]*\r?\n?", rest)
    if match is None:
        raise ConfigError(f"{path}: **data is empty")
    form, body = match[2].decode("ascii", "replace"), rest[match.end() :]
    outer = re.match(rb"\s*\*file\s+(\S+)", body)
    if outer:
        other = path.parent / outer[1].decode()
        try:
            body = other.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: *file {other}: cannot be read: {error.strerror}") from None
    if form in BINARY:
        kind = np.dtype(BINARY[form])
        if len(body) < count * kind.itemsize:
            raise ConfigError(f"{path}: **data holds fewer than {count} voxels")
        return np.frombuffer(body, kind, count)
    if form != "ascii":
        raise ConfigError(f"{path}: **data {form}: must be ascii or {', '.join(BINARY)}")
    text = body.decode("ascii", "replace").split("*", 1)[0]
    try:
        values = np.array(text.split(), np.int64)
    except ValueError as error:
        raise ConfigError(f"{path}: **data: {error}") from None
    if len(values) != count:
        raise ConfigError(f"{path}: **data holds {len(values)} voxels, must hold {count}")
    return values


def read_tess(path: Path, data: bytes, voxel: Floats | None) -> Volume:
    """Read a tessellation of convex polyhedra and give each voxel the cell around its centre; 0 is outside.

    Parameters
    ----------
    path : Path
    data : bytes
    voxel : (3,) float64 or None
        Size of a voxel in the unit of the file; None: the longest edge is cut into 64.
    """
    sections = _sections(path, data.decode("ascii", "replace"), "***tess")
    if sections.get("**general", [""])[0] != "3" or "**polyhedron" not in sections:
        raise ConfigError(f"{path}: must be a .tess file of dimension 3 with **polyhedron")
    try:
        vertex, faces, cells = _vertices(sections), _faces(sections), _polyhedra(sections)
    except (ValueError, IndexError, KeyError) as error:
        raise ConfigError(f"{path}: is not a whole .tess file: {error}") from None
    used = np.array(sorted({v for face in faces.values() for v in face[0]}))
    low, high = (f([vertex[v] for v in used], axis=0) for f in (np.min, np.max))
    if voxel is None:
        voxel = np.full(3, float((high - low).max()) / VOXELS)
    n = np.maximum(1, np.round((high - low) / voxel)).astype(int)
    if np.prod(n.astype(float)) > MOST_VOXELS:
        raise ConfigError(f"{path}: {n.tolist()} voxels are too many; choose a larger voxel_size_um")
    voxel = (high - low) / n  # the voxels fill the domain
    label = np.zeros(tuple(n), np.int64)
    ids = _ids(sections, len(cells))
    for cell, signed in cells.items():
        corners = np.array([vertex[v] for face in signed for v in faces[abs(face)][0]])
        first = np.clip(np.floor((corners.min(axis=0) - low) / voxel - 0.5).astype(int), 0, n)
        last = np.clip(np.ceil((corners.max(axis=0) - low) / voxel + 0.5).astype(int), 0, n)
        axes = [low[c] + (np.arange(first[c], last[c]) + 0.5) * voxel[c] for c in range(3)]
        inside = np.ones(tuple(last - first), bool)
        for face in signed:
            d, a, b, c = faces[abs(face)][1]
            height = a * axes[0][:, None, None] + b * axes[1][None, :, None] + c * axes[2][None, None, :] - d
            inside &= np.sign(face) * height <= 0
        label[tuple(slice(i, j) for i, j in zip(first, last, strict=True))][inside] = ids[cell - 1]
    return Volume(label, voxel, _orientations(path, sections, ids))


def _sections(path: Path, text: str, start: str) -> Sections:
    """Words of each section, by its name; those of sub-sections under ``**section*sub``."""
    words = text.split()
    if not words or words[0] != start:
        raise ConfigError(f"{path}: must begin with {start}")
    found: Sections = {}
    outer = name = ""
    for word in words[1:]:
        if word.startswith("**"):
            outer = name = word
        elif word.startswith("*"):
            name = outer + word
        else:
            found.setdefault(name, []).append(word)
    return found


def _ids(sections: Sections, largest: int) -> NDArray[np.int64]:
    """Numbers of the cells, 1, 2, ... unless the file gives others."""
    if "**cell*id" in sections:
        return np.array(sections["**cell*id"], np.int64)
    listed = sections.get("**cell", [])
    return np.arange(1, max(largest, int(listed[0]) if listed else 0) + 1)


def _orientations(path: Path, sections: Sections, ids: Sequence[int] | NDArray) -> dict[int, Floats] | None:
    words = sections.get("**cell*ori")
    if words is None:
        return None
    name, _, said = words[0].partition(":")
    sense: Sense = "passive" if said == "passive" else "active"
    if name not in KINDS or said not in ("", "active", "passive"):
        raise ConfigError(f"{path}: *ori {words[0]}: must be {', '.join(KINDS)}, with :active or :passive")
    kind, width = KINDS[name]
    try:
        value = np.array(words[1:], float).reshape(-1, width)
    except ValueError as error:
        raise ConfigError(f"{path}: *ori: {error}") from None
    if len(value) != len(ids):
        raise ConfigError(f"{path}: *ori: {len(value)} orientations for {len(ids)} cells")
    matrix = to_matrices(value, kind, sense)
    return {int(cell): one for cell, one in zip(ids, matrix, strict=True)}


def _vertices(sections: Sections) -> dict[int, Floats]:
    rows = np.array(sections["**vertex"][1:], float).reshape(-1, 5)
    return {int(row[0]): row[1:4] for row in rows}


def _faces(sections: Sections) -> dict[int, tuple[list[int], Floats]]:
    """Vertices of each face, and its plane: d, a, b, c with a x + b y + c z = d."""
    words, at, faces = sections["**face"], 1, {}
    for _ in range(int(words[0])):
        face, n = int(words[at]), int(words[at + 1])
        vertices = [int(word) for word in words[at + 2 : at + 2 + n]]
        at += 2 + n
        at += 1 + int(words[at])
        faces[face] = vertices, np.array(words[at : at + 4], float)
        at += 4 + 5
    return faces


def _polyhedra(sections: Sections) -> dict[int, list[int]]:
    """Faces of each cell, negative where the plane's normal points inwards."""
    words, at, cells = sections["**polyhedron"], 1, {}
    for _ in range(int(words[0])):
        cell, n = int(words[at]), int(words[at + 1])
        cells[cell] = [int(word) for word in words[at + 2 : at + 2 + n]]
        at += 2 + n
    return cells
