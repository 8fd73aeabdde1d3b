"""From labelled voxels to grains that can be meshed: roles, pores, pieces, noise, margins and particles.

What is changed is told in sentences; what cannot be meant is refused. Maps repeat along x and y where they
are periodic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from latticecell._kernels.voxels import number_parts
from latticecell.arrays import Bools, Floats, Ints
from latticecell.errors import ConfigError
from latticecell.meshing.fields import VoteFields

KEY: Final = "microstructure.labels"
MATRIX: Final = -1
ROUNDS: Final = 3
"""Times that the pieces which votes leave are looked at."""
MOST_TOLD: Final = 8
SHRINKS: Final = 0.25
"""Share of its voxels which a grain loses to the smoothing that is told."""


@dataclass(frozen=True)
class Grains:
    """Voxels of grains ``0 .. n - 1``, those of a particle in a row, and ``n`` for the ECBD.

    Attributes
    ----------
    label : (nx, ny, nz) int32
        Periodic in x and y, with margins.
    source_g : (n_grains,) int64
        Label of each grain in the file; pieces of a label share it.
    particle_g : (n_grains,) int32
    offset : tuple of int
        Voxels that were added before the first of the file, along each axis.
    notes : tuple of str
        What was changed.
    """

    label: Ints
    source_g: NDArray[np.int64]
    particle_g: Ints
    offset: tuple[int, int, int]
    notes: tuple[str, ...]


def clean(
    raw: NDArray, voxel: Floats, *, ecbd: Sequence[int], pores: Sequence[int], fill_pores: bool,
    periodic: bool, margin: float, smallest: int, sigma: float,
) -> Grains:  # fmt: skip
    """Find the grains of labelled voxels.

    Parameters
    ----------
    raw : (nx, ny, nz) integer
        Labels as in the file.
    voxel : (3,) float64
        Size of a voxel.
    ecbd, pores : sequence of int
        Labels of the ECBD and of pores; all others are grains.
    fill_pores : bool
        Whether pores that are closed go to the grains around them; else they are refused.
    periodic : bool
        Whether the map repeats in x and y; else it gets margins there, too.
    margin : float
        Least thickness of ECBD around the particles where the map ends, in the unit of ``voxel``.
    smallest : int
        Voxels that a piece of a label must have, or it goes to its neighbours.
    sigma : float
        Smoothing of the votes, in voxels.

    Raises
    ------
    ConfigError
        If there are no grains, or closed pores that are not to be filled.
    """
    notes: list[str] = []
    label, source = _with_roles(raw, ecbd, pores)
    label, offset = _with_margins(label, voxel, periodic, margin, notes)
    label = _without_pockets(label, fill_pores, smallest, notes)
    label, source = _in_pieces(label, label, source, smallest, notes)
    voted = voted_labels(label, voxel, len(source), sigma)
    for _ in range(ROUNDS):
        before = len(notes)
        label, source = _in_pieces(label, voted, source, smallest, notes)
        if len(notes) == before:
            break
        voted = voted_labels(label, voxel, len(source), sigma)
    label, source = _present(label, voted, source, notes)
    if not len(source):
        raise ConfigError(f"{KEY}: no grain is left; every label is ECBD, or too thin for the voxels")
    particle = _particles(label, len(source))
    order = np.lexsort((np.arange(len(source)), particle))
    rank = np.empty(len(source) + 1, np.int32)
    rank[order] = np.arange(len(source))
    rank[-1] = len(source)  # MATRIX is the last
    return Grains(rank[label], source[order], particle[order].astype(np.int32), offset, tuple(notes))


def _with_roles(raw: NDArray, ecbd: Sequence[int], pores: Sequence[int]) -> tuple[Ints, NDArray[np.int64]]:
    """Grains counted from 0, ``MATRIX`` for ECBD, below it for pores; and the label of each grain."""
    values, inner = np.unique(raw, return_inverse=True)
    values = values.astype(np.int64)
    outer, hollow = np.isin(values, ecbd), np.isin(values, pores)
    number = np.cumsum(~(outer | hollow)) - 1
    number[outer], number[hollow] = MATRIX, MATRIX - 1
    if not (number >= 0).any():
        raise ConfigError(
            f"{KEY}: no grain is left; the file holds only the labels {values[:MOST_TOLD].tolist()}"
        )
    return number[inner].reshape(raw.shape).astype(np.int32), values[number >= 0]


def _with_margins(
    label: Ints, voxel: Floats, periodic: bool, margin: float, notes: list[str]
) -> tuple[Ints, tuple[int, int, int]]:
    """Add layers of ECBD where particles are too close to an end of the map."""
    layers = []
    for axis in range(3):
        filled = np.flatnonzero((label >= 0).any(axis=tuple({0, 1, 2} - {axis})))
        free = (int(filled[0]), label.shape[axis] - 1 - int(filled[-1]))
        wanted = int(np.ceil(margin / voxel[axis])) if axis == 2 or not periodic else 0
        layers.append(tuple(max(wanted - n, 0) for n in free))
    if any(sum(pair) for pair in layers):
        text = ", ".join(f"{a} and {b} along {'xyz'[i]}" for i, (a, b) in enumerate(layers) if a + b)
        notes.append(f"layers of ECBD added around the map: {text}")
    offset = (layers[0][0], layers[1][0], layers[2][0])
    return np.pad(label, layers, constant_values=MATRIX), offset


def _without_pockets(label: Ints, fill: bool, smallest: int, notes: list[str]) -> Ints:
    """Give open pores to the ECBD, and closed ones, as closed pockets of ECBD, to the grains around them."""
    hollow = label < 0
    part = _components(np.where(hollow, 0, 1), hollow)
    size = np.bincount(part[hollow])
    outside = np.bincount(part[hollow], label[hollow] == MATRIX)
    main = int(np.argmax(np.where(outside > 0, size, 0))) if (outside > 0).any() else -1
    closed = hollow & (part != main)
    sizes = size[np.arange(len(size)) != main]
    if (large := sizes[sizes >= smallest]).size and not fill:
        raise ConfigError(
            f"{KEY}: {len(large)} closed pores of {large.min()} to {large.max()} voxels: a void in a "
            'particle has no domain of its own; closed_pores = "fill" gives them to the grains around'
        )
    if closed.any():
        notes.append(f"{len(sizes)} closed pores or pockets of ECBD filled, {closed.sum()} voxels")
    opened = label < MATRIX
    if (opened & ~closed).any():
        notes.append(f"open pores count as ECBD, {(opened & ~closed).sum()} voxels")
    label = np.where(hollow, MATRIX, label)
    return _filled(label, closed, among=~hollow)


def _in_pieces(
    label: Ints, seen: Ints, source: NDArray[np.int64], smallest: int, notes: list[str]
) -> tuple[Ints, NDArray[np.int64]]:
    """Make each piece of a grain a grain of its own, and give pieces that are too small to their neighbours.

    ``seen`` is the map whose pieces count, such as the smoothed one.
    """
    part = _components(seen, np.ones(seen.shape, bool))
    size = np.bincount(part.ravel())
    owner = np.empty(len(size), np.int64)
    owner[part.ravel()] = seen.ravel()
    small = (size < smallest) & (np.arange(len(size)) != _largest(owner, size, MATRIX))
    main = np.array([_largest(np.where(small, -9, owner), size, g) for g in range(len(source))])
    extra = np.flatnonzero(~small & (owner >= 0) & (np.arange(len(size)) != main[np.maximum(owner, 0)]))
    noise = small[part]
    if noise.any():
        lost = [g for g in range(len(source)) if main[g] < 0 and (label == g).any()]
        few = f"{small.sum()} pieces of fewer than {smallest} voxels"
        notes.append(f"{few} given to their neighbours, {noise.sum()} voxels")
        if lost:
            notes.append(f"labels that vanish, being small or thin: {told(source[lost])}")
    label = label.copy()
    for p in extra:
        new = len(source)
        own = label == owner[p]
        others = own & (part != p) & (seen == owner[p])
        if others.any():  # voxels that the smoothing took go with the nearer piece
            near = distance_transform_edt(part != p) <= distance_transform_edt(~others)
            label[own & near] = new
        source = np.append(source, source[owner[p]])
    if len(extra):
        notes.append(f"labels in pieces, each now a grain: {told(source[-len(extra) :])}")
    return _filled(label, noise, among=~noise), source


def _present(
    label: Ints, voted: Ints, source: NDArray[np.int64], notes: list[str]
) -> tuple[Ints, NDArray[np.int64]]:
    """Leave out grains without voxels, and those that the smoothing takes all of; tell who shrinks."""
    n = len(source)
    before = np.bincount(label[label >= 0], minlength=n)
    after = np.bincount(voted[(voted >= 0) & (voted == label)], minlength=n)
    thick = np.bincount(_cubes(label), minlength=n) > 0
    lost = np.flatnonzero(~(thick & (after > 0)) & (before > 0))
    if len(lost):
        notes.append(f"labels that vanish, being thinner than two voxels: {told(source[lost])}")
    shrinks = np.flatnonzero(thick & (after > 0) & (after < (1 - SHRINKS) * before))
    if len(shrinks):
        names = told(source[shrinks])
        notes.append(f"labels that lose more than {SHRINKS:.0%} of their voxels to the smoothing: {names}")
    label = _filled(label, np.isin(label, lost), among=~np.isin(label, lost))
    keep = np.flatnonzero(thick & (after > 0))
    rank = np.full(n + 1, MATRIX, np.int32)
    rank[keep] = np.arange(len(keep))
    return rank[label], source[keep]


def _cubes(label: Ints) -> Ints:
    """Labels of all cubes of eight voxels of one grain."""
    same = np.ones(label.shape, bool)
    for axes in ((0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)):
        same &= np.roll(label, -1, axes) == label
    return label[same & (label >= 0)]


def _particles(label: Ints, n_grains: int) -> NDArray[np.intp]:
    """Particle of each grain: connected solid."""
    solid = label >= 0
    part = _components(np.where(solid, 0, 1), solid)
    share = np.zeros((n_grains, part[solid].max() + 1), np.int64)
    np.add.at(share, (label[solid], part[solid]), 1)
    return np.unique(share.argmax(axis=1), return_inverse=True)[1]


def _components(value: Ints, mask: Bools) -> Ints:
    """Number the face-connected parts of equal value within a mask, periodic in x and y; -1 outside."""
    out = np.empty(value.shape, np.int32)
    number_parts(
        np.ascontiguousarray(value, np.int32), np.ascontiguousarray(mask).view(np.uint8),
        np.empty(value.size, np.int64), out=out,
    )  # fmt: skip
    return out


def _largest(owner: NDArray, size: NDArray, wanted: int) -> int:
    own = np.flatnonzero(owner == wanted)
    return int(own[size[own].argmax()]) if len(own) else -1


def _filled(label: Ints, holes: Bools, among: Bools) -> Ints:
    """Give voxels the label of the nearest voxel ``among`` others."""
    if not holes.any():
        return label
    near = distance_transform_edt(~among, return_distances=False, return_indices=True)
    out = label.copy()
    out[holes] = label[tuple(axis[holes] for axis in near)]
    return out


def voted_labels(label: Ints, voxel: Floats, n_grains: int, sigma: float) -> Ints:
    """Domains at the centres of the voxels, smoothed; ECBD is ``MATRIX``."""
    fields = VoteFields(np.where(label < 0, n_grains, label), voxel, n_grains, sigma)
    voted = fields.label.copy()  # where the voxels around are the same, so is the vote
    voted[fields.mixed] = fields.leading((np.argwhere(fields.mixed) + 0.5) * voxel, 1)[:, 0]
    return np.where(voted == n_grains, MATRIX, voted).astype(np.int32)


def told(labels: Iterable[int]) -> str:
    """Name labels, the first of many."""
    some = sorted({int(label) for label in labels})
    more = f" and {len(some) - MOST_TOLD} more" if len(some) > MOST_TOLD else ""
    return ", ".join(map(str, some[:MOST_TOLD])) + more
