"""The page of a study: what was varied, how each run went, and what came out against what was varied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from latticecell.output.files import write_file
from latticecell.report import html
from latticecell.study.estimates import shown
from latticecell.study.plan import Planned, is_final
from latticecell.study.plots import Estimates, cases_figure, key_label, lines_figure, main_quantities, pretty
from latticecell.study.spec import Axis, StudySpec, flat
from latticecell.study.table import Columns

ROWS: Final = 2000
"""Most rows of the table on the page."""
STYLE: Final = """
.runs .scroll { max-height: 30rem; overflow: auto; } .runs thead th { position: sticky; top: 0; }
@media print { .runs .scroll { max-height: none; } }
"""


def write_page(
    path: Path,
    spec: StudySpec,
    runs: Sequence[Planned],
    columns: Columns,
    estimates: Estimates,
    variant: str | None,
) -> None:
    """Write the page as one self-contained HTML file.

    Figures show the runs on the main network, with the errors of the estimates.
    """
    statuses = columns["status"]
    done = [i for i, status in enumerate(statuses) if status == "done" and is_final(runs[i], spec)]
    table = _runs(spec, columns, main_quantities(columns, done))
    sections = [
        ("What was varied", _varied(spec, runs, variant)),
        *_figures(spec, runs, columns, done, estimates),
        *_estimates(columns, done, estimates),
        ("Runs", f'<div class="runs">{table}</div>'),
    ]
    if failures := [i for i, status in enumerate(statuses) if status == "failed"]:
        rows = [[str(columns[name][i]) for name in ("case", "seed", "message")] for i in failures]
        sections.insert(0, ("Failed", html.table(("case", "seed", "message"), rows, text=(0, 2))))
    write_file(path, html.page(f"Study: {spec.name}", _lead(spec, statuses), sections, style=STYLE))


def _lead(spec: StudySpec, statuses: Sequence[str]) -> str:
    counts = {name: statuses.count(name) for name in ("done", "failed", "interrupted", "missing")}
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    tone = "good" if counts["done"] == len(statuses) else "bad"
    about = f"<p>{escape(spec.about)}</p>\n" if spec.about else ""
    return (
        f'<p><span class="status {tone}">{told or "no runs"}</span></p>\n{about}'
        f"<p>{len(statuses)} runs, latticecell {escape(version('latticecell'))}; all quantities are in "
        "table.csv beside this page.</p>"
    )


def _varied(spec: StudySpec, runs: Sequence[Planned], variant: str | None) -> str:
    rows: list[tuple[str, str]] = []
    if spec.base:
        rows.append(("base", spec.base))
    if (one := spec.convergence) and any(run.level for run in runs):
        for level, names in one.levels.items():
            values = {k: v for name in names for k, v in flat(spec.variants[name]).items()}
            rows.append((f"level {level}", ", ".join(f"{key} = {value}" for key, value in values.items())))
    elif variant:
        told = ", ".join(f"{key} = {value}" for key, value in flat(spec.variants[variant]).items())
        rows.append(("variant", f"{variant}: {told}"))
    rows += [(f"always {key}", str(value)) for key, value in flat(spec.set).items()]
    for axis in spec.axes:
        rows.append((", ".join(axis.names), _axis_text(axis)))
    if sample := spec.sample:
        kind = sample.kind.replace("_", " ").replace("sobol", "Sobol").replace("latin", "Latin")
        rows.append(("sample", f"{kind}, {sample.n} points, seed {sample.seed}"))
        for key, box in sample.ranges.items():
            rows.append((key, f"{box.low:g} to {box.high:g}, {box.scale}"))
    rows += [
        (f"case {case.name}", "; ".join(filter(None, (case.about, case.file, _set_text(case.set)))))
        for case in spec.cases
    ]
    return html.table(("what", "values"), rows, text=(0, 1))


def _axis_text(axis: Axis) -> str:
    if axis.range:
        return f"{axis.range.num} values from {axis.range.start:g} to {axis.range.stop:g}, {axis.range.scale}"
    return ", ".join(axis.labels or [str(value) for value in axis.values or ()])


def _set_text(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in flat(values).items())


def _figures(
    spec: StudySpec, runs: Sequence[Planned], columns: Columns, done: Sequence[int], estimates: Estimates
) -> Iterator[tuple[str, str]]:
    """Yield a section for each axis, each sampled key, and the explicit cases."""
    varied = [i for i in done if runs[i].case.labels is not None]
    names = main_quantities(columns, varied)
    for number, axis in enumerate(spec.axes if names else ()):
        others = [other for i, other in enumerate(spec.axes) if i != number]
        second = others[0] if len(others) == 1 and not spec.sample else None
        groups: dict[str, dict[Any, list[int]]] = {}
        for i in varied:
            line = _text(_place(second, 1 - number, runs[i], columns, i)) if second else ""
            groups.setdefault(line, {}).setdefault(_place(axis, number, runs[i], columns, i), []).append(i)
        heading = key_label(second.names[0]) if second else ""
        figure = lines_figure(columns, names, groups, key_label(axis.names[0]), heading, estimates=estimates)
        over = "seeds and whatever else varies" if (others and not second) or spec.sample else "seeds"
        yield _section(
            axis.names[0],
            figure,
            f"Lines are means over {over}, or estimates with error bars where there are some; bands reach "
            "from lowest to highest value, dots are the runs.",
        )
    for key in spec.sample.ranges if spec.sample and names else ():
        points: dict[Any, list[int]] = {}
        for i in varied:
            points.setdefault(columns[key][i], []).append(i)
        figure = lines_figure(columns, names, {"": points}, key_label(key), scatter=True)
        yield _section(key, figure, "A dot for each run.")
    cases: dict[str, list[int]] = {}
    for i in done:
        if runs[i].case.labels is None:
            cases.setdefault(runs[i].case.name, []).append(i)
    if own := main_quantities(columns, [i for rows in cases.values() for i in rows]):
        caption = "Dots are estimates with error bars; pale bars reach from the lowest to the highest seed."
        yield (
            "Cases",
            html.picture(
                cases_figure(columns, own, cases, estimates), "main quantities of the cases", caption
            ),
        )


def _estimates(columns: Columns, done: Sequence[int], estimates: Estimates) -> Iterator[tuple[str, str]]:
    """Yield a section with the main quantities of every case and their errors, if there are any."""
    known = {name for mine in estimates.values() for name, one in mine.items() if one.error is not None}
    names = [name for name in main_quantities(columns, done) if name in known]
    if not names:
        return
    rows = []
    for case, mine in list(estimates.items())[:ROWS]:
        found = [mine.get(name) for name in names]
        rows.append([case, *(shown(one.value, one.error) if one else html.NOTHING for one in found)])
    told = (
        "<p>Errors join those of network and time step, each with what is known of it, and the interval of "
        "95 % over seeds; all of them, and the observed orders, are in estimates.csv.</p>"
    )
    yield "Estimates", told + html.table(("case", *map(pretty, names)), rows, text=(0,))


def _section(key: str, figure: Figure, caption: str) -> tuple[str, str]:
    return f"Against {key_label(key)}", html.picture(figure, f"main quantities against {key}", caption)


def _place(axis: Axis, number: int, run: Planned, columns: Columns, row: int) -> Any:
    """Return the place of a run on an axis: its value if it is a number, its label if not."""
    value, labels = columns[axis.names[0]][row], run.case.labels
    assert labels is not None
    if axis.labels:
        return labels[number]
    return labels[number].rpartition("=")[2] if isinstance(value, str | bool) else value


def _runs(spec: StudySpec, columns: Columns, names: Sequence[str]) -> str:
    own = [name for name in ("group", "level") if name in columns]
    heading = ["case", *own, "seed", *spec.keys, "status", *names]
    heads = [key_label(n) if n in spec.keys else pretty(n) for n in heading]
    rows = [
        [_cell(name, columns[name][i]) for name in heading] for i in range(min(len(columns["case"]), ROWS))
    ]
    left = len(columns["case"]) - len(rows)
    more = f"<p>{left} more in table.csv.</p>" if left else ""
    return html.table(heads, rows, text=(0, *map(heading.index, (*own, "status")))) + more


def _cell(name: str, value: Any) -> html.Cell:
    if value is None:
        return html.NOTHING
    if name == "status" and value != "done":
        return str(value), "bad"
    return _text(value)


def _text(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
