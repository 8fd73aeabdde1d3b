"""Input files from the Battery Parameter eXchange: every value has its place or its reason."""

import builtins
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from bpxfiles import NYMAN, OCP, POSITIVE, cell, written
from latticecell.cell1d import run_cell1d
from latticecell.cell1d.run import cell_of
from latticecell.cli import app
from latticecell.laws.chosen import diffusivity_factor, open_circuit
from latticecell.laws.electrolyte import lipf6_nyman2008
from latticecell.materials import electro_laws
from latticecell.protocol import one_c
from latticecell.reader import read_config
from latticecell.run import run
from latticecell.units import FARADAY, GAS_CONSTANT

COARSE = {"network.spacing_um": 0.9, "network.spacing_max_um": 4.0, "microstructure.grains": 3}


@pytest.fixture(autouse=True)
def unseen(monkeypatch):
    """No plots: they take longer than the runs."""
    monkeypatch.setattr("latticecell.output.plots.summary", lambda *_: None)


def imported(tmp_path, table, *options, out="my.toml"):
    """Return what the command says, and the input file that it wrote."""
    file = tmp_path / out
    told = CliRunner().invoke(
        app, ["import-bpx", str(written(tmp_path, table)), "-o", str(file), "--force", *options]
    )
    assert told.exit_code == 0, told.output
    return told.output, file


def refused(tmp_path, table, *options):
    out = tmp_path / "none.toml"
    told = CliRunner().invoke(app, ["import-bpx", str(written(tmp_path, table)), "-o", str(out), *options])
    assert told.exit_code == 2 and not out.exists() and "Traceback" not in told.output
    return told.output


def ocp(x):
    return 4.35 - 0.75 * x - 0.12 * np.tanh(8 * (x - 0.55)) - 0.9 * np.exp(60 * (x - 1))


def test_values_are_where_the_equations_want_them(tmp_path):
    _, file = imported(tmp_path, cell())
    config = read_config(file)
    active, kinetics, box = config.materials.active, config.kinetics, config.geometry
    assert (active.c_max, active.stress_free_stoichiometry) == (47100.0, 0.94)
    assert active.initial_stoichiometry == pytest.approx(0.94 - 0.4 * 0.63)
    assert active.diffusivity == (2.1e-14,) * 3 and active.material == "nmc111"
    assert kinetics.exchange_current == pytest.approx(FARADAY * 3.3e-5 / 2)
    assert (kinetics.temperature, config.interface.resistance) == (298.15, 0.0)
    assert box.separator == pytest.approx(18e-6) and box.particles[0].radius == pytest.approx(3.7e-6)
    x = np.linspace(0.02, 0.985, 333)
    np.testing.assert_allclose(open_circuit(active).voltage(x), ocp(x), rtol=0, atol=4e-5)
    charge, discharge = config.protocol.steps
    assert charge.until == pytest.approx(ocp(0.31), abs=7e-5) and charge.c_rate == discharge.c_rate == 1
    assert discharge.until == pytest.approx(max(2.9, ocp(1.0)), abs=1e-4)


def test_the_block_is_that_of_the_file(tmp_path):
    """Share of active material, conductivities, flux at 1C, and the charge between the limits."""
    config = read_config(imported(tmp_path, cell())[1])
    block, salt = cell_of(config), config.electrolyte
    share = 190000 * 3.7e-6 / 3
    assert block.filled == pytest.approx(share, rel=1e-8)
    passage = 2 * (1 - share) / (2 + share)
    assert config.materials.ecbd.electronic_conductivity * passage == pytest.approx(0.43, rel=1e-8)
    assert salt.fraction_ecbd**salt.bruggeman * passage == pytest.approx(0.16, rel=1e-8)
    assert salt.fraction_separator == 0.45 and 0.45**salt.bruggeman == pytest.approx(0.3, rel=1e-8)
    assert (salt.kind, salt.law, salt.concentration) == ("binary", "lipf6_nyman2008", 1100.0)
    volume = 4 / 3 * np.pi * 3.7e-6**3
    assert one_c(config) / volume == pytest.approx(7.5 / (share * 6.1e-5 * 0.021 * 30), rel=1e-8)
    held = FARADAY * 47100 * (0.94 - 0.31) * volume
    assert config.protocol.steps[1].until_capacity == pytest.approx(held, rel=1e-8)


def test_a_column_fills_the_electrode(tmp_path):
    _, file = imported(tmp_path, cell(), "--column")
    config = read_config(file)
    assert len(config.geometry.particles) == 6
    assert config.geometry.cathode == pytest.approx(6.1e-5)
    assert cell_of(config).filled == pytest.approx(190000 * 3.7e-6 / 3, rel=1e-8)
    dense = cell(**{"Surface area per unit volume [m-1]": 500000})
    told, file = imported(tmp_path, dense, "--column")
    assert "share of active material 0.617; equal spheres apart fill only 0.3" in told
    assert "overlap" not in told and len(read_config(file).geometry.particles) == 7


def leaves(value, path=()):
    if isinstance(value, dict) and set(value) != {"x", "y"}:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    else:
        yield path


def test_every_value_has_a_line(tmp_path):
    table = cell()
    table["Parameterisation"]["Positive electrode"]["OCP (lithiation) [V]"] = OCP
    told, file = imported(tmp_path, table)
    lines = told.splitlines()
    for path in leaves(table):
        section = path[1:] if path[0] == "Parameterisation" else path
        whole = [" / ".join(section[:n]) for n in range(1, len(section) + 1)]
        assert any(
            line.startswith((f"{whole[-1]} = ", *(f"{each} (" for each in whole))) for line in lines
        ), path
    assert not any("nothing here stands for it" in line for line in lines)
    text = file.read_text()
    for line in (
        "Negative electrode (12 entries): not used",
        "# maximum stoichiometry: as made",
        "# - interface.resist",
    ):
        assert line in text
    assert text.count("\n") > 60 and max(map(len, text.splitlines())) <= 118


def test_values_at_another_temperature(tmp_path):
    """Arrhenius' law, and the entropic coefficient, at the temperature of the cell."""
    table = cell()
    table["State"]["Initial conditions"]["Initial temperature [K]"] = 318.15
    table["Parameterisation"]["Electrolyte"]["Conductivity activation energy [J.mol-1]"] = 17000
    told, file = imported(tmp_path, table)
    config = read_config(file)

    def factor(energy):
        return np.exp(energy / GAS_CONSTANT * (1 / 298.15 - 1 / 318.15))

    assert factor(19000) == pytest.approx(1.62, abs=0.01)
    active = config.materials.active
    assert config.kinetics.temperature == 318.15
    laws = electro_laws(config)
    assert laws.diffusivity[0] == pytest.approx(2.1e-14 * factor(19000), rel=1e-8)
    assert laws.particle.exchange_current == pytest.approx(FARADAY * 3.3e-5 / 2 * factor(33000), rel=1e-8)
    own = lipf6_nyman2008().conductivity(1100.0) * 0.3
    assert laws.ionic_conductivity[1] == pytest.approx(own * factor(17000), rel=1e-6)
    x = np.linspace(0.1, 0.98, 99)
    np.testing.assert_allclose(open_circuit(active).voltage(x), ocp(x) - 20 * 2e-4, rtol=0, atol=4e-5)
    assert "= 19000: materials.active.diffusivity_activation_energy_kJ_per_mol" in told


def test_tables_and_expressions(tmp_path):
    x = np.linspace(0.2, 0.99, 25)
    table = {"x": x.tolist()[::-1], "y": ocp(x).tolist()[::-1]}
    spread = "1e-14 * (1.4 - x) ** 2"
    told, file = imported(tmp_path, cell(**{"OCP [V]": table, "Diffusivity [m2.s-1]": spread}))
    active = read_config(file).materials.active
    np.testing.assert_allclose(active.ocv.x, x)
    np.testing.assert_allclose(active.ocv.y, ocp(x))
    found = diffusivity_factor(active).value(x) * active.diffusivity[0]
    np.testing.assert_allclose(found, 1e-14 * (1.4 - x) ** 2, rtol=5e-4)
    assert "25 points from x = 0.2 to 0.99, joined smoothly" in told
    points = {"x": [0.3, 0.6, 1.0], "y": [2e-14, 1e-14, 3e-15]}
    _, file = imported(tmp_path, cell(**{"Diffusivity [m2.s-1]": points}))
    active = read_config(file).materials.active
    np.testing.assert_allclose(
        diffusivity_factor(active).value(points["x"]) * active.diffusivity[2], points["y"], rtol=1e-8
    )


def test_another_salt_is_a_single_ion_conductor(tmp_path):
    table = cell()
    table["Parameterisation"]["Electrolyte"]["Conductivity [S.m-1]"] = {
        "x": [0, 1000, 2000],
        "y": [0, 1.2, 0.8],
    }
    told, file = imported(tmp_path, table)
    config = read_config(file)
    assert config.electrolyte.kind == "single_ion" and "is no law that an input file has" in told
    kappa = 1.2 - 0.1 * 0.4
    assert config.materials.separator.ionic_conductivity == pytest.approx(0.3 * kappa)
    share = cell_of(config).filled
    assert config.materials.ecbd.ionic_conductivity * 2 * (1 - share) / (2 + share) == pytest.approx(
        0.16 * kappa
    )
    twice = NYMAN["Diffusivity [m2.s-1]"].join(["2 * (", ")"])
    table = cell()
    table["Parameterisation"]["Electrolyte"]["Diffusivity [m2.s-1]"] = twice
    assert read_config(imported(tmp_path, table)[1]).electrolyte.kind == "single_ion"


def test_files_of_other_forms(tmp_path):
    """A single-particle model, a blend, and a file older than the standard's first version."""
    table = cell()
    table["Header"]["Model"] = "SPM"
    for section in ("Electrolyte", "Separator"):
        del table["Parameterisation"][section]
    for side in ("Positive electrode", "Negative electrode"):
        for key in ("Conductivity [S.m-1]", "Porosity", "Transport efficiency"):
            del table["Parameterisation"][side][key]
    told, file = imported(tmp_path, table)
    assert read_config(file).electrolyte.kind == "single_ion" and "assumed: electrolyte" in told

    table = cell()
    electrode = table["Parameterisation"]["Positive electrode"]
    kept = {key: electrode.pop(key) for key in ("Conductivity [S.m-1]", "Porosity", "Transport efficiency")}
    kept["Thickness [m]"] = electrode.pop("Thickness [m]")
    small = electrode | {"Particle radius [m]": 1.1e-6}
    table["Parameterisation"]["Positive electrode"] = kept | {
        "Particle": {"Large": electrode, "Small": small}
    }
    assert "choose --particle, one of 'Large', 'Small'" in refused(tmp_path, table)
    told, file = imported(tmp_path, table, "--particle", "Small")
    assert "Particle / Large (11 entries): not used: another particle was chosen" in told
    config = read_config(file)
    assert config.geometry.particles[0].radius == pytest.approx(1.1e-6)
    assert config.protocol.window == (0.31, 0.94)

    table = cell()
    table["Header"]["BPX"] = "0.4.0"
    state = table.pop("State")["Initial conditions"]
    table["Parameterisation"]["Cell"]["Ambient temperature [K]"] = state["Initial temperature [K]"]
    table["Parameterisation"]["Electrolyte"]["Initial concentration [mol.m-3]"] = 900
    told, file = imported(tmp_path, table)
    assert (
        read_config(file).materials.active.initial_stoichiometry == 0.94
    )  # the state of charge is none of its own
    assert "older than BPX 1.0" in told and read_config(file).electrolyte.concentration == 900.0


def test_what_is_wrong_is_told(tmp_path, monkeypatch):
    assert "must be an expression or a table" in refused(tmp_path, cell(**{"OCP [V]": 3.7}))
    assert "OCP [V]" in refused(tmp_path, cell(**{"OCP [V]": "3.7 +"}))
    assert "sin is none of x, exp, tanh, cosh" in refused(tmp_path, cell(**{"OCP [V]": "4 - sin(x)"}))
    assert "exit is none of" in refused(tmp_path, cell(**{"OCP [V]": "4. - exit(3)"}))
    assert "is not finite" in refused(tmp_path, cell(**{"OCP [V]": "4 - 1 / (x - x)"}))
    assert "Particle radius [m]" in refused(tmp_path, cell(**{"Particle radius [m]": -1e-6}))
    assert "must be below 1" in refused(tmp_path, cell(**{"Surface area per unit volume [m-1]": 1e6}))
    both = cell(**{"Porosity": [0.3], "Thickness [m]": None})
    told = refused(tmp_path, both)
    assert "Porosity" in told and "Thickness" in told and "2 problems found" in told
    assert "no_such" in refused(tmp_path, cell(), "--material", "no_such")
    assert "the positive electrode is no blend" in refused(tmp_path, cell(), "--particle", "Small")
    assert "c_max" in refused(tmp_path, cell(**{"Maximum concentration [mol.m-3]": 1e9}))

    written(tmp_path, cell())
    (tmp_path / "my.toml").write_text("mine")
    command = ["import-bpx", str(tmp_path / "cell.json"), "-o", str(tmp_path / "my.toml")]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 2 and "exists already" in told.output
    (tmp_path / "cell.json").write_text("{")
    assert "is not JSON" in CliRunner().invoke(app, command).output
    (tmp_path / "cell.json").write_text(json.dumps([1]))
    assert "must hold a BPX object" in CliRunner().invoke(app, command).output
    real = builtins.__import__

    def without(name, *rest):
        if name == "bpx":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "pip install latticecell[bpx]" in CliRunner().invoke(app, command).output


@pytest.mark.filterwarnings("ignore")
def test_laws_are_those_of_pybamm(tmp_path, monkeypatch):
    """PyBaMM's reading of the same file, at another temperature than that of the values."""
    monkeypatch.setenv("PYBAMM_DISABLE_TELEMETRY", "true")
    pybamm = pytest.importorskip("pybamm")
    table = cell(**{"Diffusivity [m2.s-1]": "1e-14 * (1.4 - x) ** 2"})
    table["State"]["Initial conditions"]["Initial temperature [K]"] = warm = 283.15
    table["Parameterisation"]["Negative electrode"]["Entropic change coefficient [V.K-1]"] = 0.0
    table["Parameterisation"]["Cell"] |= {"External surface area [m2]": 0.04, "Volume [m3]": 1e-4}
    config = read_config(imported(tmp_path, table)[1])
    theirs = pybamm.ParameterValues.create_from_bpx_obj(table)
    active, laws = config.materials.active, cell_of(config)
    for y in (0.35, 0.52, 0.9):
        x = pybamm.Scalar(y)
        spread = theirs.process_symbol(
            pybamm.FunctionParameter(
                "Positive particle diffusivity [m2.s-1]", {"x": x, "T": pybamm.Scalar(warm)}
            )
        ).evaluate()
        own = electro_laws(config).diffusivity[0] * diffusivity_factor(active).value(y)
        assert own == pytest.approx(spread, rel=5e-4)
        given = {
            "c_e": pybamm.Scalar(1100.0), "c_s": x * 47100.0, "c_max": pybamm.Scalar(47100.0),
            "T": pybamm.Scalar(warm),
        }  # fmt: skip
        name = "Positive electrode exchange-current density [A.m-2]"
        exchange = theirs.process_symbol(pybamm.FunctionParameter(name, given)).evaluate()
        surface = laws.particle.surface(np.array([y]), np.zeros(1))
        assert surface.exchange_b[0] == pytest.approx(exchange, rel=1e-6)
        rest = theirs.process_symbol(
            pybamm.FunctionParameter("Positive electrode OCP [V]", {"x": x})
        ).evaluate()
        name = "Positive electrode OCP entropic change [V.K-1]"
        rest += (warm - 298.15) * theirs.process_symbol(pybamm.FunctionParameter(name, {"x": x})).evaluate()
        assert open_circuit(active).voltage(y) == pytest.approx(rest, abs=5e-5)


def test_from_the_file_to_runs(tmp_path):
    """Charge and discharge, in 3-D on a coarse network and in 1-D; what goes in comes out."""
    _, file = imported(tmp_path, cell())
    assert CliRunner().invoke(app, ["check", str(file)]).exit_code == 0
    config = read_config(file, COARSE)
    found = run(config, tmp_path / "r")
    assert found.finished and [stage.kind for stage in found.stages] == ["charge", "discharge"]
    history = found.history
    assert np.abs(history["lithium_balance"]).max() < 1e-9
    line = run_cell1d(config, tmp_path / "line").history()
    ends = [np.flatnonzero(line["kind"] == kind)[-1] for kind in ("charge", "discharge")]
    for stage, end in zip(found.stages, ends, strict=True):
        assert history["time_s"][stage.last] == pytest.approx(line["time_s"][end], rel=0.05)
    assert POSITIVE["Minimum stoichiometry"] < history["stoich_mean"].min() < 0.36
