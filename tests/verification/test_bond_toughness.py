"""One bond that separates costs G_c A to 1e-6: opening, sliding, both, straight and bent, for every law."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from cells import tiny
from latticecell.laws import BOND_LAWS, bond_law
from latticecell.laws.bond import BondParameters
from latticecell.materials import mechanical_laws
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.physics.bonds import Bonds

STRENGTH, TOUGHNESS, STIFFNESS = 137e6, 0.871, 3e18
LEAST = 1e9
"""Least residual stiffness of an input [Pa/m]; what it stores is no part of the toughness."""
SHEAR, SHEAR_ENERGY, EXPONENT = 191e6, 3.139, 1.7
NORMAL = np.array([[0.6, 0.0, 0.8]])
SLIDE = np.array([[0.28 * 0.8, 0.96, -0.28 * 0.6]])
MODES = pytest.mark.parametrize("share", [0.0, 0.11, 0.5, 0.83, 1.0])
laws = pytest.mark.parametrize("name", BOND_LAWS.names)


def law(name, residual=LEAST):
    shear = (SHEAR / STRENGTH, SHEAR_ENERGY / TOUGHNESS, EXPONENT) if name == "mixed_mode" else ()
    given = np.array([STRENGTH]), np.array([TOUGHNESS]), STIFFNESS, residual
    return bond_law("interface", name, BondParameters(*given, *shear))


def toughness(name, share):
    """What Benzeggagh and Kenane ask of a share of sliding; the other laws know one toughness."""
    mixed = share**EXPONENT if name == "mixed_mode" else 0.0
    return TOUGHNESS + (SHEAR_ENERGY - TOUGHNESS) * mixed


def far(name):
    """Opening by which a bond is separated to 1e-9 of its toughness [m]."""
    return (30 if name == "exponential" else 3) * 2 * SHEAR_ENERGY / STRENGTH


def direction(share):
    """Unit opening whose square is of sliding by a share."""
    return np.sqrt(1 - share) * NORMAL + np.sqrt(share) * SLIDE


def work(own, way_bc, sizes):
    """Work of a bond pulled along a ray in one step from the virgin one, by adaptive quadrature [J/m2]."""
    start, fresh = 0.0 * way_bc, np.zeros((1, len(own.columns)))

    def pull(size):
        answer = own.respond(size * way_bc, NORMAL, start, fresh, 60.0)
        return float(np.sum(answer.traction_bc * way_bc))

    return sum(quad(pull, *ends, epsabs=1e-12, epsrel=1e-9)[0] for ends in pairwise(sizes))


@laws
@MODES
def test_a_straight_separation_costs_its_toughness(name, share):
    own, end, way = law(name), far(name), direction(share)
    start, fresh = 0.0 * way, np.zeros((1, len(own.columns)))
    history = own.respond(end * way, NORMAL, start, fresh, 60.0).history_bh
    wanted = toughness(name, share)
    assert own.dissipated(history)[0] == pytest.approx(wanted, rel=1e-6, abs=0)
    assert own.is_broken(history)[0]
    if name == "exponential":
        sizes = np.linspace(0, end, 100)
    else:  # onset and end of the softening are kinks
        mixed = share**EXPONENT if name == "mixed_mode" else 0.0
        onset = np.sqrt(STRENGTH**2 + (SHEAR**2 - STRENGTH**2) * mixed) / STIFFNESS
        sizes = np.array([0, onset, 2 * wanted / (onset * STIFFNESS), end])
    done = work(own, way, sizes)
    assert done - own.stored(end * way, NORMAL, history)[0] == pytest.approx(wanted, rel=1e-6, abs=0)


@laws
def test_a_bent_separation_costs_the_share_of_each_leg(name):
    """Opened half-way, let go, then slid until it parts: the share of G_I, and of G_II what is left of it.

    Of laws with one toughness that sum is the toughness. Of a mixed-mode law it follows from the damage d at
    the bend: a bilinear bond has lost G_c (stretch - d_0) / (d_f - d_0) at a stretch, and each stretch is
    that of the damage.
    """
    own, still = law(name), np.zeros((1, 3))
    opened = 0.4 * TOUGHNESS / STRENGTH * NORMAL
    history = np.zeros((1, len(own.columns)))
    for here, there in ((still, opened), (opened, still), (still, far(name) * SLIDE)):
        history = own.respond(there, NORMAL, here, history, 60.0).history_bh
        if there is opened:
            damage, lost = own.damage(history)[0], own.dissipated(history)[0]
    assert 0.05 * TOUGHNESS < lost < 0.5 * TOUGHNESS
    wanted = TOUGHNESS
    if name == "mixed_mode":
        shares = []
        for strength, energy in ((STRENGTH, TOUGHNESS), (SHEAR, SHEAR_ENERGY)):
            onset, final = strength / STIFFNESS, 2 * energy / strength
            stretch = onset * final / (final - damage * (final - onset))
            shares.append((stretch - onset) / (final - onset))
        assert lost == pytest.approx(shares[0] * TOUGHNESS, rel=1e-6, abs=0)
        wanted = shares[0] * TOUGHNESS + (1 - shares[1]) * SHEAR_ENERGY
    assert own.dissipated(history)[0] == pytest.approx(wanted, rel=1e-6, abs=0)


@pytest.fixture(scope="module")
def network():
    config = tiny()
    return build_network(config, build_microstructure(config))


@laws
@MODES
def test_all_bonds_of_a_cell_cost_what_separates_them(name, share, network):
    """Through `Bonds`, with the areas of a network, in ten steps: sum of G_c A."""
    keys = {"law": name, "strength_MPa": 137.0, "fracture_energy_J_per_m2": 0.871, "stiffness_Pa_per_m": 3e18}
    keys["residual_stiffness_Pa_per_m"] = LEAST
    if name == "mixed_mode":
        keys |= {"shear_strength_MPa": 191.0, "shear_fracture_energy_J_per_m2": 3.139, "mixing_exponent": 1.7}
    config = tiny(interface=keys, grain_boundary={**keys, "mode": "breakable"})
    bonds = Bonds(mechanical_laws(config), network)
    across = np.cross(bonds.normal_bc, [0.36, 0.48, 0.8])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    way = np.sqrt(1 - share) * bonds.normal_bc + np.sqrt(share) * across
    history, here = np.zeros((len(way), bonds.n_columns)), 0.0 * way
    for size in far(name) * np.linspace(0, 1, 11)[1:] ** 2:
        there = size * way
        history, here = bonds.respond(there, here, history, 5.0, "secant").history_bh, there
    wanted = toughness(name, share) * bonds.area_b.sum()
    assert sum(bonds.dissipated(history)) == pytest.approx(wanted, rel=1e-6, abs=0)
    assert bonds.is_broken(history).all()


@laws
def test_the_residual_stiffness_lowers_the_toughness_by_its_share_of_the_first(name):
    """Stored, not lost: 1e13 Pa/m is 1e-6 of the usual stiffness, and more of an exponential law's."""
    residual = 1e13
    own = law(name, residual)
    history = np.zeros((1, len(own.columns)))
    history = own.respond(far(name) * NORMAL, NORMAL, 0 * NORMAL, history, 60.0).history_bh
    first = (np.e * STRENGTH) ** 2 / TOUGHNESS if name == "exponential" else STIFFNESS
    lost = own.dissipated(history)[0]
    assert 1 - lost / TOUGHNESS == pytest.approx(residual / first, rel=1e-3, abs=0)
