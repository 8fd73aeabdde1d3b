"""Trends of Yuan, Lu and Xu that need more than an order of measures along cases; loaded by ``measures.py``.

What "nearly equal" or "not significant" mean is a number here, named where it is used.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latticecell import registry
from latticecell.study import TRENDS
from latticecell.study.caseruns import CaseRun, CaseRuns
from latticecell.study.trends import NEAR, Finding, Rule, Value, every, of_each_seed, seed_means, short, show

Floats = NDArray[np.float64]
Statement = tuple[bool, str]

measures: Any = registry.load(str(Path(__file__).with_name("measures.py")))

SAG: Final = 0.02
"""How far a monotone curve may fall back, relative to its range."""
SAME_VOLTAGE_V: Final = 0.020
"""Root-mean-square difference of voltages that count as the same [V]."""
STRENGTHS: Final = ("strength_50MPa", "baseline", "strength_200MPa", "strength_500MPa")
RATES: Final = ("rate_0.1C", "rate_0.5C", "baseline", "rate_2C")


def sag(values: Floats) -> float:
    """Largest fall of a curve from its running maximum, over its range."""
    return float((np.maximum.accumulate(values) - values).max() / max(np.ptp(values), 1e-300))


def stress_rises(run: CaseRun) -> Statement:
    """The largest von Mises stress grows from nothing while the cell charges."""
    stress = run.column("von_mises_max_GPa")[run.charge]
    fall = sag(stress)
    return (
        bool(stress[0] < 0.01 * stress[-1] and fall <= SAG),
        f"from {stress[0]:.3g} to {stress[-1]:.3g} GPa, falls back by {100 * fall:.1f} % of the range",
    )


def volume_falls(run: CaseRun) -> Statement:
    """The particle shrinks while the cell charges."""
    volume = run.column("volumetric_strain_mean")[run.charge]
    fall = sag(-volume)
    return volume[
        -1
    ] < 0 and fall <= SAG, f"{100 * volume[-1]:.3f} % at charge end, rises by {100 * fall:.1f} %"


def volume_plateau(run: CaseRun) -> Statement:
    """The volume rests for 250 s after the end of charging."""
    end = run.at("time_s", run.charge_end)
    volume = run.column("volumetric_strain_mean")
    later = float(np.interp(end + 250.0, run.column("time_s"), volume))
    change = abs(later / volume[run.charge_end] - 1)
    return change <= NEAR, f"changes by {100 * change:.0f} % in the 250 s after charge end"


def gap_takes_off(run: CaseRun) -> Statement:
    """Gaps grow slowly to 2200 s, then at least three times as fast, to a maximum at charge end."""
    said, holds = [], True
    for label, name in (("mean gap", "gap_mean_nm"), ("largest gap", "gap_max_nm")):
        end, take_off = run.at("time_s", run.charge_end), measures.MARKER_S
        early = run.while_charging(name, take_off) / take_off
        late = (run.at(name, run.charge_end) - run.while_charging(name, take_off)) / (end - take_off)
        peak = run.column(name).max()
        holds &= early < late / 3 and run.at(name, run.charge_end) >= 0.98 * peak
        said.append(f"{label}: {1e3 * early:.2f} before, {1e3 * late:.2f} pm/s after 2200 s")
    return holds, "; ".join(said)


def gap_recovers_in_part(run: CaseRun) -> Statement:
    """Gaps close from 250 s after charge end on, but not to nothing."""
    time = run.column("time_s")
    later = (time >= run.at("time_s", run.charge_end) + 250) & (np.arange(len(time)) <= run.discharge_end)
    gaps = [run.column(name)[later] for name in ("gap_mean_nm", "gap_max_nm")]
    holds = all(sag(-gap) <= 5 * SAG and 0 < gap[-1] < 0.5 * gap[0] for gap in gaps)
    return holds, f"down to {show([gap[-1] for gap in gaps], ['mean', 'largest'])} nm at discharge end"


def stress_concentrates(run: CaseRun) -> Statement:
    """Stress is highest at grain boundaries, and low far from the particle."""
    r = measures.stress_regions(run)
    return (
        r.boundaries > r.inside and r.particle > r.around > r.far and r.far < 0.2 * r.particle,
        f"at grain boundaries {r.boundaries:.3g}, inside grains {r.inside:.3g}, around the particle "
        f"{r.around:.3g}, far field {r.far:.3g} GPa",
    )


def particles_stressed(run: CaseRun) -> Statement:
    """Stress is in and around the particles, and low far from them."""
    r = measures.stress_regions(run)
    return (
        r.particle > r.around > r.far and r.far < 0.2 * r.particle,
        f"particles {r.particle:.3g}, around them {r.around:.3g}, far field {r.far:.3g} GPa",
    )


def surface_follows(kind: str) -> Callable[[CaseRun], Statement]:
    """The surface leads the mean: less Li while charging, more while discharging."""

    def decide(run: CaseRun) -> Statement:
        first, last = {
            "charge": (0, run.charge_end),
            "discharge": (run.charge_end, run.discharge_end),
        }[kind]
        time = run.column("time_s")
        middle = int(np.searchsorted(time, 0.5 * (time[first] + time[last])))
        lead = run.column("stoich_surface") - run.column("stoich_mean")
        sign = -1 if kind == "charge" else 1
        spread = run.at("stoich_sd", last)
        return (
            bool(sign * lead[middle] > 0 and sign * lead[last] > 0 and spread > 0),
            f"surface less mean {lead[middle]:+.3f} at the middle, {lead[last]:+.3f} at the end",
        )

    return decide


def some_stays(run: CaseRun) -> Statement:
    """After the cycle Li is missing, and stress and strain remain."""
    end = run.discharge_end
    lost = 1 - run.at("lithium_mol", end) / run.at("lithium_mol", 0)
    stress, strain = run.at("von_mises_max_GPa", end), run.at("volumetric_strain_min", end)
    return (
        lost > 0 and stress > 0 and strain < 0,
        f"{100 * lost:.1f} % of the Li missing, {1e3 * stress:.0f} MPa, strain {strain:.2e} left",
    )


def spreads_grow(run: CaseRun) -> Statement:
    """Stress and strain grow more uneven while the cell charges."""
    end = run.at("time_s", run.charge_end)
    times = np.linspace(0.25, 1.0, 4) * end
    said, holds = [], True
    for label, name in (
        ("s.d. of stress (GPa)", "von_mises_sd_GPa"),
        ("s.d. of strain", "volumetric_strain_sd"),
        ("largest stress (GPa)", "von_mises_max_GPa"),
    ):
        values = [run.while_charging(name, t) for t in times]
        holds &= all(a < b for a, b in itertools.pairwise(values))
        said.append(f"{label} {show(values)}")
    return holds, "at quarters of charging: " + "; ".join(said)


def small_grains_suffer(run: CaseRun) -> Statement:
    """Boundaries of small grains carry more stress than those of large ones."""
    r = measures.stress_regions(run)
    return (
        r.small_grains > r.large_grains,
        f"at boundaries of small grains {r.small_grains:.4g}, of large ones {r.large_grains:.4g} GPa",
    )


# --- several cases ---


def on_means(cases: Sequence[str], value: Value, decide: Callable[[list[float]], Statement]) -> Rule:
    """A statement about the seed means of a value, one for each case."""

    def rule(runs: CaseRuns) -> Finding | None:
        means = seed_means(runs, cases, value)
        return None if means is None else Finding(*decide(means))

    return rule


def at_charge_end(name: str) -> Value:
    """A column at the end of charging."""
    return lambda run: run.at(name, run.charge_end)


def peak(name: str) -> Value:
    """Largest value of a column while charging."""
    return lambda run: float(run.column(name)[run.charge].max())


def voltage_difference(one: CaseRun, other: CaseRun) -> float:
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


def same_voltage(cases: Sequence[str]) -> Rule:
    """Voltages of the cases differ little from those of the first."""

    def rule(runs: CaseRuns) -> Finding | None:
        rows = [[voltage_difference(some[0], run) for run in some[1:]] for some in runs.together(*cases)]
        if not rows:
            return None
        means = np.mean(rows, axis=0)
        said = f"r.m.s. difference from {short(cases[0])}: "
        said += show(1e3 * means, [short(case) for case in cases[1:]]) + " mV"
        return Finding(bool(means.max() <= SAME_VOLTAGE_V), f"{said}; allowed {1e3 * SAME_VOLTAGE_V:.0f} mV")

    return rule


def lithium_at(event: str) -> Value:
    """Li content at an end [pmol]."""
    return lambda run: 1e12 * run.at("lithium_mol", getattr(run, event))


def lithium_alike(cases: Sequence[str]) -> Rule:
    """Li contents at charge end and discharge end differ by less than 2 % of the initial content."""

    def rule(runs: CaseRuns) -> Finding | None:
        said, holds = [], True
        for event in ("charge_end", "discharge_end"):
            means = seed_means(runs, cases, lithium_at(event))
            if means is None:
                return None
            spread = float(np.ptp(means)) / (1e12 * runs.first(cases[0]).at("lithium_mol", 0))
            holds &= spread <= 0.02
            said.append(f"{event.replace('_', ' ')}: {show(means)} pmol ({100 * spread:.2f} % of all Li)")
        return Finding(holds, "; ".join(said))

    return rule


def contraction_falls_with_rate(means: list[float]) -> Statement:
    """The particle contracts less at every higher rate, most clearly at the last."""
    falls = -np.diff(means)
    holds = bool((falls > 0).all() and falls.argmax() == len(falls) - 1)
    return holds, f"{show([100 * m for m in means], RATES)} %"


def pressure_effect(means: list[float]) -> Statement:
    """Pressure closes gaps, but little."""
    effect = 1 - means[-1] / means[0]
    ordered = all(a > b for a, b in itertools.pairwise(means))
    return ordered and effect <= NEAR, f"{show(means)} nm at 0, 5, 10, 15 MPa ({100 * effect:.1f} % in all)"


def less_left(label: str, name: str, end: Callable[[CaseRun], int]) -> Rule:
    """Less is left in magnitude after charging at constant voltage, at a row of the history."""
    return on_means(
        ("baseline", "CV_charging"),
        lambda run: abs(run.at(name, end(run))),
        lambda means: (
            0 < means[1] < means[0],
            f"{label}: CC {means[0]:.4g}, CC-CV {means[1]:.4g}",
        ),
    )


def residues(end: Callable[[CaseRun], int]) -> Rule:
    """All residues of the paper are smaller after charging at constant voltage."""
    return every(
        less_left("|eps_V|", "volumetric_strain_min", end),
        less_left("sigma_max (GPa)", "von_mises_max_GPa", end),
        less_left("mean gap (nm)", "gap_mean_nm", end),
        less_left("largest gap (nm)", "gap_max_nm", end),
    )


def levels_off(run: CaseRun) -> Statement:
    """Over the last tenth of charging, extremes of strain and stress change by at most 2 % of their range."""
    end = run.at("time_s", run.charge_end)
    said, holds = [], True
    for label, name in (("eps_V", "volumetric_strain_min"), ("sigma_max", "von_mises_max_GPa")):
        values = run.column(name)[run.charge]
        late = [run.while_charging(name, share * end) for share in np.linspace(0.9, 1.0, 11)]
        change = float(np.ptp(late) / np.ptp(values))
        holds &= change <= SAG
        said.append(f"{label} changes by {100 * change:.1f} % of its range in the last tenth")
    return holds, "; ".join(said)


def smooth(runs: CaseRuns) -> Finding | None:
    """While charging, no curve falls back from its course by more than a tenth of its range."""
    worst, where = 0.0, ""
    for case in RATES:
        for run in runs.runs.get(case, ()):
            for label, name, sign in (
                ("mean gap", "gap_mean_nm", 1),
                ("largest stress", "von_mises_max_GPa", 1),
                ("largest contraction", "volumetric_strain_min", -1),
            ):
                fall = sag(sign * run.column(name)[run.charge])
                if fall >= worst:
                    worst, where = fall, f"{label} at {short(case)}"
    said = f"largest fluctuation {100 * worst:.1f} % of the range, {where}"
    return Finding(worst < 0.1, said) if where else None


def strain_with_strength(*order: int) -> Callable[[list[float]], Statement]:
    """The strongest contraction grows along the strengths in this order."""
    return lambda means: (tuple(np.argsort(means)) == order, show(means, STRENGTHS))


def strongest_contraction(run: CaseRun) -> float:
    """Largest magnitude of the volumetric strain while charging."""
    return -float(run.column("volumetric_strain_min")[run.charge].min())


def debonding_suppressed(means: list[float]) -> Statement:
    """Next to no gap at 500 MPa."""
    return means[0] < 0.02 * means[1], f"{means[0]:.3g} nm against {means[1]:.3g} nm at 100 MPa"


def less_in_liquid(label: str, value: Value, share: float) -> Rule:
    """A value is smaller by a share in the liquid."""
    return on_means(
        ("liquid", "baseline"),
        value,
        lambda means: (means[0] < share * means[1], f"{label}: liquid {means[0]:.4g}, solid {means[1]:.4g}"),
    )


def more_uniform(when: str, event: str) -> Rule:
    """Li is most even in Case 4, and less even in Case 1 than in Case 2."""

    def decide(means: list[float]) -> Statement:
        one, two, three, four = means
        return one > two and four < three and four < two, f"{when}: {show(means)}"

    cases = ("baseline", "het_Case2", "het_Case3", "het_Case4")
    return on_means(cases, lambda run: run.at("stoich_sd", getattr(run, event)), decide)


def over_cycle(name: str) -> Value:
    """Mean of a column over the time of the run."""

    def mean(run: CaseRun) -> float:
        time = run.column("time_s")
        return float(np.trapezoid(run.column(name), time) / (time[-1] - time[0]))

    return mean


def wetted(means: list[float]) -> Statement:
    """A liquid follows the surface of the particle."""
    said = f"share of the surface open at charge end: liquid {means[0]:.3g}, solid {means[1]:.3g}"
    return means[0] < 0.01 < means[1], said


# --- two particles ---


def lead(column: str, value: Callable[[CaseRun, str], float], sign: float = 1.0) -> Rule:
    """A value of a column, in magnitude, is larger in P1 than in P2; smaller for a negative sign."""

    def rule(runs: CaseRuns) -> Finding | None:
        means = []
        for particle in ("_p1", "_p2"):
            rows = [value(run, column + particle) for run in runs.runs.get("position", ())]
            if not rows:
                return None
            means.append(abs(float(np.mean(rows))))
        return Finding(sign * (means[0] - means[1]) > 0, f"P1 {means[0]:.6g}, P2 {means[1]:.6g}")

    return rule


def lead_in_window(column: str, label: str) -> Rule:
    """P1 leads P2 in the paper's window."""

    def rule(runs: CaseRuns) -> Finding | None:
        means = seed_means(runs, ("position",), measures.position_lead(column))
        if means is None:
            return None
        window = f"{measures.WINDOW_S[0]:.0f}-{measures.WINDOW_S[1]:.0f} s"
        return Finding(means[0] > 0, f"P1 less P2, mean over {window}: {label} {means[0]:.3g}")

    return rule


def at(time: Callable[[CaseRun], float]) -> Callable[[CaseRun, str], float]:
    """Value of a column at a time."""
    return lambda run, name: float(run.run.history.at(name, time(run)))


def unevenness(run: CaseRun) -> float:
    """Largest difference of the particles' Li contents in a cycle, over the content of one at the start."""
    one, two = run.column("lithium_mol_p1"), run.column("lithium_mol_p2")
    return float(np.abs(one - two).max() / one[0])


def position_effect(means: list[float]) -> Statement:
    """Particles far apart differ more, those close by hardly at all."""
    said = f"largest difference of Li {100 * means[0]:.2f} % 12 um apart, {100 * means[1]:.2f} % 30 um apart"
    return means[0] < means[1] and means[0] < 0.02, said


RULES: Final[dict[str, Rule]] = {
    **{
        f"baseline_1c_{name}": of_each_seed("baseline", decide)
        for name, decide in (
            ("sigma_mises_max_charge", stress_rises),
            ("particle_volume_charge", volume_falls),
            ("particle_volume_3100_3350_s", volume_plateau),
            ("d_g_ave_d_g_max_charge", gap_takes_off),
            ("d_g_ave_d_g_max_discharge_after_3350_s", gap_recovers_in_part),
            ("sigma_mises_field_charge_end", stress_concentrates),
            ("c_field_charge", surface_follows("charge")),
            ("c_field_discharge", surface_follows("discharge")),
            ("c_mean_discharge_end", some_stays),
        )
    },
    "baseline_1c_field_inhomogeneity_charge": every(
        of_each_seed("baseline", spreads_grow), of_each_seed("baseline", small_grains_suffer)
    ),
    "liquid_vs_solid_d_g_cycle": less_in_liquid("peak mean gap (nm)", peak("gap_mean_nm"), 0.5),
    "liquid_vs_solid_sigma_in_particle_cycle": less_in_liquid(
        "largest stress, mean over the cycle (GPa)", over_cycle("von_mises_max_GPa"), 1.0
    ),
    "liquid_vs_solid_median_stress": less_in_liquid(
        "volume median of the stress, mean over the cycle (GPa)", over_cycle("von_mises_median_GPa"), 1.0
    ),
    "liquid_electrolyte_infiltration_cycle": on_means(
        ("liquid", "baseline"), at_charge_end("interface_open"), wetted
    ),
    "liquid_vs_solid_cell_voltage_cycle": same_voltage(("baseline", "liquid")),
    "pressure_d_g_ave_charge_end": on_means(
        ("baseline", "pressure_5MPa", "pressure_10MPa", "pressure_15MPa"),
        at_charge_end("gap_mean_nm"),
        pressure_effect,
    ),
    "rates_particle_volume_contraction_charge_end": on_means(
        RATES, lambda run: -run.at("volumetric_strain_mean", run.charge_end), contraction_falls_with_rate
    ),
    "cv_charging_residuals_discharge_end": residues(lambda run: run.discharge_end),
    "cv_charging_residuals_protocol_end": residues(lambda run: -1),  # after a hold at the lower voltage
    "rates_plateau_of_eps_v_max_and_sigma_mises_max_charge": every(
        *(of_each_seed(case, levels_off) for case in RATES)
    ),
    "rates_curve_smoothness": smooth,
    "het_c_nonuniformity_charge_end_discharge_end": every(
        more_uniform("standard deviation of y in Cases 1 to 4, charge end", "charge_end"),
        more_uniform("discharge end", "discharge_end"),
    ),
    "strength_cell_voltage_cycle": same_voltage(
        ("baseline", "strength_50MPa", "strength_200MPa", "strength_500MPa")
    ),
    "strength_m_li_cycle": lithium_alike(STRENGTHS),
    "strength_abs_eps_v_max_charge_peak": on_means(
        STRENGTHS, strongest_contraction, strain_with_strength(0, 1, 2, 3)
    ),
    "strength_abs_eps_v_max_of_the_numbers": on_means(  # the paper's own contradict its sentence
        STRENGTHS, strongest_contraction, strain_with_strength(1, 0, 2, 3)
    ),
    "strength_500mpa_d_g_ave_charge_peak_2": on_means(
        ("strength_500MPa", "baseline"), peak("gap_mean_nm"), debonding_suppressed
    ),
    "position_m_li_charge_early": lead(
        "lithium_mol", at(lambda run: 0.1 * run.at("time_s", run.charge_end)), -1.0
    ),
    "position_m_li_discharge_end": lead("lithium_mol", at(lambda run: run.at("time_s", run.discharge_end))),
    "position_d_g_max_charge_peak": lead("gap_max_nm", lambda run, name: peak(name)(run)),
    "position_abs_eps_v_max_t_1200_2200s": lead_in_window("volumetric_strain_min", "strongest contraction"),
    "position_mean_strain_t_1200_2200s": lead_in_window(
        "volumetric_strain_mean", "volume mean of the strain"
    ),
    "position_sigma_mises_max_t_1200_2200s": lead_in_window("von_mises_max_GPa", "largest stress (GPa)"),
    "position_stress_quantile_t_1200_2200s": lead_in_window(
        "von_mises_p999_GPa", "99.9 % quantile of the stress (GPa)"
    ),
    "position_sigma_mises_field_charge_end": of_each_seed("position", particles_stressed),
    "position_p1_p2_difference_electrode_thickness": on_means(
        ("position", "position_thick"), unevenness, position_effect
    ),
}
"""Rules by the id of their target."""

for _target, _rule in RULES.items():
    TRENDS.register(_target, _rule)
