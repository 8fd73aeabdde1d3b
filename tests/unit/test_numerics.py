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
    7: {  # as version 6, of which networks of label maps differ
        "voltage_V": 3.3741572981770904,
        "lithium_mol": 1.525077196340902e-12,
        "stoich_sd": 0.010538800913444038,
        "gap_mean_nm": 0.018554450282415796,
        "gap_max_nm": 0.10510085959272923,
        "von_mises_median_GPa": 0.0021736763746785705,
        "von_mises_max_GPa": 0.005804963546940814,
        "interface_damaged": 0.3519247731391232,
        "interface_broken": 0.2682373602767527,
        "gb_damaged": 0.04285939134554602,
        "gb_broken": 0.03934866770727834,
        "elastic_J": 1.4561842644121972e-15,
        "dissipated_J": 4.8638374074371185e-14,
    },
}
"""Last row of the smallest run with weak bonds, by the version of the results."""


def test_who_changes_the_numbers_raises_their_version(tmp_path):
    """If this fails on purpose: raise `RESULTS_VERSION` and pin the new row, so that studies run anew."""
    *_, last = Simulation.start(config_from_table(SMALL | SECTIONS), tmp_path / "run").advance()
    pinned = PINNED[RESULTS_VERSION]
    assert {name: last.row[name] for name in pinned} == pytest.approx(pinned, rel=1e-5, abs=0)
