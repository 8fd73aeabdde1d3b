"""One HTML file with the scene inside, to turn and play in any browser, without network or driver."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latticecell.errors import ConfigError, printable
from latticecell.output.files import make_folder, write_file
from latticecell.view.colours import CRACK_LABEL, CRACK_MAP, CRACK_SPAN, table, ticks
from latticecell.view.geometry import CUTS, Drawn, Geometry, Layers, Look
from latticecell.view.model import ORIENTATION, RunModel
from latticecell.view.page_template import PAGE
from latticecell.view.scene import GHOST, viewpoint

FRAMES: Final = 12
"""Largest number of snapshots on a page: each costs some hundred kilobytes."""
STEPS: Final = 65535
GROUPS: Final = ("base", "over", "rim", "ghost", "lines")
VERTEX: Final = np.dtype([("x", "<u2", 3), ("pad", "<u2"), ("colour", "u1", 3), ("lit", "u1")])
"""A vertex: position in steps of the scene's bounding box, colour, whether it is shaded."""


def write_page(path: Path, model: RunModel, look: Look) -> Path:
    """Write the page of a look, with a slider over up to `FRAMES` snapshots, and return its path.

    Raises
    ------
    ConfigError
        If the name does not end in .html.
    OutputError
        If the file cannot be written.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{path}: the name must end in .html")
    make_folder(path.parent)
    write_file(path, compose_page(model, look))
    return path


def compose_page(model: RunModel, look: Look) -> str:
    """Return the text of the page."""
    steps = sorted({*model.spread(FRAMES), look.step})
    geometry = Geometry(model)
    frames = [_groups(geometry.layers(replace(look, step=step)), look, model.radius) for step in steps]
    corners = [x.reshape(-1, 3) for frame in frames for parts in frame.values() for x, _, _ in parts]
    low = np.min([x.min(axis=0) for x in corners if len(x)], axis=0)
    size = np.maximum(np.max([x.max(axis=0) for x in corners if len(x)], axis=0) - low, 1e-9)
    blocks, counts = [], []
    for frame in frames:
        packed = [np.concatenate([_pack(*part, low, size) for part in frame[name]]) for name in GROUPS]
        counts.append([len(block) for block in packed])
        blocks += [block.tobytes() for block in packed]
    center, away, up, reach = viewpoint(model, look)
    about = {
        "low": low.tolist(),
        "size": size.tolist(),
        "counts": counts,
        "center": center.tolist(),
        "away": away.tolist(),
        "up": up.tolist(),
        "reach": reach,
        "ghost": GHOST,
        "first": steps.index(look.step),
        "times": [model.snapshots[step].time for step in steps],
        "labels": [model.describe(step) for step in steps],
    }
    data = base64.b64encode(gzip.compress(b"".join(blocks), 6, mtime=0)).decode()
    note = f"deformation × {look.magnify:g}" if look.magnify != 1 else ""
    parts = {
        "TITLE": escape(printable(f"latticecell: {model.run.name}")),
        "LEGEND": _legend(model, look),
        "NOTE": note,
        "ABOUT": json.dumps(about).replace("<", "\\u003c"),  # no text ends the script
        "DATA": data,
    }
    return re.sub("@([A-Z]+)@", lambda found: parts[found[1]], PAGE)  # at once: a name may hold @DATA@


Part = tuple[NDArray, NDArray, bool]


def _groups(layers: Layers, look: Look, radius: float) -> dict[str, list[Part]]:
    """Sort the layers by how they are drawn; lines on the cut become ribbons: browsers draw thin lines."""
    surface: Part = (layers.surface.x_mvc, layers.surface.colour_mvc, True)
    cap: Part = (layers.cap.x_mvc, layers.cap.colour_mvc, False)
    over: list[Part] = [(layers.cracks.x_mvc, layers.cracks.colour_mvc, True)]
    if look.cut != "none":
        black = Drawn(layers.traces.x_mvc, np.zeros_like(layers.traces.colour_mvc))
        for drawn, width, lift in ((layers.borders, 0.004, 1), (black, 0.022, 2), (layers.traces, 0.013, 3)):
            over.append((*_ribbons(drawn, look, width * radius, 0.002 * lift * radius), False))
    nothing: Part = (surface[0][:0], surface[1][:0], True)
    return {
        "base": [cap, nothing if look.ghost else surface],
        "over": over,
        "rim": [(layers.rim.x_mvc, layers.rim.colour_mvc, True)],
        "ghost": [surface if look.ghost else nothing],
        "lines": [(layers.springs.x_mvc, layers.springs.colour_mvc, False)],
    }


def _ribbons(drawn: Drawn, look: Look, width: float, lift: float) -> tuple[NDArray, NDArray]:
    """Return two triangles for each line, in the plane of the cut and ``lift`` above it [um]."""
    axis, sign = CUTS[look.cut]
    normal = sign * np.eye(3)[axis]
    along = drawn.x_mvc[:, 1] - drawn.x_mvc[:, 0]
    across = np.cross(along, normal)
    across *= 0.5 * width / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    a, b = (drawn.x_mvc[:, k] + lift * normal for k in (0, 1))
    corners = [a - across, b - across, b + across, a + across]
    ends = [0, 1, 1, 0]
    order = [0, 1, 2, 0, 2, 3]
    x = np.stack([corners[i] for i in order], axis=1).reshape(-1, 3, 3)
    colour = np.stack([drawn.colour_mvc[:, ends[i]] for i in order], axis=1).reshape(-1, 3, 3)
    return x, colour


def _pack(x_mvc: NDArray, colour_mvc: NDArray, lit: bool, low: NDArray, size: NDArray) -> NDArray:
    block = np.zeros(x_mvc.shape[0] * x_mvc.shape[1], VERTEX)
    block["x"] = np.round((x_mvc.reshape(-1, 3) - low) / size * STEPS)
    block["colour"] = colour_mvc.reshape(-1, 3)
    block["lit"] = lit
    return block


def _legend(model: RunModel, look: Look) -> str:
    """Return the colour scales."""
    shown, parts = look.field, []
    if look.ghost and not look.on_bonds:
        pass
    elif shown.colours:
        parts.append(_scale(shown.label, model.limits(shown), table(shown.colours)))
    elif shown is ORIENTATION:
        keys = (("#f00", "0001"), ("#0f0", "2-1-10"), ("#00f", "10-10"))
        rows = "".join(f'<div><i style="background:{colour}"></i> {name}</div>' for colour, name in keys)
        parts.append(f"<section><b>{escape(shown.title)}</b>{rows}</section>")
    if look.cracks and not look.on_bonds:
        limits = (0.0, model.opening_limit())
        parts.append(_scale(CRACK_LABEL, limits, table(CRACK_MAP, CRACK_SPAN)))
    return "".join(parts)


def _scale(title: str, limits: tuple[float, float], colours: Any) -> str:
    stops = ",".join(
        "#{:02x}{:02x}{:02x}".format(*colour) for colour in [*colours[::8].tolist(), colours[-1]]
    )
    numbers = "".join(f"<span>{number}</span>" for number in reversed(ticks(limits)))
    return (
        f"<section><b>{escape(title)}</b><div class=scale>"
        f'<div class=bar style="background:linear-gradient(to top,{stops})"></div>'
        f"<div class=numbers>{numbers}</div></div></section>"
    )
