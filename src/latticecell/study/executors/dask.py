"""Dask: a cluster on this machine, or a running scheduler (dask-jobqueue, Kubernetes, ...) by its address."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from distributed import Client, LocalCluster, WorkerPlugin

from latticecell.errors import ConfigError
from latticecell.study.executors import Options


class _LeaveSignals(WorkerPlugin):
    """Ctrl-C reaches the workers of a cluster on this machine too; the parent asks for the stop."""

    def setup(self, worker: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def open_dask(options: Options) -> Iterator[Executor]:
    """Connect to the scheduler at the address, or start workers of one thread each here.

    Raises `ConfigError` if there is no scheduler at the address.
    """
    if options.address:
        try:
            client = Client(options.address)
        except (OSError, ValueError) as error:
            raise ConfigError(f"--executor dask:{options.address}: no scheduler there ({error})") from None
        with client:
            yield client.get_executor(pure=False)
        return
    workers = options.jobs or os.cpu_count() or 1
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None,
            local_directory=str(options.folder / "dask"), worker_dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        client.register_plugin(_LeaveSignals())
        yield client.get_executor(pure=False)
