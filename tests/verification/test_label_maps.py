"""Random label maps become networks that agree with the truth behind them.

Agreement is that with the truth before salt, and without the pores that were filled; areas of the truth are
estimated from segments of many places and directions, to about 0.2 %.
"""

import pytest

from labelmaps import Case
from latticecell.imports.load import labelled

TIGHT, LOOSE = 0.98, 0.97
"""Share of voxels in the grain of their label, of planar and of curved boundaries."""


@pytest.mark.slow
@pytest.mark.parametrize("number", range(100))
def test_hundred_random_maps(tmp_path, number):
    case = Case.draw(number)
    found = case.measure(tmp_path)
    assert found["lost"] == found["split"] == 0
    assert found["particles"] == (2 if case.kind == "two" else 1)
    assert found["quality"] >= 0.1
    assert found["right"] >= (LOOSE if case.truth.curved else TIGHT)
    assert abs(found["gb"]) <= 0.02
    assert abs(found["surface"]) <= 0.02


@pytest.mark.parametrize("number", [602, 603, 604, 605])
def test_tiny_random_maps(tmp_path, number):
    """One of each difficult kind, too coarse for the bounds of the large ones."""
    case = Case.draw(number, grains=(4, 6), voxels=(20, 24))
    found = case.measure(tmp_path, power=17)
    assert found["lost"] == found["split"] == 0
    assert found["particles"] == (2 if case.kind == "two" else 1)
    assert found["quality"] >= 0.1
    assert found["right"] >= 0.93
    assert abs(found["gb"]) <= 0.12  # a filled pore in 20 voxels takes a tenth of the boundaries
    assert abs(found["surface"]) <= 0.1


def test_planes_are_seen_through_noise(tmp_path):
    """Labels of random neighbours along planar boundaries: Laguerre cells do fit what smoothing leaves."""
    case = Case.draw(74, voxels=(40, 40))
    assert (case.kind, case.truth.curved) == ("salted", False)
    made = labelled(case.config(tmp_path))
    assert len(made.cell_gc) == case.truth.grains
    curved = Case.draw(2, voxels=(40, 40))
    assert curved.truth.curved
    (tmp_path / "curved").mkdir()
    assert len(labelled(curved.config(tmp_path / "curved")).cell_gc) == 0
