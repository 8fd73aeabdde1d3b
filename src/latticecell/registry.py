"""Names of an input file and what they stand for: the built-ins, and what the user registered in Python.

A name never imports or executes anything. Code of the user's own runs because the user says so: by calling
`Registry.register` from Python, or by naming a file (or the entry point of an installed distribution) on the
command line, ``--laws``, which ends up in `load`.
"""

from __future__ import annotations

import difflib
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from latticecell.errors import ConfigError, shown

T = TypeVar("T", bound=Callable[..., Any])
Source = dict[str, str]

GROUP = "latticecell.laws"
"""Entry points that ``--laws NAME`` finds: functions without arguments that register."""
HOW = "one of your own is registered in a Python file and named with --laws FILE.py"


class Registry(Generic[T]):
    """What the names under one key of an input file stand for.

    Parameters
    ----------
    key : str
        The TOML key, such as "materials.active.ocv".
    kind : str
        What a name stands for, in words.
    built_in : mapping
        Factory of each built-in.
    """

    def __init__(self, key: str, kind: str, built_in: Mapping[str, T]):
        self.key, self.kind = key, kind
        self._factories = dict(built_in)
        self._sources: dict[str, Source] = {}
        _REGISTRIES.append(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Known names, built-ins first."""
        return tuple(self._factories)

    def __contains__(self, name: object) -> bool:
        return name in self._factories

    def __getitem__(self, name: str) -> T:
        """Return the factory called ``name``; raises `ConfigError` with the known names if there is none."""
        if name in self._factories:
            return self._factories[name]
        near = difflib.get_close_matches(name, self.names, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(f"{self.key} = {shown(name)}: must be one of {', '.join(self.names)}{hint}; {HOW}")

    def register(self, name: str, factory: T) -> None:
        """Give a factory a name.

        Raises `ConfigError` if the name is taken, `TypeError` if the factory cannot be called.
        """
        if not callable(factory):
            raise TypeError(f"{self.kind} {name!r}: must be a function or class, not {factory!r}")
        if name in self._factories:
            raise ConfigError(f"{self.kind} {name!r}: is known already; choose another name")
        made = f"{getattr(factory, '__module__', '?')}.{getattr(factory, '__qualname__', '?')}"
        self._factories[name] = factory
        self._sources[name] = dict(_LOADING[-1]) if _LOADING else {"python": made}

    def remove(self, name: str) -> None:
        """Forget a name that `register` gave; raises `KeyError` for a built-in or an unknown one."""
        del self._sources[name]
        del self._factories[name]

    def source(self, name: str) -> Source | None:
        """Return where a registered name came from, None for a built-in.

        ``file`` and ``sha256``; or ``entry_point``, ``distribution`` and ``version``; or ``python``, the full
        name of the factory.
        """
        return self._sources.get(name)

    def registered(self) -> dict[str, Source]:
        """Return the source of every name that is not built in."""
        return dict(self._sources)


_REGISTRIES: list[Registry[Any]] = []
_LOADING: list[Source] = []


def registered() -> list[dict[str, Any]]:
    """Return what was registered in this process as plain data, one entry a source.

    Each is the `Registry.source` and ``names``, a list of ``"key = name"``.
    """
    found: list[dict[str, Any]] = []
    for registry in _REGISTRIES:
        for name, source in registry.registered().items():
            entry = next((e for e in found if {**e, "names": 0} == {**source, "names": 0}), None)
            if entry is None:
                entry = {**source, "names": []}
                found.append(entry)
            entry["names"].append(f"{registry.key} = {name}")
    return found


def names_under(key: str) -> tuple[str, ...]:
    """Return the known names of the registry that serves a TOML key, none if there is no such registry."""
    return next((registry.names for registry in _REGISTRIES if registry.key == key), ())


def recorded(before: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Return what `registered` says, after the entries of a record that was made earlier."""
    return [*map(dict, before), *(entry for entry in registered() if entry not in before)]


def compare(needed: Iterable[tuple[Registry[Any], str]], record: Sequence[Mapping[str, Any]]) -> list[str]:
    """Compare the names that a run needs with the record of where it once took them from.

    Returns
    -------
    list of str
        A sentence for each name that now comes from somewhere else.

    Raises
    ------
    ConfigError
        If a name is not known: where the run took it from.
    """
    problems, notes = [], []
    for registry, name in needed:
        named = f"{registry.key} = {name}"
        entry = next((dict(entry) for entry in record if named in entry["names"]), None)
        if entry is None:
            registry[name]
            continue
        began = {key: value for key, value in entry.items() if key != "names"}
        if name not in registry:
            problems.append(f"{registry.key} = {name!r}: came from {_told(began)}; give that with --laws")
        elif registry.source(name) != began:
            now = _told(registry.source(name) or {})
            notes.append(f"{registry.key} = {name!r}: comes from {now}; the run began with {_told(began)}")
    if problems:
        raise ConfigError(problems)
    return notes


def _told(source: Source) -> str:
    """Put a source into words."""
    if "file" in source:
        return f"{source['file']} (sha256 {source['sha256']})"
    if "entry_point" in source:
        return f"{source['entry_point']} of {source['distribution']} {source['version']}"
    return f"Python ({source['python']})" if source else "latticecell itself"


def load(name: str) -> ModuleType | None:
    """Execute a Python file of the user's, or the entry point called so, that registers laws.

    What has been loaded before, unchanged, is left as it is. Returns the module of a file, so that a file may
    load those beside it.

    Parameters
    ----------
    name : str
        Path of the file; or, where there is no such file, name of an entry point of the group
        ``latticecell.laws``.

    Raises
    ------
    ConfigError
        If there is neither, it fails, or it registers nothing.
    """
    path, module = Path(name), None
    if path.is_file():
        text = path.read_bytes()
        source = {"file": path.name, "sha256": hashlib.sha256(text).hexdigest()}
        module = ModuleType(f"latticecell_laws_{source['sha256'][:12]}")
        module.__file__ = str(path)
        run: Callable[[], object] = partial(_execute, text, module)
    else:
        found = next(iter(entry_points(group=GROUP, name=name)), None)
        if found is None or found.dist is None:
            raise ConfigError(f"--laws {name}: is neither a file nor an entry point of the group {GROUP}")
        source = {"entry_point": name, "distribution": found.dist.name, "version": found.dist.version}
        run = partial(_call, found)
    if _known(source):
        return sys.modules.get(module.__name__) if module else None
    with _loading(source):
        try:
            run()
        except ConfigError:
            raise
        except (Exception, SystemExit) as error:  # whatever the user's code may raise
            said = f"{_place(error, str(path))}{type(error).__name__}: {error}"
            raise ConfigError(f"--laws {name}: {said}") from error
    if not _known(source):
        raise ConfigError(f"--laws {name}: registers nothing")
    return module


def _execute(text: bytes, module: ModuleType) -> None:
    sys.modules[module.__name__] = module  # dataclasses look their module up
    exec(compile(text, str(module.__file__), "exec"), module.__dict__)


def _call(entry: EntryPoint) -> None:
    entry.load()()


@contextmanager
def _loading(source: Source) -> Iterator[None]:
    _LOADING.append(source)
    try:
        yield
    finally:
        _LOADING.pop()


def _known(source: Source) -> bool:
    return any(source in registry.registered().values() for registry in _REGISTRIES)


def _place(error: BaseException, name: str) -> str:
    """Say in which line of the file an error arose."""
    if isinstance(error, SyntaxError):
        return ""
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == name:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"line {line}: " if line else ""
