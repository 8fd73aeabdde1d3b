"""Second order in time: a grain against a matrix exponential, the coupled cell; error and tolerance."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from cells import SMALL
from latticecell import config_from_table
from latticecell.marching import formula, predict, remember
from latticecell.physics.transport import Transport
from latticecell.run import Simulation
from latticecell.state import State
from networks import box_network

SIZE = np.array([1.3, 1.3, 1.3]) * 1e-6


def test_a_grain_filled_at_a_constant_rate_has_order_two():
    """Against the exact solution in time on the same network."""
    rotation = Rotation.random(rng=np.random.default_rng(3)).as_matrix()[None]
    network = box_network((4, 4, 4), SIZE, lambda x: np.zeros(len(x), int), rotation)
    transport = Transport(network, (1.7e-14, 1.1e-14, 0.4e-14), 1e-7, 2e-9)
    nil = np.zeros(network.n_nodes)
    links = transport.jacobian(transport.flux(nil + 0.5, nil, transport.weight())).toarray()
    mass = network.volume_n
    supply = np.where(network.x_nc[:, 2] == network.x_nc[:, 2].max(), 2e-3, 0.0) * mass / 7.0
    begin = 0.4 + 0.1 * np.cos(2 * np.pi * network.x_nc[:, 0] / SIZE[0])
    end = 60.0
    n = network.n_nodes
    system = np.zeros((n + 1, n + 1))  # y' = -A y + s, with the constant as one more unknown
    system[:n, :n], system[:n, n] = -links / mass[:, None], supply / mass
    exact = (expm(end * system) @ np.append(begin, 1.0))[:n]

    def solve(steps):
        state = State.zeros(network)
        state.stoich_n[...] = begin
        for _ in range(steps):
            old = state.copy()
            step = formula(end / steps, old.lengths)
            held = mass / step.length
            right = supply + held * step.origin(old, "stoich_n")
            state.stoich_n[...] = np.linalg.solve(np.diag(held) + links, right)
            remember(old, state, step.dt)
        passed = mass @ (state.stoich_n - begin) / (end * supply.sum())
        assert passed == pytest.approx(1.0, rel=1e-10)
        return np.abs(state.stoich_n - exact).max()

    errors = np.array([solve(steps) for steps in (20, 40, 80, 160)])
    assert np.log2(errors[:-1] / errors[1:])[1:].min() > 1.8
    assert errors[-1] < 2e-5 * np.ptp(begin)


CELL = SMALL | {
    "interface": {"strength_MPa": 5000.0, "fracture_energy_J_per_m2": 500.0},
    "grain_boundary": {"mode": "tied"},
}


def charged(path, dt, **solver):
    """State after 2C for 320 s and 80 s of rest, the fields of the cell coupled as tightly as they can be."""
    steps = [
        {"kind": "charge", "c_rate": 2.0, "duration_s": 320.0},
        {"kind": "rest", "duration_s": 80.0},
    ]
    tight = {
        "coupling_tolerance_stoich": 1e-9, "coupling_tolerance_gap_nm": 1e-5,
        "coupling_tolerance_voltage_mV": 1e-3, "coupling_iterations": 30, "mechanics_tolerance": 1e-9,
        "equilibrium": "direct",
    }  # fmt: skip
    solver = {"dt_initial_s": dt, "dt_max_s": dt} | tight | solver
    config = config_from_table(
        CELL | {"solver": solver, "protocol": {"current_1c_nA": 0.0427, "steps": steps}}
    )
    simulation = Simulation.start(config, path)
    rows = [progress.row for progress in simulation.advance()]
    ended = [row["kind"] for row in rows].index("rest") - 1
    return simulation.state.stoich_n.copy(), rows[ended]["voltage_V"], rows[-1]["voltage_V"], rows


def test_the_coupled_cell_has_order_two(tmp_path):
    """Stoichiometry, and the voltage at the end of charge and of rest, with steps of one length."""
    found = [charged(tmp_path / f"{dt:g}", dt) for dt in (20.0, 10.0, 5.0)]
    assert [len(rows) for *_, rows in found] == [20, 40, 80]
    for i in range(3):
        coarse, fine = (np.max(np.abs(a[i] - b[i])) for a, b in pairwise(found))
        assert np.log2(coarse / fine) > 1.8
        assert fine < 2e-4


def test_the_error_follows_the_tolerance(tmp_path):
    """Of the voltage, against short steps: below what is asked for in a step, and in proportion to it."""
    # Steps of 2.5 s from the start of the stage would miss 0.1 mV at 25 s.
    *_, rows = charged(tmp_path / "fine", 0.05, dt_max_s=2.5, time_tolerance=1e-5)
    time, volts = (np.array([row[name] for row in rows]) for name in ("time_s", "voltage_V"))
    during = np.array([row["kind"] for row in rows]) == "charge"
    fine = CubicSpline(time[during], volts[during])
    ratios, counts = [], []
    for tolerance in (1e-2, 3e-3, 1e-3):
        *_, rows = charged(tmp_path / f"{tolerance}", 0.5, dt_max_s=180.0, time_tolerance=tolerance)
        own = [row for row in rows if row["kind"] == "charge" and row["time_s"] > 25.0]
        off = max(abs(row["voltage_V"] - float(fine(row["time_s"]))) for row in own)
        ratios.append(off / tolerance)
        counts.append(len(rows))
    assert max(ratios) < 1.0
    assert max(ratios) < 5 * min(ratios)
    assert counts == sorted(set(counts))


def test_what_jumps_is_accepted_and_told(tmp_path, monkeypatch):
    """An error that does not fall with the step costs one repeat of it, and no step below the first."""
    monkeypatch.setattr(
        "latticecell.stepper.predict",
        lambda state, name, dt: predict(state, name, dt) + (0.5 if name == "voltage" else 0.0),
    )
    steps = [{"kind": "charge", "c_rate": 2.0, "duration_s": 300.0}]
    solver = {"dt_initial_s": 5.0, "time_tolerance": 1e-3}
    protocol = {"current_1c_nA": 0.0427, "steps": steps}
    simulation = Simulation.start(
        config_from_table(CELL | {"solver": solver, "protocol": protocol}), tmp_path
    )
    rows = [progress.row for progress in simulation.advance()]
    known = [row for row in rows if row["time_error"] > 0]
    assert len(known) > 10
    assert all(row["time_error"] > 1 and row["rejected"] <= 1 for row in known)
    assert min(row["dt_s"] for row in rows[:-2]) >= 5.0
