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
def add_products(
    start: NDArray[int32],
    column: NDArray[int32],
    block: NDArray[Any],
    right_start: NDArray[int32],
    right_block: NDArray[Any],
    first: NDArray[int32],
    slot: NDArray[int32],
    scale: float,
    *,
    out: NDArray[Any],
    n_threads: int,
) -> None: ...
def place_blocks(
    source: NDArray[Any],
    where: NDArray[int32],
    scale: float,
    fresh: bool,
    *,
    out: NDArray[Any],
    n_threads: int,
) -> None: ...
def add_mirrored(
    source: NDArray[Any], where: NDArray[int32], *, out: NDArray[Any], n_threads: int
) -> None: ...
