"""Where the data of a material's laws end, and what is done or said when a run goes beyond."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from latticecell.config import ActiveMaterial
from latticecell.curves import Beyond, Curve
from latticecell.errors import SolveError
from latticecell.laws.chosen import beyond, diffusivity_factor, open_circuit, strains

WHERE = "materials.active"
STRAINS = ("lattice_a", "lattice_c")
WORDS: dict[str, str] = {"linear": "goes on straight", "constant": "stays as it is"}


@dataclass(frozen=True, slots=True)
class Range:
    """Stoichiometries between which the law under a key of ``[materials.active]`` has data."""

    key: str
    low: float
    high: float
    way: Beyond


@dataclass(frozen=True, slots=True)
class Passed:
    """The first time that a run went beyond the data of a law at one end."""

    key: str
    end: Literal["low", "high"]
    data: float
    stoichiometry: float
    time_s: float
    extrapolation: str

    def __str__(self) -> str:
        side = "below" if self.end == "low" else "above"
        name = f"{WHERE}.{self.key}"
        return (
            f"{name}: {_way(self.extrapolation)} {side} x = {self.data:g}, where its data end; x = "
            f"{self.stoichiometry:.4g} is reached at t = {self.time_s:.1f} s"
        )


def _way(extrapolation: str) -> str:
    return WORDS.get(extrapolation, "goes on")


def ranges(active: ActiveMaterial) -> Iterator[Range]:
    """Yield the ranges of the laws that know theirs; strain that is frozen has data everywhere below."""
    laws: list[tuple[str, Any, Beyond]] = [("ocv", open_circuit(active), _told(active.ocv))]
    keys = STRAINS if active.lattice_a else ("volume_change",)
    for key, (law, _) in zip(keys, strains(active), strict=True):
        laws.append((key, law, beyond(active, getattr(active, key))))
    if active.diffusivity_factor:
        laws.append(("diffusivity_factor", diffusivity_factor(active), _told(active.diffusivity_factor)))
    for key, law, way in laws:
        low, high = getattr(law, "covers", (0.0, 1.0))
        if key in (*STRAINS, "volume_change") and active.strain_frozen_below >= low:
            low = 0.0
        yield Range(key, low, high, way)


def _told(law: str | Curve) -> Beyond:
    return "linear" if isinstance(law, str) else law.extrapolation or "linear"


class Coverage:
    """Watches whether a run leaves the data of its laws.

    Parameters
    ----------
    active : ActiveMaterial
    passed : iterable of mapping
        What was said before of the same run, as from `table`.
    """

    def __init__(self, active: ActiveMaterial, passed: Iterable[Mapping[str, Any]] = ()):
        self._ranges = list(ranges(active))
        self.passed = [Passed(**entry) for entry in passed]

    def table(self) -> list[dict[str, Any]]:
        """Return what has been passed as plain data, for ``run.json``."""
        return [asdict(entry) for entry in self.passed]

    def look(self, low: float, high: float, time: float) -> list[str]:
        """Return a sentence for every end that stoichiometries in [low, high] pass for the first time.

        Raises
        ------
        SolveError
            If a law has none beyond, by ``extrapolation = "error"``.
        """
        new = []
        for each in self._ranges:
            for end, data, x in (("low", each.low, low), ("high", each.high, high)):
                outside = x < data if end == "low" else x > data
                if not outside or any((e.key, e.end) == (each.key, end) for e in self.passed):
                    continue
                if each.way == "error":
                    raise SolveError(
                        f"x = {x:.4g} is beyond the data of {WHERE}.{each.key}, which end at {data:g}: "
                        'extrapolation = "error"', field="materials", residual=abs(x - data), time=time,
                    )  # fmt: skip
                entry = Passed(each.key, "low" if end == "low" else "high", data, x, time, each.way)
                self.passed.append(entry)
                new.append(str(entry))
        return new


def check_curves(active: ActiveMaterial) -> list[str]:
    """Return what is wrong with curves of points, or missing beside them."""
    found = []
    volume = ("volume_change", "expansion_ratio")
    if active.lattice_a or active.lattice_c:
        given, other = STRAINS if active.lattice_a else STRAINS[::-1]
        if not getattr(active, other):
            found.append(f"{WHERE}.{given}: is used only with {other}")
        found += [
            f"{WHERE}.{given}: is used only without {key}"
            for key in volume
            if getattr(active, key) is not None
        ]
    else:
        found += [f"{WHERE}.{key}: is required" for key in volume if getattr(active, key) is None]
    if (factor := diffusivity_factor(active)) is not None:
        least = float(factor.value(np.linspace(0.0, 1.0, 1001)).min())
        if least <= 0:
            found.append(f"{WHERE}.diffusivity_factor: falls to {least:.3g} within 0 to 1, must be positive")
    for key in ("ocv", *STRAINS, "volume_change", "diffusivity_factor"):
        curve, held = getattr(active, key), ["initial_stoichiometry"]
        if active.stress_free_stoichiometry is not None and key in (*STRAINS, "volume_change"):
            held.append("stress_free_stoichiometry")
        for name in held:
            x = getattr(active, name)
            if not isinstance(curve, Curve) or curve.x[0] <= x <= curve.x[-1]:
                continue
            own = curve.extrapolation
            if own == "error" or (own is None and active.strain_extrapolation == "error"):
                found.append(
                    f"{WHERE}.{key}: has points from x = {curve.x[0]:g} to {curve.x[-1]:g} and extrapolation "
                    f'= "error", must hold {name} = {x:g}'
                )
    return found
