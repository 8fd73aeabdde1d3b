"""Values at the nodes of a grain, recovered from values that are constant in every tet.

Stresses of linear tets are most accurate in the middle of patches of tets. So at each node a linear function
is fitted to the values at the middles of the tets around, those of its own grain only: at a grain boundary,
from one side (Zienkiewicz and Zhu, Int. J. Numer. Methods Eng. 33, 1331 (1992)). A patch holds the tets of a
node and of its neighbours, for most nodes lie on boundaries and have too few tets of their own; nearby ones
count more. What is fitted is linear in the values, so one sparse matrix, made once, takes tets to nodes.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from latticecell.arrays import Floats
from latticecell.network import Network

Pairs = NDArray[np.integer]
DECAY = 4
"""Power by which weights fall; chosen on a free polycrystal of 53 grains, against quadratic elements."""
SPREAD = 0.01
"""Least mean square distance of the tets along a direction in which a slope is fitted, over that in all."""


def recovery_matrix(network: Network) -> sp.csr_matrix:
    """Return what takes values of tets to the nodes of grains, (n_nodes, n_tets); zero for other nodes.

    Exact for functions that are linear in a grain wherever the middles of the patch span space; where they do
    not, the mean takes the place of the slope that is missing.
    """
    shape = (network.n_nodes, network.n_tets)
    value, row, column = [np.zeros(0)], [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    middle_tc, x_nc = network.unwrapped_tac().mean(axis=1), network.x_nc
    order = np.argsort(network.domain_t, kind="stable")
    first = np.searchsorted(network.domain_t[order], np.arange(network.n_grains + 1))
    for grain in range(network.n_grains):
        tet = order[first[grain] : first[grain + 1]]
        node, corner = np.unique(network.tet_tn[tet], return_inverse=True)
        i, t = _patches(corner.reshape(-1, 4), len(node))
        away = middle_tc[tet[t]] - x_nc[node[i]]
        away[:, :2] -= network.box_c[:2] * np.round(away[:, :2] / network.box_c[:2])
        value.append(_fit(i, away, network.volume_t[tet[t]], len(node)))
        row.append(node[i].astype(np.int32))
        column.append(tet[t].astype(np.int32))
    entries = np.concatenate(value), (np.concatenate(row), np.concatenate(column))
    return sp.coo_matrix(entries, shape=shape).tocsr()


def _patches(corner_ta: Pairs, n: int) -> tuple[Pairs, Pairs]:
    """Pairs of a node and a tet of its patch."""
    m = len(corner_ta)
    holds = sp.csr_matrix((np.ones(4 * m), (corner_ta.ravel(), np.repeat(np.arange(m), 4))), shape=(n, m))
    patch = (holds @ (holds.T @ holds)).tocoo()
    return patch.row, patch.col


def _fit(i: Pairs, away_ec: Floats, volume_e: Floats, n: int) -> Floats:
    """Weights of the entries of patches in the value that a linear fit has at its node, (n_entries,)."""

    def total(values: Floats) -> Floats:
        return np.bincount(i, values, n).astype(float)

    square = np.einsum("ec,ec->e", away_ec, away_ec)
    size = total(volume_e * square) / total(volume_e)
    weight = volume_e * (1 + square / size[i]) ** -DECAY
    weight /= total(weight)[i]
    mean_nc = np.stack([total(weight * away) for away in away_ec.T], axis=1)
    off = away_ec - mean_nc[i]
    moment = [[total(weight * off[:, a] * off[:, b]) for b in range(3)] for a in range(3)]
    spread_nc, axes_ncc = np.linalg.eigh(np.moveaxis(np.array(moment), 2, 0))
    wide = spread_nc > SPREAD * spread_nc.sum(axis=1, keepdims=True)
    inverse = np.where(wide, 1 / np.where(wide, spread_nc, 1.0), 0.0)
    slope_nc = np.einsum("nac,nc,nbc,nb->na", axes_ncc, inverse, axes_ncc, -mean_nc)
    return weight * (1 + np.einsum("ec,ec->e", slope_nc[i], off))
