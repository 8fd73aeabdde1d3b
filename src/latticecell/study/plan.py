"""The runs of a study: every case with every seed, resolved, checked and named by what decides it."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import tomli

from latticecell.checks import check_cell1d
from latticecell.config import Config
from latticecell.errors import ConfigError
from latticecell.imports.load import by_content
from latticecell.materials import named_laws
from latticecell.numerics import RESULTS_VERSION
from latticecell.reader import assign, config_from_table, look_up, read_table, resolved_toml
from latticecell.study.sampling import points
from latticecell.study.spec import SEED, NamedCase, StudySpec, flat, nearest, seed_list

HASH_DIGITS: Final = 12
Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a study: a file and what is set on top of it.

    Attributes
    ----------
    name, about, group : str
        What it is called, what it is, and what it belongs to.
    file : Path
        Input.
    values : mapping of str to value
        Keys that it sets, over those of study and variant.
    labels : tuple of str, or None
        Its places on the axes (and in the sample); None for an explicit case.
    variant : str or None
        Its own variant; None: the one of the study.
    seeds : tuple of int or None, or None
        Its own seeds; None: those of the study.
    kind : str
        "3d" or "cell1d".
    weight : float
        Rough cost.
    extra : bool
        Whether it runs only when asked for.
    """

    name: str
    about: str
    group: str
    file: Path
    values: Mapping[str, Any]
    labels: tuple[str, ...] | None
    variant: str | None
    seeds: tuple[int | None, ...] | None
    kind: str
    weight: float
    extra: bool


@dataclass(frozen=True)
class Planned:
    """One run: a case with a seed, its configuration, and the directory that both name.

    ``level`` is the resolution of a study of convergence, else empty.
    """

    case: Case
    seed: int
    config: Config
    path: Path
    level: str = ""

    @cached_property
    def table(self) -> Table:
        """The resolved input as a table."""
        return tomli.loads(resolved_toml(self.config))

    def value(self, key: str) -> Any:
        """Return the value of a key of the input, in the unit of the key; None where it has none."""
        return look_up(self.table, key)


def cases_of(spec: StudySpec) -> list[Case]:
    """Return the cases of a study: the points of axes and sample, then the explicit ones.

    Raises `ConfigError` if the base, whose types of values decide, cannot be read.
    """
    found = []
    if spec.axes or spec.sample or not spec.cases:
        assert spec.base is not None
        base = spec.folder / spec.base
        whole = _whole_keys(base, spec) if spec.keys else frozenset()
        found = [
            Case(
                " ".join(point.labels) or spec.name, "", "", base, point.values, point.labels, None, None,
                "3d", 1.0, False,
            )
            for point in points(spec, whole)
        ]  # fmt: skip
    found += [_explicit(case, spec) for case in spec.cases]
    names = [case.name for case in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            [f"two cases are called {name}: give the axis labels, or a case another name" for name in twice]
        )
    return found


def choose(cases: Sequence[Case], names: Sequence[str]) -> list[Case]:
    """Return the cases, or groups of cases, called ``names``: "all" is all, no names all but the extra ones.

    Raises `ConfigError` if a name is unknown.
    """
    if not names:
        return [case for case in cases if not case.extra]
    chosen: set[str] = set()
    problems = []
    for name in names:
        matching = [
            case.name
            for case in cases
            if name in ("all", case.name) or (case.group and _plain(case.group) == _plain(name))
        ]
        if not matching:
            known = [
                *dict.fromkeys(case.group for case in cases if case.group),
                *(case.name for case in cases),
            ]
            problems.append(f"--cases {name}: unknown; {nearest(name, known)}")
        chosen.update(matching)
    if problems:
        raise ConfigError(problems)
    return [case for case in cases if case.name in chosen]


def plan(
    spec: StudySpec,
    out: Path,
    *,
    variant: str | None = None,
    seeds: int | tuple[int, ...] | None = None,
    names: Sequence[str] = (),
) -> list[Planned]:
    """List the runs of a study, all seeds of one case after the other.

    The directory of a run carries the hash of its resolved input, of the version of the results and of user
    laws: a changed input makes a new run, an unchanged one is found again, and cases with equal inputs share
    one. The name of the input and the number of threads do not count.

    Parameters
    ----------
    spec : StudySpec
    out : Path
        Directory of the study.
    variant : str, optional
        Default: all levels of the study's ``convergence``, or else its ``default_variant``.
    seeds : int or tuple of int, optional
        In place of the study's.
    names : sequence of str
        Cases or groups; default: all but the extra ones.

    Raises
    ------
    ConfigError
        With the problems of all inputs.
    """
    chosen_variant = variant or spec.default_variant
    if chosen_variant is not None and chosen_variant not in spec.variants:
        raise ConfigError(
            f"--variant {chosen_variant}: unknown; {nearest(chosen_variant, list(spec.variants))}"
        )
    cases = choose(cases_of(spec), names)
    runs = out / "runs"
    paths = {path.name[-HASH_DIGITS:]: path for path in sorted(runs.iterdir())} if runs.is_dir() else {}
    tables: dict[Path, Table] = {}
    seen: dict[str, list[str]] = {}
    found: list[Planned] = []
    for case, level, variants in _levels(spec, cases, variant):
        values = flat(spec.set)
        for name in variants:
            values |= flat(spec.variants[name])
        values |= case.values
        for seed in case.seeds or _seeds(case, seed_list(seeds or spec.seeds)):
            if (
                level
                and spec.convergence
                and not (level == spec.convergence.main_level or spec.convergence.takes(seed))
            ):
                continue
            try:
                if case.file not in tables:
                    tables[case.file] = read_table(case.file)
                config = _resolve(tables[case.file], case, values, seed)
            except ConfigError as error:
                for problem in error.problems:
                    seen.setdefault(problem, []).append(case.name)
                break  # other seeds have the same problems
            digest, number = run_hash(config, case.kind), config.microstructure.seed
            path = paths.setdefault(digest, runs / f"{file_name(case.name)}-seed{number}-{digest}")
            found.append(Planned(case, number, config, path, level))
    if seen:
        raise ConfigError(
            [f"{problem}, in {_listed(list(dict.fromkeys(who)))}" for problem, who in seen.items()]
        )
    return found


def is_final(run: Planned, spec: StudySpec) -> bool:
    """Return whether a run stands for its case: the one on the main network, or the only one."""
    return not run.level or spec.convergence is None or run.level == spec.convergence.main_level


def _levels(
    spec: StudySpec, cases: Sequence[Case], variant: str | None
) -> Iterator[tuple[Case, str, tuple[str, ...]]]:
    """Yield every case with each of its levels and the variants of that.

    A case with a variant of its own has one level, as has a 1-D cell, whose result does not depend on a
    network.
    """
    usual = variant or spec.default_variant
    for case in cases:
        if spec.convergence and variant is None and case.variant is None and case.kind != "cell1d":
            for level, variants in spec.convergence.levels.items():
                yield case, level, variants
        else:
            one = case.variant or usual
            yield case, "", (one,) if one else ()


def _explicit(case: NamedCase, spec: StudySpec) -> Case:
    return Case(
        case.name,
        case.about,
        case.group,
        spec.folder / (case.file or spec.base or ""),
        flat(case.set),
        None,
        case.variant,
        None if case.seeds is None else seed_list(case.seeds),
        case.kind,
        case.weight,
        case.extra,
    )


def _seeds(case: Case, seeds: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Microstructures do not matter to a 1-D cell."""
    return seeds[:1] if case.kind == "cell1d" else seeds


def _resolve(base: Table, case: Case, values: Mapping[str, Any], seed: int | None) -> Config:
    table = copy.deepcopy(base)
    for key, value in {**values, **({} if seed is None else {SEED: seed})}.items():
        assign(table, key, value)
    config = config_from_table({**table, "name": case.name}, source=case.file.name)
    if case.kind == "cell1d" and (problems := check_cell1d(config)):
        raise ConfigError([f"{problem} ({case.file.name})" for problem in problems])
    return config


def _whole_keys(base: Path, spec: StudySpec) -> frozenset[str]:
    """Return those of the varied keys that take whole numbers."""
    table = tomli.loads(resolved_toml(config_from_table(read_table(base), source=base.name)))
    return frozenset(key for key in spec.keys if type(look_up(table, key)) is int)


def run_hash(config: Config, kind: str) -> str:
    """Return the first digits of the SHA-256 of all that decides the results of a run.

    Of files of labelled voxels that is their content, wherever they are; of curves and profiles the points.
    """
    solver = config.solver.model_copy(update={"threads": 1})
    text = resolved_toml(by_content(config).model_copy(update={"name": "run", "solver": solver}))
    named = ((registry, name, registry.source(name)) for registry, name in named_laws(config))
    laws = [[registry.key, name, source] for registry, name, source in named if source]
    about = json.dumps([text, kind, RESULTS_VERSION, laws], sort_keys=True)
    return hashlib.sha256(about.encode()).hexdigest()[:HASH_DIGITS]


def _listed(names: list[str]) -> str:
    return f"case {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def file_name(text: str) -> str:
    """Return a name as a part of the name of a file: few characters are kept, 80 bytes at most."""
    return re.sub(r"^\.+|[^\w.=,+-]+", "_", text).encode()[:80].decode(errors="ignore")


def _plain(text: str) -> str:
    return "".join(text.lower().split())
