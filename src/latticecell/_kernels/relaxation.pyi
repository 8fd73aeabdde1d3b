from numpy import float64, int32
from numpy.typing import NDArray

def symmetric_sweep(
    start: NDArray[int32],
    index: NDArray[int32],
    middle: NDArray[int32],
    data: NDArray[float64],
    rhs: NDArray[float64],
    *,
    x: NDArray[float64],
    rest: NDArray[float64],
    fresh: bool,
    residual: bool,
) -> None: ...
def fill_links(
    link_li: NDArray[int32],
    slope_first_l: NDArray[float64],
    slope_second_l: NDArray[float64],
    slot_l2: NDArray[int32],
    middle: NDArray[int32],
    *,
    data: NDArray[float64],
) -> None: ...
def sum_entries(value: NDArray[float64], slot: NDArray[int32], *, out: NDArray[float64]) -> None: ...
