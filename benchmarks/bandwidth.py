"""Kernels against the bandwidth of the memory, both measured here: ``python benchmarks/bandwidth.py``.

The bandwidth is that of BLAS ``daxpy``, y = a x + y, which like STREAM's triad reads and writes long arrays.
A kernel is credited with every array once; what it reads again, or looks up, costs time and no credit. Both
find their data in memory, not in the cache.
"""

import argparse
import time

import numpy as np
from scipy.linalg.blas import daxpy
from threadpoolctl import threadpool_limits

from conftest import SIZES, cell
from kernel_cases import cases
from tables import markdown, publish

LONG = 16_000_000
ROUNDS = 15


def best(call, flush) -> float:
    """Shortest time of some calls, each with a cold cache [s]."""
    seconds = []
    for _ in range(ROUNDS):
        flush += 1.0
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="50k", help="nodes of the network")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    wanted = parser.parse_args()
    flush, x, y = np.zeros(LONG), np.ones(LONG), np.ones(LONG)
    memory = {}
    for k in wanted.threads:
        with threadpool_limits(k, user_api="blas"):
            memory[k] = 24 * LONG / best(lambda: daxpy(x, y, a=1e-9), flush)
    rows = [["daxpy", f"{24e-6 * LONG:.1f}", *(f"{memory[k] / 1e9:.1f} GB/s" for k in wanted.threads)]]
    for found in cases(*cell(wanted.size)):
        shares = []
        for k in wanted.threads:
            found.kernel(k)
            rate = found.bytes / best(lambda found=found, k=k: found.kernel(k), flush)
            shares.append(f"{rate / 1e9:.1f} GB/s, {100 * rate / memory[k]:.0f} %")
        rows.append([f"`{found.name}`", f"{found.bytes / 1e6:.1f}", *shares])
    heads = ["kernel", "MB", *(f"{k} thread{'s' * (k > 1)}" for k in wanted.threads)]
    publish("bandwidth", "python benchmarks/bandwidth.py", markdown(heads, rows))


if __name__ == "__main__":
    main()
