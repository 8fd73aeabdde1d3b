"""How well a network agrees with the labelled voxels that it was made from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latticecell._kernels.voxels import fill_cells
from latticecell.arrays import Floats, Ints
from latticecell.imports.microstructure import LabelledMicrostructure
from latticecell.network import Network
from latticecell.orientations import angle_between, from_matrices, to_matrices
from latticecell.quality import Row, grain_pieces, tet_quality

DIRECTIONS: Final = np.array(
    [(i, j, k) for i in (0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1) if (i, j, k) > (0, 0, 0)]
)
"""Steps to half of the 26 neighbours of a voxel."""
LEAST_FACES: Final = 4
"""Faces of voxels from which on two grains count as touching."""


@dataclass(frozen=True)
class Agreement:
    """A network against the voxels of its file; areas in m2, volumes in m3, angles in degrees.

    Attributes
    ----------
    sites, tets : int
    tet_quality_min : float
        Worst ``3 r_in / R_circ``.
    grains, lost_grains, split_grains : int
        Grains wanted; those without a tet; those whose tets are not connected.
    particles : int
    voxels_right : float
        Share of the voxels in particles, of the file or the network, that lie in the grain of their label.
    particle_volume, particle_volume_file : float
        Of the network, and of all voxels of the file that are grains.
    volume_error_median, volume_error_largest : float
        Relative errors of the volumes of grains, without sign.
    gb_area, gb_area_file, surface, surface_file : float
        Area between grains, and between grains and the ECBD. Those of voxels are estimated from the changes
        of the label along 13 directions (Crofton), to 1 to 2 %.
    area_error_median, area_error_largest : float
        Relative errors of the whole surfaces of grains, without sign.
    contacts, contacts_lost, contacts_found : int
        Pairs of labels that touch in the file by at least four faces of voxels; those that do not touch in
        the network; and those that touch there only.
    orientation_error : float
        Largest angle between an orientation and what comes back from its numbers.
    planar_fit : float
        Share of the voxels in the Laguerre cell of their grain, NaN if not tried.
    planar : bool
        Whether boundaries are planes.
    grain_rows : list of dict
        For each label: volumes and surfaces of the network and of the file [um3, um2].
    notes : tuple of str
        What was changed to make the voxels into grains.
    """

    sites: int
    tets: int
    tet_quality_min: float
    grains: int
    lost_grains: int
    split_grains: int
    particles: int
    voxels_right: float
    particle_volume: float
    particle_volume_file: float
    volume_error_median: float
    volume_error_largest: float
    gb_area: float
    gb_area_file: float
    surface: float
    surface_file: float
    area_error_median: float
    area_error_largest: float
    contacts: int
    contacts_lost: int
    contacts_found: int
    orientation_error: float
    planar_fit: float
    planar: bool
    grain_rows: list[dict[str, float]]
    notes: tuple[str, ...]

    def rows(self) -> list[Row]:
        """Name, value, value of the file and relative error for a table."""
        um2, um3 = 1e12, 1e18
        return [
            ("sites", self.sites, None, None),
            ("tets", self.tets, None, None),
            ("worst tet quality", self.tet_quality_min, None, None),
            ("particles", self.particles, None, None),
            _row("grains", self.grains - self.lost_grains, self.grains),
            ("grains in pieces", self.split_grains, None, None),
            ("voxels in the grain of their label", self.voxels_right, None, None),
            _row("particle volume [um3]", self.particle_volume * um3, self.particle_volume_file * um3),
            ("error of a grain's volume, median", self.volume_error_median, None, None),
            ("error of a grain's volume, largest", self.volume_error_largest, None, None),
            _row("grain-boundary area [um2]", self.gb_area * um2, self.gb_area_file * um2),
            _row("particle surface [um2]", self.surface * um2, self.surface_file * um2),
            ("error of a grain's surface, median", self.area_error_median, None, None),
            ("error of a grain's surface, largest", self.area_error_largest, None, None),
            ("contacts of grains", self.contacts, None, None),
            ("contacts lost", self.contacts_lost, None, None),
            ("contacts found", self.contacts_found, None, None),
            ("orientations, largest change [degrees]", self.orientation_error, None, None),
            ("voxels that planar boundaries fit", self.planar_fit, None, None),
        ]

    def record(self) -> dict[str, Any]:
        """Return plain data for ``run.json``; what is not a number is None."""
        found = asdict(self)
        found["notes"] = list(self.notes)
        return {key: None if isinstance(v, float) and not np.isfinite(v) else v for key, v in found.items()}


def agreement(network: Network, micro: LabelledMicrostructure) -> Agreement:
    """Compare a network with the file of its microstructure; pieces of a label count as the label."""
    label, names = _in_file(network, micro)
    raw = _numbered(micro.raw_xyz, names)
    n = len(names)
    inside = (raw < n) | (label < n)
    voxel = float(np.prod(micro.voxel_c))
    number_g = np.searchsorted(names, micro.source_g)
    medium_t = np.append(number_g, [n, n])[network.domain_t]
    volume = np.bincount(medium_t, network.volume_t, n + 1)[:n]
    volume_file = np.bincount(raw.ravel(), minlength=n + 1)[:n] * voxel
    between, between_file = _areas(network, number_g, n), _areas_of_voxels(raw, micro.voxel_c, n)
    surface, surface_file = between.sum(axis=1)[:n], between_file.sum(axis=1)[:n]
    touch = np.triu(between[:n, :n], 1) > 0
    faces = np.triu(_faces(raw, n)[:n, :n], 1)
    pieces = grain_pieces(network.site_n[network.tet_tn], network.domain_t, network.n_grains)
    dv, ds = np.abs(volume / volume_file - 1), np.abs(surface / np.maximum(surface_file, 1e-300) - 1)
    back = to_matrices(
        from_matrices(network.rotation_gcc, "bunge_euler", "passive"), "bunge_euler", "passive"
    )
    rows = [
        {
            "label": int(name), "volume_um3": v * 1e18, "volume_file_um3": w * 1e18, "surface_um2": a * 1e12,
            "surface_file_um2": b * 1e12,
        }
        for name, v, w, a, b in zip(names, volume, volume_file, surface, surface_file, strict=True)
    ]  # fmt: skip
    return Agreement(
        sites=network.n_sites,
        tets=network.n_tets,
        tet_quality_min=float(tet_quality(network.unwrapped_tac()).min()),
        grains=network.n_grains,
        lost_grains=int((pieces == 0).sum()),
        split_grains=int((pieces > 1).sum()),
        particles=network.n_particles,
        voxels_right=float((label == raw)[inside].mean()),
        particle_volume=float(volume.sum()),
        particle_volume_file=float(volume_file.sum()),
        volume_error_median=float(np.median(dv)),
        volume_error_largest=float(dv.max()),
        gb_area=float(np.triu(between[:n, :n], 1).sum()),
        gb_area_file=float(np.triu(between_file[:n, :n], 1).sum()),
        surface=float(between[:n, n].sum()),
        surface_file=float(between_file[:n, n].sum()),
        area_error_median=float(np.median(ds)),
        area_error_largest=float(ds.max()),
        contacts=int((faces >= LEAST_FACES).sum()),
        contacts_lost=int(((faces >= LEAST_FACES) & ~touch).sum()),
        contacts_found=int((touch & (faces == 0)).sum()),
        orientation_error=float(angle_between(network.rotation_gcc, back).max()),
        planar_fit=float(np.min(micro.fit_p)),
        planar=bool(len(micro.cell_gc)),
        grain_rows=rows,
        notes=micro.notes,
    )


def _in_file(network: Network, micro: LabelledMicrostructure) -> tuple[Ints, NDArray[np.int64]]:
    """Label of the network at the centres of the file's voxels, and the labels of its grains, ascending."""
    out = np.full(micro.label_xyz.shape, network.ecbd, np.int32)
    x = np.ascontiguousarray(network.unwrapped_tac())
    fill_cells(
        x, np.ascontiguousarray(network.domain_t, np.int32), np.ascontiguousarray(micro.voxel_c), out=out
    )
    names = np.unique(micro.source_g)
    number = np.append(np.searchsorted(names, micro.source_g), [len(names)] * 2)
    ends = micro.offset_c + micro.raw_xyz.shape
    own = tuple(slice(a, b) for a, b in zip(micro.offset_c, ends, strict=True))
    return number[out[own]].astype(np.int32), names


def _numbered(raw: NDArray, names: NDArray[np.int64]) -> Ints:
    """Position of each label among the grains' labels; their number where it is none of them."""
    at = np.minimum(np.searchsorted(names, raw), len(names) - 1)
    return np.where(names[at] == raw, at, len(names)).astype(np.int32)


def _areas(network: Network, number_g: NDArray, n: int) -> Floats:
    """Area between the labels of a network, (n + 1, n + 1), symmetric; the last is the ECBD."""
    number = np.append(number_g, n)
    a, b = (number[network.domain_n[network.bond_bn[:, side]]] for side in (0, 1))
    area = np.zeros((n + 1, n + 1))
    np.add.at(area, (a, b), network.area_b)
    area = area + area.T
    np.fill_diagonal(area, 0)
    return area


def _areas_of_voxels(label: Ints, voxel: Floats, n: int) -> Floats:
    """Area between the labels of voxels, (n + 1, n + 1), from the changes of the label along 13 directions.

    Lines of all directions cross a surface of density S half S times per length (Crofton); each direction
    stands for the part of the sphere nearest to it (Legland et al., Image Anal. Stereol. 26 (2007) 83).
    """
    step = DIRECTIONS * voxel
    length = np.linalg.norm(step, axis=1)
    u = np.random.default_rng(0).normal(size=(20_000, 3))
    share = np.bincount(np.abs(u @ (step / length[:, None]).T).argmax(axis=1), minlength=len(step)) / len(u)
    area = np.zeros((n + 1, n + 1))
    wide = np.pad(label, 2, constant_values=n)
    for d, weight, size in zip(DIRECTIONS, share, length, strict=True):
        # what a step misses because it crosses twice grows with its length: extrapolate to none
        once = 2 * _changes(wide, d, n) - 0.5 * _changes(wide, 2 * d, n)
        area += once * (2 * weight * float(np.prod(voxel)) / size)
    return np.maximum(area, 0.0)


def _faces(label: Ints, n: int) -> Floats:
    """Number of faces of voxels between labels, (n + 1, n + 1), symmetric."""
    return sum((_changes(label, d, n) for d in np.eye(3, dtype=int)), np.zeros((n + 1, n + 1)))


def _changes(label: Ints, step: NDArray, n: int) -> Floats:
    """Count pairs of different labels one step apart, (n + 1, n + 1), symmetric."""
    a = label[tuple(slice(max(-s, 0), size - max(s, 0)) for s, size in zip(step, label.shape, strict=True))]
    b = label[tuple(slice(max(s, 0), size - max(-s, 0)) for s, size in zip(step, label.shape, strict=True))]
    differ = a != b
    flat = np.bincount(a[differ].astype(np.int64) * (n + 1) + b[differ], minlength=(n + 1) ** 2)
    count = flat.reshape(n + 1, n + 1).astype(float)
    return count + count.T


def _row(name: str, value: float, exact: float) -> Row:
    return name, value, exact, value / exact - 1 if exact else float(value != exact)
