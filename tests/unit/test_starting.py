"""The start by stoichiometry, state of charge or voltage, and a state without stress apart from it."""

import csv

import numpy as np
import pytest
import tomli

from cells import SMALL
from latticecell import ConfigError, build_microstructure, build_network, config_from_table, resolved_toml
from latticecell.cell1d.run import cell_of
from latticecell.cell1d.solve import steps as steps_1d
from latticecell.laws.chosen import open_circuit, strains
from latticecell.materials import mechanical_laws
from latticecell.physics.eigenstrain import LithiumExpansion
from latticecell.protocol import one_c
from latticecell.run import Simulation, run
from latticecell.state import State
from latticecell.stepper import Stepper

QUICK = {"dt_initial_s": 5.0, "dt_max_s": 40.0}
MADE = {"initial_stoichiometry": 0.55, "stress_free_stoichiometry": 0.97}
FIRST, SECOND = "Charge at 2C for 30 s", "Rest for 20 s"


def active(**keys):
    return config_from_table({"materials": {"active": keys}}).materials.active


def small(*steps, start=MADE, **keys):
    table = {**SMALL, "solver": QUICK, "protocol": {"steps": list(steps)}, "materials": {"active": start}}
    return config_from_table({**table, **keys})


@pytest.fixture(autouse=True)
def unseen(monkeypatch):
    """No plots: they take longer than the runs."""
    monkeypatch.setattr("latticecell.output.plots.summary", lambda *_: None)


def rows(path):
    with (path / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", [None, "nmc811", "nmc532"])
def test_a_start_by_voltage_rests_at_it(name):
    found = active(initial_voltage_V=3.83, **({} if name is None else {"material": name}))
    assert float(open_circuit(found).voltage(found.initial_stoichiometry)) == pytest.approx(3.83, abs=1e-12)
    assert found.strain_reference == found.initial_stoichiometry


def test_a_start_by_state_of_charge_lies_between_the_ends_of_its_window():
    ends = [active(initial_voltage_V=volts).initial_stoichiometry for volts in (3.1, 4.25)]
    for soc in (0.0, 0.3, 1.0):
        x = active(initial_soc=soc, soc_window_V=[3.1, 4.25]).initial_stoichiometry
        assert x == pytest.approx(ends[0] + soc * (ends[1] - ends[0]), rel=1e-14)
    assert ends[0] > 0.9 and ends[1] < 0.15


def test_a_run_directory_holds_the_stoichiometry():
    config = config_from_table({"materials": {"active": {"material": "nmc811", "initial_voltage_V": 3.9}}})
    assert config.materials.active.initial_voltage is None
    assert config_from_table(tomli.loads(resolved_toml(config))) == config


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"initial_voltage_V": 3.8, "initial_soc": 0.5, "soc_window_V": [3.0, 4.2]}, "give one of them"),
        ({"initial_voltage_V": 3.8, "initial_stoichiometry": 0.5}, "give one of them"),
        ({"initial_soc": 0.5}, "initial_soc: has no meaning without soc_window_V"),
        ({"soc_window_V": [3.0, 4.2]}, "soc_window_V: has no meaning without initial_soc"),
        ({"initial_soc": 0.5, "soc_window_V": [4.2, 3.0]}, "the first must be below the second"),
        (
            {"initial_soc": 0.5, "soc_window_V": [3.0, 5.2]},
            r"V\[1\] = 5.2: must be in \[2.686, 4.4",
        ),
        ({"initial_voltage_V": 2.0}, r"initial_voltage_V = 2: must be in \[2.686, 4.4"),
        ({"initial_voltage_V": 3.8, "ocv": "nmc"}, "must be"),
        ({"stress_free_stoichiometry": 0.4, "strain_frozen_below": 0.6}, "stress_free_stoichiometry = 0.4"),
        (
            {
                "stress_free_stoichiometry": 0.98,
                "volume_change": {"x": [0.1, 0.975], "y": [-0.02, 0.0], "extrapolation": "error"},
            },
            "must hold stress_free_stoichiometry = 0.98",
        ),
    ],
)
def test_a_start_that_cannot_be_meant_is_told(keys, told):
    with pytest.raises(ConfigError, match=told):
        active(**keys)


def test_1c_is_that_of_the_state_without_stress():
    made, start = small(FIRST), small(FIRST, start={"initial_stoichiometry": 0.97})
    assert one_c(made) == one_c(start)
    assert one_c(small(FIRST, start={"initial_stoichiometry": 0.55})) == pytest.approx(
        one_c(made) * 0.55 / 0.97, rel=1e-14
    )


def test_strains_refer_to_the_state_without_stress():
    length = {"x": [0.2, 0.6, 1.0], "y": [2.81, 2.83, 2.87]}
    height = {"x": [0.2, 0.6, 1.0], "y": [14.1, 14.4, 14.2]}
    lattice = {"initial_stoichiometry": 0.45, "stress_free_stoichiometry": 0.9}
    for curves in ({}, {"lattice_a": length, "lattice_c": height}):
        config = small(FIRST, start={**lattice, **curves})
        network = build_network(config, build_microstructure(config))
        expansion = LithiumExpansion(mechanical_laws(config), network)
        grains, state = network.is_active_n[network.tet_tn].all(axis=1), State.zeros(network)
        for x in (0.9, 0.45):
            expected = sum(
                float(law.strain(x) - law.strain(0.9)) * ratio.sum()
                for law, ratio in strains(config.materials.active)
            )
            state.stoich_n[...] = x
            found = expansion.eigenstrain(state)[grains, :3].sum(axis=1)
            assert found == pytest.approx(expected, rel=1e-10, abs=1e-15)
            assert (expected == 0.0) == (x == 0.9)


def test_the_first_row_is_stressed_and_its_work_is_counted(tmp_path):
    run(small(FIRST, SECOND), tmp_path / "run")
    first, *rest = found = rows(tmp_path / "run")
    assert float(first["von_mises_median_GPa"]) > 0.02 and float(first["time_s"]) == 0.0
    assert float(first["elastic_J"]) > 1e-13 and float(first["dissipated_J"]) > 0.0
    assert max(abs(float(row["energy_balance"])) for row in found) < 2e-3
    assert max(abs(float(row["lithium_balance"])) for row in found) < 1e-12
    assert float(rest[-1]["elastic_J"]) > float(first["elastic_J"])
    assert float(first["stoich_min"]) == float(first["stoich_max"]) == 0.55


def test_a_stressed_start_is_stopped_resumed_and_gone_on_from(tmp_path):
    """Bit for bit the rows of a run that was never stopped."""
    run(small(FIRST, SECOND), tmp_path / "whole")
    with Simulation.start(small(FIRST, SECOND), tmp_path / "parts") as simulation:
        steps = simulation.advance()
        next(steps)
        steps.close()
    for _ in Simulation.resume(tmp_path / "parts").advance():
        pass
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")
    run(small(FIRST), tmp_path / "first")
    run(small(SECOND, continue_from=str(tmp_path / "first")), tmp_path / "second")
    last, whole = rows(tmp_path / "second")[-1], rows(tmp_path / "whole")[-1]
    for key in ("time_s", "voltage_V", "elastic_J", "dissipated_J", "energy_balance"):
        assert last[key] == whole[key]
    with pytest.raises(ConfigError, match="stress_free_stoichiometry"):
        other = {**MADE, "stress_free_stoichiometry": 0.9}
        run(small(SECOND, start=other, continue_from=str(tmp_path / "first")), tmp_path / "third")


def test_nothing_flows_out_of_a_stressed_start_at_rest():
    """The voltage is that at which the reactions add up to nothing, which stress shifts."""
    config = small("Hold for 1 s")
    network = build_network(config, build_microstructure(config))
    stepper = Stepper(config, network)
    state, cursor = stepper.start()
    unstressed = float(open_circuit(config.materials.active).voltage(0.55))
    shift = float(state.voltage[0]) - unstressed
    assert 1e-5 < abs(shift) < 5e-3
    assert cursor.hold == state.voltage[0]
    plain = small("Hold for 1 s", kinetics={"mechanical_ocv": False},
                  start={**MADE, "stress_diffusion": "saturating"})  # fmt: skip
    still, _ = Stepper(plain, network).start()
    assert float(still.voltage[0]) == pytest.approx(unstressed, abs=1e-12)
    np.testing.assert_array_equal(still.u_nc, state.u_nc)


def test_the_1d_cell_starts_there_too():
    table = {"materials": {"active": {"initial_voltage_V": 3.9}}, "protocol": {"steps": ["Rest for 10 s"]}}
    config = config_from_table(table)
    cell = cell_of(config)
    first = next(iter(steps_1d(config, cell)))
    assert cell.fields(first.z).voltage == pytest.approx(3.9, abs=1e-9)
