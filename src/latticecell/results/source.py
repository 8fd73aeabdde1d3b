"""What a `Run` reads from: a run directory, or arrays in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Floats
from latticecell.config import Config
from latticecell.fields import Field
from latticecell.network import Network


class Source(Protocol):
    """Where the parts of a run come from; everything is read when asked for, so a run may still go on."""

    @property
    def path(self) -> Path | None:
        """The run directory; None for arrays in memory."""

    def info(self) -> dict[str, Any]:
        """Return name, status, versions, timings: the content of ``run.json``."""

    def config(self) -> Config:
        """Return the resolved configuration; needs no law of a user."""

    def network(self) -> Network | None:
        """Return the network; None for a 1-D cell."""

    def history(self) -> Mapping[str, NDArray]:
        """Return the columns of the history, none before the first row."""

    def times(self) -> Floats:
        """Return the times of the snapshots, (n_snapshots,) [s]."""

    def check_snapshot(self, step: int) -> None:
        """Raise `ConfigError` if a snapshot is missing or damaged."""

    def damage(self) -> str:
        """Say what is wrong with the history and the heads of the snapshots; empty if nothing."""

    def fields(self) -> Mapping[str, Field]:
        """Return the declarations of the fields in snapshots, by key."""

    def read(self, key: str, step: int) -> NDArray:
        """Return a field of a snapshot where it lives, in its unit; the periodic part of a displacement."""

    def strain(self, step: int) -> Floats:
        """Return the mean lateral strain of a snapshot, (2,) [1]."""


@dataclass(frozen=True)
class Memory:
    """A run in memory, for tests and for data of other origin.

    Attributes
    ----------
    network_, config_, info_ : Network or None, Config, dict
    columns : mapping of str to (n_rows,) array
        The history.
    snapshots : sequence of (float, mapping)
        Time [s] and fields by key, each where it lives.
    declared : mapping of str to Field
        Declarations of these fields, by key.
    strains : sequence of (2,) float64
        Mean lateral strain of each snapshot; none: zero.
    """

    network_: Network | None
    config_: Config = field(default_factory=Config)
    columns: Mapping[str, NDArray] = field(default_factory=dict)
    snapshots: Sequence[tuple[float, Mapping[str, NDArray]]] = ()
    declared: Mapping[str, Field] = field(default_factory=dict)
    info_: Mapping[str, Any] = field(default_factory=lambda: {"name": "memory", "status": "done"})
    strains: Sequence[Floats] = ()
    path: Path | None = None

    def info(self) -> dict[str, Any]:
        """See `Source`."""
        return dict(self.info_)

    def config(self) -> Config:
        """See `Source`."""
        return self.config_

    def network(self) -> Network | None:
        """See `Source`."""
        return self.network_

    def history(self) -> Mapping[str, NDArray]:
        """See `Source`."""
        return self.columns

    def times(self) -> Floats:
        """See `Source`."""
        return np.array([time for time, _ in self.snapshots], float)

    def check_snapshot(self, step: int) -> None:
        """See `Source`."""

    def damage(self) -> str:
        """See `Source`."""
        return ""

    def fields(self) -> Mapping[str, Field]:
        """See `Source`."""
        return self.declared

    def read(self, key: str, step: int) -> NDArray:
        """See `Source`."""
        return self.snapshots[step][1][key]

    def strain(self, step: int) -> Floats:
        """See `Source`."""
        return np.asarray(self.strains[step], float) if self.strains else np.zeros(2)
