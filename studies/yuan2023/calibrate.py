"""A space-filling sample of what the paper does not print, as a study: docs/calibration.md.

python studies/yuan2023/calibrate.py
python studies/yuan2023/fit.py runs/yuan2023-sample -o front.json
python studies/yuan2023/calibrate.py --around front.json --points 10  # once more near the front; fit again
python studies/yuan2023/calibrate.py --finalists front.json -o runs/yuan2023-finalists
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

import latticecell as lc

Floats = NDArray[np.float64]
HERE: Final = Path(__file__).resolve().parent
RUNS: Final = Path("runs/yuan2023-sample")
SEEDS: Final = 5
MARGIN: Final = 0.1  # of a range, on both sides of points found before


@dataclass(frozen=True)
class Unknown:
    """A quantity that the paper does not print, and the range in which it is sought."""

    name: str
    low: float
    high: float
    log: bool = False

    def at(self, share: float) -> float:
        """Return the value at a share of the range, 0 to 1."""
        if self.log:
            return float(self.low * (self.high / self.low) ** share)
        return float(self.low + (self.high - self.low) * share)

    def share(self, value: float) -> float:
        """Return where a value lies in the range, 0 to 1."""
        low, high, at = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return (at - low) / (high - low)


UNKNOWNS: Final = (
    Unknown("amplitude", 1.0, 2.0),  # factor on a third of the volume change
    Unknown("frozen_below", 0.0, 0.2427),  # stoichiometry where the volume stops to change
    Unknown("E_ECBD_GPa", 10.0, 150.0, log=True),
    Unknown("shear_toughness", 1.0, 100.0, log=True),  # relative to that in opening
    Unknown("drift_m3_per_mol", 1e-6, 5e-6),  # Omega_d times the amplitude: stresses grow with that
    Unknown("i0_A_per_m2", 50.0, 400.0, log=True),
    Unknown("R0_ohm_m2", 1e-5, 5e-4, log=True),
    Unknown("gap_R_nm", 8.0, 40.0, log=True),
)


@dataclass(frozen=True)
class Case:
    """A case of the paper: its input, theta33, toughness, and whether it ends at the end of charging."""

    file: str
    theta33: float = -1.0
    toughness: float = 1.0
    charge_only: bool = False


CASES: Final = {
    "1C": Case("baseline"),
    "2C": Case("rate_2C"),
    "50MPa": Case("strength_50MPa", toughness=0.5, charge_only=True),
    "200MPa": Case("strength_200MPa", toughness=2.0, charge_only=True),
    "500MPa": Case("strength_500MPa", toughness=5.0, charge_only=True),
    "15MPa": Case("pressure_15MPa", charge_only=True),
}


def overrides(values: dict[str, float], case: Case) -> dict[str, Any]:
    """Return the keys of an input that carry a set of unknowns in a case."""
    amplitude = values["amplitude"]
    keys: dict[str, Any] = {
        "materials.active.expansion_ratio": [amplitude, amplitude, amplitude * case.theta33],
        "materials.active.strain_frozen_below": values["frozen_below"],
        "materials.active.partial_molar_volume_m3_per_mol": values["drift_m3_per_mol"] / amplitude,
        "materials.ecbd.youngs_modulus_GPa": values["E_ECBD_GPa"],
        "interface.law": "mixed_mode",
        "interface.shear_fracture_energy_J_per_m2": values["shear_toughness"] * case.toughness,
        "interface.resistance_ohm_m2": values["R0_ohm_m2"],
        "interface.resistance_gap_nm": values["gap_R_nm"],
        "kinetics.exchange_current_A_per_m2": values["i0_A_per_m2"],
        "output.fields_every": 1000,
    }
    if case.charge_only:
        keys["protocol.steps"] = [{"kind": "charge", "c_rate": 1.0, "until_V": 4.3}]
    return keys


def unknowns_of(config: lc.Config, case: Case) -> dict[str, float]:
    """Return the unknowns that an input carries in a case, the inverse of `overrides`."""
    active, interface = config.materials.active, config.interface
    amplitude = active.expansion_ratio[0]
    sliding = interface.shear_fracture_energy
    return {
        "amplitude": amplitude,
        "frozen_below": active.strain_frozen_below,
        "E_ECBD_GPa": 1e-9 * config.materials.ecbd.youngs_modulus,
        "shear_toughness": (interface.fracture_energy if sliding is None else sliding) / case.toughness,
        "drift_m3_per_mol": active.partial_molar_volume * amplitude,
        "i0_A_per_m2": config.kinetics.exchange_current,
        "R0_ohm_m2": interface.resistance,
        "gap_R_nm": 1e9 * interface.resistance_gap,
    }


def sample(points: int, around: list[dict[str, float]] | None = None) -> list[dict[str, float]]:
    """Return the first points of a scrambled Sobol sequence, which fill the box however many there are.

    The box is that of `UNKNOWNS`, or what points found before span in it, wider by `MARGIN` of it.
    """
    shares = qmc.Sobol(len(UNKNOWNS), rng=2 if around else 1).random(points)
    if around:
        known = np.array([[u.share(point[u.name]) for u in UNKNOWNS] for point in around])
        low, high = np.clip([known.min(axis=0) - MARGIN, known.max(axis=0) + MARGIN], 0.0, 1.0)
        shares = low + (high - low) * shares
    return [{u.name: u.at(s) for u, s in zip(UNKNOWNS, row, strict=True)} for row in shares]


def seed_of(number: int) -> int:
    """Return the seed of a point; points share them out, so that an emulator can tell seeds apart."""
    return 1 + number % SEEDS


def specification(points: list[dict[str, float]], *, every_seed: bool = False) -> dict[str, Any]:
    """Return the study of the points: every case at every point, on the coarse network.

    Each point has one seed, or ``every_seed``.
    """
    cases = [
        {
            "name": f"{number:03d} {name}",
            "file": str(HERE / "inputs" / f"{case.file}.toml"),
            "set": overrides(values, case),
            "seeds": list(range(1, SEEDS + 1)) if every_seed else [seed_of(number)],
        }
        for number, values in enumerate(points)
        for name, case in CASES.items()
    ]
    coarse = {"network.spacing_um": 0.85, "network.spacing_max_um": 3.0, "network.growth": 0.4}
    return {
        "name": "yuan2023-sample",
        "base": str(HERE / "inputs/baseline.toml"),
        "set": coarse,
        "cases": cases,
    }


def main() -> None:
    """Run the sample."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=19)
    parser.add_argument("--around", type=Path, help="JSON file with points around which to sample")
    parser.add_argument("--finalists", type=Path, help="JSON file with points to run with every seed")
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("-o", "--out", type=Path, default=RUNS)
    asked = parser.parse_args()
    if asked.finalists:
        study = specification(json.loads(asked.finalists.read_text()), every_seed=True)
    else:
        around = json.loads(asked.around.read_text()) if asked.around else None
        study = specification(sample(asked.points, around))
    lc.study(study, jobs=asked.jobs, out=asked.out, say=print)


if __name__ == "__main__":
    main()
