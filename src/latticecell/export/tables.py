"""Plain tables (CSV) and one archive of arrays (NPZ)."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latticecell.arrays import Ints
from latticecell.fields import COMPONENTS
from latticecell.output.files import replacing, write_file
from latticecell.output.mesh import Mesh
from latticecell.output.record import CYCLES
from latticecell.reader import resolved_toml
from latticecell.results import Run

STATIC: Final = ("points", "tets", "domain", "node_of_point", "facets", "facet_points", "facet_area",
                 "bond_kind", "bond_nodes", "bond_normal", "box", "n_grains", "node_position")  # fmt: skip

Column = tuple[str, str, NDArray]
"""Name, unit and values, (n,) or (n, components)."""


def write_csv(run: Run, target: Path) -> Iterator[Path]:
    """Write history, cycles, snapshots, and tables of nodes, tets and bonds; fields keep all their digits."""
    mesh, history = run.mesh, run.history
    if history:
        yield _write_rows(target / "history.csv", list(history), zip(*history.values(), strict=True))
        write_file(target / CYCLES, run.cycles.to_csv())
        yield target / CYCLES
    about = []
    for shot in run.snapshots:
        step = "" if shot.row is None else history["step"][shot.row]
        about.append((shot.index, shot.time, shot.cycle, step, shot.kind, shot.voltage))
    heads = ("snapshot", "time_s", "cycle", "step", "kind", "voltage_V")
    yield _write_rows(target / "snapshots.csv", heads, about)

    ends = mesh.bond_nodes
    fixed: dict[str, list[Column]] = {
        "node": [("domain", "", node_domain(mesh)), ("", "um", mesh.node_position)],
        "tet": [("domain", "", mesh.domain), ("", "um", mesh.tet_center), ("volume", "um3", mesh.tet_volume)],
        "bond": [("kind", "", mesh.bond_kind)]
        + [(f"node_{side}", "", ends[:, i]) for i, side in enumerate("ab")]
        + [(f"grain_{side}", "", mesh.node_domain[ends[:, i]]) for i, side in enumerate("ab")]
        + [("", "um", mesh.node_position[ends[:, 0]]), ("normal", "", mesh.bond_normal),
           ("area", "um2", mesh.bond_area)],
    }  # fmt: skip
    for shot in run.snapshots:
        for place, columns in fixed.items():
            fields = [(key, f) for key, f in run.fields.items() if f.location == place]
            values = [shot.at_nodes(key) if place == "node" else shot[key] for key, _ in fields]
            moving = [(key, f.unit, value) for (key, f), value in zip(fields, values, strict=True)]
            number = (place, "", np.arange(len(columns[0][2])))
            yield _write_table(target / f"{place}s_{shot.index:04d}.csv", [number, *columns, *moving])


def node_domain(mesh: Mesh) -> Ints:
    """Domain of each node, (n_nodes,); where ECBD and ED share a node, the ECBD."""
    domain = np.full(mesh.n_nodes, mesh.n_grains + 1, np.int32)
    np.minimum.at(domain, mesh.node_of_point[mesh.tets], mesh.domain[:, None])
    return domain


def _write_rows(path: Path, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    """Write numbers in the shortest form that reads back equal, and text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([str(value).removesuffix(".0") for value in row] for row in rows)
    write_file(path, text.getvalue())
    return path


def _write_table(path: Path, columns: Sequence[Column]) -> Path:
    """Write columns; vectors and tensors take one for each component: ``x_um``, ``stress_xy_GPa``."""
    flat: dict[str, NDArray] = {}
    for name, unit, values in columns:
        count = values.shape[1] if values.ndim == 2 else 1
        parts = COMPONENTS.get(count, tuple(map(str, range(count)))) if values.ndim == 2 else ("",)
        for part, value in zip(parts, values.reshape(len(values), -1).T, strict=True):
            flat["_".join(text for text in (name, part, unit) if text)] = value
    record = np.empty(len(columns[0][2]), [(head, values.dtype) for head, values in flat.items()])
    for head, values in flat.items():
        record[head] = values
    forms = ["%d" if values.dtype.kind in "iub" else "%.9g" for values in flat.values()]
    text = io.BytesIO()
    np.savetxt(text, record, fmt=",".join(forms), header=",".join(flat), comments="", encoding="utf-8")
    write_file(path, text.getvalue())
    return path


def write_npz(run: Run, target: Path) -> Iterator[Path]:
    """Write one compressed archive, array by array so that memory holds one field at a time."""
    path = target / "run.npz"
    with replacing(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, True, 4) as archive:
        for name, value in _arrays(run):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(value), allow_pickle=False)
    yield path


def _arrays(run: Run) -> Iterator[tuple[str, ArrayLike]]:
    for name in STATIC:
        yield name, getattr(run.mesh, name)
    yield "node_domain", node_domain(run.mesh)
    yield "times_s", np.array([shot.time for shot in run.snapshots])
    yield "strain", np.array([shot.strain for shot in run.snapshots])
    for key, field in run.fields.items():
        yield f"{field.stored}_{field.location[0]}", np.stack([shot[key] for shot in run.snapshots])
    for name, values in run.history.items():
        yield f"history_{name}", values
    yield "config_toml", resolved_toml(run.config)
    yield "run_json", json.dumps(run.info)
