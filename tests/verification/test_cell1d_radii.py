"""The 1-D cell with particles of several radii: independent solutions, conservation, limits, and PyBaMM."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from threadpoolctl import threadpool_limits

from halfcell import half_cell
from latticecell import ConfigError, config_from_table
from latticecell.cell1d import run_cell1d
from latticecell.cell1d.run import cell_of
from latticecell.cell1d.sizes import particle_sizes
from latticecell.cell1d.solve import steps
from latticecell.cell1d.unknowns import Control
from latticecell.laws.chosen import open_circuit
from latticecell.output.rundir import RunDirectory

FARADAY, THERMAL = 96485.33212, 8.314462618 * 298.15 / 96485.33212
CHARGE = {"kind": "charge", "c_rate": 1.0, "until_V": 4.3}


@pytest.fixture(autouse=True)
def one_thread():
    with threadpool_limits(1):
        yield


def two_sizes(**cell1d):
    """A cell whose conductors are ideal: diffusion in the particles and their kinetics are left."""
    return {
        "geometry": {"particles": [{"radius_um": 4.7}]},
        "kinetics": {"exchange_current_A_per_m2": 0.7, "lithium_exchange_current_A_per_m2": 1e6},
        "interface": {"resistance_ohm_m2": 0.0},
        "materials": {
            "ecbd": {"ionic_conductivity_S_per_m": 1e6, "electronic_conductivity_S_per_m": 1e6},
            "separator": {"ionic_conductivity_S_per_m": 1e6},
        },
        "protocol": {"steps": [CHARGE]},
        "cell1d": {
            "radii_um": [2.3, 6.1], "volume_shares": [0.35, 0.65], "diffusivity_m2_per_s": 3e-15,
            "points_cathode": 3, "points_separator": 3, "points_radial": 60, "tolerance": 1e-7,
        } | cell1d,
    }  # fmt: skip


def curves(config):
    """Times, voltages, and mean stoichiometries of the particles of each radius, without the start."""
    cell = cell_of(config)
    found = [
        (step.time, cell.fields(step.z).voltage, *cell.mean_stoich_m(step.u)) for step in steps(config, cell)
    ]
    return np.array(found[1:]).T


def by_modes(config, radii, volumes, until, count=25):
    """Spheres at a common potential, each by its eigenfunctions: means y_m and amplitudes w_mn.

    With roots tan(l) = l, and the flux j = i / F c_max out of the surface (Crank, The Mathematics of
    Diffusion, 1975, section 6.3.3),

        dy/dt = -3 j / R,   dw_n/dt = -l_n^2 D w_n / R^2 + 2 j / R,   y(R) = y - sum w_n.

    Modes beyond the last are at their steady state; all of them add up to j R / 5 D.
    """
    active, d = config.materials.active, config.cell1d.diffusivity
    ocv = open_circuit(active)
    edge = lambda x: np.sin(x) - x * np.cos(x)  # noqa: E731
    root = np.array([brentq(edge, n * np.pi, (n + 0.5) * np.pi) for n in range(1, count + 1)])
    rest = 0.2 - (2 / root**2).sum()
    area = 3 * volumes / radii
    cell = cell_of(config)
    current, n_m = cell.one_c, len(radii)
    i0 = config.kinetics.exchange_current

    def reaction(mean, lag, radius, potential):
        """i with y(R) = mean - lag - i R rest / (F c_max D), by Butler-Volmer."""
        tail = radius * rest / (FARADAY * active.c_max * d)

        def miss(i):
            y = min(max(mean - lag - i * tail, 0.0), 1.0)
            eta = (potential - float(ocv.voltage(y))) / THERMAL
            return i - 2 * i0 * np.sqrt(y * (1 - y)) * 2 * np.sinh(np.clip(eta / 2, -200, 200))

        full, empty = (mean - lag - 1) / tail, (mean - lag) / tail  # no reaction at either
        return brentq(miss, full, empty, xtol=1e-13, rtol=1e-13)

    def split(state):
        mean, modes = state[:n_m], state[n_m:].reshape(n_m, count)
        of = lambda v: [reaction(*one, v) for one in zip(mean, modes.sum(axis=1), radii, strict=True)]  # noqa: E731
        potential = brentq(lambda v: float(area @ of(v)) - current, 2.0, 5.5, xtol=1e-12)
        return potential, np.array(of(potential))

    def rate(t, state):
        flux = split(state)[1] / (FARADAY * active.c_max)
        modes = state[n_m:].reshape(n_m, count)
        slope = -(root**2) * d / radii[:, None] ** 2 * modes + 2 * (flux / radii)[:, None]
        return np.concatenate([-3 * flux / radii, slope.ravel()])

    start = np.concatenate([np.full(n_m, active.initial_stoichiometry), np.zeros(n_m * count)])
    t = np.linspace(until / 40, until, 40)
    found = solve_ivp(rate, (0, until), start, "BDF", t_eval=t, rtol=1e-6, atol=1e-8)
    return found.t, np.array([split(state)[0] for state in found.y.T]), found.y[:n_m]


def test_two_radii_share_the_current_as_spheres_by_modes_do():
    config = config_from_table(two_sizes())
    time, volts, *mean = curves(config)
    volume = 4 / 3 * np.pi * 4.7e-6**3
    radii, volumes = np.array([6.1e-6, 2.3e-6]), volume * np.array([0.65, 0.35])
    t, expected, means = by_modes(config, radii, volumes, 0.97 * time[-1])
    assert np.abs(means[0] - means[1]).max() > 0.15  # or one radius would do
    for found, exact in zip(mean, means, strict=True):
        np.testing.assert_allclose(CubicSpline(time, found)(t), exact, atol=5e-5)
    difference = CubicSpline(time, volts)(t) - expected
    assert np.sqrt((difference**2).mean()) < 5e-5 and np.abs(difference).max() < 2e-4


def test_radii_that_hardly_differ_are_one():
    one = config_from_table(two_sizes(radii_um=[4.7], volume_shares=[]))
    two = config_from_table(two_sizes(radii_um=[4.7, 4.70001], volume_shares=[2.0, 5.0]))
    (time, volts, _), (t, found, *_) = curves(one), curves(two)
    assert t[-1] == pytest.approx(time[-1], rel=1e-5)
    inner = t < 0.999 * time[-1]
    np.testing.assert_allclose(CubicSpline(time, volts)(t[inner]), found[inner], atol=2e-5)


@pytest.mark.parametrize("kind", ["single_ion", "binary"])
def test_li_is_conserved_and_small_particles_are_ahead(tmp_path, kind):
    particles = [
        {"center_um": [5.5, 5.5, 5.5], "radius_um": 5.0},
        {"center_um": [5.5, 5.5, 14.0], "radius_um": 3.0},
        {"center_um": [5.5, 5.5, 18.5], "radius_um": 1.2},
        {"center_um": [1.5, 1.5, 18.5], "radius_um": 1.2},
    ]
    config = config_from_table({
        "geometry": {"width_um": 11.0, "cathode_um": 20.0, "particles": particles},
        "microstructure": {"grains": 2},
        "electrolyte": {"kind": kind},
        "cell1d": {"diffusivity_m2_per_s": 2e-15, "points_cathode": 8},
        "protocol": {"steps": [CHARGE, {"kind": "rest", "duration_s": 4e4}]},
    })  # fmt: skip
    run_cell1d(config, tmp_path / "run")
    history = RunDirectory.open(tmp_path / "run").history()
    volume = np.array([5.0**3, 3.0**3, 2 * 1.2**3])
    assert np.abs(history["lithium_balance"]).max() < 1e-12
    assert np.abs(history["charge_balance"]).max() < 1e-8
    mean = np.array([history[f"stoich_mean_r{m}"] for m in (1, 2, 3)])
    lithium = np.array([history[f"lithium_mol_r{m}"] for m in (1, 2, 3)])
    np.testing.assert_allclose(lithium.sum(axis=0), history["lithium_mol"], rtol=1e-13)
    np.testing.assert_allclose(lithium[:, 0] / lithium[:, 0].sum(), volume / volume.sum(), rtol=1e-9)
    reaction = sum(history[f"reaction_A_r{m}"] for m in (1, 2, 3))
    np.testing.assert_allclose(reaction, history["reaction_A"], atol=1e-12 * np.abs(reaction).max())
    charging = history["kind"] == "charge"
    assert (np.diff(mean[:, charging], axis=0)[:, 1:] < 0).all()
    end = np.flatnonzero(charging)[-1]
    assert mean[0, end] - mean[2, end] > 0.15
    assert np.ptp(mean[:, -1]) < 0.02 < np.ptp(mean[:, end])  # at rest they come together


def test_sizes_are_those_of_the_geometry_with_similar_ones_together():
    radii = [5.0, 3.0, 3.0, 2.0, 1.9, 1.1]
    particles = [{"radius_um": r, "center_um": [10.0, 10.0, 6.0 + 12 * i]} for i, r in enumerate(radii)]
    table = {"geometry": {"width_um": 20.0, "cathode_um": 80.0, "particles": particles}}
    table |= {"microstructure": {"grains": 2}}
    r = np.sort(radii)[::-1] * 1e-6
    for most in (8, 5, 4, 2, 1):
        config = config_from_table(table | {"cell1d": {"most_radii": most}})
        sizes = particle_sizes(config.geometry, config.cell1d)
        assert len(sizes.radius_m) == min(most, 5)
        assert (np.diff(sizes.radius_m) < 0).all()
        assert sizes.volume_m.sum() == pytest.approx(4 / 3 * np.pi * (r**3).sum(), rel=1e-12)
        surface = 3 * sizes.volume_m / sizes.radius_m
        assert surface.sum() == pytest.approx(4 * np.pi * (r**2).sum(), rel=1e-12)
    given = config_from_table(table | {"cell1d": {"radii_um": [1.0, 4.0], "volume_shares": [3.0, 1.0]}})
    sizes = particle_sizes(given.geometry, given.cell1d)
    np.testing.assert_allclose(sizes.radius_m, [4e-6, 1e-6])
    np.testing.assert_allclose(sizes.volume_m, np.array([0.25, 0.75]) * 4 / 3 * np.pi * (r**3).sum())


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (
            {"radii_um": [1.0, 2.0], "volume_shares": [1.0]},
            "volume_shares: 1 of them, must be as many as radii",
        ),
        ({"volume_shares": [1.0]}, "volume_shares: 1 of them, must be as many as radii_um, 0"),
        ({"radii_um": [2.0, 2.0]}, r"radii_um = \[2.0, 2.0\]: must differ"),
    ],
)
def test_radii_that_make_no_sense_are_refused(keys, told):
    with pytest.raises(ConfigError, match=told):
        cell_of(config_from_table({"cell1d": keys}))


def test_the_derivative_with_two_radii():
    table = two_sizes(points_radial=5)
    table["electrolyte"] = {"kind": "binary"}
    table["materials"]["active"] = {"diffusivity_factor": {"x": [0.2, 0.5, 1.0], "y": [0.4, 1.0, 0.3]}}
    cell = cell_of(config_from_table(table))
    u, z = cell.rest()
    rng = np.random.default_rng(5)
    u[:-1] *= 1 - 0.2 * rng.uniform(size=len(u) - 1)
    control = Control("current", 2.0)
    at = lambda v: cell.rates(v, cell.solve(v, control, z))  # noqa: E731
    way = rng.normal(size=len(u))
    slope = (at(u + 1e-6 * way) - at(u - 1e-6 * way)) / 2e-6
    found = cell.jacobian(u, cell.solve(u, control, z), control) @ way
    np.testing.assert_allclose(found, slope, atol=1e-5 * np.abs(slope).max())


def test_pybamm_with_a_distribution_of_sizes():
    """Ten radii between 2 and 8 um, areas by a log-normal density; PyBaMM slices it at the same radii."""
    low, high, count = 2e-6, 8e-6, 10
    width = (high - low) / count
    radius = low + width * (np.arange(count) + 0.5)

    def density(r):
        pybamm = pytest.importorskip("pybamm")
        spread, middle = 0.35, np.log(4.5e-6)
        return pybamm.exp(-((pybamm.log(r) - middle) ** 2) / (2 * spread**2)) / r

    share = np.exp(-((np.log(radius) - np.log(4.5e-6)) ** 2) / (2 * 0.35**2)) / radius * radius
    config = config_from_table({
        "electrolyte": {"kind": "binary", "fraction_ecbd": 0.3, "fraction_separator": 0.5},
        "geometry": {"cathode_um": 60.0, "separator_um": 25.0,
                     "particles": [{"center_um": [7.5, 7.5, 7.5 + 15.0 * i]} for i in range(4)]},
        "materials": {"active": {"initial_stoichiometry": 0.95, "diffusivity_m2_per_s": [4e-15] * 3}},
        "interface": {"resistance_ohm_m2": 0.0},
        "kinetics": {"exchange_current_A_per_m2": 5.0},
        "protocol": {"steps": [CHARGE]},
        "cell1d": {"radii_um": (radius * 1e6).tolist(), "volume_shares": (share / share.sum()).tolist(),
                   "points_cathode": 10, "points_radial": 40},
    })  # fmt: skip
    time, volts, *mean = curves(config)
    assert np.ptp(np.array(mean), axis=0).max() > 0.1
    t, expected = half_cell(config, 0.97 * time[-1], (low, high, count, density))
    inner = t > 0.03 * time[-1]
    difference = CubicSpline(time, volts)(t[inner]) - expected[inner]
    assert np.sqrt((difference**2).mean()) < 5e-4 and np.abs(difference).max() < 2e-3
