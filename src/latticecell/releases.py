"""Energy release rates over the boundaries of a cell: of stated flaws, along crack fronts, and in numbers."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np

from latticecell.arrays import Floats
from latticecell.config import EnergyRelease, Solver
from latticecell.errors import SolveError
from latticecell.fields import Field
from latticecell.materials import MechanicalLaws, mechanical_laws
from latticecell.network import GB_BOND, INTERFACE_BOND
from latticecell.physics.energy_release import Rates, front_rates, parted
from latticecell.physics.joints import Indices, Joints
from latticecell.physics.mechanics import Mechanics
from latticecell.physics.patches import Patches, site_tree, wrapped
from latticecell.physics.toughness import Toughness
from latticecell.state import State
from latticecell.stepper import Stepper

KINDS: Final = {"gb": GB_BOND, "interface": INTERFACE_BOND}
FIELDS: Final = (
    Field("energy_release", "bond", "J_per_m2", title="energy release rate of a flaw", colours="inferno",
          from_zero=True,
          meaning="What a flaw of output.energy_release.flaw_um around a site would release, over its area; "
          "nan where nothing is intact, or not asked for."),
    Field("energy_release_sliding_share", "bond", title="share of sliding in it", colours="viridis",
          fraction=True,
          meaning="Share of sliding, modes II and III, in energy_release."),
    Field("front_release", "bond", "J_per_m2", title="energy release rate of crack fronts", colours="inferno",
          from_zero=True,
          meaning="Energy release rate of a crack front that advances; nan away from fronts."),
    Field("front_release_sliding_share", "bond", title="share of sliding in it", colours="viridis",
          fraction=True,
          meaning="Share of sliding in front_release."),
)  # fmt: skip


class Releases:
    """What flaws and crack fronts of a cell release.

    Parameters
    ----------
    mechanics : Mechanics
    laws : MechanicalLaws
    options : EnergyRelease
    solver : Solver
        Options of the equilibrium.
    n_threads : int
    """

    def __init__(self, mechanics: Mechanics, laws: MechanicalLaws, options: EnergyRelease, solver: Solver,
                 n_threads: int = 1):  # fmt: skip
        self._mechanics, self._laws, self._solver, self._threads = mechanics, laws, solver, n_threads
        self.options, self.network = options, mechanics.network
        self.toughness = Toughness(laws, self.network)

    @classmethod
    def of(cls, stepper: Stepper) -> Releases | None:
        """Return those that the file of a run asks for; None if it does not."""
        config, mechanics = stepper.config, stepper.mechanics
        options = config.output.energy_release
        if options is None:
            return None
        return cls(mechanics, mechanical_laws(config), options, config.solver, mechanics.lattice.n_threads)

    @cached_property
    def _parted(self) -> Mechanics:
        return parted(self._mechanics, self._laws, self._solver, self._threads)

    @cached_property
    def _flaws(self) -> tuple[Patches, list[Indices], list[Indices]]:
        """Flaws around sites: their patches, the bonds of each, and those at its site."""
        network, options = self.network, self.options
        site_b = network.site_n[network.bond_bn[:, 0]]
        center, flaws, own = [], [], []
        rng = np.random.default_rng([self._laws.seed, 13])
        for kind in KINDS.values():
            of_kind = np.flatnonzero(network.kind_b == kind)
            of_kind = of_kind[np.argsort(site_b[of_kind], kind="stable")]
            sites, start = np.unique(site_b[of_kind], return_index=True)
            at = np.split(of_kind, start[1:]) if len(sites) else []
            asked = np.arange(len(sites))
            if options.sites is not None and options.sites < len(sites):
                asked = np.sort(rng.choice(len(sites), options.sites, replace=False))
            x = wrapped(network, network.x_kc[sites[asked]])
            near = site_tree(network, sites).query_ball_point(x, options.flaw) if len(sites) else []
            center.append(x)
            flaws += [np.sort(np.concatenate([at[j] for j in found])) for found in near]
            own += [at[i] for i in asked]
        return Patches(self._mechanics, np.concatenate(center), flaws, options.flaw), flaws, own

    def joints(self, state: State, eigen_tv: Floats) -> Joints:
        """Return the bonds of an equilibrium, see `Joints.of`."""
        return Joints.of(self._mechanics, state, eigen_tv)

    def flaws(self, joints: Joints) -> Rates:
        """Return what a flaw around each site would release, at the intact bonds of the site."""
        patches, flaws, own = self._flaws
        opening, sliding = patches.release(joints)
        rates = Rates.nowhere(self.network.n_bonds)
        for i, (flaw, mine) in enumerate(zip(flaws, own, strict=True)):
            mine = mine[joints.intact_b[mine]]
            if len(mine):
                area = float(joints.area_b[flaw[joints.intact_b[flaw]]].sum())
                rates.put(mine, area, opening[i], sliding[i])
        return rates

    def fronts(self, joints: Joints) -> Rates:
        """Return the rates along all crack fronts; none where what would be left is unstable."""
        nowhere = Rates.nowhere(self.network.n_bonds)
        if joints.intact_b.all():
            return nowhere
        try:
            return front_rates(self._parted, joints, list(KINDS.values()), self.options.flaw)
        except SolveError:
            return nowhere


class Found:
    """Energy release rates of a state.

    Parameters
    ----------
    releases : Releases
    joints : Joints
    """

    def __init__(self, releases: Releases, joints: Joints):
        self._joints, self._toughness = joints, releases.toughness
        self.flaws, self.fronts = releases.flaws(joints), releases.fronts(joints)

    def fields(self) -> dict[Field, Floats]:
        """Return the fields of a snapshot."""
        values = (*self.flaws, *self.fronts)
        return dict(zip(FIELDS, values, strict=True))

    def row(self) -> dict[str, float]:
        """Return the columns of the history."""
        row: dict[str, float] = {}
        for name, kind in KINDS.items():
            of_kind = self._joints.is_interface_b == (kind == INTERFACE_BOND)
            flaw, front = (self._known(rates, of_kind) for rates in (self.flaws, self.fronts))
            rate, over, area = flaw
            row[f"{name}_flaw_release_median_J_per_m2"] = _median(rate, area)
            row[f"{name}_flaw_release_max_J_per_m2"] = _largest(rate)
            row[f"{name}_flaw_release_over_toughness"] = _largest(over)
            row[f"{name}_flaw_release_above_toughness"] = (
                float(area @ (over > 1.0) / area.sum()) if len(area) else np.nan
            )
            row[f"{name}_front_release_max_J_per_m2"] = _largest(front[0])
            row[f"{name}_front_release_over_toughness"] = _largest(front[1])
        return row

    def _known(self, rates: Rates, of_kind: Floats) -> tuple[Floats, Floats, Floats]:
        """Rates of some bonds where they are known [J/m2], over the toughness [1], and areas [m2]."""
        known = np.isfinite(rates.rate_b) & of_kind
        over_b = rates.rate_b / self._toughness.at(rates.share_b)
        return rates.rate_b[known], over_b[known], self._joints.area_b[known]


def blank_row() -> dict[str, float]:
    """Return the columns of a step without a snapshot."""
    ends = ("median_J_per_m2", "max_J_per_m2", "over_toughness", "above_toughness")
    names = [f"flaw_release_{end}" for end in ends]
    names += ["front_release_max_J_per_m2", "front_release_over_toughness"]
    return dict.fromkeys((f"{kind}_{name}" for kind in KINDS for name in names), np.nan)


def _largest(values: Floats) -> float:
    return float(values.max()) if len(values) else np.nan


def _median(values: Floats, weights: Floats) -> float:
    """Return the value below which half of the weight is."""
    if not len(values):
        return np.nan
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(share, 0.5 * share[-1])])
