"""What is done to the cell."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from latticecell.config.quantities import FileName, Filling, Seconds, Volt
from latticecell.schema import Quantity, Section

MOST_POINTS = 20_000
"""Points of a profile, at most: a run directory must hold them."""
CellCurrent = Annotated[float, Quantity("nA", ge=1e-9, le=1e9)]
ArealCurrent = Annotated[float, Quantity("mA_per_cm2", ge=1e-9, le=1e9)]
CellPower = Annotated[float, Quantity("nW", ge=1e-9, le=1e9)]
ArealPower = Annotated[float, Quantity("mW_per_cm2", ge=1e-9, le=1e9)]
CellCapacity = Annotated[float, Quantity("nAh", ge=1e-12, le=1e12)]
ArealCapacity = Annotated[float, Quantity("mAh_per_cm2", ge=1e-12, le=1e12)]
Heading = Annotated[str, Field(min_length=1, max_length=1000)]
Number = Annotated[float, Quantity(ge=-1e12, le=1e12)]
Factor = Annotated[float, Quantity(ge=1e-12, le=1e12)]
ProfileUnit = Literal[
    "C", "nA", "uA", "mA", "A", "mA_per_cm2", "A_per_m2", "nW", "uW", "mW", "W", "mW_per_cm2", "W_per_m2"
]
JumpTolerance = Annotated[float, Quantity(ge=1e-6, le=1)]
Between = Annotated[int, Field(strict=True, ge=3, le=100_000)]
Passes = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Rate = Annotated[float, Quantity(ge=1e-6, le=1000)]
Cycles = Annotated[int, Field(strict=True, ge=1, le=100000)]


class Profile(Section):
    """Points in time of a current or power, of a profile: a drive cycle, a duty.

    They are in a CSV file, or here; a run directory holds them. Time begins with the first point.
    """

    file: FileName | None = Field(default=None, examples=["us06.csv"])
    """CSV file with the points, found from where this file is; left out: times and values are given here."""
    time: Heading | None = Field(default=None, examples=["time_s"])
    """Heading of the column of the times; left out: the first column."""
    value: Heading | None = Field(default=None, examples=["current_A"])
    """Heading of the column of the values; left out: the second column."""
    time_unit: Literal["s", "min", "h"] = Field(examples=["s"])
    """Unit of the times."""
    unit: ProfileUnit = Field(examples=["A"])
    """Unit of the values, which says whether they are a current, in C as multiples of 1C, or a power."""
    positive: Literal["charge", "discharge"] = Field(examples=["discharge"])
    """Which way the current flows where a value is positive."""
    interpolation: Literal["linear", "constant"] = Field(examples=["linear"])
    """Whether values change linearly between points, or each holds until the next and the last is the end."""
    scale: Factor = 1.0
    """Factor on all values, such as the ratio of this cell's capacity to that of another one."""
    times: tuple[Number, ...] | None = Field(default=None, max_length=MOST_POINTS, examples=[[0.0, 10.0]])
    """Times of the points, rising; left out: they are read from the file."""
    values: tuple[Number, ...] | None = Field(default=None, max_length=MOST_POINTS, examples=[[0.5, 0.5]])
    """Values of the points; left out: they are read from the file."""
    source: Heading | None = Field(default=None, examples=["us06.csv"])
    """Where the points came from, for the record; left out: they were given here."""


class Step(Section):
    """One step of the protocol; repeat the table for more of them, in their order.

    The first end that is met ends it. Instead of a table a text such as "Charge at C/10 until 4.3 V" will do.
    """

    kind: Literal["charge", "discharge", "hold", "rest", "profile", "repeat"]
    """What is controlled: current or power (charge, discharge, profile), voltage (hold); or a repeat."""
    c_rate: Rate | None = Field(default=None, examples=[0.5])
    """Current of a charge or discharge in multiples of 1C; left out: another key gives current or power."""
    current: CellCurrent | None = Field(default=None, examples=[0.5])
    """Current of a charge or discharge; left out: another key gives it."""
    current_density: ArealCurrent | None = Field(default=None, examples=[0.25])
    """Current of a charge or discharge per area of the separator; left out: another key gives it."""
    power: CellPower | None = Field(default=None, examples=[2.0])
    """Power of a charge or discharge, cell voltage times current; left out: the current is controlled."""
    power_density: ArealPower | None = Field(default=None, examples=[1.0])
    """Power of a charge or discharge per area of the separator; left out: the current is controlled."""
    until: Volt | None = Field(default=None, examples=[4.2])
    """Voltage at or above which a charge ends, at or below which a discharge does; left out: other ends."""
    until_above: Volt | None = Field(default=None, examples=[4.2])
    """Voltage at or above which any step but a hold ends; left out: it does not matter."""
    until_below: Volt | None = Field(default=None, examples=[3.0])
    """Voltage at or below which any step but a hold ends; left out: it does not matter."""
    until_c_rate: Rate | None = Field(default=None, examples=[0.05])
    """Current, in multiples of 1C, to which that of a hold or a given power falls; left out: other ends."""
    until_current: CellCurrent | None = Field(default=None, examples=[0.03])
    """Current to which that of a hold or a given power falls; left out: other ends."""
    until_current_density: ArealCurrent | None = Field(default=None, examples=[0.01])
    """The same per area of the separator; left out: other ends."""
    until_capacity: CellCapacity | None = Field(default=None, examples=[0.1])
    """Charge that passes in the step, either way, in the balance of both; left out: it does not matter."""
    until_areal_capacity: ArealCapacity | None = Field(default=None, examples=[0.5])
    """The same charge per area of the separator; left out: it does not matter."""
    voltage: Volt | None = Field(default=None, examples=[4.3])
    """Voltage of a hold; left out: the voltage at which it begins."""
    duration: Seconds | None = Field(default=None, examples=[7200.0])
    """Longest time of the step, needed in a rest; left out: other ends."""
    profile: Profile | None = Field(default=None, examples=[{"file": "us06.csv"}])
    """Table of the current or power of a profile; left out in all other steps."""
    count: Passes | None = Field(default=None, examples=[20])
    """How often the steps of a repeat are done; left out in all other steps."""
    new_cycle: StrictBool | None = Field(default=None, examples=[True])
    """Whether each pass of a repeat counts as a cycle; left out: if it holds a charge and a discharge."""
    steps: tuple[Step, ...] = Field(default=(), max_length=10_000, examples=[["Rest for 1 hour"]])
    """Steps that a repeat repeats, in any form; left out in all other steps."""


class CycleJump(Section):
    """Cycles that are not computed, where they differ slowly and evenly; left out by default.

    The state many cycles later is extrapolated from the ends of the last three.
    """

    tolerance: JumpTolerance = 0.05
    """Quadratic part of a jump's change of damage and of Li, over the whole change, at most."""
    longest: Passes = 20
    """Most cycles in one jump."""
    cycles_between: Between = 3
    """Cycles that are computed between two jumps, at least."""


class Protocol(Section):
    """What is done to the cell."""

    current_1c: CellCurrent | None = Field(default=None, examples=[0.6672])
    """Cell current that is called 1C; left out: the current that leads through the window in an hour."""
    window: tuple[Filling, Filling] | None = Field(default=None, examples=[[0.06, 0.97]])
    """Stoichiometries between which 1C leads in an hour; left out: 0, and that of start or no stress."""
    cycles: Cycles = 1
    """How often the list of steps is repeated."""
    jump: CycleJump | None = Field(default=None, examples=[{"tolerance": 0.05, "longest": 20}])
    """Jumps over cycles that differ slowly; left out: every cycle is computed."""
    steps: tuple[Step, ...] = Field(
        default=(
            Step(kind="charge", c_rate=1.0, until=4.3),
            Step(kind="discharge", c_rate=1.0, until=3.0),
        ),
        min_length=1,
        max_length=10_000,
    )
