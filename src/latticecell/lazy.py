"""Packages that load a name when it is first asked for, so that a command loads only what it needs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any


class _Package(ModuleType):
    """A package whose names come before modules of the same name, whichever is loaded first."""

    lazy_names: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        if name not in self.lazy_names:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        found = getattr(import_module(self.lazy_names[name]), name)
        super().__setattr__(name, found)
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        # Python makes a module an attribute of its package as soon as it is loaded
        if not (name in self.lazy_names and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.lazy_names})


def load_later(package: str, names: Mapping[str, Sequence[str]]) -> None:
    """Let a package load names when they are asked for.

    Parameters
    ----------
    package : str
        ``__name__`` of the package.
    names : mapping of str to sequence of str
        Modules, full names, and what the package takes from them.
    """
    module = sys.modules[package]
    module.__dict__["lazy_names"] = {name: source for source, some in names.items() for name in some}
    module.__class__ = _Package
