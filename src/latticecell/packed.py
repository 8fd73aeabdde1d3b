"""Particles that a configuration wants packed: radii are drawn, positions found, and both listed."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from latticecell.arrays import Floats
from latticecell.config import Config, Packing, Particle
from latticecell.packing import (
    MOST_SCALED,
    PackingError,
    lognormal_radii,
    pack_spheres,
    radii_for_volume,
    sphere_volume,
)
from latticecell.particles import LEAST_IMAGE_GAP, LEAST_WALL_GAP, SAFE_GAP, UM
from latticecell.schema import from_si, key_of, unit_of

WHERE: Final = "geometry.packing"
MOST: Final = 1000
"""Particles of a cell, at most."""
CUT: Final = 3.0
"""Deviations of the logarithm at which a distribution is cut unless a limit is given."""
RAREST: Final = 0.01
"""Share of a distribution that its limits must leave."""
DRAWS: Final = 3
"""Mark of the random stream of packings."""
DECIMALS: Final = 8
"""Of radii and positions in um, so that a file holds them exactly."""


def with_particles(config: Config) -> tuple[Config, list[str]]:
    """Return a configuration whose particles are listed, and what is wrong with its packing."""
    packing = config.geometry.packing
    if packing is None:
        return config, []
    if problems := _contradictions(config, packing):
        return config, problems
    draft = _Draft(config, packing)
    radius, factor, problems = draft.radii()
    if not problems:
        problems = draft.check(radius)
    if problems:
        return config, problems
    try:
        center = draft.place(radius)
    except PackingError as error:
        return config, [draft.too_dense(radius, error.reached)]
    counts = _counts(config, packing, radius)
    found = tuple(
        Particle.model_validate({"center": tuple(x[:3]), "radius": x[3], "grains": n})
        for x, n in zip(np.column_stack([center, radius]).round(DECIMALS).tolist(), counts, strict=True)
    )
    note = draft.note(len(radius), factor)
    geometry = config.geometry.model_copy(update={"particles": found, "packing": None, "packed": note})
    return config.model_copy(update={"geometry": geometry}), []


def _contradictions(config: Config, packing: Packing) -> list[str]:
    """Return what the keys of a packing contradict in each other and elsewhere."""
    found = []
    if "particles" in config.geometry.model_fields_set:
        found.append(f"{WHERE}: has no meaning beside geometry.particles; give one of them")
    if config.microstructure.labels is not None:
        found.append(f"{WHERE}: has no meaning beside microstructure.labels; give one of them")
    shape = [
        name for name in ("radius_mean", "radius_min", "radius_max") if getattr(packing, name) is not None
    ]
    shape += ["radius_std"] if packing.radius_std else []
    if packing.radii:
        found += [f"{WHERE}.{name}_um: has no meaning beside radii_um; give one of them" for name in shape]
        return found
    if packing.radius_mean is None:
        return [*found, f"{WHERE}.radius_mean_um: is required, or radii_um"]
    if packing.volume_fraction is None:
        found.append(f"{WHERE}.volume_fraction: is required with radius_mean_um")
    low, high = _limits(packing)
    if not low <= packing.radius_mean <= high:
        found.append(
            f"{WHERE}.radius_mean_um = {packing.radius_mean / UM:g}: must be between radius_min_um = "
            f"{low / UM:.4g} and radius_max_um = {high / UM:.4g}"
        )
    elif packing.radius_std and _share(packing, low, high) < RAREST:
        found.append(
            f"{WHERE}.radius_std_um = {packing.radius_std / UM:g}: less than {RAREST:.0%} of the radii lie "
            f"between {low / UM:.4g} and {high / UM:.4g} um; move radius_min_um and radius_max_um apart"
        )
    return found


def _limits(packing: Packing) -> tuple[float, float]:
    """Return where the distribution of radii is cut [m]."""
    middle, width = _logarithm(packing)
    low, high = packing.radius_min, packing.radius_max
    return (
        math.exp(middle - CUT * width) * (1 - 1e-12) if low is None else low,
        math.exp(middle + CUT * width) * (1 + 1e-12) if high is None else high,
    )


def _logarithm(packing: Packing) -> tuple[float, float]:
    """Return mean and standard deviation of ln r, r in m."""
    assert packing.radius_mean is not None
    variance = math.log1p((packing.radius_std / packing.radius_mean) ** 2)
    return math.log(packing.radius_mean) - 0.5 * variance, math.sqrt(variance)


def _share(packing: Packing, low: float, high: float) -> float:
    middle, width = _logarithm(packing)

    def below(r: float) -> float:
        return 0.5 * (1 + math.erf((math.log(r) - middle) / (width * math.sqrt(2))))

    return below(high) - below(low)


def _counts(config: Config, packing: Packing, radius: Floats) -> list[int | None]:
    """Return the number of grains of each particle, None where it is the usual one."""
    if packing.grains == "equal" or config.microstructure.same_grains:
        return [None] * len(radius)
    share = radius**3 / (radius**3).mean()
    return [max(1, round(n)) for n in (config.microstructure.grains * share).tolist()]


class _Draft:
    """A packing in the making; lengths in um."""

    def __init__(self, config: Config, packing: Packing):
        self.config, self.packing = config, packing
        box = config.geometry
        self.width, self.height = box.width / UM, box.cathode / UM
        self.block = self.width**2 * self.height
        self.seed = config.microstructure.seed if packing.seed is None else packing.seed
        self.rng = np.random.default_rng([self.seed, DRAWS])
        mean = float(np.mean(packing.radii)) if packing.radii else packing.radius_mean
        assert mean is not None
        self.mean = mean / UM
        self.gap = self.mean / 20 if packing.gap is None else packing.gap / UM
        self.wall = self.gap if packing.wall_gap is None else packing.wall_gap / UM

    def radii(self) -> tuple[Floats, float, list[str]]:
        """Return radii, the factor by which they were scaled, and what is wrong with them."""
        packing, fraction = self.packing, self.packing.volume_fraction
        listed = np.array(packing.radii) / UM
        if fraction is None:
            return listed, 1.0, []
        if packing.radii:
            radius, factor = radii_for_volume(
                lambda n: self.rng.choice(listed, n), fraction * self.block, MOST + 1
            )
        else:
            low, high = _limits(packing)
            draw = lognormal_radii(self.rng, self.mean, packing.radius_std / UM, low / UM, high / UM)
            radius, factor = radii_for_volume(draw, fraction * self.block, MOST + 1)
        key = f"{WHERE}.volume_fraction = {fraction:g}"
        if len(radius) > MOST:
            return (
                radius,
                factor,
                [f"{key}: takes more than {MOST} particles of that size; make the cell smaller"],
            )
        if not 1 / MOST_SCALED <= factor <= MOST_SCALED:
            share = float(sphere_volume(radius / factor).sum()) / self.block
            return radius, factor, [
                f"{key}: {len(radius)} of the drawn particles fill {share:.3g} of the cathode block, and one "
                "more or less is farther off; choose another fraction, width_um or cathode_um"
            ]  # fmt: skip
        return radius, factor, []

    def check(self, radius: Floats) -> list[str]:
        """Return why spheres cannot be placed, or a network not be built."""
        found, spacing = [], self.config.network.spacing / UM
        for name, value, least in (("gap", self.gap, SAFE_GAP), ("wall_gap", self.wall, LEAST_WALL_GAP)):
            if value < least * spacing:
                found.append(
                    f"{WHERE}.{name}_um = {value:.3g}: must be at least {least:g} spacings of the network, "
                    f"{least * spacing:.3g} um"
                )
        image_gap = max(self.gap, LEAST_IMAGE_GAP * spacing)
        for name, most in (
            ("width_um", 0.5 * (self.width - image_gap)),
            ("cathode_um", 0.5 * self.height - self.wall),
        ):
            if radius.max() > most:
                found.append(
                    f"{WHERE}: a radius of {radius.max():.4g} um does not fit; geometry.{name} has room for "
                    f"{most:.4g} um"
                )
        return found

    def place(self, radius: Floats) -> Floats:
        return pack_spheres(self.rng, radius.round(DECIMALS), self.width, self.height, self.gap, self.wall)

    def too_dense(self, radius: Floats, reached: float) -> str:
        """Say what was reached of a packing that could not be made."""
        share = float(sphere_volume(radius).sum()) / self.block
        gaps = f"gap_um = {self.gap:.3g} and wall_gap_um = {self.wall:.3g}"
        fraction = self.packing.volume_fraction
        asked = (
            f".volume_fraction = {fraction:g}"
            if fraction is not None
            else f": a volume fraction of {share:.3g}"
        )
        return f"{WHERE}{asked}: cannot be packed with {gaps}; {share * reached:.3g} was reached"

    def note(self, count: int, factor: float) -> str:
        """Return for the record what was packed, and what came of it."""
        kept = []
        for name, field in Packing.model_fields.items():
            value, unit = getattr(self.packing, name), unit_of(field)
            if name == "radii" and value:
                kept.append(f"radii_um: {len(value)} of them")
            elif name != "seed" and name in self.packing.model_fields_set and isinstance(value, float | int):
                kept.append(f"{key_of(name, field)} = {from_si(value, unit):.10g}")
        scaled = "" if factor == 1.0 else f", radii times {factor:.6g}"
        return f"{', '.join(kept)}; seed {self.seed}; {count} particles{scaled}"
