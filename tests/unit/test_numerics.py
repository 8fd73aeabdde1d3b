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
    3: {
        "voltage_V": 3.365483370008652,
        "lithium_mol": 1.5250771963409011e-12,
        "stoich_sd": 0.011018428616060139,
        "gap_mean_nm": 0.018213084868016906,
        "gap_max_nm": 0.10776838062401613,
        "von_mises_median_GPa": 0.0026422181424668478,
        "von_mises_max_GPa": 0.006355408430537413,
        "interface_damaged": 0.278980731570329,
        "interface_broken": 0.16957031069793446,
        "gb_damaged": 0.06006893214303491,
        "gb_broken": 0.04634912810771902,
        "elastic_J": 2.0965963426133586e-15,
        "dissipated_J": 3.556874106019627e-14,
    },
    3: {  # networks whose spheres have no pits
        "voltage_V": 3.3850734410784384,
        "lithium_mol": 1.5250771963409021e-12,
        "stoich_sd": 0.00882492354758077,
        "gap_mean_nm": 0.019278325378529103,
        "gap_max_nm": 0.11070188096814246,
        "von_mises_median_GPa": 0.002302287228998675,
        "von_mises_max_GPa": 0.0055530330446559965,
        "interface_damaged": 0.32452230479845207,
        "interface_broken": 0.2766830366963584,
        "gb_damaged": 0.024371949479905845,
        "gb_broken": 0.02086122584163816,
        "elastic_J": 1.548991352740122e-15,
        "dissipated_J": 4.674834152922039e-14,
    },
}
"""Last row of the smallest run with weak bonds, by the version of the results."""


def test_who_changes_the_numbers_raises_their_version(tmp_path):
    """If this fails on purpose: raise `RESULTS_VERSION` and pin the new row, so that studies run anew."""
    *_, last = Simulation.start(config_from_table(SMALL | SECTIONS), tmp_path / "run").advance()
    pinned = PINNED[RESULTS_VERSION]
    assert {name: last.row[name] for name in pinned} == pytest.approx(pinned, rel=1e-5, abs=0)
