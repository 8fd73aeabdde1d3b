"""A run of the 1-D cell: rows of ``history.csv``, the run directory, and its plot."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np

from latticecell.cell1d.model import Cell
from latticecell.cell1d.sizes import particle_sizes
from latticecell.cell1d.solve import Step, steps
from latticecell.checks import check_cell1d
from latticecell.config import Config
from latticecell.coverage import Coverage
from latticecell.errors import ConfigError, OutputError, SolveError
from latticecell.materials import electro_laws
from latticecell.output.files import write_file
from latticecell.output.record import CYCLES, PLOT
from latticecell.output.rundir import RunDirectory, Status
from latticecell.results import CycleTable
from latticecell.temperature import at_temperature
from latticecell.threads import one_blas_thread
from latticecell.units import FARADAY

Row = dict[str, float | int | str]
MAH_PER_G = 3600.0
"""[C/kg] of 1 mAh/g."""
BY_RADIUS = ("lithium_mol", "reaction_A", "stoich_mean", "stoich_surface")
"""Columns that the particles of each radius have, where there are several."""


def cell_of(config: Config) -> Cell:
    """Return the 1-D counterpart of the cell that a configuration describes.

    Raises `ConfigError` if there is none.
    """
    problems = check_cell1d(config)
    if problems:
        raise ConfigError(problems)
    sizes, options = particle_sizes(config.geometry, config.cell1d), at_temperature(config).cell1d
    return Cell(electro_laws(config), config.geometry, sizes, options)


def run_cell1d(config: Config, out: str | Path, *, command: str = "", force: bool = False) -> RunDirectory:
    """Run the 1-D cell of a configuration to its end and return the run directory.

    Parameters
    ----------
    config : Config
    out : path
        Run directory; must not hold a run unless ``force``.
    command : str
        For the record.

    Raises
    ------
    ConfigError
        Before anything is computed.
    SolveError, OutputError
        If the run cannot go on, or a file cannot be written; the directory then holds everything up to there.
    """
    cell = cell_of(config)
    directory = RunDirectory.create(out, config, None, threads=1, command=command, force=force)
    for _ in advance(config, cell, directory):
        pass
    return directory


def advance(config: Config, cell: Cell, directory: RunDirectory) -> Generator[Step, None, None]:
    """Run to the end of the protocol, writing a row for each step and yielding it.

    Closing the generator early marks the run as interrupted; raises what `steps` raises.
    """
    status: Status = "interrupted"
    message = "stopped by the user"
    coverage = Coverage(config.materials.active)
    try:
        with one_blas_thread():  # sums must not depend on the number of threads
            for step in steps(config, cell):
                columns = row(cell, step)
                if coverage.look(float(columns["stoich_min"]), float(columns["stoich_max"]), step.time):
                    directory.amend(beyond_data=coverage.table())
                directory.append_row(columns)
                yield step
        status, message = "done", ""
    except (SolveError, OutputError) as error:
        status, message = "failed", str(error)
        raise
    finally:
        directory.conclude(status, message, lambda: _conclude(config, directory, status == "done"))


def _conclude(config: Config, directory: RunDirectory, finished: bool) -> None:
    """Write what follows from the history: the table of cycles, and the plot."""
    from latticecell.cell1d.plots import voltage_plot  # matplotlib takes a while to load

    history = directory.history()
    if history:
        table = CycleTable.of(history, finished, config.geometry.width**2)
        write_file(directory.path / CYCLES, table.to_csv())
        voltage_plot(history, directory.path / PLOT, config.name)


def row(cell: Cell, step: Step) -> Row:
    """Return the columns of one step, named as for the 3-D cell where it has them.

    With several radii, columns of the particles of each follow with the suffix ``_r1``, ``_r2``, ..., the
    largest first.
    """
    y_sr, c_j, charge = cell.unpack(step.u)
    fields = cell.fields(step.z)
    surface_s = cell.surface_stoich(step.u, step.z)
    mean_m, volume_m = cell.mean_stoich_m(step.u), cell.sizes.volume_m
    mean = float(mean_m @ (volume_m / volume_m.sum()))
    share_m = cell.surface_m / cell.surface_m.sum()
    drop = cell.contact_drop(step.z)
    current = fields.density * cell.area
    through = np.abs(fields.current_s) * np.repeat(share_m, cell.n_cathode)
    plated = cell.plating(step.u, step.z) * cell.area
    reaction_m = cell.sum_m(fields.current_s) * cell.surface_m * cell.width_j[0] * cell.area
    stoich_surface_m = cell.sum_m(surface_s) / cell.n_cathode
    found: Row = {
        "cycle": step.stage.cycle + 1,
        "step": step.stage.index + 1,
        "kind": step.stage.kind,
        "time_s": step.time,
        "dt_s": step.dt,
        "voltage_V": fields.voltage,
        "current_A": current,
        "charge_C": charge,
        "lithium_mol": mean * cell.lithium_full,
        "reaction_A": float(reaction_m.sum()),
        "stoich_mean": mean,
        "stoich_surface": float(stoich_surface_m @ share_m),
        "stoich_min": float(min(y_sr.min(), surface_s.min())),
        "stoich_max": float(max(y_sr.max(), surface_s.max())),
        "capacity_mAh_per_g": charge / cell.active_mass / MAH_PER_G,
        "interface_drop_mV": 1e3 * float(through @ drop) / max(float(through.sum()), 1e-300),
    }
    if cell.binary:
        width = cell.width_j * cell.storage_j
        start = float(width.sum()) * cell.salt_0
        found |= {
            "salt_min_mol_per_m3": float(c_j.min()),
            "salt_max_mol_per_m3": float(c_j.max()),
            "salt_balance": float(width @ c_j) / start - 1,
        }
    if cell.n_radii > 1:
        full_m = cell.lithium_full * volume_m / volume_m.sum()
        for m, columns in enumerate(zip(mean_m * full_m, reaction_m, mean_m, stoich_surface_m, strict=True)):
            named = zip(BY_RADIUS, columns, strict=True)
            found |= {f"{name}_r{m + 1}": float(value) for name, value in named}
    lithium_0 = cell.stoich_0 * cell.lithium_full
    gained = mean * cell.lithium_full - lithium_0
    return found | {
        "lithium_balance": (gained + charge / FARADAY) / lithium_0,
        "charge_balance": (current - plated) / max(abs(current), 1e-3 * cell.one_c),
        "evaluations": step.evaluations,
    }
