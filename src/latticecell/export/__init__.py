"""Write a run in other programs' formats: VTK XML for ParaView, CSV for tables, NPZ for NumPy.

``vtu``
    ``tets_0000.vtu``, ... hold the undeformed mesh with all nodal and tet fields, one file for each snapshot;
    ``facets_0000.vtp``, ... hold the triangles of grain boundaries and particle surface. Open ``tets.pvd``
    and ``facets.pvd``, which list them with their times [s]. Points of a facet are its own, so bond fields
    jump between facets as they do in the model; ``displacement_um`` is the mean of the two sides.
``csv``
    ``history.csv``, ``snapshots.csv`` (number, time, cycle, step, kind, voltage), and for each snapshot
    ``nodes_0000.csv`` (node, domain, position, fields), ``tets_0000.csv`` (tet, domain, centroid, volume,
    fields) and ``bonds_0000.csv`` (bond, kind, sides, position, normal, area, fields).
``npz``
    One file, ``run.npz``: the mesh, each field of all snapshots stacked along its first axis (shape of
    ``stoichiometry_n``: snapshots, nodes), the history as ``history_COLUMN``, and ``config_toml`` and
    ``run_json`` as text. Nothing in it needs pickle.

Lengths are in um, other units are in the names. Symmetric tensors are xx, yy, zz, xy, yz, xz. ``domain`` is
the grain, or ``n_grains`` (ECBD), or ``n_grains + 1`` (ED); ``kind`` of a bond is 0 in a grain boundary, 1 in
the particle surface.
"""

from typing import TYPE_CHECKING

from latticecell.lazy import load_later

if TYPE_CHECKING:
    from latticecell.export.command import export_command
    from latticecell.export.writing import export_run

load_later(
    __name__,
    {"latticecell.export.command": ("export_command",), "latticecell.export.writing": ("export_run",)},
)

__all__ = ["export_command", "export_run"]
