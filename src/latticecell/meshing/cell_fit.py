"""Laguerre cells that fit labelled points best, by multinomial logistic regression.

``2 seed . x + weight - |seed|^2`` is linear in x, so that the likelihood of the labels under a softmax of it
is concave in its four coefficients for each cell, and Newton steps find the optimum. Where some labels are
noise, the likelihood ``(1 - noise) softmax + noise / candidates`` counts each of those only so much; from the
optimum without noise it finds sharper boundaries (expectation maximization: each point has the weight of not
being noise).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from latticecell.arrays import Bools, Floats, Ints
from latticecell.meshing.laguerre import LaguerreCells

NEAR: Final = 8
"""Cells that a point may belong to."""
NOISE: Final = 0.5
"""Share of noise among the points at boundaries; the larger, the more do the nearest points decide."""
ROUNDS: Final = ((4000, 6, 0.0), (15_000, 8, 0.0), (60_000, 12, NOISE))
"""Points, Newton steps and share of noise of each round; cells near to the points are found anew for each."""
HOPELESS: Final = 0.8, 0.93
"""Shares of the points in their cells below which a round is the last."""
RIDGE: Final = 1e-8
DAMPING: Final = 1e-9, 1e3
SETTLED: Final = 1e-6
"""Relative gain of the likelihood below which steps end."""


def fit_cells(
    x: Floats, cell: Ints, edge: Bools, n: int, rng: np.random.Generator, seen: Ints | None = None
) -> tuple[Floats, Floats]:
    """Seeds and weights of the Laguerre cells that fit the labels of points best.

    Parameters
    ----------
    x : (n_points, 3) float64
    cell : (n_points,) int
        Label of each point, 0 to ``n - 1``, all of them present.
    edge : (n_points,) bool
        Whether a point is next to one of another label.
    n : int
    rng : Generator
    seen : (n_points,) int, optional
        Labels without noise, by which it is told whether planes can fit at all; else ``cell``.

    Returns
    -------
    seed, weight : (n, 3), (n,) float64
    """
    count = np.bincount(cell, minlength=n)
    middle = np.stack([np.bincount(cell, x[:, c], n) for c in range(3)], axis=1) / count[:, None]
    center = x.mean(axis=0)
    unit = max(float(np.cbrt(np.ptp(x, axis=0).prod() / n)), 1e-12)
    middle, y = (middle - center) / unit, (x - center) / unit
    seed, weight = middle, np.zeros(n)
    sharpness = float(np.cbrt(len(x) / n))  # voxels across a grain: boundaries are a voxel wide
    edges = np.flatnonzero(edge) if edge.any() else np.arange(len(x))
    for turn, (points, steps, noise) in enumerate(ROUNDS if n > 1 else ()):
        some = rng.choice(edges, min(points, len(edges)), replace=False)
        among = _candidates(LaguerreCells(seed, weight), y[some], cell[some])
        score = np.column_stack([2 * seed, weight - (seed**2).sum(axis=1)]) * sharpness
        score = _Softmax(y[some], cell[some], among, n, noise).climbed(score, steps)
        score -= score.mean(axis=0)  # what is common to all says nothing
        spread = 2 * np.linalg.norm(middle - middle.mean(axis=0))
        sharpness = float(np.linalg.norm(score[:, :3])) / max(float(spread), 1e-300)
        seed = score[:, :3] / max(2 * sharpness, 1e-300)
        weight = score[:, 3] / max(sharpness, 1e-300) + (seed**2).sum(axis=1)
        if turn < len(HOPELESS):
            inner = LaguerreCells(seed, weight).nearest(y, 1)[1][:, 0]
            if (inner == (cell if seen is None else seen)).mean() < HOPELESS[turn]:
                break
    return seed * unit + center, weight * unit**2


def _candidates(cells: LaguerreCells, y: Floats, own: Ints) -> NDArray[np.intp]:
    """Cells near each point, its own among them, (k, n_points): along the first axis, sums are short."""
    among = cells.nearest(y, min(NEAR, len(cells.seed)))[1].T.copy()
    missing = (among != own).all(axis=0)
    among[-1, missing] = own[missing]
    return among


class _Softmax:
    """Likelihood of the labels of points, each among a few cells; a score is three slopes and a constant."""

    def __init__(self, y: Floats, own: Ints, among: NDArray[np.intp], n: int, noise: float):
        self.features = np.concatenate([y, np.ones((len(y), 1))], axis=1).T
        self.among, self.n, self.noise = among, n, noise
        self.right, self.every = (among == own).argmax(axis=0), np.arange(len(y))
        first, second = np.triu_indices(len(among))
        self.pairs = first, second
        a, b = np.minimum(among[first], among[second]), np.maximum(among[first], among[second])
        which, self.pair = np.unique((a * n + b).ravel(), return_inverse=True)
        self.cells = np.divmod(which, n)

    def shares(self, score: Floats) -> Floats:
        """Softmax of the scores of the candidates of each point, (k, n_points)."""
        value = sum((score[:, c][self.among] * f for c, f in enumerate(self.features)), np.zeros(()))
        share = np.exp(value - value.max(axis=0))
        return share / share.sum(axis=0)

    def error(self, share: Floats, score: Floats) -> float:
        """Negative logarithm of the likelihood, a point."""
        likely = (1 - self.noise) * share[self.right, self.every] + self.noise / len(self.among)
        return -float(np.log(np.maximum(likely, 1e-300)).mean()) + 0.5 * RIDGE * float((score**2).sum())

    def climbed(self, score: Floats, steps: int) -> Floats:
        """Damped Newton steps (Levenberg-Marquardt) towards the largest likelihood."""
        share = self.shares(score)
        error, damping = self.error(share, score), DAMPING[0]
        for _ in range(steps):
            slope, curvature = self._derivatives(share, score)
            better = False
            while not better and damping < DAMPING[1]:
                lifted = curvature + sp.diags(damping * curvature.diagonal() + RIDGE)
                trial = score - splu(sp.csc_matrix(lifted)).solve(slope).reshape(-1, 4)
                new = self.shares(trial)
                after = self.error(new, trial)
                better = after < error
                damping *= 0.2 if better else 10.0
            if not better:
                break
            gain, score, share, error = error - after, trial, new, after
            damping = max(damping, DAMPING[0])
            if gain < SETTLED * error:
                break
        return score

    def _derivatives(self, share: Floats, score: Floats) -> tuple[Floats, sp.csc_matrix]:
        """Gradient of the error, (4 n,), and its curvature with the weights of the points held."""
        own, n = share[self.right, self.every], self.n
        weight = (1 - self.noise) * own / ((1 - self.noise) * own + self.noise / len(share))
        weight /= len(own)
        off = share * weight
        off[self.right, self.every] -= weight
        flat = self.among.ravel()
        slope = np.stack([np.bincount(flat, (off * f).ravel(), n) for f in self.features], axis=1)
        first, second = self.pairs
        product = -share[first] * share[second]
        product[first == second] += share
        product *= weight
        blocks = np.empty((len(self.cells[0]), 4, 4))
        for a in range(4):
            for b in range(a, 4):
                moment = (product * (self.features[a] * self.features[b])).ravel()
                blocks[:, a, b] = blocks[:, b, a] = np.bincount(self.pair, moment, len(blocks))
        i, j = self.cells
        apart = i != j
        row, col = np.append(i, j[apart]), np.append(j, i[apart])
        index = 4 * np.stack([row, col])[:, :, None, None] + np.asarray(np.indices((4, 4)))[:, None]
        every = np.concatenate([blocks, blocks[apart]])
        curvature = sp.csc_matrix((every.ravel(), (index[0].ravel(), index[1].ravel())), (4 * n, 4 * n))
        return (slope + RIDGE * score).ravel(), curvature
