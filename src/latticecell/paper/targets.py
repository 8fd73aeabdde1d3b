"""What the paper reports: every number and trend of its text, read from ``targets.toml`` beside this file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Literal

import tomli

Kind = Literal["number", "trend"]
Class = Literal["input", "direct", "calibrated", "statistical", "unlikely", "derived"]


@dataclass(frozen=True, slots=True)
class Target:
    """One number or trend of Yuan, Lu and Xu.

    Attributes
    ----------
    id : str
    figure : str
        Where the paper shows it, for example "Fig 2A".
    case, quantity, event : str
        Which case, what, and when.
    value : float or str
        The number in ``unit``, or the trend in words.
    unit : str
    kind : {"number", "trend"}
    repro : str
        What a simulation can promise: "direct" (from the recovered data), "calibrated" (needs a tuned
        unknown), "statistical" (depends on the grains or the mesh), "unlikely"; numbers that are "input"
        or "derived" are not results.
    note : str
    """

    id: str
    figure: str
    case: str
    quantity: str
    event: str
    value: float | str
    unit: str
    kind: Kind
    repro: Class
    note: str = ""

    @property
    def is_result(self) -> bool:
        """Whether a simulation can answer it: no input or derived number."""
        return self.kind == "trend" or self.repro not in ("input", "derived")


def read_targets() -> tuple[Target, ...]:
    """Return all entries, in the order of the file."""
    table = tomli.loads(files(__package__).joinpath("targets.toml").read_text(encoding="utf-8"))
    names = {field.name for field in fields(Target)}
    found = []
    for entry in table["target"]:
        if unknown := set(entry) - names:
            raise ValueError(f"targets.toml: {entry['id']} has unknown keys {sorted(unknown)}")
        value = entry["value"]
        found.append(Target(**{**entry, "value": value if isinstance(value, str) else float(value)}))
    return tuple(found)
