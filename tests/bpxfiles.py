"""A file of the Battery Parameter eXchange: a made-up cell in the form of the public examples."""

import copy
import json

OCP = "4.35 - 0.75 * x - 0.12 * tanh(8 * (x - 0.55)) - 0.9 * exp(60 * (x - 1))"
NYMAN = {
    "Conductivity [S.m-1]": "0.1297 * (x / 1000) ** 3 - 2.51 * (x / 1000) ** 1.5 + 3.329 * (x / 1000)",
    "Diffusivity [m2.s-1]": "8.794e-11 * (x / 1000) ** 2 - 3.972e-10 * (x / 1000) + 4.862e-10",
}
POSITIVE = {
    "Particle radius [m]": 3.7e-06,
    "Thickness [m]": 6.1e-05,
    "Diffusivity [m2.s-1]": 2.1e-14,
    "OCP [V]": OCP,
    "Entropic change coefficient [V.K-1]": -2e-4,
    "Conductivity [S.m-1]": 0.43,
    "Surface area per unit volume [m-1]": 190000,
    "Porosity": 0.31,
    "Transport efficiency": 0.16,
    "Reaction rate constant [mol.m-2.s-1]": 3.3e-05,
    "Minimum stoichiometry": 0.31,
    "Maximum stoichiometry": 0.94,
    "Maximum concentration [mol.m-3]": 47100,
    "Diffusivity activation energy [J.mol-1]": 19000,
    "Reaction rate constant activation energy [J.mol-1]": 33000,
}
NEGATIVE = {
    "Particle radius [m]": 5.2e-06,
    "Thickness [m]": 6.6e-05,
    "Diffusivity [m2.s-1]": 2e-14,
    "OCP [V]": {"x": [0.0, 0.1, 1.0], "y": [0.9, 0.2, 0.05]},
    "Conductivity [S.m-1]": 0.3,
    "Surface area per unit volume [m-1]": 400000,
    "Porosity": 0.27,
    "Transport efficiency": 0.14,
    "Reaction rate constant [mol.m-2.s-1]": 5e-06,
    "Minimum stoichiometry": 0.01,
    "Maximum stoichiometry": 0.8,
    "Maximum concentration [mol.m-3]": 30100,
}


def cell(**positive):
    """The table of a file of BPX 1.1, with other values of its positive electrode."""
    return copy.deepcopy(
        {
            "Header": {"BPX": "1.1.0", "Title": "A twin", "Description": "made up", "Model": "DFN"},
            "Parameterisation": {
                "Cell": {
                    "Electrode area [m2]": 0.021,
                    "Number of electrode pairs connected in parallel to make a cell": 30,
                    "Lower voltage cut-off [V]": 2.9,
                    "Upper voltage cut-off [V]": 4.1,
                    "Nominal cell capacity [A.h]": 7.5,
                    "Reference temperature [K]": 298.15,
                    "Density [kg.m-3]": 1850,
                },
                "Electrolyte": {"Cation transference number": 0.26, **NYMAN},
                "Negative electrode": NEGATIVE,
                "Positive electrode": POSITIVE | positive,
                "Separator": {"Thickness [m]": 1.8e-05, "Porosity": 0.45, "Transport efficiency": 0.3},
            },
            "State": {
                "Initial conditions": {
                    "Initial state-of-charge": 0.4,
                    "Initial temperature [K]": 298.15,
                    "Initial electrolyte concentration [mol.m-3]": 1100,
                },
                "Thermal environment": {"Ambient temperature [K]": 298.15},
            },
        }
    )


def written(tmp_path, table):
    file = tmp_path / "cell.json"
    file.write_text(json.dumps(table))
    return file
