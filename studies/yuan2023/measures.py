"""Numbers of Yuan, Lu and Xu that need more than a column of the history; loads rules and panels beside it.

latticecell study studies/yuan2023/study.toml --laws studies/yuan2023/measures.py
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latticecell import registry
from latticecell.laws.kinetics import overpotential
from latticecell.materials import electro_laws
from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.study import MEASURES
from latticecell.study.caseruns import CaseRun

Floats = NDArray[np.float64]

PLATEAU_SHARE: Final = 0.95
"""The plateau of the gap is where its mean exceeds this share of its peak."""
MARKER_NM, MARKER_S = 0.3, 2200.0
"""Mean gap and time at which the paper lets the rapid rise begin."""
WINDOW_S: Final = (1200.0, 2200.0)
"""Part of charging in which the paper compares the two particles [s]."""


def onset_time(run: CaseRun) -> float:
    """Time at which the mean gap reaches what the paper marks as the start of its rapid rise [s]."""
    gap = np.maximum.accumulate(run.column("gap_mean_nm")[run.charge])
    return float(np.interp(MARKER_NM, gap, run.column("time_s")[run.charge]))


def tangent_onset(run: CaseRun) -> float:
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


def position_difference(run: CaseRun, column: str) -> Floats:
    """Return |column| of P1 less that of P2 on an even grid over the paper's window."""
    times = np.linspace(*WINDOW_S, 101)
    one, two = (np.array([abs(run.while_charging(f"{column}_p{i}", t)) for t in times]) for i in (1, 2))
    return one - two


def position_lead(column: str) -> Callable[[CaseRun], float]:
    """Mean of `position_difference` over the window."""
    return lambda run: float(position_difference(run, column).mean())


def strain_lead(run: CaseRun) -> float:
    """Largest difference of the particles' strongest contractions in the window."""
    difference = position_difference(run, "volumetric_strain_min")
    return float(difference[np.abs(difference).argmax()])


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
    mesh = run.run.mesh
    snapshot = run.run.snapshots.nearest(run.at("time_s", run.charge_end))
    bond = np.flatnonzero(mesh.bond_kind == INTERFACE_BOND)
    grain, outside = mesh.bond_nodes[bond].T
    jump = snapshot["phi_s"].astype(float) - snapshot["phi_l"]
    stoich = snapshot["stoichiometry"].astype(float)[grain]
    current = snapshot["current"].astype(float)[bond]
    gap = snapshot["gap"].astype(float)[bond]
    kinetics = electro_laws(run.run.config).particle
    surface = kinetics.surface(stoich, np.zeros(len(bond)))  # no psi: the paper's U knows no stress
    # x + load f(x) = load i / i0 gives f(x) = i / i0, the reaction without resistance, for a large load
    load = np.full(len(bond), 1e12)
    drive = load * current / surface.exchange_b
    eta = kinetics.thermal_voltage * overpotential(drive, load, kinetics.alpha_a, kinetics.alpha_c)
    drop = jump[outside] - surface.open_circuit_b - eta
    told = np.abs(drop) > 200 * np.finfo(np.float32).eps * run.at("voltage_V", run.charge_end)
    return np.maximum(gap[told], 0.0), drop[told] / current[told]


@dataclass(frozen=True, slots=True)
class StressRegions:
    """Volume means of the von Mises stress at the end of charging [GPa].

    Attributes
    ----------
    particle, boundaries, surface, inside : float
        All grains; their tets that touch a grain boundary; those that touch the particle surface; the rest of
        them that touch neither.
    around : float
        ECBD tets that touch a particle.
    far : float
        The separator.
    small_grains, large_grains : float
        Tets at grain boundaries in the grains below and above the median volume.
    """

    particle: float
    boundaries: float
    surface: float
    inside: float
    around: float
    far: float
    small_grains: float
    large_grains: float


def stress_regions(run: CaseRun) -> StressRegions:
    """Average the von Mises stress of the snapshot nearest to the end of charging over regions."""
    mesh = run.run.mesh
    mises = run.run.snapshots.nearest(run.at("time_s", run.charge_end))["von_mises"].astype(float)
    volume, domain, n_grains = mesh.tet_volume, mesh.domain, mesh.n_grains
    grain = domain < n_grains
    at_boundary = _touching(run, GB_BOND) & grain
    at_surface = _touching(run, INTERFACE_BOND)
    size_g = np.bincount(domain[grain], volume[grain], n_grains)
    small = np.zeros(n_grains + 2, bool)
    small[:n_grains] = size_g < np.median(size_g)

    def mean(where: NDArray[np.bool_]) -> float:
        return float(mises[where] @ volume[where] / volume[where].sum())

    return StressRegions(
        particle=mean(grain),
        boundaries=mean(at_boundary),
        surface=mean(at_surface & grain),
        inside=mean(grain & ~at_boundary & ~at_surface),
        around=mean(at_surface & ~grain),
        far=mean(domain == n_grains + 1),
        small_grains=mean(at_boundary & small[domain]),
        large_grains=mean(at_boundary & ~small[domain]),
    )


def _touching(run: CaseRun, kind: int) -> NDArray[np.bool_]:
    """Which tets have a node with a bond of a kind."""
    mesh = run.run.mesh
    touched = np.zeros(mesh.n_nodes, bool)
    touched[mesh.bond_nodes[mesh.bond_kind == kind].ravel()] = True
    return np.asarray(touched[mesh.node_of_point[mesh.tets]].any(axis=1))


MEASURES.register("t_gap_onset", onset_time)
MEASURES.register("t_gap_onset_tangent", tangent_onset)
MEASURES.register("plateau_start", lambda run: plateau(run)[0])
MEASURES.register("plateau_end", lambda run: plateau(run)[1])
MEASURES.register("abs(eps_V_max) P1 minus P2", strain_lead)
MEASURES.register("surface_stress", lambda run: stress_regions(run).surface)
MEASURES.register("inside_stress", lambda run: stress_regions(run).inside)

for _name in ("trends.py", "panels.py"):
    registry.load(str(Path(__file__).with_name(_name)))
