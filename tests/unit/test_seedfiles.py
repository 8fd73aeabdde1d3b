"""Seeds of grains from CSV files: what a run is given, and what is wrong with a file."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from latticecell import ConfigError, read_config
from latticecell.microstructure import build_microstructure
from latticecell.reader import resolved_toml

ROWS = np.array(
    [[-2.0, 0.3, 0.1, 0.4, 10, 20, 30], [2.1, -0.4, 0.6, -0.2, 75, 54, 12], [0, 2.2, -1.1, 0.0, 1, 2, 3]]
)
HEAD = "x_um,y_um,z_um,weight_um2,phi1,Phi,phi2"


def given(folder, head=HEAD, rows=ROWS, more='convention = "bunge_euler"\nsense = "passive"\n'):
    """File of a run beside its seeds."""
    np.savetxt(folder / "seeds.csv", rows, delimiter=",", header=head, comments="", fmt="%.10g")
    (folder / "a.toml").write_text(f'[microstructure.seeds]\nfile = "seeds.csv"\n{more}')
    return folder / "a.toml"


def turned(rows):
    """Columns are the crystal's axes: the rotation about z, the new x and the new z, as passive angles."""
    return Rotation.from_euler("ZXZ", rows, degrees=True).inv().as_matrix()


def test_a_particle_has_the_seeds_weights_and_orientations_of_its_file(tmp_path):
    config = read_config(given(tmp_path))
    seeds = config.microstructure.seeds
    np.testing.assert_allclose(seeds.positions, ROWS[:, :3] * 1e-6, rtol=1e-12)
    np.testing.assert_allclose(seeds.weights, ROWS[:, 3] * 1e-12, rtol=1e-12)
    assert seeds.source == "seeds.csv"
    np.testing.assert_allclose(build_microstructure(config).rotation_gcc, turned(ROWS[:, 4:]), atol=1e-14)
    (tmp_path / "seeds.csv").unlink()  # the run directory holds them
    (tmp_path / "b.toml").write_text(resolved_toml(config))
    assert read_config(tmp_path / "b.toml") == config


def test_quaternions_and_short_headings(tmp_path):
    quaternion = np.roll(Rotation.from_matrix(turned(ROWS[:, 4:])).as_quat(), 1, axis=1)
    rows = np.column_stack([ROWS[:, :3], quaternion])
    more = 'convention = "quaternion"\nsense = "active"\n'
    config = read_config(given(tmp_path, "x,y,z,qw,qx,qy,qz", rows, more))
    np.testing.assert_allclose(build_microstructure(config).rotation_gcc, turned(ROWS[:, 4:]), atol=1e-9)
    assert config.microstructure.seeds.weights == ()


@pytest.mark.parametrize(
    ("head", "rows", "more", "message"),
    [
        (HEAD, ROWS, "", 'has columns phi1, Phi, phi2; microstructure.seeds.convention = "bunge_euler"'),
        ("x,y,w", ROWS[:, :3], "", "z_um"),
        (
            "x,y,z,particle",
            np.column_stack([ROWS[:, :3], [0.0, 0.5, 1.0]]),
            "",
            "0.5 in column particle",
        ),
        ("x,y,z", ROWS[:, :3], "weights_um2 = [0.1]\n", "has no meaning beside weights_um2"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path, head, rows, more, message):
    with pytest.raises(ConfigError) as caught:
        read_config(given(tmp_path, head, rows, more))
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("microstructure.seeds.file: ")
    assert message in caught.value.problems[0]


def test_a_file_that_is_not_there_is_told(tmp_path):
    file = given(tmp_path)
    (tmp_path / "seeds.csv").unlink()
    with pytest.raises(ConfigError, match=r"microstructure\.seeds\.file: .*cannot be read"):
        read_config(file)
