"""Snapshots of the fields: a file each, ``fields/000007.h5``, written once and never touched again.

A file holds a group for each location, ``node``, ``tet`` and ``bond``, and in it a float32 array for each
field under the name `Field.stored`; its attributes are the declaration of the field. Nodal fields are stored
at the points of the mesh, as ParaView wants them, and read at the nodes. The displacement is stored with the
mean strain and read without it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from latticecell.errors import ConfigError
from latticecell.fields import Field
from latticecell.network import Floats
from latticecell.output.files import header, make_folder, put, sealing, verified, writing
from latticecell.output.mesh import Mesh

KIND: Final = "snapshot"
STATE: Final = "state"
"""Group of the whole state, where there is one; the others are locations of fields."""
NAMES: Final = "[0-9]" * 6 + ".h5"
DISPLACEMENT: Final = "displacement"


class Snapshots:
    """The snapshots of a run.

    Parameters
    ----------
    folder : Path
        Their directory; need not exist.
    run : str
        Stands for the input and the network; a snapshot of others is refused.
    """

    def __init__(self, folder: Path, run: str):
        self.folder, self.run = folder, run
        self._known, self._writes = 0, False
        self._last: tuple[object, bytes] = (None, b"")
        self._fields: dict[str, Field] = {}

    def files(self) -> list[Path]:
        """Return the paths of the snapshots, from the first to the last that has no gap before it."""
        present = sorted(self.folder.glob(NAMES))
        return [path for i, path in enumerate(present) if path == self.file(i)]

    def count(self) -> int:
        """Return the number of snapshots, damaged and missing ones before the last included."""
        if self._writes:  # nobody else does then, and folders of thousands take long to read
            return self._known
        last = max((int(path.stem) for path in self.folder.glob(NAMES)), default=-1)
        return max(self._known, last + 1)

    def file(self, index: int) -> Path:
        """Return the path of a snapshot."""
        return self.folder / f"{index:06d}.h5"

    def append(
        self, mesh: Mesh, time: float, strain_c: Floats, fields: Mapping[Field, NDArray],
        state: Mapping[str, NDArray] | None = None,
    ) -> None:  # fmt: skip
        """Write the next snapshot.

        Parameters
        ----------
        mesh : Mesh
        time : float
            Simulated time [s].
        strain_c : (2,) float64
            Mean lateral strain [1].
        fields : mapping of Field to array
            Values in SI; written in the unit of the field.
        state : mapping of str to array, optional
            The arrays of the state, kept as they are.

        Raises
        ------
        ValueError
            If a shape does not fit, or the fields are not those of the snapshots before.
        """
        network = mesh.network
        sizes = {"node": network.n_nodes, "tet": network.n_tets, "bond": network.n_bonds}
        if self.fields and (odd := set(self.fields.values()) ^ set(fields)):
            names = sorted({field.key for field in odd})
            raise ValueError(f"fields differ from those of the earlier snapshots: {', '.join(names)}")
        make_folder(self.folder)
        about = {"time_s": float(time), "strain": [float(value) for value in strain_c]}
        index = self.count()
        with sealing(self.file(index), KIND, {**about, "run": self.run, "index": index}) as file:
            file.attrs.update(about)
            for field, values in fields.items():
                array = field.factor * np.asarray(values, float)
                if array.shape != (sizes.get(field.location), *field.shape):
                    raise ValueError(
                        f"field {field.key!r}: shape {array.shape} is not that of its declaration"
                    )
                if field.location == "node":
                    array = array[mesh.node_of_point]
                if field.key == DISPLACEMENT:
                    array[:, :2] += strain_c * mesh.points[:, :2]
                put(file, name_of(field), array.astype(np.float32), **_attributes(field))
            for name, array in (state or {}).items():
                put(file, f"{STATE}/{name}", array)
        self._known, self._writes = index + 1, True

    def truncate(self, count: int) -> list[str]:
        """Delete all but the first ``count`` snapshots; return what is wrong with those, read in full."""
        for path in sorted(self.folder.glob(NAMES), reverse=True):
            if int(path.stem) >= count:
                with writing(path):
                    path.unlink()
        self._known, self._writes = count, False
        if not count:
            self._fields = {}
        problems = []
        for index in range(count):
            try:
                self.check(index)
            except ConfigError as error:
                problems.append(str(error))
        return problems

    def times(self, count: int) -> tuple[Floats, list[str]]:
        """Return the times of the first snapshots, (count,) [s], nan where damaged, and what is wrong."""
        times, problems = np.full(count, np.nan), []
        for index in range(count):
            try:
                times[index] = self._about(index)["time_s"]
            except ConfigError as error:
                problems.append(str(error))
        return times, problems

    def strain(self, index: int) -> Floats:
        """Return the mean lateral strain of a snapshot, (2,) [1]."""
        return np.array(self._about(index)["strain"], float)

    def check(self, index: int) -> None:
        """Raise `ConfigError` if a snapshot is missing, damaged, or not of this run."""
        self._about(index)
        verified(self.file(index), KIND)

    def _about(self, index: int) -> dict[str, Any]:
        about = header(self.file(index), KIND)
        if (about["run"], about["index"]) != (self.run, index):
            raise ConfigError(f"{self.file(index)}: is a snapshot of another run, or of another time")
        return about

    @property
    def fields(self) -> dict[str, Field]:
        """Declarations of the fields of every snapshot, by key; none before the first snapshot."""
        for index in range(0 if self._fields else self.count()):
            try:
                with self._open(index) as file:
                    groups = [group for name, group in file.items() if name != STATE]
                    found = [_declaration(dataset) for group in groups for dataset in group.values()]
            except ConfigError:  # who reads it is told
                continue
            self._fields = {field.key: field for field in found}
            break
        return self._fields

    def read(self, field: Field, index: int) -> NDArray[np.float32]:
        """Return the stored array of a field: nodal fields at the points, the displacement with the strain.

        Raises
        ------
        KeyError
            If the snapshot does not hold it.
        """
        with self._open(index) as file:
            return np.asarray(file[name_of(field)][()])

    def state(self, index: int) -> dict[str, NDArray]:
        """Return the arrays of the whole state; empty if the snapshot holds none."""
        with self._open(index) as file:
            return {name: data[()] for name, data in file[STATE].items()} if STATE in file else {}

    def _open(self, index: int) -> h5py.File:
        """Open a snapshot in memory; the bytes of the last one are kept, since fields are read one by one."""
        path = self.file(index)
        about = path.stat() if path.exists() else None
        stamp = (path, about and (about.st_ino, about.st_mtime_ns, about.st_size))
        if about is None or self._last[0] != stamp:
            self._about(index)
            self._last = (stamp, verified(path, KIND)[1])
        return h5py.File(io.BytesIO(self._last[1]), "r")


def name_of(field: Field) -> str:
    """Return the path of a field inside a snapshot."""
    return f"{field.location}/{field.stored}"


def _attributes(field: Field) -> dict[str, Any]:
    return {**field.table(), "shape": np.array(field.shape, np.int64)}


def _declaration(dataset: h5py.Dataset) -> Field:
    plain = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in dataset.attrs.items()
    }
    return Field.of_table(plain)
