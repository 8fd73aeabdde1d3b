"""Cracks with known energy release rates beside the strip: discs in a block, and beams."""

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from latticecell import State, config_from_table
from latticecell.materials import mechanical_laws
from latticecell.meshing.geometry import UM
from latticecell.physics.joints import Joints
from latticecell.physics.mechanics import Mechanics
from networks import box_network
from strips import POISSON, YOUNG, StripGeometry, flat_network

PLANE_STRAIN = YOUNG / (1 - POISSON**2)


class DiscGeometry(StripGeometry):
    """A strip whose spacing grows from a disc in the middle of its plane."""

    def __init__(self, box, spacing, growth, radius):
        super().__init__(box, spacing, growth)
        self.radius = radius

    def depth(self, x):
        d = x - self.box / 2
        return np.hypot(np.maximum(np.hypot(d[:, 0], d[:, 1]) - self.radius, 0.0), d[:, 2])

    def least_spacing(self, z):
        return float(self.spacing_at(np.array([[*self.box[:2] / 2, z]]))[0])


def disc_network(radius, spacing, size=8.0, growth=0.1, seed=5):
    """Cube of ``size`` radii of two grains that meet halfway up, fine around a disc; lengths in m."""
    box = np.full(3, size * radius)
    return flat_network(DiscGeometry(box / UM, spacing / UM, growth, 1.2 * radius / UM), seed)


class Beam:
    """A beam along z of two arms that lie on each other, of height 1 um each along x, in plane strain.

    Arms are ``cells`` spacings high. Bonds are linear; those at z below ``crack`` um are broken. The far end
    is held; forces must balance, so that it holds nothing.
    """

    def __init__(self, cells, length, crack):
        h = UM / cells
        shape = (2 * cells + 2, 3, round(length * cells))
        middle, top, end = UM, 2 * UM, (shape[2] - 1) * h
        network = box_network(
            shape, np.array(shape) * h,
            lambda x: ((x[:, 0] > middle) & (x[:, 2] < end)).astype(int), np.stack([np.eye(3)] * 2),
            fixed=lambda x: np.abs(x[:, [0]] - [0.0, middle, top]).min(axis=1) < 0.1 * h,
            keep=lambda x: x[:, 0] < top, jitter=0.1,
        )  # fmt: skip
        boundary = {"mode": "breakable", "strength_MPa": 1e4, "fracture_energy_J_per_m2": 1e3}
        boundary["residual_stiffness_Pa_per_m"] = 1e9
        active = {"youngs_modulus_GPa": YOUNG * 1e-9, "poisson_ratio": POISSON}
        config = config_from_table(
            {
                "materials": {"active": active},
                "grain_boundary": boundary,
                "mechanics": {"wall": "lithium_fixed"},
            }
        )
        self.network, self.spacing, self.width = network, h, network.box_c[1]
        self.mechanics = Mechanics(mechanical_laws(config), network, config.solver)
        self.state = State.zeros(network, self.mechanics.bonds.n_columns)
        self.z_b = network.x_nc[network.bond_bn[:, 0], 2]
        self.state.history_bh[self.z_b < crack * UM - 0.5 * h] = 1.0
        # The walls of a cell are at its ends: the far one is held here, and the near one loaded.
        self.free = np.setdiff1d(np.arange(network.n_nodes), network.lithium_n)

    def force_at(self, x, z, upper):
        """Nodal force field of a unit of force per width along x at a height and a length [um]."""
        network = self.network
        at = np.abs(network.x_nc[:, [0, 2]] - [x * UM, z * UM]).max(axis=1) < 0.5 * self.spacing
        at &= network.domain_n == int(upper)
        result = np.zeros((network.n_nodes, 3))
        result[at, 0] = self.width / np.count_nonzero(at)
        return result

    def load(self, force_nc):
        """Bring the beam into equilibrium with nodal forces, directly, and return its joints."""
        network, bonds = self.network, self.mechanics.bonds
        ajar = 1e-12 * network.normal_bc  # the crack is nowhere in contact
        tangent = bonds.respond(ajar, ajar, self.state.history_bh, np.inf, "secant").tangent_bcc
        matrix = self.mechanics.lattice.stiffness_matrix()
        (first, second), t = network.bond_bn.T, tangent
        matrix = matrix.tocsr() + _springs(first, second, t, network.n_nodes)
        dof = (3 * self.free[:, None] + np.arange(3)).ravel()
        u = np.zeros(3 * network.n_nodes)
        u[dof] = sla.spsolve(matrix[dof][:, dof].tocsc(), force_nc.ravel()[dof], permc_spec="MMD_AT_PLUS_A")
        self.state.u_nc[...] = u.reshape(-1, 3)
        return Joints.of(self.mechanics, self.state, np.zeros((network.n_tets, 6)))

    def ahead(self, crack, reach):
        """Bonds from the front to a distance ahead of it [um]."""
        near = self.z_b > crack * UM - 0.5 * self.spacing
        return near & (self.z_b < (crack + reach) * UM - 0.5 * self.spacing)


def _springs(first, second, tangent_bcc, n):
    """Stiffness matrix of springs between nodes."""
    rows, cols, values = [], [], []
    for a, b, sign in ((first, first, 1), (second, second, 1), (first, second, -1), (second, first, -1)):
        rows.append(np.repeat(3 * a[:, None] + np.arange(3), 3, axis=1).ravel())
        cols.append(np.tile(3 * b[:, None] + np.arange(3), (1, 3)).ravel())
        values.append(sign * tangent_bcc.ravel())
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(cols)))
    return sp.csr_matrix(entries, shape=(3 * n, 3 * n))
