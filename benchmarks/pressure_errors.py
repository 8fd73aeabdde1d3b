"""Errors of sigma_h towards incompressible grains: ``python benchmarks/pressure_errors.py``.

In a free sphere of 53 tied grains that strains by b (r / R)^2, see `pressure_errors` in
``tests/networks.py``.
"""

import argparse
import sys
from pathlib import Path

from latticecell import config_from_table
from latticecell.output.cache import network_of
from tables import markdown
from transport_errors import LEVELS

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from networks import pressure_errors

RATIOS = (0.25, 0.35, 0.4, 0.42, 0.45, 0.48, 0.495)


def errors(level):
    """Poisson's ratios with the errors of sigma_h in the tets and at the nodes."""
    for nu in RATIOS:
        active = {"poisson_ratio": nu, "expansion_ratio": [1.0, 1.0, 1.0]}
        config = config_from_table({"network": LEVELS[level], "materials": {"active": active}})
        yield nu, *pressure_errors(config, network_of(config))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", nargs="+", default=list(LEVELS), choices=list(LEVELS))
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
