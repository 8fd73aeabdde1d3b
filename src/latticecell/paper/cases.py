"""The cases of the paper: which there are, their inputs, and where their runs live."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from latticecell.config import Config
from latticecell.errors import ConfigError
from latticecell.output.rundir import RunDirectory
from latticecell.reader import read_config, resolved_toml

RESOLUTIONS: Final[dict[str, tuple[float, float, float]]] = {
    "coarse": (0.85, 3.0, 0.4),
    "medium": (0.68, 2.5, 0.35),
    "fine": (0.52, 2.0, 0.3),
    "finest": (0.365, 1.5, 0.25),
}
"""Spacing [um], largest spacing [um] and growth of the networks: about 2.2k, 4k, 8k and 20k sites."""
REPORT_RESOLUTION: Final = "fine"
HASH_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Case:
    """One case: a file of ``inputs/paper`` and what it is for.

    Attributes
    ----------
    name : str
        Stem of the file.
    about : str
        What it is, with the figure.
    weight : float
        Rough cost, the baseline being 1.
    one_dimensional : bool
        Whether it is a run of `cell1d`.
    resolution : str or None
        Fixed resolution of a convergence study; None: the one asked for.
    assignments : tuple of str
        Overrides of a convergence study.
    """

    name: str
    about: str
    weight: float = 1.0
    one_dimensional: bool = False
    resolution: str | None = None
    assignments: tuple[str, ...] = ()
    file: str = ""

    def config(self, inputs: Path, seed: int, resolution: str) -> Config:
        """Return the configuration of one run.

        Raises `ConfigError` if the file is missing or wrong.
        """
        spacing, largest, growth = RESOLUTIONS[self.resolution or resolution]
        network = (
            f"network.spacing_um={spacing}",
            f"network.spacing_max_um={largest}",
            f"network.growth={growth}",
        )
        return read_config(
            inputs / f"{self.file or self.name}.toml",
            (*network, f"microstructure.seed={seed}", f'name="{self.name}"', *self.assignments),
        )


CASES: Final[tuple[Case, ...]] = (
    Case("baseline", "Fig 2: 1C, the heterogeneity Case 1, 100 MPa, no pressure"),
    Case("rate_0.1C", "Fig 3", 1.5),
    Case("rate_0.5C", "Fig 3", 1.1),
    Case("rate_2C", "Fig 3"),
    Case("het_Case2", "Fig 4: isotropic diffusion"),
    Case("het_Case3", "Fig 4: isotropic diffusion, theta33 = -0.5"),
    Case("het_Case4", "Fig 4: isotropic diffusion, theta33 = 0"),
    Case("strength_50MPa", "Fig 5"),
    Case("strength_200MPa", "Fig 5"),
    Case("strength_500MPa", "Fig 5"),
    Case("position", "Fig 6: two particles 12 um apart", 2.2),
    Case("position_thick", "text 3.4: two particles 30 um apart", 2.5),
    Case("1D_0.1C", "Fig S1: 1-D cell", 0.1, one_dimensional=True),
    Case("liquid", "Fig S2: liquid electrolyte", 1.2),
    Case("pressure_5MPa", "Fig S4"),
    Case("pressure_10MPa", "Fig S4"),
    Case("pressure_15MPa", "Fig S4"),
    Case("CV_charging", "Fig S6: constant current, then constant voltage", 1.3),
)
"""Cases of the paper, in the order of its figures."""


def _convergence() -> tuple[Case, ...]:
    meshes = [
        Case(f"mesh_{name}", f"baseline on the {name} network", weight, resolution=name, file="baseline")
        for name, weight in (("coarse", 0.25), ("medium", 0.5), ("fine", 1.0))
    ]
    steps = [
        Case(
            f"dt_{dt}",
            f"baseline, coarse network, steps of at most {dt} s",
            15.0 / dt,
            resolution="coarse",
            assignments=(f"solver.dt_max_s={dt}.0", f"solver.dt_initial_s={dt / 12}"),
            file="baseline",
        )
        for dt in (120, 60, 30, 15)
    ]
    return (*meshes, *steps)


CONVERGENCE: Final[tuple[Case, ...]] = _convergence()
"""Levels of the mesh and time-step study."""


def choose(names: Sequence[str]) -> list[Case]:
    """Return the cases called ``names``; none means all of the paper's.

    "convergence" stands for its levels, "fig3" (any figure) for the cases of a figure.

    Raises
    ------
    ConfigError
        If a name is unknown.
    """
    if not names:
        return list(CASES)
    everything = {case.name: case for case in (*CASES, *CONVERGENCE)}
    chosen: dict[str, Case] = {}
    problems = []
    for name in names:
        if name == "all":
            found = list(CASES)
        elif name == "convergence":
            found = list(CONVERGENCE)
        elif name.lower().startswith("fig"):
            label = f"fig {name[3:].strip().lower()}"
            found = [c for c in CASES if c.about.lower().split(":")[0] == label]
        else:
            found = [everything[name]] if name in everything else []
        if not found:
            known = ", ".join(("all", "convergence", *everything))
            problems.append(f"--cases {name}: unknown; known are {known}, and figures such as fig3")
        chosen |= {case.name: case for case in found}
    if problems:
        raise ConfigError(problems)
    return list(chosen.values())


@dataclass(frozen=True, slots=True)
class Job:
    """One run that the study needs: a case, a seed, and the directory that its configuration names."""

    case: Case
    seed: int
    config: Config
    path: Path

    @property
    def status(self) -> str:
        """Status of the run directory: "done", "failed", "interrupted", "running" (killed) or "missing"."""
        try:
            return str(RunDirectory.open(self.path).info()["status"])
        except ConfigError:
            return "missing"


def plan(cases: Sequence[Case], seeds: int, resolution: str, inputs: Path, runs: Path) -> list[Job]:
    """List the runs of ``cases`` with seeds 1, 2, ... ``seeds``; equal configurations appear once.

    The directory of a run is named after its case, its seed and the hash of its resolved configuration, so a
    changed input makes a new run and an unchanged one is found again. Cases of the convergence study and 1-D
    cells use the first seed only.

    Raises
    ------
    ConfigError
        With the problems of all inputs.
    """
    jobs: list[Job] = []
    problems: list[str] = []
    if not inputs.is_dir():
        raise ConfigError(f"{inputs}: is not a folder; run from the repository or give --inputs")
    for seed in range(1, seeds + 1):
        for case in cases:
            if seed > 1 and (case.one_dimensional or case in CONVERGENCE):
                continue
            try:
                config = case.config(inputs, seed, resolution)
            except ConfigError as error:
                problems += [problem for problem in error.problems if problem not in problems]
                continue
            jobs.append(Job(case, seed, config, runs / f"{case.name}-seed{seed}-{config_hash(config)}"))
    if problems:
        raise ConfigError(problems)
    return jobs


def config_hash(config: Config) -> str:
    """Return the first digits of the SHA-256 of the resolved configuration."""
    return hashlib.sha256(resolved_toml(config).encode()).hexdigest()[:HASH_DIGITS]
