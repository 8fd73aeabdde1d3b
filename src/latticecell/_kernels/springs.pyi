from numpy import float64, int32
from numpy.typing import NDArray

def spring_strain(
    u_nc: NDArray[float64],
    strain_c: NDArray[float64],
    spring_sn: NDArray[int32],
    direction_sc: NDArray[float64],
    length_s: NDArray[float64],
    *,
    out: NDArray[float64],
    n_threads: int,
) -> None: ...
def tet_tension(
    strain_s: NDArray[float64],
    eigen_tv: NDArray[float64],
    direction_sc: NDArray[float64],
    natural_tee: NDArray[float64],
    spring_te: NDArray[int32],
    *,
    out: NDArray[float64],
    n_threads: int,
) -> None: ...
def gather_spring_tension(
    tension_te: NDArray[float64],
    length_s: NDArray[float64],
    start_s: NDArray[int32],
    entry: NDArray[int32],
    *,
    out: NDArray[float64],
    n_threads: int,
) -> None: ...
def gather_spring_force(
    tension_s: NDArray[float64],
    direction_sc: NDArray[float64],
    start_n: NDArray[int32],
    entry: NDArray[int32],
    *,
    out: NDArray[float64],
    n_threads: int,
) -> None: ...
