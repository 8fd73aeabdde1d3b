"""The elastic lattice: natural-mode springs with anisotropic eigenstrain.

A tet under stress pulls along its six edges with tensions T that add up to it, V sigma = sum T L n n. They
couple the springs of a tet, which frees the lattice from the Poisson ratio 1/4 of central forces; it equals
the linear tetrahedron (Argyris et al., Comput. Methods Appl. Mech. Eng. 17, 1 (1979), the natural-mode
formulation). With the gradients g of the barycentric coordinates, T_ab = -V L g_a . sigma . g_b, since
sum x_a g_a is the identity and sum g_a is zero.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import scipy.sparse as sp

from latticecell._kernels import springs
from latticecell.arrays import Floats
from latticecell.laws.elastic import rotate_stiffness
from latticecell.materials import MechanicalLaws
from latticecell.network import Network
from latticecell.recovery import recovery_matrix


class Lattice:
    """Elastic operator of a network.

    Parameters
    ----------
    network : Network
    stiffness_dvv : (n_domains, 6, 6) float64
        Stiffness of each domain in cell axes [Pa], Voigt: grains, ECBD, ED.
    n_threads : int
        Threads of the kernels; results do not depend on it.
    """

    def __init__(self, network: Network, stiffness_dvv: Floats, n_threads: int = 1):
        self.network = network
        self.n_threads = n_threads
        self._stiffness_dvv = np.ascontiguousarray(stiffness_dvv)

    def tension(self, u_nc: Floats, strain_c: Floats, eigen_tv: Floats) -> Floats:
        """Tension of every spring, (n_springs,) [N], positive in tension.

        Parameters
        ----------
        u_nc : (n_nodes, 3) float64
            Periodic part of the displacement [m].
        strain_c : (2,) float64
            Mean lateral strain along x and y [1].
        eigen_tv : (n_tets, 6) float64
            Eigenstrain, Voigt with engineering shears [1].
        """
        network = self.network
        tension_s = np.empty(network.n_springs)
        springs.gather_spring_tension(
            self.stress(u_nc, strain_c, eigen_tv),
            network.gradient_tac,
            network.volume_t,
            network.length_s,
            network.spring_tets.start,
            network.spring_tets.index,
            out=tension_s,
            n_threads=self.n_threads,
        )
        return tension_s

    def gather(self, tension_s: Floats) -> Floats:
        """Force of springs under tension on every node, (n_nodes, 3) [N]."""
        network = self.network
        force_nc = np.empty((network.n_nodes, 3))
        springs.gather_spring_force(
            tension_s,
            network.direction_sc,
            network.node_springs.start,
            network.node_springs.index,
            out=force_nc,
            n_threads=self.n_threads,
        )
        return force_nc

    def force(self, u_nc: Floats, strain_c: Floats, eigen_tv: Floats) -> Floats:
        """Force of the springs on every node, (n_nodes, 3) [N]."""
        return self.gather(self.tension(u_nc, strain_c, eigen_tv))

    def strain(self, u_nc: Floats, strain_c: Floats) -> Floats:
        """Total strain of every tet, (n_tets, 6) Voigt with engineering shears [1]."""
        network = self.network
        strain_tv = np.empty((network.n_tets, 6))
        springs.tet_strain(
            np.ascontiguousarray(u_nc),
            strain_c,
            network.tet_tn,
            network.gradient_tac,
            out=strain_tv,
            n_threads=self.n_threads,
        )
        return strain_tv

    def stress(self, u_nc: Floats, strain_c: Floats, eigen_tv: Floats) -> Floats:
        """Stress of every tet, (n_tets, 6) Voigt [Pa], positive in tension."""
        return self._stress(self.strain(u_nc, strain_c), eigen_tv)

    def energy(self, u_nc: Floats, strain_c: Floats, eigen_tv: Floats) -> float:
        """Elastic energy of the lattice [J]."""
        strain_tv = self.strain(u_nc, strain_c)
        twice_t = np.einsum("tv,tv->t", strain_tv - eigen_tv, self._stress(strain_tv, eigen_tv))
        return 0.5 * float(twice_t @ self.network.volume_t)

    def _stress(self, strain_tv: Floats, eigen_tv: Floats) -> Floats:
        stress_tv = np.empty((self.network.n_tets, 6))
        springs.tet_stress(
            strain_tv,
            eigen_tv,
            self._stiffness_dvv,
            self.network.domain_t,
            out=stress_tv,
            n_threads=self.n_threads,
        )
        return stress_tv

    def hydrostatic(self, u_nc: Floats, strain_c: Floats, eigen_tv: Floats) -> Floats:
        """Mean stress sigma_h at the nodes of grains, 0 at others, (n_nodes,) [Pa].

        Recovered from the tets of a node's own grain, see `recovery`, so never across a grain boundary.
        """
        mean_t = self.stress(u_nc, strain_c, eigen_tv)[:, :3].mean(axis=1)
        return np.asarray(self.recovery @ mean_t)

    @cached_property
    def recovery(self) -> sp.csr_matrix:
        """What takes values of tets to the nodes of grains, (n_nodes, n_tets)."""
        return recovery_matrix(self.network)

    def stiffness_matrix(self) -> sp.bsr_matrix:
        """Stiffness of the lattice, minus the derivative of `force` by ``u_nc``; 3x3 blocks [N/m]."""
        network = self.network
        n, ends = network.n_nodes, network.spring_sn
        block_scc = np.empty((network.n_springs, 3, 3))
        springs.gather_spring_stiffness(
            self._stiffness_dvv,
            network.domain_t,
            network.gradient_tac,
            network.volume_t,
            network.tet_tn,
            ends,
            network.spring_tets.start,
            network.spring_tets.index,
            out=block_scc,
            n_threads=self.n_threads,
        )
        own_ncc = np.zeros((n, 3, 3))  # a translation costs nothing
        np.subtract.at(own_ncc, ends[:, 0], block_scc)
        np.subtract.at(own_ncc, ends[:, 1], block_scc.transpose(0, 2, 1))
        own_ncc = 0.5 * (own_ncc + own_ncc.transpose(0, 2, 1))
        every = np.arange(n, dtype=np.int32)
        rows, cols = np.concatenate([ends, ends[:, ::-1], np.stack([every, every], axis=1)]).T
        order = np.lexsort((cols, rows))
        block = np.concatenate([block_scc, block_scc.transpose(0, 2, 1), own_ncc])[order]
        start = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=n)))).astype(np.int32)
        return sp.bsr_matrix((block, cols[order], start), shape=(3 * n, 3 * n))


def domain_stiffness(laws: MechanicalLaws, network: Network) -> Floats:
    """Stiffness of every domain in cell axes, (n_domains, 6, 6) [Pa]: grains, ECBD, ED."""
    grains = rotate_stiffness(laws.crystal_vv, network.rotation_gcc)
    return np.concatenate([grains, laws.ecbd_vv[None], laws.separator_vv[None]])
