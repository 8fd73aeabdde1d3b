"""Numbers that a run's history gives: cycles, stages, moments, balances."""

import numpy as np
import pytest

from cells import tiny
from latticecell import open_run, run
from latticecell.results.cycles import CycleTable
from latticecell.results.history import balances, moments, stage_spans

AREA = 2.25e-10


def made_up():
    """Two cycles of charge, hold, discharge at awkward rates; a row at rest first."""
    plan = [(1, 1, "charge", 3.0), (1, 2, "hold", 1.1), (1, 3, "discharge", -2.7)]
    plan += [(2, 1, "charge", 2.9), (2, 2, "hold", 0.7), (2, 3, "discharge", -3.1)]
    rows = [(1, 1, "charge", 0.0, 0.0, 0.0)]
    time = charge = 0.0
    for cycle, step, kind, current in plan:
        for dt in (7.0, 13.0, 5.0):
            time, charge = time + dt, charge + current * dt
            rows.append((cycle, step, kind, time, dt, charge))
    names = ("cycle", "step", "kind", "time_s", "dt_s", "charge_C")
    history = {name: np.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
    return {name: v if name == "kind" else v.astype(float) for name, v in history.items()}


def test_cycles_are_summed_by_the_direction_of_the_current():
    first, second = CycleTable.of(made_up(), True, AREA)
    assert (first.charge_time, first.discharge_time) == (50.0, 25.0)
    assert first.charge_capacity == pytest.approx(25 * 4.1)
    assert first.discharge_capacity == pytest.approx(25 * 2.7)
    assert first.efficiency == pytest.approx(2.7 / 4.1)
    assert second.charge_capacity == pytest.approx(25 * 3.6)
    assert second.efficiency == pytest.approx(3.1 / 3.6)


def test_an_unfinished_cycle_has_no_efficiency():
    first, second = CycleTable.of(made_up(), False, AREA)
    assert first.efficiency is not None and second.efficiency is None
    charging = {name: values[:4] for name, values in made_up().items()}
    (only,) = CycleTable.of(charging, True, AREA)
    assert only.discharge_time is only.discharge_capacity is only.efficiency is None


def test_stages_start_where_the_one_before_ended():
    spans = stage_spans(made_up())
    order = [(1, "charge"), (2, "hold"), (3, "discharge")]
    assert [(s.cycle, s.step, s.kind) for s in spans] == [(c, *kind) for c in (1, 2) for kind in order]
    assert [(s.before, s.first, s.last) for s in spans[:3]] == [(0, 0, 3), (3, 4, 6), (6, 7, 9)]


def test_moments_are_ends_and_middles():
    assert [(m.label, m.wanted) for m in moments(made_up(), 1, finished=True)] == [
        ("charge, begin", 0.0),
        ("charge, middle", 12.5),
        ("charge, end", 25.0),
        ("discharge, middle", 62.5),
        ("discharge, end", 75.0),
    ]
    later = moments(made_up(), 2, finished=False)
    assert [m.label for m in later] == [
        "charge, begin", "charge, middle", "charge, end", "discharge, middle", "discharge, last",
    ]  # fmt: skip
    assert later[0].wanted == 75.0
    assert moments(made_up(), 3, finished=True) == []
    only_holds = {name: v[4:7] for name, v in made_up().items()}
    assert [m.label for m in moments(only_holds, 1, finished=True)] == [
        "cycle 1, begin", "cycle 1, middle", "cycle 1, end",
    ]  # fmt: skip


def test_balances_judge_a_good_run_and_its_spoilt_copies(tmp_path):
    run(tiny(), tmp_path / "r")
    good = open_run(tmp_path / "r")
    history = good.history
    checks = {check.name: check for check in good.balances}
    assert not [check for check in checks.values() if check.passed is False]
    assert checks["Li balance"].worst == np.abs(history["lithium_balance"]).max()
    assert checks["energy balance"].worst < 1e-3
    spoils = {
        "lithium_balance": ("Li balance", -2e-10),
        "energy_balance": ("energy balance", -0.02),
        "stoich_min": ("stoichiometry range", -1e-6),
        "stoich_max": ("stoichiometry range", 1 + 1e-6),
        "equilibrium_residual": ("equilibrium residual", 2e-4),
        "dissipated_J": ("dissipated never falls", -1.0),
        "gb_broken": ("grain-boundary broken never falls", -0.1),
    }
    for column, (name, value) in spoils.items():
        spoilt = {**history, column: history[column].copy()}
        spoilt[column][-2] = value
        failed = [check.name for check in balances(spoilt, good.config.solver) if check.passed is False]
        assert name in failed, column
