"""Where a quantity, known at the ends of some steps in time, passes zero: the search for a cut-off."""

from __future__ import annotations

import math
from collections.abc import Sequence

MARGIN = 0.02
"""Share of the bracket that a trial keeps from its ends."""

PATIENCE = 4
"""Trials before the middle of the bracket is tried now and then, whatever curve the values are on."""


class Crossing:
    """Search for the length of a step at whose end a rising quantity is zero.

    Before zero has been passed, the next length is read off the parabola through the last three values; then
    off that of time over value through the three nearest to zero. Where there are only two, or it leaves the
    bracket, it is that of false position (Illinois), or the middle; so is every second one after a few.

    Parameters
    ----------
    longest : float
        Length that is not to be exceeded [s].

    Attributes
    ----------
    low, high : float
        Lengths between which zero is passed, if it is [s].
    """

    def __init__(self, longest: float):
        self.low, self.high = 0.0, longest
        self._at_low = self._at_high = math.nan
        self._known: list[tuple[float, float]] = []
        self._side = self._tried = 0

    @property
    def width(self) -> float:
        """Of the bracket; the longest step where zero has not been passed [s]."""
        return self.high - self.low

    def tell(self, length: float, value: float) -> None:
        """Add a value at the end of a step; lengths up to zero are of the past."""
        self._known.append((length, value))
        self._tried += length > 0.0
        if length <= 0.0:
            self._at_low = value if length == 0.0 else self._at_low
        elif value > 0.0:
            self._at_low *= 0.5 if self._side > 0 else 1.0
            self.high, self._at_high, self._side = length, value, 1
        else:
            self._at_high *= 0.5 if self._side < 0 else 1.0
            self.low, self._at_low, self._side = length, value, -1

    def keep_below(self, length: float) -> None:
        """Look no further than this."""
        if length < self.high:
            self.high, self._at_high = length, math.nan
        if length <= self.low:
            self.low, self._at_low = 0.0, math.nan

    def aim(self) -> float | None:
        """Return the next length to try; None if zero is not passed up to the longest, as far as is known."""
        if math.isnan(self._at_high):
            length = _ahead(sorted(self._known)[-3:])
            return length if self.low < length < self.high else None
        length = _between(sorted(self._known, key=lambda point: abs(point[1]))[:3])
        if self._tried > PATIENCE and self._tried % 2:
            length = self.low + 0.5 * self.width
        elif not self.low < length < self.high:
            share = -self._at_low / (self._at_high - self._at_low)
            length = self.low + self.width * (0.5 if math.isnan(share) else share)
        return min(max(length, self.low + MARGIN * self.width), self.high - MARGIN * self.width)


def _ahead(known: Sequence[tuple[float, float]]) -> float:
    """Return where the parabola, value over time, is zero first after the last of three points, else NaN."""
    if len(known) < 3:
        return math.nan
    (s, a), (t, b), (u, c) = known
    slope = (c - b) / (u - t)
    bend = (slope - (b - a) / (t - s)) / (u - s)
    slope += bend * (u - t)
    root = slope * slope - 4 * bend * c
    if root < 0.0 or (slope <= 0.0 and bend <= 0.0):
        return math.nan
    return u - 2 * c / (slope + math.sqrt(root))  # c < 0


def _between(known: Sequence[tuple[float, float]]) -> float:
    """Return where the parabola, time over value, through three points is zero, else NaN."""
    if len({value for _, value in known}) < 3:
        return math.nan
    (s, a), (t, b), (u, c) = known
    return s * b * c / ((a - b) * (a - c)) + t * a * c / ((b - a) * (b - c)) + u * a * b / ((c - a) * (c - b))
