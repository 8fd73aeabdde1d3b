"""Numbers of the paper that follow from its inputs, on the coarse network (`latticecell paper` has the rest).

Source: Yuan, Lu and Xu, Figs 2-4, as listed in ``targets.toml``; the text prints four digits.
"""

from pathlib import Path

import pytest

from latticecell.paper.cases import plan
from latticecell.paper.catalogue import choose
from latticecell.paper.command import study_of
from latticecell.paper.runner import run_missing
from latticecell.paper.table import table
from latticecell.paper.targets import read_targets

INPUTS = Path(__file__).parents[2] / "inputs" / "paper"


@pytest.mark.slow
def test_direct_numbers_are_within_their_tolerance(tmp_path):
    cases = choose(["baseline", "rate_0.1C", "rate_0.5C", "rate_2C", "het_Case2"])
    jobs = plan(cases, 1, "coarse", INPUTS, tmp_path)
    assert run_missing(jobs, 2, print) == []
    direct = [t for t in read_targets() if t.repro == "direct" and t.kind == "number"]
    rows = table(direct, study_of(jobs))
    assert len(rows) == 9
    assert [row.target.id for row in rows if row.verdict != "within"] == []
