"""The commented input file of ``latticecell new`` and the page ``docs/keys.md``, both from the schema.

``python -m latticecell.template > docs/keys.md`` renews the page.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from inspect import cleandoc
from typing import NamedTuple

from latticecell.config import Config
from latticecell.errors import ConfigError, shown
from latticecell.reader import tables, toml_value
from latticecell.schema import Section, allowed, key_of, subsection, unit_of

WIDTH = 106
HEADER = """\
# Input of latticecell. Every key is optional; what is written here is its default.
# Above each key stands what it means, behind it what is allowed. A key that is commented out has no default:
# it shows an example, and the sentence above says what holds without it.
"""
PAGE_HEADER = """\
# Keys of an input file

Every key is optional. `latticecell new` writes them all into a file to start from, explained in the same way;
both are generated from `latticecell/config/`. Keys carry their unit. Where there is no default, an example
is shown, and the meaning says what holds without it.
"""


class Entry(NamedTuple):
    """A key: its meaning, what it allows, its default (or an example, if it has none) as TOML."""

    key: str
    meaning: str
    allowed: str
    value: str
    is_default: bool


def entries(section: Section) -> list[Entry]:
    """Return the keys of a table with the values that stand there.

    Tables below it are left out, but for those that need not be there, of which an example is shown.
    """
    found = []
    for name, field in type(section).model_fields.items():
        value, unit = getattr(section, name), unit_of(field)
        is_table = subsection(field)[0] is not None
        if is_table and (value or not field.examples):
            continue
        there = value is not None and not is_table
        text = toml_value(value, unit) if there else toml_value((field.examples or [""])[0], "")
        found.append(Entry(key_of(name, field), field.description or "", allowed(field), text, there))
    return found


def optional_tables(section: type[Section], path: str) -> Iterator[tuple[str, type[Section]]]:
    """Yield the tables that a section may have below it, but need not, with their headers."""
    own = {header for header, _ in tables(Config())}
    for name, field in section.model_fields.items():
        inner, many = subsection(field)
        if f"[[{path}.{name}]]" in own or inner is section:  # steps of a protocol, or of a repeat
            continue
        if inner is not None and field.default == (() if many else None):
            yield f"[[{path}.{name}]]" if many else f"[{path}.{name}]", inner


def commented_toml() -> str:
    """Return the default input with every key explained; it reads back as the default `Config`.

    In a list of tables the first one is explained.
    """
    lines, seen = [HEADER], set()
    for header, section in tables(Config()):
        new = header not in seen
        seen.add(header)
        if header and entries(section):
            lines += ["", header, *(_comment(about(section)) if new else ())]
        for key, meaning, values, text, is_default in entries(section):
            if new:
                lines += ["", *_comment(meaning), f"{'' if is_default else '# '}{key} = {text}  # {values}"]
            elif is_default:
                lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"


def keys_page() -> str:
    """Return the text of ``docs/keys.md``: one table of keys for each table of the input file."""
    lines, seen = [PAGE_HEADER], set()
    for header, section in tables(Config()):
        if header not in seen and entries(section):
            seen.add(header)
            rows = [
                (key, meaning, f"`{text}`" if is_default else f"none (`{text}`)", values)
                for key, meaning, values, text, is_default in entries(section)
            ]
            lines += _page_of(header, about(section), rows)
        for below, inner in optional_tables(type(section), header.strip("[]")):
            if below not in seen:
                seen.add(below)
                lines += _page_of(below, about(inner), list(_optional_rows(inner)))
    return "\n".join(lines)


def _page_of(header: str, meaning: str, rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [f"## `{header}`\n\n{meaning}\n"] if header else ["## Top of the file\n"]
    lines += ["| key | meaning | default | unit and range, or choices |", "|---|---|---|---|"]
    return [*lines, *(f"| {' | '.join((f'`{key}`', *rest))} |" for key, *rest in rows), ""]


def _optional_rows(section: type[Section]) -> Iterator[tuple[str, str, str, str]]:
    """Yield the rows of a table that need not be there; there is no instance that holds its defaults."""
    for name, field in section.model_fields.items():
        example = (field.examples or [field.default])[0]
        kind = "required" if field.is_required() else "none"
        text = f"`{toml_value(example, '')}`"  # a default is written in its unit
        shown = f"{kind} ({text})" if field.is_required() or field.default is None else text
        yield key_of(name, field), field.description or "", shown, allowed(field)


def about(section: Section | type[Section]) -> str:
    """Return what a table is about: the docstring of its class."""
    return cleandoc((section if isinstance(section, type) else type(section)).__doc__ or "")


def _comment(text: str) -> list[str]:
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.replace("``", "").split("\n\n")]
    return [f"# {line}" for paragraph in paragraphs for line in textwrap.wrap(paragraph, WIDTH)]


def template_names() -> list[str]:
    """Return the names of the examples that ``latticecell new --template`` writes."""
    return sorted(folder.name for folder in _templates().iterdir() if folder.is_dir())


def template_files(name: str) -> dict[str, bytes]:
    """Return the files of an example by name: ``run.toml``, and those that it refers to.

    Raises `ConfigError` if there is none of that name.
    """
    names = template_names()
    if name not in names:
        raise ConfigError(f"template {shown(name)}: must be one of {', '.join(names)}")
    return {file.name: file.read_bytes() for file in (_templates() / name).iterdir() if file.is_file()}


def _templates() -> Traversable:
    """Return the folder of the examples: one of each, with ``run.toml`` in it."""
    return files("latticecell") / "templates"


if __name__ == "__main__":
    print(keys_page(), end="")
