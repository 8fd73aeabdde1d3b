"""Threads: how many the kernels take, and a single one for BLAS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import scipy.linalg  # noqa: F401  (its BLAS, which is not NumPy's, must be there to be limited)
from threadpoolctl import ThreadpoolController

NODES_A_THREAD: Final = 1500
"""Nodes of a network from which one more thread pays."""
QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
_BLAS: Final = ThreadpoolController().select(user_api="blas")


def kernel_threads(wanted: int | None, n_nodes: int) -> int:
    """Return the number of threads for a network: what is wanted, or as many as there are and pay."""
    return wanted or max(1, min(processors(), n_nodes // NODES_A_THREAD))


def processors() -> int:
    """Return how many processors this process may use.

    Those it is bound to, less where a container has a smaller quota or ``OMP_NUM_THREADS`` asks for fewer.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    found = [len(affinity(0)) if affinity else os.cpu_count() or 1]
    try:
        quota, period = QUOTA.read_text(encoding="ascii").split()
        found.append(-(-int(quota) // int(period)))
    except (OSError, ValueError):  # no such file, or "max"
        pass
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if asked.isdecimal():
        found.append(int(asked))
    return max(1, min(found))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS use one thread meanwhile; also a decorator.

    The vectors of a lattice are too short for more: threads of BLAS would wait for one another most of the
    time, at many times the cost, and sums would depend on their number. Costs some microseconds.
    """
    with _BLAS.limit(limits=1):
        yield
