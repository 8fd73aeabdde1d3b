"""Limits of ``transport_errors.py`` by elements of high order: ``python benchmarks/transport_limits.py``.

Continuous elements of degree 1 to 3 (``tests/highorder.py``) conduct too well, mixed ones
(``tests/mixed.py``) too little; both need the ``compare`` extra. Networks, reaction, steps in time and the
voltage at which to stop are those of the table of the package, the operators are not.
"""

import sys
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla

from latticecell.laws.kinetics import limit_step
from latticecell.materials import electro_laws
from latticecell.output.cache import network_of
from latticecell.units import FARADAY
from tables import markdown
from transport_errors import arguments, charged, linear_problem

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from highorder import HighOrder
from mixed import Mixed

CHOICES = {"P1": (HighOrder, 1), "P2": (HighOrder, 2), "P3": (HighOrder, 3), "BDM1": (Mixed, None)}
TOLERANCE = 3e-5
MOST = 12
"""Iterations from which the factors are made anew."""
"""Largest Li that a step may lose, as a share of what the current draws in it [1]."""


class Continuous:
    """Steps of continuous elements: fields and unknowns are the same."""

    def __init__(self, network, diffusivity, permeance, degree):
        own = HighOrder(network, diffusivity, degree)
        self._mass, self._flow = own.mass, own.operator(permeance)
        self.surface, self.surface_area = own.surface, own.surface_area
        self.amount = np.asarray(own.mass.sum(axis=0)).ravel()

    def step(self, length):
        """As `Mixed.step`."""
        return self._mass / length + self._flow, lambda old: self._mass @ old / length, lambda x, old: x


class Preconditioner:
    """The diagonal, or for mixed elements, whose unknowns hang together, factors of an earlier matrix."""

    def __init__(self, direct):
        self._direct, self._factors, self.iterations = direct, None, 0

    def of(self, matrix):
        """Return what nearly solves with the matrix."""
        if not self._direct:
            diagonal = matrix.diagonal()
            return lambda r: r / diagonal
        if self._factors is None or self.iterations > MOST:
            symmetric = {"diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
            self._factors = sla.splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", **symmetric)
        return self._factors.solve

    def solve(self, matrix, product, rhs, enough):
        """Solve by conjugate gradients until the sum of the residuals is small enough."""
        near, self.iterations = self.of(matrix), 0
        x, r = np.zeros_like(rhs), rhs.copy()
        z = near(r)
        p, rz = z.copy(), r @ z
        while np.abs(r).sum() > enough:
            image = product(p)
            share = rz / (p @ image)
            x += share * p
            r -= share * image
            z = near(r)
            rz, old = r @ z, rz
            p = z + rz / old * p
            self.iterations += 1
        return x


class Charge:
    """Implicit steps at a current, with the reaction of the package at points on the surface."""

    def __init__(self, space, laws, amperes):
        self.space, self.law, self.amperes = space, laws.particle, amperes
        self.share = 1 / (FARADAY * laws.c_max)
        self.rim = np.unique(space.surface.indices)
        # a guess: the open-circuit voltage is steep where the charge starts
        self.unknown = np.full(space.surface.shape[1], 0.93 * laws.initial_stoichiometry)
        self.trend, self.voltage = np.zeros_like(self.unknown), 4.0
        self.solver = Preconditioner(isinstance(space, Mixed))

    def step(self, old, length):
        """Return fields and voltage after an implicit Euler step from ``old``."""
        space, share, area = self.space, self.share, self.space.surface_area
        matrix, source, fields = space.step(length)
        rhs, x, voltage = source(old), self.unknown.copy(), self.voltage
        x[self.rim] = limit_step(x[self.rim], x[self.rim] + self.trend[self.rim])
        rest = np.setdiff1d(np.arange(len(x)), self.rim)
        x[rest] += self.trend[rest]
        nil = np.zeros(len(area))
        drawn = share * self.amperes
        for _ in range(50):
            surface = self.law.surface(space.surface @ x, nil)
            voltage, reaction = self.law.carry(self.amperes, surface, nil, nil, area, voltage)
            residual = rhs - matrix @ x - share * (space.surface.T @ (area * reaction.current_b))
            off = np.abs(residual).sum()
            if off < TOLERANCE * drawn:
                break
            slope = share * area * reaction.slope_b
            whole = matrix + space.surface.T @ sp.diags_array(slope) @ space.surface
            pull, total = space.surface.T @ slope, slope.sum()

            def product(v, whole=whole, pull=pull, total=total):
                # the voltage follows, so that the current stays: a term of rank one, all but symmetric
                return whole @ v - pull * (pull @ v / total)

            change = self.solver.solve(whole, product, residual, max(0.01 * off, 0.3 * TOLERANCE * drawn))
            new = x + change
            new[self.rim] = limit_step(
                x[self.rim], new[self.rim]
            )  # the voltage rises like a wall at both ends
            x = new
        else:
            raise RuntimeError("no convergence")
        self.trend, self.unknown, self.voltage = x - self.unknown, x, voltage
        return fields(x, old), voltage


def limit(network, config, kind, rate, steps):
    """Li left [pmol] with elements of a kind."""
    laws = electro_laws(config)
    maker, degree = CHOICES[kind]
    given = network, laws.diffusivity, laws.permeance
    space = Continuous(*given, degree) if maker is HighOrder else Mixed(*given)
    charge = Charge(space, laws, rate * laws.one_c)
    start = np.full(len(space.amount), laws.initial_stoichiometry)
    return charged(
        charge.step, start, lambda y: 1e12 * laws.c_max * float(space.amount @ y), 3600 / rate / steps
    )


def main() -> None:
    """Print the table."""
    parser = arguments(__doc__, ["coarse"])
    parser.add_argument("--kinds", nargs="+", default=list(CHOICES), choices=list(CHOICES))
    given = parser.parse_args()
    rows = []
    for rate in given.rates:
        for seed in given.seeds:
            row = [f"{rate:g}C", seed]
            for level in given.levels:
                config = linear_problem(level, seed)
                network = network_of(config)
                for kind in given.kinds:
                    row.append(f"{limit(network, config, kind, rate, given.steps):.4f}")
                    print(f"{time.process_time():8.1f} s", level, kind, *row, file=sys.stderr, flush=True)
            rows.append(row)
    print(
        markdown(
            ["rate", "seed", *(f"{level} {kind}" for level in given.levels for kind in given.kinds)], rows
        )
    )


if __name__ == "__main__":
    main()
