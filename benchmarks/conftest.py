"""Networks of about 5k, 20k and 50k nodes, and states in the middle of debonding."""

import sys
from functools import cache
from pathlib import Path

import pytest

from latticecell import State, config_from_table
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from cells import shrinkage

SIZES = {"5k": (0.85, 3.0, 0.4), "20k": (0.44, 1.8, 0.28), "50k": (0.31, 1.35, 0.22)}


def pytest_collection_modifyitems(config, items):
    """Whole cycles run only when asked for."""
    if "cycle" not in config.option.markexpr:
        items[:] = [item for item in items if item.get_closest_marker("cycle") is None]


@cache
def cell(size):
    """Config and network of about ``size`` nodes."""
    spacing, largest, growth = SIZES[size]
    table = {"network": {"spacing_um": spacing, "spacing_max_um": largest, "growth": growth}}
    config = config_from_table(table)
    return config, build_network(config, build_microstructure(config))


@pytest.fixture(params=list(SIZES))
def size(request):
    return request.param


@pytest.fixture
def sized(size):
    return cell(size)


def partly_debonded(config, mechanics):
    """State after a uniform shrinkage that has opened part of the interface."""
    network = mechanics.network
    state = State.zeros(network, mechanics.bonds.n_columns)
    for beta in (0.0006, 0.0012, 0.0018):
        found = mechanics.solve(shrinkage(config, network, -beta), state, 60.0)
        for name in ("u_nc", "strain_c", "history_bh", "gap_b"):
            getattr(state, name)[...] = getattr(found, name)
    return state
