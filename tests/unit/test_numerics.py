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
    2: {
        "voltage_V": 3.379400354661323,
        "lithium_mol": 1.5250771963409017e-12,
        "stoich_sd": 0.009250553021625113,
        "gap_mean_nm": 0.01677840487908338,
        "gap_max_nm": 0.09928945629125889,
        "von_mises_median_GPa": 0.0024446966268422245,
        "von_mises_max_GPa": 0.005695784307038115,
        "interface_damaged": 0.27388464931028395,
        "interface_broken": 0.16957031069793446,
        "gb_damaged": 0.06006893214303491,
        "gb_broken": 0.04634912810771902,
        "elastic_J": 1.7637687178245887e-15,
        "dissipated_J": 3.47878990841711e-14,
    },
}
"""Last row of the smallest run with weak bonds, by the version of the results."""


def test_who_changes_the_numbers_raises_their_version(tmp_path):
    """If this fails on purpose: raise `RESULTS_VERSION` and pin the new row, so that studies run anew."""
    *_, last = Simulation.start(config_from_table(SMALL | SECTIONS), tmp_path / "run").advance()
    pinned = PINNED[RESULTS_VERSION]
    assert {name: last.row[name] for name in pinned} == pytest.approx(pinned, rel=1e-5, abs=0)
