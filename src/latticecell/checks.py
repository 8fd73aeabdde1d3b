"""Contradictions between keys that are fine one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import SupportsFloat

import numpy as np

from latticecell.config import Config
from latticecell.coverage import check_curves
from latticecell.curves import named
from latticecell.errors import ConfigError
from latticecell.graincheck import check_grains, check_voxels_alone, remarks_on_grains, smallest_grain
from latticecell.laws import ELECTROLYTE_LAWS, bond_law
from latticecell.laws.bond import BondParameters
from latticecell.laws.chosen import open_circuit, strains
from latticecell.laws.elastic import mean_poisson_ratio, transversely_isotropic_stiffness
from latticecell.nominal import Course, Leg, course
from latticecell.particles import grain_counts, misplaced, narrow, volume_fraction
from latticecell.protocol import full_charge, nominal_current, one_c, window
from latticecell.schema import key_of
from latticecell.solvers import EQUILIBRIUM_SOLVERS
from latticecell.stepchecks import check_protocol
from latticecell.temperature import check_temperature
from latticecell.wording import sentence

Numbers = tuple[SupportsFloat, ...]

MOST_SITES = 2e6
"""Sites beyond which a network is refused before anything is built; memory would not hold it."""


MOST_TOLD = 20
"""Steps of a protocol that `outlook` tells, and that `remarks` remarks on."""
DATA_TEMPERATURE = 298.15
"""Temperature of the built-in data, and the default [K]."""
POISSON_BOUND = 0.42
"""Poisson's ratio above which linear tets lock: the error of their pressure is twice that at 0.25."""


def cross_check(config: Config) -> list[str]:
    """Return the contradictions between keys that are fine one by one."""
    found = _check_particles(config) if config.microstructure.labels is None else _check_labels(config)
    spacing, um = config.network, 1e6
    if spacing.spacing_max < spacing.spacing:
        found.append(
            f"network.spacing_max_um = {spacing.spacing_max * um:g}: must be at least network.spacing_um = "
            f"{spacing.spacing * um:g}"
        )
    if spacing.finest > spacing.spacing:
        found.append(
            f"network.spacing_boundary_um = {spacing.finest * um:g}: must be at most network.spacing_um = "
            f"{spacing.spacing * um:g}"
        )
    found += _check_layers(config) + _check_elasticity(config)
    found += check_curves(config.materials.active)
    found += check_protocol(config) + _check_exclusions(config) + _check_pre_cracks(config)
    drift = config.materials.active.stress_diffusion
    if drift == "thermodynamic" and config.kinetics.mechanical_ocv is False:
        found.append(
            f'kinetics.mechanical_ocv = false: contradicts materials.active.stress_diffusion = "{drift}", '
            "whose equilibrium under stress is that of the shifted voltage"
        )
    solver = config.solver
    if not solver.dt_min <= solver.dt_initial <= solver.dt_max:
        found.append(
            f"solver.dt_initial_s = {solver.dt_initial:g}: must be between dt_min_s = {solver.dt_min:g} and "
            f"dt_max_s = {solver.dt_max:g}"
        )
    return found


def _check_particles(config: Config) -> list[str]:
    """Return what is wrong with spheres and the number of their grains."""
    found, spacing = misplaced(config.geometry), config.network.finest
    grain, count = smallest_grain(config)
    counts = sorted(set(grain_counts(config)))
    if config.microstructure.same_grains and len(counts) > 1:
        found.append(
            f"microstructure.same_grains = true: contradicts particles of {counts[0]} and {counts[-1]} grains"
        )
    if spacing > grain / 2:
        found.append(
            f"{config.network.finest_key} = {spacing * 1e6:g}: must be at most {grain * 1e6 / 2:.3g} um, "
            f"half the size of a grain ({count} grains in a particle)"
        )
    return found + check_grains(config) + _check_size(config)


def _check_labels(config: Config) -> list[str]:
    """Return what is wrong with the keys of labelled voxels; their files are looked at with the laws."""
    labels = config.microstructure.labels
    assert labels is not None
    found = check_voxels_alone(config)
    for key in ("convention", "sense"):
        given = getattr(labels, key) is not None
        if labels.orientations is not None and not given:
            found.append(f"microstructure.labels.{key}: is required with a table of orientations")
        if labels.orientations is None and given:
            found.append(f"microstructure.labels.{key}: has no meaning without a table of orientations")
    if both := sorted(set(labels.ecbd) & set(labels.pores)):
        found.append(f"microstructure.labels.pores = {list(labels.pores)}: {both[0]} is among ecbd, too")
    return found


def _check_voxels(config: Config) -> list[str]:
    """Read labelled voxels; return why they cannot be used."""
    from latticecell.imports.load import labelled

    if problems := _check_labels(config):
        return problems
    try:
        labelled(config)
    except ConfigError as error:
        return error.problems
    return _check_size(config)


def check_cell1d(config: Config) -> list[str]:
    """Return what keeps a cell from having a homogenised 1-D counterpart."""
    if config.microstructure.labels is not None:
        return ["microstructure.labels: has no 1-D counterpart, whose particles are spheres"]
    found, options = [], config.cell1d
    if config.microstructure.cavity_radius > 0:
        found.append("microstructure.cavity_radius_um: has no 1-D counterpart, whose particles are full")
    if config.microstructure.voids:
        found.append("microstructure.voids: have no 1-D counterpart, whose particles are full")
    radii, shares = options.radii or (), options.volume_shares or ()
    if shares and len(shares) != len(radii):
        found.append(
            f"cell1d.volume_shares: {len(shares)} of them, must be as many as radii_um, {len(radii)}"
        )
    if len(set(radii)) < len(radii):
        found.append(f"cell1d.radii_um = {[round(r * 1e6, 9) for r in radii]}: must differ")
    if config.protocol.jump is not None:
        found.append("protocol.jump: has no meaning in a 1-D cell, which computes all cycles; leave it out")
    if config.continue_from is not None:
        found.append("continue_from: has no meaning in a 1-D cell, which keeps no states; leave it out")
    if config.cell1d.diffusivity is None and sum(config.materials.active.diffusivity) < 3e-24:
        found.append("cell1d.diffusivity_m2_per_s: is required where the active material's is zero")
    return found


def _check_pre_cracks(config: Config) -> list[str]:
    """Return what is wrong with pre-cracks, each for itself; a network tells what lies along them."""
    found, boundary = [], config.grain_boundary
    if boundary.pre_cracks and boundary.mode == "tied":
        found.append('grain_boundary.pre_cracks: has no meaning with mode = "tied"')
    for i, crack in enumerate(boundary.pre_cracks):
        where, disc = f"grain_boundary.pre_cracks[{i}]", (crack.center, crack.normal, crack.radius)
        if crack.grains is None and None in disc:
            found.append(f"{where}: must have center_um, normal and radius_um of a disc, or grains")
        elif crack.grains is not None and disc != (None, None, None):
            found.append(f"{where}.grains: contradicts the disc")
        if crack.grains is not None and len(set(crack.grains)) not in (1, 2):
            found.append(f"{where}.grains = {list(crack.grains)}: must be one grain or two")
        if crack.normal is not None and not math.hypot(*crack.normal) > 1e-9:
            found.append(f"{where}.normal = {list(crack.normal)}: must have a length")
    return found


def _check_layers(config: Config) -> list[str]:
    box, spacing = config.geometry, config.network.spacing
    if box.separator < spacing:
        return [
            f"geometry.separator_um = {box.separator * 1e6:g}: must be at least network.spacing_um = "
            f"{spacing * 1e6:g}"
        ]
    return []


def estimated_sites(config: Config) -> float:
    """Rough number of sites that the spacings ask for: one per 0.7 h^3, h growing away from what is fine."""
    box, options = config.geometry, config.network
    fine, coarse, growth = options.spacing, max(options.spacing_max, options.spacing), options.growth
    total, filled = 0.0, 0.0
    radii, volume = (
        [particle.radius for particle in box.particles],
        box.width**2 * (box.cathode + box.separator),
    )
    if config.microstructure.labels is None:
        grain = smallest_grain(config)[0] / 2
    else:
        from latticecell.imports.load import labelled

        micro = labelled(config)
        radii, volume = micro.radius_p.tolist(), float(np.prod(micro.box_c))
        grain = float(np.cbrt((micro.radius_p**3).sum() / len(micro.particle_g)))
    # grains as balls that are finest on their surface
    within = np.cbrt((np.arange(20) + 0.5) / 20)
    finer = float(np.mean((fine / np.minimum(fine, options.finest + growth * grain * (1 - within))) ** 3))
    for radius in radii:
        width = (coarse - fine) / growth
        total += 4 / 3 * math.pi * radius**3 / fine**3 * finer
        filled += 4 / 3 * math.pi * radius**3
        # shells of the graded zone: h = fine + growth * distance
        for i in range(20):
            distance = width * (i + 0.5) / 20
            shell = 4 * math.pi * (radius + distance) ** 2 * width / 20
            if distance > box.cathode:
                break
            total += shell / (fine + growth * distance) ** 3
            filled += shell
    total *= min(1.0, volume / filled) if filled > 0 else 1.0
    return (total + max(volume - filled, 0.0) / coarse**3) / 0.7


def _check_size(config: Config) -> list[str]:
    sites = estimated_sites(config)
    if sites > MOST_SITES:
        return [
            f"{config.network.finest_key} = {config.network.finest * 1e6:g}: asks for about {sites:.1e} "
            f"sites, must be at most {MOST_SITES:.0e}; raise it, spacing_max_um or growth"
        ]
    return []


def check_laws(config: Config) -> list[str]:
    """Make the laws that a configuration names, call those that can be; return what is wrong with them."""
    if config.microstructure.labels is not None and (problems := _check_voxels(config)):
        return problems  # the capacity depends on them
    active, salt = config.materials.active, config.electrolyte
    x, found = active.initial_stoichiometry, list[str]()

    def ocv() -> Numbers:
        law = open_circuit(active)
        return law.voltage(x), law.slope(x)

    def expansion() -> Numbers:
        return tuple(value for law, _ in strains(active) for value in (law.strain(x), law.slope(x)))

    def liquid() -> Numbers:
        law, c = ELECTROLYTE_LAWS[salt.law](), salt.concentration
        return law.conductivity(c), law.diffusivity(c), law.transference_number

    strain = "volume_change" if active.lattice_a is None else "lattice_a"
    given = getattr(active, strain)
    laws = [(f"materials.active.ocv = {named(active.ocv)}", ocv, "voltage(x) and slope(x)")]
    if given is not None and not check_curves(active):
        laws.append((f"materials.active.{strain} = {named(given)}", expansion, "strain(x) and slope(x)"))
    for where, call, contract in laws:
        values, problems = _tried(where, call, contract)
        found += problems
        if not all(map(math.isfinite, values)):
            found.append(f"{where}: is not finite at x = {x:g}")
    if not (found or check_protocol(config) or _check_exclusions(config)):
        found += _course(config).problems
    where = f"electrolyte.law = {salt.law!r}"
    values, problems = _tried(where, liquid, "conductivity(c), diffusivity(c) and transference_number")
    found += problems
    if not all(math.isfinite(value) and value > 0 for value in values[:2]):
        found.append(
            f"{where}: conductivity and diffusivity must be positive and finite at "
            f"concentration_mol_per_m3 = {salt.concentration:g}"
        )
    if values and not 0 <= values[2] <= 1:
        found.append(f"{where}: transference_number = {values[2]:g} must be in [0, 1]")
    for section in ("interface", "grain_boundary"):
        where = f"{section}.law = {getattr(config, section).law!r}"
        found += _tried(where, partial(_bond, config, section), "a cohesive law")[1]
    try:
        EQUILIBRIUM_SOLVERS[config.solver.equilibrium]
    except ConfigError as error:
        found += error.problems
    return found + check_temperature(config)


def _course(config: Config) -> Course:
    """Follow the protocol along the named open-circuit voltage; one that fails is a problem of the course."""
    active, found = config.materials.active, Course()

    def follow() -> Numbers:
        nonlocal found
        found = course(config, open_circuit(active))
        return ()

    problems = _tried(f"materials.active.ocv = {named(active.ocv)}", follow, "voltage(x) of an array")[1]
    return Course(problems=problems) if problems else found


def remarks(config: Config) -> list[str]:
    """Return what is odd about a configuration, though it may be meant; one sentence each."""
    strays = _course(config).remarks
    found = strays[:MOST_TOLD]
    if len(strays) > MOST_TOLD:
        found.append(f"protocol.steps: {len(strays) - MOST_TOLD} more of them")
    given, fitting = config.protocol.current_1c, nominal_current(config)
    if given is not None and not 0.5 <= fitting / given <= 2.0:
        found.append(
            f"protocol.current_1c_nA = {given * 1e9:.4g}: empties the particles in "
            f"{fitting / given:.3g} hours, not in about one; left out, 1C is {fitting * 1e9:.4g} nA"
        )
    labelled = config.microstructure.labels is not None
    found += _told_of_voxels(config) if labelled else narrow(config) + remarks_on_grains(config)
    kelvin = config.kinetics.temperature
    if abs(kelvin - DATA_TEMPERATURE) > 5.0:
        found.append(
            f"kinetics.temperature_K = {kelvin:g}: open-circuit voltage, strains and contact resistance keep "
            f"their values, those of {DATA_TEMPERATURE} K unless you gave others"
        )
    return found + _locking(config)


def _locking(config: Config) -> list[str]:
    """Name the materials that are too close to incompressible for linear tets, see docs/errors.md."""
    materials, found = config.materials, list[str]()
    active = materials.active
    ratios = {name: getattr(materials, name).poisson_ratio for name in ("active", "ecbd", "separator")}
    said = "poisson_ratio"
    if active.youngs_modulus_c and active.poisson_ratio_c is not None and active.shear_modulus_c:
        elastic = active.youngs_modulus, active.poisson_ratio, active.youngs_modulus_c, active.poisson_ratio_c
        ratios["active"] = mean_poisson_ratio(
            transversely_isotropic_stiffness(*elastic, active.shear_modulus_c)
        )
        said = "poisson_ratio, averaged over directions,"
    for name, ratio in ratios.items():
        if ratio > POISSON_BOUND:
            found.append(
                f"materials.{name}.{said if name == 'active' else 'poisson_ratio'} = {ratio:.4g}: above "
                f"{POISSON_BOUND:g} errors of the mean stress are twice those of 0.25 and grow without limit "
                "towards 0.5, for linear elements lock"
            )
    return found


def _told_of_voxels(config: Config) -> list[str]:
    """Return what was changed in labelled voxels that are still to be read, and which grains are small."""
    labels = config.microstructure.labels
    if labels is None or labels.particle_volume is not None:
        return []
    from latticecell.imports.load import labelled

    micro = labelled(config)
    found = [f"microstructure.labels: {note}" for note in micro.notes]
    count = np.bincount(micro.label_xyz.ravel(), minlength=len(micro.source_g) + 1)[: len(micro.source_g)]
    size = np.cbrt(count * np.prod(micro.voxel_c))
    small = np.unique(micro.source_g[size < 2 * config.network.finest])
    if len(small):
        found.append(
            f"{config.network.finest_key} = {config.network.finest * 1e6:g}: {len(small)} grains are "
            f"smaller than two spacings and may be lost; the smallest is {size.min() * 1e6:.3g} um wide"
        )
    return found


def outlook(config: Config) -> Iterator[tuple[str, str]]:
    """Yield what a configuration amounts to before anything is computed: names and values, in words."""
    current, (low, high), area = one_c(config), window(config), _area(config) * 1e4
    mah = full_charge(config) * (high - low) / 3.6
    yield "capacity", f"{mah:.4g} mAh, {mah / area:.4g} mAh/cm2 (x = {high:g} to {low:g})"
    source = "x moves so far in an hour" if config.protocol.current_1c is None else "protocol.current_1c_nA"
    yield "1C", f"{current * 1e9:.4g} nA, {current * 1e3 / area:.4g} mA/cm2 ({source})"
    legs = _course(config).legs
    for i, leg in enumerate(legs[:MOST_TOLD]):
        yield f"step {i + 1}", _told(leg)
    if len(legs) > MOST_TOLD:
        yield "", f"and {len(legs) - MOST_TOLD} more"
    if config.protocol.cycles > 1:
        yield "cycles", f"{config.protocol.cycles}"
    if config.microstructure.labels is None:
        box, count = config.geometry, len(config.geometry.particles)
        made = "" if box.packed is None else f", packed: {box.packed}"
        some = "1 particle fills" if count == 1 else f"{count} particles fill"
        yield "particles", f"{some} {volume_fraction(box):.4g} of the cathode block{made}"
    yield "sites", f"about {estimated_sites(config):.2g}"


def _area(config: Config) -> float:
    """Return the cross-section of the cell [m2]."""
    if config.microstructure.labels is None:
        return config.geometry.width**2
    from latticecell.imports.load import labelled

    return float(np.prod(labelled(config).box_c[:2]))


def _told(leg: Leg) -> str:
    """Put a step without losses into words."""
    step = leg.step
    if leg.seconds is None:
        return sentence(step)
    path = "" if step.kind == "rest" else f", x = {leg.before:.4g} to {leg.after:.4g}"
    moves = step.kind in ("charge", "discharge")
    return f"{sentence(step)}: {_time(leg.seconds)}{path}" + (" without losses" if moves else "")


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.3g} h" if seconds >= 3600 else f"{seconds / 60:.3g} min"


def _bond(config: Config, section: str) -> Numbers:
    options = getattr(config, section)
    strength_b, toughness_b = np.array([[options.strength], [options.fracture_energy]])
    bond_law(section, options.law, BondParameters.of(options, strength_b, toughness_b))
    return ()


def _tried(where: str, call: Callable[[], Numbers], contract: str) -> tuple[list[float], list[str]]:
    """Return the numbers that a law gives, or what is wrong: one of the user's own may fail in any way."""
    try:
        return [float(value) for value in call()], []
    except ConfigError as error:
        return [], error.problems
    except Exception as error:
        return [], [f"{where}: must give {contract}: {error}"]


def _check_elasticity(config: Config) -> list[str]:
    active = config.materials.active
    names = ("youngs_modulus_c", "poisson_ratio_c", "shear_modulus_c")
    values = [getattr(active, name) for name in names]
    keys = [key_of(name, type(active).model_fields[name]) for name in names]
    if active.elasticity == "isotropic":
        return [
            f'materials.active.{key}: is used only with elasticity = "transversely_isotropic"'
            for key, value in zip(keys, values, strict=True)
            if value is not None
        ]
    missing = [key for key, value in zip(keys, values, strict=True) if value is None]
    if missing:
        return [f"materials.active.{key}: is required with transverse isotropy" for key in missing]
    e, nu, ec, nuc = active.youngs_modulus, active.poisson_ratio, values[0], values[1]
    if 1 - nu - 2 * nuc**2 * e / ec <= 0:
        return [
            f"materials.active.poisson_ratio_c = {nuc:g}: must satisfy 1 - nu - 2 nu_c^2 E / E_c > 0 "
            "(positive elastic energy)"
        ]
    return []


def _check_exclusions(config: Config) -> list[str]:
    """Return keys of which one would silently undo the other."""
    found, interface, active = [], config.interface, config.materials.active
    for section in ("interface", "grain_boundary"):
        viscosity = getattr(config, section).viscosity
        if config.grain_boundary.release == "events" and viscosity > 0:
            found.append(
                f'{section}.viscosity_s = {viscosity:g}: must be 0 with grain_boundary.release = "events", '
                "which needs none"
            )
    if interface.resistance > interface.resistance_max:
        found.append(
            f"interface.resistance_ohm_m2 = {interface.resistance:g}: must be at most "
            f"resistance_max_ohm_m2 = {interface.resistance_max:g}"
        )
    if active.strain_frozen_below > active.strain_reference:
        name = "initial" if active.stress_free_stoichiometry is None else "stress_free"
        found.append(
            f"materials.active.strain_frozen_below = {active.strain_frozen_below:g}: must be at most "
            f"{name}_stoichiometry = {active.strain_reference:g}, where the grains are free of strain"
        )
    found += _check_misorientation(config)
    protocol = config.protocol
    if protocol.window is not None:
        if protocol.current_1c is not None:
            found.append("protocol.window: has no meaning beside current_1c_nA; give one of them")
        if not protocol.window[0] < protocol.window[1]:
            found.append(f"protocol.window = {list(protocol.window)}: the first must be below the second")
    return found


def _check_misorientation(config: Config) -> list[str]:
    """Return what is wrong with the table of strength and toughness against misorientation."""
    table, where = config.grain_boundary.misorientation, "grain_boundary.misorientation"
    if table is None:
        return []
    found, angles = [], [round(math.degrees(angle), 9) for angle in table.angle]
    if any(high <= low for low, high in itertools.pairwise(angles)):
        found.append(f"{where}.angle_deg = [{', '.join(f'{angle:g}' for angle in angles)}]: must rise")
    factors = {name: getattr(table, name) for name in ("strength_factor", "toughness_factor")}
    if not any(factors.values()):
        found.append(f"{where}: needs strength_factor or toughness_factor")
    for name, factor in factors.items():
        if factor and len(factor) != len(angles):
            found.append(
                f"{where}.{name}: {len(factor)} of them, must be as many as angle_deg, {len(angles)}"
            )
    return found
