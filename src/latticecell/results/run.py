"""One run, opened in one line: history, stages, snapshots, bonds, grains, network, balances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latticecell.config import Config
from latticecell.errors import ConfigError
from latticecell.fields import Field
from latticecell.network import Network
from latticecell.output.mesh import UM, Mesh
from latticecell.output.rundir import RunDirectory
from latticecell.results.cycles import CycleTable
from latticecell.results.history import (
    Check,
    History,
    Moment,
    StageSpan,
    balances,
    moments,
    stage_spans,
)
from latticecell.results.snapshot import Snapshot, Snapshots
from latticecell.results.source import Memory, Source

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grains:
    """The grains of a run, in the order of their domains; lengths in um.

    Attributes
    ----------
    rotation_gcc : (n_grains, 3, 3) float64
        Rotation from crystal to cell axes; columns are [100], [010], [001].
    particle_g : (n_grains,) int32
        Particle of each grain.
    volume_g : (n_grains,) float64
        [um3]
    center_gc : (n_grains, 3) float64
        Centre of volume relative to the centre of the grain's particle [um].
    """

    rotation_gcc: Floats
    particle_g: NDArray[np.int32]
    volume_g: Floats
    center_gc: Floats

    @property
    def c_axis_gc(self) -> Floats:
        """Crystal axis [001] in cell axes, (n_grains, 3)."""
        return self.rotation_gcc[:, :, 2]


class Run:
    """A run as its readers see it: users' scripts, view, report, export and studies.

    Made by `open_run`, `latticecell.run` or, from arrays, `Run.from_arrays`. Parts are read when they are
    first asked for and kept; `refresh` forgets them, for a run that goes on.

    Parameters
    ----------
    source : Source
        A run directory or arrays in memory.
    """

    def __init__(self, source: Source):
        self.source = source

    @classmethod
    def from_arrays(cls, network: Network | None = None, **parts: Any) -> Run:
        """Return a run of arrays in memory; ``parts`` are the attributes of `results.source.Memory`."""
        return cls(Memory(network, **parts))

    def refresh(self) -> None:
        """Forget what was read, to see what a running computation has written since."""
        source = self.source
        self.__dict__.clear()
        self.source = source

    def __repr__(self) -> str:
        rows = len(self.history["time_s"]) if self.history else 0
        return f"<Run {self.name!r}: {self.status}, {rows} rows, {len(self.snapshots)} snapshots>"

    @property
    def path(self) -> Path | None:
        """The run directory; None for arrays in memory."""
        return self.source.path

    @property
    def place(self) -> str:
        """The run directory as text for messages."""
        return str(self.path or self.name)

    @cached_property
    def info(self) -> dict[str, Any]:
        """Content of ``run.json``: versions, seed, timings."""
        return self.source.info()

    @property
    def name(self) -> str:
        """Name from the input file."""
        return str(self.info.get("name", ""))

    @property
    def status(self) -> str:
        """One of "done", "failed", "interrupted", "running"."""
        return str(self.info.get("status", ""))

    @property
    def finished(self) -> bool:
        """Whether the protocol came to its end."""
        return self.status == "done"

    @cached_property
    def config(self) -> Config:
        """The resolved configuration."""
        return self.source.config()

    @cached_property
    def network(self) -> Network:
        """The network that the run was computed on.

        Raises `ConfigError` for a 1-D cell, which has none.
        """
        network = self.source.network()
        if network is None:
            raise ConfigError(
                f"{self.place}: is a run of the 1-D cell; it has history.csv and summary.png, but no network "
                "and no fields"
            )
        return network

    @cached_property
    def mesh(self) -> Mesh:
        """The network as pictures show it, in um."""
        return Mesh.of(self.network)

    @cached_property
    def history(self) -> History:
        """Columns of ``history.csv``, one row per accepted step."""
        return History(self.source.history())

    @cached_property
    def stages(self) -> list[StageSpan]:
        """Rows of each protocol step of each cycle."""
        return stage_spans(self.history) if self.history else []

    @cached_property
    def cycles(self) -> CycleTable:
        """Capacity, efficiency, resistance and state of each cycle; resistances refer to the cell's area."""
        return CycleTable.of(self.history, self.finished, self.config.geometry.width**2)

    @cached_property
    def balances(self) -> list[Check]:
        """Worst value of each balance, and what is allowed; none before the first row."""
        if not self.history:
            return []
        return balances(self.history, self.config.solver)

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """Declarations of the fields in the snapshots, by key."""
        return self.source.fields()

    @cached_property
    def snapshots(self) -> Snapshots:
        """Snapshots by number or by moment."""
        return Snapshots(self.source, self.mesh, self.fields, self.history, self.stages)

    def snapshot(self, when: str | float = "last", cycle: int = 1) -> Snapshot:
        """Return the snapshot nearest to a moment; see `Snapshots.at`."""
        return self.snapshots.at(when, cycle)

    def moments(self, cycle: int) -> list[Moment]:
        """Return the moments of a cycle that are worth showing."""
        return moments(self.history, cycle, self.finished)

    @cached_property
    def particle_center(self) -> Floats:
        """Centres of the particles, (n_particles, 3) [um]."""
        return UM * self.network.particle_center_pc

    @cached_property
    def particle_radius(self) -> Floats:
        """Radii of the particles, or of spheres of their volumes, (n_particles,) [um]."""
        return UM * self.network.particle_radius_p

    @cached_property
    def particle_reach(self) -> Floats:
        """Radii of the balls around the centres that hold the particles, (n_particles,) [um]."""
        network = self.network
        if self.config.microstructure.labels is None:
            return self.particle_radius
        own = np.flatnonzero(network.is_active_n)
        particle = network.particle_g[network.domain_n[own]]
        apart = network.x_nc[own] - network.particle_center_pc[particle]
        apart[:, :2] -= network.box_c[:2] * np.round(apart[:, :2] / network.box_c[:2])
        reach = np.zeros(network.n_particles)
        np.maximum.at(reach, particle, np.linalg.norm(apart, axis=1))
        return UM * reach

    @cached_property
    def grains(self) -> Grains:
        """Orientation, volume and place of every grain."""
        network, mesh = self.network, self.mesh
        particle = np.append(network.particle_g, [0, 0])[network.domain_t]
        offset = (
            mesh.tet_center - self.particle_center[particle] if len(self.particle_center) else mesh.tet_center
        )
        offset[:, :2] -= mesh.box[:2] * np.round(offset[:, :2] / mesh.box[:2])
        size = network.n_grains + 2
        volume = np.bincount(network.domain_t, mesh.tet_volume, size)[:-2].astype(float)
        moment = np.stack(
            [np.bincount(network.domain_t, mesh.tet_volume * offset[:, c], size)[:-2] for c in range(3)],
            axis=1,
        )
        center = moment / np.maximum(volume, 1e-300)[:, None]
        return Grains(network.rotation_gcc, network.particle_g, volume, center)


def open_run(path: str | Path) -> Run:
    """Open a run directory; the run may still go on.

    Raises `ConfigError` if it is none.
    """
    return Run(RunDirectory.open(path))
