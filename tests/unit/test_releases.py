"""Energy release rates of a run: fields, columns, and what a script asks for."""

import numpy as np
import pytest

from cells import tiny
from latticecell import ConfigError, Simulation, open_run, run
from latticecell.fracture import Fracture
from latticecell.materials import mechanical_laws
from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.physics.toughness import Toughness
from latticecell.releases import FIELDS, blank_row

CHARGE = {"current_1c_nA": 0.6672, "steps": [{"kind": "charge", "c_rate": 2.0, "duration_s": 300.0}]}
ASKED = {"fields_every": 3, "full_states": True, "energy_release": {"flaw_um": 0.5}}
STRONG = {"mode": "breakable", "strength_MPa": 1e4, "fracture_energy_J_per_m2": 1e3}


def cell(**sections):
    return tiny(**{"protocol": CHARGE, "output": ASKED, **sections})


@pytest.fixture(scope="module")
def tied(tmp_path_factory):
    return run(cell(), tmp_path_factory.mktemp("tied") / "r")


def test_columns_have_numbers_with_every_snapshot_and_none_between(tied):
    shown = np.isin(tied.history["time_s"], tied.snapshots.times)
    assert 1 < np.count_nonzero(shown) < len(shown)
    for name in blank_row():
        known = np.isfinite(tied.history[name])
        if "front" in name:
            assert not known.any()
        else:
            np.testing.assert_array_equal(known, shown)
    largest = tied.history["gb_flaw_release_max_J_per_m2"][shown]
    assert largest[0] < 1e-9 < 0.01 < largest[-1]
    over = tied.history["gb_flaw_release_over_toughness"][shown][-1]
    assert over == pytest.approx(largest[-1] / tied.config.grain_boundary.fracture_energy, rel=1e-12)


def test_fields_are_those_of_flaws_around_sites(tied):
    """On patches and with ties as stiff springs as by the equilibrium of the whole cell."""
    shot, asked = tied.snapshot("charge_end"), Fracture(tied, "charge_end")
    rate, share = (shot[key].astype(float) for key in ("energy_release", "energy_release_sliding_share"))
    assert np.isfinite(rate).all() and (rate > -1e-9).all()
    assert np.isnan(shot["front_release"]).all()
    network = asked.network
    site_b = network.site_n[network.bond_bn[:, 0]]
    for kind in (GB_BOND, INTERFACE_BOND):
        of_kind = np.flatnonzero(network.kind_b == kind)
        for bond in of_kind[:: len(of_kind) // 4]:
            bonds = asked.bonds_near(1e6 * network.x_kc[site_b[bond]], 0.5, kind)
            assert bond in bonds
            found = asked.release(bonds)
            assert rate[bond] == pytest.approx(found.rate, rel=0.03, abs=1e-3 * rate.max())
            if found.rate > 0.1 * rate.max():
                assert share[bond] == pytest.approx(found.sliding_share, abs=0.02)


def test_a_run_that_is_resumed_shows_the_same(tied, tmp_path):
    simulation = Simulation.start(cell(), tmp_path / "r")
    for progress in (steps := simulation.advance()):
        if progress.cursor.steps == 4:
            break
    steps.close()
    simulation.close()
    for _ in Simulation.resume(tmp_path / "r").advance():
        pass
    again = open_run(tmp_path / "r")
    for name in blank_row():
        np.testing.assert_array_equal(again.history[name], tied.history[name])


def test_some_sites_are_drawn(tied):
    asked = Fracture(tied, "charge_end")
    every, some = asked.flaws(0.5), asked.flaws(0.5, sites=5)
    known = np.isfinite(some.rate_b)
    network = asked.network
    site_b = network.site_n[network.bond_bn[:, 0]]
    for kind in (GB_BOND, INTERFACE_BOND):
        assert len(np.unique(site_b[known & (network.kind_b == kind)])) == 5
    np.testing.assert_allclose(some.rate_b[known], every.rate_b[known], rtol=0.05, atol=1e-3)


def test_without_the_table_there_is_nothing(tied, tmp_path):
    plain = run(tiny(protocol=CHARGE), tmp_path / "r")
    assert not set(blank_row()) & set(plain.history)
    assert not {field.key for field in FIELDS} & set(plain.fields)
    for name in plain.history:
        if name in ("time_s", "voltage_V", "gap_mean_nm", "elastic_J"):
            np.testing.assert_array_equal(plain.history[name], tied.history[name])
    with pytest.raises(ConfigError, match="full_states"):
        Fracture(plain, "charge_end")
    assert Fracture(plain).joints.intact_b.all()


def test_toughness_follows_the_share_of_sliding(tied):
    keys = {
        **STRONG, "law": "mixed_mode", "shear_fracture_energy_J_per_m2": 3e3, "mixing_exponent": 1.7,
        "fracture_energy_J_per_m2": 1e3,
    }  # fmt: skip
    config, network = cell(grain_boundary=keys), tied.network
    toughness, own = Toughness(mechanical_laws(config), network), network.kind_b == GB_BOND
    found = toughness.at(np.full(network.n_bonds, 0.3))
    np.testing.assert_allclose(found[own], 1e3 * (1 + 2 * 0.3**1.7))
    np.testing.assert_allclose(found[~own], config.interface.fracture_energy)
