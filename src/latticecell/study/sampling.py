"""Values of axes and samples, and the points of their product."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.stats import qmc

from latticecell.study.spec import Axis, Bounds, Range, Sample, StudySpec

DIGITS: Final = 10
"""Significant digits of computed values: the last bits of a logarithm differ between machines."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of an axis, or one combination: a label for each axis, and the keys that it sets."""

    labels: tuple[str, ...]
    values: Mapping[str, Any]


def points(spec: StudySpec, whole: frozenset[str]) -> list[Point]:
    """Return the product of axes and sample; one empty point if there are none.

    ``whole`` are the keys that take whole numbers: computed values of these are rounded.
    """
    leading = [axis.names[0] for axis in spec.axes]
    factors = [_axis_points(axis, whole, _short(axis.names[0], leading)) for axis in spec.axes]
    if spec.sample:
        factors.append(_sample_points(spec.sample, whole))
    found = []
    for combination in itertools.product(*factors):
        values = {key: value for point in combination for key, value in point.values.items()}
        found.append(Point(tuple(label for point in combination for label in point.labels), values))
    return found


def _short(key: str, keys: list[str]) -> str:
    """Return the last part of a key where that is clear."""
    last = key.rpartition(".")[2]
    return last if [other.rpartition(".")[2] for other in keys].count(last) == 1 else key


def _axis_points(axis: Axis, whole: frozenset[str], name: str) -> list[Point]:
    rows: list[tuple[Any, ...]]
    if axis.range:
        rows = [(value,) for value in _spaced(axis.range, axis.names[0] in whole)]
    else:
        rows = [tuple(value) if axis.keys else (value,) for value in axis.values or ()]
    found = []
    for i, row in enumerate(rows):
        label = axis.labels[i] if axis.labels else f"{name}={_text(row[0], i)}"
        found.append(Point((label,), dict(zip(axis.names, row, strict=True))))
    return found


def _text(value: Any, position: int) -> str:
    """Return a short text of a value; the position stands for what is not a number or a word."""
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, int | str) else f"#{position + 1}"


def _spaced(span: Range, whole: bool) -> list[float | int]:
    space = np.geomspace if span.scale == "log" else np.linspace
    return [_neat(value, whole) for value in space(span.start, span.stop, span.num)]


def _sample_points(sample: Sample, whole: frozenset[str]) -> list[Point]:
    engine = {"latin_hypercube": qmc.LatinHypercube, "sobol": qmc.Sobol}[sample.kind]
    drawn = engine(d=len(sample.ranges), seed=np.random.default_rng(sample.seed)).random(sample.n)
    digits = len(str(sample.n))
    return [
        Point(
            (f"sample{i + 1:0{digits}d}",),
            {
                key: _neat(_placed(share, bounds), key in whole)
                for share, (key, bounds) in zip(row, sample.ranges.items(), strict=True)
            },
        )
        for i, row in enumerate(drawn)
    ]


def _placed(share: float, bounds: Bounds) -> float:
    if bounds.scale == "log":
        return bounds.low * (bounds.high / bounds.low) ** share
    return bounds.low + (bounds.high - bounds.low) * share


def _neat(value: float, whole: bool) -> float | int:
    return round(float(value)) if whole else float(f"{value:.{DIGITS}g}")
