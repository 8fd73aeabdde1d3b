"""Flaws that are there from the start."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from latticecell.config.cell import AxisPart, Offset, ParticleNumber
from latticecell.config.quantities import Length
from latticecell.schema import Section

GrainNumber = Annotated[int, Field(strict=True, ge=0, le=10**6)]


class PreCrack(Section):
    """Grain boundaries that are broken from the start: those along a disc, or those of given grains.

    A disc breaks what it finds of the boundaries between grains whose centroids lie on its two sides.
    """

    particle: ParticleNumber = 0
    """Particle that the disc lies in, counted from 0."""
    center: tuple[Offset, Offset, Offset] | None = Field(default=None, examples=[[0.0, 0.0, 1.0]])
    """Centre of the disc relative to that of its particle; left out: grains are given."""
    normal: tuple[AxisPart, AxisPart, AxisPart] | None = Field(default=None, examples=[[0.0, 0.0, 1.0]])
    """Normal of the disc, of any length; left out: grains are given."""
    radius: Length | None = Field(default=None, examples=[1.5])
    """Radius of the disc; left out: grains are given."""
    grains: tuple[GrainNumber, ...] | None = Field(default=None, examples=[[0, 3]])
    """Two grains, counted from 0: their boundary; one: all of its boundaries; left out: there is a disc."""
