"""Hooke tensors as 6x6 Voigt matrices: order xx, yy, zz, yz, xz, xy, engineering shear strains."""

from __future__ import annotations

import numpy as np

from latticecell.arrays import Floats

VOIGT = np.array([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)])
"""Tensor indices of the six Voigt components."""


def isotropic_stiffness(youngs_modulus: float, poisson_ratio: float) -> Floats:
    """Return the stiffness of an isotropic solid, (6, 6) [Pa]."""
    shear = youngs_modulus / (2 * (1 + poisson_ratio))
    lame = youngs_modulus * poisson_ratio / ((1 + poisson_ratio) * (1 - 2 * poisson_ratio))
    stiffness: Floats = np.diag([2.0 * shear] * 3 + [shear] * 3)
    stiffness[:3, :3] += lame
    return stiffness


def transversely_isotropic_stiffness(e: float, nu: float, e_c: float, nu_c: float, shear_c: float) -> Floats:
    """Return the stiffness of a solid that is isotropic in the a-b plane, (6, 6) [Pa], crystal axes.

    Parameters
    ----------
    e, nu : float
        Young's modulus [Pa] and Poisson ratio in the plane.
    e_c : float
        Young's modulus along c [Pa].
    nu_c : float
        Poisson ratio -eps_c / eps_a for loading along a.
    shear_c : float
        Shear modulus of the a-c and b-c planes [Pa].
    """
    compliance = np.zeros((6, 6))
    compliance[:3, :3] = [
        [1 / e, -nu / e, -nu_c / e],
        [-nu / e, 1 / e, -nu_c / e],
        [-nu_c / e, -nu_c / e, 1 / e_c],
    ]
    compliance[3, 3] = compliance[4, 4] = 1 / shear_c
    compliance[5, 5] = 2 * (1 + nu) / e
    return np.linalg.inv(compliance).astype(float)


def mean_poisson_ratio(stiffness: Floats) -> float:
    """Return Poisson's ratio of the isotropic solid with the Voigt averages of a stiffness (6, 6) [1].

    3 K and 2 G are the means of the stiffness over its isotropic and deviatoric parts (Hill, Proc. Phys.
    Soc. A 65, 349 (1952)); nu = (3 K - 2 G) / (6 K + 2 G), that of the solid itself if it is isotropic.
    """
    bulk = float(stiffness[:3, :3].sum()) / 3  # 3 K
    shear = (float(np.trace(stiffness[:3, :3])) + 2 * float(np.trace(stiffness[3:, 3:])) - bulk) / 5  # 2 G
    return (bulk - shear) / (2 * bulk + shear)


def rotate_stiffness(stiffness: Floats, rotation_gcc: Floats) -> Floats:
    """Rotate a stiffness from crystal to cell axes, (n, 6, 6) for (n, 3, 3) rotations."""
    bond = stress_rotation(rotation_gcc)
    return np.einsum("gij,jk,glk->gil", bond, stiffness, bond)


def stress_rotation(rotation_gcc: Floats) -> Floats:
    """Return the Bond matrices that rotate Voigt stresses, (n, 6, 6) for (n, 3, 3) rotations."""
    i, j = VOIGT.T
    q = rotation_gcc
    direct = q[:, i[:, None], i[None, :]] * q[:, j[:, None], j[None, :]]
    crossed = q[:, i[:, None], j[None, :]] * q[:, j[:, None], i[None, :]]
    return np.where(i[None, None, :] == j[None, None, :], direct, direct + crossed)


def voigt_strain(tensor: Floats) -> Floats:
    """Return symmetric tensors (..., 3, 3) as Voigt strains with engineering shears, (..., 6)."""
    i, j = VOIGT.T
    return (tensor[..., i, j] + tensor[..., j, i]) / np.where(i == j, 2.0, 1.0)
