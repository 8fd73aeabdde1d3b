"""Trends that the paper states, each decided by code on the means over the seeds.

What "nearly equal" or "not significant" mean is a number here, named where it is used.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np

from latticecell.paper import behaviour, measures
from latticecell.paper.measures import MEASURES, PICOMOLE, RATES, STRENGTHS, WINDOW_S
from latticecell.paper.results import CaseRun, Study
from latticecell.paper.rules import (
    Finding,
    Rule,
    Value,
    alike,
    charge_end,
    discharge_end,
    every,
    of_each_seed,
    rising,
    seed_means,
    short,
    show,
    value_at,
    value_of,
)

SAME_VOLTAGE_V: Final = 0.020
"""Root-mean-square difference of voltages that count as the same [V]."""


def _voltage_difference(one: CaseRun, other: CaseRun) -> float:
    """Root-mean-square difference of the voltages against time over charge and discharge [V]."""
    squares = []
    for rows in ("charge", "discharge"):
        parts = [(r.column("time_s")[getattr(r, rows)], r.column("voltage_V")[getattr(r, rows)])
                 for r in (one, other)]  # fmt: skip
        span = 0.98 * min(t[-1] - t[0] for t, _ in parts)
        at = np.linspace(0.01 * span, span, 200)
        volts = [np.interp(at, t - t[0], v) for t, v in parts]
        squares.append(np.mean((volts[0] - volts[1]) ** 2))
    return float(np.sqrt(np.mean(squares)))


def _same_voltage(cases: Sequence[str]) -> Rule:
    def rule(study: Study) -> Finding | None:
        rows = [[_voltage_difference(runs[0], run) for run in runs[1:]] for runs in study.together(*cases)]
        if not rows:
            return None
        means = np.mean(rows, axis=0)
        said = f"r.m.s. difference from {short(cases[0])}: "
        said += show(1e3 * means, [short(case) for case in cases[1:]]) + " mV"
        return Finding(bool(means.max() <= SAME_VOLTAGE_V), f"{said}; allowed {1e3 * SAME_VOLTAGE_V:.0f} mV")

    return rule


def _lithium_alike(cases: Sequence[str]) -> Rule:
    """Li contents at charge end and discharge end differ by less than 2 % of the initial content."""

    def rule(study: Study) -> Finding | None:
        said, holds = [], True
        for event in ("charge_end", "discharge_end"):
            means = seed_means(study, cases, value_of("M_Li", event))
            if means is None:
                return None
            spread = float(np.ptp(means)) / (PICOMOLE * study.first(cases[0]).at("lithium_mol", 0))
            holds &= spread <= 0.02
            said.append(f"{event.replace('_', ' ')}: {show(means)} pmol ({100 * spread:.2f} % of all Li)")
        return Finding(holds, "; ".join(said))

    return rule


def _contraction(run: CaseRun) -> float:
    return -run.at("volumetric_strain_mean", run.charge_end)


def _contraction_falls_with_rate(study: Study) -> Finding | None:
    means = seed_means(study, RATES, _contraction)
    if means is None:
        return None
    falls = -np.diff(means)
    return Finding(
        bool((falls > 0).all() and falls.argmax() == len(falls) - 1),
        f"{show([100 * m for m in means], RATES)} %",
    )


def _pressure_effect(study: Study) -> Finding | None:
    cases = ("baseline", "pressure_5MPa", "pressure_10MPa", "pressure_15MPa")
    means = seed_means(study, cases, value_of("D_G_ave", "charge_end"))
    if means is None:
        return None
    effect = 1 - means[-1] / means[0]
    ordered = all(a > b for a, b in itertools.pairwise(means))
    return Finding(
        ordered and effect <= 0.25, f"{show(means)} nm at 0, 5, 10, 15 MPa ({100 * effect:.1f} % in all)"
    )


def _cv_helps(study: Study) -> Finding | None:
    said, holds = [], True
    for label, value in RESIDUALS:
        means = seed_means(study, ("baseline", "CV_charging"), value)
        if means is None:
            return None
        holds &= 0 < abs(means[1]) < abs(means[0])
        said.append(f"{label}: CC {means[0]:.4g}, CC-CV {means[1]:.4g}")
    return Finding(holds, "; ".join(said))


def _smooth(study: Study) -> Finding | None:
    """While charging, no curve falls back from its course by more than a tenth of its range."""
    worst, where = 0.0, ""
    for case in RATES:
        for run in study.runs.get(case, ()):
            for label, name, sign in (
                ("mean gap", "gap_mean_nm", 1),
                ("largest stress", "von_mises_max_GPa", 1),
                ("largest contraction", "volumetric_strain_min", -1),
            ):
                sag = behaviour.sag(sign * run.column(name)[run.charge])
                if sag >= worst:
                    worst, where = sag, f"{label} at {short(case)}"
    return (
        Finding(worst < 0.1, f"largest fluctuation {100 * worst:.1f} % of the range, {where}")
        if where
        else None
    )


def _strain_with_strength(study: Study) -> Finding | None:
    means = seed_means(study, STRENGTHS, lambda run: -MEASURES["eps_V_max", "charge_peak"](run, ""))
    if means is None:
        return None
    order = list(np.argsort(means))
    return Finding(order in ([0, 1, 2, 3], [1, 0, 2, 3]), show(means, STRENGTHS))


def _debonding_suppressed(study: Study) -> Finding | None:
    means = seed_means(study, ("strength_500MPa", "baseline"), value_of("D_G_ave", "charge_peak"))
    if means is None:
        return None
    return Finding(means[0] < 0.02 * means[1], f"{means[0]:.3g} nm against {means[1]:.3g} nm at 100 MPa")


def _less_in_liquid(label: str, value: Value, share: float) -> Rule:
    def rule(study: Study) -> Finding | None:
        means = seed_means(study, ("liquid", "baseline"), value)
        if means is None:
            return None
        return Finding(means[0] < share * means[1], f"{label}: liquid {means[0]:.4g}, solid {means[1]:.4g}")

    return rule


def _uniformity(study: Study) -> Finding | None:
    said, holds = [], True
    cases = ("baseline", "het_Case2", "het_Case3", "het_Case4")
    for event, row in (("charge end", charge_end), ("discharge end", discharge_end)):
        means = seed_means(study, cases, value_at("stoich_sd", row))
        if means is None:
            return None
        one, two, three, four = means
        holds &= one > two and four < three and four < two
        said.append(f"{event}: {show(means)}")
    return Finding(holds, "standard deviation of y in Cases 1 to 4, " + "; ".join(said))


# two particles


def _lead(column: str, time: Callable[[CaseRun], float], sign: float = 1.0) -> Rule:
    """A column, in magnitude, is larger in P1 than in P2 at a time; smaller for a negative sign."""

    def rule(study: Study) -> Finding | None:
        means = []
        for particle in ("_p1", "_p2"):
            name = column + particle
            rows = [_at_time(run, name, time(run)) for run in study.runs.get("position", ())]
            if not rows:
                return None
            means.append(abs(float(np.mean(rows))))
        return Finding(sign * (means[0] - means[1]) > 0, f"P1 {means[0]:.6g}, P2 {means[1]:.6g}")

    return rule


def _at_time(run: CaseRun, name: str, time: float) -> float:
    return float(np.interp(time, run.column("time_s"), run.column(name)))


def _charge_end_time(run: CaseRun) -> float:
    return run.at("time_s", run.charge_end)


def _discharge_end_time(run: CaseRun) -> float:
    return run.at("time_s", run.discharge_end)


def _lead_in_window(robust: str, extreme: str, label: str) -> Rule:
    """P1 leads P2 in the paper's window, by a volume measure; the extreme is told, but follows the mesh."""

    def lead(run: CaseRun, name: str) -> float:
        return float(measures.position_difference(run, name).mean())

    def rule(study: Study) -> Finding | None:
        means = [seed_means(study, ("position",), partial(lead, name=column)) for column in (robust, extreme)]
        if means[0] is None or means[1] is None:
            return None
        window = f"{WINDOW_S[0]:.0f}-{WINDOW_S[1]:.0f} s"
        return Finding(
            means[0][0] > 0,
            f"P1 less P2, mean over {window}: {label} {means[0][0]:.3g}; extreme, which the mesh decides: "
            f"{means[1][0]:.3g}",
        )

    return rule


def _over_cycle(name: str) -> Value:
    """Mean of a column over the time of the run."""

    def mean(run: CaseRun) -> float:
        time = run.column("time_s")
        return float(np.trapezoid(run.column(name), time) / (time[-1] - time[0]))

    return mean


def _wetted(study: Study) -> Finding | None:
    means = seed_means(study, ("liquid", "baseline"), value_at("interface_open", charge_end))
    if means is None:
        return None
    return Finding(
        means[0] < 0.01 < means[1],
        f"share of the surface open at charge end: liquid {means[0]:.3g}, solid {means[1]:.3g}",
    )


def _unevenness(run: CaseRun) -> float:
    """Largest difference of the particles' Li contents in a cycle, over the content of one at the start."""
    one, two = run.column("lithium_mol_p1"), run.column("lithium_mol_p2")
    return float(np.abs(one - two).max() / one[0])


def _position_effect(study: Study) -> Finding | None:
    means = seed_means(study, ("position", "position_thick"), _unevenness)
    if means is None:
        return None
    return Finding(
        means[0] < means[1] and means[0] < 0.02,
        f"largest difference of Li {100 * means[0]:.2f} % 12 um apart, {100 * means[1]:.2f} % 30 um apart",
    )


# the table of rules

RESIDUALS: Final[tuple[tuple[str, Value], ...]] = (
    ("|eps_V|", lambda run: abs(run.at("volumetric_strain_min", -1))),
    ("sigma_max (GPa)", lambda run: run.at("von_mises_max_GPa", -1)),
    ("mean gap (nm)", lambda run: run.at("gap_mean_nm", -1)),
    ("largest gap (nm)", lambda run: run.at("gap_max_nm", -1)),
)
"""What is left when the protocol is over."""

PEAK_GAP = ("mean gap (nm)", value_of("D_G_ave", "charge_peak"))
PEAK_WIDEST = ("largest gap (nm)", value_of("D_G_max", "charge_peak"))
PEAK_STRESS = ("sigma_max (GPa)", value_of("sigma_Mises_max", "charge_peak"))
PEAK_STRAIN = ("eps_V", value_of("eps_V_max", "charge_peak"))
STRESS_SD = ("sigma s.d. (GPa)", value_at("von_mises_sd_GPa", charge_end))
DROP = ("drop at charge end (mV)", value_at("interface_drop_mV", charge_end))
RATES_DOWN, STRENGTHS_DOWN = RATES[::-1], STRENGTHS[::-1]
HETEROGENEITY = ("het_Case2", "het_Case3", "het_Case4")

RULES: Final[dict[str, Rule]] = {
    "baseline_1c_sigma_mises_max_charge": of_each_seed("baseline", behaviour.stress_rises),
    "baseline_1c_particle_volume_charge": of_each_seed("baseline", behaviour.volume_falls),
    "baseline_1c_particle_volume_3100_3350_s": of_each_seed("baseline", behaviour.volume_plateau),
    "baseline_1c_d_g_ave_d_g_max_charge": of_each_seed("baseline", behaviour.gap_takes_off),
    "baseline_1c_d_g_ave_d_g_max_discharge_after_3350_s": of_each_seed(
        "baseline", behaviour.gap_recovers_in_part
    ),
    "all_r_int_gap": of_each_seed("baseline", behaviour.contact_law),
    "baseline_1c_sigma_mises_field_charge_end": of_each_seed("baseline", behaviour.stress_concentrates),
    "baseline_1c_c_field_charge": of_each_seed("baseline", behaviour.surface_follows("charge")),
    "baseline_1c_c_field_discharge": of_each_seed("baseline", behaviour.surface_follows("discharge")),
    "baseline_1c_c_mean_discharge_end": of_each_seed("baseline", behaviour.some_stays),
    "baseline_1c_chemical_strain_charge": of_each_seed("baseline", behaviour.grain_strain("charge")),
    "baseline_1c_chemical_strain_discharge": of_each_seed("baseline", behaviour.grain_strain("discharge")),
    "baseline_1c_field_inhomogeneity_charge": every(
        of_each_seed("baseline", behaviour.spreads_grow),
        of_each_seed("baseline", behaviour.small_grains_suffer),
    ),
    "liquid_vs_solid_d_g_cycle": _less_in_liquid("peak mean gap (nm)", PEAK_GAP[1], 0.5),
    "liquid_vs_solid_sigma_in_particle_cycle": _less_in_liquid(
        "volume median of the stress, mean over the cycle (GPa)", _over_cycle("von_mises_median_GPa"), 1.0
    ),
    "liquid_electrolyte_infiltration_cycle": _wetted,
    "liquid_vs_solid_cell_voltage_cycle": _same_voltage(("baseline", "liquid")),
    "pressure_d_g_ave_charge_end": _pressure_effect,
    "rates_charge_and_discharge_capacity": rising(
        RATES_DOWN,
        ("charge capacity (nC)", lambda run: 1e9 * run.at("charge_C", run.charge_end)),
        (
            "discharge capacity (nC)",
            lambda run: 1e9 * (run.at("charge_C", run.charge_end) - run.at("charge_C", run.discharge_end)),
        ),
    ),
    "rates_m_li_charge_end": rising(RATES, ("Li (pmol)", value_of("M_Li", "charge_end"))),
    "rates_m_li_deficit_vs_initial_discharge_end": rising(
        RATES, ("missing Li (pmol)", value_of("delta_M_Li", "discharge_end"))
    ),
    "rates_peak_eps_v_max_and_sigma_mises_max_charge": alike(RATES, PEAK_STRAIN, PEAK_STRESS, within=0.25),
    "rates_particle_volume_contraction_charge_end": _contraction_falls_with_rate,
    "rates_peak_d_g_ave_d_g_max_charge_end": rising(("rate_2C", "baseline"), PEAK_GAP, PEAK_WIDEST),
    "rates_residual_eps_v_max_sigma_mises_max_d_g_discharge_end": rising(RATES, *RESIDUALS),
    "cv_charging_residuals_discharge_end": _cv_helps,
    "rates_curve_smoothness": _smooth,
    "het_t_charge_t_discharge": rising(
        ("baseline", "het_Case2"),
        ("charge (s)", value_of("t_charge", "charge_end")),
        ("discharge (s)", value_of("t_discharge", "discharge_duration")),
    ),
    "het_m_li_charge_end": rising(("het_Case2", "baseline"), ("Li (pmol)", value_of("M_Li", "charge_end"))),
    "het_m_li_discharge_end": rising(
        ("baseline", "het_Case2"), ("Li (pmol)", value_of("M_Li", "discharge_end"))
    ),
    "het_peak_d_g_ave_and_sigma_mises_max_charge_end": alike(
        ("baseline", "het_Case2"), PEAK_GAP, PEAK_STRESS
    ),
    "het_eps_v_max_and_particle_volume_charge": alike(
        ("baseline", "het_Case2"), PEAK_STRAIN, ("contraction", _contraction)
    ),
    "het_c_nonuniformity_charge_end_discharge_end": _uniformity,
    "het_peak_sigma_mises_max_and_stress_nonuniformity_charge_end": rising(
        HETEROGENEITY[::-1], PEAK_STRESS, STRESS_SD
    ),
    "het_volumetric_strain_mismatch_charge_end": rising(
        HETEROGENEITY[::-1], ("s.d. of eps_V", value_at("volumetric_strain_sd", charge_end))
    ),
    "het_particle_volume_charge_end": rising(HETEROGENEITY, ("contraction", _contraction)),
    "het_d_g_ave_charge_end": rising(HETEROGENEITY, ("mean gap (nm)", value_of("D_G_ave", "charge_end"))),
    "het_interface_voltage_drop_charge_end": rising(HETEROGENEITY, DROP),
    "het_t_charge_charge_end": every(
        rising(("het_Case4", "het_Case3"), ("charge (s)", value_of("t_charge", "charge_end"))),
        rising(("het_Case4", "het_Case2"), ("charge (s)", value_of("t_charge", "charge_end"))),
    ),
    "strength_cell_voltage_cycle": _same_voltage(("baseline", *(s for s in STRENGTHS if s != "baseline"))),
    "strength_m_li_cycle": _lithium_alike(STRENGTHS),
    "strength_d_g_ave_charge_peak": rising(STRENGTHS_DOWN, PEAK_GAP),
    "strength_d_g_max_charge_peak": rising(STRENGTHS_DOWN, PEAK_WIDEST),
    "strength_interface_voltage_drop_cycle": rising(
        STRENGTHS_DOWN, ("largest mean drop (mV)", lambda run: 1e3 * measures.worst_drop(run))
    ),
    "strength_abs_eps_v_max_charge_peak": _strain_with_strength,
    "strength_sigma_mises_max_charge_peak": rising(STRENGTHS, PEAK_STRESS),
    "strength_sigma_mises_on_surface_and_inside_charge_end": rising(
        STRENGTHS,
        ("surface (GPa)", lambda run: behaviour.final_regions(run).surface),
        ("inside (GPa)", lambda run: behaviour.final_regions(run).inside),
    ),
    "strength_500mpa_d_g_ave_charge_peak_2": _debonding_suppressed,
    "position_m_li_charge_early": _lead("lithium_mol", lambda run: 0.1 * _charge_end_time(run), -1.0),
    "position_m_li_discharge_end": _lead("lithium_mol", _discharge_end_time),
    "position_d_g_max_charge_peak": _lead("gap_max_nm", _charge_end_time),
    "position_abs_eps_v_max_t_1200_2200s": _lead_in_window(
        "volumetric_strain_mean", "volumetric_strain_min", "volume mean of the strain"
    ),
    "position_sigma_mises_max_t_1200_2200s": _lead_in_window(
        "von_mises_p999_GPa", "von_mises_max_GPa", "99.9 % quantile of the stress (GPa)"
    ),
    "position_sigma_mises_field_charge_end": of_each_seed("position", behaviour.particles_stressed),
    "position_p1_p2_difference_electrode_thickness": _position_effect,
}
"""Rule of every trend that a simulation can answer, by the id of its target."""

NO_DATA: Final = {
    "1d_0_1c_v_vs_specific_capacity_charge_discharge": "the experiment's data are not available",
}
"""Trends that nothing here can decide, and why."""
