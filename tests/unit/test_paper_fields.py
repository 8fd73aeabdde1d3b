"""What the study reads from snapshots: contact resistance, stress by region; and the experiments' table."""

import csv

import numpy as np
import pytest

from cells import tiny
from latticecell.laws.resistance import ExponentialContact
from latticecell.paper.catalogue import EXPERIMENTS
from latticecell.paper.experiments import COLUMNS, experiment_rows, write_experiments
from latticecell.paper.measures import contact_points
from latticecell.paper.regions import stress_regions
from latticecell.paper.results import CaseRun, Study
from latticecell.paper.trends import RULES
from latticecell.run import run as run_to_end


@pytest.fixture(scope="module", name="cycle")
def cycle_fixture(tmp_path_factory):
    """A weak interface, so that gaps open within a short charge."""
    config = tiny(
        interface={
            "strength_MPa": 20.0, "fracture_energy_J_per_m2": 0.02, "resistance_ohm_m2": 3e-3,
            "resistance_gap_nm": 7.0,
        },
        materials={"active": {"strain_frozen_below": 0.3}},
        protocol={
            "steps": [
                {"kind": "charge", "c_rate": 2.0, "duration_s": 900.0},
                {"kind": "discharge", "c_rate": 2.0, "duration_s": 100.0},
            ]
        },
    )  # fmt: skip
    path = tmp_path_factory.mktemp("cycle") / "run"
    run_to_end(config, path)
    return CaseRun("baseline", 7, path)


def test_contact_resistance_is_found_from_potentials_and_current(cycle):
    gap, resistance = contact_points(cycle)
    assert len(gap) > 50
    assert np.ptp(gap) > 2.0
    law = ExponentialContact(3e-3, 7e-9, cycle.config.interface.resistance_max)
    np.testing.assert_allclose(resistance, law.resistance(1e-9 * gap), rtol=0.02)
    study = Study({"baseline": (cycle,)})
    assert RULES["all_r_int_gap"](study).holds


def test_contact_law_is_refuted_by_another_gap_scale(cycle):
    """The rule compares what the fields say with the configuration, so a wrong scale must fail it."""
    other = CaseRun("baseline", 7, cycle.path)
    law = cycle.config.interface.model_copy(update={"resistance_gap": 9e-9})
    other.__dict__["config"] = cycle.config.model_copy(update={"interface": law})
    assert not RULES["all_r_int_gap"](Study({"baseline": (other,)})).holds


def test_regions_partition_the_particle(cycle):
    end = cycle.at("time_s", cycle.charge_end)
    regions = stress_regions(cycle, end)
    low, high = sorted((regions.small_grains, regions.large_grains))
    assert low <= regions.boundaries <= high
    assert min(regions.boundaries, regions.surface, regions.inside) <= regions.particle
    assert regions.particle <= max(regions.boundaries, regions.surface, regions.inside)
    assert 0 < regions.far < regions.around < regions.particle
    # the mean over the particle lies between the median and the maximum of the history
    row = cycle.charge_end
    assert 0.5 * cycle.at("von_mises_median_GPa", row) < regions.particle < cycle.at("von_mises_max_GPa", row)


def test_experiments_are_tabled_by_their_change(cycle, tmp_path):
    case = next(case for case in EXPERIMENTS if case.name == "try_ecbd_30GPa")
    study = Study({case.name: (CaseRun(case.name, 1, cycle.path),)})
    rows = experiment_rows(study)
    assert rows[0][:2] == ("ecbd_30GPa", "materials.ecbd.youngs_modulus_GPa=30.0")
    assert rows[0][2] == f"{cycle.at('time_s', cycle.charge_end):.0f}" == "900"
    write_experiments(tmp_path / "experiments.csv", study)
    table = list(csv.reader((tmp_path / "experiments.csv").read_text().splitlines()))
    assert table[0] == ["experiment", "change", *(heading for heading, _, _ in COLUMNS)]
    assert tuple(table[1]) == rows[0]
