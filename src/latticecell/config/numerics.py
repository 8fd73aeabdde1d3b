"""How it is computed and what is written: solver, output, and the homogenised 1-D cell."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool

from latticecell.config.quantities import Filling, Length, Seconds
from latticecell.schema import Named, Quantity, Section

GapTolerance = Annotated[float, Quantity("nm", ge=1e-6, le=100)]
VoltageTolerance = Annotated[float, Quantity("mV", ge=1e-3, le=100)]
GrowthFactor = Annotated[float, Quantity(ge=1.001, le=2.4)]
TimeTolerance = Annotated[float, Quantity(ge=1e-7, le=0.1)]
Threads = Annotated[int, Field(strict=True, ge=1, le=256)]
Repeats = Annotated[int, Field(strict=True, ge=2, le=100)]
Tolerance = Annotated[float, Quantity(ge=1e-12, le=0.1)]
Iterations = Annotated[int, Field(strict=True, ge=1, le=1000)]
FineTolerance = Annotated[float, Quantity(ge=1e-12, le=1e-3)]
Every = Annotated[int, Field(strict=True, ge=1, le=10**9)]
CycleNumber = Annotated[int, Field(strict=True, ge=1, le=100_000)]
EveryOrNever = Annotated[int, Field(strict=True, ge=0, le=10**9)]
Moment = Annotated[float, Quantity("s", ge=0, le=1e12)]
Mobility = Annotated[float, Quantity("m2_per_s", ge=1e-24, le=1e-8)]
Density = Annotated[float, Quantity("kg_per_m3", ge=1, le=1e5)]
Part = Annotated[float, Quantity(ge=1e-6, le=1e6)]
Radii = Annotated[int, Field(strict=True, ge=1, le=30)]
Points = Annotated[int, Field(strict=True, ge=3, le=200)]
StepTolerance = Annotated[float, Quantity(ge=1e-11, le=1e-3)]
ShareOfEnergy = Annotated[float, Quantity(ge=1e-6, le=1)]


class Solver(Section):
    """Step control and tolerances."""

    dt_initial: Seconds = 5.0
    """First time step after every change of control; the estimated error asks for none that is shorter."""
    dt_max: Seconds = 150.0
    """Longest time step."""
    dt_min: Seconds = 0.01
    """Shortest time step; the run ends with an error if even that one fails."""
    dt_growth: GrowthFactor = 1.7
    """Largest factor by which the time step grows."""
    time_tolerance: TimeTolerance = 1e-2
    """Largest error of a time step in stoichiometry, the voltage (V) and openings (0.1 um)."""
    threads: Threads | None = Field(default=None, examples=[2])
    """Threads of the kernels, on which results do not depend; left out: all processors, one in a study."""
    coupling_iterations: Repeats = 8
    """Most repeats of electrochemistry and mechanics in a step before a shorter one is tried."""
    coupling_tolerance_stoich: Tolerance = 1e-3
    """Largest error that the repeats of a step leave in any stoichiometry, told by the stress potential."""
    coupling_tolerance_salt: Tolerance = 1e-4
    """Largest relative error that they leave in any salt concentration."""
    coupling_tolerance_gap: GapTolerance = 0.2
    """Largest error that they leave in any opening of a bond."""
    coupling_tolerance_voltage: VoltageTolerance = 0.1
    """Largest error that they leave in the drop of voltage at any contact."""
    equilibrium: Annotated[str, Named("solver.equilibrium")] = "multigrid"
    """Linear solver of the equilibrium; the direct one is for small cells."""
    mechanics_tolerance: Tolerance = 1e-4
    """Out-of-balance force left in the equilibrium, relative to the strength of all bonds."""
    mechanics_iterations: Iterations = 40
    """Most Newton iterations of one equilibrium."""
    viscous_share_max: ShareOfEnergy = 0.05
    """Largest share that viscous tractions may take of the energy of cracks; beyond it the run ends."""
    electrochemistry_tolerance: FineTolerance = 1e-9
    """Largest scaled residual of Li, charge and current left in a step."""
    electrochemistry_iterations: Iterations = 25
    """Most Newton iterations of one solution of the electrochemistry."""
    tetwise_flux: Filling = 0.1
    """Share of the flux in fast directions that is taken tet by tet; 1 conducts too well, 0 too badly."""
    cutoff_tolerance: VoltageTolerance = 0.1
    """How closely a charge or discharge stops at its cut-off voltage."""


class EnergyRelease(Section):
    """What flaws and crack fronts would release, found with every snapshot; the table is left out by default.

    Off without it. It adds fields to the snapshots and columns to the history, blank between snapshots.
    """

    flaw: Length = Field(examples=[0.5])
    """Radius of a flaw: what lies within it of a site on a grain boundary, or on the particle surface."""
    sites: Every | None = Field(default=None, examples=[300])
    """Sites, drawn from the seed, on grain boundaries and as many on the surface; left out: all of them."""


class Output(Section):
    """What is written, and how often."""

    fields_every: EveryOrNever = 10
    """Time steps between two snapshots of the fields, beginning with the start; 0: none are counted out."""
    times: tuple[Moment, ...] = ()
    """Times of further snapshots; a step that would pass one is cut to end there, so later steps differ."""
    stage_ends: StrictBool | None = Field(default=None, examples=[True])
    """Whether each step's end adds a snapshot; left out: in kept cycles, or if all have at most 50 steps."""
    kept_cycles: tuple[CycleNumber, ...] | None = Field(default=None, examples=[[10, 100]])
    """Cycles whose snapshots are kept, besides those of the first one; left out: all, or by the next key."""
    kept_cycles_every: CycleNumber | None = Field(default=None, examples=[50])
    """Every how many cycles snapshots are kept, besides the first one; left out: by the key above."""
    full_states: StrictBool = False
    """Whether snapshots also hold the whole state, from which other runs can go on with continue_at."""
    checkpoint_every: Every = 10
    """Time steps between two checkpoints, from which a run is resumed."""
    columns: tuple[Annotated[str, Named("output.columns")], ...] = ()
    """Columns of your own for the history, by the names that a file given with --laws registers."""
    energy_release: EnergyRelease | None = Field(default=None, examples=[{"flaw_um": 0.5}])
    """Table of what flaws and crack fronts would release, beside the toughness; left out: it is not found."""


class Cell1d(Section):
    """The homogenised 1-D cell of ``latticecell cell1d``; the 3-D cell does not use it."""

    diffusivity: Mobility | None = Field(default=None, examples=[5e-15])
    """Diffusivity of Li in the 1-D particle; left out: the mean of the three of the active material."""
    radii: tuple[Length, ...] | None = Field(default=None, max_length=30, examples=[[2.0, 5.0]])
    """Radii of the particles, of which a sphere each is at every place; left out: those of the geometry."""
    volume_shares: tuple[Part, ...] | None = Field(default=None, max_length=30, examples=[[0.3, 0.7]])
    """Volumes of the particles of these radii, in proportion to each other; left out: they are equal."""
    most_radii: Radii = 8
    """Most radii that are taken from the geometry; of more, similar ones are put together."""
    density: Density = 4770.0
    """Mass density of the active material, for capacities per mass."""
    points_cathode: Points = 20
    """Number of slices of the cathode block."""
    points_separator: Points = 10
    """Number of slices of the separator."""
    points_radial: Points = 30
    """Number of shells of a particle."""
    tolerance: StepTolerance = 1e-6
    """Error of a step in stoichiometry, and in salt concentration relative to its start."""
