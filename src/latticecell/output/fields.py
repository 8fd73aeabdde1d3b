"""Snapshots of the fields: ``fields.h5`` in the VTKHDF layout, which ParaView opens as it is.

The group ``/VTKHDF`` follows the VTKHDF 2.0 specification of a temporal ``UnstructuredGrid`` with a static
mesh. Two groups beside it are for our own reader: ``/bonds`` (grain boundaries and interfaces, which have no
volume) and ``/nodes`` (the map from points back to nodes, the mean strain).

Tets cross the periodic sides, so a point of the file is a pair (node, periodic image) and no tet spans the
box. Axes of names: ``p`` point, and those of `latticecell.network`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from latticecell.errors import ConfigError
from latticecell.network import Floats, Ints, Network, unwrap_corners
from latticecell.state import State

UM: Final = 1e6
NM: Final = 1e9
VTK_TETRA: Final = 10
CHUNK_ROWS: Final = 1 << 16
# deflate, because the HDF5 inside VTK has no lzf
PACKED: Final[dict[str, Any]] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
DISPLACEMENT: Final = "displacement_um"
GROUPS: Final = {"n": "VTKHDF/PointData", "t": "VTKHDF/CellData", "b": "bonds/steps"}
OFFSETS: Final = {"n": "VTKHDF/Steps/PointDataOffsets", "t": "VTKHDF/Steps/CellDataOffsets"}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield ``path`` + ``.part`` to write; it replaces ``path`` in one step if the block succeeds.

    At every instant ``path`` is the complete old file or the complete new one, whatever is raised or killed.
    """
    part = path.with_name(path.name + ".part")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)  # noqa: PTH105  (the call that makes the promise, kept in sight)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@dataclass(frozen=True, slots=True)
class OutputMesh:
    """The network as the file shows it.

    Attributes
    ----------
    x_pc : (n_points, 3) float64
        Positions [m]; x and y may lie outside the box by up to one tet.
    node_p : (n_points,) int32
        Node of each point.
    tet_tp : (n_tets, 4) int32
        Points of each tet.
    facet_fac : (n_facets, 3, 3) float64
        Corner positions of each interface triangle [m].
    """

    x_pc: Floats
    node_p: Ints
    tet_tp: Ints
    facet_fac: Floats

    @classmethod
    def of(cls, network: Network) -> OutputMesh:
        """Lay out ``network``: each tet and facet sits where its centroid is inside the box."""
        x_tac = _centred(network.unwrapped_tac(), network.box_c)
        period = network.box_c[:2]
        home = network.x_nc[network.tet_tn]
        image = np.round((x_tac[:, :, :2] - home[:, :, :2]) / period).astype(np.int64)  # -1, 0 or 1
        key = (network.tet_tn.astype(np.int64) * 3 + image[:, :, 0] + 1) * 3 + image[:, :, 1] + 1
        pair, tet_tp = np.unique(key, return_inverse=True)
        node_p = (pair // 9).astype(np.int32)
        x_pc = network.x_nc[node_p]
        x_pc[:, 0] += (pair // 3 % 3 - 1) * period[0]
        x_pc[:, 1] += (pair % 3 - 1) * period[1]
        sites = network.site_n[network.bond_bn[network.facet_fb, 0]]
        facet_fac = _centred(unwrap_corners(network.x_kc, sites, network.box_c), network.box_c)
        return cls(x_pc, node_p, tet_tp.reshape(-1, 4).astype(np.int32), facet_fac)


def _centred(x_xac: Floats, box_c: Floats) -> Floats:
    """Shift each simplex by whole periods until its centroid is inside the box."""
    period = box_c[:2]
    x_xac[:, :, :2] -= period * np.floor(x_xac[:, :, :2].mean(axis=1) / period)[:, None]
    return x_xac


def state_fields(state: State) -> dict[str, Floats]:
    """Return the fields that every snapshot holds, in the units of their names.

    ``displacement_um_n`` is the periodic part; `append_snapshot` adds the mean strain.
    """
    return {
        f"{DISPLACEMENT}_n": UM * state.u_nc,
        "stoichiometry_n": state.stoich_n,
        "phi_s_V_n": state.phi_s_n,
        "phi_l_V_n": state.phi_l_n,
        "gap_nm_b": NM * state.gap_b,
        "current_A_per_m2_b": state.current_b,
    }


def append_snapshot(
    path: Path, network: Network, mesh: OutputMesh, state: State, fields: Mapping[str, NDArray], time: float
) -> None:
    """Add one snapshot to the file at ``path``, or make the file, by atomic replacement.

    Parameters
    ----------
    fields : mapping of str to array
        Fields beside (or instead of) those of `state_fields`. A key is the name with its unit, then the axis
        ``_n``, ``_t`` or ``_b``: ``"von_mises_GPa_t"`` is stored as cell data ``von_mises_GPa``. Nodal arrays
        are (n_nodes,) or (n_nodes, components), the others (n_tets,) or (n_bonds,). Stored as float32.
    time : float
        Simulated time [s].

    Raises
    ------
    ValueError
        If a name has no axis, a shape does not fit, or the names differ from those of earlier snapshots.
    """
    sizes = {"n": network.n_nodes, "t": network.n_tets, "b": network.n_bonds}
    named: dict[tuple[str, str], NDArray] = {}
    for key, value in {**state_fields(state), **fields}.items():
        name, _, axis = key.rpartition("_")
        if not name or axis not in sizes:
            raise ValueError(f"field {key!r}: the name must end in _n, _t or _b")
        array = np.asarray(value, dtype=float)
        if array.shape[:1] != (sizes[axis],) or array.ndim > (2 if axis == "n" else 1):
            raise ValueError(f"field {key!r}: shape {array.shape} does not fit {sizes[axis]} values")
        if axis == "n":
            array = array[mesh.node_p]
        if (axis, name) == ("n", DISPLACEMENT):
            array[:, :2] += UM * state.strain_c * mesh.x_pc[:, :2]
        named[axis, name] = array.astype(np.float32)

    with replacing(path) as part:
        if path.exists():
            shutil.copyfile(path, part)
        else:
            _create(part, network, mesh, named)
        with h5py.File(part, "r+") as file:
            stored = {(axis, name) for axis, group in GROUPS.items() for name in file[group]}
            if odd := sorted(name for _, name in stored ^ {*named, ("t", "domain")}):
                raise ValueError(f"fields differ from those of the earlier snapshots: {', '.join(odd)}")
            _append(file, named, state, time)


def truncate_snapshots(path: Path, count: int) -> None:
    """Keep the first ``count`` snapshots of the file at ``path``, by atomic replacement.

    Raises
    ------
    ConfigError
        If the file is unreadable or holds fewer.
    """
    present = count_snapshots(path)
    if present < count:
        raise ConfigError(f"{path}: holds {present} snapshots, the checkpoint knows {count}")
    if count == 0:
        path.unlink(missing_ok=True)
    if present == count or count == 0:
        return
    with replacing(path) as part:
        shutil.copyfile(path, part)
        with h5py.File(part, "r+") as file:
            for axis, group in GROUPS.items():
                for name, data in file[group].items():
                    if (axis, name) == ("t", "domain"):
                        continue
                    data.resize(count * (len(data) // present), axis=0)
            for data in _per_step(file):
                data.resize(count, axis=0)
            file["VTKHDF/Steps"].attrs["NSteps"] = np.int64(count)


def count_snapshots(path: Path) -> int:
    """Return the number of snapshots in the file at ``path``, 0 if there is no file."""
    try:
        with h5py.File(path, "r") as file:
            return int(file["VTKHDF/Steps"].attrs["NSteps"])
    except FileNotFoundError:
        return 0
    except (OSError, KeyError) as error:
        raise ConfigError(f"{path}: is not a file of fields ({error})") from None


def _per_step(file: h5py.File) -> list[h5py.Dataset]:
    """All datasets with one row per snapshot, bond fields excepted."""
    found = [file["nodes/strain_c"]]
    for item in file["VTKHDF/Steps"].values():
        found += item.values() if isinstance(item, h5py.Group) else [item]
    return found


def _create(path: Path, network: Network, mesh: OutputMesh, named: Mapping[tuple[str, str], NDArray]) -> None:
    """Write the static part and empty, growable datasets."""
    n_points, n_tets = len(mesh.x_pc), len(mesh.tet_tp)
    with h5py.File(path, "w") as file:
        root = file.create_group("VTKHDF")
        root.attrs["Version"] = np.array([2, 0], np.int64)
        kind = b"UnstructuredGrid"  # VTK wants a fixed-length ASCII string
        root.attrs.create("Type", kind, dtype=h5py.string_dtype("ascii", len(kind)))
        for name, count in (("Points", n_points), ("Cells", n_tets), ("ConnectivityIds", 4 * n_tets)):
            root[f"NumberOf{name}"] = np.array([count], np.int64)
        points = root.create_dataset("Points", data=UM * mesh.x_pc, **PACKED)
        points.attrs["unit"] = "um"
        root.create_dataset("Connectivity", data=mesh.tet_tp.ravel().astype(np.int64), **PACKED)
        root.create_dataset("Offsets", data=4 * np.arange(n_tets + 1, dtype=np.int64), **PACKED)
        root.create_dataset("Types", data=np.full(n_tets, VTK_TETRA, np.uint8), **PACKED)
        root.create_dataset("CellData/domain", data=network.domain_t, **PACKED)
        steps = root.create_group("Steps")
        steps.attrs["NSteps"] = np.int64(0)
        _growable(steps, "Values", (), np.float64)
        for name in ("NumberOfParts", "PartOffsets", "PointOffsets"):
            _growable(steps, name, (), np.int64)
        for name in ("CellOffsets", "ConnectivityIdOffsets"):
            _growable(steps, name, (1,), np.int64)
        for (axis, name), array in named.items():
            if axis == "b":
                _growable(file.require_group(GROUPS[axis]), name, array.shape, np.float32, packed=True)
                continue
            rows = -(-len(array) // -(-len(array) // CHUNK_ROWS))  # a snapshot fills whole chunks
            group = file.require_group(GROUPS[axis])
            _growable(group, name, array.shape[1:], np.float32, rows=rows, packed=True)
            _growable(file.require_group(OFFSETS[axis]), name, (), np.int64)
        _growable(file.require_group(OFFSETS["t"]), "domain", (), np.int64)

        bonds = file.require_group("bonds")
        bonds.require_group("steps")
        for name in ("facet_fb", "kind_b", "bond_bn", "normal_bc"):
            bonds[name] = getattr(network, name)
        bonds["area_f"] = UM**2 * network.area_f
        bonds["area_f"].attrs["unit"] = "um2"
        bonds["facet_fac"] = UM * mesh.facet_fac
        bonds["facet_fac"].attrs["unit"] = "um"
        nodes = file.create_group("nodes")
        nodes["node_p"] = mesh.node_p
        nodes["box_c"] = UM * network.box_c
        nodes["box_c"].attrs["unit"] = "um"
        nodes.attrs["n_nodes"] = network.n_nodes
        nodes.attrs["n_grains"] = network.n_grains
        _growable(nodes, "strain_c", (2,), np.float64)


def _growable(
    group: h5py.Group, name: str, inner: tuple[int, ...], dtype: Any, *, rows: int = 1, packed: bool = False
) -> None:
    """Make an empty dataset that grows along its first axis."""
    chunk = (rows, *(min(max(n, 1), CHUNK_ROWS) for n in inner))
    maximum = (None, *(n or None for n in inner))  # no chunk fits a fixed axis of length 0 (no bonds)
    packing = PACKED if packed else {}
    group.create_dataset(name, (0, *inner), dtype, maxshape=maximum, chunks=chunk, **packing)


def _append(file: h5py.File, named: Mapping[tuple[str, str], NDArray], state: State, time: float) -> None:
    steps = file["VTKHDF/Steps"]
    step = int(steps.attrs["NSteps"])
    for data in _per_step(file):
        data.resize(step + 1, axis=0)
    # the offsets of the static mesh and of "domain" stay at the fill value 0
    steps["Values"][step] = time
    steps["NumberOfParts"][step] = 1
    file["nodes/strain_c"][step] = state.strain_c
    for (axis, name), array in named.items():
        data = file[GROUPS[axis]][name]
        if axis == "b":
            data.resize(step + 1, axis=0)
            data[step] = array
            continue
        start = step * len(array)
        data.resize(start + len(array), axis=0)
        data[start:] = array
        file[OFFSETS[axis]][name][step] = start
    steps.attrs["NSteps"] = np.int64(step + 1)


class FieldReader:
    """Reader of ``fields.h5``; opens the file for each request, so a growing file may be watched.

    Attributes
    ----------
    points : (n_points, 3) float64
        Positions [um].
    tets : (n_tets, 4) int64
        Points of each tet.
    domain : (n_tets,) int32
        Grain, or ``n_grains`` (ECBD), or ``n_grains + 1`` (ED).
    node_of_point : (n_points,) int32
        Node of each point.
    facets : (n_facets, 3) int32
        Bonds at the corners of each interface triangle.
    facet_points : (n_facets, 3, 3) float64
        Corner positions [um].
    facet_area : (n_facets,) float64
        Areas [um2].
    bond_kind, bond_nodes, bond_normal : arrays
        ``kind_b``, ``bond_bn`` and ``normal_bc`` of the network.
    box : (3,) float64
        Edge lengths [um].
    n_nodes, n_grains : int
        Counts of the network.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if count_snapshots(self.path) == 0:
            raise ConfigError(f"{self.path}: holds no fields")
        with h5py.File(self.path, "r") as file:
            root, bonds, nodes = file["VTKHDF"], file["bonds"], file["nodes"]
            self.points: Floats = root["Points"][:]
            self.tets: NDArray[np.int64] = root["Connectivity"][:].reshape(-1, 4)
            self.domain: Ints = root["CellData/domain"][:]
            self.node_of_point: Ints = nodes["node_p"][:]
            self.facets: Ints = bonds["facet_fb"][:]
            self.facet_points: Floats = bonds["facet_fac"][:]
            self.facet_area: Floats = bonds["area_f"][:]
            self.bond_kind: NDArray[np.uint8] = bonds["kind_b"][:]
            self.bond_nodes: Ints = bonds["bond_bn"][:]
            self.bond_normal: Floats = bonds["normal_bc"][:]
            self.box: Floats = nodes["box_c"][:]
            self.n_nodes = int(nodes.attrs["n_nodes"])
            self.n_grains = int(nodes.attrs["n_grains"])

    @property
    def times(self) -> Floats:
        """Times of the snapshots, (n_steps,) [s]."""
        with h5py.File(self.path, "r") as file:
            return file["VTKHDF/Steps/Values"][:]

    @property
    def names(self) -> dict[str, list[str]]:
        """Names of the fields by axis: ``"n"`` node, ``"t"`` tet, ``"b"`` bond."""
        with h5py.File(self.path, "r") as file:
            return {
                axis: [name for name in file[group] if name != "domain"] for axis, group in GROUPS.items()
            }

    def point(self, name: str, step: int) -> NDArray[np.float32]:
        """Return a nodal field at the points, (n_points,) or (n_points, components)."""
        return self._get("n", name, step)

    def node(self, name: str, step: int) -> NDArray[np.float32]:
        """Return a nodal field at the nodes, (n_nodes,) or (n_nodes, components).

        ``displacement_um`` is its periodic part here: the displacement at a position x is that plus
        ``strain(step)`` times x along x and y.
        """
        value = self._get("n", name, step)
        if name == DISPLACEMENT:
            value[:, :2] -= (self.strain(step) * self.points[:, :2]).astype(np.float32)
        result = np.zeros((self.n_nodes, *value.shape[1:]), np.float32)
        result[self.node_of_point] = value
        return result

    def tet(self, name: str, step: int) -> NDArray[np.float32]:
        """Return a field per tet, (n_tets,)."""
        return self._get("t", name, step)

    def bond(self, name: str, step: int) -> NDArray[np.float32]:
        """Return a field per bond, (n_bonds,)."""
        return self._get("b", name, step)

    def strain(self, step: int) -> Floats:
        """Return the mean lateral strain, (2,) [1]."""
        with h5py.File(self.path, "r") as file:
            return file["nodes/strain_c"][self._index(file, step)]

    def _index(self, file: h5py.File, step: int) -> int:
        count = int(file["VTKHDF/Steps"].attrs["NSteps"])
        if not -count <= step < count:
            raise IndexError(f"step {step}: there are {count} snapshots")
        return step % count

    def _get(self, axis: str, name: str, step: int) -> NDArray[np.float32]:
        with h5py.File(self.path, "r") as file:
            group, index = file[GROUPS[axis]], self._index(file, step)
            if name not in group or name == "domain":
                known = ", ".join(n for n in group if n != "domain")
                raise KeyError(f"{name}: no such field on axis {axis!r}; known: {known}")
            if axis == "b":
                return group[name][index]
            start = int(file[OFFSETS[axis]][name][index])
            size = len(self.points) if axis == "n" else len(self.tets)
            return group[name][start : start + size]
