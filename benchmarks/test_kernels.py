"""Kernels on 1 and 2 threads against their NumPy twins; ``bandwidth.py`` sets them against the memory's."""

import numpy as np
import pytest

from conftest import SIZES, cell
from kernel_cases import cases

NAMES = [found.name for found in cases(*cell("5k"))]


@pytest.mark.parametrize("backend", ["numpy", "1thread", "2threads"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", list(SIZES))
def test_kernel(benchmark, size, name, backend):
    """Time the kernel or its twin; check that they agree."""
    found = next(found for found in cases(*cell(size)) if found.name == name)
    expected = found.twin()
    if backend == "numpy":
        benchmark(found.twin)
        return
    benchmark(found.kernel, int(backend[0]))
    least = 1e-9 if expected.dtype == np.float64 else 1e-5
    np.testing.assert_allclose(found.out, expected, atol=least * np.abs(expected).max())
