"""The commented input file that ``latticecell new`` writes, derived from the schema itself."""

from __future__ import annotations

from latticecell.config import Config
from latticecell.reader import allowed_values, resolved_toml
from latticecell.schema import Section, key_of

HEADER = """\
# Input of latticecell. Every key is optional; what is written here is its default, the paper's baseline.
# Keys carry their unit; the comment gives what is allowed.
"""


def commented_toml() -> str:
    """Return the default input with what each key allows; it reads back as the default `Config`."""
    comments = _comments(Config, "")
    lines, section = [HEADER], ""
    for line in resolved_toml(Config()).splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            lines.append(line)
            continue
        key = line.partition(" = ")[0]
        comment = comments.get(f"{section}.{key}" if section else key)
        lines.append(f"{line}  # {comment}" if comment else line)
    return "\n".join(lines) + "\n"


def _comments(section: type[Section], where: str) -> dict[str, str]:
    """Map the path of every key to what is allowed there."""
    found: dict[str, str] = {}
    for name, field in section.model_fields.items():
        path = f"{where}.{name}" if where else name
        inner = _section_of(field.annotation)
        if inner is not None:
            found |= _comments(inner, path)
        else:
            key = key_of(name, field)
            found[f"{where}.{key}" if where else key] = allowed_values(field)
    return found


def _section_of(annotation: object) -> type[Section] | None:
    candidates = (annotation, *getattr(annotation, "__args__", ()))
    for item in candidates:
        if isinstance(item, type) and issubclass(item, Section):
            return item
    return None
