"""What the view takes from a run: fields that can be shown, their values and the limits of their colours."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Bools, Floats
from latticecell.errors import ConfigError
from latticecell.fields import COMPONENTS, Field
from latticecell.results import Run
from latticecell.results.snapshot import DISPLACEMENT

SAMPLES: Final = 7
"""Snapshots from which the limits of a colour scale are taken."""
QUANTILES: Final = (0.002, 0.998)
"""Share of the values that the colour scale covers: peaks of stress grow with the resolution."""
KEPT: Final = 24
"""Arrays of snapshots that are kept, so that another cut or magnification reads nothing."""
GRAIN: Final = Field("grain", "tet", domain="grains", title="grain", colours="")
ORIENTATION: Final = Field("orientation", "tet", domain="grains", title="crystal axis along z", colours="")
MATRIX: Final = ("matrix", "ecbd")
"""Domains that are seen only in pictures of the whole cell."""
ALIASES: Final = {"li": "stoichiometry", "x": "stoichiometry", "vm": "von_mises", "ipf": "orientation"}
FIRST: Final = (
    *("stoichiometry", "von_mises", "hydrostatic", "volumetric_strain"),
    *("grain", "orientation", "phi_l", "damage"),
)
"""Fields that come first in lists, as far as the run has them."""


class RunModel:
    """A run as the view needs it; lengths in um.

    Parameters
    ----------
    run : Run
        With at least one snapshot; `ConfigError` otherwise.

    Attributes
    ----------
    fields : dict of str to Field
        What can be shown: scalars, sizes and components of vectors, components of tensors, ``grain`` and
        ``orientation``; in the units of pictures.
    snapshots : list of Snapshot
    home_pc : (n_particles, 3) float64
        Centre of the image of each particle that is shown, next to the largest.
    center_c, radius : (3,) float64, float
        Ball around all of them.
    largest_c : (3,) float64
        Centre of the largest, through which cuts go.
    outward_gc : (n_grains, 3) float64
        From the centre of the ball to that of each grain.
    """

    def __init__(self, run: Run):
        self.run = run
        self.last = run.snapshot().index
        self.snapshots = run.snapshots[:]
        self.mesh = run.mesh
        found = {field.key: (field, key, part) for field, key, part in _showable(run.fields)}
        order = [key for key in FIRST if key in found]
        self.fields = {key: found[key][0] for key in (*order, *(key for key in found if key not in order))}
        self._sources = {key: (key_of, part) for key, (_, key_of, part) in found.items()}
        self._place(run)
        grains = run.grains
        self.outward_gc = grains.center_gc + self.home_pc[grains.particle_g] - self.center_c
        self._limits: dict[str, tuple[float, float]] = {}
        self._kept: dict[tuple[str, int], NDArray] = {}

    def _place(self, run: Run) -> None:
        """Find the images of the particles that are shown, and a ball around them."""
        box, radius_p = self.mesh.box, run.particle_reach
        if not len(radius_p):
            self.center_c = self.largest_c = box / 2
            self.home_pc, self.radius = np.zeros((1, 3)), float(box.min()) / 2
            return
        self.largest_c = run.particle_center[int(radius_p.argmax())]
        apart = run.particle_center - self.largest_c
        apart[:, :2] -= box[:2] * np.round(apart[:, :2] / box[:2])
        self.home_pc = self.largest_c + apart
        low = (self.home_pc - radius_p[:, None]).min(axis=0)
        high = (self.home_pc + radius_p[:, None]).max(axis=0)
        self.center_c = self.largest_c if len(radius_p) == 1 else 0.5 * (low + high)
        self.radius = float((np.linalg.norm(self.home_pc - self.center_c, axis=1) + radius_p).max())

    def find_field(self, name: str) -> Field:
        """Return the field called ``name``; case, dashes and underscores do not matter.

        Raises
        ------
        ConfigError
            If the run has none of this name; names the nearest and all there are.
        """
        plain = name.lower().replace("-", "").replace("_", "").replace(" ", "")
        known = {key.lower().replace("_", ""): key for key in self.fields}
        known |= {alias: key for alias, key in ALIASES.items() if key in self.fields}
        if plain in known:
            return self.fields[known[plain]]
        near = difflib.get_close_matches(plain, known, 1)
        hint = f"; did you mean {known[near[0]]}?" if near else ""
        raise ConfigError(f"field {name!r}: unknown{hint} (known: {', '.join(self.fields)})")

    def describe(self, step: int) -> str:
        """Return time, voltage and kind of step of a snapshot."""
        shot = self.snapshots[step]
        voltage = f", {shot.voltage:.3f} V" if np.isfinite(shot.voltage) else ""
        return f"t = {shot.time:.0f} s{voltage}" + (f", {shot.kind}" if shot.kind else "")

    def strain(self, step: int) -> Floats:
        """Return the mean lateral strain of a snapshot, (2,)."""
        return self.snapshots[step].strain

    def displacement(self, step: int) -> Floats:
        """Return the displacement of the points, (n_points, 3) [um]; none where the run has none."""
        if DISPLACEMENT not in self.run.fields:
            return np.zeros((len(self.mesh.points), 3))
        return self._keep("points", step, lambda: self.snapshots[step].at_points(DISPLACEMENT))

    def facet_displacement(self, step: int) -> Floats:
        """Displacement of the two sides at the corners of each facet, (2, n_facets, 3, 3) [um]."""
        if DISPLACEMENT not in self.run.fields:
            return np.zeros((2, *self.mesh.facet_points.shape))
        return self._keep("facets", step, lambda: np.stack(self.snapshots[step].facet_displacement()))

    def opening(self, step: int) -> Floats:
        """Opening at the corners of facets, (n_facets, 3) [nm]; not-a-number unless most is broken."""
        mesh, held = self.mesh, self.run.fields
        if not {"gap", "broken"} <= held.keys():
            return np.full(mesh.facets.shape, np.nan)
        nm = 1e9 / held["gap"].factor
        gap = np.maximum(nm * self._read("gap", step), 0.0)[mesh.facets]
        gap[(self._read("broken", step) > 0.5)[mesh.facets].sum(axis=1) < 2] = np.nan
        return gap

    def values(self, field: Field, step: int) -> Floats:
        """Return a scalar at points, tets or bonds in the unit of pictures; nan outside its domain."""
        return self._keep(f"values of {field.key}", step, lambda: self._values(field, step))

    def limits(self, field: Field) -> tuple[float, float]:
        """Return the limits of the colour scale, the same for all snapshots of the run."""
        if field.key not in self._limits:
            if field.fraction:
                self._limits[field.key] = (0.0, 1.0)
            elif not field.colours:
                self._limits[field.key] = (0.0, float(max(self.mesh.n_grains - 1, 1)))
            else:
                self._limits[field.key] = self._sampled(field)
        return self._limits[field.key]

    def fix_limits(self, field: Field, limits: tuple[float, float]) -> None:
        """Set the limits of a colour scale, in its unit; raises `ConfigError` unless they rise."""
        if not (np.isfinite(limits).all() and limits[0] < limits[1]):
            raise ConfigError(f"limits = {limits[0]:g} {limits[1]:g}: must be two rising numbers")
        self._limits[field.key] = limits

    def opening_limit(self) -> float:
        """Upper end of the scale of openings [nm]; at least 1."""
        if "opening" not in self._limits:
            found = [1.0]
            for step in self._sample():
                gap = self.opening(step)
                if np.isfinite(gap).any():
                    found.append(float(np.nanquantile(gap, 0.99)))
            self._limits["opening"] = (0.0, max(found))
        return self._limits["opening"][1]

    def _values(self, field: Field, step: int) -> Floats:
        key, part = self._sources[field.key]
        if field.location == "node":
            value = np.asarray(self.snapshots[step].at_points(key), float)
        else:
            value = self._read(key, step)
        if value.ndim > 1:
            value = np.linalg.norm(value, axis=1) if part is None else value[:, part]
        value = value * (field.factor / self.run.fields[key].factor)
        if field.location != "bond":
            outside = self._keep(
                f"outside of {field.domain}, {field.location}", 0, lambda: self._outside(field)
            )
            value[outside] = np.nan
        return value

    def _outside(self, field: Field) -> Bools:
        """Whether a field has no meaning, at each point or tet."""
        domain, n = self.mesh.domain, self.mesh.n_grains
        has = {"grains": domain < n, "matrix": domain >= n, "ecbd": domain == n, "everywhere": domain >= 0}
        if field.location == "tet":
            return ~has[field.domain]
        outside = np.ones(len(self.mesh.points), bool)
        outside[self.mesh.tets[has[field.domain]]] = False
        return outside

    def spread(self, count: int) -> list[int]:
        """Return numbers of up to ``count`` snapshots, first and last among them, that are not damaged."""
        steps = sorted({int(i) for i in np.linspace(0, self.last, min(count, self.last + 1)).round()})
        return [step for step in steps if self.run.snapshots.is_whole(step)]

    def _sample(self) -> list[int]:
        return self.spread(SAMPLES)

    def _sampled(self, field: Field) -> tuple[float, float]:
        low, high = np.inf, -np.inf
        for step in self._sample():
            value = self.values(field, step)
            if field.location == "tet" and field.domain == "everywhere":
                value = value[self.mesh.is_grain_tet]
            value = value[np.isfinite(value)]
            if len(value):
                a, b = np.quantile(value, QUANTILES)
                low, high = min(low, float(a)), max(high, float(b))
        if field.diverging:
            high = max(abs(low), abs(high))
            low = -high
        elif field.from_zero:
            low = 0.0
        if not np.isfinite(high - low):
            return 0.0, 1.0
        if high - low <= 1e-9 * max(abs(low), abs(high), 1e-12):  # constant: any scale, but not an empty one
            return low - 0.5e-3, high + 0.5e-3
        return low, high

    def _read(self, key: str, step: int) -> Floats:
        return self._keep(key, step, lambda: np.asarray(self.snapshots[step][key], float))

    def _keep(self, name: str, step: int, make: Callable[[], NDArray]) -> NDArray:
        """Return an array of a snapshot, from the last `KEPT` ones if it is there."""
        key = (name, step)
        if key not in self._kept:
            made = make()
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = made
        return self._kept[key]


def _showable(declared: Mapping[str, Field]) -> Iterator[tuple[Field, str, int | None]]:
    """Fields to show, each with the field of the run and its component that it is taken from."""
    for key, field in declared.items():
        names = COMPONENTS.get(field.shape[0]) if len(field.shape) == 1 else None
        scalar = replace(field.shown, shape=())
        if field.shape == ():
            yield scalar, key, None
        if names and len(names) == 3:
            yield (
                replace(scalar, from_zero=True, diverging=False),
                key,
                None,
            )
        for part, name in enumerate(names or ()):
            title = f"{field.title or key} {name}"
            one = replace(scalar, key=f"{key}_{name}", title=title, colours="RdBu_r", diverging=True)
            yield one, key, part
    yield GRAIN, "", None
    yield ORIENTATION, "", None
