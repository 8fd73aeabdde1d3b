"""The frozen lattice: sites, tets, node copies, springs and bonds.

Vocabulary. A *site* is a point of the Delaunay network. A *domain* is a grain, the ECBD or the ED. A *node*
is the copy of a site that belongs to one domain (ECBD and ED share their nodes). A *tet* lies in one domain.
A *spring* is an edge of a tet, between two nodes of one domain. A *bond* is a zero-length link between two
nodes of the same site: a grain-boundary (GB) bond between two grains, an interface bond between a grain and
the ECBD.

Array names end in their axes: ``k`` site, ``n`` node, ``t`` tet, ``s`` spring, ``b`` bond, ``g`` grain,
``f`` facet, ``c`` Cartesian, ``a`` corner of a tet (4) or facet (3), ``e`` edge of a tet (6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from latticecell.arrays import Bools, Flags, Floats, Ints
from latticecell.errors import NetworkError

TET_EDGES = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], dtype=np.int32)
"""Corners of the six edges of a tet, in the order used everywhere."""
TET_FACES = np.array([(1, 2, 3), (0, 3, 2), (0, 1, 3), (0, 2, 1)], dtype=np.int32)
"""Corners of the face opposite to each corner of a positively oriented tet; normals point outwards."""

GB_BOND = 0
INTERFACE_BOND = 1


@dataclass(frozen=True, slots=True)
class Incidence:
    """CSR lists: item ``i`` owns ``index[start[i]:start[i + 1]]``."""

    start: Ints
    index: Ints


@dataclass(frozen=True, slots=True)
class Network:
    """The lattice that every field lives on. All arrays are read-only, lengths in m.

    Attributes
    ----------
    box_c : (3,) float64
        Edge lengths of the cell [m]; periodic in x and y, z = 0 is the collector, z = box_c[2] the Li face.
    x_kc : (n_sites, 3) float64
        Site positions [m], x and y wrapped into the box.
    tet_tn : (n_tets, 4) int32
        Nodes of each tet, positively oriented.
    domain_t : (n_tets,) int32
        Grain index, or ``n_grains`` (ECBD), or ``n_grains + 1`` (ED).
    volume_t : (n_tets,) float64
        Tet volumes [m3].
    gradient_tac : (n_tets, 4, 3) float64
        Gradients of the four barycentric coordinates [1/m].
    site_n, domain_n : (n_nodes,) int32
        Site of each node and its domain; ECBD and ED nodes both carry ``n_grains``.
    volume_n : (n_nodes,) float64
        Control volume: a quarter of each tet of the node [m3].
    spring_sn : (n_springs, 2) int32
        The two nodes of each spring, lower index first.
    direction_sc : (n_springs, 3) float64
        Unit vector from the first node to the second (minimum image).
    length_s : (n_springs,) float64
        Spring lengths [m].
    spring_te : (n_tets, 6) int32
        Spring of each tet edge, edges ordered as ``TET_EDGES``.
    bond_bn : (n_bonds, 2) int32
        Nodes of each bond; the normal points from the first to the second. GB bonds: lower grain first.
        Interface bonds: grain node first, ECBD node second. GB bonds come before interface bonds.
    kind_b : (n_bonds,) uint8
        ``GB_BOND`` or ``INTERFACE_BOND``.
    area_b : (n_bonds,) float64
        Scalar tributary area [m2], a third of each interface triangle at the site.
    area_bc : (n_bonds, 3) float64
        Vector area [m2], from the first node to the second.
    normal_bc : (n_bonds, 3) float64
        Unit normal, ``area_bc`` normalised.
    facet_fb : (n_facets, 3) int32
        Bonds at the corners of each interface triangle.
    area_f : (n_facets,) float64
        Facet areas [m2].
    collector_n, lithium_n : int32
        Nodes on z = 0 and on z = box_c[2].
    lithium_area_n : float64
        Tributary area of each node of ``lithium_n`` [m2].
    collector_area_n : float64
        Tributary area of each node of ``collector_n`` [m2].
    rotation_gcc : (n_grains, 3, 3) float64
        Rotation from crystal to cell axes; columns are [100], [010], [001].
    particle_g : (n_grains,) int32
        Particle that each grain belongs to.
    particle_center_pc : (n_particles, 3) float64
        Particle centres [m].
    particle_radius_p : (n_particles,) float64
        Particle radii [m].
    seed_gc : (n_grains, 3) float64
        Voronoi seed of each grain in the cell relative to the centre of its particle [m]; NaN where unknown.
    node_springs, spring_tets : Incidence
        Gather lists, which follow from the arrays. Entries are ``2 * spring + end`` and ``6 * tet + edge``.
    """

    box_c: Floats
    x_kc: Floats
    tet_tn: Ints
    domain_t: Ints
    volume_t: Floats
    gradient_tac: Floats
    site_n: Ints
    domain_n: Ints
    volume_n: Floats
    spring_sn: Ints
    direction_sc: Floats
    length_s: Floats
    spring_te: Ints
    bond_bn: Ints
    kind_b: Flags
    area_b: Floats
    area_bc: Floats
    normal_bc: Floats
    facet_fb: Ints
    area_f: Floats
    collector_n: Ints
    collector_area_n: Floats
    lithium_n: Ints
    lithium_area_n: Floats
    rotation_gcc: Floats
    particle_g: Ints
    particle_center_pc: Floats
    particle_radius_p: Floats
    seed_gc: Floats
    node_springs: Incidence
    spring_tets: Incidence

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray]) -> Network:
        """Return the network of stored arrays, as `arrays` gives them; they are copied.

        Raises
        ------
        NetworkError
            If an array is missing or unknown.
        """
        wanted = {field.name for field in fields(cls) if field.type != "Incidence"}
        if wanted != set(arrays):
            raise NetworkError(
                f"arrays of a network: missing {sorted(wanted - set(arrays))}, "
                f"unknown {sorted(set(arrays) - wanted)}"
            )
        own = {name: _frozen(np.array(array, order="C")) for name, array in arrays.items()}
        return cls(
            **own,
            node_springs=incidence(own["spring_sn"].ravel(), len(own["site_n"])),
            spring_tets=incidence(own["spring_te"].ravel(), len(own["spring_sn"])),
        )

    def arrays(self) -> dict[str, NDArray]:
        """All stored arrays by name; the gather lists are left out, they follow from the others."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    @property
    def n_sites(self) -> int:
        """Number of sites."""
        return len(self.x_kc)

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.site_n)

    @property
    def n_tets(self) -> int:
        """Number of tets."""
        return len(self.tet_tn)

    @property
    def n_springs(self) -> int:
        """Number of springs."""
        return len(self.spring_sn)

    @property
    def n_bonds(self) -> int:
        """Number of bonds."""
        return len(self.bond_bn)

    @property
    def n_grains(self) -> int:
        """Number of grains; also the domain index of the ECBD."""
        return len(self.rotation_gcc)

    @property
    def n_particles(self) -> int:
        """Number of secondary particles."""
        return len(self.particle_radius_p)

    @property
    def ecbd(self) -> int:
        """Domain index of the ECBD."""
        return self.n_grains

    @property
    def separator(self) -> int:
        """Domain index of the ED."""
        return self.n_grains + 1

    @property
    def x_nc(self) -> Floats:
        """Node positions, (n_nodes, 3) [m]."""
        return self.x_kc[self.site_n]

    @property
    def is_active_n(self) -> Bools:
        """Whether a node belongs to a grain (carries Li), (n_nodes,)."""
        return self.domain_n < self.n_grains

    @property
    def is_active_t(self) -> Bools:
        """Whether a tet belongs to a grain, (n_tets,)."""
        return self.domain_t < self.n_grains

    @property
    def interface_b(self) -> NDArray[np.intp]:
        """Indices of the interface bonds."""
        return np.flatnonzero(self.kind_b == INTERFACE_BOND)

    @property
    def gb_b(self) -> NDArray[np.intp]:
        """Indices of the grain-boundary bonds."""
        return np.flatnonzero(self.kind_b == GB_BOND)

    def unwrapped_tac(self) -> Floats:
        """Corner positions of every tet without periodic jumps, (n_tets, 4, 3) [m]."""
        return unwrap_corners(self.x_kc, self.site_n[self.tet_tn], self.box_c)


def unwrap_corners(x_kc: Floats, tet_tk: Ints, box_c: Floats) -> Floats:
    """Move the corners of each tet to the periodic image next to its first corner, (n_tets, 4, 3)."""
    x = x_kc[tet_tk]
    jump = x - x[:, :1]
    period = box_c[:2]
    x[:, :, :2] -= period * np.round(jump[:, :, :2] / period)
    return x


def incidence(owner: NDArray[np.integer], n_owners: int) -> Incidence:
    """Group entries ``0 .. len(owner) - 1`` by owner, in ascending order within each owner."""
    start = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=n_owners))))
    return Incidence(
        _frozen(start.astype(np.int32)), _frozen(np.argsort(owner, kind="stable").astype(np.int32))
    )


def assemble_network(
    *,
    box_c: Floats,
    x_kc: Floats,
    tet_tk: Ints,
    domain_t: Ints,
    rotation_gcc: Floats,
    particle_g: Ints,
    particle_center_pc: Floats,
    particle_radius_p: Floats,
    seed_gc: Floats | None = None,
    void_volume: float = 0.0,
) -> Network:
    """Build node copies, springs and bonds from labelled tets.

    Parameters
    ----------
    box_c : (3,) float64 [m]
    x_kc : (n_sites, 3) float64 [m]
    tet_tk : (n_tets, 4) int32
        Sites of each tet, any orientation; they fill all but voids, conforming and periodic in x and y.
    domain_t : (n_tets,) int32
        Grain index, ``n_grains`` for the ECBD, ``n_grains + 1`` for the ED.
    rotation_gcc : (n_grains, 3, 3) float64
    particle_g : (n_grains,) int32
    particle_center_pc : (n_particles, 3) float64 [m]
    particle_radius_p : (n_particles,) float64 [m]
    seed_gc : (n_grains, 3) float64, optional [m]
        Voronoi seeds relative to the centres of their particles; unknown if left out.
    void_volume : float [m3]
        Volume of the voids in particles, which no tets fill and whose surfaces are free.

    Returns
    -------
    Network

    Raises
    ------
    NetworkError
        If a tet has no volume or the tets do not fill the box.
    """
    n_grains = len(rotation_gcc)
    tet_tk = np.array(tet_tk, dtype=np.int32)
    x_tac = unwrap_corners(x_kc, tet_tk, box_c)
    volume_t = signed_volume(x_tac)
    flip = volume_t < 0
    tet_tk[flip] = tet_tk[flip][:, [0, 2, 1, 3]]
    x_tac[flip] = x_tac[flip][:, [0, 2, 1, 3]]
    volume_t = np.abs(volume_t)
    if volume_t.min() <= 0.0:
        raise NetworkError(f"{np.count_nonzero(volume_t <= 0)} tets have no volume")
    filled = (volume_t.sum() + void_volume) / np.prod(box_c)
    if abs(filled - 1) > 1e-8:
        raise NetworkError(f"tets and voids fill {filled:.9f} of the box instead of 1")
    gradient_tac = _barycentric_gradients(x_tac)

    medium_t = np.minimum(domain_t, n_grains)  # ECBD and ED share nodes
    faces = face_pairs(tet_tk)
    tet_tn, site_n, domain_n = _copy_nodes(tet_tk, medium_t, faces)
    n_nodes = len(site_n)
    volume_n = np.bincount(tet_tn.ravel(), np.repeat(volume_t / 4, 4), n_nodes).astype(float)

    pair = np.sort(tet_tn[:, TET_EDGES], axis=2).reshape(-1, 2).astype(np.int64)
    key, first, spring = np.unique(pair[:, 0] * n_nodes + pair[:, 1], return_index=True, return_inverse=True)
    spring_sn = np.stack([key // n_nodes, key % n_nodes], axis=1).astype(np.int32)
    tet, edge = np.divmod(first, 6)
    vector = x_tac[tet, TET_EDGES[edge, 1]] - x_tac[tet, TET_EDGES[edge, 0]]
    swap = tet_tn[tet, TET_EDGES[edge, 0]] != spring_sn[:, 0]
    vector[swap] *= -1
    length_s = np.linalg.norm(vector, axis=1)
    spring_te = spring.reshape(-1, 6).astype(np.int32)

    bonds = _make_bonds(tet_tk, tet_tn, x_tac, domain_n, n_grains, faces)
    collector_n, collector_area = _wall(x_tac, tet_tn, 0.0, box_c[2])
    lithium_n, lithium_area = _wall(x_tac, tet_tn, box_c[2], box_c[2])
    return Network.from_arrays(
        dict(
            box_c=np.array(box_c, float),
            x_kc=np.array(x_kc, float),
            tet_tn=tet_tn,
            domain_t=np.array(domain_t, np.int32),
            volume_t=volume_t,
            gradient_tac=gradient_tac,
            site_n=site_n,
            domain_n=domain_n,
            volume_n=volume_n,
            spring_sn=spring_sn,
            direction_sc=vector / length_s[:, None],
            length_s=length_s,
            spring_te=spring_te,
            **bonds,
            collector_n=collector_n,
            collector_area_n=collector_area,
            lithium_n=lithium_n,
            lithium_area_n=lithium_area,
            rotation_gcc=np.array(rotation_gcc, float),
            particle_g=np.array(particle_g, np.int32),
            particle_center_pc=np.array(particle_center_pc, float),
            particle_radius_p=np.array(particle_radius_p, float),
            seed_gc=np.full((n_grains, 3), np.nan) if seed_gc is None else np.array(seed_gc, float),
        )
    )


def _frozen(array: NDArray) -> NDArray:
    array.setflags(write=False)
    return array


def signed_volume(x_tac: Floats) -> Floats:
    """Volumes of tets from their corners, positive if oriented so, (n_tets,)."""
    e = x_tac[:, 1:] - x_tac[:, :1]
    return np.einsum("tc,tc->t", e[:, 0], np.cross(e[:, 1], e[:, 2])) / 6


def _barycentric_gradients(x_tac: Floats) -> Floats:
    inverse = np.linalg.inv(x_tac[:, 1:] - x_tac[:, :1])  # columns are the gradients of corners 1, 2, 3
    gradient = np.empty_like(x_tac)
    gradient[:, 1:] = inverse.transpose(0, 2, 1)
    gradient[:, 0] = -gradient[:, 1:].sum(axis=1)
    return gradient


class Faces(NamedTuple):
    """Tets on both sides of every shared face, and the corner of the left one that is opposite to it."""

    left: NDArray[np.intp]
    right: NDArray[np.intp]
    corner: NDArray[np.intp]


def face_pairs(tet_tk: Ints) -> Faces:
    """Find the faces that two tets share; the left tet is the one that comes first in ``tet_tk``."""
    face = np.sort(tet_tk[:, TET_FACES], axis=2).reshape(-1, 3).astype(np.int64)
    n = int(tet_tk.max()) + 1
    key = (face[:, 0] * n + face[:, 1]) * n + face[:, 2]
    order = np.argsort(key, kind="stable")
    twin = np.flatnonzero(key[order][1:] == key[order][:-1])
    left, corner = np.divmod(order[twin], 4)
    return Faces(left, order[twin + 1] // 4, corner)


def _copy_nodes(tet_tk: Ints, medium_t: Ints, faces: Faces) -> tuple[Ints, Ints, Ints]:
    """Make a node of each face-connected fan of tets around a site within one medium."""
    inside = medium_t[faces.left] == medium_t[faces.right]
    left, right = faces.left[inside], faces.right[inside]
    corner = TET_FACES[faces.corner[inside]]
    rows, cols = [], []
    for a in range(3):
        site = tet_tk[left, corner[:, a]]
        rows.append(4 * left + corner[:, a])
        cols.append(4 * right + np.argmax(tet_tk[right] == site[:, None], axis=1))
    row, col = np.concatenate(rows), np.concatenate(cols)
    n = tet_tk.size
    n_nodes, node = connected_components(
        sp.coo_matrix((np.ones(len(row), bool), (row, col)), shape=(n, n)), directed=False
    )
    site_n = np.empty(n_nodes, np.int32)
    domain_n = np.empty(n_nodes, np.int32)
    site_n[node] = tet_tk.ravel()
    domain_n[node] = np.repeat(medium_t, 4)
    order = np.lexsort((np.arange(n_nodes), site_n, domain_n))  # nodes of a domain are contiguous
    rank = np.empty(n_nodes, np.int32)
    rank[order] = np.arange(n_nodes, dtype=np.int32)
    return rank[node].reshape(-1, 4), site_n[order], domain_n[order]


def _make_bonds(
    tet_tk: Ints, tet_tn: Ints, x_tac: Floats, domain_n: Ints, n_grains: int, faces: Faces
) -> dict[str, NDArray]:
    """Link the node copies on the two sides of each interface triangle; a third of its area each."""
    medium_t = domain_n[tet_tn[:, 0]]
    across = medium_t[faces.left] != medium_t[faces.right]
    left, right, opposite = faces.left[across], faces.right[across], faces.corner[across]
    corner = TET_FACES[opposite]
    x = np.take_along_axis(x_tac[left], corner[:, :, None], axis=1)
    area_fc = 0.5 * np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0])  # outwards of the left tet
    node_a = np.take_along_axis(tet_tn[left], corner, axis=1)
    node_b = np.empty_like(node_a)
    for a in range(3):
        site = tet_tk[left, corner[:, a]]
        node_b[:, a] = tet_tn[right, np.argmax(tet_tk[right] == site[:, None], axis=1)]
    swap = medium_t[left] > medium_t[right]
    node_a[swap], node_b[swap] = node_b[swap], node_a[swap]
    area_fc[swap] *= -1
    area_f = np.linalg.norm(area_fc, axis=1)

    kind = np.where(domain_n[node_b] == n_grains, INTERFACE_BOND, GB_BOND).astype(np.int64)
    n = len(domain_n)
    key, bond = np.unique((kind * n + node_a) * n + node_b, return_inverse=True)
    bond = bond.reshape(-1, 3)
    n_bonds = len(key)
    area_b = np.bincount(bond.ravel(), np.repeat(area_f / 3, 3), n_bonds)
    area_bc = np.stack(
        [np.bincount(bond.ravel(), np.repeat(area_fc[:, c] / 3, 3), n_bonds) for c in range(3)], axis=1
    )
    size = np.linalg.norm(area_bc, axis=1, keepdims=True)
    if n_bonds and size.min() <= 0:
        raise NetworkError("a bond has no vector area")
    return {
        "bond_bn": np.stack([key // n % n, key % n], axis=1).astype(np.int32),
        "kind_b": (key // (n * n)).astype(np.uint8),
        "area_b": area_b,
        "area_bc": area_bc,
        "normal_bc": area_bc / size,
        "facet_fb": bond.astype(np.int32),
        "area_f": area_f,
    }


def _wall(x_tac: Floats, tet_tn: Ints, z: float, height: float) -> tuple[Ints, Floats]:
    """Nodes on the plane at ``z`` and their tributary areas."""
    on = np.abs(x_tac[:, :, 2] - z) < 1e-9 * height
    nodes, areas = [], []
    for face in TET_FACES:
        tets = np.flatnonzero(on[:, face].all(axis=1))
        x = x_tac[tets][:, face]
        area = 0.5 * np.linalg.norm(np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]), axis=1)
        nodes.append(tet_tn[tets][:, face].ravel())
        areas.append(np.repeat(area / 3, 3))
    node, slot = np.unique(np.concatenate(nodes), return_inverse=True)
    return node.astype(np.int32), np.bincount(slot, np.concatenate(areas), len(node)).astype(float)
