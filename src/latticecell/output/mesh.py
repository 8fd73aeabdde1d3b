"""The mesh as files and pictures show it: tets that do not cross the periodic sides, lengths in um.

Tets cross the periodic sides, so a point of the mesh is a pair (node, periodic image) and no tet spans the
box. Axes of names: ``p`` point, and those of `latticecell.network`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Bools, Flags, Floats, Ints
from latticecell.network import GB_BOND, Network, unwrap_corners

UM: Final = 1e6


@dataclass(frozen=True)
class Mesh:
    """Points, tets and facets of a network; made by `of`.

    Attributes
    ----------
    network : Network
    points : (n_points, 3) float64
        Positions [um]; x and y may lie outside the box by up to one tet.
    node_of_point : (n_points,) int32
        Node of each point.
    tets : (n_tets, 4) int32
        Points of each tet.
    facet_points : (n_facets, 3, 3) float64
        Corner positions of each interface triangle [um].
    """

    network: Network
    points: Floats
    node_of_point: Ints
    tets: Ints
    facet_points: Floats

    @classmethod
    def of(cls, network: Network) -> Mesh:
        """Lay out a network: each tet and facet sits where its centroid is inside the box."""
        x_tac = _centred(network.unwrapped_tac(), network.box_c)
        period = network.box_c[:2]
        home = network.x_nc[network.tet_tn]
        image = np.round((x_tac[:, :, :2] - home[:, :, :2]) / period).astype(np.int64)  # -1, 0 or 1
        key = (network.tet_tn.astype(np.int64) * 3 + image[:, :, 0] + 1) * 3 + image[:, :, 1] + 1
        pair, tet_tp = np.unique(key, return_inverse=True)
        node_p = (pair // 9).astype(np.int32)
        x_pc = network.x_nc[node_p]
        x_pc[:, 0] += (pair // 3 % 3 - 1) * period[0]
        x_pc[:, 1] += (pair % 3 - 1) * period[1]
        sites = network.site_n[network.bond_bn[network.facet_fb, 0]]
        facet_fac = _centred(unwrap_corners(network.x_kc, sites, network.box_c), network.box_c)
        return cls(network, UM * x_pc, node_p, tet_tp.reshape(-1, 4).astype(np.int32), UM * facet_fac)

    @property
    def domain(self) -> Ints:
        """Grain of each tet, or ``n_grains`` (ECBD), or ``n_grains + 1`` (ED), (n_tets,)."""
        return self.network.domain_t

    @property
    def n_nodes(self) -> int:
        """Number of nodes of the network."""
        return self.network.n_nodes

    @property
    def n_grains(self) -> int:
        """Number of grains."""
        return self.network.n_grains

    @property
    def facets(self) -> Ints:
        """Bonds at the corners of each facet, (n_facets, 3)."""
        return self.network.facet_fb

    @property
    def bond_kind(self) -> Flags:
        """Class of each bond, (n_bonds,)."""
        return self.network.kind_b

    @property
    def bond_nodes(self) -> Ints:
        """Nodes of each bond, (n_bonds, 2)."""
        return self.network.bond_bn

    @property
    def bond_normal(self) -> Floats:
        """Unit normal of each bond, first to second node, (n_bonds, 3)."""
        return self.network.normal_bc

    @cached_property
    def box(self) -> Floats:
        """Edge lengths of the cell, (3,) [um]."""
        return UM * self.network.box_c

    @cached_property
    def facet_area(self) -> Floats:
        """Area of each facet, (n_facets,) [um2]."""
        return UM**2 * self.network.area_f

    @cached_property
    def bond_area(self) -> Floats:
        """Tributary area of each bond, (n_bonds,) [um2]."""
        return UM**2 * self.network.area_b

    @cached_property
    def tet_volume(self) -> Floats:
        """Volume of each tet, (n_tets,) [um3]."""
        return UM**3 * self.network.volume_t

    @cached_property
    def tet_center(self) -> Floats:
        """Centroid of each tet, inside the box, (n_tets, 3) [um]."""
        return np.asarray(self.points[self.tets].mean(axis=1))

    @cached_property
    def is_grain_tet(self) -> Bools:
        """Whether a tet belongs to a grain, (n_tets,)."""
        return self.network.is_active_t

    @cached_property
    def is_gb_facet(self) -> Bools:
        """Whether a facet lies between grains; the others are of the particle surface, (n_facets,)."""
        return self.bond_kind[self.facets[:, 0]] == GB_BOND

    @property
    def node_domain(self) -> Ints:
        """Grain of each node, or ``n_grains`` outside the grains, (n_nodes,)."""
        return self.network.domain_n

    @cached_property
    def node_position(self) -> Floats:
        """Position of each node inside the box, (n_nodes, 3) [um]."""
        return UM * self.network.x_nc

    @cached_property
    def point_of_node(self) -> NDArray[np.intp]:
        """One point of each node, (n_nodes,)."""
        point = np.zeros(self.n_nodes, np.intp)
        point[self.node_of_point] = np.arange(len(self.points))
        return point


def _centred(x_xac: Floats, box_c: Floats) -> Floats:
    """Shift each simplex by whole periods until its centroid is inside the box."""
    period = box_c[:2]
    x_xac[:, :, :2] -= period * np.floor(x_xac[:, :, :2].mean(axis=1) / period)[:, None]
    return x_xac
