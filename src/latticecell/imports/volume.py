"""Labelled voxels as they stand in a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Floats


@dataclass(frozen=True)
class Volume:
    """Labelled voxels as they stand in a file.

    Attributes
    ----------
    label : (nx, ny, nz) int64
    voxel : (3,) float64 or None
        Size of a voxel in the unit of the file, None if the file does not tell.
    orientation : dict or None
        Rotation from crystal to cell axes, (3, 3), by label; None if the file holds none.
    """

    label: NDArray[np.int64]
    voxel: Floats | None = None
    orientation: dict[int, Floats] | None = None
