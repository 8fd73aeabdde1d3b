"""What each figure of the paper shows, as data: quantities, curves, panels, sections, captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from latticecell.fields import Field
from latticecell.paper.sections import MISES, MOMENTS, Tile, TileRow

Clock = Literal["time", "normalised"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A column of the history as a curve.

    Attributes
    ----------
    column : str
        Without the suffix of a particle.
    label : str
        Label of the axis, with unit.
    factor : float
        From the column to the unit of the label.
    paper : str
        ``quantity`` of the paper's values that belong on the curve; "" if there are none.
    paper_factor : float
        From the unit of those to that of the label.
    """

    column: str
    label: str
    factor: float = 1.0
    paper: str = ""
    paper_factor: float = 1.0


VOLTAGE: Final = Quantity("voltage_V", "Cell voltage (V)")
CURRENT: Final = Quantity("current_A", "Current (nA)", 1e9)
LI: Final = Quantity("lithium_mol", "Li in the particle (pmol)", 1e12, "M_Li")
GAP_MEAN: Final = Quantity("gap_mean_nm", "Mean gap (nm)", 1.0, "D_G_ave")
GAP_MAX: Final = Quantity("gap_max_nm", "Largest gap (nm)", 1.0, "D_G_max")
STRESS_MAX: Final = Quantity("von_mises_max_GPa", "Largest von Mises\nstress (GPa)", 1.0, "sigma_Mises_max")
STRESS_P999: Final = Quantity("von_mises_p999_GPa", "von Mises stress,\n99.9 % quantile (GPa)")
STRAIN_MIN: Final = Quantity(
    "volumetric_strain_min", "Strongest contraction,\ntr ε (%)", 100.0, "eps_V_max", 100.0
)
VOLUME: Final = Quantity("volumetric_strain_mean", "Particle volume\nchange (%)", 100.0)
DROP: Final = Quantity(
    "interface_drop_mV", "Interface voltage\ndrop (mV)", 1.0, "interface_voltage_drop_ave_max", 1e3
)


LITHIUM: Final = Field("stoichiometry", "node", title="Li stoichiometry")
STRAIN: Final = Field(
    "volumetric_strain", "tet", "%", 100.0, title="Volumetric strain", colours="RdBu_r", diverging=True
)


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a panel.

    Attributes
    ----------
    case : str
    label : str
    look : int
        Index of its colour, dashes and marker.
    suffix : str
        Of the columns of one particle, for example "_p1".
    quantity : Quantity or None
        None: that of the panel.
    """

    case: str
    label: str
    look: int
    suffix: str = ""
    quantity: Quantity | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves on common axes; ``label`` is that of the vertical axis, by default the quantity's."""

    letter: str
    quantity: Quantity
    curves: tuple[Curve, ...]
    clock: Clock = "time"
    label: str = ""


@dataclass(frozen=True, slots=True)
class Curves:
    """A block of panels of curves with one legend."""

    panels: tuple[Panel, ...]
    columns: int = 2


@dataclass(frozen=True, slots=True)
class Cell:
    """A block with the von Mises stress of the whole cell."""

    letter: str
    case: str
    moment: str = "charge, end"


@dataclass(frozen=True, slots=True)
class Tiles:
    """A block of sections of particles."""

    rows: tuple[TileRow, ...]


@dataclass(frozen=True, slots=True)
class Special:
    """A block that a function of its own draws, for one case."""

    kind: Literal["capacity", "resistance"]
    case: str


Block = Curves | Cell | Tiles | Special


@dataclass(frozen=True, slots=True)
class Layout:
    """One figure: its name in the paper, a title, blocks from top to bottom, and what the caption adds."""

    name: str
    title: str
    blocks: tuple[Block, ...]
    caption: str


def _panels(
    curves: Sequence[Curve], quantities: dict[str, Quantity], clock: Clock = "time"
) -> tuple[Panel, ...]:
    """One panel for each quantity; the keys are the letters, a second panel "A'" carries the letter A."""
    return tuple(Panel(letter.rstrip("'"), q, tuple(curves), clock) for letter, q in quantities.items())


BASELINE: Final = Curve("baseline", "this model", 4)
RATES: Final = (
    Curve("rate_0.1C", "0.1C", 0),
    Curve("rate_0.5C", "0.5C", 1),
    Curve("baseline", "1C", 2),
    Curve("rate_2C", "2C", 3),
)
HETEROGENEITY: Final = (
    Curve("baseline", "Case 1", 0),
    Curve("het_Case2", "Case 2", 1),
    Curve("het_Case3", "Case 3", 2),
    Curve("het_Case4", "Case 4", 3),
)
STRENGTHS: Final = (
    Curve("strength_50MPa", "50 MPa", 0),
    Curve("baseline", "100 MPa", 1),
    Curve("strength_200MPa", "200 MPa", 2),
    Curve("strength_500MPa", "500 MPa", 3),
)
PRESSURES: Final = (
    Curve("baseline", "0 MPa", 0),
    Curve("pressure_5MPa", "5 MPa", 1),
    Curve("pressure_10MPa", "10 MPa", 2),
    Curve("pressure_15MPa", "15 MPa", 3),
)
PARTICLES: Final = (
    Curve("position", "P1, nearer the separator", 0, "_p1"),
    Curve("position", "P2, nearer the collector", 1, "_p2"),
)
ELECTROLYTES: Final = (Curve("baseline", "solid", 0), Curve("liquid", "liquid", 1))
CHARGINGS: Final = (
    Curve("baseline", "constant current", 0),
    Curve("CV_charging", "constant current, then constant voltage", 1),
)


def _rows(letter: str, field: Field, curves: Sequence[Curve], *moments: str) -> tuple[TileRow, ...]:
    """One row for each moment; a tile for each case."""
    return tuple(
        TileRow(letter, field, tuple(Tile(c.case, c.label, moment) for c in curves), moment)
        for moment in moments
    )


def _course(letter: str, field: Field) -> TileRow:
    """The baseline at all moments."""
    return TileRow(letter, field, tuple(Tile("baseline", moment, moment) for moment in MOMENTS))


def _own(label: str, look: int, quantity: Quantity) -> Curve:
    return replace(BASELINE, label=label, look=look, quantity=quantity)


ENDS: Final = ("charge, end", "discharge, end")
SECTIONS: Final = "Sections are cut through the centre of the particle, undeformed; z points to the Li metal."
SATURATE: Final = "Colours saturate above 99.5\u00a0% of the area where a bar ends in an arrow."

FIGURES: Final[tuple[Layout, ...]] = (
    Layout(
        "Fig 2",
        "The baseline: charge and discharge at 1C",
        (
            Curves(
                (
                    Panel("A", VOLTAGE, (BASELINE,)),
                    Panel(
                        "B",
                        GAP_MEAN,
                        (_own("mean", 0, GAP_MEAN), _own("maximum", 1, GAP_MAX)),
                        label="Gap (nm)",
                    ),
                    Panel(
                        "C",
                        STRESS_MAX,
                        (_own("maximum", 1, STRESS_MAX), _own("99.9 % by volume", 2, STRESS_P999)),
                        label="von Mises stress (GPa)",
                    ),
                ),
                3,
            ),
            Cell("D", "baseline"),
            Tiles((_course("E", LITHIUM), _course("F", STRAIN), _course("G", MISES))),
        ),
        "(A) voltage, (B) normal opening of the particle surface, (C) stress in the particle, (D) stress of "
        f"the whole cell at the end of charge, (E-G) Li, volumetric strain and stress. {SECTIONS} {SATURATE}",
    ),
    Layout(
        "Fig 3",
        "Rates from 0.1C to 2C",
        (
            Curves(
                _panels(
                    RATES,
                    {"A": VOLTAGE, "B": LI, "C": STRAIN_MIN, "D": STRESS_MAX, "E": GAP_MAX, "F": GAP_MEAN},
                    "normalised",
                ),
                3,
            ),
        ),
        "Time is divided by t₀ = 3600 s over the rate.",
    ),
    Layout(
        "Fig 4",
        "Heterogeneity: diffusion and swelling along the axes of the grains",
        (
            Curves(_panels(HETEROGENEITY, {"A": VOLTAGE, "B": LI, "C": GAP_MEAN, "D": STRESS_MAX})),
            Tiles((*_rows("E", LITHIUM, HETEROGENEITY, *ENDS), *_rows("F", MISES, HETEROGENEITY, *ENDS))),
        ),
        "Case 1: diffusion in the plane of the layers, swelling ratios 1, 1, -1; Cases 2 to 4: isotropic "
        f"diffusion, third ratio -1, -0.5, 0. {SECTIONS} Each row has its own colours. {SATURATE}",
    ),
    Layout(
        "Fig 5",
        "Strength of the interface",
        (
            Curves(_panels(STRENGTHS, {"A": VOLTAGE, "B": GAP_MEAN, "C": STRAIN_MIN, "D": STRESS_MAX})),
            Tiles(
                (
                    replace(_rows("E", MISES, STRENGTHS, "charge, end")[0], moment="surface", surface=True),
                    replace(_rows("F", MISES, STRENGTHS, "charge, end")[0], moment="inside"),
                )
            ),
        ),
        "(E) stress on the half of the particle surface that faces the reader, (F) in the section, at the "
        f"end of charge. {SATURATE}",
    ),
    Layout(
        "Fig 6",
        "Two particles, 12 µm apart along the thickness",
        (
            Cell("A", "position"),
            Curves(_panels(PARTICLES, {"B": GAP_MAX, "C": STRAIN_MIN, "D": STRESS_MAX}), 3),
        ),
        f"(A) stress of the whole cell at the end of charge. {SATURATE}",
    ),
    Layout(
        "Fig S1",
        "1-D cell at 0.1C",
        (Special("capacity", "1D_0.1C"),),
        "Voltage against specific capacity.",
    ),
    Layout(
        "Fig S2",
        "Liquid and solid electrolyte",
        (Curves(_panels(ELECTROLYTES, {"A": VOLTAGE, "B": GAP_MEAN, "C": STRESS_MAX}), 3),),
        "A liquid follows the particle: its interface is free of traction.",
    ),
    Layout(
        "Fig S3",
        "Particle volume, and contact resistance against gap",
        (Special("resistance", "baseline"),),
        "(A) volume mean of tr ε; (B) the law, and the resistance of points of the interface at the end of "
        "charge.",
    ),
    Layout(
        "Fig S4",
        "External pressure",
        (Curves(_panels(PRESSURES, {"A": VOLTAGE, "B": GAP_MEAN})),),
        "Pressure is applied to the collector while the Li metal is held; at 0 MPa the collector is held.",
    ),
    Layout(
        "Fig S5",
        "Particle volume at rates from 0.1C to 2C",
        (Curves(_panels(RATES, {"": VOLUME}, "normalised"), 1),),
        "Volume mean of tr ε; time is divided by t₀ = 3600 s over the rate.",
    ),
    Layout(
        "Fig S6",
        "Charging at constant current, then constant voltage",
        (
            Curves(
                _panels(
                    CHARGINGS,
                    {"A": VOLTAGE, "A'": CURRENT, "B": LI, "C": GAP_MEAN, "D": STRAIN_MIN, "E": STRESS_MAX},
                ),
                3,
            ),
        ),
        "What is left at the end of discharge, after both ways of charging.",
    ),
    Layout(
        "Fig S7",
        "Heterogeneity: strain, volume and interface drop",
        (
            Curves(_panels(HETEROGENEITY, {"A": STRAIN_MIN, "B": VOLUME, "C": DROP}), 3),
            Tiles(_rows("D", STRAIN, HETEROGENEITY, *ENDS)),
        ),
        f"Cases as in Fig 4. (C) mean of current density times contact resistance, weighted by current. "
        f"{SECTIONS} {SATURATE}",
    ),
    Layout(
        "Fig S8",
        "Strength of the interface: Li, interface drop and largest gap",
        (Curves(_panels(STRENGTHS, {"A": LI, "A'": DROP, "B": GAP_MAX}), 3),),
        "Interface drop: mean of current density times contact resistance, weighted by current; the paper "
        "prints an upper bound.",
    ),
    Layout(
        "Fig S9",
        "Two particles: Li",
        (Curves(_panels(PARTICLES, {"": LI}), 1),),
        "Li in each particle.",
    ),
)
"""Figures 2 to 6 and S1 to S9, panel by panel."""
