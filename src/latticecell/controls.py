"""What is controlled during a step of time: the current, the voltage or the power of the cell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Current:
    """Control by the cell current [A], positive while charging (delithiation)."""

    amperes: float


@dataclass(frozen=True, slots=True)
class Voltage:
    """Control by the voltage of the collector against the Li metal [V]."""

    volts: float


@dataclass(frozen=True, slots=True)
class Power:
    """Control by the power [W], voltage times current, positive while charging."""

    watts: float


Control = Current | Voltage | Power
