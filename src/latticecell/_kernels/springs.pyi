from numpy import float64, int32
from numpy.typing import NDArray

def tet_strain(
    u_nc: NDArray[float64],
    strain_c: NDArray[float64],
    tet_tn: NDArray[int32],
    gradient_tac: NDArray[float64],
    *,
    out: NDArray[float64],
    n_threads: int,
) -> None: ...
def tet_stress(
    strain_tv: NDArray[float64],
    eigen_tv: NDArray[float64],
    stiffness_dvv: NDArray[float64],
    domain_t: NDArray[int32],
    *,
    out: NDArray[float64],
    n_threads: int,
) -> None: ...
def gather_spring_tension(
    stress_tv: NDArray[float64],
    gradient_tac: NDArray[float64],
    volume_t: NDArray[float64],
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
def gather_spring_stiffness(
    stiffness_dvv: NDArray[float64],
    domain_t: NDArray[int32],
    gradient_tac: NDArray[float64],
    volume_t: NDArray[float64],
    tet_tn: NDArray[int32],
    spring_sn: NDArray[int32],
    start_s: NDArray[int32],
    entry: NDArray[int32],
    *,
    out: NDArray[float64],
    n_threads: int,
) -> None: ...
