"""Grain boundaries that are broken from the start, and a grain that is loose all along."""

import numpy as np
import pytest

from cells import SMALL
from latticecell import ConfigError, State, config_from_table, open_run
from latticecell.config import Solver
from latticecell.laws import BOND_LAWS
from latticecell.materials import mechanical_laws
from latticecell.physics.flaws import cracked_bonds
from latticecell.physics.mechanics import Mechanics
from latticecell.run import Simulation
from networks import box_network

UM = 1e-6
SHAPE, SIZE = (8, 6, 10), (8 * UM, 6 * UM, 10 * UM)  # the particle has its centre at (4, 3, 5) um


def layers(x):
    """Grains 0, 1 and 2 above each other up to 3, 5 and 8 um, and the ECBD above."""
    return np.digitize(x[:, 2], [3 * UM, 5 * UM, 8 * UM])


@pytest.fixture(scope="module")
def network():
    return box_network(SHAPE, SIZE, layers, np.stack([np.eye(3)] * 3), jitter=0.0)


def config(*pre_cracks, **keys):
    return config_from_table({"grain_boundary": {"mode": "breakable", "pre_cracks": list(pre_cracks)} | keys})


def cracked(network, *pre_cracks):
    return cracked_bonds(network, config(*pre_cracks).grain_boundary.pre_cracks)


def place(network):
    return network.x_kc[network.site_n[network.bond_bn[:, 0]]] / UM


def test_a_disc_breaks_the_boundary_that_it_lies_in(network):
    """However long its normal; the boundary above, whose grains lie on one side of it, holds."""
    x, gb = place(network), network.kind_b == 0
    # 2 um below the centre, shifted by 1 um along x
    found = cracked(network, {"center_um": [1.0, 0.0, -2.0], "normal": [0.0, 0.0, -7.0], "radius_um": 2.1})
    at = gb & np.isclose(x[:, 2], 3) & (np.hypot(x[:, 0] - 5, x[:, 1] - 3) <= 2.1)
    assert at.sum() == 13  # grid points within 2.1 of one of them
    np.testing.assert_array_equal(found, at)


def test_a_tilted_disc_breaks_what_it_separates(network):
    """Centroids at 1.5, 4 and 6.5 um: the plane through (4, 3, 5) um leaves one of them above it."""
    found = cracked(network, {"center_um": [0, 0, 0], "normal": [0.2, 0.0, 1.0], "radius_um": 50})
    np.testing.assert_array_equal(found, (network.kind_b == 0) & np.isclose(place(network)[:, 2], 5))


def test_boundaries_of_grains(network):
    x, gb = place(network), network.kind_b == 0
    np.testing.assert_array_equal(cracked(network, {"grains": [1, 0]}), gb & np.isclose(x[:, 2], 3))
    np.testing.assert_array_equal(cracked(network, {"grains": [1]}), gb & (x[:, 2] < 6))
    both = cracked(network, {"grains": [0, 1]}, {"grains": [2]})
    np.testing.assert_array_equal(both, gb & (x[:, 2] < 6))


def test_all_that_does_not_exist_is_told(network):
    with pytest.raises(ConfigError) as error:
        cracked(
            network,
            {"grains": [0, 2]},
            {"grains": [3]},
            {"particle": 1, "center_um": [0, 0, 0], "normal": [0, 0, 1], "radius_um": 1},
            {"center_um": [0, 0, 4.9], "normal": [0, 0, 1], "radius_um": 1},
        )
    assert error.value.problems == [
        "grain_boundary.pre_cracks[0].grains = [0, 2]: lies along no grain boundary",
        "grain_boundary.pre_cracks[1].grains = [3]: must be below 3, the number of grains",
        "grain_boundary.pre_cracks[2].particle = 1: must be below 1, the number of particles",
        "grain_boundary.pre_cracks[3]: lies along no grain boundary",
    ]


@pytest.mark.parametrize(
    ("crack", "keys", "told"),
    [
        ({}, {}, r"pre_cracks\[0\]: must have center_um, normal and radius_um of a disc, or grains"),
        ({"radius_um": 1.0, "grains": [1]}, {}, r"pre_cracks\[0\].grains: contradicts the disc"),
        ({"grains": [0, 1, 2]}, {}, r"pre_cracks\[0\].grains = \[0, 1, 2\]: must be one grain or two"),
        ({"grains": [1]}, {"mode": "tied"}, 'pre_cracks: has no meaning with mode = "tied"'),
        (
            {"center_um": [0, 0, 0], "normal": [0, 0, 0], "radius_um": 1.0}, {},
            r"pre_cracks\[0\].normal = \[0.0, 0.0, 0.0\]: must have a length",
        ),
    ],
)  # fmt: skip
def test_contradictions_are_told(crack, keys, told):
    with pytest.raises(ConfigError, match=told):
        config(crack, **keys)


@pytest.mark.parametrize("law", BOND_LAWS.names)
def test_they_are_broken_by_every_law_and_cost_nothing(network, law):
    made = config({"grains": [0, 1]}, law=law)
    mechanics = Mechanics(mechanical_laws(made), network, Solver())
    bonds, broken = mechanics.bonds, cracked(network, {"grains": [0, 1]})[mechanics.bonds.active_b]
    np.testing.assert_array_equal(bonds.is_broken(bonds.virgin_bh), broken)
    assert (bonds.virgin_bh[~broken] == 0).all()
    assert bonds.dissipated(bonds.virgin_bh) == (0.0, 0.0)
    opening = 1e-9 * bonds.normal_bc
    pulled = bonds.respond(opening, opening, bonds.virgin_bh, np.inf, "secant")
    traction = np.linalg.norm(pulled.force_bc, axis=1) / bonds.area_b
    residual = made.grain_boundary.residual_stiffness * 1e-9
    np.testing.assert_allclose(traction[broken], residual, rtol=1e-6)
    assert (traction[~broken] > 100 * residual).all()
    pressed = bonds.respond(-opening, -opening, bonds.virgin_bh, np.inf, "secant")
    pressure = np.einsum("bc,bc->b", pressed.force_bc, bonds.normal_bc) / bonds.area_b
    np.testing.assert_allclose(pressure[broken], -made.grain_boundary.stiffness * 1e-9, rtol=1e-6)
    state = State.zeros(network, bonds.n_columns)
    state.history_bh[...] = bonds.everywhere(bonds.virgin_bh)
    assert mechanics.bond_summary(state).gb_broken == pytest.approx(0.5, rel=1e-12)  # one of two boundaries


OUTER = [
    [1.7, 0.1, -0.2], [-1.6, 0.3, 0.1], [0.2, 1.6, 0.3], [-0.1, -1.7, 0.2], [0.3, -0.2, 1.6],
    [-0.2, 0.1, -1.7], [1.3, 1.2, 1.4], [-1.4, -1.2, 1.3],
]  # fmt: skip


def test_a_loose_grain_goes_through_a_charge_and_back(tmp_path):
    """Free in its cage from the start: it is held by contact only, and every balance is kept."""
    made = config_from_table(
        SMALL
        | {
            "geometry": {
                "width_um": 7.0, "cathode_um": 7.0, "separator_um": 2.0,
                "particles": [{"center_um": [3.5, 3.5, 3.5], "radius_um": 2.5}],
            },
            "microstructure": {"seed": 1, "seeds": {"positions_um": [[0.05, -0.03, 0.02], *OUTER]}},
            "network": {"spacing_um": 1.0, "spacing_max_um": 2.0, "growth": 0.5},
            "grain_boundary": {
                "mode": "breakable", "strength_MPa": 300.0, "fracture_energy_J_per_m2": 5.0,
                "pre_cracks": [{"grains": [0]}],
            },
            "protocol": {
                "current_1c_nA": 0.08,
                "steps": [
                    {"kind": "charge", "c_rate": 1.0, "duration_s": 600.0},
                    {"kind": "discharge", "c_rate": 1.0, "duration_s": 300.0},
                ],
            },
            "output": {"fields_every": 5},
        }
    )  # fmt: skip
    rows = [step.row for step in Simulation.start(made, tmp_path / "run").advance()]
    assert rows[0]["fragments"] == 1
    assert rows[0]["broken_cracks"] == 1
    assert rows[0]["gb_broken"] > 0.1
    assert rows[0]["dissipated_J"] == 0.0
    assert max(abs(row["energy_balance"]) for row in rows) < 1e-2
    assert max(abs(row["lithium_balance"]) for row in rows) < 1e-10
    run = open_run(tmp_path / "run")
    assert run.status == "done"
    last, gb = run.snapshots[-1], run.mesh.bond_kind == 0
    caged = gb & (run.mesh.node_domain[run.mesh.bond_nodes] == 0).any(axis=1)
    np.testing.assert_array_equal(np.asarray(last["broken_at"])[caged], 0.0)
    gap, traction = np.asarray(last["gap"])[caged], np.asarray(last["traction"])[caged]
    pressed = np.einsum("bc,bc->b", traction, run.mesh.bond_normal[caged])
    assert gap.min() > -0.5  # nm: sides do not go through each other
    closed = gap < -1e-3
    assert closed.any()
    assert (pressed[closed] < 0).all()
    assert np.abs(pressed[~closed]).max() < 5.0  # MPa: nothing else holds it
