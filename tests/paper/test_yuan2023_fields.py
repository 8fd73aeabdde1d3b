"""What the study of Yuan, Lu and Xu reads from snapshots: contact, stress by region; and its table."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from caseruns import together
from cells import tiny
from latticecell.laws.resistance import ExponentialContact
from latticecell.results import open_run
from latticecell.run import run as run_to_end
from latticecell.study import read_study
from latticecell.study.caseruns import CaseRun
from latticecell.study.plan import plan
from latticecell.study.scoring import about_of, read_scale
from latticecell.study.targets_page import case_heads, case_rows
from latticecell.study.verdicts import write_lines

SPEC = read_study(Path(__file__).parents[2] / "studies" / "yuan2023" / "study.toml")


@pytest.fixture(scope="module", name="cycle")
def cycle_fixture(tmp_path_factory):
    """A weak interface, so that gaps open within a short charge."""
    config = tiny(
        interface={
            "strength_MPa": 20.0, "fracture_energy_J_per_m2": 0.02, "resistance_ohm_m2": 3e-3,
            "resistance_gap_nm": 7.0,
        },
        materials={"active": {"strain_frozen_below": 0.3, "stress_diffusion": "dilute"}},
        protocol={
            "steps": [
                {"kind": "charge", "c_rate": 2.0, "duration_s": 900.0},
                {"kind": "discharge", "c_rate": 2.0, "duration_s": 100.0},
            ]
        },
    )  # fmt: skip
    path = tmp_path_factory.mktemp("cycle") / "run"
    run_to_end(config, path)
    return CaseRun("baseline", 7, open_run(path))


def test_contact_resistance_is_found_from_potentials_and_current(cycle, code):
    gap, resistance = code.measures.contact_points(cycle)
    assert len(gap) > 50
    assert np.ptp(gap) > 2.0
    law = ExponentialContact(3e-3, 7e-9, cycle.run.config.interface.resistance_max)
    np.testing.assert_allclose(resistance, law.resistance(1e-9 * gap), rtol=0.02)


def test_regions_partition_the_particle(cycle, code):
    regions = code.measures.stress_regions(cycle)
    low, high = sorted((regions.small_grains, regions.large_grains))
    assert low <= regions.boundaries <= high
    assert min(regions.boundaries, regions.surface, regions.inside) <= regions.particle
    assert regions.particle <= max(regions.boundaries, regions.surface, regions.inside)
    assert 0 < regions.far < regions.around < regions.particle
    # the mean over the particle lies between the median and the maximum of the history
    row = cycle.charge_end
    assert 0.5 * cycle.at("von_mises_median_GPa", row) < regions.particle < cycle.at("von_mises_max_GPa", row)


def test_experiments_are_tabled_by_their_change(cycle, code, tmp_path):
    scale = read_scale(SPEC)
    (table,) = scale.panels.tables
    (planned,) = plan(SPEC, tmp_path, names=["try_ecbd_10GPa"])
    one = replace(cycle, case=planned.case.name, about=about_of(planned.case), group=planned.case.group)
    rows = case_rows(table, scale.targets, together(cycle, one))
    assert len(rows) == 1
    assert rows[0][:2] == ("ecbd_10GPa", "materials.ecbd.youngs_modulus_GPa=10.0")
    assert rows[0][2] == f"{cycle.at('time_s', cycle.charge_end):.0f}" == "900"
    write_lines(tmp_path / table.csv, case_heads(table), rows)
    told = list(csv.reader((tmp_path / "experiments.csv").read_text().splitlines()))
    assert told[0] == ["case", "what", *(column.title for column in table.columns)]
    assert tuple(told[1]) == rows[0]
