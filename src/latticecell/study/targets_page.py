"""``targets.html``: a source beside this model, on one page without outside files, that also prints well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
import tomli

from latticecell.errors import ConfigError
from latticecell.output.files import write_file
from latticecell.reader import resolved_toml
from latticecell.report import html
from latticecell.report.html import NOTHING, Cell
from latticecell.study.caseruns import CaseRun, CaseRuns
from latticecell.study.estimates import shown
from latticecell.study.figures import Drawn, draw_figures
from latticecell.study.panels import SECTIONS, CaseTable, Heading, Panels
from latticecell.study.spec import flat
from latticecell.study.targets import Targets, figure_of
from latticecell.study.verdicts import Row, by_second, counts, worst

STYLE: Final = """
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; } h3 small { font-weight: 400; }
nav { margin: .8rem 0; padding: .4rem .7rem; background: #f7f7f7; border: 1px solid #ddd; }
a { color: #00507d; } .dim { color: #777; } .verdict { font-weight: 600; white-space: nowrap; }
td.note { min-width: 9rem; max-width: 20rem; color: #333; overflow-wrap: anywhere; }
h3 + .scroll + .scroll { margin-top: .5rem; }
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
TONES: Final[dict[str, str]] = {
    "within": "good",
    "uncertain": "bad",
    "holds": "good",
    "outside": "bad",
    "fails": "bad",
    "not run": "dim",
    "not measured": "dim",
    "no verdict": "dim",
}
"""Classes of `latticecell.report.html.STYLE` for verdicts."""
SUMMARY: Final = (
    ("number", "within"),
    ("number", "uncertain"),
    ("number", "outside"),
    ("number", "not run"),
    ("number", "not measured"),
    ("trend", "holds"),
    ("trend", "fails"),
    ("trend", "not run"),
    ("trend", "not measured"),
    ("trend", "no verdict"),
)
BALANCES: Final = ("lithium_balance", "charge_balance", "energy_balance")


def write_page(
    path: Path,
    targets: Targets,
    panels: Panels,
    runs: CaseRuns,
    rows: Sequence[Row],
    about: Mapping[str, str],
) -> None:
    """Write the page; equal runs give equal bytes: it holds no date.

    ``about`` is what the page says of itself: version, seeds, variant, ... Raises `OutputError`.
    """
    drawn = draw_figures(panels, runs, targets)
    lead = (
        f"<p>{escape(targets.about)}</p>\n<p><strong>{escape(score(rows))}</strong></p>\n"
        + _second_score(rows)
        + "<dl>"
        + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in about.items())
        + "</dl>"
    )
    sections = [
        ("Summary", summary_table(rows)),
        ("Furthest off", "<p>By the ratio to the reported value; bounds and classes that promise nothing are "
         "left out.</p>" + worst_table(rows, targets)),
        ("Numbers and trends", full_table(rows, targets, [one.name for one in drawn])),
        *([("Not counted", left_out_table(targets))] if targets.left_out else []),
        *([("Figures", "\n".join(figure_html(one, rows) for one in drawn))] if drawn else []),
        *((title, _registered(title, runs)) for title in panels.code),
        *((table.title, case_table(table, targets, runs)) for table in panels.tables),
        ("Parameters", parameters(runs, panels)),
        ("Runs", run_table(runs)),
    ]  # fmt: skip
    write_file(path, html.page(targets.title, lead, sections, contents=True, style=STYLE))


def _registered(title: str, runs: CaseRuns) -> str:
    try:
        return SECTIONS[title](runs)
    except ConfigError as error:
        return f"<p>{escape(str(error))}</p>"


def summary_table(rows: Sequence[Row]) -> str:
    """Counts of the verdicts by figure, with a total; verdicts that do not occur are left out."""
    columns = [
        (kind, verdict)
        for kind, verdict in SUMMARY
        if verdict not in ("uncertain", "not measured", "no verdict")
        or any(row.verdict == verdict for row in rows)
    ]

    def line(name: str, mine: Sequence[Row]) -> list[Cell]:
        found: list[Cell] = [name]
        for kind, verdict in columns:
            count = sum(row.target.kind == kind and row.verdict == verdict for row in mine)
            found.append((str(count), TONES[verdict]) if count else ("0", "dim"))
        return found

    lines = [line(name, [row for row in rows if figure_of(row.target) == name]) for name in counts(rows)]
    heads = ("", *(f"{kind}s {verdict.replace('holds', 'hold').replace('fails', 'fail')}"
                   for kind, verdict in columns))  # fmt: skip
    return html.table(heads, [*lines, line("all", rows)])


def score(rows: Sequence[Row]) -> str:
    """One sentence on how many numbers and trends are met."""
    told = []
    for kind, good, words in (("number", "within", "within tolerance"), ("trend", "holds", "hold")):
        judged = [r for r in rows if r.target.kind == kind and TONES[r.verdict] != "dim"]
        met = sum(row.verdict == good for row in judged)
        told.append(f"{met} of {len(judged)} {kind}s {words}" if judged else f"no {kind} was run")
    for verdict in ("not run", "not measured"):
        if count := sum(row.verdict == verdict for row in rows):
            told.append(f"{count} entries are {verdict}")
    return "; ".join(told) + "."


def _second_score(rows: Sequence[Row]) -> str:
    """The score with second definitions, where there are some."""
    if not any(row.second for row in rows):
        return ""
    told = f"With the second definition where one is given: {score(by_second(rows))}"
    return f"<p>{escape(told)}</p>\n"


def left_out_table(targets: Targets) -> str:
    """Targets that are not counted, and why."""
    rows = [
        (t.figure, quantity_name(t.quantity, targets), t.case.replace("_", " "), str(t.value), t.left_out)
        for t in targets.left_out
    ]
    return html.table(
        ("figure", "quantity", "case", f"the {targets.source} says", "why"), rows, text=range(5)
    )


def worst_table(rows: Sequence[Row], targets: Targets, count: int = 5) -> str:
    """The numbers that are furthest from the source's, with the reasons."""
    found = worst(rows, count)
    return _numbers(found, targets, entire=True) if found else "<p>No number was run.</p>"


def full_table(rows: Sequence[Row], targets: Targets, figures: Sequence[str]) -> str:
    """All rows: for each figure its numbers, then its trends; ``figures`` are those the page draws."""
    told = [
        f"{name.capitalize()}: {one.about}."
        for name, one in targets.classes.items()
        if one.result and one.about
    ]
    text = f"<p>{escape(' '.join(told))}</p>\n" if told else ""
    for name in counts(rows):
        mine = [row for row in rows if figure_of(row.target) == name]
        drawn = f" <small>{html.link(html.anchor(name), 'see the figure')}</small>" if name in figures else ""
        text += f'<h3 id="table-{html.anchor(name)}">{escape(name)}{drawn}</h3>\n'
        if numbers := [row for row in mine if row.target.kind == "number"]:
            text += _numbers(numbers, targets)
        if trends := [row for row in mine if row.target.kind == "trend"]:
            text += _trends(trends, targets)
    return text


def _numbers(rows: Sequence[Row], targets: Targets, *, entire: bool = False) -> str:
    """Table of numbers; ``entire`` adds the figure in full, for tables that mix figures."""
    heads = ("panel", "quantity", "case", "when", targets.source, "ours", "unit", "difference", "class",
             "allowed", "verdict", "by another definition", "note")  # fmt: skip
    lines: list[Sequence[Cell]] = [
        (
            *_what(row, targets, entire),
            f"{float(row.target.value):g}",
            shown(row.ours, row.error),
            row.target.unit.replace("1e-12 mol", "pmol"),
            percent(row.difference),
            row.target.tolerance,
            row.allowed,
            (row.verdict, f"verdict {TONES[row.verdict]}"),
            _second(row),
            (_note(row), "note"),
        )
        for row in rows
    ]
    return html.table(heads, lines, text=(0, 1, 2, 3, 6, 8, 9, 10, 11, 12))


def _trends(rows: Sequence[Row], targets: Targets) -> str:
    heads = (
        "panel",
        "quantity",
        "case",
        "when",
        f"the {targets.source} says",
        "we find",
        "class",
        "verdict",
        "by another definition",
        "note",
    )
    lines: list[Sequence[Cell]] = [
        (
            *_what(row, targets, entire=False),
            (str(row.target.value), "note"),
            (row.text or NOTHING, "note"),
            row.target.tolerance,
            (row.verdict, f"verdict {TONES[row.verdict]}"),
            _second(row),
            (_note(row), "note"),
        )
        for row in rows
    ]
    return html.table(heads, lines, text=range(10))


def _second(row: Row) -> Cell:
    """What the second definition finds, and its verdict."""
    if row.second is None:
        return ""
    found = row.second.text or shown(row.second.ours, row.second.error)
    return f"{found}: {row.second.verdict}", "note"


def _what(row: Row, targets: Targets, entire: bool) -> tuple[str, str, str, str]:
    """Panel, quantity, case and event in words."""
    target = row.target
    panel = target.figure if entire else target.figure.removeprefix("Fig ").removeprefix("text/")
    event = targets.names.events.get(target.event, target.event.removeprefix("t="))
    return panel, quantity_name(target.quantity, targets), target.case.replace("_", " "), event


def quantity_name(quantity: str, targets: Targets) -> str:
    """Return a quantity of the targets in words."""
    if quantity in targets.names.quantities:
        return targets.names.quantities[quantity]
    for symbol, words in targets.names.symbols.items():
        quantity = quantity.replace(symbol, words)
    return quantity.replace("_", " ").replace(",", ", ").replace(",  ", ", ")


def percent(difference: float | None) -> str:
    """Return a relative difference; beyond a factor of ten as a factor."""
    if difference is None or not np.isfinite(difference):
        return NOTHING
    if difference >= 9:
        return f"×\u00a0{1 + difference:.0f}"
    return f"{100 * difference:+.1f}\u00a0%".replace("-", "−")


def _note(row: Row) -> str:
    parts = [text.strip().rstrip(".") for text in (row.reason, row.target.note) if text.strip()]
    return ". ".join(part[0].upper() + part[1:] for part in parts) + ("." if parts else "")


def figure_html(drawn: Drawn, rows: Sequence[Row]) -> str:
    """A figure with its heading, and a link to its numbers where the table has some."""
    back = ""
    if any(figure_of(row.target) == drawn.name for row in rows):
        back = f" <small>{html.link(f'table-{html.anchor(drawn.name)}', 'see its numbers')}</small>"
    image = html.picture(drawn.figure, f"{drawn.name}: {drawn.title}", drawn.caption)
    return f'<h3 id="{html.anchor(drawn.name)}">{escape(f"{drawn.name}. {drawn.title}")}{back}</h3>\n{image}'


def case_rows(table: CaseTable, targets: Targets, runs: CaseRuns) -> list[tuple[str, ...]]:
    """Return a row of texts for every run of the group of a table: name, what it is, values.

    What cannot be measured on a run is a dash.
    """

    def cell(column: Heading, run: CaseRun) -> str:
        try:
            return column.format.format(column.evaluate(run, "", "", targets.measures))
        except ConfigError:
            return NOTHING

    mine = [run for some in runs.runs.values() for run in some if run.group == table.group]
    return [
        (run.case.removeprefix(table.prefix), run.about, *(cell(column, run) for column in table.columns))
        for run in mine
    ]


def case_heads(table: CaseTable) -> tuple[str, ...]:
    """Return the headings of a table."""
    return ("case", "what", *(column.title for column in table.columns))


def case_table(table: CaseTable, targets: Targets, runs: CaseRuns) -> str:
    """A table of the cases of a group."""
    rows = case_rows(table, targets, runs)
    if not rows:
        return f"<p>None was run: <code>--cases {escape(table.group)}</code>.</p>"
    return f"<p>{escape(table.about)}</p>" + html.table(case_heads(table), rows, text=(0, 1))


def parameters(runs: CaseRuns, panels: Panels) -> str:
    """Configuration of the reference case in full, and what the other cases change."""
    reference = panels.reference or next(iter(runs.runs), "")
    if reference not in runs:
        return (
            f"<p>The case {escape(reference)} has not been run.</p>"
            if reference
            else "<p>No run is finished.</p>"
        )
    base = resolved_toml(runs.first(reference).run.config)
    before = numbered(tomli.loads(base))
    lines: list[Sequence[html.Cell]] = []
    for case in runs.runs:
        if case == reference or case not in runs or runs.first(case).extra:
            continue
        after = numbered(tomli.loads(resolved_toml(runs.first(case).run.config)))
        changed = [key for key in {**before, **after} if before.get(key) != after.get(key) and key != "name"]
        for i, key in enumerate(changed):
            old, new = (str(one.get(key, NOTHING)) for one in (before, after))
            lines.append((case if i == 0 else "", (key, "key"), old, new))
        if not changed:
            lines.append((case, "nothing", NOTHING, NOTHING))
    changes = html.table(("case", "key", reference, "this case"), lines, text=(0, 1, 2, 3))
    return (
        f"<h3>What the cases change</h3>\n{changes}\n" if lines else ""
    ) + f"<h3>{escape(reference)} in full</h3>\n<pre>{escape(base)}</pre>"


def numbered(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of nested tables as dotted paths, items of lists of tables with their number from 1."""
    found: dict[str, Any] = {}
    for path, value in flat(table).items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            found |= {
                f"{path}[{i + 1}].{key}": v for i, one in enumerate(value) for key, v in numbered(one).items()
            }
        else:
            found[path] = value
    return found


def run_table(runs: CaseRuns) -> str:
    """Seed, size, cost and worst balances of each run."""
    lines = [_run(run) for some in runs.runs.values() for run in some]
    heads = ("case", "seed", "version", "sites", "steps", "wall time (s)", "Li balance", "charge balance",
             "energy balance")  # fmt: skip
    meaning = (
        "<p>Balances are the largest absolute values over the run: Li gained and charge passed, over the Li "
        "at the start; current of the collector less that of the Li metal; and work less energy stored and "
        "lost, over the energy.</p>"
    )
    return html.table(heads, lines) + meaning if lines else "<p>No run is finished.</p>"


def _run(run: CaseRun) -> tuple[str, ...]:
    info, history = run.run.info, run.run.history
    wall = info.get("wall_time_s")
    worst = (f"{np.abs(run.column(name)).max():.1e}" if name in history else NOTHING for name in BALANCES)
    return (
        run.case,
        str(run.seed),
        str(info.get("versions", {}).get("latticecell", NOTHING)),
        str(info.get("network", {}).get("sites", NOTHING)),
        str(len(history["time_s"]) - 1),
        NOTHING if wall is None else f"{wall:.0f}",
        *worst,
    )
