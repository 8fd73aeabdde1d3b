"""A stressed start against the run that leads there: the same load path, once by Li and once by itself."""

import numpy as np
import pytest

from cells import SMALL
from latticecell import build_microstructure, build_network, config_from_table
from latticecell.materials import mechanical_laws
from latticecell.physics.mechanics import Mechanics
from latticecell.preload import load
from latticecell.state import SWELLING, State
from latticecell.stepper import Stepper

MADE, START = 0.97, 0.5


def cell(strength, tough, initial, free=None, dt=600.0):
    """A particle in which Li stays uniform: it diffuses fast, is not driven by stress, and leaves slowly."""
    start = {"initial_stoichiometry": initial, "stress_diffusion": "off"}
    weak = {"strength_MPa": strength, "fracture_energy_J_per_m2": tough}
    inner = weak if strength > 1000 else {"strength_MPa": 50.0}
    hours = (MADE - START) / MADE / 0.1
    return config_from_table(
        {
            **SMALL,
            "materials": {
                "active": {
                    **start,
                    "diffusivity_m2_per_s": [1e-12, 1e-12, 1e-12],
                    **({} if free is None else {"stress_free_stoichiometry": free}),
                }
            },
            "interface": weak,
            "grain_boundary": {"mode": "breakable", "permeance_m_per_s": 1e-3, **inner},
            "protocol": {"steps": [{"kind": "charge", "c_rate": 0.1, "duration_s": 3600 * hours}]},
            "solver": {"dt_initial_s": 60.0, "dt_max_s": dt, "mechanics_tolerance": 1e-6},
        }
    )


@pytest.fixture(scope="module")
def network():
    config = cell(100.0, 1.0, MADE)
    return build_network(config, build_microstructure(config))


@pytest.mark.parametrize(
    ("strength", "tough", "tolerance", "breaks"), [(5000.0, 1000.0, 1e-4, False), (60.0, 0.1, 0.02, True)]
)
def test_a_start_is_the_end_of_the_run_that_leads_there(network, strength, tough, tolerance, breaks):
    slow = Stepper(cell(strength, tough, MADE), network)
    *_, report = slow.steps(*slow.start())
    charged, at_once = report.state, Stepper(cell(strength, tough, START, MADE), network)
    state, _ = at_once.start()
    grains = network.is_active_n
    assert charged.stoich_n[grains] == pytest.approx(START, abs=2e-4)
    assert (state.stoich_n[grains] == START).all()
    stress = [s.mechanics.stress(at, s.eigen(at)) for s, at in ((slow, charged), (at_once, state))]
    near = lambda one, other: np.linalg.norm(one - other) < tolerance * np.linalg.norm(other)  # noqa: E731
    assert near(stress[1], stress[0])
    assert near(state.gap_b, charged.gap_b) and near(state.u_nc, charged.u_nc)
    ours, theirs = (s.audit.balances(at, s.eigen(at)) for s, at in ((at_once, state), (slow, charged)))
    assert abs(ours.energy) < 1e-3 and ours.lithium == 0.0
    assert ours.energies == pytest.approx(theirs.energies, rel=tolerance, abs=1e-3 * theirs.energies.elastic)
    assert state.passed[SWELLING] == pytest.approx(charged.passed[SWELLING], rel=tolerance)
    broken = at_once.mechanics.broken(state)
    assert broken.any() == breaks
    if breaks:
        assert 0.05 < broken.mean() < 0.95
        assert (broken != slow.mechanics.broken(charged)).mean() < 0.05


def test_the_way_matters_where_volume_turns(network):
    """Grains that shrink and grow again have broken what their last state alone would not."""
    turning = {"x": [0.3, 0.45, 0.7, 0.95], "y": [0.0, 0.0, -0.02, 0.0]}
    config = config_from_table(
        {
            **SMALL,
            "interface": {"strength_MPa": 60.0, "fracture_energy_J_per_m2": 0.2},
            "materials": {
                "active": {
                    "initial_stoichiometry": 0.45, "stress_free_stoichiometry": 0.95,
                    "volume_change": turning, "expansion_ratio": [1.0, 1.0, 1.0],
                }
            },
            "protocol": {"steps": ["Rest for 1 s"]},
        }
    )  # fmt: skip
    stepper = Stepper(config, network)
    state, _ = stepper.start()
    eigen = stepper.eigen(state)
    assert np.abs(eigen).max() < 1e-12
    assert stepper.mechanics.damage(state).max() > 0.5
    balance = stepper.audit.balances(state, eigen)
    assert balance.energies.interface_dissipated > 0 and abs(balance.energy) < 1e-2


def test_the_end_converges_with_the_increments(network):
    """Where interfaces break, half the step changes less: 0.02 is within one per cent of the limit."""
    config = cell(60.0, 0.1, START, MADE)
    laws = mechanical_laws(config)
    stepper, gaps = Stepper(config, network), []
    mechanics = Mechanics(laws, network, config.solver)
    for increment in (0.02, 0.005):
        state = State.zeros(network, mechanics.bonds.n_columns)
        state.stoich_n[network.is_active_n] = MADE
        load(state, START, mechanics, stepper.eigen, increment)
        gaps.append(state.gap_b)
    assert np.linalg.norm(gaps[0] - gaps[1]) < 0.01 * np.linalg.norm(gaps[1])
