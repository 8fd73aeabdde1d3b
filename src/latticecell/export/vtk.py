"""VTK XML files of the tets and of the crack facets, and the collections that list them with their times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
from vtkmodules.vtkCommonCore import vtkDataArray, vtkPoints
from vtkmodules.vtkCommonDataModel import (
    VTK_TETRA,
    vtkCellArray,
    vtkDataSet,
    vtkPolyData,
    vtkUnstructuredGrid,
)
from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter, vtkXMLUnstructuredGridWriter

from latticecell.errors import OutputError
from latticecell.fields import COMPONENTS
from latticecell.output.files import write_file
from latticecell.results import Run, Snapshot

Arrays = Mapping[str, NDArray]


def write_vtu(run: Run, target: Path) -> Iterator[Path]:
    """Write tets and facets of every snapshot, collections first."""
    mesh, times = run.mesh, {shot.index: shot.time for shot in run.snapshots}
    for kind, suffix in (("tets", "vtu"), ("facets", "vtp")):
        yield _write_collection(target / f"{kind}.pvd", suffix, times)
    tets, facets = vtkUnstructuredGrid(), vtkPolyData()
    tets.SetPoints(_points(mesh.points))
    tets.SetCells(VTK_TETRA, _cells(mesh.tets))
    facets.SetPoints(_points(mesh.facet_points.reshape(-1, 3)))
    facets.SetPolys(_cells(np.arange(mesh.facets.size).reshape(-1, 3)))
    for shot in run.snapshots:
        nodal, cells = tet_arrays(shot)
        yield _write(target / f"tets_{shot.index:04d}.vtu", tets, shot.time, nodal, cells)
        nodal, cells = facet_arrays(shot)
        yield _write(target / f"facets_{shot.index:04d}.vtp", facets, shot.time, nodal, cells)


def tet_arrays(shot: Snapshot) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    """Return nodal fields at the points of the mesh, and the fields and the domain of the tets."""
    nodal = {f.stored: _single(shot.at_points(key)) for key, f in shot.fields.items() if f.location == "node"}
    cells = {f.stored: shot[key] for key, f in shot.fields.items() if f.location == "tet"}
    return nodal, {**cells, "domain": shot.mesh.domain}


def facet_arrays(shot: Snapshot) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    """Return fields at the corners of the facets, (3 n_facets, ...), and of the facets, (n_facets, ...).

    At corners: all bond fields, and the mean displacement of the two sides. For each facet: the means of its
    three bonds (``broken`` is the share of them), ``kind``, ``area_um2`` and the ``grains`` on its two sides.
    """
    mesh = shot.mesh
    bonds = {f.stored: shot[key][mesh.facets] for key, f in shot.fields.items() if f.location == "bond"}
    cells = {name: values.mean(axis=1) for name, values in bonds.items()}
    corners = {name: values.reshape(mesh.facets.size, *values.shape[2:]) for name, values in bonds.items()}
    if "displacement" in shot.fields:
        one, other = shot.facet_displacement()
        corners[shot.fields["displacement"].stored] = _single(0.5 * (one + other).reshape(-1, 3))
    first = mesh.facets[:, 0]
    sides = {"kind": mesh.bond_kind[first], "grains": mesh.node_domain[mesh.bond_nodes[first]]}
    return corners, {**cells, **sides, "area_um2": mesh.facet_area}


def _single(values: NDArray) -> NDArray[np.float32]:
    return values.astype(np.float32)


def _points(x_pc: NDArray) -> vtkPoints:
    points = vtkPoints()
    points.SetData(_array("Points", x_pc))
    return points


def _cells(corners: NDArray) -> vtkCellArray:
    cells = vtkCellArray()
    cells.SetData(corners.shape[1], numpy_to_vtkIdTypeArray(corners.ravel().astype(np.int64), deep=True))
    return cells


def _array(name: str, values: NDArray) -> vtkDataArray:
    """Return a copy as VTK holds it, with the names of the components of a vector or tensor."""
    array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
    array.SetName(name)
    for i, component in enumerate(COMPONENTS.get(values.shape[1], ()) if values.ndim == 2 else ()):
        array.SetComponentName(i, component.upper())
    return array


def _write(path: Path, data: vtkDataSet, time: float, nodal: Arrays, cells: Arrays) -> Path:
    """Write one file: arrays appended in binary, compressed with zlib."""
    for attributes, arrays in (
        (data.GetFieldData(), {"TimeValue": np.array([time])}),
        (data.GetPointData(), nodal),
        (data.GetCellData(), cells),
    ):
        attributes.Initialize()
        for name, values in arrays.items():
            attributes.AddArray(_array(name, values))
    writer = vtkXMLPolyDataWriter() if isinstance(data, vtkPolyData) else vtkXMLUnstructuredGridWriter()
    writer.SetInputData(data)
    writer.SetHeaderTypeToUInt64()
    writer.EncodeAppendedDataOff()
    writer.WriteToOutputStringOn()  # VTK does not see every disk that fills
    if not writer.Write():
        raise OutputError(path, f"VTK gave up with error {writer.GetErrorCode()}")
    write_file(path, writer.GetOutputString())
    return path


def _write_collection(path: Path, suffix: str, times: Mapping[int, float]) -> Path:
    lines = [
        f'<DataSet timestep="{time!r}" part="0" file="{path.stem}_{step:04d}.{suffix}"/>'
        for step, time in times.items()
    ]
    write_file(
        path,
        '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">\n'
        "<Collection>\n" + "\n".join(lines) + "\n</Collection>\n</VTKFile>\n",
    )
    return path
