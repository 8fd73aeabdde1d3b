"""What drift in the stress adds to the Li left at 4.3 V: ``python benchmarks/drift_effect.py``.

The charge of the baseline with the dilute law of drift and without any, on networks of rising fineness; the
mechanics are the same, and Li acts on them in both.
"""

import argparse
import sys
import time

from latticecell import config_from_table
from latticecell.output.cache import network_of
from latticecell.stepper import Stepper
from tables import markdown
from transport_errors import LEVELS


def left(level, seed, drift, tetwise):
    """Li left [pmol]."""
    config = config_from_table(
        {
            "microstructure": {"seed": seed},
            "network": LEVELS[level],
            "materials": {"active": {"stress_diffusion": drift}},
            "kinetics": {"mechanical_ocv": False},
            "protocol": {
                "current_1c_nA": 0.6672,
                "steps": [{"kind": "charge", "c_rate": 1.0, "until_V": 4.3}],
            },
            "solver": {"tetwise_flux": tetwise, "threads": 1},
        }
    )
    network = network_of(config)
    stepper = Stepper(config, network)
    state, cursor = stepper.start()
    for _ in stepper.steps(state, cursor):
        pass
    return 1e12 * stepper.electro.laws.c_max * float(network.volume_n @ state.stoich_n)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", nargs="+", default=list(LEVELS), choices=list(LEVELS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tetwise", type=float, default=0.1, help="solver.tetwise_flux")
    given = parser.parse_args()
    rows = []
    for level in given.levels:
        without, drifting = (left(level, given.seed, drift, given.tetwise) for drift in ("off", "dilute"))
        rows.append([level, f"{without:.3f}", f"{drifting:.3f}", f"{drifting - without:+.3f}"])
        print(f"{time.process_time():8.0f} s", *rows[-1], file=sys.stderr, flush=True)
    print(markdown(["network", "without drift", "dilute", "difference (pmol)"], rows))


if __name__ == "__main__":
    main()
