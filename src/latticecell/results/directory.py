"""A run directory of the first format as a `Source`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latticecell.config import Config
from latticecell.fields import Field, declarations
from latticecell.meshing.generate import build_network
from latticecell.microstructure import build_microstructure
from latticecell.network import Network
from latticecell.output.fields import FieldReader
from latticecell.output.rundir import FIELDS, RunDirectory
from latticecell.state import State

DERIVED: Final = (
    Field("von_mises", "tet", "GPa", 1e-9, title="von Mises stress", colours="cividis", from_zero=True),
    Field("hydrostatic", "tet", "GPa", 1e-9, title="hydrostatic stress", colours="RdBu_r", diverging=True),
    Field("volumetric_strain", "tet", title="volumetric strain", colours="PuOr_r", diverging=True,
          shown_unit="%", shown_factor=100.0),
    Field("damage", "bond", title="bond damage", colours="cividis", fraction=True),
    Field("broken", "bond", title="broken bonds", colours="cividis", fraction=True),
)  # fmt: skip


class Directory:
    """Adapter of a `RunDirectory`."""

    def __init__(self, path: str | Path):
        self._run = RunDirectory.open(path)
        self.path: Path | None = self._run.path

    def info(self) -> dict[str, Any]:
        """See `Source`."""
        return self._run.info()

    def config(self) -> Config:
        """See `Source`."""
        return self._run.config()

    @cached_property
    def _reader(self) -> FieldReader | None:
        return self._run.fields() if (self._run.path / FIELDS).exists() else None

    def network(self) -> Network | None:
        """See `Source`."""
        config = self.config()
        return build_network(config, build_microstructure(config)) if self._reader else None

    def history(self) -> dict[str, NDArray]:
        """See `Source`."""
        return self._run.history()

    def times(self) -> NDArray[np.float64]:
        """See `Source`."""
        return self._reader.times if self._reader else np.zeros(0)

    def fields(self) -> dict[str, Field]:
        """See `Source`."""
        if self._reader is None:
            return {}
        names = self._reader.names
        axis = {"node": "n", "tet": "t", "bond": "b"}
        known = [*declarations(State).values(), *DERIVED]
        return {f.key: f for f in known if f.key and f.stored in names[axis[f.location]]}

    def read(self, key: str, step: int) -> NDArray:
        """See `Source`."""
        field = self.fields()[key]
        assert self._reader is not None
        return getattr(self._reader, field.location)(field.stored, step)

    def strain(self, step: int) -> NDArray[np.float64]:
        """See `Source`."""
        assert self._reader is not None
        return self._reader.strain(step)
