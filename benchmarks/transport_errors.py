"""Li left at 4.3 V by resolution, seed and rate: ``python benchmarks/transport_errors.py``.

A charge of the baseline particle in which nothing but diffusion in the grains is hard: no stress, uniform
potentials, no contact resistance, grain boundaries that conduct well. What is left then tells the error of
the fluxes alone.
"""

import argparse
import sys
import time

import numpy as np
from scipy.optimize import brentq

from latticecell import config_from_table
from latticecell.controls import Current
from latticecell.electrochemistry import Electrochemistry
from latticecell.materials import electro_laws
from latticecell.output.cache import network_of
from latticecell.state import State
from latticecell.units import FARADAY
from tables import markdown

LEVELS = {  # about 2.2k, 4k and 8k sites
    "coarse": {"spacing_um": 0.85, "spacing_max_um": 3.0, "growth": 0.4},
    "medium": {"spacing_um": 0.68, "spacing_max_um": 2.5, "growth": 0.35},
    "fine": {"spacing_um": 0.52, "spacing_max_um": 2.0, "growth": 0.3},
}
VOLTS = 4.3
SHARES = (1.0, 0.1, 0.0)


def linear_problem(level, seed, tetwise=0.1, drift="off"):
    """Return the configuration."""
    return config_from_table(
        {
            "microstructure": {"seed": seed},
            "network": LEVELS[level],
            "materials": {
                "active": {"stress_diffusion": drift},
                "ecbd": {"ionic_conductivity_S_per_m": 1e3, "electronic_conductivity_S_per_m": 1e5},
                "separator": {"ionic_conductivity_S_per_m": 1e3},
            },
            "interface": {"resistance_ohm_m2": 0.0},
            "grain_boundary": {"permeance_m_per_s": 2e-6},
            "kinetics": {
                "exchange_current_A_per_m2": 200.0,
                "lithium_exchange_current_A_per_m2": 1e5,
                "mechanical_ocv": False,
            },
            "protocol": {"current_1c_nA": 0.6672},
            "solver": {"tetwise_flux": tetwise, "threads": 1},
        }
    )


def charged(step, stoich, amount, dt):
    """Li when the voltage is reached, by steps of second order, in units of ``amount(stoich)``.

    ``step(origin, length)`` takes an implicit Euler step and returns stoichiometry and voltage. The
    last step is as long as it takes.
    """
    last = None
    while True:

        def advance(h, stoich=stoich, last=last):
            if last is None:
                return step(stoich, h)
            return step(stoich + h**2 / (2 * h + dt) * (stoich - last) / dt, h * (h + dt) / (2 * h + dt))

        new, voltage = advance(dt)
        if voltage > VOLTS:
            h = brentq(lambda h: advance(h)[1] - VOLTS, 1e-6 * dt, dt, xtol=1e-4 * dt)
            return amount(advance(h)[0])
        last, stoich = stoich, new


def lattice(level, seed, rate, tetwise, steps):
    """Li left [pmol] with the fluxes of the package."""
    config = linear_problem(level, seed, tetwise)
    network = network_of(config)
    return left(config, network, rate, steps, lambda mean: np.zeros(network.n_nodes))


def left(config, network, rate, steps, psi):
    """Li left [pmol] with stress potentials ``psi(mean stoichiometry)`` (n_nodes,)."""
    laws = electro_laws(config)
    solver, state = Electrochemistry(laws, network, config.solver), State.zeros(network)
    solver.initial(state)
    gap, control = np.zeros(network.n_bonds), Current(rate * laws.one_c)
    amount = lambda y: laws.c_max * float(network.volume_n @ y)  # noqa: E731
    whole = laws.c_max * float(network.volume_n[network.is_active_n].sum())

    def step(origin, length):
        mean = (amount(origin) - control.amperes * length / FARADAY) / whole
        found = solver.solve(state, length, control, gap_b=gap, psi_n=psi(mean), origin_n=origin)
        for name in ("stoich_n", "phi_s_n", "phi_l_n", "current_b", "voltage"):
            getattr(state, name)[...] = getattr(found, name)
        return found.stoich_n, found.voltage

    return 1e12 * charged(step, state.stoich_n.copy(), amount, 3600 / rate / steps)


def arguments(about: str | None, levels: list[str]) -> argparse.ArgumentParser:
    """Return what a table of levels, seeds and rates is asked for."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--levels", nargs="+", default=levels, choices=list(LEVELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3, 4])
    parser.add_argument("--rates", nargs="+", type=float, default=[0.1, 1.0, 2.0])
    parser.add_argument("--steps", type=int, default=30, help="in the time in which the current passes 1C")
    return parser


def main() -> None:
    """Print the table."""
    given = arguments(__doc__, list(LEVELS)).parse_args()
    rows = []
    for rate in given.rates:
        for seed in given.seeds:
            row = [f"{rate:g}C", seed]
            for level in given.levels:
                for tetwise in SHARES:
                    row.append(f"{lattice(level, seed, rate, tetwise, given.steps):.3f}")
            rows.append(row)
            print(f"{time.process_time():8.0f} s", *row, file=sys.stderr, flush=True)
    kinds = [f"{share:g}" for share in SHARES]
    print(markdown(["rate", "seed", *(f"{level} {kind}" for level in given.levels for kind in kinds)], rows))


if __name__ == "__main__":
    main()
