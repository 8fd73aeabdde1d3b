"""A strip of two grains with a long crack between them, whose energy release rate is known exactly.

The strip is as high as its box, periodic along x and y, and held at both walls. Far ahead of a crack its
strain is uniform and far behind there is none, so a front that moves by a length releases what was stored
over that length, G = (M d_z^2 + mu d_x^2) / (2 H), for a displacement d of one wall against the other and the
moduli of uniaxial strain M and of shear mu (Rice, J. Appl. Mech. 35, 379 (1968)). The strip is its own mirror
image, so opening and shear do not mix: the second term is the share of mode II.
"""

from dataclasses import replace

import numpy as np

from latticecell import SolveError, State, config_from_table
from latticecell.laws.elastic import isotropic_stiffness
from latticecell.materials import mechanical_laws
from latticecell.meshing.generate import _generate
from latticecell.meshing.geometry import FREE, IN_PLANE, UM, CellGeometry, Constraints, Grading
from latticecell.network import assemble_network
from latticecell.physics.mechanics import Mechanics

YOUNG, POISSON = 78e9, 0.25
UNIAXIAL, SHEAR = np.diag(isotropic_stiffness(YOUNG, POISSON))[[0, 3]]


class StripGeometry(CellGeometry):
    """Two layers and no particles; the spacing grows from the plane between them."""

    volume_p = np.zeros(0)

    def __init__(self, box, spacing, growth):
        grading = Grading(spacing, box[1] / 4, growth, spacing)
        super().__init__(box, box[2] / 2, np.zeros(0, np.int32), grading)

    def depth(self, x):
        return np.abs(x[:, 2] - self.interface_z)

    def domain(self, x):
        return (x[:, 2] >= self.interface_z).astype(int)

    def feature_distance(self, x):
        return np.abs(x[:, 2:] - [0.0, self.interface_z, self.box[2]]).min(axis=1)

    def boundary_distance(self, x):
        return self.depth(x)

    def least_spacing(self, z):
        return float(self.spacing_at(np.array([[0.0, 0.0, z]]))[0])

    def same_body(self, x, labels, y, others):
        return False

    def candidates(self, rng):
        return iter(())

    def project(self, x, labels):
        y, meets = np.array(x), np.array([len(label) > 1 for label in labels], bool)
        y[meets, 2] = self.interface_z
        return y

    def constraints(self, sites):
        flat = sites.dim == 2
        axis = np.where(flat[:, None], [0.0, 0.0, 1.0], 0.0)
        kind = np.where(flat, IN_PLANE, FREE).astype(np.int32)
        return Constraints(kind, axis, np.zeros(axis.shape), np.zeros(len(axis)))

    def strayed(self, sites, y, kind):
        return np.zeros(len(y), bool)

    def swelling(self, x, particle, volume, slope):
        raise AssertionError("there are no particles")


def flat_network(geometry, seed):
    """Network, made by the generator, of a box of two grains that meet in a plane."""
    sites, tet, domain = _generate(geometry, [seed, 1, 0])
    used, tet = np.unique(tet, return_inverse=True)
    box = geometry.box * UM
    return assemble_network(
        box_c=box,
        x_kc=geometry.wrap(sites.x[used]) * UM,
        tet_tk=tet.reshape(-1, 4),
        domain_t=domain,
        rotation_gcc=np.stack([np.eye(3)] * 2),
        particle_g=np.zeros(2, np.int32),
        particle_center_pc=np.array([box / 2]),
        particle_radius_p=np.array([box[2]]),
    )


def strip_network(length, width, height, spacing, growth=0.25, seed=5):
    """Network of two grains that meet halfway up; sizes in m."""
    return flat_network(StripGeometry(np.array([length, width, height]) / UM, spacing / UM, growth), seed)


class Strip:
    """A strip between two walls that move: `Mechanics` with both walls held.

    ``keys`` are those of a file's section ``grain_boundary``. Rows of a crack that ran hold the energy
    release rate [J/m2], the area that broke [m2], what bonds and their drag lost, and what is stored [J].
    """

    def __init__(self, network, strength, energy, **keys):
        boundary = {
            "mode": "breakable",
            "strength_MPa": strength * 1e-6,
            "fracture_energy_J_per_m2": energy,
            "residual_stiffness_Pa_per_m": 1e9,
            "viscosity_s": 1.0,
        }
        active = {"youngs_modulus_GPa": YOUNG * 1e-9, "poisson_ratio": POISSON}
        solver = {"mechanics_iterations": 20}
        config = config_from_table(
            {"materials": {"active": active}, "grain_boundary": {**boundary, **keys}, "solver": solver}
        )
        self.network, self.energy = network, energy
        self.walls_n = np.concatenate([network.collector_n, network.lithium_n])
        held = replace(network, collector_n=self.walls_n)
        self.mechanics = Mechanics(mechanical_laws(config), held, config.solver)
        self.no_strain = np.zeros((network.n_tets, 6))

    def wall(self, release_rate, sliding):
        """Displacement of the upper wall at an energy release rate [J/m2] of which a share is of mode II."""
        height = self.network.box_c[2]
        x, z = np.sqrt(2 * height * release_rate * np.array([sliding / SHEAR, (1 - sliding) / UNIAXIAL]))
        return np.array([x, 0.0, z])

    def uniform(self, wall_c):
        """Displacement of every node of a strip without a crack."""
        return self.network.x_nc[:, 2:] / self.network.box_c[2] * wall_c

    def cracked(self, share, history):
        """State with a crack over a share of the length, its bonds with that history; and which these are."""
        network = self.network
        state = State.zeros(network, self.mechanics.bonds.n_columns)
        along = network.x_nc[network.bond_bn[:, 0], 0] / network.box_c[0]
        crack_b = np.abs(along - 0.5) > 0.5 - 0.5 * share
        state.history_bh[crack_b, : len(history)] = history
        return state, crack_b

    def move(self, state, wall_c, dt, guess_nc):
        """Bring the upper wall to a displacement within a time."""
        guess_nc[self.walls_n] = self.uniform(wall_c)[self.walls_n]
        found = self.mechanics.solve(self.no_strain, state, dt, guess_nc)
        for name in ("u_nc", "history_bh", "gap_b"):
            getattr(state, name)[...] = getattr(found, name)
        return found.newton_iterations

    def run(self, state, rates, duration, sliding=0.0, until=1.0):
        """Raise the energy release rate from the first to the last of ``rates``; rows until a share broke."""
        mechanics, area_b = self.mechanics, self.network.area_b
        intact = ~mechanics.broken(state)
        before = mechanics.energies(state, self.no_strain).gb_dissipated
        unit = self.wall(1.0, sliding)
        size = np.sqrt(rates[0])
        self.move(state, size * unit, np.inf, self.uniform(size * unit))
        time, dt, drag, rows = 0.0, duration / 50, 0.0, []
        while time < duration:
            old = mechanics.bonds.opening(state.u_nc)
            new = np.sqrt(np.interp(time + dt, (0, duration), rates))
            try:
                newton = self.move(state, new * unit, dt, state.u_nc * (new / size))
            except SolveError:
                dt *= 0.4
                assert dt > 1e-6 * duration
                continue
            jump = mechanics.bonds.opening(state.u_nc) - old
            drag += float(np.sum(mechanics.bonds.drag(jump / dt) * jump))
            time, size = time + dt, new
            energy = mechanics.energies(state, self.no_strain)
            broken = area_b @ (mechanics.broken(state) & intact)
            rows.append((size**2, broken, energy.gb_dissipated - before, drag, energy.elastic))
            if rows[-1][1] > until * (area_b @ intact):
                break
            if newton <= 12:
                dt = min(1.5 * dt, duration / 20)
        return np.array(rows)
