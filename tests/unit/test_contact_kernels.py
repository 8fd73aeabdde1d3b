"""Kernels of openings and contact against their NumPy twins."""

import numpy as np
import pytest

import reference
from latticecell.laws.bond import Opening, contact_tangent, contact_traction

CONTACT = 7.3e18


def openings(n):
    rng = np.random.default_rng(n + 31)
    normal = rng.normal(size=(n, 3))
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    opening = rng.normal(size=(n, 3)) * 10.0 ** rng.uniform(-13, -7, (n, 1))
    opening[::5] = 0.0
    opening[1::5] = -2e-9 * normal[1::5]  # pressed, without sliding
    fall = 10.0 ** rng.uniform(20, 28, n)
    fall[::5] = fall[1::5] = 0.0  # nothing grows there
    return opening, normal, 10.0 ** rng.uniform(13, 19, n), fall


@pytest.mark.parametrize("n", [0, 1, 2, 57])
def test_openings_and_tractions_equal_their_twins(n):
    opening, normal, secant, _ = openings(n)
    parts, expected = Opening.of(opening, normal), reference.split_opening(opening, normal)
    for part, twin in zip(parts, expected, strict=True):
        np.testing.assert_allclose(part, twin, rtol=1e-12, atol=1e-22)
    traction = contact_traction(parts, normal, secant, CONTACT)
    np.testing.assert_allclose(
        traction, reference.contact_traction(opening, normal, secant, CONTACT), rtol=1e-12, atol=1e-5
    )


@pytest.mark.parametrize("kind", ["secant", "clipped", "consistent"])
@pytest.mark.parametrize("n", [0, 1, 2, 57])
def test_tangents_equal_their_twin(n, kind):
    opening, normal, secant, fall = openings(n)
    parts = Opening.of(opening, normal)
    found = contact_tangent(parts, normal, secant, CONTACT, fall, kind)
    twin = reference.contact_tangent(opening, normal, secant, CONTACT, fall, kind)
    np.testing.assert_allclose(found, twin, rtol=1e-11, atol=1e-11 * CONTACT)
    np.testing.assert_array_equal(found, found.transpose(0, 2, 1))


def test_views_that_are_not_contiguous_are_taken():
    opening, normal, _, _ = openings(12)
    wide = np.zeros((12, 5))
    wide[:, 1:4] = opening
    found = Opening.of(wide[::2, 1:4], normal[::2])
    np.testing.assert_array_equal(found.active_bc, Opening.of(opening[::2], normal[::2]).active_bc)
