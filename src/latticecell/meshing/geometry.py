"""What the generator asks of a geometry, analytic or measured. Lengths in um."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Bools, Floats, Ints

if TYPE_CHECKING:
    from latticecell.meshing.placement import Sites

Indices = NDArray[np.intp]
Label = AbstractSet[int]
UM = 1e-6
CORNER, LINE, SURFACE = 0.4, 0.5, 0.68
"""Least distances between sites of features, in units of the spacing."""
FIXED, ALONG_LINE, IN_PLANE, ON_SPHERE, ON_CIRCLE, FREE = range(6)


@dataclass(frozen=True)
class Grading:
    """Wanted distances between sites.

    Attributes
    ----------
    spacing : float
        In particles and on their surfaces.
    spacing_max : float
        Far away from them.
    growth : float
        Increase per distance.
    boundary : float
        At grain boundaries, from where it grows up to ``spacing``; that itself for no grading.
    """

    spacing: float
    spacing_max: float
    growth: float
    boundary: float


@dataclass(frozen=True)
class Constraints:
    """How each site may move; axis: direction of the line, or normal of the plane or circle."""

    kind_k: Ints
    axis_kc: Floats
    center_kc: Floats
    radius_k: Floats


@dataclass(frozen=True)
class Batch:
    """Candidates for sites on features of one dimension, with the domains that meet there.

    ``reach`` is the least distance of one that is accepted from all sites before it, in spacings. With
    ``inherit`` the labels of a rejected one go to the site that is in its way.
    """

    x: Floats
    dim: int
    labels: Sequence[Label]
    reach: float
    inherit: bool = False


class CellGeometry(ABC):
    """Domains in a box that is periodic in x and y: grains ``0 .. n_grains - 1``, then ECBD, then ED.

    Those of ``hollow`` are voids: tets fill them while a network is made, and are left out of it.

    Parameters
    ----------
    box : (3,) float64
        Edges of the box.
    interface_z : float
        Height of the plane between ECBD and ED; no particle reaches it, nor z = 0.
    particle : (n_grains,) int
        Particle of each grain.
    grading : Grading
        Distances between sites.
    """

    sweeps = 0
    """Sweeps of smoothing after which sites are brought back on curved features; 0: slides are exact."""
    apart = 0.0
    """Distance from other sites of features, in spacings, below which none is raised onto a surface."""

    def __init__(self, box: Floats, interface_z: float, particle: Ints, grading: Grading):
        self.box, self.interface_z, self.particle = box, interface_z, particle
        self.spacing, self.growth, self.finest = grading.spacing, grading.growth, grading.boundary
        # Edges reach 1.7 spacings; above half of the width their periodic image would be ambiguous.
        self.spacing_max = max(self.spacing, min(grading.spacing_max, float(box[:2].min()) / 4))
        self.n_grains = len(particle)
        self.hollow = np.zeros(self.n_grains, bool)
        self.ecbd, self.separator = self.n_grains, self.n_grains + 1

    def wrap(self, x: Floats) -> Floats:
        """Bring x and y into the box."""
        x = np.array(x, float)
        x[..., :2] -= self.box[:2] * np.floor(x[..., :2] / self.box[:2])
        return x

    def shortest(self, d: Floats) -> Floats:
        """Minimum image of a difference vector."""
        d = np.array(d, float)
        d[..., :2] -= self.box[:2] * np.round(d[..., :2] / self.box[:2])
        return d

    def spacing_at(self, x: Floats) -> Floats:
        """Wanted distance between sites."""
        outside = np.maximum(self.depth(x), 0)
        wanted = np.minimum(self.spacing_max, self.spacing + self.growth * outside)
        if self.finest < self.spacing:
            near = np.flatnonzero(self.finest + self.growth * outside < wanted)
            graded = self.finest + self.growth * self.boundary_distance(x[near])
            wanted[near] = np.minimum(wanted[near], graded)
        return wanted

    def on_surface(self, label: Label) -> bool:
        """Whether domains meet on the surface of a particle."""
        return self.ecbd in label and min(label) < self.ecbd

    @property
    def volume_h(self) -> Floats:
        """Volume that each hollow domain must get, in their order."""
        return np.zeros(0)

    @property
    @abstractmethod
    def volume_p(self) -> Floats:
        """Volume that each particle must get, voids included, (n_particles,)."""

    @abstractmethod
    def depth(self, x: Floats) -> Floats:
        """Signed distance to the nearest surface of a particle, negative inside."""

    @abstractmethod
    def domain(self, x: Floats) -> Indices:
        """Domain that contains each point."""

    @abstractmethod
    def feature_distance(self, x: Floats) -> Floats:
        """Distance to the nearest surface of a particle, grain boundary or z-plane."""

    @abstractmethod
    def boundary_distance(self, x: Floats) -> Floats:
        """Distance to the nearest grain boundary, inf where a particle has none."""

    @abstractmethod
    def least_spacing(self, z: float) -> float:
        """Least wanted distance between sites on a z-plane."""

    @abstractmethod
    def same_body(self, x: Floats, labels: Label, y: Floats, others: Label) -> bool:
        """Whether points of two sets of domains belong to the same image of the same particle."""

    @abstractmethod
    def candidates(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Candidates on corners, lines and surfaces, in the order of their precedence."""

    @abstractmethod
    def project(self, x: Floats, labels: Sequence[Label]) -> Floats:
        """Nearby points where the closures of all the domains of each label meet; (n, 3) as ``x``."""

    @abstractmethod
    def constraints(self, sites: Sites) -> Constraints:
        """How each site may move along its feature."""

    @abstractmethod
    def strayed(self, sites: Sites, y: Floats, kind: Ints) -> Bools:
        """Sites of surfaces that at ``y`` would leave their part of it, or crowd its rim."""

    @abstractmethod
    def swelling(
        self, x: Floats, particle: int, wanted: float, volume: float, slope: Floats, void: int | None = None
    ) -> Floats:
        """Displacement of the surface sites of a particle, or of a void in it, that brings its volume closer.

        Parameters
        ----------
        x : (n, 3) float64
            The surface sites.
        particle : int
        wanted : float
            The volume that it must get.
        volume : float
            The volume as it is.
        slope : (n, 3) float64
            Derivative of the volume by the sites.
        void : int, optional
            Hollow domain whose surface it is; default: that of the particle.
        """

    def settle(self, sites: Sites, y: Floats) -> Floats:
        """Bring sites that slid along the tangents of their features to ``y`` back on them."""
        return y

    def to_boundary(self, x: Floats, pair: Ints) -> Floats:
        """Displacement of points to where the two domains of each row, ascending, meet, or nearly so."""
        return self.shortest(self.project(x, [set(row) for row in pair.tolist()]) - x)
