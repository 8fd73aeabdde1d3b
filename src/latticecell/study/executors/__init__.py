"""Engines that run the cases of a study, all behind `concurrent.futures.Executor`.

A new engine is one file and one line in `EXECUTORS`. Each is a context manager made from `Options`; its
module, and what that imports, is loaded when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from latticecell.errors import ConfigError
from latticecell.registry import Registry


@dataclass(frozen=True, slots=True)
class Options:
    """What an engine may want to know.

    Attributes
    ----------
    jobs : int or None
        Runs side by side; None: as many as the engine thinks fit.
    address : str
        What follows the colon of ``--executor NAME:ADDRESS``.
    folder : Path
        Where it may write logs.
    stop : Path
        File whose existence asks everything to stop.
    slurm : mapping of str to value
        The table ``[slurm]`` of the study.
    """

    jobs: int | None
    address: str
    folder: Path
    stop: Path
    slurm: Mapping[str, Any]


Engine = Callable[[Options], AbstractContextManager[Executor]]


def _later(module: str, function: str, extra: str = "") -> Engine:
    """Return an engine whose module is imported when it is asked for, and needs an extra of the package."""

    def opener(options: Options) -> AbstractContextManager[Executor]:
        try:
            found: Engine = getattr(import_module(f"{__name__}.{module}"), function)
        except ModuleNotFoundError as error:
            if not extra:
                raise
            raise ConfigError(f"{error.name} is not installed: pip install 'latticecell[{extra}]'") from None
        return found(options)

    return opener


EXECUTORS: Final[Registry[Engine]] = Registry(
    "--executor",
    "executor",
    {
        "local": _later("local", "open_pool"),
        "dask": _later("dask", "open_dask", "dask"),
        "slurm": _later("slurm", "open_slurm", "slurm"),
        "submitit-local": _later("slurm", "open_local", "slurm"),
    },
)
