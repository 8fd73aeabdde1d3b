"""Text of a report: one HTML page without scripts, outside files or fonts, that also prints well."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from latticecell.arrays import Floats
from latticecell.effort import shares
from latticecell.errors import printable
from latticecell.output.look import DPI
from latticecell.results import Check, CycleSummary, History, StageSpan

NOTHING: Final = "–"

STYLE: Final = """
:root { color-scheme: light; }
body { font: 15px/1.45 "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", sans-serif; color: #1a1a1a;
  background: #fff; max-width: 66rem; margin: 1.5rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 1.8rem 0 .5rem; border-bottom: 1px solid #bbb; padding-bottom: .15rem; }
p, figcaption { max-width: 52rem; }
.status { display: inline-block; padding: .1rem .6rem; border: 1px solid; border-radius: 3px;
  font-weight: 600; }
.good { color: #00533c; background: #e3f4ee; } .bad { color: #8a2f00; background: #fdeadf; }
table { border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums; }
th, td { padding: .22rem .5rem; text-align: right; border-bottom: 1px solid #ddd; vertical-align: top; }
th { background: #f3f3f3; font-weight: 600; vertical-align: bottom; }
.text, th.text { text-align: left; } .scroll { overflow-x: auto; }
figure { margin: .6rem 0 1rem; break-inside: avoid; } img { max-width: 100%; width: 56rem; height: auto; }
figcaption { font-size: .85rem; color: #444; }
pre { font: .74rem/1.35 Consolas, "DejaVu Sans Mono", monospace; columns: 2 18rem; background: #f7f7f7;
  border: 1px solid #ddd; padding: .7rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media print {
  body { font-size: 10pt; margin: 0; max-width: none; padding: 0; }
  .scroll { overflow: visible; } table { font-size: 7.5pt; } th, td { padding: .1rem .22rem; }
  tr { break-inside: avoid; } h2 { break-after: avoid; } thead { display: table-header-group; }
  @page { margin: 14mm; }
}
"""

Cell = str | tuple[str, str]
"""Text of a cell, or its text and its class in `STYLE`."""


def page(
    title: str, lead: str, sections: Iterable[tuple[str, str]], *, contents: bool = False, style: str = ""
) -> str:
    """Put a page together; ``lead`` and the bodies of the sections are HTML, titles are text.

    With ``contents``, links to the sections follow the lead. ``style`` is added to `STYLE`.
    """
    parts = list(sections)
    names = [(anchor(name), name) for name, _ in parts]
    body = "\n".join(
        f'<section id="{identity}">\n<h2>{escape(name)}</h2>\n{html}\n</section>'
        for (identity, name), (_, html) in zip(names, parts, strict=True)
    )
    if contents:
        links = " · ".join(link(identity, name) for identity, name in names)
        body = f"<nav>{links}</nav>\n{body}"
    title = printable(title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n"
        f"<body>\n<h1>{escape(title)}</h1>\n{lead}\n{body}\n</body>\n</html>\n"
    )


def anchor(name: str) -> str:
    """Return a name as the identifier of an element: "Fig 2" becomes "fig-2"."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def link(identity: str, text: str) -> str:
    """Return a link to an element of the page."""
    return f'<a href="#{escape(identity)}">{escape(text)}</a>'


def status_line(info: Mapping[str, Any], summary: str, damage: str = "") -> str:
    """Return the status of the run, its message, a sentence on it, and what of it is lost."""
    status, message = str(info.get("status", "unknown")), str(info.get("message", ""))
    tone = "good" if status == "done" else "bad"
    told = f" {escape(message)}" if message else ""
    lost = f"\n<p><strong>This page is without what is lost:</strong> {escape(damage)}</p>" if damage else ""
    return f'<p><span class="status {tone}">{escape(status)}</span>{told}</p>\n<p>{escape(summary)}</p>{lost}'


def picture(figure: Figure, alt: str, caption: str) -> str:
    """Embed a figure as PNG; equal figures give equal text."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    source = f"data:image/png;base64,{data}"
    return (
        f'<figure>\n<img alt="{escape(alt)}" src="{source}">\n'
        f"<figcaption>{escape(caption)}</figcaption>\n</figure>"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], text: Sequence[int] = (0,)) -> str:
    """Return a table; columns whose index is in ``text`` are aligned to the left."""

    def cells(tag: str, values: Sequence[Cell]) -> str:
        found = []
        for i, value in enumerate(values):
            content, look = (value, "") if isinstance(value, str) else value
            classes = " ".join(name for name in ("text" if i in text else "", look) if name)
            mark = f' class="{classes}"' if classes else ""
            found.append(f"<{tag}{mark}>{escape(content)}</{tag}>")
        return "".join(found)

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    head = f"<thead><tr>{cells('th', heads)}</tr></thead>"
    return f'<div class="scroll"><table>\n{head}\n<tbody>\n{body}\n</tbody>\n</table></div>'


def cycle_table(cycles: Sequence[CycleSummary], area_m2: float) -> str:
    """Times, capacities and efficiency of each cycle.

    ``area_m2`` is the cross-section of the cell [m2], for the areal capacity.
    """
    heads = ("cycle", "charge time (s)", "discharge time (s)", "charge capacity (nA h)",
             "discharge capacity (nA h)", "charge capacity (mA h/cm²)", "discharge capacity (mA h/cm²)",
             "Coulombic efficiency (%)")  # fmt: skip
    nah, mah_cm2 = 1e9 / 3600, 1e3 / 3600 / (area_m2 * 1e4)
    rows = [
        (
            str(c.cycle),
            number(c.charge_time, "{:.1f}"),
            number(c.discharge_time, "{:.1f}"),
            number(c.charge_capacity, "{:.4f}", nah),
            number(c.discharge_capacity, "{:.4f}", nah),
            number(c.charge_capacity, "{:.4f}", mah_cm2),
            number(c.discharge_capacity, "{:.4f}", mah_cm2),
            number(c.efficiency, "{:.2f}", 100.0),
        )
        for c in cycles
    ]
    return table(heads, rows, text=())


# heading, column, factor, format
CELL: Final = (
    ("Li (pmol)", "lithium_mol", 1e12, "{:.3f}"),
    ("mean stoichiometry (1)", "stoich_mean", 1.0, "{:.4f}"),
    ("lowest (1)", "stoich_min", 1.0, "{:.4f}"),
    ("highest (1)", "stoich_max", 1.0, "{:.4f}"),
    ("interface drop (mV)", "interface_drop_mV", 1.0, "{:.2f}"),
)
FAILURE: Final = (
    ("mean gap (nm)", "gap_mean_nm", 1.0, "{:.2f}"),
    ("largest gap (nm)", "gap_max_nm", 1.0, "{:.2f}"),
    ("σ vM median (GPa)", "von_mises_median_GPa", 1.0, "{:.3f}"),
    ("σ vM 99 % (GPa)", "von_mises_p99_GPa", 1.0, "{:.3f}"),
    ("σ vM 99.9 % (GPa)", "von_mises_p999_GPa", 1.0, "{:.3f}"),
    ("σ vM maximum (GPa)", "von_mises_max_GPa", 1.0, "{:.3f}"),
    ("surface broken (%)", "interface_broken", 100.0, "{:.1f}"),
    ("grain boundaries broken (%)", "gb_broken", 100.0, "{:.1f}"),
    ("widest crack (nm)", "gb_opening_max_nm", 1.0, "{:.2f}"),
    ("loose fragments", "fragments", 1.0, "{:.0f}"),
)
CRACKS: Final = (
    ("open by 2 nm (%)", "gb_open_2nm", 100.0, "{:.1f}"),
    ("open cracks", "cracks", 1.0, "{:.0f}"),
    ("at the surface", "cracks_at_surface", 1.0, "{:.0f}"),
    ("largest (μm²)", "crack_largest_um2", 1.0, "{:.2f}"),
    ("its share (%)", "crack_largest_share", 100.0, "{:.1f}"),
    ("longest over diameter (%)", "crack_span", 100.0, "{:.0f}"),
    ("broken cracks", "broken_cracks", 1.0, "{:.0f}"),
    ("largest broken (μm²)", "broken_crack_largest_um2", 1.0, "{:.2f}"),
    ("isolated Li (fmol)", "lithium_isolated_mol", 1e15, "{:.3f}"),
    ("tortuosity (1)", "lithium_tortuosity", 1.0, "{:.3f}"),
)
CLASSES_UM2: Final = (0.0, 0.1, 1.0, 10.0, np.inf)
"""Ends of the classes of the areas of cracks [um2]."""


def stage_tables(history: History, spans: Sequence[StageSpan]) -> str:
    """State of the cell and of its failure at the end of each stage, as tables that fit a page."""
    names = [(str(span.cycle), str(span.step), span.kind) for span in spans]
    voltage, time = history["voltage_V"], history["time_s"]
    course = [
        (f"{time[s.last] - time[s.before]:.1f}", f"{voltage[s.before]:.3f}", f"{voltage[s.last]:.3f}")
        for s in spans
    ]
    found = []
    for columns in (CELL, FAILURE, *([CRACKS] if "cracks" in history else [])):
        heads = ("duration (s)", "voltage before (V)", "voltage at end (V)") if columns is CELL else ()
        before = course if columns is CELL else [()] * len(spans)
        rows = [
            (*name, *ahead, *(number(history[c][s.last], form, factor) for _, c, factor, form in columns))
            for name, ahead, s in zip(names, before, spans, strict=True)
        ]
        found.append(table(("cycle", "step", "", *heads, *(head for head, *_ in columns)), rows, text=(2,)))
    return "\n<p></p>\n".join(found)


def crack_sizes(cracks: Sequence[tuple[str, Floats]]) -> str:
    """Table of how many cracks of which size there are at some moments, and what share of the area they are.

    Parameters
    ----------
    cracks : sequence of (str, (n_cracks,) float64)
        Names of the moments, and areas of the open cracks [um2].
    """
    pairs = list(itertools.pairwise(CLASSES_UM2))
    heads = [f"{low:g} to {high:g} μm²" if np.isfinite(high) else f"above {low:g} μm²" for low, high in pairs]
    rows = []
    for moment, area in cracks:
        cells = []
        for low, high in pairs:
            own = area[(area > low) & (area <= high)]
            share = own.sum() / area.sum() if len(area) else 0.0
            cells.append(f"{len(own)} ({100 * share:.0f} %)" if len(own) else NOTHING)
        rows.append((moment, *cells))
    return table(("open cracks", *heads), rows, text=(0,))


def audit_table(checks: Sequence[Check]) -> str:
    """Worst values of the balances, their limits and a verdict in words."""
    verdict = {True: "pass", False: "FAIL", None: NOTHING}
    rows = [
        (
            check.name,
            _compact(check.worst),
            NOTHING if check.limit is None else _compact(check.limit),
            verdict[check.passed],
            check.meaning,
        )
        for check in checks
    ]
    return table(("quantity", "worst", "allowed", "verdict", "meaning"), rows, text=(0, 3, 4))


def effort_table(info: Mapping[str, Any]) -> str:
    """Where the time went, and how often things were done."""
    rows = [
        (name, f"{wall:.1f}", number(cpu, "{:.1f}"), f"{100 * share:.0f}")
        for name, wall, cpu, share in shares(info)
    ]
    counts = [(name.replace("_", " "), str(value)) for name, value in info.get("counts", {}).items()]
    return table(("phase", "wall time (s)", "processor time (s)", "share (%)"), rows) + table(
        ("steps and iterations", "number"), counts
    )


HIDDEN: Final = (
    *("status", "message", "name", "timings_s", "counts"),
    *("files", "ended", "sessions"),
)
"""Entries of ``run.json`` that stand elsewhere on the page, or say nothing to a reader."""


def provenance_table(info: Mapping[str, Any]) -> str:
    """Everything else that ``run.json`` tells, one line for each entry."""
    units = {"wall_time_s": ("wall time", "{:.1f} s"), "peak_memory_MB": ("peak memory", "{:.0f} MB")}
    rows = []
    for key, value in info.items():
        if key in HIDDEN or value in (None, {}, ""):
            continue
        name, form = units.get(key, (key.replace("_", " "), "{}"))
        shown = (
            ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else form.format(value)
        )
        rows.append((name, shown))
    for part in info.get("sessions", ())[1:]:
        versions = ", ".join(f"{k} {v}" for k, v in part["versions"].items())
        told = f"{part['begun']}, numerics {part['results']}, {part['threads']} threads, {versions}"
        rows.append((f"from step {part['step']} on", told))
    return table(("", ""), rows, text=(0, 1))


def number(value: float | None, form: str, factor: float = 1.0) -> str:
    """Format a number; None and NaN as a dash, and no negative zeros."""
    if value is None or not np.isfinite(value):
        return NOTHING
    text = form.format(factor * float(value))
    return text.lstrip("-") if not text.strip("-0.") else text


def _compact(value: float) -> str:
    return f"{int(value)}" if value == int(value) and abs(value) < 1e6 else f"{value:.2e}"
