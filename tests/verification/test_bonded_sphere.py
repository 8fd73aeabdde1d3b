"""A shrinking sphere in a stiff matrix, against closed forms: Eshelby, bonded stress, debonded gap.

Infinite-medium solutions; the box is periodic, which costs about the volume fraction of the sphere (1.7 %)
where the lateral strain is fixed.
"""

from itertools import pairwise

import numpy as np
import pytest

from cells import mechanics_of, shrinkage
from latticecell import SolveError, State, config_from_table
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure

RADIUS = 3e-6
NETWORKS = {}


def cell(spacing, **overrides):
    table = {
        "geometry": {"particles": [{"center_um": [7.5, 7.5, 7.5], "radius_um": RADIUS * 1e6}]},
        "microstructure": {"grains": 1, "seed": 5},
        "network": {"spacing_um": spacing, "spacing_max_um": 3.0, "growth": 0.4},
        "materials": {"active": {"expansion_ratio": [1.0, 1.0, 1.0]}},
    }
    for key, value in overrides.items():
        section, _, name = key.partition("__")
        table.setdefault(section, {})
        if isinstance(value, dict):
            table[section].setdefault(name, {}).update(value)
        else:
            table[section][name] = value
    config = config_from_table(table)
    if spacing not in NETWORKS:
        NETWORKS[spacing] = build_network(config, build_microstructure(config))
    return config, NETWORKS[spacing]


def step(mechanics, state, eigen, dt=60.0):
    found = mechanics.solve(eigen, state, dt)
    for name in ("u_nc", "strain_c", "history_bh", "gap_b"):
        getattr(state, name)[...] = getattr(found, name)
    return found


def reach(config, mechanics, state, start, end, dt=60.0):
    """Shrink from ``start`` to ``end``, halving the step where it fails, as the stepper does."""
    try:
        step(mechanics, state, shrinkage(config, mechanics.network, -end), dt)
    except SolveError:
        assert dt > 0.1
        middle = 0.5 * (start + end)
        reach(config, mechanics, state, start, middle, 0.5 * dt)
        reach(config, mechanics, state, middle, end, 0.5 * dt)


def particle_pressure(spacing, free=False):
    """Mean and scatter (over volume) of sigma_h in a sphere as stiff as its matrix, per beta."""
    config, network = cell(
        spacing,
        materials__active={"youngs_modulus_GPa": 150.0, "poisson_ratio": 0.26},
        interface__strength_MPa=1e5,
        interface__fracture_energy_J_per_m2=1e4,
        mechanics__lateral_strain="free" if free else "fixed",
    )
    mechanics = mechanics_of(config, network)
    state = State.zeros(network)
    eigen = shrinkage(config, network, -1e-3)
    step(mechanics, state, eigen)
    own = network.is_active_t
    mean = mechanics.stress(state, eigen)[own, :3].mean(axis=1)
    weight = network.volume_t[own] / network.volume_t[own].sum()
    average = float(weight @ mean)
    return average / 1e-3, float(np.sqrt(weight @ (mean - average) ** 2)) / average


def test_eshelby_misfit_sphere():
    """Free lateral strain: converges to the infinite medium. Fixed: the cell carries the misfit's share."""
    young, nu = 150e9, 0.26
    bulk, constraint = young / 3 / (1 - 2 * nu), (1 + nu) / 3 / (1 - nu)
    exact = 3 * bulk * (1 - constraint)
    coarse, coarse_scatter = particle_pressure(1.1, free=True)
    fine, fine_scatter = particle_pressure(0.6, free=True)
    refinement = np.log(1.1 / 0.6)
    assert np.log((coarse / exact - 1) / (fine / exact - 1)) / refinement > 1.3
    assert 0 < fine / exact - 1 < 0.04
    assert np.log(coarse_scatter / fine_scatter) / refinement > 0.9
    assert fine_scatter < 0.02
    fixed, _ = particle_pressure(0.6, free=False)
    fraction = 4 / 3 * np.pi * RADIUS**3 / (15e-6 * 15e-6 * 30e-6)
    assert (fixed - fine) / exact == pytest.approx(fraction, rel=0.05, abs=0)


def test_bonded_then_debonded_sphere():
    """Radial traction reaches the strength where p = u_free / C does; then the gap is the free shrinkage."""
    config, network = cell(0.6, interface__strength_MPa=100.0, interface__viscosity_s=1.0)
    mechanics = mechanics_of(config, network)
    state = State.zeros(network)
    compliance = RADIUS * ((1 - 2 * 0.25) / 78e9 + (1 + 0.26) / (2 * 150e9))
    onset = 100e6 * compliance / RADIUS
    interface = network.interface_b
    share = network.area_b[interface] / network.area_b[interface].sum()

    step(mechanics, state, shrinkage(config, network, -0.5 * onset))
    traction = 1e19 * (share @ state.gap_b[interface])
    assert traction == pytest.approx(50e6, rel=0.04, abs=0)
    assert mechanics.bond_summary(state).interface_damaged == 0

    reach(config, mechanics, state, 0.5 * onset, 0.85 * onset)
    assert mechanics.bond_summary(state).interface_damaged < 0.3
    reach(config, mechanics, state, 0.85 * onset, 1.2 * onset)
    assert mechanics.bond_summary(state).interface_damaged > 0.95

    betas = np.linspace(1.2 * onset, 0.012, 14)
    for start, end in pairwise(betas):
        reach(config, mechanics, state, start, end)
    summary = mechanics.bond_summary(state)
    assert summary.interface_broken > 0.9
    gap = share @ np.maximum(state.gap_b[interface], 0)
    assert gap == pytest.approx(0.012 * RADIUS, rel=0.03, abs=0)
    lost = mechanics.energies(state, shrinkage(config, network, -0.012)).interface_dissipated
    total = network.area_b[interface].sum() * 1.0  # J/m2
    assert summary.interface_broken * total < lost < total


def test_energy_balance_of_debonding():
    """With the work of bonds that soften within a step the balance closes to the solver's tolerance.

    Without it, it is a trapezoid over a path that bends where a bond begins to soften: of first order at
    least. Over one halving the ratio scatters between 0.3 and 0.8 from network to network, since it depends
    on where the bends fall in a step; over two, from 40 to 160 steps, it lies between 0.14 and 0.32 on 18
    networks, and first order is 0.25.
    """
    config, network = cell(1.1, interface__strength_MPa=100.0, interface__viscosity_s=2.0)
    mechanics = mechanics_of(config, network)
    errors, bent = [], []
    for steps in (40, 160):
        state, before = State.zeros(network), State.zeros(network)
        given = bending = 0.0
        betas = np.linspace(0, 0.01, steps + 1)
        for old, new in pairwise(betas):
            before.assign(state)
            dt = 1200.0 / steps
            step(mechanics, state, shrinkage(config, network, -new), dt)
            work = mechanics.work(
                before, state, shrinkage(config, network, -old), shrinkage(config, network, -new), dt
            )
            state.u_rate_nc[...] = (state.u_nc - before.u_nc) / dt
            given += work.swelling + work.wall - work.viscous
            bending += work.bending
        energy = mechanics.energies(state, shrinkage(config, network, -0.01))
        errors.append(abs(given / sum(energy) - 1))
        bent.append(abs((given + bending) / sum(energy) - 1))
    assert max(bent) < 3e-5
    assert errors[0] < 2e-3
    assert errors[1] < 0.36 * errors[0]


def test_pressure_on_the_wall_is_carried():
    """A uniform cell under pressure: sigma_zz = -P everywhere, no lateral strain, exact."""
    like_the_matrix = {"youngs_modulus_GPa": 150.0, "poisson_ratio": 0.26}
    config, network = cell(1.1, mechanics__pressure_MPa=10.0, materials__active=like_the_matrix)
    for wall in ("collector_fixed", "lithium_fixed"):
        options = config.mechanics.model_copy(update={"wall": wall})
        mechanics = mechanics_of(config.model_copy(update={"mechanics": options}), network)
        state = State.zeros(network)
        found = mechanics.solve(shrinkage(config, network, 0.0), state, np.inf)
        stress = mechanics.lattice.stress(found.u_nc, found.strain_c, shrinkage(config, network, 0.0))
        weight = network.volume_t / network.volume_t.sum()
        assert weight @ stress[:, 2] == pytest.approx(-10e6, rel=1e-3, abs=0)
        assert weight @ stress[:, 0] == pytest.approx(-10e6 * 0.26 / 0.74, rel=1e-2, abs=0)
