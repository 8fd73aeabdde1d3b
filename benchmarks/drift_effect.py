"""What drift in the stress adds to the Li left at 4.3 V: ``python benchmarks/drift_effect.py``.

The linear problem of ``transport_errors.py`` with the dilute law of drift. Stresses are those of the grains
of the baseline, tied to each other and to nothing else, that strain alike, as the mean stoichiometry has it.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from latticecell.materials import electro_laws, mechanical_laws
from latticecell.output.cache import network_of
from latticecell.physics.eigenstrain import LithiumExpansion
from latticecell.physics.lattice import Lattice, domain_stiffness
from tables import markdown
from transport_errors import LEVELS, left, linear_problem

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from networks import free_grains


def effects(level, seed, rate, steps):
    """Li without drift, what drift adds with means over the tets of a node, and with recovered stresses."""
    config = linear_problem(level, seed, drift="dilute")
    network, laws = network_of(config), mechanical_laws(config)
    lattice = Lattice(network, domain_stiffness(laws, network))
    expansion = LithiumExpansion(laws, network)
    eigen = expansion.of_linear(np.where(network.is_active_n, 1.0, 0.0))
    mean_t = lattice.stress(free_grains(lattice, eigen), np.zeros(2), eigen)[:, :3].mean(axis=1)
    tet = network.is_active_t
    volume, node = network.volume_t[tet], network.tet_tn[tet]
    total, held = (
        np.bincount(node.ravel(), np.repeat(value, 4), network.n_nodes)
        for value in (volume * mean_t[tet], volume)
    )
    unit = electro_laws(config).psi_per_pascal
    strain = lambda mean: float(expansion.linear(np.full(network.n_nodes, mean)).min())  # noqa: E731
    found = []
    for stress in (0.0 * held, total / np.where(held > 0, held, 1.0), lattice.recovery @ mean_t):
        psi = lambda mean, stress=stress: unit * stress * strain(mean)  # noqa: E731
        found.append(left(config, network, rate, steps, psi))
    return found[0], found[1] - found[0], found[2] - found[0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", nargs="+", default=list(LEVELS), choices=list(LEVELS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=30, help="in the time in which the current passes 1C")
    given = parser.parse_args()
    rows = []
    for level in given.levels:
        without, mean, recovered = effects(level, given.seed, given.rate, given.steps)
        rows.append([level, f"{without:.3f}", f"{mean:+.3f}", f"{recovered:+.3f}"])
        print(f"{time.process_time():8.0f} s", *rows[-1], file=sys.stderr, flush=True)
    print(markdown(["network", "without drift (pmol)", "means at nodes", "recovered"], rows))


if __name__ == "__main__":
    main()
