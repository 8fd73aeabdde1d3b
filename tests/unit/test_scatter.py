"""Strength and toughness that differ from bond to bond, between boundaries, and with misorientation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cells import mechanics_of, tiny
from latticecell.errors import ConfigError
from latticecell.materials import mechanical_laws
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.observables import DERIVED, Derivation
from latticecell.orientations import disorientation
from latticecell.physics.bonds import Bonds
from latticecell.reader import config_from_table
from latticecell.stepper import Stepper

GB = {"mode": "breakable", "strength_MPa": 80.0, "fracture_energy_J_per_m2": 0.7}
BOUNDARY = {**GB, "scatter": "boundary", "weibull_modulus": 6.0, "toughness_weibull_modulus": 3.0}
TABLE = {"angle_deg": [10.0, 40.0], "strength_factor": [2.5, 1.0], "toughness_factor": [4.0, 1.0]}


@pytest.fixture(scope="module")
def network():
    config = tiny()
    return build_network(config, build_microstructure(config))


def bonds_of(network, **sections):
    return Bonds(mechanical_laws(tiny(**sections)), network)


def pairs_of(bonds, network):
    return network.domain_n[bonds.node_bn]


# Rotations about one axis: a threefold axis along c and a twofold one along a leave the crystal as it is.
@pytest.mark.parametrize(
    ("axis", "turned", "wanted"),
    [
        ("z", 17.0, 17.0), ("z", 60.0, 60.0), ("z", 71.0, 49.0), ("z", 120.0, 0.0), ("z", 180.0, 60.0),
        ("x", 35.0, 35.0), ("x", 90.0, 90.0), ("x", 130.0, 50.0), ("x", 180.0, 0.0),
        ("y", 90.0, 90.0), ("y", 180.0, 60.0),
    ],
)  # fmt: skip
def test_disorientation_of_turns_about_one_axis(axis, turned, wanted):
    own = Rotation.random(7, rng=np.random.default_rng(5))
    other = own * Rotation.from_euler(axis, turned, degrees=True)
    np.testing.assert_allclose(disorientation(own.as_matrix(), other.as_matrix()), wanted, atol=1e-6)


def test_disorientation_is_that_of_the_crystal_and_not_of_its_axes():
    rng = np.random.default_rng(8)
    a, b, turn = (Rotation.random(400, rng=rng) for _ in range(3))
    angle = disorientation(a.as_matrix(), b.as_matrix())
    np.testing.assert_allclose(disorientation(b.as_matrix(), a.as_matrix()), angle, atol=1e-6)
    moved = disorientation((turn * a).as_matrix(), (turn * b).as_matrix())
    np.testing.assert_allclose(moved, angle, atol=1e-6)
    third, second = (Rotation.from_rotvec(np.radians(v)) for v in ([0, 0, 120], [180, 0, 0]))
    for own in (third, second, third * second):
        np.testing.assert_allclose(disorientation((a * own).as_matrix(), b.as_matrix()), angle, atol=1e-6)
    sixth = Rotation.from_rotvec(np.radians([0, 0, 60.0]))  # no symmetry of -3m
    assert np.abs(disorientation((a * sixth).as_matrix(), b.as_matrix()) - angle).max() > 5


def test_random_crystals_are_turned_as_far_as_two_trigonal_ones_can_be():
    """Largest angle 104.48 deg of point group 32 (Morawiec, J. Appl. Cryst. 28 (1995) 289): cos = -1/4."""
    rng = np.random.default_rng(3)
    a, b = (Rotation.random(200_000, rng=rng).as_matrix() for _ in range(2))
    angle = disorientation(a, b)
    most = np.degrees(np.arccos(-0.25))
    assert most - 1.0 < angle.max() <= most + 1e-6
    # the density of small angles is that of rotations times the six operators: 6 (w - sin w) / pi
    small = np.radians(30)
    assert (angle < 30).mean() == pytest.approx(6 * (small - np.sin(small)) / np.pi, rel=0.03)


def test_toughness_is_scattered_beside_strength(network):
    plain = bonds_of(
        network, grain_boundary={**GB, "weibull_modulus": 9.0}, interface={"weibull_modulus": 4.0}
    )
    keys = {"toughness_weibull_modulus": 5.0, "weibull_modulus": 9.0}
    both = bonds_of(network, grain_boundary={**GB, **keys}, interface={**keys, "weibull_modulus": 4.0})
    np.testing.assert_array_equal(both.strength_b, plain.strength_b)
    again = bonds_of(network, grain_boundary={**GB, **keys}, interface={**keys, "weibull_modulus": 4.0})
    np.testing.assert_array_equal(both.toughness_b, again.toughness_b)
    assert np.all(plain.toughness_b == np.where(plain.is_interface_b, 1.0, 0.7))
    for own, mean in ((both.is_interface_b, 1.0), (~both.is_interface_b, 0.7)):
        found = both.toughness_b[own] / mean
        assert len(np.unique(found)) == len(found)
        assert found.mean() == pytest.approx(1.0, abs=4 * 0.229 / np.sqrt(len(found)))
        assert found.std() == pytest.approx(0.229, rel=0.25)
        assert abs(np.corrcoef(found, both.strength_b[own])[0, 1]) < 0.3
    assert both.separation_energy == pytest.approx(both.area_b @ both.toughness_b, rel=1e-12)
    other = bonds_of(
        network, grain_boundary={**GB, **keys}, interface=keys, microstructure={"grains": 8, "seed": 9}
    )
    assert np.all(other.toughness_b != both.toughness_b)


def test_a_tougher_bond_costs_more(network):
    bonds = bonds_of(network, grain_boundary={**GB, "toughness_weibull_modulus": 4.0})
    apart = 1e-6 * bonds.normal_bc
    closed, fresh = 0.0 * apart, np.zeros((len(apart), bonds.n_columns))
    history = bonds.respond(apart, closed, fresh, np.inf, "secant").history_bh
    lost = sum(bonds.dissipated(history))
    assert lost == pytest.approx(bonds.area_b @ bonds.toughness_b, rel=1e-5)


def test_a_boundary_has_one_character(network):
    bonds = bonds_of(
        network, grain_boundary=BOUNDARY, interface={"scatter": "boundary", "weibull_modulus": 6.0}
    )
    pair = pairs_of(bonds, network)
    values = {}
    for a, b, strength, toughness in zip(*pair.T, bonds.strength_b, bonds.toughness_b, strict=True):
        values.setdefault((a, b), set()).add((strength, toughness))
    assert all(len(found) == 1 for found in values.values())
    drawn = [found for pair, found in values.items() if network.n_grains not in pair]
    assert len({strength for ((strength, _),) in drawn}) == len(drawn) > 8
    assert len({toughness for ((_, toughness),) in drawn}) == len(drawn)
    on_surface = [found for pair, found in values.items() if network.n_grains in pair]
    assert len({strength for ((strength, _),) in on_surface}) == len(on_surface) > 5
    assert {toughness for ((_, toughness),) in on_surface} == {1.0}


def test_a_boundary_keeps_its_character_on_another_network():
    """Drawn for the pair of grains: spacing, and which boundaries have bonds at all, do not matter."""
    found = []
    for spacing in (1.4, 1.1):
        config = tiny(grain_boundary=BOUNDARY, network={"spacing_um": spacing})
        network = build_network(config, build_microstructure(config))
        bonds = mechanics_of(config, network).bonds
        values = np.stack([bonds.strength_b, bonds.toughness_b], axis=1)
        found.append({tuple(p): tuple(v) for p, v in zip(pairs_of(bonds, network), values, strict=True)})
    shared = found[0].keys() & found[1].keys()
    assert len(shared) > 10
    assert all(found[0][pair] == found[1][pair] for pair in shared)


def test_boundaries_are_drawn_from_the_distribution(network):
    """The pooled draws of many seeds have the mean and the scatter of the modulus."""
    found = []
    for seed in range(1, 61):
        config = tiny(grain_boundary=BOUNDARY, microstructure={"grains": 8, "seed": seed})
        bonds = Bonds(mechanical_laws(config), network)
        found.append(np.unique(bonds.toughness_b[~bonds.is_interface_b]))
    drawn = np.concatenate(found) / 0.7
    assert len(drawn) > 500
    assert drawn.mean() == pytest.approx(1.0, abs=4 * 0.363 / np.sqrt(len(drawn)))
    assert drawn.std() == pytest.approx(0.363, rel=0.08)  # of a Weibull law of modulus 3


def test_strength_and_toughness_follow_the_misorientation(network):
    """Two grains turned about a by known angles: the factors of the table, between them, and beyond it."""
    for turned, strength, toughness in (
        (4.0, 2.5, 4.0),
        (25.0, 1.75, 2.5),
        (70.0, 1.0, 1.0),
        (165.0, 2.25, 3.5),
    ):
        own = np.stack([np.eye(3)] * network.n_grains)
        own[0] = Rotation.from_euler("x", turned, degrees=True).as_matrix()
        bonds = bonds_of(replace(network, rotation_gcc=own), grain_boundary={**GB, "misorientation": TABLE})
        turns = (pairs_of(bonds, network) == 0).any(axis=1) & ~bonds.is_interface_b
        assert turns.any()
        np.testing.assert_allclose(bonds.strength_b[turns], 80e6 * strength, rtol=1e-9)
        np.testing.assert_allclose(bonds.toughness_b[turns], 0.7 * toughness, rtol=1e-9)
        rest = ~turns & ~bonds.is_interface_b
        np.testing.assert_allclose(bonds.strength_b[rest], 80e6 * 2.5, rtol=1e-9)
        np.testing.assert_allclose(bonds.strength_b[bonds.is_interface_b], 100e6)


def test_scatter_comes_on_top_of_misorientation(network):
    one = bonds_of(network, grain_boundary={**BOUNDARY, "misorientation": TABLE})
    two = bonds_of(network, grain_boundary=BOUNDARY)
    three = bonds_of(network, grain_boundary={**GB, "misorientation": TABLE})
    gb = ~one.is_interface_b
    np.testing.assert_allclose(
        one.strength_b[gb], two.strength_b[gb] * three.strength_b[gb] / 80e6, rtol=1e-12
    )
    np.testing.assert_allclose(
        one.toughness_b[gb], two.toughness_b[gb] * three.toughness_b[gb] / 0.7, rtol=1e-12
    )


def test_snapshots_tell_misorientation_and_toughness(network):
    config = tiny(grain_boundary={**BOUNDARY, "misorientation": TABLE})
    stepper = Stepper(config, network)
    state, _ = stepper.start()
    now = Derivation(stepper, state)
    found = {field.key: (field, compute(now)) for field, compute in DERIVED}
    field, angle = found["misorientation"]
    assert (field.unit, field.location) == ("deg", "bond")
    a, b = network.rotation_gcc[network.domain_n[network.bond_bn[network.gb_b]]].swapaxes(0, 1)
    np.testing.assert_allclose(angle[network.gb_b] * field.factor, disorientation(a, b), atol=1e-6)
    assert not angle[network.interface_b].any()
    bonds = stepper.mechanics.bonds
    for key, values in (("strength", bonds.strength_b), ("toughness", bonds.toughness_b)):
        field, shown = found[key]
        np.testing.assert_array_equal(shown[bonds.active_b], values)
    assert found["strength"][0].unit == "MPa" and found["toughness"][0].unit == "J_per_m2"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"angle_deg": [10.0, 40.0]},
            "grain_boundary.misorientation: needs strength_factor or toughness_factor",
        ),
        (
            {**TABLE, "angle_deg": []},
            "misorientation.angle_deg = []: must be a list of 1 to 1000 numbers in [0, 105] deg",
        ),
        (
            {**TABLE, "angle_deg": [40.0, 10.0]},
            "grain_boundary.misorientation.angle_deg = [40, 10]: must rise",
        ),
        (
            {**TABLE, "toughness_factor": [1.0]},
            "grain_boundary.misorientation.toughness_factor: 1 of them, must be as many as angle_deg, 2",
        ),
    ],
)  # fmt: skip
def test_tables_that_make_no_sense_are_told(table, message):
    with pytest.raises(ConfigError) as caught:
        config_from_table({"grain_boundary": {"mode": "breakable", "misorientation": table}})
    assert any(message in problem for problem in caught.value.problems), caught.value.problems
