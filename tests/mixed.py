"""Li in a polycrystal by mixed finite elements: an operator that errs to the other side.

Raviart-Thomas fluxes of degree 0 or 1 in every tet, discontinuous stoichiometry, and its values on facets as the only
unknowns left once those of the tets are eliminated (hybridised; Arnold and Brezzi, 1985). What continuous elements conduct
too well these conduct too little, as fluxes are asked to be continuous in place of fields.
"""

import numpy as np
import scipy.sparse as sp
from skfem.quadrature import get_quadrature
from skfem.refdom import RefTet, RefTri

from highorder import grain_mesh

CORNERS = np.vstack([np.zeros(3), np.eye(3)])


class Mixed:
    """Raviart-Thomas elements on the tets of the grains of a network.

    Parameters
    ----------
    network : Network
    diffusivity : (3,) sequence of float
        Principal values along the crystal axes [m2/s].
    permeance : float
        Of grain boundaries [m/s].

    Attributes
    ----------
    amount : (n_tets * n_local,) float64
        Integrals of the functions in the tets [m3]; those of degree 0 are one in each.
    surface, surface_area : (n_points, n) sparse [1], (n_points,) [m2]
        Values and area on the surface of the particles; the unknowns are those of the facets.
    """

    def __init__(self, network, diffusivity, permeance):
        mesh, tensor_tcc, pairs, outer = grain_mesh(network, diffusivity)
        self._size = 3
        self.n = self._size * mesh.facets.shape[1]
        self._dof_tm = (self._size * mesh.t2f.T[:, :, None] + np.arange(self._size)).reshape(mesh.t.shape[1], -1)
        x, w = get_quadrature(RefTet, 2)
        flux, divergence = fluxes(x)
        field = np.ones((1, x.shape[1]))
        spread = np.einsum("iq,jq,q->ij", field, divergence, w)  # of fluxes by fields
        across = self._across()
        stretch = mesh.p[:, mesh.t[1:]] - mesh.p[:, mesh.t[:1]]
        jac_tcc = stretch.transpose(2, 0, 1)
        volume = np.abs(np.linalg.det(jac_tcc))
        metric = np.einsum("tki,tkl,tlj->tij", jac_tcc, np.linalg.inv(tensor_tcc), jac_tcc) / volume[:, None, None]
        moments = np.einsum("icq,jdq,q->cdij", flux, flux, w)
        inverse = np.linalg.inv(np.einsum("tcd,cdij->tij", metric, moments))
        self._facet = across @ inverse @ across.T
        self._both = spread @ inverse @ across.T
        self._tet = spread @ inverse @ spread.T
        mass = np.einsum("iq,jq,q->ij", field, field, w)
        self._mass = volume[:, None, None] * mass
        self.amount = (volume[:, None] * (field @ w)).ravel()
        area = np.linalg.norm(np.cross(*(mesh.p[:, mesh.facets[k]] - mesh.p[:, mesh.facets[0]] for k in (1, 2)),
                                       axis=0), axis=0) / 2  # fmt: skip
        points, weights = get_quadrature(RefTri, 2)
        shape = _traces(points)
        self.surface, self.surface_area = self._at_points(outer, shape), np.outer(area[outer], 2 * weights).ravel()
        jump = self._at_points(pairs[:, 0], shape) - self._at_points(pairs[:, 1], shape)
        between = sp.diags_array(permeance * np.outer(area[pairs[:, 0]], 2 * weights).ravel())
        self._boundary = (jump.T @ between @ jump).tocsr()

    def _across(self):
        """Moments of the reference fluxes on the facets (4 n_size, n_fluxes)."""
        points, weights = get_quadrature(RefTri, 2)
        shape, found = _traces(points), []
        for k, facet in enumerate(RefTet.facets):
            a, b, c = CORNERS[facet]
            x = a[:, None] + np.outer(b - a, points[0]) + np.outer(c - a, points[1])
            normal = np.cross(b - a, c - a)
            opposite = CORNERS[6 - sum(facet)]
            normal *= np.sign(normal @ (a - opposite))
            across = np.einsum("icq,c->iq", fluxes(x)[0], normal)
            found.append(np.einsum("mq,iq,q->mi", shape, across, weights))
        return np.concatenate(found)

    def _at_points(self, facets, shape):
        """Matrix that takes the unknowns to values at the points of quadrature of some facets."""
        q = shape.shape[1]
        column = self._size * facets[:, None, None] + np.arange(self._size)[None, None, :]
        column = np.broadcast_to(column, (len(facets), q, self._size))
        row = np.broadcast_to(np.arange(len(facets) * q).reshape(-1, q, 1), column.shape)
        value = np.broadcast_to(shape.T[None], column.shape)
        return sp.coo_matrix((value.ravel(), (row.ravel(), column.ravel())), (len(facets) * q, self.n)).tocsr()

    def step(self, length):
        """Matrix of an implicit step, and what takes the old fields to its right side and facets to the new ones.

        Parameters
        ----------
        length : float
            [s]

        Returns
        -------
        matrix : (n, n) sparse [m3/s]
            Outflow of every facet by its values, with what grain boundaries carry; without the surface.
        source : callable
            Right side for the fields (n_tets * n_local,) before.
        fields : callable
            Fields after the step, from the unknowns and the fields before.
        """
        solved = np.linalg.inv(self._mass / length + self._tet)
        carried = solved @ self._both
        local = self._facet - self._both.transpose(0, 2, 1) @ carried
        dof = self._dof_tm
        ends = np.repeat(dof, dof.shape[1]), np.tile(dof, (1, dof.shape[1])).ravel()
        matrix = sp.coo_matrix((local.ravel(), ends), (self.n, self.n)).tocsr() + self._boundary

        def stored(old):
            return np.einsum("tij,tj->ti", self._mass, old.reshape(len(dof), -1)) / length

        def source(old):
            return np.bincount(dof.ravel(), np.einsum("tim,ti->tm", carried, stored(old)).ravel(), self.n)

        def fields(x, old):
            held = stored(old) + np.einsum("tim,tm->ti", self._both, x[dof])
            return np.einsum("tij,tj->ti", solved, held).ravel()

        return matrix, source, fields


def fluxes(x):
    """Values (12, 3, n_points) and divergences (12, n_points) of a basis on the reference tet."""
    one = np.ones(x.shape[1])
    scalars = [(one, 0 * x)] + [(x[k], np.eye(3)[k][:, None] * one) for k in range(3)]
    found = [np.eye(3)[k][:, None] * value for value, _ in scalars for k in range(3)]
    return np.array(found), np.array([slope[k] for _, slope in scalars for k in range(3)])


def _traces(points):
    """Functions on a facet at its points of quadrature (3, n_points)."""
    return np.vstack([1 - points.sum(axis=0), points])
