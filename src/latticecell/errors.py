"""The ways a request can fail: the input is wrong, the numerics cannot go on, or a file cannot be written."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LONGEST_VALUE, LONGEST_PROBLEM = 60, 1000
"""Characters beyond which a quoted value, and a whole message, are shortened."""
MOST_PROBLEMS = 100
"""Problems of a file that are explained."""


def shown(value: Any) -> str:
    """Return a value as messages quote it: its `repr`, shortened."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."


def printable(text: str) -> str:
    """Return a text for one line of a terminal: control characters escaped, the middle left out if long."""
    if len(text) > LONGEST_PROBLEM:
        half = LONGEST_PROBLEM // 2
        text = f"{text[:half]} ... {text[-half:]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class LatticecellError(Exception):
    """Base of every error that a user of the package is meant to see."""


class ConfigError(LatticecellError):
    """Bad input: every problem that was found, one line each.

    Parameters
    ----------
    problems : sequence of str
        One message per problem; each names key, value and what is allowed. They are made `printable`.
    """

    def __init__(self, problems: str | Sequence[str]):
        self.problems = list(map(printable, [problems] if isinstance(problems, str) else problems))
        super().__init__("\n".join(self.problems))


class InUseError(LatticecellError):
    """A run directory that another process owns; the message says which."""


class DamageWarning(UserWarning):
    """A file of a run is damaged; what is returned is its good part, and the message says what is missing."""


def warn_of_damage(message: str) -> None:
    """Warn of a damaged file, in one line; the command line shows it as it is."""
    warnings.warn(DamageWarning(printable(message)), stacklevel=3)


class NetworkError(LatticecellError):
    """A network that cannot be built or fails a check of its own geometry."""


class OutputError(LatticecellError):
    """A file that cannot be written: a full disk, a quota, a limit of size, a missing permission.

    Parameters
    ----------
    path : path
        The file.
    cause : str or OSError
    """

    def __init__(self, path: str | Path, cause: str | OSError):
        if isinstance(cause, OSError):
            cause = cause.strerror or str(cause)
        self.path, self.cause = str(path), cause
        super().__init__(self.path, self.cause)

    def __str__(self) -> str:
        return printable(f"{self.path}: cannot be written: {self.cause}")


class SolveError(LatticecellError):
    """A solver or a time step that did not converge.

    Parameters
    ----------
    message : str
        What was being solved and why it stopped.
    field : str
        Name of the field ("mechanics", "electrochemistry", "salt", "coupling").
    residual : float
        Last relative residual [1].
    time : float, optional
        Simulated time at which the step was attempted [s].
    """

    def __init__(self, message: str, *, field: str, residual: float, time: float | None = None):
        self.reason = message
        self.field = field
        self.residual = float(residual)
        self.time = time
        where = "" if time is None else f" at t = {time:.6g} s"
        super().__init__(f"{field}{where}: {message} (residual {self.residual:.3g})")
