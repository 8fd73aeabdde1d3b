"""Every shipped input runs, shrunk to a coarse network and a few minutes of cell time."""

from pathlib import Path

import pytest

from latticecell import read_config
from latticecell.run import run

ROOT = Path(__file__).parents[2]
INPUTS = sorted([*ROOT.glob("inputs/*.toml"), *ROOT.glob("studies/*/inputs/*.toml")])


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_input_runs(path, tmp_path):
    small = [
        "network.spacing_um=1.4", "network.spacing_max_um=4.0", "network.growth=0.6",
        "microstructure.grains=8", "protocol.cycles=1",
        'protocol.steps=[{kind = "charge", c_rate = 1.0, duration_s = 200.0}]',
    ]  # fmt: skip
    result = run(read_config(path, small), tmp_path / "r")
    history = result.history
    assert result.finished
    assert history["time_s"][-1] == pytest.approx(200.0)
    assert abs(history["lithium_balance"]).max() < 1e-9
    assert history["voltage_V"][-1] > 3.5
