"""The section of a report about several particles."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import latticecell as lc
from latticecell.report import write_report
from latticecell.report.particles import contact_resistance, particle_curves, particle_tables

TABLE = {
    "geometry": {
        "width_um": 7.0, "cathode_um": 8.5, "separator_um": 2.0,
        "particles": [
            {"center_um": [0.4, 3.1, 2.6], "radius_um": 1.6, "grains": 1},
            {"center_um": [3.7, 6.8, 5.9], "radius_um": 2.3},
        ],
    },
    "microstructure": {"grains": 3},
    "network": {"spacing_um": 1.1, "spacing_max_um": 2.2, "growth": 0.5},
    "protocol": {"steps": ["Charge at C/2 for 20 s"]},
    "solver": {"threads": 1},
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "r"
    lc.run(lc.config_from_table(TABLE), path)
    return lc.open_run(path)


def test_a_resistance_is_a_drop_over_a_current_density():
    """1 mV at 1 nA through 1 um2, that is 0.1 A/cm2: 0.01 ohm cm2; none without a current."""
    found = contact_resistance(np.array([1.0, 1.0]), np.array([-1e-9, 0.0]), 1e-12)
    assert found[0] == pytest.approx(0.01)
    assert np.isnan(found[1])


def test_tables_tell_each_particle(finished):
    text = particle_tables(finished)
    what, state = text.split("<p></p>")
    rows = [row.split("</td><td>") for row in what.split("<tbody>")[1].split("</tr>")[:2]]
    assert [row[1] for row in rows] == ["1.60", "2.30"]
    assert [row[5] for row in rows] == ["1", "3"]
    share = [float(row[6].split("<")[0]) for row in rows]
    assert share[1] == pytest.approx(100 * 2.3**3 / (1.6**3 + 2.3**3), abs=0.1)
    last = {name: finished.history[name][-1] for name in finished.history}
    for p in (1, 2):
        assert f"{last[f'stoich_mean_p{p}']:.4f}" in state
        assert f"{1e12 * last[f'lithium_mol_p{p}']:.4f}" in state
    # a closed interface has 5e-4 ohm m2; the more where the current is not uniform
    resistance = [float(row.split("</td>")[-2].split(">")[-1]) for row in state.split("</tr>")[1:3]]
    assert all(5.0 < one < 5.6 for one in resistance)


def test_particles_of_labels_have_equivalent_radii(finished, monkeypatch):
    assert "<th>radius (µm)" in particle_tables(finished)
    own = finished.config.microstructure.model_copy(update={"labels": "some"})
    monkeypatch.setattr(finished, "config", finished.config.model_copy(update={"microstructure": own}))
    assert "<th>equivalent radius (µm)" in particle_tables(finished)


def test_curves_have_a_line_for_each_particle(finished):
    figure = particle_curves(finished)
    assert isinstance(figure, Figure)
    for axes, column in zip(figure.axes, ("stoich_mean", "gap_mean_nm"), strict=True):
        lines = axes.get_lines()  # the largest first
        assert [line.get_label() for line in lines] == ["2: 2.3 µm", "1: 1.6 µm"]
        np.testing.assert_array_equal(lines[0].get_ydata(), finished.history[f"{column}_p2"])


def test_the_page_has_the_section(finished):
    text = write_report(finished).read_text()
    assert '<section id="particles">' in text
