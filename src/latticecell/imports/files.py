"""Files of labelled voxels and of orientations."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from latticecell.arrays import Floats
from latticecell.errors import ConfigError
from latticecell.imports.neper import read_tesr, read_tess
from latticecell.imports.volume import Volume
from latticecell.orientations import COLUMNS, Convention, Sense, to_matrices

IDS: Final = "FeatureIds"
"""Labels in a file of DREAM.3D."""
LARGEST: Final = 4 << 30
"""Bytes beyond which a file is refused."""


def read_volume(path: Path, *, dataset: str, axes: str | None, voxel: Floats | None) -> tuple[Volume, str]:
    """Read labelled voxels and the digest of their file.

    Parameters
    ----------
    path : Path
        ``.npy``, ``.tif``, ``.h5`` (also ``.hdf5``, ``.dream3d``), ``.tesr`` or ``.tess``.
    dataset : str
        Labels within an HDF5 file; empty: those of DREAM.3D, or the only three-dimensional integers.
    axes : str or None
        Order of the axes in the file, "xyz" or "zyx"; None: the usual one of the format.
    voxel : (3,) float64 or None
        Size of a voxel in the unit of the file, for a ``.tess``.

    Raises
    ------
    ConfigError
        If the file cannot be read or holds no labels.
    """
    data = _bytes(path)
    suffix = path.suffix.lower()
    if suffix == ".tess":
        volume = read_tess(path, data, voxel)
    elif suffix in _READERS:
        volume = _READERS[suffix](path, data, dataset, axes)
    else:
        raise ConfigError(f"{path}: must end in .tess, {', '.join(_READERS)}")
    if volume.label.ndim != 3 or not volume.label.size:
        raise ConfigError(f"{path}: must hold three-dimensional labels, not {list(volume.label.shape)}")
    return volume, hashlib.sha256(data).hexdigest()


def read_orientations(path: Path, kind: Convention, sense: Sense) -> dict[int, Floats]:
    """Read a table of orientations: a column ``label``, and those of its kind; see `orientations.COLUMNS`.

    Raises
    ------
    ConfigError
        If columns are missing, or a row holds no numbers or a label for the second time.
    """
    text = _bytes(path).decode("utf-8-sig", "replace")
    rows = list(csv.DictReader(io.StringIO(text), skipinitialspace=True))
    names = ("label", *COLUMNS[kind])
    missing = [name for name in names if not rows or name not in rows[0]]
    if missing:
        raise ConfigError(f"{path}: must have the columns {', '.join(names)}; without {', '.join(missing)}")
    labels, values = [], []
    for i, row in enumerate(rows):
        try:
            labels.append(int(row["label"]))
            values.append([float(row[name]) for name in names[1:]])
        except (TypeError, ValueError):
            raise ConfigError(f"{path}: row {i + 1}: must hold numbers in {', '.join(names)}") from None
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise ConfigError(f"{path}: label {twice} stands there more than once")
    try:
        matrices = to_matrices(np.array(values), kind, sense)
    except ConfigError as error:
        raise ConfigError([f"{path}: {problem}" for problem in error.problems]) from None
    return dict(zip(labels, matrices, strict=True))


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file; raises `ConfigError` if it cannot be read."""
    return hashlib.sha256(_bytes(path)).hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ConfigError(f"{path}: is not a file")
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{path}: is larger than {LARGEST >> 30} GB")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def _integers(path: Path, array: NDArray) -> NDArray[np.int64]:
    """Labels as whole numbers; a last axis of length 1 is dropped."""
    array = np.asarray(array)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.dtype.kind not in "iuf":
        raise ConfigError(f"{path}: labels must be whole numbers, not {array.dtype}")
    if array.dtype.kind == "f" and not (np.isfinite(array).all() and (array == np.round(array)).all()):
        raise ConfigError(f"{path}: labels must be whole numbers; this looks like grey values")
    return array.astype(np.int64)


def _turned(label: NDArray[np.int64], axes: str) -> NDArray[np.int64]:
    return np.ascontiguousarray(label.transpose() if axes == "zyx" else label)


def _npy(path: Path, data: bytes, dataset: str, axes: str | None) -> Volume:
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise ConfigError(f"{path}: is not a NumPy file: {error}") from None
    return Volume(_turned(_integers(path, array), axes or "xyz"))


def _tiff(path: Path, data: bytes, dataset: str, axes: str | None) -> Volume:
    try:
        import tifffile
    except ImportError:
        raise ConfigError(f"{path}: TIFF needs the package tifffile: pip install latticecell[tiff]") from None
    try:
        array = tifffile.imread(io.BytesIO(data))
    except (tifffile.TiffFileError, ValueError, KeyError, IndexError) as error:
        raise ConfigError(f"{path}: is not a TIFF stack: {error}") from None
    return Volume(_turned(_integers(path, array), axes or "zyx"))


def _hdf5(path: Path, data: bytes, dataset: str, axes: str | None) -> Volume:
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            return _from_hdf5(path, file, dataset, axes)
    except OSError as error:
        raise ConfigError(f"{path}: is not an HDF5 file: {error}") from None


def _from_hdf5(path: Path, file: h5py.File, dataset: str, axes: str | None) -> Volume:
    """Read labels, and what DREAM.3D of either generation tells of their geometry and orientations."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    if not dataset:
        some = [name for name in found if name.rsplit("/", 1)[-1] == IDS]
        some = some or [name for name in found if file[name].ndim == 3 and file[name].dtype.kind in "iu"]
        if len(some) != 1:
            choice = ", ".join(some or found)[:300] or "none"
            raise ConfigError(f"{path}: microstructure.labels.dataset must name one of {choice}")
        dataset = some[0]
    if not isinstance(file.get(dataset), h5py.Dataset):
        raise ConfigError(f"{path}: has no dataset {dataset!r}; it has {', '.join(found)[:300]}")
    label = _integers(path, file[dataset][()])
    voxel, home = _image_geometry(file[dataset].parent)
    orientation = None
    if home is not None:
        orientation = _feature_orientations(home)
        axes = axes or "zyx"
    return Volume(_turned(label, axes or "xyz"), voxel, orientation)


def _image_geometry(group: h5py.Group) -> tuple[Floats | None, h5py.Group | None]:
    """Size of a voxel that the image geometry above a dataset tells, and that geometry's group."""
    while True:
        if "_SIMPL_GEOMETRY/SPACING" in group:
            return np.array(group["_SIMPL_GEOMETRY/SPACING"][()], float).ravel()[:3], group
        if "_SPACING" in group.attrs:
            return np.array(group.attrs["_SPACING"], float).ravel()[:3], group
        if group.name == "/":
            return None, None
        group = group.parent


def _feature_orientations(home: h5py.Group) -> dict[int, Floats] | None:
    """Mean orientations of the features in a file of DREAM.3D, by their number; the first stands for none.

    Euler angles are Bunge's in radians. Quaternions x, y, z, w are those of the passive rotation.
    """
    found: dict[str, h5py.Dataset] = {}

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim == 2:
            found.setdefault(name.rsplit("/", 1)[-1], item)

    home.visititems(visit)
    if "AvgEulerAngles" in found:
        angles = np.degrees(found["AvgEulerAngles"][1:].astype(float))
        matrices = to_matrices(angles, "bunge_euler", "active")
    elif "AvgQuats" in found:
        value = np.roll(found["AvgQuats"][1:].astype(float), 1, axis=1)
        matrices = to_matrices(value, "quaternion", "passive")
    else:
        return None
    return dict(enumerate(matrices, start=1))


def _raster(path: Path, data: bytes, dataset: str, axes: str | None) -> Volume:
    return read_tesr(path, data)


_READERS: Final[dict[str, Callable[[Path, bytes, str, str | None], Volume]]] = {
    ".npy": _npy, ".tif": _tiff, ".tiff": _tiff, ".h5": _hdf5, ".hdf5": _hdf5, ".dream3d": _hdf5,
    ".tesr": _raster,
}  # fmt: skip
