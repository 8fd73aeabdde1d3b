"""Grain boundaries whose strength and toughness depend on the misorientation of their grains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latticecell.arrays import Floats


@dataclass(frozen=True, slots=True)
class BoundaryCharacter:
    """Factors on strength and toughness, linear between the angles of a table and constant beyond them.

    The ideal work of separation of a boundary is that of two surfaces less its own energy, which rises with
    the angle up to about 15 degrees (Read and Shockley, Phys. Rev. 78, 275 (1950); Brandon, Acta Metall. 14,
    1479 (1966)): boundaries of small angles are the tougher ones.

    Attributes
    ----------
    angle : tuple of float
        Misorientations, rising [rad].
    strength_factor, toughness_factor : tuple of float or None
        Factors there [1]; None: 1.
    """

    angle: tuple[float, ...]
    strength_factor: tuple[float, ...] | None = None
    toughness_factor: tuple[float, ...] | None = None

    def on_strength(self, angle_b: Floats) -> Floats:
        """Return the factors on strength at misorientations [rad], (n_bonds,) [1]."""
        return self._at(angle_b, self.strength_factor)

    def on_toughness(self, angle_b: Floats) -> Floats:
        """Return the factors on toughness at misorientations [rad], (n_bonds,) [1]."""
        return self._at(angle_b, self.toughness_factor)

    def _at(self, angle_b: Floats, factor: tuple[float, ...] | None) -> Floats:
        return np.ones(len(angle_b)) if factor is None else np.interp(angle_b, self.angle, factor)
