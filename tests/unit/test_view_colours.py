"""Colours of the pictures: orientations, colour maps, and how fields are found by name."""

import matplotlib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from latticecell import ConfigError
from latticecell.view.colours import (
    BLANK,
    FIELDS,
    coloured,
    find_field,
    ipf_colours,
    table,
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


def test_colour_maps_rise_evenly_in_lightness():
    """Sequential maps: lightness monotone; diverging ones: up, then down."""
    for field in FIELDS.values():
        if field.colours:
            light = matplotlib.colormaps[field.colours](np.linspace(0, 1, 41))[:, :3] @ [
                0.2126,
                0.7152,
                0.0722,
            ]
            sign = np.sign(np.diff(light))
            assert (sign[:19] > 0).all()
            assert (sign[21:] == (-1 if field.diverging else 1)).all()


def test_fields_are_found_by_sloppy_names():
    assert find_field("vonmises").key == find_field("Von-Mises").key == "von_mises"
    with pytest.raises(ConfigError, match="did you mean hydrostatic"):
        find_field("hydrostat")
    assert (coloured(np.array([np.nan]), (0, 1), table("viridis")) == BLANK).all()
