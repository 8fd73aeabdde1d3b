from numpy import float64, int32
from numpy.typing import NDArray

def find_axes(
    tangent_bcc: NDArray[float64],
    chosen_b: NDArray[int32],
    *,
    value_bk: NDArray[float64],
    axis_bkc: NDArray[float64],
    n_threads: int,
) -> None: ...
def fit_clusters(
    start_g: NDArray[int32],
    offset_g: NDArray[int32],
    bonds_g: NDArray[int32],
    bond: NDArray[int32],
    place: NDArray[int32],
    value_bk: NDArray[float64],
    axis_bkc: NDArray[float64],
    stiff_b: NDArray[float64],
    least_b: NDArray[float64],
    lattice: NDArray[float64],
    chosen_g: NDArray[int32],
    *,
    stiff: NDArray[float64],
    soft: NDArray[float64],
    own: NDArray[float64],
    inverse: NDArray[float64],
    scratch: NDArray[float64],
    n_threads: int,
) -> None: ...
