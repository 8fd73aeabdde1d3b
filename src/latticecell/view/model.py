"""What the view reads from a run directory: mesh, snapshots, moments and limits of the colour scales."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latticecell.errors import ConfigError
from latticecell.microstructure import build_microstructure
from latticecell.network import GB_BOND
from latticecell.output.fields import DISPLACEMENT
from latticecell.output.rundir import RunDirectory
from latticecell.view.colours import SCALE, Field

Floats = NDArray[np.float64]

SAMPLES: Final = 7
"""Snapshots from which the limits of a colour scale are taken."""
QUANTILES: Final = (0.002, 0.998)
"""Share of the values that the colour scale covers: peaks of stress grow with the resolution."""
UM: Final = 1e6


@dataclass(frozen=True, slots=True)
class Moment:
    """One snapshot: its index, time [s], voltage [V] (nan where unknown) and kind of protocol step."""

    step: int
    time: float
    voltage: float
    kind: str


class RunModel:
    """A run as the view needs it; lengths in um.

    Attributes
    ----------
    reader : FieldReader
        The snapshots.
    grain_t : (n_tets,) bool
        Whether a tet belongs to a grain.
    domain_n : (n_nodes,) int32
        Domain of each node; ECBD and ED count as one.
    center_c, radius : (3,) float64, float
        The particle that is shown.
    grain_center_gc : (n_grains, 3) float64
        Mean point of each grain.
    rotation_gcc : (n_grains, 3, 3) float64
        Rotation from crystal to cell axes.
    gb_f : (n_facets,) bool
        Whether a facet lies between grains; the others are of the interface.
    """

    def __init__(self, path: str | Path):
        run = RunDirectory.open(path)
        self.path = run.path
        self.name = str(run.info().get("name", ""))
        self.reader = reader = run.fields()
        micro = build_microstructure(run.config())
        if len(micro.rotation_gcc) != reader.n_grains:
            raise ConfigError(
                f"{run.path}: config.toml has {len(micro.rotation_gcc)} grains, fields.h5 {reader.n_grains}"
            )
        self.rotation_gcc = micro.rotation_gcc
        self.center_c = UM * micro.center_pc[0]
        self.radius = float(UM * micro.radius_p[0])
        self.times = reader.times
        self.grain_t = reader.domain < reader.n_grains
        domain_p = np.zeros(len(reader.points), np.int32)
        domain_p[reader.tets] = np.minimum(reader.domain, reader.n_grains)[:, None]
        self.domain_n = np.zeros(reader.n_nodes, np.int32)
        self.domain_n[reader.node_of_point] = domain_p
        self.point_of_node = np.zeros(reader.n_nodes, np.intp)
        self.point_of_node[reader.node_of_point] = np.arange(len(reader.points))
        counts = np.bincount(domain_p, minlength=reader.n_grains + 1)[: reader.n_grains, None]
        sums = [np.bincount(domain_p, reader.points[:, c], reader.n_grains + 1) for c in range(3)]
        self.grain_center_gc = np.stack(sums, axis=1)[: reader.n_grains] / np.maximum(counts, 1)
        self.gb_f = reader.bond_kind[reader.facets[:, 0]] == GB_BOND
        self._names = reader.names
        self._moments = self._read_moments(run)
        self._limits: dict[str, tuple[float, float]] = {}
        self._kept: dict[tuple[str, str, int], NDArray] = {}

    def moment(self, step: int) -> Moment:
        """Return time, voltage and protocol step of a snapshot."""
        return self._moments[step]

    def find_step(self, when: str) -> int:
        """Return the snapshot at ``last``, ``charge_end``, ``discharge_end`` (of the first one) or seconds.

        Raises
        ------
        ConfigError
            If ``when`` is none of them, or there was no such protocol step yet.
        """
        if when == "last":
            return len(self.times) - 1
        if when in ("charge_end", "discharge_end"):
            kind = when.removesuffix("_end")
            target = self._ends.get(kind)
            if target is None:
                raise ConfigError(f"time {when}: the run has no {kind} step so far ({self.path})")
        else:
            try:
                target = float(when)
            except ValueError:
                raise ConfigError(
                    f"time {when!r}: must be last, charge_end, discharge_end or seconds"
                ) from None
            if not np.isfinite(target):
                raise ConfigError(f"time {when!r}: must be a finite number of seconds")
        return int(np.argmin(np.abs(self.times - target)))

    def displacement(self, step: int) -> Floats:
        """Return the displacement of the points, (n_points, 3) [um]."""
        return self._get("p", DISPLACEMENT, step).astype(float)

    def facet_displacement(self, step: int) -> tuple[Floats, Floats]:
        """Displacement of the two sides at the corners of each facet, (n_facets, 3, 3) each [um]."""
        reader = self.reader
        u_pc, strain = self.displacement(step), reader.strain(step)
        u_nc = u_pc[self.point_of_node]
        u_nc[:, :2] -= strain * reader.points[self.point_of_node, :2]
        mean = np.zeros_like(reader.facet_points)
        mean[..., :2] = strain * reader.facet_points[..., :2]
        node_fke = reader.bond_nodes[reader.facets]
        return u_nc[node_fke[..., 0]] + mean, u_nc[node_fke[..., 1]] + mean

    def opening(self, step: int) -> Floats:
        """Opening at the corners of facets, (n_facets, 3) [nm]; not-a-number unless most is broken."""
        reader = self.reader
        if "broken" in self._names["b"]:
            broken_b = self._get("b", "broken", step) > 0.5
        else:
            broken_b = self._get("b", "damage", step) >= 1.0
        gap = np.maximum(self._get("b", "gap_nm", step), 0.0)[reader.facets].astype(float)
        gap[broken_b[reader.facets].sum(axis=1) < 2] = np.nan
        return gap

    def values(self, field: Field, step: int) -> NDArray:
        """Return a field in the unit of its title; not-a-number where it has no meaning."""
        value = self._get(field.axis, field.source, step).astype(float) * SCALE.get(field.key, 1.0)
        if field.axis == "p" and field.where != "both":
            inside = self.domain_n[self.reader.node_of_point] < self.reader.n_grains
            value[inside != (field.where == "grains")] = np.nan
        return value

    def limits(self, field: Field) -> tuple[float, float]:
        """Return the limits of the colour scale, the same for all snapshots of the run."""
        if field.key not in self._limits:
            if field.axis == "b":
                self._limits[field.key] = (0.0, 1.0)
            elif field.axis == "g":
                self._limits[field.key] = (0.0, float(max(self.reader.n_grains - 1, 1)))
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

    def _sample(self) -> list[int]:
        return sorted({int(i) for i in np.linspace(0, len(self.times) - 1, SAMPLES).round()})

    def _sampled(self, field: Field) -> tuple[float, float]:
        low, high = np.inf, -np.inf
        for step in self._sample():
            value = self.values(field, step)
            if field.axis == "t":
                value = value[self.grain_t]
            value = value[np.isfinite(value)]
            if len(value):
                a, b = np.quantile(value, QUANTILES)
                low, high = min(low, float(a)), max(high, float(b))
        if field.diverging:
            high = max(abs(low), abs(high))
            low = -high
        if not np.isfinite(high - low):
            return 0.0, 1.0
        if high - low <= 1e-9 * max(abs(low), abs(high), 1e-12):  # constant: any scale, but not an empty one
            return low - 0.5e-3, high + 0.5e-3
        return low, high

    def _get(self, axis: str, name: str, step: int) -> NDArray:
        """Read a field, or return it from the last few that were read."""
        key = (axis, name, step)
        if key not in self._kept:
            read = {"p": self.reader.point, "t": self.reader.tet, "b": self.reader.bond}[axis]
            if name not in self._names["n" if axis == "p" else axis]:
                raise ConfigError(f"{self.reader.path}: holds no field {name}")
            while len(self._kept) >= 16:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = read(name, step)
        return self._kept[key]

    def _read_moments(self, run: RunDirectory) -> list[Moment]:
        """Look up voltage and protocol step of each snapshot, and where the first of each kind ends."""
        history = run.history()
        self._ends: dict[str, float] = {}
        if not history:
            return [Moment(i, float(t), float("nan"), "") for i, t in enumerate(self.times)]
        time, kind = history["time_s"], history["kind"]
        for name in ("charge", "discharge"):
            rows = np.flatnonzero(kind == name)
            if len(rows):
                breaks = np.flatnonzero(np.diff(rows) > 1)
                self._ends[name] = float(time[rows[breaks[0]] if len(breaks) else rows[-1]])
        row = [int(np.argmin(np.abs(time - t))) for t in self.times]
        return [
            Moment(i, float(t), float(history["voltage_V"][k]), str(kind[k]))
            for i, (t, k) in enumerate(zip(self.times, row, strict=True))
        ]
