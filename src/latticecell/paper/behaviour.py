"""What the paper says of one particle in one cycle: statements about a run that hold or not.

Each takes a `CaseRun` and returns whether it holds and the numbers that decided it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latticecell.paper import measures
from latticecell.paper.regions import StressRegions, stress_regions
from latticecell.paper.results import CaseRun
from latticecell.paper.rules import NEAR, show

Floats = NDArray[np.float64]
Statement = tuple[bool, str]

SAG: Final = 0.02
"""How far a monotone curve may fall back, relative to its range."""


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
    """Gaps grow slowly, then at least three times as fast, to their maximum at the end of charging."""
    said, holds = [], True
    for label, name in (("mean gap", "gap_mean_nm"), ("largest gap", "gap_max_nm")):
        end, take_off = run.at("time_s", run.charge_end), measures.onset_time(run)
        early = run.while_charging(name, 0.8 * take_off) / (0.8 * take_off)
        late = (run.at(name, run.charge_end) - run.while_charging(name, take_off)) / (end - take_off)
        peak = run.column(name).max()
        holds &= early < late / 3 and run.at(name, run.charge_end) >= 0.98 * peak
        said.append(f"{label}: {1e3 * early:.2f} before, {1e3 * late:.2f} pm/s after take-off")
    return holds, "; ".join(said)


def gap_recovers_in_part(run: CaseRun) -> Statement:
    """Gaps close from 250 s after charge end on, but not to nothing."""
    time = run.column("time_s")
    later = (time >= run.at("time_s", run.charge_end) + 250) & (np.arange(len(time)) <= run.discharge_end)
    gaps = [run.column(name)[later] for name in ("gap_mean_nm", "gap_max_nm")]
    holds = all(sag(-gap) <= 5 * SAG and 0 < gap[-1] < 0.5 * gap[0] for gap in gaps)
    return holds, f"down to {show([gap[-1] for gap in gaps], ['mean', 'largest'])} nm at discharge end"


def contact_law(run: CaseRun) -> Statement:
    """R_int is exponential in the local gap, point by point, as found from potentials and currents."""
    gap, resistance = measures.contact_points(run)
    kept = (resistance > 0) & (resistance < 0.9 * run.config.interface.resistance_max)
    if kept.sum() < 10:
        return False, "too few points"
    slope, level = np.polyfit(gap[kept], np.log(resistance[kept]), 1)
    misfit = float(np.std(np.log(resistance[kept]) - slope * gap[kept] - level))
    share = float(kept.mean())
    scale = 1e9 * run.config.interface.resistance_gap
    return (
        bool(abs(slope * scale - 1) < 0.02 and misfit < 0.1 and share > 0.9),
        f"{kept.sum()} points: exp(gap / {1 / slope:.2f} nm) of {np.exp(level):.2e} ohm m2, "
        f"scatter {100 * misfit:.1f} %",
    )


def final_regions(run: CaseRun) -> StressRegions:
    """Stress by region at the end of charging."""
    return stress_regions(run, run.at("time_s", run.charge_end))


def stress_concentrates(run: CaseRun) -> Statement:
    """Stress is highest at grain boundaries, and low far from the particle."""
    r = final_regions(run)
    return (
        r.boundaries > r.inside and r.particle > r.around > r.far and r.far < 0.2 * r.particle,
        f"at grain boundaries {r.boundaries:.3g}, inside grains {r.inside:.3g}, around the particle "
        f"{r.around:.3g}, far field {r.far:.3g} GPa",
    )


def particles_stressed(run: CaseRun) -> Statement:
    """Stress is in and around the particles, and low far from them."""
    r = final_regions(run)
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


def grain_strain(kind: str) -> Callable[[CaseRun], Statement]:
    """The crystal shrinks along [100] and [010] and grows along [001] while charging, or the reverse."""

    def decide(run: CaseRun) -> Statement:
        rows = {"charge": (0, run.charge_end), "discharge": (run.charge_end, run.discharge_end)}[kind]
        before, after = (run.at("expansion_mean", row) for row in rows)
        a, b, c = ((after - before) * ratio for ratio in run.config.materials.active.expansion_ratio)
        sign = -1 if kind == "charge" else 1
        holds = sign * a > 0 and sign * b > 0 and sign * c < 0 and (kind == "discharge" or a + b + c < 0)
        return holds, f"[100] {100 * a:+.3f}, [010] {100 * b:+.3f}, [001] {100 * c:+.3f} %"

    return decide


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
    r = final_regions(run)
    return (
        r.small_grains > r.large_grains,
        f"at boundaries of small grains {r.small_grains:.4g}, of large ones {r.large_grains:.4g} GPa",
    )
