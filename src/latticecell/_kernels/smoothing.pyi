from numpy import float64, int32
from numpy.typing import NDArray

def slide_sites(
    x_kc: NDArray[float64],
    move_kc: NDArray[float64],
    kind_k: NDArray[int32],
    axis_kc: NDArray[float64],
    center_kc: NDArray[float64],
    radius_k: NDArray[float64],
    *,
    out: NDArray[float64],
) -> None: ...
def improve_stars(
    x_kc: NDArray[float64],
    spacing_k: NDArray[float64],
    tet_tk: NDArray[int32],
    start_k: NDArray[int32],
    entry: NDArray[int32],
    kind_k: NDArray[int32],
    axis_kc: NDArray[float64],
    center_kc: NDArray[float64],
    radius_k: NDArray[float64],
    box_c: NDArray[float64],
    star: NDArray[float64],
    *,
    target: float,
    release: float,
    step: float,
    sweeps: int,
    seed: int,
) -> None: ...
def tet_qualities(
    x_kc: NDArray[float64], tet_tk: NDArray[int32], box_c: NDArray[float64], *, out: NDArray[float64]
) -> None: ...
