"""Cracks in grain boundaries: which facets hang together, and the ways that they leave to Li."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components, dijkstra

from latticecell.arrays import Bools, Floats, Ints
from latticecell.network import GB_BOND, INTERFACE_BOND, Network

OPEN: Final = 2e-9
"""Opening beyond which a grain boundary counts as open [m]."""
CUT: Final = 0.01
"""Share of the permeance below which a bond counts as cut for Li."""
DIRECTIONS: Final = 128
"""Directions along which the extent of a crack is measured: their largest is 1 % short at most."""
TOUCHING: Final = 1e-15
"""Length of the way through a closed grain boundary [m]: nothing, but it counts as a link."""


class Found(NamedTuple):
    """Cracks of one kind, the largest first.

    Attributes
    ----------
    crack_f : (n_facets,) int32
        Number of the crack that each facet belongs to, from 1; 0: none.
    area : (n_cracks,) float64
        [m2]
    at_surface : (n_cracks,) bool
        Whether it meets the surface of the particle along an edge.
    span : (n_cracks,) float64
        Largest extent over the diameter of the particle [1].
    """

    crack_f: Ints
    area: Floats
    at_surface: Bools
    span: Floats

    @property
    def largest(self) -> float:
        """Area of the largest crack [m2], 0 without any."""
        return float(self.area[0]) if len(self.area) else 0.0

    @property
    def largest_share(self) -> float:
        """Its share of the area of all cracks, 0 without any."""
        return self.largest / float(self.area.sum()) if len(self.area) else 0.0


class Cracks:
    """Facets of grain boundaries that hang together.

    A facet is open where the mean opening of its three bonds, that at its middle, exceeds `OPEN`, and broken
    where two of them are. Facets that share an edge are of one crack, also across the lines where three
    boundaries meet.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network: Network):
        self.network = network
        kind_f = network.kind_b[network.facet_fb[:, 0]]
        self._own = np.flatnonzero(kind_f == GB_BOND)
        self.facet_fb = network.facet_fb[self._own]
        self.area_f = network.area_f[self._own]
        sites = network.site_n[network.bond_bn[:, 0]]
        keys = _edges(sites[self.facet_fb], network.n_sites)
        surface = _edges(sites[network.facet_fb[kind_f == INTERFACE_BOND]], network.n_sites)
        every, edge = np.unique(keys, return_inverse=True)
        self._edge_fe = edge.reshape(-1, 3)
        self._on_surface_e = np.isin(every, surface)
        self._site_fk = sites[self.facet_fb]

    def open(self, gap_b: Floats) -> Found:
        """Cracks that are open.

        Parameters
        ----------
        gap_b : (n_bonds,) float64
            Normal openings [m].
        """
        return self.among(gap_b[self.facet_fb].mean(axis=1) > OPEN)

    def broken(self, broken_b: Bools) -> Found:
        """Cracks that are broken, open or not."""
        return self.among(broken_b[self.facet_fb].sum(axis=1) >= 2)

    def among(self, chosen: Bools) -> Found:
        """Cracks that some of the facets of grain boundaries make."""
        crack_f = np.zeros(self.network.facet_fb.shape[0], np.int32)
        some = np.flatnonzero(chosen)
        if not len(some):
            return Found(crack_f, np.zeros(0), np.zeros(0, bool), np.zeros(0))
        n, edge = len(some), self._edge_fe[some]
        ends = np.repeat(np.arange(n), 3), n + edge.ravel()
        size = n + len(self._on_surface_e)
        graph = sp.coo_matrix((np.ones(3 * n, bool), ends), shape=(size, size))
        part = np.unique(connected_components(graph, directed=False)[1][:n], return_inverse=True)[1]
        area: Floats = np.bincount(part, self.area_f[some]).astype(float)
        order = np.argsort(-area, kind="stable")
        number = np.argsort(order, kind="stable")[part]  # from 0, the largest first
        at_surface = np.bincount(number, self._on_surface_e[edge].any(axis=1)) > 0
        crack_f[self._own[some]] = number + 1
        return Found(crack_f, area[order], at_surface, self._spans(some, number))

    def of_bonds(self, found: Found) -> Floats:
        """Number of the largest crack that each bond is part of, 0 where there is none, (n_bonds,)."""
        out = np.full(self.network.n_bonds, np.inf)
        crack = np.repeat(found.crack_f[self._own], 3)
        np.minimum.at(out, self.facet_fb.ravel()[crack > 0], crack[crack > 0])
        return np.where(np.isfinite(out), out, 0.0)

    def _spans(self, some: NDArray[np.intp], number: NDArray[np.intp]) -> Floats:
        """Largest extent of each crack over the diameter of its particle."""
        network = self.network
        particle_f = network.particle_g[network.domain_n[network.bond_bn[self.facet_fb[some, 0], 0]]]
        pair = np.repeat(number, 3) * network.n_sites + self._site_fk[some].ravel()
        pair, place = np.unique(pair, return_index=True)  # by crack
        crack, particle = pair // network.n_sites, particle_f[place // 3]
        x = network.x_kc[pair % network.n_sites] - network.particle_center_pc[particle]
        x[:, :2] -= network.box_c[:2] * np.round(x[:, :2] / network.box_c[:2])
        along = x @ _half_sphere(DIRECTIONS).T
        first = np.searchsorted(crack, np.arange(crack[-1] + 1))
        extent = np.maximum.reduceat(along, first) - np.minimum.reduceat(along, first)
        return extent.max(axis=1) / (2 * network.particle_radius_p[particle[first]])


class LithiumPaths:
    """Shortest ways of Li from everywhere in the grains to the surface of their particle.

    They run along springs and through bonds of grain boundaries that are not cut. Their mean length by
    volume over that of the intact particle is a geodesic tortuosity (Gommes et al., AIChE J. 55, 2000
    (2009)). A bond is cut where its opening leaves less than `CUT` of its permeance, so where it exceeds
    ln(100) = 4.6 blocking gaps. Li without a way is isolated.

    Parameters
    ----------
    network : Network
    blocking_gap : float
        Opening over which the permeance falls by e [m].
    """

    def __init__(self, network: Network, blocking_gap: float):
        self.widest = -math.log(CUT) * blocking_gap
        n = int(np.count_nonzero(network.is_active_n))  # these come first
        own = network.is_active_n[network.spring_sn].all(axis=1)
        link = np.concatenate([network.spring_sn[own], network.bond_bn[network.gb_b]])
        length = np.concatenate([network.length_s[own], np.full(len(network.gb_b), TOUCHING)])
        order = sp.coo_matrix((np.arange(1, len(link) + 1), link.T), shape=(n, n)).tocsr()
        place = np.argsort(order.data)  # of each link among the entries
        self._graph = sp.csr_matrix((length[order.data - 1], order.indices, order.indptr), (n, n))
        self._gb_place = place[np.count_nonzero(own) :]
        self._gb = network.gb_b
        self._surface = np.unique(network.bond_bn[network.interface_b, 0])
        self._volume_n = network.volume_n[:n]

    def lengths(self, gap_b: Floats) -> Floats:
        """Length of the way of each node of a grain, inf where there is none, (n_grain_nodes,) [m]."""
        graph = self._graph.copy()
        graph.data[self._gb_place[gap_b[self._gb] > self.widest]] = np.inf
        return np.asarray(dijkstra(graph, directed=False, indices=self._surface, min_only=True))

    @cached_property
    def _intact(self) -> Floats:
        return self.lengths(np.zeros(int(self._gb.max(initial=-1)) + 1))

    def state(self, gap_b: Floats) -> tuple[Bools, float]:
        """Which nodes of grains have no way to the surface, (n_grain_nodes,), and the tortuosity of the rest.

        Parameters
        ----------
        gap_b : (n_bonds,) float64
            Normal openings [m].
        """
        if not (gap_b[self._gb] > self.widest).any():
            return np.zeros(len(self._volume_n), bool), 1.0
        now = self.lengths(gap_b)
        isolated = np.isinf(now)
        weight = np.where(isolated, 0.0, self._volume_n)
        before = float(weight @ self._intact)
        return isolated, float(weight @ np.where(isolated, 0.0, now)) / before if before > 0 else 1.0


class CrackColumns:
    """Columns of the history about cracks in grain boundaries that may break.

    Parameters
    ----------
    network : Network
    blocking_gap : float
        As for `LithiumPaths` [m].
    """

    def __init__(self, network: Network, blocking_gap: float):
        self.cracks, self.paths = Cracks(network), LithiumPaths(network, blocking_gap)
        self._gb = network.gb_b
        self._share_b = network.area_b[self._gb] / max(float(network.area_b[self._gb].sum()), 1e-300)
        self._volume_n = network.volume_n[: len(self.paths._volume_n)]

    def row(self, gap_b: Floats, broken_b: Bools, stoich_n: Floats, c_max: float) -> dict[str, float]:
        """Return the columns.

        Parameters
        ----------
        gap_b : (n_bonds,) float64
            Normal openings [m].
        broken_b : (n_bonds,) bool
            Which bonds have separated.
        stoich_n : (n_nodes,) float64
            Stoichiometry of Li [1].
        c_max : float
            Li in the full active material [mol/m3].
        """
        is_open, is_broken = self.cracks.open(gap_b), self.cracks.broken(broken_b)
        isolated, tortuosity = self.paths.state(gap_b)
        amount = self._volume_n * stoich_n[: len(self._volume_n)]
        return {
            "gb_open_2nm": float(self._share_b @ (gap_b[self._gb] > OPEN)),
            "cracks": len(is_open.area),
            "crack_largest_um2": 1e12 * is_open.largest,
            "crack_largest_share": is_open.largest_share,
            "cracks_at_surface": int(is_open.at_surface.sum()),
            "crack_span": float(is_open.span.max(initial=0.0)),
            "broken_cracks": len(is_broken.area),
            "broken_crack_largest_um2": 1e12 * is_broken.largest,
            "broken_crack_span": float(is_broken.span.max(initial=0.0)),
            "lithium_isolated_mol": c_max * float(amount @ isolated),
            "lithium_tortuosity": tortuosity,
        }


def _edges(site_fk: Ints, n_sites: int) -> NDArray[np.int64]:
    """Number of each edge of facets: of its two sites, (3 n_facets,)."""
    ends = np.sort(np.stack([site_fk, np.roll(site_fk, -1, axis=1)], axis=-1), axis=-1).astype(np.int64)
    return (ends[..., 0] * n_sites + ends[..., 1]).ravel()


def _half_sphere(count: int) -> Floats:
    """Unit vectors spread evenly over a half sphere (a Fibonacci lattice), (count, 3)."""
    z = (np.arange(count) + 0.5) / count
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    return np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)
