"""Whether every file of a run is as it was written: what ``latticecell check RUN`` tells."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from latticecell.errors import ConfigError, DamageWarning
from latticecell.output import checkpoint, index
from latticecell.output.files import ranges, verified
from latticecell.output.record import DERIVED
from latticecell.output.rundir import INDEX, RunDirectory


def inspect(path: Path) -> tuple[list[str], list[str]]:
    """Read and verify everything in a run directory.

    Returns
    -------
    problems, good : list of str
        What is damaged or missing, a line for each, and what is good, in words.

    Raises
    ------
    ConfigError
        If it is not the directory of a run, or ``run.json`` is damaged.
    """
    run = RunDirectory.open(path)
    problems: list[str] = []
    good: list[str] = []

    def look(name: str, read: Callable[[], Any]) -> Any:
        """Note how reading goes; what is returned may be the good part."""
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", DamageWarning)
            try:
                found = read()
            except ConfigError as error:
                problems.extend(error.problems)
                return None
        problems.extend(str(one.message) for one in told)
        if name and not told:
            good.append(name)
        return found

    look("run.json", run.info)
    look("config.toml", run.config)
    history = look("", run.history)
    if history:
        good.append(f"history.csv ({len(history['time_s'])} rows)")
    if run.info()["network"]:
        look("network.h5", run.network)
    whole = [step for step in range(run.n_snapshots()) if look("", partial(_whole, run, step))]
    if whole:
        good.append(f"{'snapshots' if len(whole) > 1 else 'snapshot'} {ranges(whole)}")
    for name, kind in (
        (checkpoint.CHECKPOINT, checkpoint.KIND), (checkpoint.PREVIOUS, checkpoint.KIND), (INDEX, index.KIND)
    ):  # fmt: skip
        if os.path.lexists(path / name) or name in run.expected():
            look(name, partial(verified, path / name, kind))
    for name in DERIVED:
        if name in run.info().get("files", {}):
            look(name, partial(run.check_derived, name))
    return list(dict.fromkeys(problems)), good


def _whole(run: RunDirectory, step: int) -> bool:
    run.check_snapshot(step)
    return True
