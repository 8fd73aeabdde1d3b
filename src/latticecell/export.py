"""Write a run in other programs' formats: VTK XML for ParaView, CSV for tables, NPZ for NumPy.

``vtu``
    ``tets_0000.vtu``, ... hold the undeformed mesh with all nodal and tet fields, one file for each snapshot;
    ``facets_0000.vtp``, ... hold the triangles of grain boundaries and particle surface. Open ``tets.pvd``
    and ``facets.pvd``, which list them with their times [s]. Points of a facet are its own, so bond fields
    jump between facets as they do in the model; ``displacement_um`` is the mean of the two sides.
``csv``
    ``history.csv`` as the run wrote it, ``snapshots.csv`` (number, time, cycle, step, kind, voltage), and
    for each snapshot ``nodes_0000.csv`` (node, domain, position, fields), ``tets_0000.csv`` (tet, domain,
    centroid, volume, fields) and ``bonds_0000.csv`` (bond, kind, position, normal, area, fields).
``npz``
    One file, ``run.npz``: the mesh, each field of all snapshots stacked along its first axis (shape of
    ``stoichiometry_n``: snapshots, nodes), the history as ``history_COLUMN``, and ``config_toml`` and
    ``run_json`` as text. Nothing in it needs pickle.

Lengths are in um, other units are in the names. ``domain`` is the grain, or ``n_grains`` (ECBD), or
``n_grains + 1`` (ED); ``kind`` of a bond is 0 in a grain boundary, 1 in the particle surface.
"""

from __future__ import annotations

import base64
import json
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final
from xml.sax.saxutils import quoteattr

import numpy as np
import typer
from numpy.typing import NDArray

from latticecell.errors import ConfigError
from latticecell.output.fields import DISPLACEMENT, VTK_TETRA, FieldReader
from latticecell.output.rundir import HISTORY, RunDirectory
from latticecell.reader import resolved_toml

Floats = NDArray[np.float64]
Arrays = Mapping[str, NDArray]

BLOCK_BYTES: Final = 1 << 15
VTK_TYPES: Final = {"f4": "Float32", "f8": "Float64", "i4": "Int32", "i8": "Int64", "u1": "UInt8"}
STATIC: Final = ("points", "tets", "domain", "node_of_point", "facets", "facet_points", "facet_area",
                 "bond_kind", "bond_nodes", "bond_normal", "box")  # fmt: skip


def export_command(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    form: Annotated[str, typer.Option("--format", "-f", help="vtu, csv or npz.")] = "vtu",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Directory to write to; default: RUN/FORMAT.")
    ] = None,
) -> None:
    """Export mesh, fields, cracks and history for ParaView (vtu), tables (csv) or NumPy (npz)."""
    written = export_run(path, form, out)
    typer.echo(f"wrote {len(written)} files to {written[0].parent}")


def export_run(path: str | Path, form: str, out: str | Path | None = None) -> list[Path]:
    """Write a run in another format and return the files, the one to open first.

    Parameters
    ----------
    path : path
        Run directory.
    form : {"vtu", "csv", "npz"}
        See the module.
    out : path, optional
        Directory, made if needed; files of the same names are replaced. Default: a directory named after the
        format inside the run directory.

    Raises
    ------
    ConfigError
        If there is no run, no snapshot or no such format, or the directory cannot be written to.
    """
    if form not in WRITERS:
        near = get_close_matches(form, WRITERS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"format {form!r}: must be one of {', '.join(WRITERS)}{hint}")
    run = RunDirectory.open(path)
    reader = run.fields()
    target = Path(out) if out is not None else run.path / form
    if target.resolve() == run.path.resolve():
        raise ConfigError(f"{target}: is the run directory itself; choose another one")
    try:
        target.mkdir(parents=True, exist_ok=True)
        return list(WRITERS[form](run, reader, target))
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written to: {error.strerror}") from None


def node_domain(reader: FieldReader) -> NDArray[np.int32]:
    """Domain of each node, (n_nodes,); where ECBD and ED share a node, the ECBD."""
    domain = np.full(reader.n_nodes, reader.n_grains + 1, np.int32)
    np.minimum.at(domain, reader.node_of_point[reader.tets], reader.domain[:, None])
    return domain


def node_position(reader: FieldReader) -> Floats:
    """Position of each node, (n_nodes, 3) [um]; x and y of its image inside the box."""
    position = np.empty((reader.n_nodes, 3))
    position[reader.node_of_point] = reader.points
    # a node on the far side belongs to the near one; round-off must not send it back
    position[:, :2] -= reader.box[:2] * np.floor(position[:, :2] / reader.box[:2] + 1e-9)
    return position


def facet_arrays(reader: FieldReader, step: int) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    """Fields of the facets at a snapshot: at corners, (3 n_facets, ...), and for each facet, (n_facets, ...).

    At corners: all bond fields (``opening_nm`` is the normal opening) and ``displacement_um``. For each
    facet: mean ``opening_nm`` and ``damage``, ``broken`` (1 if any of its three bonds is), ``broken_share``,
    ``kind``, ``area_um2`` and the ``grains`` on its two sides.
    """
    corner = reader.facets.ravel()
    fields = {name: reader.bond(name, step)[corner] for name in reader.names["b"]}
    fields["opening_nm"] = fields.pop("gap_nm")
    both = reader.node(DISPLACEMENT, step)[reader.bond_nodes[corner]]
    at = reader.facet_points.reshape(-1, 3)
    moved = both.mean(axis=1).astype(float)
    moved[:, :2] += reader.strain(step) * at[:, :2]
    fields[DISPLACEMENT] = moved.astype(np.float32)
    share = fields["broken"].reshape(-1, 3).mean(axis=1)
    cells = {
        "opening_nm": fields["opening_nm"].reshape(-1, 3).mean(axis=1),
        "damage": fields["damage"].reshape(-1, 3).mean(axis=1),
        "broken": (share > 0).astype(np.uint8),
        "broken_share": share,
        "kind": reader.bond_kind[reader.facets[:, 0]],
        "area_um2": reader.facet_area,
        "grains": node_domain(reader)[reader.bond_nodes[reader.facets[:, 0]]],
    }
    return fields, cells


def _write_vtu(run: RunDirectory, reader: FieldReader, target: Path) -> Iterator[Path]:
    """Write VTK XML files and their collections."""
    times = reader.times
    names = {kind: [f"{kind}_{step:04d}.{end}" for step in range(len(times))]
             for kind, end in (("tets", "vtu"), ("facets", "vtp"))}  # fmt: skip
    for kind, files in names.items():
        yield _write_collection(target / f"{kind}.pvd", files, times)
    n_tets, n_facets = len(reader.tets), len(reader.facets)
    tet_cells: dict[str, NDArray] = {
        "connectivity": reader.tets.ravel(),
        "offsets": 4 * np.arange(1, n_tets + 1, dtype=np.int64),
        "types": np.full(n_tets, VTK_TETRA, np.uint8),
    }
    facet_cells: dict[str, NDArray] = {
        "connectivity": np.arange(3 * n_facets, dtype=np.int64),
        "offsets": 3 * np.arange(1, n_facets + 1, dtype=np.int64),
    }
    for step, time in enumerate(times.tolist()):
        nodal = {name: reader.point(name, step) for name in reader.names["n"]}
        cells = {name: reader.tet(name, step) for name in reader.names["t"]} | {"domain": reader.domain}
        yield _write_vtk(
            target / names["tets"][step],
            "UnstructuredGrid",
            time,
            reader.points,
            ("Cells", tet_cells),
            nodal,
            cells,
        )
        nodal, cells = facet_arrays(reader, step)
        yield _write_vtk(
            target / names["facets"][step], "PolyData", time, reader.facet_points.reshape(-1, 3),
            ("Polys", facet_cells), nodal, cells,
        )  # fmt: skip


def _write_vtk(
    path: Path,
    kind: str,
    time: float,
    points: Floats,
    topology: tuple[str, Arrays],
    nodal: Arrays,
    cells: Arrays,
) -> Path:
    """Write one VTK XML file of one piece; arrays are inline, compressed with zlib."""
    tag, arrays = topology
    counts = {"NumberOfPoints": len(points)}
    counts["NumberOfCells" if kind == "UnstructuredGrid" else "NumberOfPolys"] = len(arrays["offsets"])
    size = " ".join(f'{name}="{count}"' for name, count in counts.items())
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(
            '<?xml version="1.0"?>\n'
            f'<VTKFile type="{kind}" version="1.0" byte_order="LittleEndian" header_type="UInt64" '
            f'compressor="vtkZLibDataCompressor">\n<{kind}>\n<FieldData>\n'
            '<DataArray type="Float64" Name="TimeValue" NumberOfTuples="1" format="ascii">'
            f"{time!r}</DataArray>\n</FieldData>\n<Piece {size}>\n"
        )
        for group, content in (
            ("Points", {"Points": points}),
            (tag, arrays),
            ("PointData", nodal),
            ("CellData", cells),
        ):
            file.write(f"<{group}>\n")
            for name, array in content.items():
                file.write(_data_array(name, array))
            file.write(f"</{group}>\n")
        file.write(f"</Piece>\n</{kind}>\n</VTKFile>\n")
    return path


def _data_array(name: str, array: NDArray) -> str:
    """Return a ``DataArray`` element: header and blocks, each in base64."""
    plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    data = plain.tobytes()
    blocks = [data[start : start + BLOCK_BYTES] for start in range(0, len(data), BLOCK_BYTES)]
    packed = [zlib.compress(block, 4) for block in blocks]
    partial = len(data) % BLOCK_BYTES
    header = np.array([len(blocks), BLOCK_BYTES, partial, *map(len, packed)], "<u8").tobytes()
    text = base64.b64encode(header) + base64.b64encode(b"".join(packed))
    parts = array.shape[1] if array.ndim == 2 else 1
    components = f' NumberOfComponents="{parts}"' if array.ndim == 2 else ""
    return (
        f'<DataArray type="{VTK_TYPES[plain.dtype.str[1:]]}" Name={quoteattr(name)}{components} '
        f'format="binary">{text.decode("ascii")}</DataArray>\n'
    )


def _write_collection(path: Path, files: Sequence[str], times: Floats) -> Path:
    lines = [
        f'<DataSet timestep="{t!r}" part="0" file="{f}"/>' for f, t in zip(files, times.tolist(), strict=True)
    ]
    path.write_text(
        '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">\n'
        "<Collection>\n" + "\n".join(lines) + "\n</Collection>\n</VTKFile>\n",
        encoding="ascii",
    )
    return path


def _write_csv(run: RunDirectory, reader: FieldReader, target: Path) -> Iterator[Path]:
    """Write tables; numbers have the digits of the stored float32 fields."""
    if (run.path / HISTORY).is_file():
        yield Path(shutil.copyfile(run.path / HISTORY, target / HISTORY))
    yield _write_snapshots(target / "snapshots.csv", run.history(), reader.times)
    position, domain = node_position(reader), node_domain(reader)
    corners = reader.points[reader.tets]
    edge = corners[:, 1:] - corners[:, :1]
    volume = np.abs(np.einsum("tc,tc->t", edge[:, 0], np.cross(edge[:, 1], edge[:, 2]))) / 6
    area = np.bincount(reader.facets.ravel(), np.repeat(reader.facet_area / 3, 3), len(reader.bond_kind))
    ends = reader.bond_nodes
    fixed: dict[str, dict[str, NDArray]] = {
        "nodes": {"node": np.arange(reader.n_nodes), "domain": domain, "_um": position},
        "tets": {"tet": np.arange(len(volume)), "domain": reader.domain, "_um": corners.mean(axis=1),
                 "volume_um3": volume},
        "bonds": {"bond": np.arange(len(area)), "kind": reader.bond_kind, "node_a": ends[:, 0],
                  "node_b": ends[:, 1], "grain_a": domain[ends[:, 0]], "grain_b": domain[ends[:, 1]],
                  "_um": position[ends[:, 0]], "normal": reader.bond_normal, "area_um2": area},
    }  # fmt: skip
    for step in range(len(reader.times)):
        nodal = {name: reader.node(name, step) for name in reader.names["n"]}
        nodal[DISPLACEMENT][:, :2] += (reader.strain(step) * position[:, :2]).astype(np.float32)
        steps = {
            "nodes": nodal,
            "tets": {name: reader.tet(name, step) for name in reader.names["t"]},
            "bonds": {name: reader.bond(name, step) for name in reader.names["b"]},
        }
        for name, fields in steps.items():
            yield _write_table(target / f"{name}_{step:04d}.csv", {**fixed[name], **fields})


def _write_table(path: Path, columns: Arrays) -> Path:
    """Write columns; a vector becomes three, for example ``displacement_x_um``, ``normal_x``, ``x_um``."""
    heads: list[str] = []
    flat: list[NDArray] = []
    for name, values in columns.items():
        if values.ndim == 1:
            heads.append(name)
            flat.append(values)
            continue
        stem, _, unit = name.rpartition("_") if name.endswith("_um") else (name, "", "")
        heads += ["_".join(part for part in (stem, axis, unit) if part) for axis in "xyz"]
        flat += list(values.T)
    record = np.empty(len(flat[0]), [(head, values.dtype) for head, values in zip(heads, flat, strict=True)])
    for head, values in zip(heads, flat, strict=True):
        record[head] = values
    forms = ["%d" if values.dtype.kind in "iu" else "%.9g" for values in flat]
    np.savetxt(path, record, fmt=",".join(forms), header=",".join(heads), comments="")
    return path


def _write_snapshots(path: Path, history: Arrays, times: Floats) -> Path:
    """Write what each snapshot belongs to; the row of the history that is nearest in time tells."""
    lines = ["snapshot,time_s,cycle,step,kind,voltage_V"]
    for step, time in enumerate(times.tolist()):
        about = ["", "", "", ""]
        if history:
            row = int(np.abs(history["time_s"] - time).argmin())
            cycle, stage = int(history["cycle"][row]), int(history["step"][row])
            about = [
                str(cycle),
                str(stage),
                str(history["kind"][row]),
                repr(float(history["voltage_V"][row])),
            ]
        lines.append(",".join([str(step), repr(time), *about]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _write_npz(run: RunDirectory, reader: FieldReader, target: Path) -> Iterator[Path]:
    """Write one compressed archive, array by array so that memory holds one field at a time."""
    getters = {"n": reader.node, "t": reader.tet, "b": reader.bond}
    steps = range(len(reader.times))
    path = target / "run.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as archive:

        def put(name: str, value: NDArray) -> None:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(value), allow_pickle=False)

        for name in STATIC:
            put(name, getattr(reader, name))
        put("n_grains", np.array(reader.n_grains))
        put("node_position", node_position(reader))
        put("node_domain", node_domain(reader))
        put("times_s", reader.times)
        put("strain", np.array([reader.strain(step) for step in steps]))
        for axis, get in getters.items():
            for name in reader.names[axis]:
                put(f"{name}_{axis}", np.stack([get(name, step) for step in steps]))
        for name, values in run.history().items():
            put(f"history_{name}", values)
        put("config_toml", np.array(resolved_toml(run.config())))
        put("run_json", np.array(json.dumps(run.info())))
    yield path


WRITERS: Final[Mapping[str, Callable[[RunDirectory, FieldReader, Path], Iterator[Path]]]] = {
    "vtu": _write_vtu,
    "csv": _write_csv,
    "npz": _write_npz,
}
"""Formats by name."""
