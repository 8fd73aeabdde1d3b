"""Colours of the pictures: orientations, values, numbers at the scale."""

import numpy as np
from scipy.spatial.transform import Rotation

from latticecell.view.colours import (
    BLANK,
    coloured,
    ipf_colours,
    table,
    ticks,
)


def test_orientation_colours():
    """Corners of the triangle are pure; the colour has the symmetry of the crystal."""
    tilt = np.radians(30)
    corners = np.array([[0, 0, 1], [1, 0, 0], [np.cos(tilt), np.sin(tilt), 0]])
    np.testing.assert_array_equal(ipf_colours(corners), [[255, 0, 0], [0, 255, 0], [0, 0, 255]])
    some = np.random.default_rng(11).normal(size=(200, 3))
    turned = Rotation.from_rotvec([0, 0, np.pi / 3]).apply(some)
    for other in (turned, -some, some * [1, 1, -1], some * [1, -1, 1]):
        assert np.abs(ipf_colours(some).astype(int) - ipf_colours(other)).max() <= 1


def test_no_number_is_blank():
    assert (coloured(np.array([np.nan]), (0, 1), table("viridis")) == BLANK).all()


def test_numbers_of_a_scale():
    assert ticks((-0.2, 0.2)) == ["-0.2", "-0.1", "0", "0.1", "0.2"]
    assert ticks((1e-5, 100.0))[0] == "0"
