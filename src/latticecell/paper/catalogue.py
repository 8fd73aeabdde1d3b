"""Which cases there are: those of the paper, the convergence study, and experiments on the unknowns."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Final

from latticecell.errors import ConfigError
from latticecell.paper.cases import Case

CASES: Final[tuple[Case, ...]] = (
    Case("baseline", "Fig 2: 1C, the heterogeneity Case 1, 100 MPa, no pressure"),
    Case("rate_0.1C", "Fig 3", 1.5),
    Case("rate_0.5C", "Fig 3", 1.1),
    Case("rate_2C", "Fig 3"),
    Case("het_Case2", "Fig 4: isotropic diffusion"),
    Case("het_Case3", "Fig 4: isotropic diffusion, theta33 = -0.5"),
    Case("het_Case4", "Fig 4: isotropic diffusion, theta33 = 0"),
    Case("strength_50MPa", "Fig 5"),
    Case("strength_200MPa", "Fig 5"),
    Case("strength_500MPa", "Fig 5"),
    Case("position", "Fig 6: two particles 12 um apart", 2.2),
    Case("position_thick", "text 3.4: two particles 30 um apart", 2.5),
    Case("1D_0.1C", "Fig S1: 1-D cell", 0.1, one_dimensional=True),
    Case("liquid", "Fig S2: liquid electrolyte", 1.2),
    Case("pressure_5MPa", "Fig S4"),
    Case("pressure_10MPa", "Fig S4"),
    Case("pressure_15MPa", "Fig S4"),
    Case("CV_charging", "Fig S6: constant current, then constant voltage", 1.3),
)
"""Cases of the paper, in the order of its figures."""


def _convergence() -> tuple[Case, ...]:
    meshes = [
        Case(f"mesh_{name}", f"baseline on the {name} network", weight, resolution=name, file="baseline")
        for name, weight in (("coarse", 0.25), ("medium", 0.5), ("fine", 1.0))
    ]
    steps = [
        Case(
            f"dt_{dt}",
            f"baseline, coarse network, steps of at most {dt} s",
            15.0 / dt,
            resolution="coarse",
            assignments=(f"solver.dt_max_s={dt}.0", f"solver.dt_initial_s={dt / 12}"),
            file="baseline",
        )
        for dt in (120, 60, 30, 15)
    ]
    return (*meshes, *steps)


CONVERGENCE: Final[tuple[Case, ...]] = _convergence()
"""Levels of the mesh and time-step study."""


def _experiment(name: str, *assignments: str, file: str = "baseline") -> Case:
    return Case(
        f"try_{name}",
        ", ".join(assignments) or "the chosen values",
        0.25,
        resolution="coarse",
        assignments=assignments,
        file=file,
    )


_OMEGA: Final = "materials.active.partial_molar_volume_m3_per_mol"
_FROZEN: Final = "materials.active.strain_frozen_below"
_E: Final = "materials.ecbd.youngs_modulus_GPa"
_CHARGE_HOLD: Final = (
    'protocol.steps=[{kind="charge", c_rate=1.0, until_V=4.3}, '
    '{kind="hold", voltage_V=4.3, until_c_rate=0.05}, {kind="discharge", c_rate=1.0, until_V=3.0}]'
)

EXPERIMENTS: Final[tuple[Case, ...]] = (
    _experiment("chosen"),
    *(_experiment(f"ecbd_{e}GPa", f"{_E}={e}.0") for e in (30, 60, 75, 150)),
    *(_experiment(f"frozen_{x}", f"{_FROZEN}={x}") for x in ("0.0", "0.13", "0.2", "0.2427")),
    _experiment("i0_50", "kinetics.exchange_current_A_per_m2=50.0"),
    _experiment("i0_Li_100", "kinetics.lithium_exchange_current_A_per_m2=100.0"),
    _experiment("permeance_2e-7", "grain_boundary.permeance_m_per_s=2e-7"),
    _experiment("permeance_2e-5", "grain_boundary.permeance_m_per_s=2e-5"),
    _experiment("no_contact_resistance", "interface.resistance_ohm_m2=0.0"),
    _experiment("contact_5e-4", "interface.resistance_ohm_m2=5e-4"),
    _experiment("contact_10nm", "interface.resistance_gap_nm=10.0"),
    _experiment("no_drift", "materials.active.stress_diffusion=off"),
    _experiment("saturating", "materials.active.stress_diffusion=saturating"),
    *(_experiment(f"omega_{omega}", f"{_OMEGA}={omega}") for omega in ("1.5e-6", "3e-6", "8e-6")),
    *(_experiment(f"K_{k}", f"interface.stiffness_Pa_per_m={k}") for k in ("1e18", "1e20")),
    _experiment("lateral_free", "mechanics.lateral_strain=free"),
    _experiment("wall_lithium", "mechanics.wall=lithium_fixed"),
    _experiment("200MPa", file="strength_200MPa"),
    _experiment("200MPa_ecbd_30GPa", f"{_E}=30.0", file="strength_200MPa"),
    _experiment("200MPa_frozen_0.2427", f"{_FROZEN}=0.2427", file="strength_200MPa"),
    _experiment("200MPa_tough", "interface.fracture_energy_J_per_m2=4.0", file="strength_200MPa"),
    _experiment("500MPa", file="strength_500MPa"),
    _experiment("500MPa_ecbd_30GPa", f"{_E}=30.0", file="strength_500MPa"),
    *(
        _experiment(f"case{i}_contact_10nm", "interface.resistance_gap_nm=10.0", file=f"het_Case{i}")
        for i in (2, 3, 4)
    ),
    _experiment("charge_hold_only", _CHARGE_HOLD),
)
"""Runs behind ``docs/calibration.md``."""


def choose(names: Sequence[str]) -> list[Case]:
    """Return the cases called ``names``; none means all of the paper's.

    "convergence" and "experiments" stand for all of theirs, "fig3" (any figure) for the cases of a figure.

    Raises
    ------
    ConfigError
        If a name is unknown.
    """
    if not names:
        return list(CASES)
    everything = {case.name: case for case in (*CASES, *CONVERGENCE, *EXPERIMENTS)}
    groups = {"all": CASES, "convergence": CONVERGENCE, "experiments": EXPERIMENTS}
    chosen: dict[str, Case] = {}
    problems = []
    for name in names:
        if name in groups:
            found = list(groups[name])
        elif name.lower().startswith("fig"):
            label = f"fig {name[3:].strip().lower()}"
            found = [c for c in CASES if c.about.lower().split(":")[0] == label]
        else:
            found = [everything[name]] if name in everything else []
        if not found:
            near = difflib.get_close_matches(name, [*groups, *everything], n=1, cutoff=0.5)
            known = ", ".join((*groups, *(case.name for case in CASES)))
            hint = f"did you mean {near[0]}?" if near else f"known are {known}, and figures such as fig3"
            problems.append(f"--cases {name}: unknown; {hint}")
        chosen |= {case.name: case for case in found}
    if problems:
        raise ConfigError(problems)
    return list(chosen.values())
