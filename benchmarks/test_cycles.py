"""Whole cycles, each in a process of its own; minutes, so only with ``-m cycle``."""

import pytest

from cycles import INPUTS, cycle


@pytest.mark.cycle
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", INPUTS)
def test_cycle(benchmark, tmp_path, name, threads):
    info = benchmark.pedantic(lambda: cycle(name, tmp_path, threads), rounds=1)
    assert info["status"] == "done"
    benchmark.extra_info.update({key: info[key] for key in ("cpu", "timings_s", "counts", "peak_memory_MB")})
