"""Energy that flaws would release: bonds let go where they are, everything else answers linearly.

Bonds under forces F that let go open by w, and the cell loses half of F . w, exactly so in a linear lattice
(virtual crack closure; Rybicki and Kanninen, Eng. Fract. Mech. 9, 931 (1977), with the opening of the
released bonds themselves in place of that behind them). Over the area of the flaw this is the energy release
rate G that stands beside the toughness: where it is larger, the flaw gains more than it costs (the energy
condition of finite fracture mechanics; Leguillon, Eur. J. Mech. A 21, 61 (2002)). It is the mean of G while
the flaw grows from nothing: a disc in a uniform traction has 3/2 of it at its rim.

What lets go is a site with all of its bonds of one kind: one of several bonds at a line where three grains
meet separates nothing. A single site ahead of a front shows less than the G of the front, for its neighbours
still hold it, so fronts are released as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Bools, Floats
from latticecell.config import Solver
from latticecell.materials import MechanicalLaws
from latticecell.network import Network
from latticecell.physics.joints import Indices, Joints
from latticecell.physics.mechanics import Mechanics
from latticecell.physics.patches import site_tree, wrapped

ADVANCE, STRETCH = 2.0, 3.0
"""Least advance of a front, and least reach of the stretch of it that has a rate, to both sides: in spacings.
A single site sticks out or lags behind, and would show 0.3 to 2.5 times the rate of a straight front."""


class Release(NamedTuple):
    """What the bonds of a flaw release.

    Attributes
    ----------
    area : float
        Their area [m2].
    opening, sliding : float
        Energy released by opening (mode I) and by sliding (modes II and III) [J].
    """

    area: float
    opening: float
    sliding: float

    @property
    def rate(self) -> float:
        """Energy release rate G [J/m2]."""
        return (self.opening + self.sliding) / self.area

    @property
    def sliding_share(self) -> float:
        """Share of sliding in G [1]."""
        return self.sliding / (self.opening + self.sliding)


def parted(mechanics: Mechanics, laws: MechanicalLaws, options: Solver, n_threads: int = 1) -> Mechanics:
    """Return the same cell with bonds at its grain boundaries, if these are tied, for `release`."""
    if not laws.tied:
        return mechanics
    return Mechanics(replace(laws, tied=False), mechanics.network, options, n_threads)


def release(mechanics: Mechanics, joints: Joints, own_b: Bools | Indices, rtol: float = 1e-4) -> Release:
    """Return what it would release if some bonds let go together, as far as they are intact.

    Costs a linear system of the whole cell, or a few where bonds begin or cease to touch. Other bonds keep
    their damage. What lets go slides without friction where it stays closed.

    Parameters
    ----------
    mechanics : Mechanics
        With bonds at its grain boundaries; see `parted`.
    joints : Joints
        All bonds, in an equilibrium.
    own_b : (n_bonds,) bool or (n,) intp
        The bonds of the flaw; see `bonds_at`.
    rtol : float
        Tolerance of the linear system.

    Raises
    ------
    ValueError
        If none of the bonds is intact.
    SolveError
        If what is left is unstable.
    """
    own, opening, sliding = _released(mechanics, joints, own_b, rtol)
    return Release(float(joints.area_b[own].sum()), float(opening.sum()), float(sliding.sum()))


def bonds_at(network: Network, sites_k: NDArray[np.integer], kind: int | None = None) -> Indices:
    """Return the bonds of some sites, `GB_BOND` or `INTERFACE_BOND`, or both."""
    own = np.isin(network.site_n[network.bond_bn[:, 0]], sites_k)
    return np.flatnonzero(own if kind is None else own & (network.kind_b == kind))


def _released(
    mechanics: Mechanics, joints: Joints, own_b: Bools | Indices, rtol: float
) -> tuple[Indices, Floats, Floats]:
    """Intact bonds of a flaw, and what each releases in opening and in sliding [J]."""
    own = np.arange(len(joints.area_b))[own_b]
    own = own[joints.intact_b[own]]
    if not len(own):
        raise ValueError("no bond of the flaw could let go")

    def answer(given_bc: Floats, kept_bcc: Floats) -> Floats:
        force_bc, tangent_bcc = np.zeros_like(joints.force_bc), joints.tangent_bcc.copy()
        force_bc[own], tangent_bcc[own] = -given_bc, kept_bcc
        return mechanics.bonds.opening(mechanics.answer(force_bc, tangent_bcc, rtol))[own]

    return own, *joints.release(own, answer)


class Rates(NamedTuple):
    """Energy release rates of bonds.

    Attributes
    ----------
    rate_b : (n_bonds,) float64
        G [J/m2]; not a number where there is none.
    share_b : (n_bonds,) float64
        Share of sliding in it [1], likewise.
    """

    rate_b: Floats
    share_b: Floats

    @classmethod
    def nowhere(cls, n: int) -> Rates:
        """Return rates of no bond."""
        return cls(np.full(n, np.nan), np.full(n, np.nan))

    def put(self, own: Indices | Bools, area: float, opening: float, sliding: float) -> None:
        """Give some bonds the rate of a flaw."""
        total = opening + sliding
        self.rate_b[own] = total / area
        self.share_b[own] = sliding / total if total > 0 else 0.0


def front_bonds(network: Network, joints: Joints, kind: int) -> Indices:
    """Return the intact bonds of one kind at sites on a facet with a broken bond."""
    own_b = network.kind_b == kind
    site_b = network.site_n[network.bond_bn[:, 0]]
    broken_fa = ~joints.intact_b[network.facet_fb] & own_b[network.facet_fb]
    edge = network.facet_fb[broken_fa.any(axis=1)]
    edge_k = np.zeros(len(network.x_kc), bool)
    edge_k[site_b[edge[joints.intact_b[edge] & own_b[edge]]]] = True
    return np.flatnonzero(edge_k[site_b] & own_b & joints.intact_b)


def front_rates(
    mechanics: Mechanics, joints: Joints, kinds: Sequence[int], radius: float, rtol: float = 1e-3
) -> Rates:
    """Energy release rates along all crack fronts, found by letting them advance together.

    A front advances by a radius, `ADVANCE` spacings at least. The rate at a site of it is that of a stretch
    of the front, by the radius to both sides, `STRETCH` spacings at least. Costs a linear system for each
    kind, or a few where bonds begin or cease to touch.

    Parameters
    ----------
    mechanics : Mechanics
        With bonds at its grain boundaries; see `parted`.
    joints : Joints
    kinds : sequence of int
        Of `GB_BOND` and `INTERFACE_BOND`.
    radius : float
        [m]
    rtol : float
        Tolerance of the linear system.

    Raises
    ------
    SolveError
        If what is left is unstable.
    """
    network = mechanics.network
    found, site_b = Rates.nowhere(network.n_bonds), network.site_n[network.bond_bn[:, 0]]
    x_kc = wrapped(network, network.x_kc)
    for kind in kinds:
        edge = front_bonds(network, joints, kind)
        if not len(edge):
            continue
        front, mine = np.unique(site_b[edge], return_inverse=True)
        spacing = float(np.sqrt(np.median(np.bincount(mine, joints.area_b[edge]))))
        tree = site_tree(network, front)
        apart_k, nearest_k = tree.query(x_kc, distance_upper_bound=max(radius, ADVANCE * spacing))
        ahead = np.flatnonzero(np.isfinite(apart_k))
        own, *energies = _released(mechanics, joints, bonds_at(network, ahead, kind), rtol)
        share = nearest_k[site_b[own]]
        area, opening, sliding = (
            np.bincount(share, part, len(front)) for part in (joints.area_b[own], *energies)
        )
        reach = max(radius, STRETCH * spacing)
        for i, near in enumerate(tree.query_ball_point(x_kc[front], reach)):
            found.put(edge[mine == i], area[near].sum(), opening[near].sum(), sliding[near].sum())
    return found
