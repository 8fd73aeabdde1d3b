"""latticecell: a lattice model of chemo-mechanical failure in composite cathodes of solid-state batteries."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from latticecell.lazy import load_later

if TYPE_CHECKING:
    from latticecell.config import Config
    from latticecell.errors import ConfigError, LatticecellError, NetworkError, SolveError
    from latticecell.meshing.generate import build_network
    from latticecell.microstructure import Microstructure, build_microstructure
    from latticecell.network import Network, assemble_network
    from latticecell.reader import config_from_table, read_config, resolved_toml
    from latticecell.results import Run, open_run
    from latticecell.run import Simulation, run
    from latticecell.state import State
    from latticecell.study import StudyResult, read_study, study, study_from_table

load_later(
    __name__,
    {
        "latticecell.config": ("Config",),
        "latticecell.errors": (
            "ConfigError",
            "LatticecellError",
            "NetworkError",
            "SolveError",
        ),
        "latticecell.meshing.generate": ("build_network",),
        "latticecell.microstructure": (
            "Microstructure",
            "build_microstructure",
        ),
        "latticecell.network": (
            "Network",
            "assemble_network",
        ),
        "latticecell.reader": (
            "config_from_table",
            "read_config",
            "resolved_toml",
        ),
        "latticecell.results": (
            "Run",
            "open_run",
        ),
        "latticecell.run": (
            "Simulation",
            "run",
        ),
        "latticecell.state": ("State",),
        "latticecell.study": (
            "StudyResult",
            "read_study",
            "study",
            "study_from_table",
        ),
    },
)

__version__ = version("latticecell")

__all__ = [
    "Config",
    "ConfigError",
    "LatticecellError",
    "Microstructure",
    "Network",
    "NetworkError",
    "Run",
    "Simulation",
    "SolveError",
    "State",
    "StudyResult",
    "__version__",
    "assemble_network",
    "build_microstructure",
    "build_network",
    "config_from_table",
    "open_run",
    "read_config",
    "read_study",
    "resolved_toml",
    "run",
    "study",
    "study_from_table",
]
