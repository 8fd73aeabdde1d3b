"""Every kernel of the network with its arguments, its NumPy twin, and the bytes it must move at least."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from pyamg.relaxation.relaxation import gauss_seidel

import reference
from latticecell._kernels import relaxation, springs, transport
from latticecell.network import TET_EDGES
from latticecell.physics.transport import Transport
from latticecell.solvers.blocks import BlockMatrix
from latticecell.solvers.relaxation import Sweeps


@dataclass(frozen=True)
class Case:
    """A kernel as called with k threads, what it writes, its twin, and the arrays it reads."""

    name: str
    kernel: Callable[[int], None]
    out: np.ndarray
    twin: Callable[[], np.ndarray]
    read: tuple[np.ndarray, ...]
    written: tuple[np.ndarray, ...]

    @property
    def bytes(self) -> int:
        """Bytes of every array once: what a kernel moves if nothing is read twice."""
        return sum(array.nbytes for array in (*self.read, *self.written))


def case(kernel, read, written, twin, out=None):
    """`Case` of a kernel that takes ``read`` in order and writes ``written``, by keyword."""

    def call(k):
        kernel(*read, **written, n_threads=k)

    first = next(iter(written.values())) if out is None else out
    return Case(kernel.__name__, call, first, twin, read, tuple(written.values()))


def cases(config, n):
    """Cases of all kernels on a network."""
    rng = np.random.default_rng(3)
    u, strain = 1e-8 * rng.normal(size=(n.n_nodes, 3)), np.array([1e-4, -2e-4])
    corners = (u, strain, n.tet_tn, n.gradient_tac)
    yield case(springs.tet_strain, corners, {"out": np.empty((n.n_tets, 6))},
               lambda: reference.tet_strain(*corners))  # fmt: skip

    strained = (
        *1e-3 * rng.normal(size=(2, n.n_tets, 6)), 1e11 * rng.normal(size=(n.n_grains + 2, 6, 6)), n.domain_t
    )  # fmt: skip
    yield case(springs.tet_stress, strained, {"out": np.empty((n.n_tets, 6))},
               lambda: reference.tet_stress(*strained))  # fmt: skip

    stress, lists = rng.normal(size=(n.n_tets, 6)), n.spring_tets
    yield case(springs.gather_spring_tension,
               (stress, n.gradient_tac, n.volume_t, n.length_s, lists.start, lists.index),
               {"out": np.empty(n.n_springs)},
               lambda: reference.gather_spring_tension(stress, n.volume_t, n.spring_te, n.direction_sc,
                                                       n.length_s))  # fmt: skip

    tension, ends_of = rng.normal(size=n.n_springs), n.node_springs
    yield case(springs.gather_spring_force, (tension, n.direction_sc, ends_of.start, ends_of.index),
               {"out": np.empty((n.n_nodes, 3))},
               lambda: reference.gather_spring_force(tension, n.direction_sc, n.spring_sn, n.n_nodes)
               )  # fmt: skip

    tensor = np.zeros((n.n_grains + 2, 3, 3))
    tensor[: n.n_grains] = np.einsum("gik,k,gjk->gij", n.rotation_gcc, (1e-14, 1e-14, 1e-20), n.rotation_gcc)
    tensor = tensor[n.domain_t]
    yield case(transport.edge_weight,
               (n.gradient_tac, n.volume_t, tensor, TET_EDGES, lists.start, lists.index),
               {"out": np.empty(n.n_springs)},
               lambda: reference.edge_weight(n, tensor, TET_EDGES))  # fmt: skip

    flux = Transport(n, config.materials.active.diffusivity, 2e-7, 2e-9)
    weight, link = flux.weight(), flux.link_ln
    y, psi = rng.uniform(0.1, 0.9, n.n_nodes), rng.normal(size=n.n_nodes)
    values = {name: np.empty(len(weight)) for name in ("flux_l", "slope_first_l", "slope_second_l")}
    yield case(transport.saturating_flux, (y, np.exp(psi / 2), link, weight), values,
               lambda: reference.saturating_flux(y, psi, link, weight))  # fmt: skip

    value, lists_l = rng.normal(size=n.n_springs), n.node_springs
    yield case(transport.gather_outflow, (value, lists_l.start, lists_l.index),
               {"out": np.empty(n.n_nodes)},
               lambda: reference.gather_outflow(value, n.spring_sn, n.n_nodes))  # fmt: skip

    ones, (first, second) = np.ones(n.n_springs), n.spring_sn.T
    graph = sp.coo_matrix((ones, (first, second)), shape=(n.n_nodes, n.n_nodes)).tocsr()
    pairs = (graph + graph.T + sp.eye_array(n.n_nodes)).tocsr()
    block = rng.normal(size=(pairs.nnz, 3, 3)).astype(np.float32)
    single, result = rng.normal(size=3 * n.n_nodes).astype(np.float32), np.zeros(3 * n.n_nodes, np.float32)
    lattice = BlockMatrix(pairs.indptr.astype(np.int32), pairs.indices.astype(np.int32), block)
    product = sp.bsr_array((block, pairs.indices, pairs.indptr), shape=(3 * n.n_nodes, 3 * n.n_nodes))

    def multiply(k):
        result.fill(0.0)
        replace(lattice, n_threads=k).add(single, result, 1.0)

    yield Case("multiply_add", multiply, result, lambda: product @ single,
               (lattice.start, lattice.column, block, single), (result,))  # fmt: skip

    # sequential, whatever the number of threads
    pattern = flux.pattern
    data, slopes = np.empty(len(pattern.index)), (weight, -weight)
    filled = (pattern.link_li, *slopes, pattern.slot_l2, pattern.diagonal)
    yield Case("fill_links", lambda _: relaxation.fill_links(*filled, data=data), data,
               lambda: reference.link_matrix(pattern.link_li, *slopes, len(pattern.diagonal)),
               filled, (data,))  # fmt: skip

    store = Sweeps(pattern.matrix(*slopes))
    matrix = store.matrix
    matrix.data[store.middle] += n.volume_n[: len(store.middle)] / 60
    rhs, x = rng.normal(size=len(store.middle)), np.empty(len(store.middle))

    def stock():
        found = np.zeros(len(rhs))
        gauss_seidel(matrix, found, rhs, sweep="symmetric")
        return found

    yield Case("symmetric_sweep", lambda _: store.sweep(rhs, x, fresh=True), x, stock,
               (matrix.data, matrix.indices, matrix.indptr, store.middle, rhs), (x,))  # fmt: skip
