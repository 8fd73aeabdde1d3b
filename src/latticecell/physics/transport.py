"""Li transport in the grains: finite volumes whose fluxes run along links of nodes.

The control volume of a node is a quarter of each of its tets. The flux from i to j is w_ij times the driving
difference, in a grain as well as through the bonds of its boundary; see `grain_links` for w in a grain.

Thermodynamic. Li flows down mu = -F U(y) - Omega sigma_h, and D is Fick's: without stress the flux of y is
-D grad y = -(D / |dU/dy|) grad(-U). So J = -D c_max [grad y - Omega / (F |dU/dy|) grad sigma_h], and along a
link

    F = w M [(g_i - psi_i) - (g_j - psi_j)],   g = -F U / RT,   M = (y_i - y_j) / (g_i - g_j),

which is w (y_i - y_j) without stress and vanishes exactly where mu is uniform, whatever U. U is that of the
reaction, with its walls at 0 and 1, so no flux leaves the bounds.

Saturating. With site exclusion and stress drift of an ideal lattice gas (Bazant-type)

    F = w [y_i (1 - y_j) exp(D/2) - y_j (1 - y_i) exp(-D/2)],   D = psi_j - psi_i,

which is w (y_i - y_j) without stress and vanishes exactly where y / (1 - y) exp(-psi) is uniform. The dilute
drift of the paper's Eq 10, F = w [y_i - y_j + (y_i + y_j) D / 2], is there to compare; it lets y exceed 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import scipy.sparse as sp

from latticecell._kernels import transport as kernels
from latticecell.arrays import Floats, Ints
from latticecell.laplacian import LinkPattern, spring_weights
from latticecell.laws.curve import MonotoneCurve
from latticecell.network import GB_BOND, Network, incidence

ALIKE = 1e-6
"""Difference of stoichiometry below which a mean between the ends is taken of their values."""


class LinkFlux(NamedTuple):
    """Fluxes along links, those in the grains first, then grain boundaries, and their derivatives [m3/s]."""

    flux_l: Floats
    slope_first_l: Floats
    slope_second_l: Floats


class Links(NamedTuple):
    """Pairs of nodes (n_links, 2) int32, and the weights of the fluxes between them (n_links,) [m3/s]."""

    link_ln: Ints
    weight_l: Floats


def grain_links(
    network: Network, diffusivity: tuple[float, float, float], tetwise: float, n_threads: int = 1
) -> Links:
    """Return the links in the grains, whose fluxes are those of -div(D grad y).

    Weights are the entries w_ij = -A_ij of a symmetric A with rows that sum to zero. With the tensor of a
    grain split into the same for all directions and the rest, D = d I + E, d the least principal value,

        A = P1(d I) + a P1(E) + (1 - a) sum_k V_k G_k^T E G_k,   G_k y = sum_T (V_T / 4) (grad y)_T / V_k,

    where P1 takes the gradient tet by tet (linear finite elements) and G_k is its mean over the tets of node
    k, which lie in one grain. Where E is nearly singular P1 conducts too well along its null space: every tet
    asks for a field that is linear across it in two directions, several times more conditions than
    there are nodes. The mean gradient asks twice per node, but does not see fields that alternate from node
    to node: the share a does. Both are exact for linear fields.

    Parameters
    ----------
    network : Network
    diffusivity : (3,) sequence of float
        Principal values of D along [100], [010], [001] [m2/s].
    tetwise : float
        The share a; 1: springs only [1].
    n_threads : int
        Threads of the kernels; results do not depend on it.
    """
    excess = np.array(diffusivity) - min(diffusivity)
    rotation, n = network.rotation_gcc, int(np.count_nonzero(network.is_active_n))
    tensor_dcc = np.zeros((network.n_grains + 2, 3, 3))
    tensor_dcc[: network.n_grains] = np.einsum("gik,k,gjk->gij", rotation, excess, rotation)
    tensor_dcc[: network.n_grains] *= tetwise
    tensor_dcc[: network.n_grains] += min(diffusivity) * np.eye(3)
    inside = network.is_active_n[network.spring_sn].all(axis=1)
    link_ln = network.spring_sn[inside]
    weight_l = spring_weights(network, tensor_dcc[network.domain_t], n_threads)[inside]
    if tetwise == 1.0 or not excess.any():
        return Links(link_ln, weight_l)
    total = sp.coo_matrix((weight_l, link_ln.T), shape=(n, n)).tocsr()
    tet = network.is_active_t
    node_taa = np.broadcast_to(network.tet_tn[tet][:, :, None], (int(np.count_nonzero(tet)), 4, 4))
    ends = node_taa.ravel(), node_taa.transpose(0, 2, 1).ravel()
    gradient_tac = 0.25 * network.volume_t[tet, None, None] * network.gradient_tac[tet]
    for axis in np.flatnonzero(excess):
        slope_ta = np.einsum("tac,tc->ta", gradient_tac, rotation[network.domain_t[tet], :, axis])
        slope_taa = np.broadcast_to(slope_ta[:, None, :], node_taa.shape)  # to every corner's mean gradient
        slope = sp.coo_matrix((slope_taa.ravel(), ends), shape=(n, n)).tocsr()
        scale = sp.diags_array((1.0 - tetwise) * excess[axis] / network.volume_n[:n])
        total = total - sp.triu(slope.T @ (scale @ slope), 1, format="csr")
    links = total.tocoo()
    return Links(np.stack([links.row, links.col], axis=1).astype(np.int32), links.data)


class Transport:
    """Flux operator on the nodes of the grains.

    Parameters
    ----------
    network : Network
    diffusivity : (3,) sequence of float
        Principal values of D along [100], [010], [001] [m2/s].
    permeance : float
        Conductance of an intact grain boundary per area [m/s].
    blocking_gap : float
        Opening over which the conductance of a grain boundary falls by e [m].
    n_threads : int
        Threads of the kernels; results do not depend on it.
    drift : {"thermodynamic", "saturating", "dilute"}
        Law of the flux along a link.
    potential : callable, needed if thermodynamic
        Gives g(y) = -F U(y) / RT and dg/dy of an array of stoichiometries.
    tetwise : float
        See `grain_links` [1].
    factor : MonotoneCurve, optional
        Factor f on D against stoichiometry; see `flux`.

    Attributes
    ----------
    link_ln : (n_links, 2) int32
        Nodes at the ends of each link.
    pattern : LinkPattern
        Of the derivative of `outflow` by the stoichiometry, both of the grain nodes.
    """

    def __init__(
        self,
        network: Network,
        diffusivity: tuple[float, float, float],
        permeance: float,
        blocking_gap: float,
        n_threads: int = 1,
        drift: Literal["thermodynamic", "saturating", "dilute"] = "saturating",
        potential: Callable[[Floats], tuple[Floats, Floats]] | None = None,
        tetwise: float = 0.1,
        factor: MonotoneCurve | None = None,
    ):
        self.network = network
        self.n_threads = n_threads
        self._factor = factor
        self._potential = potential if drift == "thermodynamic" else None
        laws: dict[str, Callable[..., None]] = {
            "thermodynamic": kernels.thermodynamic_flux,
            "saturating": kernels.saturating_flux,
            "dilute": kernels.dilute_flux,
        }
        self._flux = laws[drift]
        self._active_n = np.flatnonzero(network.is_active_n)
        self._gb_area = network.area_b[network.kind_b == GB_BOND]
        self._permeance = permeance
        self._blocking_gap = blocking_gap
        links = grain_links(network, diffusivity, tetwise, n_threads)
        self._weight_g = links.weight_l
        gb = network.bond_bn[network.kind_b == GB_BOND]
        self.link_ln = np.ascontiguousarray(np.concatenate([links.link_ln, gb]))
        self._node_links = incidence(self.link_ln.ravel(), network.n_nodes)
        self.pattern = LinkPattern.of(self.link_ln, len(self._active_n))  # these come first

    def weight(self, gap_b: Floats | None = None) -> Floats:
        """Weights of all links, those in the grains first, (n_links,) [m3/s].

        Parameters
        ----------
        gap_b : (n_bonds,) float64, optional
            Normal openings [m]; an open grain boundary conducts exp(-gap / blocking_gap) of the intact one,
            so a crack that closes conducts again. None: all boundaries intact.
        """
        share = 1.0
        if gap_b is not None:
            gap = np.maximum(gap_b[self.network.kind_b == GB_BOND], 0.0)
            share = np.exp(-gap / self._blocking_gap)
        return np.concatenate([self._weight_g, self._permeance * self._gb_area * share])

    def flux(self, stoich_n: Floats, psi_n: Floats, weight_l: Floats) -> LinkFlux:
        """Fluxes of c / c_max from the first to the second node of each link.

        A diffusivity f(y) D multiplies those in the grains by the mean of f between the ends,

            (Phi(y_i) - Phi(y_j)) / (y_i - y_j),   Phi' = f,

        so that without stress they are those of -div(D grad Phi(y)): as accurate as with f = 1, whatever D.

        Parameters
        ----------
        stoich_n : (n_nodes,) float64
            Stoichiometry y [1].
        psi_n : (n_nodes,) float64
            Stress potential Omega sigma_h / (R T) [1].
        weight_l : (n_links,) float64
            From `weight` [m3/s].
        """
        result = LinkFlux(*(np.empty(len(self.link_ln)) for _ in range(3)))
        law: list[Floats] = []  # g and its derivative, of the grain nodes
        if self._potential is not None:
            law = [np.ones(self.network.n_nodes), np.ones(self.network.n_nodes)]
            for values, found in zip(law, self._potential(stoich_n[self._active_n]), strict=True):
                values[self._active_n] = found
        self._flux(
            stoich_n,
            np.exp(0.5 * psi_n) if self._flux is kernels.saturating_flux else psi_n,
            *law,
            self.link_ln,
            weight_l,
            flux_l=result.flux_l,
            slope_first_l=result.slope_first_l,
            slope_second_l=result.slope_second_l,
            n_threads=self.n_threads,
        )
        return result if self._factor is None else self._scaled(result, stoich_n, self._factor)

    def _scaled(self, flux: LinkFlux, stoich_n: Floats, factor: MonotoneCurve) -> LinkFlux:
        """Multiply fluxes in the grains by the mean of a factor between the ends of their links."""
        inside = slice(len(self._weight_g))
        first, second = self.link_ln[inside].T
        value, integral, slope = factor.value(stoich_n), factor.integral(stoich_n), factor.slope(stoich_n)
        jump = stoich_n[first] - stoich_n[second]
        near = np.abs(jump) < ALIKE
        apart = np.where(near, 1.0, jump)
        mean = 0.5 * (value[first] + value[second])
        mean = np.where(near, mean, (integral[first] - integral[second]) / apart)
        by_first = np.where(near, 0.5 * slope[first], (value[first] - mean) / apart)
        by_second = np.where(near, 0.5 * slope[second], (mean - value[second]) / apart)
        plain = flux.flux_l[inside]
        flux.slope_first_l[inside] = mean * flux.slope_first_l[inside] + by_first * plain
        flux.slope_second_l[inside] = mean * flux.slope_second_l[inside] + by_second * plain
        flux.flux_l[inside] = mean * plain
        return flux

    def outflow(self, flux_l: Floats) -> Floats:
        """Net outflow of every node, (n_nodes,) [m3/s]; sums to zero but for round-off."""
        out = np.empty(self.network.n_nodes)
        kernels.gather_outflow(
            flux_l, self._node_links.start, self._node_links.index, out=out, n_threads=self.n_threads
        )
        return out

    def jacobian(self, flux: LinkFlux) -> sp.csr_matrix:
        """Derivative of `outflow` by the stoichiometry, both of the grain nodes, square [m3/s]."""
        return self.pattern.matrix(flux.slope_first_l, flux.slope_second_l)
