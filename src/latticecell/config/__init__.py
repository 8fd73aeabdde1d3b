"""The typed, frozen description of a run.

Attributes are SI; the TOML key of each is the attribute's name plus its unit suffix (``radius`` is
``radius_um`` in the file). Defaults are the published cell, but for the drift of Li and 1C.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from latticecell.config.cell import (
    Geometry,
    GrainSizes,
    Labels,
    Mechanics,
    Microstructure,
    NetworkOptions,
    Packing,
    Particle,
    SeedPoints,
    Texture,
    Void,
)
from latticecell.config.flaws import PreCrack
from latticecell.config.interfaces import GrainBoundary, Interface, Kinetics, MisorientationFactors
from latticecell.config.materials import ActiveMaterial, Ecbd, Electrolyte, Materials, Separator
from latticecell.config.numerics import Cell1d, EnergyRelease, Output, Solver
from latticecell.config.protocol import MOST_POINTS, CycleJump, Profile, Protocol, Step
from latticecell.config.quantities import FileName
from latticecell.schema import Section

__all__ = [
    "MOST_POINTS",
    "ActiveMaterial",
    "Cell1d",
    "Config",
    "CycleJump",
    "Ecbd",
    "Electrolyte",
    "EnergyRelease",
    "Geometry",
    "GrainBoundary",
    "GrainSizes",
    "Interface",
    "Kinetics",
    "Labels",
    "Materials",
    "Mechanics",
    "Microstructure",
    "MisorientationFactors",
    "NetworkOptions",
    "Output",
    "Packing",
    "Particle",
    "PreCrack",
    "Profile",
    "Protocol",
    "SeedPoints",
    "Separator",
    "Solver",
    "Step",
    "Texture",
    "Void",
]


class Config(Section):
    """One run."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = "baseline"
    """Name of the run, as reports and pictures show it."""
    continue_from: FileName | None = Field(default=None, examples=["../runs/old"])
    """Run directory, found from where this file is, whose state is the start; left out: the cell at rest."""
    continue_at: FileName | None = Field(default=None, examples=["charge_end"])
    """State of that run to start from: end, snapshot 3, charge_end, a time in s, ...; left out: its end."""
    geometry: Geometry = Geometry()
    microstructure: Microstructure = Microstructure()
    network: NetworkOptions = NetworkOptions()
    materials: Materials = Materials()
    electrolyte: Electrolyte = Electrolyte()
    interface: Interface = Interface()
    grain_boundary: GrainBoundary = GrainBoundary()
    kinetics: Kinetics = Kinetics()
    mechanics: Mechanics = Mechanics()
    protocol: Protocol = Protocol()
    solver: Solver = Solver()
    output: Output = Output()
    cell1d: Cell1d = Cell1d()

    @property
    def stress_shifts_ocv(self) -> bool:
        """Whether stress shifts the open-circuit voltage; unless said, so that flux and reaction agree."""
        told = self.kinetics.mechanical_ocv
        return self.materials.active.stress_diffusion == "thermodynamic" if told is None else told
