"""Li in a polycrystal by mixed finite elements: an operator that errs to the other side.

Elements of Brezzi, Douglas and Marini: fluxes linear in every tet, one stoichiometry for each, and linear
values on the facets as the unknowns that are left once those of the tets are eliminated (hybridised). Where
continuous elements conduct too well these conduct too little, as fluxes are asked to be continuous in place
of fields. Raviart-Thomas elements would lock: where nothing crosses basal planes, their divergence vanishes.
"""

import numpy as np
import scipy.sparse as sp
from skfem.quadrature import get_quadrature
from skfem.refdom import RefTet, RefTri

from highorder import grain_mesh

CORNERS = np.vstack([np.zeros(3), np.eye(3)])
POINTS, WEIGHTS = get_quadrature(RefTri, 2)
TRACES = np.vstack([1 - POINTS.sum(axis=0), POINTS])
"""Functions on a facet at its points of quadrature, (3, n_points)."""


class Mixed:
    """Mixed elements on the tets of the grains of a network.

    Parameters
    ----------
    network : Network
    diffusivity : (3,) sequence of float
        Principal values along the crystal axes [m2/s].
    permeance : float
        Of grain boundaries [m/s].

    Attributes
    ----------
    amount : (n_tets,) float64
        Volumes of the tets [m3].
    surface, surface_area : (n_points, n) sparse [1], (n_points,) [m2]
        Values and area on the surface of the particles; the unknowns are those of the facets.
    """

    def __init__(self, network, diffusivity, permeance):
        mesh, tensor_tcc, pairs, outer = grain_mesh(network, diffusivity)
        self._n = 3 * mesh.facets.shape[1]
        self._dof_tm = (3 * mesh.t2f.T[:, :, None] + np.arange(3)).reshape(-1, 12)
        x, w = get_quadrature(RefTet, 2)
        flux, divergence = fluxes(x)
        across = outward_moments()
        jac_tcc = (mesh.p[:, mesh.t[1:]] - mesh.p[:, mesh.t[:1]]).transpose(2, 0, 1)
        jacobian = np.abs(np.linalg.det(jac_tcc))
        resistance = np.einsum("tki,tkl,tlj->tij", jac_tcc, np.linalg.inv(tensor_tcc), jac_tcc)
        moments = np.einsum("icq,jdq,q->cdij", flux, flux, w)
        mass = np.einsum("tcd,cdij->tij", resistance / jacobian[:, None, None], moments)
        free = np.linalg.solve(mass, np.broadcast_to(across.T, (len(mass), 12, 12)))
        self._facet = across @ free
        self._both = divergence @ w @ free
        self._tet = np.einsum("i,tij,j->t", divergence @ w, np.linalg.inv(mass), divergence @ w)
        self.amount = jacobian / 6
        sides = mesh.p[:, mesh.facets[1:]] - mesh.p[:, mesh.facets[:1]]
        area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1], axis=0), axis=0) / 2
        self.surface, self.surface_area = self._at_points(outer), points_area(area[outer])
        jump = self._at_points(pairs[:, 0]) - self._at_points(pairs[:, 1])
        self._boundary = jump.T @ sp.diags_array(permeance * points_area(area[pairs[:, 0]])) @ jump

    def _at_points(self, facets):
        """Matrix that takes the unknowns to values at the points of quadrature of some facets."""
        value = np.broadcast_to(TRACES.T, (len(facets), *TRACES.T.shape))
        column = np.broadcast_to((3 * facets[:, None] + np.arange(3))[:, None, :], value.shape)
        row = np.repeat(np.arange(value.size // 3), 3)
        return sp.coo_matrix((value.ravel(), (row, column.ravel())), (value.size // 3, self._n)).tocsr()

    def step(self, length):
        """Matrix of an implicit step, its right side from the fields before, and the fields after it.

        Parameters
        ----------
        length : float
            [s]

        Returns
        -------
        matrix : (n, n) sparse [m3/s]
            Outflow of every facet by its values, with what grain boundaries carry; without the surface.
        source : callable
            Right side for the fields before, (n_tets,).
        fields : callable
            Fields after the step, from the unknowns and the fields before.
        """
        stored = self.amount / length
        carried = self._both / (stored + self._tet)[:, None]
        local = self._facet - self._both[:, :, None] * carried[:, None, :]
        dof = self._dof_tm
        ends = np.repeat(dof, 12), np.tile(dof, (1, 12)).ravel()
        matrix = sp.coo_matrix((local.ravel(), ends), (self._n, self._n)).tocsr() + self._boundary

        def source(old):
            return np.bincount(dof.ravel(), (carried * (stored * old)[:, None]).ravel(), self._n)

        def fields(x, old):
            return (stored * old + np.einsum("tm,tm->t", self._both, x[dof])) / (stored + self._tet)

        return matrix, source, fields


def points_area(area):
    """Area of every point of quadrature of some facets, facet by facet."""
    return np.outer(area, 2 * WEIGHTS).ravel()


def outward_moments():
    """Moments of the fluxes out of the reference tet with the functions on its facets, (12, 12)."""
    found = []
    for facet in RefTet.facets:
        a, b, c = CORNERS[facet]
        x = a[:, None] + np.outer(b - a, POINTS[0]) + np.outer(c - a, POINTS[1])
        normal = np.cross(b - a, c - a)
        normal *= np.sign(normal @ (a - CORNERS[6 - sum(facet)]))  # away from the corner opposite
        found.append(np.einsum("mq,icq,c,q->mi", TRACES, fluxes(x)[0], normal, WEIGHTS))
    return np.concatenate(found)


def fluxes(x):
    """Values (12, 3, n_points) and divergences (12, n_points) of a basis on the reference tet."""
    one = np.ones(x.shape[1])
    scalars = [(one, 0 * x)] + [(x[k], np.eye(3)[k][:, None] * one) for k in range(3)]
    found = [np.eye(3)[k][:, None] * value for value, _ in scalars for k in range(3)]
    return np.array(found), np.array([slope[k] for _, slope in scalars for k in range(3)])
