"""``network.h5``: the network of a run, written once; nothing else describes the lattice of a run.

The group ``network`` holds the arrays of `latticecell.network.Network` under their names, SI units. The group
``mesh`` holds the same lattice as `Mesh` lays it out, in the arrays that the index for ParaView refers to.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import h5py
import numpy as np

from latticecell.errors import ConfigError, NetworkError
from latticecell.network import Network
from latticecell.output.files import put, sealing, verified
from latticecell.output.mesh import Mesh

KIND: Final = "network"
VTK_TETRA: Final = 10


def write_network(path: Path, mesh: Mesh) -> None:
    """Write the network of a mesh, and the mesh."""
    network, n_tets = mesh.network, mesh.network.n_tets
    with sealing(path, KIND, {"nodes": network.n_nodes, "points": len(mesh.points), "tets": n_tets}) as file:
        _put_network(file, network)
        put(file, "mesh/points_um", mesh.points)
        put(file, "mesh/node_of_point", mesh.node_of_point)
        put(file, "mesh/connectivity", mesh.tets.ravel().astype(np.int64))
        put(file, "mesh/offsets", 4 * np.arange(n_tets + 1, dtype=np.int64))
        put(file, "mesh/types", np.full(n_tets, VTK_TETRA, np.uint8))
        put(file, "mesh/domain", mesh.domain)


def write_arrays(path: Path, network: Network) -> None:
    """Write a network without its mesh: all that `read_network` wants."""
    with sealing(path, KIND, {"nodes": network.n_nodes, "tets": network.n_tets}) as file:
        _put_network(file, network)


def _put_network(file: h5py.File, network: Network) -> None:
    for name, array in network.arrays().items():
        put(file, f"network/{name}", array)


def read_network(path: Path) -> Network:
    """Read the network back, bit for bit.

    Raises
    ------
    ConfigError
        If the file is missing, damaged, or of another version.
    """
    with h5py.File(io.BytesIO(verified(path, KIND)[1]), "r") as file:
        arrays = {name: data[()] for name, data in file["network"].items()}
    try:
        return Network.from_arrays(arrays)
    except NetworkError as error:
        raise ConfigError(f"{path}: {error}") from None
