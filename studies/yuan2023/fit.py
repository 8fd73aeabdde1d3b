"""Emulator of the sample of `calibrate.py`, least squares, and the front of conflicting targets.

python studies/yuan2023/fit.py runs/yuan2023-sample --study runs/yuan2023

With a finished study, predictions of the coarse network are moved to the limit of a fine one, by as much as
seed 1 of the study moves between them at its own values of the unknowns.
"""

from __future__ import annotations

import argparse
import json
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from calibrate import CASES, SEEDS, UNKNOWNS, unknowns_of
from numpy.typing import NDArray
from scipy.optimize import differential_evolution
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

import latticecell as lc
from latticecell import registry
from latticecell.study.caseruns import CaseRun
from latticecell.study.estimates import Levels, estimate

Floats = NDArray[np.float64]
onset_time = registry.load(str(Path(__file__).with_name("measures.py"))).onset_time


@dataclass(frozen=True)
class Observable:
    """A printed number: how a run shows it, what the paper prints, and the miss that counts as one."""

    name: str
    case: str
    of: Callable[[CaseRun], float]
    printed: float
    unit_miss: float
    log: bool = False

    def scaled(self, value: Floats) -> Floats:
        """Return values as the emulator sees them: logarithms where they span decades."""
        return np.log(np.maximum(value, 1e-4)) if self.log else value

    def miss(self, value: Floats) -> Floats:
        """Return (value - printed) over the unit, of scaled values."""
        return (value - self.scaled(np.array(self.printed))) / self.unit_miss


def at_end(name: str, factor: float = 1.0) -> Callable[[CaseRun], float]:
    """Return a column at the end of charging."""
    return lambda run: factor * run.at(name, run.charge_end)


def at_discharge_end(name: str, factor: float = 1.0) -> Callable[[CaseRun], float]:
    """Return a column at the end of discharging."""
    return lambda run: factor * run.at(name, run.discharge_end)


def discharge_time(run: CaseRun) -> float:
    """Return the duration of discharging [s]."""
    return run.at("time_s", run.discharge_end) - run.at("time_s", run.charge_end)


PMOL: Final = 1e12
TENTH: Final = 0.1  # of a logarithm
OBSERVABLES: Final = (
    Observable("charge_1C_s", "1C", at_end("time_s"), 3103.0, 0.015 * 3103),
    Observable("Li_charge_1C_pmol", "1C", at_end("lithium_mol", PMOL), 3.203, 0.02 * 3.203),
    Observable("discharge_1C_s", "1C", discharge_time, 3008.0, 0.015 * 3008),
    Observable("Li_discharge_1C_pmol", "1C", at_discharge_end("lithium_mol", PMOL), 23.647, 0.01 * 23.647),
    Observable("onset_1C_s", "1C", onset_time, 2200.0, 0.05 * 2200),
    Observable("gap_1C_nm", "1C", at_end("gap_mean_nm"), 14.3, TENTH, log=True),
    Observable("gap_max_1C_nm", "1C", at_end("gap_max_nm"), 55.0, 2 * TENTH, log=True),
    Observable("gap_left_1C_nm", "1C", at_discharge_end("gap_mean_nm"), 0.255, 5 * TENTH, log=True),
    Observable("von_mises_max_1C_GPa", "1C", at_end("von_mises_max_GPa"), 2.64, 2 * TENTH, log=True),
    Observable("Li_charge_2C_pmol", "2C", at_end("lithium_mol", PMOL), 4.615, 0.02 * 4.615),
    Observable("Li_discharge_2C_pmol", "2C", at_discharge_end("lithium_mol", PMOL), 22.772, 0.01 * 22.772),
    Observable("gap_2C_nm", "2C", at_end("gap_mean_nm"), 13.5, TENTH, log=True),
    Observable("gap_50MPa_nm", "50MPa", at_end("gap_mean_nm"), 19.9, TENTH, log=True),
    Observable("gap_200MPa_nm", "200MPa", at_end("gap_mean_nm"), 1.1, 5 * TENTH, log=True),
    Observable("gap_500MPa_nm", "500MPa", at_end("gap_mean_nm"), 0.027, 5 * TENTH, log=True),
    Observable("gap_15MPa_nm", "15MPa", at_end("gap_mean_nm"), 12.2, TENTH, log=True),
)


@dataclass(frozen=True)
class Sample:
    """Points as shares of their ranges, the seed of each, and what runs showed, NaN where there is none.

    A point is told by the inputs that a run stored, so that rounds of samples may share a directory.
    """

    x: Floats
    seeds: Floats
    values: dict[str, Floats]

    @classmethod
    def read(cls, out: Path) -> Sample:
        """Read the finished runs of `calibrate.py`."""
        numbers: dict[tuple[float, ...], int] = {}
        found: list[tuple[int, str, float]] = []
        for path in sorted(out.glob("runs/*")):
            named = re.match(r"(\d+)_(.+)-seed(\d+)-", path.name)
            run = lc.open_run(path)
            if not named or named[2] not in CASES or run.info.get("status") != "done":
                continue
            values = unknowns_of(run.config, CASES[named[2]])
            shares = [round(u.share(values[u.name]), 6) for u in UNKNOWNS]
            number = numbers.setdefault((*shares, float(named[3])), len(numbers))
            case = CaseRun(named[2], int(named[3]), run)
            found += [(number, one.name, one.of(case)) for one in OBSERVABLES if one.case == named[2]]
        table = np.array(list(numbers))
        observed = {one.name: np.full(len(table), np.nan) for one in OBSERVABLES}
        for number, name, value in found:
            observed[name][number] = value
        return cls(table[:, :-1], table[:, -1], observed)


def seed_features(seeds: Floats) -> Floats:
    """Return seeds as one column each, (n, SEEDS)."""
    return (seeds[:, None] == np.arange(1, SEEDS + 1)).astype(float)


def lift_to_limit(study: Path) -> dict[str, float]:
    """Return what the scaled observables of seed 1 rise by from the coarse network to the limit.

    Networks are told apart by their spacing; where steps differ, too, the longest count.
    """
    found: dict[str, float] = {}
    for name, case in CASES.items():
        runs: dict[float, tuple[float, CaseRun]] = {}
        for path in sorted(study.glob(f"runs/{case.file}-seed1-*")):
            run = lc.open_run(path)
            spacing, step = run.config.network.spacing, run.config.solver.dt_max
            if run.info.get("status") == "done" and step > runs.get(spacing, (0.0,))[0]:
                runs[spacing] = (step, CaseRun(name, 1, run))
        if len(runs) < 2:
            continue
        spacings = sorted(runs, reverse=True)
        sizes = [runs[h][1].run.info["network"]["sites"] ** (-1 / 3) for h in spacings]
        for one in OBSERVABLES:
            if one.case == name:
                values = [float(one.scaled(np.array(one.of(runs[h][1])))) for h in spacings]
                found[one.name] = estimate([Levels(sizes, values)]).value - values[0]
    return found


class Emulator:
    """A Gaussian process for each observable: anisotropic, with seeds as features; means over the seeds."""

    def __init__(self, runs: Sample, lift: Mapping[str, float]):
        self._models = {}
        self._lift = lift
        self.left_out: dict[str, float] = {}
        features = np.hstack((runs.x, seed_features(runs.seeds)))
        for one in OBSERVABLES:
            y = one.scaled(runs.values[one.name])
            there = np.isfinite(y)
            model = _process(features[there], y[there])
            self._models[one.name] = model
            self.left_out[one.name] = _leave_one_out(model, features[there], y[there]) / one.unit_miss

    def predict(self, x: Floats) -> dict[str, tuple[Floats, Floats]]:
        """Return the scaled means over the seeds and their deviations, (n,) each, by observable."""
        n = len(x)
        rows = np.vstack([np.hstack((x, np.tile(np.eye(SEEDS)[s], (n, 1)))) for s in range(SEEDS)])
        found = {}
        for name, model in self._models.items():
            mean, deviation = model.predict(rows, return_std=True)
            mean = mean.reshape(SEEDS, n).mean(axis=0) + self._lift.get(name, 0.0)
            found[name] = (mean, deviation.reshape(SEEDS, n).mean(axis=0))
        return found


def _process(x: Floats, y: Floats) -> GaussianProcessRegressor:
    lengths = np.concatenate((np.full(len(UNKNOWNS), 1.5), np.full(SEEDS, 3.0)))
    kernel = ConstantKernel(1.0, (0.1, 100)) * RBF(lengths, (0.3, 30)) + WhiteKernel(1e-2, (1e-5, 0.5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a length at its bound: that unknown is idle
        return GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=1).fit(
            x, y
        )


def _leave_one_out(model: GaussianProcessRegressor, x: Floats, y: Floats) -> float:
    """Return the root mean square of left-out errors (Rasmussen, Williams 2006, Eq 5.12)."""
    inverse = np.linalg.inv(model.kernel_(x))
    scaled = (y - y.mean()) / y.std()
    return float(np.sqrt(np.mean(((inverse @ scaled) / np.diag(inverse)) ** 2)) * y.std())


GROUPS: Final = {
    "strengths": ("gap_1C_nm", "gap_max_1C_nm", "gap_50MPa_nm", "gap_200MPa_nm", "gap_500MPa_nm"),
    "responses": ("onset_1C_s", "gap_1C_nm", "gap_2C_nm", "gap_15MPa_nm", "von_mises_max_1C_GPa"),
    "lithium": (
        "charge_1C_s",
        "Li_charge_1C_pmol",
        "Li_charge_2C_pmol",
        "Li_discharge_1C_pmol",
        "discharge_1C_s",
    ),
}
"""Targets that pull together: what the strength of the interface decides, what else moves gaps, and Li."""


def misses(emulator: Emulator, x: Floats) -> dict[str, Floats]:
    """Return the root mean square miss of each group at points, (n,) each, in units."""
    found = emulator.predict(x)
    square = {one.name: one.miss(found[one.name][0]) ** 2 for one in OBSERVABLES}
    return {
        group: np.sqrt(np.mean([square[name] for name in names], axis=0)) for group, names in GROUPS.items()
    }


def best(emulator: Emulator, weight: float) -> Floats:
    """Return the point with the least misses, (n_unknowns,); ``weight`` is that of the strengths."""

    def cost(x: Floats) -> Floats:
        found = misses(emulator, x.T)
        return (
            weight * found["strengths"] ** 2
            + (1 - weight) * found["responses"] ** 2
            + 0.5 * found["lithium"] ** 2
        )

    bounds = [(0.0, 1.0) for _ in UNKNOWNS]
    found = differential_evolution(
        cost, bounds, vectorized=True, updating="deferred", rng=1, popsize=10, maxiter=150, polish=False
    )
    return np.asarray(found.x)


def main() -> None:
    """Fit what is there and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--study", type=Path, help="finished study, for what finer networks change")
    parser.add_argument("-o", "--front", type=Path, help="JSON file for the front")
    asked = parser.parse_args()
    runs = Sample.read(asked.out)
    lift = lift_to_limit(asked.study) if asked.study else {}
    emulator = Emulator(runs, lift)
    for name, error in emulator.left_out.items():
        print(
            f"{name:24s} {np.isfinite(runs.values[name]).sum():3d} runs, left-out error {error:.2f} units, "
            f"limit {lift.get(name, 0.0):+.3f}"
        )
    front = []
    for weight in (0.1, 0.3, 0.5, 0.7, 0.9):
        at = best(emulator, weight)
        found = misses(emulator, at[None])
        print(f"weight {weight}:", *(f"{group} {float(miss[0]):.2f}" for group, miss in found.items()))
        front.append({u.name: u.at(s) for u, s in zip(UNKNOWNS, at, strict=True)})
        print("   ", *(f"{name} {value:.4g}" for name, value in front[-1].items()))
        told = emulator.predict(at[None])
        for one in OBSERVABLES:
            value = float(told[one.name][0][0])
            print(f"        {one.name} {np.exp(value) if one.log else value:.4g} ({one.printed:g})")
    if asked.front:
        asked.front.write_text(json.dumps(front, indent=1) + "\n")


if __name__ == "__main__":
    main()
