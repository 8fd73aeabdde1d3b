"""Several particles of different sizes in one cell."""

import numpy as np
import pytest

import latticecell as lc

CELL = {
    "geometry": {
        "width_um": 9.0, "cathode_um": 8.5, "separator_um": 2.0,
        "packing": {"radii_um": [3.2, 2.1, 1.3], "gap_um": 0.25},
    },
    "microstructure": {"seed": 5, "grains": 3},
    "network": {"spacing_um": 1.0, "spacing_max_um": 2.2, "growth": 0.5},
    "materials": {"active": {"diffusivity_m2_per_s": [1e-15, 1e-15, 1e-15]}},
    "protocol": {"steps": [{"kind": "charge", "c_rate": 1.0, "until_V": 4.3}]},
    "solver": {"threads": 1},
    "output": {"fields_every": 0},
}  # fmt: skip


def test_small_particles_are_ahead_of_large_ones_and_no_li_is_lost(tmp_path):
    """They have the most surface per volume, and where diffusion limits, Li leaves in proportion to it."""
    config = lc.config_from_table(CELL)
    lc.run(config, out=tmp_path / "run")
    run = lc.open_run(tmp_path / "run")
    history, count = run.history, len(config.geometry.particles)
    mean = np.array([history[f"stoich_mean_p{p + 1}"] for p in range(count)])
    lithium = np.array([history[f"lithium_mol_p{p + 1}"] for p in range(count)])
    reaction = np.array([history[f"reaction_A_p{p + 1}"] for p in range(count)])
    assert history["voltage_V"][-1] == pytest.approx(4.3, abs=1e-4)
    np.testing.assert_allclose(lithium.sum(axis=0), history["lithium_mol"], rtol=1e-13)
    np.testing.assert_allclose(
        reaction.sum(axis=0), history["reaction_A"], atol=1e-9 * history["reaction_A"].max()
    )
    assert np.abs(history["lithium_balance"]).max() < 1e-12
    assert np.abs(history["charge_balance"]).max() < 1e-9
    assert (np.diff(mean[:, 1:], axis=0) < 0).all()  # from the largest to the smallest, in every step
    early = int(np.searchsorted(history["time_s"], 60.0))
    speed = (mean[:, 0] - mean[:, early]) / (mean[0, 0] - mean[0, early])
    radius = np.array([particle.radius for particle in config.geometry.particles])
    assert (speed[1:] > 1.1).all() and (speed <= 1.2 * radius[0] / radius).all(), speed
    assert mean[0, -1] - mean[2, -1] > 0.1
