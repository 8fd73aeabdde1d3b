"""Runs of a study of convergence by level, and the values of a quantity on the levels of one seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from latticecell.study.caseruns import CaseRuns
from latticecell.study.estimates import Levels
from latticecell.study.spec import Convergence


@dataclass(frozen=True)
class Resolutions:
    """The finished runs of every level.

    Attributes
    ----------
    wanted : Convergence
    runs : mapping of str to CaseRuns
        By level, in the order of the study.
    """

    wanted: Convergence
    runs: Mapping[str, CaseRuns]

    def of(self, values: Mapping[str, float], case: str, seed: int) -> Levels | None:
        """Return the values of a quantity, by level, with the networks and steps of a case and seed."""
        by_level = {
            level: next((run.run for run in some.runs.get(case, ()) if run.seed == seed), None)
            for level, some in self.runs.items()
        }
        there = {level: run for level, run in by_level.items() if run is not None}
        sites = {level: run.info.get("network", {}).get("sites", 0) for level, run in there.items()}
        steps = {level: len(run.history["time_s"]) - 1 for level, run in there.items()}
        return levels_of(values, sites, steps, self.wanted, seed)


def levels_of(
    values: Mapping[str, float],
    sites: Mapping[str, int],
    steps: Mapping[str, int],
    wanted: Convergence | None,
    seed: int,
) -> Levels | None:
    """Return the values of a quantity on the levels of one seed as they are extrapolated.

    Parameters
    ----------
    values, sites, steps : mapping of str to number
        The quantity, the sites of the network and the number of steps, by level.
    wanted : Convergence or None
        None: there is one level, and nothing to extrapolate.
    seed : int
        One that does not run on all levels has the value of the main one alone.

    Returns
    -------
    Levels or None
        None while a level is missing.
    """
    if wanted is None or "" in values:
        return Levels((1.0,), tuple(values.values())) if values else None
    if not wanted.takes(seed):
        main = wanted.main_level
        return Levels((sites[main] ** (-1 / 3),), (values[main],)) if main in values else None
    if set(values) != set(wanted.levels):
        return None
    both = (wanted.networks[0], wanted.shorter) if wanted.shorter else ()
    return Levels(
        [sites[name] ** (-1 / 3) for name in wanted.networks],
        [values[name] for name in wanted.networks],
        [steps[name] for name in both],
        [values[name] for name in both],
        wanted.networks.index(wanted.main_level),
    )
