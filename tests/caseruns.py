"""Runs of a study made of columns: 5 rows, charge ends at row 3, discharge at row 4."""

from dataclasses import replace

import numpy as np

from latticecell import Config
from latticecell.results import Run
from latticecell.study.caseruns import CaseRun, CaseRuns


def fake(case="baseline", seed=1, config=None, **columns):
    """A run with a history of our own."""
    rows = {
        "cycle": np.ones(5),
        "step": np.array([1, 1, 1, 1, 2.0]),
        "kind": np.array(["charge"] * 4 + ["discharge"]),
        "time_s": np.array([0.0, 1000.0, 2000.0, 3000.0, 5900.0]),
        **{name: np.asarray(values, float) for name, values in columns.items()},
    }
    return CaseRun(case, seed, Run.from_arrays(columns=rows, config_=config or Config()))


class Altered:
    """A source of a run with columns and configuration of our own."""

    def __init__(self, source, columns, config):
        self.source, self.columns, self.own = source, columns, config

    def __getattr__(self, name):
        return getattr(self.source, name)

    def history(self):
        return {**self.source.history(), **self.columns}

    def config(self):
        return self.own or self.source.config()


def alter(one, case=None, seed=None, config=None, **columns):
    """The same run under another name; what is given takes the place of its own."""
    run = Run(Altered(one.run.source, columns, config))
    return replace(one, case=case or one.case, seed=seed or one.seed, run=run)


def together(*runs):
    """`CaseRuns` of several runs."""
    found = {}
    for run in runs:
        found.setdefault(run.case, []).append(run)
    return CaseRuns({case: tuple(some) for case, some in found.items()})
