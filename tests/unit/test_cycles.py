"""The table of cycles: capacity, efficiency, resistance and the state at both ends."""

import csv
import io

import numpy as np
import pytest

from cells import tiny
from latticecell import open_run, run
from latticecell.export import export_run
from latticecell.output import cycleplots, plots
from latticecell.output.cycleplots import COLOURS, MOST_CURVES, evenly, overlaid_figure
from latticecell.output.record import CYCLES
from latticecell.report import cycles as pages
from latticecell.report import write_report
from latticecell.results import Run
from latticecell.results.cycles import NAH, CycleTable
from memory import memory_run
from pages import Page
from rundirs import make_network

AREA = 3.1e-10
OHMS = 2.9e6
SLOPE = 4.7e6
"""Rise of the open-circuit voltage by charge [V/C]."""


def cell(cycles=3, fade=0.9, rest=False):
    """A resistance behind a linear open-circuit voltage, whose capacity falls by a factor in each cycle.

    Every stage has steps of unequal lengths; charging takes a tenth more current than discharging.
    """
    columns = ("cycle", "step", "kind", "time_s", "dt_s", "voltage_V", "current_A", "charge_C", "electric_J")
    rows = [(1, 1, "charge", 0.0, 0.0, 3.1, 0.0, 0.0, 0.0)]
    time = charge = energy = 0.0
    for cycle in range(1, cycles + 1):
        plan = [("charge", 1.1e-9), ("rest", 0.0), ("discharge", -1.0e-9)]
        for step, (kind, amperes) in enumerate([one for one in plan if rest or one[0] != "rest"]):
            full = 0.7e-6 * fade ** (cycle - 1)
            seconds = full / abs(amperes) if amperes else 60.0
            for share in (0.01, 0.2, 0.5, 0.29):
                dt = share * seconds
                time, charge = time + dt, charge + amperes * dt
                volts = 3.1 + SLOPE * charge / 10 + OHMS * amperes / 10
                energy += amperes * dt * volts
                rows.append((cycle, step + 1, kind, time, dt, volts, amperes, charge, energy))
    found = {name: np.array(v) for name, v in zip(columns, zip(*rows, strict=True), strict=True)}
    place = np.arange(len(rows), dtype=float)
    more = {"gap_mean_nm": place, "gap_max_nm": 2 * place, "gb_broken": place / 100, "rejected": place % 2}
    return {name: v if name == "kind" else v.astype(float) for name, v in (found | more).items()}


def test_capacity_fades_against_the_first_cycle():
    table = CycleTable.of(cell(), True, AREA)
    np.testing.assert_allclose(table["discharge_capacity_nAh"], NAH * 0.7e-6 * 0.9 ** np.arange(3))
    np.testing.assert_allclose(table["charge_capacity_nAh"], table["discharge_capacity_nAh"])
    np.testing.assert_allclose(table["capacity_retention"], [1.0, 0.9, 0.81])
    np.testing.assert_allclose(table["coulombic_efficiency"], 1.0)
    assert table[1].discharge_capacity == pytest.approx(0.63e-6) and table[-1].cycle == 3
    assert [one.cycle for one in table] == [1, 2, 3] and len(table) == 3


def test_energies_are_those_of_each_way():
    history = cell()
    table = CycleTable.of(history, True, AREA)
    power = np.diff(history["electric_J"])
    there, back = (power[(history["cycle"][1:] == 2) & (np.sign(power) == sign)].sum() for sign in (1, -1))
    assert table["charge_energy_J"][1] == pytest.approx(there)
    assert table["discharge_energy_J"][1] == pytest.approx(-back)
    assert table["energy_efficiency"][1] == pytest.approx(-back / there)
    assert table["energy_efficiency"][1] < 1.0


@pytest.mark.parametrize("rest", [False, True])
def test_resistance_of_the_first_step(rest):
    """The change of voltage over that of current: ohms, and what the open circuit gained in that step."""
    history = cell(rest=rest)
    table = CycleTable.of(history, True, AREA)
    for kind, amperes in (("charge", 1.1e-9), ("discharge", -1.0e-9)):
        for cycle in range(1, 4):
            rows = np.flatnonzero((history["kind"] == kind) & (history["cycle"] == cycle))
            first = rows[0] + (cycle == 1 and kind == "charge")
            change = amperes - history["current_A"][first - 1]
            ohms = 0.1 * (OHMS + SLOPE * amperes * history["dt_s"][first] / change)
            assert table[f"{kind}_resistance_ohm_cm2"][cycle - 1] == pytest.approx(1e4 * AREA * ohms)
            assert table[f"{kind}_resistance_after_s"][cycle - 1] == pytest.approx(history["dt_s"][first])


def test_resistance_at_the_middle_is_without_the_open_circuit_voltage():
    table = CycleTable.of(cell(), True, AREA)
    np.testing.assert_allclose(table["middle_resistance_ohm_cm2"], 1e4 * AREA * 0.1 * OHMS)


def test_states_are_those_of_the_last_rows_of_charge_and_discharge():
    history = cell(rest=True)
    table = CycleTable.of(history, True, AREA)
    for kind in ("charge", "discharge"):
        ends = [np.flatnonzero((history["kind"] == kind) & (history["cycle"] == c))[-1] for c in (1, 2, 3)]
        for name in ("gap_mean_nm", "gap_max_nm", "gb_broken"):
            np.testing.assert_array_equal(table[f"{kind}_end_{name}"], history[name][ends])
    assert table["rejected"].sum() == history["rejected"].sum()
    assert table["steps"].sum() == len(history["time_s"]) - 1


def test_what_is_not_there_is_nan():
    history = cell()
    cut = {name: values[: len(values) - 3] for name, values in history.items() if name != "electric_J"}
    table = CycleTable.of(cut, False, AREA)
    assert np.isnan(table["energy_efficiency"]).all() and np.isnan(table["charge_energy_J"]).all()
    for name in ("coulombic_efficiency", "capacity_retention", "middle_resistance_ohm_cm2"):
        assert np.isfinite(table[name][:2]).all() and np.isnan(table[name][2])
    charging = {name: values[:4] for name, values in history.items()}
    table = CycleTable.of(charging, False, AREA)
    assert np.isnan(table["discharge_end_gap_mean_nm"]).all() and table[0].discharge_capacity is None
    assert len(CycleTable.of({}, False, AREA)) == 0 and CycleTable.of({}, True, AREA).columns == {}


def test_the_end_of_a_stage_that_goes_on_is_not_told():
    history = {name: values[:-1] for name, values in cell().items()}
    table = CycleTable.of(history, False, AREA)
    assert np.isfinite(table["charge_end_gap_mean_nm"]).all()
    assert np.isnan(table["discharge_end_gap_mean_nm"][-1]) and table["discharge_capacity_nAh"][-1] > 0


def test_cycles_are_chosen_evenly():
    assert evenly(3, 12) == [0, 1, 2] and evenly(1, 5) == [0]
    assert evenly(200, 5) == [0, 50, 100, 149, 199]
    assert len(evenly(200, 20)) == 20


def panels(figure):
    return {axes.get_label(): axes for axes in figure.axes}


def test_many_cycles_are_laid_over_each_other_and_coloured_by_number(tmp_path, monkeypatch):
    history = cell(cycles=30, fade=0.98)
    figure = overlaid_figure(history, "run")
    found = panels(figure)
    assert set(found) == {"voltage", "gap", "damage", "bar of cycle"}
    lines = found["voltage"].get_lines()
    assert len(lines) == MOST_CURVES
    for line, number in zip((lines[0], lines[-1]), (1, 30), strict=True):
        rows = np.flatnonzero(history["cycle"] == number)
        rows = rows if number == 1 else np.append(rows[0] - 1, rows)
        np.testing.assert_allclose(line.get_xdata(), history["time_s"][rows] - history["time_s"][rows[0]])
        np.testing.assert_array_equal(line.get_ydata(), history["voltage_V"][rows])
        assert line.get_color() == COLOURS(float(number > 1))
    drawn = []
    monkeypatch.setattr(plots, "overlaid_figure", lambda h, t: drawn.append(t) or overlaid_figure(h, t))
    plots.summary(history, tmp_path / "a.png", "many")
    plots.summary(cell(cycles=cycleplots.FEW_CYCLES), tmp_path / "b.png", "few")
    assert drawn == ["many"]


def test_quantities_against_the_number_of_the_cycle():
    """Only those of complete cycles."""
    history = {name: values[:-1] for name, values in cell(cycles=7).items()}
    table = CycleTable.of(history, False, AREA)
    found = panels(pages.by_number(table))
    assert set(found) == {"capacity", "efficiency", "resistance", "gap", "cracks"}
    for panel, i, name, factor in (
        ("capacity", 1, "discharge_capacity_nAh", 1.0),
        ("efficiency", 2, "capacity_retention", 100.0),
        ("resistance", 2, "middle_resistance_ohm_cm2", 1.0),
        ("gap", 0, "charge_end_gap_max_nm", 1.0),
        ("cracks", 0, "charge_end_gb_broken", 100.0),
    ):
        line = found[panel].get_lines()[i]
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 7))
        np.testing.assert_allclose(line.get_ydata(), factor * table[name][:6])
    low, high = found["efficiency"].get_ylim()
    assert high - low > 0.02 * 90


def test_voltages_are_drawn_by_charge():
    history = cell(cycles=4)
    found = panels(pages.voltages(Run.from_arrays(None, columns=history)))
    for kind, amperes in (("charge", 1.1e-9), ("discharge", -1.0e-9)):
        lines = found[kind].get_lines()
        assert len(lines) == 4
        np.testing.assert_allclose(
            [line.get_xdata()[-1] for line in lines], NAH * 0.7e-6 * 0.9 ** np.arange(4)
        )
        assert lines[1].get_ydata()[-1] == pytest.approx(
            history["voltage_V"][(history["kind"] == kind) & (history["cycle"] == 2)][-1]
        ), amperes


def test_the_report_has_a_section_only_where_there_are_cycles(tmp_path):
    columns = {  # all that the tables of a report need
        "lithium_mol", "stoich_mean", "stoich_min", "stoich_max", "interface_drop_mV", "gap_max_nm",
        "von_mises_median_GPa", "von_mises_p99_GPa", "von_mises_p999_GPa", "von_mises_max_GPa",
        "interface_broken", "gb_opening_max_nm", "fragments", "interface_damaged", "interface_open",
        "gb_damaged", "dissipated_J", "energy_balance", "lithium_balance", "charge_balance",
        "viscous_share", "equilibrium_residual", "limited_nodes",
    }  # fmt: skip
    for cycles, shown in ((1, False), (2, True), (40, True)):
        history = cell(cycles=cycles)
        history |= {name: np.zeros(len(history["time_s"])) for name in columns}
        made = memory_run(make_network(), {}, {}, columns=history)
        text = Page(write_report(made, tmp_path / f"{cycles}.html").read_text(encoding="utf-8")).text
        assert ("Cycle by cycle" in text) == shown
        assert ("Shown are 20 of 40 cycles" in text) == (cycles == 40)
        assert "Snapshots, cycle 1" in text


def test_the_file_reads_back_with_the_same_bits():
    table = CycleTable.of(cell(), True, AREA)
    rows = list(csv.reader(io.StringIO(table.to_csv())))
    assert rows[0] == list(table.columns) and len(rows) == 4
    for name, cells in zip(rows[0], zip(*rows[1:], strict=True), strict=True):
        np.testing.assert_array_equal(np.array(cells, float), table[name])
    assert rows[1][0] == "1"


def test_a_run_writes_it_and_an_export_too(tmp_path):
    steps = [{"kind": "charge", "c_rate": 2.0, "duration_s": 60.0},
             {"kind": "discharge", "c_rate": 2.0, "duration_s": 50.0}]  # fmt: skip
    found = run(tiny(protocol={"steps": steps, "cycles": 2}), tmp_path / "r")
    text = (tmp_path / "r" / CYCLES).read_text()
    assert text == found.cycles.to_csv()
    np.testing.assert_allclose(found.cycles["coulombic_efficiency"], 50 / 60)
    export_run(tmp_path / "r", "csv", tmp_path / "out")
    assert (tmp_path / "out" / CYCLES).read_text() == text
    assert open_run(tmp_path / "r").cycles.columns.keys() == found.cycles.columns.keys()
    pandas = pytest.importorskip("pandas")
    assert list(pandas.read_csv(tmp_path / "r" / CYCLES).columns) == list(found.cycles.columns)
