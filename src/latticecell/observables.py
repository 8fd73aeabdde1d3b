"""What a run reports about each accepted step: one row of ``history.csv``, and the fields of a snapshot."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Floats
from latticecell.cracks import CrackColumns, Cracks
from latticecell.errors import ConfigError
from latticecell.fields import COLUMNS, Field, declarations
from latticecell.laws.friction import RUBBED
from latticecell.network import Network
from latticecell.physics.scatter import misorientation
from latticecell.releases import Found, Releases, blank_row
from latticecell.state import BENDING, CHARGE, ELECTRIC, VISCOUS, State
from latticecell.stepper import Stepper, StepReport

NM, GPA = 1e9, 1e-9
VTK_OF_VOIGT = [0, 1, 2, 5, 3, 4]
"""Places of xx, yy, zz, xy, yz, xz in a Voigt tensor (xx, yy, zz, yz, xz, xy)."""
OPEN_GAP = 1e-9
"""Gap above which the interface counts as open [m]."""


class _Grains:
    """The grains of all particles or of one: where its nodes, tets and surface bonds are.

    Parameters
    ----------
    network : Network
    particle : int, optional
        Default: all particles.
    """

    def __init__(self, network: Network, particle: int | None = None):
        chosen_d = np.zeros(network.n_grains + 2, bool)
        chosen_d[: network.n_grains] = True if particle is None else network.particle_g == particle
        self.node = np.flatnonzero(chosen_d[network.domain_n])
        self.volume_n = network.volume_n[self.node]
        self.tet = np.flatnonzero(chosen_d[network.domain_t])
        self.volume_t = network.volume_t[self.tet]
        grain_node_b = network.bond_bn[network.interface_b, 0]
        mine = chosen_d[network.domain_n[grain_node_b]]
        self.surface = np.flatnonzero(mine)  # among the interface bonds
        self.bond, self.surface_node = network.interface_b[mine], grain_node_b[mine]
        area = network.area_b[self.bond]
        self.area, self.share = area, area / area.sum()


class Observer:
    """Turns step reports into numbers.

    Parameters
    ----------
    stepper : Stepper
    """

    def __init__(self, stepper: Stepper):
        self.network: Network = stepper.network
        self.stepper = stepper
        laws = stepper.electro.laws
        self._c_max, self._one_c = laws.c_max, laws.one_c
        self._all = _Grains(self.network)
        self._salt = stepper.electro.salt
        tied = stepper.config.grain_boundary.mode == "tied"
        self._cracks = None if tied else CrackColumns(self.network, stepper.electro.laws.blocking_gap)
        self._releases = Releases.of(stepper)
        count = self.network.n_particles
        self._each = [_Grains(self.network, p) for p in range(count)] if count > 1 else []

    def released(self, state: State) -> Found | None:
        """Energy release rates of a state; None if the file does not ask for them."""
        releases, stepper = self._releases, self.stepper
        if releases is None:
            return None
        with stepper.effort.phase("energy release"):
            return Found(releases, releases.joints(state, stepper.eigen(state)))

    def row(self, report: StepReport, found: Found | None = None) -> dict[str, float | int | str]:
        """Columns of ``history.csv``: controls, results, audit; units are in the names.

        Breakable grain boundaries add their cracks, a binary electrolyte extremes and balance of the salt,
        and energy release rates their columns: those of ``found``, and no numbers without it.
        With several particles, the columns of each follow with the suffix ``_p1``, ``_p2``, ...; then the
        user's own.

        Raises `ConfigError` if a column of the user's own has the name of another one.
        """
        state, stage, trial = report.state, report.stage, report.trial
        stepper = self.stepper
        now = Derivation(stepper, state)
        current = trial.electro.current if trial else 0.0
        row: dict[str, Any] = {
            "cycle": stage.cycle + 1,
            "step": stage.index + 1,
            "kind": stage.kind,
            "time_s": float(state.time[0]),
            "dt_s": trial.dt if trial else 0.0,
            "voltage_V": float(state.voltage[0]),
            "current_A": current,
            "charge_C": float(state.passed[CHARGE]),
            **_energy(state),
            **self._grains(self._all, now),
            **self._damage(state),
            **self._audit(report),
            "viscous_share": report.viscous_share,
            "equilibrium_residual": trial.mechanics.residual if trial else 0.0,
            "repeats": trial.repeats if trial else 0,
            **({"releases": trial.mechanics.releases if trial else 0} if stepper.mechanics.by_events else {}),
            "mechanics_newton": trial.newton if trial else 0,
            "mechanics_linear": trial.linear if trial else 0,
            "electrochemistry_newton": trial.electro.newton_iterations if trial else 0,
            "electrochemistry_linear": trial.electro.linear_iterations if trial else 0,
            "limited_nodes": trial.electro.limited_nodes if trial else 0,
            "rejected": report.rejected,
            "time_error": report.error,
        }
        for i, grains in enumerate(self._each):
            own = self._grains(grains, now)
            row |= {f"{name}_p{i + 1}": value for name, value in own.items()}
        if self._releases is not None:
            row |= blank_row() if found is None else found.row()
        for name in stepper.config.output.columns:
            if name in row:
                raise ConfigError(
                    f"output.columns: {name!r} is a column of every history; choose another name"
                )
            row[name] = float(COLUMNS[name](now))
        return {key: float(value) if isinstance(value, np.floating) else value for key, value in row.items()}

    def _grains(self, grains: _Grains, now: Derivation) -> dict[str, Any]:
        """Li, gap, stress and strain of one or all particles."""
        state = now.state
        y, volume_n = state.stoich_n[grains.node], grains.volume_n
        gap = np.maximum(state.gap_b[grains.bond], 0.0)
        stress, volume_t = now.stress_tv[grains.tet], grains.volume_t
        mises = von_mises(stress) * GPA
        quantile = weighted_quantile(mises, volume_t, (0.5, 0.99, 0.999, 1.0))
        pressure = stress[:, :3].mean(axis=1) * GPA
        recovered = von_mises(now.recovered_nv[grains.node]) * GPA
        smooth = weighted_quantile(recovered, volume_n, (0.5, 0.99, 0.999))
        strain, current = now.volumetric_strain_t[grains.tet], state.current_b[grains.bond]
        drop = self.stepper.electro.contact_drop(state.current_b, state.gap_b)[grains.surface]
        through = np.abs(current) * grains.area
        expansion_n = self.stepper.expansion.linear(state.stoich_n)
        mean_y, sd_y = mean_and_deviation(y, volume_n)
        mean_strain, sd_strain = mean_and_deviation(strain, volume_t)
        return {
            "lithium_mol": self._c_max * float(volume_n @ y),
            "reaction_A": float(grains.area @ current),
            "stoich_mean": mean_y,
            "stoich_sd": sd_y,
            "stoich_surface": float(grains.share @ state.stoich_n[grains.surface_node]),
            "stoich_min": float(y.min()),
            "stoich_max": float(y.max()),
            "gap_mean_nm": float(grains.share @ gap) * NM,
            "gap_max_nm": float(gap.max(initial=0.0)) * NM,
            "interface_open": float(grains.share @ (gap > OPEN_GAP)),
            "interface_drop_mV": 1e3 * float(through @ drop) / max(float(through.sum()), 1e-300),
            "interface_drop_mean_mV": 1e3 * float(grains.share @ drop),
            "von_mises_median_GPa": quantile[0],
            "von_mises_p99_GPa": quantile[1],
            "von_mises_p999_GPa": quantile[2],
            "von_mises_max_GPa": quantile[3],
            "von_mises_recovered_median_GPa": smooth[0],
            "von_mises_recovered_p99_GPa": smooth[1],
            "von_mises_recovered_p999_GPa": smooth[2],
            "von_mises_sd_GPa": mean_and_deviation(mises, volume_t)[1],
            "hydrostatic_min_GPa": float(pressure.min()),
            "hydrostatic_max_GPa": float(pressure.max()),
            "volumetric_strain_min": float(strain.min()),
            "volumetric_strain_mean": mean_strain,
            "volumetric_strain_sd": sd_strain,
            "expansion_mean": mean_and_deviation(expansion_n[grains.node], volume_n)[0],
        }

    def _damage(self, state: State) -> dict[str, Any]:
        bonds = self.stepper.mechanics.bond_summary(state)
        return {
            "interface_damaged": bonds.interface_damaged,
            "interface_broken": bonds.interface_broken,
            "interface_broken_count": bonds.interface_broken_count,
            "gb_damaged": bonds.gb_damaged,
            "gb_broken": bonds.gb_broken,
            "gb_broken_count": bonds.gb_broken_count,
            "gb_opening_max_nm": bonds.gb_opening_max * NM,
            "fragments": bonds.fragments,
            **self._crack_row(state),
        }

    def _crack_row(self, state: State) -> dict[str, float]:
        """Cracks in breakable grain boundaries; no columns in a run that began before they were counted."""
        if self._cracks is None or np.isnan(state.broke_b).any():
            return {}
        broken = self.stepper.mechanics.broken(state)
        return self._cracks.row(state.gap_b, broken, state.stoich_n, self._c_max)

    def _audit(self, report: StepReport) -> dict[str, Any]:
        """Energies and balances."""
        state, trial, balances = report.state, report.trial, report.balances
        energy = balances.energies
        current = trial.electro.current if trial else 0.0
        leak = trial.electro.collector_current - trial.electro.lithium_current if trial else 0.0
        return {
            "elastic_J": energy.elastic,
            "bonds_J": energy.bonds,
            "dissipated_J": energy.interface_dissipated + energy.gb_dissipated,
            "viscous_J": float(state.passed[VISCOUS]),
            "bending_J": float(state.passed[BENDING]),
            "lithium_balance": balances.lithium,
            "charge_balance": leak / max(abs(current), 1e-3 * self._one_c),
            "energy_balance": balances.energy,
            **self._friction(state),
            **self._salt_audit(report),
        }

    def _friction(self, state: State) -> dict[str, float]:
        """Part of the dissipated energy that friction took; nothing where no cracks rub."""
        bonds = self.stepper.mechanics.bonds
        rubbed = bonds.total(RUBBED, state.history_bh[bonds.active_b])
        return {} if rubbed is None else {"friction_J": rubbed}

    def _salt_audit(self, report: StepReport) -> dict[str, float]:
        """Extremes and balance of the salt of a binary electrolyte; nothing in a single-ion conductor."""
        if self._salt is None:
            return {}
        lowest, highest = self._salt.extremes(report.state.salt_n)
        return {
            "salt_min_mol_per_m3": lowest,
            "salt_max_mol_per_m3": highest,
            "salt_balance": report.balances.salt,
        }

    def fields(self, state: State, found: Found | None = None) -> dict[Field, NDArray]:
        """Fields of a snapshot with their declarations, SI: those of the state and those derived from it.

        With energy release rates those of ``found`` too.
        """
        now = Derivation(self.stepper, state)
        derived = {field: compute(now) for field, compute in DERIVED}
        every = written(state) | derived | ({} if found is None else found.fields())
        return {field: values for field, values in every.items() if self._shown(field)}

    def _shown(self, field: Field) -> bool:
        """Whether a field has a meaning in this cell: salt in a binary electrolyte, cracks if they may be."""
        has = {"salt": self._salt is not None, "crack": self._cracks is not None}
        return has.get(field.key, True)


class Derivation:
    """What derived fields are computed from: a state, its stress and its strain.

    Parameters
    ----------
    stepper : Stepper
    state : State
    """

    def __init__(self, stepper: Stepper, state: State):
        self.network, self.mechanics, self.electro = stepper.network, stepper.mechanics, stepper.electro
        self.state = state
        self._stepper = stepper

    @cached_property
    def stress_tv(self) -> Floats:
        """Voigt stress of every tet, (n_tets, 6) [Pa]."""
        return self.mechanics.stress(self.state, self._stepper.eigen(self.state))

    @cached_property
    def recovered_nv(self) -> Floats:
        """Voigt stress at the nodes of grains, recovered from their tets, (n_nodes, 6) [Pa]."""
        return np.asarray(self.mechanics.lattice.recovery @ self.stress_tv)

    @cached_property
    def volumetric_strain_t(self) -> Floats:
        """Trace of the strain of every tet, (n_tets,) [1]."""
        strain = self.mechanics.lattice.strain(self.state.u_nc, self.state.strain_c)
        return np.asarray(strain[:, :3].sum(axis=1))


def _energy(state: State) -> dict[str, float]:
    """Electrical energy; no column in a run that began before it was counted."""
    energy = float(state.passed[ELECTRIC])
    return {} if np.isnan(energy) else {"electric_J": energy}


def written(state: State) -> dict[Field, NDArray]:
    """Fields that a state declares under a key, with their values (SI)."""
    return {field: getattr(state, name) for name, field in declarations(State).items() if field.key}


def mean_and_deviation(values: Floats, weights: Floats) -> tuple[float, float]:
    """Return the weighted mean and standard deviation."""
    mean = float(values @ weights / weights.sum())
    return mean, float(np.sqrt((values - mean) ** 2 @ weights / weights.sum()))


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


DERIVED: Final[tuple[tuple[Field, Callable[[Derivation], NDArray]], ...]] = (
    (
        Field("stress", "tet", "GPa", 1e-9, (6,), meaning="Stress: xx, yy, zz, xy, yz, xz."),
        lambda now: now.stress_tv[:, VTK_OF_VOIGT],
    ),
    (
        Field("von_mises", "tet", "GPa", 1e-9, title="von Mises stress", colours="cividis", from_zero=True,
              meaning="Von Mises stress."),
        lambda now: von_mises(now.stress_tv),
    ),
    (
        Field("hydrostatic", "tet", "GPa", 1e-9, title="hydrostatic stress", colours="RdBu_r", diverging=True,
              meaning="Mean normal stress, positive in tension."),
        lambda now: now.stress_tv[:, :3].mean(axis=1),
    ),
    (
        Field("volumetric_strain", "tet", title="volumetric strain", colours="PuOr_r", diverging=True,
              shown_unit="%", shown_factor=100.0,
              meaning="Trace of the strain, with swelling."),
        lambda now: now.volumetric_strain_t,
    ),
    (
        Field("damage", "bond", title="bond damage", colours="cividis", fraction=True,
              meaning="Damage of a bond, 0 whole, 1 separated; 0 on tied ones."),
        lambda now: now.mechanics.damage(now.state),
    ),
    (
        Field("broken", "bond", title="broken bonds", colours="cividis", fraction=True,
              meaning="1 where a bond has separated, else 0."),
        lambda now: now.mechanics.broken(now.state).astype(float),
    ),
    (
        Field("broken_at", "bond", "s", title="time of breaking", colours="viridis",
              meaning="Time when a bond separated; nan while it holds."),
        lambda now: np.where(now.mechanics.broken(now.state), now.state.broke_b, np.nan),
    ),
    (
        Field("crack", "bond", title="crack number", colours="viridis", from_zero=True,
              meaning="Number of the open crack that a grain boundary belongs to, 1 the largest; 0: none."),
        lambda now: (cracks := Cracks(now.network)).of_bonds(cracks.open(now.state.gap_b)),
    ),
    (
        Field("traction", "bond", "MPa", 1e-6, (3,),
              meaning="Force per area of the second side on the first, less viscous parts; 0 on tied bonds."),
        lambda now: now.mechanics.traction(now.state),
    ),
    (
        Field("misorientation", "bond", "deg", 180 / np.pi, colours="viridis", from_zero=True,
              meaning="Least angle between the crystals of two grains; 0 on the interface."),
        lambda now: misorientation(now.network),
    ),
    (
        Field("strength", "bond", "MPa", 1e-6, title="bond strength", from_zero=True,
              meaning="Strength of a new bond in opening; 0 on tied ones."),
        lambda now: now.mechanics.bonds.everywhere(now.mechanics.bonds.strength_b),
    ),
    (
        Field("toughness", "bond", "J_per_m2", title="bond toughness", from_zero=True,
              meaning="Energy of separation of a new bond in opening; 0 on tied ones."),
        lambda now: now.mechanics.bonds.everywhere(now.mechanics.bonds.toughness_b),
    ),
)  # fmt: skip
"""Declaration and computation (SI) of each field that follows from the state."""
