"""Orientations of crystals as numbers, and as rotations from crystal to cell axes.

Each set of numbers stands for a rotation M by the right-hand rule (Rowenhorst et al., Modelling Simul. Mater.
Sci. Eng. 23 (2015) 083501, section 2): ``quaternion`` w, x, y, z; ``rodrigues`` axis times tan(angle / 2);
``bunge_euler`` phi1, Phi, phi2 in degrees about z, the new x and the new z. It is ``active`` if M turns the
axes of the cell onto those of the crystal, as the angles of EBSD software do, and ``passive`` if it is the
inverse.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from scipy.spatial.transform import Rotation

from latticecell.arrays import Floats
from latticecell.errors import ConfigError

Convention = Literal["quaternion", "rodrigues", "bunge_euler"]
Sense = Literal["active", "passive"]

SYMMETRY: Final = Rotation.create_group("D3", axis="Z")
"""Rotations that leave a layered oxide R-3m as it is: threefold about [001], twofold about [100]."""

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "quaternion": ("w", "x", "y", "z"),
    "rodrigues": ("r1", "r2", "r3"),
    "bunge_euler": ("phi1", "Phi", "phi2"),
}
"""Names of the numbers, in their order."""


def _from_rodrigues(value: Floats) -> Rotation:
    return Rotation.from_quat(np.column_stack([value, np.ones(len(value))]))


def _to_rodrigues(rotation: Rotation) -> Floats:
    vector = rotation.as_rotvec()
    angle = np.linalg.norm(vector, axis=1, keepdims=True)
    return vector * np.divide(np.tan(angle / 2), angle, out=np.full_like(angle, 0.5), where=angle > 0)


_READ: Final[dict[str, Callable[[Floats], Rotation]]] = {
    "quaternion": lambda value: Rotation.from_quat(np.roll(value, -1, axis=1)),
    "rodrigues": _from_rodrigues,
    "bunge_euler": lambda value: Rotation.from_euler("ZXZ", value, degrees=True),
}
_WRITE: Final[dict[str, Callable[[Rotation], Floats]]] = {
    "quaternion": lambda rotation: np.roll(rotation.as_quat(), 1, axis=1),
    "rodrigues": _to_rodrigues,
    "bunge_euler": lambda rotation: rotation.as_euler("ZXZ", degrees=True),
}


def to_matrices(value: Floats, kind: Convention, sense: Sense) -> Floats:
    """Rotations from crystal to cell axes.

    Parameters
    ----------
    value : (n, 3) or (n, 4) float64
    kind, sense : str
        What the numbers are; see above.

    Returns
    -------
    (n, 3, 3) float64
        Columns are the crystal's [100], [010] and [001] in cell axes.

    Raises
    ------
    ConfigError
        If numbers are not finite, or a quaternion is zero.
    """
    value = np.asarray(value, float).reshape(-1, len(COLUMNS[kind]))
    bad = ~np.isfinite(value).all(axis=1)
    if kind == "quaternion":
        bad |= np.linalg.norm(value, axis=1) < 1e-6
    if bad.any():
        raise ConfigError(
            f"orientations: row {int(np.argmax(bad)) + 1} is no {kind}: {value[bad][0].tolist()}"
        )
    rotation = _READ[kind](value)
    return (rotation if sense == "active" else rotation.inv()).as_matrix()


def from_matrices(rotation_gcc: Floats, kind: Convention, sense: Sense) -> Floats:
    """Numbers of rotations from crystal to cell axes; the inverse of `to_matrices`."""
    rotation = Rotation.from_matrix(rotation_gcc)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of Phi = 0, where one angle says nothing
        return _WRITE[kind](rotation if sense == "active" else rotation.inv())


def angle_between(a: Floats, b: Floats) -> Floats:
    """Angles that turn rotations (n, 3, 3) into others, in degrees."""
    return np.degrees((Rotation.from_matrix(a).inv() * Rotation.from_matrix(b)).magnitude())


def disorientation(a: Floats, b: Floats) -> Floats:
    """Least angle that turns crystals of point group -3m into others, in degrees.

    The least over `SYMMETRY` of the angle of a^T b (Morawiec, J. Appl. Cryst. 28, 289 (1995)); at most 104.48
    degrees.

    Parameters
    ----------
    a, b : (n, 3, 3) float64
        Rotations from crystal to cell axes.

    Returns
    -------
    (n,) float64
    """
    between = Rotation.from_matrix(a).inv() * Rotation.from_matrix(b)
    return np.degrees(np.min([(between * own).magnitude() for own in SYMMETRY], axis=0))
