"""``checkpoint.h5``: the state of a run and where it stands; the one before is kept beside it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from latticecell.errors import ConfigError
from latticecell.output.files import sealing, verified, writing
from latticecell.state import State

KIND: Final = "checkpoint"
CHECKPOINT: Final = "checkpoint.h5"
PREVIOUS: Final = "checkpoint_previous.h5"


def write_checkpoint(
    folder: Path, state: State, about: Mapping[str, Any], more: Mapping[str, NDArray] | None = None
) -> None:
    """Write the newest checkpoint; the one before becomes the previous one.

    Parameters
    ----------
    folder : Path
        The run directory.
    state : State
    about : mapping
        JSON: how far the other files are, and what the stepper needs to go on.
    more : mapping of str to array, optional
        Arrays to keep beside those of the state, under other names.
    """
    text = json.dumps(about, default=plain)
    rows, digest = about["history"]
    known = {"rows": rows, "history": digest, "snapshots": about["snapshots"]}
    with sealing(folder / CHECKPOINT, KIND, known, keep=folder / PREVIOUS) as file:
        file.attrs["about"] = text
        for field in dataclass_fields(state):
            file[field.name] = getattr(state, field.name)
        for name, array in (more or {}).items():
            file[name] = array


def read_checkpoint(
    folder: Path, *, repair: bool = True
) -> tuple[dict[str, NDArray], dict[str, Any], list[str]]:
    """Return the arrays of the state and what `write_checkpoint` was told, of the newest whole checkpoint.

    Where the newest is missing or damaged, the previous one is taken, and with ``repair`` put in its place;
    the third value says so.

    Raises
    ------
    ConfigError
        If there is none, or none is whole.
    """
    newest, previous = folder / CHECKPOINT, folder / PREVIOUS
    if not newest.exists() and not previous.exists():
        raise ConfigError(f"{newest}: there is no checkpoint to resume from; start a new run")
    try:
        return *_load(newest), []
    except ConfigError as error:
        if not previous.exists():
            raise ConfigError(f"{error}; start a new run") from None
        found = _load(previous)
        if repair:
            with writing(newest):  # the next checkpoint must not move a damaged one here
                os.replace(previous, newest)  # noqa: PTH105
        return *found, [f"{error}; going on from the checkpoint before it"]


def _load(path: Path) -> tuple[dict[str, NDArray], dict[str, Any]]:
    with h5py.File(io.BytesIO(verified(path, KIND)[1]), "r") as file:
        return {name: data[()] for name, data in file.items()}, json.loads(str(file.attrs["about"]))


def plain(value: object) -> object:
    """Let JSON take NumPy scalars and arrays."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
