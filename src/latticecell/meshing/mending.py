"""Mending of poor tets by local changes of how sites are joined.

An edge is taken out and the hole around it filled from the ring of sites around it, or a face is replaced by
an edge across it, where that makes the worst tet better (Klingner and Shewchuk, Proc. 16th Int. Meshing
Roundtable (2008) 3). Domains keep their places, but for a flat tet on a boundary, which may change sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np

from latticecell.arrays import Bools, Ints
from latticecell.meshing.conform import bodies
from latticecell.meshing.placement import Sites
from latticecell.meshing.smoothing import qualities, smooth
from latticecell.network import TET_EDGES, TET_FACES

POOR: Final = 0.15
"""Quality below which a tet is mended; a network is good from 0.1 on."""
ROUNDS: Final = 6
MOST_AROUND: Final = 7
"""Tets around an edge up to which it is taken out."""

Corners = tuple[int, int, int, int]


class Joins:
    """Tets that change: rows of sites with a domain each; those taken out are empty.

    Parameters
    ----------
    sites : Sites
    tet : (n_tets, 4) int32
    domain : (n_tets,) int32
    """

    def __init__(self, sites: Sites, tet: Ints, domain: Ints):
        self.sites, self.tet, self.domain = sites, tet.tolist(), domain.tolist()
        self.around: dict[int, set[int]] = {}
        for t, row in enumerate(self.tet):
            for k in row:
                self.around.setdefault(k, set()).add(t)

    def arrays(self) -> tuple[Ints, Ints]:
        """Return the tets that are left, and their domains."""
        own = [t for t, row in enumerate(self.tet) if row]
        return (
            np.array([self.tet[t] for t in own], np.int32),
            np.array([self.domain[t] for t in own], np.int32),
        )

    def quality(self, rows: list[Corners]) -> float:
        """Worst quality of some tets."""
        return float(qualities(self.sites, np.array(rows, np.int32)).min())

    def replace(self, old: list[int], new: list[Corners], domain: int) -> None:
        """Take tets out and put others of one domain in."""
        for t in old:
            for k in self.tet[t]:
                self.around[k].discard(t)
            self.tet[t] = []
        for row in new:
            for k in row:
                self.around[k].add(len(self.tet))
            self.tet.append(list(row))
            self.domain.append(domain)

    def mend(self, t: int) -> bool:
        """Change what is around a tet in the way that helps most; return whether anything does."""
        best: tuple[float, list[int], list[Corners], int] | None = None
        for old, new, domain in (*self._without_edge(t), *self._without_face(t)):
            before = self.quality([self.tet[i] for i in old])
            after = self.quality(new)
            if after > 1.05 * max(before, 0.0) and (best is None or after > best[0]):
                best = after, old, new, domain
        if best is None:
            return False
        self.replace(*best[1:])
        return True

    def _without_edge(self, t: int) -> Iterator[tuple[list[int], list[Corners], int]]:
        for i, j in TET_EDGES.tolist():
            a, b = self.tet[t][i], self.tet[t][j]
            old = sorted(self.around[a] & self.around[b])
            others = {self.domain[s] for s in old if s != t}
            ring = self._ring(a, b, old) if 3 <= len(old) <= MOST_AROUND and len(others) == 1 else None
            if ring is None:
                continue
            domain = others.pop()
            for triangles in triangulations(len(ring)):
                new: list[Corners] = []
                for x, y, z in triangles:
                    p, q, r = ring[x], ring[y], ring[z]
                    new += [(p, q, r, b), (p, r, q, a)]
                yield old, new, domain

    def _ring(self, a: int, b: int, old: list[int]) -> list[int] | None:
        """Sites around the edge from ``a`` to ``b``, anticlockwise; None if they make no ring."""
        after: dict[int, int] = {}
        for t in old:
            row = self.tet[t]
            c, d = (k for k in row if k not in (a, b))
            even = _even([row.index(k) for k in (a, b, c, d)])
            after.update({c: d} if even else {d: c})
        ring = [next(iter(after))]
        while len(ring) < len(old) and after.get(ring[-1], ring[0]) != ring[0]:
            ring.append(after[ring[-1]])
        closed = len(ring) == len(old) and after.get(ring[-1]) == ring[0]
        return ring if closed else None

    def _without_face(self, t: int) -> Iterator[tuple[list[int], list[Corners], int]]:
        for corner, face in enumerate(TET_FACES.tolist()):
            p, q, r = (self.tet[t][k] for k in face)
            d = self.tet[t][corner]
            other = [s for s in self.around[p] & self.around[q] & self.around[r] if s != t]
            if len(other) != 1 or self.domain[other[0]] != self.domain[t]:
                continue
            e = next(k for k in self.tet[other[0]] if k not in (p, q, r))
            if self.around[d] & self.around[e]:
                continue
            for x, y, z in ((p, q, r), (p, r, q)):
                yield [t, other[0]], [(d, e, x, y), (d, e, y, z), (d, e, z, x)], self.domain[t]


def _even(order: list[int]) -> bool:
    swaps = sum(order[i] > order[j] for i in range(4) for j in range(i + 1, 4))
    return swaps % 2 == 0


@lru_cache
def triangulations(n: int) -> tuple[tuple[tuple[int, int, int], ...], ...]:
    """All ways to cut a polygon of ``n`` corners, in order, into triangles of its corners."""

    def cut(first: int, last: int) -> list[list[tuple[int, int, int]]]:
        if last - first < 2:
            return [[]]
        return [
            [*left, (first, k, last), *right]
            for k in range(first + 1, last)
            for left in cut(first, k)
            for right in cut(k, last)
        ]

    return tuple(tuple(one) for one in cut(0, n - 1))


def mend(sites: Sites, tet: Ints, domain: Ints, seed: int) -> tuple[Ints, Ints]:
    """Join the sites around poor tets in other ways and smooth again, while that helps.

    Parameters
    ----------
    sites : Sites
    tet : (n_tets, 4) int32
        Positively oriented.
    domain : (n_tets,) int32
    seed : int

    Returns
    -------
    tet, domain : (n_tets, 4), (n_tets,) int32
    """
    for turn in range(ROUNDS):
        quality = qualities(sites, tet)
        poor = np.flatnonzero(quality < POOR)
        if not len(poor):
            break
        joins = Joins(sites, tet, domain)
        changed = False
        for t in poor[np.argsort(quality[poor], kind="stable")].tolist():
            changed |= bool(joins.tet[t]) and joins.mend(t)
        tet, domain = joins.arrays()
        limits = sites.geometry.constraints(sites)
        smooth(sites, tet, limits, target=0.25, sweeps=2, seed=(seed + turn) or 1, release=POOR, step=0.1)
        if not changed:
            break
    return tet, domain


def merge_with_surface(sites: Sites, tet: Ints, bad: Bools) -> None:
    """Merge sites of grain boundaries that lie too close below the surface with a site on it.

    They are in tets that reach through the surface; the nearest of the sites on it takes over their domains.
    """
    geometry = sites.geometry
    inside = bodies(sites)[1]
    kept = np.ones(len(sites), bool)
    for row in tet[bad].tolist():
        outer = [k for k in row if geometry.on_surface(sites.feature[k])]
        for k in row:
            if inside[k] and kept[k] and outer:
                apart = np.linalg.norm(geometry.shortest(sites.x[outer] - sites.x[k]), axis=1)
                if sites.dim[k] < 3:
                    sites.labels[outer[int(apart.argmin())]] |= sites.labels[k]
                kept[k] = False
    sites.keep(kept)
