"""Networks kept from run to run, under the digest of all that they are made from.

A study meshes once a seed, and a run that is started again does not mesh at all. Nothing depends on it: an
entry is the network that `build_network` gives, bit for bit; what is missing, damaged or cannot be written is
built.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from latticecell import grains, imports, meshing, network, quality
from latticecell._kernels import placement, smoothing, voxels
from latticecell.config import Config
from latticecell.errors import ConfigError, OutputError
from latticecell.meshing.generate import AnyMicrostructure, build_network
from latticecell.microstructure import build_microstructure
from latticecell.network import Network
from latticecell.numerics import RESULTS_VERSION
from latticecell.output.files import make_folder
from latticecell.output.network import read_network, write_arrays

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]

VARIABLE: Final = "LATTICECELL_CACHE"
LARGEST: Final = 1 << 30
"""Bytes that the entries of a folder may take; those unused for longest go first."""


def cache_folder() -> Path | None:
    """Folder named by ``LATTICECELL_CACHE``, None if that is ``off``; else the cache of the user."""
    named = os.environ.get(VARIABLE, "")
    if named:
        return None if named == "off" else Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "latticecell"
    except RuntimeError:  # no home
        return None


def network_of(config: Config) -> Network:
    """Return the network of a configuration from the cache, or build it and keep it.

    Processes that want the same network at the same time wait for the first of them.

    Raises
    ------
    ConfigError
        If the microstructure is impossible.
    NetworkError
        If the network cannot be generated.
    """
    microstructure, folder = build_microstructure(config), cache_folder()
    if folder is None:
        return build_network(config, microstructure)
    key = network_key(config, microstructure)
    path = folder / f"{key}.h5"
    with _alone(folder, key):
        with suppress(ConfigError):
            network = read_network(path)
            with suppress(OSError):
                path.touch()
            return network
        network = build_network(config, microstructure)
        with suppress(OutputError, OSError):
            write_arrays(path, network)
            _shrink(folder, keep=path)
    return network


def network_key(config: Config, microstructure: AnyMicrostructure) -> str:
    """Digest of all that a network is made from: microstructure, options, and versions of what makes it."""
    digest = hashlib.sha256()
    for field in fields(microstructure):
        value = np.asarray(getattr(microstructure, field.name))
        digest.update(f"{field.name} {value.dtype} {value.shape}\n".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    makers = {name: version(name) for name in ("latticecell", "numpy", "scipy")}
    code = generator_digest()
    digest.update(f"{config.network.model_dump()} {makers} {RESULTS_VERSION} {code}".encode())
    return digest.hexdigest()


def generator_files() -> list[Path]:
    """Return the files of the code that builds a network: sources, and kernels as they are compiled."""
    single = (network, quality, placement, smoothing, voxels)
    return [
        *sorted(Path(meshing.__path__[0]).glob("*.py")),
        *sorted(Path(imports.__path__[0]).glob("*.py")),
        *sorted(Path(grains.__path__[0]).glob("*.py")),
        *(Path(str(module.__file__)) for module in single),
    ]


@cache
def generator_digest() -> str:
    """Digest of `generator_files`, which in a working copy change without the version."""
    digest = hashlib.sha256()
    for path in generator_files():
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@contextmanager
def _alone(folder: Path, key: str) -> Iterator[None]:
    """Hold one of sixteen locks of the folder, where there are locks."""
    file = None
    with suppress(OutputError, OSError):
        make_folder(folder)
        file = (folder / f"{key[0]}.lock").open("a")
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if file is not None:
            file.close()


def _shrink(folder: Path, keep: Path) -> None:
    """Delete the entries unused for longest until the rest is small enough."""
    entries = []
    for path in folder.glob("*.h5"):
        with suppress(FileNotFoundError):  # another process deletes, too
            about = path.stat()
            entries.append((about.st_mtime, about.st_size, path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= LARGEST:
            return
        if path != keep:
            path.unlink(missing_ok=True)
            total -= size
