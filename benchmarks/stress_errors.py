"""Stresses of a free polycrystal against quadratic elements: ``python benchmarks/stress_errors.py``.

The grains of the baseline, tied to each other and to nothing else, strain by -0.67 % times (1, 1, -1) in
their own axes. The reference are quadratic elements of scikit-fem on the same tets.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as sla
import skfem
from skfem.helpers import ddot, sym_grad, trace

from latticecell.laws.elastic import VOIGT
from latticecell.materials import mechanical_laws
from latticecell.observables import von_mises, weighted_quantile
from latticecell.output.cache import network_of
from latticecell.physics.eigenstrain import LithiumExpansion
from latticecell.physics.lattice import Lattice, domain_stiffness
from tables import markdown
from transport_errors import LEVELS, linear_problem

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from networks import free_grains

STRAIN = -0.0067
SHARES = (0.5, 0.99, 0.999)


def corner_stresses(lattice, laws, eigen_tv):
    """Stress of quadratic elements at the corners of the tets of grains (n, 4, 6) [Pa], and these corners."""
    network = lattice.network
    tet_tn, own = network.tet_tn[network.is_active_t], network.is_active_t
    site, corner = np.unique(network.site_n[tet_tn], return_inverse=True)
    corner = corner.reshape(-1, 4)
    order = np.argsort(corner, axis=1)
    x, t = network.x_kc[site].T, np.take_along_axis(corner, order, axis=1).T
    mesh = skfem.MeshTet(np.ascontiguousarray(x), np.ascontiguousarray(t))
    element = skfem.ElementVector(skfem.ElementTetP2())
    basis = skfem.Basis(mesh, element, intorder=2)
    stiffness = laws.crystal_vv
    lame, shear = stiffness[0, 1], stiffness[3, 3]
    eigen = np.zeros((3, 3, len(tet_tn)))
    for v, (i, j) in enumerate(VOIGT):
        eigen[i, j] = eigen[j, i] = eigen_tv[own, v] / (1.0 if i == j else 2.0)

    def stress(strain):
        unit = np.eye(3).reshape((3, 3) + (1,) * (strain.ndim - 2))
        return lame * trace(strain) * unit + 2 * shear * strain

    @skfem.BilinearForm
    def form(u, v, _):
        return ddot(stress(np.asarray(sym_grad(u))), sym_grad(v))

    @skfem.LinearForm
    def load(v, w):
        return ddot(stress(eigen[..., None] + 0 * w.x[0]), sym_grad(v))

    matrix, rhs = form.assemble(basis).tocsr(), load.assemble(basis)
    a, b, c = (basis.nodal_dofs[:, k] for k in (x[0].argmin(), x[0].argmax(), x[1].argmax()))
    moving = np.setdiff1d(np.arange(basis.N), [*a, b[1], b[2], c[2]])
    matrix = matrix[moving][:, moving]
    u = np.zeros(basis.N)
    u[moving], failed = sla.cg(matrix, rhs[moving], rtol=1e-7, M=sp.diags_array(1 / matrix.diagonal()))
    assert not failed
    corners = np.vstack([np.zeros(3), np.eye(3)]).T
    at = skfem.Basis(mesh, element, quadrature=(corners, np.full(4, 1 / 24)))
    found = stress(np.asarray(sym_grad(at.interpolate(u))) - eigen[..., None])
    node_ta = np.take_along_axis(tet_tn, order, axis=1)
    return np.stack([found[i, j] for i, j in VOIGT], axis=-1), node_ta


def at_nodes(network, value_tav, node_ta):
    """Mean over the tets of every node, (n_nodes, 6) [Pa]."""
    volume = np.repeat(network.volume_t[network.is_active_t], 4)
    total = np.bincount(node_ta.ravel(), volume, network.n_nodes)
    parts = np.moveaxis(value_tav, 2, 0).reshape(6, -1) * volume
    summed = [np.bincount(node_ta.ravel(), part, network.n_nodes) for part in parts]
    return np.stack(summed, axis=1) / np.where(total > 0, total, 1.0)[:, None]


def study(level):
    """Rows of the table for a network."""
    config = linear_problem(level, 1)
    network, laws = network_of(config), mechanical_laws(config)
    lattice = Lattice(network, domain_stiffness(laws, network))
    eigen = LithiumExpansion(laws, network).of_linear(np.where(network.is_active_n, STRAIN, 0.0))
    raw = lattice.stress(free_grains(lattice, eigen), np.zeros(2), eigen)
    own, tet = network.is_active_n, network.is_active_t
    exact = at_nodes(network, *corner_stresses(lattice, laws, eigen))[own]
    mean = at_nodes(network, np.repeat(raw[tet][:, None], 4, axis=1), network.tet_tn[tet])[own]
    recovered = (lattice.recovery @ raw)[own]
    volume = network.volume_n[own]
    wanted = exact[:, :3].mean(axis=1)
    for name, stress, weight in (
        ("quadratic, nodes", exact, volume),
        ("tets as they are", raw[tet], network.volume_t[tet]),
        ("means at nodes", mean, volume),
        ("recovered at nodes", recovered, volume),
    ):
        quantile = weighted_quantile(von_mises(stress), weight, SHARES) * 1e-9
        row = [level, name, *(f"{value:.3f}" for value in quantile)]
        if weight is volume:
            mine = stress[:, :3].mean(axis=1)
            off = np.sqrt(volume @ (mine - wanted) ** 2 / (volume @ wanted**2))
            row += [f"{off:.2f}", f"{volume @ (mine * wanted) / (volume @ wanted**2):.2f}"]
        yield row + [""] * (7 - len(row))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", nargs="+", default=["coarse", "medium"], choices=list(LEVELS))
    rows = [row for level in parser.parse_args().levels for row in study(level)]
    heads = ["von Mises (GPa)", "median", "99 %", "99.9 %", "error of sigma_h", "slope"]
    print(markdown(["network", *heads], rows))


if __name__ == "__main__":
    main()
