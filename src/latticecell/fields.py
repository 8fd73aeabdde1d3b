"""What a field is: its name, where it lives, its unit, and how it is shown; each is declared once.

Fields that a run carries from step to step are declared with the attributes of `latticecell.state.State`,
derived ones where they are computed (`latticecell.observables`). Checkpoint, snapshots, results and pictures
follow from the declaration; snapshots carry it with them, so a reader needs no table of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Final, Literal, get_type_hints

from latticecell.registry import Registry

Location = Literal["cell", "node", "tet", "bond"]
Domain = Literal["grains", "matrix", "ecbd", "everywhere"]

COMPONENTS: Final = {3: ("x", "y", "z"), 6: ("xx", "yy", "zz", "xy", "yz", "xz")}
"""Names of the components of vectors and symmetric tensors, by their number."""


@dataclass(frozen=True, slots=True)
class Field:
    """Declaration of a field.

    Attributes
    ----------
    key : str
        Its name in snapshots and on the command line, for example "von_mises"; empty: not written.
    location : {"cell", "node", "tet", "bond"}
        What carries a value; "cell": the array belongs to the cell as a whole.
    unit : str
        Unit of written and shown values, as in the suffixes of TOML keys; empty for a pure number.
    factor : float
        From SI to ``unit``.
    shape : tuple of int
        Shape of one value: () for a scalar, (3,) for a vector, (6,) for a symmetric tensor in the order
        xx, yy, zz, xy, yz, xz. For "cell", the shape of the array.
    domain : {"grains", "matrix", "ecbd", "everywhere"}
        Where it has a meaning; the matrix is ECBD and ED.
    meaning : str
        One sentence.
    title : str
        Short name on pictures; by default the key.
    colours : str
        Matplotlib colour map.
    diverging, from_zero : bool
        Whether zero is in the middle, or at the lower end, of the colour scale.
    fraction : bool
        Whether values are shares, shown on a scale from 0 to 1.
    shown_unit, shown_factor : str, float
        Unit of pictures and factor from SI to it, where they differ from those of files; see `shown`.
    """

    key: str
    location: Location
    unit: str = ""
    factor: float = 1.0
    shape: tuple[int, ...] = ()
    domain: Domain = "everywhere"
    meaning: str = ""
    title: str = ""
    colours: str = "viridis"
    diverging: bool = False
    from_zero: bool = False
    fraction: bool = False
    shown_unit: str = ""
    shown_factor: float = 1.0

    @property
    def stored(self) -> str:
        """Name in files: key and unit, for example "von_mises_GPa"."""
        return f"{self.key}_{self.unit}" if self.unit else self.key

    @property
    def label(self) -> str:
        """Title and unit for a colour bar, for example "von Mises stress (GPa)"."""
        return f"{self.title or self.key} ({self.unit.replace('_per_', '/') or '1'})"

    @property
    def shown(self) -> Field:
        """The declaration in the unit of pictures."""
        return replace(self, unit=self.shown_unit, factor=self.shown_factor) if self.shown_unit else self

    def table(self) -> dict[str, Any]:
        """Return the declaration as plain values."""
        return asdict(self)

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> Field:
        """Return the declaration that `table` gave."""
        return cls(**{**table, "shape": tuple(table["shape"])})


COLUMNS: Final[Registry[Callable[[Any], float]]] = Registry("output.columns", "column of the history", {})
"""Columns of the user's own by name: functions of an `observables.Derivation`."""


@cache
def declarations(cls: type) -> dict[str, Field]:
    """Return the fields that the annotations of a dataclass of arrays declare, by attribute."""
    hints = get_type_hints(cls, include_extras=True)
    return {name: next(m for m in hint.__metadata__ if isinstance(m, Field)) for name, hint in hints.items()}
