"""Numbers of the paper that follow from its inputs, on the coarse network; the study itself has the rest.

Source: Yuan, Lu and Xu, Figs 2-4, as listed in ``targets.toml``; the text prints four digits.
"""

import csv
from pathlib import Path

import pytest

import latticecell as lc

FOLDER = Path(__file__).parents[2] / "studies" / "yuan2023"
CASES = ["baseline", "rate_0.1C", "rate_0.5C", "rate_2C", "het_Case2"]


@pytest.mark.slow
def test_direct_numbers_are_within_their_tolerance(code, tmp_path):
    result = lc.study(
        FOLDER / "study.toml", jobs=2, variant="coarse", cases=CASES, out=tmp_path / "out",
        laws=[str(FOLDER / "measures.py")],
    )  # fmt: skip
    assert result.failed == []
    rows = list(csv.DictReader((tmp_path / "out" / "targets.csv").read_text(encoding="utf-8").splitlines()))
    direct = [row for row in rows if row["class"] == "direct" and row["ours"]]
    assert len(direct) == 9
    assert [row["id"] for row in direct if row["verdict"] != "within"] == []
