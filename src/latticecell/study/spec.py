"""The file of a study: base input, axes, sample, seeds, variants and named cases."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from latticecell.errors import ConfigError
from latticecell.reader import checked, read_table
from latticecell.schema import Section

Text = Annotated[str, Field(strict=True, min_length=1, max_length=200)]
Whole = Annotated[int, Field(strict=True, ge=0)]
Number = Annotated[float, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=1, le=100_000)]
Points = Annotated[int, Field(strict=True, ge=2, le=100_000)]
Weight = Annotated[float, Field(strict=True, gt=0)]
Scale = Literal["linear", "log"]
SEED: str = "microstructure.seed"


class Range(Section):
    """Evenly spaced values of an axis, both ends included."""

    start: Number
    stop: Number
    num: Points
    scale: Scale = "linear"


class Axis(Section):
    """One key, or several keys that vary together, and its values; several axes multiply.

    ``labels`` name the values where they are long.
    """

    key: Text | None = None
    keys: tuple[Text, ...] | None = None
    values: tuple[Any, ...] | None = None
    range: Range | None = None
    labels: tuple[Text, ...] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Keys that the axis varies."""
        return self.keys or ((self.key,) if self.key else ())


class Bounds(Section):
    """Range of one key of a sample."""

    low: Number
    high: Number
    scale: Scale = "linear"


class Sample(Section):
    """Points that fill a box of several keys: a Latin hypercube or a scrambled Sobol sequence."""

    kind: Literal["latin_hypercube", "sobol"] = "latin_hypercube"
    n: Count
    seed: Whole = 1
    ranges: dict[str, Bounds] = Field(min_length=1)


class NamedCase(Section):
    """An explicit case: a file (default: the base) and what is set on top of it.

    ``variant`` and ``seeds`` fix what the study otherwise chooses; ``extra`` cases run only when asked for.
    """

    name: Text
    about: str = ""
    group: str = ""
    file: Text | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    variant: Text | None = None
    seeds: Count | tuple[Whole, ...] | None = None
    kind: Literal["3d", "cell1d"] = "3d"
    weight: Weight = 1.0
    extra: Annotated[bool, Field(strict=True)] = False


class Convergence(Section):
    """Variants that differ in resolution only: every case is run on each network, which gives error bars.

    ``networks`` are two or three, coarsest first; ``steps`` two, the longer one first. All networks take the
    longer step, the coarsest also the shorter one. ``seeds`` are those that run on all networks, by default
    all of them; the others run on ``main``, by default the finest, which also stands for the case in figures
    and trends.
    """

    networks: Annotated[tuple[Text, ...], Field(min_length=1, max_length=3)]
    steps: Annotated[tuple[Text, ...], Field(max_length=2)] = ()
    seeds: Count | tuple[Whole, ...] | None = None
    main: Text | None = None

    @property
    def levels(self) -> dict[str, tuple[str, ...]]:
        """Names of the levels and the variants of each: networks, coarsest first, then the shorter step."""
        found = {name: (name, *self.steps[:1]) for name in self.networks}
        return found | {self.shorter: (self.networks[0], *self.steps[1:])} if self.shorter else found

    @property
    def shorter(self) -> str:
        """The level of the shorter step; empty without."""
        return f"{self.networks[0]} {self.steps[1]}" if self.steps[1:] else ""

    def takes(self, seed: int | None) -> bool:
        """Return whether a seed (None: the one of the input) runs on all levels."""
        return self.seeds is None or seed is None or seed in seed_list(self.seeds)

    @property
    def main_level(self) -> str:
        """The level whose runs stand for the case in figures and pictures."""
        return self.main or self.networks[-1]


class StudySpec(Section):
    """A study. Paths are relative to ``folder``, that of its file.

    ``targets`` names a file of numbers and trends to compare with, ``reasons`` one that says why they are
    missed, and ``panels`` one of figures.
    """

    name: Text = "study"
    about: str = ""
    base: Text | None = None
    seeds: Count | tuple[Whole, ...] | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    default_variant: Text | None = None
    convergence: Convergence | None = None
    axes: tuple[Axis, ...] = ()
    sample: Sample | None = None
    cases: tuple[NamedCase, ...] = ()
    targets: Text | None = None
    reasons: Text | None = None
    panels: Text | None = None
    slurm: dict[str, Any] = Field(default_factory=dict)
    folder: Path = Path()

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys that axes and sample vary."""
        return (
            *(key for axis in self.axes for key in axis.names),
            *(self.sample.ranges if self.sample else ()),
        )


def read_study(path: str | Path) -> StudySpec:
    """Read and check the file of a study.

    Raises
    ------
    ConfigError
        With every problem found. The keys that are varied are checked later, case by case.
    """
    path = Path(path)
    return study_from_table({"name": path.stem, **read_table(path)}, path.parent, path.name)


def study_from_table(table: Mapping[str, Any], folder: str | Path = ".", source: str = "study") -> StudySpec:
    """Check a parsed table and return the study; paths in it are relative to ``folder``.

    Raises
    ------
    ConfigError
        With every problem found.
    """
    spec, problems = checked(StudySpec, {key: value for key, value in table.items() if key != "folder"})
    if "folder" in table:
        problems.append("folder: is not a key of a study")
    if spec is not None and not problems:
        problems = list(_cross_check(spec))
    if problems or spec is None:
        raise ConfigError([f"{problem} ({source})" for problem in problems])
    return spec.model_copy(update={"folder": Path(folder)})


def seed_list(seeds: int | tuple[int, ...] | None) -> tuple[int | None, ...]:
    """Return the seeds that ``seeds`` stands for: a count gives 1, 2, ...; None the one of the input."""
    return tuple(range(1, seeds + 1)) if isinstance(seeds, int) else seeds or (None,)


def flat(table: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return ``{"a": {"b": 1}}`` and ``{"a.b": 1}`` alike as the latter."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{above}.{key}" if above else key
        found |= flat(value, name) if isinstance(value, Mapping) else {name: value}
    return found


def nearest(name: str, known: list[str]) -> str:
    """Return a hint at the name that was probably meant."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known) or 'none'}"


def _cross_check(spec: StudySpec) -> Iterator[str]:
    for i, axis in enumerate(spec.axes):
        yield from _axis_problems(axis, f"axes[{i}]")
    for key, bounds in (spec.sample.ranges if spec.sample else {}).items():
        where = f"sample.ranges.{key}"
        if bounds.low >= bounds.high:
            yield f"{where}: low = {bounds.low:g} must be below high = {bounds.high:g}"
        if bounds.scale == "log" and bounds.low <= 0:
            yield f"{where}.low = {bounds.low:g}: must be positive on a log scale"
    if spec.sample and spec.sample.kind == "sobol" and spec.sample.n & (spec.sample.n - 1):
        n, above = spec.sample.n, 1 << spec.sample.n.bit_length()
        yield f"sample.n = {n}: a Sobol sequence needs a power of 2, for example {above // 2} or {above}"
    varied = list(spec.keys)
    for key in sorted({key for key in varied if varied.count(key) > 1}):
        yield f"{key}: is varied twice"
    if SEED in varied:
        yield f"{SEED}: is varied by seeds = [...]"
    if spec.base is None and (spec.axes or spec.sample or not spec.cases):
        yield "base: is required"
    for where, name in (
        ("default_variant", spec.default_variant),
        *(("convergence", name) for name in _convergence_variants(spec)),
        *((f"cases[{i}].variant", case.variant) for i, case in enumerate(spec.cases)),
    ):
        if name is not None and name not in spec.variants:
            yield f"{where} = {name!r}: is not in variants; {nearest(name, list(spec.variants))}"
    if (one := spec.convergence) and (len(one.steps) == 1 or len(one.networks) + len(one.steps) < 2):
        yield "convergence: needs two or three networks, two steps, or both"
    if one and one.main is not None and one.main not in one.networks:
        hint = nearest(one.main, list(one.networks))
        yield f"convergence.main = {one.main!r}: must be one of networks; {hint}"
    resolutions = list(_convergence_variants(spec))
    for name in sorted({name for name in resolutions if resolutions.count(name) > 1}):
        yield f"convergence: {name!r} occurs twice"
    names = [case.name for case in spec.cases]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"cases: {name!r} occurs twice"
    for i, case in enumerate(spec.cases):
        if case.file is None and spec.base is None:
            yield f"cases[{i}] ({case.name}): needs a file, or the study a base"


def _convergence_variants(spec: StudySpec) -> tuple[str, ...]:
    return (*spec.convergence.networks, *spec.convergence.steps) if spec.convergence else ()


def _axis_problems(axis: Axis, where: str) -> Iterator[str]:
    if (axis.key is None) == (axis.keys is None):
        yield f"{where}: needs either key or keys"
    if (axis.values is None) == (axis.range is None):
        yield f"{where}: needs either values or range"
    if axis.range and axis.keys:
        yield f"{where}: a range is for one key; list the values of keys"
    if axis.range and axis.range.scale == "log" and min(axis.range.start, axis.range.stop) <= 0:
        yield f"{where}.range: must be positive on a log scale"
    if axis.values is not None and not axis.values:
        yield f"{where}.values = []: must not be empty"
    if axis.keys and axis.values:
        for i, item in enumerate(axis.values):
            if not isinstance(item, list) or len(item) != len(axis.keys):
                yield f"{where}.values[{i}] = {item!r}: must list one value for each of {len(axis.keys)} keys"
    count = axis.range.num if axis.range else len(axis.values or ())
    if axis.labels is not None and len(axis.labels) != count:
        yield f"{where}.labels: {len(axis.labels)} labels for {count} values"
