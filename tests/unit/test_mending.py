"""Poor tets are joined in other ways: the box stays filled, and the worst tets get better."""

import numpy as np
import pytest

from labelmaps import Truth
from latticecell._kernels import smoothing
from latticecell.meshing.conform import triangulate
from latticecell.meshing.fields import VoteFields
from latticecell.meshing.geometry import Grading
from latticecell.meshing.labels import label_tets
from latticecell.meshing.mending import POOR, Joins, mend, triangulations
from latticecell.meshing.placement import place_sites
from latticecell.meshing.smoothing import qualities
from latticecell.meshing.voxels import VoxelGeometry
from latticecell.network import face_pairs, signed_volume, unwrap_corners
from latticecell.quality import tet_quality


@pytest.fixture(scope="module")
def drawn():
    """Delaunay tets of sites that were placed and not moved: many are flat."""
    truth = Truth(3, 7, box=6.0, curved=True)
    label, voxel = truth.voxels((20, 20, 20))
    geometry = VoxelGeometry(
        VoteFields(label, voxel, 3, 0.7), label, voxel, 1.3, particle=np.zeros(3, np.int32),
        volume_p=np.array([(label < 3).sum() * voxel.prod()]), grading=Grading(0.9, 1.5, 0.4, 0.9),
    )  # fmt: skip
    sites = place_sites(geometry, np.random.default_rng(11))
    tet = triangulate(sites)
    return sites, tet, label_tets(sites, tet)


def total(sites, tet):
    return signed_volume(unwrap_corners(sites.x, tet, sites.geometry.box))


def test_polygons_are_cut_in_every_way():
    assert [len(triangulations(n)) for n in range(3, 8)] == [1, 2, 5, 14, 42]
    for triangles in triangulations(6):
        assert len(triangles) == 4
        corner = np.exp(2j * np.pi * np.arange(6) / 6)
        a, b, c = corner[np.array(triangles)].T
        area = np.imag(np.conj(b - a) * (c - a)) / 2
        assert area.min() > 0
        assert area.sum() == pytest.approx(3 * np.sqrt(3) / 2)


def test_quality_of_tets_is_that_of_the_readable_one():
    rng = np.random.default_rng(5)
    box = np.array([2.3, 1.7, 3.1])
    x = rng.random((30, 3)) * box
    tet = np.array([rng.choice(30, 4, replace=False) for _ in range(50)], np.int32)
    out = np.full(50, np.nan)
    smoothing.tet_qualities(x, tet, box, out=out)
    np.testing.assert_allclose(out, tet_quality(unwrap_corners(x, tet, box)), rtol=1e-9, atol=1e-12)


def test_one_change_fills_the_same_space_and_is_better(drawn):
    sites, tet, domain = drawn
    joins = Joins(sites, tet, domain)
    quality = qualities(sites, tet)
    changed = 0
    for t in np.argsort(quality)[:40].tolist():
        if not joins.tet[t]:
            continue
        before = {i: tuple(row) for i, row in enumerate(joins.tet) if row}
        if not joins.mend(t):
            continue
        changed += 1
        after = {i: tuple(row) for i, row in enumerate(joins.tet) if row}
        gone = np.array([row for i, row in before.items() if i not in after], np.int32)
        new = np.array([row for i, row in after.items() if i not in before], np.int32)
        assert total(sites, new).min() > 0
        assert total(sites, new).sum() == pytest.approx(total(sites, gone).sum(), rel=1e-9)
        assert qualities(sites, new).min() > qualities(sites, gone).min()
    assert changed > 5
    tet, domain = joins.arrays()
    assert total(sites, tet).sum() == pytest.approx(np.prod(sites.geometry.box), rel=1e-9)


def test_few_tets_stay_poor_and_all_faces_stay_shared(drawn):
    sites, tet, domain = drawn
    faces = len(face_pairs(tet).left)
    outer = 4 * len(tet) - 2 * faces
    poor = (qualities(sites, tet) < POOR).sum()
    tet, domain = mend(sites, tet, domain, 3)
    assert (qualities(sites, tet) < POOR).sum() < 0.1 * poor
    assert total(sites, tet).min() > 0
    assert total(sites, tet).sum() == pytest.approx(np.prod(sites.geometry.box), rel=1e-9)
    assert 4 * len(tet) - 2 * len(face_pairs(tet).left) == outer  # faces on the walls, as before
    assert set(domain.tolist()) == set(range(5))
