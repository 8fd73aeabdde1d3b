"""Numbers that the paper reports, taken from a run the way the paper defines them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latticecell.laws.kinetics import overpotential
from latticecell.materials import electro_laws
from latticecell.network import INTERFACE_BOND
from latticecell.paper.results import CaseRun, Study
from latticecell.paper.targets import Target

Floats = NDArray[np.float64]
Measure = Callable[[CaseRun, str], float]

PICOMOLE: Final = 1e12
PLATEAU_SHARE: Final = 0.95
"""The plateau of the gap is where its mean exceeds this share of its peak."""
WINDOW_S: Final = (1200.0, 2200.0)
"""Part of charging in which the paper compares the two particles [s]."""

SAME_RUN: Final[dict[str, tuple[str, str]]] = {
    "baseline_1C": ("baseline", ""),
    "rate_1C": ("baseline", ""),
    "het_Case1": ("baseline", ""),
    "strength_100MPa": ("baseline", ""),
    "pressure_0MPa": ("baseline", ""),
    "all": ("baseline", ""),
    "rates": ("baseline", ""),
    "all_rates": ("baseline", ""),
    "position_P1": ("position", "_p1"),
    "position_P2": ("position", "_p2"),
}
"""Cases of the table that are another case's run, or one particle of it."""


def source(case: str) -> tuple[str, str]:
    """Return the run that answers a case of the table, and the suffix of its columns."""
    return SAME_RUN.get(case, (case, ""))


def onset_time(run: CaseRun) -> float:
    """Start of the rapid rise of the mean gap [s]: its line from 25 to 75 % of the peak, taken to zero."""
    gap = np.maximum.accumulate(run.column("gap_mean_nm")[run.charge])
    time = run.column("time_s")[run.charge]
    early, late = (float(np.interp(share * gap[-1], gap, time)) for share in (0.25, 0.75))
    return early - 0.25 * (late - early) / 0.5


def plateau(run: CaseRun) -> tuple[float, float]:
    """Begin and end of the plateau of the mean gap [s]."""
    gap, time = run.column("gap_mean_nm"), run.column("time_s")
    level, peak = PLATEAU_SHARE * gap.max(), int(gap.argmax())
    begin = float(np.interp(level, np.maximum.accumulate(gap[: peak + 1]), time[: peak + 1]))
    falling = np.minimum.accumulate(gap[peak:])
    end = float(np.interp(-level, -falling, time[peak:]))
    return begin, end


def _row(event: str) -> Callable[[CaseRun], int]:
    return {
        "charge_end": lambda run: run.charge_end,
        "discharge_end": lambda run: run.discharge_end,
        "t=0": lambda run: 0,
    }[event]


def _at(column: str, event: str, factor: float = 1.0) -> Measure:
    row = _row(event)
    return lambda run, suffix: factor * run.at(column + suffix, row(run))


def _peak(column: str, factor: float = 1.0, lowest: bool = False) -> Measure:
    def measure(run: CaseRun, suffix: str) -> float:
        values = run.column(column + suffix)[run.charge]
        return factor * float(values.min() if lowest else values.max())

    return measure


def _charge_time(run: CaseRun, suffix: str) -> float:
    return run.at("time_s", run.charge_end)


def _discharge_time(run: CaseRun, suffix: str) -> float:
    return run.at("time_s", run.discharge_end) - run.at("time_s", run.charge_end)


def _efficiency(run: CaseRun, suffix: str) -> float:
    return 100 * _discharge_time(run, suffix) / _charge_time(run, suffix)


def _lost(run: CaseRun, suffix: str) -> float:
    lithium = run.column("lithium_mol")
    return PICOMOLE * float(lithium[0] - lithium[run.discharge_end])


def position_difference(run: CaseRun, column: str) -> Floats:
    """Return |column| of P1 less that of P2 on an even grid over the paper's window."""
    times = np.linspace(*WINDOW_S, 101)
    one, two = (np.array([abs(run.while_charging(f"{column}_p{i}", t)) for t in times]) for i in (1, 2))
    return one - two


def _strain_lead(run: CaseRun, suffix: str) -> float:
    difference = position_difference(run, "volumetric_strain_min")
    return float(difference[np.abs(difference).argmax()])


MEASURES: Final[dict[tuple[str, str], Measure]] = {
    ("t_charge", "charge_end"): _charge_time,
    ("t_discharge", "discharge_duration"): _discharge_time,
    ("coulombic_efficiency_time", "cycle"): _efficiency,
    ("t_gap_onset", "charge"): lambda run, _: onset_time(run),
    ("plateau_start", "charge_end"): lambda run, _: plateau(run)[0],
    ("plateau_end", "discharge"): lambda run, _: plateau(run)[1],
    ("D_G_ave", "t=2200s"): lambda run, s: run.while_charging("gap_mean_nm" + s, 2200.0),
    ("D_G_max", "t=2200s"): lambda run, s: run.while_charging("gap_max_nm" + s, 2200.0),
    ("D_G_max_lower_bound", "charge_end"): _at("gap_max_nm", "charge_end"),
    ("sigma_Mises_max_upto", "charge_end"): _at("von_mises_max_GPa", "charge_end"),
    ("sigma_Mises_max_lower_bound", "charge_end"): _at("von_mises_max_GPa", "charge_end"),
    ("residual_stress_order", "discharge_end"): _at("von_mises_max_GPa", "discharge_end", 1e3),
    ("delta_M_Li", "discharge_end"): _lost,
    ("abs(eps_V_max) P1 minus P2", "t=1200-2200s"): _strain_lead,
    ("M_Li", "t=0"): _at("lithium_mol", "t=0", PICOMOLE),
    ("M_Li", "charge_end"): _at("lithium_mol", "charge_end", PICOMOLE),
    ("M_Li", "discharge_end"): _at("lithium_mol", "discharge_end", PICOMOLE),
    **{
        (quantity, event): _at(column, event)
        for quantity, column in (
            ("D_G_ave", "gap_mean_nm"),
            ("D_G_max", "gap_max_nm"),
            ("eps_V_max", "volumetric_strain_min"),
            ("sigma_Mises_max", "von_mises_max_GPa"),
        )
        for event in ("charge_end", "discharge_end")
    },
    ("D_G_ave", "charge_peak"): _peak("gap_mean_nm"),
    ("D_G_max", "charge_peak"): _peak("gap_max_nm"),
    ("eps_V_max", "charge_peak"): _peak("volumetric_strain_min", lowest=True),
    ("sigma_Mises_max", "charge_peak"): _peak("von_mises_max_GPa"),
}  # fmt: skip
"""How each quantity of the table is measured, in the unit of its target, by quantity and event."""

STRENGTHS: Final = ("strength_50MPa", "baseline", "strength_200MPa", "strength_500MPa")
RATES: Final = ("rate_0.1C", "rate_0.5C", "baseline", "rate_2C")


def number(target: Target, study: Study) -> list[float]:
    """Return our values of a target, one for each seed; none where the runs are not there."""
    if target.quantity == "interface_voltage_drop_ave_max":
        return [max(worst_drop(run) for run in runs) for runs in study.together(*STRENGTHS)]
    measure = MEASURES[target.quantity, target.event]
    case, suffix = source(target.case)
    if target.case == "all_rates":  # the paper gives one value for the plateau of all rates
        return [float(np.mean([measure(run, suffix) for run in runs])) for runs in study.together(*RATES)]
    return [measure(run, suffix) for run in study.runs.get(case, ())]


def worst_drop(run: CaseRun) -> float:
    """Largest interface drop in a cycle [V]: loss over current, the mean of i R_int weighted by |i|."""
    return 1e-3 * float(np.abs(run.column("interface_drop_mV")).max())


def contact_points(run: CaseRun) -> tuple[Floats, Floats]:
    """Contact resistance of every surface point at charge end, from its potentials and current alone.

    R = (phi_s - phi_l - U - eta) / i, where eta is the overpotential that carries i. Points whose current is
    too small for the single-precision fields are left out.

    Returns
    -------
    (n,) float64
        Gaps [nm].
    (n,) float64
        Resistances [ohm m2].
    """
    reader, config = run.fields, run.config
    step = run.snapshot(run.at("time_s", run.charge_end))
    bond = np.flatnonzero(reader.bond_kind == INTERFACE_BOND)
    grain, outside = reader.bond_nodes[bond].T
    jump = reader.node("phi_s_V", step).astype(float) - reader.node("phi_l_V", step)
    stoich = reader.node("stoichiometry", step).astype(float)[grain]
    current = reader.bond("current_A_per_m2", step).astype(float)[bond]
    gap = reader.bond("gap_nm", step).astype(float)[bond]
    kinetics = electro_laws(config).particle
    surface = kinetics.surface(stoich, np.zeros(len(bond)))  # no psi: the paper's U knows no stress
    # x + load f(x) = load i / i0 gives f(x) = i / i0, the reaction without resistance, for a large load
    load = np.full(len(bond), 1e12)
    drive = load * current / surface.exchange_b
    eta = kinetics.thermal_voltage * overpotential(drive, load, kinetics.alpha_a, kinetics.alpha_c)
    drop = jump[outside] - surface.open_circuit_b - eta
    told = np.abs(drop) > 200 * np.finfo(np.float32).eps * run.at("voltage_V", run.charge_end)
    return np.maximum(gap[told], 0.0), drop[told] / current[told]
