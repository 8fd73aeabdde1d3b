"""Connected cracks, ways of Li and times of breaking, against what is known exactly."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from cells import SMALL
from latticecell import config_from_table, open_run
from latticecell.cracks import OPEN, CrackColumns, Cracks, LithiumPaths
from latticecell.network import unwrap_corners
from latticecell.observables import Observer
from latticecell.output import rundir
from latticecell.report import write_report
from latticecell.run import Simulation
from latticecell.view.model import RunModel
from networks import box_network

UM = 1e-6
SHAPE, SIZE = (12, 4, 10), (12 * UM, 4 * UM, 10 * UM)
WIDE = 1.1 * OPEN  # a facet of which one bond is closed is not open


def layers(x):
    """Grain 0 up to 3 um, grain 1 up to 7 um, the ECBD above."""
    return np.digitize(x[:, 2], [3 * UM, 7 * UM])


def blocks(x):
    """Grain 0 on the left and 1 on the right up to 4 um, grain 2 up to 8 um, the ECBD above."""
    lower = (x[:, 0] > 6 * UM).astype(int)
    return np.where(x[:, 2] < 4 * UM, lower, np.where(x[:, 2] < 8 * UM, 2, 3))


def network_of(domain, n_grains):
    return box_network(SHAPE, SIZE, domain, np.stack([np.eye(3)] * n_grains), jitter=0.0)


@pytest.fixture(scope="module")
def slab():
    return network_of(layers, 2)


@pytest.fixture(scope="module")
def corner():
    return network_of(blocks, 3)


def gaps(network, chosen, gap=WIDE):
    """Openings of the bonds of grain boundaries that ``chosen`` picks by position [um]."""
    x = network.x_kc[network.site_n[network.bond_bn[:, 0]]] / UM
    own = chosen(*x.T) & (network.kind_b == 0)
    return np.where(own, gap, 0.0)


def test_a_patch_is_one_crack_with_its_area_and_extent(slab):
    gap = gaps(slab, lambda x, y, z: (x > 1.5) & (x < 5.5) & (y < 2.5))
    found = Cracks(slab).open(gap)
    assert len(found.area) == 1
    assert found.area[0] == pytest.approx(3.0 * 2.0 * UM**2, rel=1e-12)  # x from 2 to 5, y from 0 to 2
    assert found.largest_share == 1.0
    assert not found.at_surface.any()
    assert found.span[0] == pytest.approx(np.hypot(3, 2) * UM / (2 * slab.particle_radius_p[0]), rel=0.01)
    numbers = Cracks(slab).of_bonds(found)
    np.testing.assert_array_equal(numbers, (gap > 0).astype(float))


def test_patches_apart_are_numbered_by_their_area(slab):
    def chosen(x, y, z):
        return ((x > 0.5) & (x < 2.5)) | ((x > 5.5) & (x < 9.5) & (y < 1.5))

    cracks = Cracks(slab)
    found = cracks.open(gaps(slab, chosen))
    np.testing.assert_allclose(found.area, np.array([4.0, 3.0]) * UM**2, rtol=1e-12)
    assert found.largest_share == pytest.approx(4 / 7, rel=1e-12)
    x = slab.x_kc[slab.site_n[slab.bond_bn[:, 0]], 0] / UM
    numbers = cracks.of_bonds(found)
    assert set(numbers[x < 3]) == {0.0, 1.0}
    assert set(numbers[x > 5]) == {0.0, 2.0}
    np.testing.assert_array_equal(cracks.open(gaps(slab, chosen, 0.9 * OPEN)).crack_f, 0)


def test_patches_that_meet_in_one_point_are_two(slab):
    """They share a site, but no edge of their facets."""
    cracks = Cracks(slab)
    sites = slab.site_n[slab.bond_bn[cracks.facet_fb, 0]]
    x = unwrap_corners(slab.x_kc, sites, slab.box_c).mean(axis=1) / UM % [12, 4, 10]
    one = (x[:, 0] > 2) & (x[:, 0] < 4) & (x[:, 1] < 2)
    other = (x[:, 0] > 4) & (x[:, 0] < 6) & (x[:, 1] > 2)
    np.testing.assert_allclose(cracks.among(one | other).area, [4 * UM**2] * 2, rtol=1e-12)
    touching = (x[:, 0] > 4) & (x[:, 0] < 6) & (x[:, 1] < 2)
    np.testing.assert_allclose(cracks.among(one | touching).area, [8 * UM**2], rtol=1e-12)


def test_cracks_go_on_across_the_lines_where_boundaries_meet(corner):
    def chosen(x, y, z):
        below = (np.abs(x - 6) < 0.1) & (z > 0.5)  # the upright boundary, from 1 to 4 um
        return below | ((z > 3.9) & (x > 5.9) & (x < 8.5))

    found = Cracks(corner).open(gaps(corner, chosen))
    np.testing.assert_allclose(found.area, [(3 + 2) * 4 * UM**2], rtol=1e-12)
    assert not found.at_surface[0]


def test_cracks_that_reach_the_surface_are_told():
    """An upright boundary that ends at the ECBD 6 um up."""
    network = network_of(lambda x: np.where(x[:, 2] > 6 * UM, 2, x[:, 0] > 6 * UM), 2)
    for lowest, highest, reaches in ((0.5, 9.0, True), (0.5, 5.5, False)):
        chosen = lambda x, y, z, a=lowest, b=highest: (np.abs(x - 6) < 0.1) & (z > a) & (z < b)  # noqa: E731
        found = Cracks(network).open(gaps(network, chosen))
        assert list(found.at_surface) == [reaches]


def test_broken_facets_have_two_broken_bonds(slab):
    broken = gaps(slab, lambda x, y, z: (x > 1.5) & (x < 5.5)) > 0
    area = Cracks(slab).broken(broken).area[0] / UM**2
    assert area == pytest.approx(4.0 * 4.0, rel=1e-12)  # 3 um, and half of the 1 um at each end


def ways(slit):
    """Exact lengths in a slab whose slit at 3 um is ``slit`` wide: of the plane below it, by x [um]."""
    network = network_of(layers, 2)
    gap = gaps(network, slit, 100e-9)
    paths = LithiumPaths(network, 2e-9)
    return network, gap, paths


def test_li_goes_around_a_slit():
    """Below the slit it goes sideways to its end and then up: the lattice has straight links that way."""
    network, gap, paths = ways(lambda x, y, z: (x > 2.5) & (x < 9.5))
    length = paths.lengths(gap)
    x = network.x_nc[: len(length)] / UM
    below = np.isclose(x[:, 2], 3) & (network.domain_n[: len(length)] == 0)
    sideways = np.clip(np.minimum(x[:, 0] - 2, 10 - x[:, 0]), 0, None)
    np.testing.assert_allclose(length[below] / UM, 4 + sideways[below], rtol=1e-9)
    above = network.domain_n[: len(length)] == 1
    np.testing.assert_allclose(length[above] / UM, 7 - x[above, 2], rtol=1e-9, atol=1e-6)


def test_tortuosity_of_a_slit_is_that_of_the_lattice():
    """Links run along the axes and one diagonal, so the shortest way to each end of the slit is known."""
    network, gap, paths = ways(lambda x, y, z: (x > 2.5) & (x < 9.5))
    isolated, found = paths.state(gap)
    assert not isolated.any()
    grains = network.domain_n < 2
    (x, _, z), weight = network.x_nc[grains].T / UM, network.volume_n[grains]
    down = 3 - z
    right, left = np.clip(10 - x, 0, None), np.clip(x - 2, 0, None)
    diagonal = np.minimum(right, down)
    around = np.minimum(right + down - (2 - np.sqrt(2)) * diagonal, left + down) + 4
    free = (x < 2.5) | (x > 9.5)
    below = (network.domain_n[grains] == 0) & ~free
    length = np.where(below, around, 7 - z)
    assert found == pytest.approx((weight @ length) / (weight @ (7 - z)), rel=1e-9)
    assert found > 1.1


def test_li_behind_a_cut_boundary_is_isolated(slab):
    """But one bond that is closed lets it out; the gap that cuts is ln(100) blocking gaps."""
    columns = CrackColumns(slab, 2e-9)
    stoich = np.where(slab.domain_n == 0, 0.5, np.where(slab.domain_n == 1, 0.25, 0.0))
    below = 0.5 * slab.volume_n[slab.domain_n == 0].sum()
    assert below == pytest.approx(0.5 * 12 * 4 * 3 * UM**3, rel=1e-12)
    nothing = np.zeros(slab.n_bonds, bool)
    cut = np.log(100) * 2e-9
    for gap, isolated in ((1.01 * cut, 1.0), (0.99 * cut, 0.0)):
        row = columns.row(gaps(slab, lambda x, y, z: z > 0, gap), nothing, stoich, 5e4)
        assert row["lithium_isolated_mol"] == pytest.approx(isolated * 5e4 * below, rel=1e-12)
        assert row["lithium_tortuosity"] == 1.0
        assert row["gb_open_2nm"] == pytest.approx(1.0, rel=1e-12)
        assert row["cracks"] == 1
    almost = columns.row(gaps(slab, lambda x, y, z: (x > 0.5) | (y > 0.5), 1.01 * cut), nothing, stoich, 5e4)
    assert almost["lithium_isolated_mol"] == 0.0
    assert almost["lithium_tortuosity"] > 1.3


NEW = {
    "gb_open_2nm", "cracks", "crack_largest_um2", "crack_largest_share", "cracks_at_surface", "crack_span",
    "broken_cracks", "broken_crack_largest_um2", "broken_crack_span", "lithium_isolated_mol",
    "lithium_tortuosity",
}  # fmt: skip
STEPS = [{"kind": "charge", "c_rate": 2.0, "duration_s": 400.0}]


WEAK = {"mode": "breakable", "strength_MPa": 20.0, "fracture_energy_J_per_m2": 0.02, "viscosity_s": 5.0}


def cell(boundary):
    return config_from_table(
        SMALL
        | {
            "protocol": {"current_1c_nA": 0.0427, "steps": STEPS},
            "output": {"fields_every": 2},
            "grain_boundary": boundary,
        }
    )


def test_a_run_with_tied_boundaries_has_no_columns_or_numbers_of_cracks(tmp_path):
    config = cell({"mode": "tied"})
    first = next(Simulation.start(config, tmp_path / "run").advance())
    assert not NEW & set(first.row)
    assert "crack" not in open_run(tmp_path / "run").fields


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run whose boundaries crack."""
    path = tmp_path_factory.mktemp("runs") / "cracking"
    for _ in Simulation.start(cell(WEAK), path).advance():
        pass
    return path


def test_times_of_breaking_survive_a_resumed_run(whole, tmp_path):
    """Bit for bit, as all of the history; and they are those of the rows in which the count grew."""
    cut = Simulation.start(cell(WEAK), tmp_path / "cut").advance()
    for _ in range(6):
        next(cut)
    cut.close()
    for _ in Simulation.resume(tmp_path / "cut").advance():
        pass
    one, other = ((path / "history.csv").read_bytes() for path in (whole, tmp_path / "cut"))
    assert one == other
    run, again = open_run(whole), open_run(tmp_path / "cut")
    rows = list(csv.DictReader(one.decode().splitlines()))
    assert set(rows[0]) >= NEW
    last, gb = run.snapshots[-1], run.mesh.bond_kind == 0
    np.testing.assert_array_equal(last["broken_at"], again.snapshots[-1]["broken_at"])
    times = np.asarray(last["broken_at"])
    broken = np.asarray(last["broken"]) > 0.5
    assert broken[gb].any()
    np.testing.assert_array_equal(np.isnan(times), ~broken)
    for row in rows:
        held = np.count_nonzero(times[gb] <= 1.0001 * float(row["time_s"]))
        assert held == int(row["gb_broken_count"])


def test_a_run_from_before_goes_on_without_columns(tmp_path, monkeypatch):
    """Its checkpoint has no times of breaking, its history none of the columns."""
    with monkeypatch.context() as before:
        before.setattr(Observer, "_crack_row", lambda self, state: {})
        begun = Simulation.start(cell(WEAK), tmp_path / "old").advance()
        for _ in range(6):
            next(begun)
        begun.close()
    whole_state = rundir._update

    def without(arrays, n_bonds):
        del arrays["broke_b"]
        whole_state(arrays, n_bonds)

    monkeypatch.setattr(rundir, "_update", without)
    for _ in Simulation.resume(tmp_path / "old").advance():
        pass
    run = open_run(tmp_path / "old")
    assert run.status == "done"
    assert not NEW & set(run.history)
    last = run.snapshots[-1]
    assert (np.asarray(last["broken"]) > 0.5).any()
    assert np.isnan(last["broken_at"]).all()


def test_report_and_page_tell_of_cracks(whole, monkeypatch, capsys):
    text = write_report(whole).read_text()
    for told in ("open by 2 nm (%)", "isolated Li (fmol)", "open cracks", "0 to 0.1 μm²"):
        assert told in text
    monkeypatch.chdir(whole.parent.parent)
    (whole.parent.parent / "runs").exists() or (whole.parent.parent / "runs").symlink_to(whole.parent)
    page = (Path(__file__).parents[2] / "docs" / "cracking.md").read_text()
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], {})
    assert capsys.readouterr().out


def test_numbers_and_times_can_be_viewed(whole):
    model = RunModel(open_run(whole))
    for name in ("crack", "broken_at"):
        field = model.find_field(name)
        low, high = model.limits(field)
        assert low < high
