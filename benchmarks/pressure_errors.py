"""Errors of sigma_h towards incompressible grains: ``python benchmarks/pressure_errors.py``.

A free sphere of 53 tied grains strains by b (r / R)^2 in all directions, as if Li had left its rim first. With
<b r^2 / R^2> the mean over the sphere (Timoshenko and Goodier, Theory of Elasticity, section 151),

    sigma_h = 2 E b / (3 (1 - nu)) [3 / 5 - (r / R)^2].
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from latticecell import config_from_table
from latticecell.materials import mechanical_laws
from latticecell.output.cache import network_of
from latticecell.physics.eigenstrain import LithiumExpansion
from latticecell.physics.lattice import Lattice, domain_stiffness
from tables import markdown
from transport_errors import LEVELS

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from networks import free_grains

RATIOS = (0.25, 0.35, 0.4, 0.42, 0.45, 0.48, 0.495)
STRAIN = -0.004


def errors(level, ratios=RATIOS):
    """Yield Poisson's ratio and the errors of sigma_h in the tets and recovered at the nodes.

    Root mean squares over the volume, as shares of that of sigma_h.
    """
    for nu in ratios:
        active = {"poisson_ratio": nu, "expansion_ratio": [1.0, 1.0, 1.0]}
        config = config_from_table({"network": LEVELS[level], "materials": {"active": active}})
        network, laws = network_of(config), mechanical_laws(config)
        lattice = Lattice(network, domain_stiffness(laws, network))
        particle = config.geometry.particles[0]
        square_n = ((network.x_nc - particle.center) ** 2).sum(axis=1) / particle.radius**2
        eigen = LithiumExpansion(laws, network).of_linear(np.where(network.is_active_n, STRAIN * square_n, 0.0))
        stress = lattice.stress(free_grains(lattice, eigen), np.zeros(2), eigen)[:, :3].mean(axis=1)
        own, tet = network.is_active_n, network.is_active_t
        scale = 2 * config.materials.active.youngs_modulus * STRAIN / (3 * (1 - nu))
        exact_n = scale * (0.6 - square_n)
        exact_t = exact_n[network.tet_tn].mean(axis=1)
        found = []
        for value, exact, volume in (
            (stress[tet], exact_t[tet], network.volume_t[tet]),
            ((lattice.recovery @ stress)[own], exact_n[own], network.volume_n[own]),
        ):
            found.append(float(np.sqrt(volume @ (value - exact) ** 2 / (volume @ exact**2))))
        yield nu, *found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("levels", nargs="*", default=list(LEVELS), choices=list(LEVELS))
    given = parser.parse_args()
    found = {level: list(errors(level)) for level in given.levels}
    rows = [
        [f"{nu:g}", *(f"{100 * value:.1f}" for level in given.levels for value in found[level][i][1:])]
        for i, nu in enumerate(RATIOS)
    ]
    kinds = ("tets", "recovered")
    print(markdown(["nu", *(f"{level}, {kind}" for level in given.levels for kind in kinds)], rows))


if __name__ == "__main__":
    main()
