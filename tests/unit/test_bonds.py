"""Bonds of two classes whose laws remember different things, in one equilibrium and across a resume."""

import numpy as np
import pytest

from cells import mechanics_of, tiny
from latticecell import State
from latticecell.laws import BOND_LAWS
from latticecell.laws.exponential import ExponentialLaw
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.network import GB_BOND
from latticecell.output.rundir import RunDirectory
from latticecell.run import Simulation


class Counting(ExponentialLaw):
    """Remembers, besides the opening, the steps in which a bond was pulled."""

    columns = ("stretch_m", "pulled")

    def respond(self, opening_bc, normal_bc, opening_old_bc, history_bh, dt, tangent="consistent"):
        answer = super().respond(opening_bc, normal_bc, opening_old_bc, history_bh[:, :1], dt, tangent)
        pulled = history_bh[:, 1] + (np.einsum("bc,bc->b", answer.traction_bc, normal_bc) > 0)
        return answer._replace(history_bh=np.column_stack([answer.history_bh, pulled]))


@pytest.fixture
def config():
    BOND_LAWS.register("counting", Counting)
    yield tiny(
        interface={"law": "bilinear"},
        grain_boundary={"law": "counting", "mode": "breakable", "strength_MPa": 60.0, "viscosity_s": 2.0},
        protocol={"steps": [{"kind": "charge", "c_rate": 2.0, "duration_s": 100.0}]},
    )
    BOND_LAWS.remove("counting")


def test_each_class_keeps_its_own_columns(config):
    network = build_network(config, build_microstructure(config))
    bonds = mechanics_of(config, network).bonds
    assert bonds.n_columns == 2
    gb = network.kind_b[bonds.active_b] == GB_BOND
    rng = np.random.default_rng(11)
    opening = 2e-9 * rng.normal(size=(len(bonds.active_b), 3))
    history = np.zeros((len(opening), 2))
    for _ in range(3):
        history = bonds.respond(opening, opening, history, 5.0, "clipped").history_bh
    pulled = np.einsum("bc,bc->b", opening, bonds.normal_bc) > 0
    np.testing.assert_array_equal(history[gb, 1], 3 * pulled[gb])
    assert not history[~gb, 1].any() and history[~gb, 0].min() > 0
    lost = bonds.dissipated(history)
    alone = [bonds.dissipated(np.where(own[:, None], history, 0.0))[i] for i, own in enumerate((~gb, gb))]
    np.testing.assert_allclose(lost, alone, rtol=1e-12)
    assert bonds.damage(history).max() <= 1 and min(lost) > 0


@pytest.mark.parametrize("name", BOND_LAWS.names)
def test_work_along_a_way_is_what_a_bond_stores_and_loses(name):
    """Tractions against energies: through contact, onset, softening and back, relative to what breaks all."""
    config = tiny(interface={"law": name}, grain_boundary={"law": name, "mode": "breakable"})
    bonds = mechanics_of(config, build_network(config, build_microstructure(config))).bonds
    rng, at = np.random.default_rng(23), np.zeros((len(bonds.active_b), 3))
    history, energy, done = np.zeros((len(at), bonds.n_columns)), 0.0, 0.0
    for scale in (2e-11, 3e-9, 1e-9, 1e-8, 4e-8):
        to = scale * rng.normal(size=at.shape)
        inwards = np.minimum(np.einsum("bc,bc->b", to, bonds.normal_bc), 0.0)
        to -= (0.998 * inwards)[:, None] * bonds.normal_bc  # contact is stiff
        done += bonds.work(at, to, history)
        history, at = bonds.respond(to, at, history, np.inf, "secant").history_bh, to
        energy = bonds.stored(at, history) + sum(bonds.dissipated(history))
        assert done == pytest.approx(energy, abs=2e-3 * bonds.separation_energy)
    assert sum(bonds.dissipated(history)) > 0.5 * bonds.separation_energy


def test_a_tied_network_has_interface_bonds_only():
    config = tiny(interface={"weibull_modulus": 7.0})
    network = build_network(config, build_microstructure(config))
    bonds = mechanics_of(config, network).bonds
    assert bonds.is_interface_b.all() and len(bonds.active_b) == len(network.interface_b)
    assert len(np.unique(bonds.strength_b)) == len(bonds.strength_b)
    assert bonds.everywhere(bonds.strength_b)[network.gb_b].max() == 0


def test_all_columns_are_resumed(config, tmp_path):
    whole = Simulation.start(config, tmp_path / "whole")
    for _ in whole.advance():
        pass
    part = Simulation.start(config, tmp_path / "part")
    steps = part.advance()
    for _ in range(4):
        next(steps)
    steps.close()
    for _ in Simulation.resume(tmp_path / "part").advance():
        pass
    histories = [(tmp_path / name / "history.csv").read_bytes() for name in ("whole", "part")]
    assert histories[0] == histories[1]
    states = []
    for name in ("whole", "part"):
        state, _, _ = RunDirectory.open(tmp_path / name).read_checkpoint()
        states.append(state)
    assert states[0].history_bh.shape == (whole.stepper.network.n_bonds, 2)
    assert states[0].history_bh.tobytes() == states[1].history_bh.tobytes()
    assert states[0].history_bh[:, 1].max() >= 5
    assert State.zeros(whole.stepper.network).history_bh.shape[1] == 1


def test_breaking_within_the_viscous_time_costs_one_strength():
    """A bond pulled to its final opening 2 G_c / strength within ``viscosity`` has a drag of its strength."""
    own = {"strength_MPa": 43.0, "fracture_energy_J_per_m2": 0.7, "viscosity_s": 3.0}
    config = tiny(interface=own)
    bonds = mechanics_of(config, build_network(config, build_microstructure(config))).bonds
    rate = 2 * 0.7 / 43e6 / 3.0 * bonds.normal_bc
    np.testing.assert_allclose(bonds.drag(rate), 43e6 * bonds.area_b[:, None] * bonds.normal_bc, rtol=1e-12)
    closed, history = np.zeros_like(rate), np.zeros((len(rate), bonds.n_columns))
    pulled = [bonds.respond(0.7 * rate, closed, history, dt, "secant").force_bc for dt in (0.7, np.inf)]
    np.testing.assert_allclose(pulled[0] - pulled[1], bonds.drag(rate), rtol=1e-6)
