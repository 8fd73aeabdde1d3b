from numpy import float64, int32, uint8
from numpy.typing import NDArray

def insert_greedily(
    x_ic: NDArray[float64],
    reach_i: NDArray[float64],
    box_c: NDArray[float64],
    cells_c: NDArray[int32],
    n_present: int,
    head: NDArray[int32],
    following: NDArray[int32],
    *,
    out: NDArray[uint8],
    blocker: NDArray[int32],
) -> None: ...
def common_labels(
    tet_tk: NDArray[int32], label_kl: NDArray[int32], *, out: NDArray[int32], count: NDArray[int32]
) -> None: ...
