"""From the configuration to the microstructure of labelled voxels, once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from latticecell.arrays import Floats
from latticecell.config import Config, Geometry, Labels
from latticecell.errors import ConfigError
from latticecell.imports.cleaning import KEY, clean, told
from latticecell.imports.files import file_digest, read_orientations, read_volume
from latticecell.imports.microstructure import LabelledMicrostructure, from_grains
from latticecell.imports.volume import Volume


def labelled(config: Config) -> LabelledMicrostructure:
    """Return the microstructure of a configuration with ``microstructure.labels``; it is read once.

    Raises
    ------
    ConfigError
        If files cannot be read, or what they hold cannot be meshed.
    """
    labels = config.microstructure.labels
    assert labels is not None
    stamp = tuple(_stamp(name) for name in (labels.file, labels.orientations) if name)
    return _labelled(labels, config.geometry.separator, config.microstructure.seed, stamp)


def settled(config: Config) -> Config:
    """Note the digests of the files, the volume of the particles and the size of the cell.

    A run goes on without the files then.
    """
    labels = config.microstructure.labels
    if labels is None or (labels.sha256 and labels.particle_volume is not None):
        return config
    micro = labelled(config)
    voxels, table = _digests(labels)
    volume = float(micro.volume_p.sum())
    about = {"sha256": voxels, "orientations_sha256": table, "particle_volume": volume}
    noted = labels.model_copy(update=about)
    own = config.microstructure.model_copy(update={"labels": noted})
    cell = {"width": float(micro.box_c[0]), "cathode": micro.interface_z}
    box = config.geometry.model_copy(update=cell)
    return config.model_copy(update={"microstructure": own, "geometry": box})


def by_content(config: Config) -> Config:
    """Name files of labels and orientations by what they hold, and leave out what only follows from that.

    So two configurations agree if and only if their cells do, wherever the files are.

    Raises
    ------
    ConfigError
        If a file whose digest was not noted cannot be read.
    """
    labels = config.microstructure.labels
    if labels is None:
        return config
    voxels, table = _digests(labels)
    names = {"file": f"{voxels}{Path(labels.file).suffix.lower()}", "orientations": table}
    blank = {"sha256": None, "orientations_sha256": None, "particle_volume": None}
    own = config.microstructure.model_copy(update={"labels": labels.model_copy(update=names | blank)})
    plain = Geometry()
    cell = {"width": plain.width, "cathode": plain.cathode, "particles": plain.particles}  # not used
    box = config.geometry.model_copy(update=cell)
    return config.model_copy(update={"microstructure": own, "geometry": box})


def _digests(labels: Labels) -> tuple[str, str | None]:
    """Digests of the file of voxels and of the table of orientations, as noted or else as read."""
    table = labels.orientations_sha256
    if labels.orientations and not table:
        table = file_digest(Path(labels.orientations))
    return labels.sha256 or file_digest(Path(labels.file)), table


def _stamp(name: str) -> tuple[str, int, int]:
    try:
        about = Path(name).stat()
    except OSError:
        return name, 0, 0
    return name, about.st_mtime_ns, about.st_size


@lru_cache(maxsize=2)
def _labelled(
    labels: Labels, separator: float, seed: int, stamp: tuple[tuple[str, int, int], ...]
) -> LabelledMicrostructure:
    size = None if labels.voxel_size is None else np.array(labels.voxel_size)
    unit = labels.unit
    volume, digest = read_volume(
        Path(labels.file),
        dataset=labels.dataset,
        axes=labels.axes,
        voxel=None if size is None else size / unit,
    )
    if labels.sha256 and labels.sha256 != digest:
        raise ConfigError(f"{KEY}.file = {labels.file!r}: is not the file with the digest {labels.sha256}")
    if size is None or Path(labels.file).suffix.lower() == ".tess":
        size = None if volume.voxel is None else volume.voxel * unit
    if size is None:
        raise ConfigError(f"{KEY}.voxel_size_um: is required; {labels.file} does not tell it")
    if not (np.isfinite(size).all() and (size >= 1e-10).all()):
        raise ConfigError(f"{KEY}.voxel_size_um = {(size * 1e6).tolist()}: must be at least 1e-4 um")
    grains = clean(
        volume.label, size, ecbd=labels.ecbd, pores=labels.pores, fill_pores=labels.closed_pores == "fill",
        periodic=labels.periodic, margin=labels.margin, smallest=labels.smallest, sigma=labels.smoothing,
    )  # fmt: skip
    rotation = _rotations(labels, volume, grains.source_g, seed)
    micro = from_grains(
        grains, volume.label, size, rotation, separator=separator, sigma=labels.smoothing,
        planar=labels.boundaries != "smooth", seed=seed,
    )  # fmt: skip
    if labels.boundaries == "planar" and not len(micro.cell_gc):
        raise ConfigError(f'{KEY}.boundaries = "planar": {micro.notes[-1]}')
    return micro


def _rotations(labels: Labels, volume: Volume, source_g: np.ndarray, seed: int) -> Floats:
    """Orientation of each grain: from the table, else from the file, else drawn."""
    table = volume.orientation
    if labels.orientations:
        assert labels.convention is not None and labels.sense is not None
        path, wanted = Path(labels.orientations), labels.orientations_sha256
        if wanted and wanted != file_digest(path):
            raise ConfigError(f"{KEY}.orientations = {str(path)!r}: is not the file with the digest {wanted}")
        table = read_orientations(path, labels.convention, labels.sense)
    if table is None:
        if labels.random_orientations:
            drawn = Rotation.random(len(np.unique(source_g)), rng=np.random.default_rng(seed)).as_matrix()
            return drawn[np.unique(source_g, return_inverse=True)[1]]
        how = "random_orientations = true draws them"
        raise ConfigError(f"{KEY}.orientations: is required, {labels.file} holds none; {how}")
    missing = sorted({int(label) for label in source_g} - set(table))
    if missing:
        raise ConfigError(f"{KEY}.orientations: has no orientation of the labels {told(missing)}")
    return np.array([table[int(label)] for label in source_g])
