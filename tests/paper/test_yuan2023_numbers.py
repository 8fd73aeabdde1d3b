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
def test_direct_numbers_are_within_their_tolerance_but_for_slow_charging(code, tmp_path):
    result = lc.study(
        FOLDER / "study.toml", jobs=2, variant="coarse", cases=CASES, out=tmp_path / "out",
        laws=[str(FOLDER / "measures.py")],
    )  # fmt: skip
    assert result.failed == []
    rows = list(csv.DictReader((tmp_path / "out" / "targets.csv").read_text(encoding="utf-8").splitlines()))
    direct = [row for row in rows if row["class"] == "direct" and row["ours"]]
    assert len(direct) == 7
    missed = {row["id"]: float(row["ours"]) for row in direct if row["verdict"] != "within"}
    # reasons.toml says why: too much Li is left, more so on finer networks
    assert missed == {
        "rate_0_1c_m_li_charge_end": pytest.approx(1.782, rel=0.01),
        "rate_0_5c_m_li_charge_end": pytest.approx(2.443, rel=0.01),
    }
