from numpy import float64, int32
from numpy.typing import NDArray

def edge_weight(
    gradient_tac: NDArray[float64],
    volume_t: NDArray[float64],
    diffusivity_tcc: NDArray[float64],
    tet_edges: NDArray[int32],
    start_s: NDArray[int32],
    entry: NDArray[int32],
    *,
    out: NDArray[float64],
    n_threads: int,
) -> None: ...
def saturating_flux(
    stoich_n: NDArray[float64],
    lift_n: NDArray[float64],
    link_ln: NDArray[int32],
    weight_l: NDArray[float64],
    *,
    flux_l: NDArray[float64],
    slope_first_l: NDArray[float64],
    slope_second_l: NDArray[float64],
    n_threads: int,
) -> None: ...
def dilute_flux(
    stoich_n: NDArray[float64],
    psi_n: NDArray[float64],
    link_ln: NDArray[int32],
    weight_l: NDArray[float64],
    *,
    flux_l: NDArray[float64],
    slope_first_l: NDArray[float64],
    slope_second_l: NDArray[float64],
    n_threads: int,
) -> None: ...
def thermodynamic_flux(
    stoich_n: NDArray[float64],
    psi_n: NDArray[float64],
    potential_n: NDArray[float64],
    stiffness_n: NDArray[float64],
    link_ln: NDArray[int32],
    weight_l: NDArray[float64],
    *,
    flux_l: NDArray[float64],
    slope_first_l: NDArray[float64],
    slope_second_l: NDArray[float64],
    n_threads: int,
) -> None: ...
def gather_outflow(
    flux_l: NDArray[float64],
    start_n: NDArray[int32],
    entry: NDArray[int32],
    *,
    out: NDArray[float64],
    n_threads: int,
) -> None: ...
