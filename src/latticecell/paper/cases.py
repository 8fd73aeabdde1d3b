"""A case of the study, its configuration, and where its run lives."""

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
        Fixed resolution of a convergence study or an experiment; None: the one asked for.
    assignments : tuple of str
        Overrides of such a case.
    file : str
        Stem of the file if it is another case's.
    """

    name: str
    about: str
    weight: float = 1.0
    one_dimensional: bool = False
    resolution: str | None = None
    assignments: tuple[str, ...] = ()
    file: str = ""

    @property
    def stem(self) -> str:
        """Stem of the file."""
        return self.file or self.name

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
            inputs / f"{self.stem}.toml",
            (*network, f"microstructure.seed={seed}", f'name="{self.stem}"', *self.assignments),
        )


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
    """List the runs of ``cases`` with seeds 1, 2, ... ``seeds``.

    The directory of a run is named after its file, its seed and the hash of its resolved configuration, so a
    changed input makes a new run, an unchanged one is found again, and a level of the convergence study that
    equals the baseline shares its run. Cases with a resolution of their own and 1-D
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
            if seed > 1 and (case.one_dimensional or case.resolution):
                continue
            try:
                config = case.config(inputs, seed, resolution)
            except ConfigError as error:
                problems += [problem for problem in error.problems if problem not in problems]
                continue
            jobs.append(Job(case, seed, config, runs / f"{case.stem}-seed{seed}-{config_hash(config)}"))
    if problems:
        raise ConfigError(problems)
    return jobs


def config_hash(config: Config) -> str:
    """Return the first digits of the SHA-256 of the resolved configuration."""
    return hashlib.sha256(resolved_toml(config).encode()).hexdigest()[:HASH_DIGITS]
