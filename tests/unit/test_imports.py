"""Labelled voxels and orientations from files, and what is made of them before anything is meshed."""

import sys

import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from latticecell.errors import ConfigError
from latticecell.imports.cleaning import clean
from latticecell.imports.files import read_orientations, read_volume
from latticecell.meshing.cell_fit import _Softmax, fit_cells
from latticecell.meshing.laguerre import LaguerreCells
from latticecell.orientations import angle_between, from_matrices, to_matrices

VOXEL = np.array([0.2, 0.2, 0.2])


def ball(n=24, radius=0.36, grains=2, center=(0.5, 0.5, 0.5)):
    """Return a ball of 1 .. grains, cut by planes x, in 0."""
    axes = np.meshgrid(*[(np.arange(n) + 0.5) / n] * 3, indexing="ij")
    r = np.sqrt(sum((x - c) ** 2 for x, c in zip(axes, center, strict=True)))
    part = np.clip(((axes[0] - center[0]) / (2 * radius) + 0.5) * grains, 0, grains - 1).astype(int)
    return np.where(r < radius, part + 1, 0)


def cleaned(label, **more):
    options = {
        "ecbd": (0,), "pores": (), "fill_pores": False, "periodic": True, "margin": 0.1, "smallest": 27,
        "sigma": 0.7,
    }  # fmt: skip
    return clean(label, VOXEL, **(options | more))


# ---- orientations


def test_bunge_angles_turn_the_cell_onto_the_crystal():
    """phi1 = 90 about z: the crystal's [100] lies along y; then Phi about the new x, phi2 about the new z."""
    one = to_matrices(np.array([[90.0, 0.0, 0.0]]), "bunge_euler", "active")[0]
    np.testing.assert_allclose(one @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    two = to_matrices(np.array([[90.0, 90.0, 0.0]]), "bunge_euler", "active")[0]
    np.testing.assert_allclose(two @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    p1, p, p2 = np.radians([20.0, 35.0, 50.0])
    g = np.array(  # Bunge's matrix takes cell to crystal components
        [
            [np.cos(p1) * np.cos(p2) - np.sin(p1) * np.sin(p2) * np.cos(p),
             np.sin(p1) * np.cos(p2) + np.cos(p1) * np.sin(p2) * np.cos(p), np.sin(p2) * np.sin(p)],
            [-np.cos(p1) * np.sin(p2) - np.sin(p1) * np.cos(p2) * np.cos(p),
             -np.sin(p1) * np.sin(p2) + np.cos(p1) * np.cos(p2) * np.cos(p), np.cos(p2) * np.sin(p)],
            [np.sin(p1) * np.sin(p), -np.cos(p1) * np.sin(p), np.cos(p)],
        ]
    )  # fmt: skip
    np.testing.assert_allclose(
        to_matrices(np.array([[20.0, 35, 50]]), "bunge_euler", "active")[0], g.T, atol=1e-12
    )


def test_conventions_agree_on_a_rotation_about_an_axis():
    """A third of a turn about (1, 1, 1) takes x to y, whatever the numbers."""
    half = np.radians(60.0)
    axis = np.ones(3) / np.sqrt(3)
    quaternion = np.array([[np.cos(half), *(np.sin(half) * axis)]])
    rodrigues = np.tan(half) * axis[None]
    for value, kind in ((quaternion, "quaternion"), (rodrigues, "rodrigues")):
        np.testing.assert_allclose(to_matrices(value, kind, "active")[0] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
        np.testing.assert_allclose(to_matrices(value, kind, "passive")[0] @ [1, 0, 0], [0, 0, 1], atol=1e-12)


@pytest.mark.parametrize("kind", ["quaternion", "rodrigues", "bunge_euler"])
@pytest.mark.parametrize("sense", ["active", "passive"])
def test_numbers_come_back(kind, sense):
    drawn = Rotation.random(50, rng=np.random.default_rng(1)).as_matrix()
    matrices = np.concatenate(
        [drawn, [np.eye(3)], [Rotation.from_euler("z", 30.0, degrees=True).as_matrix()]]
    )
    again = to_matrices(from_matrices(matrices, kind, sense), kind, sense)
    assert angle_between(matrices, again).max() < 1e-5


def test_a_zero_quaternion_is_refused():
    with pytest.raises(ConfigError, match="row 2 is no quaternion"):
        to_matrices(np.array([[1.0, 0, 0, 0], [0, 0, 0, 0]]), "quaternion", "active")


def test_tables_of_orientations(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text("label, phi1, Phi, phi2\n7, 90, 0, 0\n2, 0, 0, 0\n")
    table = read_orientations(path, "bunge_euler", "active")
    assert sorted(table) == [2, 7]
    np.testing.assert_allclose(table[7] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    with pytest.raises(ConfigError, match="without w, x, y, z"):
        read_orientations(path, "quaternion", "active")
    path.write_text("label,phi1,Phi,phi2\n1,a,0,0\n")
    with pytest.raises(ConfigError, match="row 1: must hold numbers"):
        read_orientations(path, "bunge_euler", "active")
    path.write_text("label,phi1,Phi,phi2\n1,0,0,0\n1,0,0,1\n")
    with pytest.raises(ConfigError, match="label 1 stands there more than once"):
        read_orientations(path, "bunge_euler", "active")


# ---- files


def volume(path, **more):
    return read_volume(path, **({"dataset": "", "axes": None, "voxel": None} | more))[0]


LABEL = np.arange(24).reshape(2, 3, 4)


def test_npy(tmp_path):
    np.save(tmp_path / "a.npy", LABEL)
    np.testing.assert_array_equal(volume(tmp_path / "a.npy").label, LABEL)
    np.testing.assert_array_equal(volume(tmp_path / "a.npy", axes="zyx").label, LABEL.transpose())
    np.save(tmp_path / "a.npy", LABEL + 0.5)
    with pytest.raises(ConfigError, match="grey values"):
        volume(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", LABEL[0])
    with pytest.raises(ConfigError, match="three-dimensional"):
        volume(tmp_path / "a.npy")
    (tmp_path / "a.npy").write_text("no")
    with pytest.raises(ConfigError, match="is not a NumPy file"):
        volume(tmp_path / "a.npy")
    with pytest.raises(ConfigError, match="is not a file"):
        volume(tmp_path / "b.npy")
    (tmp_path / "a.vtk").write_text("no")
    with pytest.raises(ConfigError, match="must end in"):
        volume(tmp_path / "a.vtk")


def test_tiff(tmp_path, monkeypatch):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", LABEL.astype(np.uint16))  # pages are z
    np.testing.assert_array_equal(volume(tmp_path / "a.tif").label, LABEL.transpose())
    (tmp_path / "a.tif").write_bytes(b"no")
    with pytest.raises(ConfigError, match="is not a TIFF"):
        volume(tmp_path / "a.tif")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(ConfigError, match=r"latticecell\[tiff\]"):
        volume(tmp_path / "a.tif")


def quaternions_of_dream3d(rotation):
    """Quaternions x, y, z, w of the rotation that takes cell to crystal components."""
    return rotation.inv().as_quat()


def test_dream3d_before_version_7(tmp_path):
    rotation = Rotation.random(23, rng=np.random.default_rng(3))
    with h5py.File(tmp_path / "a.dream3d", "w") as file:
        home = file.create_group("DataContainers/SyntheticVolume")
        home["CellData/FeatureIds"] = LABEL.transpose()[..., None].astype(np.int32)
        home["CellData/Phases"] = np.ones((4, 3, 2, 1), np.int32)
        home["_SIMPL_GEOMETRY/SPACING"] = np.array([0.5, 0.25, 0.125], np.float32)
        home["_SIMPL_GEOMETRY/DIMENSIONS"] = np.array([2, 3, 4])
        home["CellFeatureData/AvgQuats"] = np.vstack([np.zeros(4), quaternions_of_dream3d(rotation)])
    found = volume(tmp_path / "a.dream3d")
    np.testing.assert_array_equal(found.label, LABEL)
    np.testing.assert_array_equal(found.voxel, [0.5, 0.25, 0.125])
    assert sorted(found.orientation) == list(range(1, 24))
    np.testing.assert_allclose(found.orientation[5], rotation[4].as_matrix(), atol=1e-12)


def test_dream3d_since_version_7(tmp_path):
    rotation = Rotation.random(23, rng=np.random.default_rng(4))
    with h5py.File(tmp_path / "a.dream3d", "w") as file:
        home = file.create_group("DataStructure/Image Geom")
        home.attrs["_SPACING"] = np.array([0.5, 0.25, 0.125], np.float32)
        home.attrs["_DIMENSIONS"] = np.array([2, 3, 4])
        home["Cell Data/FeatureIds"] = LABEL.transpose()[..., None].astype(np.int32)
        angles = np.radians(rotation.as_euler("ZXZ", degrees=True))
        home["Cell Feature Data/AvgEulerAngles"] = np.vstack([np.zeros(3), angles])
    found = volume(tmp_path / "a.dream3d")
    np.testing.assert_array_equal(found.label, LABEL)
    np.testing.assert_array_equal(found.voxel, [0.5, 0.25, 0.125])
    np.testing.assert_allclose(found.orientation[23], rotation[22].as_matrix(), atol=1e-12)


def test_plain_hdf5_wants_a_name_where_there_is_a_choice(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["grains"] = LABEL
    np.testing.assert_array_equal(volume(tmp_path / "a.h5").label, LABEL)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["phases"] = LABEL
    with pytest.raises(ConfigError, match="dataset must name one of grains, phases"):
        volume(tmp_path / "a.h5")
    np.testing.assert_array_equal(volume(tmp_path / "a.h5", dataset="phases").label, LABEL)
    with pytest.raises(ConfigError, match="has no dataset 'no'"):
        volume(tmp_path / "a.h5", dataset="no")


TESR = """***tesr
 **format
   2.1
 **general
   3
   2 3 4
   0.5 0.25 0.125
 **cell
   3
  *id
   11 12 13
  *ori
   rodrigues{sense}
   1 0 0
   0 0 0
   0 0 1
 **data
   {form}
"""


@pytest.mark.parametrize(("sense", "turn"), [("", 90), (":active", 90), (":passive", -90)])
def test_tesr(tmp_path, sense, turn):
    """Tangents of half the angle about x and z; x of the voxels runs fastest."""
    cells = LABEL % 4
    text = TESR.format(sense=sense, form="ascii") + " ".join(map(str, cells.ravel(order="F"))) + "\n***end\n"
    (tmp_path / "a.tesr").write_text(text)
    found = volume(tmp_path / "a.tesr")
    np.testing.assert_array_equal(found.label, np.array([0, 11, 12, 13])[cells])
    np.testing.assert_array_equal(found.voxel, [0.5, 0.25, 0.125])
    expected = Rotation.from_euler("x", turn, degrees=True).as_matrix()
    np.testing.assert_allclose(found.orientation[11], expected, atol=1e-12)
    (tmp_path / "a.tesr").write_text(text.replace("***end", "1 2\n***end"))
    with pytest.raises(ConfigError, match="holds 26 voxels, must hold 24"):
        volume(tmp_path / "a.tesr")


def test_tesr_with_binary_data_beside_it(tmp_path):
    cells = LABEL % 4
    (tmp_path / "a.raw").write_bytes(cells.ravel(order="F").astype(">i2").tobytes())
    text = TESR.format(sense="", form="binary16_big") + "  *file a.raw\n***end\n"
    (tmp_path / "a.tesr").write_text(text)
    np.testing.assert_array_equal(volume(tmp_path / "a.tesr").label, np.array([0, 11, 12, 13])[cells])
    (tmp_path / "a.tesr").write_text(text.replace("a.raw", "b.raw"))
    with pytest.raises(ConfigError, match=r"b\.raw: cannot be read"):
        volume(tmp_path / "a.tesr")


def two_boxes():
    """A .tess: the unit cube cut at x = 0.25."""
    xs, lines = (0.0, 0.25, 1.0), []
    corner = {(i, j, k): 1 + 4 * i + 2 * j + k for i in range(3) for j in (0, 1) for k in (0, 1)}
    lines += ["***tess", "**format", "2.0", "**general", "3 standard", "**cell", "2"]
    lines += ["*ori", "euler-bunge:active", "90 0 0", "0 0 0", "**vertex", "12"]
    lines += [f"{v} {xs[i]} {j} {k} 0" for (i, j, k), v in corner.items()]
    lines += ["**edge", "0"]
    faces = [([(i, 0, 0), (i, 1, 0), (i, 1, 1), (i, 0, 1)], (xs[i], 1, 0, 0)) for i in range(3)]
    for i in (0, 1):
        for side in (0, 1):
            y = [(i, side, 0), (i + 1, side, 0), (i + 1, side, 1), (i, side, 1)]
            z = [(i, 0, side), (i + 1, 0, side), (i + 1, 1, side), (i, 1, side)]
            faces += [(y, (side, 0, 1, 0)), (z, (side, 0, 0, 1))]
    lines += ["**face", str(len(faces))]
    for n, (corners, plane) in enumerate(faces, start=1):
        names = " ".join(str(corner[c]) for c in corners)
        lines += [f"{n} 4 {names}", "4 1 1 1 1", " ".join(map(str, plane)), "0 0 0 0 0"]
    lines += ["**polyhedron", "2", "1 6 -1 2 -4 -5 6 7", "2 6 -2 3 -8 -9 10 11", "***end"]
    return "\n".join(lines)


def test_tess(tmp_path):
    (tmp_path / "a.tess").write_text(two_boxes())
    found = volume(tmp_path / "a.tess", voxel=np.full(3, 0.125))
    np.testing.assert_array_equal(found.label[:2], 1)
    np.testing.assert_array_equal(found.label[2:], 2)
    assert found.label.shape == (8, 8, 8)
    np.testing.assert_allclose(found.orientation[1] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    (tmp_path / "a.tess").write_text(two_boxes()[:400])
    with pytest.raises(ConfigError, match=r"is not a whole|must be a"):
        volume(tmp_path / "a.tess")


# ---- cleaning


def test_labels_keep_their_names_and_voxels():
    label = np.array([0, 7, 3])[ball()]
    grains = cleaned(label)
    assert grains.source_g.tolist() == [3, 7]
    np.testing.assert_array_equal(np.append(grains.source_g, 0)[grains.label], label)
    assert grains.particle_g.tolist() == [0, 0]
    assert grains.notes == ()


def test_a_map_that_does_not_repeat_gets_margins():
    label = ball()[3:-3, 3:-3, 3:-3]  # 18 wide, the ball 17.3
    grains = cleaned(label, periodic=False, margin=0.55)
    assert grains.offset == (3, 3, 3)
    assert grains.label.shape == (24, 24, 24)
    assert "layers of ECBD added" in grains.notes[0]
    grains = cleaned(label, periodic=True, margin=0.55)
    assert grains.offset == (0, 0, 3)


def test_closed_pores_are_refused_or_filled():
    label = ball()
    label[8:12, 10:14, 10:14] = 9
    with pytest.raises(ConfigError, match="1 closed pores of 64 to 64 voxels"):
        cleaned(label, pores=(9,))
    with pytest.raises(ConfigError, match="closed pores"):
        cleaned(np.where(label == 9, 0, label))
    grains = cleaned(label, pores=(9,), fill_pores=True)
    assert (grains.label < 2).sum() == (label > 0).sum()
    assert "filled, 64 voxels" in grains.notes[0]


def test_open_pores_are_ecbd():
    label = ball()
    label[10:14, 10:14, 12:] = np.where(label[10:14, 10:14, 12:] > 0, 9, 0)
    grains = cleaned(label, pores=(9,))
    assert (grains.label == 2).sum() == ((label == 9) | (label == 0)).sum()
    assert "open pores count as ECBD" in grains.notes[0]


def test_pieces_of_a_label_are_grains_of_their_own():
    label = ball(grains=3)
    label[label == 3] = 1
    grains = cleaned(label)
    assert sorted(grains.source_g.tolist()) == [1, 1, 2]
    assert any("labels in pieces, each now a grain: 1" in note for note in grains.notes)


def test_specks_go_to_their_neighbours():
    label = ball()
    label[8, 12, 12] = 2  # of the other grain
    label[2, 2, 2] = 5  # in the ECBD
    grains = cleaned(label)
    assert grains.source_g.tolist() == [1, 2]
    assert grains.label[8, 12, 12] == 0
    assert grains.label[2, 2, 2] == 2
    assert any("labels that vanish, being small or thin: 5" in note for note in grains.notes)


def test_plates_of_one_voxel_vanish_and_are_told():
    label = ball()
    label[12] = np.where(label[12] > 0, 3, 0)
    grains = cleaned(label)
    assert grains.source_g.tolist() == [1, 2]
    assert any("vanish" in note and "3" in note for note in grains.notes)


def test_a_label_across_the_side_is_one_grain_only_if_the_map_repeats():
    label = np.roll(ball(grains=1), 12, axis=0)
    assert cleaned(label).source_g.tolist() == [1]
    assert cleaned(label, periodic=False).source_g.tolist() == [1, 1]


def test_particles_are_apart():
    one, other = ball(32, 0.2, 2, (0.28, 0.28, 0.5)), ball(32, 0.2, 2, (0.72, 0.72, 0.5))
    label = np.array([0, 1, 3])[one] + np.array([0, 2, 4])[other]
    grains = cleaned(label)
    assert grains.source_g.tolist() == [1, 3, 2, 4]
    assert grains.particle_g.tolist() == [0, 0, 1, 1]


def test_voxels_without_grains_are_refused():
    with pytest.raises(ConfigError, match="no grain is left"):
        cleaned(np.zeros((8, 8, 8), int))


# ---- Laguerre cells


def test_nearest_cells_are_those_of_the_power_distance():
    rng = np.random.default_rng(0)
    seed, weight, x = rng.random((30, 3)), 0.03 * rng.random(30), rng.random((500, 3))
    power = ((x[:, None] - seed) ** 2).sum(axis=2) - weight
    distance, cell = LaguerreCells(seed, weight).nearest(x, 4)
    np.testing.assert_array_equal(cell, np.argsort(power, axis=1)[:, :4])
    a, b = seed[cell[:, 0]], seed[cell[:, 2]]
    plane = (np.take_along_axis(power, cell, 1)[:, 2] - power.min(axis=1)) / (
        2 * np.linalg.norm(b - a, axis=1)
    )
    np.testing.assert_allclose(distance[:, 2], plane, atol=1e-12)


def cells_of_voxels(n=24):
    """Twelve Laguerre cells, centres of voxels in a cube, their cells, and who is near a plane."""
    rng = np.random.default_rng(2)
    cells = LaguerreCells(rng.random((12, 3)), 0.02 * rng.random(12))
    x = (np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) + 0.5) / n
    distance, cell = cells.nearest(x, 2)
    return cells, x, cell, distance[:, 1] < 1.5 / n


def same_cells(found, cells):
    fresh = np.random.default_rng(5).random((20_000, 3))
    return (LaguerreCells(*found).nearest(fresh, 1)[1] == cells.nearest(fresh, 1)[1]).mean()


def test_planes_are_found_again_from_voxels():
    cells, x, cell, edge = cells_of_voxels()
    found = fit_cells(x, cell[:, 0], edge, 12, np.random.default_rng(2))
    assert (LaguerreCells(*found).nearest(x, 1)[1][:, 0] == cell[:, 0]).mean() > 0.998
    assert same_cells(found, cells) > 0.992


def test_planes_are_found_again_in_noise(monkeypatch):
    """A fifth of the voxels at planes have the label across: the share of noise makes planes sharper."""
    cells, x, cell, edge = cells_of_voxels()
    wrong = edge & (np.random.default_rng(3).random(len(x)) < 0.2)
    label = np.where(wrong, cell[:, 1], cell[:, 0])
    found = fit_cells(x, label, edge, 12, np.random.default_rng(2), seen=cell[:, 0])
    monkeypatch.setattr("latticecell.meshing.cell_fit.ROUNDS", ((15_000, 20, 0.0),))
    blunt = fit_cells(x, label, edge, 12, np.random.default_rng(2), seen=cell[:, 0])
    assert same_cells(found, cells) > 0.98
    assert 1 - same_cells(found, cells) < 0.8 * (1 - same_cells(blunt, cells))


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_derivatives_of_the_likelihood(noise):
    rng = np.random.default_rng(4)
    y, among = rng.normal(size=(30, 3)), np.array([rng.permutation(5)[:4] for _ in range(30)]).T
    likelihood = _Softmax(y, among[1], among, 5, noise)
    score, away = rng.normal(size=(5, 4)), 1e-6 * rng.normal(size=(5, 4))

    def at(s):
        return likelihood.error(likelihood.shares(s), s)

    slope, curvature = likelihood._derivatives(likelihood.shares(score), score)
    assert at(score + away) - at(score - away) == pytest.approx(2 * slope @ away.ravel(), rel=1e-6)
    if not noise:  # with noise the weights are held
        more, less = (
            likelihood._derivatives(likelihood.shares(s), s)[0] for s in (score + away, score - away)
        )
        np.testing.assert_allclose(more - less, 2 * curvature @ away.ravel(), rtol=1e-5, atol=1e-13)
