"""What a run reports about each accepted step: one row of ``history.csv``, and the fields of a snapshot."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latticecell.config import Config
from latticecell.network import Network
from latticecell.stepper import CHARGE, SWELLING, VISCOUS, WALL, Stepper, StepReport
from latticecell.units import FARADAY

Floats = NDArray[np.float64]

NM, GPA = 1e9, 1e-9
OPEN_GAP = 1e-9
"""Gap above which the interface counts as open [m]."""


class Observer:
    """Turns step reports into numbers.

    Parameters
    ----------
    config : Config
    stepper : Stepper
    """

    def __init__(self, config: Config, stepper: Stepper):
        self.network: Network = stepper.network
        self.stepper = stepper
        network = self.network
        self._volume_n = np.where(network.is_active_n, network.volume_n, 0.0)
        self._c_max = config.materials.active.c_max
        self._one_c = config.protocol.current_1c
        self._lithium_0 = config.materials.active.initial_stoichiometry * self._lithium(
            np.ones(network.n_nodes)
        )
        self._interface = network.interface_b
        self._area = network.area_b[self._interface]
        self._share = self._area / self._area.sum()
        self._grain_node = network.bond_bn[self._interface, 0]
        self._active_t = network.is_active_t

    def _lithium(self, stoich_n: Floats) -> float:
        return self._c_max * float(self._volume_n @ stoich_n)

    def row(self, report: StepReport) -> dict[str, float | int | str]:
        """Columns of ``history.csv``: controls, results, audit; units are in the names."""
        state, stage, trial = report.state, report.stage, report.trial
        network, stepper = self.network, self.stepper
        eigen = stepper.eigen(state.stoich_n)
        y = state.stoich_n[network.is_active_n]
        lithium = self._lithium(state.stoich_n)
        gap = np.maximum(state.gap_b[self._interface], 0.0)
        stress = stepper.mechanics.stress(state, eigen)[self._active_t]
        volume = network.volume_t[self._active_t]
        mises = weighted_quantile(von_mises(stress), volume, (0.5, 0.99, 0.999, 1.0)) * GPA
        swelling = self._volumetric_strain(report)[self._active_t]
        bonds = stepper.mechanics.bond_summary(state)
        energy = stepper.mechanics.energies(state, eigen)
        dissipated = energy.interface_dissipated + energy.gb_dissipated
        given = state.passed[SWELLING] + state.passed[WALL] - state.passed[VISCOUS]
        kept = energy.elastic + energy.bonds + dissipated
        current = trial.electro.current if trial else 0.0
        leak = trial.electro.current - trial.electro.lithium_current if trial else 0.0
        row: dict[str, Any] = {
            "cycle": stage.cycle + 1,
            "step": stage.index + 1,
            "kind": stage.kind,
            "time_s": float(state.time[0]),
            "dt_s": trial.dt if trial else 0.0,
            "voltage_V": float(state.voltage[0]),
            "current_A": current,
            "charge_C": float(state.passed[CHARGE]),
            "lithium_mol": lithium,
            "stoich_mean": lithium / self._c_max / float(self._volume_n.sum()),
            "stoich_surface": float(self._share @ state.stoich_n[self._grain_node]),
            "stoich_min": float(y.min()),
            "stoich_max": float(y.max()),
            "gap_mean_nm": float(self._share @ gap) * NM,
            "gap_max_nm": float(gap.max(initial=0.0)) * NM,
            "interface_open": float(self._share @ (gap > OPEN_GAP)),
            "interface_drop_mV": 1e3 * stepper.electro.interface_drop(state.current_b, state.gap_b),
            "von_mises_median_GPa": mises[0],
            "von_mises_p99_GPa": mises[1],
            "von_mises_p999_GPa": mises[2],
            "von_mises_max_GPa": mises[3],
            "hydrostatic_min_GPa": float(stress[:, :3].mean(axis=1).min()) * GPA,
            "hydrostatic_max_GPa": float(stress[:, :3].mean(axis=1).max()) * GPA,
            "volumetric_strain_min": float(swelling.min()),
            "volumetric_strain_mean": float(swelling @ volume / volume.sum()),
            "interface_damaged": bonds.interface_damaged,
            "interface_broken": bonds.interface_broken,
            "interface_broken_count": bonds.interface_broken_count,
            "gb_damaged": bonds.gb_damaged,
            "gb_broken": bonds.gb_broken,
            "gb_broken_count": bonds.gb_broken_count,
            "gb_opening_max_nm": bonds.gb_opening_max * NM,
            "fragments": bonds.fragments,
            "elastic_J": energy.elastic,
            "bonds_J": energy.bonds,
            "dissipated_J": dissipated,
            "viscous_J": float(state.passed[VISCOUS]),
            "viscous_share": report.viscous_share,
            "lithium_balance": (lithium - self._lithium_0 + state.passed[CHARGE] / FARADAY) / self._lithium_0,
            "charge_balance": leak / max(abs(current), 1e-3 * self._one_c),
            "energy_balance": (given - kept) / max(kept, abs(given), 1e-30),
            "equilibrium_residual": trial.mechanics.residual if trial else 0.0,
            "repeats": trial.repeats if trial else 0,
            "mechanics_newton": trial.newton if trial else 0,
            "mechanics_linear": trial.linear if trial else 0,
            "electrochemistry_newton": trial.electro.newton_iterations if trial else 0,
            "electrochemistry_linear": trial.electro.linear_iterations if trial else 0,
            "limited_nodes": trial.electro.limited_nodes if trial else 0,
            "rejected": report.rejected,
        }
        return {key: float(value) if isinstance(value, np.floating) else value for key, value in row.items()}

    def fields(self, report: StepReport) -> dict[str, NDArray]:
        """Fields of a snapshot besides those that the state holds, named with unit and axis."""
        state = report.state
        stress = self.stepper.mechanics.stress(state, self.stepper.eigen(state.stoich_n))
        return {
            "von_mises_GPa_t": von_mises(stress) * GPA,
            "hydrostatic_GPa_t": stress[:, :3].mean(axis=1) * GPA,
            "volumetric_strain_t": self._volumetric_strain(report),
            "damage_b": self.stepper.mechanics.damage(state),
            "broken_b": self.stepper.mechanics.broken(state).astype(float),
        }

    def _volumetric_strain(self, report: StepReport) -> Floats:
        state = report.state
        strain = self.stepper.mechanics.lattice.strain(state.u_nc, state.strain_c)
        return np.asarray(strain[:, :3].sum(axis=1))


def von_mises(stress_tv: Floats) -> Floats:
    """Return the von Mises stress of Voigt stresses (n, 6) [Pa]."""
    x, y, z, yz, xz, xy = stress_tv.T
    normal = 0.5 * ((x - y) ** 2 + (y - z) ** 2 + (z - x) ** 2)
    return np.sqrt(normal + 3 * (yz**2 + xz**2 + xy**2))


def weighted_quantile(values: Floats, weights: Floats, shares: tuple[float, ...]) -> Floats:
    """Return the values that the given shares of the total weight do not exceed."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order])
    place = np.searchsorted(share, np.asarray(shares) * share[-1] * (1 - 1e-12))
    return values[order][np.minimum(place, len(values) - 1)]
