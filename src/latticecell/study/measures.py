"""How a number is measured on a run: declared in a targets file, or registered in Python.

Registered code is given explicitly, ``--laws FILE.py``; a name in a file never runs any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Final, Literal

import numpy as np
from pydantic import Field

from latticecell.errors import ConfigError
from latticecell.registry import Registry
from latticecell.schema import Section
from latticecell.study.caseruns import CaseRun

Text = Annotated[str, Field(strict=True, min_length=1, max_length=400)]
Number = Annotated[float, Field(strict=True)]
Value = Callable[[CaseRun], float]

MEASURES: Registry[Value] = Registry("study.measures", "measure", {})
"""Measures of the user's own, ``f(run) -> float``, by "quantity" or "quantity@event"."""

TIME: Final = "time_s"


class Measure(Section):
    """One number of a run: a column of its history at a moment, a ratio of two measures, or another measure.

    ``at`` is "start", "charge_end", "discharge_end", "end", "t=SECONDSs" (while charging, linear between
    rows), "charge_peak" or "cycle_peak" (the ``extreme`` value while charging, or of all rows); by default
    the event of the target. ``since`` is the moment whose value is subtracted. ``magnitude`` takes absolute
    values, before an extreme is looked for. ``factor`` leads to the unit of the target.
    """

    title: str = ""
    column: Text | None = None
    measure: Text | None = None
    ratio: tuple[Text, Text] | None = None
    at: Text | None = None
    since: Text | None = None
    extreme: Literal["max", "min"] = "max"
    magnitude: bool = False
    factor: Number = 1.0

    def evaluate(self, run: CaseRun, at: str, suffix: str, known: Mapping[str, Measure]) -> float:
        """Return the number; ``suffix`` is that of the columns of one particle.

        Raises `ConfigError` if the run lacks the column or the moment, or a measure it builds on is unknown.
        """
        if self.ratio:
            above, below = (measure_of(name, at, suffix, known)(run) for name in self.ratio)
            return self.factor * above / below
        if self.measure:
            return self.factor * measure_of(self.measure, at, suffix, known)(run)
        if self.column is None:
            raise ConfigError("a measure needs one of column, measure and ratio")
        name = self.column if self.column == TIME else self.column + suffix
        value = self._take(run, name, self.at or at)
        if self.since:
            value = value - self._take(run, name, self.since)
        return self.factor * value

    def _take(self, run: CaseRun, name: str, at: str) -> float:
        if at in ("charge_peak", "cycle_peak"):
            values = run.column(name)[run.charge if at == "charge_peak" else slice(None)]
            values = np.abs(values) if self.magnitude else values
            return float(values.max() if self.extreme == "max" else values.min())
        if at.startswith("t="):
            value = run.while_charging(name, _seconds(at))
        else:
            rows = {"start": lambda: 0, "charge_end": lambda: run.charge_end,
                    "discharge_end": lambda: run.discharge_end, "end": lambda: -1}  # fmt: skip
            if at not in rows:
                raise ConfigError(
                    f"at = {at!r}: must be one of {', '.join(rows)}, charge_peak, cycle_peak, t=SECONDSs"
                )
            value = run.at(name, rows[at]())
        return abs(value) if self.magnitude else value


def _seconds(text: str) -> float:
    try:
        return float(text.removeprefix("t=").removesuffix("s"))
    except ValueError:
        raise ConfigError(f"at = {text!r}: must be a time such as t=2200s") from None


def measure_of(name: str, event: str, suffix: str, known: Mapping[str, Measure]) -> Value:
    """Return how a quantity is measured at an event.

    A declaration of "name@event" comes before one of "name", and a declaration before a registered function.

    Parameters
    ----------
    name : str
        Quantity; or "quantity@event" in place of ``event``.
    event : str
    suffix : str
        Of the columns of one particle, such as "_p1"; declared measures only.
    known : mapping of str to Measure
        The declared ones.

    Raises
    ------
    ConfigError
        If it is neither declared nor registered.
    """
    quantity, separator, own = name.partition("@")
    event = own if separator else event
    for key in (f"{quantity}@{event}", quantity):
        if key in known:
            declared = known[key]
            return lambda run: declared.evaluate(run, event, suffix, known)
    for key in (f"{quantity}@{event}", quantity):
        if key in MEASURES:
            return MEASURES[key]
    raise ConfigError(f"{quantity}@{event}: is neither declared nor registered")
