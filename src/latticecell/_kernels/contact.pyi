from numpy import float64
from numpy.typing import NDArray

def split_opening(
    opening_bc: NDArray[float64],
    normal_bc: NDArray[float64],
    *,
    normal_b: NDArray[float64],
    active_bc: NDArray[float64],
    sliding_bc: NDArray[float64],
    effective_b: NDArray[float64],
) -> None: ...
def contact_traction(
    normal_b: NDArray[float64],
    sliding_bc: NDArray[float64],
    normal_bc: NDArray[float64],
    secant_b: NDArray[float64],
    contact: float,
    *,
    out: NDArray[float64],
) -> None: ...
def contact_tangent(
    normal_b: NDArray[float64],
    active_bc: NDArray[float64],
    normal_bc: NDArray[float64],
    secant_b: NDArray[float64],
    fall_b: NDArray[float64],
    contact: float,
    *,
    out: NDArray[float64],
) -> None: ...
