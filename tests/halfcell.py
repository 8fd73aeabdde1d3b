"""PyBaMM's half cell with the laws and numbers of a configuration, to compare the 1-D cell with."""

import warnings

import numpy as np
import pytest

from latticecell.cell1d.run import cell_of
from latticecell.laws.chosen import open_circuit
from latticecell.protocol import one_c


def half_cell(config, seconds, sizes=None):
    """Time and voltage of PyBaMM's DFN half cell in the first step of a protocol, from its start.

    PyBaMM's symmetric Butler-Volmer is 2 j0 sinh(F eta / 2RT), so its j0 is this model's i0. ``sizes`` are
    least and largest radius, number of slices between them, and density of the area by radius.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _solved(config, seconds, sizes)


def _solved(config, seconds, sizes):
    pybamm = pytest.importorskip("pybamm")
    cell, electrolyte, kinetics = cell_of(config), config.electrolyte, config.kinetics
    active, step = config.materials.active, config.protocol.steps[0]
    stoich = np.concatenate([np.linspace(0.0, 0.94, 1500), np.linspace(0.94, 1.0, 3001)[1:]])
    rest = open_circuit(active).voltage(stoich)

    def ocp(x):
        return pybamm.Interpolant(stoich, rest, x, interpolator="linear", extrapolate=True)

    def exchange(c, c_s, c_max, temperature):
        x = c_s / c_max
        return kinetics.exchange_current * 2 * (x * (1 - x) * c / electrolyte.concentration) ** 0.5

    def conductivity(c, temperature):
        c = c / 1000
        return 0.1297 * c**3 - 2.51 * c**1.5 + 3.329 * c

    def diffusivity(c, temperature):
        c = c / 1000
        return 8.794e-11 * c**2 - 3.972e-10 * c + 4.862e-10

    passage = 2 * (1 - cell.filled) / (2 + cell.filled)
    porosity = electrolyte.fraction_ecbd * (1 - cell.filled)
    through = electrolyte.fraction_ecbd**electrolyte.bruggeman * passage
    density = step.c_rate * one_c(config) / cell.area
    values = pybamm.ParameterValues("Xu2019")  # for the Li metal
    values.update(
        {
            "Electrode height [m]": 1.0,
            "Electrode width [m]": 1.0,
            "Current function [A]": -density if step.kind == "charge" else density,
            "Nominal cell capacity [A.h]": density,
            "Positive electrode thickness [m]": config.geometry.cathode,
            "Separator thickness [m]": config.geometry.separator,
            "Positive electrode conductivity [S.m-1]": config.materials.ecbd.electronic_conductivity
            * passage,
            "Positive electrode Bruggeman coefficient (electrode)": 0.0,
            "Maximum concentration in positive electrode [mol.m-3]": active.c_max,
            "Initial concentration in positive electrode [mol.m-3]": active.initial_stoichiometry
            * active.c_max,
            "Positive particle diffusivity [m2.s-1]": float(np.mean(active.diffusivity)),
            "Positive electrode OCP [V]": ocp,
            "Positive electrode porosity": porosity,
            "Positive electrode active material volume fraction": cell.filled,
            "Positive particle radius [m]": config.geometry.particles[0].radius,
            "Positive electrode Bruggeman coefficient (electrolyte)": np.log(through) / np.log(porosity),
            "Positive electrode exchange-current density [A.m-2]": exchange,
            "Separator porosity": electrolyte.fraction_separator,
            "Separator Bruggeman coefficient (electrolyte)": electrolyte.bruggeman,
            "Initial concentration in electrolyte [mol.m-3]": electrolyte.concentration,
            "Cation transference number": 0.26,
            "Electrolyte diffusivity [m2.s-1]": diffusivity,
            "Electrolyte conductivity [S.m-1]": conductivity,
            "Ambient temperature [K]": kinetics.temperature,
            "Reference temperature [K]": kinetics.temperature,
            "Initial temperature [K]": kinetics.temperature,
            "Lower voltage cut-off [V]": 2.0,
            "Upper voltage cut-off [V]": 5.0,
        }
    )
    options, points = {"working electrode": "positive"}, {"x_n": 3, "x_s": 15, "x_p": 25, "r_p": 50}
    if sizes is not None:
        low, high, count, density = sizes
        options |= {"particle size": "distribution"}
        points |= {"x_p": 10, "r_p": 40, "R_p": count}
        values.update(
            {
                "Positive minimum particle radius [m]": low,
                "Positive maximum particle radius [m]": high,
                "Positive area-weighted particle-size distribution [m-1]": density,
            },
            check_already_exists=False,
        )
    simulation = pybamm.Simulation(
        pybamm.lithium_ion.DFN(options),
        parameter_values=values,
        var_pts=points,
        solver=pybamm.IDAKLUSolver(rtol=1e-6, atol=1e-7),
    )
    solution = simulation.solve(np.linspace(0.0, seconds, 200))
    return solution["Time [s]"].entries, solution["Voltage [V]"].entries
