"""The version of the results follows the numbers."""

import pytest

from latticecell import config_from_table
from latticecell.numerics import RESULTS_VERSION
from latticecell.run import Simulation
from studies import SMALL

WEAK = {"fracture_energy_J_per_m2": 0.003, "stiffness_Pa_per_m": 1e17}
SECTIONS = {
    "materials": {"active": {"stress_diffusion": "saturating"}},
    "interface": {"strength_MPa": 14.0, **WEAK},
    "grain_boundary": {"mode": "breakable", "strength_MPa": 17.0, **WEAK},
}
PINNED = {
    4: {
        "voltage_V": 3.3721767174068704,
        "lithium_mol": 1.5250771963409025e-12,
        "stoich_sd": 0.010510593954352297,
        "gap_mean_nm": 0.02069033894423981,
        "gap_max_nm": 0.11888616472456603,
        "von_mises_median_GPa": 0.002429601225290646,
        "von_mises_max_GPa": 0.006214767863870901,
        "interface_damaged": 0.3519247731391232,
        "interface_broken": 0.2766830366963584,
        "gb_damaged": 0.024371949479905845,
        "gb_broken": 0.02086122584163816,
        "elastic_J": 1.835118273777483e-15,
        "dissipated_J": 4.7089151047845915e-14,
    },
}
"""Last row of the smallest run with weak bonds, by the version of the results."""


def test_who_changes_the_numbers_raises_their_version(tmp_path):
    """If this fails on purpose: raise `RESULTS_VERSION` and pin the new row, so that studies run anew."""
    *_, last = Simulation.start(config_from_table(SMALL | SECTIONS), tmp_path / "run").advance()
    pinned = PINNED[RESULTS_VERSION]
    assert {name: last.row[name] for name in pinned} == pytest.approx(pinned, rel=1e-5, abs=0)
