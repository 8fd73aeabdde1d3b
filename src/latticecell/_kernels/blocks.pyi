from typing import Any

from numpy import int32
from numpy.typing import NDArray

def multiply_add(
    start: NDArray[int32],
    column: NDArray[int32],
    block: NDArray[Any],
    x: NDArray[Any],
    scale: float,
    *,
    out: NDArray[Any],
    n_threads: int,
) -> None: ...
def solve_groups(
    start_g: NDArray[int32],
    member: NDArray[int32],
    offset_g: NDArray[int32],
    inverse: NDArray[Any],
    b: NDArray[Any],
    *,
    out: NDArray[Any],
    n_threads: int,
) -> None: ...
