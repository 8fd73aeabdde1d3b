"""Snapshots under the stored names of their fields, for readers that do not yet use a `Run`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latticecell.errors import ConfigError
from latticecell.output.files import replacing as replacing
from latticecell.output.mesh import Mesh
from latticecell.output.rundir import RunDirectory

DISPLACEMENT = "displacement_um"
VTK_TETRA = 10
AXES = {"n": "node", "t": "tet", "b": "bond"}


class FieldReader:
    """The mesh of a run with its snapshots."""

    def __init__(self, run: RunDirectory):
        network = run.network()
        if network is None or not len(run.times()):
            raise ConfigError(f"{run.path}: holds no fields")
        self._run, self._mesh = run, Mesh.of(network)
        self.tets = self._mesh.tets.astype(np.int64)
        self._fields = {field.stored: field for field in run.fields().values()}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mesh, name)

    @property
    def times(self) -> NDArray:
        """Times of the snapshots [s]."""
        return self._run.times()

    @property
    def names(self) -> dict[str, list[str]]:
        """Names of the fields by axis."""
        return {
            axis: [
                name for name, field in self._fields.items() if field.location == location and not field.shape
            ]
            for axis, location in AXES.items()
        } | {"n": [name for name, field in self._fields.items() if field.location == "node"]}

    def point(self, name: str, step: int) -> NDArray:
        """Return a nodal field at the points; a displacement with its mean strain."""
        value = self.node(name, step)[self.node_of_point]
        if name == DISPLACEMENT:
            value[:, :2] += (self.strain(step) * self.points[:, :2]).astype(np.float32)
        return value

    def node(self, name: str, step: int) -> NDArray:
        """Return a field where it lives."""
        step = range(len(self.times))[step]
        if name not in self._fields:
            raise KeyError(f"{name}: no such field; known: {', '.join(self._fields)}")
        return self._run.read(self._fields[name].key, step)

    tet = bond = node

    def strain(self, step: int) -> NDArray:
        """Return the mean lateral strain."""
        return self._run.strain(range(len(self.times))[step])
