"""A run directory as a `Source`."""

from __future__ import annotations

from pathlib import Path

from latticecell.fields import Field
from latticecell.output.rundir import RunDirectory


class Directory:
    """Adapter of a `RunDirectory`."""

    def __init__(self, path: str | Path):
        self._run = run = RunDirectory.open(path)
        self.path: Path | None = run.path
        self.info, self.config, self.network, self.history = run.info, run.config, run.network, run.history
        self.times, self.read, self.strain = run.times, run.read, run.strain

    def fields(self) -> dict[str, Field]:
        """See `Source`."""
        return self._run.declared()
