"""Cracks that run by events: what they need, what they cost, and that nothing but the way is lost.

Bonds, lattice and equilibrium are those of a run; nothing is viscous.
"""

import functools

import numpy as np
import pytest

from cells import TINY, mechanics_of, shrinkage
from latticecell import ConfigError, State, build_microstructure, build_network, config_from_table
from latticecell.physics import releasing
from latticecell.stepper import Stepper
from strips import SHEAR, UNIAXIAL, YOUNG, Strip, strip_network

SPACING, TOUGHNESS, OPEN = 1e-6, 1.37, 1e-3
EVENTS = {"viscosity_s": 0.0, "release": "events"}
CRACKING = {**TINY, "grain_boundary": {"mode": "breakable", "strength_MPa": 150.0, "release": "events"}}


@functools.cache
def cracking():
    config = config_from_table(CRACKING)
    return config, build_network(config, build_microstructure(config))


def let_go(linear=-0.004):
    """Mechanics of the tiny cell, the state before its grains shrink, eigenstrain, and what they find."""
    config, network = cracking()
    mechanics = mechanics_of(config, network)
    state, eigen = State.zeros(network), shrinkage(config, network, linear)
    found = mechanics.solve(eigen, state, 60.0)
    assert found.releases > 10
    return mechanics, state, eigen, found


@pytest.mark.parametrize("sliding", [0.0, 1.0])
def test_a_crack_runs_at_its_toughness(sliding):
    """Five spacings a process zone: as with drag, but in one or two steps, since G does not fall."""
    size = (96, 6, 12) if sliding else (64, 6, 16)
    own = strip_network(*(np.array(size) * SPACING), SPACING)
    strip = Strip(own, np.sqrt(YOUNG * TOUGHNESS / (5 * SPACING)), TOUGHNESS, **EVENTS)
    state, crack_b = strip.cracked(0.6 if sliding else 0.4, (OPEN,))
    rates = TOUGHNESS * np.arange(0.96, 1.06, 0.01)
    unit, broke = strip.wall(1.0, sliding), []
    guess = strip.uniform(np.sqrt(rates[0]) * unit)
    for rate in rates:
        strip.move(state, np.sqrt(rate) * unit, 60.0, guess)
        broke.append(own.area_b @ (strip.mechanics.broken(state) & ~crack_b) / own.area_b[~crack_b].sum())
        guess = state.u_nc.copy()
        if broke[-1] > 0.99:
            break
    runs = rates[int(np.argmax(np.array(broke) > 0.1))] / TOUGHNESS
    assert 0.99 < runs < 1.03
    assert runs <= rate / TOUGHNESS < 1.05  # held up once by coarse places, then through


@pytest.mark.parametrize("sliding", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("law", ["bilinear", "exponential", "mixed_mode"])
def test_a_snap_costs_the_toughness(law, sliding):
    """A lattice too soft to follow the softening: all bonds of an intact strip break at once.

    They lose G_c A, whatever the strip had stored, and leave it without a traction.
    """
    small = strip_network(6e-6, 5e-6, 4e-6, SPACING)
    strength = 400e6
    strip = Strip(small, strength, TOUGHNESS, law=law, **EVENTS)
    way = np.array([np.sqrt(sliding), 0.0, np.sqrt(1 - sliding)])
    modulus = np.array([SHEAR, SHEAR, UNIAXIAL])
    apart = 8 * 2 * TOUGHNESS / strength  # the exponential law takes long to part
    pulled = way * apart + 1.01 * strength * way * small.box_c[2] / modulus
    assert 2 * TOUGHNESS / strength < strength * (small.box_c[2] / modulus).min()
    state, _ = strip.cracked(0.0, ())
    strip.move(state, pulled, 60.0, strip.uniform(pulled))
    assert strip.mechanics.bond_summary(state).gb_broken == 1.0
    lost = strip.mechanics.energies(state, strip.no_strain).gb_dissipated
    assert lost == pytest.approx(TOUGHNESS * small.area_b.sum(), rel=1e-2 if law == "exponential" else 1e-3)
    assert np.abs(strip.mechanics.traction(state)).max() < 2e-3 * strength


@functools.cache
def events():
    """Mechanics and eigenstrain of the tiny cell as it cracks, and of each event displacement and bonds.

    Openings before and after, history before and after.
    """
    mechanics, _, eigen, _ = let_go()
    bonds, seen, last = mechanics.bonds, [], []
    respond, opening = bonds.respond, bonds.opening

    def watched_opening(u_nc):
        last[:] = [u_nc]
        return opening(u_nc)

    def watched(after, before, history, dt, kind):
        found = respond(after, before, history, dt, kind)
        if kind == "clipped":
            seen.append((last[0], before, after, history, found.history_bh))
        return found

    bonds.respond, bonds.opening = watched, watched_opening
    found = mechanics.solve(eigen, State.zeros(mechanics.network), 60.0)
    del bonds.respond, bonds.opening
    assert len(seen) == found.releases + 1
    return mechanics, eigen, seen


def test_what_bonds_lose_and_store_is_the_work_along_the_way():
    """Integrated from tractions alone, event by event: energies of a law are no part of that."""
    mechanics, _, seen = events()
    bonds = mechanics.bonds
    work = sum(bonds.work(before, after, history) for _, before, after, history, _ in seen)
    _, _, opening, _, history = seen[-1]
    lost, stored = sum(bonds.dissipated(history)), bonds.stored(opening, history)
    assert lost > stored > 0
    assert work == pytest.approx(lost + stored, rel=1e-3)


def test_no_event_raises_the_energy():
    """Each is the least of a convex energy that is nowhere below the true one, and touches it."""
    mechanics, eigen, seen = events()
    bonds, still = mechanics.bonds, np.zeros(2)
    held = [bonds.stored(after, history) + sum(bonds.dissipated(history)) for _, _, after, _, history in seen]
    energy = np.array(held) + [mechanics.lattice.energy(u, still, eigen) for u, *_ in seen]
    assert energy[-1] < 0.97 * energy[0]
    assert np.diff(energy).max() < 1e-5 * energy[0]


def test_the_balance_of_a_step_knows_where_its_energy_went():
    """Lattice, bonds and walls, with bonds that opened and closed again on the way."""
    mechanics, before, eigen, found = let_go()
    after = before.copy()
    found.put(after)
    none = np.zeros_like(eigen)
    old, new = mechanics.energies(before, none), mechanics.energies(after, eigen)
    work = mechanics.work(before, after, none, eigen, 60.0, released=True)
    gained = sum(new) - sum(old)
    assert work.viscous == 0.0
    assert gained == pytest.approx(work.swelling + work.wall + work.bending, rel=1e-6)


def test_a_preconditioner_that_is_kept_changes_the_way_little(monkeypatch):
    mechanics, _, _, kept = let_go()
    monkeypatch.setattr(releasing, "RENEWED", 1)
    _, _, _, renewed = let_go()
    bonds = mechanics.bonds
    broken = [bonds.area_b @ bonds.is_broken(f.history_bh[bonds.active_b]) for f in (kept, renewed)]
    assert broken[0] == pytest.approx(broken[1], rel=0.05)
    assert np.abs(kept.gap_b - renewed.gap_b).mean() < 0.1 * np.abs(kept.gap_b).mean()


def test_a_second_look_keeps_what_was_let_go():
    """As the repeats of a coupled step: the load hardly changes, and no bond heals."""
    mechanics, state, eigen, first = let_go()
    second = mechanics.solve(0.999 * eigen, state, 60.0, first.u_nc, first.strain_c, first)
    assert second.releases >= first.releases
    assert (second.history_bh >= first.history_bh).all()
    assert second.history_bh == pytest.approx(first.history_bh, abs=1e-12)


def test_steps_from_a_copied_state_are_the_same_to_the_bit():
    _, network = cracking()
    weak = {**CRACKING["grain_boundary"], "strength_MPa": 60.0, "fracture_energy_J_per_m2": 0.02}
    config = config_from_table({**CRACKING, "grain_boundary": weak})
    stepper = Stepper(config, network)
    state, cursor = stepper.start()
    reports = stepper.steps(state, cursor)
    for report in reports:
        if report.trial.mechanics.releases:
            break
    copied, cursor = state.copy(), report.cursor
    following = next(reports).state.copy()
    again = next(iter(Stepper(config, network).steps(copied, cursor))).state
    for name in State.__slots__:
        assert getattr(following, name).tobytes() == getattr(again, name).tobytes()


def test_events_and_viscosity_exclude_each_other():
    with pytest.raises(ConfigError, match=r"interface\.viscosity_s = 2: must be 0 with .*release"):
        config_from_table({**CRACKING, "interface": {"viscosity_s": 2.0}})
