"""``fields.vtkhdf``, which ParaView and VTK open: a table of contents of the snapshots, without own data.

It follows the VTKHDF 2.0 specification of a temporal ``UnstructuredGrid`` with a static mesh
(https://docs.vtk.org/en/latest/design_documents/VTKFileFormats.html). Every array is an HDF5 virtual dataset
onto ``network.h5`` and the files in ``fields/``, by names relative to the run directory, which may be moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from latticecell.fields import Field
from latticecell.network import Floats
from latticecell.output.files import sealing
from latticecell.output.snapshots import name_of

KIND: Final = "index"
GROUPS: Final = {"node": "PointData", "tet": "CellData"}


def write_index(
    path: Path,
    network: Path,
    counts: dict[str, int],
    snapshots: Sequence[Path],
    times: Floats,
    fields: Sequence[Field],
) -> None:
    """Write the index of all snapshots; bond fields have no cells and are left out.

    Parameters
    ----------
    path : Path
    network : Path
        The file of the network.
    counts : dict
        Its numbers of ``points`` and ``tets``.
    snapshots : sequence of Path
    times : (n_snapshots,) float64 [s]
    fields : sequence of Field
        Fields of every snapshot.
    """
    n_points, n_tets, n_steps = counts["points"], counts["tets"], len(snapshots)
    mesh = [network.relative_to(path.parent).as_posix()]
    files = [snapshot.relative_to(path.parent).as_posix() for snapshot in snapshots]
    with sealing(path, KIND, {}) as file:
        root = file.create_group("VTKHDF")
        root.attrs["Version"] = np.array([2, 0], np.int64)
        kind = b"UnstructuredGrid"  # VTK wants a fixed-length ASCII string
        root.attrs.create("Type", kind, dtype=h5py.string_dtype("ascii", len(kind)))
        for name, count in (("Points", n_points), ("Cells", n_tets), ("ConnectivityIds", 4 * n_tets)):
            root[f"NumberOf{name}"] = np.array([count], np.int64)
        _virtual(root, "Points", (n_points, 3), np.float64, mesh, "mesh/points_um")
        _virtual(root, "Connectivity", (4 * n_tets,), np.int64, mesh, "mesh/connectivity")
        _virtual(root, "Offsets", (n_tets + 1,), np.int64, mesh, "mesh/offsets")
        _virtual(root, "Types", (n_tets,), np.uint8, mesh, "mesh/types")
        _virtual(root, "CellData/domain", (n_tets,), np.int32, mesh, "mesh/domain")

        steps = root.create_group("Steps")
        steps.attrs["NSteps"] = np.int64(n_steps)
        steps["Values"] = times
        steps["NumberOfParts"] = np.ones(n_steps, np.int64)
        for name in ("PartOffsets", "PointOffsets"):
            steps[name] = np.zeros(n_steps, np.int64)
        for name in ("CellOffsets", "ConnectivityIdOffsets", "CellDataOffsets/domain"):
            steps[name] = np.zeros((n_steps, 1) if "/" not in name else n_steps, np.int64)
        for field in fields:
            if field.location not in GROUPS:
                continue
            group, rows = GROUPS[field.location], n_points if field.location == "node" else n_tets
            _virtual(root, f"{group}/{field.stored}", (rows, *field.shape), np.float32, files, name_of(field))
            steps[f"{group}Offsets/{field.stored}"] = rows * np.arange(n_steps, dtype=np.int64)


def _virtual(
    root: h5py.Group, name: str, shape: tuple[int, ...], dtype: Any, files: Sequence[str], source: str
) -> None:
    """Make a virtual dataset of the equal arrays ``source`` of several files, one after the other."""
    rows = shape[0]
    layout = h5py.VirtualLayout((rows * len(files), *shape[1:]), dtype)
    layout.dcpl.set_obj_track_times(False)  # equal runs have equal files
    for i, file in enumerate(files):
        layout[i * rows : (i + 1) * rows] = h5py.VirtualSource(file, source, shape, dtype)
    root.create_virtual_dataset(name, layout)
