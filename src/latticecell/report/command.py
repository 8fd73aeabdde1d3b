"""``latticecell report RUN``: what the command line and `latticecell.report` offer."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from latticecell.config import Config
from latticecell.errors import ConfigError
from latticecell.microstructure import build_microstructure
from latticecell.output.fields import FieldReader, replacing
from latticecell.output.plots import summary_figure
from latticecell.output.rundir import RunDirectory
from latticecell.reader import resolved_toml
from latticecell.report import digest, figures, html
from latticecell.report.digest import History
from latticecell.report.gallery import Section, gallery

UM = 1e6
DEFAULT_NAME = "report.html"


def report_command(
    path: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="HTML file to write; default: RUN/report.html.")
    ] = None,
    particle: Annotated[int, typer.Option(min=1, help="Particle that the cross-sections show.")] = 1,
) -> None:
    """Write one self-contained HTML page about a run: tables, curves, cross-sections, audit, parameters."""
    written = write_report(path, out, particle=particle)
    typer.echo(f"wrote {written}")


def write_report(path: str | Path, out: str | Path | None = None, *, particle: int = 1) -> Path:
    """Write the report of a run and return its path.

    The same run gives the same bytes. A run that is still going, or that failed, is reported up to its last
    step.

    Parameters
    ----------
    path : path
        Run directory.
    out : path, optional
        HTML file, replaced if it is there; default: ``report.html`` in the run directory.
    particle : int
        Particle of the cross-sections and of the grain orientations, from 1.

    Raises
    ------
    ConfigError
        If there is no run, no history or no snapshot, the particle is not one of the run's, the configuration
        does not fit the fields, or the file cannot be written.
    """
    run = RunDirectory.open(path)
    config, history = run.config(), run.history()
    if not history:
        raise ConfigError(f"{run.path}: has no history yet; nothing to report")
    count = len(config.geometry.particles)
    if not 1 <= particle <= count:
        raise ConfigError(f"particle = {particle}: must be in 1 to {count} ({run.path})")
    target = Path(out) if out is not None else run.path / DEFAULT_NAME
    if target.is_dir():
        raise ConfigError(f"{target}: is a directory; name the HTML file to write")
    text = _compose(run, config, history, run.fields(), particle - 1)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written: {error.strerror}") from None
    return target


def _compose(run: RunDirectory, config: Config, history: History, reader: FieldReader, particle: int) -> str:
    info = run.info()
    finished = info.get("status") == "done"
    spans = digest.stage_spans(history)
    cycles = digest.cycle_summaries(history, finished)
    checks = digest.audit(history, config)
    failed = [check.name for check in checks if check.passed is False]
    counts = info.get("network", {})
    lead = html.status_line(
        info,
        f"{counts.get('sites', '?')} sites, {counts.get('grains', '?')} grains, {len(cycles)} cycle(s), "
        f"{len(history['time_s']) - 1} steps up to {history['time_s'][-1]:.1f} s; "
        + (f"audit failed: {', '.join(failed)}." if failed else "all audits passed."),
    )
    first, last = cycles[0].cycle, cycles[-1].cycle
    sections = [
        ("Cycles", html.cycle_table(cycles, config.geometry.width**2)
         + "<p>Capacities are the charge that passed, holds included.</p>"),
        ("State at the end of each stage", html.stage_tables(history, spans)
         + "<p>Quantiles of the von Mises stress σ vM are by volume, in the particles; its maximum does not "
         "converge with the mesh. Broken: share of the area.</p>"),
        ("Curves", html.picture(
            summary_figure(history, info.get("name", "")),
            "Voltage, gap, stress, Li and damage against time",
            "Cell voltage, normal opening of the particle surface, von Mises stress, Li, and damage.")),
        ("Cracks", _cracks(history, reader, first, last, finished)),
        *_snapshots(config, history, reader, particle, sorted({first, last}), finished),
        ("Grain orientations", _orientations(config, reader, particle)),
        ("Audit", html.audit_table(checks)),
        ("Parameters", f"<pre>{escape(resolved_toml(config))}</pre>"),
        ("Provenance", html.provenance_table(info)),
    ]  # fmt: skip
    return html.page(f"latticecell: {info.get('name', run.path.name)}", lead, sections)


def _cracks(history: History, reader: FieldReader, first: int, last: int, finished: bool) -> str:
    """Crack areas against time, and openings at the ends of charge and discharge."""
    text = html.picture(
        figures.crack_area(history, reader),
        "Crack area against time by bond class",
        "Area damaged and broken in the particle surface and in the grain boundaries against time.",
    )
    for cycle in sorted({first, last}):
        shown = digest.moments(history, reader.times, cycle, finished)
        ends = [moment for moment in shown if moment.label.endswith((" end", " last"))]
        when = "; ".join(f"{end.label} at {end.time:.1f} s" for end in ends)
        text += html.picture(
            figures.openings(reader, ends),
            f"Distribution of openings in cycle {cycle}",
            f"Cycle {cycle}: area against normal opening. Snapshots: {when}.",
        )
    return text


def _snapshots(
    config: Config, history: History, reader: FieldReader, particle: int, cycles: list[int], finished: bool
) -> list[tuple[str, str]]:
    """One gallery for the first and one for the last cycle."""
    chosen = config.geometry.particles[particle]
    section = Section.of(reader, UM * np.asarray(chosen.center, float), UM * chosen.radius)
    found = []
    for cycle in cycles:
        shown = digest.moments(history, reader.times, cycle, finished)
        rows = [int(np.abs(history["time_s"] - moment.time).argmin()) for moment in shown]
        voltages = [float(history["voltage_V"][row]) for row in rows]
        late = [m for m in shown if abs(m.time - m.wanted) > 0.5]
        told = "; ".join(f"{m.label} wanted at {m.wanted:.0f} s" for m in late)
        caption = (
            f"Particle {particle + 1}, cut in the Z-Y plane at x = {section.center[0]:.3g} µm through its "
            "centre, undeformed. Bottom row: traces of grain boundaries and of the particle surface; open "
            f"by more than {figures.OPEN_NM:g} nm: coloured; broken: thick. Colours saturate "
            "above 99.5 % of the area where a bar ends in an arrow. Titles give the time of the nearest "
            "snapshot" + (f" ({told})." if told else ".")
        )
        image = html.picture(gallery(reader, section, shown, voltages), f"Snapshots, cycle {cycle}", caption)
        found.append((f"Snapshots, cycle {cycle}", image))
    return found


def _orientations(config: Config, reader: FieldReader, particle: int) -> str:
    """Pole figure of the grains of a particle, which the configuration determines."""
    micro = build_microstructure(config)
    if len(micro.rotation_gcc) != reader.n_grains:
        raise ConfigError(
            f"{reader.path}: holds {reader.n_grains} grains, the configuration {len(micro.rotation_gcc)}"
        )
    x_tac = reader.points[reader.tets]
    edge = x_tac[:, 1:] - x_tac[:, :1]
    volume_t = np.abs(np.einsum("tc,tc->t", edge[:, 0], np.cross(edge[:, 1], edge[:, 2]))) / 6
    offset_tc = x_tac.mean(axis=1) - UM * micro.center_pc[particle]
    offset_tc[:, :2] -= reader.box[:2] * np.round(offset_tc[:, :2] / reader.box[:2])
    size = reader.n_grains + 2
    volume_g = np.bincount(reader.domain, volume_t, size)[:-2]
    moment_gc = np.stack(
        [np.bincount(reader.domain, volume_t * offset_tc[:, c], size)[:-2] for c in range(3)], axis=1
    )
    mine = (micro.particle_g == particle) & (volume_g > 0)
    radial_gc = moment_gc[mine] / np.linalg.norm(moment_gc[mine], axis=1, keepdims=True)
    return html.picture(
        figures.orientations(micro.rotation_gcc[mine], volume_g[mine], radial_gc),
        "Pole figure of the grains",
        "Left: equal-area projection of [001], the direction of slow diffusion in NMC; areas of the points "
        "follow the volumes of the grains. Right: angle between [001] and the line from the particle's "
        "centre to the grain's, by volume; dashed: random orientations.",
    )
