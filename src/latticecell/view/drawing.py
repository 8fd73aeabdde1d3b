"""Arrays into VTK: nothing but the hand-over."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def fill(data: Any, x_mvc: NDArray, colour_mvc: NDArray) -> Any:
    """Put polygons (n, 3 or more, 3) or lines (n, 2, 3) with a colour at each vertex into a ``vtkPolyData``.

    ``data`` is filled anew and returned; None makes one.
    """
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    data = vtkPolyData() if data is None else data
    n, corners = x_mvc.shape[:2]
    points = vtkPoints()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(x_mvc.reshape(-1, 3), np.float32), deep=True))
    cells = vtkCellArray()
    cells.SetData(
        numpy_to_vtkIdTypeArray(np.arange(n + 1, dtype=np.int64) * corners, deep=True),
        numpy_to_vtkIdTypeArray(np.arange(n * corners, dtype=np.int64), deep=True),
    )
    data.Initialize()
    data.SetPoints(points)
    if corners == 2:
        data.SetLines(cells)
    else:
        data.SetPolys(cells)
    colour = numpy_to_vtk(np.ascontiguousarray(colour_mvc.reshape(-1, 3), np.uint8), deep=True)
    colour.SetName("colour")
    data.GetPointData().SetScalars(colour)
    return data
