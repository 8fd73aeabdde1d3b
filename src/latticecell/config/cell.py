"""What the cell is built of: its layers, particles and grains, its lattice, and how it is held."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from latticecell.config.quantities import FileName, Length
from latticecell.orientations import Convention, Sense
from latticecell.schema import Quantity, Section

Distance = Annotated[float, Quantity("um", ge=1e-6, le=100)]
Spread = Annotated[float, Quantity("um", ge=0, le=1000)]
Packed = Annotated[float, Quantity(ge=0.001, le=0.64)]
Coordinate = Annotated[float, Quantity("um", ge=0, le=1000)]
Pressure = Annotated[float, Quantity("MPa", ge=0, le=1e4)]
Volume = Annotated[float, Quantity("um3", ge=1e-9, le=1e9)]
VoxelSize = Annotated[float, Quantity("um", ge=1e-4, le=100)]
LengthUnit = Annotated[float, Quantity("um", ge=1e-6, le=1e6)]
Smoothing = Annotated[float, Quantity(ge=0.6, le=3)]
Label = Annotated[int, Field(strict=True)]
Voxels = Annotated[int, Field(strict=True, ge=1, le=10**6)]
Seed = Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
GrainCount = Annotated[int, Field(strict=True, ge=1, le=5000)]
PackingNote = Annotated[str, Field(min_length=1, max_length=2000)]
Growth = Annotated[float, Quantity(ge=0.01, le=1)]
Angle = Annotated[float, Quantity("deg", ge=0, le=90)]
AxisPart = Annotated[float, Quantity(ge=-1e6, le=1e6)]
OrientationNumber = Annotated[float, Quantity(ge=-1e6, le=1e6)]
Cavity = Annotated[float, Quantity("um", ge=1e-3, le=1000, or_zero=True)]
AspectRatio = Annotated[float, Quantity(ge=1, le=20)]
Relaxations = Annotated[int, Field(strict=True, ge=0, le=100)]
Offset = Annotated[float, Quantity("um", ge=-1000, le=1000)]
SeedWeight = Annotated[float, Quantity("um2", ge=-1e6, le=1e6)]
ParticleNumber = Annotated[int, Field(strict=True, ge=0, le=999)]


class Particle(Section):
    """One spherical secondary particle; repeat the table for more of them."""

    center: tuple[Coordinate, Coordinate, Coordinate] = (7.5, 7.5, 7.5)
    """Position x, y, z of the centre; z is the height above the current collector."""
    radius: Length = 5.0
    """Radius of the particle."""
    grains: GrainCount | None = Field(default=None, examples=[20])
    """Number of its grains; left out: microstructure.grains."""


class Packing(Section):
    """Particles packed at random without overlap, instead of listed ones; left out by default.

    A run directory lists the particles that came of it.
    """

    volume_fraction: Packed | None = Field(default=None, examples=[0.3])
    """Share of the cathode block that the particles fill; left out: each of radii_um is there once."""
    radius_mean: Length | None = Field(default=None, examples=[3.0])
    """Mean of the log-normal distribution of radii, by number, before it is cut; left out: radii_um."""
    radius_std: Spread = 0.0
    """Standard deviation of that distribution."""
    radius_min: Length | None = Field(default=None, examples=[1.5])
    """Where the distribution is cut below; left out: where its logarithm is 3 deviations off its middle."""
    radius_max: Length | None = Field(default=None, examples=[6.0])
    """Where the distribution is cut above; left out: where its logarithm is 3 deviations off its middle."""
    radii: tuple[Length, ...] = Field(default=(), max_length=1000, examples=[[4.0, 3.0, 3.0]])
    """Radii instead of a distribution: to be drawn from if a volume fraction is given, else all once."""
    gap: Distance | None = Field(default=None, examples=[0.2])
    """Least distance between particles; left out: a twentieth of the mean radius."""
    wall_gap: Distance | None = Field(default=None, examples=[0.2])
    """Least distance of particles from the current collector and the separator; left out: as gap_um."""
    grains: Literal["by_volume", "equal"] = "by_volume"
    """Whether microstructure.grains is that of a particle of mean volume, or of every particle."""
    seed: Seed | None = Field(default=None, examples=[7])
    """Seed of radii and positions; left out: microstructure.seed."""


class Geometry(Section):
    """The cell: current collector at z = 0, cathode block, separator and Li metal on top of each other."""

    width: Length = 15.0
    """Edge of the square cross-section, across which the cell is periodic in x and y."""
    cathode: Length = 15.0
    """Thickness of the cathode block: particles, and the mixture (ECBD) around them."""
    separator: Length = 15.0
    """Thickness of the separator between the cathode block and the Li metal."""
    particles: tuple[Particle, ...] = Field(default=(Particle(),), min_length=1, max_length=1000)
    packing: Packing | None = Field(default=None, examples=[{"volume_fraction": 0.3, "radius_mean_um": 3.0}])
    """Particles packed at random; left out: those listed."""
    packed: PackingNote | None = Field(default=None, examples=["volume_fraction = 0.3, radius_mean_um = 3.0"])
    """The packing that the listed particles came from, for the record; left out: they were given."""


class Labels(Section):
    """Labelled voxels that give particles and grains of any shape; the table is left out by default.

    Width and thickness of the cathode block, particles and numbers of grains are then those of the voxels,
    and the keys that give them otherwise are not used.
    """

    file: FileName = Field(examples=["labels.npy"])
    """Voxels: .npy, .tif, .h5, .dream3d, .tesr or .tess, found relative to the file that names it."""
    dataset: str = ""
    """Path of the labels within an HDF5 file; empty: FeatureIds, or the only three-dimensional integers."""
    axes: Literal["xyz", "zyx"] | None = Field(default=None, examples=["zyx"])
    """Order of the axes in the file; left out: zyx in TIFF and of DREAM.3D, else xyz."""
    voxel_size: tuple[VoxelSize, VoxelSize, VoxelSize] | None = Field(
        default=None, examples=[[0.1, 0.1, 0.1]]
    )
    """Size of a voxel along x, y and z; left out: what the file tells."""
    unit: LengthUnit = 1.0
    """Length for which 1 stands in a file that tells lengths."""
    ecbd: tuple[Label, ...] = (0,)
    """Labels of the ECBD."""
    pores: tuple[Label, ...] = ()
    """Labels of pores; open ones count as ECBD."""
    closed_pores: Literal["refuse", "fill"] = "refuse"
    """Whether pores closed by grains are refused, or given to the grains around them."""
    periodic: StrictBool = False
    """Whether the voxels repeat along x and y; else ECBD is put around them."""
    margin: Length = 1.0
    """Least thickness of the ECBD below and above the particles, and around voxels that do not repeat."""
    smallest: Voxels = 27
    """Voxels of the smallest piece of a label that is kept; smaller ones go to their neighbours."""
    smoothing: Smoothing = 0.7
    """Standard deviation of the smoothing, in voxels; 0.8 for noisy labels, 1 if very noisy."""
    boundaries: Literal["auto", "planar", "smooth"] = "auto"
    """Whether grain boundaries are planes or smooth surfaces; auto: planes if they fit 98 % of the voxels."""
    orientations: FileName | None = Field(default=None, examples=["orientations.csv"])
    """Table of orientations, CSV with a column label; left out: those in the file of the voxels."""
    convention: Convention | None = Field(default=None, examples=["bunge_euler"])
    """Numbers of the table: w to z, r1 to r3, or phi1, Phi, phi2 in degrees; left out: there is no table."""
    sense: Sense | None = Field(default=None, examples=["active"])
    """Whether numbers turn the axes of the cell onto the crystal's (active); left out: there is no table."""
    random_orientations: StrictBool = False
    """Whether orientations are drawn from microstructure.seed where neither file nor table holds any."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$", examples=["0" * 64])
    """Digest that the file must have, as a run notes it; left out: any."""
    orientations_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$", examples=["0" * 64])
    """Digest that the table of orientations must have, as a run notes it; left out: any."""
    particle_volume: Volume | None = Field(default=None, examples=[250.0])
    """Volume of all particles, by which 1C is counted; left out: that of the voxels; noted by a run."""


class Texture(Section):
    """How the crystals are oriented. What a kind of texture leaves free is drawn, all angles alike."""

    kind: Literal["random", "radial", "tangential", "fibre", "single"] = "random"
    """Where [001] points: anywhere, across the radius, along it, along axis, or alike in all grains."""
    spread: Angle = 0.0
    """Standard deviation of [001] from its place in a radial, tangential or fibre texture."""
    axis: tuple[AxisPart, AxisPart, AxisPart] | None = Field(default=None, examples=[[0.0, 0.0, 1.0]])
    """Direction of [001] in the cell, of any length, in a fibre texture; left out in all others."""
    orientation: tuple[OrientationNumber, ...] | None = Field(default=None, examples=[[30.0, 54.7, 45.0]])
    """Orientation of all grains of a single one, in numbers of the convention; left out: it is drawn."""
    convention: Convention | None = Field(default=None, examples=["bunge_euler"])
    """Numbers of the orientation: w to z, r1 to r3, or phi1, Phi, phi2 in degrees; left out: it has none."""
    sense: Sense | None = Field(default=None, examples=["active"])
    """Whether the orientation turns the cell's axes onto the crystal's (active); left out: it has none."""


class GrainSizes(Section):
    """Log-normal sizes of grains, as diameters of spheres of the same volume; left out by default.

    The number of grains follows from the volume of a particle, and ``grains`` is not used.
    """

    mean: Length = Field(examples=[1.5])
    """Mean diameter."""
    deviation: Length = Field(examples=[0.5])
    """Standard deviation of the diameters."""
    smallest: Length | None = Field(default=None, examples=[0.3])
    """Diameter below which none is drawn; left out: any."""
    largest: Length | None = Field(default=None, examples=[3.0])
    """Diameter above which none is drawn; left out: any."""


class SeedPoints(Section):
    """Seeds of the grains, one a row of a CSV file, or here; left out by default. A run holds them.

    A grain is where the distance to its seed, squared, less its weight is least. The number of grains is that
    of the seeds, and ``grains`` is not used.
    """

    file: FileName | None = Field(default=None, examples=["seeds.csv"])
    """CSV file with columns x, y, z in um, or x_um and so on; left out: the seeds are given here."""
    convention: Convention | None = Field(default=None, examples=["quaternion"])
    """Columns of orientations: qw to qz, r1 to r3, or phi1, Phi, phi2; left out: the texture gives them."""
    sense: Sense | None = Field(default=None, examples=["active"])
    """Whether orientations turn the cell's axes onto the crystal's (active); left out: there are none."""
    positions: tuple[tuple[Offset, Offset, Offset], ...] = Field(
        default=(), max_length=100_000, examples=[[[0.5, -0.2, 1.0], [-0.5, 0.2, -1.0]]]
    )
    """Seeds relative to the centre of their particle."""
    weights: tuple[SeedWeight, ...] = Field(default=(), max_length=100_000, examples=[[0.0, 0.3]])
    """Weights of the seeds, from the column weight or weight_um2; empty: all alike."""
    particles: tuple[ParticleNumber, ...] = Field(default=(), max_length=100_000, examples=[[0, 0]])
    """Particle of each seed, counted from 0, from the column particle; empty: all of the first."""
    orientations: tuple[tuple[OrientationNumber, ...], ...] = Field(
        default=(), max_length=100_000, examples=[[[1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.5]]]
    )
    """Numbers of each grain's orientation, in the convention; empty: the texture gives them."""
    source: FileName | None = Field(default=None, examples=["seeds.csv"])
    """Where the seeds came from, for the record; left out: they were given here."""


class Void(Section):
    """An empty sphere inside a particle, whose surface is free; repeat the table for more of them."""

    particle: ParticleNumber = 0
    """Particle that the void lies in, counted from 0."""
    center: tuple[Offset, Offset, Offset] = (0.0, 0.0, 0.0)
    """Centre of the void relative to that of its particle."""
    radius: Length = Field(examples=[1.0])
    """Radius of the void."""


class Microstructure(Section):
    """Grains of each particle, all drawn from one seed."""

    seed: Seed = 1
    """Seed of everything random: grains, their orientations, sites of the network, strengths of bonds."""
    grains: GrainCount = 53
    """Number of grains in each particle."""
    same_grains: StrictBool = False
    """Whether every particle has the grains and orientations of the first, scaled to its radius."""
    aspect_ratio: AspectRatio = 1.0
    """Length of grains along the radius over their width; above 1 they are columns in shells."""
    cavity_radius: Cavity = 0.0
    """Radius of an empty cavity around the centre of each particle, whose surface is free."""
    voids: tuple[Void, ...] = Field(default=(), max_length=1000, examples=[[{"radius_um": 1.0}]])
    """Empty spheres inside the particles, whose surfaces are free; empty: none."""
    relaxations: Relaxations = 0
    """How often seeds move to the centroids of their grains, which makes these rounder and more alike."""
    texture: Texture = Texture()
    sizes: GrainSizes | None = Field(default=None, examples=[{"mean_um": 1.5, "deviation_um": 0.5}])
    """Distribution of the sizes of grains; left out: that of random seeds, whose number is grains."""
    seeds: SeedPoints | None = Field(default=None, examples=[{"file": "seeds.csv"}])
    """Seeds of the grains; left out: they are drawn."""
    labels: Labels | None = Field(default=None, examples=[{"file": "labels.npy"}])
    """Labelled voxels; left out: grains are drawn."""


class NetworkOptions(Section):
    """Spacing of the sites of the lattice: fine in the particles, growing away from them."""

    spacing: Length = 0.52
    """Distance between sites in the particles and on their surfaces."""
    spacing_boundary: Length | None = Field(default=None, examples=[0.3])
    """The same at grain boundaries, from where it grows up to spacing_um; left out: no finer there."""
    spacing_max: Length = 2.0
    """Largest distance between sites far from the particles."""
    growth: Growth = 0.3
    """Increase of the distance between sites per distance from the nearest particle or grain boundary."""

    @property
    def finest(self) -> float:
        """Least distance between sites that is asked for [m]."""
        return self.spacing if self.spacing_boundary is None else self.spacing_boundary

    @property
    def finest_key(self) -> str:
        """The key that gives it."""
        return "network.spacing_um" if self.spacing_boundary is None else "network.spacing_boundary_um"


class Mechanics(Section):
    """Walls and lateral confinement of the cell."""

    lateral_strain: Literal["fixed", "free"] = "fixed"
    """Whether the width of the cell is held, or adjusts so that no mean lateral stress is left."""
    wall: Literal["collector_fixed", "lithium_fixed"] = "collector_fixed"
    """Which end of the cell is held; the other one carries the pressure."""
    pressure: Pressure = 0.0
    """Pressure on the end that is not held."""
