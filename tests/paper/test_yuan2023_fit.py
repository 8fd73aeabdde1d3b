"""The sample of the unknowns, and the emulator that fits it."""

import sys
from pathlib import Path

import numpy as np
import pytest

from latticecell.study.plan import plan
from latticecell.study.spec import study_from_table

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
STUDY = Path(__file__).parents[2] / "studies" / "yuan2023"


@pytest.fixture(name="scripts", scope="module")
def scripts_fixture(code):
    sys.path.insert(0, str(STUDY))
    try:
        import calibrate
        import fit
    finally:
        sys.path.remove(str(STUDY))
    return calibrate, fit


@pytest.mark.filterwarnings("ignore:The balance properties")
def test_the_sample_fills_the_ranges_and_goes_on_where_it_ended(scripts):
    calibrate, _ = scripts
    points = calibrate.sample(16)
    assert calibrate.sample(5) == points[:5]
    for unknown in calibrate.UNKNOWNS:
        shares = sorted(unknown.share(point[unknown.name]) for point in points)
        assert all(k / 16 <= share <= (k + 1) / 16 for k, share in enumerate(shares)), unknown.name
        assert unknown.at(unknown.share(points[0][unknown.name])) == pytest.approx(points[0][unknown.name])


def test_a_point_becomes_an_input(scripts, tmp_path):
    calibrate, _ = scripts
    values = {unknown.name: unknown.at(0.5) for unknown in calibrate.UNKNOWNS}
    keys = calibrate.overrides(values, calibrate.CASES["200MPa"])
    assert keys["interface.shear_fracture_energy_J_per_m2"] == pytest.approx(10 * 2.0)  # ten times 2 J/m2
    assert keys["materials.active.expansion_ratio"] == [1.5, 1.5, -1.5]
    assert keys["materials.active.partial_molar_volume_m3_per_mol"] == pytest.approx(3e-6 / 1.5)
    planned = plan(study_from_table(calibrate.specification([values])), tmp_path)
    assert {run.case.name for run in planned} == {f"000 {name}" for name in calibrate.CASES}
    assert planned[0].config.interface.law == "mixed_mode"


def test_the_emulator_finds_a_known_point(scripts):
    """Observables of one unknown each, and of the seed: the fit goes where they are as printed."""
    calibrate, fit = scripts
    rng = np.random.default_rng(2)
    x = rng.uniform(size=(40, len(calibrate.UNKNOWNS)))
    seeds = np.array([calibrate.seed_of(number) for number in range(40)])
    at = 0.3
    values = {}
    for k, one in enumerate(fit.OBSERVABLES):
        scaled = one.scaled(np.array(one.printed))
        found = scaled + one.unit_miss * (4 * (x[:, k % 4] - at) + 0.3 * (seeds - 3))
        values[one.name] = np.exp(found) if one.log else found
    emulator = fit.Emulator(fit.Sample(x, seeds, values), {})
    assert max(emulator.left_out.values()) < 0.3
    mean = {name: float(pair[0][0]) for name, pair in emulator.predict(np.full((1, x.shape[1]), at)).items()}
    for one in fit.OBSERVABLES:
        assert abs(one.miss(mean[one.name])) < 0.3, one.name
    best = fit.best(emulator, 0.5)
    assert best[:4] == pytest.approx(np.full(4, at), abs=0.12)
    lifted = fit.Emulator(fit.Sample(x, seeds, values), {"charge_1C_s": 7.0})
    found = lifted.predict(np.full((1, x.shape[1]), at))
    assert float(found["charge_1C_s"][0][0]) - mean["charge_1C_s"] == pytest.approx(7.0, rel=1e-9)


@pytest.mark.filterwarnings("ignore:The balance properties")
def test_a_round_around_points_stays_near_them(scripts):
    calibrate, _ = scripts
    known = [{unknown.name: unknown.at(share) for unknown in calibrate.UNKNOWNS} for share in (0.3, 0.5)]
    for point in calibrate.sample(8, known):
        for unknown in calibrate.UNKNOWNS:
            assert 0.2 - 1e-9 <= unknown.share(point[unknown.name]) <= 0.6 + 1e-9, unknown.name


def test_finalists_run_with_every_seed(scripts):
    calibrate, _ = scripts
    values = {unknown.name: unknown.at(0.5) for unknown in calibrate.UNKNOWNS}
    cases = calibrate.specification([values], every_seed=True)["cases"]
    assert {case["name"] for case in cases} == {f"000 {name}" for name in calibrate.CASES}
    assert all(case["seeds"] == [1, 2, 3, 4, 5] for case in cases)


def test_a_run_tells_its_point_by_its_inputs(scripts, tmp_path):
    calibrate, _ = scripts
    values = {unknown.name: unknown.at(0.37) for unknown in calibrate.UNKNOWNS}
    for run in plan(study_from_table(calibrate.specification([values])), tmp_path):
        found = calibrate.unknowns_of(run.config, calibrate.CASES[run.case.name[4:]])
        assert found == pytest.approx(values, rel=1e-12)
