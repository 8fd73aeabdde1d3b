"""Properties of the assembled lattice on structured boxes."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from latticecell.errors import NetworkError
from latticecell.network import GB_BOND, INTERFACE_BOND, TET_EDGES, Network, assemble_network
from latticecell.state import State
from networks import box_network

SIZE = np.array([1.3e-6, 1.3e-6, 2.1e-6])


def layered(center):
    """Two grains below 0.7 um split at x = 0.65 um, ECBD to 1.4 um, ED above."""
    x, z = center[:, 0], center[:, 2]
    return np.where(z < 0.7e-6, (x > 0.65e-6).astype(int), np.where(z < 1.4e-6, 2, 3))


@pytest.fixture(scope="module")
def network():
    rotations = Rotation.random(2, rng=np.random.default_rng(3)).as_matrix()
    planes = lambda x: np.full(len(x), True)  # noqa: E731
    return box_network((4, 4, 6), SIZE, layered, rotations, fixed=planes)


def test_tets_fill_the_box(network):
    assert network.volume_t.sum() == pytest.approx(np.prod(SIZE), rel=1e-12, abs=0)
    assert network.volume_n.sum() == pytest.approx(np.prod(SIZE), rel=1e-12, abs=0)


def test_barycentric_gradients_reproduce_a_linear_field(network):
    x_tac = network.unwrapped_tac()
    slope = np.array([1.7, -0.3, 0.9])
    gradient = np.einsum("tac,ta->tc", network.gradient_tac, x_tac @ slope)
    np.testing.assert_allclose(gradient, np.broadcast_to(slope, gradient.shape), rtol=1e-9, atol=1e-9)


def test_springs_match_the_edges_of_their_tets(network):
    x_tac = network.unwrapped_tac()
    for edge, (a, b) in enumerate(TET_EDGES):
        vector = x_tac[:, b] - x_tac[:, a]
        spring = network.spring_te[:, edge]
        sign = np.where(network.tet_tn[:, a] == network.spring_sn[spring, 0], 1, -1)
        expected = network.direction_sc[spring] * network.length_s[spring, None] * sign[:, None]
        np.testing.assert_allclose(vector, expected, atol=1e-18)


def test_bond_areas_are_the_exact_plane_areas(network):
    gb = network.area_b[network.kind_b == GB_BOND].sum()
    interface = network.area_b[network.kind_b == INTERFACE_BOND].sum()
    # the grains meet at x = 0.65 um and, through the period, at x = 0
    assert gb == pytest.approx(2 * 1.3e-6 * 0.7e-6, rel=1e-12, abs=0)
    assert interface == pytest.approx(1.3e-6**2, rel=1e-12, abs=0)


def test_bonds_join_copies_of_one_site_and_point_outwards(network):
    a, b = network.bond_bn.T
    assert (network.site_n[a] == network.site_n[b]).all()
    assert (network.domain_n[a] < network.domain_n[b]).all()
    interface = network.kind_b == INTERFACE_BOND
    np.testing.assert_allclose(network.area_bc[interface, 2], network.area_b[interface], rtol=1e-12)


def test_vector_area_of_a_closed_grain_vanishes():
    inside = lambda c: np.where(np.abs(c - SIZE / 2).max(axis=1) < 0.4e-6, 0, 1)  # noqa: E731
    network = box_network((8, 8, 12), SIZE, inside, np.eye(3)[None], jitter=0.1)
    total = network.area_bc.sum(axis=0)
    assert np.abs(total).max() < 1e-13 * network.area_b.sum()


def test_walls_have_the_area_of_the_cell(network):
    assert network.lithium_area_n.sum() == pytest.approx(1.3e-6**2, rel=1e-12, abs=0)
    assert network.collector_area_n.sum() == pytest.approx(1.3e-6**2, rel=1e-12, abs=0)


def test_incidence_lists_every_end_once(network):
    lists = network.node_springs
    for node in (0, network.n_nodes // 2, network.n_nodes - 1):
        entries = lists.index[lists.start[node] : lists.start[node + 1]]
        assert (network.spring_sn.ravel()[entries] == node).all()
    assert lists.start[-1] == 2 * network.n_springs


def test_a_network_comes_back_from_its_arrays(network):
    stored = network.arrays()
    again = Network.from_arrays({name: array.copy() for name, array in stored.items()})
    assert list(again.arrays()) == list(stored)
    for name, array in stored.items():
        other = getattr(again, name)
        assert other.dtype == array.dtype
        assert other.tobytes() == array.tobytes()
        assert not other.flags.writeable
    for lists in ("node_springs", "spring_tets"):
        for part in ("start", "index"):
            np.testing.assert_array_equal(
                getattr(getattr(again, lists), part), getattr(getattr(network, lists), part)
            )


def test_arrays_that_are_no_network_are_named(network):
    arrays = network.arrays()
    arrays["colour_n"] = arrays.pop("volume_t")
    with pytest.raises(NetworkError, match=r"missing \['volume_t'\], unknown \['colour_n'\]"):
        Network.from_arrays(arrays)


def test_grain_seeds_of_a_users_network_are_unknown(network):
    assert network.seed_gc.shape == (2, 3)
    assert np.isnan(network.seed_gc).all()


def test_arrays_are_read_only(network):
    with pytest.raises(ValueError, match="read-only"):
        network.x_kc[0, 0] = 1.0


def test_tets_that_do_not_fill_the_box_are_refused():
    with pytest.raises(NetworkError, match="fill"):
        assemble_network(
            box_c=np.array([9.0, 9.0, 9.0]),
            x_kc=np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]]),
            tet_tk=np.array([[0, 1, 2, 3]]),
            domain_t=np.array([0]),
            rotation_gcc=np.zeros((0, 3, 3)),
            particle_g=np.zeros(0),
            particle_center_pc=np.zeros((0, 3)),
            particle_radius_p=np.zeros(0),
        )


def test_state_copies_are_independent(network):
    state = State.zeros(network)
    other = state.copy()
    other.stoich_n[:] = 0.37
    assert state.stoich_n.max() == 0
    state.assign(other)
    assert state.stoich_n.min() == 0.37
