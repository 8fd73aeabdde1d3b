"""Snapshots of a run: fields with unit and location, tensors, bonds, and the one look-up by moment."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import dropwhile, takewhile
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from latticecell.errors import ConfigError, warn_of_damage
from latticecell.fields import Field
from latticecell.network import Network
from latticecell.output.mesh import UM, Mesh
from latticecell.results.history import History, StageSpan
from latticecell.results.source import Source

Floats = NDArray[np.float64]

DISPLACEMENT = "displacement"
VTK_ORDER = np.array([(0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (0, 2)])
"""Tensor indices of the six components in files."""


class FieldValues(NamedTuple):
    """Values of a field where it lives, in the unit of its declaration."""

    field: Field
    values: NDArray


@dataclass(frozen=True, slots=True)
class BondTable:
    """The bonds of a snapshot; SI units, all of length n_bonds.

    Attributes
    ----------
    kind_b : uint8
        `GB_BOND` or `INTERFACE_BOND`.
    grains_be : (n_bonds, 2) int32
        Domains on the two sides; ``n_grains`` is the ECBD.
    area_b, normal_bc : float64
        Tributary area [m2], unit normal from the first side to the second.
    opening_bc : (n_bonds, 3) float64
        Displacement of the second side less that of the first [m].
    gap_b, slip_b : float64
        Its normal part, negative in contact, and the size of its tangential part [m].
    traction_bc : (n_bonds, 3) float64 or None
        What the second side exerts on the first [Pa]; None where the snapshot lacks it.
    damage_b, broken_b : float64, bool
    """

    kind_b: NDArray[np.uint8]
    grains_be: NDArray[np.int32]
    area_b: Floats
    normal_bc: Floats
    opening_bc: Floats
    gap_b: Floats
    slip_b: Floats
    traction_bc: Floats | None
    damage_b: Floats
    broken_b: NDArray[np.bool_]


@dataclass(frozen=True)
class Snapshot:
    """The fields of a run at one time.

    ``snapshot[key]`` reads a field where it lives, in the unit of its declaration; keys and declarations are
    in ``Run.fields``.

    Attributes
    ----------
    index : int
    time : float
        [s]
    row : int or None
        Row of the history that is nearest in time; None if its own is lost or there is no history.
    voltage : float
        Cell voltage [V]; nan without a row.
    kind : str
        Kind of protocol step; empty without a row.
    cycle : int
        From 1; 0 without a row.
    """

    source: Source
    mesh: Mesh
    fields: Mapping[str, Field]
    index: int
    time: float
    row: int | None
    voltage: float
    kind: str
    cycle: int

    def field(self, key: str) -> FieldValues:
        """Return declaration and values of a field.

        Raises `ConfigError` if the snapshot holds none of this name; names the nearest.
        """
        if key not in self.fields:
            near = difflib.get_close_matches(key, self.fields, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            where = f" ({self.source.path})" if self.source.path else ""
            raise ConfigError(
                f"field {key!r}: the run holds none{hint} (known: {', '.join(self.fields)}){where}"
            )
        return FieldValues(self.fields[key], self.source.read(key, self.index))

    def __getitem__(self, key: str) -> NDArray:
        """Return the values of a field where it lives, in its unit."""
        return self.field(key).values

    @cached_property
    def strain(self) -> Floats:
        """Mean lateral strain of the periodic cell, (2,) [1]."""
        return self.source.strain(self.index)

    def at_points(self, key: str) -> NDArray:
        """Return a nodal field at the points of the mesh; a displacement with its mean strain."""
        value = self[key][self.mesh.node_of_point]
        return self._strained(value, self.mesh.points) if key == DISPLACEMENT else value

    def at_nodes(self, key: str) -> NDArray:
        """Return a nodal field at the nodes; a displacement with its mean strain."""
        value = self[key]
        return self._strained(value, self.mesh.node_position) if key == DISPLACEMENT else value

    def _strained(self, u_xc: NDArray, x_xc: Floats) -> Floats:
        """Add the mean strain at positions [um] to a displacement [um]."""
        total = np.array(u_xc, float)
        total[..., :2] += self.strain * x_xc[..., :2]
        return total

    def facet_displacement(self) -> tuple[Floats, Floats]:
        """Displacement of the two sides at the corners of each facet, (n_facets, 3, 3) each [um]."""
        mesh = self.mesh
        both = self[DISPLACEMENT][mesh.bond_nodes[mesh.facets]]
        one, other = (self._strained(both[:, :, end], mesh.facet_points) for end in (0, 1))
        return one, other

    def tensor(self, key: str) -> Floats:
        """Return a symmetric tensor field as matrices, (n, 3, 3), in its unit."""
        value = np.asarray(self[key], float)
        i, j = VTK_ORDER.T
        tensor = np.empty((len(value), 3, 3))
        tensor[:, i, j] = tensor[:, j, i] = value
        return tensor

    def strain_tensor(self) -> Floats:
        """Return the total strain of every tet, (n_tets, 3, 3) [1]."""
        network: Network = self.mesh.network
        u_nc = np.asarray(self[DISPLACEMENT], float) / UM
        gradient = np.einsum("tac,tad->tcd", u_nc[network.tet_tn], network.gradient_tac)
        gradient[:, (0, 1), (0, 1)] += self.strain
        return np.asarray(0.5 * (gradient + gradient.transpose(0, 2, 1)))

    @cached_property
    def bonds(self) -> BondTable:
        """Opening, traction, damage and class of every bond."""
        network = self.mesh.network
        u_nc = np.asarray(self[DISPLACEMENT], float) / UM
        opening = u_nc[network.bond_bn[:, 1]] - u_nc[network.bond_bn[:, 0]]
        gap = np.asarray(self["gap"], float) / self.fields["gap"].factor
        normal = np.einsum("bc,bc->b", opening, network.normal_bc)
        slip = np.linalg.norm(opening - normal[:, None] * network.normal_bc, axis=1)
        traction = None
        if "traction" in self.fields:
            traction = np.asarray(self["traction"], float) / self.fields["traction"].factor
        return BondTable(
            network.kind_b, network.domain_n[network.bond_bn], network.area_b, network.normal_bc, opening,
            gap, slip, traction, np.asarray(self["damage"], float), self["broken"] > 0.5,
        )  # fmt: skip


class Snapshots(Sequence[Snapshot]):
    """All snapshots of a run, by number or by moment.

    Numbers are those of the files, whatever is damaged. Iterating, and looking for a moment, passes over
    damaged snapshots with a `DamageWarning`.

    Attributes
    ----------
    times : (n_snapshots,) float64
        [s]; nan where a snapshot cannot be read.
    """

    def __init__(
        self,
        source: Source,
        mesh: Mesh,
        fields: Mapping[str, Field],
        history: History,
        stages: Sequence[StageSpan],
    ):
        self._parts = source, mesh, fields
        self._history, self._stages = history, stages
        self.times = source.times()
        self._whole: dict[int, bool] = {}

    def __len__(self) -> int:
        return len(self.times)

    @overload
    def __getitem__(self, index: int) -> Snapshot: ...
    @overload
    def __getitem__(self, index: slice) -> list[Snapshot]: ...
    def __getitem__(self, index: int | slice) -> Snapshot | list[Snapshot]:
        """Return one snapshot, or several; raises `IndexError` beyond the last."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        number = range(len(self))[index]
        time, history = float(self.times[number]), self._history
        row = history.row(time) if history else None
        if row is None or (history["time_s"][row] != time and self._parts[0].damage()):
            return Snapshot(*self._parts, number, time, None, float("nan"), "", 0)
        return Snapshot(
            *self._parts, number, time, row, float(history["voltage_V"][row]), str(history["kind"][row]),
            int(history["cycle"][row]),
        )  # fmt: skip

    def __iter__(self) -> Iterator[Snapshot]:
        return (self[i] for i in range(len(self)) if self.is_whole(i))

    def is_whole(self, index: int) -> bool:
        """Whether a snapshot is as it was written; warns if it is not."""
        if index not in self._whole:
            try:
                self._parts[0].check_snapshot(index)
                self._whole[index] = True
            except ConfigError as error:
                self._whole[index] = False
                warn_of_damage(f"{error}; it is left out")
        return self._whole[index]

    def nearest(self, time: float) -> Snapshot:
        """Return the whole snapshot nearest to a time [s]; raises `ConfigError` if there is none."""
        away = np.abs(self.times - time)
        for index in np.argsort(away, kind="stable").tolist():
            if self.is_whole(index):
                return self[index]
        path = self._parts[0].path
        raise ConfigError(f"{path or 'the run'}: holds no {'good ' * bool(len(away))}snapshots of fields")

    def at(self, when: str | float, cycle: int = 1) -> Snapshot:
        """Return the snapshot nearest to a moment.

        Parameters
        ----------
        when : str or float
            "last", "charge_begin", "charge_end", "discharge_begin", "discharge_end" (of the first such stage
            of the cycle), or a time [s], also as text.
        cycle : int
            From 1.

        Raises
        ------
        ConfigError
            If it is none of them, the run has no such stage yet, or there are no snapshots.
        """
        if when == "last":
            return self.nearest(float(np.nanmax(self.times)) if np.isfinite(self.times).any() else 0.0)
        kind, _, end = str(when).partition("_")
        if kind in ("charge", "discharge") and end in ("begin", "end"):
            spans = list(takewhile(
                lambda s: s.kind == kind,
                dropwhile(lambda s: s.kind != kind, (s for s in self._stages if s.cycle == cycle)),
            ))  # fmt: skip
            if not spans:
                raise ConfigError(f"time {when}: the run has no {kind} step in cycle {cycle} so far")
            row = spans[0].before if end == "begin" else spans[-1].last
            return self.nearest(float(self._history["time_s"][row]))
        try:
            time = float(when)
        except ValueError:
            raise ConfigError(
                f"time {when!r}: must be last, charge_begin, charge_end, discharge_begin, discharge_end "
                "or seconds"
            ) from None
        if not np.isfinite(time):
            raise ConfigError(f"time {when!r}: must be a finite number of seconds")
        return self.nearest(time)
