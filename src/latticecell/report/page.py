"""The page about a run, from its files to one HTML file."""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np

from latticecell.cracks import Cracks
from latticecell.errors import ConfigError
from latticecell.output.cycleplots import rows_of_cycles
from latticecell.output.files import make_folder, write_file
from latticecell.reader import resolved_toml
from latticecell.report import figures, html
from latticecell.report.cycles import curves, cycle_section, tables
from latticecell.report.gallery import Shown, gallery
from latticecell.report.particles import particle_curves, particle_tables
from latticecell.report.tiles import Section
from latticecell.results import Run, open_run

DEFAULT_NAME = "report.html"


def write_report(run: Run | str | Path, out: str | Path | None = None, *, particle: int = 1) -> Path:
    """Write the report of a run and return its path.

    The same run gives the same bytes. A run that is still going, or that failed, is reported up to its last
    step.

    Parameters
    ----------
    run : Run or path
        A run, or its directory.
    out : path, optional
        HTML file, replaced if it is there; default: ``report.html`` in the run directory.
    particle : int
        Particle of the cross-sections and of the grain orientations, from 1.

    Raises
    ------
    ConfigError
        If there is no run, no history or no snapshot, or the particle is not one of the run's.
    OutputError
        If the file cannot be written.
    """
    run = run if isinstance(run, Run) else open_run(run)
    if not run.history:
        raise ConfigError(f"{run.place}: has no history yet; nothing to report")
    run.snapshot()  # a 1-D cell and a run without fields say here what they lack
    count = len(run.particle_radius)
    if not 1 <= particle <= count:
        raise ConfigError(f"particle = {particle}: must be in 1 to {count} ({run.place})")
    if out is None and run.path is None:
        raise ConfigError(f"{run.place}: is in memory; name the HTML file to write")
    target = Path(out) if out is not None else Path(run.place) / DEFAULT_NAME
    if target.is_dir():
        raise ConfigError(f"{target}: is a directory; name the HTML file to write")
    make_folder(target.parent)
    write_file(target, _compose(run, particle - 1))
    return target


def _compose(run: Run, particle: int) -> str:
    history, cycles, network = run.history, run.cycles, run.network
    failed = [check.name for check in run.balances if check.passed is False]
    lead = html.status_line(
        run.info,
        f"{network.n_sites} sites, {network.n_grains} grains, {len(cycles)} cycle(s), "
        f"{len(history['time_s']) - 1} steps up to {history['time_s'][-1]:.1f} s; "
        + (f"audit failed: {', '.join(failed)}." if failed else "all audits passed."),
        run.source.damage(),
    )
    section = Section.of(run.mesh, run.particle_center[particle], float(run.particle_reach[particle]))
    ends, (cycle_rows, stage_rows) = _pictured(run), tables(run)
    sections = [
        ("Cycles", cycle_rows),
        *cycle_section(run),
        ("State at the end of each stage", stage_rows),
        *_particles(run),
        ("Curves", curves(run)),
        ("Cracks", html.picture(
            figures.crack_area(run),
            "Crack area against time by bond class",
            "Area damaged and broken in the particle surface and in the grain boundaries against time.")
         + "".join(_openings(run, cycle) + _crack_sizes(run, cycle) for cycle in ends)),
        *((f"Snapshots, cycle {cycle}", _snapshots(run, section, cycle, particle)) for cycle in ends),
        ("Grain orientations", html.picture(
            figures.orientations(run.grains, particle),
            "Pole figure of the grains",
            "Left: equal-area projection of [001], the direction of slow diffusion in NMC; areas of the "
            "points follow the volumes of the grains. Right: angle between [001] and the line from the "
            "particle's centre to the grain's, by volume; dashed: random orientations.")),
        ("Audit", html.audit_table(run.balances)),
        ("Parameters", f"<pre>{escape(resolved_toml(run.config))}</pre>"),
        *([("Effort", html.effort_table(run.info))] if run.info.get("timings_s") else []),
        ("Provenance", html.provenance_table(run.info)),
    ]  # fmt: skip
    return html.page(f"latticecell: {run.name or run.place}", lead, sections)


def _particles(run: Run) -> list[tuple[str, str]]:
    """Section about the particles, where a run has several."""
    if len(run.particle_radius) < 2 or "stoich_mean_p1" not in run.history:
        return []
    caption = (
        "Mean stoichiometry, and mean normal opening of the surface, of each particle: dark curves are of "
        "large ones. The contact resistance in the table would dissipate as much if the current were uniform."
    )
    curves = html.picture(particle_curves(run), "Stoichiometry and gap of each particle", caption)
    return [("Particles", particle_tables(run) + curves)]


def _pictured(run: Run) -> list[int]:
    """Return the first cycle and the last one of which there are snapshots, or the last of all."""
    clock, times, rows = run.history["time_s"], run.snapshots.times, rows_of_cycles(run.history)
    spans = {number: (clock[own.start], clock[own.stop - 1]) for number, own in rows.items()}
    numbers = list(spans)
    with_some = [n for n, (begin, end) in spans.items() if np.any((times > begin) & (times <= end))]
    return sorted({numbers[0], (with_some or numbers)[-1]})


def _shown(run: Run, cycle: int) -> list[Shown]:
    """Moments of a cycle with their snapshots."""
    return [(moment, run.snapshots.nearest(moment.wanted)) for moment in run.moments(cycle)]


def _openings(run: Run, cycle: int) -> str:
    """Openings at the ends of charge and discharge."""
    ends = [(m.label, shot) for m, shot in _shown(run, cycle) if m.label.endswith((" end", " last"))]
    when = "; ".join(f"{label} at {shot.time:.1f} s" for label, shot in ends)
    return html.picture(
        figures.openings(run.mesh, ends),
        f"Distribution of openings in cycle {cycle}",
        f"Cycle {cycle}: area against normal opening. Snapshots: {when}.",
    )


def _crack_sizes(run: Run, cycle: int) -> str:
    """Sizes of the cracks at the ends of charge and discharge, where there may be any."""
    if "crack" not in run.fields:
        return ""
    cracks = Cracks(run.network)
    found = [
        (f"{moment.label}, {shot.time:.1f} s", 1e12 * cracks.open(np.asarray(shot["gap"], float) * 1e-9).area)
        for moment, shot in _shown(run, cycle)
        if moment.label.endswith((" end", " last"))
    ]
    return (
        html.crack_sizes(found) + "<p>Cracks are facets of grain boundaries, open by more than 2 nm, that "
        "share edges; in brackets, their share of the open area.</p>"
    )


def _snapshots(run: Run, section: Section, cycle: int, particle: int) -> str:
    """Gallery of a cycle."""
    shown = _shown(run, cycle)
    late = [moment for moment, shot in shown if abs(shot.time - moment.wanted) > 0.5]
    told = "; ".join(f"{moment.label} wanted at {moment.wanted:.0f} s" for moment in late)
    caption = (
        f"Particle {particle + 1}, cut in the Z-Y plane at x = {section.center[0]:.3g} µm through its "
        "centre, undeformed. Bottom row: traces of grain boundaries and of the particle surface; open "
        f"by more than {figures.OPEN_NM:g} nm: coloured; broken: thick. Colours saturate "
        "above 99.5 % of the area where a bar ends in an arrow. Titles give the time of the nearest "
        "snapshot" + (f" ({told})." if told else ".")
    )
    return html.picture(gallery(section, shown), f"Snapshots, cycle {cycle}", caption)
