"""Flaws by the thousand: what each would release, found on a patch of the lattice around it.

A small flaw of radius a displaces what is at a distance r by (a / r)^2 of its opening, and holding everything
still beyond R takes a share (a / R)^3 of its energy away. So flaws near each other share a patch of all sites
up to R from them, which is factorised once. The compliance of its bonds tells what any of them release
together (Woodbury's formula), and holds for as long as the bonds of the patch are as stiff as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from latticecell.arrays import Floats
from latticecell.network import Network
from latticecell.physics.joints import Indices, Joints
from latticecell.physics.mechanics import Mechanics

REACH = 5.0
"""Radius of a patch around a flaw, in radii of flaws: costs half a percent of the energy, at most 1.5."""
SHARED = 4.0
"""Edge of the boxes whose flaws share a patch, likewise: where the time is least."""


class _Patch(NamedTuple):
    """Flaws that share a patch, the unknowns and bonds of that, and the compliance of bonds of the flaws."""

    flaws: Indices
    node: Indices
    bond: Indices
    own: Indices
    kept: dict[str, Floats]


class Patches:
    """What each of many flaws would release alone.

    Parameters
    ----------
    mechanics : Mechanics
    center_fc : (n_flaws, 3) float64
        Centres of the flaws [m].
    flaws : sequence of (n,) intp
        Bonds of each.
    radius : float
        Radius of the flaws [m]; a larger one where their areas say so.
    reach : float
        Radius of the patches, in radii of flaws.
    """

    def __init__(
        self, mechanics: Mechanics, center_fc: Floats, flaws: Sequence[Indices], radius: float,
        reach: float = REACH,
    ):  # fmt: skip
        network = mechanics.network
        self._flaws = flaws
        self._matrix = mechanics.lattice.stiffness_matrix().tocsr()
        self._node_bn = network.bond_bn
        area = [network.area_b[own].sum() for own in flaws]
        size = max(radius, float(np.sqrt(np.median(area) / np.pi)) if area else 0.0)
        free_n = mechanics.unknown_n >= 0
        box = np.floor(center_fc / (SHARED * size)).astype(int)
        group = np.unique(box, axis=0, return_inverse=True)[1].ravel()
        order = np.argsort(group, kind="stable")
        tree = site_tree(network)
        self._patches = []
        for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1) if len(flaws) else []:
            inside = np.zeros(len(network.x_kc), bool)
            for found in tree.query_ball_point(wrapped(network, center_fc[members]), reach * size):
                inside[found] = True
            node_n = inside[network.site_n] & free_n
            bond = np.flatnonzero(node_n[self._node_bn].any(axis=1))
            own = np.unique(np.concatenate([flaws[i] for i in members]))
            self._patches.append(_Patch(members, np.flatnonzero(node_n), bond, own, {}))

    def release(self, joints: Joints) -> tuple[Floats, Floats]:
        """Energies that the intact bonds of each flaw would release, opening and sliding, (n_flaws,) [J]."""
        opening_f, sliding_f = np.zeros(len(self._flaws)), np.zeros(len(self._flaws))
        for patch in self._patches:
            compliance = self._compliance(patch, joints)
            for i in patch.flaws:
                own = self._flaws[i][joints.intact_b[self._flaws[i]]]
                if len(own):
                    place = np.searchsorted(patch.own, own)
                    part = compliance[place[:, None], :, place].transpose(0, 2, 1, 3)
                    opening_f[i], sliding_f[i] = _part(joints, own, part)
        return opening_f, sliding_f

    def _compliance(self, patch: _Patch, joints: Joints) -> Floats:
        """Openings of the bonds of the flaws under forces on them, (n, 3, n, 3) [m/N]."""
        tangent_bcc = joints.tangent_bcc[patch.bond]
        if not np.array_equal(patch.kept.get("tangent", 0.0), tangent_bcc):
            number = np.full(self._matrix.shape[0] // 3, -1)
            number[patch.node] = np.arange(len(patch.node))
            unknown = (3 * patch.node[:, None] + np.arange(3)).ravel()
            end = number[self._node_bn]
            stretch = _stretch(end[patch.bond], len(patch.node))
            springs = sp.block_diag(list(tangent_bcc), format="csr")
            factors = sla.splu(
                (self._matrix[unknown][:, unknown] + stretch.T @ springs @ stretch).tocsc(),
                permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True},
            )  # fmt: skip
            mine = _stretch(end[patch.own], len(patch.node))
            n = len(patch.own)
            patch.kept["compliance"] = (mine @ factors.solve(mine.T.toarray())).reshape(n, 3, n, 3)
            patch.kept["tangent"] = tangent_bcc
        return patch.kept["compliance"]


def _part(joints: Joints, own: Indices, compliance: Floats) -> tuple[float, float]:
    """Energies that bonds release, from their compliance while they hold, (n, 3, n, 3) [m/N]."""
    size = 3 * len(own)
    tangent_bcc = joints.tangent_bcc[own]

    def answer(given_bc: Floats, kept_bcc: Floats) -> Floats:
        softer = np.einsum("acbd,bde->acbe", compliance, tangent_bcc - kept_bcc).reshape(size, size)
        pull = compliance.reshape(size, size) @ given_bc.ravel()
        return np.asarray(np.linalg.solve(np.eye(size) - softer, pull)).reshape(-1, 3)

    opening_b, sliding_b = joints.release(own, answer)
    return float(opening_b.sum()), float(sliding_b.sum())


def _stretch(end_bn: Indices, n: int) -> sp.csr_matrix:
    """Matrix that takes displacements of n nodes to openings of bonds between them; -1: one that is still."""
    bond, end = np.nonzero(end_bn >= 0)
    row = 3 * bond[:, None] + np.arange(3)
    column = 3 * end_bn[bond, end][:, None] + np.arange(3)
    sign = np.repeat(np.where(end == 1, 1.0, -1.0), 3)
    return sp.csr_matrix((sign, (row.ravel(), column.ravel())), shape=(3 * len(end_bn), 3 * n))


def wrapped(network: Network, x: Floats) -> Floats:
    """Return positions inside the box [m]."""
    return x % _box(network)


def site_tree(network: Network, sites_k: NDArray[np.integer] | None = None) -> cKDTree:
    """Return some sites, or all, as a tree that knows of the periodic x and y."""
    x_kc = network.x_kc if sites_k is None else network.x_kc[sites_k]
    return cKDTree(wrapped(network, x_kc), boxsize=_box(network))


def _box(network: Network) -> Floats:
    return network.box_c * [1.0, 1.0, 10.0]  # nothing meets its image across the walls
