"""Smooth fields of labelled voxels: which domains are near a point, and where they meet. Lengths in um."""

from __future__ import annotations

from functools import cached_property
from typing import Final, Protocol

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from latticecell._kernels import voxels as kernel
from latticecell.arrays import Bools, Floats, Ints

REACH: Final = np.sqrt(13.0)
"""Reach of the weights (1 - r^2 / reach^2)^4 over their standard deviation along an axis."""
LEADING: Final = 8
"""Labels that are told apart around a point."""
NONE: Final = 9.0
"""Margin of a domain that is not near."""
SHARPER: Final = 0.8
"""Smoothing, over that which finds features, of the fields to which faces are fitted: faces average, too."""


class Fields(Protocol):
    """Domains around a point, grains first, then ECBD, from which features are found."""

    def leading(self, x: Floats, k: int) -> Ints:
        """Domains nearest to each point in ascending order of distance, (n, k); -1 where there are fewer."""

    def rows(self, x: Floats, labels: Ints) -> tuple[Floats, Floats]:
        """Functions that vanish where the domains of each row meet, (n, k - 1), and their gradients.

        Each row of ``labels``, (n, k), ascends.
        """

    def sharper(self) -> Fields:
        """Fields of the same domains with less smoothing, for those who average over faces."""


class VoteFields:
    """Each voxel votes for its label with a weight that falls with its distance.

    The ECBD has what it has more than half of the votes for; the rest goes to the grain with most of them. An
    election of all at once would dig a groove along each grain boundary that meets the surface.

    Parameters
    ----------
    label : (nx, ny, nz) int32
        Grains, and ``n_grains`` for the ECBD.
    voxel : (3,) float64
        Size of a voxel.
    n_grains : int
    sigma : float
        Standard deviation of the weights, in voxels.
    """

    def __init__(self, label: Ints, voxel: Floats, n_grains: int, sigma: float):
        self.label = np.ascontiguousarray(label, np.int32)
        self.voxel, self.n_grains, self.reach = np.ascontiguousarray(voxel, float), n_grains, sigma * REACH

    def sharper(self) -> VoteFields:
        """Votes of fewer voxels; see `Fields`."""
        return VoteFields(self.label, self.voxel, self.n_grains, SHARPER * self.reach / REACH)

    @cached_property
    def mixed(self) -> Bools:
        """Voxels in which more than one label may have votes."""
        size = 2 * int(np.ceil(self.reach + 0.5)) + 1
        mode = ("wrap", "wrap", "nearest")
        return maximum_filter(self.label, size, mode=mode) != minimum_filter(self.label, size, mode=mode)

    def leading(self, x: Floats, k: int) -> Ints:
        """Domains in ascending order of the votes that they lack; see `Fields`."""
        shape = np.array(self.label.shape)
        at = np.floor(x / self.voxel).astype(np.intp)
        at[:, :2] %= shape[:2]
        where = at[:, 0], at[:, 1], np.clip(at[:, 2], 0, shape[2] - 1)
        out = np.full((len(x), k), -1, np.int32)
        out[:, 0] = self.label[where]
        some = self.mixed[where]
        y = np.ascontiguousarray(x[some], float)
        label, share = np.empty((len(y), LEADING), np.int32), np.empty((len(y), LEADING))
        kernel.leading_labels(self.label, self.voxel, y, self.reach, out=label, share=share)
        out[some] = in_order(label, _margins(label, share, self.n_grains), k)
        return out

    def rows(self, x: Floats, labels: Ints) -> tuple[Floats, Floats]:
        """Differences of the votes of grains, and the ECBD's from one half; see `Fields`."""
        share, slope = self.shares(x, labels)
        value, gradient = share[:, :1] - share[:, 1:], slope[:, :1] - slope[:, 1:]
        outer = labels[:, -1] == self.n_grains
        value[outer, -1], gradient[outer, -1] = 2 * share[outer, -1] - 1, 2 * slope[outer, -1]
        return value, gradient

    def shares(self, x: Floats, labels: Ints) -> tuple[Floats, Floats]:
        """Shares of the votes that labels have, (n, k), and their gradients, (n, k, 3)."""
        share, slope = np.empty(labels.shape), np.empty((*labels.shape, 3))
        kernel.shares_of(
            self.label, self.voxel, np.ascontiguousarray(x, float), np.ascontiguousarray(labels, np.int32),
            self.reach, share=share, gradient=slope,
        )  # fmt: skip
        return share, slope


def _margins(label: Ints, share: Floats, n_grains: int) -> Floats:
    """What each label lacks to be the domain at a point, in votes."""
    matrix = label == n_grains
    outer = np.where(matrix, share, 0.0).sum(axis=1)[:, None]
    grains = np.where(matrix | (label < 0), -1.0, share)
    behind = (grains.max(axis=1, keepdims=True) - grains) / np.maximum(1 - outer, 1e-12)
    margin = np.where(matrix, np.maximum(1 - 2 * outer, 0.0), behind + np.maximum(2 * outer - 1, 0.0))
    return np.where(label < 0, NONE, margin)


def in_order(label: Ints, margin: Floats, k: int) -> Ints:
    """Return the first ``k`` labels of each row in ascending order of their margins."""
    order = np.argsort(margin, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(label, order, axis=1)
