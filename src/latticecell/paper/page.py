"""``paper.html``: the paper beside this model, on one page without outside files, that also prints well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
import tomli

from latticecell.errors import ConfigError
from latticecell.output.fields import replacing
from latticecell.paper import verdicts
from latticecell.paper.catalogue import CONVERGENCE, EXPERIMENTS
from latticecell.paper.convergence import HEADLINES, Refinement, quotable, refinements
from latticecell.paper.experiments import COLUMNS, experiment_rows
from latticecell.paper.figures import PaperFigure, paper_figures
from latticecell.paper.results import CaseRun, Study
from latticecell.paper.table import Row, figure_of
from latticecell.paper.targets import Target
from latticecell.reader import resolved_toml
from latticecell.report import html
from latticecell.report.html import NOTHING

TITLE: Final = "The paper, reproduced"
WHAT: Final = (
    "Every number and trend that the text of Yuan, Lu and Xu reports on a composite cathode of NMC111 and "
    "LLZO, beside what latticecell computes from one set of parameters, and the figures panel by panel. "
    "Numbers are means over the seeds of the microstructure, with the standard deviation where there are "
    "several."
)
HOW: Final = (
    "The class says what a simulation can promise. Direct: follows from the printed inputs. Calibrated: "
    "needs an unknown that was tuned once, for all cases. Statistical: an extreme of a field, which "
    "depends on the grains and the network, so that its order of magnitude and its ordering count. "
    "Unlikely: depends on what the paper does not report. Trends are decided by a program, on the means "
    "over the seeds."
)
STYLE: Final = """
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; } h3 small { font-weight: 400; }
nav { margin: .8rem 0; padding: .4rem .7rem; background: #f7f7f7; border: 1px solid #ddd; }
a { color: #00507d; } .dim { color: #777; } .verdict { font-weight: 600; white-space: nowrap; }
td.note { min-width: 9rem; max-width: 20rem; color: #333; } h3 + .scroll + .scroll { margin-top: .5rem; }
td.key { font-family: Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
dt { color: #555; } dd { margin: 0; }
.good, .bad, .dim { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
@media print {
  @page { size: A4; } td.note { min-width: 0; max-width: none; } h3 { break-after: avoid; }
  a { color: inherit; text-decoration: none; } h3 small { display: none; } nav { background: none; }
  img { width: 100%; max-height: 214mm; object-fit: contain; }
  figcaption { font-size: 8pt; max-width: none; } pre { font-size: 6.5pt; }
  #numbers-and-trends table { font-size: 6.6pt; width: 100%; }
}
"""
BALANCES: Final = ("lithium_balance", "charge_balance", "energy_balance")


def write_page(
    path: str | Path, study: Study, rows: Sequence[Row], targets: Sequence[Target], about: Mapping[str, str]
) -> None:
    """Write the page.

    Equal runs give equal bytes: the page holds no date.

    Parameters
    ----------
    path : path
        HTML file, replaced if it is there.
    study : Study
    rows : sequence of Row
        The table.
    targets : sequence of Target
        What the paper prints, for the marks in the figures.
    about : mapping of str to str
        Name and value of what the page says of itself: version, seeds, resolution, ...

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    text = _compose(study, rows, paper_figures(study, targets), about)
    path = Path(path)
    try:
        with replacing(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


def _compose(
    study: Study, rows: Sequence[Row], figures: Sequence[PaperFigure], about: Mapping[str, str]
) -> str:
    lead = (
        f"<p>{escape(WHAT)}</p>\n<p><strong>{escape(verdicts.score(rows))}</strong></p>\n<dl>"
        + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in about.items())
        + "</dl>"
    )
    drawn = [figure for figure in figures if figure.name != "Convergence"]
    convergence = [figure for figure in figures if figure.name == "Convergence"]
    sections = [
        ("Summary", verdicts.summary_table(rows)),
        ("Furthest off", "<p>By the ratio to the paper's value; entries of the class “unlikely” are left "
         "out.</p>" + verdicts.worst_table(rows)),
        ("Numbers and trends", f"<p>{escape(HOW)}</p>"
         + verdicts.full_table(rows, [figure.name for figure in drawn])),
        ("Figures", "\n".join(_figure(figure, rows) for figure in drawn)),
        ("Convergence", "\n".join(_figure(figure, ()) for figure in convergence) + convergence_tables(study)),
        ("The unknowns", experiments(study)),
        ("Parameters", parameters(study)),
        ("Runs", run_table(study)),
    ]  # fmt: skip
    return html.page(TITLE, lead, sections, contents=True, style=STYLE)


def experiments(study: Study) -> str:
    """Table of the calibration experiments, one change at a time."""
    rows = experiment_rows(study)
    if not rows:
        return "<p>None was run: <code>latticecell paper --cases experiments</code>.</p>"
    told = (
        "<p>One change of the baseline at a time, on the coarse network; docs/calibration.md draws on it.</p>"
    )
    heads = ("experiment", "change", *(heading for heading, _, _ in COLUMNS))
    return told + html.table(heads, rows, text=(0, 1))


def _figure(figure: PaperFigure, rows: Sequence[Row]) -> str:
    back = ""
    if any(figure_of(row.target) == figure.name for row in rows):
        back = f" <small>{html.link(f'table-{html.anchor(figure.name)}', 'see its numbers')}</small>"
    heading = f"{figure.name}. {figure.title}" if rows else figure.title
    identity = f' id="{html.anchor(figure.name)}"' if rows else ""
    image = html.picture(figure.figure, f"{figure.name}: {figure.title}", figure.caption)
    return f"<h3{identity}>{escape(heading)}{back}</h3>\n{image}"


def convergence_tables(study: Study) -> str:
    """Headline numbers at each level, and what they are known to."""
    ways = [way for way in refinements(study) if way.levels]
    text = "".join(_levels(way) for way in ways)
    if "baseline" in study:
        text += _digits(study, ways)
    return text or "<p>Neither the baseline nor a level of refinement has been run.</p>"


def _levels(way: Refinement) -> str:
    heads = (way.label, *(f"{level.size:g}" for level in way.levels), "change at the last refinement")
    sites = [str(level.run.info.get("network", {}).get("sites", NOTHING)) for level in way.levels]
    lines: list[tuple[str, ...]] = [("Sites", *sites, "")]
    for headline in HEADLINES:
        values = [headline.of(level.run) for level in way.levels]
        change = way.last_change(headline) / abs(values[-1])
        told = f"{100 * change:.2g} %" if np.isfinite(change) else NOTHING
        lines.append((headline.label, *(f"{value:.5g}" for value in values), told))
    return f"<h3>Refining the {escape(way.title)}</h3>\n" + html.table(heads, lines)


def _digits(study: Study, ways: Sequence[Refinement]) -> str:
    """What each headline number of the baseline is known to."""
    lines = []
    runs = study.runs["baseline"]
    for headline in HEADLINES:
        values = np.array([headline.of(run) for run in runs])
        spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
        changes = [way.last_change(headline) for way in ways]
        known = [one for one in (*changes, spread) if np.isfinite(one)]
        error = max(known, default=float("nan"))
        lines.append(
            (
                headline.label,
                f"{values.mean():.5g}",
                *(f"{one:.2g}" if np.isfinite(one) else NOTHING for one in (*changes, spread)),
                quotable(float(values.mean()), error),
            )
        )
    heads = ("at the end of charge", "baseline", *(f"last step of the {way.title}" for way in ways),
             "s.d. over seeds", "what it is known to")  # fmt: skip
    return (
        "<h3>Digits that mean something</h3>\n<p>The last column is rounded to the largest of the three "
        "uncertainties beside it: how far the last refinement of the network and of the time step moved the "
        "number, and its standard deviation over the seeds. A difference from the paper that is smaller says "
        "nothing.</p>\n" + html.table(heads, lines)
    )


def parameters(study: Study) -> str:
    """Configuration of the baseline in full, and what the paper's other cases change."""
    if "baseline" not in study:
        return "<p>The baseline has not been run.</p>"
    base = study.first("baseline").config
    flat = flatten(tomli.loads(resolved_toml(base)))
    lines: list[Sequence[html.Cell]] = []
    told_elsewhere = {"baseline", *(case.name for case in (*CONVERGENCE, *EXPERIMENTS))}
    for case in study.runs:
        if case in told_elsewhere or case not in study:
            continue
        own = flatten(tomli.loads(resolved_toml(study.first(case).config)))
        changed = [key for key in {**flat, **own} if flat.get(key) != own.get(key) and key != "name"]
        for i, key in enumerate(changed):
            before, after = (str(one.get(key, NOTHING)) for one in (flat, own))
            lines.append((case if i == 0 else "", (key, "key"), before, after))
        if not changed:
            lines.append((case, "nothing", NOTHING, NOTHING))
    changes = html.table(("case", "key", "baseline", "this case"), lines, text=(0, 1, 2, 3))
    return (
        f"<h3>What the cases change</h3>\n{changes}\n" if lines else ""
    ) + f"<h3>The baseline in full</h3>\n<pre>{escape(resolved_toml(base))}</pre>"


def flatten(table: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Return the keys of nested tables as dotted paths, items of lists of tables with their number."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        path = f"{where}.{key}" if where else key
        if isinstance(value, dict):
            found |= flatten(value, path)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for i, item in enumerate(value):
                found |= flatten(item, f"{path}[{i + 1}]")
        else:
            found[path] = value
    return found


def run_table(study: Study) -> str:
    """Seed, size, cost and worst balances of each run."""
    lines = [_run(case, run) for case, runs in study.runs.items() for run in runs]
    heads = ("case", "seed", "version", "sites", "steps", "wall time (s)", "Li balance", "charge balance",
             "energy balance")  # fmt: skip
    meaning = (
        "<p>Balances are the largest absolute values over the run: Li gained and charge passed, over the Li "
        "at the start; current of the collector less that of the Li metal; and energy, where what is left is "
        "the trapezoidal rule on softening bonds.</p>"
    )
    return html.table(heads, lines) + meaning if lines else "<p>No run is finished.</p>"


def _run(case: str, run: CaseRun) -> tuple[str, ...]:
    info, history = run.info, run.history
    wall = info.get("wall_time_s")
    worst = (f"{np.abs(run.column(name)).max():.1e}" if name in history else NOTHING for name in BALANCES)
    return (
        case,
        str(run.seed),
        str(info.get("versions", {}).get("latticecell", NOTHING)),
        str(info.get("network", {}).get("sites", NOTHING)),
        str(len(history["time_s"]) - 1),
        NOTHING if wall is None else f"{wall:.0f}",
        *worst,
    )
