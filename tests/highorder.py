"""Li in a polycrystal by high-order finite elements of scikit-fem: an independent operator.

Elements of degree 1 to 3 on the tets of a network. Every grain has nodes of its own; grain boundaries and the
surface enter through their values at the points of quadrature on the facets.
"""

import numpy as np
import scipy.sparse as sp
import skfem
from skfem.helpers import dot, grad
from skfem.refdom import RefTet

CORNERS = np.vstack([-np.ones(3), np.eye(3)])  # gradients of the barycentric coordinates


class ElementTetP3(skfem.ElementH1):
    """Cubic Lagrange elements: corners, two points on each edge, the middle of each facet."""

    nodal_dofs, edge_dofs, facet_dofs, maxdeg, refdom = 1, 2, 1, 3, RefTet
    dofnames = ("u", "u", "u", "u")
    edges = np.array(RefTet.edges)
    facets = np.array(RefTet.facets)
    doflocs = np.vstack([
        np.vstack([np.zeros(3), np.eye(3)]),
        *(np.vstack([np.zeros(3), np.eye(3)])[edge].T @ share for edge in RefTet.edges
          for share in ([2 / 3, 1 / 3], [1 / 3, 2 / 3])),
        *(np.vstack([np.zeros(3), np.eye(3)])[facet].mean(axis=0) for facet in RefTet.facets),
    ])  # fmt: skip

    def lbasis(self, points, i):
        """Value and gradient of a basis function, as products of linear factors."""
        own = np.concatenate([[1 - points.sum(axis=0)], points])
        if i < 4:
            factor = [(i, 0.5, 0.0), (i, 3.0, -1.0), (i, 3.0, -2.0)]
        elif i < 16:
            a, b = self.edges[(i - 4) // 2][:: 1 if i % 2 == 0 else -1]
            factor = [(a, 4.5, 0.0), (b, 1.0, 0.0), (a, 3.0, -1.0)]
        else:
            factor = [(k, 3.0, 0.0) for k in self.facets[i - 16]]
        value = [slope * own[k] + shift for k, slope, shift in factor]
        slope = [s * CORNERS[k] for k, s, _ in factor]
        gradient = sum(np.multiply.outer(slope[m], value[(m + 1) % 3] * value[(m + 2) % 3]) for m in range(3))
        return value[0] * value[1] * value[2], gradient


ELEMENTS = {1: skfem.ElementTetP1, 2: skfem.ElementTetP2, 3: ElementTetP3}


class HighOrder:
    """Mass, diffusion and the facets of the grains of a network.

    Parameters
    ----------
    network : Network
    diffusivity : (3,) sequence of float
        Principal values along the crystal axes [m2/s].
    degree : int
        Of the polynomials, 1 to 3.

    Attributes
    ----------
    mass, stiffness : (n, n) sparse [m3], [m3/s]
    jump, jump_area : (n_points, n) sparse [1], (n_points,) [m2]
        Difference of both sides, and area, at the points of quadrature on grain boundaries.
    surface, surface_area : (n_points, n) sparse [1], (n_points,) [m2]
        Values and area on the surface of the particles.
    """

    def __init__(self, network, diffusivity, degree):
        mesh, tensor_tcc, pairs, outer = grain_mesh(network, diffusivity)
        element = ELEMENTS[degree]()
        basis = skfem.Basis(mesh, element, intorder=2 * degree)
        tensor = tensor_tcc.transpose(1, 2, 0)[..., None]

        @skfem.BilinearForm
        def stiffness(u, v, w):
            return dot(np.einsum("ij...,j...->i...", tensor + 0 * w.x[0], grad(u)), grad(v))

        @skfem.BilinearForm
        def mass(u, v, _):
            return u * v

        self.stiffness, self.mass = stiffness.assemble(basis).tocsr(), mass.assemble(basis).tocsr()
        facets = lambda f: skfem.FacetBasis(mesh, element, facets=f, intorder=2 * degree)  # noqa: E731
        one, other = facets(pairs[:, 0]), facets(pairs[:, 1])
        gap = np.asarray(one.global_coordinates() - other.global_coordinates())
        assert np.abs(gap).max() < 1e-9 * np.ptp(mesh.p)
        self.jump, self.jump_area = points(one) - points(other), one.dx.ravel()
        surface = facets(outer)
        self.surface, self.surface_area = points(surface), surface.dx.ravel()

    def operator(self, permeance):
        """Diffusion and grain boundaries, (n, n) [m3/s]."""
        return self.stiffness + permeance * self.jump.T @ sp.diags_array(self.jump_area) @ self.jump


def grain_mesh(network, diffusivity):
    """Tets of the grains, which share no node, with their tensors (n_tets, 3, 3) [m2/s]; grain boundaries as
    pairs of facets (n_pairs, 2), whose corners come in the same order, and the facets on the surface (n,).
    """
    tet = network.is_active_t
    node = np.flatnonzero(network.is_active_n)
    order = np.lexsort((network.site_n[node], network.domain_n[node]))  # alike in all grains
    number = np.empty(network.n_nodes, int)
    number[node[order]] = np.arange(len(node))
    corners = np.sort(number[network.tet_tn[tet]], axis=1)  # edges run one way in all tets around them
    mesh = skfem.MeshTet(np.ascontiguousarray(network.x_nc[node[order]].T), np.ascontiguousarray(corners.T))
    tensor_gcc = np.einsum("gik,k,gjk->gij", network.rotation_gcc, diffusivity, network.rotation_gcc)
    outer = mesh.boundary_facets()
    site = np.sort(network.site_n[node[order]][mesh.facets[:, outer]], axis=0)
    _, inverse, count = np.unique(site, axis=1, return_inverse=True, return_counts=True)
    twice = count[inverse] == 2
    pairs = outer[twice][np.argsort(inverse[twice], kind="stable")].reshape(-1, 2)
    return mesh, tensor_gcc[network.domain_t[tet]], pairs, outer[count[inverse] == 1]


def points(basis):
    """Matrix that takes unknowns to values at the points of quadrature, facet by facet."""
    n, q = basis.dx.shape
    row = np.arange(n * q)
    parts = [
        sp.coo_matrix(
            (np.broadcast_to(np.asarray(values[0]), (n, q)).ravel(), (row, np.repeat(dofs, q))),
            shape=(n * q, basis.N),
        )
        for values, dofs in zip(basis.basis, basis.element_dofs, strict=True)
    ]
    return sum(part.tocsr() for part in parts)
