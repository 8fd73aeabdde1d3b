"""A current or power that follows points in time, as a stage of the protocol sees it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Drive:
    """A function of the time since the stage began, given by points between which it is straight.

    Its pieces may have steps and kinks between them, so a step in time lies within one piece.

    Attributes
    ----------
    times : tuple of float
        Rising, from 0 [s].
    values : tuple of float
        Current [A] or power [W], positive while charging.
    linear : bool
        Whether it leads from value to value; otherwise each holds until the next point.
    """

    times: tuple[float, ...]
    values: tuple[float, ...]
    linear: bool

    @property
    def end(self) -> float:
        """When it is over [s]."""
        return self.times[-1]

    def piece(self, elapsed: float, slack: float) -> int:
        """Return the number of the piece that begins at a time, up to slack [s], or in which it lies."""
        return min(max(bisect_right(self.times, elapsed + slack) - 1, 0), len(self.times) - 2)

    def left(self, elapsed: float, slack: float) -> float:
        """Return the time from ``elapsed`` to the end of its piece [s]."""
        return self.times[self.piece(elapsed, slack) + 1] - elapsed

    def value(self, piece: int, time: float) -> float:
        """Return the value at a time, by the line of a piece."""
        if not self.linear:
            return self.values[piece]
        share = (time - self.times[piece]) / (self.times[piece + 1] - self.times[piece])
        return self.values[piece] + share * (self.values[piece + 1] - self.values[piece])

    def mean(self, elapsed: float, dt: float, slack: float) -> float:
        """Return the mean over a step of length ``dt`` that begins at ``elapsed`` in one piece."""
        return self.value(self.piece(elapsed, slack), elapsed + 0.5 * dt)

    def after(self, elapsed: float, dt: float, slack: float) -> float:
        """Return the value at the end of that step."""
        return self.value(self.piece(elapsed, slack), elapsed + dt)

    def turns(self, elapsed: float, slack: float) -> bool:
        """Whether a piece begins at a time that is not the straight continuation of the one before."""
        piece = self.piece(elapsed, slack)
        if piece == 0 or abs(elapsed - self.times[piece]) > slack:
            return False
        return self._slope(piece - 1) != self._slope(piece) or (
            not self.linear and self.values[piece - 1] != self.values[piece]
        )

    def _slope(self, piece: int) -> float:
        if not self.linear:
            return 0.0
        rise = self.values[piece + 1] - self.values[piece]
        return rise / (self.times[piece + 1] - self.times[piece])
