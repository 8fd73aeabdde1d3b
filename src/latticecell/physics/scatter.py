"""Strengths and toughnesses of the bonds of a network: drawn, and by the misorientation of their grains."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Floats
from latticecell.laws.bond import weibull
from latticecell.materials import BondClass
from latticecell.network import GB_BOND, Network
from latticecell.orientations import disorientation

STRENGTHS: Final = 2
"""Second number of the seed of strengths that are drawn bond after bond, grain boundaries first."""
OF_BOUNDARIES: Final = 3
"""The same of strengths that are drawn for a boundary; the two grains follow."""
TOUGHNESSES: Final = 4
"""The same of toughnesses; the class of bonds follows, and the grains of a boundary."""


def misorientation(network: Network) -> Floats:
    """Misorientation of the grains of every grain-boundary bond, 0 on the interface, (n_bonds,) [rad]."""
    gb = network.gb_b
    pairs, pair_b = np.unique(network.domain_n[network.bond_bn[gb]], axis=0, return_inverse=True)
    first, second = network.rotation_gcc[pairs].swapaxes(0, 1)
    angle_b = np.zeros(network.n_bonds)
    angle_b[gb] = np.radians(disorientation(first, second))[pair_b.ravel()] if len(pairs) else 0.0
    return angle_b


class Scatter:
    """Draws the bonds of a network from the microstructure's seed, one class after the other.

    A value of a whole boundary is drawn for the numbers of its grains, so that it does not depend on the
    spacing of the network.

    Parameters
    ----------
    seed : int
    network : Network
    """

    def __init__(self, seed: int, network: Network):
        self._seed, self._network = seed, network
        self._strengths = np.random.default_rng([seed, STRENGTHS])

    def draw(self, own: BondClass, kind: int, bonds: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return strengths [Pa] and toughnesses [J/m2] of bonds of one class, (n,) each.

        Parameters
        ----------
        own : BondClass
        kind : int
            ``GB_BOND`` or ``INTERFACE_BOND``.
        bonds : (n,) intp
            All of that class.
        """
        means, moduli = (
            (own.strength, own.fracture_energy),
            (own.weibull_modulus, own.toughness_weibull_modulus),
        )
        if own.scatter == "boundary":
            pairs, pair_b = np.unique(
                self._network.domain_n[self._network.bond_bn[bonds]], axis=0, return_inverse=True
            )
            streams = ([self._seed, OF_BOUNDARIES, kind], [self._seed, TOUGHNESSES, kind])
            strength_b, toughness_b = (
                self._of_pairs(mean, modulus, pairs, stream)[pair_b.ravel()]
                for mean, modulus, stream in zip(means, moduli, streams, strict=True)
            )
        else:
            strength_b = weibull(means[0], moduli[0], len(bonds), self._strengths)
            rng = np.random.default_rng([self._seed, TOUGHNESSES, kind])
            toughness_b = weibull(means[1], moduli[1], len(bonds), rng)
        if kind == GB_BOND and own.character is not None:
            angle_b = misorientation(self._network)[bonds]
            strength_b = strength_b * own.character.on_strength(angle_b)
            toughness_b = toughness_b * own.character.on_toughness(angle_b)
        return strength_b, toughness_b

    @staticmethod
    def _of_pairs(mean: float, modulus: float | None, pairs: NDArray[np.int32], stream: list[int]) -> Floats:
        if modulus is None:
            return np.full(len(pairs), mean)
        rngs = (np.random.default_rng([*stream, int(a), int(b)]) for a, b in pairs)
        return np.array([weibull(mean, modulus, 1, rng)[0] for rng in rngs])
