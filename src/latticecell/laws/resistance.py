"""Contact resistance of the particle-ECBD interface against the local gap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latticecell.arrays import Floats


@dataclass(frozen=True, slots=True)
class ExponentialContact:
    """R_int = min(R0 exp(g / g_R), R_max), PHYSICS S4.

    Parameters
    ----------
    closed : float
        Resistance R0 of the closed interface [ohm m2].
    gap_scale : float
        Gap g_R over which it grows by e [m].
    ceiling : float
        Largest resistance R_max [ohm m2].
    """

    closed: float
    gap_scale: float
    ceiling: float

    def resistance(self, gap: Floats) -> Floats:
        """Return R_int of gaps [m], any shape [ohm m2]; contact counts as a gap of zero."""
        if self.closed == 0.0:
            return np.zeros_like(gap)
        exponent = np.minimum(np.maximum(gap, 0.0) / self.gap_scale, np.log(self.ceiling / self.closed))
        return self.closed * np.exp(exponent)
