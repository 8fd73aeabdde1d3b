"""Small networks for tests: structured boxes whose tets are labelled by a function of position."""

from itertools import permutations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from latticecell.materials import mechanical_laws
from latticecell.network import assemble_network
from latticecell.physics.eigenstrain import LithiumExpansion
from latticecell.physics.lattice import Lattice, domain_stiffness
from latticecell.solvers.tangent import gather_matrix, number_unknowns


def box_network(
    shape=(4, 4, 6),
    size=(1.3e-6, 1.3e-6, 2.1e-6),
    domain=None,
    rotations=None,
    jitter=0.15,
    seed=7,
    n_grains=None,
    fixed=None,
    keep=None,
):
    """Kuhn tets of a periodic grid with ``shape`` cells, inner sites moved by ``jitter`` cell sizes.

    ``domain(x_tc)`` gives the domain of each tet from its centroid (default: one medium, the ECBD);
    ``fixed(x_kc)`` marks sites that must stay on a feature (default: none but the z walls); ``keep(x_tc)``
    the tets that there are (default: all), where those left out do not move.
    """
    shape = np.asarray(shape)
    size = np.asarray(size, float)
    rotations = np.zeros((0, 3, 3)) if rotations is None else np.asarray(rotations, float)
    nx, ny, nz = shape
    grid = np.stack(np.meshgrid(np.arange(nx), np.arange(ny), np.arange(nz + 1), indexing="ij"), -1)
    x = grid.reshape(-1, 3) * (size / shape)
    rng = np.random.default_rng(seed)
    move = rng.uniform(-jitter, jitter, x.shape) * (size / shape)
    still = (grid.reshape(-1, 3)[:, 2] == 0) | (grid.reshape(-1, 3)[:, 2] == nz)
    if fixed is not None:
        still |= fixed(x)
    move[still] = 0
    index = lambda ijk: ((ijk[:, 0] % nx) * ny + ijk[:, 1] % ny) * (nz + 1) + ijk[:, 2]  # noqa: E731
    cell = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1).reshape(-1, 3)
    tets, centers = [], []
    for order in permutations(range(3)):
        corner = [cell.copy()]
        for axis in order:
            corner.append(corner[-1] + np.eye(3, dtype=int)[axis])
        tets.append(np.stack([index(c) for c in corner], 1))
        centers.append(np.mean(corner, axis=0) * (size / shape))
    tet = np.concatenate(tets).astype(np.int32)
    center = np.concatenate(centers)
    n_grains = len(rotations)
    label = np.full(len(tet), n_grains) if domain is None else np.asarray(domain(center))
    x = x + move
    x[:, :2] %= size[:2]
    void = 0.0
    if keep is not None:
        kept = keep(center)
        void = np.count_nonzero(~kept) / len(tet) * np.prod(size)
        used, tet = np.unique(tet[kept], return_inverse=True)
        x, tet, label = x[used], tet.reshape(-1, 4).astype(np.int32), label[kept]
    return assemble_network(
        box_c=size,
        x_kc=x,
        tet_tk=tet,
        domain_t=label.astype(np.int32),
        rotation_gcc=rotations,
        particle_g=np.zeros(n_grains, np.int32),
        particle_center_pc=np.array([size / 2])[: 1 if n_grains else 0],
        particle_radius_p=np.array([size.min() / 3])[: 1 if n_grains else 0],
        void_volume=void,
    )


def free_grains(lattice, eigen_tv):
    """Displacement of tied grains without surroundings: direct solve, rigid motion pinned."""
    network = lattice.network
    unknown_n, _ = number_unknowns(
        network.n_nodes, network.bond_bn[network.gb_b], np.flatnonzero(~network.is_active_n)
    )
    n = int(unknown_n.max()) + 1
    gather = sp.kron(gather_matrix(unknown_n, n), sp.identity(3), format="csr")
    matrix = (gather @ lattice.stiffness_matrix().tocsr() @ gather.T).tocsc()
    force = gather @ lattice.force(np.zeros((network.n_nodes, 3)), np.zeros(2), eigen_tv).ravel()
    node = np.flatnonzero(unknown_n >= 0)
    x = network.x_nc[node]
    a, b, c = (3 * unknown_n[node[i]] for i in (x[:, 0].argmin(), x[:, 0].argmax(), x[:, 1].argmax()))
    moving = np.setdiff1d(np.arange(3 * n), [a, a + 1, a + 2, b + 1, b + 2, c + 2])
    u = np.zeros(3 * n)
    u[moving] = splu(matrix[moving][:, moving]).solve(force[moving])
    assert np.abs(matrix @ u - force).max() < 1e-10 * np.abs(force).max()  # the pins carry nothing
    u_nc = np.zeros((network.n_nodes, 3))
    u_nc[node] = u.reshape(-1, 3)[unknown_n[node]]
    return u_nc


def pressure_errors(config, network, strain=-0.004):
    """Errors of sigma_h in the tets, and recovered at the nodes, as shares of its root mean square.

    A free sphere of tied grains strains by b (r / R)^2 in all directions, as if Li left its rim first. By
    Timoshenko and Goodier, Theory of Elasticity, chapter 13,

        sigma_h = 2 E b / (3 (1 - nu)) [3 / 5 - (r / R)^2].
    """
    laws, active, particle = mechanical_laws(config), config.materials.active, config.geometry.particles[0]
    lattice = Lattice(network, domain_stiffness(laws, network))
    own, tet = network.is_active_n, network.is_active_t
    square_n = ((network.x_nc - particle.center) ** 2).sum(axis=1) / particle.radius**2
    eigen = LithiumExpansion(laws, network).of_linear(np.where(own, strain * square_n, 0.0))
    stress = lattice.stress(free_grains(lattice, eigen), np.zeros(2), eigen)[:, :3].mean(axis=1)
    exact_n = 2 * active.youngs_modulus * strain / (3 * (1 - active.poisson_ratio)) * (0.6 - square_n)
    exact_t = exact_n[network.tet_tn].mean(axis=1)
    pairs = (
        (stress[tet], exact_t[tet], network.volume_t[tet]),
        ((lattice.recovery @ stress)[own], exact_n[own], network.volume_n[own]),
    )
    return [float(np.sqrt(v @ (found - exact) ** 2 / (v @ exact**2))) for found, exact, v in pairs]
