"""Laguerre cells in a ball: their faces, their volumes in closed form, and weights that give wanted ones.

A point belongs to the seed s with the least power ``|x - s|^2 - w``; without weights w the cells are those of
Voronoi. Lengths are in any unit, weights in its square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import spsolve
from scipy.spatial import ConvexHull, Voronoi, cKDTree

from latticecell.arrays import Bools, Floats
from latticecell.errors import NetworkError

Indices = NDArray[np.intp]
Polygon = tuple[int, int, list[int]]

FAR: Final = 40.0
"""Distance of the seeds around a ball that close its outer cells, in radii."""
EXACT: Final = 1e-4
"""Largest relative error of volumes that weights are fitted to."""
NEAR: Final = 1e-10
"""Difference of powers of the origin, over the radius squared, below which it is between two cells."""
STEPS: Final = 60
"""Newton steps of a fit, and halvings of a step, at most."""


def polygons(seed: Floats, radius: float, weight: Floats | None = None) -> tuple[list[Polygon], Floats]:
    """Faces of the cells of seeds in a ball around the origin: two seeds and a polygon each.

    Parameters
    ----------
    seed : (n_seeds, 3) float64
    radius : float
        Radius of the ball.
    weight : (n_seeds,) float64, optional

    Returns
    -------
    faces : list of (int, int, list of int)
        Lower seed, higher seed, and the vertices around their common polygon.
    vertices : (n_vertices, 3) float64
        Distant seeds around the ball close the outer cells, so that every vertex is finite.
    """
    turn = np.arange(60) + 0.5
    theta, phi = np.arccos(1 - turn / 30), np.pi * (1 + 5**0.5) * turn
    far = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
    every = np.concatenate([seed, FAR * radius * far])
    if weight is not None and np.ptp(weight) > 0:
        return _power_polygons(every, np.append(weight, np.full(len(far), weight.mean())), len(seed))
    voronoi = Voronoi(every)
    faces = [
        (int(min(pair)), int(max(pair)), [int(v) for v in polygon])
        for pair, polygon in zip(voronoi.ridge_points, voronoi.ridge_vertices, strict=True)
        if max(pair) < len(seed) and -1 not in polygon
    ]
    return faces, voronoi.vertices


def _power_polygons(x: Floats, weight: Floats, n: int) -> tuple[list[Polygon], Floats]:
    """Faces between the first ``n`` cells, from the convex hull of the points ``(x, |x|^2 - weight)``.

    Each facet below is tangent to the paraboloid of one vertex (Aurenhammer, SIAM J. Comput. 16 (1987) 78).
    """
    hull = ConvexHull(np.column_stack([x, (x**2).sum(axis=1) - weight]))
    below = hull.equations[:, 3] < -1e-12
    simplex, normal = np.sort(hull.simplices[below], axis=1), hull.equations[below]
    vertex = -normal[:, :3] / (2 * normal[:, 3:4])
    ends = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])
    pair, at = simplex[:, ends].reshape(-1, 2), np.repeat(np.arange(len(simplex)), 6)
    near = pair[:, 1] < n
    pair, at = pair[near], at[near]
    pair, face = np.unique(pair, axis=0, return_inverse=True)
    face = face.reshape(-1)
    count = np.bincount(face, minlength=len(pair))
    middle = np.stack([np.bincount(face, vertex[at, c]) for c in range(3)], axis=1) / count[:, None]
    axes = _axes(x[pair[:, 1]] - x[pair[:, 0]])[1]
    flat = np.einsum("kac,kc->ka", axes[face], vertex[at] - middle[face])
    order = np.lexsort((np.arctan2(flat[:, 1], flat[:, 0]), face))
    corners = np.split(at[order], np.cumsum(count)[:-1]) if len(pair) else []
    faces = [
        (int(a), int(b), [int(v) for v in own])
        for (a, b), own in zip(pair, corners, strict=True)
        if len(own) > 2
    ]
    return faces, vertex


def _axes(normal: Floats) -> tuple[Floats, Floats]:
    """Unit normals, (n, 3), and two axes across each, (n, 2, 3)."""
    normal = normal / np.linalg.norm(normal, axis=1)[:, None]
    first = np.cross(normal, np.eye(3)[np.abs(normal).argmin(axis=1)])
    first /= np.maximum(np.linalg.norm(first, axis=1), 1e-300)[:, None]
    return normal, np.stack([first, np.cross(normal, first)], axis=1)


def plane_heights(seed: Floats, weight: Floats, a: NDArray, b: NDArray) -> Floats:
    """Distances from the origin of the planes between seeds ``a`` and ``b``, towards ``b``."""
    apart = np.maximum(np.linalg.norm(seed[b] - seed[a], axis=-1), 1e-300)
    square = ((seed[b] + seed[a]) * (seed[b] - seed[a])).sum(axis=-1)
    return (square + weight[a] - weight[b]) / (2 * apart)


@dataclass(frozen=True)
class Cells:
    """What the cells of seeds have in a ball around the origin.

    Attributes
    ----------
    volume : (n_seeds,) float64
    pair : (n_faces, 2) int
        Seeds of each face, the lower first.
    area : (n_faces,) float64
        Area of each face inside the ball.
    """

    volume: Floats
    pair: Indices
    area: Floats

    def without(self, inner: Cells) -> Cells:
        """Return what is left without a smaller ball around the same point."""
        key = self.pair @ [len(self.volume), 1]
        place = {int(k): i for i, k in enumerate(key)}
        area = self.area.copy()
        for (a, b), less in zip(inner.pair, inner.area, strict=True):
            area[place[int(a) * len(self.volume) + int(b)]] -= less
        return Cells(self.volume - inner.volume, self.pair, area)


def cells_in_ball(seed: Floats, radius: float, weight: Floats | None = None, cavity: float = 0.0) -> Cells:
    """Measure cells in closed form, in a ball or the shell around a cavity.

    Cones from the origin over the faces fill a cell: up to the plane where that is inside the ball, up to the
    sphere elsewhere. With the face's area A and solid angle W inside the ball and its height h, and the whole
    ball for the cell of the origin, ``V = 4 pi R^3 / 3 [origin] + sum s (h A - R^3 W) / 3``; s is +1 for the
    cell on the side of the origin, -1 for the other.
    """
    weight = np.zeros(len(seed)) if weight is None else weight
    power = np.sort((seed**2).sum(axis=1) - weight)[:2]
    if np.diff(power).sum() < NEAR * radius**2 and len(seed) > 1:  # which cell holds the origin is round-off
        seed = seed + 1e3 * NEAR * radius * np.random.default_rng(1).normal(size=seed.shape)
    faces, vertex = polygons(seed, radius, weight)
    whole = _measured(seed, weight, radius, faces, vertex)
    return whole.without(_measured(seed, weight, cavity, faces, vertex)) if cavity > 0 else whole


def _measured(seed: Floats, weight: Floats, radius: float, faces: list[Polygon], vertex: Floats) -> Cells:
    power = (seed**2).sum(axis=1) - weight
    volume = np.zeros(len(seed))
    volume[power.argmin()] = 4 / 3 * np.pi * radius**3
    pair = np.array([face[:2] for face in faces], np.intp).reshape(-1, 2)
    a, b = pair.T
    height = plane_heights(seed, weight, a, b)
    area, angle = _sections(seed[b] - seed[a], height, [face[2] for face in faces], vertex, radius)
    part = np.where(power[a] <= power[b], 1, -1) * (np.abs(height) * area - radius**3 * angle) / 3
    volume += np.bincount(a, part, len(seed)) - np.bincount(b, part, len(seed))
    return Cells(volume, pair, area)


def _sections(
    normal: Floats, height: Floats, corners: list[list[int]], vertex: Floats, radius: float
) -> tuple[Floats, Floats]:
    """Area and solid angle, seen from the origin, of polygons inside a ball."""
    count = np.array([len(own) for own in corners], int)
    face = np.repeat(np.arange(len(corners)), count)
    at = np.array([v for own in corners for v in own], int)
    following = np.array([v for own in corners for v in own[1:] + own[:1]], int)
    axes = _axes(normal)[1][face]
    p = np.einsum("kac,kc->ka", axes, vertex[at])
    q = np.einsum("kac,kc->ka", axes, vertex[following])
    disc = np.sqrt(np.maximum(radius**2 - height**2, 0))[face]
    area, angle = _edge_sections(p, q, disc, np.abs(height)[face], radius)
    area, angle = (np.bincount(face, part, len(corners)).astype(float) for part in (area, angle))
    cut = np.abs(height) < radius
    return np.where(cut, np.abs(area), 0.0), np.where(cut, np.abs(angle), 0.0)


def _edge_sections(
    p: Floats, q: Floats, disc: Floats, height: Floats, radius: float
) -> tuple[Floats, Floats]:
    """Signed area and solid angle between edges of polygons, or the circle where they run outside it.

    Points are relative to the foot of the origin in the plane. A triangle's solid angle is that of Van
    Oosterom and Strackee (IEEE Trans. Biomed. Eng. 30 (1983) 125), a sector's is its angle times ``1 - h/R``.
    """
    d = q - p
    a, b, c = (d * d).sum(axis=1), (p * d).sum(axis=1), (p * p).sum(axis=1) - disc**2
    root = b * b - a * c
    good = (root > 0) & (a > 0)
    width, size = np.sqrt(np.where(good, root, 0.0)), np.where(a > 0, a, 1.0)
    low, high = (np.where(good, np.clip((-b + s * width) / size, 0, 1), 0.0) for s in (-1, 1))
    inner, outer = p + low[:, None] * d, p + high[:, None] * d
    within = low < high
    turn = np.where(within, _angle(p, inner) + _angle(outer, q), _angle(p, q))
    area = 0.5 * (disc**2 * turn + np.where(within, _cross(inner, outer), 0.0))
    far_p, far_q = (np.sqrt((x * x).sum(axis=1) + height**2) for x in (inner, outer))
    denominator = far_p * far_q + height * (far_p + far_q) + (inner * outer).sum(axis=1) + height**2
    triangle = 2 * np.arctan2(_cross(inner, outer), denominator)
    return area, turn * (1 - height / radius) + np.where(within, triangle, 0.0)


def _cross(p: Floats, q: Floats) -> Floats:
    return p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]


def _angle(p: Floats, q: Floats) -> Floats:
    return np.arctan2(_cross(p, q), (p * q).sum(axis=1))


def polygon_disc_area(corner_vc: Floats, radius: float) -> float:
    """Area of a simple polygon inside the disc around the origin, in closed form.

    Parameters
    ----------
    corner_vc : (n_corners, 2) float64
        Corners in order, either way round.
    radius : float
        Radius of the disc, in the unit of the corners.
    """
    n = len(corner_vc)
    parts = _edge_sections(
        corner_vc, np.roll(corner_vc, -1, axis=0), np.full(n, radius), np.zeros(n), max(radius, 1e-300)
    )[0]
    return abs(float(parts.sum()))


def fitted_weights(
    seed: Floats, radius: float, volume: Floats, cavity: float = 0.0, tolerance: float = EXACT
) -> Floats:
    """Weights whose cells have given volumes, with a mean of zero.

    The volumes are the slope of a concave function of the weights, with the slope ``-A_ij / (2 d_ij)`` by
    another's weight; Newton steps are halved until no cell is lost and the error shrinks (Kitagawa, Merigot
    and Thibert, J. Eur. Math. Soc. 21 (2019) 2603), which ends at the only solution from any seeds.

    Parameters
    ----------
    seed : (n_seeds, 3) float64
        In the ball, all different.
    radius, cavity : float
        Radii of the ball, and of a hole around its centre.
    volume : (n_seeds,) float64
        Positive; they add up to that of the ball without the hole.
    tolerance : float
        Largest error of a volume, relative to it.

    Raises
    ------
    NetworkError
        If the seeds are too close to each other for any weights to be found.
    """
    n, weight = len(seed), np.zeros(len(seed))
    if n == 1:
        return weight
    cells = cells_in_ball(seed, radius, weight, cavity)
    least = 0.5 * min(float(cells.volume.min()), float(volume.min()))
    for _ in range(STEPS):
        error = volume - cells.volume
        if (np.abs(error) < tolerance * volume).all():
            return weight - weight.mean()
        a, b = cells.pair.T
        share = cells.area / (2 * np.linalg.norm(seed[b] - seed[a], axis=1))
        links = sp.coo_matrix((share, (a, b)), shape=(n, n))
        links = (links + links.T).tocsr()
        matrix = (sp.diags(np.asarray(links.sum(axis=1)).ravel()) - links).tocsc()
        step = np.append(0.0, spsolve(matrix[1:, 1:], error[1:]))
        size, length = float(np.linalg.norm(error)), 1.0
        for _ in range(STEPS):
            trial = cells_in_ball(seed, radius, weight + length * step, cavity)
            shrinks = np.linalg.norm(volume - trial.volume) <= (1 - length / 2) * size
            if trial.volume.min() >= least and shrinks:
                break
            length /= 2
        else:
            break
        weight, cells = weight + length * step, trial
    raise NetworkError("no weights give the wanted volumes of grains: choose another microstructure.seed")


def in_cells(x: Floats, seed: Floats, weight: Floats) -> Indices:
    """Cell that each point belongs to."""
    offset = np.sqrt(weight.max() - weight)
    tree = cKDTree(np.column_stack([seed, offset]))
    return np.asarray(tree.query(np.column_stack([x, np.zeros(len(x))]))[1], np.intp)


def in_shell(x: Floats, radius: float, cavity: float) -> Bools:
    """Whether points lie in a ball around the origin and outside of its cavity."""
    square = (x**2).sum(axis=1)
    inside: Bools = (square < radius**2) & (square >= cavity**2)
    return inside
