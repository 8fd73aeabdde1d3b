"""The elastic lattice: natural-mode springs with anisotropic eigenstrain.

The six edge elongations s of a tet determine its strain, s = H eps with rows (nx^2, ny^2, nz^2, ny nz,
nx nz, nx ny). The natural stiffness N = V H^-T C H^-1 couples the springs of a tet, which frees the lattice
from the Poisson ratio 1/4 of central forces; it equals the linear tetrahedron (Argyris et al., Comput.
Methods Appl. Mech. Eng. 17, 1 (1979), the natural-mode formulation).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from latticecell._kernels import springs
from latticecell.arrays import Floats
from latticecell.laws.elastic import VOIGT, rotate_stiffness, voigt_strain
from latticecell.materials import MechanicalLaws
from latticecell.network import Network


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
        self._stiffness_tvv = stiffness_dvv[network.domain_t]
        direction_tec = network.direction_sc[network.spring_te]
        x, y, z = np.moveaxis(direction_tec, 2, 0)
        h_tev = np.stack([x * x, y * y, z * z, y * z, x * z, x * y], axis=2)
        inverse_tve = np.linalg.inv(h_tev)
        self._natural_tee = np.ascontiguousarray(
            np.einsum(
                "t,tve,tvw,twf->tef",
                network.volume_t,
                inverse_tve,
                self._stiffness_tvv,
                inverse_tve,
                optimize=True,
            )
        )

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
        strain_s = np.empty(network.n_springs)
        springs.spring_strain(
            np.ascontiguousarray(u_nc),
            strain_c,
            network.spring_sn,
            network.direction_sc,
            network.length_s,
            out=strain_s,
            n_threads=self.n_threads,
        )
        tension_te = np.empty((network.n_tets, 6))
        springs.tet_tension(
            strain_s,
            eigen_tv,
            network.direction_sc,
            self._natural_tee,
            network.spring_te,
            out=tension_te,
            n_threads=self.n_threads,
        )
        tension_s = np.empty(network.n_springs)
        springs.gather_spring_tension(
            tension_te,
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
        gradient_tcc = np.einsum("tac,tad->tcd", u_nc[self.network.tet_tn], self.network.gradient_tac)
        strain_tv = voigt_strain(gradient_tcc)
        strain_tv[:, :2] += strain_c
        return strain_tv

    def stress(self, u_nc: Floats, strain_c: Floats, eigen_tv: Floats) -> Floats:
        """Stress of every tet, (n_tets, 6) Voigt [Pa], positive in tension."""
        elastic_tv = self.strain(u_nc, strain_c) - eigen_tv
        return np.einsum("tvw,tw->tv", self._stiffness_tvv, elastic_tv)

    def energy(self, u_nc: Floats, strain_c: Floats, eigen_tv: Floats) -> float:
        """Elastic energy of the lattice [J]."""
        elastic_tv = self.strain(u_nc, strain_c) - eigen_tv
        density_t = 0.5 * np.einsum(
            "tv,tvw,tw->t", elastic_tv, self._stiffness_tvv, elastic_tv, optimize=True
        )
        return float(density_t @ self.network.volume_t)

    def hydrostatic(self, u_nc: Floats, strain_c: Floats, eigen_tv: Floats) -> Floats:
        """Mean stress sigma_h of every node, (n_nodes,) [Pa].

        The volume-weighted mean over the node's own tets, so never averaged across a grain boundary.
        """
        network = self.network
        mean_t = self.stress(u_nc, strain_c, eigen_tv)[:, :3].mean(axis=1)
        weight = np.repeat(mean_t * network.volume_t / 4, 4)
        return np.bincount(network.tet_tn.ravel(), weight, network.n_nodes) / network.volume_n

    def stiffness_matrix(self) -> sp.bsr_matrix:
        """Stiffness of the lattice, minus the derivative of `force` by ``u_nc``; 3x3 blocks [N/m]."""
        network = self.network
        i, j = VOIGT.T
        n_tets = network.n_tets
        strain_tvac = np.zeros((n_tets, 6, 4, 3))  # d strain_v / d u_ac
        for v in range(6):
            strain_tvac[:, v, :, i[v]] += network.gradient_tac[:, :, j[v]]
            if i[v] != j[v]:
                strain_tvac[:, v, :, j[v]] += network.gradient_tac[:, :, i[v]]
        b = strain_tvac.reshape(n_tets, 6, 12)
        block = np.einsum(
            "t,tvp,tvw,twq->tpq", network.volume_t, b, self._stiffness_tvv, b, optimize=True
        ).reshape(n_tets, 4, 3, 4, 3)
        rows = np.repeat(network.tet_tn, 4, axis=1).ravel()
        cols = np.tile(network.tet_tn, (1, 4)).ravel()
        return block_matrix(rows, cols, block.transpose(0, 1, 3, 2, 4).reshape(-1, 3, 3), network.n_nodes)


def block_matrix(rows: NDArray, cols: NDArray, block_k: Floats, n: int) -> sp.bsr_matrix:
    """Sum 3x3 blocks into an (3 n, 3 n) BSR matrix with sorted, unique block columns."""
    key, slot = np.unique(rows.astype(np.int64) * n + cols, return_inverse=True)
    # A sparse product sums duplicates in a fixed order, much faster than np.add.at.
    summation = sp.csr_matrix(
        (np.ones(len(slot)), np.argsort(slot, kind="stable"), np.r_[0, np.cumsum(np.bincount(slot))]),
        shape=(len(key), len(slot)),
    )
    data = (summation @ block_k.reshape(-1, 9)).reshape(-1, 3, 3)
    start = np.r_[0, np.cumsum(np.bincount(key // n, minlength=n))]
    return sp.bsr_matrix((data, key % n, start), shape=(3 * n, 3 * n))


def domain_stiffness(laws: MechanicalLaws, network: Network) -> Floats:
    """Stiffness of every domain in cell axes, (n_domains, 6, 6) [Pa]: grains, ECBD, ED."""
    grains = rotate_stiffness(laws.crystal_vv, network.rotation_gcc)
    return np.concatenate([grains, laws.ecbd_vv[None], laws.separator_vv[None]])
